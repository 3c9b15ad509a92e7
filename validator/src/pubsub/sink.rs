//! Where a subscription's notifications go.

use jsonrpsee::core::server::SubscriptionSink;
use serde::Serialize;
use serde_json::value::to_raw_value;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Cuts a connection, from any thread, without waiting for anyone.
#[derive(Clone)]
pub(crate) struct Cut(Arc<TcpStream>);

impl Cut {
    /// A handle that cuts the connection of which `socket` is a duplicate.
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self(Arc::new(socket))
    }

    /// Ends the connection in both directions: its reader and a writer that waits for a client that
    /// does not read both return at once.
    pub(crate) fn cut(&self) {
        // An error means that the client has ended it already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// One subscription on a WebSocket.
pub(crate) struct Sink {
    pub(super) notifications: SubscriptionSink,
    pub(super) cut: Option<Cut>,
    /// Dropped with the sink, which tells the task that holds the subscription to end it.
    pub(super) _done: oneshot::Sender<()>,
}

impl Sink {
    /// Queues a notification. A client that does not keep up is cut: it connects again and knows that it
    /// missed something, while a gap would go unnoticed.
    pub(super) fn notify(&mut self, result: &impl Serialize) {
        let Ok(json) = to_raw_value(result) else {
            return;
        };
        if self.notifications.try_send(json).is_err() && !self.notifications.is_closed() {
            self.cut();
        }
    }

    pub(super) fn cut(&self) {
        if let Some(cut) = &self.cut {
            cut.cut();
        }
    }
}
