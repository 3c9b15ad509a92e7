//! `sealane-validator ledger` as a command: what it says, with which status it ends, and that it changes nothing.

use crate::client::Client;
use crate::node::{BINARY, Node, PATIENCE};
use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Airdrops in the ledger: more than a pipe takes when they are exported.
const AIRDROPS: usize = 100;

fn tool(words: &[&str], ledger: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg("ledger")
        .args(words)
        .arg(ledger)
        .env_remove("SEALANE_LEDGER");
    command
}

fn output(words: &[&str], ledger: &Path) -> Output {
    tool(words, ledger).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A node on a ledger with some airdrops in it.
fn node_with_airdrops(ledger: &Path) -> Node {
    let mut node = Node::start(ledger, &Pubkey::new_unique(), 50);
    let addresses = node.ready_within(PATIENCE).expect("it starts");
    let mut client = Client::connect(&addresses.http).unwrap();
    let airdrop = |_| {
        let to = Pubkey::new_unique().to_string();
        ("requestAirdrop", json!([to, 1_000_000_000]))
    };
    let answers = client.batch((0..AIRDROPS).map(airdrop)).unwrap();
    for asked in answers.chunks(AIRDROPS) {
        let signatures: Vec<&Value> = asked.iter().map(|answer| &answer["result"]).collect();
        let mut are_all_there = || {
            let asked = json!([signatures]);
            let statuses = client.call("getSignatureStatuses", asked).unwrap();
            let statuses = statuses["value"].as_array().unwrap().clone();
            statuses.iter().all(|status| !status.is_null())
        };
        while !are_all_there() {}
    }
    node
}

/// All files and their bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let inside = contents(&entry.path()).into_iter();
            found.extend(inside.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn the_tools_look_at_a_ledger_that_no_node_runs_on_and_leave_it_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = &folder.path().join("ledger");
    let node = node_with_airdrops(ledger);
    for words in [&["verify"][..], &["stats"], &["export"]] {
        let refused = output(words, ledger);
        assert!(!refused.status.success());
        let told = text(&refused.stderr);
        assert!(
            told.starts_with("error: a node runs on this ledger"),
            "{told}"
        );
        assert!(told.contains("Stop it first"), "{told}");
    }
    node.ask_to_stop();
    assert!(node.ended().success());
    let before = contents(ledger);

    let verified = output(&["verify"], ledger);
    assert!(verified.status.success(), "{verified:?}");
    let told = text(&verified.stdout);
    assert!(told.contains(&format!("{AIRDROPS} transactions")), "{told}");
    assert!(verified.stderr.is_empty(), "no terminal, no progress");

    for words in [
        &["replay", "--banking-threads", "1"][..],
        &["replay", "--banking-threads", "3"],
        &["replay", "--from-checkpoint"],
    ] {
        let replayed = output(words, ledger);
        assert!(replayed.status.success(), "{words:?}: {replayed:?}");
        let told = text(&replayed.stdout);
        assert!(told.contains("State root at the end of slot"), "{told}");
        let all = format!("{AIRDROPS} transactions came to the logged results");
        let from_genesis = told.contains("from genesis") && told.contains(&all);
        assert_eq!(from_genesis, words.len() == 3, "{told}");
    }

    let stats = output(&["stats", "--json"], ledger);
    let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(
        (&stats["transactions"], &stats["failed"]),
        (&json!(AIRDROPS), &json!(0))
    );
    assert_eq!(stats["stoppedCleanly"], true);
    // Where it is can be said as it is said to the node.
    let by_name = Command::new(BINARY)
        .args(["ledger", "stats"])
        .env("SEALANE_LEDGER", ledger)
        .output()
        .unwrap();
    assert!(
        text(&by_name.stdout).contains("Stopped       cleanly"),
        "{by_name:?}"
    );

    let exported = output(&["export"], ledger);
    let lines = text(&exported.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let is_transaction = |line: &Value| line["type"] == "transaction";
    assert_eq!(lines.filter(is_transaction).count(), AIRDROPS);
    let file = folder.path().join("export.jsonl");
    let written = output(&["export", "--output", file.to_str().unwrap()], ledger);
    assert!(written.status.success() && written.stdout.is_empty());
    assert_eq!(std::fs::read(file).unwrap(), exported.stdout);

    assert_eq!(contents(ledger), before);
}

#[test]
fn a_transaction_is_traced_as_a_tree_or_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path();
    let node = node_with_airdrops(ledger);
    node.ask_to_stop();
    assert!(node.ended().success());
    let before = contents(ledger);
    let exported = output(&["export"], ledger);
    let mut lines = text(&exported.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let airdrop = lines.find(|line| line["type"] == "transaction").unwrap();
    let signature = airdrop["signature"].as_str().unwrap();

    let asked = ["replay", "--signature", signature, "--trace"];
    let tree = output(&asked, ledger);
    assert!(tree.status.success() && tree.stderr.is_empty(), "{tree:?}");
    let told = text(&tree.stdout);
    let slot = format!("in slot {}, succeeded", airdrop["slot"]);
    for expected in [
        &format!("Transaction {signature}\n")[..],
        &slot,
        "1. ComputeBudget111111111111111111111111111111  150 units",
        "2. 11111111111111111111111111111111  150 units",
        "lamports 0 → 1,000,000,000 (+1,000,000,000)",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }

    let json = output(&[&asked[..], &["--json"]].concat(), ledger);
    let traced: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(traced["signature"], signature);
    assert_eq!(
        (&traced["slot"], &traced["err"]),
        (&airdrop["slot"], &Value::Null)
    );
    let units: u64 = [0, 1]
        .iter()
        .map(|at| {
            traced["trace"]["instructions"][at]["unitsConsumed"]
                .as_u64()
                .unwrap()
        })
        .sum();
    assert_eq!(airdrop["meta"]["computeUnitsConsumed"], units);
    assert_eq!(contents(ledger), before);

    let unknown = "1".repeat(64);
    let refused = output(&["replay", "--trace", "--signature", &unknown], ledger);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(
        told.starts_with("error: this ledger has no transaction 111"),
        "{told}"
    );
    for (words, expected) in [
        (&["replay", "--trace"][..], "--signature <SIGNATURE>"),
        (&["replay", "--signature", signature], "--trace"),
        (&["replay", "--json"], "--trace"),
        (
            &["replay", "--trace", "--signature", "x"],
            "64 bytes in base 58",
        ),
        (
            &[
                "replay",
                "--trace",
                "--signature",
                signature,
                "--from-checkpoint",
            ],
            "cannot be used with",
        ),
    ] {
        let refused = output(words, ledger);
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
        assert!(text(&refused.stderr).contains(expected), "{refused:?}");
    }
}

#[test]
fn a_damaged_file_is_named_with_its_byte_and_the_status_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path();
    let node = node_with_airdrops(ledger);
    node.ask_to_stop();
    assert!(node.ended().success());
    let log = ledger.join("blocks/0000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 4;
    std::fs::write(&log, bytes).unwrap();

    let verified = output(&["verify"], ledger);
    assert_eq!(verified.status.code(), Some(1));
    let (told, error) = (text(&verified.stdout), text(&verified.stderr));
    assert!(
        told.contains("DAMAGED  blocks/0000000000.log is damaged at byte 88"),
        "{told}"
    );
    assert!(
        told.contains("Put a copy of this file in its place"),
        "{told}"
    );
    assert!(
        error.contains("is damaged: block log. Nothing was changed"),
        "{error}"
    );
    for words in [&["stats"][..], &["export"]] {
        let refused = output(words, ledger);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("byte 88"), "{refused:?}");
    }
    let nowhere = output(&["verify"], &ledger.join("nowhere"));
    assert!(
        text(&nowhere.stderr).starts_with("error: there is no ledger"),
        "{nowhere:?}"
    );
    assert!(!ledger.join("nowhere").exists());
}

#[test]
fn an_export_into_a_closed_pipe_ends_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let node = node_with_airdrops(folder.path());
    node.ask_to_stop();
    assert!(node.ended().success());
    let mut export = tool(&["export", "--encoding", "json"], folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(export.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(
        line.contains("\"type\":\"slot\"") && line.contains("\"slot\":0"),
        "{line}"
    );
    drop(out);
    let mut error = String::new();
    let mut stderr = export.stderr.take().unwrap();
    stderr.read_to_string(&mut error).unwrap();
    assert!(export.wait().unwrap().success());
    assert_eq!(error, "");
}
