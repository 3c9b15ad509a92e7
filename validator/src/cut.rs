//! A connection that any thread can cut, without a second file descriptor for it.
//!
//! Once it is cut, its reader and a writer that waits for a client that does not read both get an error at their next
//! step, to which they are woken; what they then drop closes the socket. Cutting waits for nobody.

use crate::unsent::Unsent;
use futures::task::AtomicWaker;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Cuts one connection.
#[derive(Clone, Default)]
pub(crate) struct Scissors(Arc<State>);

#[derive(Default)]
struct State {
    is_cut: AtomicBool,
    reading: AtomicWaker,
    writing: AtomicWaker,
}

impl Scissors {
    /// Ends the connection in both directions.
    pub(crate) fn cut(&self) {
        // SeqCst: whoever registers its waker after this wake must see the flag.
        self.0.is_cut.store(true, Ordering::SeqCst);
        self.0.reading.wake();
        self.0.writing.wake();
    }

    /// Has the task woken when it is cut; an error if it is.
    fn watch(&self, waker: &AtomicWaker, context: &Context<'_>) -> Result<()> {
        waker.register(context.waker());
        if self.0.is_cut.load(Ordering::SeqCst) {
            return Err(Error::new(
                ErrorKind::ConnectionAborted,
                "the node has cut this connection",
            ));
        }
        Ok(())
    }
}

/// A stream that ends when it is cut, and counts what it writes.
pub(crate) struct Cuttable<S> {
    stream: S,
    scissors: Scissors,
    unsent: Unsent,
    /// The client takes nothing for the moment.
    is_stuck: bool,
    /// Bytes that it has sent since.
    read_while_stuck: usize,
}

/// What a client may ask while it takes no answers: each request costs more than its bytes until it is answered.
const READ_WHILE_STUCK_MAX: usize = 1 << 20;

impl<S> Cuttable<S> {
    pub(crate) fn new(stream: S, scissors: Scissors, unsent: Unsent) -> Self {
        Self {
            stream,
            scissors,
            unsent,
            is_stuck: false,
            read_while_stuck: 0,
        }
    }

    fn wrote(&mut self, result: Poll<Result<usize>>) -> Poll<Result<usize>> {
        self.is_stuck = result.is_pending();
        if let Poll::Ready(Ok(bytes)) = result {
            self.unsent.wrote(bytes);
            self.read_while_stuck = 0;
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.scissors.watch(&self.scissors.0.reading, context)?;
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.is_stuck {
            self.read_while_stuck += buffer.filled().len() - before;
            if self.read_while_stuck > READ_WHILE_STUCK_MAX {
                self.scissors.cut();
            }
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.scissors.watch(&self.scissors.0.writing, context)?;
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.scissors.watch(&self.scissors.0.writing, context)?;
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.scissors.watch(&self.scissors.0.writing, context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.scissors.watch(&self.scissors.0.writing, context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unsent::UnsentOfAll;
    use futures::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

    fn unsent() -> Unsent {
        UnsentOfAll::new(1_000, 1_000).connection()
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(work)
    }

    #[test]
    fn whoever_waits_to_read_or_to_write_hears_that_it_was_cut() {
        block_on(async {
            let (near, _far) = duplex(4);
            let scissors = Scissors::default();
            let (mut reader, mut writer) = split(Cuttable::new(near, scissors.clone(), unsent()));
            let reading = tokio::spawn(async move { reader.read_u8().await.map_err(|e| e.kind()) });
            // More than fits before the other end has read.
            let writing =
                tokio::spawn(async move { writer.write_all(&[7; 9]).await.map_err(|e| e.kind()) });
            tokio::task::yield_now().await;
            assert!(!reading.is_finished() && !writing.is_finished());
            scissors.cut();
            assert_eq!(reading.await.unwrap(), Err(ErrorKind::ConnectionAborted));
            assert_eq!(writing.await.unwrap(), Err(ErrorKind::ConnectionAborted));
        });
    }

    #[test]
    fn who_goes_on_to_ask_and_takes_no_answer_is_cut() {
        block_on(async {
            let (near, mut far) = duplex(4096);
            let mut near = Cuttable::new(near, Scissors::default(), unsent());
            let mut buffer = vec![0; 4096];
            let is_stuck = near.write_all(&[7; 5000]).now_or_never().is_none();
            assert!(is_stuck, "nobody reads");
            let mut asked = 0;
            while asked <= READ_WHILE_STUCK_MAX {
                far.write_all(&[1; 4096]).await.unwrap();
                asked += near.read(&mut buffer).await.unwrap();
            }
            let ended = near.read(&mut buffer).await.map_err(|error| error.kind());
            assert_eq!(ended, Err(ErrorKind::ConnectionAborted));
        });
    }

    #[test]
    fn one_that_is_not_cut_passes_everything_on() {
        block_on(async {
            let (near, mut far) = duplex(64);
            let mut near = Cuttable::new(near, Scissors::default(), unsent());
            near.write_all(b"there").await.unwrap();
            far.write_all(b"back").await.unwrap();
            let (mut there, mut back) = ([0; 5], [0; 4]);
            far.read_exact(&mut there).await.unwrap();
            near.read_exact(&mut back).await.unwrap();
            assert_eq!((&there, &back), (b"there", b"back"));
            assert!(near.read_u8().now_or_never().is_none());
        });
    }
}
