//! The token balances of a transaction as JSON. The record has the decimals of mints that the transaction
//! names; those of the others are looked up in the newest state, as a mint never changes them.

use ahash::AHashMap;
use sealane_runtime::{Reader, TokenBalance, mint_decimals};
use sealane_sdk::Pubkey;
use solana_account_decoder::parse_account_data::SplTokenAdditionalDataV2;
use solana_account_decoder::parse_token::token_amount_to_ui_amount_v3;
use solana_transaction_status_client_types::UiTransactionTokenBalance;
use solana_transaction_status_client_types::option_serializer::OptionSerializer;
use std::cell::RefCell;

/// Decimals of mints, looked up once for all transactions of an answer.
pub(crate) struct Decimals<'a> {
    /// `None` where there is no state to look into.
    reader: Option<&'a Reader>,
    /// By mint and token program.
    known: RefCell<AHashMap<(Pubkey, Pubkey), Option<u8>>>,
}

impl<'a> Decimals<'a> {
    /// Those of the newest state.
    pub(crate) fn of(reader: &'a Reader) -> Self {
        Self {
            reader: Some(reader),
            known: RefCell::default(),
        }
    }

    /// None but those that records have.
    pub(crate) fn recorded() -> Self {
        Self {
            reader: None,
            known: RefCell::default(),
        }
    }

    fn look_up(&self, balance: &TokenBalance) -> Option<u8> {
        let (mint, program) = (balance.mint, balance.program);
        let mut known = self.known.borrow_mut();
        *known.entry((mint, program)).or_insert_with(|| {
            let pin = self.reader?.pin().ok()?;
            let account = pin.get(&mint).ok()??;
            mint_decimals(&account, &program)
        })
    }
}

/// Balances as clients read them. As on Agave, one whose mint is not there is left out, and amounts are raw:
/// without interest or scale.
pub(crate) fn encode(
    balances: &[TokenBalance],
    decimals: &Decimals<'_>,
) -> Vec<UiTransactionTokenBalance> {
    let encode_one = |balance: &TokenBalance| {
        let known = balance.decimals.or_else(|| decimals.look_up(balance))?;
        let shown = SplTokenAdditionalDataV2::with_decimals(known);
        Some(UiTransactionTokenBalance {
            account_index: balance.account_index,
            mint: balance.mint.to_string(),
            ui_token_amount: token_amount_to_ui_amount_v3(balance.amount, &shown),
            owner: OptionSerializer::Some(balance.owner.to_string()),
            program_id: OptionSerializer::Some(balance.program.to_string()),
        })
    };
    balances.iter().filter_map(encode_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_balance_is_agaves_and_left_out_where_nobody_knows_its_decimals() {
        let key = |byte| Pubkey::new_from_array([byte; 32]);
        let balance = |decimals| TokenBalance {
            account_index: 3,
            mint: key(1),
            owner: key(2),
            program: key(3),
            amount: 12_500,
            decimals,
        };
        let balances = [balance(Some(3)), balance(None)];
        assert_eq!(
            json!(encode(&balances, &Decimals::recorded())),
            json!([{
                "accountIndex": 3,
                "mint": key(1).to_string(),
                "owner": key(2).to_string(),
                "programId": key(3).to_string(),
                "uiTokenAmount": {
                    "amount": "12500", "decimals": 3, "uiAmount": 12.5, "uiAmountString": "12.5",
                },
            }])
        );
    }
}
