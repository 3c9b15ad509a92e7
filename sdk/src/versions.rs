//! Programs that are replaced while a node runs.

use crate::Program;
use std::sync::{PoisonError, RwLock};

/// The versions of a program that may be replaced while a node runs, each from a slot on.
///
/// None is ever given back: a transaction of an earlier slot may be running it, and so may a thread that never
/// returns.
#[derive(Debug, Default)]
pub struct Versions(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// From which slot each counts, the oldest first.
    since: Vec<(u64, &'static Program)>,
    /// Counts from the next slot on.
    next: Option<&'static Program>,
}

impl Versions {
    /// Sets what counts from the next slot on.
    pub(crate) fn replace(&self, program: Program) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        inner.next = Some(Box::leak(Box::new(program)));
    }

    /// Begins a slot, before any of its transactions run.
    pub(crate) fn open_slot(&self, slot: u64) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = inner.next.take() {
            inner.since.push((slot, next));
        }
    }

    /// What counts in a slot; `None`: what the program was at the start.
    pub(crate) fn at(&self, slot: u64) -> Option<&'static Program> {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let newest = inner.since.iter().rev().find(|(since, _)| *since <= slot);
        newest.map(|(_, program)| *program)
    }
}
