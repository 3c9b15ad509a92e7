//! What subscribers hear at which level, in which slot.

use super::{LAG, Steps};
use crate::support::WebSocket;
use sealane_runtime::TimeTravel;
use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

const LEVELS: [&str; 3] = ["processed", "confirmed", "finalized"];

/// A client of its own for each level, so that what one hears can be told from what the others do.
fn clients(steps: &Steps) -> [WebSocket; 3] {
    let url = steps.node.ws_url().unwrap();
    LEVELS.map(|_| WebSocket::connect(&url))
}

/// The slot that was open when a level hears of what was in slot `slot`.
fn heard_in(level: &str, slot: u64) -> u64 {
    match level {
        "processed" => slot,
        "confirmed" => slot + 1,
        _ => slot + 1 + LAG,
    }
}

#[test]
fn a_signature_is_told_when_its_slot_reaches_the_level() {
    let steps = Steps::grown();
    let transaction = steps.transfer();
    let signature = json!(transaction.signatures[0].to_string());
    let slot = steps.open();
    for (level, mut client) in LEVELS.into_iter().zip(clients(&steps)) {
        // Slots tell the time.
        let slots = client.subscribe("slotSubscribe", json!([]));
        let params = json!([signature, {"commitment": level}]);
        let number = client.subscribe("signatureSubscribe", params);
        if level == "processed" {
            steps.node.send_and_confirm(&transaction).unwrap();
        }
        while steps.open() < heard_in(level, slot) {
            let open = steps.step();
            let told = client.notification("slotNotification", slots);
            let expected = json!({"slot": open, "parent": open - 1, "root": open - 1 - LAG});
            assert_eq!(told, expected);
        }
        let told = client.notification("signatureNotification", number);
        let expected = json!({"context": {"slot": slot}, "value": {"err": null}});
        assert_eq!(told, expected, "{level}");
        // Who asks late hears at once.
        let params = json!([signature, {"commitment": level}]);
        let number = client.subscribe("signatureSubscribe", params);
        assert_eq!(
            client.notification("signatureNotification", number),
            expected
        );
    }
}

#[test]
fn an_account_is_told_as_each_level_sees_it() {
    let steps = Steps::grown();
    let key = steps.watched.pubkey().to_string();
    let mut heard = Vec::new();
    for (level, mut client) in LEVELS.into_iter().zip(clients(&steps)) {
        let config = json!({"commitment": level, "encoding": "base64"});
        let account = client.subscribe("accountSubscribe", json!([key, config]));
        heard.push((level, client, account));
    }
    for _ in 0..2 * LAG {
        let open = steps.step();
        for (level, client, account) in &mut heard {
            let slot = match *level {
                "processed" => open,
                "confirmed" => open - 1,
                _ => open - 1 - LAG,
            };
            let told = client.notification("accountNotification", *account);
            assert_eq!(told["context"]["slot"], json!(slot), "{level}");
            assert_eq!(told["value"]["lamports"], json!(1_000_000_000 + slot));
        }
    }
}

#[test]
fn logs_blocks_and_accounts_of_programs_wait_for_their_level() {
    let steps = Steps::grown();
    let system = "11111111111111111111111111111111";
    let to = Pubkey::new_unique();
    let slot = steps.open();
    let mut heard = Vec::new();
    for (level, mut client) in LEVELS.into_iter().zip(clients(&steps)) {
        let config = json!({"commitment": level, "encoding": "base64"});
        let mentions = json!({"mentions": [to.to_string()]});
        let logs = client.subscribe("logsSubscribe", json!([mentions, config]));
        let size = json!({"dataSize": 0});
        let filtered = json!({"commitment": level, "encoding": "base64", "filters": [size]});
        let program = client.subscribe("programSubscribe", json!([system, filtered]));
        heard.push((level, client, [logs, program]));
    }
    let mut blocks = WebSocket::connect(&steps.node.ws_url().unwrap());
    let config = json!({"transactionDetails": "signatures", "commitment": "finalized"});
    let filter = json!({"mentionsAccountOrProgram": to.to_string()});
    let block = blocks.subscribe("blockSubscribe", json!([filter, config]));
    let sent = crate::transfers::transfer(
        steps.node.faucet(),
        &to,
        5_000_000,
        steps.node.latest_blockhash(),
    );
    steps.node.send_and_confirm(&sent).unwrap();
    // A journey takes what is in the slot to all levels at once.
    steps
        .node
        .time_travel(TimeTravel::Slot(slot + 1_000))
        .unwrap();
    for (level, mut client, [logs, program]) in heard {
        let mut lamports = None;
        let mut seen = Vec::new();
        while lamports.is_none() || seen.is_empty() {
            let message = client.receive().expect("a notification");
            let result = &message["params"]["result"];
            let of = message["params"]["subscription"].as_u64().unwrap();
            if of == logs {
                seen.push(result["value"]["signature"].clone());
                assert_eq!(result["context"]["slot"], json!(slot), "{level}");
            } else {
                assert_eq!(of, program);
                if result["value"]["pubkey"] == json!(to.to_string()) {
                    lamports = Some(result["value"]["account"]["lamports"].clone());
                }
            }
        }
        assert_eq!(lamports, Some(json!(5_000_000)), "{level}");
        assert_eq!(seen, [json!(sent.signatures[0].to_string())], "{level}");
    }
    let told = blocks.notification("blockNotification", block);
    assert_eq!(told["value"]["slot"], json!(slot));
    let signatures = &told["value"]["block"]["signatures"];
    assert_eq!(*signatures, json!([sent.signatures[0].to_string()]));
}

#[test]
fn roots_are_the_slots_that_become_final() {
    let steps = Steps::new(super::lagging());
    let mut client = WebSocket::connect(&steps.node.ws_url().unwrap());
    let roots = client.subscribe("rootSubscribe", json!([]));
    let mut updates = WebSocket::connect(&steps.node.ws_url().unwrap());
    let all = updates.subscribe("slotsUpdatesSubscribe", json!([]));
    let begun = steps.open();
    while steps.open() < begun + 2 * LAG {
        steps.step();
    }
    let last = steps.open() - 1 - LAG;
    for root in 1..=last {
        assert_eq!(client.notification("rootNotification", roots), json!(root));
    }
    let mut told = Vec::new();
    while told.last() != Some(&json!(last)) {
        let update = updates.notification("slotsUpdatesNotification", all);
        if update["type"] == json!("root") {
            told.push(update["slot"].clone());
        }
    }
    let expected: Vec<Value> = (1..=last).map(|root| json!(root)).collect();
    assert_eq!(told, expected);
}

#[test]
fn who_watches_what_is_final_hears_of_a_way_back() {
    let steps = Steps::grown();
    let id = steps.node.snapshot_state().unwrap();
    let begun = steps.open();
    for _ in 0..10 {
        steps.step();
    }
    let mut client = WebSocket::connect(&steps.node.ws_url().unwrap());
    let key = steps.watched.pubkey().to_string();
    let config = json!({"encoding": "base64"});
    let account = client.subscribe("accountSubscribe", json!([key, config]));
    assert!(steps.node.revert_state(id).unwrap());
    let told = client.notification("accountNotification", account);
    assert_eq!(told["context"]["slot"], json!(begun - 1));
    assert_eq!(told["value"]["lamports"], json!(1_000_000_000 + begun - 1));
    // From there it goes on.
    for slot in begun..begun + 3 {
        steps.mark();
        steps.step();
        for _ in 0..LAG {
            steps
                .node
                .time_travel(TimeTravel::Slot(steps.open() + 1))
                .unwrap();
        }
        let told = client.notification("accountNotification", account);
        assert!(told["context"]["slot"].as_u64().unwrap() >= slot, "{told}");
    }
}
