//! All access to a ledger's folder.
//!
//! [`Disk`] is the one seam between Sealane and a file system, small enough to be twinned in memory. Paths
//! are relative to the ledger's folder, with `/` between their parts. Nothing here retries: after a failed
//! sync nobody knows what is on the disk, so who gets one must stop.
//!
//! What a caller may rely on after power was lost:
//! - bytes of a file that a successful [`DiskFile::sync`] covered are there, as they were written;
//! - a name that [`Disk::create`], [`Disk::rename`], [`Disk::remove`] or [`Disk::link`] changed is as it was
//!   left, once [`Disk::sync_directory`] of its folder succeeded; before that it may be either way;
//! - everything else may be there, in part, in any order, or not at all.
//!
//! After the process alone was killed, everything is there; what it had not synced is not durable before
//! [`DiskRead::sync`] made it so.
//!
//! [`RealDisk`] is the file system's; [`MemoryDisk`] is the twin for tests, which loses what it may lose.

mod memory;
mod real;

pub use memory::{Fault, MemoryDisk};
pub use real::RealDisk;

use std::io;
use std::sync::Arc;

/// A folder.
pub trait Disk: Send + Sync {
    /// Makes a folder and those above it, unless they are there.
    fn create_directory(&self, path: &str) -> io::Result<()>;
    /// Makes a new, empty file to be written to; an error if there is one.
    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file to be read from.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskRead>>;
    /// Names of the files and folders in a folder, sorted.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// A second name for a file.
    fn link(&self, from: &str, to: &str) -> io::Result<()>;
    /// Takes a file's name away. Who has it open reads on.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes changes of names in a folder durable.
    fn sync_directory(&self, path: &str) -> io::Result<()>;
    /// Bytes that may still be written.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// A file that grows at its end.
pub trait DiskFile: Send {
    /// Appends all of `bytes`. After an error an unknown part of them is there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all that was appended durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file to be read from, by many threads at once.
pub trait DiskRead: Send + Sync {
    /// Its length in bytes when it was opened, or later.
    fn len(&self) -> io::Result<u64>;
    /// Whether there is nothing in it.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `into` from `offset`; `UnexpectedEof` if the file ends before.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
    /// Makes durable what is in the file, whoever wrote it: who goes on after what a killed process left
    /// needs this.
    fn sync(&self) -> io::Result<()>;
}
