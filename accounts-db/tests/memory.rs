//! What the database allocates, counted: how much an account takes, and that all of it goes back.
#![cfg(not(feature = "shuttle"))]
#![allow(unsafe_code)]

use sealane_accounts_db::{DbLimits, open};
use sealane_sdk::{AccountState, Pubkey};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

struct Counting;

thread_local! {
    /// What this thread allocated and did not free: the test harness has a thread of its own.
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get().wrapping_add(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.set(ALLOCATED.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated() -> usize {
    ALLOCATED.get()
}

fn key(n: u64) -> Pubkey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    Pubkey::new_from_array(bytes)
}

fn state(lamports: u64) -> AccountState {
    AccountState {
        lamports,
        ..AccountState::default()
    }
}

#[test]
fn an_account_takes_at_most_300_bytes_and_all_of_them_go_back() {
    const ACCOUNTS: u64 = 1_000_000;
    /// Lists of spare versions on their way: a few of 256 pointers.
    const BUNDLE_BYTES: usize = 4 * 256 * 8;
    let limits = DbLimits {
        accounts_max: 2_000_000,
        pins_max: 64,
        pinned_bytes_max: usize::MAX,
    };
    // The first use of what lives as long as the process, such as the seeds of hashes.
    drop(open(limits.clone(), 1, [(key(1), state(1))]));
    let before = allocated();
    let start = Instant::now();
    let opened = open(limits, 1, (0..ACCOUNTS).map(|n| (key(n), state(n + 1))));
    let (accounts, mut interner, mut banking, mut publisher) = opened.expect("genesis fits");
    let opened_in = start.elapsed();
    let each = (allocated() - before) as u64 / ACCOUNTS;
    assert!(each <= 300, "{each} bytes");

    let mut change = |entry: u64, first: u64, count: u64, lamports: u64| {
        for n in first..first + count {
            let index = interner
                .intern(&key(n), accounts.hash_key(&key(n)))
                .expect("room");
            let accounts = [(index, true)];
            // SAFETY: one thread, one guard.
            unsafe { banking[0].lock(&accounts) }.set(0, state(lamports), entry);
        }
        publisher.publish(entry, &mut [banking[0].take_writes()].into_iter());
        interner.reclaim(&mut |_| true);
    };
    // The first rounds make the buffers and the spare versions that later rounds use again.
    for entry in 1..5 {
        change(entry, 0, 1000, 6 + entry);
    }
    let steady = allocated();
    for entry in 5..20 {
        change(entry, 0, 1000, 6 + entry);
        assert!(
            allocated() <= steady + BUNDLE_BYTES,
            "superseded versions are used again at once"
        );
    }
    let pin = accounts.pin().expect("a cell is free");
    for entry in 20..25 {
        change(entry, 0, 1000, entry);
    }
    let pinned = allocated();
    assert!(pinned > steady + 3 * 1000 * 64, "a pin keeps versions");
    drop(pin);
    for entry in 25..40 {
        change(entry, 0, 1000, entry);
        assert!(
            allocated() <= pinned + 1000 * 128 + BUNDLE_BYTES,
            "what a pin kept is used again, after one round more"
        );
    }
    let pin = accounts.pin().expect("a cell is free");
    // What is in flight, retired, in limbo and pinned when all the handles go.
    change(40, 0, 1000, 0);
    change(41, ACCOUNTS, 1000, 24);
    drop((interner, banking, publisher, accounts));
    assert_eq!(pin.get(&key(1)), Ok(Some(state(39))));
    drop(pin);
    assert_eq!(allocated(), before);
    // Only now, as captured output is allocated too.
    println!("{ACCOUNTS} accounts opened in {opened_in:?}, {each} bytes each");
}
