//! JSON-RPC as bytes on a socket: the chain and its accounts, in the shapes that Agave's clients read.

use crate::support::{call, error, http, result, start, value};
use crate::transfers::{SYSTEM, node_and_payer, transfer};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_sdk::AccountState;
use sealane_validator::{RpcLimits, Validator};
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_pubkey::Pubkey;

#[test]
fn the_chain_describes_itself() {
    let node = start();
    let genesis = node.genesis_hash().to_string();
    assert_eq!(result(&node, "getHealth", json!([])), json!("ok"));
    assert_eq!(http(&node, "GET", "/health", ""), (200, "ok".into()));
    assert_eq!(result(&node, "getGenesisHash", json!([])), json!(genesis));
    assert_eq!(
        result(&node, "getVersion", json!([])),
        json!({"solana-core": "4.2.2", "feature-set": 0})
    );
    assert_eq!(
        result(&node, "getMinimumBalanceForRentExemption", json!([0])),
        json!(890_880)
    );
    assert_eq!(
        result(&node, "getMinimumBalanceForRentExemption", json!([165])),
        json!(2_039_280)
    );
    let schedule = result(&node, "getEpochSchedule", json!([]));
    assert_eq!(
        schedule,
        json!({
            "slotsPerEpoch": 432_000,
            "leaderScheduleSlotOffset": 432_000,
            "warmup": false,
            "firstNormalEpoch": 0,
            "firstNormalSlot": 0,
        })
    );
    let identity = result(&node, "getIdentity", json!([]));
    assert!(
        identity["identity"]
            .as_str()
            .unwrap()
            .parse::<Pubkey>()
            .is_ok()
    );

    let info = result(&node, "getEpochInfo", json!([{"commitment": "processed"}]));
    let slot = info["absoluteSlot"].as_u64().unwrap();
    assert_eq!(
        info,
        json!({
            "absoluteSlot": slot,
            "blockHeight": slot,
            "epoch": 0,
            "slotIndex": slot,
            "slotsInEpoch": 432_000,
            "transactionCount": 0,
        })
    );
    assert!(result(&node, "getSlot", json!([])).as_u64().unwrap() >= slot);
    assert!(result(&node, "getBlockHeight", json!([])).as_u64().unwrap() >= slot);
}

#[test]
fn a_blockhash_is_valid_for_the_block_height_it_comes_with() {
    let (node, payer) = node_and_payer();
    let latest = value(
        &node,
        "getLatestBlockhash",
        json!([{"commitment": "finalized"}]),
    );
    let blockhash = latest["blockhash"].clone();
    let height = result(&node, "getBlockHeight", json!([])).as_u64().unwrap();
    let last = latest["lastValidBlockHeight"].as_u64().unwrap();
    assert!(
        (height + 149..=height + 151).contains(&last),
        "{last} at {height}"
    );
    assert_eq!(
        value(&node, "isBlockhashValid", json!([blockhash])),
        json!(true)
    );
    let unknown = Hash::new_from_array([9; 32]).to_string();
    assert_eq!(
        value(&node, "isBlockhashValid", json!([unknown])),
        json!(false)
    );

    let known = transfer(&payer, &Pubkey::new_unique(), 1, node.latest_blockhash());
    let message = BASE64_STANDARD.encode(known.message.serialize());
    assert_eq!(
        value(&node, "getFeeForMessage", json!([message])),
        json!(5_000)
    );
    let unknown = transfer(
        &payer,
        &Pubkey::new_unique(),
        1,
        Hash::new_from_array([9; 32]),
    );
    let message = BASE64_STANDARD.encode(unknown.message.serialize());
    assert_eq!(
        value(&node, "getFeeForMessage", json!([message])),
        json!(null)
    );
}

#[test]
fn an_account_has_the_shape_that_was_asked_for() {
    let (key, owner) = (Pubkey::new_unique(), Pubkey::new_unique());
    let state = AccountState {
        lamports: 5_000_000,
        owner,
        executable: false,
        data: b"hello, world"[..].into(),
    };
    let node = Validator::builder().account(key, state).start().unwrap();
    let key = key.to_string();
    let check = |config: Value, data: Value| {
        assert_eq!(
            value(&node, "getAccountInfo", json!([key, config])),
            json!({
                "data": data,
                "executable": false,
                "lamports": 5_000_000,
                "owner": owner.to_string(),
                "rentEpoch": 18_446_744_073_709_551_615_u64,
                "space": 12,
            }),
            "{config}"
        );
    };
    let in_base58 = bs58::encode("hello, world").into_string();
    let in_base64 = BASE64_STANDARD.encode("hello, world");
    check(json!(null), json!(in_base58));
    check(json!({"encoding": "base58"}), json!([in_base58, "base58"]));
    check(json!({"encoding": "base64"}), json!([in_base64, "base64"]));
    check(
        json!({"encoding": "jsonParsed"}),
        json!([in_base64, "base64"]),
    );
    check(
        json!({"encoding": "base64", "dataSlice": {"offset": 7, "length": 99}}),
        json!([BASE64_STANDARD.encode("world"), "base64"]),
    );
    assert_eq!(value(&node, "getBalance", json!([key])), json!(5_000_000));

    let absent = Pubkey::new_unique().to_string();
    assert_eq!(value(&node, "getAccountInfo", json!([absent])), json!(null));
    assert_eq!(value(&node, "getBalance", json!([absent])), json!(0));
    let several = value(&node, "getMultipleAccounts", json!([[absent, key]]));
    assert_eq!(several[0], json!(null));
    assert_eq!(several[1]["data"], json!([in_base64, "base64"]));

    let clock = json!(["SysvarC1ock11111111111111111111111111111111", {"encoding": "base64"}]);
    let clock = value(&node, "getAccountInfo", clock);
    assert_eq!(
        (&clock["space"], &clock["executable"]),
        (&json!(40), &json!(false))
    );
    let system = value(&node, "getAccountInfo", json!([SYSTEM]));
    assert_eq!(
        system["owner"],
        json!("NativeLoader1111111111111111111111111111111")
    );
    assert_eq!(system["executable"], json!(true));
}

/// Two accounts of 60 kB each in base64, where a response may have 100 kB.
#[test]
fn answers_that_grow_too_large_are_refused_while_they_are_built() {
    let (owner, keys) = (
        Pubkey::new_unique(),
        [Pubkey::new_unique(), Pubkey::new_unique()],
    );
    let mut limits = RpcLimits::default();
    limits.response_bytes_max = 100_000;
    let state = AccountState {
        lamports: 1 << 40,
        owner,
        data: vec![1; 45_000].into(),
        ..AccountState::default()
    };
    let mut builder = Validator::builder().rpc_limits(limits);
    for key in keys {
        builder = builder.account(key, state.clone());
    }
    let node = builder.start().unwrap();
    let keys = keys.map(|key| key.to_string());
    let base64 = json!({"encoding": "base64"});
    // On a thread of its own, as 45 kB are.
    let account = value(&node, "getAccountInfo", json!([keys[0], base64]));
    assert_eq!(account["data"][0].as_str().unwrap().len(), 60_000);
    for (method, about) in [
        ("getMultipleAccounts", json!(keys)),
        ("getProgramAccounts", json!(owner.to_string())),
    ] {
        let answer = call(&node, method, json!([about, base64]));
        let expected = json!({
            "code": -32008,
            "message": "Response is too big",
            "data": "Exceeded max limit of 100000",
        });
        assert_eq!(answer["error"], expected, "{method}");
        let sliced = json!({"encoding": "base64", "dataSlice": {"offset": 0, "length": 9_000}});
        result(&node, method, json!([about, sliced]));
    }
}

/// A callback that breaks its promise ends the thread that calls it.
#[test]
fn a_node_that_lost_a_thread_says_so() {
    let node = start();
    let broken = Box::new(|_| panic!("a callback must not panic"));
    node.ingest().submit_one(vec![1, 2, 3].into(), broken);
    while node.reader().is_healthy() {
        std::thread::yield_now();
    }
    assert_eq!(http(&node, "GET", "/health", ""), (200, "unknown".into()));
    assert_eq!(error(&node, "getHealth", json!([])).0, -32005);
}

#[test]
fn program_accounts_are_filtered_sorted_and_sliced() {
    let owner = Pubkey::new_unique();
    let mut builder = Validator::builder();
    let mut keys: Vec<Pubkey> = (0..3).map(|_| Pubkey::new_unique()).collect();
    for (index, key) in keys.iter().enumerate() {
        let data = vec![index as u8; 10 + index];
        builder = builder.account(
            *key,
            AccountState {
                lamports: 7_000_000,
                owner,
                executable: false,
                data: data.into(),
            },
        );
    }
    let node = builder.start().unwrap();
    let owner = owner.to_string();
    let found = |config: Value| -> Vec<String> {
        let accounts = result(&node, "getProgramAccounts", json!([owner, config]));
        let keys = accounts.as_array().unwrap().iter();
        keys.map(|account| account["pubkey"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        found(json!({"filters": [{"dataSize": 11}]})),
        [keys[1].to_string()]
    );
    let memcmp = json!({"memcmp": {"offset": 4, "bytes": bs58::encode([2, 2]).into_string()}});
    assert_eq!(found(json!({"filters": [memcmp]})), [keys[2].to_string()]);
    assert!(found(json!({"filters": [memcmp, {"dataSize": 11}]})).is_empty());
    keys.sort();
    let sorted: Vec<String> = keys.iter().map(ToString::to_string).collect();
    assert_eq!(found(json!({})), sorted);

    let config = json!({
        "withContext": true,
        "encoding": "base64",
        "dataSlice": {"offset": 0, "length": 1},
        "filters": [{"dataSize": 12}],
    });
    let accounts = value(&node, "getProgramAccounts", json!([owner, config]));
    assert_eq!(
        accounts[0]["account"]["data"],
        json!([BASE64_STANDARD.encode([2]), "base64"])
    );
    assert_eq!(accounts[0]["account"]["space"], json!(12));
}

#[test]
fn requests_that_are_no_json_rpc_and_too_large_ones_are_refused() {
    let node = start();
    let (status, body) = http(&node, "POST", "/", "{\"jsonrpc\":");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["error"]["code"]), (200, &json!(-32700)));

    let params = "x".repeat(50 * 1024);
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "getHealth", "params": [params]});
    let (status, _) = http(&node, "POST", "/", &request.to_string());
    assert_eq!(status, 413);
    assert_eq!(http(&node, "GET", "/", "").0, 405);

    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"getHealth"},
                    {"jsonrpc":"2.0","id":"b","method":"getNothing"}]"#;
    let (_, body) = http(&node, "POST", "/", batch);
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!([
            {"jsonrpc": "2.0", "id": 1, "result": "ok"},
            {"jsonrpc": "2.0", "id": "b", "error": {"code": -32601, "message": "Method not found"}},
        ])
    );
}
