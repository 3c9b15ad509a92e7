//! The counter program on distinct counters that exist already.

use crate::keyring::Keyring;
use crate::parallel::in_ranges;
use crate::workload::{Draft, Ground, OTHER_LAMPORTS, Plan, Scattered};
use sealane_counter::{COUNTER_LEN, ID, counter_address, increment, program};
use sealane_sdk::{AccountMeta, AccountState, Instruction, Pubkey};
use solana_message::{Message, VersionedMessage};

/// Payer `i` adds to the counter that is theirs: 1 in the first round, 2 in the second.
pub(crate) fn plan(ground: &Ground<'_>) -> Plan {
    let (keyring, blockhash) = (ground.keyring, ground.blockhash);
    let order = Scattered::new(keyring.len());
    let addresses = addresses(keyring);
    let accounts = (0..keyring.len())
        .map(|i| (addresses[i as usize], existing_counter(&keyring.key(i))))
        .collect();
    // Deriving an address is dear: done once for genesis, not again in `increment` for each transaction.
    let shape = increment(&Pubkey::default(), 0);
    let draft: Draft = Box::new(move |i, keyring| {
        let (payer, round) = order.at(i);
        let user = keyring.key(payer);
        let address = addresses[payer as usize];
        let instruction = increment_at(&shape, user, address, 1 + round);
        let message = Message::new_with_blockhash(&[instruction], Some(&user), &blockhash);
        (payer, VersionedMessage::Legacy(message))
    });
    Plan {
        accounts,
        programs: vec![program()],
        draft,
    }
}

/// What `increment` gives, for a counter whose address is known. `shape` is any increment.
fn increment_at(shape: &Instruction, user: Pubkey, counter: Pubkey, amount: u64) -> Instruction {
    let at = |i: usize, pubkey| AccountMeta {
        pubkey,
        ..shape.accounts[i]
    };
    Instruction {
        program_id: shape.program_id,
        accounts: vec![at(0, user), at(1, counter)],
        data: [&shape.data[..1], &amount.to_le_bytes()].concat(),
    }
}

fn addresses(keyring: &Keyring) -> Vec<Pubkey> {
    let derive = |i| counter_address(&keyring.key(i));
    in_ranges(keyring.len(), |range| range.map(derive).collect::<Vec<_>>())
        .into_iter()
        .flatten()
        .collect()
}

/// The account that `create` would have made: the user's key, and a count of 0.
fn existing_counter(user: &Pubkey) -> AccountState {
    let mut data = vec![0; COUNTER_LEN];
    data[..32].copy_from_slice(user.as_ref());
    AccountState {
        lamports: OTHER_LAMPORTS,
        owner: ID,
        data: data.into(),
        ..AccountState::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instruction_has_the_shape_that_the_counters_own_client_gives_it() {
        let user = Pubkey::new_from_array([9; 32]);
        let shape = increment(&Pubkey::default(), 0);
        let ours = increment_at(&shape, user, counter_address(&user), 7);
        assert_eq!(ours, increment(&user, 7));
    }
}
