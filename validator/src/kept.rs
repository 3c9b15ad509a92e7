//! Where a chain is kept, and how a node comes to it: a ledger, a snapshot that a ledger begins with, or a
//! state file.

use crate::error::Error;
use crate::genesis::Genesis;
use crate::periodic::Periodic;
use crate::snapshots::{self, SnapshotMaker};
use crate::{ledger, state_file};
use sealane_runtime::{Disk, Notice, OnNotice, Reader, RealDisk, Runtime, StartError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where a chain is kept.
pub(crate) enum Place {
    /// A ledger's folder.
    Folder(PathBuf),
    /// A ledger on a disk of somebody's own.
    Disk(Arc<dyn Disk>),
    /// A file, with a ledger beside it while the node runs.
    StateFile(PathBuf),
}

impl Place {
    /// The ledger. That of a state file has in it what the file has, unless a node was killed on it.
    pub(crate) fn open(&self, reset: bool) -> Result<Arc<dyn Disk>, Error> {
        let disk: Arc<dyn Disk> = match self {
            Self::Disk(disk) => Arc::clone(disk),
            Self::Folder(folder) => Arc::new(RealDisk::open(folder)?),
            Self::StateFile(file) => Arc::new(RealDisk::open(state_file::ledger_of(file))?),
        };
        if reset {
            ledger::reset(&*disk)?;
        } else if let Self::StateFile(file) = self
            && ledger::is_new(&*disk)?
        {
            // What an interrupted start left is no chain.
            ledger::reset(&*disk)?;
            state_file::load(file, &*disk)?;
        }
        Ok(disk)
    }

    /// The ledger's folder, if it has one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.clone()),
            Self::StateFile(file) => Some(state_file::ledger_of(file)),
            Self::Disk(_) => None,
        }
    }
}

/// What a running node has to do with where its chain is kept.
pub(crate) struct Kept {
    place: Place,
    /// `None` where the ledger is no folder.
    maker: Option<Arc<SnapshotMaker>>,
    /// Makes snapshots from time to time.
    thread: Option<Periodic>,
    on_notice: OnNotice,
}

impl Kept {
    pub(crate) fn new(
        place: Place,
        disk: Arc<dyn Disk>,
        genesis: &Arc<Genesis>,
        reader: &Reader,
        snapshot_interval: Option<Duration>,
        on_notice: OnNotice,
    ) -> Result<Self, Error> {
        let maker = place.folder().zip(reader.snapshots());
        let maker = maker.map(|(ledger, snapshots)| {
            Arc::new(SnapshotMaker {
                ledger,
                disk,
                genesis: Arc::clone(genesis),
                snapshots,
                alone: Mutex::new(()),
            })
        });
        let thread = match snapshot_interval {
            None => None,
            Some(interval) => {
                let maker = maker.clone().ok_or(Error::SnapshotWithoutLedger)?;
                let hear = on_notice.clone();
                let failed = move |error: &Error| hear(&Notice::SnapshotFailed(error.to_string()));
                let thread = snapshots::make_every(interval, maker, failed);
                Some(thread.map_err(Error::Thread)?)
            }
        };
        Ok(Self {
            place,
            maker,
            thread,
            on_notice,
        })
    }

    pub(crate) fn make_snapshot(&self) -> Result<PathBuf, Error> {
        self.maker
            .as_ref()
            .ok_or(Error::SnapshotWithoutLedger)?
            .make()
    }

    /// The node has stopped: packs what is kept into the state file, if it is kept in one. Where that fails,
    /// the ledger beside the file stays, and the next start goes on with it.
    pub(crate) fn stopped(mut self) -> bool {
        self.thread = None;
        let (Place::StateFile(file), Some(maker)) = (&self.place, &self.maker) else {
            return true;
        };
        let saved = maker
            .make()
            .and_then(|snapshot| state_file::save(&snapshot, file))
            .and_then(|()| Ok(snapshots::remove_folder(&maker.ledger)?));
        if let Err(error) = &saved {
            let (file, folder) = (file.display(), maker.ledger.display());
            (self.on_notice)(&Notice::StateNotSaved(format!(
                "{file}: {error}. The chain is in {folder}, and the next start goes on with it"
            )));
        }
        saved.is_ok()
    }
}

/// Starts a chain in an empty ledger from the newest snapshot at `path` that can be used.
pub(crate) fn start_from_snapshot(
    path: &Path,
    disk: &dyn Disk,
    on_notice: &OnNotice,
    mut start: impl FnMut() -> Result<(Arc<Genesis>, Runtime), Error>,
) -> Result<(Arc<Genesis>, Runtime), Error> {
    if !ledger::is_new(disk)? {
        return Err(Error::LedgerInUse);
    }
    let mut candidates = snapshots::at(path)?.into_iter().peekable();
    loop {
        let candidate = candidates.next().expect("there is one at least");
        // What an interrupted or failed start left.
        ledger::reset(disk)?;
        let started = snapshots::install(&candidate, disk).and_then(|()| start());
        let Err(error) = started else {
            return started;
        };
        ledger::reset(disk)?;
        let is_its_fault = matches!(
            error,
            Error::Start(StartError::Ledger(_)) | Error::Ledger { .. } | Error::Disk(_)
        );
        if !is_its_fault || candidates.peek().is_none() {
            return Err(error);
        }
        let candidate = candidate.display();
        on_notice(&Notice::SnapshotUnusable(format!("{candidate}: {error}")));
    }
}
