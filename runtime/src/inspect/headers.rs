//! Whether the headers of a log say what the log says.

use super::ChainOrigin;
use super::links::UNKNOWN;
use crate::SignedHeader;
use crate::block_log::SlotOpened;
use sealane_sdk::light::{TransactionLeaf, TransactionsRoot, verify_header};
use solana_hash::Hash;
use std::collections::VecDeque;

/// Slots that a header may come behind its own: of older ones only the signature and the parent are checked.
const BEHIND_MAX: usize = 4_096;

/// The slots that headers may come of, and the last header.
pub(super) struct HeaderChain {
    origin: ChainOrigin,
    last: Option<(u64, Hash)>,
    open: Option<SlotOpened>,
    transactions: TransactionsRoot,
    /// Oldest first, without a gap.
    ended: VecDeque<EndedSlot>,
}

struct EndedSlot {
    opened: SlotOpened,
    blockhash: Hash,
    transactions_root: Hash,
    transaction_count: u64,
}

impl HeaderChain {
    pub(super) fn new(origin: &ChainOrigin) -> Self {
        Self {
            origin: *origin,
            last: None,
            open: None,
            transactions: TransactionsRoot::new(),
            ended: VecDeque::new(),
        }
    }

    /// A slot opened, and the one before it ended.
    pub(super) fn open(&mut self, opened: &SlotOpened) {
        let transactions = std::mem::take(&mut self.transactions);
        if let Some(ended) = self.open.replace(opened.clone()) {
            if self.ended.len() == BEHIND_MAX {
                self.ended.pop_front();
            }
            self.ended.push_back(EndedSlot {
                opened: ended,
                blockhash: opened.parent_blockhash,
                transactions_root: transactions.root(),
                transaction_count: transactions.len() as u64,
            });
        }
    }

    /// A transaction of the open slot.
    pub(super) fn add(&mut self, leaf: TransactionLeaf) {
        self.transactions.extend([leaf]);
    }

    /// `Err` says what is wrong with a header.
    pub(super) fn check(&mut self, signed: &SignedHeader) -> Result<(), String> {
        let SignedHeader { header, signature } = signed;
        let slot = header.slot;
        if verify_header(header, signature, &self.origin.identity).is_err() {
            return Err(format!(
                "the header of slot {slot} is not signed by the node"
            ));
        }
        let parent = match &self.last {
            _ if slot == 0 => Some(&self.origin.genesis_hash),
            Some((last, hash)) if last + 1 == slot => Some(hash),
            _ => None,
        };
        if parent.is_some_and(|parent| *parent != header.parent) {
            return Err(format!("the header of slot {slot} names another parent"));
        }
        self.last = Some((slot, header.hash()));
        let first = self.ended.front().map_or(0, |ended| ended.opened.slot);
        let place = slot.checked_sub(first).map(|place| place as usize);
        let Some(ended) = place.and_then(|place| self.ended.get(place)) else {
            return Ok(());
        };
        let of_log = (
            ended.opened.time_ms.div_euclid(1_000),
            match ended.blockhash {
                UNKNOWN => header.blockhash,
                known => known,
            },
            ended.transactions_root,
            ended.transaction_count,
        );
        let of_header = (
            header.unix_timestamp,
            header.blockhash,
            header.transactions_root,
            header.transaction_count,
        );
        if of_log != of_header {
            return Err(format!("the header of slot {slot} is of another block"));
        }
        Ok(())
    }
}
