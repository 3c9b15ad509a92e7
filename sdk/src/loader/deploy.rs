//! A new program.

use super::authority::check_buffer;
use super::{
    BUFFER_HEAD, Call, PROGRAMDATA_HEAD, UPGRADEABLE, UpgradeableLoaderState, check_elf,
    read_state, refuse, require_distinct, write_state,
};
use crate::invoke::invoke_unpriced;
use crate::{
    AccountInfo, AccountMeta, Clock, InstructionError, MAX_ACCOUNT_DATA_LEN, ProgramError,
    ProgramResult, Pubkey, Rent, Sysvar, log_line, note_deployment, system_instruction,
};

impl Call<'_, '_> {
    /// Accounts: the payer, which signs, the programdata and the program to be, the buffer, Rent, Clock, System;
    /// the authority signs.
    pub(super) fn deploy(&self, max_data_len: usize) -> ProgramResult {
        self.require_accounts(4)?;
        let (payer, programdata) = (self.account(0)?, self.account(1)?);
        let (program, buffer) = (self.account(2)?, self.account(3)?);
        let rent = Rent::from_account_info(self.account(4)?)?;
        let clock = Clock::from_account_info(self.account(5)?)?;
        self.require_accounts(8)?;
        let authority = self.account(7)?;

        check_new_program(program, &rent)?;
        check_source(buffer, authority)?;
        let elf_len = elf_len(buffer)?;
        let programdata_len = programdata_len(elf_len, max_data_len)?;
        if Pubkey::find_program_address(&[program.key.as_ref()], &UPGRADEABLE.id).0
            != *programdata.key
        {
            return refuse(
                InstructionError::InvalidArgument,
                format_args!("ProgramData address is not derived"),
            );
        }

        // What the buffer holds helps the payer to pay.
        require_distinct(payer, buffer)?;
        payer.add_lamports(buffer.lamports())?;
        buffer.set_lamports(0)?;
        let mut create = system_instruction::create_account(
            payer.key,
            programdata.key,
            rent.minimum_balance(programdata_len).max(1),
            programdata_len as u64,
            &UPGRADEABLE.id,
        );
        // System has no use for it. Solana hands it over, and so it is in the record of the call.
        create.accounts.push(AccountMeta::new(*buffer.key, false));
        invoke_unpriced(&create, &[*programdata.key])?;

        check_elf(buffer, BUFFER_HEAD)?;
        write_state(
            programdata,
            &UpgradeableLoaderState::ProgramData {
                slot: clock.slot,
                upgrade_authority_address: Some(*authority.key),
            },
        )?;
        copy_elf(buffer, programdata, elf_len)?;
        buffer.resize(BUFFER_HEAD)?;
        write_state(
            program,
            &UpgradeableLoaderState::Program {
                programdata_address: *programdata.key,
            },
        )?;
        program.set_executable(true)?;
        note_deployment(program, programdata)?;
        log_line(format_args!("Deployed program {:?}", program.key));
        Ok(())
    }
}

fn check_new_program(program: &AccountInfo<'_>, rent: &Rent) -> ProgramResult {
    if read_state(program)? != UpgradeableLoaderState::Uninitialized {
        return refuse(
            InstructionError::AccountAlreadyInitialized,
            format_args!("Program account already initialized"),
        );
    }
    if program.data_len() < UpgradeableLoaderState::size_of_program() {
        return refuse(
            InstructionError::AccountDataTooSmall,
            format_args!("Program account too small"),
        );
    }
    if program.lamports() < rent.minimum_balance(program.data_len()) {
        return refuse(
            InstructionError::ExecutableAccountNotRentExempt,
            format_args!("Program account not rent-exempt"),
        );
    }
    Ok(())
}

/// Whether `authority` may deploy what is in `buffer`.
pub(super) fn check_source(buffer: &AccountInfo<'_>, authority: &AccountInfo<'_>) -> ProgramResult {
    if !buffer.is_writable {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Buffer account not writeable"),
        );
    }
    if !buffer.is_owned_by(&UPGRADEABLE.id) {
        return refuse(
            InstructionError::IncorrectProgramId,
            format_args!("Buffer account not owned by loader"),
        );
    }
    check_buffer(buffer, authority)
}

/// Bytes of the ELF file in a buffer; not 0.
pub(super) fn elf_len(buffer: &AccountInfo<'_>) -> Result<usize, ProgramError> {
    match buffer.data_len().saturating_sub(BUFFER_HEAD) {
        0 => refuse(
            InstructionError::InvalidAccountData,
            format_args!("Buffer account too small"),
        ),
        len => Ok(len),
    }
}

/// Length of the programdata account of a program that may grow to `max_data_len`.
fn programdata_len(elf_len: usize, max_data_len: usize) -> Result<usize, ProgramError> {
    if max_data_len < elf_len {
        return refuse(
            InstructionError::AccountDataTooSmall,
            format_args!("Max data length is too small to hold Buffer data"),
        );
    }
    let len = UpgradeableLoaderState::size_of_programdata(max_data_len);
    if len > MAX_ACCOUNT_DATA_LEN {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Max data length is too large"),
        );
    }
    Ok(len)
}

/// Copies the ELF file to where it is called.
pub(super) fn copy_elf(
    buffer: &AccountInfo<'_>,
    programdata: &AccountInfo<'_>,
    elf_len: usize,
) -> ProgramResult {
    let elf = buffer.data(BUFFER_HEAD..)?;
    let mut to = programdata.data_mut(PROGRAMDATA_HEAD..PROGRAMDATA_HEAD + elf_len)?;
    to.copy_from_slice(&elf);
    Ok(())
}
