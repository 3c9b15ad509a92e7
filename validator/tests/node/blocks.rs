//! JSON-RPC as bytes on a socket: blocks, and the transactions that name an address.

use crate::support::{PATIENCE, error, result, wait_for_slot};
use crate::transfers::{SYSTEM, base64, transfer};
use sealane_runtime::Event;
use sealane_sdk::{AccountMeta, Instruction};
use sealane_validator::{Validator, ValidatorBuilder, ValidatorHandle};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::time::Duration;

/// A node with short slots, a payer, and transfers of it, each confirmed before the next is sent.
struct Chain {
    node: ValidatorHandle,
    payer: Keypair,
    to: Pubkey,
    transfers: Vec<Transaction>,
}

impl Chain {
    fn start(transfers: u64) -> Self {
        Self::start_with(Validator::builder(), transfers)
    }

    fn start_with(builder: ValidatorBuilder, transfers: u64) -> Self {
        let builder = builder.slot_duration(Duration::from_millis(50));
        let (node, payer) = (builder.start().unwrap(), Keypair::new());
        // On a fast machine all would be in slot 0, which has no parent.
        wait_for_slot(&node, 1);
        node.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();
        let mut chain = Self {
            node,
            payer,
            to: Pubkey::new_unique(),
            transfers: Vec::new(),
        };
        for lamports in 0..transfers {
            let blockhash = chain.node.latest_blockhash();
            let transaction = transfer(&chain.payer, &chain.to, 1_000_000 + lamports, blockhash);
            chain.node.send_and_confirm(&transaction).unwrap();
            chain.transfers.push(transaction);
        }
        chain
    }

    fn signature(&self, at: usize) -> String {
        self.transfers[at].signatures[0].to_string()
    }

    /// The slot of a transfer, once it is sealed.
    fn sealed_slot(&self, at: usize) -> u64 {
        let found = self
            .node
            .reader()
            .transaction(&self.transfers[at].signatures[0])
            .unwrap();
        let slot = found.expect("it is confirmed").slot();
        self.wait_for_block(slot);
        slot
    }

    fn wait_for_block(&self, slot: u64) {
        let events = self.node.reader().listen();
        while self.node.reader().block(slot).is_err() {
            events.recv_timeout(PATIENCE).expect("slots go by");
        }
    }
}

#[test]
fn a_block_has_the_shape_that_was_asked_for() {
    let chain = Chain::start(1);
    let slot = chain.sealed_slot(0);
    let get = |slot: u64, config: Value| result(&chain.node, "getBlock", json!([slot, config]));
    let full = get(slot, json!({"maxSupportedTransactionVersion": 0}));
    let transactions = full["transactions"].as_array().unwrap();
    let time = result(&chain.node, "getBlockTime", json!([slot]));
    assert!(time.is_i64(), "{time}");
    let with = |rest: Value| {
        let mut block = json!({
            "previousBlockhash": full["previousBlockhash"],
            "blockhash": full["blockhash"],
            "parentSlot": slot - 1,
            "blockTime": time,
            "blockHeight": slot,
        });
        block
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        block
    };
    assert_eq!(
        full,
        with(json!({"transactions": transactions, "rewards": []}))
    );

    // Alone, a transaction also says where it is.
    let signature = chain.signature(0);
    let config = json!({"maxSupportedTransactionVersion": 0});
    let mut alone = result(&chain.node, "getTransaction", json!([signature, config]));
    let place = alone["transactionIndex"].as_u64().unwrap() as usize;
    for field in ["slot", "blockTime", "transactionIndex"] {
        alone.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(transactions[place], alone);

    let signatures: Vec<&Value> = transactions
        .iter()
        .map(|transaction| &transaction["transaction"]["signatures"][0])
        .collect();
    assert_eq!(
        get(
            slot,
            json!({"transactionDetails": "signatures", "rewards": false})
        ),
        with(json!({"signatures": signatures}))
    );
    assert_eq!(
        get(slot, json!({"transactionDetails": "none"})),
        with(json!({"rewards": []}))
    );
    let in_base64 = get(slot, json!("base64"));
    assert_eq!(
        in_base64["transactions"][place]["transaction"],
        json!([base64(&chain.transfers[0]), "base64"])
    );
    let accounts = get(
        slot,
        json!({"transactionDetails": "accounts", "rewards": false}),
    );
    let account = |key: String, signer: bool, writable: bool| json!({"pubkey": key, "signer": signer, "source": "transaction", "writable": writable});
    assert_eq!(
        accounts["transactions"][place],
        json!({
            "transaction": {
                "signatures": [signature],
                "accountKeys": [
                    account(chain.payer.pubkey().to_string(), true, true),
                    account(chain.to.to_string(), false, true),
                    account(SYSTEM.into(), false, false),
                ],
            },
            "meta": {
                "err": null,
                "status": {"Ok": null},
                "fee": 5_000,
                "preBalances": alone["meta"]["preBalances"],
                "postBalances": alone["meta"]["postBalances"],
                "preTokenBalances": [],
                "postTokenBalances": [],
            },
        })
    );
}

#[test]
fn blocks_follow_each_other_from_genesis_on() {
    let chain = Chain::start(2);
    let last = chain.sealed_slot(1).max(3);
    chain.wait_for_block(last);
    let none = json!({"transactionDetails": "none", "rewards": false});
    let mut previous = chain.node.genesis_hash().to_string();
    for slot in 0..=last {
        let block = result(&chain.node, "getBlock", json!([slot, none]));
        assert_eq!(block["previousBlockhash"], json!(previous), "slot {slot}");
        assert_eq!(block["parentSlot"], json!(slot.saturating_sub(1)));
        previous = block["blockhash"].as_str().unwrap().into();
    }
    let all: Vec<u64> = (0..=last).collect();
    assert_eq!(
        result(&chain.node, "getBlocks", json!([0, last])),
        json!(all)
    );
    let open = result(&chain.node, "getBlocks", json!([last]))
        .as_array()
        .unwrap()
        .len();
    assert!(open >= 1);
    assert_eq!(
        result(&chain.node, "getBlocks", json!([last, last - 1])),
        json!([])
    );
    let limited = json!([1, 2, {"commitment": "finalized"}]);
    assert_eq!(
        result(&chain.node, "getBlocksWithLimit", limited),
        json!([1, 2])
    );
    assert_eq!(
        result(&chain.node, "getFirstAvailableBlock", json!([])),
        json!(0)
    );
    assert_eq!(
        result(&chain.node, "minimumLedgerSlot", json!([])),
        json!(0)
    );
}

#[test]
fn the_signatures_of_an_address_come_newest_first_between_two_of_them() {
    let chain = Chain::start(5);
    let get = |address: String, config: Value| -> Vec<Value> {
        let found = result(
            &chain.node,
            "getSignaturesForAddress",
            json!([address, config]),
        );
        found.as_array().unwrap().clone()
    };
    let to = chain.to.to_string();
    let newest = get(to.clone(), json!(null));
    let slot = newest[0]["slot"].as_u64().unwrap();
    assert_eq!(
        newest[0],
        json!({
            "signature": chain.signature(4),
            "slot": slot,
            "err": null,
            "memo": null,
            "blockTime": newest[0]["blockTime"].as_i64().unwrap(),
            "confirmationStatus": "finalized",
            "transactionIndex": newest[0]["transactionIndex"].as_u64().unwrap(),
        })
    );
    let check = |config: Value, expected: &[usize]| {
        let found = get(to.clone(), config.clone());
        let found: Vec<&Value> = found.iter().map(|found| &found["signature"]).collect();
        let expected: Vec<String> = expected.iter().map(|at| chain.signature(*at)).collect();
        assert_eq!(json!(found), json!(expected), "{config}");
    };
    let nobody = "1".repeat(64);
    check(json!({}), &[4, 3, 2, 1, 0]);
    check(json!({"limit": 2}), &[4, 3]);
    check(json!({"before": chain.signature(3)}), &[2, 1, 0]);
    check(json!({"before": chain.signature(3), "limit": 1}), &[2]);
    check(json!({"until": chain.signature(1)}), &[4, 3, 2]);
    let between = json!({"before": chain.signature(4), "until": chain.signature(2)});
    check(between, &[3]);
    check(json!({"before": nobody}), &[]);
    check(json!({"until": nobody}), &[4, 3, 2, 1, 0]);
    // The payer is named by its airdrop too, and everybody names the System program.
    assert_eq!(get(chain.payer.pubkey().to_string(), json!({})).len(), 6);
    assert_eq!(get(SYSTEM.into(), json!({})).len(), 6);
    assert!(get(Pubkey::new_unique().to_string(), json!({})).is_empty());
}

#[test]
fn failures_and_memos_are_told_with_the_signatures_of_an_address() {
    let program = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
        .parse()
        .unwrap();
    let chain = Chain::start_with(Validator::builder().program(program, |_, _, _| Ok(())), 0);
    let memo = |data: &[u8]| Instruction {
        program_id: program,
        accounts: vec![AccountMeta::new_readonly(chain.to, false)],
        data: data.into(),
    };
    let transaction = Transaction::new_signed_with_payer(
        &[memo("Grüße".as_bytes()), memo(&[0xff])],
        Some(&chain.payer.pubkey()),
        &[&chain.payer],
        chain.node.latest_blockhash(),
    );
    chain.node.send_and_confirm(&transaction).unwrap();
    let blockhash = chain.node.latest_blockhash();
    let overdraft = transfer(&chain.payer, &chain.to, 5_000_000_000, blockhash);
    let signature = chain.node.send(&overdraft).unwrap();
    assert!(chain.node.confirm(&signature, PATIENCE).is_err());
    let params = json!([chain.to.to_string()]);
    let found = result(&chain.node, "getSignaturesForAddress", params);
    let told = |at: usize| (found[at]["err"].clone(), found[at]["memo"].clone());
    let custom = json!({"InstructionError": [0, {"Custom": 1}]});
    assert_eq!(told(0), (custom, json!(null)));
    assert_eq!(
        told(1),
        (json!(null), json!("[7] Grüße; [1] (unparseable)"))
    );
}

#[test]
fn wrong_questions_about_blocks_have_agaves_codes_and_words() {
    let chain = Chain::start(1);
    let check = |method: &str, params: Value, code: i64, message: &str| {
        assert_eq!(
            error(&chain.node, method, params),
            (code, message.into()),
            "{method}"
        );
    };
    let future = "Block not available for slot 900000";
    check("getBlock", json!([900_000]), -32004, future);
    check("getBlockTime", json!([900_000]), -32004, future);
    check(
        "getBlocks",
        json!([0, 1, {"minContextSlot": 900_000}]),
        -32016,
        NOT_REACHED,
    );
    check(
        "getBlocksWithLimit",
        json!([0, 500_001]),
        -32602,
        "Limit too large; max 500000",
    );
    let address = chain.to.to_string();
    for limit in [0, 1_001] {
        let params = json!([address, {"limit": limit}]);
        let message = "Invalid limit; max 1000";
        check("getSignaturesForAddress", params, -32602, message);
    }
    let params = json!([address, {"before": "x"}]);
    check(
        "getSignaturesForAddress",
        params,
        -32602,
        "Invalid param: WrongSize",
    );
    let params = json!([address, {"minContextSlot": 900_000}]);
    check("getSignaturesForAddress", params, -32016, NOT_REACHED);
}

const NOT_REACHED: &str = "Minimum context slot has not been reached";

#[test]
fn a_block_that_is_kept_no_more_says_which_is_the_first_that_is() {
    let mut limits = sealane_runtime::Limits::default();
    limits.history_slots_max = 3;
    let builder = Validator::builder().slot_duration(Duration::from_millis(20));
    let node = builder.limits(limits).start().unwrap();
    let events = node.reader().listen();
    while node.reader().first_available_block() < 2 {
        let event = events.recv_timeout(PATIENCE).expect("slots go by");
        assert!(matches!(event, Event::Slot { .. }));
    }
    let (code, message) = error(&node, "getBlock", json!([1]));
    assert_eq!(code, -32001);
    let start = "Block 1 cleaned up, does not exist on node. First available block: ";
    let first = message.strip_prefix(start).expect("Agave's words");
    assert!(first.parse::<u64>().unwrap() >= 2);
    assert_eq!(error(&node, "getBlockTime", json!([1])).0, -32001);
    let kept = result(&node, "getBlocks", json!([0]));
    assert!(kept.as_array().unwrap().len() <= 3, "{kept}");
}
