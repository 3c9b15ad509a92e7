//! Addresses out of lookup tables, by Agave's rules: a table gives what it held when the slot
//! began.

use super::VerifyError;
use super::parse::lookups_of;
use super::state::State;
use crate::verified::Layout;
use sealane_sdk::Pubkey;
use solana_address_lookup_table_interface::error::AddressLookupError;
use solana_address_lookup_table_interface::state::AddressLookupTable;
use solana_sdk_ids::address_lookup_table;
use solana_slot_hashes::SlotHashes;
use solana_transaction_error::TransactionError;

/// The addresses that a transaction looks up: all writable ones, then all read-only ones.
#[inline]
pub(super) fn resolve(
    layout: &Layout,
    bytes: &[u8],
    state: &mut impl State,
) -> Result<Box<[Pubkey]>, VerifyError> {
    if layout.lookup_count == 0 {
        return Ok(Box::default());
    }
    resolve_some(layout, bytes, state)
}

fn resolve_some(
    layout: &Layout,
    bytes: &[u8],
    state: &mut impl State,
) -> Result<Box<[Pubkey]>, VerifyError> {
    let (slot, slot_hashes) = state.slot();
    let total = usize::from(layout.loaded_writable) + usize::from(layout.loaded_readonly);
    let mut addresses = Vec::with_capacity(total);
    let mut readonly = Vec::with_capacity(usize::from(layout.loaded_readonly));
    for lookup in lookups_of(layout, bytes) {
        let mut outcome = Err(AddressLookupError::LookupTableAccountNotFound);
        state.read(lookup.table, &mut |owner, data| {
            outcome = Table::of(owner, data, slot, &slot_hashes).and_then(|table| {
                table.append(lookup.writable, &mut addresses)?;
                table.append(lookup.readonly, &mut readonly)
            });
        })?;
        outcome.map_err(transaction_error)?;
    }
    addresses.append(&mut readonly);
    Ok(addresses.into_boxed_slice())
}

/// The addresses of a table that may be looked up now.
struct Table<'a>(AddressLookupTable<'a>, usize);

impl<'a> Table<'a> {
    fn of(
        owner: &Pubkey,
        data: &'a [u8],
        slot: u64,
        slot_hashes: &SlotHashes,
    ) -> Result<Self, AddressLookupError> {
        if *owner != address_lookup_table::ID {
            return Err(AddressLookupError::InvalidAccountOwner);
        }
        let table = AddressLookupTable::deserialize(data)
            .map_err(|_| AddressLookupError::InvalidAccountData)?;
        let active = table.get_active_addresses_len(slot, slot_hashes)?;
        if active > table.addresses.len() {
            return Err(AddressLookupError::InvalidAccountData);
        }
        Ok(Self(table, active))
    }

    fn append(&self, indices: &[u8], into: &mut Vec<Pubkey>) -> Result<(), AddressLookupError> {
        let active = &self.0.addresses[..self.1];
        for index in indices {
            let address = active.get(usize::from(*index));
            into.push(*address.ok_or(AddressLookupError::InvalidLookupIndex)?);
        }
        Ok(())
    }
}

fn transaction_error(error: AddressLookupError) -> TransactionError {
    match error {
        AddressLookupError::LookupTableAccountNotFound => {
            TransactionError::AddressLookupTableNotFound
        }
        AddressLookupError::InvalidAccountOwner => TransactionError::InvalidAddressLookupTableOwner,
        AddressLookupError::InvalidAccountData => TransactionError::InvalidAddressLookupTableData,
        AddressLookupError::InvalidLookupIndex => TransactionError::InvalidAddressLookupTableIndex,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{FakeState, trusted};
    use super::*;
    use solana_address_lookup_table_interface::state::LookupTableMeta;
    use solana_hash::Hash;
    use solana_message::compiled_instruction::CompiledInstruction;
    use solana_message::v0::{Message, MessageAddressTableLookup};
    use solana_message::{MessageHeader, VersionedMessage};
    use solana_signature::Signature;
    use solana_transaction::versioned::VersionedTransaction;
    use std::sync::Arc;

    const TABLE: Pubkey = Pubkey::new_from_array([0x7a; 32]);
    const SLOT: u64 = 1_000;

    fn address(i: u8) -> Pubkey {
        Pubkey::new_from_array([100 + i; 32])
    }

    /// A table of four addresses.
    fn data(meta: LookupTableMeta) -> Vec<u8> {
        let addresses: Vec<_> = (0..4).map(address).collect();
        AddressLookupTable {
            meta,
            addresses: addresses.into(),
        }
        .serialize_for_tests()
        .unwrap()
    }

    /// What looking up `writable` and `readonly` gives when the table's account holds `data`.
    fn check(
        owner: Pubkey,
        data: Vec<u8>,
        (writable, readonly): (&[u8], &[u8]),
        expected: Result<Vec<Pubkey>, TransactionError>,
    ) {
        let message = VersionedMessage::V0(Message {
            header: MessageHeader {
                num_required_signatures: 1,
                ..MessageHeader::default()
            },
            account_keys: vec![address(50), address(51)],
            recent_blockhash: Hash::default(),
            instructions: vec![CompiledInstruction::new_from_raw_parts(1, vec![], vec![])],
            address_table_lookups: vec![MessageAddressTableLookup {
                account_key: TABLE,
                writable_indexes: writable.to_vec(),
                readonly_indexes: readonly.to_vec(),
            }],
        });
        let transaction = VersionedTransaction {
            signatures: vec![Signature::default()],
            message,
        };
        // The hashes of the last 512 slots.
        let slot_hashes: Vec<_> = (SLOT - 512..SLOT)
            .rev()
            .map(|slot| (slot, Hash::default()))
            .collect();
        let mut state = FakeState {
            accounts: [(TABLE, (owner, data))].into(),
            slot: SLOT,
            slot_hashes: Arc::new(SlotHashes::new(&slot_hashes)),
        };
        let verified = trusted(bincode::serialize(&transaction).unwrap(), &mut state);
        let loaded = verified.map(|transaction| {
            let (writable, readonly) = transaction.loaded_addresses();
            [writable, readonly].concat()
        });
        assert_eq!(loaded, expected.map_err(VerifyError::from));
    }

    #[test]
    fn addresses_come_writable_first_in_the_order_of_their_indices() {
        let expected = [3, 0, 2].map(address).to_vec();
        check(
            address_lookup_table::ID,
            data(LookupTableMeta::default()),
            (&[3, 0], &[2]),
            Ok(expected),
        );
    }

    #[test]
    fn what_is_no_table_is_refused_by_what_is_wrong_with_it() {
        let good = data(LookupTableMeta::default());
        let owner = Err(TransactionError::InvalidAddressLookupTableOwner);
        let invalid = Err(TransactionError::InvalidAddressLookupTableData);
        check(address(1), good.clone(), (&[0], &[]), owner);
        check(
            address_lookup_table::ID,
            vec![],
            (&[0], &[]),
            invalid.clone(),
        );
        check(
            address_lookup_table::ID,
            vec![0; 56],
            (&[0], &[]),
            invalid.clone(),
        );
        check(
            address_lookup_table::ID,
            good[..good.len() - 1].to_vec(),
            (&[0], &[]),
            invalid,
        );
    }

    #[test]
    fn an_index_beyond_the_table_is_refused() {
        let beyond = || Err(TransactionError::InvalidAddressLookupTableIndex);
        let good = data(LookupTableMeta::default());
        check(
            address_lookup_table::ID,
            good.clone(),
            (&[4], &[]),
            beyond(),
        );
        check(address_lookup_table::ID, good, (&[], &[255]), beyond());
    }

    #[test]
    fn addresses_added_in_the_open_slot_are_not_there_yet() {
        let extended = |last_extended_slot, last_extended_slot_start_index| {
            data(LookupTableMeta {
                last_extended_slot,
                last_extended_slot_start_index,
                ..LookupTableMeta::default()
            })
        };
        let id = address_lookup_table::ID;
        let index = Err(TransactionError::InvalidAddressLookupTableIndex);
        check(id, extended(SLOT, 2), (&[1], &[]), Ok(vec![address(1)]));
        check(id, extended(SLOT, 2), (&[2], &[]), index);
        check(id, extended(SLOT - 1, 2), (&[2], &[]), Ok(vec![address(2)]));
        // A start beyond the end: no table looks like this unless someone forged it.
        let invalid = Err(TransactionError::InvalidAddressLookupTableData);
        check(id, extended(SLOT, 9), (&[0], &[]), invalid);
    }

    #[test]
    fn a_table_can_be_used_until_its_deactivation_is_512_slots_old() {
        let deactivated = |deactivation_slot| {
            data(LookupTableMeta {
                deactivation_slot,
                ..LookupTableMeta::default()
            })
        };
        let id = address_lookup_table::ID;
        for slot in [SLOT, SLOT - 1, SLOT - 512, u64::MAX] {
            check(id, deactivated(slot), (&[], &[0]), Ok(vec![address(0)]));
        }
        let gone = Err(TransactionError::AddressLookupTableNotFound);
        check(id, deactivated(SLOT - 513), (&[], &[0]), gone);
    }
}
