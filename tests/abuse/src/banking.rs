//! How much a node executes while its RPC, or another server, is abused.

use crate::attack::Options;
use crate::{Generator, empty_server, node};
use anyhow::{Result, anyhow, ensure};
use bytes::Bytes;
use sealane_sdk::{AccountInfo, AccountState, Program, ProgramError, ProgramResult, Pubkey};
use sealane_validator::ValidatorHandle;
use solana_hash::Hash;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::{Keypair, Signer};
use solana_message::Message;
use solana_sha256_hasher::hash;
use solana_transaction::Transaction;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const HASHING: Pubkey = Pubkey::new_from_array(*b"sealane abuse: program that hash");
const PAYERS: u64 = 1_000;
/// Transactions handed in at a time.
const BATCH: usize = 64;
/// What is not measured at the beginning of each part.
const SETTLE: Duration = Duration::from_secs(2);

/// Runs the rounds and prints the medians.
pub(crate) fn compare(
    part: Duration,
    rounds: usize,
    lasts: Duration,
    attack: &Options,
) -> Result<()> {
    let load = Load::new(lasts);
    let node = node::start(Some(load.ground()))?;
    let empty = empty_server::start()?;
    let address = node::address(&node)?;
    let most = 2.5 * part.as_secs_f64() * 3.0 * rounds as f64 / lasts.as_secs_f64();
    eprintln!("making {most:.0} transactions ...");
    let transactions = load.transactions(most as u64, node.latest_blockhash());
    let stop = AtomicBool::new(false);
    let (mut alone, mut with_empty, mut with_node) = (Vec::new(), Vec::new(), Vec::new());
    std::thread::scope(|scope| -> Result<()> {
        let feeder = scope.spawn(|| feed(&node, transactions, &stop));
        let rounds = (|| {
            for round in 0..rounds {
                alone.push(measure(&node, part, None, attack)?);
                with_empty.push(measure(&node, part, Some(empty), attack)?);
                with_node.push(measure(&node, part, Some(address), attack)?);
                eprintln!(
                    "round {round}: {:.0} a second alone, {:.0} with the empty server, {:.0} with the node",
                    alone[round], with_empty[round], with_node[round]
                );
            }
            Ok(())
        })();
        // Relaxed: nothing else follows from it.
        stop.store(true, Ordering::Relaxed);
        let fed = feeder.join().map_err(|_| anyhow!("the feeder failed"))?;
        rounds.and(fed)
    })?;
    let [alone, with_empty, with_node] = [alone, with_empty, with_node].map(median);
    println!("alone                  {alone:>10.0} a second");
    println!("with the empty server  {with_empty:>10.0} a second");
    println!("with the node          {with_node:>10.0} a second");
    println!(
        "lost beyond what the empty server costs: {:.1}%",
        100.0 * (1.0 - with_node / with_empty)
    );
    ensure!(node.stop(), "the node did not stop");
    Ok(())
}

fn measure(
    node: &ValidatorHandle,
    part: Duration,
    address: Option<SocketAddr>,
    attack: &Options,
) -> Result<f64> {
    let generator = match address {
        Some(address) => Some(Generator::start(address, part, attack)?),
        None => None,
    };
    std::thread::sleep(SETTLE);
    let (started, before) = (Instant::now(), node.reader().counters().visible);
    std::thread::sleep(part.saturating_sub(2 * SETTLE));
    let executed = node.reader().counters().visible - before;
    let rate = executed as f64 / started.elapsed().as_secs_f64();
    if let Some(generator) = generator {
        let tally = generator.finish()?;
        eprintln!("{tally}");
    }
    Ok(rate)
}

fn feed(node: &ValidatorHandle, transactions: Vec<Bytes>, stop: &AtomicBool) -> Result<()> {
    for batch in transactions.chunks(BATCH) {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        node.ingest().submit(batch.to_vec())?;
    }
    ensure!(
        stop.load(Ordering::Relaxed),
        "there were too few transactions"
    );
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Transactions whose program hashes for some time.
struct Load {
    rounds: u32,
    payers: Vec<Keypair>,
}

impl Load {
    fn new(lasts: Duration) -> Self {
        const ROUNDS: u32 = 100_000;
        let started = Instant::now();
        std::hint::black_box((0..ROUNDS).fold([1; 32], |state, _| hash(&state).to_bytes()));
        let rounds = f64::from(ROUNDS) * lasts.as_secs_f64() / started.elapsed().as_secs_f64();
        Self {
            rounds: rounds.ceil() as u32,
            payers: (0..PAYERS).map(|_| Keypair::new()).collect(),
        }
    }

    fn ground(&self) -> (Program, Vec<(Pubkey, AccountState)>) {
        let accounts = self.payers.iter().map(|payer| {
            let state = AccountState {
                lamports: 1_000_000_000_000,
                ..AccountState::default()
            };
            (payer.pubkey(), state)
        });
        (
            Program::new(HASHING, "hashing", hashing, 5_000),
            accounts.collect(),
        )
    }

    fn transactions(&self, count: u64, blockhash: Hash) -> Vec<Bytes> {
        let make = |i: u64| {
            let payer = &self.payers[(i % PAYERS) as usize];
            let mut data = self.rounds.to_le_bytes().to_vec();
            data.extend(i.to_le_bytes());
            let accounts = vec![AccountMeta::new(payer.pubkey(), true)];
            let instruction = Instruction::new_with_bytes(HASHING, &data, accounts);
            let message =
                Message::new_with_blockhash(&[instruction], Some(&payer.pubkey()), &blockhash);
            let transaction = Transaction::new(&[payer], message, blockhash);
            Bytes::from(bincode::serialize(&transaction).expect("it is written to memory"))
        };
        let half = count / 2;
        std::thread::scope(|scope| {
            let second = scope.spawn(|| (half..count).map(make).collect::<Vec<_>>());
            let mut all: Vec<Bytes> = (0..half).map(make).collect();
            all.extend(second.join().expect("it only signs"));
            all
        })
    }
}

fn hashing(_: &Pubkey, _: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let rounds = data
        .first_chunk()
        .ok_or(ProgramError::InvalidInstructionData)?;
    let rounds = u32::from_le_bytes(*rounds);
    std::hint::black_box((0..rounds).fold([1; 32], |state, _| hash(&state).to_bytes()));
    Ok(())
}
