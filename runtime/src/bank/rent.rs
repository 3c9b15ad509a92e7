//! Rent states: an account holds enough to be exempt from rent, or nothing.
//!
//! These are the rules of Agave 4.2 with SIMD-0392 (`relax_post_exec_min_balance_check`). An
//! account that has less than the minimum can only stem from genesis; it may keep what it has and
//! get more.

use sealane_sdk::{AccountState, Pubkey};
use solana_rent::Rent;
use solana_sdk_ids::incinerator;

/// Whether a transaction may leave `after` where it found `before`.
#[inline]
pub(super) fn transition_allowed(
    rent: &Rent,
    key: &Pubkey,
    before: &AccountState,
    after: &AccountState,
) -> bool {
    after.lamports == 0
        || after.lamports >= rent.minimum_balance(after.data.len())
        || keeps_what_it_had(before, after)
        || *key == incinerator::ID
}

fn keeps_what_it_had(before: &AccountState, after: &AccountState) -> bool {
    !before.is_absent()
        && after.lamports >= before.lamports
        && after.data.len() <= before.data.len()
        && after.owner == before.owner
}
