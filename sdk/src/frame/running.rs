//! Which program an executor runs, seen from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// No program.
const NONE: u32 = u32::MAX;

/// Says which program an executor runs at this moment, to whoever watches it from another thread: a native
/// program that does not return can at least be named.
#[derive(Clone, Debug, Default)]
pub struct RunningProgram(Arc<Cell>);

/// On a cache line of its own: the executor writes it for each instruction.
#[derive(Debug)]
#[repr(align(64))]
struct Cell(AtomicU32);

impl Default for Cell {
    fn default() -> Self {
        Self(AtomicU32::new(NONE))
    }
}

impl RunningProgram {
    /// Index of the program among its transaction's accounts; `None` between instructions. Relaxed: what
    /// it is compared with has to be read before and after.
    pub fn account(&self) -> Option<u8> {
        u8::try_from(self.0.0.load(Ordering::Relaxed)).ok()
    }

    /// Runs a program; the one that called it runs again afterwards.
    #[inline]
    pub(crate) fn during<R>(&self, program: u8, run: impl FnOnce() -> R) -> R {
        let caller = self.0.0.load(Ordering::Relaxed);
        self.0.0.store(u32::from(program), Ordering::Relaxed);
        let result = run();
        self.0.0.store(caller, Ordering::Relaxed);
        result
    }
}
