//! How much waits to be sent to clients, and who gets no more while it is too much.
//!
//! Answers and notifications are counted when they are made, and taken off as their connection writes them. A client
//! that reads what it asked for has hardly any waiting; one that does not has all of it. So what is too much is put down
//! to those who have some waiting already: their next answer is an error, and one who does not keep up with
//! notifications is cut. Small messages to the others always go.
//!
//! What frames and heads add is written and was not counted: a connection that has written all is at 0 again.

use crate::pubsub::Connection;
use jsonrpsee::core::middleware::{Batch, Notification, RpcServiceT};
use jsonrpsee::server::MethodResponse;
use jsonrpsee::types::{ErrorObject, Id, Request};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a message that always goes to a client that has read what was sent before.
const SMALL_BYTES: usize = 64 << 10;
/// The code that Agave has for answers that are too large.
const TOO_MUCH: i32 = -32008;
const MESSAGE: &str = "Too much waits to be read already: read it, then ask again";

/// What waits for all clients, and how much may.
#[derive(Clone)]
pub(crate) struct UnsentOfAll {
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
    connection_bytes_max: usize,
}

impl UnsentOfAll {
    pub(crate) fn new(bytes_max: usize, connection_bytes_max: usize) -> Self {
        Self {
            bytes: Arc::default(),
            bytes_max,
            connection_bytes_max,
        }
    }

    /// For one connection.
    pub(crate) fn connection(&self) -> Unsent {
        Unsent(Arc::new(Inner {
            bytes: AtomicUsize::new(0),
            all: self.clone(),
        }))
    }
}

/// What waits for one client.
#[derive(Clone)]
pub(crate) struct Unsent(Arc<Inner>);

struct Inner {
    bytes: AtomicUsize,
    all: UnsentOfAll,
}

// Relaxed throughout: the numbers bound memory, and nothing else is read by them.
impl Unsent {
    /// Whether another message may wait, which then counts.
    pub(crate) fn admit(&self, bytes: usize) -> bool {
        let all = &self.0.all;
        // What counts for one counts for all, at each moment: so it is added there first, and taken off last.
        let of_all = all.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits_all = of_all.saturating_add(bytes) <= all.bytes_max;
        let add = |waiting: usize| {
            let is_alone = waiting == 0;
            // One alone may be of any size.
            let fits = is_alone || waiting + bytes <= all.connection_bytes_max;
            let is_small = is_alone && bytes <= SMALL_BYTES;
            (fits && (fits_all || is_small)).then_some(waiting + bytes)
        };
        let added = (self.0.bytes).fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        if added.is_err() {
            all.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        added.is_ok()
    }

    /// So many bytes were written, or will not be.
    pub(crate) fn wrote(&self, bytes: usize) {
        let take = |waiting: usize| Some(waiting.saturating_sub(bytes));
        let before = self
            .0
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let (Ok(before) | Err(before)) = before;
        let taken = before.min(bytes);
        self.0.all.bytes.fetch_sub(taken, Ordering::Relaxed);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let waiting = *self.bytes.get_mut();
        self.all.bytes.fetch_sub(waiting, Ordering::Relaxed);
    }
}

/// Middleware that counts answers, and has an error in place of one that is too much.
#[derive(Clone)]
pub(crate) struct CountsAnswers<S>(pub(crate) Arc<S>);

fn counted(answer: MethodResponse, connection: Option<Connection>, id: Id<'_>) -> MethodResponse {
    // One to a subscription has been sent already, and is short.
    if answer.is_subscription() {
        return answer;
    }
    let bytes = answer.as_json().get().len();
    match connection {
        Some(connection) if !connection.admits(bytes) => {
            MethodResponse::error(id, ErrorObject::borrowed(TOO_MUCH, MESSAGE, None))
        }
        _ => answer,
    }
}

impl<S> RpcServiceT for CountsAnswers<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse, BatchResponse = MethodResponse>
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = Arc::clone(&self.0);
        async move {
            let (connection, id) = (request.extensions().get().cloned(), request.id());
            counted(service.call(request).await, connection, id)
        }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let service = Arc::clone(&self.0);
        async move {
            let connection = batch.extensions().get().cloned();
            counted(service.batch(batch).await, connection, Id::Null)
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.0.notification(notification)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_may_be_of_any_size_and_no_other_beside_it() {
        let unsent = UnsentOfAll::new(1_000_000_000, 100).connection();
        assert!(unsent.admit(90));
        assert!(unsent.admit(10));
        assert!(!unsent.admit(1), "100 bytes wait");
        unsent.wrote(50);
        assert!(unsent.admit(50));
        unsent.wrote(140);
        assert!(unsent.admit(1_000), "what frames add is nobody's credit");
        assert!(!unsent.admit(1));
    }

    #[test]
    fn while_too_much_waits_for_all_others_get_what_is_small() {
        let all = UnsentOfAll::new(1_000_000, 10_000_000);
        let [greedy, modest] = [(); 2].map(|()| all.connection());
        assert!(greedy.admit(1_000_000));
        assert!(!greedy.admit(1), "it has not read what it has");
        assert!(!modest.admit(100_000));
        assert!(modest.admit(1_000));
        greedy.wrote(200_000);
        assert!(modest.admit(100_000));
        drop(greedy);
        assert_eq!(all.bytes.load(Ordering::Relaxed), 101_000);
        drop(modest);
        assert_eq!(all.bytes.load(Ordering::Relaxed), 0);
    }
}
