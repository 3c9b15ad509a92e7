//! `sendTransaction` and `requestAirdrop`: into the pipeline and no further. The answer comes when the
//! transaction was scheduled; whether it succeeds is told by its status.

use super::errors::{self, Verdict, invalid_params, verdict};
use super::parameters::Parameters;
use super::simulate::{SimulationJson, preflight};
use super::{Answer, RpcContext, answer};
use crate::airdrop::is_known;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{Refusal, first_signature};
use serde::Deserialize;
use solana_commitment_config::CommitmentLevel;
use solana_hash::Hash;
use solana_signature::Signature;
use solana_transaction_status_client_types::UiTransactionEncoding;
use std::str::FromStr;
use std::sync::Arc;

/// Bytes of a transaction on the wire, and of their text. What is in base58 may not be longer in version 1.
const WIRE_BYTES_MAX: usize = 1232;
const BASE58_BYTES_MAX: usize = 1683;
const BASE64_BYTES_MAX: usize = 1644;
/// The same in version 1.
const VERSION_1_WIRE_BYTES_MAX: usize = solana_message::v1::MAX_TRANSACTION_SIZE;
const VERSION_1_BASE64_BYTES_MAX: usize = 5464;
/// Text in base64 that begins with this or what comes after it, as text, has room for version 1: the first byte of
/// such a transaction is 0x81. So Agave tells before it decodes.
const VERSION_1_BASE64: &[u8] = b"gQ";

/// What the decoding errors of Agave call a transaction.
const TRANSACTION_TYPE: &str = "solana_transaction::versioned::VersionedTransaction";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SendConfig {
    skip_preflight: bool,
    encoding: Option<UiTransactionEncoding>,
    preflight_commitment: Option<CommitmentLevel>,
    min_context_slot: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AirdropConfig {
    recent_blockhash: Option<String>,
}

pub(crate) async fn send_transaction(context: Arc<RpcContext>, parameters: &Parameters) -> Answer {
    let text: String = parameters.required(0)?;
    let config: SendConfig = parameters.optional(1)?;
    let bytes = decode_transaction(&text, config.encoding)?;
    if !config.skip_preflight {
        let (context, bytes) = (Arc::clone(&context), bytes.clone());
        let (level, least) = (config.preflight_commitment, config.min_context_slot);
        tokio::task::spawn_blocking(move || preflight(&context, bytes, level, least))
            .await
            .map_err(|error| errors::internal(format!("the preflight failed: {error}")))??;
    }
    answer(&submit(&context, bytes).await?.to_string())
}

pub(crate) async fn request_airdrop(context: &RpcContext, parameters: &Parameters) -> Answer {
    let to = parameters.pubkey(0)?;
    let lamports: u64 = parameters.required(1)?;
    let config: AirdropConfig = parameters.optional(2)?;
    let blockhash = match config.recent_blockhash {
        Some(text) => {
            Hash::from_str(&text).map_err(|error| invalid_params(format!("{error:?}")))?
        }
        None => context.reader.slot().blockhash(),
    };
    loop {
        let transaction = context
            .airdrops
            .next(&context.genesis, &to, lamports, blockhash)
            .map_err(|error| errors::internal(error.to_string()))?;
        match hand_in(context, transaction).await {
            // That was another airdrop, given before the node was started again.
            Err(refusal) if is_known(&refusal) => {}
            handed_in => return answer(&handed_in.map_err(refused)?.to_string()),
        }
    }
}

/// Hands wire bytes of a client's transaction in and waits for admission.
async fn submit(context: &RpcContext, bytes: Bytes) -> Result<Signature, ErrorObjectOwned> {
    let first_signature = first_signature(&bytes).copied();
    match hand_in(context, bytes).await {
        // Clients send a transaction again and again until it is confirmed. That it is in already is
        // what they want; Agave answers the same.
        Err(refusal) if is_known(&refusal) => {
            first_signature.ok_or_else(|| errors::internal("a transaction without a signature"))
        }
        handed_in => handed_in.map_err(refused),
    }
}

async fn hand_in(context: &RpcContext, bytes: Bytes) -> Result<Signature, Refusal> {
    let (sender, admitted) = tokio::sync::oneshot::channel();
    context.ingest.submit_one(
        bytes,
        Box::new(move |admission| {
            // Nobody listens when the client went away: its transaction runs all the same.
            let _ = sender.send(admission);
        }),
    );
    let signature = admitted.await.unwrap_or(Err(Refusal::ShuttingDown))?;
    context.hub.received(signature);
    Ok(signature)
}

fn refused(refusal: Refusal) -> ErrorObjectOwned {
    match refusal {
        Refusal::Verify(error) => match verdict(error) {
            Verdict::Invalid(error) => error,
            Verdict::Fails(error) => errors::refused(&error, SimulationJson::failed(error.clone())),
        },
        refusal => errors::unavailable(&refusal),
    }
}

/// Decodes the text of a transaction to wire bytes; base58 unless the client says otherwise.
pub(crate) fn decode_transaction(
    text: &str,
    encoding: Option<UiTransactionEncoding>,
) -> Result<Bytes, ErrorObjectOwned> {
    let (bytes, bytes_max) = match encoding.unwrap_or(UiTransactionEncoding::Base58) {
        UiTransactionEncoding::Binary | UiTransactionEncoding::Base58 => {
            check_text("base58", text, BASE58_BYTES_MAX, WIRE_BYTES_MAX)?;
            let bytes = bs58::decode(text)
                .into_vec()
                .map_err(|error| invalid_params(format!("invalid base58 encoding: {error:?}")))?;
            (bytes, WIRE_BYTES_MAX)
        }
        UiTransactionEncoding::Base64 => {
            let head = text.as_bytes().get(..VERSION_1_BASE64.len());
            let (text_max, bytes_max) = if head.is_some_and(|head| head >= VERSION_1_BASE64) {
                (VERSION_1_BASE64_BYTES_MAX, VERSION_1_WIRE_BYTES_MAX)
            } else {
                (BASE64_BYTES_MAX, WIRE_BYTES_MAX)
            };
            check_text("base64", text, text_max, bytes_max)?;
            let bytes = BASE64_STANDARD
                .decode(text)
                .map_err(|error| invalid_params(format!("invalid base64 encoding: {error:?}")))?;
            (bytes, bytes_max)
        }
        other => {
            return Err(invalid_params(format!(
                "unsupported encoding: {other}. Supported encodings: base58, base64"
            )));
        }
    };
    if bytes.len() > bytes_max {
        return Err(invalid_params(format!(
            "decoded {TRANSACTION_TYPE} too large: {} bytes (max: {bytes_max} bytes)",
            bytes.len()
        )));
    }
    Ok(bytes.into())
}

fn check_text(
    encoding: &str,
    text: &str,
    max: usize,
    bytes_max: usize,
) -> Result<(), ErrorObjectOwned> {
    if text.len() <= max {
        return Ok(());
    }
    Err(invalid_params(format!(
        "{encoding} encoded {TRANSACTION_TYPE} too large: {} bytes (max: encoded/raw \
         {max}/{bytes_max})",
        text.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_error(text: &str, encoding: Option<UiTransactionEncoding>, message: &str) {
        let error = decode_transaction(text, encoding).unwrap_err();
        assert_eq!((error.code(), error.message()), (-32602, message));
    }

    #[test]
    fn undecodable_text_is_refused_with_agaves_words() {
        check_error(
            "l",
            None,
            "invalid base58 encoding: InvalidCharacter { character: 'l', index: 0 }",
        );
        check_error(
            "!",
            Some(UiTransactionEncoding::Base64),
            "invalid base64 encoding: InvalidByte(0, 33)",
        );
        check_error(
            &"1".repeat(1684),
            None,
            "base58 encoded solana_transaction::versioned::VersionedTransaction too large: 1684 \
             bytes (max: encoded/raw 1683/1232)",
        );
        check_error(
            &"A".repeat(1644),
            Some(UiTransactionEncoding::Base64),
            "decoded solana_transaction::versioned::VersionedTransaction too large: 1233 bytes \
             (max: 1232 bytes)",
        );
        check_error(
            &"A".repeat(1645),
            Some(UiTransactionEncoding::Base64),
            "base64 encoded solana_transaction::versioned::VersionedTransaction too large: 1645 \
             bytes (max: encoded/raw 1644/1232)",
        );
        check_error(
            "A",
            Some(UiTransactionEncoding::JsonParsed),
            "unsupported encoding: jsonParsed. Supported encodings: base58, base64",
        );
    }

    #[test]
    fn version_1_has_more_room_in_base64_alone() {
        let base64 = Some(UiTransactionEncoding::Base64);
        let mut bytes = vec![0xff; 4_096];
        bytes[0] = 0x81;
        let text = BASE64_STANDARD.encode(&bytes);
        assert_eq!(decode_transaction(&text, base64).unwrap(), bytes);
        bytes.push(0);
        check_error(
            &BASE64_STANDARD.encode(&bytes),
            base64,
            "decoded solana_transaction::versioned::VersionedTransaction too large: 4097 bytes \
             (max: 4096 bytes)",
        );
        bytes.extend([0; 2]);
        check_error(
            &BASE64_STANDARD.encode(&bytes),
            base64,
            "base64 encoded solana_transaction::versioned::VersionedTransaction too large: 5468 \
             bytes (max: encoded/raw 5464/4096)",
        );
        let text = bs58::encode(&bytes[..1_233]).into_string();
        let decoded = decode_transaction(&text, None);
        assert!(decoded.unwrap_err().message().ends_with("1232)"));
        // Version 0 begins a message, never a transaction; what begins so gets no more room.
        bytes[0] = 0x80;
        let text = BASE64_STANDARD.encode(&bytes[..1_236]);
        let decoded = decode_transaction(&text, base64);
        assert!(decoded.unwrap_err().message().ends_with("1644/1232)"));
    }
}
