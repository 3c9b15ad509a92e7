//! PubSub as frames on a socket.

use crate::support::{self, WebSocket, start};
use crate::transfers::{SYSTEM, transfer};
use sealane_runtime::Limits;
use sealane_sdk::AccountState;
use sealane_validator::{RpcLimits, Validator, ValidatorHandle};
use serde_json::json;
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::sync::atomic::{AtomicBool, Ordering};

fn connect(node: &ValidatorHandle) -> WebSocket {
    WebSocket::connect(&node.ws_url().unwrap())
}

fn airdrop_transaction(node: &ValidatorHandle, to: &Pubkey, lamports: u64) -> Transaction {
    let faucet = node.faucet();
    Transaction::new_signed_with_payer(
        &[solana_system_interface::instruction::transfer(
            &faucet.pubkey(),
            to,
            lamports,
        )],
        Some(&faucet.pubkey()),
        &[faucet],
        node.latest_blockhash(),
    )
}

#[test]
fn an_account_subscription_hears_each_change_once_and_nothing_else() {
    let (node, key) = (start(), Pubkey::new_unique());
    let mut client = connect(&node);
    let config = json!({"encoding": "base64", "commitment": "processed"});
    let number = client.subscribe("accountSubscribe", json!([key.to_string(), config]));
    node.airdrop(&key, 1_000_000).unwrap();
    let expected = |lamports: u64| {
        json!({
            "data": ["", "base64"],
            "executable": false,
            "lamports": lamports,
            "owner": SYSTEM,
            "rentEpoch": 18_446_744_073_709_551_615_u64,
            "space": 0,
        })
    };
    assert_eq!(
        client.notified_value("accountNotification", number),
        expected(1_000_000)
    );
    // Somebody else's account changes; a transaction that only names ours fails.
    node.airdrop(&Pubkey::new_unique(), 1_000_000).unwrap();
    node.airdrop(&key, u64::MAX / 2).unwrap_err();
    node.airdrop(&key, 5).unwrap();
    assert_eq!(
        client.notified_value("accountNotification", number),
        expected(1_000_005)
    );
    assert_eq!(
        client.call("accountUnsubscribe", json!([number]))["result"],
        json!(true)
    );
    node.airdrop(&key, 5).unwrap();
    let again = client.call("accountUnsubscribe", json!([number]));
    assert_eq!(
        again["error"],
        json!({"code": -32602, "message": "Invalid subscription id."})
    );
}

#[test]
fn a_signature_subscription_fires_once_and_ends_itself() {
    let (node, to) = (start(), Pubkey::new_unique());
    let mut client = connect(&node);
    let transaction = airdrop_transaction(&node, &to, 1_000_000);
    let signature = transaction.signatures[0].to_string();
    let number = client.subscribe("signatureSubscribe", json!([signature]));
    node.send_and_confirm(&transaction).unwrap();
    assert_eq!(
        client.notified_value("signatureNotification", number),
        json!({"err": null})
    );

    // It is confirmed already: a new subscription fires at once.
    let config = json!({"commitment": "finalized", "enableReceivedNotification": false});
    let number = client.subscribe("signatureSubscribe", json!([signature, config]));
    assert_eq!(
        client.notified_value("signatureNotification", number),
        json!({"err": null})
    );
    assert_eq!(client.call("getHealth", json!([]))["result"], json!("ok"));
}

#[test]
fn a_signature_subscription_tells_of_failure_and_of_receipt() {
    let node = start();
    let mut client = connect(&node);
    let transaction = airdrop_transaction(&node, &Pubkey::new_unique(), u64::MAX / 2);
    let signature = transaction.signatures[0].to_string();
    let config = json!({"enableReceivedNotification": true});
    let number = client.subscribe("signatureSubscribe", json!([signature, config]));
    // On another connection, as the answer would mix with the notifications.
    let wire = bs58::encode(bincode::serialize(&transaction).unwrap()).into_string();
    support::result(
        &node,
        "sendTransaction",
        json!([wire, {"skipPreflight": true}]),
    );
    let mut value = client.notified_value("signatureNotification", number);
    // It may be confirmed before word of its receipt is out; then that is not told any more.
    if value == json!("receivedSignature") {
        value = client.notified_value("signatureNotification", number);
    }
    assert_eq!(
        value,
        json!({"err": {"InstructionError": [0, {"Custom": 1}]}})
    );
}

#[test]
fn logs_are_heard_by_all_and_by_those_who_are_mentioned() {
    let (node, key) = (start(), Pubkey::new_unique());
    let (mut all, mut mentioned) = (connect(&node), connect(&node));
    let all_number = all.subscribe("logsSubscribe", json!(["all"]));
    let mentions = json!([{"mentions": [key.to_string()]}, {"commitment": "confirmed"}]);
    let number = mentioned.subscribe("logsSubscribe", mentions);
    let signatures = [
        node.send_and_confirm(&airdrop_transaction(
            &node,
            &Pubkey::new_unique(),
            1_000_000,
        )),
        node.send_and_confirm(&airdrop_transaction(&node, &key, 1_000_000)),
    ];
    let expected = |index: usize| {
        json!({
            "signature": signatures[index].as_ref().unwrap().to_string(),
            "err": null,
            "logs": [
                format!("Program {SYSTEM} invoke [1]"),
                format!("Program {SYSTEM} success"),
            ],
        })
    };
    assert_eq!(
        all.notified_value("logsNotification", all_number),
        expected(0)
    );
    assert_eq!(
        all.notified_value("logsNotification", all_number),
        expected(1)
    );
    assert_eq!(
        mentioned.notified_value("logsNotification", number),
        expected(1)
    );
}

#[test]
fn slots_and_roots_follow_one_another() {
    let node = start();
    let mut client = connect(&node);
    let number = client.subscribe("slotSubscribe", json!([]));
    let first = client.notification("slotNotification", number);
    let slot = first["slot"].as_u64().unwrap();
    assert_eq!(
        first,
        json!({"slot": slot, "parent": slot - 1, "root": slot - 1})
    );
    let second = client.notification("slotNotification", number);
    assert_eq!(second["slot"], json!(slot + 1));

    let mut client = connect(&node);
    let number = client.subscribe("rootSubscribe", json!([]));
    assert!(
        client
            .notification("rootNotification", number)
            .as_u64()
            .unwrap()
            >= slot
    );
}

#[test]
fn a_program_subscription_hears_of_accounts_that_pass_its_filters() {
    let (owner, small, large) = (
        Pubkey::new_unique(),
        Pubkey::new_unique(),
        Pubkey::new_unique(),
    );
    let state = |length: usize| AccountState {
        lamports: 5_000_000,
        owner,
        executable: false,
        data: vec![0; length].into(),
    };
    let node = Validator::builder()
        .account(small, state(1))
        .account(large, state(2))
        .start()
        .unwrap();
    let mut client = connect(&node);
    let config = json!({"encoding": "base64", "filters": [{"dataSize": 2}]});
    let number = client.subscribe("programSubscribe", json!([owner.to_string(), config]));
    node.airdrop(&small, 1).unwrap();
    node.airdrop(&large, 1).unwrap();
    let value = client.notified_value("programNotification", number);
    assert_eq!(value["pubkey"], json!(large.to_string()));
    assert_eq!(value["account"]["lamports"], json!(5_000_001));
    assert_eq!(value["account"]["data"], json!(["AAA=", "base64"]));
}

#[test]
fn both_ports_speak_both_and_a_ping_without_id_is_not_answered() {
    let node = start();
    let http_port = node.rpc_url().unwrap().replace("http", "ws");
    for url in [node.ws_url().unwrap(), http_port] {
        let mut client = WebSocket::connect(&url);
        // What web3.js sends every five seconds.
        client.send(&json!({"jsonrpc": "2.0", "method": "ping"}));
        client.send(&json!({"jsonrpc": "2.0", "method": "ping", "params": null}));
        assert_eq!(client.call("getHealth", json!([]))["result"], json!("ok"));
    }
}

#[test]
fn wrong_parameters_are_refused_with_agaves_words() {
    let node = start();
    let mut client = connect(&node);
    for (method, params, message) in [
        (
            "accountSubscribe",
            json!(["x"]),
            "Invalid Request: Invalid pubkey provided",
        ),
        (
            "signatureSubscribe",
            json!(["x"]),
            "Invalid Request: Invalid signature provided",
        ),
        (
            "logsSubscribe",
            json!([{"mentions": [SYSTEM, SYSTEM]}]),
            "Invalid Request: Only 1 address supported",
        ),
        (
            "accountSubscribe",
            json!([]),
            "`params` should have at least 1 argument(s)",
        ),
    ] {
        let answer = client.call(method, params);
        assert_eq!(
            answer["error"],
            json!({"code": -32602, "message": message}),
            "{method}"
        );
    }
}

/// Megabytes are sent to a client that does not read, until its socket and its queue are full.
#[test]
fn a_client_that_does_not_read_is_cut_and_others_hear_on() {
    let large = Keypair::new().pubkey();
    let state = AccountState {
        lamports: 1 << 40,
        data: vec![1; 1 << 20].into(),
        ..Default::default()
    };
    let mut limits = RpcLimits::default();
    limits.unsent_bytes_per_connection_max = 4 << 20;
    let node = Validator::builder()
        .account(large, state)
        .rpc_limits(limits)
        .start()
        .unwrap();
    let (mut deaf, mut listening) = (connect(&node), connect(&node));
    deaf.subscribe(
        "accountSubscribe",
        json!([large.to_string(), {"encoding": "base64"}]),
    );
    for round in 0..40 {
        let transaction = airdrop_transaction(&node, &large, 1 + round);
        let signature = transaction.signatures[0].to_string();
        let number = listening.subscribe("signatureSubscribe", json!([signature]));
        node.send_and_confirm(&transaction).unwrap();
        let value = listening.notified_value("signatureNotification", number);
        assert_eq!(value, json!({"err": null}));
    }
    // What was on its way arrives, and then the end, not silence.
    let mut heard = 0;
    while deaf.receive().is_some() {
        heard += 1;
    }
    assert!(heard < 40, "it was not cut");
}

#[test]
fn subscriptions_beyond_the_limit_are_refused() {
    let mut limits = RpcLimits::default();
    limits.subscriptions_max = 1;
    let node = Validator::builder().rpc_limits(limits).start().unwrap();
    let mut client = connect(&node);
    let key = Pubkey::new_unique().to_string();
    let number = client.subscribe("accountSubscribe", json!([key]));
    let answer = client.call("accountSubscribe", json!([key]));
    assert_eq!(answer["error"]["code"], json!(-32603), "{answer}");
    client.call("accountUnsubscribe", json!([number]));
}

/// The listener of PubSub has room for one event, and transactions that are dropped together make many.
#[test]
fn who_may_have_missed_what_became_of_a_transaction_is_cut() {
    let mut limits = Limits::default();
    limits.listener_events_max = 1;
    let node = Validator::builder().limits(limits).start().unwrap();
    let mut client = connect(&node);
    let signature = Signature::from([7; 64]).to_string();
    client.subscribe("signatureSubscribe", json!([signature]));
    let (poor, to) = (Keypair::new(), Pubkey::new_unique());
    let dropped = |burst: u64| {
        let transfers = (64 * burst + 1..64 * burst + 65).map(|lamports| {
            let transfer = transfer(&poor, &to, lamports, node.latest_blockhash());
            bincode::serialize(&transfer).unwrap().into()
        });
        transfers.collect()
    };
    // Who hears of them may keep pace with a burst, but not with all.
    let is_cut = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut bursts = 0..;
            while !is_cut.load(Ordering::Acquire) {
                let burst = bursts.next().expect("there is no end of them");
                node.ingest().submit(dropped(burst)).unwrap();
            }
        });
        let received = client.receive();
        is_cut.store(true, Ordering::Release);
        assert_eq!(received, None);
    });
}

/// Clients take the first message on a new connection for the answer to their first request.
#[test]
fn a_new_connection_hears_nothing_before_the_answer_to_its_first_request() {
    let node = start();
    for _ in 0..50 {
        let mut client = connect(&node);
        let first =
            client.first_frame_after(&json!({"jsonrpc": "2.0", "id": 1, "method": "getHealth"}));
        assert_eq!(first, 1, "a text frame comes first");
    }
}
