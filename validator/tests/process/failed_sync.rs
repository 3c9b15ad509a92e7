//! That a failed sync of the block log stops the node with an error, tells nobody that what it may have lost is
//! confirmed, and loses nothing that was: the kernel is made to fail by strace.

use crate::client::Client;
use crate::durable_first::{can_trace, transfer};
use crate::node::{BINARY, Node, PATIENCE, arguments};
use serde_json::json;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;
use std::process::Command;
use std::time::Instant;

/// Syncs of each thread that succeed before all fail.
const GOOD_SYNCS: usize = 20;

#[test]
fn a_failed_sync_stops_the_node_and_loses_nothing_that_was_confirmed() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (ledger, trace) = (folder.path().join("ledger"), folder.path().join("trace"));
    let mint = Keypair::new();
    let failing = format!("inject=fdatasync:error=EIO:when={}+", GOOD_SYNCS + 1);
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=fdatasync", "-e", &failing, "-o"]);
    command.arg(&trace).arg(BINARY);
    command.args(arguments(&ledger, &mint.pubkey(), 400));
    let mut node = Node::run(command);
    let addresses = node.ready_within(PATIENCE).expect("it starts");

    let began = Instant::now();
    let mut confirmed = Vec::new();
    let mut client = Client::connect(&addresses.http).unwrap();
    // Until the connection ends, as the node does.
    while let Some(signature) = confirm(&mut client, &mint, || node.has_ended()) {
        confirmed.push(signature);
        assert!(began.elapsed() < PATIENCE, "no sync failed");
    }
    println!("{} confirmed before the sync failed", confirmed.len());
    assert!(confirmed.len() >= GOOD_SYNCS / 4);
    let status = node.ended();
    assert_eq!(status.code(), Some(1), "{status}");

    let mut node = Node::start(&ledger, &mint.pubkey(), 400);
    let addresses = node.ready_within(PATIENCE).expect("it starts again");
    let mut client = Client::connect(&addresses.http).unwrap();
    for signature in &confirmed {
        let asked = json!([[signature.to_string()], {"searchTransactionHistory": true}]);
        let statuses = client.call("getSignatureStatuses", asked).unwrap();
        assert!(!statuses["value"][0].is_null(), "{signature} is lost");
    }
    assert!(confirm(&mut client, &mint, || node.has_ended()).is_some());
    node.ask_to_stop();
    assert!(node.ended().success());
}

/// Sends a transfer and waits until it is confirmed; `None` when the node ends before.
fn confirm(
    client: &mut Client,
    mint: &Keypair,
    mut has_ended: impl FnMut() -> bool,
) -> Option<Signature> {
    let (signature, parameters) = transfer(client, mint).ok()?;
    client.call("sendTransaction", parameters).ok()?;
    while !has_ended() {
        let asked = json!([[signature.to_string()]]);
        let statuses = client.call("getSignatureStatuses", asked).ok()?;
        if !statuses["value"][0].is_null() {
            return Some(signature);
        }
    }
    None
}
