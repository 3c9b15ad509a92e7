//! Makes transactions, one after the other, and sets up the accounts that they need.

use crate::scene::{Cast, MEMO_3, SYSTEM, Scene};
use crate::sealane::Sealane;
use crate::{accounts, actions, budget, message};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use sealane_runtime::SlotContext;
use sealane_sdk::{AccountState, Instruction, Pubkey};
use solana_message::VersionedMessage;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use std::collections::HashSet;
use std::fmt::{Display, Formatter, Result};

/// Transactions after which the accounts are new ones.
const GENERATION: u64 = 2_000;
/// Transactions after which whoever compares two sides should compare all accounts.
pub const FULL_COMPARISON: u64 = 1_000;
/// Transactions after which a slot ends.
const SLOT: u64 = 40;
/// Bytes of a transaction, at most.
const BYTES_MAX: usize = 1_232;
/// The same in version 1.
const VERSION_1_BYTES_MAX: usize = 4_096;

/// What is told of everything that is set up from outside, beside Sealane's side.
pub trait Mirror {
    /// An account is this from now on.
    fn set(&mut self, key: &Pubkey, state: &AccountState);
    /// A slot opens.
    fn open_slot(&mut self, slot: &SlotContext);
}

/// Nobody else has to be told.
impl Mirror for () {
    fn set(&mut self, _: &Pubkey, _: &AccountState) {}
    fn open_slot(&mut self, _: &SlotContext) {}
}

/// A transaction that all sides run. Nobody signed it.
pub struct Transaction {
    /// What is asked for.
    pub message: VersionedMessage,
    /// All of it, as it comes from the wire.
    pub bytes: Vec<u8>,
}

impl Transaction {
    /// With signatures that nobody checks. `None` if it is too large.
    fn new(message: VersionedMessage) -> Option<Self> {
        let transaction = versioned(&message);
        let (bytes, max) = if matches!(message, VersionedMessage::V1(_)) {
            // What serde makes of it is not what is on the wire, where its signatures are behind it.
            let signatures = vec![0; 64 * transaction.signatures.len()];
            (
                [message.serialize(), signatures].concat(),
                VERSION_1_BYTES_MAX,
            )
        } else {
            let bytes = bincode::serialize(&transaction).expect("it fits memory");
            (bytes, BYTES_MAX)
        };
        (bytes.len() <= max).then_some(Self { message, bytes })
    }

    /// As the ecosystem's crates have it.
    pub fn versioned(&self) -> VersionedTransaction {
        versioned(&self.message)
    }
}

fn versioned(message: &VersionedMessage) -> VersionedTransaction {
    let signatures = usize::from(message.header().num_required_signatures);
    VersionedTransaction {
        signatures: vec![Signature::default(); signatures],
        message: message.clone(),
    }
}

/// Makes transactions.
pub struct World {
    seed: u64,
    rng: StdRng,
    cast: Cast,
    /// Transactions so far.
    number: u64,
}

impl World {
    /// Of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            cast: Cast::default(),
            number: 0,
        }
    }

    /// New addresses, with nothing there; the accounts of the last generation are gone.
    fn begin_generation(&mut self, number: u64, set: &mut impl FnMut(Pubkey, AccountState)) {
        for key in self.cast.all() {
            set(key, AccountState::default());
        }
        let seed = self.seed;
        let list = |kind: u64, count: u64| {
            let key = |index: u64| {
                let words = [seed, number, kind, index].map(u64::to_le_bytes);
                let words = words.as_flattened().first_chunk().expect("32 bytes");
                let mut bytes = [0; 32];
                StdRng::from_seed(*words).fill_bytes(&mut bytes);
                Pubkey::new_from_array(bytes)
            };
            (0..count).map(key).collect::<Vec<_>>()
        };
        let wallets = list(0, 5);
        let seeds = ["", "seed", "01234567890123456789012345678901"];
        let seeded = wallets.iter().zip(seeds).flat_map(|(base, seed)| {
            [SYSTEM, MEMO_3].map(|owner| {
                let key = Pubkey::create_with_seed(base, seed, &owner);
                (*base, seed, owner, key.expect("the seed is short"))
            })
        });
        self.cast = Cast {
            seeded: seeded.collect(),
            wallets,
            poor: list(1, 6),
            pool: list(2, 10),
            nonces: list(3, 6),
            tables: list(4, 4),
            data: list(5, 4),
        };
    }

    /// Wallets are rich again, and some of the others are what they might be.
    fn set_up(&mut self, sealane: &Sealane) -> Vec<(Pubkey, AccountState)> {
        let first = self.number.is_multiple_of(GENERATION);
        let mut scene = Scene {
            rng: &mut self.rng,
            cast: &self.cast,
            sealane,
        };
        let mut all = vec![];
        for wallet in &self.cast.wallets {
            let state = sealane.account(wallet);
            if state.lamports < accounts::RICH_LAMPORTS / 2 || state.owner != SYSTEM {
                all.push((
                    *wallet,
                    AccountState {
                        lamports: accounts::RICH_LAMPORTS,
                        ..AccountState::default()
                    },
                ));
            }
        }
        type Make = fn(&mut Scene<'_>) -> AccountState;
        let lists: [(&[Pubkey], u32, Make); 5] = [
            (&self.cast.poor, 12, |scene| scene.poor()),
            (&self.cast.nonces, 40, |scene| scene.nonce_account()),
            (&self.cast.tables, 80, |scene| scene.table()),
            (&self.cast.data, 40, |scene| scene.with_data()),
            (&self.cast.pool, 60, |_| AccountState::default()),
        ];
        for (keys, times, make) in lists {
            for key in keys {
                if first || scene.once_in(times) {
                    all.push((*key, make(&mut scene)));
                }
            }
        }
        all
    }

    /// Sets up what the next transaction needs, and makes it.
    pub fn next(&mut self, sealane: &mut Sealane, mirror: &mut impl Mirror) -> Transaction {
        if self.number.is_multiple_of(SLOT) {
            sealane.turn_slot();
            mirror.open_slot(sealane.slot());
        }
        if self.number.is_multiple_of(GENERATION) {
            self.begin_generation(self.number / GENERATION, &mut |key, state| {
                mirror.set(&key, &state);
                sealane.set(key, state);
            });
        }
        for (key, state) in self.set_up(sealane) {
            mirror.set(&key, &state);
            sealane.set(key, state);
        }
        self.number += 1;
        loop {
            if let Some(transaction) = self.transaction(sealane) {
                return transaction;
            }
        }
    }

    fn transaction(&mut self, sealane: &Sealane) -> Option<Transaction> {
        let mut scene = Scene {
            rng: &mut self.rng,
            cast: &self.cast,
            sealane,
        };
        let mut instructions = vec![];
        while scene.once_in(4) {
            let request = budget::some(&mut scene);
            // What is asked for twice is refused; that is tried too.
            let is_twice = instructions
                .iter()
                .any(|it: &Instruction| it.data.first() == request.data.first());
            if !is_twice || scene.once_in(16) {
                instructions.push(request);
            }
        }
        let count = scene.one_of(&[0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 6]);
        for _ in 0..count {
            let index = instructions.len();
            instructions.extend(actions::some(&mut scene, index));
        }
        if scene.once_in(64) {
            // As many as are allowed, or more, of which each is small.
            let many = scene.rng.random_range(60..68);
            let transfer = actions::transfer(&mut scene);
            let last = instructions.last().cloned();
            instructions.resize(many, last.unwrap_or(transfer));
        }
        Transaction::new(message::of(&mut scene, instructions)?)
    }
}

impl Display for Transaction {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let message = &self.message;
        writeln!(
            f,
            "{:?}, blockhash {}",
            message.header(),
            message.recent_blockhash()
        )?;
        if let VersionedMessage::V1(message) = message {
            writeln!(f, "{:?}", message.config)?;
        }
        let none = None::<&HashSet<Pubkey>>;
        for (i, key) in message.static_account_keys().iter().enumerate() {
            let signer = if message.is_signer(i) { "s" } else { " " };
            let writable = if message.is_maybe_writable_with_reserved_addresses(i, none) {
                "w"
            } else {
                " "
            };
            writeln!(f, "  {i:>3} {signer}{writable} {key}")?;
        }
        for lookup in message.address_table_lookups().unwrap_or_default() {
            let (writable, readonly) = (&lookup.writable_indexes, &lookup.readonly_indexes);
            writeln!(
                f,
                "  in {}: {writable:?} to be written, {readonly:?}",
                lookup.account_key
            )?;
        }
        for (i, instruction) in message.instructions().iter().enumerate() {
            let program = usize::from(instruction.program_id_index);
            let program = message.static_account_keys().get(program);
            let (accounts, data) = (&instruction.accounts, &instruction.data);
            writeln!(f, "  {i}: {program:?} {accounts:?} {data:?}")?;
        }
        Ok(())
    }
}
