//! `sol_secp256k1_recover`: which key signed.

use crate::context::Context;
use crate::cost;
use crate::error::Error;
use libsecp256k1::{Message, RecoveryId, Signature};

/// Bytes of a hash, of a signature, and of a key without its tag.
const HASH_BYTES: u64 = 32;
const SIGNATURE_BYTES: u64 = 64;
const KEY_BYTES: u64 = 64;

/// What is wrong, as programs are told (`Secp256k1RecoverError`).
const INVALID_HASH: u64 = 1;
const INVALID_RECOVERY_ID: u64 = 2;
const INVALID_SIGNATURE: u64 = 3;

pub(super) fn recover(
    context: &mut Context,
    [hash, recovery_id, signature, result, _]: [u64; 5],
) -> Result<u64, Error> {
    context.consume_units(cost::SECP256K1_RECOVER)?;
    context.check_writable(result, KEY_BYTES)?;
    let hash = context.bytes(hash, HASH_BYTES)?;
    let signature = context.bytes(signature, SIGNATURE_BYTES)?;
    match recovered(hash, recovery_id, signature) {
        Ok(key) => {
            // The first byte says that the key is not compressed.
            context.write_bytes(result, &key[1..])?;
            Ok(0)
        }
        Err(code) => Ok(code),
    }
}

fn recovered(hash: &[u8], recovery_id: u64, signature: &[u8]) -> Result<[u8; 65], u64> {
    let message = Message::parse_slice(hash).map_err(|_| INVALID_HASH)?;
    let recovery_id = u8::try_from(recovery_id).map_err(|_| INVALID_RECOVERY_ID)?;
    let recovery_id = RecoveryId::parse(recovery_id).map_err(|_| INVALID_RECOVERY_ID)?;
    let signature = Signature::parse_standard_slice(signature).map_err(|_| INVALID_SIGNATURE)?;
    let key = libsecp256k1::recover(&message, &signature, &recovery_id);
    Ok(key.map_err(|_| INVALID_SIGNATURE)?.serialize())
}
