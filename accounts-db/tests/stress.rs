//! All roles on real threads: banking threads on accounts of their own, the publisher behind them, an
//! interner that hands indices on, and readers who count all lamports at a pin.
#![cfg(not(feature = "shuttle"))]
#![allow(unsafe_code)]

use rand::{Rng, SeedableRng, rngs::StdRng};
use sealane_accounts_db::{
    AccountIndex, Accounts, BankingAccess, DbLimits, EntryNumber, EntryWrites, Interner, Pin,
    Publisher, open,
};
use sealane_sdk::{AccountState, Pubkey};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

const BANKING_THREADS: u8 = 3;
const ACCOUNTS_EACH: u8 = 50;
const LAMPORTS_EACH: u64 = 1_000;
const ENTRIES: EntryNumber = 3_000;
const MOVES_PER_ENTRY: usize = 20;
const TOTAL: u64 = BANKING_THREADS as u64 * ACCOUNTS_EACH as u64 * LAMPORTS_EACH;
const LIMITS: DbLimits = DbLimits {
    accounts_max: 400,
    pins_max: 8,
    pinned_bytes_max: 1 << 30,
};

fn key(thread: u8, n: u8) -> Pubkey {
    let mut bytes = [0; 32];
    (bytes[0], bytes[1]) = (thread + 1, n);
    Pubkey::new_from_array(bytes)
}

fn owner(n: u8) -> Pubkey {
    Pubkey::new_from_array([200 + n; 32])
}

/// Moves lamports between two of the accounts, often all of them, under a random owner.
fn random_move(
    random: &mut StdRng,
    banking: &mut BankingAccess,
    pair: [AccountIndex; 2],
    entry: EntryNumber,
) {
    let locks = pair.map(|index| (index, true));
    // SAFETY: no other thread has these accounts.
    let mut locked = unsafe { banking.lock(&locks) };
    let (from, to) = (locked.get(0).lamports, locked.get(1).lamports);
    let moved = if random.random_bool(0.3) {
        from
    } else {
        random.random_range(0..=from)
    };
    for (i, lamports) in [from - moved, to + moved].into_iter().enumerate() {
        let owner = owner(random.random_range(0..2));
        let data = vec![lamports as u8; 1 + lamports as usize % 50].into();
        locked.set(
            i,
            AccountState {
                lamports,
                owner,
                data,
                executable: false,
            },
            entry,
        );
    }
}

/// A banking thread whose accounts keep their indices.
fn bank(
    thread: u8,
    mut banking: BankingAccess,
    indices: &[AccountIndex],
    to: mpsc::SyncSender<EntryWrites>,
) {
    let mut random = StdRng::seed_from_u64(thread.into());
    for entry in 1..=ENTRIES {
        for _ in 0..MOVES_PER_ENTRY {
            let from = random.random_range(0..indices.len());
            let other = (from + random.random_range(1..indices.len())) % indices.len();
            random_move(
                &mut random,
                &mut banking,
                [indices[from], indices[other]],
                entry,
            );
        }
        to.send(banking.take_writes())
            .expect("the publisher listens");
    }
}

/// The scheduler thread, and a banking thread whose accounts come and go and so do their indices. The
/// `taken` ones are always in flight on another thread.
fn schedule(
    accounts: &Accounts,
    taken: &[AccountIndex],
    mut interner: Interner,
    mut banking: BankingAccess,
    to: mpsc::SyncSender<EntryWrites>,
) {
    let mut random = StdRng::seed_from_u64(0);
    for entry in 1..=ENTRIES {
        for _ in 0..MOVES_PER_ENTRY {
            let from = random.random_range(0..ACCOUNTS_EACH);
            // Some keys that are never written, some that did not exist at genesis.
            let other = (from + random.random_range(1..100)) % (2 * ACCOUNTS_EACH);
            let pair = [from, other].map(|n| {
                let key = key(0, n);
                interner.intern(&key, accounts.hash_key(&key))
            });
            // No room while a slow reader keeps indices: the move is refused.
            if let [Ok(from), Ok(other)] = pair
                && random.random_bool(0.8)
            {
                random_move(&mut random, &mut banking, [from, other], entry);
            }
            for index in pair.into_iter().flatten() {
                interner.release(index);
            }
        }
        to.send(banking.take_writes())
            .expect("the publisher listens");
        // Between two moves nothing of this thread's is in flight.
        interner.reclaim(&mut |index| !taken.contains(&index));
    }
}

/// Ends the readers, also when something fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn publish(mut publisher: Publisher, from: Vec<mpsc::Receiver<EntryWrites>>) {
    for entry in 1..=ENTRIES {
        let mut writes = from
            .iter()
            .map(|from| from.recv().expect("one batch per entry"));
        publisher.publish(entry, &mut writes);
    }
}

fn check(pin: &Pin) {
    let add = |sum: &mut u64, state: &AccountState| {
        let data = state.data.as_slice();
        assert_eq!(data.len(), 1 + state.lamports as usize % 50);
        assert!(data.iter().all(|byte| *byte == state.lamports as u8));
        *sum += state.lamports;
    };
    let (mut scanned, mut owned, mut looked_up) = (0, 0, 0);
    pin.all(&mut |_, state| add(&mut scanned, state))
        .expect("not expired");
    for owner in [owner(0), owner(1)] {
        pin.owned_by(&owner, &mut |_, state| add(&mut owned, state))
            .expect("not expired");
    }
    for key in (0..BANKING_THREADS).flat_map(|t| (0..2 * ACCOUNTS_EACH).map(move |n| key(t, n))) {
        if let Some(state) = pin.get(&key).expect("not expired") {
            add(&mut looked_up, &state);
        }
    }
    assert_eq!(
        [scanned, owned, looked_up],
        [TOTAL; 3],
        "as of entry {}",
        pin.entry()
    );
}

#[test]
fn all_lamports_are_there_at_every_pin() {
    let state = AccountState {
        lamports: LAMPORTS_EACH,
        owner: owner(0),
        data: vec![LAMPORTS_EACH as u8; 1 + LAMPORTS_EACH as usize % 50].into(),
        executable: false,
    };
    let keys = |thread| (0..ACCOUNTS_EACH).map(move |n| key(thread, n));
    let genesis = (0..BANKING_THREADS)
        .flat_map(keys)
        .map(|key| (key, state.clone()));
    let opened = open(LIMITS, BANKING_THREADS.into(), genesis);
    let (accounts, mut interner, mut banking, publisher) = opened.expect("genesis fits");
    let mut intern = |key| {
        interner
            .intern(&key, accounts.hash_key(&key))
            .expect("it is there")
    };
    let indices: Vec<Vec<_>> = (1..BANKING_THREADS)
        .map(|thread| keys(thread).map(&mut intern).collect())
        .collect();

    let done = AtomicBool::new(false);
    let pins = thread::scope(|scope| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..BANKING_THREADS).map(|_| mpsc::sync_channel(8)).unzip();
        let mut senders = senders.into_iter();
        let mut banking = banking.drain(..);
        let (first, to) = (banking.next().unwrap(), senders.next().unwrap());
        let accounts = &accounts;
        let taken = indices.concat();
        scope.spawn(move || schedule(accounts, &taken, interner, first, to));
        for (thread, ((banking, to), indices)) in (1..).zip(banking.zip(senders).zip(&indices)) {
            scope.spawn(move || bank(thread, banking, indices, to));
        }
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut pins = 0;
                    while !done.load(Ordering::Relaxed) {
                        check(&accounts.pin().expect("there are cells enough"));
                        pins += 1;
                    }
                    pins
                })
            })
            .collect();
        let stop = StopOnDrop(&done);
        publish(publisher, receivers);
        drop(stop);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum::<u64>()
    });
    println!("{pins} pins over {ENTRIES} entries");
    check(&accounts.pin().unwrap());
}
