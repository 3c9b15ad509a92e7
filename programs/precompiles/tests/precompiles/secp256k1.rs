//! Signatures of secp256k1.

use crate::scene::{Error, check};
use libsecp256k1::{PublicKey, SecretKey};
use sealane_sdk::Instruction;
use solana_secp256k1_program::{
    eth_address_from_pubkey, new_secp256k1_instruction_with_signature, sign_message,
};

const SECRET: [u8; 32] = [7; 32];
const MESSAGE: &[u8] = b"a message";
/// One set of offsets behind the count.
const START: u16 = 12;

fn address() -> [u8; 20] {
    let key = PublicKey::from_secret_key(&SecretKey::parse(&SECRET).unwrap());
    eth_address_from_pubkey(key.serialize()[1..].try_into().unwrap())
}

/// Address, signature, recovery and message, as the ecosystem's crate lays them out.
fn bytes() -> Vec<u8> {
    let (signature, recovery) = sign_message(&SECRET, MESSAGE).unwrap();
    [&address()[..], &signature, &[recovery], MESSAGE].concat()
}

/// Places in 16 bits and indices in 8: of the signature, of the address, of the message with its length in between.
#[derive(Clone, Copy)]
struct Numbers {
    signature: (u16, u8),
    address: (u16, u8),
    message: (u16, u16, u8),
}

impl Numbers {
    fn at(start: u16, from: u8) -> Self {
        Self {
            signature: (start + 20, from),
            address: (start, from),
            message: (start + 85, MESSAGE.len() as u16, from),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self {
            signature,
            address,
            message,
        } = self;
        [
            &signature.0.to_le_bytes()[..],
            &[signature.1],
            &address.0.to_le_bytes(),
            &[address.1],
            &message.0.to_le_bytes(),
            &message.1.to_le_bytes(),
            &[message.2],
        ]
        .concat()
    }
}

fn instruction(count: u8, numbers: &[Numbers], rest: &[u8]) -> Instruction {
    let numbers: Vec<_> = numbers.iter().flat_map(Numbers::bytes).collect();
    Instruction {
        program_id: solana_sdk_ids::secp256k1_program::ID,
        accounts: vec![],
        data: [&[count], &numbers[..], rest].concat(),
    }
}

/// The second instruction of a transaction, with all in it.
pub(crate) fn good() -> Instruction {
    instruction(1, &[Numbers::at(START, 1)], &bytes())
}

fn check_numbers(what: &str, change: impl FnOnce(&mut Numbers), expected: Option<Error>) {
    let mut numbers = Numbers::at(START, 1);
    change(&mut numbers);
    let instruction = instruction(1, &[numbers], &bytes());
    check(what, &instruction, &bytes(), expected);
}

#[test]
fn where_things_lie_is_checked_in_agaves_order() {
    use Error::{Offsets, Signature, Size};
    let end = START + bytes().len() as u16;
    check_numbers("all in here", |_| (), None);
    check_numbers("all before", |n| *n = Numbers::at(0, 0), None);
    check_numbers("all behind", |n| *n = Numbers::at(0, 2), None);
    check_numbers("no such signature", |n| n.signature.1 = 3, Some(Size));
    // Here no index means "this one".
    check_numbers("255", |n| n.signature.1 = 255, Some(Size));
    check_numbers("no such address", |n| n.address.1 = 3, Some(Offsets));
    check_numbers("no such message", |n| n.message.2 = 255, Some(Offsets));
    check_numbers(
        "signature beyond",
        |n| n.signature.0 = end - 64,
        Some(Signature),
    );
    check_numbers(
        "far signature",
        |n| n.signature.0 = u16::MAX,
        Some(Signature),
    );
    check_numbers(
        "address beyond",
        |n| n.address.0 = end - 19,
        Some(Signature),
    );
    check_numbers("message beyond", |n| n.message.1 += 1, Some(Signature));
    check_numbers("other message", |n| n.message.1 -= 1, Some(Signature));
    check_numbers("other address", |n| n.address.0 += 1, Some(Signature));
}

#[test]
fn the_number_of_signatures_is_checked_against_the_data() {
    let check = |what, count, numbers: &[Numbers], rest: &[u8], expected| {
        check(what, &instruction(count, numbers, rest), &bytes(), expected);
    };
    let there = Numbers::at(0, 0);
    check("none", 0, &[], &[], None);
    check("none, and a byte", 0, &[], &[0], Some(Error::Size));
    check("one of two", 2, &[there], &[0; 10], Some(Error::Size));
    check("no more than needed", 1, &[there], &[], None);
    check("two", 2, &[there; 2], &[], None);
    check("many", 80, &[there; 80], &[], None);
    check("more than counted", 1, &[there; 2], b"more", None);
    let mut bad = there;
    bad.message.1 -= 1;
    check(
        "the second is bad",
        2,
        &[there, bad],
        &[],
        Some(Error::Signature),
    );
    let empty = Instruction {
        data: vec![],
        ..good()
    };
    crate::scene::check("no data", &empty, &[], Some(Error::Size));
}

#[test]
fn what_is_no_signature_is_refused() {
    let check = |what: &str, change: &dyn Fn(&mut [u8]), expected| {
        let mut bytes = bytes();
        change(&mut bytes);
        check(
            what,
            &instruction(1, &[Numbers::at(START, 1)], &bytes),
            &[],
            expected,
        );
    };
    check("good", &|_| (), None);
    for recovery in [4, 27, 255] {
        check("recovery", &|it| it[84] = recovery, Some(Error::RecoveryId));
    }
    check("the other key", &|it| it[84] ^= 1, Some(Error::Signature));
    check(
        "r is no number",
        &|it| it[20..52].fill(255),
        Some(Error::Signature),
    );
    check(
        "s is no number",
        &|it| it[52..84].fill(255),
        Some(Error::Signature),
    );
    check(
        "r is zero",
        &|it| it[20..52].fill(0),
        Some(Error::Signature),
    );
    for at in (0..84).chain(85..94) {
        check(
            &format!("byte {at}"),
            &|it| it[at] ^= 1,
            Some(Error::Signature),
        );
    }
    // A second signature of the same message, in the upper half, is good: nothing here asks for the lower one.
    let twin = |bytes: &mut [u8]| {
        let mut signature = libsecp256k1::Signature::parse_standard_slice(&bytes[20..84]).unwrap();
        signature.s = -signature.s;
        bytes[20..84].copy_from_slice(&signature.serialize());
        bytes[84] ^= 1;
    };
    check("its twin", &twin, None);
}

#[test]
fn what_the_ecosystems_crate_builds_is_good_as_the_first_instruction() {
    let (signature, recovery) = sign_message(&SECRET, MESSAGE).unwrap();
    let built = new_secp256k1_instruction_with_signature(MESSAGE, &signature, recovery, &address());
    let outcome = crate::scene::harness().process_instruction(&built);
    assert_eq!(outcome.result, Ok(()));
    // Elsewhere it reads the data of the first one.
    check("as the second", &built, &[], Some(Error::Signature));
}
