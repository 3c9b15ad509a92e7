//! Whether a ledger is as it was written: each of its parts is checked to the end, or to the first thing
//! that is wrong in it, and the others all the same.

use super::{genesis, log_of};
use crate::genesis::Genesis;
use sealane_runtime::{
    ChainItem, ChainWalk, Checkpoint, Disk, LogEnd, verify_account_files, verify_history_files,
};
use solana_signer::Signer;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// What was found.
#[derive(Default)]
pub(super) struct Verdict {
    /// Each part and what is to be said of it, in whole.
    parts: Vec<(&'static str, Result<String, String>)>,
    /// What does no harm and yet is worth a line.
    notes: Vec<String>,
}

impl Verdict {
    /// Names of the parts that are damaged.
    pub(super) fn damaged(&self) -> Vec<&'static str> {
        let damaged = self.parts.iter().filter(|(_, found)| found.is_err());
        damaged.map(|(part, _)| *part).collect()
    }

    /// What is wrong, in order.
    #[cfg(test)]
    pub(super) fn damages(&self) -> Vec<&str> {
        let found = self.parts.iter();
        found
            .filter_map(|(_, found)| found.as_ref().err().map(String::as_str))
            .collect()
    }

    #[cfg(test)]
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Notes what came of a part; what it is good for, if it is good.
    fn part<T>(
        &mut self,
        name: &'static str,
        found: Result<T, impl fmt::Display>,
        say: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let said = found.as_ref().map(say);
        self.parts
            .push((name, said.map_err(|error| error.to_string())));
        found.ok()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (part, found) in &self.parts {
            match found {
                Ok(said) => writeln!(f, "{part:<10} good     {said}")?,
                Err(told) => writeln!(f, "{part:<10} DAMAGED  {told}")?,
            }
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "Harmless:  {note}"))
    }
}

/// Checks all of a ledger. `progress` hears how many bytes were checked since it last did.
pub(super) fn verify(disk: &Arc<dyn Disk>, progress: &mut dyn FnMut(u64)) -> Verdict {
    let mut verdict = Verdict::default();
    let say =
        |genesis: &Genesis| format!("chain {}, node {}", genesis.hash, genesis.identity.pubkey());
    let Some(genesis) = verdict.part("genesis", genesis(&**disk), say) else {
        let note = "the block log, the accounts and the history were not looked at: only genesis says which \
                    chain they are of";
        verdict.notes.push(note.to_owned());
        return verdict;
    };
    let found = verify_accounts(&**disk, &genesis, progress);
    let checkpoints = verdict.part("accounts", found, |found| say_accounts(found));
    let found = walk(disk, &genesis, &checkpoints.unwrap_or_default(), progress);
    let found = verdict.part("block log", found, Walked::to_string);
    if let Some(walked) = found {
        verdict.notes.extend(walked.notes());
    }
    let advice = "Remove the history folder: the next start makes it anew from the block log";
    let found = verify_history_files(&**disk, progress);
    let found = found.map_err(|error| format!("{error}. {advice}"));
    verdict.part("history", found, |found| match found.runs {
        0 => "none".to_owned(),
        runs => format!("{runs} runs, up to record {}", found.mark.record),
    });
    verdict
}

fn verify_accounts(
    disk: &dyn Disk,
    genesis: &Genesis,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Checkpoint>, sealane_runtime::SegmentError> {
    match disk.list("accounts") {
        Err(_) => Ok(Vec::new()),
        Ok(_) => verify_account_files(disk, &genesis.hash, "accounts", progress),
    }
}

fn say_accounts(checkpoints: &[Checkpoint]) -> String {
    match checkpoints.last() {
        None => "no checkpoint: a start replays the whole block log".to_owned(),
        Some(newest) => format!(
            "{} checkpoints, the newest of slot {} with {} accounts",
            checkpoints.len(),
            newest.state.slot,
            newest.account_count
        ),
    }
}

/// What a whole log holds.
struct Walked {
    files: usize,
    /// The oldest that is kept, and how many follow.
    first_record: u64,
    records: u64,
    /// The first and the last.
    slots: Option<(u64, u64)>,
    entries: u64,
    transactions: u64,
    headers: u64,
    end: LogEnd,
}

impl Walked {
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(torn) = self.end.torn {
            notes.push(format!(
                "{} bytes from byte {} of blocks/{:010}.log on are what a crash left of writes that were never \
                 acknowledged; the next start passes over them",
                torn.bytes, torn.offset, torn.file
            ));
        }
        if !self.end.is_closed {
            let note = "the node was not stopped cleanly: of the last writes before a crash nobody can tell \
                        whether they are damaged or were never finished";
            notes.push(note.to_owned());
        }
        notes
    }
}

impl fmt::Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            first_record,
            records,
            slots,
            entries,
            transactions,
            headers,
            ..
        } = self;
        write!(f, "{records} records in {files} files, ")?;
        if *first_record > 1 {
            write!(f, "the first of them {first_record}, ")?;
        }
        match slots {
            None => write!(f, "no slot, ")?,
            Some((first, last)) => write!(f, "slots {first} to {last}, ")?,
        }
        write!(
            f,
            "{entries} entries, {transactions} transactions, {headers} headers"
        )
    }
}

fn walk(
    disk: &Arc<dyn Disk>,
    genesis: &Genesis,
    checkpoints: &[Checkpoint],
    progress: &mut dyn FnMut(u64),
) -> anyhow::Result<Walked> {
    let (log, origin) = log_of(disk, genesis)?;
    // Where each file begins if all lay one behind the other.
    let mut starts = HashMap::new();
    let mut total = 0;
    for (number, bytes) in log.files() {
        starts.insert(number, total);
        total += bytes;
    }
    let (mut slots, mut entries, mut transactions, mut headers) = (None, 0, 0, 0);
    let mut told = 0;
    let mut walk = ChainWalk::new(&log, &origin, checkpoints)?;
    for step in walk.by_ref() {
        let step = step?;
        if let Some(position) = step.position {
            let come = starts.get(&position.file).copied().unwrap_or(told) + position.offset;
            progress(come.saturating_sub(told));
            told = told.max(come);
        }
        if let (Some(first), Some(last)) = (step.opened.first(), step.opened.last()) {
            slots = Some((slots.map_or(first.slot, |(first, _)| first), last.slot));
        }
        entries += u64::from(step.entry.is_some());
        headers += u64::from(step.header.is_some());
        let is_transaction = |item: &&ChainItem| matches!(item, ChainItem::Transaction(_));
        transactions += step.items.iter().filter(is_transaction).count() as u64;
    }
    progress(total.saturating_sub(told));
    let end = walk.end().expect("all was taken");
    Ok(Walked {
        files: starts.len(),
        first_record: log.first_record(),
        records: (end.record + 1).saturating_sub(log.first_record()),
        slots,
        entries,
        transactions,
        headers,
        end,
    })
}
