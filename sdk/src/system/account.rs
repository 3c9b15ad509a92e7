//! Making accounts and moving lamports.

use solana_system_interface::{MAX_PERMITTED_DATA_LENGTH, error::SystemError};

use super::{Call, Index};
use crate::{AccountInfo, ProgramError, ProgramResult, Pubkey, log_line};

/// An account's address and, where it was derived from a seed, the base that signs for it.
/// Its `Debug` form is what Solana logs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'k> {
    address: &'k Pubkey,
    base: Option<&'k Pubkey>,
}

impl<'k> Address<'k> {
    /// An address that signs for itself.
    pub(super) fn plain(address: &'k Pubkey) -> Self {
        Self {
            address,
            base: None,
        }
    }

    /// An address that must be the one derived from `base`, `seed` and `owner`.
    pub(super) fn from_seed(
        address: &'k Pubkey,
        base: &'k Pubkey,
        seed: &str,
        owner: &Pubkey,
    ) -> Result<Self, ProgramError> {
        let derived = derive_from_seed(base, seed, owner)?;
        if *address != derived {
            log_line(format_args!(
                "Create: address {address} does not match derived address {derived}"
            ));
            return Err(SystemError::AddressWithSeedMismatch.into());
        }
        Ok(Self {
            address,
            base: Some(base),
        })
    }

    fn signer(&self) -> &'k Pubkey {
        self.base.unwrap_or(self.address)
    }
}

/// As Solana, reports a failed derivation by the number of its own error, not of a system error.
fn derive_from_seed(base: &Pubkey, seed: &str, owner: &Pubkey) -> Result<Pubkey, ProgramError> {
    Pubkey::create_with_seed(base, seed, owner).map_err(|e| ProgramError::Custom(e as u32))
}

impl<'a> Call<'_, 'a> {
    pub(super) fn transfer(&self, from: Index, to: Index, lamports: u64) -> ProgramResult {
        let (from, to) = (self.account(from)?, self.account(to)?);
        if !from.is_signer {
            log_line(format_args!(
                "Transfer: `from` account {} must sign",
                from.key
            ));
            return Err(ProgramError::MissingRequiredSignature);
        }
        transfer_verified(from, to, lamports)
    }

    /// Accounts: the source, the base that signs for it, the recipient.
    pub(super) fn transfer_with_seed(
        &self,
        seed: &str,
        owner: &Pubkey,
        lamports: u64,
    ) -> ProgramResult {
        let (from, base, to) = (self.account(0)?, self.account(1)?, self.account(2)?);
        if !base.is_signer {
            log_line(format_args!(
                "Transfer: 'from' account {} must sign",
                base.key
            ));
            return Err(ProgramError::MissingRequiredSignature);
        }
        let derived = derive_from_seed(base.key, seed, owner)?;
        if *from.key != derived {
            log_line(format_args!(
                "Transfer: 'from' address {} does not match derived address {derived}",
                from.key
            ));
            return Err(SystemError::AddressWithSeedMismatch.into());
        }
        transfer_verified(from, to, lamports)
    }

    pub(super) fn create_account(
        &self,
        from: Index,
        to: Index,
        address: Address<'_>,
        lamports: u64,
        space: u64,
        owner: &Pubkey,
    ) -> ProgramResult {
        let created = self.account(to)?;
        if created.lamports() > 0 {
            log_line(format_args!(
                "Create Account: account {address:?} already in use"
            ));
            return Err(SystemError::AccountAlreadyInUse.into());
        }
        self.allocate_and_assign(created, address, space, owner)?;
        self.transfer(from, to, lamports)
    }

    /// Accounts: the new one, which may hold lamports already, and the payer if there is more to
    /// pay.
    pub(super) fn create_account_allow_prefund(
        &self,
        lamports: u64,
        space: u64,
        owner: &Pubkey,
    ) -> ProgramResult {
        let created = self.account(0)?;
        self.allocate_and_assign(created, Address::plain(created.key), space, owner)?;
        if lamports > 0 {
            self.transfer(1, 0, lamports)?;
        }
        Ok(())
    }

    pub(super) fn allocate_and_assign(
        &self,
        account: &AccountInfo<'a>,
        address: Address<'_>,
        space: u64,
        owner: &Pubkey,
    ) -> ProgramResult {
        self.allocate(account, address, space)?;
        self.assign(account, address, owner)
    }

    pub(super) fn allocate(
        &self,
        account: &AccountInfo<'a>,
        address: Address<'_>,
        space: u64,
    ) -> ProgramResult {
        if !self.is_signed_by(address.signer()) {
            log_line(format_args!("Allocate: 'to' account {address:?} must sign"));
            return Err(ProgramError::MissingRequiredSignature);
        }
        if !account.data_is_empty() || !account.is_owned_by(&super::PROGRAM.id) {
            log_line(format_args!("Allocate: account {address:?} already in use"));
            return Err(SystemError::AccountAlreadyInUse.into());
        }
        if space > MAX_PERMITTED_DATA_LENGTH {
            log_line(format_args!(
                "Allocate: requested {space}, max allowed {MAX_PERMITTED_DATA_LENGTH}"
            ));
            return Err(SystemError::InvalidAccountDataLength.into());
        }
        account.resize(usize::try_from(space).expect("at most 10 MiB"))
    }

    pub(super) fn assign(
        &self,
        account: &AccountInfo<'a>,
        address: Address<'_>,
        owner: &Pubkey,
    ) -> ProgramResult {
        // Nothing to change needs nobody's consent.
        if account.is_owned_by(owner) {
            return Ok(());
        }
        if !self.is_signed_by(address.signer()) {
            log_line(format_args!("Assign: account {address:?} must sign"));
            return Err(ProgramError::MissingRequiredSignature);
        }
        account.assign(owner)
    }
}

/// Moves lamports; the caller has seen that `from` consents.
fn transfer_verified(from: &AccountInfo<'_>, to: &AccountInfo<'_>, lamports: u64) -> ProgramResult {
    if !from.data_is_empty() {
        log_line(format_args!("Transfer: `from` must not carry data"));
        return Err(ProgramError::InvalidArgument);
    }
    let balance = from.lamports();
    if lamports > balance {
        log_line(format_args!(
            "Transfer: insufficient lamports {balance}, need {lamports}"
        ));
        return Err(SystemError::ResultWithNegativeLamports.into());
    }
    from.sub_lamports(lamports)?;
    to.add_lamports(lamports)
}
