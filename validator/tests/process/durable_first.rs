//! That the block log's sync has returned before the first word of a confirmation leaves a socket, as the
//! kernel saw it: the node runs under strace, and the order of its calls is looked at.

use crate::client::Client;
use crate::node::{Addresses, BINARY, Node, PATIENCE, arguments};
use crate::web_socket::WebSocket;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Bytes of a write that are traced.
const TRACED_BYTES: &str = "4096";
const CALLS: &str = "trace=fdatasync,fsync,write,writev,pwrite64,sendto,sendmsg";

#[test]
fn the_logs_sync_returns_before_a_confirmation_leaves_the_socket() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ledger, trace) = (folder.path().join("ledger"), folder.path().join("trace"));
    let mint = Keypair::new();
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-y",
        "-ttt",
        "-xx",
        "-s",
        TRACED_BYTES,
        "-e",
        CALLS,
        "-o",
    ]);
    command.arg(&trace).arg(BINARY);
    command.args(arguments(&ledger, &mint.pubkey(), 400));
    let mut node = Node::run(command);
    let addresses = node.ready_within(PATIENCE).expect("it starts");
    let subscribed = confirm_by_subscription(&addresses, &mint);
    let polled = confirm_by_status(&addresses, &mint);
    stop_traced(node, &ledger);

    let calls = Call::all(&std::fs::read_to_string(&trace).unwrap());
    check_order(&calls, &subscribed, b"signatureNotification");
    check_order(&calls, &polled, b"confirmationStatus");
}

/// Whether strace works here, without which a test is skipped.
///
/// # Panics
/// If it does not, in CI.
pub(crate) fn can_trace() -> bool {
    let Err(why) = try_to_trace() else {
        return true;
    };
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci, "{why}: install Debian's package strace");
    println!("skipped: {why}. Debian's package strace brings it");
    false
}

fn try_to_trace() -> Result<(), String> {
    let tried = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match tried {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("strace cannot trace here ({status})")),
        Err(error) => Err(format!("there is no strace ({error})")),
    }
}

/// A transfer, and the parameters that send it.
pub(crate) fn transfer(
    client: &mut Client,
    mint: &Keypair,
) -> io::Result<(Signature, serde_json::Value)> {
    let shown = client.call("getLatestBlockhash", json!([]))?;
    let blockhash = shown["value"]["blockhash"].as_str().unwrap();
    let blockhash: Hash = blockhash.parse().unwrap();
    let (from, to) = (mint.pubkey(), Keypair::new().pubkey());
    let instruction = solana_system_interface::instruction::transfer(&from, &to, 1_000_000_000);
    let transaction =
        Transaction::new_signed_with_payer(&[instruction], Some(&from), &[mint], blockhash);
    let wire = BASE64_STANDARD.encode(bincode::serialize(&transaction).unwrap());
    let config = json!({"encoding": "base64", "skipPreflight": true});
    Ok((transaction.signatures[0], json!([wire, config])))
}

fn confirm_by_subscription(addresses: &Addresses, mint: &Keypair) -> Signature {
    let mut client = Client::connect(&addresses.http).unwrap();
    let mut socket = WebSocket::connect(&addresses.web_socket).unwrap();
    let (signature, parameters) = transfer(&mut client, mint).unwrap();
    let commitment = json!({"commitment": "confirmed"});
    let subscribed = json!([signature.to_string(), commitment]);
    socket.send(1, "signatureSubscribe", subscribed).unwrap();
    socket.send(2, "sendTransaction", parameters).unwrap();
    while socket.receive().unwrap()["method"] != "signatureNotification" {}
    signature
}

fn confirm_by_status(addresses: &Addresses, mint: &Keypair) -> Signature {
    let mut client = Client::connect(&addresses.http).unwrap();
    let (signature, parameters) = transfer(&mut client, mint).unwrap();
    client.call("sendTransaction", parameters).unwrap();
    let asked = json!([[signature.to_string()]]);
    let mut statuses = || client.call("getSignatureStatuses", asked.clone()).unwrap();
    while statuses()["value"][0].is_null() {}
    signature
}

/// Stops the node that strace runs, which ends strace.
fn stop_traced(node: Node, ledger: &Path) {
    let pid = std::fs::read_to_string(ledger.join("lock")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap());
    let pid = pid.expect("a process has a number");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(node.ended().success());
}

/// A call as it was traced.
#[derive(Debug)]
struct Call {
    name: String,
    /// The file or socket that it is on.
    on: String,
    /// What it writes, as far as it was traced.
    bytes: Vec<u8>,
    /// Lines of the trace at which it began and returned: an order of all calls of the process.
    began: usize,
    returned: Option<usize>,
    /// It returned 0.
    succeeded: bool,
}

impl Call {
    /// The calls of a trace. A call during which another began is in two lines, the second of which says
    /// that it is resumed.
    fn all(trace: &str) -> Vec<Self> {
        let mut calls: Vec<(&str, Self)> = Vec::new();
        for (line, text) in trace.lines().enumerate() {
            // Numbers of threads are padded to one width.
            let parted = text.split_once(' ').and_then(|(thread, rest)| {
                let (_time, call) = rest.trim_start().split_once(' ')?;
                Some((thread, call))
            });
            let Some((thread, call)) = parted else {
                continue;
            };
            let succeeded = call.ends_with(") = 0");
            if call.starts_with("<... ") {
                let open = calls.iter_mut().rev().find(|(its, _)| *its == thread);
                if let Some((_, open)) = open.filter(|(_, open)| open.returned.is_none()) {
                    open.returned = Some(line);
                    open.succeeded = succeeded;
                }
            } else if let Some((name, rest)) = call.split_once('(') {
                let on = rest
                    .split_once('<')
                    .and_then(|(_, rest)| rest.split_once('>'));
                let is_whole = !call.ends_with("<unfinished ...>");
                let call = Self {
                    name: name.to_owned(),
                    on: on.map_or(String::new(), |(on, _)| unescaped(on)),
                    bytes: written(rest),
                    began: line,
                    returned: is_whole.then_some(line),
                    succeeded,
                };
                calls.push((thread, call));
            }
        }
        calls.into_iter().map(|(_, call)| call).collect()
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        self.bytes.windows(bytes.len()).any(|part| part == bytes)
    }
}

/// A path, of which strace may write some bytes as it writes those of a string.
fn unescaped(path: &str) -> String {
    match path.contains("\\x") {
        true => String::from_utf8_lossy(&hex(path)).into_owned(),
        false => path.to_owned(),
    }
}

/// The bytes of all strings of a call.
fn written(arguments: &str) -> Vec<u8> {
    let strings = arguments.split('"').skip(1).step_by(2);
    strings.flat_map(hex).collect()
}

/// The bytes of `\x53\x4c`.
fn hex(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").filter_map(|digits| digits.get(..2));
    digits
        .filter_map(|digits| u8::from_str_radix(digits, 16).ok())
        .collect()
}

/// The write of a transaction to the log, the return of the sync of it, the first send of its confirmation: in
/// this order.
fn check_order(calls: &[Call], signature: &Signature, confirmation: &[u8]) {
    let is_log = |call: &&Call| call.on.contains("/blocks/") && call.on.ends_with(".log");
    let write = calls
        .iter()
        .filter(is_log)
        .find(|call| call.holds(signature.as_ref()))
        .expect("the transaction is written to the log");
    let sync = calls
        .iter()
        .filter(is_log)
        .find(|call| call.name == "fdatasync" && call.began > write.began)
        .expect("the log is synced");
    assert_eq!(sync.on, write.on);
    assert!(sync.succeeded, "{sync:?}");
    let synced = sync.returned.expect("it returned");
    let is_socket = |call: &&Call| call.on.contains("socket:") || call.on.contains("TCP");
    // Of the transaction before, there may be one before the write.
    let told = calls
        .iter()
        .filter(is_socket)
        .find(|call| call.holds(confirmation) && call.began > write.began)
        .expect("the confirmation is sent");
    println!(
        "line {}: written; line {synced}: synced; line {}: told by {}",
        write.began, told.began, told.name
    );
    assert!(write.returned < Some(synced) && synced < told.began);
}
