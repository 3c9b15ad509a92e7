//! Proofs over JSON-RPC, checked with what a client who does not trust the node has: the SDK and the
//! node's identity.

use crate::support::{call, error, result, start, value};
use crate::transfers::{SYSTEM, node_and_payer, transfer};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_sdk::light::{
    AccountContents, AccountProof, ProofError, SlotHeader, TransactionProof, verify_header,
};
use sealane_sdk::{AccountState, Pubkey};
use sealane_validator::{Validator, ValidatorHandle};
use serde_json::{Value, json};
use std::time::Duration;

/// An answer, its header checked: the header, and the proof's bytes.
fn checked(node: &ValidatorHandle, answer: &Value) -> (SlotHeader, Vec<u8>) {
    let text = |field: &str| answer[field].as_str().expect("a text").to_owned();
    let bytes = |field: &str| BASE64_STANDARD.decode(text(field)).unwrap();
    let header = SlotHeader::from_bytes(&bytes("header")).unwrap();
    let identity = result(node, "getIdentity", json!([]))["identity"].clone();
    assert_eq!(answer["identity"], identity);
    assert_eq!(answer["slot"], json!(header.slot));
    let identity: Pubkey = identity.as_str().unwrap().parse().unwrap();
    let signature = text("signature").parse().unwrap();
    assert_eq!(verify_header(&header, &signature, &identity), Ok(()));
    let mut other = header.clone();
    other.transaction_count += 1;
    assert_eq!(
        verify_header(&other, &signature, &identity),
        Err(ProofError::WrongSignature)
    );
    (header, bytes("proof"))
}

/// Asks until the slot has a header.
fn result_once_there(node: &ValidatorHandle, method: &str, params: Value) -> Value {
    loop {
        let answer = call(node, method, params.clone());
        if answer["error"]["code"] != json!(-32004) {
            assert!(answer.get("error").is_none(), "{answer}");
            return answer["result"].clone();
        }
        std::thread::yield_now();
    }
}

fn quick() -> sealane_validator::ValidatorBuilder {
    Validator::builder().slot_duration(Duration::from_millis(20))
}

#[test]
fn a_transaction_is_proven_to_be_in_its_slot() {
    let node = quick().start().unwrap();
    let payer = node.faucet();
    let sent: Vec<_> = (1..=5)
        .map(|lamports| {
            let to = Pubkey::new_unique();
            let transaction = transfer(payer, &to, 1_000_000 + lamports, node.latest_blockhash());
            node.send_and_confirm(&transaction).unwrap()
        })
        .collect();
    for signature in &sent {
        let params = json!([signature.to_string()]);
        let answer = result_once_there(&node, "getTransactionProof", params.clone());
        let (header, bytes) = checked(&node, &answer);
        let proof = TransactionProof::from_bytes(&bytes).unwrap();
        let (root, count) = (header.transactions_root, header.transaction_count);
        let proven = proof.verify(&root, count, signature).unwrap();
        assert!(!proven.failed && proven.index < count);
        let transaction = result(&node, "getTransaction", params);
        assert_eq!(transaction["slot"], json!(header.slot));
        for other in sent.iter().filter(|other| *other != signature) {
            assert_eq!(
                proof.verify(&root, count, other),
                Err(ProofError::WrongRoot)
            );
        }
    }
    let unknown = json!(["1".repeat(64)]);
    assert_eq!(result(&node, "getTransactionProof", unknown), json!(null));
}

#[test]
fn an_account_is_proven_to_be_what_it_is_or_not_to_exist() {
    let (large, absent) = (Pubkey::new_unique(), Pubkey::new_unique());
    let state = AccountState {
        lamports: 1 << 40,
        owner: Pubkey::new_unique(),
        executable: false,
        data: vec![7; 20_000].into(),
    };
    let node = quick().account(large, state.clone()).start().unwrap();
    let to = Pubkey::new_unique();
    node.airdrop(&to, 5_000_000).unwrap();
    let airdropped = node.reader().slot().slot;
    let paid = AccountState {
        lamports: 5_000_000,
        ..AccountState::default()
    };
    let system: Pubkey = SYSTEM.parse().unwrap();
    // The slot makes sysvars and builtin programs: they are not in the state.
    let cases = [
        (large, Some(&state)),
        (to, Some(&paid)),
        (absent, None),
        (system, None),
    ];
    for (key, expected) in cases {
        let (header, bytes) = loop {
            let params = json!([key.to_string()]);
            let answer = result_once_there(&node, "getAccountProof", params);
            let (header, bytes) = checked(&node, &answer["value"]);
            if header.slot >= airdropped {
                break (header, bytes);
            }
        };
        let proof = AccountProof::from_bytes(&bytes).unwrap();
        let contents = expected.and_then(AccountContents::of);
        assert_eq!(
            proof.verify_contents(&header.state_root, &key, contents.as_ref()),
            Ok(())
        );
        let other = AccountContents {
            lamports: 1,
            ..AccountContents::of(&state).unwrap()
        };
        assert_eq!(
            proof.verify_contents(&header.state_root, &key, Some(&other)),
            Err(ProofError::WrongContents)
        );
    }
}

#[test]
fn wrong_questions_about_proofs_are_refused() {
    let (node, payer) = node_and_payer();
    // Slots of 400 ms: what was just sent is mostly in a slot that is still open.
    let transaction = transfer(
        &payer,
        &Pubkey::new_unique(),
        1_000_000,
        node.latest_blockhash(),
    );
    let signature = node.send_and_confirm(&transaction).unwrap();
    let answer = call(&node, "getTransactionProof", json!([signature.to_string()]));
    if let Some(error) = answer.get("error") {
        assert_eq!(error["code"], json!(-32004));
        let message = error["message"].as_str().unwrap();
        assert!(
            message.starts_with("Block not available for slot "),
            "{message}"
        );
    } else {
        checked(&node, &answer["result"]);
    }
    let size = (-32602, "Invalid param: WrongSize".to_owned());
    assert_eq!(error(&start(), "getAccountProof", json!(["x"])), size);
    assert_eq!(error(&node, "getTransactionProof", json!(["x"])), size);
    result_once_there(&node, "getAccountProof", json!([SYSTEM]));
    let proof = value(&node, "getAccountProof", json!([SYSTEM]));
    assert_eq!(proof.as_object().unwrap().len(), 5);
}
