//! The node as a child process.

use solana_pubkey::Pubkey;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longer than anything takes: a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary that is tested.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_sealane-validator");

/// Where a node listens: host and port of HTTP, and of WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) http: String,
    pub(crate) web_socket: String,
}

/// A node that was started. Killed when it is dropped.
pub(crate) struct Node {
    child: Child,
    /// Its addresses, once it is ready; closed when it ends before.
    ready: Receiver<Addresses>,
}

impl Node {
    /// Starts the binary on a ledger and on ports that are free.
    pub(crate) fn start(ledger: &Path, mint: &Pubkey, slot_ms: u64) -> Self {
        let mut command = Command::new(BINARY);
        command.args(arguments(ledger, mint, slot_ms));
        Self::run(command)
    }

    /// Runs a command that starts the binary.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, ready) = channel();
        // Reads on to the end, so that the node never waits for who reads what it says.
        std::thread::spawn(move || {
            let mut http = None;
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let mut words = line.split_whitespace();
                let (name, address) = (words.next(), words.next());
                let address = address.and_then(|url| Some(url.split_once("://")?.1.to_owned()));
                match (name, address) {
                    (Some("JSON-RPC"), Some(address)) => http = Some(address),
                    (Some("WebSocket"), Some(web_socket)) => {
                        if let Some(http) = http.take() {
                            // Nobody may wait any more.
                            let _ = sender.send(Addresses { http, web_socket });
                        }
                    }
                    _ => {}
                }
            }
        });
        Self { child, ready }
    }

    /// Waits until the node listens, at most for some time; `None` if it does not by then.
    ///
    /// # Panics
    /// If the node ended by itself.
    pub(crate) fn ready_within(&mut self, time: Duration) -> Option<Addresses> {
        match self.ready.recv_timeout(time) {
            Ok(addresses) => Some(addresses),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                panic!("the node did not start: {:?}", self.child.wait())
            }
        }
    }

    /// Ends it at once, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop.
    pub(crate) fn ask_to_stop(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is there");
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// If it does not.
    pub(crate) fn ended(mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the node has not ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_some()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended already unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the binary is started with.
pub(crate) fn arguments(ledger: &Path, mint: &Pubkey, slot_ms: u64) -> Vec<String> {
    let ledger = ledger
        .to_str()
        .expect("a folder of a test has a plain name");
    let words = [
        "--rpc-port",
        "0",
        "--ledger",
        ledger,
        "--mint",
        &mint.to_string(),
    ];
    let mut words: Vec<String> = words.map(str::to_owned).into();
    words.extend(["--slot-ms".to_owned(), slot_ms.to_string()]);
    words
}
