//! What a pipeline begins with: genesis, or the newest checkpoint of its ledger.

use crate::block_log::BlockLogReader;
use crate::checkpoint::{Checkpoints, Restored};
use crate::headers::HeaderLog;
use crate::{LedgerError, Notice, RuntimeConfig, SlotContext, StartError};
use sealane_accounts_db::{
    Accounts, BankingAccess, DbLimits, Disk, EntryNumber, Interner, LogPosition, MemoryBound,
    Publisher, open_bounded, read_checkpoints,
};
use sealane_sdk::{AccountState, Pubkey};
use solana_hash::Hash;
use std::sync::Arc;

/// The chain at its start, beside its accounts.
#[derive(Clone)]
pub(crate) struct ChainStart {
    /// The open slot. Of a checkpoint it is the one at whose end it was made: the next record of the log
    /// opens the one after it.
    pub(crate) context: Arc<SlotContext>,
    /// Name of the chain.
    pub(crate) genesis_hash: Hash,
    /// Chained hash of the entries so far.
    pub(crate) tip: Hash,
    /// The last entry so far.
    pub(crate) entry: EntryNumber,
    /// Hash of the newest header; the genesis hash before the first.
    pub(crate) header: Hash,
    /// Transactions charged so far.
    pub(crate) transaction_count: u64,
    /// Where the block log goes on; `None` at genesis: with its first record.
    pub(crate) checkpoint: Option<CheckpointStart>,
}

/// What a start from a checkpoint needs of the block log.
#[derive(Clone, Copy)]
pub(crate) struct CheckpointStart {
    /// The first record that is not in the accounts.
    pub(crate) log: LogPosition,
    /// From this record on, ids of what was charged may still matter.
    pub(crate) ids_from: u64,
    /// Root of all accounts.
    pub(crate) state_root: Hash,
}

impl ChainStart {
    /// A chain that begins with this slot, whose newest blockhash is the genesis hash.
    pub(crate) fn first(context: Arc<SlotContext>) -> Self {
        let genesis_hash = context.blockhash();
        Self {
            context,
            genesis_hash,
            tip: genesis_hash,
            entry: 0,
            header: genesis_hash,
            transaction_count: 0,
            checkpoint: None,
        }
    }

    fn restored(restored: &Restored, genesis_hash: Hash) -> Self {
        let slot = &restored.slot;
        let chain = &slot.chain;
        Self {
            context: chain.context.clone(),
            genesis_hash,
            tip: chain.tip,
            entry: slot.entry,
            header: chain.header,
            transaction_count: chain.transaction_count,
            checkpoint: Some(CheckpointStart {
                log: slot.log,
                ids_from: chain.ids_from().unwrap_or(slot.log.record),
                state_root: slot.state_root,
            }),
        }
    }

    /// The first slot that is to come: that of a checkpoint has ended.
    pub(crate) fn first_slot(&self) -> u64 {
        self.context.slot + u64::from(self.checkpoint.is_some())
    }

    /// For the headers that go into the log from here on.
    pub(crate) fn header_log(&self) -> HeaderLog {
        let at_checkpoint = (self.context.slot, self.header);
        HeaderLog::new(self.checkpoint.is_some().then_some(at_checkpoint))
    }

    /// Whether `root` is that of the accounts. At genesis nothing says what it must be.
    pub(crate) fn check_root(&self, root: Hash) -> Result<(), LedgerError> {
        match &self.checkpoint {
            Some(checkpoint) if checkpoint.state_root != root => Err(LedgerError::StateRoot {
                slot: self.context.slot,
                expected: checkpoint.state_root,
                found: root,
            }),
            _ => Ok(()),
        }
    }
}

/// The accounts database, its handles, and the chain that it is of.
pub(crate) struct Opened {
    pub(crate) start: ChainStart,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) interner: Interner,
    pub(crate) accesses: Vec<BankingAccess>,
    pub(crate) publisher: Publisher,
    /// Where there is a ledger that has them.
    pub(crate) checkpoints: Option<Checkpoints>,
}

impl Opened {
    /// Opens the newest checkpoint, if there is one, or begins with genesis.
    pub(crate) fn new(config: &RuntimeConfig, banking_threads: usize) -> Result<Self, StartError> {
        let limits = db_limits(config)?;
        let (checkpoints, restored) = open_checkpoints(config)?;
        let in_files = restored.as_ref().map(|restored| restored.slot.entry);
        let bound = memory_bound(config, checkpoints.as_ref(), in_files)?;
        let (checkpoints, start, opened) = match (checkpoints, restored) {
            (Some(checkpoints), Some(restored)) => {
                let mut stream = checkpoints.accounts();
                let opened = open_bounded(limits, banking_threads, stream.by_ref(), bound)?;
                stream.finish().map_err(LedgerError::from)?;
                let start = ChainStart::restored(&restored, config.genesis_hash);
                (Some(checkpoints), start, opened)
            }
            (mut checkpoints, _) => {
                // They become cold when the first checkpoint has them.
                let genesis = genesis_accounts(config);
                if let Some(checkpoints) = &mut checkpoints {
                    checkpoints.note(genesis.clone());
                }
                let opened = open_bounded(limits, banking_threads, genesis, bound)?;
                let start = ChainStart::first(Arc::new(genesis_context(config)));
                (checkpoints, start, opened)
            }
        };
        let (accounts, interner, accesses, publisher) = opened;
        let checkpoints = checkpoints.map(|checkpoints| checkpoints.telling(accounts.clone()));
        Ok(Self {
            start,
            accounts,
            interner,
            accesses,
            publisher,
            // Who only replays makes none.
            checkpoints: checkpoints.filter(|_| !config.replay_only),
        })
    }
}

/// What `Limits::accounts_memory_max` asks for. The leader's account is interned without verify.
fn memory_bound(
    config: &RuntimeConfig,
    checkpoints: Option<&Checkpoints>,
    in_files: Option<EntryNumber>,
) -> Result<Option<MemoryBound>, StartError> {
    let Some(bytes_max) = config.limits.accounts_memory_max else {
        return Ok(None);
    };
    let checkpoints = checkpoints.ok_or(StartError::NoAccountFiles)?;
    Ok(Some(MemoryBound {
        bytes_max,
        files: checkpoints.reader(),
        in_files,
        kept: vec![config.identity],
    }))
}

/// The account files, where there is a ledger that has them, and what their newest checkpoint holds.
fn open_checkpoints(
    config: &RuntimeConfig,
) -> Result<(Option<Checkpoints>, Option<Restored>), LedgerError> {
    let (Some(disk), Some(settings)) = (&config.ledger, &config.checkpoints) else {
        return Ok((None, None));
    };
    // A checkpoint has a state root, which only who signs headers knows.
    if config.header_signer.is_none() {
        return Ok((None, None));
    }
    if config.dev && has_only_reverted(config, disk, &settings.segments.folder)? {
        return Ok((None, None));
    }
    let mut settings = settings.clone();
    let on_notice = config.on_notice.clone();
    settings.on_error.get_or_insert_with(|| {
        Arc::new(move |error| on_notice(&Notice::CheckpointFailed(error.to_string())))
    });
    settings.reads_only |= config.replay_only;
    let (checkpoints, restored, damaged) =
        Checkpoints::open(disk.clone(), config.genesis_hash, settings)?;
    for error in damaged {
        (config.on_notice)(&Notice::CheckpointDamaged(error.to_string()));
    }
    Ok((Some(checkpoints), restored))
}

/// Removes checkpoints of what the chain went back behind. Whether there are some that cannot be removed, as nothing is
/// to be changed: then none is used.
fn has_only_reverted(
    config: &RuntimeConfig,
    disk: &Arc<dyn Disk>,
    folder: &str,
) -> Result<bool, LedgerError> {
    // Of damaged ones whoever opens them tells.
    let Ok(checkpoints) = read_checkpoints(&**disk, &config.genesis_hash, folder) else {
        return Ok(false);
    };
    let log = BlockLogReader::open(disk.clone(), &config.genesis_hash)?;
    for checkpoint in checkpoints {
        let place = &checkpoint.state.log;
        if !log.is_reverted(place.file, place.record) {
            continue;
        }
        if config.replay_only {
            return Ok(true);
        }
        disk.remove(&format!("{folder}/checkpoint-{}", checkpoint.number))?;
    }
    Ok(false)
}

/// Slot 0.
pub(crate) fn genesis_context(config: &RuntimeConfig) -> SlotContext {
    let schedule = config.epoch_schedule.clone();
    SlotContext::genesis_with(config.genesis_hash, config.genesis_time, schedule)
}

/// All accounts at genesis: those of programs and those of the configuration, which win.
pub(crate) fn genesis_accounts(config: &RuntimeConfig) -> Vec<(Pubkey, AccountState)> {
    let context = genesis_context(config);
    let programs = config.programs.iter().filter(|program| {
        // Those of System and Compute Budget are the slot's.
        context.virtual_account(&program.id).is_none()
    });
    let mut accounts: Vec<(Pubkey, AccountState)> = programs
        .map(|program| (program.id, program.account()))
        .collect();
    accounts.extend(config.genesis_accounts.iter().cloned());
    accounts
}

/// The node's own pins come on top of the readers'. While one is taken for another, there is one more.
fn db_limits(config: &RuntimeConfig) -> Result<DbLimits, StartError> {
    let limits = &config.limits;
    let (lag, max) = (config.finality_lag, limits.finality_lag_max);
    if lag > max {
        return Err(StartError::FinalityLag { lag, max });
    }
    let held = if lag > 0 { lag.saturating_add(2) } else { 0 };
    let held = usize::try_from(held).unwrap_or(usize::MAX);
    Ok(DbLimits {
        accounts_max: limits.accounts_max,
        pins_max: limits.pins_max.saturating_add(held),
        pinned_bytes_max: limits.pinned_bytes_max,
    })
}
