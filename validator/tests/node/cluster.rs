//! JSON-RPC as bytes on a socket: leaders, the network, inflation, how fast the chain is.

use crate::support::{self, PATIENCE, error, result, start, value, wait_for_slot};
use crate::transfers::{node_and_payer, transfer};
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_message::{VersionedMessage, v1};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction::versioned::VersionedTransaction;
use std::time::Duration;

fn identity(node: &ValidatorHandle) -> String {
    let identity = result(node, "getIdentity", json!([]));
    identity["identity"].as_str().unwrap().to_owned()
}

#[test]
fn the_node_leads_every_slot() {
    let node = Validator::builder()
        .slot_duration(Duration::from_millis(20))
        .start()
        .unwrap();
    let own = identity(&node);
    wait_for_slot(&node, 5);
    assert_eq!(result(&node, "getSlotLeader", json!([])), json!(own));
    assert_eq!(
        result(&node, "getSlotLeaders", json!([0, 3])),
        json!([own, own, own])
    );
    assert_eq!(
        error(&node, "getSlotLeaders", json!([0, 5_001])),
        (-32602, "Invalid limit; max 5000".to_owned())
    );
    assert_eq!(
        error(&node, "getSlotLeaders", json!([864_000, 1])),
        (
            -32602,
            "Invalid slot range: leader schedule for epoch 2 is unavailable".to_owned()
        )
    );
    let schedule = result(&node, "getLeaderSchedule", json!([]));
    let slots = schedule[&own].as_array().unwrap();
    assert_eq!((slots.len(), &slots[7]), (432_000, &json!(7)));
    let other = json!({"identity": Pubkey::new_unique().to_string()});
    assert_eq!(
        result(&node, "getLeaderSchedule", json!([null, other])),
        json!({})
    );
    assert_eq!(
        result(&node, "getLeaderSchedule", json!([864_000])),
        Value::Null
    );
    let range = json!({"range": {"firstSlot": 1, "lastSlot": 3}});
    assert_eq!(
        value(&node, "getBlockProduction", json!([range])),
        json!({"byIdentity": {own: [3, 3]}, "range": {"firstSlot": 1, "lastSlot": 3}})
    );
    let backwards = json!({"range": {"firstSlot": 3, "lastSlot": 1}});
    assert_eq!(
        error(&node, "getBlockProduction", json!([backwards])).0,
        -32602
    );
}

#[test]
fn the_network_is_one_node_that_nobody_votes_in() {
    let node = start();
    let nodes = result(&node, "getClusterNodes", json!([]));
    assert_eq!(nodes.as_array().unwrap().len(), 1);
    let address = |url: Option<String>| url.unwrap().split_once("://").unwrap().1.to_owned();
    let this = &nodes[0];
    assert_eq!(this["pubkey"], json!(identity(&node)));
    assert_eq!(this["rpc"], json!(address(node.rpc_url())));
    assert_eq!(this["pubsub"], json!(address(node.ws_url())));
    assert!(this["shredVersion"].as_u64().unwrap() > 0);
    assert_eq!(
        result(&node, "getVoteAccounts", json!([])),
        json!({"current": [], "delinquent": []})
    );
    assert_eq!(
        result(&node, "getBlockCommitment", json!([0])),
        json!({"commitment": null, "totalStake": 0})
    );
    for method in ["getMaxRetransmitSlot", "getMaxShredInsertSlot"] {
        assert!(result(&node, method, json!([])).is_u64());
    }
    assert_eq!(
        error(&node, "getHighestSnapshotSlot", json!([])),
        (-32008, "No snapshot".to_owned())
    );
}

#[test]
fn metrics_are_in_the_format_of_prometheus() {
    let (node, payer) = node_and_payer();
    let (status, text) = support::http(&node, "GET", "/metrics", "");
    assert_eq!(status, 200);
    let value = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(node.balance(&payer.pubkey()).unwrap() > 0);
    assert_eq!(value("sealane_visible_total"), 1.0);
    assert_eq!(value("sealane_healthy"), 1.0);
    assert!(value("sealane_stage_busy_seconds_total{stage=\"bank\"}") > 0.0);
    // Each sample stands under the type of its family.
    let mut family = String::new();
    for line in text.lines() {
        match line.strip_prefix("# TYPE ") {
            Some(line) => family = line.split(' ').next().unwrap().to_owned(),
            None if line.starts_with('#') => {}
            None => assert!(line.starts_with(&family), "{line} under {family}"),
        }
    }
}

#[test]
fn nothing_is_inflated_staked_or_rewarded() {
    let node = start();
    assert_eq!(
        result(&node, "getInflationGovernor", json!([])),
        json!({
            "initial": 0.0, "terminal": 0.0, "taper": 1.0, "foundation": 0.0, "foundationTerm": 0.0,
        })
    );
    assert_eq!(
        result(&node, "getInflationRate", json!([])),
        json!({"total": 0.0, "validator": 0.0, "foundation": 0.0, "epoch": 0})
    );
    assert_eq!(
        value(&node, "getStakeMinimumDelegation", json!([])),
        json!(1_000_000_000)
    );
    // The first block after the epoch is not there yet.
    assert_eq!(
        error(
            &node,
            "getInflationReward",
            json!([[Pubkey::new_unique().to_string()]])
        ),
        (-32004, "Block not available for slot 432000".to_owned())
    );
    assert_eq!(
        result(&node, "getRecentPerformanceSamples", json!([])),
        json!([])
    );
    assert_eq!(
        error(&node, "getRecentPerformanceSamples", json!([721])),
        (-32602, "Invalid limit; max 720".to_owned())
    );
}

#[test]
fn prioritization_fees_are_the_lowest_of_a_slot_and_the_highest_of_an_address() {
    let (node, payer) = node_and_payer();
    let to = Pubkey::new_unique();
    let blockhash = node.latest_blockhash();
    let paying = |price: u64| {
        let instructions = [
            ComputeBudgetInstruction::set_compute_unit_price(price),
            solana_system_interface::instruction::transfer(&payer.pubkey(), &to, 1_000_000 + price),
        ];
        let key = payer.pubkey();
        Transaction::new_signed_with_payer(&instructions, Some(&key), &[&payer], blockhash)
    };
    // Each asks for 6,000 units, so pays 2 and 5 lamports: a whole lamport is the least. Likely of one slot; the airdrop paid nothing in its own.
    for price in [300, 700] {
        node.send_and_confirm(&paying(price)).unwrap();
    }
    // It asks for no units, so what it pays says nothing.
    let instruction =
        solana_system_interface::instruction::transfer(&payer.pubkey(), &to, 1_000_000);
    let config = v1::TransactionConfig::empty()
        .with_priority_fee(9_000)
        .with_loaded_accounts_data_size_limit(1_000);
    let message =
        v1::Message::try_compile_with_config(&payer.pubkey(), &[instruction], blockhash, config);
    let message = VersionedMessage::V1(message.unwrap());
    let unlimited = VersionedTransaction::try_new(message, &[&payer]).unwrap();
    let unlimited = node.send_versioned(&unlimited).unwrap();
    assert!(node.confirm(&unlimited, PATIENCE).is_err(), "it fails");
    let free = transfer(&payer, &Pubkey::new_unique(), 1_000_000, blockhash);
    let last = node.send_and_confirm(&free).unwrap();
    let slot = node.reader().transaction(&last).unwrap().unwrap().slot();
    wait_for_slot(&node, slot + 1);
    let fees = |keys: Value| {
        let fees = result(&node, "getRecentPrioritizationFees", keys);
        let fees = fees.as_array().unwrap().clone();
        let slots: Vec<u64> = fees.iter().map(|it| it["slot"].as_u64().unwrap()).collect();
        assert!(slots.is_sorted(), "{slots:?}");
        fees.iter()
            .map(|it| it["prioritizationFee"].as_u64().unwrap())
            .max()
    };
    // Of those that write to `to` the lowest in any slot is that of 2 lamports, or of 5 where they fell into two.
    let highest = fees(json!([[to.to_string()]])).unwrap();
    assert!([333, 833].contains(&highest), "{highest}");
    assert!(fees(json!([])).unwrap() <= 833);
    let many: Vec<String> = (0..129).map(|_| to.to_string()).collect();
    assert_eq!(
        error(&node, "getRecentPrioritizationFees", json!([many])),
        (-32602, "Too many inputs provided; max 128".to_owned())
    );
}

#[test]
fn what_is_only_processed_is_no_block_and_no_history() {
    let node = start();
    let processed = json!({"commitment": "processed"});
    for (method, params) in [
        ("getBlock", json!([0, processed])),
        ("getBlocks", json!([0, 1, processed])),
        ("getBlocks", json!([0, null, processed])),
        ("getBlocksWithLimit", json!([0, 1, processed])),
        ("getTransaction", json!(["1".repeat(64), processed])),
        (
            "getSignaturesForAddress",
            json!([identity(&node), processed]),
        ),
    ] {
        assert_eq!(
            error(&node, method, params),
            (
                -32602,
                "Method does not support commitment below `confirmed`".to_owned()
            ),
            "{method}"
        );
    }
}
