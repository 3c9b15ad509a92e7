//! What the levels of commitment show.

mod clock;
mod lag;
mod standing;
mod subscriptions;
mod table;

use crate::support::value;
use crate::transfers::transfer;
use sealane_runtime::TimeTravel;
use sealane_validator::{Validator, ValidatorBuilder, ValidatorHandle};
use serde_json::{Value, json};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::Transaction;

/// How far what is final trails in these tests.
const LAG: u64 = 3;

fn lagging() -> ValidatorBuilder {
    Validator::builder().dev(true).finality_lag(LAG)
}

/// A chain that goes from slot to slot when it is told to; each slot leaves the account with 1,000,000,000 and its number.
struct Steps {
    node: ValidatorHandle,
    watched: Keypair,
}

impl Steps {
    fn new(builder: ValidatorBuilder) -> Self {
        let node = builder.start().unwrap();
        node.pause_clock().unwrap();
        let watched = Keypair::new();
        let steps = Self { node, watched };
        steps.mark();
        steps
    }

    /// Begins and goes on until what is final is some slots old.
    fn grown() -> Self {
        let steps = Self::new(lagging());
        for _ in 0..LAG + 4 {
            steps.step();
        }
        steps
    }

    fn open(&self) -> u64 {
        self.node.reader().slot().slot
    }

    /// The account has as many lamports as the open slot's number, and some.
    fn mark(&self) {
        let state = sealane_sdk::AccountState {
            lamports: 1_000_000_000 + self.open(),
            ..Default::default()
        };
        let key = self.watched.pubkey();
        self.node.set_account(&key, state).unwrap();
    }

    /// The next slot.
    fn step(&self) -> u64 {
        let next = self.open() + 1;
        self.node.time_travel(TimeTravel::Slot(next)).unwrap();
        self.mark();
        next
    }

    /// A transfer from the faucet.
    fn transfer(&self) -> Transaction {
        let blockhash = self.node.latest_blockhash();
        transfer(
            self.node.faucet(),
            &Pubkey::new_unique(),
            1_000_000,
            blockhash,
        )
    }

    /// The slot that the account was last marked in, and the slot that the answer is of.
    fn seen(&self, commitment: &str) -> u64 {
        let key = self.watched.pubkey().to_string();
        let config = json!({"commitment": commitment});
        let lamports = value(&self.node, "getBalance", json!([key, config]));
        lamports.as_u64().unwrap() - 1_000_000_000
    }
}

/// The status of a transaction: its level and what has confirmed it.
fn status(node: &ValidatorHandle, transaction: &Transaction) -> (Value, Value) {
    let signature = transaction.signatures[0].to_string();
    let found = value(node, "getSignatureStatuses", json!([[signature]]));
    let found = &found[0];
    (
        found["confirmationStatus"].clone(),
        found["confirmations"].clone(),
    )
}
