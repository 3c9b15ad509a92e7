//! What a running node says to those who hand transactions in: refused at admission is an error to the
//! sender, evicted later is told to who listens, and nothing of either is left in the accounts.

use bytes::Bytes;
use sealane_runtime::{
    BankingThreads, Event, Ingest, Reader, Refusal, Runtime, RuntimeConfig, VerifyError,
};
use sealane_sdk::{AccountInfo, Program, ProgramResult, Pubkey};
use sealane_tests::{GENESIS_HASH, filler_config, filler_signature, filler_transaction, wallet};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::Message;
use solana_signature::Signature;
use solana_system_interface::instruction::transfer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, mpsc};
use std::time::Duration;

const GATE: Pubkey = Pubkey::new_from_array([80; 32]);
const FUNDS: u64 = 1_000_000_000;

fn payer(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

fn config() -> RuntimeConfig {
    let mut config = filler_config([Program::new(GATE, "gate", wait_at_the_gate, 100)]);
    let wallets = (100..120).map(|n| wallet(payer(n), FUNDS));
    config.genesis_accounts.extend(wallets);
    config
}

fn signed(number: u8, payer: &Pubkey, instructions: &[Instruction], blockhash: Hash) -> Bytes {
    let message = Message::new_with_blockhash(instructions, Some(payer), &blockhash);
    filler_transaction(message, number.into())
}

/// A transfer of one lamport that offers `price` micro-lamports for a compute unit.
fn offer(number: u8, price: u64) -> Bytes {
    let from = payer(number);
    let price = ComputeBudgetInstruction::set_compute_unit_price(price);
    let instructions = [price, transfer(&from, &payer(119), 1)];
    signed(number, &from, &instructions, GENESIS_HASH)
}

/// What admission says, once it has said it.
fn send(ingest: &Ingest, transaction: Bytes) -> Result<Signature, Refusal> {
    let (tell, told) = mpsc::channel();
    ingest.submit_one(
        transaction,
        Box::new(move |verdict| tell.send(verdict).expect("the test waits")),
    );
    told.recv_timeout(Duration::from_secs(20))
        .expect("admission says something")
}

fn settle(reader: &Reader, events: &crossbeam_channel::Receiver<Event>, count: u64) {
    while reader.counters().settled() < count {
        let _ = events.recv_timeout(Duration::from_millis(10));
    }
}

fn accounts(reader: &Reader) -> BTreeMap<Pubkey, u64> {
    let mut accounts = BTreeMap::new();
    let pin = reader.pin().expect("one reader");
    pin.all(&mut |key, state| {
        accounts.insert(*key, state.lamports);
    })
    .expect("the pin is young");
    accounts
}

#[test]
fn a_replayed_transaction_is_refused_and_charged_once() {
    let runtime = Runtime::start(config()).expect("the genesis fits");
    let (reader, ingest) = (runtime.reader(), runtime.ingest());
    let events = reader.listen();
    let from = payer(100);
    let once = signed(1, &from, &[transfer(&from, &payer(101), 7)], GENESIS_HASH);
    assert_eq!(send(&ingest, once.clone()), Ok(filler_signature(1)));
    settle(&reader, &events, 1);
    let before = accounts(&reader);
    let again = send(&ingest, once.clone()).expect_err("it was processed");
    assert_eq!(
        again.to_string(),
        "This transaction has already been processed"
    );
    // Another signature for the same message does not make it another transaction.
    let mut signed_again = once.to_vec();
    signed_again[1] ^= 1;
    let again = send(&ingest, signed_again.into()).expect_err("it was processed");
    assert_eq!(
        again.to_string(),
        "This transaction has already been processed"
    );
    assert!(runtime.shutdown(Duration::from_secs(20)));
    assert_eq!(accounts(&reader), before);
    assert_eq!(before[&from], FUNDS - 5_000 - 7);
}

#[test]
fn an_unknown_blockhash_and_bytes_that_are_none_are_refused_and_change_nothing() {
    let runtime = Runtime::start(config()).expect("the genesis fits");
    let (reader, ingest) = (runtime.reader(), runtime.ingest());
    let before = accounts(&reader);
    let from = payer(100);
    let transfer = transfer(&from, &payer(101), 7);
    let unknown = signed(1, &from, &[transfer], Hash::new_from_array([8; 32]));
    let refusal = send(&ingest, unknown).expect_err("nobody knows that blockhash");
    assert_eq!(refusal.to_string(), "Blockhash not found");
    let refusal = send(&ingest, Bytes::from_static(b"no transaction")).expect_err("no transaction");
    assert!(
        matches!(refusal, Refusal::Verify(VerifyError::Malformed(_))),
        "{refusal:?}"
    );
    assert!(runtime.shutdown(Duration::from_secs(20)));
    assert_eq!(accounts(&reader), before);
    assert_eq!(reader.counters().refused, 2);
}

/// A gate at which a program waits: how many do, and whether it is open.
struct Gate {
    state: Mutex<(u32, bool)>,
    changed: Condvar,
}

/// One for each test that has one; the instruction's first byte says which.
static GATES: [Gate; 2] = [const { Gate::new() }; 2];

impl Gate {
    const fn new() -> Self {
        Self {
            state: Mutex::new((0, false)),
            changed: Condvar::new(),
        }
    }

    fn pass(&self) {
        let mut state = self.state.lock().expect("nobody panics at the gate");
        state.0 += 1;
        self.changed.notify_all();
        while !state.1 {
            state = self.changed.wait(state).expect("nobody panics at the gate");
        }
    }

    /// Until somebody waits at it.
    fn await_somebody(&self) {
        let mut state = self.state.lock().expect("nobody panics at the gate");
        while state.0 == 0 {
            state = self.changed.wait(state).expect("nobody panics at the gate");
        }
    }

    fn open(&self) {
        self.state.lock().expect("nobody panics at the gate").1 = true;
        self.changed.notify_all();
    }
}

fn wait_at_the_gate(_: &Pubkey, _: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    GATES[usize::from(data[0])].pass();
    Ok(())
}

/// A node whose one place in flight is taken by who waits at a gate, with a buffer for so many.
fn node_at_its_gate(gate: u8, buffer_max: usize) -> Runtime {
    let mut config = config();
    config.banking_threads = BankingThreads::Fixed(1);
    config.limits.in_flight_max = 1;
    config.limits.priority_buffer_max = buffer_max;
    let runtime = Runtime::start(config).expect("the genesis fits");
    let waits = Instruction {
        program_id: GATE,
        accounts: Vec::new(),
        data: vec![gate],
    };
    let waits = signed(1, &payer(118), &[waits], GENESIS_HASH);
    assert!(send(&runtime.ingest(), waits).is_ok());
    GATES[usize::from(gate)].await_somebody();
    runtime
}

fn cost_of_an_offer() -> u64 {
    let runtime = Runtime::start(config()).expect("the genesis fits");
    let transaction = runtime.reader().verify(offer(100, 1), false);
    transaction.expect("it is well-formed").cost()
}

/// A slot has room for one of these transactions, and two may wait for the next slot.
#[test]
fn what_is_over_a_slots_cost_limit_waits_by_priority_and_competes_for_the_next_slot() {
    let mut config = config();
    config.limits.slot_cost_max = Some(cost_of_an_offer());
    config.limits.priority_buffer_max = 2;
    let runtime = Runtime::start(config).expect("the genesis fits");
    let (reader, ingest) = (runtime.reader(), runtime.ingest());
    let events = reader.listen();
    for (number, price) in [(100, 1), (101, 20), (102, 10), (103, 30), (104, 5)] {
        assert!(send(&ingest, offer(number, price)).is_ok());
    }
    // The first ran, the highest two of the others wait, and none waits by having come first.
    while reader.counters().settled() < 3 {
        std::thread::yield_now();
    }
    assert!(runtime.shutdown(Duration::from_secs(20)));
    let evicted = events.try_iter().filter_map(|event| match event {
        Event::Dropped {
            signature,
            error: None,
        } => Some(signature.as_ref()[0]),
        _ => None,
    });
    assert_eq!(evicted.collect::<Vec<_>>(), [102, 104, 103, 101]);
}

#[test]
fn what_does_not_fit_a_slots_cost_limit_runs_in_later_slots() {
    let mut config = config();
    config.slot_duration = Duration::from_millis(20);
    config.limits.slot_cost_max = Some(cost_of_an_offer());
    let runtime = Runtime::start(config).expect("the genesis fits");
    let (reader, ingest) = (runtime.reader(), runtime.ingest());
    let events = reader.listen();
    for number in 100..105 {
        assert!(send(&ingest, offer(number, u64::from(number))).is_ok());
    }
    settle(&reader, &events, 5);
    assert!(runtime.shutdown(Duration::from_secs(20)));
    let slot = |n: u8| {
        let found = reader.transaction(&filler_signature(n.into())).unwrap();
        found.expect("it is published").slot()
    };
    let slots: BTreeSet<u64> = (100..105).map(slot).collect();
    assert_eq!(slots.len(), 5, "one in each: {slots:?}");
}

/// Most of what comes is shed then, and what is not is held until it is a batch.
#[test]
fn whoever_is_shed_or_held_while_too_much_waits_is_told_once() {
    let runtime = node_at_its_gate(0, 8);
    let (reader, ingest) = (runtime.reader(), runtime.ingest());
    for number in 0..8 {
        let price = 100 + u64::from(number);
        assert!(send(&ingest, offer(100 + number, price)).is_ok());
    }
    let (tell, told) = mpsc::channel();
    let submit = |price: u64| {
        let tell = tell.clone();
        let verdict = Box::new(move |verdict| tell.send((price, verdict)).expect("the test waits"));
        ingest.submit_one(offer(110 + (price % 9) as u8, price), verdict);
    };
    let hear = |count: usize| -> BTreeMap<u64, Result<Signature, Refusal>> {
        let heard = (0..count).map(|_| told.recv_timeout(Duration::from_secs(20)));
        let heard: BTreeMap<_, _> = heard.map(|it| it.expect("all are told")).collect();
        assert_eq!(heard.len(), count, "each once");
        heard
    };
    // The floor is a hint, which is set a moment after the last of the eight was told.
    let mut probes = 0;
    while reader.counters().shed == 0 {
        probes += 1;
        submit(0);
        assert_eq!(hear(1)[&0], Err(Refusal::Busy));
    }
    let shed_before = reader.counters().shed;
    // Fewer at a time than verify's queue has room for.
    for some in [0..100, 1_000..1_100] {
        some.clone().for_each(&submit);
        for (price, verdict) in hear(100) {
            match verdict {
                Ok(_) => assert!(price >= 1_000, "{price} is less than all that wait"),
                Err(refusal) => assert_eq!(refusal, Refusal::Busy, "{price}"),
            }
        }
    }
    let counters = reader.counters();
    assert!(counters.shed >= shed_before + 100, "{counters:?}");
    (2_000..2_100).for_each(&submit);
    GATES[0].open();
    assert!(runtime.shutdown(Duration::from_secs(20)));
    for (price, verdict) in hear(100) {
        let is_known = matches!(verdict, Ok(_) | Err(Refusal::Busy | Refusal::ShuttingDown));
        assert!(is_known, "{price}: {verdict:?}");
    }
    let counters = reader.counters();
    assert_eq!(counters.received, 9 + probes + 300, "{counters:?}");
}

#[test]
fn under_overload_the_lowest_offer_goes_first_and_everybody_is_told() {
    let runtime = node_at_its_gate(1, 2);
    let (reader, ingest) = (runtime.reader(), runtime.ingest());
    let events = reader.listen();
    // The one place in flight is taken, and the buffer has two.
    assert!(send(&ingest, offer(100, 10)).is_ok());
    assert!(send(&ingest, offer(101, 20)).is_ok());
    assert_eq!(send(&ingest, offer(102, 5)), Err(Refusal::Busy));
    assert!(send(&ingest, offer(103, 30)).is_ok());
    let evicted = events
        .recv_timeout(Duration::from_secs(20))
        .expect("it is told");
    assert!(
        matches!(evicted, Event::Dropped { signature, error: None }
            if signature == filler_signature(100)),
        "the lowest offer made room"
    );
    // Now that it is full it is known what would be refused, before anything is checked at length.
    let shed = reader.counters().shed;
    assert_eq!(send(&ingest, offer(104, 20)), Err(Refusal::Busy));
    assert_eq!(reader.counters().shed, shed + 1);
    GATES[1].open();
    settle(&reader, &events, 6);
    let counters = reader.counters();
    assert_eq!((counters.evicted, counters.refused), (1, 2), "{counters:?}");
    // Evicted and refused left nothing behind, so they may be sent again.
    assert!(send(&ingest, offer(100, 10)).is_ok());
    assert!(send(&ingest, offer(102, 5)).is_ok());
    settle(&reader, &events, 8);
    assert!(runtime.shutdown(Duration::from_secs(20)));
    let index = |n: u8| {
        let found = reader.transaction(&filler_signature(n.into())).unwrap();
        found.expect("it is published").index()
    };
    assert!(index(103) < index(101), "the higher offer ran first");
    assert_eq!(accounts(&reader)[&payer(119)], FUNDS + 4);
}
