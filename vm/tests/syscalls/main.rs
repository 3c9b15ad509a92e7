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

use call::{outcome, slices};
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
