//! Rent states: an account holds enough to be exempt from rent, or nothing.
//!
//! These are the rules of Agave 4.2 with SIMD-0392 (`relax_post_exec_min_balance_check`). An
//! account that has less than the minimum can only stem from genesis; it may keep what it has and
//! get more.

use sealane_sdk::{AccountState, Pubkey};
use solana_rent::Rent;
use solana_sdk_ids::incinerator;

/// What rent looks at of an account.
#[derive(Clone, Copy)]
pub(super) struct Rented {
    pub(super) lamports: u64,
    pub(super) data_len: usize,
}

impl Rented {
    #[inline]
    pub(super) fn of(state: &AccountState) -> Self {
        Self {
            lamports: state.lamports,
            data_len: state.data.len(),
        }
    }
}

/// Whether a transaction may leave `after` where it found `before`. `same_owner` is asked only where an
/// account is left below the minimum.
#[inline]
pub(super) fn transition_allowed(
    rent: &Rent,
    key: &Pubkey,
    before: Rented,
    after: Rented,
    same_owner: impl FnOnce() -> bool,
) -> bool {
    is_exempt_or_no_less(rent, before, after, same_owner) || *key == incinerator::ID
}

/// The same, whoever the account is: what a fee leaves of its payer.
#[inline]
pub(super) fn is_exempt_or_no_less(
    rent: &Rent,
    before: Rented,
    after: Rented,
    same_owner: impl FnOnce() -> bool,
) -> bool {
    after.lamports == 0
        // Unchecked: the executor lets no data grow beyond 10 MiB, and the rate is Solana's.
        || after.lamports >= rent.minimum_balance_unchecked(after.data_len)
        || (keeps_what_it_had(before, after) && same_owner())
}

fn keeps_what_it_had(before: Rented, after: Rented) -> bool {
    before.lamports != 0 && after.lamports >= before.lamports && after.data_len <= before.data_len
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lamports that exempt 10 bytes; 9 bytes need 6,960 fewer.
    const MIN: u64 = (128 + 10) * 6_960;

    /// Lamports, bytes, owner.
    type Account = (u64, usize, u8);

    const CASES: &[(&str, Account, Account, bool)] = &[
        ("made exempt", (0, 0, 0), (MIN, 10, 1), true),
        ("made poor", (0, 0, 0), (MIN - 1, 10, 1), false),
        ("drained", (MIN, 10, 1), (0, 10, 1), true),
        ("taken below", (MIN, 10, 1), (MIN - 1, 10, 1), false),
        ("outgrown", (MIN, 10, 1), (MIN, 11, 1), false),
        ("poor, untouched", (5, 10, 1), (5, 10, 1), true),
        ("poor, credited", (5, 10, 1), (6, 10, 1), true),
        ("poor, debited", (5, 10, 1), (4, 10, 1), false),
        ("poor, shrunk", (5, 10, 1), (5, 9, 1), true),
        ("poor, grown", (5, 10, 1), (6, 11, 1), false),
        ("poor, given away", (5, 10, 1), (6, 10, 2), false),
        ("poor, topped up", (5, 10, 1), (MIN, 10, 2), true),
    ];

    fn rented((lamports, data_len, _): Account) -> Rented {
        Rented { lamports, data_len }
    }

    #[test]
    fn an_account_is_exempt_or_gone_or_has_no_less_than_it_had() {
        for &(name, before, after, allowed) in CASES {
            let key = Pubkey::new_from_array([3; 32]);
            let rent = Rent::default();
            let allows = |key| {
                let same_owner = || before.2 == after.2;
                transition_allowed(&rent, key, rented(before), rented(after), same_owner)
            };
            assert_eq!(allows(&key), allowed, "{name}");
            assert!(allows(&incinerator::ID), "{name}");
        }
    }
}
