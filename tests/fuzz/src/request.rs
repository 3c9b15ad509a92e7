//! Any text as a request of JSON-RPC: it is answered with a result or with an error, and the node goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealane_fuzz::write_seeds;
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::Value;
use std::sync::LazyLock;

/// A chain for development, so that the methods of its operator are there too.
static NODE: LazyLock<ValidatorHandle> = LazyLock::new(|| {
    let node = Validator::builder().dev(true).start();
    node.expect("the node starts")
});

fuzz_target!(init: write_seeds("request", include_str!("requests.txt").lines().map(str::as_bytes)), |bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // A command to go far into the future takes its time, and is no fault.
    if text.contains("surfnet_timeTravel") {
        return;
    }
    let answer = NODE.json_rpc(text).expect("it has RPC");
    let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
    let has = |field: &str| answer.get(field).is_some();
    assert_eq!(answer["jsonrpc"], "2.0", "{answer}");
    assert!(has("result") != has("error"), "{answer}");
    if has("error") {
        assert!(answer["error"]["code"].is_i64(), "{answer}");
        // Of these nobody knows what to do.
        assert_ne!(answer["error"]["code"], -32603, "{answer}");
    }
    assert!(NODE.reader().is_healthy());
});
