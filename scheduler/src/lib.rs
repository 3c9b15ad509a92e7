//! The lock table: which transaction may run next, and on which banking thread.
//!
//! A plain state machine. It knows task ids, account indices and costs: no accounts, no threads, no
//! clock, no IO. Every call returns at once, and nothing is allocated after [`Scheduler::new`] except
//! when an account index larger than any before arrives.
//!
//! # What always holds
//!
//! - Insertion order is the serial order: of two conflicting tasks the earlier is complete, or was
//!   handed to the same thread before, when the later is handed out.
//! - A task is handed out once, and its locks are gone when it is complete.
//! - While a task is in flight, some thread has work outstanding or would get some from
//!   [`Scheduler::next_batch`].
//! - The same calls give the same answers: nothing depends on addresses, time or hashes.
//!
//! # Where to look
//!
//! | file | says |
//! | --- | --- |
//! | `locks.rs` | what an account's lock is; **the line that grants one**, in `LockTable::grant` |
//! | `scheduler.rs` | insert, next batch, complete; which ready task is chosen for which thread |
//! | `tasks.rs` | what stands in a task's way, and the queue that it waits in |
//! | `cost.rs` | cost limits of a slot and of an account within it |
//! | `buffer.rs` | the priority buffer in front of the lock table, over `heap.rs`; which priority a place in it has, in `ranks.rs` |

#![forbid(unsafe_code)]

mod buffer;
mod cost;
mod heap;
mod locks;
mod ranks;
mod scheduler;
mod tasks;
mod types;

pub use buffer::{PriorityBuffer, Pushed};
pub use locks::AccountLocks;
pub use scheduler::Scheduler;
pub use types::{Access, AccountIndex, Config, InsertError, TaskId, ThreadIndex};
