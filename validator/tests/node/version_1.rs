//! Transactions of version 1 (SIMD-0385): in over JSON-RPC, QUIC and UDP, and back out in each encoding, from memory
//! and from the disk. How they look is held against Agave's own encoder.

use crate::ingest::Client;
use crate::support::{PATIENCE, error, result, value, wait_for_slot};
use crate::transfers::node_and_payer;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_runtime::{Disk, Limits, MemoryDisk};
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_message::VersionedMessage;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::v1::{MAX_TRANSACTION_SIZE, Message, TransactionConfig};
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_status::{Encodable, EncodableWithMeta};
use solana_transaction_status_client_types::UiTransactionEncoding;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;

const LAMPORTS: u64 = 1_000_000;
const FEE: u64 = 5_000 + 777;

/// A priority fee, and enough of everything for a transfer.
fn config() -> TransactionConfig {
    TransactionConfig::empty()
        .with_priority_fee(777)
        .with_compute_unit_limit(1_000)
        .with_loaded_accounts_data_size_limit(1_000)
        .with_heap_size(64 << 10)
}

fn message(from: &Pubkey, to: &Pubkey, blockhash: Hash, config: TransactionConfig) -> Message {
    let transfer = transfer(from, to, LAMPORTS);
    Message::try_compile_with_config(from, &[transfer], blockhash, config).unwrap()
}

fn signed(message: Message, payer: &Keypair) -> VersionedTransaction {
    VersionedTransaction::try_new(VersionedMessage::V1(message), &[payer]).unwrap()
}

/// A transfer with the newest blockhash.
fn transaction(node: &ValidatorHandle, payer: &Keypair, to: &Pubkey) -> VersionedTransaction {
    let message = message(&payer.pubkey(), to, node.latest_blockhash(), config());
    signed(message, payer)
}

/// The wire bytes, as Agave's encoder has them.
fn wire(transaction: &VersionedTransaction) -> Vec<u8> {
    let encoded = transaction.encode(UiTransactionEncoding::Base64);
    let encoded = serde_json::to_value(encoded).unwrap();
    BASE64_STANDARD
        .decode(encoded[0].as_str().unwrap())
        .unwrap()
}

fn base64(transaction: &VersionedTransaction) -> String {
    BASE64_STANDARD.encode(wire(transaction))
}

/// Sends it over JSON-RPC, preflight and all, and waits until it is visible.
fn send(node: &ValidatorHandle, transaction: &VersionedTransaction) -> String {
    let params = json!([base64(transaction), {"encoding": "base64"}]);
    let signature = transaction.signatures[0].to_string();
    assert_eq!(result(node, "sendTransaction", params), json!(signature));
    node.confirm(&transaction.signatures[0], PATIENCE).unwrap();
    signature
}

/// What a node shows of the transaction: its meta, once it was found to be as Agave shows it in each encoding.
#[track_caller]
fn check_shown(node: &ValidatorHandle, transaction: &VersionedTransaction) -> Value {
    let signature = transaction.signatures[0].to_string();
    let expected = [
        ("json", json!(transaction.json_encode())),
        (
            "jsonParsed",
            json!(transaction.encode(UiTransactionEncoding::JsonParsed)),
        ),
        (
            "base64",
            json!(transaction.encode(UiTransactionEncoding::Base64)),
        ),
        (
            "base58",
            json!(transaction.encode(UiTransactionEncoding::Base58)),
        ),
    ];
    let mut shown = Value::Null;
    for (encoding, expected) in expected.into_iter().rev() {
        let config = json!({"encoding": encoding, "maxSupportedTransactionVersion": 1});
        shown = result(node, "getTransaction", json!([signature, config]));
        assert_eq!(shown["transaction"], expected, "{encoding}");
        assert_eq!(shown["version"], json!(1), "{encoding}");
    }
    for config in [json!({}), json!({"maxSupportedTransactionVersion": 0})] {
        let (code, message) = error(node, "getTransaction", json!([signature, config]));
        assert_eq!(code, -32015);
        assert!(
            message.starts_with("Transaction version (1) is not supported"),
            "{message}"
        );
        assert!(
            message.ends_with("\"maxSupportedTransactionVersion\": 1"),
            "{message}"
        );
    }
    shown
}

#[test]
fn one_that_was_sent_over_json_rpc_is_read_back_as_agave_shows_it() {
    let (node, payer) = node_and_payer();
    let to = Pubkey::new_unique();
    let transaction = transaction(&node, &payer, &to);
    send(&node, &transaction);
    let meta = check_shown(&node, &transaction)["meta"].clone();
    assert_eq!(meta["err"], json!(null));
    assert_eq!(meta["fee"], json!(FEE));
    assert_eq!(meta["computeUnitsConsumed"], json!(150));
    // A signature, two write locks, 12 bytes of data, the units asked for, a page of loaded data.
    assert_eq!(meta["costUnits"], json!(720 + 2 * 300 + 3 + 1_000 + 8));
    assert_eq!(
        meta["loadedAddresses"],
        json!({"writable": [], "readonly": []})
    );
    let left = 1_000_000_000 - LAMPORTS - FEE;
    assert_eq!(node.balance(&payer.pubkey()).unwrap(), left);
    assert_eq!(node.balance(&to).unwrap(), LAMPORTS);
    // It is known by its name, so it may be sent again.
    let again = json!([base64(&transaction), {"encoding": "base64", "skipPreflight": true}]);
    let signature = transaction.signatures[0].to_string();
    assert_eq!(result(&node, "sendTransaction", again), json!(signature));
}

#[test]
fn a_block_with_one_is_shown_to_clients_that_know_the_version() {
    let (node, payer) = node_and_payer();
    let transaction = transaction(&node, &payer, &Pubkey::new_unique());
    let signature = send(&node, &transaction);
    let config = json!({"maxSupportedTransactionVersion": 1});
    let slot = &result(&node, "getTransaction", json!([signature, config]))["slot"];
    wait_for_slot(&node, slot.as_u64().unwrap() + 1);
    for (details, encoded) in [
        ("full", json!(transaction.json_encode())),
        ("accounts", Value::Null),
    ] {
        let config = |version| {
            json!([slot, {
                "transactionDetails": details,
                "maxSupportedTransactionVersion": version,
            }])
        };
        let block = result(&node, "getBlock", config(1));
        let mut shown = block["transactions"].as_array().unwrap().iter();
        let it = shown.find(|it| it["transaction"]["signatures"][0] == json!(signature));
        let it = it.expect("it is in the block");
        assert_eq!(it["version"], json!(1), "{details}");
        if !encoded.is_null() {
            assert_eq!(it["transaction"], encoded);
        }
        assert_eq!(error(&node, "getBlock", config(0)).0, -32015, "{details}");
    }
}

#[test]
fn fees_and_simulations_are_what_its_configuration_asks_for() {
    let (node, payer) = node_and_payer();
    let (from, to) = (payer.pubkey(), Pubkey::new_unique());
    let message = message(&from, &to, node.latest_blockhash(), config());
    let encoded = BASE64_STANDARD.encode(VersionedMessage::V1(message).serialize());
    assert_eq!(
        value(&node, "getFeeForMessage", json!([encoded])),
        json!(FEE)
    );

    let unknown = Hash::new_from_array([9; 32]);
    let simulate = |config| {
        let transaction = signed(self::message(&from, &to, unknown, config), &payer);
        let config = json!({"encoding": "base64", "replaceRecentBlockhash": true});
        value(
            &node,
            "simulateTransaction",
            json!([base64(&transaction), config]),
        )
    };
    let simulated = simulate(config());
    assert_eq!(simulated["err"], json!(null));
    assert_eq!(simulated["fee"], json!(FEE));
    assert_eq!(simulated["unitsConsumed"], json!(150));
    let simulated = simulate(TransactionConfig::empty().with_priority_fee(777));
    assert_eq!(simulated["err"], json!("MaxLoadedAccountsDataSizeExceeded"));

    let poor = TransactionConfig::empty().with_loaded_accounts_data_size_limit(1_000);
    let poor = signed(
        self::message(&from, &to, node.latest_blockhash(), poor),
        &payer,
    );
    let params = json!([base64(&poor), {"encoding": "base64"}]);
    let (code, message) = error(&node, "sendTransaction", params);
    assert_eq!(code, -32002);
    let expected = "Transaction simulation failed: Error processing Instruction 0: \
                    Computational budget exceeded";
    assert_eq!(message, expected);
}

/// A transfer, and data that Compute Budget ignores, in so many bytes.
fn padded(node: &ValidatorHandle, payer: &Keypair, bytes: usize) -> VersionedTransaction {
    let to = Pubkey::new_unique();
    let mut message = message(&payer.pubkey(), &to, node.latest_blockhash(), config());
    message
        .account_keys
        .push(solana_compute_budget_interface::ID);
    message.header.num_readonly_unsigned_accounts += 1;
    let ignored = |data| CompiledInstruction::new_from_raw_parts(3, data, vec![]);
    message.instructions.push(ignored(vec![]));
    let data = bytes - 1 - message.size() - 64;
    message.instructions[1] = ignored(vec![0xff; data]);
    signed(message, payer)
}

#[test]
fn quic_and_udp_carry_the_longest() {
    let (node, payer) = node_and_payer();
    let client = Client::new();
    let connection = client.connect(&node).unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let udp = node.udp_address().unwrap();
    for bytes in [MAX_TRANSACTION_SIZE + 1, MAX_TRANSACTION_SIZE, 1_300] {
        let streamed = padded(&node, &payer, bytes);
        let sent = padded(&node, &payer, bytes);
        assert_eq!((wire(&streamed).len(), wire(&sent).len()), (bytes, bytes));
        client.send(&connection, &wire(&streamed));
        socket.send_to(&wire(&sent), udp).unwrap();
        if bytes <= MAX_TRANSACTION_SIZE {
            for transaction in [streamed, sent] {
                node.confirm(&transaction.signatures[0], PATIENCE).unwrap();
                assert_eq!(check_shown(&node, &transaction)["meta"]["fee"], json!(FEE));
            }
        }
    }
    let transactions = node.reader().counters().visible;
    assert_eq!(transactions, 5, "an airdrop, and what is not too long");
}

#[test]
fn one_that_left_memory_is_read_from_the_disk_before_and_after_a_restart() {
    let disk = MemoryDisk::new();
    let start = || {
        let mut limits = Limits::default();
        limits.recent_history_bytes_max = 1;
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let builder = Validator::builder().limits(limits).ledger_on(disk);
        builder.start().expect("the node starts")
    };
    let (node, payer) = (start(), Keypair::new());
    node.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();
    let transaction = padded(&node, &payer, MAX_TRANSACTION_SIZE);
    let signature = send(&node, &transaction);
    let last = send(
        &node,
        &self::transaction(&node, &payer, &Pubkey::new_unique()),
    );
    let of_payer = |node: &ValidatorHandle| {
        let found = result(
            node,
            "getSignaturesForAddress",
            json!([payer.pubkey().to_string()]),
        );
        let found = found.as_array().unwrap().iter();
        found.map(|it| it["signature"].clone()).collect::<Vec<_>>()
    };
    let check = |node: &ValidatorHandle| {
        assert_eq!(of_payer(node)[..2], [json!(last), json!(signature)]);
        check_shown(node, &transaction)
    };
    let first = &transaction.signatures[0];
    assert!(
        node.reader().recent_status(first).is_none(),
        "memory is small"
    );
    let shown = check(&node);
    let balance = node.balance(&payer.pubkey()).unwrap();
    assert!(node.stop());
    let node = start();
    assert_eq!(check(&node), shown);
    assert_eq!(node.balance(&payer.pubkey()).unwrap(), balance);
}
