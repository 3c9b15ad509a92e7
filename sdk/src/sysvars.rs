//! Sysvars: views of the slot's state that programs read.

/// The sysvars of one slot. `Clock::get()` and its like read these; the accounts of the same names are
/// made from them by `account`.
#[derive(Clone, Debug, Default)]
pub struct Sysvars {
    /// Slot, epoch and nominal time.
    pub clock: solana_clock::Clock,
    /// Rent parameters.
    pub rent: solana_rent::Rent,
    /// Slots per epoch.
    pub epoch_schedule: solana_epoch_schedule::EpochSchedule,
    /// The newest 512 slots and their blockhashes, newest first.
    pub slot_hashes: std::sync::Arc<solana_slot_hashes::SlotHashes>,
    /// The slot of the last restart.
    pub last_restart_slot: u64,
    /// Newest blockhash and the fee of a signature: what RecentBlockhashes and nonces see.
    pub recent_blockhashes: std::sync::Arc<Vec<(solana_hash::Hash, u64)>>,
}

impl Sysvars {
    /// The ids of the sysvar accounts that `account` knows.
    pub const IDS: &'static [crate::Pubkey] = &[];
    /// The sysvar account with this id, in Solana's layout, owned by the sysvar program.
    pub fn account(&self, _id: &crate::Pubkey) -> Option<crate::AccountState> {
        todo!()
    }
}
