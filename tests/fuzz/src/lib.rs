//! What the targets share: the accounts and programs that random transactions are about.

use sealane_random_transactions::{MEMO_1, MEMO_3, MEMO_4, Sealane, Transaction, all_programs};
use sealane_sdk::{AccountState, Programs, Pubkey};

/// Writes what fuzzing of `target` begins with, a file each. `run.sh` has made the folder.
pub fn write_seeds<'a>(target: &str, seeds: impl Iterator<Item = &'a [u8]>) {
    for (number, seed) in seeds.enumerate() {
        let written = std::fs::write(format!("seeds/{target}/{number}"), seed);
        written.expect("the folder for seeds is there");
    }
}

/// Bytes of a transaction, at most.
pub const BYTES_MAX: usize = 1_232;
/// Transactions until all kinds of accounts are there.
const TRANSACTIONS: usize = 400;

/// Accounts, programs, and transactions that are about them.
pub struct World {
    /// Accounts, those of programs among them.
    pub accounts: Vec<(Pubkey, AccountState)>,
    /// Native programs.
    pub programs: Programs,
    /// What led there.
    pub transactions: Vec<Transaction>,
}

impl World {
    /// The same each time.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let mut sealane = Sealane::new(called());
        let mut world = sealane_random_transactions::World::new(1);
        let mut transactions = Vec::new();
        for _ in 0..TRANSACTIONS {
            let transaction = world.next(&mut sealane, &mut ());
            sealane.run(&transaction);
            transactions.push(transaction);
        }
        let accounts = sealane.accounts().iter();
        let mut accounts: Vec<_> = accounts
            .filter(|(_, state)| state.lamports > 0)
            .map(|(key, state)| (*key, state.clone()))
            .collect();
        accounts.sort_by_key(|(key, _)| *key);
        Self {
            accounts,
            programs: all_programs(),
            transactions,
        }
    }
}

/// The ELF programs that are called, and where their files are.
fn called() -> Vec<(Pubkey, AccountState)> {
    let table = Pubkey::from_str_const("AddressLookupTab1e1111111111111111111111111");
    let loader = Pubkey::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
    let called = [MEMO_1, MEMO_3, MEMO_4, table];
    let files = called.map(|id| Pubkey::find_program_address(&[id.as_ref()], &loader).0);
    let mut all = sealane_on_board::programs();
    all.retain(|(key, _)| called.contains(key) || files.contains(key));
    all
}
