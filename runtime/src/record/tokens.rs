//! What token accounts held before and after a transaction: `preTokenBalances` and `postTokenBalances`.
//!
//! As Agave does it (`solana-svm` 4.2, `transaction_balances.rs`): only a transaction that names a token
//! program is looked at, in it all accounts that a token program owns, but for those that it invokes. The
//! decimals are the mint's, which the transaction need not name, and then nobody has locked: they are noted
//! only if it does, and otherwise looked up by who reads the record. All else comes from locked accounts, so
//! a replay writes the same.
//!
//! The layout, in the record where its flag is set: of the balances before and then of those after, their
//! count (1), and of each
//!
//! | part | bytes |
//! | --- | --- |
//! | index of the account | 1 |
//! | bit 0: of Token-2022; bit 1: decimals follow | 1 |
//! | mint, owner | 1 each, and 32 where it is [`LITERAL`] |
//! | amount | varint |
//! | decimals, if they follow | 1 |
//!
//! A key is named by its place in the transaction, or as that of an earlier balance of the record.

use super::{Input, put_varint};
use sealane_sdk::{AccountState, Pubkey, TransactionAccounts};
use smallvec::SmallVec;
use spl_generic_token::generic_token;

/// The programs whose accounts have balances: Token and Token-2022.
const PROGRAMS: [Pubkey; 2] = [
    Pubkey::new_from_array(spl_generic_token::token::ID.to_bytes()),
    Pubkey::new_from_array(spl_generic_token::token_2022::ID.to_bytes()),
];

const TOKEN_2022: u8 = 1;
const DECIMALS: u8 = 2;

/// A key that follows itself.
const LITERAL: u8 = 0xff;
/// Above it, up to `LITERAL`: the mint or owner of an earlier balance.
const EARLIER: u8 = 0x80;

/// What one token account held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBalance {
    /// Its place among the transaction's accounts.
    pub account_index: u8,
    /// What it holds.
    pub mint: Pubkey,
    /// Whose it is.
    pub owner: Pubkey,
    /// Token or Token-2022.
    pub program: Pubkey,
    /// How much it holds, in the mint's smallest unit.
    pub amount: u64,
    /// The mint's decimals; `None` if the transaction does not name the mint.
    pub decimals: Option<u8>,
}

/// The balances of a transaction's token accounts; empty for most transactions, and then not allocated.
#[derive(Default)]
pub(crate) struct TokenBalances {
    pub(crate) before: SmallVec<[TokenBalance; 0]>,
    pub(crate) after: SmallVec<[TokenBalance; 0]>,
}

impl TokenBalances {
    /// Those of a transaction that has ended. `invokes`: whether one of its instructions is run by the account.
    /// `keeps`: its changes are kept.
    #[inline]
    pub(crate) fn of(
        accounts: &mut TransactionAccounts<'_>,
        invokes: impl Fn(usize) -> bool,
        keeps: bool,
    ) -> Self {
        let names_program = (0..accounts.len()).any(|i| PROGRAMS.contains(accounts.key(i)));
        if names_program {
            Self::collect(accounts, invokes, keeps)
        } else {
            Self::default()
        }
    }

    fn collect(
        accounts: &mut TransactionAccounts<'_>,
        invokes: impl Fn(usize) -> bool,
        keeps: bool,
    ) -> Self {
        let mut balances = Self::default();
        for i in 0..accounts.len() {
            if invokes(i) || PROGRAMS.contains(accounts.key(i)) {
                continue;
            }
            let loaded = accounts.loaded(i);
            let before = balance(i, loaded).map(|balance| with_decimals(balance, accounts, false));
            let after = if keeps && accounts.is_written(i) {
                let after = accounts.with_state(i, |state| balance(i, state));
                after.map(|balance| with_decimals(balance, accounts, true))
            } else {
                before.clone()
            };
            balances.before.extend(before);
            balances.after.extend(after);
        }
        balances
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Appends them to the record of a transaction with these keys.
    pub(super) fn encode<'k>(&self, out: &mut Vec<u8>, key: impl Fn(usize) -> Option<&'k Pubkey>) {
        let mut earlier: SmallVec<[Pubkey; 8]> = SmallVec::new();
        for balances in [&self.before, &self.after] {
            out.push(balances.len() as u8);
            for balance in balances {
                let is_2022 = balance.program == PROGRAMS[1];
                let has_decimals = balance.decimals.is_some();
                let flags = (u8::from(is_2022) * TOKEN_2022) | (u8::from(has_decimals) * DECIMALS);
                out.extend_from_slice(&[balance.account_index, flags]);
                put_key(out, &balance.mint, &key, &mut earlier);
                put_key(out, &balance.owner, &key, &mut earlier);
                put_varint(out, balance.amount);
                out.extend(balance.decimals);
            }
        }
    }
}

/// Decodes what `encode` wrote: the balances before and after.
pub(super) fn decode(
    input: &mut Input<'_>,
    keys: &[Pubkey],
) -> Option<(Vec<TokenBalance>, Vec<TokenBalance>)> {
    let mut earlier = Vec::new();
    let mut decode_all = || {
        let count = input.byte()?;
        let decode_one = |_| {
            let [account_index, flags] = input.take(2)?.try_into().ok()?;
            let mint = take_key(input, keys, &mut earlier)?;
            let owner = take_key(input, keys, &mut earlier)?;
            let amount = input.varint()?;
            let decimals = match flags & DECIMALS {
                0 => None,
                _ => Some(input.byte()?),
            };
            Some(TokenBalance {
                account_index,
                mint,
                owner,
                program: PROGRAMS[usize::from(flags & TOKEN_2022)],
                amount,
                decimals,
            })
        };
        (0..count).map(decode_one).collect::<Option<Vec<_>>>()
    };
    Some((decode_all()?, decode_all()?))
}

fn put_key<'k>(
    out: &mut Vec<u8>,
    wanted: &Pubkey,
    key: &impl Fn(usize) -> Option<&'k Pubkey>,
    earlier: &mut SmallVec<[Pubkey; 8]>,
) {
    let own = (0..usize::from(EARLIER))
        .map_while(key)
        .position(|key| key == wanted);
    if let Some(place) = own {
        return out.push(place as u8);
    }
    let known = earlier.iter().position(|key| key == wanted);
    match known.map(|place| usize::from(EARLIER) + place) {
        Some(code) if code < usize::from(LITERAL) => out.push(code as u8),
        _ => {
            out.push(LITERAL);
            out.extend_from_slice(wanted.as_array());
            earlier.push(*wanted);
        }
    }
}

fn take_key(input: &mut Input<'_>, keys: &[Pubkey], earlier: &mut Vec<Pubkey>) -> Option<Pubkey> {
    match input.byte()? {
        LITERAL => {
            let key = Pubkey::try_from(input.take(32)?).ok()?;
            earlier.push(key);
            Some(key)
        }
        code if code >= EARLIER => earlier.get(usize::from(code - EARLIER)).copied(),
        place => keys.get(usize::from(place)).copied(),
    }
}

/// What the account holds, if it is an initialised token account; without decimals.
fn balance(index: usize, state: &AccountState) -> Option<TokenBalance> {
    let program = PROGRAMS.iter().find(|it| **it == state.owner)?;
    let data = state.data.as_slice();
    let account = generic_token::Account::unpack(data, &program.to_bytes().into())?;
    Some(TokenBalance {
        account_index: index as u8,
        mint: account.mint.to_bytes().into(),
        owner: account.owner.to_bytes().into(),
        program: *program,
        amount: account.amount,
        decimals: None,
    })
}

/// Adds the decimals, if the transaction names the mint.
fn with_decimals(
    mut balance: TokenBalance,
    accounts: &mut TransactionAccounts<'_>,
    after: bool,
) -> TokenBalance {
    let Some(mint) = (0..accounts.len()).find(|i| *accounts.key(*i) == balance.mint) else {
        return balance;
    };
    balance.decimals = if after && accounts.is_written(mint) {
        accounts.with_state(mint, |mint| mint_decimals(mint, &balance.program))
    } else {
        mint_decimals(accounts.loaded(mint), &balance.program)
    };
    balance
}

/// The decimals of a mint of this token program; `None` if the account is none.
pub fn mint_decimals(mint: &AccountState, program: &Pubkey) -> Option<u8> {
    if mint.owner != *program {
        return None;
    }
    let program = program.to_bytes().into();
    let mint = generic_token::Mint::unpack(mint.data.as_slice(), &program)?;
    Some(mint.decimals)
}
