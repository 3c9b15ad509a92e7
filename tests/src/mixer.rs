//! A program that writes a hash of everything it sees into everything it may write, so that any
//! reordering of conflicting transactions shows in the accounts afterwards.

use sealane_sdk::{
    AccountInfo, Program, ProgramError, ProgramResult, Pubkey, msg, set_return_data,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// The program's id.
pub const MIXER_ID: Pubkey = Pubkey::new_from_array([77; 32]);

/// Instruction: mix.
pub(crate) const MIX: u8 = 0;
/// Instruction: mix, then fail.
pub(crate) const MIX_AND_FAIL: u8 = 1;
/// Instruction: mix, then panic.
pub(crate) const MIX_AND_PANIC: u8 = 2;

/// The program.
pub fn mixer() -> Program {
    Program::new(MIXER_ID, "mixer", process, 1_000)
}

/// How often two tasks were really in the program at once. These counters are the only impurity: they
/// reach no account, log or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlaps {
    /// Instructions that began.
    pub calls: u64,
    /// Instructions that began while another was in the program.
    pub overlapping: u64,
}

static INSIDE: AtomicU64 = AtomicU64::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);
static OVERLAPPING: AtomicU64 = AtomicU64::new(0);

/// The counts since the process began.
pub fn overlaps() -> Overlaps {
    Overlaps {
        calls: CALLS.load(Ordering::SeqCst),
        overlapping: OVERLAPPING.load(Ordering::SeqCst),
    }
}

struct Inside;

impl Inside {
    fn enter() -> Self {
        CALLS.fetch_add(1, Ordering::SeqCst);
        if INSIDE.fetch_add(1, Ordering::SeqCst) > 0 {
            OVERLAPPING.fetch_add(1, Ordering::SeqCst);
        }
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

fn process(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let _inside = Inside::enter();
    let [kind, rounds, ..] = data else {
        return Err(ProgramError::InvalidInstructionData);
    };
    let mut hash = solana_sha256_hasher::hash(data).to_bytes();
    for account in accounts {
        let balance = account.lamports().to_le_bytes();
        let bytes = account.try_borrow_data()?;
        let parts = [&hash[..], account.key.as_ref(), &balance, &bytes];
        hash = solana_sha256_hasher::hashv(&parts).to_bytes();
    }
    for _ in 0..*rounds {
        hash = solana_sha256_hasher::hash(&hash).to_bytes();
    }
    if rounds % 4 == 0 {
        // Lets other threads in between reading and writing.
        std::thread::yield_now();
    }
    let mut writable = accounts
        .iter()
        .filter(|account| account.is_writable && !account.is_signer);
    let first = writable.clone().next();
    for account in writable.clone() {
        account.data_mut(0..32)?.copy_from_slice(&hash);
    }
    // A lamport moves between the first and the last: balances must be undone too.
    if let (Some(first), Some(last)) = (first, writable.next_back())
        && first.key != last.key
        && first.lamports() > 1_000_000
    {
        first.set_lamports(first.lamports() - 1)?;
        last.set_lamports(last.lamports() + 1)?;
    }
    msg!("mixed {}", hash[0]);
    set_return_data(&hash[..8]);
    match *kind {
        MIX => Ok(()),
        MIX_AND_FAIL => Err(ProgramError::Custom(u32::from(hash[0]))),
        MIX_AND_PANIC => panic!("asked to"),
        _ => Err(ProgramError::InvalidInstructionData),
    }
}
