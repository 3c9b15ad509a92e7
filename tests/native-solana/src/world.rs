//! Accounts, and choices among them.

use rand::Rng;
use rand::rngs::StdRng;
use sealane_sdk::{AccountMeta, AccountState, Instruction, Pubkey};

pub(crate) const MEMO: Pubkey =
    Pubkey::from_str_const("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");
pub(crate) const ASSOCIATED: Pubkey =
    Pubkey::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
pub(crate) const TOKEN: Pubkey =
    Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
pub(crate) const TOKEN_2022: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");

/// Bytes of a mint and of a token account.
pub(crate) const MINT_BYTES: usize = 82;
pub(crate) const ACCOUNT_BYTES: usize = 165;

pub(crate) struct World {
    pub(crate) rng: StdRng,
    pub(crate) wallets: Vec<Pubkey>,
    /// Mints and their programs.
    pub(crate) mints: Vec<(Pubkey, Pubkey)>,
    /// Addresses for accounts of Token-2022.
    pub(crate) pool: Vec<Pubkey>,
    /// Associated accounts, with their wallets, mints and the mints' programs.
    pub(crate) associated: Vec<[Pubkey; 4]>,
}

impl World {
    pub(crate) fn new(rng: StdRng) -> Self {
        Self {
            rng,
            wallets: vec![],
            mints: vec![],
            pool: vec![],
            associated: vec![],
        }
    }

    /// New addresses, and what is there at first.
    pub(crate) fn begin(&mut self) -> Vec<(Pubkey, AccountState)> {
        self.wallets = (0..4).map(|_| self.key()).collect();
        self.mints = [TOKEN, TOKEN, TOKEN_2022, TOKEN_2022, TOKEN_2022]
            .map(|program| (self.key(), program))
            .to_vec();
        self.pool = (0..10).map(|_| self.key()).collect();
        self.associated = vec![];
        let wallets = self.wallets.iter().map(|key| {
            let state = AccountState {
                lamports: 1_000_000_000_000,
                ..AccountState::default()
            };
            (*key, state)
        });
        let mints = self.mints.iter().map(|(key, program)| {
            let data = mint(&self.wallets[0]);
            (*key, rich(*program, data))
        });
        let pool = self.pool.iter().enumerate().map(|(at, key)| {
            let len = if at == 0 { MINT_BYTES } else { ACCOUNT_BYTES };
            (*key, rich(TOKEN_2022, vec![0; len]))
        });
        wallets.chain(mints).chain(pool).collect()
    }

    pub(crate) fn key(&mut self) -> Pubkey {
        Pubkey::new_from_array(self.rng.random())
    }

    pub(crate) fn once_in(&mut self, count: u32) -> bool {
        self.rng.random_ratio(1, count)
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.random_range(0..all.len())]
    }

    pub(crate) fn wallet(&mut self) -> Pubkey {
        let wallets = std::mem::take(&mut self.wallets);
        let wallet = self.one_of(&wallets);
        self.wallets = wallets;
        wallet
    }

    pub(crate) fn mint(&mut self) -> (Pubkey, Pubkey) {
        let at = self.rng.random_range(0..self.mints.len());
        self.mints[at]
    }

    pub(crate) fn in_pool(&mut self) -> Pubkey {
        let at = self.rng.random_range(0..self.pool.len());
        self.pool[at]
    }

    /// Does something wrong.
    pub(crate) fn break_one(&mut self, instruction: &mut Instruction) {
        let (accounts, data) = (&mut instruction.accounts, &mut instruction.data);
        let at = |rng: &mut StdRng, len: usize| (len > 0).then(|| rng.random_range(0..len));
        let account = at(&mut self.rng, accounts.len());
        let byte = at(&mut self.rng, data.len());
        match (self.rng.random_range(0..7), account, byte) {
            (0, Some(at), _) => accounts[at].is_signer ^= true,
            (1, Some(at), _) => accounts[at].is_writable ^= true,
            (2, Some(at), _) => accounts[at].pubkey = self.any(),
            (3, Some(at), _) => drop(accounts.remove(at)),
            (4, _, Some(at)) => data[at] = self.rng.random(),
            (5, _, Some(at)) => data.truncate(at),
            _ => accounts.push(AccountMeta::new(self.any(), false)),
        }
    }

    fn any(&mut self) -> Pubkey {
        match self.rng.random_range(0..5) {
            0 => self.wallet(),
            1 => self.mint().0,
            2 => self.in_pool(),
            3 => self.one_of(&[Pubkey::default(), TOKEN, TOKEN_2022, ASSOCIATED, MEMO]),
            _ => self.key(),
        }
    }
}

/// An account with more than enough lamports.
pub(crate) fn rich(owner: Pubkey, data: Vec<u8>) -> AccountState {
    AccountState {
        lamports: 1_000_000_000,
        owner,
        executable: false,
        data: data.into(),
    }
}

/// A mint whose authorities are `authority`.
fn mint(authority: &Pubkey) -> Vec<u8> {
    let mut data = vec![0; MINT_BYTES];
    data[0] = 1;
    data[4..36].copy_from_slice(authority.as_array());
    // Decimals, and that it is one.
    (data[44], data[45]) = (6, 1);
    data[46] = 1;
    data[50..82].copy_from_slice(authority.as_array());
    data
}
