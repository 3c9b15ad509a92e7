//! How many bytes a ledger has of each kind of file.

use sealane_runtime::Disk;
use serde::Serialize;
use std::io;

/// Bytes of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sizes {
    /// The block log.
    pub(super) blocks: u64,
    /// Account segments.
    pub(super) segments: u64,
    pub(super) checkpoints: u64,
    /// The history's index.
    pub(super) history: u64,
    /// Genesis, keys, and whatever else lies there.
    pub(super) other: u64,
}

impl Sizes {
    pub(super) fn total(&self) -> u64 {
        self.blocks + self.segments + self.checkpoints + self.history + self.other
    }

    /// What a check goes through that takes time.
    pub(super) fn checked(&self) -> u64 {
        self.blocks + self.segments + self.history
    }
}

/// Those of the files on a disk.
pub(super) fn of(disk: &dyn Disk) -> io::Result<Sizes> {
    let mut sizes = Sizes::default();
    for name in disk.list("")? {
        let Ok(names) = disk.list(&name) else {
            // A file.
            sizes.other += disk.open(&name)?.len()?;
            continue;
        };
        for file in names {
            let bytes = disk.open(&format!("{name}/{file}"))?.len()?;
            *match name.as_str() {
                "blocks" => &mut sizes.blocks,
                "accounts" if file.ends_with(".seg") => &mut sizes.segments,
                "accounts" => &mut sizes.checkpoints,
                "history" => &mut sizes.history,
                _ => &mut sizes.other,
            } += bytes;
        }
    }
    Ok(sizes)
}
