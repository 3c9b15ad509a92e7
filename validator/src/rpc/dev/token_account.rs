//! `surfnet_setTokenAccount`: the associated token account of a wallet, as a token program would have left it.
//!
//! Layouts are those of `spl-token-interface` (`state::Account`) and `spl-token-2022-interface` (`extension`).

use super::account::read;
use super::{failed, operator};
use crate::rpc::errors::invalid_params;
use crate::rpc::parameters;
use crate::rpc::{Answer, Parameters, RpcContext, answer_in_slot};
use jsonrpsee::types::ErrorObjectOwned;
use sealane_on_board::token;
use sealane_sdk::{AccountState, Pubkey, Rent, pubkey};
use serde::Deserialize;

const TOKEN_2022: Pubkey = pubkey!("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
const ASSOCIATED_TOKEN: Pubkey = pubkey!("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
const NATIVE_MINT: Pubkey = pubkey!("So11111111111111111111111111111111111111112");

/// Bytes of a token account without extensions, and of a mint.
const ACCOUNT_BYTES: usize = 165;
const MINT_BYTES: usize = 82;
const MINT_IS_INITIALIZED: usize = 45;

const AMOUNT: usize = 64;
const DELEGATE: usize = 72;
const STATE: usize = 108;
const IS_NATIVE: usize = 109;
const DELEGATED_AMOUNT: usize = 121;
const CLOSE_AUTHORITY: usize = 129;

/// Behind the account, where it has extensions: what kind of account it is.
const ACCOUNT_TYPE: usize = ACCOUNT_BYTES;
const TYPE_ACCOUNT: u8 = 2;
/// Extensions of a mint: that its accounts begin in a certain state.
const DEFAULT_ACCOUNT_STATE: u16 = 6;
/// Extensions of an account: that its owner stays, as of every associated one.
const IMMUTABLE_OWNER: u16 = 7;
/// Extensions of a mint that ask for one of its accounts: which, with how many bytes.
const ASKED_FOR: [(u16, u16, u16); 4] = [
    (1, 2, 8),   // TransferFeeConfig: TransferFeeAmount
    (9, 13, 0),  // NonTransferable: NonTransferableAccount
    (14, 15, 1), // TransferHook: TransferHookAccount
    (26, 27, 0), // Pausable: PausableAccount
];

const INITIALIZED: u8 = 1;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct TokenAccountUpdate {
    amount: Option<u64>,
    /// An address, or the word `null` for nobody.
    delegate: Option<String>,
    state: Option<String>,
    delegated_amount: Option<u64>,
    close_authority: Option<String>,
}

/// The same, understood.
struct Update {
    amount: Option<u64>,
    delegate: Option<Option<Pubkey>>,
    state: Option<u8>,
    delegated_amount: Option<u64>,
    close_authority: Option<Option<Pubkey>>,
}

pub(super) fn set_token_account(context: &RpcContext, parameters: &Parameters) -> Answer {
    let (owner, mint) = (parameters.pubkey(0)?, parameters.pubkey(1)?);
    let update = understand(parameters.optional(2)?)?;
    let program: Option<String> = parameters.optional(3)?;
    let program = match program {
        Some(program) => parameters::pubkey(&program)?,
        None => token::ID,
    };
    if program != token::ID && program != TOKEN_2022 {
        return Err(invalid_params(format!("{program} is no token program")));
    }
    let mint_state = read(context, &mint)?.filter(|state| is_mint(state, &program));
    let mint_state = mint_state.ok_or_else(|| {
        invalid_params(format!("{mint} is no mint of the token program {program}"))
    })?;
    let seeds = [owner.as_array(), program.as_array(), mint.as_array()].map(|seed| &seed[..]);
    let (address, _) = Pubkey::find_program_address(&seeds, &ASSOCIATED_TOKEN);
    let rent = context.reader.slot().sysvars.rent.clone();
    let begun = begin(&owner, &mint, &program, &mint_state);
    let change = move |before: &AccountState| {
        let data = match before.is_absent() {
            true => begun.clone(),
            false => before.data.read(..).into_owned(),
        };
        if !before.is_absent() && (before.owner != program || data.len() < ACCOUNT_BYTES) {
            return Err(format!(
                "{address} is no account of the token program {program}"
            ));
        }
        Ok(updated(data, &update, &mint, program, &rent))
    };
    let slot = operator(context)?
        .set_account(&address, change)
        .map_err(failed)?;
    answer_in_slot(slot, ())
}

fn understand(update: TokenAccountUpdate) -> Result<Update, ErrorObjectOwned> {
    type Somebody = Result<Option<Option<Pubkey>>, ErrorObjectOwned>;
    let somebody = |text: Option<String>| -> Somebody {
        Ok(match text.as_deref() {
            None => None,
            Some("null") => Some(None),
            Some(text) => Some(Some(parameters::pubkey(text)?)),
        })
    };
    let state = match update.state.as_deref() {
        None => None,
        Some("uninitialized") => Some(0),
        Some("initialized") => Some(INITIALIZED),
        Some("frozen") => Some(2),
        Some(other) => {
            let what = format!("Invalid token account state {other:?}");
            return Err(invalid_params(what));
        }
    };
    Ok(Update {
        amount: update.amount,
        delegate: somebody(update.delegate)?,
        state,
        delegated_amount: update.delegated_amount,
        close_authority: somebody(update.close_authority)?,
    })
}

fn is_mint(state: &AccountState, program: &Pubkey) -> bool {
    let data = state.data.read(..);
    let is_whole =
        data.len() == MINT_BYTES || (*program == TOKEN_2022 && data.len() > ACCOUNT_BYTES);
    state.owner == *program && is_whole && data[MINT_IS_INITIALIZED] == 1
}

/// The data of a new account, as the associated token program makes it.
fn begin(owner: &Pubkey, mint: &Pubkey, program: &Pubkey, mint_state: &AccountState) -> Vec<u8> {
    let mut data = vec![0; ACCOUNT_BYTES];
    data[..32].copy_from_slice(mint.as_array());
    data[32..64].copy_from_slice(owner.as_array());
    data[STATE] = INITIALIZED;
    if *program != TOKEN_2022 {
        return data;
    }
    data.push(TYPE_ACCOUNT);
    extend(&mut data, IMMUTABLE_OWNER, 0);
    for (kind, value) in extensions(&mint_state.data.read(..)) {
        if kind == DEFAULT_ACCOUNT_STATE
            && let [state, ..] = value[..]
        {
            data[STATE] = state;
        }
        for (_, kind, bytes) in ASKED_FOR.iter().filter(|(of_mint, ..)| *of_mint == kind) {
            extend(&mut data, *kind, *bytes);
        }
    }
    data
}

/// Appends an extension of zeros.
fn extend(data: &mut Vec<u8>, kind: u16, bytes: u16) {
    data.extend_from_slice(&kind.to_le_bytes());
    data.extend_from_slice(&bytes.to_le_bytes());
    data.resize(data.len() + usize::from(bytes), 0);
}

/// Kinds and values of a mint's extensions.
fn extensions(mint: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = mint.get(ACCOUNT_TYPE + 1..).unwrap_or_default();
    while let Some((head, behind)) = rest.split_first_chunk::<4>() {
        let (kind, bytes) = (
            u16::from_le_bytes([head[0], head[1]]),
            u16::from_le_bytes([head[2], head[3]]),
        );
        let Some((value, behind)) = behind.split_at_checked(bytes.into()) else {
            break;
        };
        if kind == 0 {
            break;
        }
        found.push((kind, value.to_vec()));
        rest = behind;
    }
    found
}

/// The account with this data, updated, and with the lamports that it needs.
fn updated(
    mut data: Vec<u8>,
    update: &Update,
    mint: &Pubkey,
    program: Pubkey,
    rent: &Rent,
) -> AccountState {
    let put = |data: &mut Vec<u8>, at: usize, value: u64| {
        data[at..at + 8].copy_from_slice(&value.to_le_bytes());
    };
    let put_somebody = |data: &mut Vec<u8>, at: usize, somebody: &Option<Pubkey>| {
        data[at..at + 4].copy_from_slice(&u32::from(somebody.is_some()).to_le_bytes());
        data[at + 4..at + 36].copy_from_slice(somebody.unwrap_or_default().as_array());
    };
    if let Some(amount) = update.amount {
        put(&mut data, AMOUNT, amount);
    }
    if let Some(delegate) = &update.delegate {
        put_somebody(&mut data, DELEGATE, delegate);
    }
    if let Some(state) = update.state {
        data[STATE] = state;
    }
    if let Some(amount) = update.delegated_amount {
        put(&mut data, DELEGATED_AMOUNT, amount);
    }
    if let Some(authority) = &update.close_authority {
        put_somebody(&mut data, CLOSE_AUTHORITY, authority);
    }
    let reserve = rent.minimum_balance(data.len());
    let mut lamports = reserve;
    if *mint == NATIVE_MINT {
        data[IS_NATIVE..IS_NATIVE + 4].copy_from_slice(&1_u32.to_le_bytes());
        put(&mut data, IS_NATIVE + 4, reserve);
        let amount = data[AMOUNT..AMOUNT + 8].first_chunk();
        lamports = lamports.saturating_add(u64::from_le_bytes(*amount.expect("eight bytes")));
    }
    AccountState {
        lamports,
        owner: program,
        executable: false,
        data: data.into(),
    }
}
