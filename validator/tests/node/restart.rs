//! A node that keeps its chain: stopped, dropped, crashed, and started again.

use crate::support::{PATIENCE, result};
use crate::transfers::signature_of;
use sealane_runtime::{Disk, MemoryDisk, Refusal, VerifyError};
use sealane_sdk::{AccountInfo, ProgramResult, Pubkey};
use sealane_validator::{Error, LAMPORTS_PER_SOL, Validator, ValidatorBuilder, ValidatorHandle};
use serde_json::json;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;
use std::sync::Arc;
use std::time::Duration;

const SLOT: Duration = Duration::from_millis(100);

fn builder(disk: &MemoryDisk) -> ValidatorBuilder {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Validator::builder()
        .no_rpc()
        .slot_duration(SLOT)
        .mint(Pubkey::new_from_array([42; 32]))
        .ledger_on(disk)
}

fn start(disk: &MemoryDisk) -> ValidatorHandle {
    builder(disk).start().expect("the node starts")
}

fn transfer(node: &ValidatorHandle, from: &Keypair, to: &Pubkey, lamports: u64) -> Transaction {
    let transfer = solana_system_interface::instruction::transfer(&from.pubkey(), to, lamports);
    let blockhash = node.latest_blockhash();
    Transaction::new_signed_with_payer(&[transfer], Some(&from.pubkey()), &[from], blockhash)
}

/// A program that the chain did not begin with.
fn nothing(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    Ok(())
}

/// Waits until readers see a slot after `slot`.
fn wait_for_slot_after(node: &ValidatorHandle, slot: u64) {
    while node.reader().slot().slot <= slot {
        std::thread::yield_now();
    }
}

/// What a chain looks like from outside.
fn face(node: &ValidatorHandle) -> [String; 4] {
    [
        node.genesis_hash().to_string(),
        node.faucet_address().to_string(),
        format!("{:?}", node.mint_address()),
        node.reader().genesis_hash().to_string(),
    ]
}

fn is_already_processed(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused(Refusal::Verify(VerifyError::Transaction(
            TransactionError::AlreadyProcessed
        )))
    )
}

/// Transfers, ends the node with `end`, starts it on the disk that this leaves, and looks.
fn check_restart(end: impl Fn(ValidatorHandle, &MemoryDisk) -> MemoryDisk) {
    let mut disk = MemoryDisk::new();
    let (alice, bob) = (Keypair::new(), Pubkey::new_unique());
    let mut expected = 0;
    let mut sent: Vec<Transaction> = Vec::new();
    let mut first_face = None;
    let mut newest_slot = 0;
    for round in 1..=4u64 {
        let node = start(&disk);
        assert_eq!(&face(&node), first_face.get_or_insert(face(&node)));
        assert_eq!(node.balance(&bob).unwrap(), expected, "round {round}");
        for transaction in &sent {
            let status = node.reader().status_since(&transaction.signatures[0], 0);
            assert_eq!(status.unwrap().expect("it is remembered").status, Ok(()));
        }
        if let Some(last) = sent.last() {
            // Its blockhash is recent, and yet it does not run again.
            let refused = node.send(last).expect_err("it ran before");
            assert!(is_already_processed(&refused), "{refused}");
        }
        assert_eq!(
            node.reader().transaction_count(),
            sent.len() as u64 + u64::from(round > 1)
        );
        if round == 1 {
            node.airdrop(&alice.pubkey(), 100 * LAMPORTS_PER_SOL)
                .unwrap();
        }
        let open = node.reader().slot();
        assert!(open.slot >= newest_slot, "slots are monotonic");
        for i in 0..10 {
            let lamports = LAMPORTS_PER_SOL + round * 100 + i;
            let transaction = transfer(&node, &alice, &bob, lamports);
            node.send_and_confirm(&transaction).unwrap();
            expected += lamports;
            sent.push(transaction);
        }
        wait_for_slot_after(&node, open.slot + 2);
        newest_slot = node.reader().slot().slot;
        disk = end(node, &disk);
    }
}

#[test]
fn what_was_confirmed_is_there_after_a_clean_stop() {
    check_restart(|node, disk| {
        assert!(node.stop());
        disk.clone()
    });
}

#[test]
fn what_was_confirmed_is_there_after_a_crash() {
    for seed in 0..3 {
        check_restart(|node, disk| {
            let crashed = disk.crash(seed);
            drop(node);
            crashed
        });
    }
}

#[test]
fn what_was_confirmed_is_there_when_the_process_was_killed() {
    check_restart(|node, disk| {
        // All that was written is there, synced or not.
        let killed = disk.copy();
        drop(node);
        killed
    });
}

#[test]
fn an_airdrop_after_a_kill_is_another_one() {
    let mut disk = MemoryDisk::new();
    let to = Pubkey::new_unique();
    let mut blockhash = None;
    for given in 0..3 {
        // A slot as long as the test: its blockhash is the newest before the kill and after it.
        let on: Arc<dyn Disk> = Arc::new(disk.clone());
        let node = Validator::builder()
            .slot_duration(Duration::from_secs(600))
            .ledger_on(on)
            .start()
            .unwrap();
        assert_eq!(node.balance(&to).unwrap(), given * 2 * LAMPORTS_PER_SOL);
        let blockhash = blockhash.get_or_insert_with(|| node.latest_blockhash().to_string());
        let config = json!({"recentBlockhash": blockhash});
        let request = json!([to.to_string(), LAMPORTS_PER_SOL, config]);
        let sent = result(&node, "requestAirdrop", request);
        node.confirm(&signature_of(&sent), PATIENCE).unwrap();
        node.airdrop(&to, LAMPORTS_PER_SOL).unwrap();
        disk = disk.copy();
    }
}

#[test]
fn a_slot_and_blockhash_that_were_seen_are_never_others_after_a_crash() {
    for seed in 0..20 {
        let mut disk = MemoryDisk::new();
        let mut seen: Vec<(u64, String)> = Vec::new();
        for round in 0..4 {
            let short = builder(&disk).slot_duration(Duration::from_millis(4));
            let node = short.start().unwrap();
            let reader = node.reader();
            let first = reader.slot().slot;
            for (slot, blockhash) in &seen {
                let hashes = &reader.slot().sysvars.slot_hashes;
                let found = hashes.slot_hashes().iter().find(|(it, _)| it == slot);
                let found = found.map(|(_, hash)| hash.to_string());
                assert_eq!(found.as_ref(), Some(blockhash), "slot {slot}, seed {seed}");
            }
            // Idle for a different time each, with some work in between.
            while reader.slot().slot < first + seed % 5 * 9 + round {
                let open = reader.slot();
                let (blockhash, slot) = open.blockhashes[0];
                if open.slot > 0 && seen.last().is_none_or(|(last, _)| *last < slot) {
                    seen.push((slot, blockhash.to_string()));
                }
                if open.slot % 11 == 3 {
                    // Where the machine is slow, its blockhash may be too old already.
                    let _ = node.airdrop(&Pubkey::new_unique(), LAMPORTS_PER_SOL);
                }
                std::thread::yield_now();
            }
            disk = disk.crash(seed * 7 + round);
            drop(node);
        }
    }
}

#[test]
fn another_genesis_is_refused_and_a_reset_begins_anew() {
    let disk = MemoryDisk::new();
    let node = start(&disk);
    let first = face(&node);
    assert!(node.stop());

    let other = builder(&disk).mint(Pubkey::new_from_array([43; 32]));
    let error = other.start().err().expect("it is refused").to_string();
    assert!(
        error.contains("another chain") && error.contains("--reset"),
        "{error}"
    );

    let other = builder(&disk).program(Pubkey::new_from_array([44; 32]), nothing);
    let error = other.start().err().expect("it is refused").to_string();
    assert!(error.contains("without the program"), "{error}");

    let node = start(&disk);
    assert_eq!(face(&node), first);
    assert!(node.stop());

    let node = builder(&disk).reset_ledger().start().unwrap();
    assert_ne!(face(&node), first);
    assert_eq!(node.reader().transaction_count(), 0);
    assert!(node.stop());
}

#[test]
fn a_second_node_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || Validator::builder().no_rpc().ledger(folder.path());
    let node = builder().start().unwrap();
    let error = builder().start().err().expect("it is refused").to_string();
    assert!(error.contains("in use"), "{error}");
    let to = Pubkey::new_unique();
    node.airdrop(&to, 5).unwrap_err();
    node.airdrop(&to, LAMPORTS_PER_SOL).unwrap();
    assert!(node.stop());

    let node = builder().start().unwrap();
    assert_eq!(node.balance(&to).unwrap(), LAMPORTS_PER_SOL);
}

#[test]
fn when_the_disk_fails_nothing_more_is_confirmed_and_reads_go_on() {
    use sealane_runtime::DiskFault;
    for fault in [DiskFault::Io, DiskFault::NoSpace] {
        let disk = MemoryDisk::new();
        let (sender, told) = crossbeam_channel::unbounded();
        let node = builder(&disk)
            .on_ledger_failure(Arc::new(move |reason: &sealane_runtime::LedgerFailure| {
                let _ = sender.send(reason.to_owned());
            }))
            .start()
            .unwrap();
        let (rich, poor) = (Pubkey::new_unique(), Pubkey::new_unique());
        node.airdrop(&rich, LAMPORTS_PER_SOL).unwrap();

        for call in 1..200 {
            disk.fail_call(disk.calls() + call, fault);
        }
        // It may be taken in before the failure is noticed; it is never confirmed.
        let faucet = node.faucet();
        let lost = transfer(&node, faucet, &poor, LAMPORTS_PER_SOL);
        let taken = node.send(&lost);
        let reason = told
            .recv_timeout(Duration::from_secs(20))
            .expect("it is told");
        let reason = reason.to_string();
        assert!(!reason.is_empty());
        let error = node.send(&transfer(&node, faucet, &rich, 1)).unwrap_err();
        assert!(error.to_string().contains("ledger failed"), "{error}");
        assert!(!node.reader().is_healthy());
        assert_eq!(node.ledger_failure().as_deref(), Some(reason.as_str()));
        assert_eq!(node.balance(&rich).unwrap(), LAMPORTS_PER_SOL);
        assert_eq!(node.balance(&poor).unwrap(), 0);
        assert_eq!(node.reader().recent_status(&lost.signatures[0]), None);
        assert!(node.stop(), "an orderly stop all the same");

        // Once the disk is well again, so is the node.
        disk.clear_faults();
        let node = start(&disk);
        assert_eq!(node.balance(&rich).unwrap(), LAMPORTS_PER_SOL);
        let poor_has = node.balance(&poor).unwrap();
        assert!(
            poor_has == 0 || taken.is_ok(),
            "it was written, and not acknowledged"
        );
        assert!(node.stop());
    }
}
