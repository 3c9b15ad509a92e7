//! Without a finality lag: accounts of sysvars are those of the slot that `getSlot` names.

use crate::support::{clock_at, result, value};
use sealane_sdk::{AccountMeta, Instruction};
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::json;
use solana_pubkey::{Pubkey, pubkey};
use solana_signer::Signer;
use solana_transaction::Transaction;

const LOOKUP_TABLES: Pubkey = pubkey!("AddressLookupTab1e1111111111111111111111111");
const SYSTEM: Pubkey = pubkey!("11111111111111111111111111111111");

/// A node whose clock stands.
fn paused() -> ValidatorHandle {
    let node = Validator::builder().dev(true).start().unwrap();
    // A slot has ended.
    node.snapshot_state().unwrap();
    node.pause_clock().unwrap();
    node
}

#[test]
fn the_clock_is_that_of_the_slot_that_get_slot_names_but_for_processed() {
    let node = paused();
    for travelled in [false, true] {
        if travelled {
            let to = node.reader().slot().slot + 70_000;
            result(&node, "surfnet_timeTravel", json!([{"absoluteSlot": to}]));
        }
        let open = node.reader().slot();
        let sealed = result(&node, "getSlot", json!([])).as_u64().unwrap();
        assert_eq!(sealed, open.slot - 1);
        let time = |slot: u64| {
            result(&node, "getBlockTime", json!([slot]))
                .as_i64()
                .unwrap()
        };
        for level in ["confirmed", "finalized", "none at all"] {
            let expected = (sealed, 0, time(sealed));
            assert_eq!(clock_at(&node, level), expected, "{level}, {travelled}");
        }
        let clock = &open.sysvars.clock;
        let expected = (open.slot, 0, clock.unix_timestamp);
        assert_eq!(clock_at(&node, "processed"), expected);
    }
}

#[test]
fn a_way_back_takes_the_clock_along() {
    let node = paused();
    let before = (clock_at(&node, "processed"), clock_at(&node, "finalized"));
    let id = result(&node, "sealane_snapshot", json!([]));
    let begun = (clock_at(&node, "processed"), clock_at(&node, "finalized"));
    assert_eq!(begun.1, before.0);
    result(
        &node,
        "surfnet_timeTravel",
        json!([{"absoluteSlot": 5_000}]),
    );
    assert_eq!(clock_at(&node, "finalized").0, 4_999);
    assert_eq!(result(&node, "sealane_revert", json!([id])), json!(true));
    let back = (clock_at(&node, "processed"), clock_at(&node, "finalized"));
    assert_eq!(back, begun);
}

#[test]
fn the_history_of_slots_has_each_that_is_sealed() {
    let node = paused();
    let history = "SysvarS1otHistory11111111111111111111111111";
    for to in [None, Some(100), Some(1_048_576), Some(3_000_000)] {
        if let Some(to) = to {
            result(&node, "surfnet_timeTravel", json!([{"absoluteSlot": to}]));
        }
        let sealed = result(&node, "getSlot", json!([])).as_u64().unwrap();
        let config = json!({"encoding": "jsonParsed"});
        let account = value(&node, "getAccountInfo", json!([history, config]));
        assert_eq!(account["space"], json!(131_097));
        assert_eq!(
            account["owner"],
            json!("Sysvar1111111111111111111111111111111111111")
        );
        // As the ecosystem's decoder reads it.
        let parsed = &account["data"]["parsed"];
        assert_eq!(parsed["type"], json!("slotHistory"));
        assert_eq!(parsed["info"]["nextSlot"], json!(sealed + 1));
        let bits = parsed["info"]["bits"].as_str().unwrap();
        let set = usize::try_from(sealed + 1).unwrap().min(1_048_576);
        assert_eq!(bits.len(), 1_048_576);
        assert_eq!(bits, "1".repeat(set) + &"0".repeat(1_048_576 - set));
    }
}

/// As the `solana` command line does it.
#[test]
fn a_lookup_table_can_be_made_with_the_slot_of_the_final_clock() {
    let node = paused();
    let slot = clock_at(&node, "finalized").0;
    let payer = node.faucet();
    let seeds = [
        payer.pubkey().to_bytes().to_vec(),
        slot.to_le_bytes().to_vec(),
    ];
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    let (table, bump) = Pubkey::find_program_address(&seeds, &LOOKUP_TABLES);
    let mut data = 0_u32.to_le_bytes().to_vec();
    data.extend_from_slice(&slot.to_le_bytes());
    data.push(bump);
    let instruction = Instruction {
        program_id: LOOKUP_TABLES,
        accounts: vec![
            AccountMeta::new(table, false),
            AccountMeta::new_readonly(payer.pubkey(), true),
            AccountMeta::new(payer.pubkey(), true),
            AccountMeta::new_readonly(SYSTEM, false),
        ],
        data,
    };
    let blockhash = node.latest_blockhash();
    let transaction = Transaction::new_signed_with_payer(
        &[instruction],
        Some(&payer.pubkey()),
        &[payer],
        blockhash,
    );
    node.send_and_confirm(&transaction).unwrap();
    let found = value(&node, "getAccountInfo", json!([table.to_string()]));
    assert_eq!(found["owner"], json!(LOOKUP_TABLES.to_string()));
}
