//! Checking every byte of the history's files: what `ledger verify` does. Changes nothing, unlike opening an
//! archive, which removes what cannot be used.

use super::key_file;
use super::run::{Run, RunName};
use super::{ArchiveError, FOLDER, Mark};
use sealane_accounts_db::Disk;
use std::io::ErrorKind;

/// What a ledger has of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryFiles {
    /// Runs.
    pub runs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How far into the log the last of them goes.
    pub mark: Mark,
}

/// Checks the history's key and every page of every run. `progress` is told how many bytes were checked since
/// it was last called. The first thing that is wrong is the error. Without a history there is nothing to check.
pub fn verify_history_files(
    disk: &dyn Disk,
    progress: &mut dyn FnMut(u64),
) -> Result<HistoryFiles, ArchiveError> {
    let names = match disk.list(FOLDER) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        listed => listed?,
    };
    if names.iter().any(|name| name == key_file::NAME) && key_file::read(disk)?.is_none() {
        return Err(ArchiveError::Damaged {
            file: key_file::NAME.to_owned(),
            offset: 0,
        });
    }
    let mut runs: Vec<RunName> = names
        .iter()
        .filter_map(|name| RunName::parse(name))
        .collect();
    runs.sort_by_key(|name| (name.end, name.first));
    let mut found = HistoryFiles::default();
    for name in runs {
        let run = Run::open(disk, name)?;
        run.check()?;
        progress(run.bytes());
        found.runs += 1;
        found.bytes += run.bytes();
        found.mark = run.summary.mark;
    }
    Ok(found)
}
