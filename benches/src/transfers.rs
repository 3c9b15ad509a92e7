//! System transfers: distinct pairs, one common recipient, Zipf's law.

use crate::keyring::address;
use crate::random::{SplitMix64, Zipf};
use crate::workload::{Draft, Ground, OTHER_LAMPORTS, Plan, Scattered};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use solana_message::{Message, VersionedMessage};
use solana_system_interface::instruction::transfer;

/// Lamports for a signature.
pub(crate) const FEE: u64 = 5_000;

/// Accounts that the Zipf workload draws from.
pub(crate) const ZIPF_ACCOUNTS: u64 = 10_000;

pub(crate) const PURPOSE_RECIPIENT: u64 = 0x2ec;
const PURPOSE_ZIPF: u64 = 0x21f;

/// Payer `i` pays recipient `i`; no account is in two transactions until all pairs had their turn.
pub(crate) fn pairs(ground: &Ground<'_>) -> Plan {
    let (seed, blockhash) = (ground.options.seed, ground.blockhash);
    let count = ground.keyring.len();
    let order = Scattered::new(count);
    let draft: Draft = Box::new(move |i, keyring| {
        let (pair, round) = order.at(i);
        let to = address(seed, PURPOSE_RECIPIENT, pair);
        (
            pair,
            message(&keyring.key(pair), &to, 1 + round, &blockhash),
        )
    });
    Plan {
        accounts: recipients(seed, count),
        programs: Vec::new(),
        draft,
    }
}

/// All pay the same recipient.
pub(crate) fn hot(ground: &Ground<'_>) -> Plan {
    let (seed, blockhash) = (ground.options.seed, ground.blockhash);
    let order = Scattered::new(ground.keyring.len());
    let to = address(seed, PURPOSE_RECIPIENT, 0);
    let draft: Draft = Box::new(move |i, keyring| {
        let (payer, round) = order.at(i);
        (
            payer,
            message(&keyring.key(payer), &to, 1 + round, &blockhash),
        )
    });
    Plan {
        accounts: recipients(seed, 1),
        programs: Vec::new(),
        draft,
    }
}

/// Payer and recipient are both drawn by Zipf's law; the amount makes each transaction unique.
pub(crate) fn zipf(ground: &Ground<'_>) -> Plan {
    let (seed, blockhash) = (ground.options.seed, ground.blockhash);
    let law = Zipf::new(ZIPF_ACCOUNTS as usize, 1.0);
    let draft: Draft = Box::new(move |i, keyring| {
        let mut random = SplitMix64::new(seed, PURPOSE_ZIPF, i);
        let from = law.draw(&mut random);
        let mut to = law.draw(&mut random);
        while to == from {
            to = law.draw(&mut random);
        }
        let (from, to) = (from as u64, to as u64);
        (
            from,
            message(&keyring.key(from), &keyring.key(to), 1 + i, &blockhash),
        )
    });
    Plan {
        accounts: Vec::new(),
        programs: Vec::new(),
        draft,
    }
}

pub(crate) fn message(
    from: &Pubkey,
    to: &Pubkey,
    lamports: u64,
    blockhash: &Hash,
) -> VersionedMessage {
    let instruction = transfer(from, to, lamports);
    VersionedMessage::Legacy(Message::new_with_blockhash(
        &[instruction],
        Some(from),
        blockhash,
    ))
}

/// The message of a transfer as bytes, in which all but the program is exchanged: what is quicker than making it
/// anew.
pub(crate) struct Template(Vec<u8>);

impl Template {
    const FROM: usize = 4;
    const TO: usize = Self::FROM + 32;
    const BLOCKHASH: usize = Self::FROM + 3 * 32;

    pub(crate) fn new() -> Self {
        let (from, to) = (
            Pubkey::new_from_array([1; 32]),
            Pubkey::new_from_array([2; 32]),
        );
        Self(message(&from, &to, 0, &Hash::default()).serialize())
    }

    /// What `message` gives, serialised.
    pub(crate) fn fill(
        &mut self,
        from: &Pubkey,
        to: &Pubkey,
        lamports: u64,
        blockhash: &Hash,
    ) -> &[u8] {
        let bytes = &mut self.0;
        bytes[Self::FROM..][..32].copy_from_slice(from.as_ref());
        bytes[Self::TO..][..32].copy_from_slice(to.as_ref());
        bytes[Self::BLOCKHASH..][..32].copy_from_slice(blockhash.as_ref());
        let amount = bytes.len() - 8;
        bytes[amount..].copy_from_slice(&lamports.to_le_bytes());
        bytes
    }
}

pub(crate) fn recipients(seed: u64, count: u64) -> Vec<(Pubkey, AccountState)> {
    let state = AccountState {
        lamports: OTHER_LAMPORTS,
        ..AccountState::default()
    };
    (0..count)
        .map(|i| (address(seed, PURPOSE_RECIPIENT, i), state.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_gives_the_bytes_of_the_message() {
        let mut template = Template::new();
        for i in 0..9 {
            let [from, to] = [3 * i, 3 * i + 1].map(|n| address(4, PURPOSE_RECIPIENT, n));
            let blockhash = Hash::new_from_array([i as u8; 32]);
            let made = message(&from, &to, 1 << i, &blockhash).serialize();
            assert_eq!(template.fill(&from, &to, 1 << i, &blockhash), made);
        }
    }
}
