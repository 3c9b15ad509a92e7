//! What the JSON of a token account needs to know of its mint: how its amount is shown.
//! Source of the behaviour: `rpc/src/parsed_token_accounts.rs` of agave 4.2.

use super::errors::{self, invalid_params};
use ahash::AHashMap;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{Pin, ReadError, SlotContext};
use sealane_sdk::AccountState;
use solana_account_decoder::parse_account_data::SplTokenAdditionalDataV2;
use solana_account_decoder::parse_token::{get_token_account_mint, is_known_spl_token_id};
use solana_pubkey::Pubkey;
use spl_token_2022_interface::extension::interest_bearing_mint::InterestBearingConfig;
use spl_token_2022_interface::extension::scaled_ui_amount::ScaledUiAmountConfig;
use spl_token_2022_interface::extension::{BaseStateWithExtensions, StateWithExtensions};
use spl_token_2022_interface::state::Mint;

/// Mints of token accounts, by address.
#[derive(Default)]
pub(crate) struct Mints(AHashMap<Pubkey, SplTokenAdditionalDataV2>);

impl Mints {
    /// Those of the token accounts among `accounts`. `look` gives an account; what is no mint is left out.
    pub(crate) fn of<'a>(
        accounts: impl IntoIterator<Item = &'a AccountState>,
        slot: &SlotContext,
        mut look: impl FnMut(&Pubkey) -> Result<Option<AccountState>, ReadError>,
    ) -> Result<Self, ReadError> {
        let mut mints = AHashMap::new();
        for account in accounts {
            let Some(key) = mint_of(account) else {
                continue;
            };
            if mints.contains_key(&key) {
                continue;
            }
            let mint = look(&key)?;
            mints.extend(
                mint.and_then(|mint| how_shown(&mint, slot))
                    .map(|mint| (key, mint)),
            );
        }
        Ok(Self(mints))
    }

    /// The same, read from the state of a pin.
    pub(crate) fn at<'a>(
        accounts: impl IntoIterator<Item = &'a AccountState>,
        slot: &SlotContext,
        pin: &Pin,
    ) -> Result<Self, ReadError> {
        Self::of(accounts, slot, |key| pin.get(key))
    }

    /// How the amounts of a token account are shown; `None` if it is none, or its mint is not known.
    pub(crate) fn of_token_account(
        &self,
        account: &AccountState,
    ) -> Option<&SplTokenAdditionalDataV2> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&mint_of(account)?)
    }
}

fn mint_of(account: &AccountState) -> Option<Pubkey> {
    if !is_token_program(&account.owner) {
        return None;
    }
    get_token_account_mint(account.data.as_slice())
}

/// Whether it is Token or Token-2022.
pub(crate) fn is_token_program(program: &Pubkey) -> bool {
    is_known_spl_token_id(&program.to_bytes().into())
}

/// How amounts of a mint are shown at this time; `None` if the account is no mint.
fn how_shown(mint: &AccountState, slot: &SlotContext) -> Option<SplTokenAdditionalDataV2> {
    let mint = StateWithExtensions::<Mint>::unpack(mint.data.as_slice()).ok()?;
    Some(shown(&mint, slot))
}

/// The same of a mint that was unpacked.
pub(crate) fn shown(
    mint: &StateWithExtensions<'_, Mint>,
    slot: &SlotContext,
) -> SplTokenAdditionalDataV2 {
    let now = slot.sysvars.clock.unix_timestamp;
    let interest = mint.get_extension::<InterestBearingConfig>();
    let scaled = mint.get_extension::<ScaledUiAmountConfig>();
    SplTokenAdditionalDataV2 {
        decimals: mint.base.decimals,
        interest_bearing_config: interest.ok().map(|config| (*config, now)),
        scaled_ui_amount_config: scaled.ok().map(|config| (*config, now)),
    }
}

/// The token program of a mint, and how its amounts are shown. The mint of wrapped SOL is known even where it does
/// not exist.
pub(crate) fn mint(
    pin: &Pin,
    slot: &SlotContext,
    key: &Pubkey,
) -> Result<(Pubkey, SplTokenAdditionalDataV2), ErrorObjectOwned> {
    let native = &spl_token_interface::native_mint::ID;
    if key.as_array() == native.as_array() {
        let decimals = spl_token_interface::native_mint::DECIMALS;
        let program = spl_token_interface::ID.to_bytes().into();
        return Ok((program, SplTokenAdditionalDataV2::with_decimals(decimals)));
    }
    let account = pin.get(key).map_err(errors::read)?;
    let account = account.ok_or_else(|| invalid_params("Invalid param: could not find mint"))?;
    let shown = how_shown(&account, slot)
        .ok_or_else(|| invalid_params("Invalid param: Token mint could not be unpacked"))?;
    Ok((account.owner, shown))
}
