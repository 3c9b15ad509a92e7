//! An account as JSON: the encodings of `getAccountInfo` and its like.
//! Source of the shapes: `account-decoder/src/lib.rs` of agave 4.2.

use super::errors::invalid_request;
use super::mints::Mints;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_sdk::AccountState;
use solana_account_decoder::parse_account_data::{AccountAdditionalDataV3, parse_account_data_v3};
use solana_account_decoder_client_types::{
    UiAccount, UiAccountData, UiAccountEncoding, UiDataSliceConfig,
};
use solana_pubkey::Pubkey;

/// Bytes that base58 is still offered for: decoding takes quadratic time.
const BASE58_BYTES_MAX: usize = 128;

/// Every account is exempt from rent, and says so in this field, which is otherwise unused.
const RENT_EPOCH: u64 = u64::MAX;

/// What zstd takes as its default.
const ZSTD_LEVEL: i32 = 0;

/// Encodes an account, or says that base58 is not for so many bytes. `mints`: those of token accounts, for
/// `jsonParsed`.
pub(crate) fn encode_account(
    key: &Pubkey,
    account: &AccountState,
    encoding: UiAccountEncoding,
    slice: Option<UiDataSliceConfig>,
    mints: &Mints,
) -> Result<UiAccount, ErrorObjectOwned> {
    let bytes = sliced(account.data.as_slice(), slice);
    let base58 = matches!(
        encoding,
        UiAccountEncoding::Binary | UiAccountEncoding::Base58
    );
    if base58 && bytes.len() > BASE58_BYTES_MAX {
        return Err(invalid_request(format!(
            "Encoded binary (base 58) data should be less than {BASE58_BYTES_MAX} bytes, please \
             use Base64 encoding."
        )));
    }
    Ok(encode_account_always(key, account, encoding, slice, mints))
}

/// Encodes an account where there is nobody to return an error to: what is too large for base58 is
/// replaced by words that say so.
pub(crate) fn encode_account_always(
    key: &Pubkey,
    account: &AccountState,
    encoding: UiAccountEncoding,
    slice: Option<UiDataSliceConfig>,
    mints: &Mints,
) -> UiAccount {
    let bytes = sliced(account.data.as_slice(), slice);
    let base64 = || UiAccountData::Binary(BASE64_STANDARD.encode(bytes), UiAccountEncoding::Base64);
    let data = match encoding {
        UiAccountEncoding::Binary => UiAccountData::LegacyBinary(base58(bytes)),
        UiAccountEncoding::Base58 => UiAccountData::Binary(base58(bytes), encoding),
        UiAccountEncoding::Base64Zstd => match zstd::bulk::compress(bytes, ZSTD_LEVEL) {
            Ok(compressed) => UiAccountData::Binary(BASE64_STANDARD.encode(compressed), encoding),
            Err(_) => base64(),
        },
        UiAccountEncoding::Base64 => base64(),
        // What the decoders do not know, or cannot read, is base64.
        UiAccountEncoding::JsonParsed => parsed(key, account, mints).unwrap_or_else(base64),
    };
    UiAccount {
        lamports: account.lamports,
        data,
        owner: account.owner.to_string(),
        executable: account.executable,
        rent_epoch: RENT_EPOCH,
        space: Some(account.data.len() as u64),
    }
}

/// The data as the ecosystem's decoders read them.
fn parsed(key: &Pubkey, account: &AccountState, mints: &Mints) -> Option<UiAccountData> {
    let data = account.data.as_slice();
    let additional = mints.of_token_account(account);
    let additional = additional.map(|mint| AccountAdditionalDataV3 {
        spl_token_additional_data: Some(*mint),
    });
    let parsed = parse_account_data_v3(key, &account.owner, data, additional);
    parsed.ok().map(UiAccountData::Json)
}

fn base58(bytes: &[u8]) -> String {
    if bytes.len() > BASE58_BYTES_MAX {
        return "error: data too large for bs58 encoding".to_owned();
    }
    bs58::encode(bytes).into_string()
}

/// The bytes that `dataSlice` asks for; out of range is empty, not an error.
fn sliced(data: &[u8], slice: Option<UiDataSliceConfig>) -> &[u8] {
    let Some(UiDataSliceConfig { offset, length }) = slice else {
        return data;
    };
    let start = offset.min(data.len());
    &data[start..start.saturating_add(length).min(data.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_outside_the_data_is_empty_and_one_across_its_end_is_cut() {
        let slice = |offset, length| Some(UiDataSliceConfig { offset, length });
        assert_eq!(sliced(b"abcd", None), b"abcd");
        assert_eq!(sliced(b"abcd", slice(1, 2)), b"bc");
        assert_eq!(sliced(b"abcd", slice(3, 9)), b"d");
        assert_eq!(sliced(b"abcd", slice(4, 1)), b"");
        assert_eq!(sliced(b"abcd", slice(9, usize::MAX)), b"");
    }

    #[test]
    fn compressed_data_are_what_they_were() {
        let state = AccountState {
            data: (0..300_000u32)
                .map(|i| (i % 251) as u8)
                .collect::<Vec<_>>()
                .into(),
            ..AccountState::default()
        };
        let encoding = UiAccountEncoding::Base64Zstd;
        let key = Pubkey::default();
        let account = encode_account_always(&key, &state, encoding, None, &Mints::default());
        let UiAccountData::Binary(text, UiAccountEncoding::Base64Zstd) = account.data else {
            panic!("it is compressed")
        };
        let frame = BASE64_STANDARD.decode(text).unwrap();
        assert!(frame.len() < 3_000, "{}", frame.len());
        let data = zstd::bulk::decompress(&frame, 1 << 20).unwrap();
        assert_eq!(data, state.data.as_slice());
    }

    #[test]
    fn what_the_decoders_do_not_know_is_base64() {
        let state = AccountState {
            owner: Pubkey::new_from_array([7; 32]),
            data: vec![1, 2, 3].into(),
            ..AccountState::default()
        };
        let encoding = UiAccountEncoding::JsonParsed;
        let key = Pubkey::default();
        let account = encode_account_always(&key, &state, encoding, None, &Mints::default());
        let expected = UiAccountData::Binary("AQID".to_owned(), UiAccountEncoding::Base64);
        assert_eq!(account.data, expected);
    }
}
