//! What the node does with connections and requests that are not what clients make.

use crate::support::{PATIENCE, WebSocket, http, result};
use sealane_sdk::{AccountState, Pubkey};
use sealane_validator::{RpcLimits, Validator};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn a_request_whose_body_does_not_come_is_given_up() {
    let mut limits = RpcLimits::default();
    limits.request_body_timeout = Duration::from_millis(50);
    let node = Validator::builder().rpc_limits(limits).start().unwrap();
    let url = node.rpc_url().unwrap();
    let mut stream = TcpStream::connect(url.split_once("://").unwrap().1).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let begun = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Content-Length: 100\r\n\r\n{\"jsonrpc\"";
    stream.write_all(begun).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the node closes it");
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    assert_eq!(result(&node, "getHealth", json!([])), "ok");
}

/// A client that asks over and over and never reads: what waits for it is bounded, and others are served.
#[test]
fn who_does_not_read_answers_gets_errors_instead_and_others_go_on() {
    let mut limits = RpcLimits::default();
    limits.unsent_bytes_max = 300_000;
    limits.unsent_bytes_per_connection_max = 200_000;
    let big = Pubkey::new_from_array([5; 32]);
    let state = AccountState {
        lamports: 1_000_000_000,
        data: [7; 100_000].as_slice().into(),
        ..AccountState::default()
    };
    let node = Validator::builder()
        .rpc_limits(limits)
        .account(big, state)
        .start()
        .unwrap();
    let mut greedy = WebSocket::connect(&node.ws_url().unwrap());
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "getAccountInfo",
        "params": [big.to_string(), {"encoding": "base64"}]});
    // Far more than the system keeps for who does not read.
    const TIMES: usize = 300;
    for _ in 0..TIMES {
        greedy.send(&request);
    }
    // It may still subscribe, and is told so once.
    greedy.send(
        &json!({"jsonrpc": "2.0", "id": 2, "method": "accountSubscribe",
        "params": [big.to_string()]}),
    );
    // Others get what is small meanwhile.
    assert_eq!(result(&node, "getHealth", json!([])), "ok");
    let answers: Vec<Value> = (0..=TIMES).map(|_| greedy.receive().unwrap()).collect();
    let is_refused = |answer: &&Value| answer["error"]["code"] == json!(-32008);
    let refused = answers.iter().filter(is_refused).count();
    let given = answers.iter().filter(|it| it["result"].is_object()).count();
    let subscribed = answers
        .iter()
        .filter(|it| it["id"] == json!(2) && it["result"].is_u64());
    assert_eq!(subscribed.count(), 1);
    assert_eq!(refused + given, TIMES);
    assert!(refused > 0 && given > 0, "{refused} refused, {given} given");
    // It has read all: it may ask again.
    greedy.send(&request);
    assert!(greedy.receive().unwrap()["result"].is_object());
}

/// Bodies of requests that no client makes, and what they are answered: a status of HTTP, or a code of JSON-RPC.
#[test]
fn whatever_comes_as_a_request_is_answered_with_an_error() {
    let node = crate::support::start();
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let call = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
    };
    let check = |what: &str, body: &str, expected: Result<i64, u16>| {
        let (status, answer) = http(&node, "POST", "/", body);
        let found = match serde_json::from_str::<Value>(&answer) {
            Ok(json) if status == 200 => {
                let error = json.get(0).unwrap_or(&json)["error"].clone();
                Ok(error["code"]
                    .as_i64()
                    .unwrap_or_else(|| panic!("{what}: {json}")))
            }
            _ => Err(status),
        };
        assert_eq!(found, expected, "{what}: {answer}");
    };
    check("nothing", "", Ok(-32700));
    check("no JSON", "GET / HTTP/1.1\u{0}\u{7f}", Ok(-32700));
    check("half a request", r#"{"jsonrpc":"2.0","id":1"#, Ok(-32700));
    check("a number", "7", Ok(-32700));
    check("an empty batch", "[]", Ok(-32600));
    check("a batch nested deeply", &nested(20_000), Ok(-32600));
    check(
        "parameters nested too deeply",
        &call("getAccountInfo", &nested(20_000)),
        Ok(-32602),
    );
    check("too large", &" ".repeat(60_000), Err(413));
    check("no such method", &call("getEverything", "[]"), Ok(-32601));
    check(
        "parameters of another kind",
        &call("getBalance", "[{}]"),
        Ok(-32602),
    );
    check(
        "a number beyond all",
        &call("getBlock", "[1e999]"),
        Ok(-32602),
    );
    check("no parameters", &call("sendTransaction", "[]"), Ok(-32602));
    check(
        "a transaction of nothing",
        &call("sendTransaction", r#"["", {"encoding":"base64"}]"#),
        Ok(-32602),
    );
    assert_eq!(result(&node, "getHealth", json!([])), "ok");
}
