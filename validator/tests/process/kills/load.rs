//! Clients that keep a node busy until it is gone, and note what it tells them.

use super::book::{Book, Fate};
use crate::client::Client;
use crate::node::Addresses;
use crate::web_socket::WebSocket;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use solana_hash::Hash;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::Mutex;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// Transfers that a client sends at once.
const TOGETHER_MAX: usize = 24;
/// Transfers of which one in so many is sent again, whatever became of it.
const AGAIN: u32 = 8;
/// Of how many that were sent last one is taken to be sent again.
const AGAIN_OF: usize = 2_000;
/// How long a client asks for a transfer that may have been dropped.
const ASKING: Duration = Duration::from_secs(2);

/// What the clients of a node share.
pub(crate) struct Load<'a> {
    pub(crate) book: &'a Mutex<Book>,
    pub(crate) addresses: &'a Addresses,
    /// Hears of how many transfers a client was told what no node told before.
    pub(crate) told: Sender<usize>,
}

impl Load<'_> {
    /// The blockhash to use now. What it says of the chain is noted.
    fn blockhash(&self, client: &mut Client) -> io::Result<Hash> {
        let shown = client.call("getLatestBlockhash", json!([]))?;
        let slot = shown["context"]["slot"].as_u64().expect("a slot");
        let blockhash = shown["value"]["blockhash"].as_str().expect("a blockhash");
        self.book.lock().unwrap().show(slot, blockhash);
        Ok(blockhash.parse().expect("a hash"))
    }

    fn tell(&self, told: Vec<(usize, Fate)>) {
        let count = {
            let mut book = self.book.lock().unwrap();
            let told = told.into_iter();
            told.filter(|(number, fate)| book.tell(*number, fate.clone()))
                .count()
        };
        // The driver may have heard enough.
        let _ = self.told.send(count);
    }

    /// Sends, and asks for statuses, until the node is gone.
    pub(crate) fn poll(&self, seed: u64) -> io::Result<Infallible> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut client = Client::connect(&self.addresses.http)?;
        loop {
            let blockhash = self.blockhash(&mut client)?;
            let count = random.random_range(1..=TOGETHER_MAX);
            let (mut asked, calls) = {
                let mut book = self.book.lock().unwrap();
                let numbers: Vec<_> = (0..count)
                    .map(|_| match random.random_ratio(1, AGAIN) {
                        true => again(&book, &mut random),
                        false => book.any(&mut random, blockhash),
                    })
                    .collect();
                let calls: Vec<_> = numbers.iter().map(|it| book.send(*it)).collect();
                (numbers, calls)
            };
            let answers = client.batch(calls)?;
            let mut taken = answers.iter().map(|answer| answer.get("error").is_none());
            asked.retain(|_| taken.next() == Some(true));
            if asked.is_empty() {
                return Err(io::Error::other("it stops, and takes nothing more"));
            }
            self.ask(&mut client, asked)?;
        }
    }

    /// Asks until all is told, or for a while.
    pub(crate) fn ask(&self, client: &mut Client, mut asked: Vec<usize>) -> io::Result<()> {
        let began = Instant::now();
        while !asked.is_empty() && began.elapsed() < ASKING {
            let signatures: Vec<String> = {
                let book = self.book.lock().unwrap();
                let signatures = asked.iter().map(|it| &book.transfers[*it].signature);
                signatures.cloned().collect()
            };
            let statuses = client.call("getSignatureStatuses", json!([signatures]))?;
            let statuses = statuses["value"].as_array().expect("statuses");
            let fates: HashMap<usize, Fate> = asked
                .iter()
                .zip(statuses)
                .filter_map(|(number, status)| Some((*number, Fate::of_status(status)?)))
                .collect();
            asked.retain(|number| !fates.contains_key(number));
            self.tell(fates.into_iter().collect());
        }
        Ok(())
    }

    /// Subscribes to each signature before it sends, until the node is gone.
    pub(crate) fn subscribe(&self, seed: u64) -> io::Result<Infallible> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut client = Client::connect(&self.addresses.http)?;
        let mut socket = WebSocket::connect(&self.addresses.web_socket)?;
        loop {
            let blockhash = self.blockhash(&mut client)?;
            let (number, signature, (method, params)) = {
                let mut book = self.book.lock().unwrap();
                let number = book.any(&mut random, blockhash);
                let signature = book.transfers[number].signature.clone();
                (number, signature, book.send(number))
            };
            let params_of = json!([signature, {"commitment": "confirmed"}]);
            socket.send(1, "signatureSubscribe", params_of)?;
            socket.send(2, method, params)?;
            let fate = notified(&mut socket)?;
            self.tell(vec![(number, fate)]);
        }
    }
}

/// Some transfer that was sent not long ago.
fn again(book: &Book, random: &mut StdRng) -> usize {
    let sent = book.transfers.len();
    random.random_range(sent.saturating_sub(AGAIN_OF)..sent)
}

/// What the notification says.
fn notified(socket: &mut WebSocket) -> io::Result<Fate> {
    loop {
        let message = socket.receive()?;
        if message["id"] == 2 && message.get("error").is_some() {
            return Err(io::Error::other("it stops, and takes nothing more"));
        }
        if message["method"] == "signatureNotification" {
            let result = &message["params"]["result"];
            return Ok(Fate {
                slot: result["context"]["slot"].as_u64().expect("a slot"),
                err: Value::clone(&result["value"]["err"]),
            });
        }
    }
}
