//! The chain in a ledger's block log, looked at without running it: for tools.
//!
//! [`ChainWalk`] goes through all records in order, as often as anybody likes, and shows what each brought:
//! slots that opened, transactions with what came of them, shares of fees, headers. On the way it checks all
//! that can be checked without executing: checksums of records and of items, that each slot, entry,
//! blockhash and header follows from those before it (`links.rs`, `headers.rs`), that every transaction
//! and its result can be read, and that the tips of checkpoints are the log's. It never writes, and needs
//! memory for a record, not for the log.

mod headers;
mod links;

use crate::block_log::{
    BlockLogReader, BlockRecord, LogEnd, LogError, LoggedEntry, LoggedItem, RecordPosition,
    Records, SlotOpened,
};
use crate::checkpoint::ChainState;
use crate::verify::RecordParser;
use crate::{SignedHeader, TransactionRecord, VerifiedTransaction};
use headers::HeaderChain;
use links::Links;
use sealane_accounts_db::Checkpoint;
use sealane_sdk::light::TransactionLeaf;
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use std::collections::VecDeque;

/// What a chain began with, as far as its log depends on it.
#[derive(Clone, Copy, Debug)]
pub struct ChainOrigin {
    /// Its first blockhash and name.
    pub genesis_hash: Hash,
    /// Unix time of slot 0, in seconds.
    pub genesis_time: i64,
    /// Who signs its headers.
    pub identity: Pubkey,
}

/// Why a chain could not be followed to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The log's files.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The records are whole, and contradict each other.
    #[error(
        "{file}: record {record}, at byte {offset}, is whole and contradicts what comes before it: {what}. \
         Put a copy of the ledger in its place, or start a new chain"
    )]
    Contradiction {
        /// The file, by its path in the ledger.
        file: String,
        /// Where the record lies in it.
        offset: u64,
        /// Number of the record.
        record: u64,
        /// How.
        what: String,
    },
    /// A checkpoint is whole, and is not of this log.
    #[error(
        "accounts/checkpoint-{checkpoint} is whole and does not fit the block log: {what}. Move the accounts \
         folder away, so that the whole block log is replayed"
    )]
    Checkpoint {
        /// Its number.
        checkpoint: u64,
        /// Why not.
        what: String,
    },
}

/// What a record brought.
#[derive(Default)]
#[non_exhaustive]
pub struct ChainStep {
    /// Where it lies; `None` for what is known only when the log has ended, and for a part of a long run of idle
    /// slots, which is told as several steps.
    pub position: Option<RecordPosition>,
    /// Slots of which is known now that they opened, in order. The idle slots of a run are known when it ends.
    /// The blockhashes within a run are zeros where a log whose beginning was removed does not tell them.
    pub opened: Vec<SlotOpened>,
    /// The slot of what follows; `None` at the start of a log whose beginning was removed.
    pub slot: Option<u64>,
    /// Number of the entry, if it is one.
    pub entry: Option<u64>,
    /// What is in the entry, in serial order.
    pub items: Vec<ChainItem>,
    /// The header, if it is one.
    pub header: Option<SignedHeader>,
}

/// A place in the serial order.
pub enum ChainItem {
    /// A charged transaction.
    Transaction(LoggedTransaction),
    /// The leader's share of a slot's fees.
    FeeReward {
        /// Lamports.
        lamports: u64,
    },
    /// An account that the operator set.
    AccountSet {
        /// Its address.
        key: Pubkey,
        /// What it is then; the default state where it does not exist any more.
        state: AccountState,
    },
}

/// A charged transaction and what came of it.
pub struct LoggedTransaction {
    /// Its place in the block, from 0.
    pub index: u32,
    /// It; its signatures are not checked again.
    pub transaction: Box<VerifiedTransaction>,
    /// What came of it.
    pub record: TransactionRecord,
}

/// Goes through a chain. After an error or the end there is nothing more.
pub struct ChainWalk {
    records: Records,
    /// Read, while a long run of idle slots before it is told.
    held: Option<(RecordPosition, BlockRecord)>,
    parser: RecordParser,
    links: Links,
    headers: HeaderChain,
    /// Those that were not passed yet, oldest first.
    checkpoints: VecDeque<Passing>,
    last: u64,
    is_over: bool,
}

/// A checkpoint whose place in the log comes.
struct Passing {
    number: u64,
    record: u64,
    tip: Hash,
}

impl ChainWalk {
    /// From the oldest record that is kept. `checkpoints`, if there are any, are held against the log.
    pub fn new(
        log: &BlockLogReader,
        origin: &ChainOrigin,
        checkpoints: &[Checkpoint],
    ) -> Result<Self, InspectError> {
        let is_whole = log.first_record() == 1;
        let mut passing = VecDeque::with_capacity(checkpoints.len());
        for checkpoint in checkpoints {
            let (number, state) = (checkpoint.number, &checkpoint.state);
            if log.is_reverted(state.log.file, state.log.record) {
                // A start passes it over.
                continue;
            }
            let chain = ChainState::decode(&state.context).ok_or(InspectError::Checkpoint {
                checkpoint: number,
                what: "what it says of the chain makes no sense to this build".to_owned(),
            })?;
            passing.push_back(Passing {
                number,
                record: state.log.record,
                tip: chain.tip,
            });
        }
        Ok(Self {
            records: log.records().checking_items(),
            held: None,
            parser: RecordParser::new(),
            links: Links::new(origin, is_whole),
            headers: HeaderChain::new(origin),
            checkpoints: passing,
            last: log.first_record() - 1,
            is_over: false,
        })
    }

    /// How the log ends, once all was taken without an error.
    pub fn end(&self) -> Option<LogEnd> {
        self.records.end()
    }

    fn next_record(&mut self) -> Option<Result<(RecordPosition, BlockRecord), LogError>> {
        self.held.take().map(Ok).or_else(|| self.records.next())
    }

    fn step(&mut self) -> Result<Option<ChainStep>, InspectError> {
        let Some(next) = self.next_record() else {
            return self.finish();
        };
        let (position, record) = next?;
        let opens = match &record {
            BlockRecord::SlotOpened(opened) => opened.slot,
            BlockRecord::IdleRun { first, .. } => first.slot,
            _ => 0,
        };
        if let Some(step) = self.part_of_run(opens) {
            self.held = Some((position, record));
            return Ok(Some(step));
        }
        self.pass_checkpoints(position.number)?;
        self.last = position.number;
        let step = self.take(position, record);
        step.map(Some).map_err(|what| InspectError::Contradiction {
            file: position.path(),
            offset: position.offset,
            record: position.number,
            what,
        })
    }

    /// The slots of a run that nothing ended, if there are any.
    fn finish(&mut self) -> Result<Option<ChainStep>, InspectError> {
        if self.is_over {
            return Ok(None);
        }
        if let Some(step) = self.part_of_run(u64::MAX) {
            return Ok(Some(step));
        }
        self.is_over = true;
        self.pass_checkpoints(self.last + 1)?;
        if let Some(passing) = self.checkpoints.front() {
            let last = self.last;
            let what = format!(
                "it goes on with record {}, the log ends with {last}",
                passing.record
            );
            let checkpoint = passing.number;
            return Err(InspectError::Checkpoint { checkpoint, what });
        }
        let opened = self.links.end();
        let step = ChainStep {
            slot: self.links.slot(),
            opened,
            ..ChainStep::default()
        };
        Ok((!step.opened.is_empty()).then_some(step))
    }

    /// Some of the slots of a long run that comes before `slot`.
    fn part_of_run(&mut self, slot: u64) -> Option<ChainStep> {
        let opened = self.links.take_part(slot)?;
        opened.iter().for_each(|opened| self.headers.open(opened));
        Some(ChainStep {
            slot: self.links.slot(),
            opened,
            ..ChainStep::default()
        })
    }

    /// Record `next` comes: checkpoints whose accounts hold all before it have the tip of here.
    fn pass_checkpoints(&mut self, next: u64) -> Result<(), InspectError> {
        while let Some(passing) = self.checkpoints.pop_front_if(|it| it.record <= next) {
            if passing.record == next && !self.links.has_tip(&passing.tip) {
                let checkpoint = passing.number;
                let what = format!("its tip is not that of the log before record {next}");
                return Err(InspectError::Checkpoint { checkpoint, what });
            }
        }
        Ok(())
    }

    fn take(&mut self, position: RecordPosition, record: BlockRecord) -> Result<ChainStep, String> {
        let mut step = ChainStep {
            position: Some(position),
            opened: self.links.take(&record)?,
            ..ChainStep::default()
        };
        for opened in &step.opened {
            self.headers.open(opened);
        }
        step.slot = self.links.slot();
        match record {
            BlockRecord::Entry(entry) => {
                step.entry = Some(entry.entry);
                step.items = self.items(entry)?;
            }
            BlockRecord::Header { header, signature } => {
                let header = SignedHeader { header, signature };
                self.headers.check(&header)?;
                step.header = Some(header);
            }
            _ => {}
        }
        Ok(step)
    }

    fn items(&mut self, entry: LoggedEntry) -> Result<Vec<ChainItem>, String> {
        let mut items = Vec::with_capacity(entry.items.len());
        for (place, item) in entry.items.into_iter().enumerate() {
            let (wire, loaded, record) = match item {
                LoggedItem::FeeReward { lamports } => {
                    items.push(ChainItem::FeeReward { lamports });
                    continue;
                }
                LoggedItem::AccountSet { key, state } => {
                    items.push(ChainItem::AccountSet { key, state });
                    continue;
                }
                LoggedItem::Transaction {
                    wire,
                    loaded,
                    record,
                } => (wire, loaded, record),
            };
            let parsed = self.parser.parse(wire, loaded.into());
            let transaction =
                parsed.map_err(|error| format!("its item {place} is no transaction: {error}"))?;
            let keys: Vec<Pubkey> = (0..transaction.account_count())
                .map(|i| *transaction.key(i))
                .collect();
            let decoded = TransactionRecord::try_decode(&record, &keys).ok_or_else(|| {
                format!("what came of its item {place} cannot be read by this build")
            })?;
            let index = self.links.next_index();
            let failed = decoded.status.is_err();
            let signature = *transaction.signature();
            let leaf = TransactionLeaf::new(signature, index.into(), failed, &record);
            self.headers.add(leaf);
            items.push(ChainItem::Transaction(LoggedTransaction {
                index,
                transaction,
                record: decoded,
            }));
        }
        Ok(items)
    }
}

impl Iterator for ChainWalk {
    type Item = Result<ChainStep, InspectError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let step = self.step();
        self.is_over |= step.is_err();
        step.transpose()
    }
}
