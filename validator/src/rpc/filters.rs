//! The filters of `getProgramAccounts` and `programSubscribe`.
//! Source of the shapes: `rpc-client-types/src/filter.rs` of agave 4.2.

use super::errors::invalid_params;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_sdk::AccountState;
use serde::Deserialize;
use spl_generic_token::token::GenericTokenAccount;
use spl_generic_token::token_2022;

/// Bytes that one memcmp may compare.
const BYTES_MAX: usize = 128;

/// A filter as clients write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum FilterRequest {
    DataSize(u64),
    Memcmp(MemcmpRequest),
    TokenAccountState,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MemcmpRequest {
    offset: usize,
    bytes: BytesRequest,
    encoding: Option<BytesEncoding>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum BytesRequest {
    Text(String),
    Raw(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum BytesEncoding {
    Base58,
    Base64,
    Bytes,
}

/// A filter, decoded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// This many bytes of data.
    DataSize(u64),
    /// These bytes at this offset.
    Memcmp { offset: usize, bytes: Vec<u8> },
    /// An initialised SPL token account: 165 bytes, or more with the account type 2 behind them.
    TokenAccountState,
}

/// Checks and decodes the filters of one request.
pub(crate) fn decode(
    requests: Vec<FilterRequest>,
    filters_max: usize,
) -> Result<Vec<Filter>, ErrorObjectOwned> {
    if requests.len() > filters_max {
        return Err(invalid_params(format!(
            "Too many filters provided; max {filters_max}"
        )));
    }
    requests.into_iter().map(decode_one).collect()
}

fn decode_one(request: FilterRequest) -> Result<Filter, ErrorObjectOwned> {
    let MemcmpRequest {
        offset,
        bytes,
        encoding,
    } = match request {
        FilterRequest::DataSize(size) => return Ok(Filter::DataSize(size)),
        FilterRequest::TokenAccountState => return Ok(Filter::TokenAccountState),
        FilterRequest::Memcmp(memcmp) => memcmp,
    };
    let bytes = match bytes {
        BytesRequest::Raw(bytes) => bytes,
        BytesRequest::Text(text) if encoding == Some(BytesEncoding::Base64) => BASE64_STANDARD
            .decode(text)
            .map_err(|_| invalid_params("Invalid param: base64 decode error"))?,
        // 128 bytes are at most 175 characters; more are not worth the quadratic time.
        BytesRequest::Text(text) if text.len() > 175 => return Err(too_large()),
        BytesRequest::Text(text) => bs58::decode(text)
            .into_vec()
            .map_err(|_| invalid_params("Invalid param: base58 decode error"))?,
    };
    if bytes.len() > BYTES_MAX {
        return Err(too_large());
    }
    Ok(Filter::Memcmp { offset, bytes })
}

fn too_large() -> ErrorObjectOwned {
    invalid_params("Invalid param: encoded binary data should be less than 129 bytes")
}

impl Filter {
    /// Whether the account passes.
    pub(crate) fn allows(&self, account: &AccountState) -> bool {
        match self {
            Filter::DataSize(size) => account.data.len() as u64 == *size,
            Filter::Memcmp { offset, bytes } => account
                .data
                .as_slice()
                .get(*offset..)
                .is_some_and(|data| data.starts_with(bytes)),
            Filter::TokenAccountState => is_token_account(account.data.as_slice()),
        }
    }
}

/// As Agave asks: of either token program, by the rule of Token-2022.
fn is_token_account(data: &[u8]) -> bool {
    token_2022::Account::valid_account_data(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn decoded(filters: Value) -> Result<Vec<Filter>, ErrorObjectOwned> {
        decode(serde_json::from_value(filters).unwrap(), 4)
    }

    #[test]
    fn bytes_are_base58_unless_the_encoding_says_otherwise() {
        let expected = vec![Filter::Memcmp {
            offset: 3,
            bytes: vec![1, 2, 3],
        }];
        for bytes in [
            json!({ "offset": 3, "bytes": "Ldp" }),
            json!({ "offset": 3, "bytes": "Ldp", "encoding": "base58" }),
            json!({ "offset": 3, "bytes": "AQID", "encoding": "base64" }),
            json!({ "offset": 3, "bytes": [1, 2, 3] }),
        ] {
            assert_eq!(decoded(json!([{ "memcmp": bytes }])).unwrap(), expected);
        }
        assert_eq!(
            decoded(json!([{ "dataSize": 17 }])).unwrap(),
            vec![Filter::DataSize(17)]
        );
    }

    #[test]
    fn too_many_filters_and_too_many_bytes_are_refused() {
        let size = json!({ "dataSize": 1 });
        let error = decoded(json!([size, size, size, size, size])).unwrap_err();
        assert_eq!(error.message(), "Too many filters provided; max 4");
        let error =
            decoded(json!([{ "memcmp": { "offset": 0, "bytes": "1".repeat(129) } }])).unwrap_err();
        assert_eq!(
            error.message(),
            "Invalid param: encoded binary data should be less than 129 bytes"
        );
    }

    #[test]
    fn only_an_initialised_token_account_passes_its_filter() {
        let mut data = vec![0; 165];
        assert!(!is_token_account(&data));
        data[108] = 1;
        assert!(is_token_account(&data));
        data.push(1);
        assert!(!is_token_account(&data));
        data[165] = 2;
        assert!(is_token_account(&data));
        data.resize(355, 0);
        assert!(!is_token_account(&data));
    }
}
