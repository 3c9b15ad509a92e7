//! How much of the past a ledger keeps, as it is written on the command line.

use std::time::Duration;

/// What a shred of Solana takes in a packet: a number alone counts these, as with `solana-test-validator`.
const SHRED_BYTES: u64 = 1_228;

const SIZE_UNITS: [(&str, u64); 9] = [
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

const AGE_UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// A size: a number with a unit of bytes, or a number of shreds.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let units = SIZE_UNITS.iter().chain(&[("", SHRED_BYTES)]);
    scaled(text, units)
        .ok_or_else(|| "write a size like 500MB or 10GB, or a number of Solana's shreds".to_owned())
}

/// A number of bytes: a number with a unit of them, or alone.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let units = SIZE_UNITS.iter().chain(&[("", 1)]);
    scaled(text, units).ok_or_else(|| "write a number of bytes, as 512MB or 2GB".to_owned())
}

/// An age: a number with a unit of time.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let seconds = scaled(text, AGE_UNITS.iter());
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "write an age like 90s, 30m, 12h or 7d".to_owned())
}

/// A number and one of these units.
fn scaled<'a>(text: &str, mut units: impl Iterator<Item = &'a (&'a str, u64)>) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let unit = text[digits.len()..].trim_start();
    let (_, scale) = units.find(|(name, _)| *name == unit)?;
    let number: u64 = digits.replace('_', "").parse().ok()?;
    number.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_bytes_has_a_unit_or_none() {
        assert_eq!(bytes("512MB"), Ok(512_000_000));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        assert_eq!(bytes("1000"), Ok(1_000));
        for wrong in ["", "MB", "1.5GB", "-1", "3XB", "99999999TB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_is_bytes_with_a_unit_or_a_number_of_shreds() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(size(text).ok(), expected, "{text}");
        };
        check("10GB", Some(10_000_000_000));
        check("500 MB", Some(500_000_000));
        check("1GiB", Some(1 << 30));
        check("50_000_000", Some(50_000_000 * 1_228));
        check("10000", Some(12_280_000));
        for wrong in ["", "GB", "10gb", "10 bytes", "-1GB", "1.5GB", "99999999TB"] {
            check(wrong, None);
        }
    }

    #[test]
    fn an_age_is_a_number_with_a_unit_of_time() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(age(text).ok(), expected.map(Duration::from_secs), "{text}");
        };
        check("7d", Some(604_800));
        check("12h", Some(43_200));
        check("30m", Some(1_800));
        check("90s", Some(90));
        for wrong in ["", "7", "d", "1w", "1.5d", "99999999999999999d"] {
            check(wrong, None);
        }
    }
}
