//! A program that does what its instruction data says, well or badly.

use sealane_sdk::{
    AccountInfo, AccountMeta, Clock, Instruction, Program, ProgramError, ProgramResult, Pubkey,
    Sysvar, invoke, msg, pubkey, set_return_data,
};
use solana_system_interface::instruction::transfer;

/// The program's address.
pub(crate) const ID: Pubkey = pubkey!("Probe11111111111111111111111111111111111111");

/// What the program can be asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Overwrite the first byte of the first account with 9.
    Write,
    /// Add a lamport to the first account.
    Print,
    /// Take a lamport from the first account and give it to the second.
    Move,
    /// Panic.
    Panic,
    /// Write, then fail with custom error 7.
    WriteAndFail,
    /// Return the data of the first account, which is the Clock, and log the slot.
    Clock,
    /// Return the data of the first account.
    Return,
    /// Have the System program move a lamport from the first account to the second.
    Call,
}

/// The program.
pub(crate) fn probe() -> Program {
    Program::new(ID, "probe", process, 1_000)
}

/// An instruction of the program over these accounts.
pub(crate) fn ask(ask: Ask, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program_id: ID,
        accounts,
        data: vec![ask as u8],
    }
}

fn process(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let is = |ask: Ask| data == [ask as u8];
    let first = accounts.first().ok_or(ProgramError::NotEnoughAccountKeys)?;
    if is(Ask::Write) {
        write(first)
    } else if is(Ask::Print) {
        first.add_lamports(1)
    } else if is(Ask::Move) {
        first.sub_lamports(1)?;
        accounts[1].add_lamports(1)
    } else if is(Ask::Panic) {
        panic!("asked to");
    } else if is(Ask::WriteAndFail) {
        write(first)?;
        Err(ProgramError::Custom(7))
    } else if is(Ask::Clock) {
        msg!("slot {}", Clock::get()?.slot);
        set_return_data(&first.try_borrow_data()?);
        Ok(())
    } else if is(Ask::Return) {
        set_return_data(&first.try_borrow_data()?);
        Ok(())
    } else if is(Ask::Call) {
        invoke(&transfer(first.key, accounts[1].key, 1), accounts)
    } else {
        Err(ProgramError::InvalidInstructionData)
    }
}

fn write(account: &AccountInfo<'_>) -> ProgramResult {
    account.data_mut(..1)?[0] = 9;
    Ok(())
}
