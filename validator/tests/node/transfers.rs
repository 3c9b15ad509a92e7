//! Transfers, as the tests of JSON-RPC send them.

use crate::support::start;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_validator::ValidatorHandle;
use serde_json::Value;
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;

pub(crate) const SYSTEM: &str = "11111111111111111111111111111111";

pub(crate) fn transfer(from: &Keypair, to: &Pubkey, lamports: u64, blockhash: Hash) -> Transaction {
    Transaction::new_signed_with_payer(
        &[solana_system_interface::instruction::transfer(
            &from.pubkey(),
            to,
            lamports,
        )],
        Some(&from.pubkey()),
        &[from],
        blockhash,
    )
}

pub(crate) fn base64(transaction: &Transaction) -> String {
    BASE64_STANDARD.encode(bincode::serialize(transaction).unwrap())
}

pub(crate) fn base58(transaction: &Transaction) -> String {
    bs58::encode(bincode::serialize(transaction).unwrap()).into_string()
}

pub(crate) fn signature_of(result: &Value) -> Signature {
    result.as_str().unwrap().parse().unwrap()
}

/// A node and a payer with one SOL.
pub(crate) fn node_and_payer() -> (ValidatorHandle, Keypair) {
    let (node, payer) = (start(), Keypair::new());
    node.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();
    (node, payer)
}
