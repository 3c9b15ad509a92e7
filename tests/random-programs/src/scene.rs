//! What a generator of transactions sees: the addresses there are, and what lies there now.

use crate::sealane::Sealane;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngCore};
use sealane_sdk::{AccountMeta, AccountState, Instruction, Pubkey, pubkey};
use solana_sdk_ids::address_lookup_table;
use std::sync::LazyLock;

pub(crate) const TOKEN: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
pub(crate) const TOKEN_2022: Pubkey = pubkey!("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
pub(crate) const ASSOCIATED: Pubkey = pubkey!("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
/// The first memo program.
pub const MEMO_1: Pubkey = pubkey!("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo");
pub(crate) const MEMO_3: Pubkey = pubkey!("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");
pub(crate) const MEMO_4: Pubkey = pubkey!("Memo4c2pN8afCj432Lb7RMVKi9PbQnnW7ewFFaV3oAH");
/// The first memo program under the first loader, as on mainnet.
pub const MEMO_FIRST_LOADER: Pubkey = Pubkey::new_from_array([0x99; 32]);
/// The program that does what it is told.
pub const PROBE: Pubkey = Pubkey::new_from_array([0x77; 32]);
/// The same one under the first loader.
pub const PROBE_FIRST_LOADER: Pubkey = Pubkey::new_from_array([0x78; 32]);
pub(crate) const LOOKUP: Pubkey = address_lookup_table::ID;
pub(crate) const NATIVE_MINT: Pubkey = pubkey!("So11111111111111111111111111111111111111112");
/// Where Token-2022 has its wrapped lamports.
pub(crate) static NATIVE_MINT_2022: LazyLock<Pubkey> =
    LazyLock::new(|| Pubkey::find_program_address(&[b"native-mint"], &TOKEN_2022).0);
pub(crate) const SYSTEM: Pubkey = sealane_sdk::system_program::ID;
pub(crate) const RENT: Pubkey = solana_sdk_ids::sysvar::rent::ID;

/// Bytes of accounts without extensions.
pub(crate) const MINT_BYTES: usize = 82;
pub(crate) const ACCOUNT_BYTES: usize = 165;
pub(crate) const MULTISIG_BYTES: usize = 355;

/// Addresses that a generator uses.
pub(crate) struct Cast {
    /// Rich accounts of the System program's; the first one pays.
    pub(crate) wallets: Vec<Pubkey>,
    /// Where accounts are made and closed.
    pub(crate) pool: Vec<Pubkey>,
    /// Associated token accounts and lookup tables.
    pub(crate) derived: Vec<Pubkey>,
}

/// A token account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenAccount {
    pub(crate) key: Pubkey,
    pub(crate) program: Pubkey,
    pub(crate) mint: Pubkey,
    pub(crate) owner: Pubkey,
    pub(crate) amount: u64,
    pub(crate) delegate: Option<Pubkey>,
    pub(crate) is_frozen: bool,
    pub(crate) is_native: bool,
    pub(crate) close_authority: Option<Pubkey>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Mint {
    pub(crate) key: Pubkey,
    pub(crate) program: Pubkey,
    pub(crate) authority: Option<Pubkey>,
    pub(crate) decimals: u8,
    pub(crate) freeze_authority: Option<Pubkey>,
}

pub(crate) struct Scene<'a> {
    pub(crate) rng: &'a mut StdRng,
    pub(crate) cast: &'a mut Cast,
    pub(crate) sealane: &'a Sealane,
}

fn key_at(data: &[u8], at: usize) -> Pubkey {
    Pubkey::try_from(&data[at..at + 32]).expect("there are 32 bytes")
}

fn optional_key_at(data: &[u8], at: usize) -> Option<Pubkey> {
    (data[at] == 1).then(|| key_at(data, at + 4))
}

fn u64_at(data: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*data[at..].first_chunk().expect("there are 8 bytes"))
}

fn is_token_program(owner: &Pubkey) -> bool {
    [TOKEN, TOKEN_2022].contains(owner)
}

/// The account, if it is an initialized token account.
pub(crate) fn token_account(key: &Pubkey, state: &AccountState) -> Option<TokenAccount> {
    let data = state.data.as_slice();
    let has_its_size = data.len() == ACCOUNT_BYTES
        || data.len() > ACCOUNT_BYTES && data.len() != MULTISIG_BYTES && data[ACCOUNT_BYTES] == 2;
    (is_token_program(&state.owner) && has_its_size && data[108] != 0).then(|| TokenAccount {
        key: *key,
        program: state.owner,
        mint: key_at(data, 0),
        owner: key_at(data, 32),
        amount: u64_at(data, 64),
        delegate: optional_key_at(data, 72),
        is_frozen: data[108] == 2,
        is_native: data[109] == 1,
        close_authority: optional_key_at(data, 129),
    })
}

/// The account, if it is an initialized mint.
pub(crate) fn mint(key: &Pubkey, state: &AccountState) -> Option<Mint> {
    let data = state.data.as_slice();
    let has_its_size = data.len() == MINT_BYTES
        || data.len() > ACCOUNT_BYTES && data.len() != MULTISIG_BYTES && data[ACCOUNT_BYTES] == 1;
    (is_token_program(&state.owner) && has_its_size && data[45] != 0).then(|| Mint {
        key: *key,
        program: state.owner,
        authority: optional_key_at(data, 0),
        decimals: data[44],
        freeze_authority: optional_key_at(data, 46),
    })
}

/// Types and values of the extensions of a mint or an account.
pub(crate) fn extensions(state: &AccountState) -> Vec<(u16, &[u8])> {
    let mut rest = state.data.as_slice().get(ACCOUNT_BYTES + 1..);
    let mut found = Vec::new();
    while let Some([a, b, c, d, tail @ ..]) = rest {
        let kind = u16::from_le_bytes([*a, *b]);
        let len = usize::from(u16::from_le_bytes([*c, *d]));
        let Some(value) = tail.get(..len).filter(|_| kind != 0) else {
            break;
        };
        found.push((kind, value));
        rest = tail.get(len..);
    }
    found
}

impl Scene<'_> {
    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.rng.random_ratio(1, times)
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices
            .choose(self.rng)
            .expect("there is something to choose from")
    }

    pub(crate) fn one_of_accounts(&mut self, accounts: &[AccountMeta]) -> Pubkey {
        let at = self.rng.random_range(0..accounts.len());
        accounts[at].pubkey
    }

    pub(crate) fn wallet(&mut self) -> Pubkey {
        self.one_of(&self.cast.wallets.clone())
    }

    /// Anything that has an address.
    pub(crate) fn any(&mut self) -> Pubkey {
        match self.rng.random_range(0..10) {
            0..3 => self.wallet(),
            3..8 => self.one_of(&self.cast.pool.clone()),
            8 if !self.cast.derived.is_empty() => self.one_of(&self.cast.derived.clone()),
            _ => {
                let known = [
                    TOKEN,
                    TOKEN_2022,
                    ASSOCIATED,
                    MEMO_1,
                    MEMO_3,
                    MEMO_4,
                    LOOKUP,
                    NATIVE_MINT,
                    *NATIVE_MINT_2022,
                    SYSTEM,
                    RENT,
                    solana_sdk_ids::sysvar::clock::ID,
                    solana_sdk_ids::sysvar::instructions::ID,
                    solana_sdk_ids::sysvar::slot_hashes::ID,
                    solana_sdk_ids::incinerator::ID,
                ];
                self.one_of(&known)
            }
        }
    }

    pub(crate) fn program(&mut self) -> Pubkey {
        self.one_of(&[TOKEN, TOKEN_2022, TOKEN_2022])
    }

    /// An address in the pool where there is nothing.
    pub(crate) fn vacant(&mut self) -> Option<Pubkey> {
        let start = self.rng.random_range(0..self.cast.pool.len());
        let (before, from) = self.cast.pool.split_at(start);
        let mut all = from.iter().chain(before);
        all.find(|key| self.sealane.get(key).is_none()).copied()
    }

    /// An account that is what `is_it` looks for.
    pub(crate) fn find<T>(
        &mut self,
        mut is_it: impl FnMut(&Pubkey, &AccountState) -> Option<T>,
    ) -> Option<T> {
        let cast = &self.cast;
        let count = cast.pool.len() + cast.derived.len();
        let start = self.rng.random_range(0..count);
        (0..count).find_map(|i| {
            let at = (start + i) % count;
            let key = cast.pool.get(at);
            let key = key.unwrap_or_else(|| &cast.derived[at - cast.pool.len()]);
            is_it(key, self.sealane.get(key)?)
        })
    }

    pub(crate) fn token_account(
        &mut self,
        mut is_it: impl FnMut(&TokenAccount) -> bool,
    ) -> Option<TokenAccount> {
        self.find(|key, state| token_account(key, state).filter(&mut is_it))
    }

    pub(crate) fn mint(&mut self, mut is_it: impl FnMut(&Mint) -> bool) -> Option<Mint> {
        self.find(|key, state| mint(key, state).filter(&mut is_it))
    }

    /// A mint of Token-2022 with an extension, and the extension's value.
    pub(crate) fn mint_with(&mut self, kind: u16) -> Option<(Mint, Vec<u8>)> {
        self.find(|key, state| {
            let mint = mint(key, state)?;
            let all = extensions(state);
            let found = all.iter().find(|(of, _)| *of == kind)?;
            Some((mint, found.1.to_vec()))
        })
    }

    pub(crate) fn mint_of(&self, account: &TokenAccount) -> Option<Mint> {
        mint(&account.mint, self.sealane.get(&account.mint)?)
    }

    pub(crate) fn multisig(&mut self, program: Pubkey) -> Option<Pubkey> {
        self.find(|key, state| {
            let data = state.data.as_slice();
            (state.owner == program && data.len() == MULTISIG_BYTES && data[2] == 1).then_some(*key)
        })
    }

    /// Somebody who may own something: mostly a wallet.
    pub(crate) fn owner(&mut self, program: Pubkey) -> Pubkey {
        if self.once_in(6)
            && let Some(multisig) = self.multisig(program)
        {
            return multisig;
        }
        self.wallet()
    }

    /// Somebody, or nobody.
    pub(crate) fn maybe_owner(&mut self, program: Pubkey) -> Option<Pubkey> {
        (!self.once_in(12)).then(|| self.owner(program))
    }

    /// The accounts by which `authority` signs: its own, or a multisig's and its signers'.
    pub(crate) fn signers(&mut self, authority: Pubkey) -> Vec<AccountMeta> {
        let state = self.sealane.get(&authority);
        let data = state.map_or(&[][..], |state| state.data.as_slice());
        if data.len() != MULTISIG_BYTES || data[2] != 1 {
            return vec![AccountMeta::new_readonly(authority, true)];
        }
        let (needed, count) = (usize::from(data[0]), usize::from(data[1]));
        let start = self.rng.random_range(0..count.max(1));
        let skip = usize::from(self.once_in(10));
        let mut metas = vec![AccountMeta::new_readonly(authority, false)];
        metas.extend((0..needed.saturating_sub(skip)).map(|i| {
            let at = 3 + 32 * ((start + i) % count.max(1));
            AccountMeta::new_readonly(key_at(data, at), true)
        }));
        metas
    }

    /// A number of tokens, mostly no more than `max`.
    pub(crate) fn amount(&mut self, max: u64) -> u64 {
        match self.rng.random_range(0..20) {
            0 => 0,
            1 => max,
            2 => max.saturating_add(1),
            3 => self.rng.next_u64(),
            _ => self.rng.random_range(0..=max / 2),
        }
    }

    pub(crate) fn decimals(&mut self, mint: &Mint) -> u8 {
        if self.once_in(20) {
            return self.rng.random();
        }
        mint.decimals
    }

    pub(crate) fn text(&mut self, max: usize) -> String {
        let len = self.rng.random_range(0..=max);
        let letters = ['a', 'Z', '0', ' ', 'é', '字'];
        (0..len).map(|_| self.one_of(&letters)).collect()
    }

    /// Makes an account for a program; what it holds is at least what rent asks for, mostly.
    pub(crate) fn create(&mut self, key: Pubkey, bytes: usize, program: Pubkey) -> Instruction {
        let rent = self.sealane.sysvars().rent.minimum_balance(bytes);
        let lamports = match self.rng.random_range(0..20) {
            0 => rent - 1,
            1..5 => rent,
            _ => rent + 20_000_000,
        };
        let payer = self.wallet();
        sealane_sdk::system_instruction::create_account(
            &payer,
            &key,
            lamports,
            bytes as u64,
            &program,
        )
    }
}

/// An optional address as Token's instructions have it.
pub(crate) fn optional(key: Option<Pubkey>) -> Vec<u8> {
    match key {
        Some(key) => [&[1][..], key.as_array().as_slice()].concat(),
        None => vec![0],
    }
}

/// An optional address that is all zero if there is none.
pub(crate) fn non_zero(key: Option<Pubkey>) -> Vec<u8> {
    key.unwrap_or_default().as_array().to_vec()
}

pub(crate) fn associated(wallet: &Pubkey, mint: &Pubkey, program: &Pubkey) -> Pubkey {
    let seeds = [wallet.as_ref(), program.as_ref(), mint.as_ref()];
    Pubkey::find_program_address(&seeds, &ASSOCIATED).0
}

pub(crate) fn call(program: Pubkey, data: Vec<u8>, accounts: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program_id: program,
        accounts,
        data,
    }
}

pub(crate) fn writable(key: Pubkey) -> AccountMeta {
    AccountMeta::new(key, false)
}

pub(crate) fn readonly(key: Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(key, false)
}
