//! Values of flags, from the words that people write.

use crate::genesis::LAMPORTS_PER_SOL;
use sealane_runtime::BankingThreads;
use std::net::{IpAddr, ToSocketAddrs};

pub(crate) fn banking_threads(text: &str) -> Result<BankingThreads, String> {
    if text == "auto" {
        return Ok(BankingThreads::Auto);
    }
    match text.parse() {
        Ok(threads @ 1..=64) => Ok(BankingThreads::Fixed(threads)),
        _ => Err("write auto, or a number from 1 to 64".into()),
    }
}

/// An address of this machine, or a name for one.
pub(super) fn host(text: &str) -> Result<IpAddr, String> {
    let found = (text, 0).to_socket_addrs();
    let found = found.map_err(|error| format!("it is no address and no host's name: {error}"))?;
    // A name often has one of each kind; most clients take the older.
    let addresses: Vec<IpAddr> = found.map(|it| it.ip()).collect();
    let first = addresses.iter().find(|it| it.is_ipv4());
    let address = first.or(addresses.first()).copied();
    address.ok_or_else(|| "the name has no address".into())
}

/// Lamports of an amount in SOL, such as 5 or 0.5.
pub(super) fn lamports(text: &str) -> Result<u64, String> {
    const DECIMALS: usize = 9;
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + part.len() == 0 || !is_number(whole) || !is_number(part) {
        return Err("write an amount in SOL, such as 5 or 0.5".into());
    }
    if part.len() > DECIMALS {
        return Err(format!("a SOL has {DECIMALS} decimals"));
    }
    let part = format!("{part:0<DECIMALS$}");
    let most = u64::MAX / LAMPORTS_PER_SOL;
    let lamports = || {
        let whole: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        whole
            .checked_mul(LAMPORTS_PER_SOL)?
            .checked_add(part.parse().ok()?)
    };
    lamports().ok_or_else(|| format!("it is more than there can be: {most} at most"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banking_threads_are_auto_or_a_number() {
        assert_eq!(banking_threads("auto"), Ok(BankingThreads::Auto));
        assert_eq!(banking_threads("3"), Ok(BankingThreads::Fixed(3)));
        for wrong in ["0", "65", "-1", "many", ""] {
            assert!(banking_threads(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_host_is_an_address_or_a_name() {
        for (text, address) in [
            ("127.0.0.1", "127.0.0.1"),
            ("localhost", "127.0.0.1"),
            ("::1", "::1"),
        ] {
            assert_eq!(host(text), Ok(address.parse().unwrap()));
        }
        assert!(host("no such host").is_err());
    }

    #[test]
    fn sol_have_nine_decimals() {
        for (text, expected) in [
            ("5", 5_000_000_000),
            ("0.5", 500_000_000),
            (".000000001", 1),
            ("1000000.", 1_000_000_000_000_000),
            ("18446744073.709551615", u64::MAX),
        ] {
            assert_eq!(lamports(text), Ok(expected), "{text}");
        }
        for wrong in [
            "",
            ".",
            "-1",
            "1e3",
            "0.0000000001",
            "18446744073.709551616",
            "99999999999999999999",
        ] {
            assert!(lamports(wrong).is_err(), "{wrong}");
        }
    }
}
