//! Who may change a buffer or a program.

use super::{Call, UpgradeableLoaderState, read_state, refuse, write_state};
use crate::{AccountInfo, InstructionError, ProgramResult, Pubkey, log_line};

/// How the refusals of an authority are worded.
pub(super) struct Words {
    none: &'static str,
    other: &'static str,
    unsigned: &'static str,
}

/// The authority of a buffer.
pub(super) const BUFFER: Words = Words {
    none: "Buffer is immutable",
    other: "Incorrect buffer authority provided",
    unsigned: "Buffer authority did not sign",
};

/// The authority of a program.
pub(super) const UPGRADE: Words = Words {
    none: "Program not upgradeable",
    other: "Incorrect upgrade authority provided",
    unsigned: "Upgrade authority did not sign",
};

/// The authority of what is closed.
pub(super) const CLOSE: Words = Words {
    none: "Account is immutable",
    other: "Incorrect authority provided",
    unsigned: "Authority did not sign",
};

impl Words {
    /// Whether `given` is the authority that the state names, and has signed.
    pub(super) fn check(&self, named: Option<Pubkey>, given: &AccountInfo<'_>) -> ProgramResult {
        if named.is_none() {
            return refuse(InstructionError::Immutable, format_args!("{}", self.none));
        }
        if named != Some(*given.key) {
            return refuse(
                InstructionError::IncorrectAuthority,
                format_args!("{}", self.other),
            );
        }
        if !given.is_signer {
            return refuse(
                InstructionError::MissingRequiredSignature,
                format_args!("{}", self.unsigned),
            );
        }
        Ok(())
    }
}

/// The authority of a buffer that is deployed must be the one of the program, and has signed.
pub(super) fn check_buffer(buffer: &AccountInfo<'_>, authority: &AccountInfo<'_>) -> ProgramResult {
    let UpgradeableLoaderState::Buffer { authority_address } = read_state(buffer)? else {
        return refuse(
            InstructionError::InvalidArgument,
            format_args!("Invalid Buffer account"),
        );
    };
    if authority_address != Some(*authority.key) {
        return refuse(
            InstructionError::IncorrectAuthority,
            format_args!("Buffer and upgrade authority don't match"),
        );
    }
    if !authority.is_signer {
        return refuse(
            InstructionError::MissingRequiredSignature,
            format_args!("Upgrade authority did not sign"),
        );
    }
    Ok(())
}

impl Call<'_, '_> {
    /// Accounts: the buffer or programdata, its authority, which signs, and the new one. A program without a new
    /// one can never be changed again; a buffer must have one.
    pub(super) fn set_authority(&self) -> ProgramResult {
        self.require_accounts(2)?;
        let new = self.accounts.get(2);
        self.replace_authority(new, false)?;
        log_line(format_args!("New authority {:?}", new.map(|new| new.key)));
        Ok(())
    }

    /// The same, where the new authority is there and signs too.
    pub(super) fn set_authority_checked(&self) -> ProgramResult {
        self.require_accounts(3)?;
        let new = self.account(2)?;
        self.replace_authority(Some(new), true)?;
        log_line(format_args!("New authority {:?}", new.key));
        Ok(())
    }

    fn replace_authority(&self, new: Option<&AccountInfo<'_>>, new_signs: bool) -> ProgramResult {
        let (account, present) = (self.account(0)?, self.account(1)?);
        let check = |words: &Words, named| {
            words.check(named, present)?;
            if new_signs && !new.is_some_and(|new| new.is_signer) {
                return refuse(
                    InstructionError::MissingRequiredSignature,
                    format_args!("New authority did not sign"),
                );
            }
            Ok(new.map(|new| *new.key))
        };
        let state = match read_state(account)? {
            UpgradeableLoaderState::Buffer { authority_address } => {
                if new.is_none() {
                    return refuse(
                        InstructionError::IncorrectAuthority,
                        format_args!("Buffer authority is not optional"),
                    );
                }
                UpgradeableLoaderState::Buffer {
                    authority_address: check(&BUFFER, authority_address)?,
                }
            }
            UpgradeableLoaderState::ProgramData {
                slot,
                upgrade_authority_address,
            } => UpgradeableLoaderState::ProgramData {
                slot,
                upgrade_authority_address: check(&UPGRADE, upgrade_authority_address)?,
            },
            _ => {
                return refuse(
                    InstructionError::InvalidArgument,
                    format_args!("Account does not support authorities"),
                );
            }
        };
        write_state(account, &state)
    }
}
