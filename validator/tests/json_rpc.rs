//! JSON-RPC as bytes on a socket: the shapes that Agave's clients read, and the errors they match on.

mod support;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_sdk::AccountState;
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;
use support::{PATIENCE, call, error, http, result, start, value};

const SYSTEM: &str = "11111111111111111111111111111111";

fn transfer(from: &Keypair, to: &Pubkey, lamports: u64, blockhash: Hash) -> Transaction {
    Transaction::new_signed_with_payer(
        &[solana_system_interface::instruction::transfer(
            &from.pubkey(),
            to,
            lamports,
        )],
        Some(&from.pubkey()),
        &[from],
        blockhash,
    )
}

fn base64(transaction: &Transaction) -> String {
    BASE64_STANDARD.encode(bincode::serialize(transaction).unwrap())
}

fn base58(transaction: &Transaction) -> String {
    bs58::encode(bincode::serialize(transaction).unwrap()).into_string()
}

fn signature_of(result: &Value) -> Signature {
    result.as_str().unwrap().parse().unwrap()
}

/// A node and a payer with one SOL.
fn node_and_payer() -> (ValidatorHandle, Keypair) {
    let (node, payer) = (start(), Keypair::new());
    node.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();
    (node, payer)
}

#[test]
fn the_chain_describes_itself() {
    let node = start();
    let genesis = node.genesis_hash().to_string();
    assert_eq!(result(&node, "getHealth", json!([])), json!("ok"));
    assert_eq!(http(&node, "GET", "/health", ""), (200, "ok".into()));
    assert_eq!(result(&node, "getGenesisHash", json!([])), json!(genesis));
    assert_eq!(
        result(&node, "getVersion", json!([])),
        json!({"solana-core": "4.2.2", "feature-set": 0})
    );
    assert_eq!(
        result(&node, "getMinimumBalanceForRentExemption", json!([0])),
        json!(890_880)
    );
    assert_eq!(
        result(&node, "getMinimumBalanceForRentExemption", json!([165])),
        json!(2_039_280)
    );
    let schedule = result(&node, "getEpochSchedule", json!([]));
    assert_eq!(
        schedule,
        json!({
            "slotsPerEpoch": 432_000,
            "leaderScheduleSlotOffset": 432_000,
            "warmup": false,
            "firstNormalEpoch": 0,
            "firstNormalSlot": 0,
        })
    );
    let identity = result(&node, "getIdentity", json!([]));
    assert!(
        identity["identity"]
            .as_str()
            .unwrap()
            .parse::<Pubkey>()
            .is_ok()
    );

    let info = result(&node, "getEpochInfo", json!([{"commitment": "processed"}]));
    let slot = info["absoluteSlot"].as_u64().unwrap();
    assert_eq!(
        info,
        json!({
            "absoluteSlot": slot,
            "blockHeight": slot,
            "epoch": 0,
            "slotIndex": slot,
            "slotsInEpoch": 432_000,
            "transactionCount": 0,
        })
    );
    assert!(result(&node, "getSlot", json!([])).as_u64().unwrap() >= slot);
    assert!(result(&node, "getBlockHeight", json!([])).as_u64().unwrap() >= slot);
}

#[test]
fn a_blockhash_is_valid_for_the_block_height_it_comes_with() {
    let (node, payer) = node_and_payer();
    let latest = value(
        &node,
        "getLatestBlockhash",
        json!([{"commitment": "finalized"}]),
    );
    let blockhash = latest["blockhash"].clone();
    let height = result(&node, "getBlockHeight", json!([])).as_u64().unwrap();
    let last = latest["lastValidBlockHeight"].as_u64().unwrap();
    assert!(
        (height + 149..=height + 151).contains(&last),
        "{last} at {height}"
    );
    assert_eq!(
        value(&node, "isBlockhashValid", json!([blockhash])),
        json!(true)
    );
    let unknown = Hash::new_from_array([9; 32]).to_string();
    assert_eq!(
        value(&node, "isBlockhashValid", json!([unknown])),
        json!(false)
    );

    let known = transfer(&payer, &Pubkey::new_unique(), 1, node.latest_blockhash());
    let message = BASE64_STANDARD.encode(known.message.serialize());
    assert_eq!(
        value(&node, "getFeeForMessage", json!([message])),
        json!(5_000)
    );
    let unknown = transfer(
        &payer,
        &Pubkey::new_unique(),
        1,
        Hash::new_from_array([9; 32]),
    );
    let message = BASE64_STANDARD.encode(unknown.message.serialize());
    assert_eq!(
        value(&node, "getFeeForMessage", json!([message])),
        json!(null)
    );
}

#[test]
fn an_account_has_the_shape_that_was_asked_for() {
    let (key, owner) = (Pubkey::new_unique(), Pubkey::new_unique());
    let state = AccountState {
        lamports: 5_000_000,
        owner,
        executable: false,
        data: b"hello, world"[..].into(),
    };
    let node = Validator::builder().account(key, state).start().unwrap();
    let key = key.to_string();
    let check = |config: Value, data: Value| {
        assert_eq!(
            value(&node, "getAccountInfo", json!([key, config])),
            json!({
                "data": data,
                "executable": false,
                "lamports": 5_000_000,
                "owner": owner.to_string(),
                "rentEpoch": 18_446_744_073_709_551_615_u64,
                "space": 12,
            }),
            "{config}"
        );
    };
    let in_base58 = bs58::encode("hello, world").into_string();
    let in_base64 = BASE64_STANDARD.encode("hello, world");
    check(json!(null), json!(in_base58));
    check(json!({"encoding": "base58"}), json!([in_base58, "base58"]));
    check(json!({"encoding": "base64"}), json!([in_base64, "base64"]));
    check(
        json!({"encoding": "jsonParsed"}),
        json!([in_base64, "base64"]),
    );
    check(
        json!({"encoding": "base64", "dataSlice": {"offset": 7, "length": 99}}),
        json!([BASE64_STANDARD.encode("world"), "base64"]),
    );
    assert_eq!(value(&node, "getBalance", json!([key])), json!(5_000_000));

    let absent = Pubkey::new_unique().to_string();
    assert_eq!(value(&node, "getAccountInfo", json!([absent])), json!(null));
    assert_eq!(value(&node, "getBalance", json!([absent])), json!(0));
    let several = value(&node, "getMultipleAccounts", json!([[absent, key]]));
    assert_eq!(several[0], json!(null));
    assert_eq!(several[1]["data"], json!([in_base64, "base64"]));

    let clock = json!(["SysvarC1ock11111111111111111111111111111111", {"encoding": "base64"}]);
    let clock = value(&node, "getAccountInfo", clock);
    assert_eq!(
        (&clock["space"], &clock["executable"]),
        (&json!(40), &json!(false))
    );
    let system = value(&node, "getAccountInfo", json!([SYSTEM]));
    assert_eq!(
        system["owner"],
        json!("NativeLoader1111111111111111111111111111111")
    );
    assert_eq!(system["executable"], json!(true));
}

#[test]
fn program_accounts_are_filtered_sorted_and_sliced() {
    let owner = Pubkey::new_unique();
    let mut builder = Validator::builder();
    let mut keys: Vec<Pubkey> = (0..3).map(|_| Pubkey::new_unique()).collect();
    for (index, key) in keys.iter().enumerate() {
        let data = vec![index as u8; 10 + index];
        builder = builder.account(
            *key,
            AccountState {
                lamports: 7_000_000,
                owner,
                executable: false,
                data: data.into(),
            },
        );
    }
    let node = builder.start().unwrap();
    let owner = owner.to_string();
    let found = |config: Value| -> Vec<String> {
        let accounts = result(&node, "getProgramAccounts", json!([owner, config]));
        let keys = accounts.as_array().unwrap().iter();
        keys.map(|account| account["pubkey"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        found(json!({"filters": [{"dataSize": 11}]})),
        [keys[1].to_string()]
    );
    let memcmp = json!({"memcmp": {"offset": 4, "bytes": bs58::encode([2, 2]).into_string()}});
    assert_eq!(found(json!({"filters": [memcmp]})), [keys[2].to_string()]);
    assert!(found(json!({"filters": [memcmp, {"dataSize": 11}]})).is_empty());
    keys.sort();
    let sorted: Vec<String> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(found(json!({})), sorted);

    let config = json!({
        "withContext": true,
        "encoding": "base64",
        "dataSlice": {"offset": 0, "length": 1},
        "filters": [{"dataSize": 12}],
    });
    let accounts = value(&node, "getProgramAccounts", json!([owner, config]));
    assert_eq!(
        accounts[0]["account"]["data"],
        json!([BASE64_STANDARD.encode([2]), "base64"])
    );
    assert_eq!(accounts[0]["account"]["space"], json!(12));
}

/// A transfer of a million lamports that was sent over JSON-RPC and is confirmed.
struct Sent {
    node: ValidatorHandle,
    payer: Keypair,
    to: Pubkey,
    transaction: Transaction,
    signature: String,
}

fn sent_transfer() -> Sent {
    let (node, payer) = node_and_payer();
    let to = Pubkey::new_unique();
    let transaction = transfer(&payer, &to, 1_000_000, node.latest_blockhash());
    let sent = result(&node, "sendTransaction", json!([base58(&transaction)]));
    let signature = transaction.signatures[0].to_string();
    assert_eq!(sent, json!(signature));
    node.confirm(&transaction.signatures[0], PATIENCE).unwrap();
    Sent {
        node,
        payer,
        to,
        transaction,
        signature,
    }
}

#[test]
fn a_status_says_that_what_is_visible_is_final() {
    let Sent {
        node, signature, ..
    } = sent_transfer();
    let statuses = value(
        &node,
        "getSignatureStatuses",
        json!([[signature, "1".repeat(64)]]),
    );
    let slot = statuses[0]["slot"].as_u64().unwrap();
    assert_eq!(
        statuses,
        json!([
            {
                "slot": slot,
                "confirmations": null,
                "status": {"Ok": null},
                "err": null,
                "confirmationStatus": "finalized",
            },
            null,
        ])
    );
    assert_eq!(
        result(&node, "getTransaction", json!(["1".repeat(64)])),
        json!(null)
    );
}

#[test]
fn a_transaction_that_was_sent_can_be_read_back_in_each_encoding() {
    let Sent {
        node,
        payer,
        to,
        transaction,
        signature,
    } = sent_transfer();
    let read = result(&node, "getTransaction", json!([signature]));
    for number in [
        &read["slot"],
        &read["transactionIndex"],
        &read["meta"]["costUnits"],
    ] {
        assert!(number.is_u64(), "{read}");
    }
    let expected = json!({
        "slot": read["slot"],
        "blockTime": read["blockTime"].as_i64().unwrap(),
        "transactionIndex": read["transactionIndex"],
        "meta": {
            "err": null,
            "status": {"Ok": null},
            "fee": 5_000,
            "preBalances": [1_000_000_000, 0, 1],
            "postBalances": [998_995_000, 1_000_000, 1],
            "innerInstructions": [],
            "logMessages": [
                format!("Program {SYSTEM} invoke [1]"),
                format!("Program {SYSTEM} success"),
            ],
            "preTokenBalances": [],
            "postTokenBalances": [],
            "rewards": [],
            "loadedAddresses": {"writable": [], "readonly": []},
            "computeUnitsConsumed": 150,
            "costUnits": read["meta"]["costUnits"],
        },
        "transaction": {
            "signatures": [signature],
            "message": {
                "header": {
                    "numRequiredSignatures": 1,
                    "numReadonlySignedAccounts": 0,
                    "numReadonlyUnsignedAccounts": 1,
                },
                "accountKeys": [payer.pubkey().to_string(), to.to_string(), SYSTEM],
                "recentBlockhash": transaction.message.recent_blockhash.to_string(),
                "instructions": [{
                    "programIdIndex": 2,
                    "accounts": [0, 1],
                    "data": bs58::encode(&transaction.message.instructions[0].data).into_string(),
                    "stackHeight": 1,
                }],
            },
        },
    });
    assert_eq!(read, expected);
    let with = |field: &str, value: Value| {
        let mut changed = expected.clone();
        changed[field] = value;
        changed
    };
    let check = |config: Value, expected: Value| {
        assert_eq!(
            result(&node, "getTransaction", json!([signature, config])),
            expected,
            "{config}"
        );
    };
    check(
        json!({"maxSupportedTransactionVersion": 0}),
        with("version", json!("legacy")),
    );
    check(
        json!("base64"),
        with("transaction", json!([base64(&transaction), "base64"])),
    );
    check(
        json!({"encoding": "base58"}),
        with("transaction", json!([base58(&transaction), "base58"])),
    );
}

#[test]
fn a_parsed_transaction_names_addresses() {
    let Sent {
        node,
        payer,
        to,
        transaction,
        signature,
    } = sent_transfer();
    let parsed = result(&node, "getTransaction", json!([signature, "jsonParsed"]));
    let message = &parsed["transaction"]["message"];
    assert_eq!(
        message["accountKeys"][0],
        json!({
            "pubkey": payer.pubkey().to_string(),
            "signer": true,
            "source": "transaction",
            "writable": true,
        })
    );
    assert_eq!(
        message["instructions"],
        json!([{
            "programId": SYSTEM,
            "accounts": [payer.pubkey().to_string(), to.to_string()],
            "data": bs58::encode(&transaction.message.instructions[0].data).into_string(),
            "stackHeight": 1,
        }])
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
fn a_simulation_shows_what_would_be() {
    let (node, payer) = node_and_payer();
    let to = Pubkey::new_unique();
    let unsigned = Transaction::new_unsigned(solana_message::Message::new(
        &[solana_system_interface::instruction::transfer(
            &payer.pubkey(),
            &to,
            2_000_000,
        )],
        Some(&payer.pubkey()),
    ));
    let config = json!({
        "encoding": "base64",
        "replaceRecentBlockhash": true,
        "innerInstructions": true,
        "accounts": {"encoding": "base64", "addresses": [to.to_string()]},
    });
    let simulation = value(
        &node,
        "simulateTransaction",
        json!([base64(&unsigned), config]),
    );
    assert_eq!(simulation["err"], json!(null));
    assert_eq!(simulation["accounts"][0]["lamports"], json!(2_000_000));
    assert_eq!(simulation["unitsConsumed"], json!(150));
    assert_eq!(simulation["innerInstructions"], json!([]));
    assert_eq!(simulation["fee"], json!(5_000));
    assert_eq!(
        simulation["postBalances"],
        json!([997_995_000, 2_000_000, 1])
    );
    let replacement = &simulation["replacementBlockhash"];
    assert!(replacement["blockhash"].is_string() && replacement["lastValidBlockHeight"].is_u64());
    assert_eq!(node.balance(&to).unwrap(), 0, "nothing was committed");

    let config = json!({"encoding": "base64"});
    let simulation = value(
        &node,
        "simulateTransaction",
        json!([base64(&unsigned), config]),
    );
    assert_eq!(simulation["err"], json!("BlockhashNotFound"));
    assert_eq!(simulation["replacementBlockhash"], json!(null));
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
fn two_equal_airdrops_are_both_given() {
    let node = start();
    let to = Pubkey::new_unique();
    for _ in 0..2 {
        let sent = result(
            &node,
            "requestAirdrop",
            json!([to.to_string(), 1_000_000_000]),
        );
        node.confirm(&signature_of(&sent), PATIENCE).unwrap();
    }
    assert_eq!(
        value(&node, "getBalance", json!([to.to_string()])),
        json!(2_000_000_000)
    );
}

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

    let message = "Transaction signature verification failure";
    check_error(&node, "sendTransaction", send(&forged), -32003, message);
    let verify = json!([base64(&forged), {"encoding": "base64", "sigVerify": true}]);
    check_error(&node, "simulateTransaction", verify, -32003, message);
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
fn requests_that_are_no_json_rpc_and_too_large_ones_are_refused() {
    let node = start();
    let (status, body) = http(&node, "POST", "/", "{\"jsonrpc\":");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["error"]["code"]), (200, &json!(-32700)));

    let params = "x".repeat(50 * 1024);
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "getHealth", "params": [params]});
    let (status, _) = http(&node, "POST", "/", &request.to_string());
    assert_eq!(status, 413);
    assert_eq!(http(&node, "GET", "/", "").0, 405);

    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"getHealth"},
                    {"jsonrpc":"2.0","id":"b","method":"getNothing"}]"#;
    let (_, body) = http(&node, "POST", "/", batch);
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!([
            {"jsonrpc": "2.0", "id": 1, "result": "ok"},
            {"jsonrpc": "2.0", "id": "b", "error": {"code": -32601, "message": "Method not found"}},
        ])
    );
}
