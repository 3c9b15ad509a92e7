//! What a transaction did, instruction by instruction: for who looks inside, on request.
//!
//! What counts as read and written, the lines below are the rule:
//!
//! - A native program **reads** an account when it asks for anything of its state (balance, owner, data, their
//!   length, whether it is a program) or borrows it for writing. Whoever passes it on to a call has not read it.
//! - A program in a machine reads all accounts of its instruction: the machine hands it all of them whole.
//! - A program that is called is read: its account says what runs.
//! - An account is **written** when its data are borrowed for writing, whether or not a byte differs afterwards,
//!   or its balance, owner, length or executable mark is set to another value than it has. Of a program in a machine,
//!   what differs when it hands over is written. It stays so if the transaction fails.
//!
//! A trace is bounded by what a transaction is: 64 instructions, calls included, and one call that was refused;
//! 256 accounts; the bytes of its logs. `TRACED_RANGES_MAX` bounds what is said of one account's data.

use crate::{AccountData, InstructionError, Pubkey};
use std::ops::Range;

/// Ranges of bytes that a trace names of one account in one instruction, at most.
pub const TRACED_RANGES_MAX: usize = 16;

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionTrace {
    /// The top-level instructions that ran, in order.
    pub instructions: Vec<InstructionTrace>,
    /// What became of each of the transaction's accounts, in message order.
    pub accounts: Vec<AccountUse>,
}

/// One instruction, top-level or called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstructionTrace {
    /// Its program.
    pub program: Pubkey,
    /// 1 for a top-level instruction, 2 for one that it called.
    pub stack_height: usize,
    /// Bytes of its data.
    pub data_len: usize,
    /// Compute units it consumed, its calls included.
    pub compute_units: u64,
    /// Time it took in nanoseconds, its calls included. What tracing took is left out.
    pub wall_ns: u64,
    /// Lines that were logged while it ran, its calls' left out.
    pub logs: Vec<String>,
    /// How many of its caller's lines were there when it began.
    pub caller_logs: usize,
    /// Why it failed, if it did.
    pub error: Option<InstructionError>,
    /// How its accounts differ from what they were when it began, its calls included.
    pub changes: Vec<AccountChange>,
    /// What it called, in order.
    pub calls: Vec<InstructionTrace>,
}

/// An account before and after an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Its address.
    pub key: Pubkey,
    /// Balance before and after.
    pub lamports: (u64, u64),
    /// Owner before and after.
    pub owner: (Pubkey, Pubkey),
    /// Whether it was a program before, and after.
    pub executable: (bool, bool),
    /// Bytes of data before and after.
    pub data_len: (usize, usize),
    /// The bytes that differ, at most `TRACED_RANGES_MAX` ranges: up to the length after; bytes that came count
    /// from the zeros that they came as. Nothing is known while the caller holds a guard of the data.
    pub ranges: Vec<Range<usize>>,
    /// Whether bytes behind these ranges differ too.
    pub more_ranges: bool,
}

/// What became of an account in a transaction; see the top of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountUse {
    /// Its address.
    pub key: Pubkey,
    /// Whether it was locked for writing: as declared, less what nobody may write.
    pub is_writable: bool,
    /// Whether any instruction read it.
    pub is_read: bool,
    /// Whether any instruction wrote it.
    pub is_written: bool,
}

impl TransactionTrace {
    /// Accounts that were locked for writing and never written: transactions that might have run beside this one
    /// waited for nothing.
    pub fn over_locked(&self) -> impl Iterator<Item = &Pubkey> {
        let all = self.accounts.iter();
        all.filter(|account| account.is_writable && !account.is_written)
            .map(|account| &account.key)
    }

    /// Accounts that no instruction read: the transaction need not have named them.
    pub fn never_read(&self) -> impl Iterator<Item = &Pubkey> {
        let all = self.accounts.iter();
        all.filter(|account| !account.is_read)
            .map(|account| &account.key)
    }

    /// The same without times, which differ from run to run.
    pub fn without_times(mut self) -> Self {
        fn forget(instructions: &mut [InstructionTrace]) {
            for instruction in instructions {
                instruction.wall_ns = 0;
                forget(&mut instruction.calls);
            }
        }
        forget(&mut self.instructions);
        self
    }
}

impl InstructionTrace {
    /// Compute units it consumed itself.
    pub fn own_compute_units(&self) -> u64 {
        let calls = self.calls.iter().map(|call| call.compute_units);
        self.compute_units - calls.sum::<u64>()
    }

    /// Time it took itself, in nanoseconds.
    pub fn own_wall_ns(&self) -> u64 {
        let calls = self.calls.iter().map(|call| call.wall_ns);
        self.wall_ns.saturating_sub(calls.sum())
    }
}

/// The ranges of bytes in which data differ, at most so many, and whether there are more.
pub(crate) fn differing_ranges(
    before: &AccountData,
    after: &AccountData,
) -> (Vec<Range<usize>>, bool) {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut pages_before = before.pages();
    let mut start = 0;
    for new in after.pages() {
        let old = pages_before.next().unwrap_or(&[]);
        // Shared pages are equal without being read.
        if !std::ptr::eq(old, new) && old != new {
            let olds = old.iter().copied().chain(std::iter::repeat(0));
            for (at, _) in (start..)
                .zip(new.iter().zip(olds))
                .filter(|(_, (new, old))| **new != *old)
            {
                let is_full = ranges.len() == TRACED_RANGES_MAX;
                match ranges.last_mut() {
                    Some(last) if last.end == at => last.end += 1,
                    _ if is_full => return (ranges, true),
                    _ => ranges.push(at..at + 1),
                }
            }
        }
        start += new.len();
    }
    (ranges, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &[u8], after: &[u8], expected: &[Range<usize>]) {
        let found = differing_ranges(&before.into(), &after.into());
        assert_eq!(found, (expected.to_vec(), false));
    }

    #[test]
    fn bytes_that_differ_are_named_as_far_as_there_is_room() {
        check(&[], &[], &[]);
        check(&[1, 2, 3], &[1, 2, 3], &[]);
        check(&[1, 2, 3, 4], &[9, 2, 9, 9], &[0..1, 2..4]);
        // What came is compared with zeros; what went is told by the length.
        check(&[1], &[1, 0, 5, 0, 6], &[2..3, 4..5]);
        check(&[1, 2, 3], &[1], &[]);
        let stripes: Vec<u8> = (0..100).map(|i| i % 2).collect();
        let (ranges, more) = differing_ranges(&vec![0; 100].into(), &stripes.into());
        assert_eq!((ranges.len(), more), (TRACED_RANGES_MAX, true));
        assert_eq!(ranges[15], 31..32);
    }

    #[test]
    fn ranges_go_on_from_page_to_page() {
        const LEN: usize = 3 * crate::data::PAGE;
        let before = AccountData::from(vec![7; LEN]);
        let mut after = before.clone();
        let start = 2 * crate::data::PAGE - 5;
        after.write(start, &[8; 10]);
        let expected = (std::iter::once(start..start + 10).collect(), false);
        assert_eq!(differing_ranges(&before, &after), expected);
    }
}
