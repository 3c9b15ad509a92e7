//! The accounts that a new chain starts with, and its name.

use sealane_sdk::AccountState;
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

/// The start of a chain. Builtin programs and registered ones are the runtime's to add.
pub(crate) struct Genesis {
    /// Signs airdrops. Made anew for each chain and kept in memory.
    pub(crate) faucet: Keypair,
    /// Takes the node's share of the fees.
    pub(crate) identity: Pubkey,
    /// The identity's keypair: signs the header of each slot.
    pub(crate) signer: Arc<Keypair>,
    /// The wallet that was funded, if there is one.
    pub(crate) mint: Option<Pubkey>,
    /// Unix time of slot 0, in seconds.
    pub(crate) time: i64,
    /// The chain's name and first blockhash.
    pub(crate) hash: Hash,
}

impl Genesis {
    /// A new chain, unlike any other.
    pub(crate) fn new(mint: Option<Pubkey>) -> Self {
        let (faucet, signer) = (Keypair::new(), Arc::new(Keypair::new()));
        let identity = signer.pubkey();
        // A clock before 1970 is no reason not to start.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let time = i64::try_from(now.as_secs()).unwrap_or_default();
        let hash = solana_sha256_hasher::hashv(&[
            b"sealane genesis",
            &time.to_le_bytes(),
            faucet.pubkey().as_ref(),
            identity.as_ref(),
        ]);
        Self {
            faucet,
            identity,
            signer,
            mint,
            time,
            hash,
        }
    }

    /// The accounts of the faucet, the node and the wallet.
    pub(crate) fn accounts(&self, faucet_lamports: u64) -> Vec<(Pubkey, AccountState)> {
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
            funded(self.identity, IDENTITY_SOL * LAMPORTS_PER_SOL),
        ];
        accounts.extend(
            self.mint
                .map(|mint| funded(mint, MINT_SOL * LAMPORTS_PER_SOL)),
        );
        accounts
    }
}
