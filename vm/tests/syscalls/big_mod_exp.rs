use crate::call::{INPUT, RESULT, check, check_error};

/// Where the numbers are, and they.
fn numbers(numbers: [&[u8]; 3]) -> Vec<u8> {
    let mut at = INPUT + 48;
    let mut places = vec![];
    for number in numbers {
        let len = number.len() as u64;
        places.extend([at, len].map(u64::to_le_bytes).concat());
        at += len;
    }
    [places, numbers.concat()].concat()
}

const ARGUMENTS: [u64; 5] = [INPUT, RESULT, 0, 0, 0];

fn check_power(operands: [&[u8]; 3], power: &[u8], units: u64) {
    check(
        "sol_big_mod_exp",
        ARGUMENTS,
        &numbers(operands),
        (power, units),
    );
}

#[test]
fn powers_are_computed() {
    // 1 × 75 / 189, rounded up.
    check_power([&[3], &[5], &[7]], &[5], 422 + 1);
    check_power([&[3], &[], &[7, 0, 0]], &[1, 0, 0], 422 + 4);
    check_power([&[10, 0], &[1], &[7, 0]], &[3, 0], 422 + 1);
    // Fermat's little theorem, for the prime of secp256k1: EIP-198's first example.
    let mut prime = [0xff; 32];
    prime[..8].copy_from_slice(&0xffff_fffe_ffff_fc2fu64.to_le_bytes());
    let mut exponent = prime;
    exponent[0] -= 1;
    let mut one = [0; 32];
    one[0] = 1;
    // 32² × 255 / 189
    check_power([&[3], &exponent, &prime], &one, 422 + 1_382);
}

#[test]
fn long_numbers_cost_by_their_length() {
    let modulus = [&[1][..], &[0; 511]].concat();
    let mut power = vec![0; 512];
    power[..8].copy_from_slice(&3u64.to_le_bytes());
    let modulus = [&[5][..], &modulus[1..]].concat();
    // 3³ = 27 = 2 modulo 5. 512²/4 + 96×512 − 3,072 = 111,616; the exponent's bits are 33 bytes' less 7 and
    // more: 8 + 0.
    power[0] = 2;
    let mut exponent = [0; 33];
    exponent[0] = 3;
    let units = 422 + (111_616u64 * 75).div_ceil(189);
    check_power([&[3], &exponent, &modulus], &power, units);
}

#[test]
fn what_has_no_power_ends_the_program() {
    let even: [&[u8]; 4] = [&[], &[0], &[1], &[8]];
    for modulus in even {
        let input = numbers([&[3], &[5], modulus]);
        check_error("sol_big_mod_exp", ARGUMENTS, &input, "InvalidAttribute");
    }
    let long = [7; 513];
    for operands in [
        [&long[..], &[3], &[7]],
        [&[3], &long, &[7]],
        [&[3], &[3], &long],
    ] {
        check_error(
            "sol_big_mod_exp",
            ARGUMENTS,
            &numbers(operands),
            "InvalidLength",
        );
    }
    let unaligned = [INPUT + 1, RESULT, 0, 0, 0];
    let input = numbers([&[3], &[5], &[7]]);
    check_error("sol_big_mod_exp", unaligned, &input, "Unaligned pointer");
}
