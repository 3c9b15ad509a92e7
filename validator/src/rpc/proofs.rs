//! Proofs for who does not trust the node: Sealane's own methods, which Solana does not have.
//!
//! Both give a signed header and a proof against it, as bytes that `sealane_sdk::light` checks;
//! `docs/formats.md` says what they are.

use super::errors::no_proof;
use super::parameters::Parameters;
use super::{Answer, RpcContext, answer, answer_in_slot};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_runtime::{NoProof, ProvenBytes};
use serde::Serialize;
use solana_signer::Signer;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Proven {
    /// The header's slot.
    slot: u64,
    /// 152 bytes in base64.
    header: String,
    /// The identity's signature of the header's hash.
    signature: String,
    identity: String,
    /// In base64.
    proof: String,
}

impl Proven {
    fn new(context: &RpcContext, proven: &ProvenBytes) -> Self {
        let signed = &proven.signed;
        Self {
            slot: signed.header.slot,
            header: BASE64_STANDARD.encode(signed.header.to_bytes()),
            signature: signed.signature.to_string(),
            identity: context.genesis.identity.pubkey().to_string(),
            proof: BASE64_STANDARD.encode(&proven.proof),
        }
    }
}

/// What an account is at the end of the slot with the newest header.
pub(crate) fn get_account_proof(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let proven = context.reader.prove_account(&key).map_err(no_proof)?;
    answer_in_slot(context.reader.slot().slot, Proven::new(context, &proven))
}

/// That a transaction is in its slot; null if it is not known.
pub(crate) fn get_transaction_proof(context: &RpcContext, parameters: &Parameters) -> Answer {
    let signature = parameters.signature(0)?;
    match context.reader.prove_transaction(&signature) {
        Ok(proven) => answer(&Proven::new(context, &proven)),
        Err(NoProof::Unknown) => answer(&None::<()>),
        Err(reason) => Err(no_proof(reason)),
    }
}
