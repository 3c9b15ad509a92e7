//! The System program, instruction by instruction, as a client meets it: what changes, the error,
//! and the log line that says why. Errors and lines are those of Agave 4.2.

mod accounts;
mod nonces;
mod seeds;
mod transfers;

use sealane_sdk::{
    AccountMeta, AccountState, Instruction, InstructionError, Pubkey, testing::Harness,
};
use solana_sdk_ids::system_program;
use solana_system_interface::{error::SystemError, instruction::SystemInstruction};

/// An account and its state, before or after.
type Account = (Pubkey, AccountState);

/// The error and the line logged before it; an empty line means that nothing is logged.
type Refusal<'t> = (InstructionError, &'t str);

/// Runs `instruction` over `before` and expects either these states after it and no log line of its
/// own, or this refusal and nothing changed. All accounts of `before` that the success does not
/// name must be as they were.
#[track_caller]
fn check(before: &[Account], instruction: &Instruction, expected: Result<&[Account], Refusal<'_>>) {
    check_in(Harness::new(), before, instruction, expected);
}

/// As `check`, in a slot that the test has prepared.
#[track_caller]
fn check_in(
    mut harness: Harness,
    before: &[Account],
    instruction: &Instruction,
    expected: Result<&[Account], Refusal<'_>>,
) {
    for (key, state) in before {
        harness.set_account(*key, state.clone());
    }
    let outcome = harness.process_instruction(instruction);

    let [invoke, said @ .., verdict] = outcome.logs.as_slice() else {
        panic!("{:?}", outcome.logs);
    };
    assert_eq!(
        *invoke,
        format!("Program {} invoke [1]", system_program::ID)
    );
    let (after, lines): (&[Account], &[&str]) = match &expected {
        Ok(after) => {
            assert_eq!(outcome.result, Ok(()), "{said:?}");
            assert_eq!(*verdict, format!("Program {} success", system_program::ID));
            (after, &[])
        }
        Err((error, line)) => {
            assert_eq!(outcome.result, Err((0, error.clone())), "{said:?}");
            (
                &[],
                if line.is_empty() {
                    &[]
                } else {
                    std::slice::from_ref(line)
                },
            )
        }
    };
    assert_eq!(said, lines);
    assert_eq!(outcome.compute_units, 150);
    for (key, state) in before {
        let expected = after
            .iter()
            .find(|(k, _)| k == key)
            .map_or(state, |(_, s)| s);
        assert_eq!(harness.account(key), *expected, "account {key}");
    }
    for (key, state) in after {
        assert_eq!(harness.account(key), *state, "account {key}");
    }
}

/// An instruction that clients' builders would not build.
fn system(instruction: &SystemInstruction, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction::new_with_bincode(system_program::ID, instruction, accounts)
}

fn key(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

fn signer(key: Pubkey) -> AccountMeta {
    AccountMeta::new(key, true)
}

fn writable(key: Pubkey) -> AccountMeta {
    AccountMeta::new(key, false)
}

fn readonly(key: Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(key, false)
}

/// An account of the System program without data.
fn wallet(lamports: u64) -> AccountState {
    AccountState {
        lamports,
        ..Default::default()
    }
}

/// An account with `len` bytes of zeros.
fn sized(lamports: u64, owner: Pubkey, len: usize) -> AccountState {
    AccountState {
        lamports,
        owner,
        data: vec![0; len].into(),
        ..Default::default()
    }
}

fn system_error(error: SystemError) -> InstructionError {
    InstructionError::Custom(error as u32)
}

/// An owner that ends like what program addresses are hashed with, which no seed may be combined
/// with.
fn illegal_owner() -> Pubkey {
    let mut bytes = [1; 32];
    bytes[11..].copy_from_slice(b"ProgramDerivedAddress");
    Pubkey::new_from_array(bytes)
}
