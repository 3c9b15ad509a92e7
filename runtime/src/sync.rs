//! The one import path for threads, locks, atomics and queues, so that the same code runs under the
//! shuttle model checker (the feature `shuttle`).

#[cfg(not(feature = "shuttle"))]
mod real {
    pub(crate) use crossbeam_channel::{Receiver, SendError, Sender, TrySendError, bounded};
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(crate) use std::sync::{Arc, Mutex, RwLock};
    pub(crate) use std::thread::{Builder, JoinHandle, Thread, current, park_timeout};
}

#[cfg(feature = "shuttle")]
mod real {
    pub(crate) use super::model_queue::{Receiver, SendError, Sender, TrySendError, bounded};
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(crate) use shuttle::sync::{Mutex, RwLock};
    pub(crate) use shuttle::thread::{Builder, JoinHandle, Thread, current};
    pub(crate) use std::sync::Arc;

    /// Time does not pass in the model: waiting ends only when somebody unparks, or by choice.
    pub(crate) fn park_timeout(_: std::time::Duration) {
        shuttle::thread::yield_now();
    }
}

pub(crate) use real::*;
use std::time::Duration;
#[cfg(not(feature = "shuttle"))]
use std::time::Instant;

/// How long a thread of the pipeline stays awake after its work ran out. Waking a core that sleeps takes
/// some 10 µs on real machines and more on virtual ones, which is longer than most waits between two
/// batches; who yields meanwhile takes no time from a thread that has work.
/// Time does not pass in the model.
const AWAKE: Duration = Duration::from_micros(if cfg!(feature = "shuttle") { 0 } else { 60 });

/// Whether a thread should stay awake when its work runs out: if it would have paid the last time. Where
/// work comes in large pieces, staying awake for each would only take time from the threads that have some.
#[derive(Clone, Copy, Default)]
pub(crate) struct Patience {
    last_wait: Duration,
}

impl Patience {
    /// Whether to stay awake now, having waited for so long already.
    pub(crate) fn stays_awake(self, waited: Duration) -> bool {
        // A wait that was slept through counts the waking up, which takes about as long again.
        waited < AWAKE && self.last_wait < 2 * AWAKE
    }

    /// Work came after so long.
    pub(crate) fn waited(&mut self, wait: Duration) {
        self.last_wait = wait;
    }
}

/// The next message; waits awake for a moment before it sleeps, if that is worth it. `None` once the queue
/// is closed and empty.
#[cfg(not(feature = "shuttle"))]
pub(crate) fn receive<T>(queue: &Receiver<T>, patience: &mut Patience) -> Option<T> {
    use crossbeam_channel::TryRecvError;
    let mut since = None;
    loop {
        match queue.try_recv() {
            Ok(message) => {
                if let Some(since) = since {
                    patience.waited(Instant::elapsed(&since));
                }
                return Some(message);
            }
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let since = *since.get_or_insert_with(Instant::now);
        if !patience.stays_awake(since.elapsed()) {
            let message = queue.recv().ok();
            patience.waited(since.elapsed());
            return message;
        }
        std::thread::yield_now();
    }
}

#[cfg(feature = "shuttle")]
pub(crate) fn receive<T>(queue: &Receiver<T>, _: &mut Patience) -> Option<T> {
    queue.recv().ok()
}

/// What a wait that ends came to.
pub(crate) enum Next<T> {
    /// A message.
    Message(T),
    /// None came in time.
    Late,
    /// The queue is closed and empty.
    Closed,
}

/// The next message, if it is asked for and comes before then: a queue that is never empty holds nobody up.
#[cfg(not(feature = "shuttle"))]
pub(crate) fn receive_until<T>(queue: &Receiver<T>, until: Instant) -> Next<T> {
    use crossbeam_channel::RecvTimeoutError;
    if Instant::now() >= until {
        return Next::Late;
    }
    match queue.recv_deadline(until) {
        Ok(message) => Next::Message(message),
        Err(RecvTimeoutError::Timeout) => Next::Late,
        Err(RecvTimeoutError::Disconnected) => Next::Closed,
    }
}

/// Time does not pass in the model: what is not there is late.
#[cfg(feature = "shuttle")]
pub(crate) fn receive_until<T>(queue: &Receiver<T>, _: std::time::Instant) -> Next<T> {
    match queue.try_recv() {
        Ok(message) => Next::Message(message),
        Err(model_queue::TryRecvError::Empty) => Next::Late,
        Err(model_queue::TryRecvError::Disconnected) => Next::Closed,
    }
}

/// A bounded queue with crossbeam's interface, made of what shuttle can see.
#[cfg(feature = "shuttle")]
mod model_queue {
    use shuttle::sync::{Condvar, Mutex};
    use std::collections::VecDeque;
    use std::sync::Arc;

    struct Inner<T> {
        items: VecDeque<T>,
        senders: usize,
        receivers: usize,
    }

    struct Queue<T> {
        inner: Mutex<Inner<T>>,
        changed: Condvar,
        capacity: usize,
    }

    pub(crate) struct Sender<T>(Arc<Queue<T>>);
    pub(crate) struct Receiver<T>(Arc<Queue<T>>);

    #[derive(Debug)]
    pub(crate) struct SendError<T>(pub(crate) T);
    #[derive(Debug)]
    pub(crate) struct RecvError;
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) enum TryRecvError {
        Empty,
        Disconnected,
    }
    #[derive(Debug)]
    pub(crate) enum TrySendError<T> {
        Full(T),
        Disconnected(T),
    }

    pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let inner = Inner {
            items: VecDeque::new(),
            senders: 1,
            receivers: 1,
        };
        let queue = Arc::new(Queue {
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            capacity,
        });
        (Sender(queue.clone()), Receiver(queue))
    }

    impl<T> Sender<T> {
        pub(crate) fn send(&self, item: T) -> Result<(), SendError<T>> {
            let mut inner = self.0.inner.lock().expect("no holder panics");
            while inner.items.len() >= self.0.capacity && inner.receivers > 0 {
                inner = self.0.changed.wait(inner).expect("no holder panics");
            }
            if inner.receivers == 0 {
                return Err(SendError(item));
            }
            inner.items.push_back(item);
            self.0.changed.notify_all();
            Ok(())
        }

        pub(crate) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
            let mut inner = self.0.inner.lock().expect("no holder panics");
            if inner.receivers == 0 {
                return Err(TrySendError::Disconnected(item));
            }
            if inner.items.len() >= self.0.capacity {
                return Err(TrySendError::Full(item));
            }
            inner.items.push_back(item);
            self.0.changed.notify_all();
            Ok(())
        }

        pub(crate) fn len(&self) -> usize {
            self.0.inner.lock().expect("no holder panics").items.len()
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn recv(&self) -> Result<T, RecvError> {
            let mut inner = self.0.inner.lock().expect("no holder panics");
            loop {
                if let Some(item) = inner.items.pop_front() {
                    self.0.changed.notify_all();
                    return Ok(item);
                }
                if inner.senders == 0 {
                    return Err(RecvError);
                }
                inner = self.0.changed.wait(inner).expect("no holder panics");
            }
        }

        pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
            let mut inner = self.0.inner.lock().expect("no holder panics");
            match inner.items.pop_front() {
                Some(item) => {
                    self.0.changed.notify_all();
                    Ok(item)
                }
                None if inner.senders == 0 => Err(TryRecvError::Disconnected),
                None => Err(TryRecvError::Empty),
            }
        }
    }

    impl<T> Clone for Sender<T> {
        fn clone(&self) -> Self {
            self.0.inner.lock().expect("no holder panics").senders += 1;
            Self(self.0.clone())
        }
    }

    impl<T> Clone for Receiver<T> {
        fn clone(&self) -> Self {
            self.0.inner.lock().expect("no holder panics").receivers += 1;
            Self(self.0.clone())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.inner.lock().expect("no holder panics").senders -= 1;
            self.0.changed.notify_all();
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            self.0.inner.lock().expect("no holder panics").receivers -= 1;
            self.0.changed.notify_all();
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_is_over_ends_though_there_are_messages() {
        let (sender, queue) = bounded(2);
        sender.send(1).unwrap();
        let now = Instant::now();
        assert!(matches!(receive_until(&queue, now), Next::Late));
        let later = now + Duration::from_secs(20);
        assert!(matches!(receive_until(&queue, later), Next::Message(1)));
        let soon = Instant::now() + Duration::from_millis(1);
        assert!(matches!(receive_until(&queue, soon), Next::Late));
        drop(sender);
        assert!(matches!(receive_until(&queue, later), Next::Closed));
    }
}
