//! Clients that know as little as possible, so that the tests see the bytes that any client sees.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than anything takes: a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn start() -> ValidatorHandle {
    Validator::builder().start().expect("the node starts")
}

/// Waits until this slot, or a later one, is open.
pub(crate) fn wait_for_slot(node: &ValidatorHandle, slot: u64) {
    let events = node.reader().listen();
    while node.reader().slot().slot < slot {
        events.recv_timeout(PATIENCE).expect("slots go by");
    }
}

fn connect(url: &str) -> BufReader<TcpStream> {
    let address = url.split_once("://").expect("a URL").1;
    let stream = TcpStream::connect(address).expect("the node listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    BufReader::new(stream)
}

/// An HTTP request; gives the status and the body.
pub(crate) fn http(node: &ValidatorHandle, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = connect(&node.rpc_url().unwrap());
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://wallet\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A JSON-RPC call; gives the whole answer.
pub(crate) fn call(node: &ValidatorHandle, method: &str, params: Value) -> Value {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let (status, body) = http(node, "POST", "/", &request.to_string());
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The result of a call that succeeds.
pub(crate) fn result(node: &ValidatorHandle, method: &str, params: Value) -> Value {
    let answer = call(node, method, params);
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// The value of a result that has a context, whose shape is checked on the way.
pub(crate) fn value(node: &ValidatorHandle, method: &str, params: Value) -> Value {
    let result = result(node, method, params);
    let slot = result["context"]["slot"].as_u64().expect("a slot");
    assert_eq!(
        result["context"],
        json!({"slot": slot, "apiVersion": "4.2.2"}),
        "{method}"
    );
    result["value"].clone()
}

/// Slot, epoch and time of the Clock sysvar at a level of commitment.
pub(crate) fn clock_at(node: &ValidatorHandle, commitment: &str) -> (u64, u64, i64) {
    let clock = "SysvarC1ock11111111111111111111111111111111";
    let config = json!({"encoding": "base64", "commitment": commitment});
    let account = value(node, "getAccountInfo", json!([clock, config]));
    let data = BASE64_STANDARD
        .decode(account["data"][0].as_str().unwrap())
        .unwrap();
    let number = |at: usize| u64::from_le_bytes(*data[at..].first_chunk().unwrap());
    (number(0), number(16), number(32).cast_signed())
}

/// Code and message of the error of a call that fails.
pub(crate) fn error(node: &ValidatorHandle, method: &str, params: Value) -> (i64, String) {
    let answer = call(node, method, params);
    let error = &answer["error"];
    let code = error["code"]
        .as_i64()
        .unwrap_or_else(|| panic!("{method} succeeded: {answer}"));
    (code, error["message"].as_str().unwrap().to_owned())
}

/// A WebSocket that shows what arrives, in order.
pub(crate) struct WebSocket(BufReader<TcpStream>);

impl WebSocket {
    pub(crate) fn connect(url: &str) -> Self {
        let mut stream = connect(url);
        stream
            .get_mut()
            .write_all(
                b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                  Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            )
            .unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 101"), "{line}");
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).unwrap();
        }
        Self(stream)
    }

    fn send_frame(&mut self, opcode: u8, payload: &[u8]) {
        const FINAL: u8 = 0x80;
        const MASKED: u8 = 0x80;
        let mut frame = vec![FINAL | opcode];
        match u8::try_from(payload.len()) {
            Ok(short @ ..126) => frame.push(MASKED | short),
            _ => {
                frame.push(MASKED | 126);
                frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        // A mask of zeros leaves the payload as it is.
        frame.extend([0; 4]);
        frame.extend_from_slice(payload);
        self.0.get_mut().write_all(&frame).unwrap();
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.send_frame(1, message.to_string().as_bytes());
    }

    /// The next message; `None` when the node ended the connection.
    pub(crate) fn receive(&mut self) -> Option<Value> {
        loop {
            let mut head = [0; 2];
            if let Err(error) = self.0.read_exact(&mut head) {
                assert!(error.kind() != ErrorKind::WouldBlock, "silence");
                return None;
            }
            let length = match head[1] & 0x7f {
                126 => {
                    let mut bytes = [0; 2];
                    self.0.read_exact(&mut bytes).ok()?;
                    u64::from(u16::from_be_bytes(bytes))
                }
                127 => {
                    let mut bytes = [0; 8];
                    self.0.read_exact(&mut bytes).ok()?;
                    u64::from_be_bytes(bytes)
                }
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).ok()?;
            match head[0] & 0x0f {
                1 => return Some(serde_json::from_slice(&payload).unwrap()),
                8 => return None,
                9 => self.send_frame(10, &payload),
                _ => {}
            }
        }
    }

    /// Sends a request; the kind (opcode) of the first frame that comes after the connection was made.
    pub(crate) fn first_frame_after(&mut self, request: &Value) -> u8 {
        self.send(request);
        let mut head = [0; 1];
        self.0.read_exact(&mut head).unwrap();
        head[0] & 0x0f
    }

    /// Calls a method and gives the answer, which must be the next message.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}));
        let answer = self.receive().expect("an answer");
        assert_eq!(
            (&answer["jsonrpc"], &answer["id"]),
            (&json!("2.0"), &json!(7)),
            "{answer}"
        );
        answer
    }

    /// Subscribes and gives the subscription's number.
    pub(crate) fn subscribe(&mut self, method: &str, params: Value) -> u64 {
        let answer = self.call(method, params);
        answer["result"]
            .as_u64()
            .unwrap_or_else(|| panic!("no number: {answer}"))
    }

    /// The result of the next message, which must be this notification of this subscription and have
    /// nothing else in it.
    pub(crate) fn notification(&mut self, method: &str, subscription: u64) -> Value {
        let message = self.receive().expect("a notification");
        let result = message["params"]["result"].clone();
        assert_eq!(
            message,
            json!({
                "jsonrpc": "2.0",
                "method": method,
                "params": {"result": result, "subscription": subscription},
            })
        );
        result
    }

    /// The value of a notification with a context, whose shape is checked on the way.
    pub(crate) fn notified_value(&mut self, method: &str, subscription: u64) -> Value {
        let result = self.notification(method, subscription);
        let slot = result["context"]["slot"].as_u64().expect("a slot");
        assert_eq!(result["context"], json!({"slot": slot}));
        result["value"].clone()
    }
}
