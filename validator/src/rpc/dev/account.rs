//! `surfnet_setAccount`.

use super::{failed, operator};
use crate::rpc::errors::invalid_params;
use crate::rpc::parameters;
use crate::rpc::{Answer, Parameters, RpcContext, answer_in_slot};
use jsonrpsee::types::ErrorObjectOwned;
use sealane_sdk::{AccountState, Pubkey, Rent};
use serde::Deserialize;

/// What is to be changed of an account; the rest stays. `rentEpoch` is accepted, and means nothing: no account
/// owes rent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct AccountUpdate {
    lamports: Option<u64>,
    owner: Option<String>,
    executable: Option<bool>,
    #[serde(rename = "rentEpoch")]
    _rent_epoch: Option<u64>,
    /// In hex.
    data: Option<String>,
}

pub(super) fn set_account(context: &RpcContext, parameters: &Parameters) -> Answer {
    let key = parameters.pubkey(0)?;
    let update: AccountUpdate = parameters.required(1)?;
    let owner = update
        .owner
        .as_deref()
        .map(parameters::pubkey)
        .transpose()?;
    let data = update.data.as_deref().map(from_hex).transpose()?;
    let rent = context.reader.slot().sysvars.rent.clone();
    let change = move |before: &AccountState| {
        let mut state = before.clone();
        state.owner = owner.unwrap_or(state.owner);
        state.executable = update.executable.unwrap_or(state.executable);
        if let Some(data) = &data {
            state.data = data.as_slice().into();
        }
        state.lamports = match update.lamports {
            Some(lamports) => lamports,
            None => enough_for(before, &state, &rent),
        };
        Ok(state)
    };
    let slot = operator(context)?
        .set_account(&key, change)
        .map_err(failed)?;
    answer_in_slot(slot, ())
}

/// Lamports of an account where nobody names them: those that it has, or what keeps a new one.
fn enough_for(before: &AccountState, state: &AccountState, rent: &Rent) -> u64 {
    match before.is_absent() {
        true => rent.minimum_balance(state.data.len()),
        false => before.lamports,
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, ErrorObjectOwned> {
    let wrong = |what: String| invalid_params(format!("Invalid hex data provided: {what}"));
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err(wrong("Odd number of digits".to_owned()));
    }
    let digit = |at: usize| {
        let digit = char::from(digits[at]).to_digit(16);
        digit.map(|digit| digit as u8).ok_or_else(|| {
            let found = text.chars().find(|found| !found.is_ascii_hexdigit());
            wrong(format!(
                "Invalid character {:?} at position {at}",
                found.unwrap_or_default()
            ))
        })
    };
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|at| Ok(digit(at)? << 4 | digit(at + 1)?))
        .collect()
}

/// Its address where `surfnet_setTokenAccount` finds it.
pub(super) fn read(
    context: &RpcContext,
    key: &Pubkey,
) -> Result<Option<AccountState>, ErrorObjectOwned> {
    let slot = context.reader.slot();
    let pin = context.reader.pin().map_err(crate::rpc::errors::read)?;
    slot.account(&pin, key).map_err(crate::rpc::errors::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_two_digits_a_byte() {
        assert_eq!(from_hex("").unwrap(), [0; 0]);
        assert_eq!(from_hex("00fFa5").unwrap(), [0, 255, 0xa5]);
        let error = |text| from_hex(text).unwrap_err().message().to_owned();
        assert_eq!(
            error("abc"),
            "Invalid hex data provided: Odd number of digits"
        );
        assert!(error("zz").contains("Invalid character 'z' at position 0"));
        assert!(error("0é0").contains("'é'"));
    }
}
