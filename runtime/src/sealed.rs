//! The slots that were sealed last, as readers see them.
//!
//! A node holds as many as its finality lag asks for, and one: the newest is what is confirmed, the oldest what is
//! final. With a lag each is held with the state at its end, pinned by the publisher at the only moment at which that
//! is the newest visible one: when the next slot opens and nothing of it is published. Without a lag nothing is
//! pinned, and what is confirmed and final is read from the newest state.
//!
//! The publisher alone changes what is held, behind everything that the slot had in it; anyone reads it. A slot costs its
//! context, some 80 kB, and with a lag a pin: what it keeps is bounded by `Limits::pinned_bytes_max`, and beyond that the
//! oldest pins expire, and reads of them say so.

use crate::SlotContext;
use crate::start::ChainStart;
use crate::task::SlotOpening;
use sealane_accounts_db::{Accounts, Pin, ReadError};
use sealane_vm::ElfMachine;
use solana_hash::Hash;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

/// A slot that has ended, and the state at its end. The first of a chain is its beginning, before its first slot has ended.
pub struct SealedSlot {
    /// What transactions in it saw.
    context: Arc<SlotContext>,
    /// The slot after it, whose newest blockhash is this one's; `None` of a beginning.
    next: Option<Arc<SlotContext>>,
    /// Made when somebody asks.
    at_end: OnceLock<Arc<SlotContext>>,
    /// The state at its end; `None` without a lag: the newest.
    pin: Option<Result<Arc<Pin>, ReadError>>,
    /// The programs as they are at its end, for simulations: while it is the newest or the oldest, which alone are asked.
    machine: Mutex<Option<Arc<ElfMachine>>>,
    transaction_count: u64,
    /// It has ended.
    is_whole: bool,
}

impl SealedSlot {
    /// The slot.
    pub fn slot(&self) -> u64 {
        self.context.slot
    }

    /// The first slot that is not part of it: this one of a beginning, else the one after it.
    pub fn end(&self) -> u64 {
        self.context.slot + u64::from(self.is_whole)
    }

    /// What a transaction finds that runs at its end: its Clock and sysvars, and its own blockhash as the newest, as
    /// with one of Agave's banks that is frozen. Takes some tens of microseconds when it is asked for first.
    pub fn context(&self) -> &Arc<SlotContext> {
        self.at_end.get_or_init(|| match &self.next {
            Some(next) => Arc::new(self.context.at_end(next)),
            None => Arc::clone(&self.context),
        })
    }

    /// The state at its end, where there is a lag; `None` otherwise.
    pub fn pin(&self) -> Option<Result<&Pin, ReadError>> {
        Some(match self.pin.as_ref()? {
            Ok(pin) if pin.is_expired() => Err(ReadError::NoLongerHeld),
            Ok(pin) => Ok(&**pin),
            Err(error) => Err(error.clone()),
        })
    }

    /// The machine with its programs; `make` makes one of the state at its end.
    pub(crate) fn machine(
        &self,
        make: impl FnOnce(Arc<Pin>) -> Arc<ElfMachine>,
    ) -> Option<Arc<ElfMachine>> {
        let pin = self.pin.as_ref()?.as_ref().ok()?;
        let mut machine = self.machine.lock().expect("no holder of this lock panics");
        Some(machine.get_or_insert_with(|| make(Arc::clone(pin))).clone())
    }

    fn forget_machine(&self) {
        self.machine
            .lock()
            .expect("no holder of this lock panics")
            .take();
    }

    /// Transactions charged since genesis, up to its end.
    pub fn transaction_count(&self) -> u64 {
        self.transaction_count
    }
}

/// Those that a node holds. Clone freely.
#[derive(Clone)]
pub(crate) struct SealedSlots(Arc<Held>);

struct Held {
    lag: u64,
    accounts: Arc<Accounts>,
    /// Oldest first; never empty.
    slots: RwLock<VecDeque<Arc<SealedSlot>>>,
}

impl SealedSlots {
    /// Begins with the state of `start`.
    pub(crate) fn new(lag: u64, accounts: &Arc<Accounts>, start: &ChainStart) -> Self {
        let held = Held {
            lag,
            accounts: Arc::clone(accounts),
            slots: RwLock::default(),
        };
        let first = SealedSlot {
            context: Arc::clone(&start.context),
            next: None,
            at_end: OnceLock::new(),
            pin: held.pin(),
            machine: Mutex::default(),
            transaction_count: start.transaction_count,
            is_whole: start.checkpoint.is_some(),
        };
        let slots = held.slots.write();
        slots
            .expect("no holder of this lock panics")
            .push_back(Arc::new(first));
        Self(Arc::new(held))
    }

    /// How many slots what is final is behind what is confirmed.
    pub(crate) fn lag(&self) -> u64 {
        self.0.lag
    }

    /// The newest: what is confirmed.
    pub(crate) fn newest(&self) -> Arc<SealedSlot> {
        let slots = self.0.slots.read().expect("no holder of this lock panics");
        Arc::clone(slots.back().expect("there is one from the beginning"))
    }

    /// The oldest: what is final. Until the chain is as old as the lag asks for, its beginning.
    pub(crate) fn oldest(&self) -> Arc<SealedSlot> {
        let slots = self.0.slots.read().expect("no holder of this lock panics");
        Arc::clone(slots.front().expect("there is one from the beginning"))
    }

    /// The first slot that is not final, where this one is open.
    pub(crate) fn final_end(&self, open: u64) -> u64 {
        match self.0.lag {
            0 => open,
            _ => self.oldest().end(),
        }
    }

    /// `sealed` has ended, of which all is visible, and this slot opens; with a tip of `tip`. The publisher alone calls this.
    pub(crate) fn seal(
        &self,
        sealed: &Arc<SlotContext>,
        opening: &SlotOpening,
        tip: &Hash,
        transaction_count: u64,
    ) {
        let pin = self.0.pin();
        let held_max = self.held_max();
        let mut contexts = vec![Arc::clone(sealed)];
        if let Some(passed) = &opening.passed {
            let idle = sealed.through(passed, tip, held_max);
            contexts.extend(idle.into_iter().map(Arc::new));
        }
        contexts.push(Arc::clone(&opening.context));
        let sealed = contexts.windows(2).map(|pair| SealedSlot {
            context: Arc::clone(&pair[0]),
            next: Some(Arc::clone(&pair[1])),
            at_end: OnceLock::new(),
            pin: pin.clone(),
            machine: Mutex::default(),
            transaction_count,
            is_whole: true,
        });
        let sealed: Vec<_> = sealed.map(Arc::new).collect();
        let mut slots = self.0.slots.write().expect("no holder of this lock panics");
        // The beginning at a checkpoint is the end of its slot, of which more is known now.
        slots.pop_back_if(|newest| newest.end() > sealed[0].slot());
        slots.extend(sealed);
        // Those between the newest and the oldest: of them it is the one that was the newest.
        slots
            .iter()
            .rev()
            .skip(1)
            .take(1)
            .for_each(|it| it.forget_machine());
        let over = slots.len().saturating_sub(held_max);
        let over: Vec<_> = slots.drain(..over).collect();
        // A pin may be the last that holds on to the accounts; nobody waits for that.
        drop(slots);
        drop(over);
    }

    /// The context of the newest, which a snapshot of the chain keeps for the way back.
    pub(crate) fn newest_context(&self) -> Arc<SlotContext> {
        Arc::clone(&self.newest().context)
    }

    /// The chain went back: `open` is open, of which nothing is visible, and the slot before it was `sealed`. What is
    /// older than that stays; of what is not held any more, the state before `open` takes the place. The publisher
    /// alone calls this.
    pub(crate) fn go_back(
        &self,
        sealed: &Arc<SlotContext>,
        open: &Arc<SlotContext>,
        transaction_count: u64,
    ) {
        let before = SealedSlot {
            context: Arc::clone(sealed),
            next: Some(Arc::clone(open)),
            at_end: OnceLock::new(),
            pin: self.0.pin(),
            machine: Mutex::default(),
            transaction_count,
            is_whole: true,
        };
        let mut slots = self.0.slots.write().expect("no holder of this lock panics");
        let kept = slots.partition_point(|held| held.end() < open.slot);
        let over: Vec<_> = slots.drain(kept..).collect();
        slots.push_back(Arc::new(before));
        drop(slots);
        drop(over);
    }

    fn held_max(&self) -> usize {
        usize::try_from(self.0.lag).map_or(usize::MAX, |lag| lag.saturating_add(1))
    }
}

impl Held {
    fn pin(&self) -> Option<Result<Arc<Pin>, ReadError>> {
        (self.lag > 0).then(|| self.accounts.pin().map(Arc::new))
    }
}
