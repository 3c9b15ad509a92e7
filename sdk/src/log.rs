//! Logs.

use crate::Pubkey;
use std::fmt::Arguments;

/// Logs a formatted line: `Program log: …`.
#[macro_export]
macro_rules! msg {
    ($($args:tt)+) => {
        $crate::sol_log_args(::core::format_args!($($args)+))
    };
}

/// Logs `Program log: {message}`.
pub fn sol_log(_message: &str) {
    todo!()
}
/// Logs `Program log: {args}`; what `msg!` calls.
pub fn sol_log_args(_args: Arguments<'_>) {
    todo!()
}
/// Logs a line without a prefix, as Solana's built-in programs do.
pub fn log_line(_args: Arguments<'_>) {
    todo!()
}
/// Logs `Program data: {base64} …`.
pub fn sol_log_data(_data: &[&[u8]]) {
    todo!()
}
/// Logs the compute units that remain.
pub fn sol_log_compute_units() {
    todo!()
}

/// Formats compact logs of a transaction whose accounts are `keys` into Solana's lines.
pub fn format_logs(_compact: &[u8], _keys: &[Pubkey]) -> Vec<String> {
    todo!()
}
