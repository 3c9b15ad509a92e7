use crate::call::{INPUT, RESULT, check, check_code, check_error, hex};

const LITTLE_ENDIAN: u64 = 0x80;
const GROUP_OP: &str = "sol_alt_bn128_group_op";
const COMPRESSION: &str = "sol_alt_bn128_compression";

/// `chfast1` of Ethereum's `bn256Add`: two points and their sum.
const A: &str = "18b18acfb4c2c30276db5411368e7185b311dd124691610c5d3b74034e093dc9
    063c909c4720840cb5134cb9f59fa749755796819658d32efc0d288198f37266";
const B: &str = "07c2b7f58a84bd6145f00c9c2bc0bb1a187f20ff2c92963a88019e7c6a014eed
    06614e20c147e940f2d70da3f74c9a17df361706a4485c742bd6788478fa17d7";
const A_PLUS_B: &str = "2243525c5efd4b9c3d3c45ac0ca3fe4dd85e830a4ce6b65fa1eeaee202839703
    301d1d33be6da8e509df21cc35964723180eed7532537db9ae5e7d48f195c915";
/// `chfast1` of `bn256ScalarMul`.
const C: &str = "2bd3e6d0f3b142924f5ca7b49ce5b9d54c4703d7ae5648e61d02268b1a0a9fb7
    21611ce0a6af85915e2f1d70300909ce2e49dfad4a4619c8390cae66cefdb204";
const N: &str = "00000000000000000000000000000000000000000000000011138ce750fa15c2";
const C_TIMES_N: &str = "070a8d6a982153cae4be29d434e8faef8a47b274a053f5a4ee2a6c9c13c31e5c
    031b8ce914eba3a9ffb989f9cdd5b0f01943074bf4f0f315690ec3cec6981afc";
/// `jeff1` of `bn256Pairing`: two pairs that make 1.
const PAIRS: &str = "1c76476f4def4bb94541d57ebba1193381ffa7aa76ada664dd31c16024c43f59
    3034dd2920f673e204fee2811c678745fc819b55d3e9d294e45c9b03a76aef41
    209dd15ebff5d46c4bd888e51a93cf99a7329636c63514396b4a452003a35bf7
    04bf11ca01483bfa8b34b43561848d28905960114c8ac04049af4b6315a41678
    2bb8324af6cfc93537a2ad1a445cfd0ca2a71acd7ac41fadbf933c2a51be344d
    120a2a4cf30c1bf9845f20c6fe39e07ea2cce61f0c9bb048165fe5e4de877550
    111e129f1cf1097710d41c4ac70fcdfa5ba2023c6ff1cbeac322de49d1b6df7c
    2032c61a830e3c17286de9462bf242fca2883585b93870a73853face6a6bf411
    198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2
    1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed
    090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b
    12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";

/// The generator of the second group: the last point of the pairs.
fn g2() -> Vec<u8> {
    hex(PAIRS)[256..].to_vec()
}

/// Numbers of 32 bytes, each reversed.
fn reversed(numbers: &[u8]) -> Vec<u8> {
    let numbers = numbers.chunks(32);
    numbers
        .flat_map(|number| number.iter().rev().copied())
        .collect()
}

/// A point of the second group in the other order: numbers reversed, the real part first.
fn g2_reversed(point: &[u8]) -> Vec<u8> {
    let coordinates = point.chunks(64);
    coordinates
        .flat_map(|it| it.iter().rev().copied())
        .collect()
}

#[track_caller]
fn check_both(operation: u64, inputs: [&[u8]; 2], results: [&[u8]; 2], units: u64) {
    for (order, (input, result)) in [0, LITTLE_ENDIAN]
        .into_iter()
        .zip(inputs.iter().zip(results))
    {
        let arguments = [operation | order, INPUT, input.len() as u64, RESULT, 0];
        check(GROUP_OP, arguments, input, (result, units));
    }
}

#[test]
fn points_are_added_as_on_ethereum() {
    let (input, sum) = (hex(&[A, B].concat()), hex(A_PLUS_B));
    let little = (reversed(&input), reversed(&sum));
    check_both(0, [&input, &little.0], [&sum, &little.1], 334);
    // Nothing is two points at infinity.
    check(GROUP_OP, [0, INPUT, 0, RESULT, 0], &[], (&[0; 64], 334));
}

#[test]
fn points_are_multiplied_as_on_ethereum() {
    let (input, product) = (hex(&[C, N].concat()), hex(C_TIMES_N));
    let little = (reversed(&input), reversed(&product));
    check_both(2, [&input, &little.0], [&product, &little.1], 3_840);
}

#[test]
fn points_of_the_second_group_are_added_and_multiplied() {
    let one = g2();
    let doubled = solana_bn254::versioned::alt_bn128_versioned_g2_addition(
        solana_bn254::versioned::VersionedG2Addition::V0,
        &[&one[..], &one].concat(),
        solana_bn254::versioned::Endianness::BE,
    )
    .unwrap();
    let (little_one, little_doubled) = (g2_reversed(&one), g2_reversed(&doubled));
    let mut two = [0; 32];
    two[31] = 2;
    let little_two = reversed(&two);
    let inputs = [
        &[&one[..], &one].concat()[..],
        &[&little_one[..], &little_one].concat(),
    ];
    check_both(4, inputs, [&doubled, &little_doubled], 535);
    let inputs = [
        &[&one[..], &two].concat()[..],
        &[&little_one[..], &little_two].concat(),
    ];
    check_both(6, inputs, [&doubled, &little_doubled], 15_670);
}

#[test]
fn pairings_are_checked_as_on_ethereum() {
    let pairs = hex(PAIRS);
    let little: Vec<u8> = pairs
        .chunks(192)
        .flat_map(|pair| [reversed(&pair[..64]), g2_reversed(&pair[64..])].concat())
        .collect();
    let mut one = [0; 32];
    one[31] = 1;
    let units = 36_364 + 12_121 + 85 + 384 + 32;
    check_both(3, [&pairs, &little], [&one, &reversed(&one)], units);
    // One of the two alone is not 1.
    let units = 36_364 + 85 + 192 + 32;
    check_both(
        3,
        [&pairs[..192], &little[..192]],
        [&[0; 32], &[0; 32]],
        units,
    );
    // No pairs are.
    let arguments = [3, INPUT, 0, RESULT, 0];
    check(GROUP_OP, arguments, &[], (&one, 36_364 + 85 + 32));
    // Half a pair is none.
    let arguments = [3, INPUT, 191, RESULT, 0];
    check_code(GROUP_OP, arguments, &pairs, 1, 36_364 + 85 + 191 + 32);
}

#[test]
fn points_are_compressed_and_back() {
    let (g1, g2) = (hex(A), g2());
    for (operation, point, little, units) in [
        (0, &g1, reversed(&g1), [130, 498]),
        (2, &g2, g2_reversed(&g2), [186, 13_710]),
    ] {
        for (order, point) in [(0, point.clone()), (LITTLE_ENDIAN, little)] {
            let arguments = [operation | order, INPUT, point.len() as u64, RESULT, 0];
            let answer = crate::call::call(COMPRESSION, arguments, &point, point.len() / 2);
            let answer = answer.unwrap();
            assert_eq!((answer.code, answer.units), (0, units[0]));
            let half = answer.result;
            let arguments = [(operation + 1) | order, INPUT, half.len() as u64, RESULT, 0];
            check(COMPRESSION, arguments, &half, (&point, units[1]));
        }
    }
    // The x, and a bit that says which y.
    let x = &hex(A)[..32];
    check(COMPRESSION, [0, INPUT, 64, RESULT, 0], &hex(A), (x, 130));
}

#[test]
fn what_is_no_point_is_refused() {
    let no_points = [0xff; 256];
    for order in [0, LITTLE_ENDIAN] {
        for (operation, len, units) in [
            (0, 128, 334),
            (2, 96, 3_840),
            (4, 256, 535),
            (6, 160, 15_670),
            (3, 192, 36_364 + 85 + 192 + 32),
            // Too long.
            (0, 129, 334),
            (2, 97, 3_840),
        ] {
            let arguments = [operation | order, INPUT, len, RESULT, 0];
            check_code(GROUP_OP, arguments, &no_points, 1, units);
        }
        for (operation, len, units) in [(0, 64, 130), (1, 32, 498), (2, 128, 186), (3, 64, 13_710)]
        {
            let arguments = [operation | order, INPUT, len, RESULT, 0];
            check_code(COMPRESSION, arguments, &no_points, 1, units);
            let arguments = [operation | order, INPUT, len - 1, RESULT, 0];
            check_code(COMPRESSION, arguments, &no_points, 1, units);
        }
    }
}

#[test]
fn unknown_operations_end_the_program() {
    for operation in [1, 5, 7, 0x81, 0x100, u64::MAX] {
        let arguments = [operation, INPUT, 64, RESULT, 0];
        check_error(GROUP_OP, arguments, &[0; 64], "InvalidAttribute");
    }
    for operation in [4, 0x84, 0x100, u64::MAX] {
        let arguments = [operation, INPUT, 64, RESULT, 0];
        check_error(COMPRESSION, arguments, &[0; 64], "InvalidAttribute");
    }
}
