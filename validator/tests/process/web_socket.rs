//! Subscriptions over a WebSocket, by a client whose node may be gone at any moment.

use crate::client::request;
use crate::node::PATIENCE;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

/// A connection. After an error the node is gone.
pub(crate) struct WebSocket(BufReader<TcpStream>);

impl WebSocket {
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        stream.write_all(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self(stream))
    }

    /// Calls a method; its answer comes with the messages.
    pub(crate) fn send(&mut self, id: usize, method: &str, params: Value) -> io::Result<()> {
        let text = request(id, method, params).to_string();
        self.send_frame(1, text.as_bytes())
    }

    fn send_frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        const FINAL: u8 = 0x80;
        const MASKED: u8 = 0x80;
        let mut frame = vec![FINAL | opcode];
        match u8::try_from(payload.len()) {
            Ok(short @ ..126) => frame.push(MASKED | short),
            _ => {
                let length = u16::try_from(payload.len()).map_err(io::Error::other)?;
                frame.push(MASKED | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        // A mask of zeros leaves the payload as it is.
        frame.extend([0; 4]);
        frame.extend_from_slice(payload);
        self.0.get_mut().write_all(&frame)
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> io::Result<Value> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head)?;
            let length = match head[1] & 0x7f {
                126 => {
                    let mut bytes = [0; 2];
                    self.0.read_exact(&mut bytes)?;
                    u64::from(u16::from_be_bytes(bytes))
                }
                127 => {
                    let mut bytes = [0; 8];
                    self.0.read_exact(&mut bytes)?;
                    u64::from_be_bytes(bytes)
                }
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            self.0.read_exact(&mut payload)?;
            match head[0] & 0x0f {
                1 => return Ok(serde_json::from_slice(&payload)?),
                8 => return Err(ErrorKind::UnexpectedEof.into()),
                9 => self.send_frame(10, &payload)?,
                _ => {}
            }
        }
    }
}
