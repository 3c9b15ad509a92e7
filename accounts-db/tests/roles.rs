//! Each role does its part by hand, on one thread.
#![allow(unsafe_code)]

use sealane_accounts_db::{
    AccountIndex, Accounts, AccountsFull, BankingAccess, DbLimits, EntryNumber, Interner,
    Publisher, ReadError, open,
};
use sealane_sdk::{AccountState, Pubkey};
use std::sync::Arc;

const LIMITS: DbLimits = DbLimits {
    accounts_max: 1000,
    pins_max: 4,
    pinned_bytes_max: 1 << 20,
};

struct Node {
    accounts: Arc<Accounts>,
    interner: Interner,
    banking: BankingAccess,
    publisher: Publisher,
}

impl Node {
    fn new(limits: DbLimits, genesis: &[(Pubkey, AccountState)]) -> Self {
        let opened = open(limits, 1, genesis.iter().cloned());
        let (accounts, interner, mut banking, publisher) = opened.expect("genesis fits");
        let banking = banking.pop().expect("one was asked for");
        Self {
            accounts,
            interner,
            banking,
            publisher,
        }
    }

    fn intern(&mut self, key: &Pubkey) -> Result<AccountIndex, AccountsFull> {
        self.interner.intern(key, self.accounts.hash_key(key))
    }

    fn set(&mut self, entry: EntryNumber, key: &Pubkey, state: AccountState) {
        let accounts = [(self.intern(key).expect("there is room"), true)];
        // SAFETY: one thread, one guard.
        let mut locked = unsafe { self.banking.lock(&accounts) };
        locked.set(0, state, entry);
    }

    fn working(&mut self, key: &Pubkey) -> AccountState {
        let accounts = [(self.intern(key).expect("there is room"), false)];
        // SAFETY: one thread, one guard.
        let locked = unsafe { self.banking.lock(&accounts) };
        locked.get(0).clone()
    }

    fn publish(&mut self, entry: EntryNumber) {
        self.publisher
            .publish(entry, &mut [self.banking.take_writes()].into_iter());
    }

    fn published(&self, key: &Pubkey) -> Option<u64> {
        let pin = self.accounts.pin().expect("a cell is free");
        pin.get(key)
            .expect("the pin is new")
            .map(|state| state.lamports)
    }

    fn owned_by(&self, owner: &Pubkey) -> Vec<Pubkey> {
        let mut keys = Vec::new();
        let pin = self.accounts.pin().expect("a cell is free");
        pin.owned_by(owner, &mut |key, _| keys.push(*key))
            .expect("the pin is new");
        keys
    }
}

fn key(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

fn lamports(lamports: u64) -> AccountState {
    AccountState {
        lamports,
        ..AccountState::default()
    }
}

fn owned(lamports: u64, owner: Pubkey) -> AccountState {
    AccountState {
        lamports,
        owner,
        ..AccountState::default()
    }
}

#[test]
fn genesis_is_visible_as_entry_0() {
    let node = Node::new(LIMITS, &[(key(1), lamports(5)), (key(2), lamports(6))]);
    assert_eq!(node.accounts.visible(), 0);
    assert_eq!(node.accounts.len(), 2);
    assert_eq!(node.published(&key(1)), Some(5));
    assert_eq!(node.published(&key(2)), Some(6));
    assert_eq!(node.published(&key(3)), None);
}

#[test]
fn the_later_of_two_genesis_states_of_a_key_counts() {
    let node = Node::new(
        LIMITS,
        &[(key(1), owned(5, key(8))), (key(1), owned(6, key(9)))],
    );
    assert_eq!(node.accounts.len(), 1);
    assert_eq!(node.published(&key(1)), Some(6));
    assert_eq!(node.owned_by(&key(8)), []);
    assert_eq!(node.owned_by(&key(9)), [key(1)]);
}

#[test]
fn a_write_is_seen_by_the_next_lock_at_once_and_by_readers_when_published() {
    let mut node = Node::new(LIMITS, &[(key(1), lamports(5))]);
    node.set(1, &key(1), lamports(6));
    assert_eq!(node.working(&key(1)).lamports, 6);
    assert_eq!(node.published(&key(1)), Some(5));
    node.set(1, &key(1), lamports(7));
    node.publish(1);
    assert_eq!(node.published(&key(1)), Some(7));
}

#[test]
fn entries_are_published_one_by_one_though_execution_is_ahead() {
    let mut node = Node::new(LIMITS, &[(key(1), lamports(5))]);
    node.set(1, &key(1), lamports(6));
    let first = node.banking.take_writes();
    node.set(2, &key(1), lamports(7));
    node.publisher.publish(1, &mut [first].into_iter());
    assert_eq!(node.published(&key(1)), Some(6));
    assert_eq!(node.working(&key(1)).lamports, 7);
    node.publish(2);
    assert_eq!(node.published(&key(1)), Some(7));
}

#[test]
fn a_pin_reads_its_entry_whatever_is_published_after() {
    let mut node = Node::new(LIMITS, &[(key(1), lamports(5))]);
    node.set(1, &key(2), owned(1, key(9)));
    node.publish(1);
    let pin = node.accounts.pin().unwrap();
    for entry in 2..10 {
        node.set(entry, &key(1), lamports(entry));
        node.set(
            entry,
            &key(2),
            if entry % 2 == 0 {
                lamports(0)
            } else {
                owned(1, key(8))
            },
        );
        node.publish(entry);
        node.interner.reclaim(&mut |_| true);
    }
    assert_eq!(pin.entry(), 1);
    assert_eq!(pin.get(&key(1)).unwrap().unwrap().lamports, 5);
    assert_eq!(
        pin.with(&key(2), |state| state.unwrap().owner).unwrap(),
        key(9)
    );
    let mut found = Vec::new();
    pin.owned_by(&key(9), &mut |key, _| found.push(*key))
        .unwrap();
    assert_eq!(found, [key(2)]);
    pin.owned_by(&key(8), &mut |key, _| panic!("{key} has another owner"))
        .unwrap();
    drop(pin);
    assert_eq!(node.owned_by(&key(8)), [key(2)]);
}

#[test]
fn an_account_without_lamports_does_not_exist() {
    let mut node = Node::new(LIMITS, &[(key(1), owned(5, key(9)))]);
    node.set(1, &key(1), owned(0, key(9)));
    assert_eq!(node.working(&key(1)), AccountState::default());
    node.publish(1);
    assert_eq!(node.published(&key(1)), None);
    assert_eq!(node.accounts.len(), 0);
    assert_eq!(node.owned_by(&key(9)), []);
}

#[test]
fn the_index_of_a_deleted_account_goes_to_another_key() {
    let mut node = Node::new(
        DbLimits {
            accounts_max: 1,
            ..LIMITS
        },
        &[(key(1), lamports(5))],
    );
    assert_eq!(node.intern(&key(2)), Err(AccountsFull));
    node.set(1, &key(1), lamports(0));
    node.interner.reclaim(&mut |_| true);
    assert_eq!(node.intern(&key(2)), Err(AccountsFull), "not published yet");
    node.publish(1);
    node.interner.reclaim(&mut |_| false);
    assert_eq!(node.intern(&key(2)), Err(AccountsFull), "not idle");
    node.interner.reclaim(&mut |_| true);
    node.set(2, &key(2), lamports(7));
    node.publish(2);
    assert_eq!(node.published(&key(1)), None);
    assert_eq!(node.published(&key(2)), Some(7));
}

#[test]
fn an_index_waits_for_the_pins_that_may_have_it() {
    let mut node = Node::new(
        DbLimits {
            accounts_max: 1,
            ..LIMITS
        },
        &[(key(1), lamports(5))],
    );
    let pin = node.accounts.pin().unwrap();
    node.set(1, &key(1), lamports(0));
    node.publish(1);
    node.interner.reclaim(&mut |_| true);
    assert_eq!(node.intern(&key(2)), Err(AccountsFull));
    assert_eq!(pin.get(&key(1)).unwrap().unwrap().lamports, 5);
    drop(pin);
    let pin = node.accounts.pin().unwrap();
    node.interner.reclaim(&mut |_| true);
    assert_eq!(
        node.intern(&key(2)),
        Err(AccountsFull),
        "the new pin may have the index in hand"
    );
    drop(pin);
    assert!(node.intern(&key(2)).is_ok());
}

#[test]
fn made_up_keys_go_back_when_they_are_released() {
    let mut node = Node::new(
        DbLimits {
            accounts_max: 3,
            ..LIMITS
        },
        &[(key(1), lamports(5))],
    );
    for n in 0..190 {
        let (a, b) = (node.intern(&key(2 + n % 50)), node.intern(&key(60 + n)));
        node.interner.release(a.expect("room for two"));
        node.interner.release(b.expect("room for two"));
    }
    let existing = node.intern(&key(1)).unwrap();
    node.interner.release(existing);
    assert_eq!(node.intern(&key(1)), Ok(existing));
    assert_eq!(node.interner.key(existing), key(1));
    assert_eq!(node.published(&key(1)), Some(5));
}

#[test]
fn there_are_as_many_pins_as_the_limit_says() {
    let node = Node::new(LIMITS, &[]);
    let pins: Vec<_> = (0..4).map(|_| node.accounts.pin().unwrap()).collect();
    assert_eq!(node.accounts.pin().err(), Some(ReadError::TooManyPins));
    drop(pins);
    assert!(node.accounts.pin().is_ok());
}

#[test]
fn a_pin_that_keeps_too_much_expires_and_newer_ones_do_not() {
    let limits = DbLimits {
        pinned_bytes_max: 1000,
        ..LIMITS
    };
    let mut node = Node::new(limits, &[(key(1), lamports(1))]);
    let old = node.accounts.pin().unwrap();
    let mut entry = 0;
    while old.get(&key(1)).is_ok() {
        entry += 1;
        assert!(entry < 100, "it keeps more than the limit by now");
        node.set(entry, &key(1), lamports(entry));
        node.publish(entry);
    }
    assert!(entry > 5, "one version is much smaller than the limit");
    assert_eq!(old.get(&key(1)), Err(ReadError::PinExpired));
    assert_eq!(old.all(&mut |_, _| {}), Err(ReadError::PinExpired));
    let new = node.accounts.pin().unwrap();
    node.set(entry + 1, &key(1), lamports(77));
    node.publish(entry + 1);
    assert_eq!(new.get(&key(1)).unwrap().unwrap().lamports, entry);
}

#[test]
fn a_pin_outlives_the_handles() {
    let mut node = Node::new(LIMITS, &[(key(1), lamports(5))]);
    let pin = node.accounts.pin().unwrap();
    node.set(1, &key(1), lamports(6));
    node.publish(1);
    node.set(2, &key(1), lamports(7));
    drop(node);
    assert_eq!(pin.get(&key(1)).unwrap().unwrap().lamports, 5);
}

#[test]
#[should_panic(expected = "is locked for reading, and written")]
fn writing_what_was_locked_for_reading_panics() {
    let mut node = Node::new(LIMITS, &[(key(1), lamports(5))]);
    let accounts = [(node.intern(&key(1)).unwrap(), false)];
    // SAFETY: one thread, one guard.
    unsafe { node.banking.lock(&accounts) }.set(0, lamports(6), 1);
}

#[cfg(debug_assertions)]
#[test]
fn a_lock_that_conflicts_panics_in_debug_builds() {
    let check = |first: bool, second: bool, conflict: bool| {
        let opened = open(LIMITS, 2, [(key(1), lamports(5))]).expect("genesis fits");
        let (accounts, mut interner, mut banking, _publisher) = opened;
        let index = interner
            .intern(&key(1), accounts.hash_key(&key(1)))
            .unwrap();
        let mut other = banking.pop().unwrap();
        let (first, second) = ([(index, first)], [(index, second)]);
        // SAFETY: the guards are not used, only made.
        let held = unsafe { banking[0].lock(&first) };
        let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // SAFETY: as above.
            drop(unsafe { other.lock(&second) });
        }));
        assert_eq!(attempt.is_err(), conflict, "{first:?} then {second:?}");
        drop(held);
        let writing = [(index, true)];
        // SAFETY: as above. A failed attempt left nothing behind.
        drop(unsafe { other.lock(&writing) });
    };
    check(true, true, true);
    check(true, false, true);
    check(false, true, true);
    check(false, false, false);
}

#[test]
fn what_an_entry_leaves_counts_and_not_what_its_first_write_of_an_account_left() {
    let owner = key(9);
    let with_data = |balance| AccountState {
        data: [1; 40].as_slice().into(),
        ..lamports(balance)
    };
    let ends = [
        lamports(3),
        owned(3, owner),
        with_data(3),
        AccountState::default(),
    ];
    let states = [lamports(2), owned(2, owner), with_data(2), lamports(0)];
    // Every way from a first state over a second to an end, within one entry, and on from there.
    for (first, second) in states
        .iter()
        .flat_map(|a| states.iter().map(move |b| (a, b)))
    {
        for end in &ends {
            let mut node = Node::new(LIMITS, &[(key(1), lamports(1)), (key(2), lamports(1))]);
            for state in [first, second, end] {
                node.set(1, &key(1), state.clone());
            }
            node.publish(1);
            let exists = !end.is_absent();
            let case = format!("{first:?}, {second:?}, {end:?}");
            assert_eq!(node.accounts.len(), 1 + usize::from(exists), "{case}");
            assert_eq!(node.published(&key(1)), exists.then_some(3), "{case}");
            let expected = if end.owner == owner {
                vec![key(1)]
            } else {
                vec![]
            };
            assert_eq!(node.owned_by(&owner), expected, "{case}");
            // The next entries supersede it, and what was superseded is used again.
            for entry in 2..6 {
                node.set(entry, &key(1), lamports(4));
                node.publish(entry);
                node.interner.reclaim(&mut |_| true);
            }
            assert_eq!(node.accounts.len(), 2, "{case}");
            assert_eq!(node.published(&key(1)), Some(4), "{case}");
            assert_eq!(node.owned_by(&owner), [], "{case}");
        }
    }
}

#[test]
fn what_is_noted_of_an_entry_is_all_that_each_account_is() {
    let program = AccountState {
        executable: true,
        ..lamports(5)
    };
    let with_data = AccountState {
        data: [7; 3].as_slice().into(),
        ..lamports(6)
    };
    let states = [lamports(1), owned(2, key(9)), program, with_data];
    for before in &states {
        for first in &states {
            for last in &states {
                let mut node = Node::new(LIMITS, &[(key(1), before.clone())]);
                node.set(1, &key(1), first.clone());
                node.set(1, &key(1), last.clone());
                let writes = node.banking.take_writes();
                let mut noted = Vec::new();
                node.publisher
                    .publish_noting(1, &mut [writes].into_iter(), |key, state, was| {
                        noted.push((*key, state.to_state(), was.cloned()));
                    });
                assert_eq!(noted, [(key(1), last.clone(), Some(before.clone()))]);
            }
        }
    }
}
