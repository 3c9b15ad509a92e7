//! Accounts and instructions of the tests.

use super::Stub;
use sealane_sdk::loader::{UpgradeableLoaderInstruction, UpgradeableLoaderState};
use sealane_sdk::testing::{Harness, Outcome};
use sealane_sdk::{AccountMeta, AccountState, Instruction, InstructionError, Pubkey, Rent};
use solana_sdk_ids::bpf_loader_upgradeable;

/// The error and the line logged before it; an empty line means that nothing is logged.
pub(crate) type Refusal<'t> = (InstructionError, &'t str);

pub(crate) const LOADER: Pubkey = bpf_loader_upgradeable::ID;
pub(crate) const UNITS: u64 = 2_370;
/// Of the System program.
pub(crate) const CALL_UNITS: u64 = 150;
/// The slot of the tests.
pub(crate) const NOW: u64 = 9;
/// A slot before it.
pub(crate) const BEFORE: u64 = 8;

/// What the stub takes for an ELF file.
pub(crate) fn elf(len: usize) -> Vec<u8> {
    let mut elf: Vec<u8> = (0..len).map(|i| i as u8 | 1).collect();
    elf[..4].copy_from_slice(b"\x7fELF");
    elf
}

pub(crate) fn key(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

pub(crate) fn rw(key: Pubkey) -> AccountMeta {
    AccountMeta::new(key, false)
}

pub(crate) fn ro(key: Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(key, false)
}

pub(crate) fn signer(key: Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(key, true)
}

pub(crate) fn payer(key: Pubkey) -> AccountMeta {
    AccountMeta::new(key, true)
}

pub(crate) fn rent(len: usize) -> u64 {
    Rent::default().minimum_balance(len)
}

pub(crate) fn loader(
    instruction: &UpgradeableLoaderInstruction,
    metas: Vec<AccountMeta>,
) -> Instruction {
    Instruction::new_with_bincode(LOADER, instruction, metas)
}

/// An account of the loader, with the state at its beginning and as much rent as it needs.
pub(crate) fn account(state: &UpgradeableLoaderState, head: usize, elf: &[u8]) -> AccountState {
    let mut data = bincode::serialize(state).unwrap();
    data.resize(head, 0);
    data.extend_from_slice(elf);
    AccountState {
        lamports: rent(data.len()),
        owner: LOADER,
        executable: false,
        data: data.into(),
    }
}

/// An account of the loader that is nothing yet.
pub(crate) fn blank(len: usize) -> AccountState {
    account(&UpgradeableLoaderState::Uninitialized, len, &[])
}

pub(crate) fn buffer(authority: Option<Pubkey>, elf: &[u8]) -> AccountState {
    let state = UpgradeableLoaderState::Buffer {
        authority_address: authority,
    };
    account(&state, 37, elf)
}

pub(crate) fn program(programdata: Pubkey) -> AccountState {
    let state = UpgradeableLoaderState::Program {
        programdata_address: programdata,
    };
    AccountState {
        executable: true,
        ..account(&state, 36, &[])
    }
}

pub(crate) fn programdata(slot: u64, authority: Option<Pubkey>, elf: &[u8]) -> AccountState {
    let state = UpgradeableLoaderState::ProgramData {
        slot,
        upgrade_authority_address: authority,
    };
    account(&state, 45, elf)
}

pub(crate) fn wallet(lamports: u64) -> AccountState {
    AccountState {
        lamports,
        ..Default::default()
    }
}

/// Where the file of a program is.
pub(crate) fn programdata_of(program: Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[program.as_ref()], &LOADER).0
}

/// A slot, accounts, and an instruction that succeeds unless a test spoils something.
pub(crate) struct Scene {
    pub(crate) harness: Harness,
    pub(crate) accounts: Vec<(Pubkey, AccountState)>,
    pub(crate) instruction: UpgradeableLoaderInstruction,
    pub(crate) metas: Vec<AccountMeta>,
}

impl Scene {
    pub(crate) fn new(
        instruction: UpgradeableLoaderInstruction,
        accounts: Vec<(Pubkey, AccountState)>,
        metas: Vec<AccountMeta>,
    ) -> Self {
        let mut harness = Harness::new().with_machine(Box::new(Stub));
        harness.warp_to_slot(NOW);
        Self {
            harness,
            accounts,
            instruction,
            metas,
        }
    }

    /// The state of an account before the instruction, to be spoiled.
    pub(crate) fn at(&mut self, key: Pubkey) -> &mut AccountState {
        let found = self.accounts.iter_mut().find(|(known, _)| *known == key);
        &mut found.expect("the scene has it").1
    }

    fn ready(&mut self) -> Instruction {
        for (key, state) in &self.accounts {
            self.harness.set_account(*key, state.clone());
        }
        loader(&self.instruction, self.metas.clone())
    }

    /// Runs it, and expects it to succeed with this line at the end, if any, and these units.
    #[track_caller]
    pub(crate) fn succeeds(&mut self, line: &str, units: u64) -> Outcome {
        let instruction = self.ready();
        let outcome = run(&mut self.harness, &instruction);
        assert_eq!(outcome.result, Ok(()), "{:?}", outcome.logs);
        let [.., said, success] = outcome.logs.as_slice() else {
            panic!("{:?}", outcome.logs);
        };
        assert_eq!(*success, format!("Program {LOADER} success"));
        if line.is_empty() {
            assert_eq!(outcome.logs.len(), 2);
        } else {
            assert_eq!(said, line);
        }
        assert_eq!(outcome.compute_units, units);
        outcome
    }

    /// Runs it, and expects it to be refused with this and to change nothing.
    #[track_caller]
    pub(crate) fn refused(&mut self, error: InstructionError, line: &str) {
        let instruction = self.ready();
        check_refused(&mut self.harness, &instruction, (error, line));
        for (key, state) in &self.accounts {
            assert_eq!(self.harness.account(key), *state, "account {key}");
        }
    }

    pub(crate) fn account(&self, key: Pubkey) -> AccountState {
        self.harness.account(&key)
    }
}

pub(crate) fn run(harness: &mut Harness, instruction: &Instruction) -> Outcome {
    harness.process_instruction(instruction)
}

/// Expects this error of an instruction, and this as the last line before it.
#[track_caller]
pub(crate) fn check_refused(
    harness: &mut Harness,
    instruction: &Instruction,
    expected: Refusal<'_>,
) {
    let outcome = run(harness, instruction);
    assert_eq!(outcome.error(), Some(&expected.0), "{:?}", outcome.logs);
    let lines = &outcome.logs[1..outcome.logs.len() - 1];
    let said = lines.last().map_or("", String::as_str);
    assert_eq!(said, expected.1);
    assert!(outcome.deployed.is_empty());
}
