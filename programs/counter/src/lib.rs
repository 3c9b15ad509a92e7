//! One counter per user: the smallest program that has what most programs have. A state account at
//! a derived address, made by a call to the System program; checks of who signs and whose account
//! it is; a log line, return data, an error of its own; builders of its instructions for clients.
//!
//! # The program
//!
//! Its id is `SeaLaneCounter11111111111111111111111111111`. An instruction is a tag byte and its
//! arguments; numbers are little-endian.
//!
//! | instruction | data | accounts |
//! | --- | --- | --- |
//! | `create` | `00` | user (signer, writable), counter (writable), System program |
//! | `increment` | `01`, amount as `u64` | user (signer), counter (writable) |
//!
//! `increment` logs `Program log: count: N` and returns the new count as 8 bytes.
//!
//! # The account
//!
//! A user's counter lies at the address derived from the seeds `"counter"` and the user's key, and
//! holds 40 bytes:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..32 | the user's key |
//! | 32..40 | the count, `u64` |
//!
//! Only `create` derives the address, which is dear. `increment` trusts what stands in the account:
//! nobody but this program writes to accounts that it owns, and it writes a user's key only where
//! the address was checked.

mod client;

pub use client::{counter_address, create, increment, read_count};

use std::ops::Range;

use sealane_sdk::{
    AccountInfo, ProgramError, ProgramResult, Pubkey, Rent, Sysvar, declare_id, entrypoint,
    invoke_signed, msg, set_return_data, system_instruction,
};

declare_id!("SeaLaneCounter11111111111111111111111111111");
entrypoint!(process_instruction, compute_units = 500);

/// Bytes of a counter account.
pub const COUNTER_LEN: usize = 40;

/// First of the two seeds of a counter's address; the other is the user's key.
const SEED: &[u8] = b"counter";

const USER: Range<usize> = 0..32;
const COUNT: Range<usize> = 32..40;

const CREATE: u8 = 0;
const INCREMENT: u8 = 1;

/// What can go wrong here and nowhere else. A client sees the number: `custom program error: 0x1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum CounterError {
    /// The account to be created does not lie at the address of the user's counter.
    WrongAddress = 0,
    /// The counter is another user's.
    WrongUser = 1,
    /// The count would exceed `u64`.
    Overflow = 2,
}

impl From<CounterError> for ProgramError {
    fn from(error: CounterError) -> Self {
        Self::Custom(error as u32)
    }
}

fn process_instruction(
    program_id: &Pubkey,
    accounts: &[AccountInfo<'_>],
    data: &[u8],
) -> ProgramResult {
    match data {
        [CREATE] => process_create(program_id, accounts),
        [INCREMENT, amount @ ..] => {
            let amount = amount
                .try_into()
                .map_err(|_| ProgramError::InvalidInstructionData)?;
            process_increment(program_id, accounts, u64::from_le_bytes(amount))
        }
        _ => Err(ProgramError::InvalidInstructionData),
    }
}

fn process_create(program_id: &Pubkey, accounts: &[AccountInfo<'_>]) -> ProgramResult {
    let [user, counter, _system_program, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    // Without the user's signature the call below would fail too; here the reason is plain.
    if !user.is_signer {
        return Err(ProgramError::MissingRequiredSignature);
    }
    let (address, bump) = Pubkey::find_program_address(&[SEED, user.key.as_ref()], program_id);
    if *counter.key != address {
        return Err(CounterError::WrongAddress.into());
    }
    invoke_signed(
        &system_instruction::create_account(
            user.key,
            counter.key,
            Rent::get()?.minimum_balance(COUNTER_LEN),
            COUNTER_LEN as u64,
            program_id,
        ),
        &[*user, *counter],
        &[&[SEED, user.key.as_ref(), &[bump]]],
    )?;
    // The count needs no writing: new bytes are zero.
    counter.data_mut(USER)?.copy_from_slice(user.key.as_ref());
    Ok(())
}

fn process_increment(
    program_id: &Pubkey,
    accounts: &[AccountInfo<'_>],
    amount: u64,
) -> ProgramResult {
    let [user, counter, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    if !user.is_signer {
        return Err(ProgramError::MissingRequiredSignature);
    }
    if !counter.is_owned_by(program_id) {
        return Err(ProgramError::InvalidAccountOwner);
    }
    if *counter.data(USER)? != *user.key.as_ref() {
        return Err(CounterError::WrongUser.into());
    }
    let count = read_count(&counter.data(..)?)
        .ok_or(ProgramError::InvalidAccountData)?
        .checked_add(amount)
        .ok_or(CounterError::Overflow)?;
    let bytes = count.to_le_bytes();
    counter.data_mut(COUNT)?.copy_from_slice(&bytes);
    msg!("count: {count}");
    set_return_data(&bytes);
    Ok(())
}
