use crate::call::{Answer, INPUT, RESULT, call, check, check_code, check_error, hex, slices};

fn poseidon(endianness: u64, values: usize) -> [u64; 5] {
    [0, endianness, INPUT, values as u64, RESULT]
}

#[test]
fn poseidon_hashes_as_its_authors_do() {
    // From the documentation of `solana-poseidon`.
    let one: &[&[u8]] = &[&[1; 32]];
    let two: &[&[u8]] = &[&[1; 32], &[2; 32]];
    let hash_of_one = hex("05bface581ee6177cc19c6c56363a68882f11e8407ac639db991e0d27f1b75e6");
    let hash_of_two = hex("0d54e1938f8a8c1c7deb5e0355f26319207b84fe9ca2ce1b26e735c829821990");
    for (values, hash, units) in [(one, hash_of_one, 603), (two, hash_of_two, 786)] {
        let reversed: Vec<u8> = hash.iter().rev().copied().collect();
        let input = slices(values);
        let count = values.len();
        check("sol_poseidon", poseidon(0, count), &input, (&hash, units));
        check(
            "sol_poseidon",
            poseidon(1, count),
            &input,
            (&reversed, units),
        );
    }
}

#[test]
fn poseidon_refuses_what_is_no_number_of_its_field() {
    let refused: [&[&[u8]]; 5] = [
        &[],
        &[&[]],
        // Not padded.
        &[&[1; 31]],
        &[&[1; 33]],
        // Not below the prime.
        &[&[0xff; 32]],
    ];
    for values in refused {
        let units = 542 + 61 * (values.len() as u64).pow(2);
        let arguments = poseidon(0, values.len());
        check_code("sol_poseidon", arguments, &slices(values), 1, units);
    }
    let twelve: Vec<&[u8]> = vec![&[3; 32]; 12];
    let answer = call("sol_poseidon", poseidon(0, 12), &slices(&twelve), 32).unwrap();
    assert_eq!((answer.code, answer.units), (0, 542 + 61 * 144));
}

#[test]
fn poseidon_takes_no_other_parameters() {
    let input = slices(&[&[1; 32]]);
    let words = "Invalid parameters.";
    check_error("sol_poseidon", [1, 0, INPUT, 1, RESULT], &input, words);
    let words = "Invalid endianness.";
    check_error("sol_poseidon", [0, 2, INPUT, 1, RESULT], &input, words);
    check_error("sol_poseidon", poseidon(0, 13), &input, "InvalidLength");
}

#[test]
fn sha256_and_keccak256_hash_slices() {
    let sha256 = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let keccak256 = hex("4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
    let input = slices(&[b"a", b"bc"]);
    for (syscall, hash) in [("sol_sha256", sha256), ("sol_keccak256", keccak256)] {
        check(syscall, [INPUT, 2, RESULT, 0, 0], &input, (&hash, 85 + 20));
    }
}

#[test]
fn blake3_and_sha512_hash_slices() {
    let hash_of_nothing = hex("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    check(
        "sol_blake3",
        [0, 0, RESULT, 0, 0],
        &[],
        (&hash_of_nothing, 85),
    );
    let values: &[&[u8]] = &[&[5; 100], b"", b"abc"];
    let hash = solana_blake3_hasher::hash(&values.concat()).to_bytes();
    let units = 85 + 50 + 10 + 10;
    let arguments = [INPUT, 3, RESULT, 0, 0];
    check("sol_blake3", arguments, &slices(values), (&hash, units));

    let hash_of_abc = hex(
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
        2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    );
    let arguments = [INPUT, 2, RESULT, 0, 0];
    check(
        "sol_sha512",
        arguments,
        &slices(&[b"a", b"bc"]),
        (&hash_of_abc, 105),
    );
}

#[test]
fn too_many_slices_are_not_hashed() {
    for syscall in ["sol_blake3", "sol_sha512", "sol_sha256", "sol_keccak256"] {
        let arguments = [INPUT, 20_001, RESULT, 0, 0];
        check_error(syscall, arguments, &[], "Hashing too many sequences");
    }
}

#[test]
fn remaining_units_are_what_is_left() {
    let Answer { code, units, .. } = call("sol_remaining_compute_units", [0; 5], &[], 8).unwrap();
    // Seven instructions and the syscall.
    assert_eq!((code, units), (1_400_000 - 7 - 100, 100));
}
