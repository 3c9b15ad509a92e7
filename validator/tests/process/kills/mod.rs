//! A node that is killed at random moments under load, by a driver that keeps its own list of what was confirmed
//! to it.
//!
//! Clients send transfers and learn what became of them as clients do; the node is killed with SIGKILL while
//! they do so, while it starts, or while it stops in an orderly way, and is started again on its ledger. Then it
//! must have all that it told, as it told it; each transfer of its chain must be applied exactly once, though
//! many were sent again; and no slot may go back or be shown with another blockhash than before. What each kill
//! leaves is verified before it is started again: a torn end is no damage.
//!
//! `SEALANE_KILLS` says how many kills, `SEALANE_SEED` with which seed to begin.

mod audit;
mod book;
mod load;

use crate::client::Client;
use crate::node::{Addresses, BINARY, Node, PATIENCE};
use audit::Chain;
use book::Book;
use load::Load;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use solana_signer::Signer;
use std::io;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const KILLS: u64 = 12;
/// A chain is given up after so many kills: the longer it is, the longer an audit reads.
const KILLS_OF_A_CHAIN: u64 = 25;
const SLOT_MS: u64 = 50;
/// Clients that ask for statuses; one more subscribes.
const POLLING: u64 = 2;
/// After how many transfers that were told, or after how long, a node under load is killed at the latest.
const TOLD_MAX: usize = 600;
const LOAD_MAX: Duration = Duration::from_millis(300);
/// How long an orderly stop goes on before it is cut short, at most.
const STOP_MAX: Duration = Duration::from_millis(25);

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    UnderLoad,
    /// Before it has listened.
    AtStart,
    WhileStopping,
    /// By itself, so that starts after a clean stop come in between.
    Stopped,
}

impl End {
    fn any(random: &mut StdRng) -> Self {
        match random.random_range(0..20) {
            0..11 => Self::UnderLoad,
            11..14 => Self::AtStart,
            14..18 => Self::WhileStopping,
            _ => Self::Stopped,
        }
    }
}

/// What came of a run.
#[derive(Debug, Default)]
struct Score {
    kills: u64,
    under_load: u64,
    at_start: u64,
    while_stopping: u64,
    clean_stops: u64,
    chains: u64,
    /// Transfers that were sent.
    sent: usize,
    /// Those of which a client was told, before or while the node was killed, what became of them.
    told: usize,
    /// Those that are in the chains.
    applied: usize,
}

#[test]
fn nothing_that_was_told_is_lost_and_nothing_runs_twice_however_often_a_node_is_killed() {
    let number = |name: &str, default| {
        let text = std::env::var(name).ok();
        text.map_or(default, |text| text.parse().expect("a number"))
    };
    let (kills, mut seed) = (number("SEALANE_KILLS", KILLS), number("SEALANE_SEED", 1));
    let mut score = Score::default();
    let began = Instant::now();
    while score.kills < kills {
        println!("seed {seed}: {:?} so far, {score:?}", began.elapsed());
        let of_this = (kills - score.kills).min(KILLS_OF_A_CHAIN);
        Driver::new(seed).run(of_this, &mut score);
        seed += 1;
    }
    println!("{:?}: {score:?}; lost 0, doubled 0", began.elapsed());
    assert!(score.told > 0 && score.applied >= score.told);
}

/// One chain and who loads it.
struct Driver {
    random: StdRng,
    folder: TempDir,
    book: Mutex<Book>,
    chain: Chain,
    /// How long the last start took.
    start: Duration,
}

impl Driver {
    fn new(seed: u64) -> Self {
        let book = Book::new();
        Self {
            random: StdRng::seed_from_u64(seed),
            folder: tempfile::tempdir().expect("a folder can be made"),
            chain: Chain::new(&book),
            book: Mutex::new(book),
            start: Duration::from_millis(20),
        }
    }

    fn run(mut self, kills: u64, score: &mut Score) {
        let end = score.kills + kills;
        while score.kills < end {
            match End::any(&mut self.random) {
                End::AtStart => self.kill_at_start(score),
                how => self.run_node(how, score),
            }
            self.verify();
        }
        // The whole chain once more, from its first block on.
        let (node, _, mut client) = self.start();
        self.audit(&mut client);
        let length = self.chain.len();
        self.chain = Chain::new(&self.book.lock().unwrap());
        self.audit(&mut client);
        assert_eq!(self.chain.len(), length);
        node.kill();
        let book = self.book.lock().unwrap();
        score.chains += 1;
        score.sent += book.transfers.len();
        score.applied += length;
    }

    fn node(&self) -> Node {
        let mint = self.book.lock().unwrap().mint().pubkey();
        Node::start(self.folder.path(), &mint, SLOT_MS)
    }

    fn start(&mut self) -> (Node, Addresses, Client) {
        let began = Instant::now();
        let mut node = self.node();
        let addresses = node.ready_within(PATIENCE).expect("it starts");
        self.start = began.elapsed();
        let client = Client::connect(&addresses.http).expect("it listens");
        (node, addresses, client)
    }

    fn kill_at_start(&mut self, score: &mut Score) {
        let mut node = self.node();
        let time = self.start.mul_f64(self.random.random_range(0.0..1.2));
        // It may be ready already: then it is killed before anybody has asked it for anything.
        node.ready_within(time);
        node.kill();
        score.kills += 1;
        score.at_start += 1;
    }

    fn audit(&mut self, client: &mut Client) {
        let book = &mut self.book.lock().unwrap();
        let audited = self.chain.audit(book, client);
        audited.expect("a node that nobody killed answers");
    }

    /// What a killed node leaves is not what damage looks like.
    fn verify(&self) {
        if !self.folder.path().join("genesis").exists() {
            // It was killed before there was a chain.
            return;
        }
        let mut command = Command::new(BINARY);
        command.args(["ledger", "verify"]).arg(self.folder.path());
        let verified = command.output().expect("the binary was built");
        let told = String::from_utf8_lossy(&verified.stdout);
        assert!(verified.status.success(), "{told}");
    }

    /// Starts a node, audits it, loads it, and ends it.
    fn run_node(&mut self, how: End, score: &mut Score) {
        let (node, addresses, mut client) = self.start();
        self.audit(&mut client);
        if self.chain.len() == 0 {
            self.fund(&mut client).expect("nobody killed it");
        }
        let (sender, told) = channel();
        let load = Load {
            book: &self.book,
            addresses: &addresses,
            told: sender,
        };
        let seeds: [u64; POLLING as usize + 1] = self.random.random();
        let enough = self.random.random_range(0..TOLD_MAX);
        let at = Instant::now() + LOAD_MAX.mul_f64(self.random.random_range(0.0..1.0));
        let stopping = STOP_MAX.mul_f64(self.random.random_range(0.0..1.0));
        let mut count = 0;
        std::thread::scope(|threads| {
            let load = &load;
            let (subscribing, polling) = seeds.split_first().expect("there are some");
            threads.spawn(move || load.subscribe(*subscribing));
            for seed in polling {
                threads.spawn(move || load.poll(*seed));
            }
            while count < enough && Instant::now() < at {
                let left = at.saturating_duration_since(Instant::now());
                count += told.recv_timeout(left).unwrap_or(0);
            }
            match how {
                End::Stopped => {
                    node.ask_to_stop();
                    let status = node.ended();
                    assert!(status.success(), "a clean stop: {status}");
                    score.clean_stops += 1;
                    return;
                }
                End::WhileStopping => {
                    let mut node = node;
                    node.ask_to_stop();
                    let until = Instant::now() + stopping;
                    while Instant::now() < until {
                        std::thread::yield_now();
                    }
                    if node.has_ended() {
                        score.clean_stops += 1;
                        return;
                    }
                    node.kill();
                    score.while_stopping += 1;
                }
                _ => {
                    node.kill();
                    score.under_load += 1;
                }
            }
            score.kills += 1;
        });
        drop(load);
        score.told += count + told.iter().sum::<usize>();
    }

    /// Everybody gets something to send.
    fn fund(&mut self, client: &mut Client) -> io::Result<()> {
        let shown = client.call("getLatestBlockhash", json!([]))?;
        let blockhash = shown["value"]["blockhash"].as_str().expect("a blockhash");
        let blockhash = blockhash.parse().expect("a hash");
        let mut book = self.book.lock().unwrap();
        let sent = book.fund(blockhash);
        for answer in client.batch(sent.iter().map(|number| book.send(*number)))? {
            assert!(answer.get("error").is_none(), "{answer}");
        }
        drop(book);
        let (told, _heard) = channel();
        let load = Load {
            book: &self.book,
            // Nobody connects.
            addresses: &Addresses {
                http: String::new(),
                web_socket: String::new(),
            },
            told,
        };
        load.ask(client, sent)
    }
}
