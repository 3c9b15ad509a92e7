//! Signatures of secp256r1.

use crate::offsets::Signed;
use crate::scene::{Error, check, hex};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use sealane_sdk::Instruction;

/// RFC 6979, section A.2.5: the key, and the signatures of "sample" and "test" with SHA-256.
const KEY: &str = "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const SAMPLE: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                      f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
/// The order less the s of `SAMPLE`.
const SAMPLE_LOW: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                          0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9";
const TEST: &str = "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367\
                    019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083";

fn signed() -> Signed {
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let signature: Signature = key.sign(Signed::MESSAGE);
    Signed {
        program: solana_sdk_ids::secp256r1_program::ID,
        key: key.verifying_key().to_sec1_point(true).as_bytes().to_vec(),
        signature: signature.normalize_s().to_bytes().to_vec(),
    }
}

pub(crate) fn good() -> Instruction {
    signed().good()
}

#[test]
fn where_things_lie_is_checked_in_agaves_order() {
    signed().check_all();
}

#[test]
fn one_to_eight_are_good() {
    let none = Instruction {
        data: vec![0, 0],
        ..good()
    };
    check("none", &none, &[], Some(Error::Size));
    let (many, other) = signed().many(8);
    check("8", &many, &other, None);
    let (many, other) = signed().many(9);
    check("9", &many, &other, Some(Error::Size));
}

/// Key, signature and message as this instruction's own.
fn vector(key: &[u8], signature: &[u8], message: &[u8]) -> Instruction {
    let numbers = [
        16 + 33,
        u16::MAX,
        16,
        u16::MAX,
        16 + 97,
        message.len() as u16,
        u16::MAX,
    ];
    let numbers = numbers.into_iter().flat_map(u16::to_le_bytes);
    let data = [1, 0].into_iter().chain(numbers).collect::<Vec<u8>>();
    Instruction {
        data: [&data, key, signature, message].concat(),
        ..good()
    }
}

#[test]
fn the_vectors_of_the_rfc_are_good_in_the_lower_half_only() {
    let check = |what, signature, message: &[u8], expected| {
        let instruction = vector(&hex(KEY), &hex(signature), message);
        check(what, &instruction, &[], expected);
    };
    check("test", TEST, b"test", None);
    check(
        "sample, s is high",
        SAMPLE,
        b"sample",
        Some(Error::Signature),
    );
    check("sample", SAMPLE_LOW, b"sample", None);
    check("of another", TEST, b"sample", Some(Error::Signature));
    let good = vector(&hex(KEY), &hex(TEST), b"test");
    for at in 49..113 {
        let mut bad = good.clone();
        bad.data[at] ^= 1;
        crate::scene::check(&format!("byte {at}"), &bad, &[], Some(Error::Signature));
    }
}

#[test]
fn numbers_out_of_range_and_keys_that_are_none_are_refused() {
    let half = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8";
    let above = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9";
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let (zero, one) = ("00".repeat(32), format!("{:064x}", 1));
    let no_key = [&[2][..], &[0xff; 32]].concat();
    for (r, s, expected) in [
        (&*zero, &*one, Error::Signature),
        (&one, &zero, Error::Signature),
        (order, &one, Error::Signature),
        (&one, above, Error::Signature),
        (&one, order, Error::Signature),
        // In range: so the key is looked at.
        (&one, half, Error::PublicKey),
        (&one, &one, Error::PublicKey),
    ] {
        let signature = [hex(r), hex(s)].concat();
        check(
            &format!("{r} {s}"),
            &vector(&no_key, &signature, b""),
            &[],
            Some(expected),
        );
    }
    let x = &hex(KEY)[1..];
    for first in [0, 1, 4, 5, 6, 7, 255] {
        let key = [&[first], x].concat();
        let instruction = vector(&key, &hex(TEST), b"test");
        check(
            &format!("form {first}"),
            &instruction,
            &[],
            Some(Error::PublicKey),
        );
    }
    // The same x, the other y.
    let key = [&[2], x].concat();
    check(
        "other y",
        &vector(&key, &hex(TEST), b"test"),
        &[],
        Some(Error::Signature),
    );
}
