//! Programs that are ELF files, as the bank runs them: where their files are read, and what a transaction that
//! deploys one tells.

use crate::SlotWatch;
use crate::sync::Arc;
use sealane_accounts_db::{Accounts, Pin, ReadError};
use sealane_sdk::{AccountState, Pubkey};
use sealane_vm::{ElfMachine, ProgramSource, ProgramsConfig};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// Reads in a row that may find every pin taken, or theirs expired.
const READS_MAX: u32 = 1_000;
/// How long one that failed so waits.
const READ_PAUSE: Duration = Duration::from_millis(1);

/// The accounts of a node.
struct Published {
    accounts: Arc<Accounts>,
    /// Of the slots that readers see.
    slots: SlotWatch,
}

impl ProgramSource for Published {
    fn account(&self, key: &Pubkey) -> Result<Option<AccountState>, String> {
        for _ in 0..READS_MAX {
            match self.accounts.pin().and_then(|pin| pin.get(key)) {
                Err(ReadError::PinExpired | ReadError::TooManyPins) => {
                    std::thread::sleep(READ_PAUSE);
                }
                read => return read.map_err(|error| error.to_string()),
            }
        }
        Err("readers hold every pin".to_owned())
    }

    fn published_slot(&self) -> u64 {
        self.slots.get().slot
    }
}

/// A node's machine.
pub(crate) fn machine(
    accounts: Arc<Accounts>,
    visible_slots: SlotWatch,
    config: ProgramsConfig,
) -> std::sync::Arc<ElfMachine> {
    let source = Published {
        accounts,
        slots: visible_slots,
    };
    std::sync::Arc::new(ElfMachine::new(std::sync::Arc::new(source), config))
}

/// The accounts at the end of a slot that has ended.
struct Past {
    pin: Arc<Pin>,
    /// For when that state is no longer held: who reads it is told so next.
    newest: Published,
}

impl ProgramSource for Past {
    fn account(&self, key: &Pubkey) -> Result<Option<AccountState>, String> {
        match self.pin.get(key) {
            Err(ReadError::PinExpired) => self.newest.account(key),
            read => read.map_err(|error| error.to_string()),
        }
    }

    fn published_slot(&self) -> u64 {
        // Nothing changes any more.
        u64::MAX
    }
}

/// A machine for simulations at the end of a slot that has ended, with the programs as they were. It shares nothing with the
/// node's, which must never run what a program once was.
pub(crate) fn past_machine(
    pin: Arc<Pin>,
    accounts: Arc<Accounts>,
    slots: SlotWatch,
    config: ProgramsConfig,
) -> std::sync::Arc<ElfMachine> {
    let newest = Published { accounts, slots };
    let source = Past { pin, newest };
    std::sync::Arc::new(ElfMachine::new(std::sync::Arc::new(source), config))
}

/// The programs of the serial oracle: its own copy of all accounts that may have a file.
#[derive(Default)]
pub(crate) struct SerialPrograms(Mutex<HashMap<Pubkey, AccountState>>);

impl SerialPrograms {
    /// Notes an account's state, if it may have a file.
    pub(crate) fn note(&self, key: &Pubkey, state: &AccountState) {
        let mut accounts = self.0.lock().expect("no holder panics");
        if state.owner == solana_sdk_ids::bpf_loader_upgradeable::ID {
            accounts.insert(*key, state.clone());
        } else {
            accounts.remove(key);
        }
    }
}

impl ProgramSource for SerialPrograms {
    fn account(&self, key: &Pubkey) -> Result<Option<AccountState>, String> {
        let accounts = self.0.lock().expect("no holder panics");
        Ok(accounts.get(key).cloned())
    }

    fn published_slot(&self) -> u64 {
        // All is there at once.
        u64::MAX
    }
}
