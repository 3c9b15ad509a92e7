//! Instructions for the precompiles: good ones, ones that read from others, and broken ones.

use crate::scene::Scene;
use ed25519_dalek::Signer as _;
use libsecp256k1::{PublicKey, SecretKey};
use rand::Rng;
use sealane_sdk::{Instruction, Pubkey};
use solana_sdk_ids::{ed25519_program, secp256k1_program, secp256r1_program};
use solana_secp256k1_program::{eth_address_from_pubkey, sign_message};
use std::sync::LazyLock;

/// What one of a curve's signatures takes: key or address, signature with what belongs to it, message.
#[derive(Clone)]
struct Signed {
    key: Vec<u8>,
    signature: Vec<u8>,
    message: Vec<u8>,
}

/// Signatures of each curve, made once: ed25519, secp256k1, secp256r1.
static SIGNED: LazyLock<[Vec<Signed>; 3]> = LazyLock::new(|| {
    let messages = [&b""[..], b"m", b"a message", &[7; 100]];
    let all = |sign: &dyn Fn(&[u8]) -> Signed| {
        let signed = messages.iter().map(|it| sign(it));
        signed.collect::<Vec<_>>()
    };
    let mut all = [all(&ed25519), all(&secp256k1), all(&secp256r1)];
    all[0].extend(ed25519_special());
    all[1].push(secp256k1_twin());
    all[2].push(secp256r1_twin());
    all
});

/// What the strict rule is about: a key of small order, an S that is not reduced, a key that is no point.
fn ed25519_special() -> [Signed; 3] {
    let good = ed25519(b"m");
    let mut neutral = vec![0; 32];
    neutral[0] = 1;
    let small = Signed {
        signature: [&neutral[..], &[0; 32]].concat(),
        key: neutral,
        message: b"m".to_vec(),
    };
    // The order of the group, added to S.
    const ORDER: [u8; 16] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14,
    ];
    let mut large = good.clone();
    let mut carry = 0;
    let order = ORDER.iter().chain(&[0; 15]).chain(&[0x10]);
    for (byte, order) in large.signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(*order) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    let mut no_point = good;
    no_point.key.fill(0);
    no_point.key[0] = 2;
    [small, large, no_point]
}

/// The other signature of the same message, in the upper half, which is as good.
fn secp256k1_twin() -> Signed {
    let mut signed = secp256k1(b"m");
    let mut signature = libsecp256k1::Signature::parse_standard_slice(&signed.signature[..64])
        .expect("it is a signature");
    signature.s = -signature.s;
    signed.signature[..64].copy_from_slice(&signature.serialize());
    signed.signature[64] ^= 1;
    signed
}

/// The same, which is not.
fn secp256r1_twin() -> Signed {
    let mut signed = secp256r1(b"m");
    let signature = p256::ecdsa::Signature::from_slice(&signed.signature);
    let (r, s) = signature.expect("it is a signature").split_scalars();
    let twin = p256::ecdsa::Signature::from_scalars(r, -s).expect("it is one too");
    signed.signature = twin.to_bytes().to_vec();
    signed
}

fn ed25519(message: &[u8]) -> Signed {
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    Signed {
        key: key.verifying_key().to_bytes().to_vec(),
        signature: key.sign(message).to_bytes().to_vec(),
        message: message.to_vec(),
    }
}

fn secp256k1(message: &[u8]) -> Signed {
    let secret = [7; 32];
    let (signature, recovery) = sign_message(&secret, message).expect("it is a key");
    let secret = SecretKey::parse(&secret).expect("it is a key");
    let key = PublicKey::from_secret_key(&secret).serialize();
    let key = key[1..].try_into().expect("64 bytes follow the first");
    Signed {
        key: eth_address_from_pubkey(key).to_vec(),
        signature: [&signature[..], &[recovery]].concat(),
        message: message.to_vec(),
    }
}

fn secp256r1(message: &[u8]) -> Signed {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("it is a key");
    let signature: p256::ecdsa::Signature = key.sign(message);
    Signed {
        key: key.verifying_key().to_sec1_point(true).as_bytes().to_vec(),
        signature: signature.normalize_s().to_bytes().to_vec(),
        message: message.to_vec(),
    }
}

const CURVES: [Pubkey; 3] = [
    ed25519_program::ID,
    secp256k1_program::ID,
    secp256r1_program::ID,
];

/// One or two instructions, of which the first is to be number `index` of its transaction.
pub(crate) fn some(scene: &mut Scene<'_>, index: usize) -> Vec<Instruction> {
    let curve = scene.rng.random_range(0..3);
    let signed = scene.one_of(&SIGNED[curve]);
    let is_wide = curve != 1;
    let count = scene.one_of(&[1, 1, 1, 1, 2, 3, 8, 9]);
    let has_its_own = scene.once_in(2) || !is_wide;
    let head = if is_wide {
        2 + 14 * count
    } else {
        1 + 11 * count
    };
    let bytes = [&signed.key[..], &signed.signature, &signed.message].concat();
    // What is signed lies behind the offsets, or in a second instruction, of the same program.
    let (start, from) = if has_its_own {
        let here = if is_wide && scene.once_in(2) {
            usize::from(u16::MAX)
        } else {
            index
        };
        (head, here)
    } else {
        (0, index + 1)
    };
    let signature = start + signed.key.len();
    let message = signature + signed.signature.len();
    let message_bytes = signed.message.len();
    let mut data = if is_wide {
        vec![count as u8, 0]
    } else {
        vec![count as u8]
    };
    for _ in 0..count {
        let mut numbers = [signature, from, start, from, message, message_bytes, from];
        if scene.once_in(8) {
            let at = scene.rng.random_range(0..numbers.len());
            numbers[at] = match scene.rng.random_range(0..6) {
                0 => usize::from(u16::MAX),
                1 => numbers[at] + 1,
                2 => numbers[at].saturating_sub(1),
                3 => 0,
                _ => scene.rng.random_range(0..300),
            };
        }
        for (at, number) in numbers.into_iter().enumerate() {
            // In the narrow form the indices of instructions are bytes.
            if is_wide || ![1, 3, 6].contains(&at) {
                data.extend((number as u16).to_le_bytes());
            } else {
                data.push(number as u8);
            }
        }
    }
    let mut instructions = vec![];
    let instruction = |data: Vec<u8>| Instruction {
        program_id: CURVES[curve],
        accounts: vec![],
        data,
    };
    if has_its_own {
        data.extend(bytes);
        instructions.push(instruction(data));
    } else {
        instructions.push(instruction(data));
        // No program takes any data: the second one fails, after the first is done.
        instructions.push(instruction(bytes));
    }
    if scene.once_in(3) {
        break_data(scene, &mut instructions[0].data);
    }
    instructions
}

fn break_data(scene: &mut Scene<'_>, data: &mut Vec<u8>) {
    let len = data.len();
    match scene.rng.random_range(0..8) {
        0 => data.truncate(scene.rng.random_range(0..len)),
        1 => data[0] = scene.one_of(&[0, 1, 2, 9, 255]),
        2 => data.truncate(scene.one_of(&[0, 1, 2])),
        3 => data.extend([0; 3]),
        4 => *data = vec![0; scene.rng.random_range(0..4)],
        _ => {
            let at = scene.rng.random_range(0..len);
            data[at] = scene.one_of(&[0, 1, 255, data[at] ^ 1, data[at] ^ 128, data[at] ^ 32]);
        }
    }
}
