//! The serial oracle: the recorded order, run one by one on one thread over plain maps.
//!
//! It shares the bank with the pipeline and nothing else: no lock table, no versions, no queues. What the
//! pipeline did on any number of threads must be what this does. It keeps its own books: what each fee
//! burns and what the leader earns, so that no reward pays more than was earned and not yet paid (how much
//! of that is due when a slot opens depends on when completions came in, and is the record's to say), and no
//! lamport comes or goes over the whole run. Slots must follow one another, and a reward opens its slot.

use crate::banking::rewarded;
use crate::history::PastEntry;
use crate::operator::AccountChange;
use crate::sync::Arc;
use crate::task::{Outcome, SetAccount, Work};
use crate::uploaded::SerialPrograms;
use crate::{Bank, RuntimeConfig, SlotContext, VerifiedTransaction};
use sealane_sdk::{AccountState, Deployment, Pubkey, TransactionAccounts};
use sealane_vm::ElfMachine;
use solana_transaction_error::TransactionError;
use std::collections::HashMap;

/// The serial order that a pipeline followed, with what it made of each task.
#[derive(Default)]
pub struct Order {
    pub(crate) items: Vec<OrderItem>,
}

pub(crate) enum OrderItem {
    /// This slot opened.
    Slot(u64),
    Entry(Arc<PastEntry>),
    /// A snapshot was taken.
    Snapshot(u64),
    /// All is as it was at a snapshot; an entry that writes accounts as they were may follow.
    Revert(u64),
}

/// The books as they were.
struct PastRun {
    id: u64,
    accounts: HashMap<Pubkey, AccountState>,
    charged: u64,
    burnt: u128,
    unpaid: u128,
    given: i128,
    slot: u64,
}

/// Where the serial run differed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Place in the serial order.
    pub sequence: u64,
    /// What was found, in words.
    pub what: String,
}

/// What the serial run found.
pub struct SerialRun {
    /// All accounts that exist afterwards.
    pub accounts: HashMap<Pubkey, AccountState>,
    /// Charged transactions.
    pub charged: u64,
    /// Dropped transactions.
    pub dropped: u64,
    /// Lamports burnt: of fees, and rewards that the leader's account could not hold.
    pub burnt: u128,
    /// The leader's share of fees that no slot has paid yet.
    pub unpaid: u128,
    /// Lamports that came and went as the operator set accounts.
    pub given: i128,
    /// The first results that differ from the pipeline's, or break a rule, at most ten.
    pub differences: Vec<Difference>,
    snapshots: Vec<PastRun>,
    identity: Pubkey,
    programs: std::sync::Arc<SerialPrograms>,
    /// The open slot, and whether nothing ran in it yet.
    slot: u64,
    slot_is_new: bool,
}

const DIFFERENCES_MAX: usize = 10;

impl Order {
    /// Tasks recorded.
    pub fn len(&self) -> usize {
        let tasks = |item: &OrderItem| match item {
            OrderItem::Slot(_) | OrderItem::Snapshot(_) | OrderItem::Revert(_) => 0,
            OrderItem::Entry(entry) => entry.tasks.len(),
        };
        self.items.iter().map(tasks).sum()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The transactions in the serial order (dropped ones included).
    pub fn transactions(&self) -> impl Iterator<Item = &VerifiedTransaction> {
        let entries = self.items.iter().filter_map(|item| match item {
            OrderItem::Entry(entry) => Some(entry),
            _ => None,
        });
        entries
            .flat_map(|entry| &entry.tasks)
            .filter_map(|task| match &task.work {
                Work::Transaction(transaction) => Some(&**transaction),
                Work::FeeReward { .. } | Work::SetAccount(_) => None,
            })
    }

    /// Swaps the `i`-th and `j`-th task of one entry: a wrong order, to show that the oracle sees it.
    /// `false` if they are not both in one entry that nobody else holds.
    #[doc(hidden)]
    pub fn swap_for_test(&mut self, entry: usize, i: usize, j: usize) -> bool {
        let entries = self.items.iter_mut().filter_map(|item| match item {
            OrderItem::Entry(entry) => Some(entry),
            _ => None,
        });
        match entries.skip(entry).find_map(|entry| {
            let tasks = &mut Arc::get_mut(entry)?.tasks;
            (i.max(j) < tasks.len()).then(|| tasks.swap(i, j))
        }) {
            Some(()) => true,
            None => false,
        }
    }

    /// Runs the order from the genesis of `config` and compares every result.
    pub fn run_serially(&self, config: &RuntimeConfig) -> SerialRun {
        self.run_serially_noting(config, &mut |_| ())
    }

    /// The same; `note` sees all accounts where a slot ended, in order of the slots, from 0.
    pub fn run_serially_noting(
        &self,
        config: &RuntimeConfig,
        note: &mut dyn FnMut(&HashMap<Pubkey, AccountState>),
    ) -> SerialRun {
        let programs = std::sync::Arc::new(SerialPrograms::default());
        let machine = ElfMachine::new(programs.clone(), config.elf_programs);
        let mut bank = Bank::new(config.programs.clone(), &config.limits)
            .with_machine(std::sync::Arc::new(machine));
        let mut run = SerialRun {
            accounts: crate::start::genesis_accounts(config).into_iter().collect(),
            charged: 0,
            dropped: 0,
            burnt: 0,
            unpaid: 0,
            given: 0,
            differences: Vec::new(),
            snapshots: Vec::new(),
            identity: config.identity,
            programs,
            slot: 0,
            slot_is_new: true,
        };
        run.accounts.retain(|_, state| !state.is_absent());
        for (key, state) in &run.accounts {
            run.programs.note(key, state);
        }
        let supply = run.supply();
        let mut sequence = 0;
        for item in &self.items {
            let entry = match item {
                OrderItem::Entry(entry) => entry,
                OrderItem::Snapshot(id) => {
                    run.take_snapshot(*id);
                    continue;
                }
                OrderItem::Revert(id) => {
                    run.go_back(&bank, *id);
                    continue;
                }
                OrderItem::Slot(slot) => {
                    note(&run.accounts);
                    if *slot <= run.slot {
                        run.differs(sequence, format!("slot {slot} opens after {}", run.slot));
                    }
                    (run.slot, run.slot_is_new) = (*slot, true);
                    continue;
                }
            };
            let slot = context(entry).slot;
            if slot != run.slot {
                run.differs(
                    sequence,
                    format!("an entry of slot {slot} in slot {}", run.slot),
                );
            }
            for place in 0..entry.tasks.len() {
                if let Some(what) = run.run_task(&mut bank, entry, place) {
                    run.differs(sequence, what);
                }
                let task = &entry.tasks[place];
                // Accounts that are what they were are nothing that happens in the slot.
                run.slot_is_new &=
                    matches!(&task.work, Work::SetAccount(change) if change.restores);
                sequence += 1;
            }
        }
        let left = run.supply() + run.burnt + run.unpaid;
        let supply = supply.saturating_add_signed(run.given);
        if left != supply {
            run.differs(sequence, format!("of {supply} lamports there are {left}"));
        }
        run
    }
}

/// What the transactions of a recorded entry saw.
fn context(entry: &PastEntry) -> &SlotContext {
    let context = entry.context.as_deref();
    context.expect("an entry of a recorded order keeps its slot's context")
}

impl SerialRun {
    fn differs(&mut self, sequence: u64, what: String) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(Difference { sequence, what });
        }
    }

    /// Lamports of all accounts.
    fn supply(&self) -> u128 {
        let accounts = self.accounts.values();
        accounts.map(|state| u128::from(state.lamports)).sum()
    }

    fn run_task(&mut self, bank: &mut Bank, entry: &PastEntry, place: usize) -> Option<String> {
        let task = &entry.tasks[place];
        match &task.work {
            Work::FeeReward { lamports } => {
                if !self.slot_is_new {
                    return Some("a reward that does not open its slot".into());
                }
                let unpaid = self.unpaid;
                if !self.reward(context(entry), *lamports) {
                    return Some(format!(
                        "a reward of {lamports}, where {unpaid} were earned"
                    ));
                }
                None
            }
            Work::SetAccount(change) if change.restores => {
                let before = self.accounts.get(&change.key).cloned();
                let restored = change.apply(&AccountState::default());
                let is_so = restored.as_ref() == Ok(&before.unwrap_or_default());
                (!is_so).then(|| format!("{} was restored as {restored:?}", change.key))
            }
            Work::SetAccount(change) => {
                let expected = self.set(bank, change);
                (task.outcome != expected)
                    .then(|| format!("{:?}, serially {expected:?}", task.outcome))
            }
            Work::Transaction(transaction) => match self.run(bank, context(entry), transaction) {
                Err(error) => {
                    self.dropped += 1;
                    let expected = Outcome::Dropped(error);
                    (task.outcome != expected)
                        .then(|| format!("{:?}, serially {expected:?}", task.outcome))
                }
                Ok(record) => {
                    self.charged += 1;
                    let same = matches!(task.outcome, Outcome::Charged { .. })
                        && entry.record_bytes(place) == record;
                    (!same).then(|| {
                        let keys: Vec<Pubkey> = (0..transaction.account_count())
                            .map(|i| *transaction.key(i))
                            .collect();
                        let serial = crate::TransactionRecord::decode(&record, &keys);
                        format!("{:?}, serially {serial:?}", task.outcome)
                    })
                }
            },
        }
    }

    /// Pays what was earned; `false`, and nothing is paid, if it was not.
    fn reward(&mut self, slot: &SlotContext, lamports: u64) -> bool {
        let Some(unpaid) = self.unpaid.checked_sub(lamports.into()) else {
            return false;
        };
        self.unpaid = unpaid;
        let account = self
            .accounts
            .get(&self.identity)
            .cloned()
            .unwrap_or_default();
        match rewarded(&account, lamports, &slot.sysvars.rent) {
            Some(state) => {
                self.accounts.insert(self.identity, state);
            }
            None => self.burnt += u128::from(lamports),
        }
        true
    }

    fn take_snapshot(&mut self, id: u64) {
        self.snapshots.push(PastRun {
            id,
            accounts: self.accounts.clone(),
            charged: self.charged,
            burnt: self.burnt,
            unpaid: self.unpaid,
            given: self.given,
            slot: self.slot,
        });
    }

    fn go_back(&mut self, bank: &Bank, id: u64) {
        let at = self.snapshots.iter().position(|past| past.id == id);
        let Some(past) = at.and_then(|at| self.snapshots.drain(at..).next()) else {
            return self.differs(0, format!("there is no snapshot {id} to go back to"));
        };
        for key in self.accounts.keys() {
            self.programs.note(key, &AccountState::default());
        }
        for (key, state) in &past.accounts {
            self.programs.note(key, state);
        }
        bank.forget_programs();
        self.accounts = past.accounts;
        (self.charged, self.burnt) = (past.charged, past.burnt);
        (self.unpaid, self.given) = (past.unpaid, past.given);
        (self.slot, self.slot_is_new) = (past.slot, true);
    }

    /// Sets an account as the operator wants it.
    fn set(&mut self, bank: &mut Bank, change: &AccountChange) -> Outcome {
        let before = self.accounts.get(&change.key).cloned().unwrap_or_default();
        let state = match change.apply(&before) {
            Ok(state) => state,
            Err(reason) => return Outcome::NotSet(reason.into()),
        };
        self.given += i128::from(state.lamports) - i128::from(before.lamports);
        self.programs.note(&change.key, &state);
        if state.is_absent() {
            self.accounts.remove(&change.key);
        } else {
            self.accounts.insert(change.key, state.clone());
        }
        let set = SetAccount::new(&before, state);
        if set.is_program {
            bank.forget_programs();
        }
        Outcome::Set(Box::new(set))
    }

    /// Half of what signatures cost is burnt; the rest, and the priority fee, is the leader's.
    fn share(&mut self, slot: &SlotContext, transaction: &VerifiedTransaction, fee: u64) {
        let priority = transaction.fee(0);
        let signatures = transaction.fee(slot.lamports_per_signature) - priority;
        let burnt = signatures - signatures / 2;
        self.burnt += u128::from(burnt);
        self.unpaid += u128::from(fee - burnt);
    }

    /// Processes one transaction; its record, or why it was dropped.
    fn run(
        &mut self,
        bank: &mut Bank,
        slot: &SlotContext,
        transaction: &VerifiedTransaction,
    ) -> Result<Vec<u8>, TransactionError> {
        let absent = AccountState::default();
        let count = transaction.account_count();
        let mut accounts = TransactionAccounts::new();
        let states = |i| self.accounts.get(transaction.key(i)).unwrap_or(&absent);
        let mut processed = bank.process(slot, transaction, states, &mut accounts)?;
        let mut record = Vec::new();
        processed.encode_record(&mut record);
        let fee = processed.fee;
        let changes: Vec<Option<AccountState>> =
            (0..count).map(|i| processed.take_change(i)).collect();
        let deployed: Vec<Deployment> = processed.deployed().to_vec();
        drop(accounts);
        self.share(slot, transaction, fee);
        for (i, change) in changes.into_iter().enumerate() {
            if transaction.is_writable(i)
                && let Some(state) = change
            {
                self.programs.note(transaction.key(i), &state);
                if state.is_absent() {
                    self.accounts.remove(transaction.key(i));
                } else {
                    self.accounts.insert(*transaction.key(i), state);
                }
            }
        }
        for change in deployed {
            let key = transaction.key(usize::from(change.programdata));
            let programdata = self.accounts.get(key).unwrap_or(&absent);
            let program = transaction.key(usize::from(change.program));
            bank.program_changed(program, programdata, slot.slot);
        }
        Ok(record)
    }
}
