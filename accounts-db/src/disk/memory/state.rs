//! What a [`MemoryDisk`](super::MemoryDisk) keeps: what is there, and which of it is durable.

use super::{Fault, error_at, split};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;

#[derive(Default)]
pub(super) struct State {
    pub(super) files: Vec<File>,
    /// By path; the one above all is there from the start.
    pub(super) folders: BTreeMap<String, Folder>,
    pub(super) calls: Calls,
    pub(super) reads: Calls,
    /// Changes of names made so far: each has its number.
    pub(super) changes: u64,
    pub(super) is_off: bool,
    pub(super) capacity: Option<u64>,
    /// Bytes of all files that have a name.
    pub(super) used: u64,
}

#[derive(Clone, Default)]
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    /// Up to here a sync covered it.
    pub(super) synced: usize,
    /// What a failed sync should have covered.
    pub(super) doubtful: Vec<Range<usize>>,
}

#[derive(Default)]
pub(super) struct Folder {
    pub(super) now: BTreeMap<String, Node>,
    pub(super) durable: BTreeMap<String, Node>,
    /// Changes from `durable` to `now`, in order.
    pub(super) pending: Vec<Change>,
}

/// A change of names in one folder that happens as a whole or not at all.
pub(super) struct Change {
    pub(super) number: u64,
    pub(super) names: Vec<(String, Option<Node>)>,
}

#[derive(Clone, Copy)]
pub(super) enum Node {
    File(usize),
    Folder,
}

#[derive(Default)]
pub(super) struct Calls {
    pub(super) made: u64,
    pub(super) planned: BTreeMap<u64, Fault>,
}

/// Leave for a call to have its effect. When the power goes with the call, it has its effect, for a crash
/// to decide about, and `end` fails.
#[must_use]
pub(super) struct Passed(Option<io::Error>);

impl Passed {
    pub(super) fn end(self) -> io::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

impl State {
    pub(super) fn begin_change(&mut self, operation: &str, path: &str) -> io::Result<Passed> {
        self.calls.made += 1;
        if self.is_off {
            return Err(error_at(ErrorKind::NotConnected, operation, path));
        }
        match self.calls.planned.get(&self.calls.made) {
            None => Ok(Passed(None)),
            Some(Fault::Io) => Err(self.input_output_error(operation, path)),
            Some(Fault::NoSpace) => Err(error_at(ErrorKind::StorageFull, operation, path)),
            Some(Fault::PowerOff) => {
                self.is_off = true;
                let error = error_at(ErrorKind::NotConnected, operation, path);
                Ok(Passed(Some(error)))
            }
        }
    }

    pub(super) fn begin_read(&mut self, operation: &str, path: &str) -> io::Result<()> {
        self.reads.made += 1;
        match self.reads.planned.get(&self.reads.made) {
            Some(Fault::PowerOff) => self.is_off = true,
            Some(_) => return Err(self.input_output_error(operation, path)),
            None => {}
        }
        if self.is_off {
            return Err(error_at(ErrorKind::NotConnected, operation, path));
        }
        Ok(())
    }

    pub(super) fn input_output_error(&self, operation: &str, path: &str) -> io::Error {
        let call = self.calls.made;
        let text = format!("cannot {operation} {path:?}: input/output error at call {call}");
        io::Error::other(text)
    }

    pub(super) fn folder_mut(&mut self, path: &str) -> io::Result<&mut Folder> {
        if path.is_empty() {
            return Ok(self.folders.entry(String::new()).or_default());
        }
        self.folders
            .get_mut(path)
            .ok_or_else(|| error_at(ErrorKind::NotFound, "find the folder", path))
    }

    pub(super) fn file(&self, path: &str) -> io::Result<usize> {
        let (folder, name) = split(path);
        let names = self.folders.get(folder).map(|folder| &folder.now);
        match names.and_then(|names| names.get(name)) {
            Some(Node::File(id)) => Ok(*id),
            _ => Err(error_at(ErrorKind::NotFound, "find", path)),
        }
    }

    pub(super) fn change(
        &mut self,
        folder: &str,
        names: &[(&str, Option<Node>)],
    ) -> io::Result<()> {
        self.changes += 1;
        self.continue_change(folder, names)
    }

    /// Like `change`, as a part of the one before.
    pub(super) fn continue_change(
        &mut self,
        folder: &str,
        names: &[(&str, Option<Node>)],
    ) -> io::Result<()> {
        let number = self.changes;
        let folder = self.folder_mut(folder)?;
        let mut change = Change {
            number,
            names: Vec::new(),
        };
        for (name, node) in names {
            set(&mut folder.now, name, *node);
            change.names.push(((*name).to_string(), *node));
        }
        folder.pending.push(change);
        Ok(())
    }

    /// Gives a file's room back if it has no name any more.
    pub(super) fn forget(&mut self, id: Option<usize>) {
        let Some(id) = id else { return };
        let mut nodes = self.folders.values().flat_map(|folder| folder.now.values());
        if !nodes.any(|node| matches!(node, Node::File(named) if *named == id)) {
            self.used -= self.files[id].bytes.len() as u64;
        }
    }

    pub(super) fn room(&self) -> u64 {
        self.capacity
            .map_or(u64::MAX, |all| all.saturating_sub(self.used))
    }
}

pub(super) fn set(names: &mut BTreeMap<String, Node>, name: &str, node: Option<Node>) {
    match node {
        Some(node) => names.insert(name.to_string(), node),
        None => names.remove(name),
    };
}
