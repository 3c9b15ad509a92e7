//! Sysvars, as structures in the program's memory and as bytes.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use sealane_sdk::{InstructionError, Pubkey, Sysvars};
use solana_sbpf::ebpf::MM_INPUT_START;
use solana_sdk_ids::sysvar;

/// There is no such sysvar.
const NOT_FOUND: u64 = 2;
/// The sysvar is shorter.
const BEYOND_END: u64 = 1;

/// Where a sysvar may be written: not among the accounts, and not by programs of the first loader.
fn check_target(context: &Context, address: u64) -> Result<(), Error> {
    if !context.is_aligned {
        return Err(VmError::UnalignedPointer.into());
    }
    if address >= MM_INPUT_START {
        return Err(VmError::InvalidPointer.into());
    }
    Ok(())
}

/// Writes a structure whose words, as C lays them out, `words` gives.
fn write<const WORDS: usize>(
    context: &mut Context,
    address: u64,
    words: impl FnOnce(&Sysvars) -> [u64; WORDS],
) -> Result<u64, Error> {
    context.consume_units(cost::SYSVAR_BASE + 8 * WORDS as u64)?;
    check_target(context, address)?;
    let words = words(context.call().sysvars());
    // Whole, and aligned as its first word is.
    context.check_writable(address, 8 * WORDS as u64)?;
    context.write(address, &words[0])?;
    context.write_bytes(address, bytemuck::cast_slice(&words))?;
    Ok(0)
}

pub(super) fn clock(context: &mut Context, [address, ..]: [u64; 5]) -> Result<u64, Error> {
    write(context, address, |sysvars| {
        let clock = &sysvars.clock;
        [
            clock.slot,
            clock.epoch_start_timestamp as u64,
            clock.epoch,
            clock.leader_schedule_epoch,
            clock.unix_timestamp as u64,
        ]
    })
}

pub(super) fn epoch_schedule(context: &mut Context, [address, ..]: [u64; 5]) -> Result<u64, Error> {
    write(context, address, |sysvars| {
        let schedule = &sysvars.epoch_schedule;
        [
            schedule.slots_per_epoch,
            schedule.leader_schedule_slot_offset,
            schedule.warmup.into(),
            schedule.first_normal_epoch,
            schedule.first_normal_slot,
        ]
    })
}

pub(super) fn rent(context: &mut Context, [address, ..]: [u64; 5]) -> Result<u64, Error> {
    write(context, address, |sysvars| {
        let account = sysvars.account(&sysvar::rent::ID).unwrap_or_default();
        let bytes = account.data.as_slice();
        let word = |at: usize| {
            let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
            word.map_or(0, |word| u64::from_le_bytes(*word))
        };
        // Two words and a byte.
        [word(0), word(8), bytes.get(16).copied().unwrap_or(0).into()]
    })
}

pub(super) fn last_restart_slot(
    context: &mut Context,
    [address, ..]: [u64; 5],
) -> Result<u64, Error> {
    write(context, address, |sysvars| [sysvars.last_restart_slot])
}

/// No rewards are paid: all zero, and inactive.
pub(super) fn epoch_rewards(context: &mut Context, [address, ..]: [u64; 5]) -> Result<u64, Error> {
    /// It has a number of 128 bits, and so is aligned.
    const WORDS: usize = 12;
    if context.is_aligned && !address.is_multiple_of(16) && address < MM_INPUT_START {
        context.consume_units(cost::SYSVAR_BASE + 8 * WORDS as u64)?;
        context.check_writable(address, 8 * WORDS as u64)?;
        return Err(VmError::UnalignedPointer.into());
    }
    write(context, address, |_| [0; WORDS])
}

/// Part of a sysvar's account (SIMD-0127).
pub(super) fn any(
    context: &mut Context,
    [id, address, offset, length, _]: [u64; 5],
) -> Result<u64, Error> {
    let id_units = 32 / cost::BYTES_PER_UNIT;
    let units = (length / cost::BYTES_PER_UNIT).max(cost::MEMORY_OP);
    context.consume_units((cost::SYSVAR_BASE + id_units).saturating_add(units))?;
    check_target(context, address)?;
    context.check_writable(address, length)?;
    let id = Pubkey::new_from_array(context.read(id)?);
    let overflow = InstructionError::ArithmeticOverflow;
    let end = offset.checked_add(length).ok_or(overflow.clone())?;
    address.checked_add(length).ok_or(overflow)?;
    let known = [
        sysvar::clock::ID,
        sysvar::epoch_rewards::ID,
        sysvar::epoch_schedule::ID,
        sysvar::last_restart_slot::ID,
        sysvar::rent::ID,
        sysvar::slot_hashes::ID,
        sysvar::stake_history::ID,
    ];
    let account = known
        .contains(&id)
        .then(|| context.call().sysvars().account(&id))
        .flatten();
    let Some(account) = account else {
        return Ok(NOT_FOUND);
    };
    let Some(bytes) = account.data.as_slice().get(offset as usize..end as usize) else {
        return Ok(BEYOND_END);
    };
    context.write_bytes(address, bytes)?;
    Ok(0)
}

/// Active stake: there is none (SIMD-0133).
pub(super) fn epoch_stake(context: &mut Context, [address, ..]: [u64; 5]) -> Result<u64, Error> {
    if address == 0 {
        context.consume_units(cost::SYSCALL_BASE)?;
        return Ok(0);
    }
    context.consume_units(cost::SYSCALL_BASE + 32 / cost::BYTES_PER_UNIT + cost::MEMORY_OP)?;
    let _vote_account: [u8; 32] = context.read(address)?;
    Ok(0)
}
