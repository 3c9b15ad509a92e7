//! A trace for people: a tree of instructions, each with what it cost, logged and changed.

use sealane_runtime::LedgerTrace;
use sealane_sdk::{AccountChange, InstructionTrace, Pubkey, TransactionTrace};
use solana_signature::Signature;
use std::fmt::{self, Display, Write};
use std::ops::Range;

/// What came of a transaction, and how.
pub(super) fn in_words(signature: &Signature, traced: &LedgerTrace) -> String {
    let record = &traced.record;
    let status = match &record.status {
        Ok(()) => "succeeded".to_owned(),
        Err(error) => format!("failed: {error}. All but the fee was undone"),
    };
    let mut text = format!(
        "Transaction {signature}\nin slot {}, {status}\n{} units, fee {} lamports\n",
        traced.slot,
        Grouped(record.compute_units),
        Grouped(record.fee)
    );
    match &traced.trace {
        Some(trace) => {
            tree(&mut text, trace);
            if record.status.is_err() {
                text.push_str("It failed: what did not run any more neither wrote nor read.\n");
            }
        }
        None => text.push_str("\nIt did not come to execution: no instruction ran.\n"),
    }
    text
}

fn tree(text: &mut String, trace: &TransactionTrace) {
    for (number, instruction) in (1..).zip(&trace.instructions) {
        text.push_str(&format!("\n{number}. {}\n", Head(instruction)));
        body(text, "   ", instruction);
    }
    text.push('\n');
    let lists: [(&str, Vec<&Pubkey>); 2] = [
        (
            "Locked for writing and never written, so that others waited for nothing:",
            trace.over_locked().collect(),
        ),
        (
            "Never read by an instruction:",
            trace.never_read().collect(),
        ),
    ];
    for (title, keys) in &lists {
        if !keys.is_empty() {
            text.push_str(&format!("{title}\n"));
            keys.iter()
                .for_each(|key| text.push_str(&format!("   {key}\n")));
        }
    }
    if lists.iter().all(|(_, keys)| keys.is_empty()) {
        text.push_str("Each account was read, and each that was locked for writing was written.\n");
    }
}

/// Logs and calls in the order in which they came, then the changes. `indent` stands before each line.
fn body(text: &mut String, indent: &str, instruction: &InstructionTrace) {
    let mut calls = instruction.calls.iter().peekable();
    let lines = instruction.logs.iter().map(Some).chain([None]);
    for (before, line) in lines.enumerate() {
        while let Some(call) = calls.next_if(|call| call.caller_logs <= before) {
            text.push_str(&format!("{indent}├─ {}\n", Head(call)));
            body(text, &format!("{indent}│  "), call);
        }
        if let Some(line) = line.filter(|line| !is_frame(line, instruction)) {
            // A line of the log may have several.
            for part in line.lines() {
                text.push_str(&format!("{indent}> {part}\n"));
            }
        }
    }
    for change in &instruction.changes {
        text.push_str(&format!("{indent}~ {}\n", change.key));
        for part in parts(change) {
            text.push_str(&format!("{indent}  {part}\n"));
        }
    }
}

/// What the tree itself says: that the program was called, came to an end, and what that took.
fn is_frame(line: &str, instruction: &InstructionTrace) -> bool {
    let rest = line.strip_prefix("Program ");
    let rest = rest.and_then(|rest| rest.strip_prefix(&instruction.program.to_string()));
    let error = instruction.error.as_ref().map(ToString::to_string);
    rest.is_some_and(|rest| {
        let failed = rest.strip_prefix(" failed: ");
        if failed.is_some() && failed == error.as_deref() {
            return true;
        }
        [" invoke [", " success", " consumed "]
            .iter()
            .any(|frame| rest.starts_with(frame))
    })
}

/// The line of an instruction.
struct Head<'t>(&'t InstructionTrace);

impl Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trace = self.0;
        write!(
            f,
            "{}  {} units",
            trace.program,
            Grouped(trace.compute_units)
        )?;
        if !trace.calls.is_empty() {
            write!(f, " ({} own)", Grouped(trace.own_compute_units()))?;
        }
        write!(f, ", {}", Time(trace.wall_ns))?;
        if !trace.calls.is_empty() {
            write!(f, " ({} own)", Time(trace.own_wall_ns()))?;
        }
        write!(f, ", {} of data", Bytes(trace.data_len))?;
        match &trace.error {
            Some(error) => write!(f, ", FAILED: {error}"),
            None => Ok(()),
        }
    }
}

/// What differs of an account, each in a line.
fn parts(change: &AccountChange) -> Vec<String> {
    let mut parts = Vec::new();
    let (before, after) = change.lamports;
    if before != after {
        let sign = if after > before { '+' } else { '−' };
        let (from, to, by) = (
            Grouped(before),
            Grouped(after),
            Grouped(after.abs_diff(before)),
        );
        parts.push(format!("lamports {from} → {to} ({sign}{by})"));
    }
    let (before, after) = change.owner;
    if before != after {
        parts.push(format!("owner {before} → {after}"));
    }
    match change.executable {
        (false, true) => parts.push("is a program now".to_owned()),
        (true, false) => parts.push("is no program any more".to_owned()),
        _ => {}
    }
    let (before, after) = change.data_len;
    if before != after {
        let before = Grouped(before as u64);
        parts.push(format!("data {before} → {}", Bytes(after)));
    }
    if !change.ranges.is_empty() {
        let ranges: Vec<String> = change.ranges.iter().map(in_brackets).collect();
        let more = if change.more_ranges { " and more" } else { "" };
        parts.push(format!("bytes {}{more}", ranges.join(" ")));
    }
    parts
}

fn in_brackets(range: &Range<usize>) -> String {
    format!("{}..{}", range.start, range.end)
}

/// A number with commas.
struct Grouped(u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

struct Bytes(usize);

impl Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.0 == 1 { "byte" } else { "bytes" };
        write!(f, "{} {unit}", Grouped(self.0 as u64))
    }
}

/// Nanoseconds, in the unit that suits them.
struct Time(u64);

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0 as f64;
        match self.0 {
            0..1_000 => write!(f, "{} ns", self.0),
            1_000..1_000_000 => write!(f, "{:.1} µs", nanos / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} ms", nanos / 1e6),
            _ => write!(f, "{:.1} s", nanos / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealane_sdk::{AccountUse, InstructionError};

    fn key(byte: u8) -> Pubkey {
        Pubkey::new_from_array([byte; 32])
    }

    fn instruction(program: u8, logs: &[&str]) -> InstructionTrace {
        InstructionTrace {
            program: key(program),
            stack_height: 1,
            data_len: 1,
            compute_units: 150,
            wall_ns: 999,
            logs: logs.iter().map(|line| (*line).to_owned()).collect(),
            caller_logs: 0,
            error: None,
            changes: Vec::new(),
            calls: Vec::new(),
        }
    }

    #[test]
    fn a_tree_has_a_line_for_all_there_is_to_say() {
        let (program, called) = (key(1), key(2));
        let failed = format!("Program {called} failed: custom program error: 0x7");
        let mut call = instruction(2, &["Program log: called", &failed]);
        call.caller_logs = 2;
        call.error = Some(InstructionError::Custom(7));
        let mut change = AccountChange {
            key: key(3),
            lamports: (5_000_000, 4_999_999),
            owner: (program, called),
            executable: (false, true),
            data_len: (0, 1_024),
            ranges: vec![0..8, 10..11],
            more_ranges: true,
        };
        call.changes.push(change.clone());
        change.owner.1 = program;
        (change.executable, change.ranges) = ((true, true), Vec::new());
        let invoked = format!("Program {program} invoke [1]");
        let mut top = instruction(1, &[&invoked, "Program log: before", "two\nlines"]);
        (top.compute_units, top.wall_ns, top.data_len) = (1_150, 1_500_999, 2_000);
        (top.calls, top.changes) = (vec![call], vec![change]);
        let account = |byte, is_read, is_written| AccountUse {
            key: key(byte),
            is_writable: true,
            is_read,
            is_written,
        };
        let mut trace = TransactionTrace {
            instructions: vec![top],
            accounts: vec![account(3, true, true), account(4, false, false)],
        };
        let mut text = String::new();
        tree(&mut text, &trace);
        let (changed, unused) = (key(3), key(4));
        let expected = format!(
            "
1. {program}  1,150 units (1,000 own), 1.5 ms (1.5 ms own), 2,000 bytes of data
   > Program log: before
   ├─ {called}  150 units, 999 ns, 1 byte of data, FAILED: custom program error: 0x7
   │  > Program log: called
   │  ~ {changed}
   │    lamports 5,000,000 → 4,999,999 (−1)
   │    owner {program} → {called}
   │    is a program now
   │    data 0 → 1,024 bytes
   │    bytes 0..8 10..11 and more
   > two
   > lines
   ~ {changed}
     lamports 5,000,000 → 4,999,999 (−1)
     data 0 → 1,024 bytes

Locked for writing and never written, so that others waited for nothing:
   {unused}
Never read by an instruction:
   {unused}
"
        );
        assert_eq!(text, expected);

        trace.accounts.pop();
        let mut text = String::new();
        tree(&mut text, &trace);
        let end = "Each account was read, and each that was locked for writing was written.\n";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let check = |nanos, expected: &str| assert_eq!(Time(nanos).to_string(), expected);
        check(0, "0 ns");
        check(1_234, "1.2 µs");
        check(12_345_678, "12.3 ms");
        check(2_500_000_000, "2.5 s");
    }
}
