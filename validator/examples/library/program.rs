//! A program that can be loaded as a shared library, for the tests of that: counts in its first account, and does on
//! request what a program should not.

use sealane_sdk::{
    AccountInfo, Clock, ProgramError, ProgramResult, Pubkey, Sysvar, declare_id, entrypoint,
    invoke, msg, next_account_info, set_return_data, system_instruction,
};

declare_id!("Librarytest11111111111111111111111111111111");
entrypoint!(process_instruction, compute_units = 300);

fn process_instruction(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    match data {
        b"count" => count(accounts),
        b"grow" => grow(accounts),
        b"pay" => pay(accounts),
        b"panic" => panic!("as it was asked to, in version {}", super::VERSION),
        b"overflow" => {
            msg!("{}", deeper(1));
            Ok(())
        }
        _ => Err(ProgramError::InvalidInstructionData),
    }
}

/// Adds the version to a number, and says it.
fn count(accounts: &[AccountInfo<'_>]) -> ProgramResult {
    let counter = next_account_info(&mut accounts.iter())?;
    let mut number = counter.data_mut(0..8)?;
    let sum = u64::from_le_bytes(number[..8].try_into().expect("eight bytes")) + super::VERSION;
    number.copy_from_slice(&sum.to_le_bytes());
    msg!(
        "version {} counts to {sum} in slot {}",
        super::VERSION,
        Clock::get()?.slot
    );
    set_return_data(&sum.to_le_bytes());
    Ok(())
}

/// Allocates where the node frees, and frees what the node has allocated.
fn grow(accounts: &[AccountInfo<'_>]) -> ProgramResult {
    let account = next_account_info(&mut accounts.iter())?;
    let len = account.data_len();
    account.resize(len + 10_000)?;
    account
        .data_mut(len..len + 10_000)?
        .fill(super::VERSION as u8);
    for line in 0..50 {
        msg!("line {line}: {}", "x".repeat(line * 7));
    }
    Ok(())
}

/// Calls the System program: pays one lamport from the first account to the second.
fn pay(accounts: &[AccountInfo<'_>]) -> ProgramResult {
    let [from, to, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    invoke(&system_instruction::transfer(from.key, to.key, 1), accounts)
}

/// Needs more stack than there is: half a gigabyte.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    let mut room = std::hint::black_box([depth; 512]);
    if depth < 131_072 {
        room[7] += deeper(depth + 1);
    }
    std::hint::black_box(&room);
    room[7]
}
