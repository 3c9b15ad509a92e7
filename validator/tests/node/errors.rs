//! The errors of JSON-RPC: the codes and words that clients match on.

use crate::support::{self, PATIENCE, WebSocket, call, error, result, value};
use crate::transfers::{SYSTEM, base64, node_and_payer, signature_of, transfer};
use sealane_sdk::{AccountState, Instruction};
use sealane_validator::{RpcLimits, Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;

fn check_error(node: &ValidatorHandle, method: &str, params: Value, code: i64, message: &str) {
    assert_eq!(
        error(node, method, params),
        (code, message.into()),
        "{method}"
    );
}

#[test]
fn wrong_questions_have_agaves_codes_and_words() {
    let large = AccountState {
        lamports: 1,
        data: vec![0; 200].into(),
        ..AccountState::default()
    };
    let large_key = Pubkey::new_unique();
    let node = Validator::builder()
        .account(large_key, large)
        .start()
        .unwrap();
    let in_base58 = json!([large_key.to_string(), {"encoding": "base58"}]);
    let future = json!([{"minContextSlot": 1_000_000}]);
    let absent = "`params` should have at least 1 argument(s)";
    let number = "Invalid params: invalid type: integer `1`, expected a string.";
    let size = "Invalid param: WrongSize";
    let not_reached = "Minimum context slot has not been reached";
    let base58 = "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 \
                  encoding.";
    check_error(&node, "getBlockz", json!([]), -32601, "Method not found");
    check_error(&node, "getBalance", json!([]), -32602, absent);
    check_error(&node, "getBalance", json!([1]), -32602, number);
    check_error(&node, "getBalance", json!(["x"]), -32602, size);
    check_error(&node, "getTransaction", json!(["x"]), -32602, size);
    check_error(&node, "getSlot", future, -32016, not_reached);
    check_error(&node, "getAccountInfo", in_base58, -32600, base58);
    let keys: Vec<String> = (0..101).map(|_| SYSTEM.into()).collect();
    let message = "Too many inputs provided; max 100";
    check_error(&node, "getMultipleAccounts", json!([keys]), -32602, message);
    let signatures: Vec<String> = (0..257).map(|_| "1".repeat(64)).collect();
    let message = "Too many inputs provided; max 256";
    check_error(
        &node,
        "getSignatureStatuses",
        json!([signatures]),
        -32602,
        message,
    );
}

#[test]
fn wrong_transactions_have_agaves_codes_and_words() {
    let (node, payer) = node_and_payer();
    let to = Pubkey::new_unique();
    let good = transfer(&payer, &to, 1_000_000, node.latest_blockhash());
    let mut forged = good.clone();
    forged.signatures[0] = Signature::from([7; 64]);
    let stale = transfer(&payer, &to, 1_000_000, Hash::new_from_array([9; 32]));
    let send = |transaction: &Transaction| json!([base64(transaction), {"encoding": "base64"}]);

    let message = "Transaction simulation failed: Transaction did not pass signature verification";
    check_error(&node, "sendTransaction", send(&forged), -32002, message);
    let unseen = json!([base64(&forged), {"encoding": "base64", "skipPreflight": true}]);
    let message = "Transaction signature verification failure";
    check_error(&node, "sendTransaction", unseen, -32003, message);
    let verify = json!([base64(&forged), {"encoding": "base64", "sigVerify": true}]);
    let simulated = result(&node, "simulateTransaction", verify);
    assert_eq!(simulated["value"]["err"], json!("SignatureFailure"));
    let stale_too = json!([base64(&stale), {"encoding": "base64"}]);
    let simulated = result(&node, "simulateTransaction", stale_too);
    let dropped = &simulated["value"];
    assert_eq!(dropped["err"], json!("BlockhashNotFound"));
    assert_eq!(dropped["fee"], json!(null));
    assert_eq!(dropped["loadedAccountsDataSize"], json!(0));
    assert_eq!(dropped["preBalances"], json!([1_000_000_000, 0, 1]));
    assert_eq!(dropped["postBalances"], dropped["preBalances"]);
    let message = "Transaction simulation failed: Blockhash not found";
    check_error(&node, "sendTransaction", send(&stale), -32002, message);
    let both = json!([base64(&good), {"sigVerify": true, "replaceRecentBlockhash": true}]);
    let message = "sigVerify may not be used with replaceRecentBlockhash";
    check_error(&node, "simulateTransaction", both, -32602, message);
    let accounts = json!({"addresses": [SYSTEM, SYSTEM, SYSTEM, SYSTEM]});
    let many = json!([base64(&good), {"encoding": "base64", "accounts": accounts}]);
    let message = "Too many accounts provided; max 3";
    check_error(&node, "simulateTransaction", many, -32602, message);
    let message = "failed to deserialize solana_transaction::versioned::VersionedTransaction: ";
    let (code, text) = error(&node, "sendTransaction", json!(["111"]));
    assert_eq!((code, text.starts_with(message)), (-32602, true), "{text}");
}

#[test]
fn a_transaction_that_was_processed_is_not_simulated_again() {
    let (node, payer) = node_and_payer();
    let to = Pubkey::new_unique();
    let transaction = transfer(&payer, &to, 1_000_000, node.latest_blockhash());
    let signature = node.send(&transaction).unwrap();
    node.confirm(&signature, PATIENCE).unwrap();
    let simulate = |config: Value| {
        let simulated = result(
            &node,
            "simulateTransaction",
            json!([base64(&transaction), config]),
        );
        simulated["value"].clone()
    };
    let again = simulate(json!({"encoding": "base64"}));
    assert_eq!(again["err"], json!("AlreadyProcessed"));
    assert_eq!((&again["logs"], &again["fee"]), (&json!([]), &json!(null)));
    assert_eq!(again["preBalances"], json!([998_995_000, 1_000_000, 1]));
    assert_eq!(again["postBalances"], again["preBalances"]);
    // With another blockhash it is another one.
    let replaced = simulate(json!({"encoding": "base64", "replaceRecentBlockhash": true}));
    assert_eq!(replaced["err"], json!(null));
    assert_eq!(replaced["fee"], json!(5_000));
}

#[test]
fn the_size_that_a_simulation_tells_is_the_least_limit() {
    let (node, payer) = node_and_payer();
    // A program of the upgradeable loader, whose file lies in another account; it knows no such instruction.
    let token = Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
    let simulate = |limit: u32| {
        let instructions = [
            ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(limit),
            Instruction::new_with_bytes(token, &[255], Vec::new()),
        ];
        let blockhash = node.latest_blockhash();
        let transaction = Transaction::new_signed_with_payer(
            &instructions,
            Some(&payer.pubkey()),
            &[&payer],
            blockhash,
        );
        let params = json!([base64(&transaction), {"encoding": "base64"}]);
        let simulated = result(&node, "simulateTransaction", params)["value"].clone();
        let size = simulated["loadedAccountsDataSize"].as_u64().unwrap();
        (u32::try_from(size).unwrap(), simulated["err"].clone())
    };
    let (size, error) = simulate(60_000_000);
    assert!(size > 50_000, "the file counts: {size}");
    assert!(error["InstructionError"].is_array(), "{error}");
    assert_eq!(simulate(size), (size, error));
    let less = (size - 1, json!("MaxLoadedAccountsDataSizeExceeded"));
    assert_eq!(simulate(size - 1), less);
}

#[test]
fn in_a_batch_a_subscription_is_answered_once() {
    let node = support::start();
    let mut socket = WebSocket::connect(&node.ws_url().unwrap());
    let request = |id: u64, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    socket.send(&json!([
        request(7, "accountSubscribe", json!([SYSTEM])),
        request(8, "getHealth", json!([])),
        request(9, "accountUnsubscribe", json!([55])),
    ]));
    let subscribed = socket.receive().unwrap();
    assert_eq!(subscribed["id"], json!(7));
    assert!(subscribed["result"].is_u64(), "{subscribed}");
    let others = socket.receive().unwrap();
    assert_eq!(others[0]["result"], json!("ok"));
    assert_eq!(others[1]["id"], json!(9));
    assert_eq!(
        others[1]["error"],
        json!({"code": -32602, "message": "Invalid subscription id."})
    );
    assert_eq!(others[2], json!(null), "{others}");
    // Nothing comes where nothing else was asked.
    socket.send(&json!([request(10, "accountSubscribe", json!([SYSTEM]))]));
    assert_eq!(socket.receive().unwrap()["id"], json!(10));
    assert_eq!(socket.call("getHealth", json!([]))["result"], json!("ok"));
}

#[test]
fn a_transaction_refused_at_admission_is_an_error_to_its_sender() {
    let (node, payer) = node_and_payer();
    let config = json!({"encoding": "base64", "skipPreflight": true});
    let stale = transfer(
        &payer,
        &Pubkey::new_unique(),
        1,
        Hash::new_from_array([9; 32]),
    );
    let answer = call(&node, "sendTransaction", json!([base64(&stale), config]));
    assert_eq!(answer["error"]["code"], json!(-32002));
    assert_eq!(
        answer["error"]["message"],
        json!("Transaction refused: Blockhash not found")
    );
    assert_eq!(answer["error"]["data"]["err"], json!("BlockhashNotFound"));
}

#[test]
fn a_version_that_the_client_does_not_know_is_an_error() {
    let (node, payer) = node_and_payer();
    let message = solana_message::v0::Message::try_compile(
        &payer.pubkey(),
        &[solana_system_interface::instruction::transfer(
            &payer.pubkey(),
            &Pubkey::new_unique(),
            1_000_000,
        )],
        &[],
        node.latest_blockhash(),
    )
    .unwrap();
    let transaction = solana_transaction::versioned::VersionedTransaction::try_new(
        solana_message::VersionedMessage::V0(message),
        &[&payer],
    )
    .unwrap();
    let signature = node.send_versioned(&transaction).unwrap();
    node.confirm(&signature, PATIENCE).unwrap();
    let signature = signature.to_string();
    assert_eq!(error(&node, "getTransaction", json!([signature])).0, -32015);
    let config = json!({"maxSupportedTransactionVersion": 0});
    let read = result(&node, "getTransaction", json!([signature, config]));
    assert_eq!(read["version"], json!(0));
    assert_eq!(
        read["transaction"]["message"]["addressTableLookups"],
        json!([])
    );
}

#[test]
fn an_overdraft_fails_its_preflight_as_on_solana() {
    let (node, payer) = node_and_payer();
    let overdraft = transfer(
        &payer,
        &Pubkey::new_unique(),
        5_000_000_000,
        node.latest_blockhash(),
    );
    let answer = call(
        &node,
        "sendTransaction",
        json!([base64(&overdraft), {"encoding": "base64", "preflightCommitment": "confirmed"}]),
    );
    let error = &answer["error"];
    assert_eq!(error["code"], json!(-32002));
    assert_eq!(
        error["message"],
        json!(
            "Transaction simulation failed: Error processing Instruction 0: custom program error: \
             0x1"
        )
    );
    let size = &error["data"]["loadedAccountsDataSize"];
    assert_eq!(
        error["data"],
        json!({
            "accounts": null,
            "err": {"InstructionError": [0, {"Custom": 1}]},
            "fee": error["data"]["fee"],
            "innerInstructions": null,
            "loadedAccountsDataSize": size,
            "loadedAddresses": null,
            "logs": [
                format!("Program {SYSTEM} invoke [1]"),
                "Transfer: insufficient lamports 999995000, need 5000000000",
                format!("Program {SYSTEM} failed: custom program error: 0x1"),
            ],
            "postBalances": null,
            "postTokenBalances": null,
            "preBalances": null,
            "preTokenBalances": null,
            "replacementBlockhash": null,
            "returnData": null,
            "unitsConsumed": 150,
        })
    );
    assert_eq!(
        node.balance(&payer.pubkey()).unwrap(),
        1_000_000_000,
        "nothing was charged"
    );

    let config = json!({"encoding": "base64", "skipPreflight": true});
    let sent = result(
        &node,
        "sendTransaction",
        json!([base64(&overdraft), config]),
    );
    assert!(node.confirm(&signature_of(&sent), PATIENCE).is_err());
    assert_eq!(
        node.balance(&payer.pubkey()).unwrap(),
        999_995_000,
        "the fee was charged"
    );
    let status = value(&node, "getSignatureStatuses", json!([[sent]]));
    assert_eq!(
        status[0]["err"],
        json!({"InstructionError": [0, {"Custom": 1}]})
    );
    assert_eq!(
        status[0]["status"],
        json!({"Err": {"InstructionError": [0, {"Custom": 1}]}})
    );
}

#[test]
fn the_same_transaction_again_is_an_error_in_preflight_and_none_without() {
    let (node, payer) = node_and_payer();
    let transaction = transfer(
        &payer,
        &Pubkey::new_unique(),
        1_000_000,
        node.latest_blockhash(),
    );
    node.send_and_confirm(&transaction).unwrap();
    let again = |config: Value| {
        call(
            &node,
            "sendTransaction",
            json!([base64(&transaction), config]),
        )
    };
    let answer = again(json!({"encoding": "base64"}));
    assert_eq!(answer["error"]["code"], json!(-32002));
    assert_eq!(
        answer["error"]["message"],
        json!("Transaction simulation failed: This transaction has already been processed")
    );
    let answer = again(json!({"encoding": "base64", "skipPreflight": true}));
    assert_eq!(
        answer["result"],
        json!(transaction.signatures[0].to_string())
    );
}

#[test]
fn who_asks_too_much_is_told_to_wait() {
    let mut limits = RpcLimits::default();
    // Everything is too much, so that no clock matters here.
    limits.requests_per_second_per_address_max = Some(0);
    let node = Validator::builder().rpc_limits(limits).start().unwrap();
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "getSlot"}).to_string();
    let (status, body) = support::http(&node, "POST", "/", &request);
    assert_eq!(status, 429);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"]["code"], json!(429));
    // What is for monitoring is always answered.
    assert_eq!(support::http(&node, "GET", "/health", "").0, 200);

    let mut client = WebSocket::connect(&node.ws_url().unwrap());
    let answer = client.call("getSlot", json!([]));
    assert_eq!(answer["error"]["code"], json!(429));
    client.send(&json!([{"jsonrpc": "2.0", "id": 7, "method": "getSlot"}]));
    let answer = client.receive().expect("an answer");
    assert_eq!(answer["error"]["code"], json!(429));
}
