//! The history against a model that keeps everything, under random entries, slots and bounds.

mod ledger;

use super::*;
use crate::history::stage::SLOTS_BETWEEN_LOOKS;
use crate::start::ChainStart;
use crate::task::{CompletedBatch, Outcome, Task, Work};
use crate::verify::fixture::{FakeState, trusted};
use crate::{SlotContext, VerifiedTransaction};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_accounts_db::EntryWrites;
use solana_hash::Hash;
use solana_message::{Message, VersionedMessage};
use solana_transaction::versioned::VersionedTransaction;

const ADDRESSES: u8 = 12;

fn address(n: u8) -> Pubkey {
    Pubkey::new_from_array([n + 1; 32])
}

fn signature(n: u64) -> Signature {
    let mut bytes = [7; 64];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    bytes.into()
}

/// Transaction `n`, that names some of the addresses.
fn transaction(n: u64, names: &[u8]) -> Box<VerifiedTransaction> {
    let metas = names.iter().map(|name| sealane_sdk::AccountMeta {
        pubkey: address(*name),
        is_signer: false,
        is_writable: n.is_multiple_of(2),
    });
    let instruction = sealane_sdk::Instruction {
        program_id: Pubkey::new_from_array([200; 32]),
        accounts: metas.collect(),
        data: n.to_le_bytes().to_vec(),
    };
    let payer = Pubkey::new_from_array([100; 32]);
    let message = Message::new_with_blockhash(&[instruction], Some(&payer), &Hash::default());
    let transaction = VersionedTransaction {
        signatures: vec![signature(n)],
        message: VersionedMessage::Legacy(message),
    };
    let wire = bincode::serialize(&transaction).unwrap();
    trusted(wire, &mut FakeState::default()).unwrap()
}

/// What the model knows of a transaction.
struct Known {
    number: u64,
    slot: u64,
    names: Vec<u8>,
}

struct Run {
    rng: StdRng,
    history: Arc<History>,
    context: Arc<SlotContext>,
    /// Blockhashes by slot, the genesis hash first.
    blockhashes: Vec<Hash>,
    known: Vec<Known>,
    transactions: u64,
    in_slot: u32,
}

impl Run {
    fn new(seed: u64, limits: &Limits) -> Self {
        let context = SlotContext::genesis(Hash::new_from_array([1; 32]), 1_000);
        Self {
            rng: StdRng::seed_from_u64(seed),
            history: Arc::new(History::new(
                limits,
                &ChainStart::first(Arc::new(context.clone())),
                None,
            )),
            blockhashes: vec![context.blockhash()],
            context: Arc::new(context),
            known: Vec::new(),
            transactions: 0,
            in_slot: 0,
        }
    }

    /// An entry of a few tasks, some of them dropped, in two batches.
    fn append(&mut self) {
        let entry = self.entry();
        self.history.append(entry);
    }

    fn entry(&mut self) -> Arc<PastEntry> {
        let count = self.rng.random_range(1..6);
        let mut batches = [CompletedBatch::empty(), CompletedBatch::empty()];
        for sequence in 0..count {
            let names: Vec<u8> = (0..ADDRESSES)
                .filter(|_| self.rng.random_bool(0.2))
                .collect();
            let number = self.transactions;
            self.transactions += 1;
            let batch = &mut batches[self.rng.random_range(0..2)];
            let task = transaction(number, &names);
            // Fee, units and logs of none, and balances that did not change.
            let keys = task.account_count();
            let record = vec![0; 4 + 8 * keys + keys.div_ceil(8)];
            let start = batch.records.len() as u32;
            batch.records = [&batch.records[..], &record].concat().into();
            batch.tasks.push(Task::of(task, sequence));
            batch.outcomes.push(if self.rng.random_bool(0.2) {
                Outcome::Dropped(solana_transaction_error::TransactionError::AccountNotFound)
            } else {
                let slot = self.context.slot;
                self.known.push(Known {
                    number,
                    slot,
                    names,
                });
                Outcome::Charged {
                    start,
                    end: start + record.len() as u32,
                    failed: false,
                }
            });
        }
        let (slot, count) = (self.context.clone(), count as usize);
        let batches = batches.into();
        let (entry, charged) = PastEntry::new(slot, false, 0, count, self.in_slot, batches);
        self.in_slot += charged;
        Arc::new(entry)
    }

    fn open_slot(&mut self) {
        let blockhash = Hash::new_from_array([self.rng.random(); 32]);
        self.open_slot_with(blockhash);
    }

    fn open_slot_with(&mut self, blockhash: Hash) {
        let time = 1_001 + self.context.slot as i64;
        self.context = Arc::new(self.context.next(blockhash, time));
        self.blockhashes.push(blockhash);
        self.in_slot = 0;
        let opening = SlotOpening {
            context: self.context.clone(),
            record: None,
            passed: None,
        };
        self.history.open_slot(&opening, &Hash::default());
    }

    /// The transactions that are kept: the newest ones.
    fn kept(&self) -> &[Known] {
        let is_kept = |known: &Known| self.history.find_recent(&signature(known.number)).is_some();
        let first = self
            .known
            .iter()
            .position(is_kept)
            .unwrap_or(self.known.len());
        assert!(
            self.known[first..].iter().all(is_kept),
            "what is kept is the newest"
        );
        &self.known[first..]
    }

    fn check_blocks(&self) {
        let (open, kept) = (self.context.slot, self.kept());
        let first = self.history.first_available_block();
        let forgotten = &self.known[..self.known.len() - kept.len()];
        let incomplete = forgotten.last().map(|known| known.slot);
        assert!(
            incomplete.is_none_or(|slot| first > slot),
            "an incomplete block is not shown"
        );
        for slot in 0..open + 2 {
            let block = self.history.block(slot);
            if slot >= open {
                assert_eq!(block.err(), Some(NoBlock::NotYet));
            } else if slot < first {
                let expected = NoBlock::CleanedUp {
                    first_available: first,
                };
                assert_eq!(block.err(), Some(expected.clone()));
                assert_eq!(self.history.block_time(slot), Err(expected));
            } else {
                let block = block.expect("it is kept");
                let at = slot as usize;
                assert_eq!(block.previous_blockhash, self.blockhashes[at]);
                assert_eq!(block.blockhash, self.blockhashes[at + 1]);
                assert_eq!(self.history.block_time(slot), Ok(1_000 + slot as i64));
                let found: Vec<_> = block
                    .transactions()
                    .map(|found| found.unwrap().number())
                    .collect();
                let expected = kept.iter().filter(|known| known.slot == slot);
                assert_eq!(
                    found,
                    expected.map(|known| known.number).collect::<Vec<_>>()
                );
                let places = block.transactions().map(|found| found.unwrap().index());
                assert!(places.eq(0..found.len() as u32), "places count from 0");
            }
        }
        let (from, to, limit) = (first.saturating_sub(2), open + 2, 5);
        let expected: Vec<u64> = (first..open).take(limit).collect();
        assert_eq!(self.history.blocks(from, to, limit), expected);
    }

    /// Transactions in memory.
    fn recent_count(&self) -> usize {
        let is_recent =
            |known: &&Known| self.history.find_recent(&signature(known.number)).is_some();
        self.known.iter().filter(is_recent).count()
    }

    fn check_address(&mut self) {
        let kept = self.kept().iter();
        let kept: Vec<_> = kept
            .map(|known| (known.number, known.names.clone()))
            .collect();
        self.check_address_among(&kept);
    }

    /// Asks for the transactions of an address, of which these are kept: number and names.
    fn check_address_among(&mut self, kept: &[(u64, Vec<u8>)]) {
        let (name, limit) = (
            self.rng.random_range(0..ADDRESSES),
            self.rng.random_range(1..20),
        );
        let transactions = self.transactions;
        let mut bound = || {
            self.rng
                .random_bool(0.5)
                .then(|| self.rng.random_range(0..transactions))
        };
        let (before, until) = (bound(), bound());
        let is_kept = |number: u64| kept.iter().any(|known| known.0 == number);
        let until_known = until.filter(|number| is_kept(*number));
        let expected = kept.iter().rev().filter(|(number, names)| {
            names.contains(&name)
                && before.is_none_or(|before| is_kept(before) && *number < before)
                && until_known.is_none_or(|until| *number > until)
        });
        let expected: Vec<u64> = expected.map(|known| known.0).take(limit).collect();
        let (before, until) = (before.map(signature), until.map(signature));
        let found = self
            .history
            .transactions_of(
                &address(name),
                before.as_ref(),
                until.as_ref(),
                limit,
                &|_| true,
            )
            .unwrap();
        let found: Vec<u64> = found.iter().map(PublishedTransaction::number).collect();
        assert_eq!(
            found, expected,
            "address {name}, before {before:?}, until {until:?}"
        );
    }
}

impl PublishedTransaction {
    fn number(&self) -> u64 {
        let bytes = self.transaction().signature().as_array();
        u64::from_le_bytes(bytes[..8].try_into().unwrap())
    }
}

impl CompletedBatch {
    fn empty() -> Self {
        Self {
            entry: 1,
            tasks: Vec::new(),
            outcomes: Vec::new(),
            records: Box::default(),
            writes: EntryWrites::default(),
            absent: Vec::new(),
            reward_lamports: 0,
        }
    }
}

impl Task {
    fn of(transaction: Box<VerifiedTransaction>, sequence: u64) -> Self {
        Self {
            work: Work::Transaction(transaction),
            accounts: Default::default(),
            sequence,
            id: sealane_scheduler::TaskId(0),
            entry: 1,
            inserted_ns: 0,
        }
    }
}

#[test]
fn the_history_finds_what_a_model_that_keeps_everything_finds() {
    for seed in 0..60 {
        println!("seed {seed}");
        let mut limits = Limits::default();
        if seed % 3 != 0 {
            limits.history_bytes_max = 60_000;
        }
        if seed % 3 == 2 {
            limits.history_slots_max = 7;
        }
        let mut run = Run::new(seed, &limits);
        for _ in 0..150 {
            match run.rng.random_range(0..10) {
                0..=5 => run.append(),
                6..=7 => run.open_slot(),
                8 => run.check_blocks(),
                _ if run.transactions > 0 => run.check_address(),
                _ => {}
            }
        }
        run.check_blocks();
        run.check_address();
        let forgot = run.kept().len() < run.known.len();
        assert_eq!(forgot, seed % 3 != 0, "the bounds were tried");
    }
}

#[test]
fn runs_of_the_address_index_are_few_and_go_with_their_entries() {
    let limits = Limits {
        history_bytes_max: 300_000,
        ..Limits::default()
    };
    let mut run = Run::new(1, &limits);
    for _ in 0..2_000 {
        run.append();
        run.check_address_of_nobody();
    }
    let (runs, items) = run.history.recent.address_index_size();
    let kept: usize = run.kept().iter().map(|known| known.names.len() + 2).sum();
    assert!(runs <= 20, "{runs} runs");
    assert!(
        (kept..=8 * kept).contains(&items),
        "{items} items for {kept}"
    );
}

impl Run {
    fn check_address_of_nobody(&self) {
        let nobody = Pubkey::new_from_array([250; 32]);
        assert!(
            self.history
                .transactions_of(&nobody, None, None, 1, &|_| true)
                .unwrap()
                .is_empty()
        );
    }
}
