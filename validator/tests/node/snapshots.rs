//! Chains that go from folder to folder: snapshots of a running node, and states in one file.

use sealane_sdk::Pubkey;
use sealane_validator::{Error, LAMPORTS_PER_SOL, Validator, ValidatorBuilder, ValidatorHandle};
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn builder() -> ValidatorBuilder {
    Validator::builder()
        .no_rpc()
        .slot_duration(Duration::from_millis(50))
        .mint(Pubkey::new_from_array([42; 32]))
}

fn start(builder: ValidatorBuilder) -> ValidatorHandle {
    builder.start().expect("the node starts")
}

/// Why a start is refused.
fn refusal(builder: ValidatorBuilder) -> String {
    let started = builder.start();
    started.err().expect("it is refused").to_string()
}

fn transfer(node: &ValidatorHandle, from: &Keypair, to: &Pubkey, lamports: u64) -> Transaction {
    let transfer = solana_system_interface::instruction::transfer(&from.pubkey(), to, lamports);
    let blockhash = node.latest_blockhash();
    Transaction::new_signed_with_payer(&[transfer], Some(&from.pubkey()), &[from], blockhash)
}

/// A snapshot, when there is a checkpoint.
fn snapshot(node: &ValidatorHandle) -> PathBuf {
    loop {
        match node.make_snapshot() {
            Ok(folder) => return folder,
            Err(Error::Snapshot(sealane_runtime::SnapshotError::NoCheckpoint)) => {
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("there is room");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it is there");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("there is room");
        }
    }
}

/// Flips a bit in the middle of the newest log file of a snapshot.
fn damage(snapshot: &Path) {
    let files = fs::read_dir(snapshot.join("blocks")).expect("it is there");
    let files = files.map(|entry| entry.expect("it is there").path());
    let file = files
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .max();
    let file = file.expect("a snapshot has a log");
    let mut bytes = fs::read(&file).expect("it reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // A file of its own: the ledger's has other names.
    fs::remove_file(&file).expect("it is there");
    fs::write(&file, bytes).expect("there is room");
}

#[test]
fn a_copied_snapshot_starts_as_the_chain_was_and_the_node_it_is_of_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (home.path().join("first"), home.path().join("second"));
    let (alice, bob) = (Keypair::new(), Pubkey::new_unique());
    let node = start(builder().ledger(&first));
    node.airdrop(&alice.pubkey(), 10 * LAMPORTS_PER_SOL)
        .unwrap();
    let before = transfer(&node, &alice, &bob, LAMPORTS_PER_SOL);
    node.send_and_confirm(&before).unwrap();
    let made = snapshot(&node);
    let after = transfer(&node, &alice, &bob, 2 * LAMPORTS_PER_SOL);
    node.send_and_confirm(&after).unwrap();

    // To another machine, as it were.
    let copied = home.path().join("copied");
    copy_folder(&made, &copied);
    let other = start(builder().ledger(&second).snapshot(&copied));
    assert_eq!(other.genesis_hash(), node.genesis_hash());
    assert_eq!(other.balance(&bob).unwrap(), LAMPORTS_PER_SOL);
    assert_eq!(other.reader().transaction_count(), 2);
    assert!(other.send(&before).is_err(), "it does not run again");
    other.send_and_confirm(&after).unwrap();
    assert_eq!(other.balance(&bob).unwrap(), 3 * LAMPORTS_PER_SOL);
    assert!(other.stop());

    assert_eq!(node.balance(&bob).unwrap(), 3 * LAMPORTS_PER_SOL);
    assert!(node.stop());
    // A snapshot is the start of an empty ledger only.
    let told = refusal(builder().ledger(&second).snapshot(&copied));
    assert!(
        told.contains("--snapshot") && told.contains("--reset"),
        "{told}"
    );
    let third = home.path().join("third");
    let told = refusal(builder().ledger(third).snapshot(home.path().join("none")));
    assert!(told.contains("none"), "{told}");
    let told = refusal(builder().snapshot(&copied));
    assert!(told.contains("--ledger"), "{told}");
}

#[test]
fn of_several_snapshots_the_newest_that_is_whole_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let ledger = home.path().join("ledger");
    let bob = Pubkey::new_unique();
    let node = start(builder().ledger(&ledger));
    let mut made = Vec::new();
    for round in 1..=3 {
        node.airdrop(&bob, round * LAMPORTS_PER_SOL).unwrap();
        let slot = node.reader().slot().slot;
        while node
            .reader()
            .newest_checkpoint()
            .is_none_or(|newest| newest.checkpoint().state.slot < slot)
        {
            std::thread::yield_now();
        }
        made.push(snapshot(&node));
    }
    assert!(node.stop());
    let kept: Vec<bool> = made.iter().map(|folder| folder.exists()).collect();
    assert_eq!(kept, [false, true, true], "the newest two are kept");

    damage(&made[2]);
    let notices = Arc::new(Mutex::new(Vec::new()));
    let hear = notices.clone();
    let other = start(
        builder()
            .ledger(home.path().join("other"))
            .snapshot(ledger.join("snapshots"))
            .on_notice(move |notice| hear.lock().unwrap().push(notice.to_string())),
    );
    assert_eq!(other.balance(&bob).unwrap(), 3 * LAMPORTS_PER_SOL);
    assert!(other.stop());
    let notices = notices.lock().unwrap();
    assert!(
        matches!(&notices[..], [told] if told.contains("damaged") && told.contains("one before")),
        "{notices:?}"
    );

    damage(&made[1]);
    let last = home.path().join("last");
    let told = refusal(builder().ledger(&last).snapshot(ledger.join("snapshots")));
    assert!(told.contains("damaged"), "{told}");
    // Nothing is left of it: the folder can be used.
    assert!(start(builder().ledger(&last)).stop());
}

#[test]
fn a_state_in_a_file_goes_on_after_a_stop_and_a_damaged_one_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("state");
    let folder = home.path().join("state.ledger");
    let bob = Pubkey::new_unique();
    let mut genesis_hash = None;
    for round in 1..=3 {
        let node = start(builder().state_file(&file));
        assert_eq!(node.balance(&bob).unwrap(), (round - 1) * LAMPORTS_PER_SOL);
        assert_eq!(
            node.genesis_hash(),
            *genesis_hash.get_or_insert(node.genesis_hash())
        );
        node.airdrop(&bob, LAMPORTS_PER_SOL).unwrap();
        assert!(node.stop());
        assert!(file.exists() && !folder.exists(), "round {round}");
    }

    let whole = fs::read(&file).unwrap();
    for place in [0, 8, 12, 20, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&file, &bytes).unwrap();
        let told = refusal(builder().state_file(&file));
        assert!(told.contains("state"), "byte {place}: {told}");
    }
    fs::write(&file, &whole[..whole.len() - 100]).unwrap();
    let told = refusal(builder().state_file(&file));
    assert!(told.contains("cut short"), "{told}");
    fs::write(&file, &whole).unwrap();
    let node = start(builder().state_file(&file));
    assert_eq!(node.balance(&bob).unwrap(), 3 * LAMPORTS_PER_SOL);
}
