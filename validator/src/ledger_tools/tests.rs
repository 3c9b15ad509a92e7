//! The tools on ledgers that a node wrote: what it served is what they show, and whatever is damaged is told.

mod traces;

use super::export::{Encoding, ExportOptions};
use super::verify::{Verdict, verify};
use super::{genesis, log_of, stats};
use crate::{LAMPORTS_PER_SOL, Validator, ValidatorHandle};
use sealane_runtime::{
    Archive, ArchiveLimits, ChainState, CheckpointConfig, Checkpoints, Disk, EndedSlot, MemoryDisk,
    SlotContext,
};
use sealane_sdk::{AccountState, Pubkey};
use serde_json::Value;
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A chain that was served and stopped, and what was served.
struct Served {
    disk: MemoryDisk,
    /// In order.
    signatures: Vec<Signature>,
    failed: u64,
    node: ValidatorHandle,
}

fn shared(disk: &MemoryDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn check(disk: &MemoryDisk) -> Verdict {
    verify(&shared(disk), &mut |_| {})
}

/// A node that ran `transfers` transactions, every third of which failed, and goes on.
fn serve(disk: &MemoryDisk, transfers: u64) -> Served {
    let node = Validator::builder()
        .no_rpc()
        .nothing_on_board()
        .slot_duration(Duration::from_millis(10))
        .ledger_on(shared(disk))
        .start()
        .unwrap();
    let (alice, bob) = (Keypair::new(), Pubkey::new_unique());
    let first = node.airdrop(&alice.pubkey(), LAMPORTS_PER_SOL * 100);
    let mut signatures = vec![first.unwrap()];
    let mut failed = 0;
    for i in 0..transfers {
        let lamports = match i % 3 {
            2 => LAMPORTS_PER_SOL * 1_000 + i,
            _ => LAMPORTS_PER_SOL + i,
        };
        let from = alice.pubkey();
        let transfer = solana_system_interface::instruction::transfer(&from, &bob, lamports);
        let blockhash = node.latest_blockhash();
        let transaction =
            Transaction::new_signed_with_payer(&[transfer], Some(&from), &[&alice], blockhash);
        failed += u64::from(node.send_and_confirm(&transaction).is_err());
        signatures.push(transaction.signatures[0]);
        let open = node.reader().slot().slot;
        while i % 4 == 3 && node.reader().slot().slot == open {
            std::thread::yield_now();
        }
    }
    Served {
        disk: disk.clone(),
        signatures,
        failed,
        node,
    }
}

/// Slots that pass in idleness before a stop, so that the log has a run of them.
fn idle(served: &Served) {
    let open = served.node.reader().slot().slot;
    while served.node.reader().slot().slot < open + 5 {
        std::thread::yield_now();
    }
}

/// A ledger with something in all of its parts, cleanly stopped.
fn whole_ledger(transfers: u64) -> MemoryDisk {
    let served = serve(&MemoryDisk::new(), transfers);
    idle(&served);
    assert!(served.node.stop());
    let tip = genesis(&served.disk).unwrap().hash;
    add_accounts(&served.disk, tip, 1);
    add_history(&served.disk);
    served.disk
}

/// Account files of a chain with this tip before this record, unless the node made some.
fn add_accounts(disk: &MemoryDisk, tip: Hash, record: u64) {
    if disk
        .files()
        .iter()
        .any(|(path, _)| path.starts_with("accounts/"))
    {
        return;
    }
    let genesis = genesis(disk).unwrap();
    let config = CheckpointConfig::default();
    let (mut files, ..) = Checkpoints::open(shared(disk), genesis.hash, config).unwrap();
    let context = Arc::new(SlotContext::genesis(genesis.hash, genesis.time));
    for lamports in [7, 8] {
        let state = AccountState {
            lamports,
            data: vec![1; 100].into(),
            ..AccountState::default()
        };
        files.note(vec![(Pubkey::new_unique(), state)]);
        let chain = ChainState {
            context: context.clone(),
            tip,
            header: genesis.hash,
            transaction_count: 0,
            recent: Vec::new(),
        };
        let mut ended = EndedSlot {
            chain,
            entry: 0,
            state_root: Hash::new_from_array([3; 32]),
            began: None,
            log: Default::default(),
        };
        ended.log.record = record;
        files.slot_ended(ended, Instant::now() + Duration::from_secs(10 * lamports));
    }
    files.close();
}

/// An index of a few slots, unless the node made one.
fn add_history(disk: &MemoryDisk) {
    if disk
        .files()
        .iter()
        .any(|(path, _)| path.starts_with("history/"))
    {
        return;
    }
    let limits = ArchiveLimits::default();
    let (_, mut writer) = Archive::open(shared(disk), limits, [3; 16], Hash::default()).unwrap();
    for slot in 0..3 {
        let opened = sealane_runtime::OpenedSlot {
            slot,
            time_ms: slot as i64,
            slot_ms: 1,
            parent_blockhash: Hash::default(),
            file: 0,
        };
        writer.open_slot(opened).unwrap();
    }
    writer.flush().unwrap();
}

#[test]
fn a_good_ledger_is_good_and_stays_as_it_is() {
    let disk = whole_ledger(20);
    let calls = disk.calls();
    let mut checked = 0;
    let verdict = verify(&shared(&disk), &mut |bytes| checked += bytes);
    assert!(verdict.damaged().is_empty(), "{verdict}");
    assert!(verdict.notes().is_empty(), "{verdict}");
    let files = disk.files();
    let of = |folder: &str, end: &str| {
        let bytes = files
            .iter()
            .filter(|(path, _)| path.starts_with(folder) && path.ends_with(end));
        bytes.map(|(_, bytes)| bytes).sum::<u64>()
    };
    let log = of("blocks/", ".log");
    assert!(checked > log && log > 0, "{checked} of {log} bytes of log");
    let text = verdict.to_string();
    for expected in [
        "genesis    good",
        "2 checkpoints",
        "21 transactions",
        "1 runs",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    stats::gather(&shared(&disk)).unwrap();
    ExportOptions::default()
        .write(&shared(&disk), &mut Vec::new())
        .unwrap();
    assert_eq!(disk.calls(), calls);
}

/// How a ledger is damaged, and what is told.
type Damage = (fn(&MemoryDisk), &'static [&'static str]);

const LOG: &str = "blocks/0000000000.log";

const DAMAGES: [Damage; 11] = [
    (
        |disk| disk.flip_bit("genesis", 99),
        &["genesis", "checksum"],
    ),
    (
        |disk| disk.remove("identity.json").unwrap(),
        &["identity.json", "missing"],
    ),
    (
        |disk| disk.write("faucet.json", b"[1,2,3]"),
        &["faucet.json", "does not hold the keypair"],
    ),
    (
        |disk| disk.flip_bit(LOG, 8 * 30),
        &["blocks/0000000000.log is damaged at byte 0", "Put a copy"],
    ),
    (
        |disk| disk.flip_bit(LOG, 8 * 200),
        &["blocks/0000000000.log is damaged at byte 88", "Put a copy"],
    ),
    (
        |disk| {
            let bytes = disk.read(LOG);
            disk.write(LOG, &bytes[..bytes.len() - 1]);
        },
        &[
            "blocks/0000000000.log is damaged at byte",
            "was closed with",
        ],
    ),
    (
        |disk| disk.flip_bit("blocks/closed", 8 * 60),
        &["blocks/closed is damaged"],
    ),
    (
        |disk| disk.remove(LOG).unwrap(),
        &["blocks/0000000000.log is missing"],
    ),
    (
        |disk| disk.flip_bit("accounts/0000000000.seg", 8 * 70),
        &[
            "accounts/0000000000.seg is damaged at byte 64",
            "Check the disk",
        ],
    ),
    (
        |disk| disk.flip_bit("accounts/checkpoint-1", 8 * 100),
        &["accounts/checkpoint-1 is damaged at byte 64"],
    ),
    (
        |disk| disk.flip_bit("history/0000000000-0000000001.run", 8 * 5_000),
        &["run is damaged at byte 4096", "Remove the history folder"],
    ),
];

#[test]
fn what_is_damaged_is_told_with_what_to_do() {
    let disk = whole_ledger(20);
    for (damage, expected) in DAMAGES {
        let disk = disk.copy();
        damage(&disk);
        let calls = disk.calls();
        let verdict = check(&disk);
        assert_eq!(disk.calls(), calls, "{expected:?}");
        let told = verdict.damages().join("\n");
        assert_eq!(verdict.damages().len(), 1, "{expected:?}: {verdict}");
        for expected in expected {
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }
}

#[test]
fn a_checkpoint_that_is_not_of_this_log_is_told() {
    let check = |tip: fn(&MemoryDisk) -> Hash, record: u64, expected: &str| {
        let served = serve(&MemoryDisk::new(), 6);
        assert!(served.node.stop());
        for (path, _) in served.disk.files() {
            if path.starts_with("accounts/") {
                served.disk.remove(&path).unwrap();
            }
        }
        add_accounts(&served.disk, tip(&served.disk), record);
        let verdict = check(&served.disk);
        let told = verdict.damages().join("\n");
        assert!(told.contains(expected), "{expected}: {verdict}");
        assert!(told.contains("Move the accounts folder away"), "{told}");
    };
    let of_genesis = |disk: &MemoryDisk| genesis(disk).unwrap().hash;
    check(
        of_genesis,
        8,
        "its tip is not that of the log before record 8",
    );
    check(
        |_| Hash::default(),
        1,
        "its tip is not that of the log before record 1",
    );
    check(of_genesis, 1_000_000, "it goes on with record 1000000");
}

#[test]
fn every_damaged_part_is_told() {
    let disk = whole_ledger(20);
    for at in [4, 8, 10] {
        DAMAGES[at].0(&disk);
    }
    assert_eq!(check(&disk).damaged(), ["accounts", "block log", "history"]);
}

#[test]
fn a_bit_that_flips_anywhere_in_a_ledger_that_was_stopped_cleanly_is_told() {
    // All of them, where there is time.
    let step = match std::env::var_os("SEALANE_FLIPS") {
        Some(_) => 1,
        None => 83,
    };
    let disk = whole_ledger(6);
    let mut flips = 0;
    for (path, bytes) in disk.files() {
        println!("{path}: {bytes} bytes");
        // The end of a file is looked at closely: what is behind the last record must not be overlooked.
        let bits = bytes * 8;
        for bit in (0..bits).step_by(step).chain(bits.saturating_sub(16)..bits) {
            disk.flip_bit(&path, bit);
            let verdict = check(&disk);
            assert!(
                !verdict.damaged().is_empty(),
                "bit {bit} of {path}: {verdict}"
            );
            assert!(!verdict.damages()[0].is_empty());
            disk.flip_bit(&path, bit);
            flips += 1;
        }
    }
    assert!(check(&disk).damaged().is_empty());
    println!("{flips} flips");
    assert!(flips > 1_000, "{flips}");
}

#[test]
fn what_a_crash_leaves_does_no_harm_and_is_said() {
    let served = serve(&MemoryDisk::new(), 12);
    let killed = served.disk.copy();
    assert!(served.node.stop());
    let newest = killed.files();
    let (path, bytes) = newest
        .iter()
        .rfind(|(path, _)| path.ends_with(".log"))
        .expect("there is a log");
    let mut torn = killed.read(path);
    torn.extend_from_slice(b"SLR and no record");
    killed.write(path, &torn);

    let verdict = check(&killed);
    assert!(verdict.damaged().is_empty(), "{verdict}");
    let [torn, stop] = verdict.notes() else {
        panic!("{verdict}")
    };
    assert!(
        torn.starts_with(&format!("17 bytes from byte {bytes} of {path}")),
        "{torn}"
    );
    assert!(stop.contains("not stopped cleanly"), "{stop}");
}

#[test]
fn stats_say_what_was_served() {
    let served = serve(&MemoryDisk::new(), 20);
    idle(&served);
    let (reader, genesis) = (served.node.reader().clone(), served.node.genesis_hash());
    assert!(served.node.stop());
    let stats = stats::gather(&shared(&served.disk)).unwrap();
    let told: Value = serde_json::to_value(&stats).unwrap();
    let number = |path: &str| {
        told.pointer(path)
            .and_then(Value::as_u64)
            .expect("a number")
    };
    assert_eq!(told["genesisHash"], genesis.to_string());
    assert_eq!(number("/transactions"), served.signatures.len() as u64);
    assert_eq!(number("/failed"), served.failed);
    let signed = served.signatures.len() as u64;
    assert_eq!(number("/feesLamports"), 5_000 * signed);
    assert_eq!(number("/firstSlot/slot"), 0);
    assert_eq!(number("/lastSlot/slot"), reader.slot().slot);
    assert_eq!(number("/slots"), reader.slot().slot + 1);
    assert_eq!(told["stoppedCleanly"], true);
    let files = served.disk.files();
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(number("/bytesTotal"), bytes);
    let text = stats.to_string();
    for expected in [
        "Transactions  15 succeeded, 6 failed",
        "Stopped       cleanly",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

fn export(disk: &MemoryDisk, options: &ExportOptions) -> Vec<Value> {
    let mut out = Vec::new();
    options.write(&shared(disk), &mut out).unwrap();
    let lines = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn an_export_has_what_was_served_in_order() {
    let served = serve(&MemoryDisk::new(), 20);
    idle(&served);
    let reader = served.node.reader().clone();
    assert!(served.node.stop());
    let lines = export(&served.disk, &ExportOptions::default());
    let of = |kind: &str| {
        lines
            .iter()
            .filter(|line| line["type"] == kind)
            .collect::<Vec<_>>()
    };
    let transactions = of("transaction");
    assert_eq!(transactions.len(), served.signatures.len());
    for (line, signature) in transactions.iter().zip(&served.signatures) {
        let seen = reader.transaction(signature).unwrap();
        let seen = seen.expect("it is remembered");
        assert_eq!(line["signature"], signature.to_string());
        assert_eq!(
            (&line["slot"], &line["index"]),
            (&seen.slot().into(), &seen.index().into())
        );
        let record = seen.record();
        assert_eq!(line["meta"]["err"].is_null(), record.status.is_ok());
        assert_eq!(
            line["meta"]["preBalances"],
            Value::from(record.pre_balances)
        );
        assert_eq!(
            line["meta"]["postBalances"],
            Value::from(record.post_balances)
        );
        assert_eq!(line["meta"]["logMessages"], Value::from(record.logs));
        assert_eq!(line["transaction"][1], "base64");
    }
    let slots = of("slot");
    assert_eq!(slots.len() as u64, reader.slot().slot + 1);
    for (slot, line) in (0..).zip(slots) {
        assert_eq!(line["slot"], slot);
        if let Ok(block) = reader.block(slot) {
            assert_eq!(
                line["parentBlockhash"],
                block.previous_blockhash.to_string()
            );
        }
    }
    // Shares of the fees of all slots but the last come to half of what was paid.
    let share = of("feeReward")
        .iter()
        .map(|line| line["lamports"].as_u64().unwrap())
        .sum::<u64>();
    assert!(
        share > 0 && share <= 2_500 * served.signatures.len() as u64,
        "{share}"
    );
}

#[test]
fn an_export_has_the_slots_that_were_asked_for_in_the_encoding_that_was() {
    let served = serve(&MemoryDisk::new(), 20);
    assert!(served.node.stop());
    let slot_of = |line: &Value| line["slot"].as_u64().unwrap();
    let all = export(&served.disk, &ExportOptions::default());
    let last = slot_of(all.last().unwrap());
    let part = ExportOptions {
        from_slot: Some(2),
        to_slot: Some(last - 1),
        encoding: Encoding::Json,
    };
    let found = export(&served.disk, &part);
    assert!(found.iter().all(|line| (2..last).contains(&slot_of(line))));
    let expected = all.iter().filter(|line| (2..last).contains(&slot_of(line)));
    assert_eq!(found.len(), expected.count());
    let transaction = found
        .iter()
        .find(|line| line["type"] == "transaction")
        .unwrap();
    let message = &transaction["transaction"]["message"];
    assert_eq!(
        message["header"]["numRequiredSignatures"], 1,
        "{transaction}"
    );
}

#[test]
fn where_there_is_no_chain_that_is_said() {
    let disk = MemoryDisk::new();
    let told = check(&disk).damages().join("");
    assert!(told.contains("no chain in this folder"), "{told}");
    let served = serve(&disk, 1);
    assert!(served.node.stop());
    let genesis = genesis(&disk).unwrap();
    assert!(log_of(&shared(&disk), &genesis).is_ok());
}
