//! A folder in memory, for tests: the twin of `RealDisk` that fails on demand and loses what it may lose.
//!
//! It keeps apart what is synced and what is not: of each file the length that a sync covered, of each
//! folder the changes of names that `sync_directory` did not cover yet. [`MemoryDisk::crash`] makes of that
//! a disk as it may be after the power was lost (`power.rs`), as often as one likes from the same state.
//! Calls that change something are counted from 1, so that a run can be repeated with the n-th of them
//! failing, for every n; calls that read are counted apart.
//!
//! Clones are handles of one disk. To "kill" a process, drop its handles and go on with another clone.

mod power;
mod state;

use super::{Disk, DiskFile, DiskRead};
use crate::sync::{self, Mutex, MutexGuard};
use power::Random;
use state::{File, Node, State};
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails with an input/output error. An append leaves some of its bytes; what a failed sync did not
    /// cover may be gone after a crash even when a later sync succeeds, as file systems have it.
    Io,
    /// It fails for want of space, and leaves the same.
    NoSpace,
    /// The power goes: this call may or may not have an effect after a [`MemoryDisk::crash`], and all calls
    /// from now on fail.
    PowerOff,
}

/// A folder in memory.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

impl MemoryDisk {
    /// An empty one without a limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk of its own, as this one may be after the power was lost now. All that is left is durable;
    /// no faults are planned, the calls are counted anew.
    pub fn crash(&self, seed: u64) -> Self {
        let after = self.lock().crash(&mut Random::new(seed));
        Self {
            state: Arc::new(Mutex::new(after)),
        }
    }

    /// A disk of its own with all that can be read on this one, all of it durable.
    pub fn copy(&self) -> Self {
        let after = self.lock().settled();
        Self {
            state: Arc::new(Mutex::new(after)),
        }
    }

    /// How many calls that change something there were, failed ones included.
    pub fn calls(&self) -> u64 {
        self.lock().calls.made
    }

    /// How many reads there were, failed ones included.
    pub fn reads(&self) -> u64 {
        self.lock().reads.made
    }

    /// Makes the `number`-th call that changes something fail.
    pub fn fail_call(&self, number: u64, fault: Fault) {
        self.lock().calls.planned.insert(number, fault);
    }

    /// Makes the `number`-th read fail.
    pub fn fail_read(&self, number: u64, fault: Fault) {
        self.lock().reads.planned.insert(number, fault);
    }

    /// Takes all planned faults back and turns the power on.
    pub fn clear_faults(&self) {
        let mut state = self.lock();
        state.calls.planned.clear();
        state.reads.planned.clear();
        state.is_off = false;
    }

    /// Bytes that all files may have together; `None` for no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Every file and its length, sorted by path.
    pub fn files(&self) -> Vec<(String, u64)> {
        let state = self.lock();
        let mut files = Vec::new();
        for (path, folder) in &state.folders {
            for (name, node) in &folder.now {
                if let Node::File(id) = node {
                    files.push((join(path, name), state.files[*id].bytes.len() as u64));
                }
            }
        }
        files.sort_unstable();
        files
    }

    /// All bytes of a file.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let state = self.lock();
        let id = state.file(path).expect("a test reads a file that is there");
        state.files[id].bytes.clone()
    }

    /// Replaces all bytes of a file, or makes one, durably and without a call being counted.
    ///
    /// # Panics
    /// If its folder is not there.
    pub fn write(&self, path: &str, bytes: &[u8]) {
        let mut state = self.lock();
        let id = state.file(path).unwrap_or(state.files.len());
        let file = File {
            bytes: bytes.to_vec(),
            synced: bytes.len(),
            doubtful: Vec::new(),
        };
        state.used += bytes.len() as u64;
        if id < state.files.len() {
            state.used -= state.files[id].bytes.len() as u64;
            state.files[id] = file;
            return;
        }
        state.files.push(file);
        let (folder, name) = split(path);
        let folder = state.folder_mut(folder).expect("a test's folder is there");
        folder.now.insert(name.to_string(), Node::File(id));
        folder.durable.insert(name.to_string(), Node::File(id));
    }

    /// Flips a bit of a file, durably; bit 0 is the lowest of the first byte.
    ///
    /// # Panics
    /// If there is no such bit.
    pub fn flip_bit(&self, path: &str, bit: u64) {
        let mut state = self.lock();
        let id = state.file(path).expect("a test flips a file that is there");
        state.files[id].bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        sync::lock(&self.state)
    }

    fn handle(&self, id: usize, path: &str) -> Handle {
        Handle {
            disk: self.clone(),
            id,
            path: path.to_string(),
        }
    }
}

impl Disk for MemoryDisk {
    fn create_directory(&self, path: &str) -> io::Result<()> {
        let mut state = self.lock();
        let passed = state.begin_change("make", path)?;
        let mut made = String::new();
        for part in path.split('/') {
            let above = made.clone();
            made = join(&above, part);
            if !state.folders.contains_key(&made) {
                state.change(&above, &[(part, Some(Node::Folder))])?;
                state.folders.entry(made.clone()).or_default();
            }
        }
        passed.end()
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.lock();
        let passed = state.begin_change("create", path)?;
        let (folder, name) = split(path);
        if state.folder_mut(folder)?.now.contains_key(name) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, path.to_string()));
        }
        let id = state.files.len();
        state.change(folder, &[(name, Some(Node::File(id)))])?;
        state.files.push(File::default());
        passed.end()?;
        Ok(Box::new(self.handle(id, path)))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskRead>> {
        let mut state = self.lock();
        state.begin_read("open", path)?;
        let id = state.file(path)?;
        Ok(Arc::new(self.handle(id, path)))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut state = self.lock();
        state.begin_read("list", path)?;
        Ok(state.folder_mut(path)?.now.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let passed = state.begin_change("rename", from)?;
        let node = Some(Node::File(state.file(from)?));
        let ((from_folder, from_name), (to_folder, to_name)) = (split(from), split(to));
        let replaced = state.file(to).ok();
        if state.file(from).ok() == replaced {
            // Two names of one file: nothing happens, says POSIX.
            return passed.end();
        }
        if from_folder == to_folder {
            state.change(from_folder, &[(from_name, None), (to_name, node)])?;
        } else {
            state.change(to_folder, &[(to_name, node)])?;
            // One change in both folders: neither or both are there after a crash.
            state.continue_change(from_folder, &[(from_name, None)])?;
        }
        state.forget(replaced);
        passed.end()
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let passed = state.begin_change("link", from)?;
        let node = Node::File(state.file(from)?);
        let (folder, name) = split(to);
        if state.folder_mut(folder)?.now.contains_key(name) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, to.to_string()));
        }
        state.change(folder, &[(name, Some(node))])?;
        passed.end()
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.lock();
        let passed = state.begin_change("remove", path)?;
        let id = state.file(path)?;
        let (folder, name) = split(path);
        state.change(folder, &[(name, None)])?;
        state.forget(Some(id));
        passed.end()
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.begin_change("sync", path)?.end()?;
        let folder = state.folder_mut(path)?;
        folder.durable.clone_from(&folder.now);
        folder.pending.clear();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let mut state = self.lock();
        state.begin_read("ask the room beside", "")?;
        Ok(state.room())
    }
}

/// An open file.
struct Handle {
    disk: MemoryDisk,
    id: usize,
    path: String,
}

impl DiskFile for Handle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        let (mut outcome, mut taken) = match state.begin_change("append to", &self.path) {
            Ok(passed) => (passed.end(), bytes.len()),
            Err(error) if state.is_off => (Err(error), 0),
            Err(error) => {
                let part = Random::new(state.calls.made).below(bytes.len() as u64);
                (Err(error), part as usize)
            }
        };
        let room = state.room();
        if taken as u64 > room {
            taken = room as usize;
            outcome = Err(error_at(ErrorKind::StorageFull, "append to", &self.path));
        }
        state.used += taken as u64;
        state.files[self.id]
            .bytes
            .extend_from_slice(&bytes[..taken]);
        outcome
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_file()
    }
}

impl DiskRead for Handle {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.lock();
        state.begin_read("measure", &self.path)?;
        Ok(state.files[self.id].bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.begin_read("read", &self.path)?;
        if into.is_empty() {
            return Ok(());
        }
        let bytes = &state.files[self.id].bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(into.len());
        let Some(found) = bytes.get(start..end) else {
            return Err(error_at(ErrorKind::UnexpectedEof, "read", &self.path));
        };
        into.copy_from_slice(found);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_file()
    }
}

impl Handle {
    fn sync_file(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let outcome = match state.begin_change("sync", &self.path) {
            Ok(passed) => passed.end(),
            Err(error) => Err(error),
        };
        let is_off = state.is_off;
        let file = &mut state.files[self.id];
        let unsynced = file.synced..file.bytes.len();
        match outcome {
            Ok(()) => file.synced = unsynced.end,
            Err(_) if is_off || unsynced.is_empty() => {}
            Err(_) => file.doubtful.push(unsynced),
        }
        outcome
    }
}

/// The folder of a path, and its name there.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        return name.to_string();
    }
    format!("{folder}/{name}")
}

fn error_at(kind: ErrorKind, operation: &str, path: &str) -> io::Error {
    io::Error::new(kind, format!("cannot {operation} {path:?}: {kind}"))
}
