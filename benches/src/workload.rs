//! What a run is fed with: accounts at genesis, programs, and signed transactions as wire bytes.
//!
//! A workload is a function of its options, seed included, whatever the number of cores that make it.
//! All its transactions carry the genesis blockhash, so a run must be over within the 150 slots for
//! which that is valid: `banking-bench` sets the slot's length accordingly.

use crate::keyring::{Keyring, address};
use crate::ranges::{self, Access};
use crate::wire::WireTransactions;
use crate::{counters, mix, programs, tokens, transfers};
use sealane_sdk::{AccountState, Program, Pubkey};
use solana_hash::Hash;
use solana_message::VersionedMessage;

/// Lamports of every payer: fees and transfers of millions of transactions, and no overflow with
/// eighteen million accounts.
pub(crate) const PAYER_LAMPORTS: u64 = 1_000_000_000_000;

/// Lamports of every other account: rent-exempt up to a megabyte.
pub(crate) const OTHER_LAMPORTS: u64 = 10_000_000_000;

const PURPOSE_BYSTANDER: u64 = 0xb57;
const PURPOSE_BLOCKHASH: u64 = 0xb10c;

/// Which transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WorkloadKind {
    /// Transfers between distinct pairs of accounts.
    Transfer,
    /// Transfers from distinct payers to one common recipient.
    Hot,
    /// Transfers whose both ends are drawn by Zipf's law (exponent 1.0) from 10,000 accounts.
    Zipf,
    /// The counter program, on distinct counters that exist already.
    Counter,
    /// Transfers of tokens between distinct pairs, by the real Token program in the virtual machine.
    Token,
    /// A native program that hashes for about 10 µs, on distinct accounts.
    Compute,
    /// The same, 59% of them on one account, as in a block on mainnet.
    Chained,
    /// The same, all on one account.
    Chain,
    /// The mix of account counts and sizes that Firedancer measured on Solana's mainnet.
    Mix,
    /// A hundred bytes of one account of 200 are read.
    ReadSmall,
    /// A hundred bytes of one account of 10 MiB are read.
    ReadLarge,
    /// A hundred bytes of one account of 200 are written.
    WriteSmall,
    /// A hundred bytes of one account of 10 MiB are written.
    WriteLarge,
}

impl WorkloadKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Hot => "hot",
            Self::Zipf => "zipf",
            Self::Counter => "counter",
            Self::Token => "token",
            Self::Compute => "compute",
            Self::Chained => "chained",
            Self::Chain => "chain",
            Self::Mix => "mix",
            Self::ReadSmall => "read-small",
            Self::ReadLarge => "read-large",
            Self::WriteSmall => "write-small",
            Self::WriteLarge => "write-large",
        }
    }
}

/// What determines a workload.
#[derive(Clone, Debug)]
pub struct WorkloadOptions {
    /// Which transactions.
    pub kind: WorkloadKind,
    /// How many.
    pub transactions: u64,
    /// Accounts at genesis; more if the workload itself needs more.
    pub accounts: u64,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Whether signatures are real. Otherwise addresses and signatures are unique filler.
    pub real_signatures: bool,
}

/// Accounts, programs and transactions of a run.
pub struct Workload {
    /// Blockhash of genesis, which all transactions carry.
    pub blockhash: Hash,
    /// Accounts at genesis, beside those of programs.
    pub genesis: Vec<(Pubkey, AccountState)>,
    /// Programs beside System and Compute Budget.
    pub programs: Vec<Program>,
    /// The transactions.
    pub transactions: WireTransactions,
}

/// What a kind of workload brings: everything but signatures.
pub(crate) struct Plan {
    /// Accounts beside the payers'.
    pub(crate) accounts: Vec<(Pubkey, AccountState)>,
    /// Programs beside System and Compute Budget.
    pub(crate) programs: Vec<Program>,
    /// Number of the payer, and message, of the i-th transaction.
    pub(crate) draft: Draft,
}

/// Number of the payer, and message, of the i-th transaction; no two transactions have the same message.
pub(crate) type Draft = Box<dyn Fn(u64, &Keyring) -> (u64, VersionedMessage) + Sync>;

/// What a plan is made from.
pub(crate) struct Ground<'a> {
    pub(crate) options: &'a WorkloadOptions,
    pub(crate) blockhash: Hash,
    pub(crate) keyring: &'a Keyring,
}

impl Workload {
    /// Makes the workload, on all cores.
    pub fn generate(options: &WorkloadOptions) -> Self {
        let blockhash =
            Hash::new_from_array(address(options.seed, PURPOSE_BLOCKHASH, 0).to_bytes());
        let keyring =
            Keyring::generate(options.seed, payer_count(options), options.real_signatures);
        let ground = Ground {
            options,
            blockhash,
            keyring: &keyring,
        };
        let plan = match options.kind {
            WorkloadKind::Transfer => transfers::pairs(&ground),
            WorkloadKind::Hot => transfers::hot(&ground),
            WorkloadKind::Zipf => transfers::zipf(&ground),
            WorkloadKind::Counter => counters::plan(&ground),
            WorkloadKind::Token => tokens::plan(&ground),
            WorkloadKind::Compute => programs::compute_plan(&ground, 0),
            WorkloadKind::Chained => programs::compute_plan(&ground, programs::CHAINED_PERCENT),
            WorkloadKind::Chain => programs::compute_plan(&ground, 100),
            WorkloadKind::Mix => mix::plan(&ground),
            WorkloadKind::ReadSmall => ranges::plan(&ground, ranges::SMALL, Access::Read),
            WorkloadKind::ReadLarge => ranges::plan(&ground, ranges::LARGE, Access::Read),
            WorkloadKind::WriteSmall => ranges::plan(&ground, ranges::SMALL, Access::Write),
            WorkloadKind::WriteLarge => ranges::plan(&ground, ranges::LARGE, Access::Write),
        };
        let draft = |i| (plan.draft)(i, &keyring);
        let transactions = WireTransactions::signed(0..options.transactions, &keyring, draft);
        let genesis = genesis(options, &keyring, plan.accounts);
        Self {
            blockhash,
            genesis,
            programs: plan.programs,
            transactions,
        }
    }
}

/// Distinct fee payers: as many as there are transactions, or as the accounts leave room for.
fn payer_count(options: &WorkloadOptions) -> u64 {
    let share = match options.kind {
        WorkloadKind::Zipf => return transfers::ZIPF_ACCOUNTS,
        WorkloadKind::Hot
        | WorkloadKind::ReadSmall
        | WorkloadKind::ReadLarge
        | WorkloadKind::WriteSmall
        | WorkloadKind::WriteLarge => options.accounts.saturating_sub(1),
        WorkloadKind::Mix => options.accounts / 4,
        WorkloadKind::Token => options.accounts / 3,
        WorkloadKind::Transfer
        | WorkloadKind::Counter
        | WorkloadKind::Compute
        | WorkloadKind::Chained
        | WorkloadKind::Chain => options.accounts / 2,
    };
    share.min(options.transactions).max(1)
}

/// Payers, the plan's accounts, and bystanders up to the number asked for.
pub(crate) fn genesis(
    options: &WorkloadOptions,
    keyring: &Keyring,
    planned: Vec<(Pubkey, AccountState)>,
) -> Vec<(Pubkey, AccountState)> {
    let payer = AccountState {
        lamports: PAYER_LAMPORTS,
        ..AccountState::default()
    };
    let bystander = AccountState {
        lamports: OTHER_LAMPORTS,
        ..AccountState::default()
    };
    let mut accounts: Vec<_> = (0..keyring.len())
        .map(|i| (keyring.key(i), payer.clone()))
        .collect();
    accounts.extend(planned);
    let missing = options.accounts.saturating_sub(accounts.len() as u64);
    accounts.extend((0..missing).map(|i| {
        (
            address(options.seed, PURPOSE_BYSTANDER, i),
            bystander.clone(),
        )
    }));
    accounts
}

/// A fixed order of `0..count` in which neighbours lie far apart, so that a run does not walk through
/// memory in the order of genesis.
#[derive(Clone, Copy)]
pub(crate) struct Scattered {
    count: u64,
    stride: u64,
}

impl Scattered {
    pub(crate) fn new(count: u64) -> Self {
        let mut stride = (count as f64 * 0.618_033_988_749_895) as u64 | 1;
        while gcd(stride, count) != 1 {
            stride += 2;
        }
        Self { count, stride }
    }

    /// Which item comes at place `i`, and how many full rounds came before it.
    pub(crate) fn at(self, i: u64) -> (u64, u64) {
        let place = u128::from(i % self.count) * u128::from(self.stride);
        ((place % u128::from(self.count)) as u64, i / self.count)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_transaction::versioned::VersionedTransaction;
    use std::collections::HashSet;

    fn options(kind: WorkloadKind, real_signatures: bool) -> WorkloadOptions {
        WorkloadOptions {
            kind,
            transactions: 600,
            accounts: 2_000,
            seed: 11,
            real_signatures,
        }
    }

    fn transactions(workload: &Workload) -> Vec<VersionedTransaction> {
        let decode = |bytes: &[u8]| {
            assert!(bytes.len() <= 1_232, "{} bytes on the wire", bytes.len());
            let transaction: VersionedTransaction = bincode::deserialize(bytes).unwrap();
            assert_eq!(
                bincode::serialized_size(&transaction).unwrap(),
                bytes.len() as u64
            );
            transaction.sanitize().unwrap();
            transaction
        };
        workload.transactions.iter().map(decode).collect()
    }

    fn kinds() -> &'static [WorkloadKind] {
        use clap::ValueEnum;
        WorkloadKind::value_variants()
    }

    #[test]
    fn every_kind_gives_distinct_well_formed_transactions_of_accounts_in_genesis() {
        for &kind in kinds() {
            let workload = Workload::generate(&options(kind, false));
            let transactions = transactions(&workload);
            assert_eq!(transactions.len(), 600, "{kind:?}");
            let messages: HashSet<_> = transactions
                .iter()
                .map(|transaction| transaction.message.serialize())
                .collect();
            assert_eq!(messages.len(), 600, "{kind:?}");
            let names: HashSet<_> = transactions
                .iter()
                .map(|transaction| transaction.signatures[0])
                .collect();
            assert_eq!(names.len(), 600, "{kind:?}");
            let genesis: HashSet<_> = workload.genesis.iter().map(|(key, _)| *key).collect();
            assert_eq!(genesis.len(), workload.genesis.len(), "{kind:?}");
            for transaction in &transactions {
                assert!(genesis.contains(&transaction.message.static_account_keys()[0]));
                assert_eq!(transaction.message.recent_blockhash(), &workload.blockhash);
            }
        }
    }

    #[test]
    fn a_workload_is_a_function_of_its_seed() {
        let options = options(WorkloadKind::Mix, false);
        let [a, b] = [(); 2].map(|()| Workload::generate(&options));
        assert!(a.transactions.iter().eq(b.transactions.iter()));
        assert!(a.genesis == b.genesis);
        let other = Workload::generate(&WorkloadOptions {
            seed: 12,
            ..options
        });
        assert!(!a.transactions.iter().eq(other.transactions.iter()));
    }

    #[test]
    fn real_signatures_verify() {
        for &kind in kinds() {
            for transaction in transactions(&Workload::generate(&options(kind, true))) {
                assert_eq!(transaction.verify_with_results(), [true], "{kind:?}");
            }
        }
    }

    #[test]
    fn a_scattered_order_visits_every_item_once_a_round() {
        for count in [1, 2, 3, 10, 999, 1_000] {
            let scattered = Scattered::new(count);
            let visited: HashSet<_> = (0..count).map(|i| scattered.at(i)).collect();
            assert_eq!(visited, (0..count).map(|i| (i, 0)).collect());
            assert_eq!(scattered.at(count).1, 1);
        }
    }
}
