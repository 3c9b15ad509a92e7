//! Some transactions whose confirmation is awaited as a client does it: `signatureSubscribe` over one WebSocket.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, WebSocket};

/// How often it is looked whether anybody still waits.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long the node may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

/// Subscriptions that the node has accepted, in the order of what they are for.
pub(super) struct Subscribed {
    socket: Socket,
    /// Which of those that are watched has which subscription.
    places: HashMap<u64, usize>,
    heard: Vec<Heard>,
}

/// Subscriptions that a thread listens to.
pub(super) struct Probes {
    thread: JoinHandle<Result<Vec<Heard>>>,
    ends: Arc<AtomicBool>,
}

/// What was heard of a transaction: nothing, or when, and whether it succeeded.
pub(super) type Heard = Option<(Instant, bool)>;

impl Probes {
    /// What was heard of each.
    pub(super) fn finish(self) -> Result<Vec<Heard>> {
        // Release: nothing has to be seen with it.
        self.ends.store(true, Ordering::Release);
        let thread = self.thread;
        thread.join().map_err(|_| anyhow!("the probes failed"))?
    }
}

impl Subscribed {
    /// Subscribes to each signature, and waits until the node has accepted all.
    pub(super) fn to(url: &str, signatures: &[[u8; 64]]) -> Result<Self> {
        let connected = tungstenite::connect(url);
        let (mut socket, _) = connected.with_context(|| format!("no WebSocket at {url}"))?;
        let MaybeTlsStream::Plain(stream) = socket.get_mut() else {
            bail!("{url} is encrypted");
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        let mut subscribed = Self {
            socket,
            places: HashMap::new(),
            heard: vec![None; signatures.len()],
        };
        for (place, signature) in signatures.iter().enumerate() {
            subscribed.subscribe(place, signature)?;
        }
        Ok(subscribed)
    }

    /// Listens from now on.
    pub(super) fn start(mut self) -> Result<Probes> {
        if let MaybeTlsStream::Plain(stream) = self.socket.get_mut() {
            stream.set_read_timeout(Some(LOOK_INTERVAL))?;
        }
        let ends = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let ends = ends.clone();
            move || self.listen(&ends)
        });
        Ok(Probes { thread, ends })
    }

    fn subscribe(&mut self, place: usize, signature: &[u8; 64]) -> Result<()> {
        let signature = solana_signature::Signature::from(*signature).to_string();
        let request = json!({
            "jsonrpc": "2.0",
            "id": place,
            "method": "signatureSubscribe",
            "params": [signature, { "commitment": "confirmed" }],
        });
        self.socket.send(Message::text(request.to_string()))?;
        let answer: Value = serde_json::from_str(self.socket.read()?.to_text()?)?;
        ensure!(
            answer["id"] == place,
            "the node did not answer signatureSubscribe: {answer}"
        );
        let subscription = answer["result"].as_u64();
        let subscription = subscription.with_context(|| format!("signatureSubscribe: {answer}"))?;
        self.places.insert(subscription, place);
        Ok(())
    }

    fn listen(mut self, ends: &AtomicBool) -> Result<Vec<Heard>> {
        // Acquire: see `finish`.
        while !self.places.is_empty() && !ends.load(Ordering::Acquire) {
            let message = match self.socket.read() {
                Ok(message) => message,
                // Nothing came meanwhile.
                Err(Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    continue;
                }
                Err(error) => return Err(error).context("the WebSocket ended"),
            };
            let now = Instant::now();
            let Message::Text(text) = message else {
                continue;
            };
            let notification: Value = serde_json::from_str(&text)?;
            let params = &notification["params"];
            let subscription = params["subscription"].as_u64();
            if let Some(place) = subscription.and_then(|it| self.places.remove(&it)) {
                let succeeded = params["result"]["value"]["err"].is_null();
                self.heard[place] = Some((now, succeeded));
            }
        }
        Ok(self.heard)
    }
}
