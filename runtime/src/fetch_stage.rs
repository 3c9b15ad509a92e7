//! The fetch stage: one thread that reads accounts from the disk for transactions whose turn it is, where memory
//! is bounded.
//!
//! The schedule stage sends it what it could not intern, and never waits for it. Few that are done wait for the
//! schedule stage, as each may have megabytes with it; that one always takes them.

use crate::VerifyError;
use crate::sync::{Arc, Receiver, Sender, Thread};
use crate::task::Admission;
use crate::verify::fetch;
use sealane_accounts_db::Accounts;
use std::sync::OnceLock;

/// Transactions that are done and wait for the schedule stage.
pub(crate) const DONE_MAX: usize = 8;

/// A transaction on its way back.
pub(crate) type FetchedAdmission = (Admission, Result<(), VerifyError>);

/// What the thread owns.
pub(crate) struct FetchStage {
    pub(crate) queue: Receiver<Admission>,
    pub(crate) done: Sender<FetchedAdmission>,
    pub(crate) accounts: std::sync::Arc<Accounts>,
    pub(crate) scheduler: Arc<OnceLock<Thread>>,
}

impl FetchStage {
    /// Runs until the queue is closed.
    pub(crate) fn run(self) {
        while let Ok(mut item) = self.queue.recv() {
            let fetched = fetch(&self.accounts, &mut item.transaction);
            if self.done.send((item, fetched.map(|_| ()))).is_err() {
                return;
            }
            if let Some(scheduler) = self.scheduler.get() {
                scheduler.unpark();
            }
        }
    }
}
