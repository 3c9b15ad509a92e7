//! The accounts that a new chain starts with, and its name.

use crate::chain_parameters::ChainParameters;
use crate::ledger;
use sealane_sdk::{AccountState, Programs};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Lamports in a SOL.
pub const LAMPORTS_PER_SOL: u64 = 1_000_000_000;

/// What a wallet gets at genesis, in SOL: as much as from `solana-test-validator`.
pub(crate) const MINT_SOL: u64 = 500_000_000;
/// What the faucet gets unless told otherwise, in SOL.
pub(crate) const FAUCET_SOL: u64 = 1_000_000;
/// What the node's own account gets, in SOL, so that it can take in fees.
const IDENTITY_SOL: u64 = 500;

/// The start of a chain.
pub(crate) struct Genesis {
    /// Signs airdrops. Made anew for each chain.
    pub(crate) faucet: Keypair,
    /// Takes the node's share of the fees, and signs the header of each slot. Made anew for each chain.
    pub(crate) identity: Arc<Keypair>,
    /// The wallet that was funded, if there is one.
    pub(crate) mint: Option<Pubkey>,
    /// Unix time of slot 0, in seconds.
    pub(crate) time: i64,
    /// Id and name of each program that the chain has.
    pub(crate) programs: Vec<(Pubkey, String)>,
    /// The accounts, but for those of programs; the later of two of one key counts.
    pub(crate) accounts: Vec<(Pubkey, AccountState)>,
    /// For development: its operator may set accounts and the clock. Never changes.
    pub(crate) dev: Option<Dev>,
    /// What transactions mean on it. Never changes.
    pub(crate) parameters: ChainParameters,
    /// The chain's name and first blockhash: a hash of all the above.
    pub(crate) hash: Hash,
}

/// What a chain for development began with beside what every chain does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dev {
    /// Where all that is random comes from, in a chain that repeats bit by bit.
    pub(crate) seed: Option<u64>,
}

/// Transactions of a slot of a chain with a seed.
pub const SEEDED_SLOT_TRANSACTIONS: u64 = 32;

/// Unix time of slot 0 of a chain with a seed: the start of 2026.
const SEEDED_TIME: i64 = 1_767_225_600;

impl Dev {
    /// A keypair that follows from the seed and what it is for.
    fn keypair(seed: u64, purpose: &str) -> Keypair {
        let seed = seed.to_le_bytes();
        let hash = solana_sha256_hasher::hashv(&[b"sealane seed", &seed, purpose.as_bytes()]);
        Keypair::new_from_array(hash.to_bytes())
    }
}

impl Genesis {
    /// A new chain, unlike any other unless it has a seed. `accounts` come after those of the faucet, the node
    /// and the wallet.
    pub(crate) fn new(
        mint: Option<Pubkey>,
        faucet_lamports: u64,
        programs: &Programs,
        accounts: Vec<(Pubkey, AccountState)>,
        dev: Option<Dev>,
        parameters: ChainParameters,
    ) -> Self {
        // A clock before 1970 is no reason not to start.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seed = dev.and_then(|dev| dev.seed);
        let keypair = |purpose| match seed {
            Some(seed) => Dev::keypair(seed, purpose),
            None => Keypair::new(),
        };
        let programs = programs.iter();
        let mut genesis = Self {
            faucet: keypair("faucet"),
            identity: Arc::new(keypair("identity")),
            mint,
            time: match seed {
                Some(_) => SEEDED_TIME,
                None => i64::try_from(now.as_secs()).unwrap_or_default(),
            },
            programs: programs
                .map(|program| (program.id, program.name.to_owned()))
                .collect(),
            accounts: Vec::new(),
            dev,
            parameters,
            hash: Hash::default(),
        };
        genesis.accounts = genesis.own_accounts(faucet_lamports);
        genesis.accounts.extend(accounts);
        genesis.hash = ledger::hash(&genesis);
        genesis
    }

    /// The accounts of the faucet, the node and the wallet.
    fn own_accounts(&self, faucet_lamports: u64) -> Vec<(Pubkey, AccountState)> {
        let funded = |key, lamports| {
            (
                key,
                AccountState {
                    lamports,
                    ..AccountState::default()
                },
            )
        };
        let mut accounts = vec![
            funded(self.faucet.pubkey(), faucet_lamports),
            funded(self.identity.pubkey(), IDENTITY_SOL * LAMPORTS_PER_SOL),
        ];
        accounts.extend(
            self.mint
                .map(|mint| funded(mint, MINT_SOL * LAMPORTS_PER_SOL)),
        );
        accounts
    }
}
