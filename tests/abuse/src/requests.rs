//! Requests that no client makes, at random, and some that clients do make.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

/// Owner of the accounts that scans are about.
pub(crate) const SCANNED: [u8; 32] = *b"sealane abuse: owner of accounts";
/// Bytes of a body that no server should take.
const GIANT_BYTES: usize = 200 << 10;
/// As deep as fits a body.
const DEPTH: usize = 20_000;

const METHODS: &[&str] = &[
    "getAccountInfo",
    "getBalance",
    "getBlock",
    "getBlocks",
    "getFeeForMessage",
    "getLargestAccounts",
    "getMultipleAccounts",
    "getSignatureStatuses",
    "getSignaturesForAddress",
    "getTokenAccountsByOwner",
    "getTransaction",
    "isBlockhashValid",
    "requestAirdrop",
    "sendTransaction",
    "simulateTransaction",
    "slotSubscribe",
    "surfnet_setAccount",
    "getEverything",
];

/// One request with its head.
pub(crate) fn any(random: &mut StdRng) -> Vec<u8> {
    match random.random_range(0..100) {
        0..40 => post(&call(method(random), &junk(random, 3))),
        40..55 => post(&garbage(random)),
        55..65 => post(&call(method(random), &nested())),
        65..68 => post(&"[".repeat(GIANT_BYTES)),
        68..70 => garbage(random).into_bytes(),
        70..80 => post(&batch(random)),
        80..82 => post(&scan()),
        _ => post(&call(
            ["getLatestBlockhash", "getSlot", "getVersion", "getHealth"]
                .choose(random)
                .expect("there are some"),
            "[]",
        )),
    }
}

/// A scan of all accounts of one program.
pub(crate) fn scan() -> String {
    let owner = sealane_sdk::Pubkey::new_from_array(SCANNED).to_string();
    call(
        "getProgramAccounts",
        &json!([owner, {"encoding": "base64"}]).to_string(),
    )
}

/// What a WebSocket sends to hear as much as there is to hear.
pub(crate) fn subscriptions() -> Vec<String> {
    [
        ("slotSubscribe", "[]"),
        ("logsSubscribe", r#"["all"]"#),
        ("slotsUpdatesSubscribe", "[]"),
        ("blockSubscribe", r#"["all"]"#),
    ]
    .map(|(method, parameters)| call(method, parameters))
    .to_vec()
}

pub(crate) fn post(body: &str) -> Vec<u8> {
    format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn call(method: &str, parameters: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{parameters}}}"#)
}

fn method(random: &mut StdRng) -> &'static str {
    METHODS.choose(random).expect("there are some")
}

fn batch(random: &mut StdRng) -> String {
    let calls: Vec<String> = (0..random.random_range(1..100))
        .map(|_| call(method(random), &junk(random, 2)))
        .collect();
    format!("[{}]", calls.join(","))
}

fn nested() -> String {
    "[".repeat(DEPTH) + &"]".repeat(DEPTH)
}

/// Characters that mean something in JSON and HTTP, in no order.
fn garbage(random: &mut StdRng) -> String {
    const CHARACTERS: &[char] = &[
        '{', '}', '[', ']', '"', ',', ':', '\\', '0', '9', '-', 'e', 'n', 't', '\r', '\n', ' ',
        'é', '\u{0}', '😀',
    ];
    // What begins in a way that HTTP knows would be waited for.
    let length = random.random_range(1..2_000);
    let characters = (0..length).map(|_| CHARACTERS.choose(random).expect("there are some"));
    format!("}}{}\r\n\r\n", characters.collect::<String>())
}

fn junk(random: &mut StdRng, depth: u32) -> String {
    value(random, depth).to_string()
}

fn value(random: &mut StdRng, depth: u32) -> Value {
    let kinds = if depth == 0 { 6 } else { 8 };
    match random.random_range(0..kinds) {
        0 => Value::Null,
        1 => json!(random.random::<u64>()),
        2 => json!(random.random::<f64>()),
        3 => json!(random.random::<bool>()),
        4 => json!("1".repeat(random.random_range(0..100))),
        5 => json!("A".repeat(random.random_range(0..2_000))),
        6 => (0..random.random_range(0..5))
            .map(|_| value(random, depth - 1))
            .collect(),
        _ => {
            let names = [
                "encoding",
                "commitment",
                "filters",
                "dataSlice",
                "minContextSlot",
            ];
            let fields = names.map(|name| (name.to_owned(), value(random, depth - 1)));
            Value::Object(fields.into_iter().collect())
        }
    }
}
