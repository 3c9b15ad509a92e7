//! Signatures, message and addresses in the wire bytes of a transaction that nobody has parsed.
//!
//! Enough to name a transaction, in the log or at the door; whether it is well formed is for verify to
//! find out. Costs a few comparisons.

use sealane_sdk::Pubkey;
use solana_signature::Signature;

/// The first byte of a transaction of version 1 (SIMD-0385). One of another version begins with the number of
/// its signatures, which is below 128.
pub(crate) const VERSION_1: u8 = 0x81;

/// Signatures and message. Version 1 has the message first, and in its second byte how many signatures follow
/// it; the others have the number, the signatures, the message. `None`: the bytes are too few.
pub(crate) fn split(wire: &[u8]) -> Option<(&[Signature], &[u8])> {
    let count = |count: u8| usize::from(count) * size_of::<Signature>();
    let (signatures, message) = if is_version_1(wire) {
        let message_bytes = wire.len().checked_sub(count(*wire.get(1)?))?;
        let (message, signatures) = wire.split_at(message_bytes);
        (signatures, message)
    } else {
        let (first, rest) = wire.split_first()?;
        rest.split_at_checked(count(*first))?
    };
    Some((bytemuck::cast_slice(signatures), message))
}

/// The first signature of a transaction on the wire, which is its name.
pub fn first_signature(wire: &[u8]) -> Option<&Signature> {
    split(wire)?.0.first()
}

/// The addresses in the message of a transaction on the wire.
pub(crate) fn static_keys(message: &[u8]) -> Option<&[Pubkey]> {
    const VERSIONED: u8 = 0x80;
    const HEADER_BYTES: usize = 3;
    /// Version, header, mask of the configuration, blockhash, number of instructions.
    const VERSION_1_COUNT: usize = 1 + HEADER_BYTES + 4 + 32 + 1;
    let (count, keys) = if is_version_1(message) {
        let (count, keys) = message.get(VERSION_1_COUNT..)?.split_first()?;
        (usize::from(*count), keys)
    } else {
        let is_versioned = message.first()? & VERSIONED != 0;
        short_length(message.get(HEADER_BYTES + usize::from(is_versioned)..)?)?
    };
    Some(bytemuck::cast_slice(keys.get(..32 * count)?))
}

/// A length as Solana writes it, seven bits a byte, low first; and what follows.
fn short_length(mut bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for shift in [0, 7, 14] {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some((length, bytes))
}

/// Whether the bytes are a transaction of version 1, if they are one at all.
#[inline(always)]
pub(crate) fn is_version_1(wire: &[u8]) -> bool {
    wire.first() == Some(&VERSION_1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signatures by their first bytes, and the message.
    fn check(wire: &[u8], expected: Option<(&[u8], &[u8])>) {
        let parts = split(wire);
        let parts = parts.map(|(signatures, message)| {
            let firsts: Vec<u8> = signatures.iter().map(|it| it.as_ref()[0]).collect();
            (firsts, message)
        });
        let expected = expected.map(|(firsts, message)| (firsts.to_vec(), message));
        assert_eq!(parts, expected, "{wire:?}");
    }

    #[test]
    fn signatures_are_before_the_message_or_behind_that_of_version_1() {
        let (one, two) = ([1; 64], [2; 64]);
        let message = b"message";
        check(
            &[&[2], &one[..], &two, message].concat(),
            Some((&[1, 2], message)),
        );
        check(&[0, 9], Some((&[], &[9])));
        check(
            &[&[VERSION_1, 2, 0][..], &one, &two].concat(),
            Some((&[1, 2], &[VERSION_1, 2, 0])),
        );
        for short in [&[][..], &[1], &[1; 64], &[VERSION_1], &[VERSION_1; 66]] {
            check(short, None);
        }
        let wire = [&[VERSION_1, 1][..], &two].concat();
        assert_eq!(first_signature(&wire), Some(&Signature::from(two)));
        assert_eq!(first_signature(&[0, 0]), None);
    }

    #[test]
    fn addresses_are_where_each_version_has_them() {
        let keys = [[5; 32], [6; 32]].concat();
        let expected = [[5; 32], [6; 32]].map(Pubkey::new_from_array);
        let mut version_1 = vec![VERSION_1, 1, 0, 0];
        version_1.extend([0; 36]);
        version_1.extend([9, 2]);
        for head in [&[1, 0, 0, 2][..], &[0x80, 1, 0, 0, 0x82, 0], &version_1] {
            let message = [head, &keys, b"more"].concat();
            assert_eq!(static_keys(&message), Some(&expected[..]), "{head:?}");
            assert_eq!(static_keys(&message[..head.len() + 63]), None, "{head:?}");
        }
        assert_eq!(static_keys(&[]), None);
    }
}
