//! JSON-RPC as bytes on a socket, of what a node has on its disk and no longer in memory.

use crate::support::{PATIENCE, error, result, value};
use crate::transfers::transfer;
use sealane_runtime::{Disk, Limits, MemoryDisk};
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::sync::Arc;
use std::time::Duration;

/// A node of which memory keeps but the newest few transactions.
fn start(disk: &MemoryDisk, slot: Duration) -> ValidatorHandle {
    let mut limits = Limits::default();
    limits.recent_history_bytes_max = 4_000;
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let builder = Validator::builder()
        .mint(Pubkey::new_from_array([42; 32]))
        .slot_duration(slot)
        .limits(limits);
    builder.ledger_on(disk).start().expect("the node starts")
}

fn wait_for_slot(node: &ValidatorHandle, slot: u64) {
    let events = node.reader().listen();
    while node.reader().slot().slot < slot {
        events.recv_timeout(PATIENCE).expect("slots go by");
    }
}

/// What the node says of these transactions, of their blocks and of who they name.
fn answers(node: &ValidatorHandle, signatures: &[String], to: &Pubkey) -> Vec<Value> {
    let version = json!({"maxSupportedTransactionVersion": 0});
    let mut answers = Vec::new();
    for signature in signatures {
        let found = result(node, "getTransaction", json!([signature, version]));
        let slot = found["slot"].as_u64().expect("it is found");
        answers.push(result(node, "getBlock", json!([slot, version])));
        answers.push(result(node, "getBlockTime", json!([slot])));
        answers.push(found);
    }
    let search = json!([signatures, {"searchTransactionHistory": true}]);
    answers.push(value(node, "getSignatureStatuses", search));
    let of_address = |config: Value| {
        let params = json!([to.to_string(), config]);
        result(node, "getSignaturesForAddress", params)
    };
    answers.push(of_address(json!({})));
    answers.push(of_address(json!({"limit": 5, "before": signatures[20]})));
    answers.push(of_address(json!({"until": signatures[3]})));
    let between = json!({"before": signatures[28], "until": signatures[3]});
    answers.push(of_address(between));
    for method in ["getFirstAvailableBlock", "minimumLedgerSlot"] {
        answers.push(result(node, method, json!([])));
    }
    answers.push(result(node, "getBlocks", json!([0, 5])));
    answers.push(result(node, "getBlocksWithLimit", json!([1, 3])));
    answers
}

#[test]
fn what_left_memory_is_answered_from_the_disk_before_and_after_a_restart() {
    let disk = MemoryDisk::new();
    let node = start(&disk, Duration::from_millis(20));
    let (payer, to) = (Keypair::new(), Pubkey::new_unique());
    node.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();
    let mut sent = Vec::new();
    for lamports in 0..30 {
        let blockhash = node.latest_blockhash();
        let transaction = transfer(&payer, &to, 1_000_000 + lamports, blockhash);
        sent.push(node.send_and_confirm(&transaction).unwrap());
    }
    let signatures: Vec<String> = sent.iter().map(ToString::to_string).collect();
    let recent = |signature| node.reader().recent_status(signature).is_some();
    assert!(!recent(&sent[20]), "memory is small");
    let last = node.reader().transaction(&sent[29]).unwrap().unwrap();
    wait_for_slot(&node, last.slot().max(6) + 2);

    let before = answers(&node, &signatures, &to);
    let names: Vec<Value> = signatures.iter().rev().map(|it| json!(it)).collect();
    let of_address = before[before.len() - 8].as_array().unwrap();
    let found: Vec<Value> = of_address
        .iter()
        .map(|it| it["signature"].clone())
        .collect();
    assert_eq!(found, names);
    assert!(node.stop());
    let node = start(&disk, Duration::from_millis(20));
    assert_eq!(answers(&node, &signatures, &to), before);
    assert!(node.stop());
}

#[test]
fn a_status_that_is_not_recent_is_told_to_who_searches_the_history() {
    let disk = MemoryDisk::new();
    let node = start(&disk, Duration::from_millis(1));
    let signature = node.airdrop(&Pubkey::new_unique(), 1_000_000).unwrap();
    let statuses = |config: Value| {
        let params = json!([[signature.to_string()], config]);
        value(&node, "getSignatureStatuses", params)[0].clone()
    };
    let slot = statuses(json!({}))["slot"].as_u64().expect("it is recent");
    wait_for_slot(&node, slot + 310);
    assert!(node.reader().recent_status(&signature).is_none());
    assert_eq!(statuses(json!({})), json!(null));
    let found = statuses(json!({"searchTransactionHistory": true}));
    assert_eq!(found["slot"], json!(slot));
    assert_eq!(found["confirmationStatus"], json!("finalized"));
    assert!(node.stop());
}

#[test]
fn what_is_damaged_on_the_disk_is_an_error_to_who_asks_for_it() {
    let disk = MemoryDisk::new();
    let node = start(&disk, Duration::from_millis(20));
    let signature = node.airdrop(&Pubkey::new_unique(), 1_000_000).unwrap();
    let slot = node
        .reader()
        .transaction(&signature)
        .unwrap()
        .unwrap()
        .slot();
    for _ in 0..30 {
        node.airdrop(&Pubkey::new_unique(), 1_000_000).unwrap();
    }
    wait_for_slot(&node, slot + 2);
    assert!(node.reader().recent_status(&signature).is_none());
    let path = "blocks/0000000000.log";
    let bytes = disk.read(path);
    let at = bytes.windows(64).position(|it| it == signature.as_ref());
    disk.flip_bit(path, 8 * (at.unwrap() as u64 + 70));
    let check = |method: &str, params: Value| {
        let (code, message) = error(&node, method, params);
        assert_eq!(code, -32603, "{method}");
        assert!(message.contains("damaged"), "{method}: {message}");
    };
    check("getTransaction", json!([signature.to_string()]));
    check("getBlock", json!([slot]));
    let search = json!({"searchTransactionHistory": true});
    check(
        "getSignatureStatuses",
        json!([[signature.to_string()], search]),
    );
    let faucet = node.faucet_address().to_string();
    check("getSignaturesForAddress", json!([faucet]));
    assert!(result(&node, "getBlockTime", json!([slot])).is_i64());
    drop(node);
}
