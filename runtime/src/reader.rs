//! What anybody may ask of a running pipeline, from any thread. Nothing here makes a pipeline thread wait.

use crate::checkpoint::CheckpointWatch;
use crate::counters::{Counters, StageCounters, WaitHistogram};
use crate::headers::{Headers, NoProof, ProvenBytes, SignedHeader};
use crate::history::{
    History, NoBlock, PublishedBlock, PublishedTransaction, SignatureStatus, Unreadable,
};
use crate::ledger::LedgerHealth;
use crate::publish::{Event, Listeners};
use crate::sealed::{SealedSlot, SealedSlots};
use crate::sync::{Arc, Mutex};
use crate::watchdog::{Post, Posts};
use crate::{
    Bank, Limits, Order, SlotContext, SlotWatch, Snapshots, TransactionRecord, VerifiedTransaction,
    Verifier, VerifyError,
};
use bytes::Bytes;
use crossbeam_channel::Receiver;
use sealane_accounts_db::{Accounts, Disk, KeptCheckpoint, Pin, ReadError};
use sealane_sdk::{AccountState, Pubkey, TransactionAccounts, TransactionTrace};
use sealane_vm::ElfMachine;
use solana_hash::Hash;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;

/// What a simulation found.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Slot it ran in.
    pub slot: u64,
    /// What would be remembered of it. A transaction that would be dropped has its error here and its accounts'
    /// balances.
    pub record: TransactionRecord,
    /// Whether it would be charged, and not dropped.
    pub is_charged: bool,
    /// Bytes that its accounts count (SIMD-0186), as many as it may load at most.
    pub loaded_bytes: u32,
    /// States of the transaction's accounts afterwards, in message order.
    pub accounts: Vec<(Pubkey, AccountState)>,
    /// What it did in detail, where that was asked for and it came to execution.
    pub trace: Option<TransactionTrace>,
}

impl Simulation {
    /// As if it had been dropped for this reason.
    pub fn dropped(self, error: TransactionError) -> Self {
        Self {
            record: dropped(error, self.record.pre_balances),
            is_charged: false,
            loaded_bytes: 0,
            trace: None,
            ..self
        }
    }
}

/// Reads what is visible. Clone freely.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) slots: SlotWatch,
    pub(crate) sealed: SealedSlots,
    pub(crate) history: Arc<History>,
    pub(crate) ledger: Arc<LedgerHealth>,
    pub(crate) ledger_disk: Option<std::sync::Arc<dyn Disk>>,
    pub(crate) listeners: Listeners,
    pub(crate) counters: Arc<StageCounters>,
    pub(crate) waits: Arc<Mutex<WaitHistogram>>,
    /// Those of past slots, where they are made.
    pub(crate) headers: Option<Arc<Headers>>,
    pub(crate) checkpoints: Arc<CheckpointWatch>,
    /// Makes banks with all programs of the node.
    pub(crate) new_bank: Box<dyn Fn() -> Bank + Send + Sync>,
    pub(crate) genesis_hash: Hash,
    pub(crate) limits: Limits,
    /// Makes verifiers that share the node's keys.
    pub(crate) new_verifier: Box<dyn Fn(bool) -> Verifier + Send + Sync>,
    /// Verifiers and banks of readers, reused: checking signatures, trusting, simulating.
    pub(crate) checking: Pool<Verifier>,
    pub(crate) trusting: Pool<Verifier>,
    pub(crate) banks: Pool<(Bank, Arc<Post>)>,
    /// Those that simulate in slots that have ended, and what makes the machine with a slot's programs.
    pub(crate) past_banks: Pool<(Bank, Arc<Post>)>,
    pub(crate) new_past_machine: Box<NewPastMachine>,
    pub(crate) posts: Posts,
    /// The serial order, where it is recorded.
    pub(crate) order: Option<Arc<Mutex<Order>>>,
}

/// Makes a machine of a state of the past.
type NewPastMachine = dyn Fn(Arc<Pin>) -> Arc<ElfMachine> + Send + Sync;

/// Things that are costly to make and used for a moment.
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Pool<T> {
    pub(crate) fn with<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let pooled = self.0.lock().expect("no holder of this lock panics").pop();
        let mut item = pooled.unwrap_or_else(make);
        let result = work(&mut item);
        self.0
            .lock()
            .expect("no holder of this lock panics")
            .push(item);
        result
    }
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The open slot's context.
    pub fn slot(&self) -> std::sync::Arc<SlotContext> {
        self.shared.slots.get()
    }

    /// Watch of the open slot.
    pub fn slots(&self) -> SlotWatch {
        self.shared.slots.clone()
    }

    /// The newest slot that has ended: what is confirmed.
    pub fn confirmed(&self) -> std::sync::Arc<SealedSlot> {
        self.shared.sealed.newest()
    }

    /// The slot that is final: `finality_lag` before that; until the chain is so old, its beginning.
    pub fn finalized(&self) -> std::sync::Arc<SealedSlot> {
        self.shared.sealed.oldest()
    }

    /// How many slots what is final is behind what is confirmed. 0: both have the newest visible state.
    pub fn finality_lag(&self) -> u64 {
        self.shared.sealed.lag()
    }

    /// Pins the newest visible state.
    pub fn pin(&self) -> Result<Pin, ReadError> {
        self.shared.accounts.pin()
    }

    /// Status of a published transaction that is in memory. Never waits for a disk.
    pub fn recent_status(&self, signature: &Signature) -> Option<SignatureStatus> {
        let found = self.shared.history.find_recent(signature)?;
        Some(found.status())
    }

    /// Status of a published transaction, if it is in memory, or of `first_slot` or a later one: 0 for all
    /// that the ledger keeps. With a ledger, it may read the disk.
    pub fn status_since(
        &self,
        signature: &Signature,
        first_slot: u64,
    ) -> Result<Option<SignatureStatus>, Unreadable> {
        let found = self.shared.history.find(signature, first_slot)?;
        Ok(found.map(|found| found.status()))
    }

    /// Whether what is no longer in memory can be read from a ledger.
    pub fn has_archive(&self) -> bool {
        self.shared.history.has_archive()
    }

    /// A published transaction that is in memory. Never waits for a disk.
    pub fn recent_transaction(&self, signature: &Signature) -> Option<PublishedTransaction> {
        self.shared.history.find_recent(signature)
    }

    /// A published transaction. With a ledger, it may read the disk.
    pub fn transaction(
        &self,
        signature: &Signature,
    ) -> Result<Option<PublishedTransaction>, Unreadable> {
        self.shared.history.find(signature, 0)
    }

    /// The header of a slot that ended, while it is kept (`Limits::headers_max`); without a slot, the newest.
    pub fn header(&self, slot: Option<u64>) -> Option<SignedHeader> {
        self.shared.headers.as_ref()?.get(slot)
    }

    /// What an account is at the end of the slot with the newest header: the header, and an
    /// `AccountProof` of that it exists with certain contents, or does not exist.
    pub fn prove_account(&self, key: &Pubkey) -> Result<ProvenBytes, NoProof> {
        self.headers()?.prove_account(key)
    }

    /// That a published transaction is in its slot: the slot's header and a `TransactionProof`.
    pub fn prove_transaction(&self, signature: &Signature) -> Result<ProvenBytes, NoProof> {
        let headers = self.headers()?;
        let transaction = self.transaction(signature);
        let transaction = transaction.map_err(|_| NoProof::Unreadable)?;
        let transaction = transaction.ok_or(NoProof::Unknown)?;
        headers.prove_transaction(transaction.slot(), &transaction.leaf())
    }

    fn headers(&self) -> Result<&Headers, NoProof> {
        self.shared.headers.as_deref().ok_or(NoProof::Off)
    }

    /// The newest durable checkpoint of the accounts, where there are any.
    pub fn newest_checkpoint(&self) -> Option<std::sync::Arc<KeptCheckpoint>> {
        self.shared.checkpoints.newest()
    }

    /// Who makes snapshots of the chain; `None` without a ledger.
    pub fn snapshots(&self) -> Option<Snapshots> {
        let shared = &self.shared;
        let disk = shared.ledger_disk.clone()?;
        let checkpoints = shared.checkpoints.clone();
        let ledger = shared.ledger.clone();
        Some(Snapshots::new(
            disk,
            shared.genesis_hash,
            checkpoints,
            ledger,
        ))
    }

    /// Number of the oldest record of the block log that a start may need; 0: all of them.
    pub fn log_needed_from(&self) -> u64 {
        self.shared.checkpoints.log_needed_from()
    }

    /// The block of a sealed slot. With a ledger, it may read the disk.
    pub fn block(&self, slot: u64) -> Result<PublishedBlock, NoBlock> {
        self.shared.history.block(slot)
    }

    /// Unix time of a sealed slot, in seconds. With a ledger, it may read the disk.
    pub fn block_time(&self, slot: u64) -> Result<i64, NoBlock> {
        self.shared.history.block_time(slot)
    }

    /// The first `limit` slots from `first` to `last` whose blocks are kept, in order.
    pub fn blocks(&self, first: u64, last: u64, limit: usize) -> Vec<u64> {
        self.shared.history.blocks(first, last, limit)
    }

    /// The first slot whose block is kept; the open one, if none is.
    pub fn first_available_block(&self) -> u64 {
        self.shared.history.first_available_block()
    }

    /// Published transactions that name `address`, newest first: at most `limit`, those older than `before`
    /// and newer than `until`. None if `before` is not known; all if `until` is not. May take a second.
    pub fn transactions_of(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
        until: Option<&Signature>,
        limit: usize,
    ) -> Result<Vec<PublishedTransaction>, Unreadable> {
        self.transactions_of_slots(address, before, until, limit, |_| true)
    }

    /// The same, of slots that are `shown` alone: if one is, so are those before it.
    pub fn transactions_of_slots(
        &self,
        address: &Pubkey,
        before: Option<&Signature>,
        until: Option<&Signature>,
        limit: usize,
        shown: impl Fn(u64) -> bool,
    ) -> Result<Vec<PublishedTransaction>, Unreadable> {
        self.shared
            .history
            .transactions_of(address, before, until, limit, &shown)
    }

    /// Verifies without admitting (`check_signatures`: also the signatures).
    pub fn verify(
        &self,
        bytes: Bytes,
        check_signatures: bool,
    ) -> Result<Box<VerifiedTransaction>, VerifyError> {
        self.with_verifier(check_signatures, |verifier, results| {
            verifier.verify_batch(vec![bytes], results);
        })
    }

    /// The same as seen in a slot, with a state of it: what lookup tables give.
    pub fn verify_at(
        &self,
        bytes: Bytes,
        check_signatures: bool,
        slot: &SlotContext,
        state: &Pin,
    ) -> Result<Box<VerifiedTransaction>, VerifyError> {
        self.with_verifier(check_signatures, |verifier, results| {
            verifier.verify_batch_at(vec![bytes], slot, state, results);
        })
    }

    fn with_verifier(
        &self,
        check_signatures: bool,
        verify: impl FnOnce(&mut Verifier, &mut Vec<Result<Box<VerifiedTransaction>, VerifyError>>),
    ) -> Result<Box<VerifiedTransaction>, VerifyError> {
        let shared = &self.shared;
        let pool = if check_signatures {
            &shared.checking
        } else {
            &shared.trusting
        };
        let make = || (shared.new_verifier)(check_signatures);
        pool.with(make, |verifier| {
            let mut results = Vec::with_capacity(1);
            verify(verifier, &mut results);
            results.pop().expect("one result for one transaction")
        })
    }

    /// Runs a transaction against the visible state without committing anything.
    /// `replace_blockhash`: as if it carried the newest blockhash.
    pub fn simulate(
        &self,
        transaction: &VerifiedTransaction,
        replace_blockhash: bool,
    ) -> Result<Simulation, ReadError> {
        self.simulate_now(transaction, replace_blockhash, false)
    }

    /// The same, with a trace.
    pub fn trace(
        &self,
        transaction: &VerifiedTransaction,
        replace_blockhash: bool,
    ) -> Result<Simulation, ReadError> {
        self.simulate_now(transaction, replace_blockhash, true)
    }

    fn simulate_now(
        &self,
        transaction: &VerifiedTransaction,
        replace_blockhash: bool,
        traced: bool,
    ) -> Result<Simulation, ReadError> {
        let slot = self.slot();
        let accounts = accounts_of(transaction, &slot, &self.pin()?)?;
        let pool = &self.shared.banks;
        Ok(self.simulate_with(transaction, pool, |bank| {
            bank.set_traced(traced);
            simulate(bank, &slot, transaction, accounts, replace_blockhash)
        }))
    }

    /// The same at the end of a slot that has ended and whose state is held, with the programs as they were.
    pub fn simulate_at(
        &self,
        sealed: &SealedSlot,
        transaction: &VerifiedTransaction,
        replace_blockhash: bool,
        traced: bool,
    ) -> Result<Simulation, ReadError> {
        let Some(pin) = sealed.pin() else {
            return self.simulate_now(transaction, replace_blockhash, traced);
        };
        let slot = sealed.context();
        let accounts = accounts_of(transaction, slot, pin?)?;
        let shared = &self.shared;
        let machine = sealed.machine(|pin| (shared.new_past_machine)(pin));
        Ok(self.simulate_with(transaction, &shared.past_banks, |bank| {
            if let Some(machine) = machine {
                bank.set_machine(machine);
            }
            bank.set_traced(traced);
            simulate(bank, slot, transaction, accounts, replace_blockhash)
        }))
    }

    fn simulate_with(
        &self,
        transaction: &VerifiedTransaction,
        pool: &Pool<(Bank, Arc<Post>)>,
        run: impl FnOnce(&mut Bank) -> Simulation,
    ) -> Simulation {
        let shared = &self.shared;
        let make = || {
            let bank = (shared.new_bank)();
            let post = shared.posts.add(&bank);
            (bank, post)
        };
        pool.with(make, |(bank, post)| {
            post.simulate(transaction, || {
                let run = run(bank);
                let trace = bank.take_trace();
                Simulation { trace, ..run }
            })
        })
    }

    /// Events from now on; the channel disconnects when its receiver falls
    /// `Limits::listener_events_max` behind.
    pub fn listen(&self) -> Receiver<Event> {
        let (sender, receiver) = crossbeam_channel::bounded(self.shared.limits.listener_events_max);
        self.shared
            .listeners
            .lock()
            .expect("no holder of this lock panics")
            .push(sender);
        receiver
    }

    /// Takes the serial order recorded so far (`RuntimeConfig::record_order`); empty if none is. After
    /// `Runtime::shutdown` it is the whole order.
    pub fn take_order(&self) -> Order {
        match &self.shared.order {
            Some(order) => {
                std::mem::take(&mut *order.lock().expect("no holder of this lock panics"))
            }
            None => Order::default(),
        }
    }

    /// Transactions charged since genesis.
    pub fn transaction_count(&self) -> u64 {
        self.shared.counters.charged()
    }

    /// Whether no broken invariant has ended a thread of the pipeline, and the ledger has not failed.
    /// Once false, what is visible stays so, and nothing more will be.
    pub fn is_healthy(&self) -> bool {
        self.shared.counters.broken_threads.get() == 0 && self.shared.ledger.failure().is_none()
    }

    /// Why the ledger failed, if it did: what is visible stays so, and nothing more will be.
    pub fn ledger_failure(&self) -> Option<Arc<str>> {
        self.shared.ledger.failure()
    }

    /// Genesis hash.
    pub fn genesis_hash(&self) -> Hash {
        self.shared.genesis_hash
    }

    /// Counters since start.
    pub fn counters(&self) -> Counters {
        let accounts = &self.shared.accounts;
        Counters {
            resident_bytes: accounts.resident_bytes(),
            cold_reads: accounts.cold_reads(),
            ..self.shared.counters.read()
        }
    }

    /// Entries that are visible and that the index of the history does not have yet: they are found in memory
    /// meanwhile. 0 where there is no such index.
    pub fn unindexed_entries(&self) -> u64 {
        self.shared.history.unindexed_entries()
    }

    /// How long transactions waited between insertion and their banking thread, since start.
    pub fn waits(&self) -> WaitHistogram {
        self.shared
            .waits
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }
}

/// A transaction's accounts, as they are found in a slot and a state of it.
fn accounts_of(
    transaction: &VerifiedTransaction,
    slot: &SlotContext,
    pin: &Pin,
) -> Result<(Vec<Pubkey>, Vec<AccountState>), ReadError> {
    let keys: Vec<Pubkey> = (0..transaction.account_count())
        .map(|i| *transaction.key(i))
        .collect();
    let states: Vec<AccountState> = keys
        .iter()
        .map(|key| Ok(slot.account(pin, key)?.unwrap_or_default()))
        .collect::<Result<_, ReadError>>()?;
    Ok((keys, states))
}

fn simulate(
    bank: &mut Bank,
    slot: &SlotContext,
    transaction: &VerifiedTransaction,
    (keys, mut states): (Vec<Pubkey>, Vec<AccountState>),
    replace_blockhash: bool,
) -> Simulation {
    let mut accounts = TransactionAccounts::new();
    let before = |i: usize| &states[i];
    let processed = if replace_blockhash {
        bank.process_with_newest_blockhash(slot, transaction, before, &mut accounts)
    } else {
        bank.process(slot, transaction, before, &mut accounts)
    };
    let mut changes = Vec::new();
    let is_charged = processed.is_ok();
    let mut loaded_bytes = 0;
    let record = match processed {
        Err(error) => dropped(error, states.iter().map(|state| state.lamports).collect()),
        Ok(mut processed) => {
            loaded_bytes = processed.loaded_bytes;
            let mut bytes = Vec::new();
            processed.encode_record(&mut bytes);
            changes.extend((0..keys.len()).map(|i| processed.take_change(i)));
            TransactionRecord::decode(&bytes, &keys)
        }
    };
    drop(accounts);
    for (state, change) in states.iter_mut().zip(changes) {
        if let Some(change) = change {
            *state = change;
        }
    }
    Simulation {
        slot: slot.slot,
        record,
        is_charged,
        loaded_bytes,
        accounts: keys.into_iter().zip(states).collect(),
        trace: None,
    }
}

/// What is told of a transaction that would be dropped.
fn dropped(error: TransactionError, balances: Vec<u64>) -> TransactionRecord {
    TransactionRecord {
        status: Err(error),
        fee: 0,
        compute_units: 0,
        post_balances: balances.clone(),
        pre_balances: balances,
        logs: Vec::new(),
        inner_instructions: Vec::new(),
        return_data: None,
        pre_token_balances: Vec::new(),
        post_token_balances: Vec::new(),
    }
}
