//! The field `trace` of a simulation: what is in it, and that nobody else notices.

use crate::support::{start, value};
use crate::transfers::{SYSTEM, base64, node_and_payer};
use sealane_sdk::AccountMeta;
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use solana_transaction::Transaction;

#[test]
fn a_simulation_shows_what_happened_inside_if_it_is_asked_to() {
    let (node, payer) = node_and_payer();
    let (from, to, idle) = (payer.pubkey(), Pubkey::new_unique(), Pubkey::new_unique());
    let mut transfer = transfer(&from, &to, 2_000_000);
    transfer.accounts.push(AccountMeta::new(idle, false));
    let transaction = Transaction::new_signed_with_payer(
        &[transfer],
        Some(&from),
        &[&payer],
        node.latest_blockhash(),
    );
    let simulate = |config: Value| {
        let parameters = json!([base64(&transaction), config]);
        value(&node, "simulateTransaction", parameters)
    };
    let plain = simulate(json!({"encoding": "base64"}));
    assert!(plain.get("trace").is_none(), "{plain}");
    let off = simulate(json!({"encoding": "base64", "trace": false}));
    assert_eq!(off, plain);

    for (option, others) in [("sigVerify", 0), ("replaceRecentBlockhash", 1)] {
        let config = json!({
            "encoding": "base64", "trace": true, "innerInstructions": true, option: true,
            "accounts": {"addresses": [to.to_string()]},
        });
        let mut traced = simulate(config);
        assert_eq!(traced["replacementBlockhash"].is_object(), others == 1);
        assert_eq!(traced["innerInstructions"], json!([]));
        assert_eq!(traced["accounts"][0]["lamports"], json!(2_000_000));
        let trace = traced.as_object_mut().unwrap().remove("trace").unwrap();
        assert_eq!(traced["logs"], plain["logs"]);
        assert_eq!(traced["postBalances"], plain["postBalances"]);
        let nanos = &trace["instructions"][0]["wallNanos"];
        assert!(nanos.is_u64(), "{trace}");
        let change = |pubkey: &Pubkey, before: u64, after: u64| {
            json!({
                "pubkey": pubkey.to_string(),
                "lamports": {"before": before, "after": after},
                "owner": {"before": SYSTEM, "after": SYSTEM},
                "executable": {"before": false, "after": false},
                "dataLength": {"before": 0, "after": 0},
                "dataRanges": [],
                "moreDataRanges": false,
            })
        };
        let expected = json!({
            "instructions": [{
                "programId": SYSTEM,
                "stackHeight": 1,
                "dataLength": 12,
                "unitsConsumed": 150,
                "unitsConsumedSelf": 150,
                "wallNanos": nanos,
                "wallNanosSelf": nanos,
                "err": null,
                "logs": plain["logs"],
                "callerLogs": 0,
                "changes": [
                    change(&from, 999_995_000, 997_995_000),
                    change(&to, 0, 2_000_000),
                ],
                "calls": [],
            }],
            "overLocked": [idle.to_string()],
            "neverRead": [idle.to_string()],
        });
        assert_eq!(trace, expected);
    }
    assert_eq!(node.balance(&to).unwrap(), 0, "nothing was committed");
}

#[test]
fn what_does_not_come_to_execution_has_no_trace() {
    let node = start();
    let poor = Keypair::new();
    let transfer = transfer(&poor.pubkey(), &Pubkey::new_unique(), 1);
    let transaction = Transaction::new_signed_with_payer(
        &[transfer],
        Some(&poor.pubkey()),
        &[&poor],
        node.latest_blockhash(),
    );
    let config = json!({"encoding": "base64", "trace": true});
    let parameters = json!([base64(&transaction), config]);
    let simulation = value(&node, "simulateTransaction", parameters);
    assert_eq!(simulation["err"], json!("AccountNotFound"));
    assert_eq!(simulation.get("trace"), Some(&json!(null)));
}
