//! Addresses that are derived from a program's.

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use crate::invoke::GuestSlice;
use crate::syscalls::check_results;
use sealane_sdk::{Pubkey, PubkeyError};
use smallvec::SmallVec;

/// Seeds of an address, at most.
const SEEDS_MAX: usize = 16;
/// Bytes of a seed, at most.
const SEED_LEN_MAX: u64 = 32;

type Seeds<'c> = SmallVec<[&'c [u8]; SEEDS_MAX + 1]>;

fn seeds(
    context: &Context,
    address: u64,
    len: u64,
    program_id: u64,
) -> Result<(Seeds<'_>, Pubkey), Error> {
    let too_long = || VmError::BadSeeds(PubkeyError::MaxSeedLengthExceeded);
    context.check_all::<GuestSlice>(address, len)?;
    if len > SEEDS_MAX as u64 {
        return Err(too_long().into());
    }
    let seeds: SmallVec<[GuestSlice; 4]> = context.read_all(address, len)?;
    let seeds = seeds.iter().map(|seed| {
        if seed.len > SEED_LEN_MAX {
            return Err(too_long().into());
        }
        context.bytes(seed.address, seed.len)
    });
    let seeds = seeds.collect::<Result<_, Error>>()?;
    Ok((seeds, Pubkey::new_from_array(context.read(program_id)?)))
}

pub(super) fn create_program_address(
    context: &mut Context,
    [address, len, program_id, result, _]: [u64; 5],
) -> Result<u64, Error> {
    context.consume_units(cost::CREATE_PROGRAM_ADDRESS)?;
    let created = {
        let (seeds, program_id) = seeds(context, address, len, program_id)?;
        Pubkey::create_program_address(&seeds, &program_id)
    };
    let Ok(created) = created else {
        return Ok(1);
    };
    context.write_bytes(result, created.as_array())?;
    Ok(0)
}

pub(super) fn try_find_program_address(
    context: &mut Context,
    [address, len, program_id, result, bump_result]: [u64; 5],
) -> Result<u64, Error> {
    context.consume_units(cost::CREATE_PROGRAM_ADDRESS)?;
    let found = {
        let (seeds, program_id) = seeds(context, address, len, program_id)?;
        find(context, &seeds, &program_id)?
    };
    let Some((address, bump)) = found else {
        return Ok(1);
    };
    check_results(context, &[(bump_result, 1), (result, 32)])?;
    context.write(bump_result, &bump)?;
    context.write_bytes(result, address.as_array())?;
    Ok(0)
}

/// The first address that is one, counting the last seed down, and that seed.
fn find(
    context: &Context,
    seeds: &Seeds<'_>,
    program_id: &Pubkey,
) -> Result<Option<(Pubkey, u8)>, Error> {
    for bump in (1..=u8::MAX).rev() {
        let bump_seed: &[u8] = &[bump];
        let with_bump: Seeds<'_> = seeds.iter().copied().chain([bump_seed]).collect();
        if let Ok(address) = Pubkey::create_program_address(&with_bump, program_id) {
            return Ok(Some((address, bump)));
        }
        context.consume_units(cost::CREATE_PROGRAM_ADDRESS)?;
    }
    Ok(None)
}
