//! What a client reads at a level of commitment: a slot, what is seen in it, and the state of the accounts.
//!
//! Without a finality lag all levels show the newest visible state, in the open slot; only the accounts of sysvars are
//! at `confirmed` and `finalized` those of the newest sealed slot, which is the one that `getSlot` names. With a lag,
//! `processed` is the open slot and what is visible in it, `confirmed` the newest sealed slot and the state at its end, and
//! `finalized` the slot so many before that, with its state.

use crate::slot_history;
use bytes::Bytes;
use sealane_runtime::{
    Pin, ReadError, Reader, SealedSlot, Simulation, SlotContext, VerifiedTransaction, VerifyError,
};
use sealane_sdk::AccountState;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use solana_transaction_status_client_types::TransactionConfirmationStatus;
use std::ops::Deref;
use std::sync::Arc;

/// A level as it stands in a configuration. What is none counts as if it were left out, as on Agave.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CommitmentLevel>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(CommitmentLevel::deserialize(value).ok())
}

/// What a level shows, as of when it was asked for.
pub(crate) struct Bank {
    reader: Reader,
    /// What a transaction sees that is simulated in it.
    context: Arc<SlotContext>,
    /// Whose sysvars are accounts, and with a lag whose state is read; `None` at `processed`.
    sealed: Option<Arc<SealedSlot>>,
    has_lag: bool,
}

impl Bank {
    /// What `level` shows now.
    pub(crate) fn new(reader: &Reader, level: CommitmentLevel) -> Self {
        let has_lag = reader.finality_lag() > 0;
        let sealed = match level {
            CommitmentLevel::Processed => None,
            CommitmentLevel::Confirmed => Some(reader.confirmed()),
            CommitmentLevel::Finalized => Some(reader.finalized()),
        };
        let context = match &sealed {
            Some(sealed) if has_lag => Arc::clone(sealed.context()),
            _ => reader.slot(),
        };
        Self {
            reader: reader.clone(),
            context,
            sealed,
            has_lag,
        }
    }

    /// The slot that it is: what `context.slot` names.
    pub(crate) fn slot(&self) -> u64 {
        self.context.slot
    }

    /// The slot that `getSlot` names: without a lag the newest sealed one at each level.
    pub(crate) fn named_slot(&self) -> u64 {
        match self.has_lag {
            true => self.context.slot,
            false => self.context.slot.saturating_sub(1),
        }
    }

    /// The newest slot whose block it has; `None` before the first has ended.
    pub(crate) fn newest_block(&self) -> Option<u64> {
        match &self.sealed {
            Some(sealed) if self.has_lag => sealed.end().checked_sub(1),
            _ => self.context.slot.checked_sub(1),
        }
    }

    /// Whether it has what happened in this slot. Without a lag all that is visible is at each level.
    pub(crate) fn has(&self, slot: u64) -> bool {
        match &self.sealed {
            Some(sealed) if self.has_lag => slot < sealed.end(),
            _ => true,
        }
    }

    /// The newest slot that has ended in it.
    fn sealed_slot(&self) -> u64 {
        match &self.sealed {
            Some(_) if self.has_lag => self.context.slot,
            _ => self.context.slot.saturating_sub(1),
        }
    }

    /// What a transaction sees that is simulated in it; its blockhashes are those that the level knows.
    pub(crate) fn context(&self) -> &SlotContext {
        &self.context
    }

    /// The state of its accounts.
    pub(crate) fn state(&self) -> Result<State<'_>, ReadError> {
        match self.sealed.as_ref().and_then(|sealed| sealed.pin()) {
            Some(pin) => pin.map(State::Held),
            None => self.reader.pin().map(State::Own),
        }
    }

    /// An account as the level shows it.
    pub(crate) fn account(
        &self,
        state: &Pin,
        key: &Pubkey,
    ) -> Result<Option<AccountState>, ReadError> {
        if *key == slot_history::ID {
            let rent = &self.context.sysvars.rent;
            return Ok(Some(slot_history::account(self.sealed_slot(), rent)));
        }
        match &self.sealed {
            Some(sealed) if !self.has_lag && self.context.virtual_account(key).is_some() => {
                sealed.context().account(state, key)
            }
            _ => self.context.account(state, key),
        }
    }

    /// Verifies a transaction as the level sees it: what its lookup tables give.
    pub(crate) fn verify(
        &self,
        bytes: Bytes,
        check_signatures: bool,
    ) -> Result<Box<VerifiedTransaction>, VerifyError> {
        match self.sealed.as_ref().and_then(|sealed| sealed.pin()) {
            Some(pin) => self
                .reader
                .verify_at(bytes, check_signatures, &self.context, pin?),
            None => self.reader.verify(bytes, check_signatures),
        }
    }

    /// Runs a transaction as the level sees it, without committing anything. `replace_blockhash`: as if it carried the
    /// newest blockhash that the level knows.
    pub(crate) fn simulate(
        &self,
        transaction: &VerifiedTransaction,
        replace_blockhash: bool,
        traced: bool,
    ) -> Result<Simulation, ReadError> {
        match &self.sealed {
            Some(sealed) if self.has_lag => {
                self.reader
                    .simulate_at(sealed, transaction, replace_blockhash, traced)
            }
            _ if traced => self.reader.trace(transaction, replace_blockhash),
            _ => self.reader.simulate(transaction, replace_blockhash),
        }
    }

    /// Transactions charged since genesis, as far as the level shows them.
    pub(crate) fn transaction_count(&self) -> u64 {
        match &self.sealed {
            Some(sealed) if self.has_lag => sealed.transaction_count(),
            _ => self.reader.transaction_count(),
        }
    }
}

/// How far the levels have come.
pub(crate) struct Levels {
    /// The first slots that they do not have; `None` without a lag, as then all have all that is visible.
    ends: Option<(u64, u64)>,
}

impl Levels {
    pub(crate) fn of(reader: &Reader) -> Self {
        let has_lag = reader.finality_lag() > 0;
        Self {
            ends: has_lag.then(|| (reader.confirmed().end(), reader.finalized().end())),
        }
    }

    /// Where a transaction of this slot stands, and how many slots have confirmed it: as many as have ended with it
    /// and since; `None` once it is final, as Agave says that.
    pub(crate) fn standing(&self, slot: u64) -> (TransactionConfirmationStatus, Option<usize>) {
        let Some((confirmed_end, finalized_end)) = self.ends else {
            return (TransactionConfirmationStatus::Finalized, None);
        };
        let confirmations = confirmed_end.saturating_sub(slot);
        let confirmations = Some(usize::try_from(confirmations).unwrap_or(usize::MAX));
        match slot {
            _ if slot < finalized_end => (TransactionConfirmationStatus::Finalized, None),
            _ if slot < confirmed_end => (TransactionConfirmationStatus::Confirmed, confirmations),
            _ => (TransactionConfirmationStatus::Processed, Some(0)),
        }
    }
}

/// The state of a bank's accounts: pinned for who asks, or held by the node.
pub(crate) enum State<'a> {
    Own(Pin),
    Held(&'a Pin),
}

impl Deref for State<'_> {
    type Target = Pin;

    fn deref(&self) -> &Pin {
        match self {
            Self::Own(pin) => pin,
            Self::Held(pin) => pin,
        }
    }
}
