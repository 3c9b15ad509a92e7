//! A node has the precompiles: their accounts, what they do, and what their signatures cost.

use crate::support::{PATIENCE, result, value};
use crate::transfers::{base64, node_and_payer, signature_of};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use solana_ed25519_program::new_ed25519_instruction_with_signature;
use solana_signer::Signer;
use solana_transaction::Transaction;

#[test]
fn a_precompile_is_an_empty_program_of_the_native_loader() {
    let (node, _) = node_and_payer();
    for id in [
        "Ed25519SigVerify111111111111111111111111111",
        "KeccakSecp256k11111111111111111111111111111",
        "Secp256r1SigVerify1111111111111111111111111",
    ] {
        let account = value(&node, "getAccountInfo", json!([id, {"encoding": "base64"}]));
        let expected = json!({
            "data": ["", "base64"],
            "executable": true,
            "lamports": 1,
            "owner": "NativeLoader1111111111111111111111111111111",
            "rentEpoch": u64::MAX,
            "space": 0,
        });
        assert_eq!(account, expected, "{id}");
    }
}

#[test]
fn a_signature_is_checked_and_paid_for_before_and_after() {
    let (node, payer) = node_and_payer();
    let key = payer.pubkey().to_bytes();
    for (message, logged) in [(b"signed", json!(null)), (b"other ", json!({"Custom": 2}))] {
        let signature = *payer.sign_message(b"signed").as_array();
        let check = new_ed25519_instruction_with_signature(message, &signature, &key);
        let transaction = Transaction::new_signed_with_payer(
            &[check],
            Some(&payer.pubkey()),
            &[&payer],
            node.latest_blockhash(),
        );
        let bytes = BASE64_STANDARD.encode(transaction.message.serialize());
        let fee = value(&node, "getFeeForMessage", json!([bytes]));
        assert_eq!(fee, json!(10_000));
        let options = json!({"encoding": "base64", "skipPreflight": true});
        let sent = result(
            &node,
            "sendTransaction",
            json!([base64(&transaction), options]),
        );
        let signature = signature_of(&sent);
        // That it failed is seen below.
        let _ = node.confirm(&signature, PATIENCE);
        let found = result(
            &node,
            "getTransaction",
            json!([signature.to_string(), {"maxSupportedTransactionVersion": 0}]),
        );
        let meta = &found["meta"];
        assert_eq!(meta["fee"], json!(10_000));
        assert_eq!(meta["logMessages"], json!([]));
        assert_eq!(meta["computeUnitsConsumed"], json!(0));
        let error = match logged {
            serde_json::Value::Null => json!(null),
            error => json!({"InstructionError": [0, error]}),
        };
        assert_eq!(meta["err"], error);
    }
}
