//! A thread that does something from time to time.

use crossbeam_channel::RecvTimeoutError;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread that does something from time to time, until this is dropped.
pub(crate) struct Periodic {
    stop: Option<crossbeam_channel::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Periodic {
    /// Waits for `interval` before each time.
    pub(crate) fn start(
        name: &str,
        interval: Duration,
        mut run: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = crossbeam_channel::bounded::<()>(0);
        let run = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                run();
            }
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Periodic {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}
