//! Whether a node that was started again has what the book says: nothing that was told is lost or told
//! otherwise, and every transfer of the chain was applied exactly once.
//!
//! A node is audited while nobody sends to it. Its blocks are read in order, and each transfer in them is applied
//! to balances of our own, from genesis on.

use super::book::{Book, FEE, Fate};
use crate::client::Client;
use crate::node::PATIENCE;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Instant;

/// Signatures in one question.
const STATUSES_MAX: usize = 256;
/// Blocks that are asked for at once.
const BLOCKS_TOGETHER: usize = 100;

/// A chain, as its blocks tell it from genesis on.
pub(crate) struct Chain {
    /// The next block to be read.
    next: u64,
    balances: Vec<u64>,
    places: HashMap<String, usize>,
    /// Transfers that are in the blocks.
    applied: HashSet<usize>,
}

impl Chain {
    pub(crate) fn new(book: &Book) -> Self {
        let accounts = book.accounts.iter().cloned();
        Self {
            next: 0,
            balances: book.opening(),
            places: accounts.zip(0..).collect(),
            applied: HashSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.applied.len()
    }

    /// Audits a node: what it says of all transfers, its blocks since those that were read before, its accounts.
    ///
    /// # Panics
    /// If anything is not as it must be.
    pub(crate) fn audit(&mut self, book: &mut Book, client: &mut Client) -> io::Result<()> {
        let found = statuses(book, client)?;
        for (number, fate) in found.iter().enumerate() {
            match fate {
                Some(fate) => {
                    book.tell(number, fate.clone());
                }
                None => {
                    let transfer = &book.transfers[number];
                    let told = &transfer.told;
                    assert_eq!(*told, None, "LOST: {} was told", transfer.signature);
                }
            }
        }
        let newest = found.iter().flatten().map(|fate| fate.slot).max();
        let end = sealed(book, client, newest.unwrap_or(0))?;
        self.read(book, client, end)?;
        for (number, fate) in found.iter().enumerate() {
            let signature = &book.transfers[number].signature;
            let is_applied = self.applied.contains(&number);
            assert_eq!(
                is_applied,
                fate.is_some(),
                "{signature} has a status or a block, not both"
            );
        }
        let config = json!({"encoding": "base64", "dataSlice": {"offset": 0, "length": 0}});
        let accounts = client.call("getMultipleAccounts", json!([book.accounts, config]))?;
        let accounts = accounts["value"].as_array().expect("accounts");
        let lamports = |account: &Value| account["lamports"].as_u64().unwrap_or(0);
        let balances: Vec<u64> = accounts.iter().map(lamports).collect();
        assert_eq!(
            balances, self.balances,
            "accounts differ from what the blocks come to"
        );
        Ok(())
    }

    /// Reads the blocks up to before `end`.
    fn read(&mut self, book: &mut Book, client: &mut Client, end: u64) -> io::Result<()> {
        let config = json!({
            "transactionDetails": "accounts",
            "rewards": false,
            "maxSupportedTransactionVersion": 0,
        });
        while self.next < end {
            let slots = (self.next..end).take(BLOCKS_TOGETHER);
            let calls = slots.map(|slot| ("getBlock", json!([slot, config])));
            for answer in client.batch(calls)? {
                assert!(
                    answer.get("error").is_none(),
                    "block {}: {answer}",
                    self.next
                );
                self.apply(book, &answer["result"]);
                self.next += 1;
            }
        }
        Ok(())
    }

    fn apply(&mut self, book: &mut Book, block: &Value) {
        let slot = self.next;
        book.show(slot, block["previousBlockhash"].as_str().expect("a hash"));
        book.show(slot + 1, block["blockhash"].as_str().expect("a hash"));
        for transaction in block["transactions"].as_array().expect("transactions") {
            let (meta, transaction) = (&transaction["meta"], &transaction["transaction"]);
            let signature = transaction["signatures"][0].as_str().expect("a signature");
            let number = book.number_of(signature);
            let number = number.unwrap_or_else(|| panic!("nobody sent {signature}"));
            assert!(
                self.applied.insert(number),
                "DOUBLED: {signature}, again in slot {slot}"
            );
            let err = meta["err"].clone();
            book.tell(number, Fate { slot, err });

            let keys = transaction["accountKeys"].as_array().expect("accounts");
            let keys = keys
                .iter()
                .map(|key| key["pubkey"].as_str().expect("a key"));
            let places: Vec<_> = keys.map(|key| self.places.get(key).copied()).collect();
            self.check_balances(&places, &meta["preBalances"], signature);
            let transfer = &book.transfers[number];
            self.balances[transfer.from] -= FEE;
            if meta["err"].is_null() {
                self.balances[transfer.from] -= transfer.lamports;
                self.balances[transfer.to] += transfer.lamports;
            }
            self.check_balances(&places, &meta["postBalances"], signature);
        }
    }

    /// What a transaction says of balances is what all before it come to.
    fn check_balances(&self, places: &[Option<usize>], said: &Value, signature: &str) {
        let said = said.as_array().expect("balances");
        assert_eq!(said.len(), places.len());
        for (place, said) in places.iter().zip(said) {
            let ours = place.map(|place| self.balances[place]);
            assert!(
                ours.is_none_or(|ours| said.as_u64() == Some(ours)),
                "{signature}: the chain has {said}, we have {ours:?}"
            );
        }
    }
}

/// What the node says of every transfer.
fn statuses(book: &Book, client: &mut Client) -> io::Result<Vec<Option<Fate>>> {
    let mut found = Vec::with_capacity(book.transfers.len());
    for asked in book.transfers.chunks(STATUSES_MAX) {
        let signatures: Vec<&String> = asked.iter().map(|it| &it.signature).collect();
        let config = json!({"searchTransactionHistory": true});
        let statuses = client.call("getSignatureStatuses", json!([signatures, config]))?;
        let statuses = statuses["value"].as_array().expect("statuses");
        found.extend(statuses.iter().map(Fate::of_status));
    }
    Ok(found)
}

/// Waits until a slot behind `newest` is open, and gives it. What it shows goes on from what was shown before.
fn sealed(book: &mut Book, client: &mut Client, newest: u64) -> io::Result<u64> {
    let (before, began) = (book.newest_slot(), Instant::now());
    loop {
        let shown = client.call("getLatestBlockhash", json!([]))?;
        let open = shown["context"]["slot"].as_u64().expect("a slot");
        assert!(open >= before, "slot {open} is open, slot {before} was");
        book.show(open, shown["value"]["blockhash"].as_str().expect("a hash"));
        if open > newest.max(before) {
            return Ok(open);
        }
        assert!(began.elapsed() < PATIENCE, "slot {open} does not end");
    }
}
