//! An account as JSON: the encodings of `getAccountInfo` and its like.
//! Source of the shapes: `account-decoder/src/lib.rs` of agave 4.2.

use super::errors::invalid_request;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_sdk::AccountState;
use solana_account_decoder_client_types::{
    UiAccount, UiAccountData, UiAccountEncoding, UiDataSliceConfig,
};

/// Bytes that base58 is still offered for: decoding takes quadratic time.
const BASE58_BYTES_MAX: usize = 128;

/// Every account is exempt from rent, and says so in this field, which is otherwise unused.
const RENT_EPOCH: u64 = u64::MAX;

/// Encodes an account, or says that base58 is not for so many bytes.
pub(crate) fn encode_account(
    account: &AccountState,
    encoding: UiAccountEncoding,
    slice: Option<UiDataSliceConfig>,
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
    Ok(encode_account_always(account, encoding, slice))
}

/// Encodes an account where there is nobody to return an error to: what is too large for base58 is
/// replaced by words that say so.
pub(crate) fn encode_account_always(
    account: &AccountState,
    encoding: UiAccountEncoding,
    slice: Option<UiDataSliceConfig>,
) -> UiAccount {
    let bytes = sliced(account.data.as_slice(), slice);
    let data = match encoding {
        UiAccountEncoding::Binary => UiAccountData::LegacyBinary(base58(bytes)),
        UiAccountEncoding::Base58 => UiAccountData::Binary(base58(bytes), encoding),
        UiAccountEncoding::Base64Zstd => {
            UiAccountData::Binary(BASE64_STANDARD.encode(zstd_frame(bytes)), encoding)
        }
        // We parse no program's data yet; Agave too falls back to base64 for programs it does not know.
        UiAccountEncoding::Base64 | UiAccountEncoding::JsonParsed => {
            UiAccountData::Binary(BASE64_STANDARD.encode(bytes), UiAccountEncoding::Base64)
        }
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

/// Wraps bytes in a zstd frame (RFC 8878, section 3.1.1) without searching for repetitions: blocks of
/// one repeated byte, as empty account data is, shrink to four bytes, all others are stored.
///
/// Rust's RPC client asks for this encoding by default, to save a network that a local node does not
/// have; compressing for it would cost more than it saves.
fn zstd_frame(bytes: &[u8]) -> Vec<u8> {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    /// An 8-byte content size, one segment, no checksum, no dictionary.
    const DESCRIPTOR: u8 = 0b1110_0000;
    const BLOCK_BYTES_MAX: usize = 128 * 1024;
    const RAW: u32 = 0;
    const RUN: u32 = 1;

    let mut frame = Vec::with_capacity(bytes.len() + bytes.len() / BLOCK_BYTES_MAX * 3 + 16);
    frame.extend_from_slice(&MAGIC);
    frame.push(DESCRIPTOR);
    frame.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    let mut rest = bytes;
    loop {
        let (block, after) = rest.split_at(rest.len().min(BLOCK_BYTES_MAX));
        rest = after;
        let is_run = block.len() > 1 && block.iter().all(|byte| *byte == block[0]);
        let (kind, content) = if is_run {
            (RUN, &block[..1])
        } else {
            (RAW, block)
        };
        let header = u32::from(rest.is_empty()) | kind << 1 | (block.len() as u32) << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(content);
        if rest.is_empty() {
            return frame;
        }
    }
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

    /// The decoder here reads only what we write; `zstd -d` was asked once whether it agrees.
    #[test]
    fn a_zstd_frame_holds_what_was_put_in() {
        for bytes in [
            Vec::new(),
            b"a".to_vec(),
            b"hello".to_vec(),
            vec![0; 300_000],
            (0..300_000u32).map(|i| (i % 251) as u8).collect(),
        ] {
            let frame = zstd_frame(&bytes);
            assert_eq!(unframe(&frame), bytes);
        }
        assert!(zstd_frame(&vec![0; 300_000]).len() < 32);
    }

    fn unframe(frame: &[u8]) -> Vec<u8> {
        assert_eq!(frame[..5], [0x28, 0xb5, 0x2f, 0xfd, 0xe0]);
        let size = u64::from_le_bytes(frame[5..13].try_into().unwrap());
        let (mut at, mut out) = (13, Vec::new());
        loop {
            let header = u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], 0]);
            at += 3;
            let length = (header >> 3) as usize;
            if header >> 1 & 3 == 1 {
                out.extend(std::iter::repeat_n(frame[at], length));
                at += 1;
            } else {
                out.extend_from_slice(&frame[at..at + length]);
                at += length;
            }
            if header & 1 == 1 {
                assert_eq!((at, out.len() as u64), (frame.len(), size));
                return out;
            }
        }
    }
}
