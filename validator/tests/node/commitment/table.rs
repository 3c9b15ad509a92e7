//! Which slot each method answers of at each level.

use super::{LAG, Steps};
use crate::support::{call, result};
use crate::transfers::{base64, transfer};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use solana_signer::Signer;

/// A method with what stands before its configuration, what else is in that, and where in the answer the slot is.
type Row = (&'static str, Vec<Value>, Value, &'static str);

const CONTEXT: &str = "/context/slot";

fn rows(steps: &Steps) -> Vec<Row> {
    let key = json!(steps.watched.pubkey().to_string());
    let system = json!("11111111111111111111111111111111");
    let mint = json!("So11111111111111111111111111111111111111112");
    let tokens = json!({"programId": "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"});
    let none = || json!({});
    // Old enough to be known at each level.
    let reader = steps.node.reader();
    let blockhash = reader.finalized().context().blockhash();
    let signed = transfer(
        steps.node.faucet(),
        &Pubkey::new_unique(),
        1_000_000,
        blockhash,
    );
    let message = BASE64_STANDARD.encode(signed.message.serialize());
    let of_bytes = json!({"encoding": "base64"});
    let with_context = json!({"withContext": true, "filters": [{"dataSize": 3}]});
    let (blockhash, wire) = (json!(blockhash.to_string()), json!(base64(&signed)));
    vec![
        ("getSlot", vec![], none(), ""),
        ("getBlockHeight", vec![], none(), ""),
        ("getEpochInfo", vec![], none(), "/absoluteSlot"),
        ("getEpochInfo", vec![], none(), "/blockHeight"),
        ("getBalance", vec![key.clone()], none(), CONTEXT),
        ("getAccountInfo", vec![key.clone()], none(), CONTEXT),
        (
            "getMultipleAccounts",
            vec![json!([key.clone()])],
            none(),
            CONTEXT,
        ),
        ("getProgramAccounts", vec![system], with_context, CONTEXT),
        ("getLatestBlockhash", vec![], none(), CONTEXT),
        ("isBlockhashValid", vec![blockhash], none(), CONTEXT),
        ("getFeeForMessage", vec![json!(message)], none(), CONTEXT),
        ("getSupply", vec![], none(), CONTEXT),
        ("getLargestAccounts", vec![], none(), CONTEXT),
        ("simulateTransaction", vec![wire], of_bytes.clone(), CONTEXT),
        ("getTokenSupply", vec![mint.clone()], none(), CONTEXT),
        ("getTokenLargestAccounts", vec![mint], none(), CONTEXT),
        (
            "getTokenAccountsByOwner",
            vec![key.clone(), tokens.clone()],
            of_bytes.clone(),
            CONTEXT,
        ),
        (
            "getTokenAccountsByDelegate",
            vec![key, tokens],
            of_bytes,
            CONTEXT,
        ),
        ("getStakeMinimumDelegation", vec![], none(), CONTEXT),
        ("getBlockProduction", vec![], none(), CONTEXT),
        (
            "getBlockProduction",
            vec![],
            none(),
            "/value/range/lastSlot",
        ),
    ]
}

#[test]
fn each_method_answers_of_the_slot_of_its_level() {
    let steps = Steps::grown();
    let open = steps.open();
    for (method, before, config, place) in rows(&steps) {
        for (level, expected) in [
            ("processed", open),
            ("confirmed", open - 1),
            ("finalized", open - 1 - LAG),
            // Where a client says nothing, or nothing that is known.
            ("", open - 1 - LAG),
            ("max", open - 1 - LAG),
        ] {
            let mut config = config.clone();
            if !level.is_empty() {
                config["commitment"] = json!(level);
            }
            let mut params = before.clone();
            params.push(config);
            let found = result(&steps.node, method, Value::Array(params));
            let slot = found.pointer(place).and_then(Value::as_u64);
            assert_eq!(slot, Some(expected), "{method} at {level:?}: {found}");
        }
    }
}

#[test]
fn a_slot_that_the_level_has_not_reached_is_refused() {
    let steps = Steps::grown();
    let open = steps.open();
    let key = json!(steps.watched.pubkey().to_string());
    for (level, slot) in [
        ("processed", open),
        ("confirmed", open - 1),
        ("finalized", open - 1 - LAG),
    ] {
        for (method, before) in [
            ("getSlot", vec![]),
            ("getBalance", vec![key.clone()]),
            ("getTransactionCount", vec![]),
            ("getLatestBlockhash", vec![]),
            ("getSlotLeader", vec![]),
        ] {
            let call = |least: u64| {
                let config = json!({"commitment": level, "minContextSlot": least});
                let params = before.iter().cloned().chain([config]).collect();
                call(&steps.node, method, Value::Array(params))
            };
            assert!(call(slot).get("error").is_none(), "{method} at {level}");
            let expected = json!({
                "code": -32016,
                "message": "Minimum context slot has not been reached",
                "data": {"contextSlot": slot},
            });
            assert_eq!(call(slot + 1)["error"], expected, "{method} at {level}");
        }
    }
}

#[test]
fn each_level_knows_the_blockhashes_up_to_its_own() {
    let steps = Steps::grown();
    let open = steps.open();
    for (level, newest) in [
        ("processed", open - 1),
        // A sealed slot has one itself.
        ("confirmed", open - 1),
        ("finalized", open - 1 - LAG),
    ] {
        let config = json!({"commitment": level});
        let latest = result(&steps.node, "getLatestBlockhash", json!([config]));
        let latest = &latest["value"];
        let block = json!([newest, {"commitment": "confirmed", "transactionDetails": "none"}]);
        let block = result(&steps.node, "getBlock", block);
        assert_eq!(latest["blockhash"], block["blockhash"], "{level}");
        assert_eq!(latest["lastValidBlockHeight"], json!(newest + 150));
        let newest_of_all = steps.node.latest_blockhash().to_string();
        let params = json!([newest_of_all, config]);
        let valid = result(&steps.node, "isBlockhashValid", params);
        assert_eq!(valid["value"], json!(level != "finalized"), "{level}");
    }
}
