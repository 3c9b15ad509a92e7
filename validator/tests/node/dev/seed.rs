//! With a seed, a run repeats bit by bit.

use super::clock::clock;
use crate::support::{result, value};
use crate::transfers::{base64, transfer};
use sealane_runtime::{BankingThreads, Limits, SignedHeader};
use sealane_validator::{SEEDED_SLOT_TRANSACTIONS, Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

fn start(seed: u64, threads: usize) -> ValidatorHandle {
    let builder = Validator::builder().seed(seed);
    let builder = builder.banking_threads(BankingThreads::Fixed(threads));
    let mut limits = Limits::default();
    limits.headers_max = 10_000;
    builder.limits(limits).start().expect("it starts")
}

/// Everything that a run shows.
#[derive(PartialEq, Debug)]
struct Run {
    genesis: String,
    answers: Vec<Value>,
    /// With blockhash, transactions and state root.
    headers: Vec<SignedHeader>,
}

/// What a client does, one thing after the other.
fn run(node: &ValidatorHandle) -> Run {
    let mut answers = Vec::new();
    let payer = Keypair::new_from_array([3; 32]);
    let mut ask = |method: &str, params: Value| {
        let answer = result(node, method, params);
        answers.push(answer.clone());
        answer
    };
    let wait = |signature: &Value| {
        let signature = signature.as_str().unwrap().parse().unwrap();
        node.confirm(&signature, crate::support::PATIENCE).unwrap();
    };
    for number in 0..SEEDED_SLOT_TRANSACTIONS + 5 {
        let to = payer.pubkey().to_string();
        wait(&ask("requestAirdrop", json!([to, 1_000_000_000 + number])));
    }
    for number in 0..2 * SEEDED_SLOT_TRANSACTIONS {
        let latest = ask("getLatestBlockhash", json!([]))["value"]["blockhash"].clone();
        let to = Pubkey::new_from_array([number as u8 % 7 + 1; 32]);
        let blockhash = latest.as_str().unwrap().parse().unwrap();
        // Some fail.
        let lamports = if number % 5 == 0 {
            1 << 60
        } else {
            2_000_000 + number
        };
        let sent = base64(&transfer(&payer, &to, lamports, blockhash));
        let config = json!({"encoding": "base64", "skipPreflight": true});
        let signature = ask("sendTransaction", json!([sent, config]));
        let parsed = signature.as_str().unwrap().parse().unwrap();
        let failed = node.confirm(&parsed, crate::support::PATIENCE).is_err();
        assert_eq!(failed, number % 5 == 0);
        match number {
            10 => ask("surfnet_timeTravel", json!([{"absoluteSlot": 500}])),
            20 => ask(
                "surfnet_setAccount",
                json!([to.to_string(), {"data": "abcd"}]),
            ),
            30 => ask("sealane_snapshot", json!([])),
            40 => ask("sealane_revert", json!([1])),
            _ => ask("getTransaction", json!([signature, {"encoding": "base64"}])),
        };
    }
    let slot = ask("getSlot", json!([])).as_u64().unwrap();
    ask("getTransactionCount", json!([]));
    ask("getEpochInfo", json!([]));
    let header = |slot| loop {
        if let Some(header) = node.reader().header(Some(slot)) {
            break header;
        }
        std::thread::yield_now();
    };
    Run {
        genesis: node.genesis_hash().to_string(),
        headers: (0..=slot).map(header).collect(),
        answers,
    }
}

#[test]
fn two_runs_are_the_same_bit_by_bit() {
    let first = run(&start(7, 1));
    for threads in [1, 3] {
        let again = run(&start(7, threads));
        assert_eq!(again.genesis, first.genesis);
        for (number, (is, was)) in again.answers.iter().zip(&first.answers).enumerate() {
            assert_eq!(is, was, "answer {number}");
        }
        assert_eq!(again.answers.len(), first.answers.len());
        assert!(
            again.headers == first.headers,
            "{threads} threads: headers differ"
        );
    }
    let full = first
        .headers
        .iter()
        .filter(|it| it.header.transaction_count > 0);
    let full: Vec<u64> = full.map(|it| it.header.transaction_count).collect();
    assert!(full.len() >= 3, "{full:?}");
    assert!(
        full.iter().all(|count| *count <= SEEDED_SLOT_TRANSACTIONS),
        "{full:?}"
    );
    let other = start(8, 1);
    assert_ne!(other.genesis_hash().to_string(), first.genesis);
}

#[test]
fn a_ledger_with_a_seed_goes_on_without_wall_time() {
    let run = || {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let builder = Validator::builder().seed(7).ledger(folder.path());
            builder.start().expect("it starts")
        };
        let mut shown = Vec::new();
        for _ in 0..3 {
            let node = start();
            for number in 1..5 {
                let signature = node.airdrop(&Pubkey::new_from_array([9; 32]), 1_000_000 * number);
                shown.push(signature.unwrap().to_string());
            }
            shown.push(node.latest_blockhash().to_string());
            shown.push(format!("{:?}", clock(&node)));
            shown.push(
                value(
                    &node,
                    "getBalance",
                    json!([node.faucet_address().to_string()]),
                )
                .to_string(),
            );
            assert!(node.stop());
        }
        shown
    };
    assert_eq!(run(), run());
}
