//! A chain in one file (`--state`), whose node is stopped and killed.

use crate::client::Client;
use crate::node::{BINARY, Node, PATIENCE};
use serde_json::json;
use solana_pubkey::Pubkey;
use std::process::Command;
use std::time::{Duration, Instant};

const LAMPORTS: u64 = 1_000_000_000;

fn balance(client: &mut Client, of: &Pubkey) -> u64 {
    let answer = client.call("getBalance", json!([of.to_string()])).unwrap();
    answer["value"].as_u64().expect("a balance is a number")
}

#[test]
fn a_state_in_a_file_goes_on_after_a_stop_and_after_a_kill() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("state");
    let folder = home.path().join("state.ledger");
    let (mint, to) = (Pubkey::new_unique(), Pubkey::new_unique());
    for (before, is_killed) in [true, true, false, true, false].into_iter().enumerate() {
        let mut command = Command::new(BINARY);
        command.args(["--rpc-port", "0", "--slot-ms", "50"]);
        command.args(["--mint", &mint.to_string()]);
        command.arg("--state").arg(&file);
        let mut node = Node::run(command);
        let addresses = node.ready_within(PATIENCE).expect("it starts");
        let mut client = Client::connect(&addresses.http).unwrap();
        let before = before as u64 * LAMPORTS;
        assert_eq!(balance(&mut client, &to), before);

        let request = json!([to.to_string(), LAMPORTS]);
        client.call("requestAirdrop", request).unwrap();
        let began = Instant::now();
        while balance(&mut client, &to) < before + LAMPORTS {
            assert!(began.elapsed() < PATIENCE, "the airdrop is not there");
            std::thread::sleep(Duration::from_millis(5));
        }
        if is_killed {
            node.kill();
            assert!(folder.exists(), "what was confirmed is there");
        } else {
            node.ask_to_stop();
            assert!(node.ended().success());
            assert!(file.exists() && !folder.exists());
        }
    }
}
