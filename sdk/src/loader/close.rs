//! The end of a buffer or a program: its lamports go to whoever is named.

use super::{
    Call, UPGRADEABLE, UpgradeableLoaderState, authority, read_state, refuse, write_state,
};
use crate::{
    AccountInfo, Clock, InstructionError, ProgramResult, Pubkey, Sysvar, log_line, note_deployment,
};

impl Call<'_, '_> {
    /// Accounts: what is closed, and the recipient. The authority of a buffer or a program signs; of a program,
    /// the programdata is closed, and the program follows.
    pub(super) fn close(&self) -> ProgramResult {
        self.require_accounts(2)?;
        let (closed, recipient) = (self.account(0)?, self.account(1)?);
        if closed.key == recipient.key {
            return refuse(
                InstructionError::InvalidArgument,
                format_args!("Recipient is the same as the account being closed"),
            );
        }
        let state = read_state(closed)?;
        closed.resize(UpgradeableLoaderState::size_of_uninitialized())?;
        match state {
            UpgradeableLoaderState::Uninitialized => {
                recipient.add_lamports(closed.lamports())?;
                closed.set_lamports(0)?;
                log_line(format_args!("Closed Uninitialized {}", closed.key));
            }
            UpgradeableLoaderState::Buffer { authority_address } => {
                self.require_accounts(3)?;
                self.empty(authority_address)?;
                log_line(format_args!("Closed Buffer {}", closed.key));
            }
            UpgradeableLoaderState::ProgramData {
                slot,
                upgrade_authority_address,
            } => {
                self.require_accounts(4)?;
                let program = self.account(3)?;
                check_program(program, closed, slot)?;
                self.empty(upgrade_authority_address)?;
                note_deployment(program, closed)?;
                log_line(format_args!("Closed Program {}", program.key));
            }
            UpgradeableLoaderState::Program { .. } => {
                return refuse(
                    InstructionError::InvalidArgument,
                    format_args!("Account does not support closing"),
                );
            }
        }
        Ok(())
    }

    /// Takes all lamports, for the authority that account 2 must be.
    fn empty(&self, authority: Option<Pubkey>) -> ProgramResult {
        let (closed, recipient) = (self.account(0)?, self.account(1)?);
        authority::CLOSE.check(authority, self.account(2)?)?;
        recipient.add_lamports(closed.lamports())?;
        closed.set_lamports(0)?;
        write_state(closed, &UpgradeableLoaderState::Uninitialized)
    }
}

/// Whether `program` is one whose file is in `programdata`, since an earlier slot.
fn check_program(
    program: &AccountInfo<'_>,
    programdata: &AccountInfo<'_>,
    deployed: u64,
) -> ProgramResult {
    if !program.is_writable {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Program account is not writable"),
        );
    }
    if !program.is_owned_by(&UPGRADEABLE.id) {
        return refuse(
            InstructionError::IncorrectProgramId,
            format_args!("Program account not owned by loader"),
        );
    }
    if Clock::get()?.slot == deployed {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Program was deployed in this block already"),
        );
    }
    match read_state(program)? {
        UpgradeableLoaderState::Program {
            programdata_address,
        } if programdata_address == *programdata.key => Ok(()),
        UpgradeableLoaderState::Program { .. } => refuse(
            InstructionError::InvalidArgument,
            format_args!("ProgramData account does not match ProgramData account"),
        ),
        _ => refuse(
            InstructionError::InvalidArgument,
            format_args!("Invalid Program account"),
        ),
    }
}
