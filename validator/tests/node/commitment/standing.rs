//! How transactions and blocks reach the levels.

use super::{LAG, Steps, status};
use crate::support::{PATIENCE, error, result};
use crate::transfers::{base64, transfer};
use serde_json::{Value, json};
use solana_pubkey::Pubkey;

#[test]
fn a_transaction_is_processed_then_confirmed_by_more_and_more_then_final() {
    let steps = Steps::grown();
    let transaction = steps.transfer();
    steps.node.send_and_confirm(&transaction).unwrap();
    let slot = steps.open();
    let signature = transaction.signatures[0].to_string();
    let payer = steps.node.faucet_address().to_string();
    let read = |commitment: &str| {
        let config = json!({"commitment": commitment});
        let found = result(&steps.node, "getTransaction", json!([signature, config]));
        let of_address = json!([payer, config]);
        let of_address = result(&steps.node, "getSignaturesForAddress", of_address);
        let listed = of_address.as_array().unwrap().iter();
        let mut listed = listed.filter(|it| it["signature"] == json!(signature));
        let listed = listed.next().map(|it| it["confirmationStatus"].clone());
        assert_eq!(found.is_null(), listed.is_none(), "{commitment}");
        listed
    };
    assert_eq!(
        status(&steps.node, &transaction),
        (json!("processed"), json!(0))
    );
    assert_eq!((read("confirmed"), read("finalized")), (None, None));
    for confirmations in 1..=LAG {
        steps.step();
        let expected = (json!("confirmed"), json!(confirmations));
        assert_eq!(status(&steps.node, &transaction), expected);
        assert_eq!(
            (read("confirmed"), read("finalized")),
            (Some(json!("confirmed")), None)
        );
    }
    for _ in 0..2 {
        steps.step();
        assert_eq!(
            status(&steps.node, &transaction),
            (json!("finalized"), Value::Null)
        );
        let is_final = Some(json!("finalized"));
        assert_eq!(
            (read("confirmed"), read("finalized")),
            (is_final.clone(), is_final)
        );
    }
    let found = result(&steps.node, "getTransaction", json!([signature]));
    assert_eq!(found["slot"], json!(slot));
}

#[test]
fn what_was_sent_is_new_to_a_preflight_until_its_level_has_it() {
    let steps = Steps::grown();
    let blockhash = steps.node.reader().finalized().context().blockhash();
    let faucet = steps.node.faucet();
    let sent = transfer(faucet, &Pubkey::new_unique(), 1_000_000, blockhash);
    let (wire, signature) = (base64(&sent), json!(sent.signatures[0].to_string()));
    let config = json!({"encoding": "base64"});
    for _ in 0..=LAG {
        // It is in already, which is what a client wants that sends it again.
        let answer = result(&steps.node, "sendTransaction", json!([wire, config]));
        assert_eq!(answer, signature);
        steps.node.confirm(&sent.signatures[0], PATIENCE).unwrap();
        steps.step();
    }
    let (code, message) = error(&steps.node, "sendTransaction", json!([wire, config]));
    assert_eq!(code, -32002);
    assert!(message.contains("already been processed"), "{message}");
}

#[test]
fn a_level_has_the_blocks_up_to_its_own() {
    let steps = Steps::grown();
    let open = steps.open();
    for (level, newest) in [("confirmed", open - 1), ("finalized", open - 1 - LAG)] {
        let config = json!({"commitment": level, "transactionDetails": "none"});
        let block = result(&steps.node, "getBlock", json!([newest, config]));
        assert_eq!(block["blockHeight"], json!(newest));
        let (code, message) = error(&steps.node, "getBlock", json!([newest + 1, config]));
        assert_eq!(code, -32004);
        assert_eq!(
            message,
            format!("Block not available for slot {}", newest + 1)
        );
        let expected: Vec<u64> = (2..=newest).collect();
        let config = json!({"commitment": level});
        let blocks = result(&steps.node, "getBlocks", json!([2, config]));
        assert_eq!(blocks, json!(expected), "{level}");
        let blocks = result(&steps.node, "getBlocksWithLimit", json!([2, 1_000, config]));
        assert_eq!(blocks, json!(expected), "{level}");
    }
    for method in ["getBlock", "getBlocks", "getTransaction"] {
        let about = match method {
            "getTransaction" => json!("1".repeat(64)),
            _ => json!(1),
        };
        let processed = json!([about, {"commitment": "processed"}]);
        assert_eq!(error(&steps.node, method, processed).0, -32602, "{method}");
    }
}
