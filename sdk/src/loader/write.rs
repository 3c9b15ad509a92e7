//! Buffers: where an ELF file is put together before it is deployed.

use super::{BUFFER_HEAD, Call, UpgradeableLoaderState, read_state, refuse, write_state};
use crate::{InstructionError, ProgramResult};

impl Call<'_, '_> {
    /// Accounts: the buffer, its authority. Nobody need sign: the transaction that made the account is expected
    /// to hold this instruction too.
    pub(super) fn initialize_buffer(&self) -> ProgramResult {
        self.require_accounts(2)?;
        let buffer = self.account(0)?;
        if read_state(buffer)? != UpgradeableLoaderState::Uninitialized {
            return refuse(
                InstructionError::AccountAlreadyInitialized,
                format_args!("Buffer account already initialized"),
            );
        }
        let authority_address = Some(*self.account(1)?.key);
        write_state(
            buffer,
            &UpgradeableLoaderState::Buffer { authority_address },
        )
    }

    /// Accounts: the buffer; its authority signs.
    pub(super) fn write(&self, offset: u32, bytes: &[u8]) -> ProgramResult {
        self.require_accounts(2)?;
        let (buffer, authority) = (self.account(0)?, self.account(1)?);
        let UpgradeableLoaderState::Buffer { authority_address } = read_state(buffer)? else {
            return refuse(
                InstructionError::InvalidAccountData,
                format_args!("Invalid Buffer account"),
            );
        };
        super::authority::BUFFER.check(authority_address, authority)?;

        // Who may write is decided before whether it fits.
        drop(buffer.data_mut(..0)?);
        let start = BUFFER_HEAD.saturating_add(offset as usize);
        let end = start.saturating_add(bytes.len());
        if buffer.data_len() < end {
            let len = buffer.data_len();
            return refuse(
                InstructionError::AccountDataTooSmall,
                format_args!("Write overflow: {len} < {end}"),
            );
        }
        buffer.data_mut(start..end)?.copy_from_slice(bytes);
        Ok(())
    }
}
