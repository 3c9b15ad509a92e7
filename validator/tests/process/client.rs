//! JSON-RPC over one HTTP connection, as a client speaks it whose node may be gone at any moment.

use crate::node::PATIENCE;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

/// A connection. After an error the node is gone.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The result of a call.
    ///
    /// # Panics
    /// If the node answers with an error.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> io::Result<Value> {
        let request = request(0, method, params);
        let mut answer = self.post(&request)?;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        Ok(answer["result"].take())
    }

    /// The whole answers of calls, in their order.
    pub(crate) fn batch(
        &mut self,
        calls: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> io::Result<Vec<Value>> {
        let calls = calls.into_iter().enumerate();
        let requests: Vec<Value> = calls
            .map(|(id, (method, params))| request(id, method, params))
            .collect();
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.post(&Value::Array(requests))?;
        let Value::Array(mut answers) = answers else {
            panic!("a batch is answered by one: {answers}");
        };
        answers.sort_by_key(|answer| answer["id"].as_u64());
        Ok(answers)
    }

    fn post(&mut self, body: &Value) -> io::Result<Value> {
        let body = body.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all((head + &body).as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer)?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

pub(crate) fn request(id: usize, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}
