//! With a finality lag each level has a state of its own.

use super::{LAG, Steps, lagging, status};
use crate::support::{call, clock_at, error, result};
use crate::transfers::{SYSTEM, base64};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_runtime::TimeTravel;
use sealane_validator::{Limits, Validator};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::{MessageHeader, VersionedMessage, v0};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction::versioned::VersionedTransaction;

#[test]
fn a_level_shows_the_state_at_the_end_of_its_slot_whatever_is_written_since() {
    let steps = Steps::grown();
    let open = steps.open();
    let look = || ["processed", "confirmed", "finalized"].map(|level| steps.seen(level));
    assert_eq!(look(), [open, open - 1, open - 1 - LAG]);
    let clocks =
        ["processed", "confirmed", "finalized"].map(|level| clock_at(&steps.node, level).0);
    assert_eq!(clocks, [open, open - 1, open - 1 - LAG]);
    // Banking writes the very account, in many entries.
    let count = || result(&steps.node, "getTransactionCount", json!([])).as_u64();
    let counted = count();
    for _ in 0..100 {
        steps
            .node
            .airdrop(&steps.watched.pubkey(), 1_000_000)
            .unwrap();
    }
    let written = open + 100_000_000;
    assert_eq!(look(), [written, open - 1, open - 1 - LAG]);
    assert_eq!(count(), counted, "of what is final");
    steps.node.time_travel(TimeTravel::Slot(open + 1)).unwrap();
    assert_eq!(look(), [written, written, open - LAG]);
}

#[test]
fn what_is_final_is_the_beginning_until_the_chain_is_old_enough() {
    let steps = Steps::new(lagging());
    let absent = Keypair::new().pubkey().to_string();
    let named = |level: &str| {
        result(&steps.node, "getSlot", json!([{"commitment": level}]))
            .as_u64()
            .unwrap()
    };
    let key = steps.watched.pubkey().to_string();
    let final_balance = || {
        let found = result(&steps.node, "getBalance", json!([key]));
        found["value"].as_u64().unwrap()
    };
    assert_eq!(named("finalized"), 0);
    while steps.open() < LAG + 1 {
        assert_eq!((named("finalized"), final_balance()), (0, 0));
        let slot = steps.step();
        assert_eq!((named("processed"), named("confirmed")), (slot, slot - 1));
    }
    assert_eq!(named("finalized"), 0);
    assert!(final_balance() > 0, "its first slot is final");
    steps.step();
    assert_eq!(named("finalized"), 1);
    assert_eq!(
        result(&steps.node, "getBalance", json!([absent]))["value"],
        json!(0)
    );
}

#[test]
fn a_blockhash_that_is_too_new_for_the_level_is_not_found() {
    let steps = Steps::grown();
    let transaction = steps.transfer();
    let wire = base64(&transaction);
    let simulated = |level: &str| {
        let config = json!({"encoding": "base64", "commitment": level});
        let found = result(&steps.node, "simulateTransaction", json!([wire, config]));
        found["value"]["err"].clone()
    };
    assert_eq!(simulated("finalized"), json!("BlockhashNotFound"));
    assert_eq!(simulated("confirmed"), Value::Null);
    assert_eq!(simulated("processed"), Value::Null);
    let replaces = json!({"encoding": "base64", "replaceRecentBlockhash": true});
    let found = result(&steps.node, "simulateTransaction", json!([wire, replaces]));
    assert_eq!(found["value"]["err"], Value::Null);
    let latest = result(&steps.node, "getLatestBlockhash", json!([]));
    assert_eq!(found["value"]["replacementBlockhash"], latest["value"]);

    let send = |config: Value| call(&steps.node, "sendTransaction", json!([wire, config]));
    let refused = send(json!({"encoding": "base64"}));
    assert_eq!(refused["error"]["code"], json!(-32002), "{refused}");
    assert_eq!(refused["error"]["data"]["err"], json!("BlockhashNotFound"));
    let sent = send(json!({"encoding": "base64", "preflightCommitment": "confirmed"}));
    assert_eq!(sent["result"], json!(transaction.signatures[0].to_string()));
}

/// An operator's change of a program is no deployment: nothing but the account's bytes tells of it.
#[test]
fn a_level_runs_programs_as_they_were_and_the_newest_state_as_they_are() {
    let steps = Steps::grown();
    let faucet = steps.node.faucet();
    let memo: Pubkey = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
        .parse()
        .unwrap();
    let call = |text: &[u8]| {
        let instruction = sealane_sdk::Instruction {
            program_id: memo,
            accounts: vec![],
            data: text.to_vec(),
        };
        Transaction::new_signed_with_payer(
            &[instruction],
            Some(&faucet.pubkey()),
            &[faucet],
            steps.node.latest_blockhash(),
        )
    };
    let failed = |level: &str| {
        let config = json!({
            "encoding": "base64", "commitment": level, "replaceRecentBlockhash": true,
        });
        let wire = base64(&call(b"simulated"));
        let found = result(&steps.node, "simulateTransaction", json!([wire, config]));
        !found["value"]["err"].is_null()
    };
    let look = || ["processed", "confirmed", "finalized"].map(failed);
    assert_eq!(look(), [false; 3]);
    let broken = json!([memo.to_string(), {"data": "00"}]);
    result(&steps.node, "surfnet_setAccount", broken);
    for expected in [
        [true, false, false],
        [true, true, false],
        [true, true, false],
    ] {
        // What a level has run is not what runs now.
        let slot = steps.open();
        let sent = call(&slot.to_le_bytes());
        steps.node.send_and_confirm(&sent).unwrap_err();
        assert_eq!(look(), expected);
        steps.step();
    }
    for _ in 0..LAG {
        steps.step();
    }
    assert_eq!(look(), [true; 3]);
}

#[test]
fn a_lookup_table_gives_what_it_held_at_the_level() {
    let steps = Steps::grown();
    let (table, looked_up) = (Pubkey::new_unique(), Pubkey::new_unique());
    // That it is a table, never deactivated, extended in slot 0 from index 0 on, without an authority; then addresses.
    let mut data = 1_u32.to_le_bytes().to_vec();
    data.extend_from_slice(&u64::MAX.to_le_bytes());
    data.resize(56, 0);
    data.extend_from_slice(looked_up.as_array());
    let state = sealane_sdk::AccountState {
        lamports: 10_000_000,
        owner: "AddressLookupTab1e1111111111111111111111111"
            .parse()
            .unwrap(),
        data: data.into(),
        ..Default::default()
    };
    steps.node.set_account(&table, state).unwrap();
    let faucet = steps.node.faucet();
    let message = v0::Message {
        header: MessageHeader {
            num_required_signatures: 1,
            num_readonly_signed_accounts: 0,
            num_readonly_unsigned_accounts: 1,
        },
        account_keys: vec![faucet.pubkey(), SYSTEM.parse().unwrap()],
        recent_blockhash: steps.node.latest_blockhash(),
        // A transfer of 1,000,000 lamports to the address in the table.
        instructions: vec![CompiledInstruction {
            program_id_index: 1,
            accounts: vec![0, 2],
            data: [&2_u32.to_le_bytes()[..], &1_000_000_u64.to_le_bytes()[..]].concat(),
        }],
        address_table_lookups: vec![v0::MessageAddressTableLookup {
            account_key: table,
            writable_indexes: vec![0],
            readonly_indexes: vec![],
        }],
    };
    let signed = VersionedTransaction::try_new(VersionedMessage::V0(message), &[faucet]).unwrap();
    let wire = BASE64_STANDARD.encode(bincode::serialize(&signed).unwrap());
    let simulated = |level: &str| {
        let config = json!({
            "encoding": "base64", "commitment": level, "replaceRecentBlockhash": true,
        });
        let answer = call(&steps.node, "simulateTransaction", json!([wire, config]));
        match answer["error"]["message"].as_str() {
            Some(message) => message.to_owned(),
            None => answer["result"]["value"]["err"].to_string(),
        }
    };
    let unknown =
        "invalid transaction: Transaction loads an address table account that doesn't exist";
    let look = || ["processed", "confirmed", "finalized"].map(simulated);
    assert_eq!(look(), ["null", unknown, unknown]);
    steps.step();
    assert_eq!(look(), ["null", "null", unknown]);
    for _ in 0..LAG {
        steps.step();
    }
    assert_eq!(look(), ["null"; 3]);
}

#[test]
fn a_journey_through_time_takes_all_levels_along() {
    let steps = Steps::grown();
    let before = steps.open();
    for to in [before + 2, before + 4, before + 50_000] {
        steps.node.time_travel(TimeTravel::Slot(to)).unwrap();
        let named = ["processed", "confirmed", "finalized"].map(|level| {
            let slot = result(&steps.node, "getSlot", json!([{"commitment": level}]));
            assert_eq!(slot, json!(clock_at(&steps.node, level).0), "{level}");
            slot.as_u64().unwrap()
        });
        assert_eq!(named, [to, to - 1, to - 1 - LAG]);
        let latest = result(&steps.node, "getLatestBlockhash", json!([]));
        let config = json!({"transactionDetails": "none"});
        let block = result(&steps.node, "getBlock", json!([to - 1 - LAG, config]));
        assert_eq!(latest["value"]["blockhash"], block["blockhash"]);
    }
    assert_eq!(steps.seen("finalized"), before);
}

#[test]
fn a_way_back_takes_all_levels_along() {
    for wait in [1, 20] {
        let steps = Steps::grown();
        let id = steps.node.snapshot_state().unwrap();
        let begun = steps.open();
        let transaction = steps.transfer();
        steps.node.send_and_confirm(&transaction).unwrap();
        for _ in 0..wait {
            steps.step();
        }
        assert!(steps.node.revert_state(id).unwrap());
        assert_eq!(steps.open(), begun);
        assert_eq!(steps.seen("processed"), begun - 1);
        assert_eq!(steps.seen("confirmed"), begun - 1);
        let slot = result(&steps.node, "getSlot", json!([])).as_u64().unwrap();
        // What had been held of the time before, if it still was.
        let held = if wait == 1 { begun - LAG } else { begun - 1 };
        assert_eq!((slot, steps.seen("finalized")), (held, held), "{wait}");
        assert_eq!(
            status(&steps.node, &transaction),
            (Value::Null, Value::Null)
        );
        steps.mark();
        for _ in 0..=LAG {
            steps.step();
        }
        let open = steps.open();
        assert_eq!(steps.seen("finalized"), open - 1 - LAG);
    }
}

#[test]
fn a_chain_that_goes_on_is_final_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || lagging().ledger(folder.path());
    let steps = Steps::new(builder());
    for _ in 0..LAG + 4 {
        steps.step();
    }
    let (last, watched) = (steps.open(), steps.watched);
    assert!(steps.node.stop());
    let node = builder().start().unwrap();
    node.pause_clock().unwrap();
    let steps = Steps { node, watched };
    let slot = result(&steps.node, "getSlot", json!([])).as_u64().unwrap();
    assert!(slot >= last - 1 - LAG, "{slot} after {last}");
    // No mark is made in the slots between.
    assert_eq!(steps.seen("finalized"), slot.min(last));
    assert_eq!(steps.seen("confirmed"), last);
}

#[test]
fn a_state_that_keeps_too_much_is_no_longer_held() {
    let mut limits = Limits::default();
    limits.pinned_bytes_max = 4_000;
    let steps = Steps::new(lagging().limits(limits));
    for _ in 0..LAG + 4 {
        steps.step();
    }
    for _ in 0..50 {
        steps
            .node
            .airdrop(&steps.watched.pubkey(), 1_000_000)
            .unwrap();
    }
    let key = steps.watched.pubkey().to_string();
    let (code, message) = error(&steps.node, "getBalance", json!([key]));
    assert_eq!(code, -32012);
    assert!(message.contains("no longer held"), "{message}");
    // What needs no accounts, and the newest state, are there.
    result(&steps.node, "getSlot", json!([]));
    steps.seen("processed");
    // So is what is final, once little was written since.
    for _ in 0..=LAG + 1 {
        steps.step();
    }
    assert_eq!(steps.seen("finalized"), steps.open() - 1 - LAG);
}

#[test]
fn a_lag_is_bounded() {
    let refused = Validator::builder().no_rpc().finality_lag(151).start();
    let message = refused.err().unwrap().to_string();
    assert!(message.contains("150 slots"), "{message}");
    assert!(
        Validator::builder()
            .no_rpc()
            .finality_lag(150)
            .start()
            .is_ok()
    );
}
