//! HTTP by hand, as it must be possible to do it wrong.

use crate::tally::{Counts, count};
use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Bytes that the system keeps for who does not read.
const RECEIVE_BYTES: u32 = 4 << 10;

/// An open connection, counted.
pub(crate) struct Stream {
    pub(crate) socket: TcpStream,
    read: Vec<u8>,
    counts: Arc<Counts>,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Result,
    Error,
    Unclear,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.counts.closed();
    }
}

impl Stream {
    /// Connects; `reads`: whoever does not, has no room for what it does not read.
    pub(crate) async fn open(
        address: SocketAddr,
        reads: bool,
        counts: &Arc<Counts>,
    ) -> Result<Self> {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            if !reads {
                socket.set_recv_buffer_size(RECEIVE_BYTES)?;
            }
            socket.connect(address).await
        };
        match connect.await {
            Ok(socket) => {
                counts.opened();
                Ok(Self {
                    socket,
                    read: Vec::new(),
                    counts: counts.clone(),
                })
            }
            Err(error) => {
                count(&counts.refused);
                Err(error)
            }
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(bytes).await
    }

    /// Reads until the other end closes.
    pub(crate) async fn wait_for_end(&mut self) {
        let mut buffer = [0; 1024];
        while let Ok(1..) = self.socket.read(&mut buffer).await {}
    }

    /// The next answer, and whether the connection goes on. `None`: it was closed instead.
    pub(crate) async fn answer(&mut self) -> Option<(Answer, bool)> {
        let head = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let text = String::from_utf8_lossy(&self.read[..head]).to_ascii_lowercase();
        let status: u16 = text.split(' ').nth(1)?.parse().ok()?;
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Some(0), |length| length.trim().parse::<usize>().ok())?;
        while self.read.len() < head + length {
            self.fill().await?;
        }
        let body = &self.read[head..head + length];
        let answer = classify(status, body);
        self.read.drain(..head + length);
        Some((answer, !text.contains("connection: close")))
    }

    async fn fill(&mut self) -> Option<()> {
        match self.socket.read_buf(&mut self.read).await {
            Ok(1..) => Some(()),
            _ => None,
        }
    }
}

fn classify(status: u16, body: &[u8]) -> Answer {
    if status >= 400 {
        return Answer::Error;
    }
    // The result or the error comes first but for the version and the id, which is short here; some put the id last.
    let start = &body[..body.len().min(200)];
    if find(start, b"\"result\"").is_some() {
        Answer::Result
    } else if find(start, b"\"error\"").is_some() {
        Answer::Error
    } else {
        Answer::Unclear
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_result_or_an_error_or_neither() {
        let check = |status, body: &str, expected| {
            assert_eq!(
                classify(status, body.as_bytes()),
                expected,
                "{status} {body}"
            );
        };
        check(
            200,
            r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
            Answer::Result,
        );
        check(200, r#"{"jsonrpc":"2.0","id":1,"error":{}}"#, Answer::Error);
        check(200, "", Answer::Unclear);
        check(200, "hello", Answer::Unclear);
        check(413, "", Answer::Error);
    }
}
