//! The programs on board in a harness.
#![allow(dead_code, reason = "each test uses a part of it")]

pub(crate) mod elf;

use sealane_sdk::testing::Harness;
use sealane_sdk::{AccountState, Pubkey, Rent};
use sealane_vm::{ElfMachine, ProgramsConfig};
use solana_account::ReadableAccount;
use std::collections::HashMap;
use std::sync::Arc;

/// The accounts of all programs that are on board.
pub(crate) fn on_board() -> HashMap<Pubkey, AccountState> {
    let rent = Rent::default();
    let spl = solana_program_binaries::spl_programs(&rent);
    let core = solana_program_binaries::core_bpf_programs(&rent, |_| true);
    let accounts = spl.into_iter().chain(core).map(|(key, account)| {
        let state = AccountState {
            lamports: account.lamports(),
            owner: *account.owner(),
            executable: account.executable(),
            data: account.data().into(),
        };
        (key, state)
    });
    accounts.collect()
}

/// A harness with all of them.
pub(crate) fn harness() -> Harness {
    let accounts = on_board();
    let source = Arc::new(accounts.clone());
    let machine = ElfMachine::new(source, ProgramsConfig::default());
    let harness = Harness::new().with_machine(Box::new(machine));
    accounts.into_iter().fold(harness, |harness, (key, state)| {
        harness.with_account(key, state)
    })
}
