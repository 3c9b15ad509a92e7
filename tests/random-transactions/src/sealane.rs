//! Sealane's side: verify and bank over a map of accounts, one transaction after the other.
//!
//! Verify looks addresses up where a node has them published: in a database, which here is made for each transaction that
//! looks something up, of the accounts that it names as tables. Age is judged by the slot, as in a node. What a node does
//! around it (locks, order, replay protection, signatures) is not here.

use crate::answer::{Answer, Charged};
use crate::world::Transaction;
use sealane_accounts_db::DbLimits;
use sealane_runtime::{
    Bank, Limits, SlotContext, SlotWatch, TransactionRecord, VerifiedTransaction, Verifier,
    VerifyError,
};
use sealane_sdk::{AccountState, Hash, Programs, Pubkey, TransactionAccounts};
use sealane_vm::{ElfMachine, ProgramsConfig};
use solana_transaction_error::TransactionError;
use std::collections::HashMap;
use std::sync::Arc;

/// Slots before the first transaction: so many hashes of slots there are.
const FIRST_SLOT: u64 = 600;

/// The native programs of a node.
pub fn all_programs() -> Programs {
    let mut programs = Programs::builtin();
    for precompile in sealane_precompiles::ALL {
        programs.add(precompile);
    }
    programs
}

/// The accounts, and what runs transactions over them.
pub struct Sealane {
    slot: SlotContext,
    accounts: HashMap<Pubkey, AccountState>,
    bank: Bank,
    /// Of transactions that look nothing up: it knows no account.
    verifier: Verifier,
}

impl Sealane {
    /// Begins with these programs that are ELF files, and the native ones.
    pub fn new(elf_programs: impl IntoIterator<Item = (Pubkey, AccountState)>) -> Self {
        let programs = all_programs();
        let mut slot = SlotContext::genesis(blockhash(0), 1_700_000_000);
        while slot.slot < FIRST_SLOT {
            slot = next(&slot);
        }
        // As in a node: what a slot makes is in no table.
        let native = programs
            .iter()
            .filter(|program| slot.virtual_account(&program.id).is_none())
            .map(|program| (program.id, program.account()));
        let accounts: HashMap<_, _> = elf_programs.into_iter().chain(native).collect();
        let machine = ElfMachine::new(Arc::new(accounts.clone()), ProgramsConfig::default());
        Self {
            verifier: verifier(&slot, []),
            slot,
            accounts,
            bank: Bank::new(Arc::new(programs), &Limits::default()).with_machine(Arc::new(machine)),
        }
    }

    /// The open slot.
    pub fn slot(&self) -> &SlotContext {
        &self.slot
    }

    /// Opens the next slot.
    pub(crate) fn turn_slot(&mut self) {
        self.slot = next(&self.slot);
    }

    /// An account is this from now on.
    pub fn set(&mut self, key: Pubkey, state: AccountState) {
        if state.is_absent() {
            self.accounts.remove(&key);
        } else {
            self.accounts.insert(key, state);
        }
    }

    /// What an account is; the default state if it is not there.
    pub fn account(&self, key: &Pubkey) -> AccountState {
        let made = self.slot.virtual_account(key);
        let found = made.or_else(|| self.accounts.get(key));
        // The Instructions sysvar is made for each transaction that names it; there is no such account.
        let found = found.filter(|state| !state.is_absent());
        found.cloned().unwrap_or_default()
    }

    /// All accounts but those that the slot makes.
    pub fn accounts(&self) -> &HashMap<Pubkey, AccountState> {
        &self.accounts
    }

    /// Runs a transaction, from the bytes of the wire on.
    pub fn run(&mut self, transaction: &Transaction) -> Answer {
        let verified = match self.verify(transaction) {
            Ok(verified) => verified,
            Err(VerifyError::Transaction(error)) => return Answer::Dropped(error),
            Err(VerifyError::Malformed(_)) => {
                return Answer::Dropped(TransactionError::SanitizeFailure);
            }
            Err(other) => panic!("{other}"),
        };
        self.process(&verified).unwrap_or_else(Answer::Dropped)
    }

    fn verify(
        &mut self,
        transaction: &Transaction,
    ) -> Result<Box<VerifiedTransaction>, VerifyError> {
        let bytes = transaction.bytes.clone().into();
        let tables = transaction.message.address_table_lookups();
        let tables = tables.unwrap_or_default().iter();
        let tables: Vec<_> = tables
            .map(|lookup| (lookup.account_key, self.account(&lookup.account_key)))
            .filter(|(_, state)| !state.is_absent())
            .collect();
        if tables.is_empty() {
            return self.verifier.parse_trusted(bytes);
        }
        verifier(&self.slot, tables).parse_trusted(bytes)
    }

    fn process(&mut self, transaction: &VerifiedTransaction) -> Result<Answer, TransactionError> {
        let count = transaction.account_count();
        let keys: Vec<Pubkey> = (0..count).map(|i| *transaction.key(i)).collect();
        let states: Vec<AccountState> = keys
            .iter()
            .map(|key| self.accounts.get(key).cloned().unwrap_or_default())
            .collect();
        let mut accounts = TransactionAccounts::new();
        let mut processed =
            self.bank
                .process(&self.slot, transaction, |i| &states[i], &mut accounts)?;
        let mut bytes = Vec::new();
        processed.encode_record(&mut bytes);
        let changes: Vec<_> = (0..count)
            .filter_map(|i| Some((i, processed.take_change(i)?)))
            .collect();
        drop(accounts);
        let record = TransactionRecord::decode(&bytes, &keys);
        for (i, state) in changes {
            assert_eq!(
                record.post_balances[i], state.lamports,
                "balance of account {i}"
            );
            self.set(keys[i], state);
        }
        Ok(Answer::Charged(Box::new(Charged {
            status: record.status,
            fee: record.fee,
            compute_units: record.compute_units,
            logs: record.logs,
            return_data: record.return_data,
            inner: record.inner_instructions,
        })))
    }
}

/// Verifies transactions of a slot that look up in these accounts.
fn verifier(
    slot: &SlotContext,
    tables: impl IntoIterator<Item = (Pubkey, AccountState)>,
) -> Verifier {
    let limits = DbLimits {
        accounts_max: 64,
        pins_max: 1,
        pinned_bytes_max: 1 << 20,
    };
    let (database, ..) = sealane_accounts_db::open(limits, 1, tables).expect("there is room");
    let watch = SlotWatch::new(Arc::new(slot.clone()));
    Verifier::new(database, watch, &Limits::default(), false)
}

/// The blockhash that a slot ends with.
pub(crate) fn blockhash(slot: u64) -> Hash {
    solana_sha256_hasher::hash(&slot.to_le_bytes())
}

fn next(slot: &SlotContext) -> SlotContext {
    let time = slot.sysvars.clock.unix_timestamp + 1;
    slot.next(blockhash(slot.slot), time)
}
