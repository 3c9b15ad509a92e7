//! What the operator of a chain for development may do beside what everybody may: set accounts, move the
//! clock and stop it.
//!
//! A command goes to the schedule stage through a bounded queue of its own. One that sets an account becomes a
//! task in the serial order, under that account's write lock, and is in the block log; the others are carried
//! out when nothing is in flight and all that came before is visible. Each call waits until what it did is
//! visible too, and with a ledger durable, so no thread of the pipeline may make one.

use crate::SlotContext;
use crate::sync::{Arc, AtomicBool, Ordering, Sender, Thread, TrySendError};
use sealane_sdk::{AccountState, MAX_ACCOUNT_DATA_LEN, Pubkey};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Duration;

/// How long a command may take: the longest journey through time takes a few seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a command was not carried out. Nothing has changed then, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The account does not allow it, in words.
    #[error("{0}")]
    Refused(String),
    /// The account is made by the slot.
    #[error(
        "account {0} is a sysvar or a part of the runtime: each slot makes it, and nobody sets it"
    )]
    Virtual(Pubkey),
    /// No index is free.
    #[error("there is no room for another account")]
    AccountsFull,
    /// A journey into the past.
    #[error("{what} {to} is before {now}: time goes forward only")]
    Past {
        /// What was named.
        what: &'static str,
        /// Where to.
        to: u64,
        /// Where the chain is.
        now: u64,
    },
    /// A journey too far.
    #[error("{what} {to} is too far from {now}: one journey goes as far as {max} at most")]
    TooFar {
        /// What was named.
        what: &'static str,
        /// Where to.
        to: u64,
        /// Where the chain is.
        now: u64,
        /// How far one may go.
        max: u64,
    },
    /// A snapshot too many.
    #[error(
        "there are {max} snapshots, and there may be no more: go back to one of them, or start the node anew"
    )]
    TooManySnapshots {
        /// How many there may be.
        max: usize,
    },
    /// Too many commands wait.
    #[error("too many commands wait; try again")]
    Busy,
    /// The node stops, or its ledger has failed.
    #[error("the node stops, or its ledger failed: whether it was done is not known")]
    Stopped,
}

/// Where to in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeTravel {
    /// This slot opens; those up to it pass with nothing in them.
    Slot(u64),
    /// The first slot of this epoch.
    Epoch(u64),
    /// The next slot opens at this time, Unix milliseconds.
    Time(u64),
}

/// Sends commands. Clone freely.
#[derive(Clone)]
pub struct Operator {
    pub(crate) commands: Sender<Command>,
    /// The schedule stage, to be woken.
    pub(crate) scheduler: Arc<OnceLock<Thread>>,
    pub(crate) stopping: Arc<AtomicBool>,
}

/// What travels to the schedule stage.
pub(crate) enum Command {
    SetAccount(Box<AccountChange>),
    Travel(TimeTravel, Reply<Arc<SlotContext>>),
    SetPaused(bool, Reply<Arc<SlotContext>>),
    Settle(Reply<Arc<SlotContext>>),
    Snapshot(Reply<u64>),
    Revert(u64, Reply<bool>),
}

/// Hears what came of a command, once.
pub(crate) type Reply<T> = crossbeam_channel::Sender<Result<T, OperatorError>>;

impl Operator {
    /// Sets an account to what `change` makes of it; the slot in which that is visible. `change` runs under the
    /// account's write lock, on a thread of the pipeline: it gets the state that all earlier transactions left
    /// (the default one, where the account does not exist), must be quick, and may refuse.
    pub fn set_account(
        &self,
        key: &Pubkey,
        change: impl Fn(&AccountState) -> Result<AccountState, String> + Send + Sync + 'static,
    ) -> Result<u64, OperatorError> {
        self.ask(|reply| {
            Command::SetAccount(Box::new(AccountChange {
                key: *key,
                change: Box::new(change),
                reply: Some(reply),
                restores: false,
            }))
        })
    }

    /// Moves the clock forward; the slot that is open then.
    pub fn time_travel(&self, to: TimeTravel) -> Result<Arc<SlotContext>, OperatorError> {
        self.ask(|reply| Command::Travel(to, reply))
    }

    /// Stops the clock: no slot turns by itself, so blockhashes stay valid. Transactions run as ever. The
    /// open slot. A node that is started anew has a clock that goes.
    pub fn pause_clock(&self) -> Result<Arc<SlotContext>, OperatorError> {
        self.ask(|reply| Command::SetPaused(true, reply))
    }

    /// Lets the clock go on from where it is; the open slot.
    pub fn resume_clock(&self) -> Result<Arc<SlotContext>, OperatorError> {
        self.ask(|reply| Command::SetPaused(false, reply))
    }

    /// Waits until all that the node has taken so far is visible, be it the slot that opens at its start; the open slot.
    pub fn settle(&self) -> Result<Arc<SlotContext>, OperatorError> {
        self.ask(Command::Settle)
    }

    /// Takes a snapshot of all that the chain is, to go back to; its number. It ends the open slot. Nothing is
    /// copied: what an account was is kept from when it is written next. It is forgotten when the node stops.
    pub fn snapshot(&self) -> Result<u64, OperatorError> {
        self.ask(Command::Snapshot)
    }

    /// Goes back to a snapshot: accounts, clock, blockhashes, history, transactions that are known and their count
    /// are what they were. It and those that were taken after it are over. `false`, and nothing is done, if there
    /// is no such snapshot.
    pub fn revert(&self, snapshot: u64) -> Result<bool, OperatorError> {
        self.ask(|reply| Command::Revert(snapshot, reply))
    }

    fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, OperatorError> {
        // Acquire: pairs with the release in `Runtime::shutdown`.
        if self.stopping.load(Ordering::Acquire) {
            return Err(OperatorError::Stopped);
        }
        let (reply, answer) = crossbeam_channel::bounded(1);
        match self.commands.try_send(command(reply)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(OperatorError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(OperatorError::Stopped),
        }
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.unpark();
        }
        // The sender is dropped with the command where the node gives it up.
        let answer = answer.recv_timeout(ANSWER_TIMEOUT);
        answer.unwrap_or(Err(OperatorError::Stopped))
    }
}

/// What an account becomes, or why not.
type ChangeState = dyn Fn(&AccountState) -> Result<AccountState, String> + Send + Sync;

/// An account that is set: a task in the serial order.
pub(crate) struct AccountChange {
    pub(crate) key: Pubkey,
    change: Box<ChangeState>,
    /// `None` in a replay.
    reply: Option<Reply<u64>>,
    /// The account becomes what it was at a snapshot, which is not logged.
    pub(crate) restores: bool,
}

impl AccountChange {
    /// One that was carried out before, and left this.
    pub(crate) fn recorded(key: Pubkey, state: AccountState) -> Self {
        Self {
            key,
            change: Box::new(move |_| Ok(state.clone())),
            reply: None,
            restores: false,
        }
    }

    /// One that makes the account what it was.
    pub(crate) fn restored(key: Pubkey, state: AccountState) -> Self {
        Self {
            restores: true,
            ..Self::recorded(key, state)
        }
    }

    /// What the account is then. Says the same each time, as the oracle asks again.
    pub(crate) fn apply(&self, before: &AccountState) -> Result<AccountState, String> {
        let changed = catch_unwind(AssertUnwindSafe(|| (self.change)(before)));
        let changed = changed.unwrap_or_else(|_| Err("the change panicked".to_owned()))?;
        let bytes = changed.data.len();
        if bytes > MAX_ACCOUNT_DATA_LEN {
            return Err(format!(
                "{bytes} bytes of data are more than an account may have: {MAX_ACCOUNT_DATA_LEN}"
            ));
        }
        Ok(match changed.is_absent() {
            true => AccountState::default(),
            false => changed,
        })
    }

    /// Tells who asked for it. A second time is one too many, and nobody hears it.
    pub(crate) fn answer(&self, answer: Result<u64, OperatorError>) {
        if let Some(reply) = &self.reply {
            let _ = reply.try_send(answer);
        }
    }
}
