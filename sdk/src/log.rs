//! What programs log, and how Solana writes it.
//!
//! While programs run, a line is a compact record: which kind, which program by its index, the raw
//! bytes. Only `format_logs` makes text of it. The limit on the bytes of a transaction's logs is Solana's
//! (a line that would reach it is left out and "Log truncated" stands there once), and holds for the
//! formatted lines; addresses have 44 digits at most, so formatting is not needed to know that the limit
//! is far, and from where it is near every line is measured exactly.

use crate::Pubkey;
use crate::frame::current;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fmt::{self, Arguments, Write};

/// Logs a formatted line: `Program log: …`.
#[macro_export]
macro_rules! msg {
    ($($args:tt)+) => {
        $crate::sol_log_args(::core::format_args!($($args)+))
    };
}

/// Logs `Program log: {message}`.
pub fn sol_log(message: &str) {
    sol_log_args(format_args!("{message}"));
}

/// Logs `Program log: {args}`; what `msg!` calls. Prints to the standard output if no program runs.
pub fn sol_log_args(args: Arguments<'_>) {
    if current::with(|frame| frame.log(|log, keys| log.text(Kind::Log, args, keys))).is_none() {
        println!("Program log: {args}");
    }
}

/// Logs a line without a prefix, as Solana's built-in programs do.
pub fn log_line(args: Arguments<'_>) {
    if current::with(|frame| frame.log(|log, keys| log.text(Kind::Line, args, keys))).is_none() {
        println!("{args}");
    }
}

/// Logs `Program data: {base64} …`.
pub fn sol_log_data(data: &[&[u8]]) {
    current::with(|frame| frame.log(|log, keys| log.data(data, keys)));
}

/// Logs the compute units that remain.
pub fn sol_log_compute_units() {
    if let Some(left) = current::with(|frame| frame.state.compute_left.get()) {
        log_line(format_args!("Program consumption: {left} units remaining"));
    }
}

/// Formats compact logs of a transaction whose accounts are `keys` into Solana's lines.
pub fn format_logs(compact: &[u8], keys: &[Pubkey]) -> Vec<String> {
    lines(compact, &|index| {
        keys.get(usize::from(index)).copied().unwrap_or_default()
    })
}

/// The same, with addresses by their index.
pub(crate) fn lines(compact: &[u8], key: &dyn Fn(u8) -> Pubkey) -> Vec<String> {
    let mut records = Records(compact);
    std::iter::from_fn(|| records.next_line(key)).collect()
}

#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Program, depth.
    Invoke,
    /// Program.
    Success,
    /// Program, text.
    Failed,
    /// Program, units, units.
    Consumed,
    /// Text.
    Log,
    /// Text without a prefix.
    Line,
    /// Count, chunks.
    Data,
    /// Program, bytes.
    Return,
    /// Nothing.
    Truncated,
}

/// Digits of an address, at most.
const ADDRESS_DIGITS_MAX: usize = 44;

/// The logs of one transaction, in compact form.
#[derive(Default)]
pub(crate) struct Log {
    bytes: Vec<u8>,
    /// Bytes of whole records; more are there only while one is written, or if that panicked.
    committed: usize,
    limit: usize,
    /// Length of the lines so far: exact, or else at most.
    length: usize,
    is_exact: bool,
    is_truncated: bool,
}

/// Addresses of the transaction's accounts.
type Keys<'k> = &'k dyn Fn(u8) -> Pubkey;

impl Log {
    pub(crate) fn start(&mut self, limit: usize) {
        self.bytes.clear();
        self.committed = 0;
        self.limit = limit;
        self.length = 0;
        self.is_exact = false;
        self.is_truncated = false;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.committed]
    }

    /// Where the next record starts.
    fn begin(&mut self) -> usize {
        self.bytes.truncate(self.committed);
        self.committed
    }

    pub(crate) fn invoke(&mut self, program: u8, depth: usize, keys: Keys<'_>) {
        let start = self.begin();
        self.bytes
            .extend_from_slice(&[Kind::Invoke as u8, program, depth as u8]);
        self.keep(
            start,
            "Program  invoke [9]".len() + ADDRESS_DIGITS_MAX,
            keys,
        );
    }

    pub(crate) fn success(&mut self, program: u8, keys: Keys<'_>) {
        let start = self.begin();
        self.bytes
            .extend_from_slice(&[Kind::Success as u8, program]);
        self.keep(start, "Program  success".len() + ADDRESS_DIGITS_MAX, keys);
    }

    pub(crate) fn failed(&mut self, program: u8, error: &dyn fmt::Display, keys: Keys<'_>) {
        let start = self.begin();
        let error = error.to_string();
        self.bytes.extend_from_slice(&[Kind::Failed as u8, program]);
        put_bytes(&mut self.bytes, error.as_bytes());
        self.keep(
            start,
            "Program  failed: ".len() + ADDRESS_DIGITS_MAX + error.len(),
            keys,
        );
    }

    pub(crate) fn consumed(&mut self, program: u8, units: u64, of: u64, keys: Keys<'_>) {
        let start = self.begin();
        self.bytes
            .extend_from_slice(&[Kind::Consumed as u8, program]);
        put_number(&mut self.bytes, units);
        put_number(&mut self.bytes, of);
        let digits_max = 2 * "18446744073709551615".len();
        let words = "Program  consumed  of  compute units".len();
        self.keep(start, words + ADDRESS_DIGITS_MAX + digits_max, keys);
    }

    pub(crate) fn text(&mut self, kind: Kind, args: Arguments<'_>, keys: Keys<'_>) {
        let start = self.begin();
        // The length comes before the text and is known after it: four bytes are kept free for it.
        self.bytes.extend_from_slice(&[kind as u8, 0, 0, 0, 0]);
        let mut text = Text {
            room: self.limit,
            bytes: &mut self.bytes,
        };
        // Fails if it is too long, and then it is too long to be kept, or if a `Display` fails.
        let _ = text.write_fmt(args);
        let length = self.bytes.len() - start - 5;
        self.bytes[start + 1..start + 5].copy_from_slice(&(length as u32).to_le_bytes());
        self.keep(start, "Program log: ".len() + length, keys);
    }

    pub(crate) fn data(&mut self, chunks: &[&[u8]], keys: Keys<'_>) {
        let length: usize = chunks
            .iter()
            .map(|chunk| chunk.len().div_ceil(3) * 4 + 1)
            .sum();
        if length > self.limit {
            let start = self.begin();
            self.measure_exactly(start, keys);
            return self.truncate(start);
        }
        let start = self.begin();
        self.bytes.push(Kind::Data as u8);
        put_number(&mut self.bytes, chunks.len() as u64);
        for chunk in chunks {
            put_bytes(&mut self.bytes, chunk);
        }
        self.keep(start, "Program data: ".len() + length, keys);
    }

    pub(crate) fn return_data(&mut self, program: u8, data: &[u8], keys: Keys<'_>) {
        let start = self.begin();
        self.bytes.extend_from_slice(&[Kind::Return as u8, program]);
        put_bytes(&mut self.bytes, data);
        let length = "Program return:  ".len() + ADDRESS_DIGITS_MAX + data.len().div_ceil(3) * 4;
        self.keep(start, length, keys);
    }

    /// Keeps the record from `start` on, whose line has at most `length_max` bytes, if there is room.
    fn keep(&mut self, start: usize, length_max: usize, keys: Keys<'_>) {
        if !self.is_exact && self.length + length_max < self.limit {
            self.length += length_max;
            self.committed = self.bytes.len();
        } else {
            self.keep_exactly(start, keys);
        }
    }

    #[cold]
    fn keep_exactly(&mut self, start: usize, keys: Keys<'_>) {
        self.measure_exactly(start, keys);
        let length = measure(&self.bytes[start..], keys);
        if self.length + length < self.limit {
            self.length += length;
            self.committed = self.bytes.len();
        } else {
            self.truncate(start);
        }
    }

    /// From here on the length is exact; so far the lines end at `end`.
    fn measure_exactly(&mut self, end: usize, keys: Keys<'_>) {
        if !self.is_exact {
            self.is_exact = true;
            self.length = measure(&self.bytes[..end], keys);
        }
    }

    fn truncate(&mut self, start: usize) {
        self.bytes.truncate(start);
        if !self.is_truncated {
            self.is_truncated = true;
            // Solana does not count this line.
            self.bytes.push(Kind::Truncated as u8);
        }
        self.committed = self.bytes.len();
    }
}

/// Bytes of the lines of these records.
fn measure(records: &[u8], keys: Keys<'_>) -> usize {
    lines(records, keys).iter().map(String::len).sum()
}

/// Writes text as long as there is room.
struct Text<'b> {
    room: usize,
    bytes: &'b mut Vec<u8>,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let whole = text.len() <= self.room;
        let text = if whole {
            text
        } else {
            &text[..text.floor_char_boundary(self.room)]
        };
        self.bytes.extend_from_slice(text.as_bytes());
        self.room -= text.len();
        if whole { Ok(()) } else { Err(fmt::Error) }
    }
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_bytes(bytes: &mut Vec<u8>, content: &[u8]) {
    put_number(bytes, content.len() as u64);
    bytes.extend_from_slice(content);
}

/// Reads compact records. Foreign bytes end it early; they do not make it panic.
struct Records<'b>(&'b [u8]);

impl<'b> Records<'b> {
    fn next_line(&mut self, key: Keys<'_>) -> Option<String> {
        Some(match self.byte()? {
            kind if kind == Kind::Invoke as u8 => {
                let program = key(self.byte()?);
                format!("Program {program} invoke [{}]", self.byte()?)
            }
            kind if kind == Kind::Success as u8 => format!("Program {} success", key(self.byte()?)),
            kind if kind == Kind::Failed as u8 => {
                let program = key(self.byte()?);
                format!(
                    "Program {program} failed: {}",
                    String::from_utf8_lossy(self.bytes()?)
                )
            }
            kind if kind == Kind::Consumed as u8 => {
                let program = key(self.byte()?);
                let (units, of) = (self.number()?, self.number()?);
                format!("Program {program} consumed {units} of {of} compute units")
            }
            kind if kind == Kind::Log as u8 => format!("Program log: {}", self.text()?),
            kind if kind == Kind::Line as u8 => self.text()?.into_owned(),
            kind if kind == Kind::Data as u8 => {
                let chunks: Option<Vec<String>> = (0..self.number()?)
                    .map(|_| Some(BASE64_STANDARD.encode(self.bytes()?)))
                    .collect();
                format!("Program data: {}", chunks?.join(" "))
            }
            kind if kind == Kind::Return as u8 => {
                let program = key(self.byte()?);
                format!(
                    "Program return: {program} {}",
                    BASE64_STANDARD.encode(self.bytes()?)
                )
            }
            kind if kind == Kind::Truncated as u8 => "Log truncated".to_string(),
            _ => return None,
        })
    }

    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn text(&mut self) -> Option<std::borrow::Cow<'b, str>> {
        let length = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        Some(String::from_utf8_lossy(self.take(length as usize)?))
    }
}
