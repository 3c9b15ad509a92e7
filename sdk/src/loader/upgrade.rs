//! A new file for a program that is there.

use super::deploy::{check_source, copy_elf, elf_len};
use super::{
    BUFFER_HEAD, Call, PROGRAMDATA_HEAD, UPGRADEABLE, UpgradeableLoaderState, authority, check_elf,
    read_state, refuse, require_distinct, write_state,
};
use crate::{
    AccountInfo, Clock, InstructionError, ProgramResult, Rent, Sysvar, log_line, note_deployment,
};

impl Call<'_, '_> {
    /// Accounts: the programdata, the program, the buffer, who gets the lamports that are left, Rent, Clock; the
    /// authority signs.
    pub(super) fn upgrade(&self) -> ProgramResult {
        self.require_accounts(3)?;
        let (programdata, program) = (self.account(0)?, self.account(1)?);
        let buffer = self.account(2)?;
        let rent = Rent::from_account_info(self.account(4)?)?;
        let clock = Clock::from_account_info(self.account(5)?)?;
        self.require_accounts(7)?;
        let (spill, authority) = (self.account(3)?, self.account(6)?);

        check_program(program, programdata)?;
        check_source(buffer, authority)?;
        let elf_len = elf_len(buffer)?;
        let required = rent.minimum_balance(programdata.data_len()).max(1);
        let available = programdata.lamports().saturating_add(buffer.lamports());
        if programdata.data_len() < UpgradeableLoaderState::size_of_programdata(elf_len) {
            return refuse(
                InstructionError::AccountDataTooSmall,
                format_args!("ProgramData account not large enough"),
            );
        }
        if available < required {
            return refuse(
                InstructionError::InsufficientFunds,
                format_args!("Buffer account balance too low to fund upgrade"),
            );
        }
        check_programdata(programdata, authority, clock.slot)?;

        check_elf(buffer, BUFFER_HEAD)?;
        write_state(
            programdata,
            &UpgradeableLoaderState::ProgramData {
                slot: clock.slot,
                upgrade_authority_address: Some(*authority.key),
            },
        )?;
        copy_elf(buffer, programdata, elf_len)?;
        programdata.data_mut(PROGRAMDATA_HEAD + elf_len..)?.fill(0);

        // What rent does not need goes to whoever is named.
        require_distinct(spill, programdata)?;
        require_distinct(spill, buffer)?;
        spill.add_lamports(available - required)?;
        buffer.set_lamports(0)?;
        programdata.set_lamports(required)?;
        buffer.resize(BUFFER_HEAD)?;
        note_deployment(program, programdata)?;
        log_line(format_args!("Upgraded program {:?}", program.key));
        Ok(())
    }
}

/// Whether `program` is one whose file is in `programdata`.
fn check_program(program: &AccountInfo<'_>, programdata: &AccountInfo<'_>) -> ProgramResult {
    if !program.is_writable {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Program account not writeable"),
        );
    }
    if !program.is_owned_by(&UPGRADEABLE.id) {
        return refuse(
            InstructionError::IncorrectProgramId,
            format_args!("Program account not owned by loader"),
        );
    }
    match read_state(program)? {
        UpgradeableLoaderState::Program {
            programdata_address,
        } if programdata_address == *programdata.key => Ok(()),
        UpgradeableLoaderState::Program { .. } => refuse(
            InstructionError::InvalidArgument,
            format_args!("Program and ProgramData account mismatch"),
        ),
        _ => refuse(
            InstructionError::InvalidAccountData,
            format_args!("Invalid Program account"),
        ),
    }
}

/// Whether `authority` may change the file now.
fn check_programdata(
    programdata: &AccountInfo<'_>,
    authority: &AccountInfo<'_>,
    now: u64,
) -> ProgramResult {
    let UpgradeableLoaderState::ProgramData {
        slot,
        upgrade_authority_address,
    } = read_state(programdata)?
    else {
        return refuse(
            InstructionError::InvalidAccountData,
            format_args!("Invalid ProgramData account"),
        );
    };
    if slot == now {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Program was deployed in this block already"),
        );
    }
    authority::UPGRADE.check(upgrade_authority_address, authority)
}
