//! The headers of slots: their roots against the serial run, their proofs against the SDK's verifier.

use sealane_accounts_db::StateTrie;
use sealane_runtime::{
    BankingThreads, NoProof, Order, Reader, Runtime, RuntimeConfig, SignedHeader,
};
use sealane_sdk::light::{
    AccountContents, AccountProof, TransactionLeaf, TransactionProof, TransactionsRoot,
    verify_header,
};
use sealane_sdk::{AccountState, Hash, Programs, Pubkey};
use sealane_tests::{ConflictGraph, Shape, mixer};
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const BLOCKHASH: Hash = Hash::new_from_array([9; 32]);

fn config(graph: &ConflictGraph, signer: &Arc<Keypair>) -> RuntimeConfig {
    let mut programs = Programs::builtin();
    programs.add(mixer());
    let mut config = RuntimeConfig::new(Arc::new(programs), BLOCKHASH, signer.pubkey());
    config.header_signer = Some(signer.clone());
    config.genesis_accounts = graph.genesis.clone();
    config.genesis_time = 1_000;
    config.banking_threads = BankingThreads::Fixed(2);
    config.check_signatures = false;
    config.record_order = true;
    config.slot_duration = Duration::from_millis(20);
    config.entry_interval = Duration::from_micros(500);
    config
}

/// Runs the graph until its last slot has a header, and slot 2.
fn run(graph: &ConflictGraph, config: RuntimeConfig) -> (Reader, Order) {
    let runtime = Runtime::start(config).expect("the genesis fits");
    let reader = runtime.reader();
    for batch in graph.transactions.chunks(64) {
        runtime.ingest().submit(batch.to_vec()).expect("it runs");
    }
    while reader.counters().settled() < graph.transactions.len() as u64 {
        std::thread::yield_now();
    }
    let last = reader.slot().slot.max(2);
    // The newest, as few may be kept.
    let newest = || reader.header(None).map(|signed| signed.header.slot);
    while newest() < Some(last) {
        assert!(reader.is_healthy());
        std::thread::yield_now();
    }
    assert!(runtime.shutdown(Duration::from_secs(20)));
    let order = reader.take_order();
    (reader, order)
}

/// The root of these accounts alone.
fn root_of(accounts: &HashMap<Pubkey, AccountState>) -> Hash {
    let contents = |state| AccountContents::of(state).map(|contents| contents.hash());
    let accounts = accounts.iter().map(|(key, state)| (*key, contents(state)));
    StateTrie::new().apply(accounts)
}

fn headers(reader: &Reader) -> Vec<SignedHeader> {
    let headers = (0..).map_while(|slot| reader.header(Some(slot)));
    headers.collect()
}

#[test]
fn every_slot_has_a_signed_header_with_the_root_of_the_serial_state_at_its_end() {
    let seed = 23;
    println!("seed {seed}");
    let graph = ConflictGraph::random(seed, Shape::Zipf, 6_000, BLOCKHASH);
    let signer = Arc::new(Keypair::new());
    let config = config(&graph, &signer);
    let (reader, order) = run(&graph, config.clone());
    let headers = headers(&reader);
    assert!(headers.len() > 2, "slots turned under load");

    let mut roots = Vec::new();
    let serial = order.run_serially_noting(&config, &mut |accounts| roots.push(root_of(accounts)));
    assert_eq!(serial.differences, []);
    assert!(roots.iter().collect::<std::collections::HashSet<_>>().len() > 2);
    let mut parent = BLOCKHASH;
    for (slot, SignedHeader { header, signature }) in headers.iter().enumerate() {
        assert_eq!(header.slot, slot as u64);
        assert_eq!(header.parent, parent);
        assert_eq!(header.state_root, roots[slot], "slot {slot}");
        assert_eq!(header.unix_timestamp, 1_000 + 20 * slot as i64 / 1_000);
        assert_eq!(verify_header(header, signature, &signer.pubkey()), Ok(()));
        parent = header.hash();
    }
    let sealed = reader.slot();
    for (blockhash, slot) in sealed.blockhashes.iter() {
        if let Some(signed) = headers
            .get(*slot as usize)
            .filter(|_| *blockhash != BLOCKHASH)
        {
            assert_eq!(signed.header.blockhash, *blockhash);
        }
    }
    let counted: u64 = headers
        .iter()
        .map(|signed| signed.header.transaction_count)
        .sum();
    assert_eq!(counted, serial.charged);
}

#[test]
fn each_transaction_is_proven_in_its_slot_and_each_account_in_the_newest_header() {
    let seed = 24;
    println!("seed {seed}");
    let graph = ConflictGraph::random(seed, Shape::Even, 2_000, BLOCKHASH);
    let signer = Arc::new(Keypair::new());
    let (reader, order) = run(&graph, config(&graph, &signer));

    let mut trees: HashMap<u64, TransactionsRoot> = HashMap::new();
    for transaction in order.transactions() {
        let signature = transaction.signature();
        let Some(published) = reader.transaction(signature).unwrap() else {
            // The bank dropped it.
            assert_eq!(reader.prove_transaction(signature), Err(NoProof::Unknown));
            continue;
        };
        let proven = reader.prove_transaction(signature).unwrap();
        let header = &proven.signed.header;
        assert_eq!(header.slot, published.slot());
        let proof = TransactionProof::from_bytes(&proven.proof).unwrap();
        let said = proof
            .verify(
                &header.transactions_root,
                header.transaction_count,
                signature,
            )
            .unwrap();
        assert_eq!(said.index, u64::from(published.index()));
        assert_eq!(said.failed, published.failed());
        let tree = trees.entry(header.slot).or_default();
        tree.extend([TransactionLeaf {
            signature: *signature,
            index: said.index,
            failed: said.failed,
            record_hash: said.record_hash,
        }]);
    }
    for (slot, tree) in trees {
        let header = reader.header(Some(slot)).unwrap().header;
        assert_eq!(tree.root(), header.transactions_root, "slot {slot}");
    }

    let pin = reader.pin().unwrap();
    let mut keys: Vec<Pubkey> = graph.genesis.iter().map(|(key, _)| *key).collect();
    keys.extend((0..20).map(|_| Pubkey::new_unique()));
    for key in keys {
        let proven = reader.prove_account(&key).unwrap();
        let proof = AccountProof::from_bytes(&proven.proof).unwrap();
        let contents = pin
            .get(&key)
            .unwrap()
            .and_then(|state| AccountContents::of(&state));
        // Nothing came after the newest header but the fees of the slot before, to the identity.
        let root = &proven.signed.header.state_root;
        let checked = proof.verify_contents(root, &key, contents.as_ref());
        assert!(checked == Ok(()) || key == signer.pubkey(), "{key}");
    }
}

#[test]
fn what_cannot_be_proven_says_why() {
    let graph = ConflictGraph::random(25, Shape::Even, 300, BLOCKHASH);
    let signer = Arc::new(Keypair::new());
    let mut config = config(&graph, &signer);
    config.limits.transaction_trees_bytes_max = 0;
    config.limits.headers_max = 2;
    let (reader, order) = run(&graph, config.clone());
    let newest = reader.header(None).unwrap().header.slot;
    assert_eq!(reader.header(Some(newest + 1)), None);
    assert!(reader.header(Some(newest - 1)).is_some());
    assert_eq!(reader.header(Some(newest - 2)), None);
    let signatures = order
        .transactions()
        .map(|transaction| *transaction.signature());
    let published = signatures.filter(|signature| reader.transaction(signature).unwrap().is_some());
    for signature in published {
        let slot = reader.transaction(&signature).unwrap().unwrap().slot();
        assert_eq!(
            reader.prove_transaction(&signature),
            Err(NoProof::TooOld { slot })
        );
    }

    config.header_signer = None;
    let off = Runtime::start(config).expect("the genesis fits");
    assert_eq!(
        off.reader().prove_account(&signer.pubkey()),
        Err(NoProof::Off)
    );
    assert_eq!(off.reader().header(None), None);
    assert!(off.shutdown(Duration::from_secs(20)));
}
