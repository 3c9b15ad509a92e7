//! Keys that nobody may write: the builtin programs and the sysvars.
//!
//! The list is Agave's (`agave-reserved-account-keys` 4.2), with all its features active.

use sealane_sdk::Pubkey;
use solana_sdk_ids as ids;

/// Every reserved key.
#[allow(deprecated)]
pub(super) const RESERVED: [Pubkey; 31] = [
    ids::address_lookup_table::ID,
    ids::bpf_loader::ID,
    ids::bpf_loader_deprecated::ID,
    ids::bpf_loader_upgradeable::ID,
    ids::compute_budget::ID,
    ids::config::ID,
    ids::ed25519_program::ID,
    ids::feature::ID,
    ids::loader_v4::ID,
    ids::secp256k1_program::ID,
    ids::secp256r1_program::ID,
    ids::stake::config::ID,
    ids::stake::ID,
    ids::system_program::ID,
    ids::vote::ID,
    ids::zk_elgamal_proof_program::ID,
    ids::zk_token_proof_program::ID,
    ids::sysvar::clock::ID,
    ids::sysvar::epoch_rewards::ID,
    ids::sysvar::epoch_schedule::ID,
    ids::sysvar::fees::ID,
    ids::sysvar::instructions::ID,
    ids::sysvar::last_restart_slot::ID,
    ids::sysvar::recent_blockhashes::ID,
    ids::sysvar::rent::ID,
    ids::sysvar::rewards::ID,
    ids::sysvar::slot_hashes::ID,
    ids::sysvar::slot_history::ID,
    ids::sysvar::stake_history::ID,
    ids::native_loader::ID,
    ids::sysvar::ID,
];

/// Bit `b`: some reserved key begins with byte `b`. Almost every key is told apart by this alone.
const FIRST_BYTES: [u64; 4] = {
    let mut bits = [0; 4];
    let mut i = 0;
    while i < RESERVED.len() {
        let first = RESERVED[i].to_bytes()[0];
        bits[first as usize / 64] |= 1 << (first % 64);
        i += 1;
    }
    bits
};

/// The first eight bytes of the reserved keys.
const PREFIXES: [u64; RESERVED.len()] = {
    let mut prefixes = [0; RESERVED.len()];
    let mut i = 0;
    while i < RESERVED.len() {
        prefixes[i] = prefix(RESERVED[i].as_array());
        i += 1;
    }
    prefixes
};

const fn prefix(key: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *key;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Whether nobody may write this account.
#[inline]
pub(super) fn is_reserved(key: &Pubkey) -> bool {
    let first = key.as_array()[0];
    FIRST_BYTES[usize::from(first / 64)] >> (first % 64) & 1 == 1 && is_listed(key)
}

fn is_listed(key: &Pubkey) -> bool {
    PREFIXES.contains(&prefix(key.as_array())) && RESERVED.contains(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_reserved_keys_are_distinct_and_found_and_others_are_not() {
        for (i, key) in RESERVED.iter().enumerate() {
            assert!(is_reserved(key), "{key}");
            assert!(!RESERVED[..i].contains(key), "{key} is listed twice");
            let mut near = key.to_bytes();
            near[31] ^= 1;
            let near = Pubkey::new_from_array(near);
            assert_eq!(is_reserved(&near), RESERVED.contains(&near), "{near}");
        }
        assert!(
            !is_reserved(&ids::incinerator::ID),
            "burning lamports must stay possible"
        );
    }
}
