//! Notifications as JSON. Their context has the slot alone, unlike that of answers.
//! Source of the shapes: `rpc/src/rpc_subscriptions.rs` of agave 4.2.

use crate::commitment::Bank;
use crate::rpc::AccountConfig;
use crate::rpc::mints::Mints;
use sealane_runtime::TransactionRecord;
use sealane_sdk::AccountState;
use serde::Serialize;
use serde_json::json;
use solana_account_decoder_client_types::UiAccount;
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::UiTransactionError;
use std::collections::BTreeSet;

/// Accounts that the transactions of an entry may have changed, each once, in a fixed order.
pub(super) type Touched = BTreeSet<Pubkey>;

#[derive(Serialize)]
pub(super) struct Notification<T> {
    context: Context,
    value: T,
}

#[derive(Serialize)]
struct Context {
    slot: u64,
}

/// With the slot as its context.
pub(super) fn in_slot<T>(slot: u64, value: T) -> Notification<T> {
    Notification {
        context: Context { slot },
        value,
    }
}

pub(super) fn signature(slot: u64, status: &Result<(), TransactionError>) -> impl Serialize {
    let err = status.clone().err().map(UiTransactionError::from);
    in_slot(slot, json!({ "err": err }))
}

pub(super) fn received_signature(slot: u64) -> impl Serialize {
    in_slot(slot, "receivedSignature")
}

/// The root is the newest slot that is final: without a lag the newest sealed one, as what is visible is durable.
pub(super) fn slot(slot: u64, parent: u64, root: u64) -> impl Serialize {
    json!({ "slot": slot, "parent": parent, "root": root })
}

#[derive(Serialize)]
struct Logs {
    signature: String,
    err: Option<UiTransactionError>,
    logs: Vec<String>,
}

pub(super) fn logs(
    slot: u64,
    signature: &Signature,
    record: TransactionRecord,
) -> impl Serialize + use<> {
    let err = record.status.err().map(UiTransactionError::from);
    in_slot(
        slot,
        Logs {
            signature: signature.to_string(),
            err,
            logs: record.logs,
        },
    )
}

pub(super) fn account(
    slot: u64,
    key: &Pubkey,
    state: &AccountState,
    config: &AccountConfig,
    mints: &Mints,
) -> impl Serialize + use<> {
    in_slot(slot, config.encode_always(key, state, mints))
}

/// What showing the account as wanted needs to know of others. What cannot be read now is not shown parsed.
pub(super) fn mints(bank: &Bank, account: &AccountState, config: &AccountConfig) -> Mints {
    let mints = bank
        .state()
        .and_then(|state| config.mints([account], bank.context(), &state));
    mints.unwrap_or_default()
}

#[derive(Serialize)]
struct KeyedAccount {
    pubkey: String,
    account: UiAccount,
}

pub(super) fn keyed_account(
    slot: u64,
    key: &Pubkey,
    state: &AccountState,
    config: &AccountConfig,
    mints: &Mints,
) -> impl Serialize + use<> {
    let account = config.encode_always(key, state, mints);
    in_slot(
        slot,
        KeyedAccount {
            pubkey: key.to_string(),
            account,
        },
    )
}

/// The last state of an account that its subscribers know of.
pub(super) struct AccountWatch {
    last: Option<AccountState>,
    /// A transaction may have changed it since.
    pub(super) touched: bool,
    /// What was in slots up to this one may have changed it without having been heard, as the subscription is newer.
    pub(super) unheard_until: u64,
}

impl AccountWatch {
    pub(super) fn new(bank: &Bank, key: &Pubkey, unheard_until: u64) -> Self {
        let mut watch = Self {
            last: None,
            touched: true,
            unheard_until,
        };
        watch.look(bank, key);
        watch
    }

    /// Looks again; whether the account changed. One that could not be read stays touched, and is looked
    /// at again with the next event.
    pub(super) fn look(&mut self, bank: &Bank, key: &Pubkey) -> bool {
        let Ok(now) = bank.state().and_then(|state| bank.account(&state, key)) else {
            return false;
        };
        self.touched = false;
        let now = Some(now.unwrap_or_default());
        let changed = self.last != now;
        self.last = now;
        changed
    }

    pub(super) fn state(&self) -> &AccountState {
        self.last
            .as_ref()
            .expect("`look` has returned true, so it has read the account")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealane_sdk::InstructionError;

    fn check(notification: &impl Serialize, expected: serde_json::Value) {
        assert_eq!(serde_json::to_value(notification).unwrap(), expected);
    }

    #[test]
    fn signature_notifications_are_agaves() {
        check(
            &signature(7, &Ok(())),
            json!({"context": {"slot": 7}, "value": {"err": null}}),
        );
        let error = TransactionError::InstructionError(0, InstructionError::Custom(1));
        check(
            &signature(7, &Err(error)),
            json!({
                "context": {"slot": 7},
                "value": {"err": {"InstructionError": [0, {"Custom": 1}]}},
            }),
        );
        check(
            &received_signature(7),
            json!({"context": {"slot": 7}, "value": "receivedSignature"}),
        );
    }

    #[test]
    fn slot_notifications_have_no_context() {
        check(&slot(7, 6, 3), json!({"slot": 7, "parent": 6, "root": 3}));
    }

    #[test]
    fn logs_notifications_are_agaves() {
        let record = TransactionRecord {
            status: Ok(()),
            fee: 5_000,
            compute_units: 150,
            pre_balances: vec![],
            post_balances: vec![],
            logs: vec!["Program 11111111111111111111111111111111 success".into()],
            inner_instructions: vec![],
            return_data: None,
            pre_token_balances: vec![],
            post_token_balances: vec![],
        };
        check(
            &logs(7, &Signature::default(), record),
            json!({
                "context": {"slot": 7},
                "value": {
                    "signature": "1".repeat(64),
                    "err": null,
                    "logs": ["Program 11111111111111111111111111111111 success"],
                },
            }),
        );
    }
}
