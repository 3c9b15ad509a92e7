//! Positional parameters of a request, and the parsing of what clients write into them.

use super::errors::invalid_params;
use crate::commitment::lenient;
use jsonrpsee::types::{ErrorObjectOwned, Params};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use solana_commitment_config::CommitmentLevel;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use std::str::FromStr;

/// What many methods take and nothing else: the level of commitment, and the slot that the client has already seen
/// elsewhere.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContextConfig {
    #[serde(deserialize_with = "lenient")]
    pub(crate) commitment: Option<CommitmentLevel>,
    pub(crate) min_context_slot: Option<u64>,
}

/// The parameters of one request, by position.
pub(crate) struct Parameters(Vec<Value>);

impl Parameters {
    /// Accepts an array, or nothing at all. Solana's methods have no named parameters.
    pub(crate) fn parse(params: &Params<'_>) -> Result<Self, ErrorObjectOwned> {
        let Some(text) = params.as_str() else {
            return Ok(Self(Vec::new()));
        };
        match serde_json::from_str(text) {
            Ok(Value::Array(values)) => Ok(Self(values)),
            Ok(Value::Null) => Ok(Self(Vec::new())),
            Ok(_) => Err(invalid_params(
                "Invalid params: expected an array of parameters.",
            )),
            Err(error) => Err(invalid_params(format!("Invalid params: {error}."))),
        }
    }

    /// Parameter `index`, which the method needs.
    pub(crate) fn required<T: DeserializeOwned>(
        &self,
        index: usize,
    ) -> Result<T, ErrorObjectOwned> {
        match self.0.get(index) {
            Some(value) => deserialize(value),
            None => Err(invalid_params(format!(
                "`params` should have at least {} argument(s)",
                index + 1
            ))),
        }
    }

    /// Parameter `index`, or its default where it is left out or null.
    pub(crate) fn optional<T: DeserializeOwned + Default>(
        &self,
        index: usize,
    ) -> Result<T, ErrorObjectOwned> {
        match self.0.get(index) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => deserialize(value),
        }
    }

    /// Parameter `index` as an address.
    pub(crate) fn pubkey(&self, index: usize) -> Result<Pubkey, ErrorObjectOwned> {
        pubkey(&self.required::<String>(index)?)
    }

    /// Parameter `index` as a signature.
    pub(crate) fn signature(&self, index: usize) -> Result<Signature, ErrorObjectOwned> {
        signature(&self.required::<String>(index)?)
    }
}

fn deserialize<T: DeserializeOwned>(value: &Value) -> Result<T, ErrorObjectOwned> {
    T::deserialize(value).map_err(|error| invalid_params(format!("Invalid params: {error}.")))
}

/// Parses an address.
pub(crate) fn pubkey(text: &str) -> Result<Pubkey, ErrorObjectOwned> {
    Pubkey::from_str(text).map_err(|error| invalid_params(format!("Invalid param: {error:?}")))
}

/// Parses a signature.
pub(crate) fn signature(text: &str) -> Result<Signature, ErrorObjectOwned> {
    Signature::from_str(text).map_err(|error| invalid_params(format!("Invalid param: {error:?}")))
}

/// Parses addresses, or says that they are more than `max`.
pub(crate) fn pubkeys(texts: &[String], max: usize) -> Result<Vec<Pubkey>, ErrorObjectOwned> {
    check_count(texts.len(), max)?;
    texts.iter().map(|text| pubkey(text)).collect()
}

/// Who asks for too much at once is told how much is allowed.
pub(crate) fn check_count(count: usize, max: usize) -> Result<(), ErrorObjectOwned> {
    if count > max {
        return Err(invalid_params(format!(
            "Too many inputs provided; max {max}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Parameters {
        Parameters::parse(&Params::new(Some(text))).unwrap()
    }

    fn check_error<T>(result: Result<T, ErrorObjectOwned>, message: &str) {
        let error = result.err().expect("an error");
        assert_eq!((error.code(), error.message()), (-32602, message));
    }

    #[test]
    fn a_missing_parameter_is_named_by_count() {
        check_error(
            parameters("[]").pubkey(0),
            "`params` should have at least 1 argument(s)",
        );
        check_error(
            Parameters::parse(&Params::new(None))
                .unwrap()
                .required::<u64>(1),
            "`params` should have at least 2 argument(s)",
        );
    }

    #[test]
    fn wrong_types_and_wrong_keys_are_told_apart() {
        check_error(
            parameters("[7]").pubkey(0),
            "Invalid params: invalid type: integer `7`, expected a string.",
        );
        check_error(parameters("[\"x\"]").pubkey(0), "Invalid param: WrongSize");
        check_error(parameters("[\"l0\"]").pubkey(0), "Invalid param: Invalid");
        check_error(
            parameters("[\"x\"]").signature(0),
            "Invalid param: WrongSize",
        );
    }

    #[test]
    fn null_and_absence_are_the_default_of_an_optional_parameter() {
        assert_eq!(parameters("[null]").optional::<u64>(0).unwrap(), 0);
        assert_eq!(parameters("[]").optional::<u64>(0).unwrap(), 0);
        assert_eq!(
            parameters("[18446744073709551615]")
                .optional::<u64>(0)
                .unwrap(),
            u64::MAX
        );
    }
}
