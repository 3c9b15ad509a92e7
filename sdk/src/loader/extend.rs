//! More room for the file of a program, so that a longer one can follow.

use super::{
    Call, PROGRAMDATA_HEAD, UPGRADEABLE, UpgradeableLoaderState, check_elf, read_state, refuse,
    require_distinct, write_state,
};
use crate::invoke::invoke_unpriced;
use crate::{
    AccountInfo, Clock, InstructionError, MAX_ACCOUNT_DATA_LEN, ProgramError, ProgramResult,
    Pubkey, Rent, Sysvar, log_line, note_deployment, system_instruction,
};
use solana_loader_v3_interface::instruction::MINIMUM_EXTEND_PROGRAM_BYTES;

impl Call<'_, '_> {
    /// Accounts: the programdata, the program; where rent asks for more, System and the payer, which signs. The
    /// authority need not.
    pub(super) fn extend(&self, additional_bytes: u32) -> ProgramResult {
        if additional_bytes == 0 {
            return refuse(
                InstructionError::InvalidInstructionData,
                format_args!("Additional bytes must be greater than 0"),
            );
        }
        let programdata = self.account(0)?;
        check_owned_and_writable(programdata)?;
        let program = self.account(1)?;
        require_distinct(program, programdata)?;
        check_program(program, programdata)?;
        let len = new_len(programdata.data_len(), additional_bytes)?;
        let slot = Clock::get()?.slot;
        let authority = authority(programdata, slot)?;

        let needed = Rent::get()?.minimum_balance(len).max(1);
        let missing = needed.saturating_sub(programdata.lamports());
        if missing > 0 {
            let payer = self.account(3)?;
            let pay = system_instruction::transfer(payer.key, programdata.key, missing);
            invoke_unpriced(&pay, &[])?;
        }
        programdata.resize(len)?;
        // By the rules of today, which may be stricter than those it was deployed by.
        check_elf(programdata, PROGRAMDATA_HEAD)?;
        write_state(
            programdata,
            &UpgradeableLoaderState::ProgramData {
                slot,
                upgrade_authority_address: Some(authority),
            },
        )?;
        note_deployment(program, programdata)?;
        log_line(format_args!(
            "Extended ProgramData account by {additional_bytes} bytes"
        ));
        Ok(())
    }
}

fn check_owned_and_writable(programdata: &AccountInfo<'_>) -> ProgramResult {
    if !programdata.is_owned_by(&UPGRADEABLE.id) {
        return refuse(
            InstructionError::InvalidAccountOwner,
            format_args!("ProgramData owner is invalid"),
        );
    }
    if !programdata.is_writable {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("ProgramData is not writable"),
        );
    }
    Ok(())
}

/// Whether `program` is one whose file is in `programdata`.
fn check_program(program: &AccountInfo<'_>, programdata: &AccountInfo<'_>) -> ProgramResult {
    if !program.is_writable {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Program account is not writable"),
        );
    }
    if !program.is_owned_by(&UPGRADEABLE.id) {
        return refuse(
            InstructionError::InvalidAccountOwner,
            format_args!("Program account not owned by loader"),
        );
    }
    match read_state(program)? {
        UpgradeableLoaderState::Program {
            programdata_address,
        } if programdata_address == *programdata.key => Ok(()),
        UpgradeableLoaderState::Program { .. } => refuse(
            InstructionError::InvalidArgument,
            format_args!("Program account does not match ProgramData account"),
        ),
        _ => refuse(
            InstructionError::InvalidAccountData,
            format_args!("Invalid Program account"),
        ),
    }
}

/// The length after it: at least 10 KiB more (SIMD-0431), or all that there may be.
fn new_len(old: usize, additional_bytes: u32) -> Result<usize, ProgramError> {
    let new = old.saturating_add(additional_bytes as usize);
    if new > MAX_ACCOUNT_DATA_LEN {
        return refuse(
            InstructionError::InvalidRealloc,
            format_args!(
                "Extended ProgramData length of {new} bytes exceeds max account data length of \
                 {MAX_ACCOUNT_DATA_LEN} bytes"
            ),
        );
    }
    if additional_bytes < MINIMUM_EXTEND_PROGRAM_BYTES && new != MAX_ACCOUNT_DATA_LEN {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!(
                "ExtendProgram requires a minimum of {MINIMUM_EXTEND_PROGRAM_BYTES} additional bytes \
                 or to extend to maximum size, but only {additional_bytes} were requested"
            ),
        );
    }
    Ok(new)
}

/// The authority of a program that may be extended now.
fn authority(programdata: &AccountInfo<'_>, now: u64) -> Result<Pubkey, ProgramError> {
    let UpgradeableLoaderState::ProgramData {
        slot,
        upgrade_authority_address,
    } = read_state(programdata)?
    else {
        return refuse(
            InstructionError::InvalidAccountData,
            format_args!("ProgramData state is invalid"),
        );
    };
    if slot == now {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Program was extended in this block already"),
        );
    }
    match upgrade_authority_address {
        Some(authority) => Ok(authority),
        None => refuse(
            InstructionError::Immutable,
            format_args!("Cannot extend ProgramData accounts that are not upgradeable"),
        ),
    }
}
