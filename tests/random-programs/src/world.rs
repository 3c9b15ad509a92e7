//! Makes transactions, one after the other, and sets up the accounts that they need.

use crate::actions;
use crate::outcome::Transaction;
use crate::scene::{
    ASSOCIATED, Cast, LOOKUP, MEMO_1, MEMO_3, MEMO_4, NATIVE_MINT, Scene, TOKEN, TOKEN_2022, call,
};
use crate::sealane::Sealane;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use sealane_sdk::{AccountMeta, AccountState, Instruction, Pubkey, Sysvars};
use solana_message::LegacyMessage;
use solana_message::legacy::Message;
use std::collections::HashSet;

/// Transactions after which the accounts are new ones.
const GENERATION: u64 = 2_000;
/// Transactions after which whoever compares two sides should compare all accounts.
pub const FULL_COMPARISON: u64 = 1_000;
/// Transactions after which a slot ends.
const SLOT: u64 = 50;

/// What is told of everything that is set up from outside, beside Sealane's side.
pub trait Mirror {
    /// An account is this from now on.
    fn set(&mut self, key: &Pubkey, state: &AccountState);
    /// The sysvars are these from now on.
    fn set_sysvars(&mut self, sysvars: &Sysvars);
}

/// Nobody else has to be told.
impl Mirror for () {
    fn set(&mut self, _: &Pubkey, _: &AccountState) {}
    fn set_sysvars(&mut self, _: &Sysvars) {}
}

/// Makes transactions.
pub struct World {
    seed: u64,
    rng: StdRng,
    cast: Cast,
    reserved: HashSet<Pubkey>,
    /// Transactions so far.
    number: u64,
    slot: u64,
    unix_timestamp: i64,
}

/// Wallets hold this, and no less than half of it.
const WALLET_LAMPORTS: u64 = 1_000_000_000_000;
const WALLETS: u64 = 8;
const POOL: u64 = 48;
/// Accounts that a transaction may lock.
const KEYS_MAX: usize = 60;
const COMPUTE_UNITS_MAX: u32 = 1_400_000;
const HEAP_BYTES: u32 = 32 * 1_024;

impl World {
    /// Of a seed; nobody may write `reserved` keys.
    pub fn new(seed: u64, reserved: impl IntoIterator<Item = Pubkey>) -> Self {
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            cast: Cast {
                wallets: vec![],
                pool: vec![],
                derived: vec![],
            },
            reserved: reserved.into_iter().collect(),
            number: 0,
            slot: 500_000_000,
            unix_timestamp: 1_700_000_000,
        }
    }

    /// New addresses, with nothing there; the accounts of the last generation are gone.
    fn begin_generation(&mut self, number: u64, sealane: &mut Sealane, mirror: &mut impl Mirror) {
        let old = [&self.cast.wallets, &self.cast.pool, &self.cast.derived];
        for key in old.into_iter().flatten() {
            sealane.set(*key, AccountState::default());
            mirror.set(key, &AccountState::default());
        }
        let seed = self.seed;
        let address = |kind: u64, index: u64| {
            let words = [seed, number, kind, index].map(u64::to_le_bytes);
            let mut key = StdRng::from_seed(*words.as_flattened().first_chunk().expect("32 bytes"));
            let mut bytes = [0; 32];
            key.fill_bytes(&mut bytes);
            Pubkey::new_from_array(bytes)
        };
        self.cast = Cast {
            wallets: (0..WALLETS).map(|i| address(0, i)).collect(),
            pool: (0..POOL).map(|i| address(1, i)).collect(),
            derived: vec![],
        };
        let mut native = vec![0; crate::scene::MINT_BYTES];
        (native[44], native[45]) = (9, 1);
        let native = AccountState {
            lamports: 1_000_000_000,
            owner: TOKEN,
            executable: false,
            data: native.into(),
        };
        sealane.set(NATIVE_MINT, native.clone());
        mirror.set(&NATIVE_MINT, &native);
    }

    /// Time goes on, at times by more than one slot.
    fn turn_slot(&mut self, sealane: &mut Sealane, mirror: &mut impl Mirror) {
        let slots = match self.rng.random_range(0..8) {
            0 => self.rng.random_range(1..600),
            // Fees of Token-2022 change two epochs later.
            1 => 432_000,
            _ => 1,
        };
        self.slot += slots;
        self.unix_timestamp += slots as i64;
        sealane.warp(self.slot, self.unix_timestamp);
        mirror.set_sysvars(sealane.sysvars());
    }

    /// Wallets are rich again, and the System program's.
    fn fill_wallets(&mut self, sealane: &mut Sealane, mirror: &mut impl Mirror) {
        for wallet in &self.cast.wallets {
            let is_fine = sealane.get(wallet).is_some_and(|state| {
                state.lamports >= WALLET_LAMPORTS / 2 && state.owner == Pubkey::default()
            });
            if !is_fine {
                let state = AccountState {
                    lamports: WALLET_LAMPORTS,
                    ..AccountState::default()
                };
                mirror.set(wallet, &state);
                sealane.set(*wallet, state);
            }
        }
    }

    /// Sets up what the next transaction needs, and makes it.
    pub fn next(&mut self, sealane: &mut Sealane, mirror: &mut impl Mirror) -> Transaction {
        let number = self.number;
        self.number += 1;
        if number.is_multiple_of(GENERATION) {
            self.begin_generation(number / GENERATION, sealane, mirror);
        }
        if number.is_multiple_of(SLOT) {
            self.turn_slot(sealane, mirror);
        }
        self.fill_wallets(sealane, mirror);
        self.transaction(sealane)
    }

    fn transaction(&mut self, sealane: &Sealane) -> Transaction {
        loop {
            let mut scene = Scene {
                rng: &mut self.rng,
                cast: &mut self.cast,
                sealane,
            };
            let count = scene.one_of(&[1, 1, 1, 1, 1, 2, 3, 5]);
            let mut instructions: Vec<_> =
                (0..count).flat_map(|_| actions::some(&mut scene)).collect();
            let mut broken = vec![];
            while scene.once_in(4) {
                broken.extend(break_one(&mut scene, &mut instructions));
            }
            let (compute_units, heap_bytes) = ask_for_budget(&mut scene, &mut instructions);
            let blockhash = sealane.sysvars().recent_blockhashes[0].0;
            let payer = self.cast.wallets[0];
            let message = Message::new_with_blockhash(&instructions, Some(&payer), &blockhash);
            if message.account_keys.len() > KEYS_MAX {
                continue;
            }
            let legacy = LegacyMessage::new(message, &self.reserved);
            return Transaction {
                instructions,
                writable: legacy.is_writable_account_cache,
                message: legacy.message.into_owned(),
                compute_units,
                heap_bytes,
                broken,
            };
        }
    }
}

/// Puts Compute Budget's instructions before the others: limits are always said.
fn ask_for_budget(scene: &mut Scene<'_>, instructions: &mut Vec<Instruction>) -> (u32, u32) {
    let budget = |data: Vec<u8>| call(solana_sdk_ids::compute_budget::ID, data, vec![]);
    let units = match scene.rng.random_range(0..16) {
        0 => scene.rng.random_range(0..3_000),
        1 => scene.rng.random_range(0..40_000),
        _ => COMPUTE_UNITS_MAX,
    };
    let mut heap = HEAP_BYTES;
    if scene.once_in(16) {
        heap = 1_024 * scene.rng.random_range(32..=256);
        instructions.insert(0, budget([&[1][..], &heap.to_le_bytes()[..]].concat()));
    }
    instructions.insert(0, budget([&[2][..], &units.to_le_bytes()[..]].concat()));
    (units, heap)
}

/// Breaks an instruction in some way, and says how.
fn break_one(scene: &mut Scene<'_>, instructions: &mut Vec<Instruction>) -> Option<String> {
    let at = scene.rng.random_range(0..instructions.len());
    let kind = scene.rng.random_range(0..13);
    let stranger = scene.any();
    if kind == 0 {
        let twin = instructions[at].clone();
        instructions.push(twin);
        return Some(format!("{at} once more at the end"));
    }
    let instruction = &mut instructions[at];
    let how = match kind {
        1..3 => break_data(scene, &mut instruction.data)?,
        11 if instruction.accounts.len() > 1 => {
            let twin = scene.one_of_accounts(&instruction.accounts);
            let at = scene.rng.random_range(0..instruction.accounts.len());
            instruction.accounts[at].pubkey = twin;
            format!("account {at} is another of its accounts, {twin}")
        }
        3 => {
            let len = scene.rng.random_range(0..=instruction.data.len());
            instruction.data.truncate(len);
            format!("data cut to {len} bytes")
        }
        4 => {
            let extra = scene.rng.random_range(1..9);
            instruction
                .data
                .extend(std::iter::repeat_n(extra, usize::from(extra)));
            format!("{extra} bytes more")
        }
        5 => {
            let programs = [
                TOKEN, TOKEN_2022, ASSOCIATED, LOOKUP, MEMO_1, MEMO_3, MEMO_4,
            ];
            instruction.program_id = scene.one_of(&programs);
            format!("program {}", instruction.program_id)
        }
        6 => {
            instruction.accounts.push(AccountMeta {
                pubkey: stranger,
                is_signer: scene.once_in(2),
                is_writable: scene.once_in(2),
            });
            format!("account {stranger} more")
        }
        _ => break_accounts(scene, &mut instruction.accounts, kind, stranger)?,
    };
    Some(format!("{at}: {how}"))
}

fn break_data(scene: &mut Scene<'_>, data: &mut [u8]) -> Option<String> {
    let at = (!data.is_empty()).then(|| scene.rng.random_range(0..data.len()))?;
    data[at] = scene.one_of(&[0, 1, 2, 255, data[at] ^ 1, data[at].wrapping_add(1)]);
    Some(format!("byte {at} is {}", data[at]))
}

fn break_accounts(
    scene: &mut Scene<'_>,
    accounts: &mut Vec<AccountMeta>,
    kind: u32,
    stranger: Pubkey,
) -> Option<String> {
    let count = accounts.len();
    let at = (count > 0).then(|| scene.rng.random_range(0..count))?;
    Some(match kind {
        7 => {
            accounts[at].is_signer ^= true;
            format!("signer {at} turned")
        }
        8 => {
            accounts[at].is_writable ^= true;
            format!("writable {at} turned")
        }
        9 => {
            accounts[at].pubkey = stranger;
            format!("account {at} is {stranger}")
        }
        10 => {
            let other = scene.rng.random_range(0..count);
            accounts.swap(at, other);
            format!("accounts {at} and {other} swapped")
        }
        _ => {
            accounts.remove(at);
            format!("account {at} missing")
        }
    })
}
