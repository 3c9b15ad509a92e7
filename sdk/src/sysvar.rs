//! Sysvars as a program reads them.

use crate::frame::current;
use crate::{
    AccountInfo, Clock, EpochRewards, EpochSchedule, Hash, LastRestartSlot, ProgramError, Pubkey,
    Rent, SlotHashes, Sysvars,
};

/// `Clock::get()` and its like, and the older way through the sysvar's account.
pub trait Sysvar: Sized {
    /// Address of the sysvar's account.
    const ID: Pubkey;
    /// The value in the slot that executes. `UnsupportedSysvar` outside of a program.
    fn get() -> Result<Self, ProgramError>;
    /// As `get`, if `account` is the sysvar's; else `InvalidArgument`.
    fn from_account_info(account: &AccountInfo<'_>) -> Result<Self, ProgramError> {
        if *account.key == Self::ID {
            Self::get()
        } else {
            Err(ProgramError::InvalidArgument)
        }
    }
}

/// Calls `read` with the sysvars of the slot. `UnsupportedSysvar` outside of a program.
pub fn with_sysvars<R>(read: impl FnOnce(&Sysvars) -> R) -> Result<R, ProgramError> {
    current::with(|frame| read(frame.environment.sysvars)).ok_or(ProgramError::UnsupportedSysvar)
}

/// The newest blockhash and the lamports per signature that belong to it.
pub fn latest_blockhash() -> Result<Option<(Hash, u64)>, ProgramError> {
    with_sysvars(|sysvars| sysvars.recent_blockhashes.first().copied())
}

/// Blockhash of a slot, if it is among the newest 512.
pub fn slot_hash(slot: u64) -> Result<Option<Hash>, ProgramError> {
    with_sysvars(|sysvars| sysvars.slot_hashes.get(&slot).copied())
}

macro_rules! sysvar {
    ($type:ty, $id:path, $read:expr) => {
        impl Sysvar for $type {
            const ID: Pubkey = $id;
            fn get() -> Result<Self, ProgramError> {
                with_sysvars($read)
            }
        }
    };
}

sysvar!(Clock, solana_sdk_ids::sysvar::clock::ID, |s| s
    .clock
    .clone());
sysvar!(Rent, solana_sdk_ids::sysvar::rent::ID, |s| s.rent.clone());
sysvar!(
    EpochSchedule,
    solana_sdk_ids::sysvar::epoch_schedule::ID,
    |s| s.epoch_schedule.clone()
);
sysvar!(
    EpochRewards,
    solana_sdk_ids::sysvar::epoch_rewards::ID,
    |_| EpochRewards::default()
);
sysvar!(SlotHashes, solana_sdk_ids::sysvar::slot_hashes::ID, |s| {
    SlotHashes::new(s.slot_hashes.slot_hashes())
});
sysvar!(
    LastRestartSlot,
    solana_sdk_ids::sysvar::last_restart_slot::ID,
    |s| LastRestartSlot {
        last_restart_slot: s.last_restart_slot,
    }
);
