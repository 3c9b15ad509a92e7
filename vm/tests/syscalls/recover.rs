use crate::call::{INPUT, RESULT, call, check_code, check_error, hex};

/// From the tests of Ethereum's `ecrecover`.
const HASH: &str = "18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c";
const SIGNATURE: &str = "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f
    eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549";
const RECOVERY_ID: u64 = 1;
/// The last 20 bytes of the key's hash.
const ADDRESS: &str = "a94f5374fce5edbc8e2a8697c15331677e6ebf0b";

const ARGUMENTS: [u64; 5] = [INPUT, RECOVERY_ID, INPUT + 32, RESULT, 0];

fn input() -> Vec<u8> {
    [hex(HASH), hex(SIGNATURE)].concat()
}

#[test]
fn the_key_that_signed_is_recovered() {
    let answer = call("sol_secp256k1_recover", ARGUMENTS, &input(), 64).unwrap();
    assert_eq!((answer.code, answer.units), (0, 25_000));
    let hash = solana_keccak_hasher::hash(&answer.result).to_bytes();
    assert_eq!(hash[12..], hex(ADDRESS));
}

#[test]
fn what_cannot_be_recovered_is_a_code() {
    for recovery_id in [4, 27, 256, u64::MAX] {
        let mut arguments = ARGUMENTS;
        arguments[1] = recovery_id;
        check_code("sol_secp256k1_recover", arguments, &input(), 2, 25_000);
    }
    let too_large = [hex(HASH), vec![0xff; 64]].concat();
    check_code("sol_secp256k1_recover", ARGUMENTS, &too_large, 3, 25_000);
    let zeros = [hex(HASH), vec![0; 64]].concat();
    check_code("sol_secp256k1_recover", ARGUMENTS, &zeros, 3, 25_000);
}

#[test]
fn memory_that_is_not_there_ends_the_program() {
    for (at, address) in [(0, INPUT + 96), (2, INPUT + 65), (3, 0)] {
        let mut arguments = ARGUMENTS;
        arguments[at] = address;
        check_error(
            "sol_secp256k1_recover",
            arguments,
            &input()[..64],
            "Access violation",
        );
    }
}
