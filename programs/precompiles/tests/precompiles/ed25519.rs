//! Signatures of ed25519.

use crate::offsets::Signed;
use crate::scene::{Error, check};
use ed25519_dalek::{Signer, SigningKey};
use sealane_sdk::Instruction;
use solana_ed25519_program::new_ed25519_instruction_with_signature;

fn signed() -> Signed {
    let key = SigningKey::from_bytes(&[7; 32]);
    Signed {
        program: solana_sdk_ids::ed25519_program::ID,
        key: key.verifying_key().to_bytes().to_vec(),
        signature: key.sign(Signed::MESSAGE).to_bytes().to_vec(),
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
fn none_is_good_and_many_are() {
    let none = Instruction {
        data: vec![0, 9],
        ..good()
    };
    check("none", &none, &[], None);
    let (many, other) = signed().many(70);
    check("70", &many, &other, None);
}

#[test]
fn what_the_ecosystems_crate_builds_is_good() {
    let Signed { key, signature, .. } = signed();
    let (key, signature) = (key.try_into().unwrap(), signature.try_into().unwrap());
    let mut built = new_ed25519_instruction_with_signature(Signed::MESSAGE, &signature, &key);
    check("built", &built, &[], None);
    *built.data.last_mut().unwrap() ^= 1;
    check("another message", &built, &[], Some(Error::Signature));
}

/// RFC 8032, section 7.1: key, message, signature.
const RFC_8032: [(&str, &str, &str); 3] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
         d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c\
         387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659\
         4a7c15e9716ed28dc027beceea1ec40a",
    ),
];

#[test]
fn the_vectors_of_the_rfc_are_good_and_with_any_byte_changed_bad() {
    for (key, message, signature) in RFC_8032 {
        let [key, message, signature] = [key, message, signature].map(crate::scene::hex);
        let (key, signature) = (key.try_into().unwrap(), signature.try_into().unwrap());
        let good = new_ed25519_instruction_with_signature(&message, &signature, &key);
        check("vector", &good, &[], None);
        for at in 48..112 {
            let mut bad = good.clone();
            bad.data[at] ^= 1;
            check("vector", &bad, &[], Some(Error::Signature));
        }
    }
}

#[test]
fn keys_and_signatures_of_small_order_or_in_no_good_encoding_are_refused() {
    let with = |what: &str, key: &[u8], signature: &[u8], expected| {
        let (key, signature) = (key.to_vec(), signature.to_vec());
        let Signed { program, .. } = signed();
        let signed = Signed {
            program,
            key,
            signature,
        };
        signed.check_as(what, Some(expected));
    };
    let Signed { key, signature, .. } = signed();
    // The neutral element, with and without a sign, and its encoding that is not reduced.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut minus = neutral;
    minus[31] = 0x80;
    let mut unreduced = [0xff; 32];
    (unreduced[0], unreduced[31]) = (0xee, 0x7f);
    // R and S of zero and one: the equation without the strict rule holds for any message.
    let trivial = [neutral, [0; 32]].concat();
    for small in [neutral, minus, unreduced] {
        with("small key", &small, &trivial, Error::Signature);
    }
    with("small R", &key, &trivial, Error::Signature);
    // No point has this y.
    let mut no_point = [0; 32];
    no_point[0] = 2;
    with("no point", &no_point, &signature, Error::PublicKey);
    // An S that is too large: by its upper bits before the key is looked at, by others afterwards.
    let mut large = signature.clone();
    large[63] |= 0x80;
    with("large S, no key", &no_point, &large, Error::Signature);
    // S plus the group's order.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut more = signature.clone();
    let mut carry = 0;
    for (byte, order) in more[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    with("S plus the order", &key, &more, Error::Signature);
    with(
        "S plus the order, no key",
        &no_point,
        &more,
        Error::PublicKey,
    );
}
