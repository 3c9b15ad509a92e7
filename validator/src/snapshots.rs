//! Snapshots of a chain as folders: made in the ledger's folder while the node runs, and started from.
//!
//! `snapshots/SLOT` in a ledger's folder is a small ledger of its own: genesis, keys, the accounts at the end
//! of that slot, and the part of the block log that a start from them needs. It can be copied to anywhere.
//! The newest two are kept, and older ones and unfinished ones removed when the next is made.

use crate::error::Error;
use crate::genesis::Genesis;
use crate::ledger;
use crate::periodic::Periodic;
use sealane_runtime::{Disk, SnapshotError, Snapshots};
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Folder of the snapshots in a ledger's.
pub(crate) const FOLDER: &str = "snapshots";
/// Snapshots that are kept.
const KEPT_MAX: usize = 2;
/// Copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// Makes snapshots of a running chain in its ledger's folder.
pub(crate) struct SnapshotMaker {
    /// The ledger's folder, and the same as a disk.
    pub(crate) ledger: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) snapshots: Snapshots,
    /// Held while one is made.
    pub(crate) alone: Mutex<()>,
}

impl SnapshotMaker {
    /// Makes a snapshot of what is durable now; where it is. If there is one of the same slot already, that
    /// is replaced.
    pub(crate) fn make(&self) -> Result<PathBuf, Error> {
        let _alone = self.alone.lock().expect("no holder of this lock panics");
        let slot = self
            .snapshots
            .newest_slot()
            .ok_or(SnapshotError::NoCheckpoint)?;
        // Names in order of slots.
        let name = format!("{slot:012}");
        let all = self.ledger.join(FOLDER);
        remove_folder(&all.join(&name))?;
        let folder = format!("{FOLDER}/{name}");
        self.disk.create_directory(&folder)?;
        ledger::store_in(&*self.disk, &folder, &self.genesis)?;
        self.snapshots.make(&folder)?;
        self.disk.sync_directory(FOLDER)?;
        self.disk.sync_directory("")?;
        self.remove_others(&all)?;
        Ok(all.join(name))
    }

    /// Removes all but the newest whole ones.
    fn remove_others(&self, all: &Path) -> Result<(), Error> {
        let whole = in_folder(all)?;
        for entry in fs::read_dir(all)? {
            let path = entry?.path();
            if !whole.iter().take(KEPT_MAX).any(|kept| *kept == path) {
                remove_folder(&path)?;
            }
        }
        Ok(())
    }
}

/// Makes a snapshot from time to time, until it is dropped. `failed` hears why one was not made.
pub(crate) fn make_every(
    interval: Duration,
    maker: Arc<SnapshotMaker>,
    failed: impl Fn(&Error) + Send + 'static,
) -> io::Result<Periodic> {
    let mut last = None;
    Periodic::start("snapshots", interval, move || {
        let newest = maker.snapshots.newest_slot();
        if newest.is_none() || newest == last {
            return;
        }
        match maker.make() {
            Ok(_) => last = newest,
            Err(error) => failed(&error),
        }
    })
}

/// The snapshots at a path, the newest first: itself, if it is one, or those in it.
pub(crate) fn at(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let found = if is_whole(path) {
        vec![path.to_owned()]
    } else {
        in_folder(path).map_err(|error| {
            let what = format!("cannot read {}: {error}", path.display());
            io::Error::new(error.kind(), what)
        })?
    };
    if found.is_empty() {
        return Err(Error::NoSnapshot {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

/// The slot of the newest snapshot in the ledger's folder; `None` if there is none.
pub(crate) fn newest_slot_in(ledger: &Path) -> Option<u64> {
    let newest = in_folder(&ledger.join(FOLDER)).ok()?.into_iter().next()?;
    newest.file_name()?.to_str()?.parse().ok()
}

/// The whole snapshots in a folder, the newest first.
fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_whole(&path) {
            found.push(path);
        }
    }
    // By the number of the slot.
    found.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    Ok(found)
}

/// Whether this is a snapshot that was finished: its checkpoint is the last that was made of it.
fn is_whole(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder.join("accounts")) else {
        return false;
    };
    let is_checkpoint = |name: &str| {
        name.strip_prefix("checkpoint-")
            .is_some_and(|number| number.parse::<u64>().is_ok())
    };
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.any(|name| is_checkpoint(&name))
}

/// Copies a snapshot into an empty ledger, genesis last: without it the ledger is none.
pub(crate) fn install(snapshot: &Path, disk: &dyn Disk) -> Result<(), Error> {
    for folder in ["accounts", "blocks"] {
        disk.create_directory(folder)?;
        for entry in fs::read_dir(snapshot.join(folder))? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                copy(&entry.path(), disk, &format!("{folder}/{name}"))?;
            }
        }
        disk.sync_directory(folder)?;
    }
    for name in ["identity.json", "faucet.json", "genesis"] {
        copy(&snapshot.join(name), disk, name)?;
        disk.sync_directory("")?;
    }
    Ok(())
}

/// Copies a file, durably but for its name.
pub(crate) fn copy(from: &Path, disk: &dyn Disk, to: &str) -> io::Result<()> {
    let mut source = fs::File::open(from)
        .map_err(|e| io::Error::new(e.kind(), format!("cannot open {}: {e}", from.display())))?;
    write(&mut source, disk, to)
}

/// Writes all that is still to be read as a file, durably but for its name.
pub(crate) fn write(source: &mut impl Read, disk: &dyn Disk, to: &str) -> io::Result<()> {
    let mut file = disk.create(to)?;
    let mut bytes = vec![0; COPY_BYTES];
    loop {
        match source.read(&mut bytes)? {
            0 => break,
            read => file.append(&bytes[..read])?,
        }
    }
    file.sync()
}

/// Removes a folder and all in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
