//! Who may pay a fee, and what is left afterwards.

use super::nonce;
use super::rent::{self, Rented};
use crate::SlotContext;
use sealane_sdk::{AccountState, Pubkey};
use solana_nonce::state::State;
use solana_rent::Rent;
use solana_sdk_ids::system_program;
use solana_transaction_error::TransactionError;

/// The payer's balance once `fee` is taken. `Err`: it cannot pay, and the transaction is dropped.
pub(super) fn charge(
    slot: &SlotContext,
    key: &Pubkey,
    payer: &AccountState,
    fee: u64,
) -> Result<u64, TransactionError> {
    let rent = &slot.sysvars.rent;
    if payer.is_absent() {
        return Err(absent(slot, key));
    }
    let kept_lamports_min = kept_lamports_min(rent, payer)?;
    let spendable = payer.lamports.checked_sub(kept_lamports_min);
    if spendable.is_none_or(|spendable| spendable < fee) {
        return Err(TransactionError::InsufficientFundsForFee);
    }
    let before = Rented::of(payer);
    let after = Rented {
        lamports: payer.lamports - fee,
        ..before
    };
    // Not even the incinerator is excepted, for which nobody signs: a simulation need not look at that.
    if !rent::is_exempt_or_no_less(rent, before, after, || true) {
        return Err(TransactionError::InsufficientFundsForRent { account_index: 0 });
    }
    Ok(after.lamports)
}

/// Why there is nobody who could pay. What the slot makes is there and cannot; nobody signs for it, which a simulation
/// need not look at.
#[cold]
fn absent(slot: &SlotContext, key: &Pubkey) -> TransactionError {
    let made = slot.virtual_account(key);
    if made.is_some_and(|state| !state.is_absent()) {
        TransactionError::InvalidAccountForFee
    } else {
        TransactionError::AccountNotFound
    }
}

/// What a fee must leave: nothing of a plain account, the rent minimum of a nonce account, whose
/// state would otherwise outlive its balance.
fn kept_lamports_min(rent: &Rent, payer: &AccountState) -> Result<u64, TransactionError> {
    if payer.owner != system_program::ID {
        Err(TransactionError::InvalidAccountForFee)
    } else if payer.data.is_empty() {
        Ok(0)
    } else if nonce::is_initialized(payer.data.as_slice()) {
        Ok(rent.minimum_balance(State::size()))
    } else {
        Err(TransactionError::InvalidAccountForFee)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_sdk_ids::{incinerator, sysvar};

    #[test]
    fn a_fee_leaves_enough_or_nothing_even_of_the_incinerator() {
        let slot = SlotContext::genesis(solana_hash::Hash::default(), 0);
        let min = slot.sysvars.rent.minimum_balance(0);
        let poor = Err(TransactionError::InsufficientFundsForRent { account_index: 0 });
        for key in [incinerator::ID, Pubkey::new_from_array([7; 32])] {
            for (lamports, expected) in [
                (min + 5_000, Ok(min)),
                (min + 4_999, poor.clone()),
                (5_000, Ok(0)),
            ] {
                let payer = AccountState {
                    lamports,
                    ..AccountState::default()
                };
                assert_eq!(charge(&slot, &key, &payer, 5_000), expected, "{lamports}");
            }
        }
    }

    #[test]
    fn what_the_slot_makes_is_there_and_cannot_pay() {
        let slot = SlotContext::genesis(solana_hash::Hash::default(), 0);
        let charged = |key| charge(&slot, &key, &AccountState::default(), 5_000);
        let invalid = Err(TransactionError::InvalidAccountForFee);
        let absent = Err(TransactionError::AccountNotFound);
        assert_eq!(charged(sysvar::clock::ID), invalid);
        assert_eq!(charged(system_program::ID), invalid);
        assert_eq!(charged(sysvar::instructions::ID), absent);
        assert_eq!(charged(Pubkey::new_from_array([7; 32])), absent);
    }
}
