//! Transactions that each cost a fixed time and offer a random fee per compute unit.

use crate::keyring::{Keyring, address};
use crate::programs::hash_data;
use crate::random::SplitMix64;
use crate::wire::WireTransactions;
use crate::workload::{OTHER_LAMPORTS, PAYER_LAMPORTS, Workload};
use sealane_sdk::{AccountInfo, AccountState, Program, ProgramError, ProgramResult, Pubkey};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::{AccountMeta, Instruction};
use solana_message::{Message, VersionedMessage};
use solana_sha256_hasher::hash;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Fees per compute unit are below this, in micro-lamports.
pub(crate) const PRICES: u64 = 1_000;

/// Address of the program that takes its time.
const SLOW_ID: Pubkey = Pubkey::new_from_array(*b"sealane bench: program that last");
/// Who pays, in turn.
const PAYERS: u64 = 10_000;

const PURPOSE_BLOCKHASH: u64 = 0x10c;
const PURPOSE_LASTING: u64 = 0x1a5;
const PURPOSE_PRICE: u64 = 0x9b1;

/// Who pays, and how long the program takes.
pub(crate) struct PricedWork {
    seed: u64,
    rounds: u32,
    keyring: Keyring,
}

impl PricedWork {
    /// Each transaction hashes for about `lasts`, as measured now.
    pub(crate) fn new(seed: u64, lasts: Duration) -> Self {
        Self {
            seed,
            rounds: rounds_lasting(lasts),
            keyring: Keyring::generate(seed, PAYERS, true),
        }
    }

    /// The accounts and the program, without transactions.
    pub(crate) fn ground(&self) -> Workload {
        let state = |lamports, owner, data: &[u8]| AccountState {
            lamports,
            owner,
            data: data.into(),
            ..AccountState::default()
        };
        let payers = (0..PAYERS).map(|i| {
            (
                self.keyring.key(i),
                state(PAYER_LAMPORTS, Pubkey::default(), &[]),
            )
        });
        let hashed =
            (0..PAYERS).map(|i| (self.hashed(i), state(OTHER_LAMPORTS, SLOW_ID, &[1; 32])));
        Workload {
            blockhash: self.blockhash(),
            genesis: payers.chain(hashed).collect(),
            programs: vec![Program::new(SLOW_ID, "bench-lasting", last, 5_000)],
            transactions: WireTransactions::default(),
        }
    }

    /// The transactions with these numbers, each signed, made on all cores.
    pub(crate) fn transactions(&self, numbers: Range<u64>) -> WireTransactions {
        WireTransactions::signed(numbers, &self.keyring, |i| (i % PAYERS, self.message(i)))
    }

    fn message(&self, i: u64) -> VersionedMessage {
        let price = SplitMix64::new(self.seed, PURPOSE_PRICE, i).below(PRICES);
        let mut data = self.rounds.to_le_bytes().to_vec();
        data.extend(i.to_le_bytes());
        data.extend(price.to_le_bytes());
        let account = AccountMeta::new(self.hashed(i % PAYERS), false);
        let instructions = [
            ComputeBudgetInstruction::set_compute_unit_price(price),
            Instruction::new_with_bytes(SLOW_ID, &data, vec![account]),
        ];
        let payer = self.keyring.key(i % PAYERS);
        let blockhash = self.blockhash();
        VersionedMessage::Legacy(Message::new_with_blockhash(
            &instructions,
            Some(&payer),
            &blockhash,
        ))
    }

    fn hashed(&self, i: u64) -> Pubkey {
        address(self.seed, PURPOSE_LASTING, i)
    }

    fn blockhash(&self) -> Hash {
        Hash::new_from_array(address(self.seed, PURPOSE_BLOCKHASH, 0).to_bytes())
    }
}

/// The fee per compute unit that a transaction of `PricedWork` offers: its last eight bytes.
pub(crate) fn price_of(transaction: &[u8]) -> u64 {
    let price = transaction.last_chunk();
    u64::from_le_bytes(*price.expect("a transaction has more than eight bytes"))
}

/// Hashes its one account's 32 bytes as many times as its data's first four bytes say.
fn last(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let ([account], Some(rounds)) = (accounts, data.first_chunk()) else {
        return Err(ProgramError::InvalidInstructionData);
    };
    hash_data(account, u32::from_le_bytes(*rounds))
}

/// Hash rounds that take so long on this machine: the median of some trials, as others use it too.
fn rounds_lasting(lasts: Duration) -> u32 {
    const ROUNDS: u32 = 10_000;
    let mut trials: Vec<Duration> = (0..9)
        .map(|_| {
            let started = Instant::now();
            let end = (0..ROUNDS).fold([1; 32], |state, _| hash(&state).to_bytes());
            std::hint::black_box(end);
            started.elapsed()
        })
        .collect();
    trials.sort_unstable();
    let trial = trials[trials.len() / 2];
    (f64::from(ROUNDS) * lasts.as_secs_f64() / trial.as_secs_f64()).ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_transaction::versioned::VersionedTransaction;
    use std::collections::HashSet;

    #[test]
    fn each_transaction_is_signed_and_distinct_and_says_what_it_offers() {
        let work = PricedWork::new(3, Duration::from_micros(1));
        let transactions = work.transactions(PAYERS - 5..PAYERS + 5);
        let mut signatures = HashSet::new();
        let mut prices = HashSet::new();
        for bytes in transactions.iter() {
            let transaction: VersionedTransaction = bincode::deserialize(bytes).unwrap();
            assert_eq!(transaction.verify_with_results(), [true]);
            signatures.insert(transaction.signatures[0]);
            let asked = &transaction.message.instructions()[0].data;
            assert_eq!(asked[1..], price_of(bytes).to_le_bytes());
            prices.insert(price_of(bytes));
        }
        assert_eq!(signatures.len(), 10);
        assert!(prices.len() > 5, "{prices:?}");
        assert_eq!(work.ground().genesis.len() as u64, 2 * PAYERS);
    }
}
