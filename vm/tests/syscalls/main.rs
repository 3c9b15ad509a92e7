//! Syscalls that hash and compute, each called by a program: what they answer, cost and refuse.

#[path = "../support/mod.rs"]
mod support;

mod alt_bn128;
mod big_mod_exp;
mod bls12_381;
mod call;
mod curve25519;
mod hashes;
mod recover;

use call::{INPUT, RESULT, outcome, slices};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sealane_sdk::InstructionError;
use sealane_vm::Syscalls;

#[test]
fn what_mainnet_has_not_activated_is_unknown_there() {
    for syscall in [
        "sol_blake3",
        "sol_sha512",
        "sol_big_mod_exp",
        "sol_remaining_compute_units",
    ] {
        let outcome = outcome(Syscalls::Mainnet, syscall, [0; 5], &[], 8);
        let expected = Err((0, InstructionError::ProgramFailedToComplete));
        assert_eq!(outcome.result, expected, "{syscall} {:#?}", outcome.logs);
        let failed = outcome.logs.last().unwrap();
        assert!(failed.ends_with("unsupported BPF instruction"), "{failed}");
    }
}

#[test]
fn what_mainnet_has_activated_is_there() {
    for syscall in [
        "sol_alt_bn128_compression",
        "sol_alt_bn128_group_op",
        "sol_curve_decompress",
        "sol_curve_group_op",
        "sol_curve_multiscalar_mul",
        "sol_curve_pairing_map",
        "sol_curve_validate_point",
        "sol_poseidon",
        "sol_secp256k1_recover",
    ] {
        let arguments = [!0, !0, !0, !0, !0];
        let outcome = outcome(Syscalls::Mainnet, syscall, arguments, &slices(&[]), 8);
        let expected = Err((0, InstructionError::ProgramFailedToComplete));
        assert_eq!(outcome.result, expected, "{syscall} {:#?}", outcome.logs);
        let failed = outcome.logs.last().unwrap();
        assert!(!failed.ends_with("unsupported BPF instruction"), "{failed}");
    }
}

/// Bytes that are random, or nearly zeros, or nearly ones: numbers at the ends of fields.
fn random_bytes(len: usize, random: &mut StdRng) -> Vec<u8> {
    let mut bytes = match random.random_range(0..3) {
        0 => vec![0; len],
        1 => vec![0xff; len],
        _ => (0..len).map(|_| random.random()).collect(),
    };
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..len);
        bytes[at] = random.random();
    }
    bytes
}

#[test]
fn no_bytes_make_a_syscall_panic() {
    const SEED: u64 = 7;
    println!("seed {SEED}");
    let mut random = StdRng::seed_from_u64(SEED);
    let groups = [0, 1, 4, 5, 6, 0x80, 0x84, 0x85, 0x86];
    for round in 0..1_000 {
        let input = random_bytes(1_024, &mut random);
        let group = *groups.choose(&mut random).unwrap();
        let operation = random.random_range(0..8) | if random.random() { 0x80 } else { 0 };
        let len = *[0, 32, 64, 96, 128, 160, 192, 256, 384, 33]
            .choose(&mut random)
            .unwrap();
        let count = random.random_range(0..4);
        let [a, b] = [0; 2].map(|_| INPUT + random.random_range(0..512));
        let calls = [
            ("sol_alt_bn128_group_op", [operation, a, len, RESULT, 0]),
            ("sol_alt_bn128_compression", [operation, a, len, RESULT, 0]),
            ("sol_curve_validate_point", [group, a, 0, 0, 0]),
            ("sol_curve_group_op", [group, count, a, b, RESULT]),
            ("sol_curve_multiscalar_mul", [group, a, b, count, RESULT]),
            ("sol_curve_decompress", [group, a, RESULT, 0, 0]),
            ("sol_curve_pairing_map", [group, count, a, b, RESULT]),
            ("sol_secp256k1_recover", [a, count, b, RESULT, 0]),
        ];
        let (syscall, arguments) = *calls.choose(&mut random).unwrap();
        let outcome = outcome(Syscalls::All, syscall, arguments, &input, 8);
        let panicked = outcome.logs.iter().any(|line| line.contains("panicked"));
        assert!(!panicked, "{round} {syscall} {:#?}", outcome.logs);
    }
}
