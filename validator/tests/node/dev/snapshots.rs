//! Snapshots of everything, and the way back.

use super::start;
use crate::support::{WebSocket, error, result, value};
use crate::transfers::transfer;
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;

fn snapshot(node: &ValidatorHandle) -> Value {
    result(node, "sealane_snapshot", json!([]))
}

fn revert(node: &ValidatorHandle, snapshot: &Value) -> Value {
    result(node, "sealane_revert", json!([snapshot]))
}

#[test]
fn everything_is_as_it_was_and_what_was_reverted_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    for ledger in [false, true] {
        let mut builder = Validator::builder().dev(true);
        if ledger {
            builder = builder.ledger(folder.path());
        }
        let (node, payer, to) = (
            builder.start().unwrap(),
            Keypair::new(),
            Pubkey::new_unique(),
        );
        node.airdrop(&payer.pubkey(), 1_000_000_000).unwrap();
        result(&node, "surfnet_pauseClock", json!([]));
        let id = snapshot(&node);
        let look = || {
            let payer = payer.pubkey().to_string();
            [
                value(&node, "getLatestBlockhash", json!([])),
                value(&node, "getBalance", json!([payer])),
                result(&node, "getSlot", json!([])),
                result(&node, "getTransactionCount", json!([])),
                result(&node, "getSignaturesForAddress", json!([payer])),
                result(&node, "getBlocks", json!([0])),
                result(&node, "getEpochInfo", json!([])),
            ]
        };
        let before = look();
        let sent = transfer(&payer, &to, 400_000_000, node.latest_blockhash());
        let signature = node.send_and_confirm(&sent).unwrap();
        result(&node, "surfnet_timeTravel", json!([{"absoluteEpoch": 2}]));
        let status = |signature: &str| {
            let search = json!({"searchTransactionHistory": true});
            value(&node, "getSignatureStatuses", json!([[signature], search]))[0].clone()
        };
        assert!(status(&signature.to_string())["slot"].is_u64());

        assert_eq!(revert(&node, &id), json!(true));
        assert_eq!(look(), before, "ledger: {ledger}");
        assert_eq!(node.balance(&to).unwrap(), 0);
        assert_eq!(status(&signature.to_string()), Value::Null);
        let found = result(&node, "getTransaction", json!([signature.to_string()]));
        assert_eq!(found, Value::Null);
        assert_eq!(revert(&node, &id), json!(false), "it is used once");

        // The very same transaction.
        assert_eq!(node.send_and_confirm(&sent).unwrap(), signature);
        assert_eq!(node.balance(&to).unwrap(), 400_000_000);
        assert!(node.stop());
        if ledger {
            let node = Validator::builder()
                .dev(true)
                .ledger(folder.path())
                .start()
                .unwrap();
            assert_eq!(node.balance(&to).unwrap(), 400_000_000);
            assert_eq!(revert(&node, &id), json!(false), "it is forgotten");
            let slot = result(&node, "getSlot", json!([])).as_u64().unwrap();
            assert!(slot < 400_000, "{slot}");
        }
    }
}

#[test]
fn who_watches_an_account_hears_that_it_is_what_it_was() {
    let node = start();
    let key = Pubkey::new_unique().to_string();
    let set = |lamports: u64| {
        value(
            &node,
            "surfnet_setAccount",
            json!([key, {"lamports": lamports}]),
        )
    };
    set(5);
    let mut socket = WebSocket::connect(&node.ws_url().unwrap());
    let watch = socket.subscribe("accountSubscribe", json!([key, {"encoding": "base64"}]));
    let id = snapshot(&node);
    for lamports in [6, 7] {
        set(lamports);
        // Heard before the next one: what is told is what an account is by then.
        assert_eq!(
            socket.notified_value("accountNotification", watch)["lamports"],
            json!(lamports)
        );
    }
    assert_eq!(revert(&node, &id), json!(true));
    assert_eq!(
        socket.notified_value("accountNotification", watch)["lamports"],
        json!(5)
    );
}

#[test]
fn a_program_that_was_replaced_is_the_old_one_again() {
    let node = start();
    let memo = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr";
    let call = || {
        let faucet = node.faucet();
        let instruction = sealane_sdk::Instruction {
            program_id: memo.parse().unwrap(),
            accounts: vec![],
            data: b"hello".to_vec(),
        };
        let transaction = solana_transaction::Transaction::new_signed_with_payer(
            &[
                instruction,
                solana_system_interface::instruction::transfer(
                    &faucet.pubkey(),
                    &Pubkey::new_unique(),
                    1_000_000,
                ),
            ],
            Some(&faucet.pubkey()),
            &[faucet],
            node.latest_blockhash(),
        );
        node.send_and_confirm(&transaction)
    };
    call().unwrap();
    let id = snapshot(&node);
    value(&node, "surfnet_setAccount", json!([memo, {"data": "00"}]));
    call().unwrap_err();
    assert_eq!(revert(&node, &id), json!(true));
    call().unwrap();
}

#[test]
fn a_snapshot_is_a_number() {
    let node = start();
    assert_eq!(snapshot(&node), json!(1));
    assert_eq!(snapshot(&node), json!(2));
    assert_eq!(revert(&node, &json!(77)), json!(false));
    let (code, message) = error(&node, "sealane_revert", json!([]));
    assert!(
        code == -32602 && message.contains("at least 1"),
        "{message}"
    );
    assert_eq!(error(&node, "sealane_revert", json!(["0x1"])).0, -32602);
}
