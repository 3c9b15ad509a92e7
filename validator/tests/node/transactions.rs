//! JSON-RPC as bytes on a socket: transactions, in the shapes that Agave's clients read.

use crate::support::{PATIENCE, result, start, value};
use crate::transfers::{SYSTEM, base58, base64, node_and_payer, signature_of, transfer};
use sealane_validator::ValidatorHandle;
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;

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
        signature,
        ..
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
            "program": "system",
            "programId": SYSTEM,
            "parsed": {
                "type": "transfer",
                "info": {
                    "source": payer.pubkey().to_string(),
                    "destination": to.to_string(),
                    "lamports": 1_000_000,
                },
            },
            "stackHeight": 1,
        }])
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
