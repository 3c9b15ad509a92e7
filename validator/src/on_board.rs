//! What a new chain has on board beside its native programs: the programs that clients expect everywhere, as
//! their authors built them, wrapped SOL's mint, and an account for each feature that is active on mainnet.
//!
//! They are accounts of genesis like any other. A chain that is in a ledger keeps those that it began with.

mod features;

use crate::genesis::LAMPORTS_PER_SOL;
use sealane_on_board::token;
use sealane_sdk::{AccountState, Pubkey, Rent, pubkey};

/// The mint of wrapped SOL.
const NATIVE_MINT: Pubkey = pubkey!("So11111111111111111111111111111111111111112");
/// The program whose accounts say that a feature is active.
const FEATURE: Pubkey = pubkey!("Feature111111111111111111111111111111111111");

/// All of them.
pub(crate) fn accounts() -> Vec<(Pubkey, AccountState)> {
    let rent = Rent::default();
    let programs = sealane_on_board::programs().into_iter();
    programs
        .chain([(NATIVE_MINT, native_mint())])
        .chain(features::ACTIVE.map(|id| (id, feature(&rent))))
        .collect()
}

/// As the first Agave of a development cluster makes it: no authorities, no supply, 9 decimals.
fn native_mint() -> AccountState {
    const LEN: usize = 82;
    const DECIMALS: usize = 44;
    const IS_INITIALIZED: usize = 45;
    let mut data = vec![0; LEN];
    (data[DECIMALS], data[IS_INITIALIZED]) = (9, 1);
    AccountState {
        lamports: LAMPORTS_PER_SOL,
        owner: token::ID,
        executable: false,
        data: data.into(),
    }
}

/// Active since slot 0: an `Option<u64>` in bincode (`solana-feature-gate-interface`).
fn feature(rent: &Rent) -> AccountState {
    const SINCE_SLOT_0: [u8; 9] = [1, 0, 0, 0, 0, 0, 0, 0, 0];
    AccountState {
        lamports: rent.minimum_balance(SINCE_SLOT_0.len()),
        owner: FEATURE,
        executable: false,
        data: SINCE_SLOT_0.as_slice().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealane_sdk::loader::UpgradeableLoaderState;
    use std::collections::HashMap;

    const V2: Pubkey = sealane_sdk::loader::FINAL.id;
    const V3: Pubkey = sealane_sdk::loader::UPGRADEABLE.id;

    #[test]
    fn the_programs_are_there_and_belong_to_their_loaders() {
        let accounts: HashMap<_, _> = accounts().into_iter().collect();
        for (id, loader) in [
            ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", V3),
            ("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb", V3),
            ("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL", V2),
            ("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo", V2),
            ("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr", V2),
            ("Memo4c2pN8afCj432Lb7RMVKi9PbQnnW7ewFFaV3oAH", V3),
            ("AddressLookupTab1e1111111111111111111111111", V3),
            ("Config1111111111111111111111111111111111111", V3),
            ("Feature111111111111111111111111111111111111", V3),
            ("Stake11111111111111111111111111111111111111", V3),
        ] {
            let id: Pubkey = id.parse().unwrap();
            let program = &accounts[&id];
            assert_eq!(program.owner, loader, "{id}");
            assert!(program.executable, "{id}");
            let elf = if loader == V2 {
                program.data.as_slice()
            } else {
                let (programdata, _) = Pubkey::find_program_address(&[id.as_ref()], &loader);
                let state = UpgradeableLoaderState::Program {
                    programdata_address: programdata,
                };
                let state = bincode::serialize(&state).unwrap();
                assert_eq!(program.data.as_slice(), state, "{id}");
                let programdata = &accounts[&programdata];
                assert_eq!(programdata.owner, loader, "{id}");
                assert!(!programdata.executable, "{id}");
                &programdata.data.as_slice()[45..]
            };
            assert!(elf.starts_with(b"\x7fELF"), "{id}");
        }
    }

    #[test]
    fn every_account_is_there_once_and_pays_its_rent() {
        let accounts = accounts();
        let ids: HashMap<_, _> = accounts.iter().cloned().collect();
        assert_eq!(ids.len(), accounts.len());
        for (id, account) in &accounts {
            let needed = Rent::default().minimum_balance(account.data.len());
            assert!(account.lamports >= needed, "{id}");
        }
    }

    #[test]
    fn features_and_wrapped_sol_are_as_clients_read_them() {
        let accounts: HashMap<_, _> = accounts().into_iter().collect();
        let mint = &accounts[&NATIVE_MINT];
        assert_eq!((mint.owner, mint.data.len()), (token::ID, 82));
        // enable_bpf_loader_set_authority_checked_ix
        let active = pubkey!("5x3825XS7M2A3Ekbn5VGGkvFoAg5qrRWkTrY4bARP1GL");
        assert_eq!(accounts[&active].owner, FEATURE);
        let since: Option<u64> = bincode::deserialize(accounts[&active].data.as_slice()).unwrap();
        assert_eq!(since, Some(0));
        // account_data_direct_mapping
        let inactive = pubkey!("CR3dVN2Yoo95Y96kLSTaziWDAQT2MNEpiWh5cqVq2pNE");
        assert!(!accounts.contains_key(&inactive));
    }
}
