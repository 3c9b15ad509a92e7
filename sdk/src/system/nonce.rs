//! Nonce accounts: a stored hash that a transaction may use in place of a recent blockhash.
//!
//! The state is `solana-nonce`'s `Versions` through bincode, 80 bytes. The stored hash is derived
//! from a blockhash and is advanced to one of the slot's; it can be used once, because using it
//! advances it.

use std::collections::HashSet;

use solana_nonce::{
    state::{Data, DurableNonce, State},
    versions::{AuthorizeNonceError, Versions},
};
use solana_system_interface::error::SystemError;

use super::{Call, Index};
use crate::{
    AccountInfo, Hash, InstructionError, ProgramError, ProgramResult, Pubkey, Rent, Sysvar,
    fail_with, latest_blockhash, log_line,
};

impl Call<'_, '_> {
    /// Accounts: the nonce, RecentBlockhashes; the authority signs.
    pub(super) fn advance_nonce(&self) -> ProgramResult {
        let nonce = self.account(0)?;
        let Some((blockhash, lamports_per_signature)) = self.recent_blockhash(1)? else {
            log_line(format_args!(
                "Advance nonce account: recent blockhash list is empty"
            ));
            return Err(SystemError::NonceNoRecentBlockhashes.into());
        };
        require_writable(nonce, "Advance")?;
        let versions = read(nonce)?;
        let State::Initialized(data) = versions.state() else {
            return Err(invalid_state(nonce, "Advance"));
        };
        if !self.is_signed_by(&data.authority) {
            log_line(format_args!(
                "Advance nonce account: Account {} must be a signer",
                data.authority
            ));
            return Err(ProgramError::MissingRequiredSignature);
        }
        let next = DurableNonce::from_blockhash(&blockhash);
        if data.durable_nonce == next {
            log_line(format_args!(
                "Advance nonce account: nonce can only advance once per slot"
            ));
            return Err(SystemError::NonceBlockhashNotExpired.into());
        }
        let data = Data::new(data.authority, next, lamports_per_signature);
        write(nonce, &Versions::new(State::Initialized(data)))
    }

    /// Accounts: the nonce, the recipient, RecentBlockhashes, Rent; the authority signs.
    pub(super) fn withdraw_nonce(&self, lamports: u64) -> ProgramResult {
        self.require_accounts(2)?;
        let blockhash = self.recent_blockhash(2)?.map(|(hash, _)| hash);
        let rent = self.rent(3)?;
        let (nonce, to) = (self.account(0)?, self.account(1)?);
        require_writable(nonce, "Withdraw")?;
        let balance = nonce.lamports();
        let insufficient = |need: u64| {
            log_line(format_args!(
                "Withdraw nonce account: insufficient lamports {balance}, need {need}"
            ));
            ProgramError::InsufficientFunds
        };
        match read(nonce)?.state() {
            State::Uninitialized => {
                if lamports > balance {
                    return Err(insufficient(lamports));
                }
                self.require_withdrawer(nonce.key)?;
            }
            // Taking everything closes the account, unless its nonce could still be used in this
            // slot.
            State::Initialized(data) if lamports == balance => {
                let current = DurableNonce::from_blockhash(&blockhash.unwrap_or_default());
                if data.durable_nonce == current {
                    log_line(format_args!(
                        "Withdraw nonce account: nonce can only advance once per slot"
                    ));
                    return Err(SystemError::NonceBlockhashNotExpired.into());
                }
                self.require_withdrawer(&data.authority)?;
                write(nonce, &Versions::new(State::Uninitialized))?;
            }
            State::Initialized(data) => {
                let need = lamports
                    .checked_add(rent.minimum_balance(nonce.data_len()))
                    .ok_or(ProgramError::InsufficientFunds)?;
                if need > balance {
                    return Err(insufficient(need));
                }
                self.require_withdrawer(&data.authority)?;
            }
        }
        nonce.sub_lamports(lamports)?;
        to.add_lamports(lamports)
    }

    /// Accounts: the nonce, RecentBlockhashes, Rent. Nobody need sign: the account is empty, and
    /// the transaction that made it is expected to hold this instruction too.
    pub(super) fn initialize_nonce(&self, authority: Pubkey) -> ProgramResult {
        let nonce = self.account(0)?;
        let Some((blockhash, lamports_per_signature)) = self.recent_blockhash(1)? else {
            log_line(format_args!(
                "Initialize nonce account: recent blockhash list is empty"
            ));
            return Err(SystemError::NonceNoRecentBlockhashes.into());
        };
        let rent = self.rent(2)?;
        require_writable(nonce, "Initialize")?;
        if let State::Initialized(_) = read(nonce)?.state() {
            return Err(invalid_state(nonce, "Initialize"));
        }
        let (balance, need) = (nonce.lamports(), rent.minimum_balance(nonce.data_len()));
        if balance < need {
            log_line(format_args!(
                "Initialize nonce account: insufficient lamports {balance}, need {need}"
            ));
            return Err(ProgramError::InsufficientFunds);
        }
        let first = DurableNonce::from_blockhash(&blockhash);
        let data = Data::new(authority, first, lamports_per_signature);
        write(nonce, &Versions::new(State::Initialized(data)))
    }

    /// Accounts: the nonce; the present authority signs.
    pub(super) fn authorize_nonce(&self, authority: Pubkey) -> ProgramResult {
        let nonce = self.account(0)?;
        require_writable(nonce, "Authorize")?;
        let signers: HashSet<Pubkey> = self
            .accounts
            .iter()
            .filter(|account| account.is_signer)
            .map(|account| *account.key)
            .collect();
        match read(nonce)?.authorize(&signers, authority) {
            Ok(versions) => write(nonce, &versions),
            Err(AuthorizeNonceError::Uninitialized) => Err(invalid_state(nonce, "Authorize")),
            Err(AuthorizeNonceError::MissingRequiredSignature(present)) => {
                log_line(format_args!(
                    "Authorize nonce account: Account {present} must sign"
                ));
                Err(ProgramError::MissingRequiredSignature)
            }
        }
    }

    /// Accounts: the nonce. Nobody need sign: what a legacy nonce becomes is determined.
    pub(super) fn upgrade_nonce(&self) -> ProgramResult {
        let nonce = self.account(0)?;
        if !nonce.is_owned_by(&super::PROGRAM.id) {
            return Err(ProgramError::InvalidAccountOwner);
        }
        if !nonce.is_writable {
            return Err(ProgramError::InvalidArgument);
        }
        let upgraded = read(nonce)?.upgrade();
        write(nonce, &upgraded.ok_or(ProgramError::InvalidArgument)?)
    }

    /// The newest blockhash and its fee, given that account `index` is RecentBlockhashes.
    fn recent_blockhash(&self, index: Index) -> Result<Option<(Hash, u64)>, ProgramError> {
        if *self.account(index)?.key != solana_sdk_ids::sysvar::recent_blockhashes::ID {
            return Err(ProgramError::InvalidArgument);
        }
        latest_blockhash()
    }

    fn rent(&self, index: Index) -> Result<Rent, ProgramError> {
        Rent::from_account_info(self.account(index)?)
    }

    fn require_withdrawer(&self, signer: &Pubkey) -> ProgramResult {
        if !self.is_signed_by(signer) {
            log_line(format_args!(
                "Withdraw nonce account: Account {signer} must sign"
            ));
            return Err(ProgramError::MissingRequiredSignature);
        }
        Ok(())
    }
}

fn require_writable(nonce: &AccountInfo<'_>, action: &str) -> ProgramResult {
    if !nonce.is_writable {
        log_line(format_args!(
            "{action} nonce account: Account {} must be writeable",
            nonce.key
        ));
        return Err(ProgramError::InvalidArgument);
    }
    Ok(())
}

fn invalid_state(nonce: &AccountInfo<'_>, action: &str) -> ProgramError {
    log_line(format_args!(
        "{action} nonce account: Account {} state is invalid",
        nonce.key
    ));
    ProgramError::InvalidAccountData
}

fn read(nonce: &AccountInfo<'_>) -> Result<Versions, ProgramError> {
    let data = nonce.data(..nonce.data_len().min(State::size()))?;
    bincode::deserialize(&data).map_err(|_| ProgramError::InvalidAccountData)
}

/// Writes as many bytes as `versions` takes and leaves the rest: an account that goes back to
/// uninitialized keeps the bytes of its last data, as on Solana.
fn write(nonce: &AccountInfo<'_>, versions: &Versions) -> ProgramResult {
    let bytes =
        bincode::serialize(versions).map_err(|_| fail_with(InstructionError::GenericError))?;
    // Who may write is decided before whether it fits.
    let fitting = bytes.len().min(nonce.data_len());
    let mut data = nonce.data_mut(..fitting)?;
    if fitting < bytes.len() {
        return Err(ProgramError::AccountDataTooSmall);
    }
    data.copy_from_slice(&bytes);
    Ok(())
}
