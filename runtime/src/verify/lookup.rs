//! Addresses out of lookup tables, by Agave's rules: a table gives what it held when the slot began.

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
pub(super) fn resolve(
    layout: &Layout,
    bytes: &[u8],
    state: &mut impl State,
) -> Result<Box<[Pubkey]>, VerifyError> {
    if layout.lookup_count == 0 {
        return Ok(Box::default());
    }
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
