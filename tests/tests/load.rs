//! `sealane-bench load` against a node in this process: what it tells is what the node has.

use sealane_benches::{LoadOptions, LoadOutcome, LoadProgress, Transport, load};
use sealane_validator::Validator;
use std::sync::atomic::{AtomicU64, Ordering};

const TRANSACTIONS: u64 = 3_000;

fn options(url: String, transport: Transport) -> LoadOptions {
    LoadOptions {
        url,
        transport,
        transactions: TRANSACTIONS,
        rate: Some(5_000),
        payers: 200,
        hot: false,
        connections: 2,
        watched: 100,
        funder: None,
        seed: 7,
    }
}

/// What came of it, and the most that were said to be confirmed meanwhile.
fn loaded(transport: Transport, hot: bool) -> (LoadOutcome, u64) {
    let node = Validator::builder().rpc_port(0).start();
    let node = node.expect("a node starts on free ports");
    let url = node.rpc_url().expect("it has JSON-RPC");
    let told = AtomicU64::new(0);
    let options = LoadOptions {
        hot,
        ..options(url, transport)
    };
    let outcome = load(&options, &|progress| {
        if let LoadProgress::Sent { confirmed, .. } = progress {
            told.fetch_max(confirmed, Ordering::Relaxed);
        }
    });
    let outcome = outcome.expect("the node takes them");
    assert!(node.stop(), "the node stops in time");
    (outcome, told.into_inner())
}

#[test]
fn over_quic_all_that_were_sent_are_confirmed() {
    let (outcome, told) = loaded(Transport::Quic, false);
    assert_eq!(
        (outcome.sent, outcome.confirmed),
        (TRANSACTIONS, TRANSACTIONS)
    );
    assert_eq!(told, TRANSACTIONS);
    let (metrics, cores) = outcome.node.expect("the node tells");
    assert_eq!((metrics.received, metrics.failed), (TRANSACTIONS, 0));
    assert_eq!(
        (metrics.refused, metrics.evicted, metrics.dropped),
        (0, 0, 0)
    );
    assert!(cores > 0.0);
    assert_eq!(
        (outcome.latencies.count, outcome.latencies.succeeded),
        (100, 100)
    );
    let json = outcome.json();
    assert_eq!(json["confirmed"], TRANSACTIONS);
    assert_eq!(json["node"]["lost"], 0);
}

#[test]
fn over_udp_to_one_recipient_all_that_arrived_are_confirmed() {
    let (outcome, told) = loaded(Transport::Udp, true);
    assert_eq!(outcome.sent, TRANSACTIONS);
    let (metrics, _) = outcome.node.expect("the node tells");
    let taken = metrics.received - metrics.refused;
    assert!(taken > 0);
    assert_eq!((metrics.evicted, metrics.dropped), (0, 0));
    assert_eq!((outcome.confirmed, told), (taken, taken));
    assert_eq!(metrics.failed, 0);
}

#[test]
fn what_cannot_work_is_said() {
    let node = Validator::builder().rpc_port(0).start();
    let node = node.expect("a node starts on free ports");
    let url = node.rpc_url().expect("it has JSON-RPC");
    let why = |options: &LoadOptions| {
        let failed = load(options, &|_| {}).expect_err("it does not work");
        format!("{failed:#}")
    };
    let slow = LoadOptions {
        rate: Some(10),
        ..options(url.clone(), Transport::Udp)
    };
    assert!(why(&slow).contains("send fewer, or more a second"));
    let nobody = LoadOptions {
        funder: Some("/there/is/none.json".into()),
        ..options(url.clone(), Transport::Quic)
    };
    assert!(why(&nobody).contains("/there/is/none.json"));
    assert!(node.stop(), "the node stops in time");
    let gone = why(&options(url, Transport::Quic));
    assert!(gone.contains("no node answers at"), "{gone}");
}
