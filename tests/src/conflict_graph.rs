//! Random transactions over few accounts: as many conflicts as the shape says.

use crate::filler::{filler_versioned, wallet};
use crate::mixer::{MIX, MIX_AND_FAIL, MIX_AND_PANIC, MIXER_ID};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use solana_instruction::{AccountMeta, Instruction};
use solana_message::{Message, VersionedMessage, v1};

/// How the transactions of a graph meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Accounts drawn evenly from many.
    Even,
    /// Account `k` drawn with weight 1/k.
    Zipf,
    /// Everyone writes one account, and others.
    Hot,
    /// Few writers, many readers of few accounts.
    ReadMostly,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Self; 4] = [Self::Even, Self::Zipf, Self::Hot, Self::ReadMostly];
}

/// A genesis and the transactions that run on it.
pub struct ConflictGraph {
    /// Accounts at genesis.
    pub genesis: Vec<(Pubkey, AccountState)>,
    /// Wire bytes, with filler signatures.
    pub transactions: Vec<Bytes>,
}

const STATE_ACCOUNTS: usize = 64;
/// Accounts that are made and deleted.
const MORTALS: u8 = 24;
const PAYERS: usize = 48;
/// Payers that can pay for a few transactions only: what they send later is dropped.
const POOR_PAYERS: usize = 8;

impl ConflictGraph {
    /// `count` transactions of this shape, all with `blockhash`.
    pub fn random(seed: u64, shape: Shape, count: usize, blockhash: Hash) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut key = |kind: u8| {
            let mut bytes: [u8; 32] = random.random();
            bytes[0] = kind;
            Pubkey::new_from_array(bytes)
        };
        let states: Vec<Pubkey> = (0..STATE_ACCOUNTS).map(|_| key(200)).collect();
        let payers: Vec<Pubkey> = (0..PAYERS + POOR_PAYERS).map(|_| key(100)).collect();
        let mut genesis = Vec::new();
        for (i, state) in states.iter().enumerate() {
            // Some are larger than a page, so that the overlay of pages is at work too.
            let length = if i % 16 == 15 { 100_000 } else { 32 + i };
            let data = vec![i as u8; length].into();
            let lamports = 2_000_000_000;
            genesis.push((
                *state,
                AccountState {
                    lamports,
                    owner: MIXER_ID,
                    executable: false,
                    data,
                },
            ));
        }
        for (i, payer) in payers.iter().enumerate() {
            let lamports = if i < PAYERS {
                1_000_000_000_000
            } else {
                1_000_000
            };
            genesis.push(wallet(*payer, lamports));
        }
        let mut graph = Self {
            genesis,
            transactions: Vec::with_capacity(count),
        };
        for number in 0..count {
            let payer = payers[random.random_range(0..payers.len())];
            let (payer, instruction) = match random.random_range(0..16) {
                0 | 1 => (payer, transfer(&mut random, &payer, &payers)),
                2 | 3 => come_or_go(&mut random, &payer),
                _ => (payer, mix(&mut random, shape, &states)),
            };
            let message = message(instruction, &payer, blockhash, number as u64);
            graph
                .transactions
                .push(filler_versioned(message, number as u64));
        }
        graph
    }
}

/// Every fifth is of version 1, and every seventh of these may load next to nothing.
fn message(
    instruction: Instruction,
    payer: &Pubkey,
    blockhash: Hash,
    number: u64,
) -> VersionedMessage {
    if !number.is_multiple_of(5) {
        let message = Message::new_with_blockhash(&[instruction], Some(payer), &blockhash);
        return VersionedMessage::Legacy(message);
    }
    let loaded = if number.is_multiple_of(35) {
        200
    } else {
        64 << 20
    };
    let mut config = v1::TransactionConfig::empty()
        .with_compute_unit_limit(200_000)
        .with_loaded_accounts_data_size_limit(loaded);
    // Who gives all away has counted on the plain fee.
    if instruction.program_id == MIXER_ID {
        config = config.with_priority_fee(number);
    }
    let message = v1::Message::try_compile_with_config(payer, &[instruction], blockhash, config);
    VersionedMessage::V1(message.expect("it names few accounts"))
}

/// Funds a mortal account, or has it give all of that away, which deletes it: keys come and go, and with
/// them their places in every table.
fn come_or_go(random: &mut StdRng, payer: &Pubkey) -> (Pubkey, Instruction) {
    const FUNDS: u64 = 5_000_000;
    const FEE: u64 = 5_000;
    let mut bytes = [150; 32];
    bytes[1] = random.random_range(0..MORTALS);
    let mortal = Pubkey::new_from_array(bytes);
    let transfer = solana_system_interface::instruction::transfer;
    if random.random() {
        (*payer, transfer(payer, &mortal, FUNDS))
    } else {
        (mortal, transfer(&mortal, payer, FUNDS - FEE))
    }
}

/// A transfer to another payer, or to an address that may not exist; sometimes of far too much.
fn transfer(random: &mut StdRng, payer: &Pubkey, payers: &[Pubkey]) -> Instruction {
    let to = if random.random_ratio(1, 3) {
        Pubkey::new_from_array([random.random_range(1..=20); 32])
    } else {
        payers[random.random_range(0..payers.len())]
    };
    let lamports = match random.random_range(0..4) {
        0 => u64::MAX,
        1 => 1,
        _ => random.random_range(890_880..10_000_000),
    };
    solana_system_interface::instruction::transfer(payer, &to, lamports)
}

fn mix(random: &mut StdRng, shape: Shape, states: &[Pubkey]) -> Instruction {
    let mut metas: Vec<AccountMeta> = Vec::new();
    let wanted = random.random_range(1..=6);
    if shape == Shape::Hot {
        metas.push(AccountMeta::new(states[0], false));
    }
    while metas.len() < wanted {
        let (at, write) = match shape {
            Shape::Even => (random.random_range(0..states.len()), random.random()),
            Shape::Hot => (
                random.random_range(1..states.len()),
                random.random_ratio(1, 3),
            ),
            Shape::Zipf => (zipf(random, states.len()), random.random()),
            Shape::ReadMostly => (random.random_range(0..8), random.random_ratio(1, 20)),
        };
        if metas.iter().all(|meta| meta.pubkey != states[at]) {
            metas.push(AccountMeta {
                pubkey: states[at],
                is_signer: false,
                is_writable: write,
            });
        }
    }
    let kind = match random.random_range(0..20) {
        0..=2 => MIX_AND_FAIL,
        3 => MIX_AND_PANIC,
        _ => MIX,
    };
    let rounds = if random.random_ratio(1, 10) {
        200
    } else {
        random.random_range(0..8)
    };
    let mut data = vec![kind, rounds];
    data.extend(random.random::<u64>().to_le_bytes());
    Instruction {
        program_id: MIXER_ID,
        accounts: metas,
        data,
    }
}

fn zipf(random: &mut StdRng, n: usize) -> usize {
    let total: f64 = (1..=n).map(|k| 1.0 / k as f64).sum();
    let mut left = random.random_range(0.0..total);
    for k in 1..=n {
        left -= 1.0 / k as f64;
        if left <= 0.0 {
            return k - 1;
        }
    }
    n - 1
}
