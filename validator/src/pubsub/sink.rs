//! Where a subscription's notifications go, and how much may wait there.

use crate::cut::Scissors;
use jsonrpsee::core::server::SubscriptionSink;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// One client's connection: cut from any thread, without waiting for anyone.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    scissors: Scissors,
    backlog: Mutex<Backlog>,
    backlog_bytes_max: usize,
}

impl Connection {
    /// A handle of the connection that `scissors` cut.
    pub(crate) fn new(scissors: Scissors, backlog_bytes_max: usize) -> Self {
        Self(Arc::new(Inner {
            scissors,
            backlog: Mutex::default(),
            backlog_bytes_max,
        }))
    }

    /// Ends the connection in both directions: its reader, and a writer that waits for a client that
    /// does not read, both return at once.
    fn cut(&self) {
        self.0.scissors.cut();
    }

    /// Whether another message of so many bytes may wait when `waiting` messages do.
    fn has_room(&self, waiting: usize, bytes: usize) -> bool {
        let mut backlog = self
            .0
            .backlog
            .lock()
            .expect("no holder of this lock panics");
        backlog.admit(waiting, bytes, self.0.backlog_bytes_max)
    }
}

/// The sizes of the messages that may still wait for the client. The queue itself tells only how many
/// do; that the newest ones wait and older ones have gone gives their bytes.
#[derive(Default)]
struct Backlog {
    sizes: VecDeque<usize>,
    bytes: usize,
}

impl Backlog {
    /// Whether a message may join `waiting` others. One alone may be of any size.
    fn admit(&mut self, waiting: usize, bytes: usize, bytes_max: usize) -> bool {
        while self.sizes.len() > waiting {
            self.bytes -= self.sizes.pop_front().unwrap_or_default();
        }
        if self.bytes > 0 && self.bytes + bytes > bytes_max {
            return false;
        }
        self.sizes.push_back(bytes);
        self.bytes += bytes;
        true
    }
}

/// Notifications that may wait until a client has its answer: more than come in the moment that takes.
const EARLY_MAX: usize = 64;

/// One subscription on a WebSocket.
pub(crate) struct Sink {
    pub(super) notifications: Notifications,
    pub(super) connection: Connection,
    /// Dropped with the sink, which tells the task that holds the subscription to end it.
    pub(super) _done: oneshot::Sender<()>,
    /// Given back when the hub has ended the subscription, not when it is asked to.
    pub(super) _permit: OwnedSemaphorePermit,
}

/// Where notifications go. What a client is told first is that it has subscribed.
pub(super) enum Notifications {
    /// To the client.
    Open(SubscriptionSink),
    /// Nowhere yet, in order: it has no answer.
    Early(Vec<Box<RawValue>>),
}

impl Sink {
    /// The client has its answer: it is told what came meanwhile, and all that comes.
    pub(super) fn open(&mut self, notifications: SubscriptionSink) {
        let opened = Notifications::Open(notifications);
        if let Notifications::Early(early) = std::mem::replace(&mut self.notifications, opened) {
            early.into_iter().for_each(|json| self.send(json));
        }
    }

    /// Whether the client has its answer.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.notifications, Notifications::Open(_))
    }

    /// Queues a notification. A client that does not keep up is cut: it connects again and knows that it
    /// missed something, while a gap would go unnoticed.
    pub(super) fn notify(&mut self, result: &impl Serialize) {
        if let Ok(json) = to_raw_value(result) {
            self.send(json);
        }
    }

    fn send(&mut self, json: Box<RawValue>) {
        let notifications = match &mut self.notifications {
            Notifications::Early(early) if early.len() < EARLY_MAX => return early.push(json),
            Notifications::Early(_) => return self.cut(),
            Notifications::Open(notifications) => notifications,
        };
        let waiting = notifications.max_capacity() - notifications.capacity();
        let has_room = self.connection.has_room(waiting, json.get().len());
        if !has_room || (notifications.try_send(json).is_err() && !notifications.is_closed()) {
            self.cut();
        }
    }

    pub(super) fn cut(&self) {
        self.connection.cut();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backlog_counts_the_bytes_of_what_still_waits() {
        let mut backlog = Backlog::default();
        assert!(backlog.admit(0, 90, 100));
        assert!(backlog.admit(1, 10, 100));
        assert!(!backlog.admit(2, 1, 100), "100 bytes wait");
        assert!(backlog.admit(1, 90, 100), "the first has gone");
        assert!(!backlog.admit(2, 1, 100), "100 bytes wait");
        assert!(backlog.admit(0, 1_000, 100), "one alone may be of any size");
        assert!(!backlog.admit(1, 1, 100));
    }
}
