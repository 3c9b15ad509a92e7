//! Travelling in time, and stopping it.

use super::{start, start_on};
use crate::support::{clock_at, error, result, value};
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use std::time::Duration;

/// Slot, epoch and time of the Clock sysvar in the open slot.
pub(super) fn clock(node: &ValidatorHandle) -> (u64, u64, i64) {
    clock_at(node, "processed")
}

fn travel(node: &ValidatorHandle, to: Value) -> Value {
    result(node, "surfnet_timeTravel", json!([to]))
}

#[test]
fn a_journey_to_a_slot_or_an_epoch_moves_the_clock_there() {
    let node = start();
    result(&node, "surfnet_pauseClock", json!([]));
    let (slot, _, time) = clock(&node);
    let to = slot + 1_000;
    let expected = |slot: u64| {
        json!({
            "absoluteSlot": slot,
            "blockHeight": slot,
            "epoch": slot / 432_000,
            "slotIndex": slot % 432_000,
            "slotsInEpoch": 432_000,
            "transactionCount": 0,
        })
    };
    assert_eq!(travel(&node, json!({"absoluteSlot": to})), expected(to));
    let there = clock(&node);
    assert_eq!((there.0, there.1), (to, 0));
    assert!(
        (399..=401).contains(&(there.2 - time)),
        "{time} to {}",
        there.2
    );
    // What is sealed is before it.
    assert_eq!(result(&node, "getSlot", json!([])), json!(to - 1));
    let block = result(
        &node,
        "getBlock",
        json!([to - 400, {"transactionDetails": "none"}]),
    );
    assert_eq!(block["parentSlot"], json!(to - 401));

    let epoch = travel(&node, json!({"absoluteEpoch": 3}));
    assert_eq!(epoch, expected(3 * 432_000));
    assert_eq!((clock(&node).0, clock(&node).1), (3 * 432_000, 3));
    // Where one is already is no journey.
    assert_eq!(travel(&node, json!({"absoluteEpoch": 3})), epoch);
    for (to, reason) in [
        (json!({"absoluteSlot": to}), "is before"),
        (json!({"absoluteEpoch": 2}), "is before"),
        (
            json!({"absoluteTimestamp": 1_700_000_000_000_u64}),
            "is before",
        ),
        (json!({"absoluteEpoch": 5_000_000}), "too far"),
        (json!({"absoluteSlot": u64::MAX}), "too far"),
        (json!({"relativeSlot": 5}), "unknown variant"),
    ] {
        let (code, message) = error(&node, "surfnet_timeTravel", json!([to]));
        assert!(code == -32602 && message.contains(reason), "{message}");
    }
}

#[test]
fn a_journey_to_a_time_leaves_slots_and_blockhashes_alone() {
    let node = start();
    result(&node, "surfnet_pauseClock", json!([]));
    let (slot, _, time) = clock(&node);
    let blockhash = node.latest_blockhash().to_string();
    let year = time + 365 * 86_400;
    travel(&node, json!({"absoluteTimestamp": year * 1_000}));
    assert_eq!(clock(&node), (slot + 1, 0, year));
    assert_eq!(
        value(&node, "isBlockhashValid", json!([blockhash])),
        json!(true)
    );
    // By default it is an hour.
    result(&node, "surfnet_timeTravel", json!([]));
    assert_eq!(clock(&node), (slot + 2, 0, year + 3_600));
    // From there it goes on.
    result(&node, "surfnet_resumeClock", json!([]));
    while clock(&node).0 < slot + 6 {
        std::thread::yield_now();
    }
    assert!((year + 3_601..year + 3_700).contains(&clock(&node).2));
}

#[test]
fn a_paused_clock_stands_still_and_transactions_run() {
    let builder = Validator::builder().dev(true);
    let node = builder
        .slot_duration(Duration::from_millis(10))
        .start()
        .unwrap();
    let info = result(&node, "surfnet_pauseClock", json!([]));
    let slot = info["absoluteSlot"].as_u64().unwrap();
    // Each takes longer than a slot would.
    for _ in 0..50 {
        let key = solana_pubkey::Pubkey::new_unique();
        node.airdrop(&key, 1_000_000_000).unwrap();
        assert_eq!(clock(&node).0, slot);
    }
    let info = result(&node, "surfnet_resumeClock", json!([]));
    assert_eq!(info["absoluteSlot"], json!(slot));
    while clock(&node).0 < slot + 3 {
        std::thread::yield_now();
    }
}

#[test]
fn time_after_a_restart_is_not_before_the_one_that_was_travelled_to() {
    let folder = tempfile::tempdir().unwrap();
    let start = || start_on(folder.path());
    let node = start();
    let future = (clock(&node).2 + 40 * 365 * 86_400) * 1_000;
    travel(&node, json!({"absoluteTimestamp": future}));
    travel(&node, json!({"absoluteEpoch": 3}));
    result(&node, "surfnet_pauseClock", json!([]));
    let before = clock(&node);
    // A million slots are written first, which on a busy machine takes more than the five seconds of `stop`.
    assert!(node.stop_within(Duration::from_secs(60)));
    let node = start();
    let after = clock(&node);
    assert!(
        after.0 > before.0 && after.1 == 3 && after.2 >= before.2,
        "{before:?}, {after:?}"
    );
    // The clock goes again.
    while clock(&node).0 < after.0 + 2 {
        std::thread::yield_now();
    }
}
