//! Headers on their way into the block log, and those that a replay finds there.
//!
//! The log has the header of each slot that had something in it, after the record that opens the next slot;
//! those of idle slots follow from it. Live, the header stage makes headers and the log stage takes them. In
//! a replay the header stage makes them too, the thread that reads the log adds what it finds, and what both
//! have of one slot must be the same; what the log does not have is written when the replay has ended.
//! Both sides go from slot to slot, so only the oldest are compared.

use super::SignedHeader;
use crate::LedgerError;
use crate::sync::Mutex;
use solana_hash::Hash;
use std::collections::VecDeque;

/// What is on its way, in order of slots.
pub(crate) struct HeaderLog(Mutex<OnTheWay>);

struct OnTheWay {
    made: VecDeque<SignedHeader>,
    /// With the number of its record.
    logged: VecDeque<(u64, SignedHeader)>,
    /// The slot of the checkpoint that the chain goes on from, and the hash of its header.
    checkpoint: Option<(u64, Hash)>,
    /// The newest slot that a header was made of.
    made_last: Option<u64>,
    /// What is made is of slots that were gone back behind.
    is_reverting: bool,
}

impl HeaderLog {
    /// Of a chain that goes on from a checkpoint at the end of this slot, whose header has this hash, or from
    /// genesis.
    pub(crate) fn new(checkpoint: Option<(u64, Hash)>) -> Self {
        Self(Mutex::new(OnTheWay {
            made: VecDeque::new(),
            logged: VecDeque::new(),
            checkpoint,
            made_last: None,
            is_reverting: false,
        }))
    }

    /// A header was made, of a slot that had something in it.
    pub(crate) fn made(&self, header: SignedHeader) -> Result<(), LedgerError> {
        let mut on_the_way = self.0.lock().expect("no holder of this lock panics");
        if on_the_way.is_reverting {
            return Ok(());
        }
        on_the_way.made_last = Some(header.header.slot);
        on_the_way.made.push_back(header);
        on_the_way.compare()
    }

    /// A header was read from the log.
    pub(crate) fn read(&self, record: u64, header: SignedHeader) -> Result<(), LedgerError> {
        let mut on_the_way = self.0.lock().expect("no holder of this lock panics");
        on_the_way.logged.push_back((record, header));
        on_the_way.compare()
    }

    /// All headers of what was read were made: none may be left that is only in the log.
    pub(crate) fn end_replay(&self) -> Result<(), LedgerError> {
        let on_the_way = self.0.lock().expect("no holder of this lock panics");
        match on_the_way.logged.front() {
            Some((record, header)) => Err(unfounded(*record, header.header.slot)),
            None => Ok(()),
        }
    }

    /// The log went back: what is on the way is of what it went back behind, until the header stage has followed.
    pub(crate) fn begin_revert(&self) {
        let mut on_the_way = self.0.lock().expect("no holder of this lock panics");
        (on_the_way.made, on_the_way.is_reverting) = (VecDeque::new(), true);
    }

    /// It has.
    pub(crate) fn end_revert(&self) {
        let mut on_the_way = self.0.lock().expect("no holder of this lock panics");
        on_the_way.is_reverting = false;
    }

    /// Takes what is to be written.
    pub(crate) fn take(&self) -> VecDeque<SignedHeader> {
        let mut on_the_way = self.0.lock().expect("no holder of this lock panics");
        std::mem::take(&mut on_the_way.made)
    }
}

impl OnTheWay {
    /// Compares what can be compared.
    fn compare(&mut self) -> Result<(), LedgerError> {
        while let Some((record, logged)) = self.logged.front() {
            let slot = logged.header.slot;
            // Headers are written after the slots that follow: those of before a checkpoint lie behind it.
            if let Some((checkpoint, hash)) = self.checkpoint
                && slot <= checkpoint
            {
                if slot == checkpoint && hash != logged.header.hash() {
                    return Err(unfounded(*record, slot));
                }
                self.logged.pop_front();
                continue;
            }
            match self.made.front() {
                // A node without headers wrote that part of the log.
                Some(made) if made.header.slot < slot => {
                    self.made.pop_front();
                    continue;
                }
                Some(made) if made == logged => {}
                Some(made) if made.header.slot == slot => return Err(differs(logged, made)),
                None if self.made_last.is_none_or(|last| last < slot) => return Ok(()),
                Some(_) | None => return Err(unfounded(*record, slot)),
            }
            self.made.pop_front();
            self.logged.pop_front();
        }
        Ok(())
    }
}

fn unfounded(record: u64, slot: u64) -> LedgerError {
    LedgerError::Contradiction {
        record,
        what: format!("the header of slot {slot} is not what the slot comes to"),
    }
}

fn differs(logged: &SignedHeader, made: &SignedHeader) -> LedgerError {
    LedgerError::HeaderDiffers {
        slot: logged.header.slot,
        what: format!("logged {:?}, now {:?}", logged.header, made.header),
    }
}
