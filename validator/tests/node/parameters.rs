//! What a chain began with beside what every chain does.

use crate::support::{error, result, value};
use crate::transfers::transfer;
use sealane_validator::{Error, Validator};
use serde_json::json;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

#[test]
fn epochs_are_as_long_as_was_asked_for_and_a_new_chain_may_begin_later() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || Validator::builder().ledger(folder.path());
    let node = builder()
        .slots_per_epoch(64)
        .warp_slot(1_000)
        .start()
        .unwrap();
    assert!(node.reader().slot().slot >= 1_000);
    let info = result(&node, "getEpochInfo", json!([]));
    assert_eq!(info["slotsInEpoch"], json!(64));
    assert_eq!(
        info["epoch"],
        json!(info["absoluteSlot"].as_u64().unwrap() / 64)
    );
    let schedule = result(&node, "getEpochSchedule", json!([]));
    assert_eq!(schedule["slotsPerEpoch"], json!(64));
    let key = Pubkey::new_unique();
    node.airdrop(&key, 1_000_000).unwrap();
    assert!(node.stop());

    // It goes on as it began, and is not moved again.
    let node = builder().warp_slot(1_000_000).start().unwrap();
    let slot = node.reader().slot().slot;
    assert!((1_000..100_000).contains(&slot), "{slot}");
    let info = result(&node, "getEpochInfo", json!([]));
    assert_eq!(info["slotsInEpoch"], json!(64));
    assert_eq!(node.balance(&key).unwrap(), 1_000_000);
    assert!(node.stop());
    let refused = builder().slots_per_epoch(32).start().err().unwrap();
    assert!(matches!(refused, Error::OtherGenesis(_)), "{refused}");
    assert!(
        refused.to_string().contains("--slots-per-epoch 64"),
        "{refused}"
    );
}

#[test]
fn compute_units_logs_and_locks_can_be_bounded() {
    let node = Validator::builder()
        .compute_unit_limit(100)
        .log_messages_bytes_limit(30)
        .transaction_account_lock_limit(3)
        .start()
        .unwrap();
    let (payer, to) = (node.faucet(), Pubkey::new_unique());
    let blockhash = node.latest_blockhash();
    let encode = |transaction: &solana_transaction::Transaction| {
        let wire = bincode::serialize(transaction).unwrap();
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, wire)
    };
    // A transfer takes 150 units, whatever it asks for.
    let simulated = value(
        &node,
        "simulateTransaction",
        json!([encode(&transfer(payer, &to, 1_000_000, blockhash)), {"encoding": "base64"}]),
    );
    assert_eq!(
        simulated["err"],
        json!({"InstructionError": [0, "ComputationalBudgetExceeded"]})
    );
    let logs = simulated["logs"].as_array().unwrap();
    assert_eq!(logs.last().unwrap(), "Log truncated");

    let others = [Keypair::new(), Keypair::new()];
    let instructions: Vec<_> = others
        .iter()
        .map(|other| {
            let (from, to) = (payer.pubkey(), other.pubkey());
            solana_system_interface::instruction::transfer(&from, &to, 1)
        })
        .collect();
    let key = payer.pubkey();
    let transaction = solana_transaction::Transaction::new_signed_with_payer(
        &instructions,
        Some(&key),
        &[payer],
        blockhash,
    );
    let (code, message) = error(
        &node,
        "sendTransaction",
        json!([encode(&transaction), {"encoding": "base64"}]),
    );
    assert_eq!(code, -32002);
    assert!(message.contains("locked too many accounts"), "{message}");
}
