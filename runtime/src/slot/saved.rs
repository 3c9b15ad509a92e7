//! A slot's context as bytes, for a checkpoint: `docs/formats.md` has them one by one.

use super::{BLOCKHASHES_MAX, SlotContext};
use solana_clock::Clock;
use solana_hash::Hash;
use solana_slot_hashes::{MAX_ENTRIES as SLOT_HASHES_MAX, SlotHashes};

/// Bytes of a hash and its slot.
const PAIR_BYTES: usize = 40;

impl SlotContext {
    /// The bytes of what `decode` needs to make this context again.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let clock = &self.sysvars.clock;
        let mut out = Vec::with_capacity(128 + (SLOT_HASHES_MAX + BLOCKHASHES_MAX) * PAIR_BYTES);
        out.extend_from_slice(&self.slot.to_le_bytes());
        out.extend_from_slice(&self.time_ms.to_le_bytes());
        out.extend_from_slice(&clock.epoch_start_timestamp.to_le_bytes());
        out.extend_from_slice(&self.lamports_per_signature.to_le_bytes());
        for sysvar in [
            bincode::serialize(&self.sysvars.rent),
            bincode::serialize(&self.sysvars.epoch_schedule),
        ] {
            let bytes = sysvar.expect("a sysvar is plain numbers");
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(&bytes);
        }
        let slot_hashes = self.sysvars.slot_hashes.slot_hashes();
        out.extend_from_slice(&(slot_hashes.len() as u64).to_le_bytes());
        for (slot, hash) in slot_hashes {
            out.extend_from_slice(&slot.to_le_bytes());
            out.extend_from_slice(hash.as_bytes());
        }
        out.extend_from_slice(&(self.blockhashes.len() as u64).to_le_bytes());
        for (hash, slot) in self.blockhashes.iter() {
            out.extend_from_slice(&slot.to_le_bytes());
            out.extend_from_slice(hash.as_bytes());
        }
        out
    }

    /// The context that `bytes` are of; `None` if they are none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let slot = input.u64()?;
        let time_ms = input.u64()?.cast_signed();
        let epoch_start_timestamp = input.u64()?.cast_signed();
        let lamports_per_signature = input.u64()?;
        let rent = bincode::deserialize(input.part()?).ok()?;
        let epoch_schedule: solana_epoch_schedule::EpochSchedule =
            bincode::deserialize(input.part()?).ok()?;
        let slot_hashes = input.pairs(SLOT_HASHES_MAX)?;
        let blockhashes = input.pairs(BLOCKHASHES_MAX)?;
        if !input.0.is_empty() || blockhashes.is_empty() {
            return None;
        }
        let epoch = epoch_schedule.get_epoch(slot);
        let clock = Clock {
            slot,
            epoch_start_timestamp,
            epoch,
            leader_schedule_epoch: epoch_schedule.get_leader_schedule_epoch(slot),
            unix_timestamp: time_ms.div_euclid(1_000),
        };
        let blockhashes = blockhashes.into_iter().map(|(slot, hash)| (hash, slot));
        Some(Self::assemble(
            clock,
            epoch_schedule,
            rent,
            SlotHashes::new(&slot_hashes),
            blockhashes.collect(),
            lamports_per_signature,
            time_ms,
        ))
    }
}

/// Bytes that are still to be read.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn hash(&mut self) -> Option<Hash> {
        Some(Hash::new_from_array(self.take(32)?.try_into().ok()?))
    }

    /// A length and as many bytes.
    pub(crate) fn part(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u64()?).ok()?;
        self.take(length)
    }

    /// A count, at most `max`, and as many slots with a hash.
    fn pairs(&mut self, max: usize) -> Option<Vec<(u64, Hash)>> {
        let count = usize::try_from(self.u64()?).ok();
        let count = count.filter(|count| *count <= max)?;
        let pairs = (0..count).map(|_| Some((self.u64()?, self.hash()?)));
        pairs.collect()
    }
}
