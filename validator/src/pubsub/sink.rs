//! Where a subscription's notifications go, and how much may wait there.

use crate::cut::Scissors;
use crate::unsent::Unsent;
use jsonrpsee::core::server::SubscriptionSink;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// One client's connection: cut from any thread, without waiting for anyone.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    scissors: Scissors,
    unsent: Unsent,
    /// Given back when nobody holds the connection any more, be it one of HTTP or a WebSocket.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// A handle of the connection that `scissors` cut, for which so much waits and which has a place among all.
    pub(crate) fn new(scissors: Scissors, unsent: Unsent, place: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Inner {
            scissors,
            unsent,
            _place: place,
        }))
    }

    /// Ends the connection in both directions: its reader, and a writer that waits for a client that
    /// does not read, both return at once.
    fn cut(&self) {
        self.0.scissors.cut();
    }

    /// Whether another message may wait for the client, which then counts.
    pub(crate) fn admits(&self, bytes: usize) -> bool {
        self.0.unsent.admit(bytes)
    }

    /// A message that was admitted will not be sent.
    fn give_back(&self, bytes: usize) {
        self.0.unsent.wrote(bytes);
    }
}

/// Notifications that may wait until a client has its answer: more than come in the moment that takes.
const EARLY_MAX: usize = 64;

/// One subscription on a WebSocket.
pub(crate) struct Sink {
    pub(super) notifications: Notifications,
    pub(super) connection: Connection,
    /// Hears that the hub has the subscription.
    pub(super) registered: Option<oneshot::Sender<()>>,
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
    /// The hub has the subscription: whatever happens from now on is heard.
    pub(super) fn registered(&mut self) {
        if let Some(registered) = self.registered.take() {
            // Its client may have gone.
            let _ = registered.send(());
        }
    }

    /// The client has its answer: it is told what came meanwhile, and all that comes.
    pub(super) fn open(&mut self, notifications: SubscriptionSink) {
        let opened = Notifications::Open(notifications);
        if let Notifications::Early(early) = std::mem::replace(&mut self.notifications, opened) {
            early.into_iter().for_each(|json| self.pass_on(json));
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
        if self.connection.admits(json.get().len()) {
            self.pass_on(json);
        } else {
            self.cut();
        }
    }

    /// Of a notification that was admitted.
    fn pass_on(&mut self, json: Box<RawValue>) {
        let notifications = match &mut self.notifications {
            Notifications::Early(early) if early.len() < EARLY_MAX => return early.push(json),
            Notifications::Early(_) => return self.cut(),
            Notifications::Open(notifications) => notifications,
        };
        let bytes = json.get().len();
        if notifications.try_send(json).is_err() {
            self.connection.give_back(bytes);
            if !notifications.is_closed() {
                self.cut();
            }
        }
    }

    pub(super) fn cut(&self) {
        self.connection.cut();
    }
}
