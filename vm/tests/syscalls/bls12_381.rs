use crate::call::{INPUT, RESULT, call, check, check_code, check_error, hex};
use solana_bls12_381_syscall::{
    Endianness, PodG1Point, PodG2Point, Version, bls12_381_pairing_map,
};

const BIG_ENDIAN: u64 = 0x80;
const PAIRING: u64 = 4;
const G1: u64 = 5;
const G2: u64 = 6;

/// The generators, and these twice (EIP-2537's `g1_add` and `g2_add`), coordinates from the highest.
const G1_GENERATOR: &str = "
    17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb
    08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";
const G1_TWICE: &str = "
    0572cbea904d67468808c8eb50a9450c9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e
    166a9d8cabc673a322fda673779d8e3822ba3ecb8670e461f73bb9021d5fd76a4c56d9d4cd16bd1bba86881979749d28";
const G2_GENERATOR: &str = "
    13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e
    024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8
    0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be
    0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801";
const G2_TWICE: &str = "
    0a4edef9c1ed7f729f520e47730a124fd70662a904ba1074728114d1031e1572c6c886f6b57ec72a6178288c47c33577
    1638533957d540a9d2370f17cc7ed5863bc0b995b8825e0ee1ea1e1e4d00dbae81f14b0bf3611b78c952aacab827a053
    0f6d4552fa65dd2638b361543f887136a43253d9c66c411697003f7a13c308f5422e1aa0a59c8967acdefd8b6e36ccf3
    0468fb440d82b0630aeb8dca2b5256789a66da69bf91009cbfe6bd221e47aa8ae88dece9764bf3bd999d95d71e4c9899";

/// A point in the other order: each number from its lowest byte, the real part first.
fn little_endian(point: &[u8]) -> Vec<u8> {
    let coordinates = point.chunks(point.len() / 2);
    coordinates
        .flat_map(|it| it.iter().rev().copied())
        .collect()
}

/// As a group and its points are in either order.
fn in_both_orders(check: impl Fn(u64, &dyn Fn(&str) -> Vec<u8>)) {
    check(BIG_ENDIAN, &hex);
    check(0, &|digits| little_endian(&hex(digits)));
}

fn scalar(value: u8, order: u64) -> Vec<u8> {
    let mut scalar = vec![0; 32];
    scalar[if order == BIG_ENDIAN { 31 } else { 0 }] = value;
    scalar
}

#[test]
fn points_are_told_from_others() {
    in_both_orders(|order, point| {
        for (group, generator, units) in [(G1, G1_GENERATOR, 1_565), (G2, G2_GENERATOR, 1_968)] {
            let arguments = [group | order, INPUT, 0, 0, 0];
            let mut point = point(generator);
            check_code("sol_curve_validate_point", arguments, &point, 0, units);
            point[20] ^= 1;
            check_code("sol_curve_validate_point", arguments, &point, 1, units);
        }
    });
}

#[test]
fn points_are_added_subtracted_and_multiplied() {
    in_both_orders(|order, point| {
        for (group, one, two, [add, subtract, multiply]) in [
            (G1, G1_GENERATOR, G1_TWICE, [128, 129, 4_627]),
            (G2, G2_GENERATOR, G2_TWICE, [203, 204, 8_255]),
        ] {
            let (one, two) = (point(one), point(two));
            let check = |operation, left: &[u8], right: &[u8], result: &[u8], units| {
                let right_at = INPUT + left.len() as u64;
                let arguments = [group | order, operation, INPUT, right_at, RESULT];
                let input = [left, right].concat();
                check("sol_curve_group_op", arguments, &input, (result, units));
            };
            check(0, &one, &one, &two, add);
            check(1, &two, &one, &one, subtract);
            check(2, &scalar(2, order), &one, &two, multiply);
        }
    });
}

#[test]
fn what_is_no_point_is_not_combined() {
    for (group, units) in [(G1, [128, 129, 4_627]), (G2, [203, 204, 8_255])] {
        for (operation, units) in units.into_iter().enumerate() {
            let arguments = [group, operation as u64, INPUT, INPUT, RESULT];
            check_code("sol_curve_group_op", arguments, &[0xff; 192], 1, units);
        }
    }
}

#[test]
fn points_are_decompressed() {
    in_both_orders(|order, point| {
        for (group, generator, units) in [(G1, G1_GENERATOR, 2_100), (G2, G2_GENERATOR, 3_050)] {
            let mut compressed = hex(generator);
            compressed.truncate(compressed.len() / 2);
            // It is compressed; neither has the larger of the two y.
            compressed[0] |= 0x80;
            if order != BIG_ENDIAN {
                compressed.reverse();
            }
            let arguments = [group | order, INPUT, RESULT, 0, 0];
            let syscall = "sol_curve_decompress";
            check(syscall, arguments, &compressed, (&point(generator), units));
            check_code(syscall, arguments, &[0xff; 96], 1, units);
        }
    });
    for group in [0, 1, 4, 7, 0x84, 0x87] {
        let arguments = [group, INPUT, RESULT, 0, 0];
        check_error(
            "sol_curve_decompress",
            arguments,
            &[0; 96],
            "InvalidAttribute",
        );
    }
}

#[test]
fn pairings_are_computed() {
    in_both_orders(|order, point| {
        let group = PAIRING | order;
        let (g1, g2) = (point(G1_GENERATOR), point(G2_GENERATOR));
        let end = if order == 0 {
            Endianness::LE
        } else {
            Endianness::BE
        };
        let expected = bls12_381_pairing_map(
            Version::V0,
            &[PodG1Point(g1.clone().try_into().unwrap())],
            &[PodG2Point(g2.clone().try_into().unwrap())],
            end,
        );
        let expected = expected.unwrap().0;
        let syscall = "sol_curve_pairing_map";
        let arguments = [group, 1, INPUT, INPUT + 96, RESULT];
        let input = [&g1[..], &g2].concat();
        check(syscall, arguments, &input, (&expected, 25_445));

        // e(P, Q) · e(P, −Q) = 1, which is also what no pairs are.
        let none = call(syscall, [group, 0, 0, 0, RESULT], &[], 576).unwrap();
        assert_eq!((none.code, none.units), (0, 25_445));
        assert_eq!(
            none.result.iter().map(|byte| u32::from(*byte)).sum::<u32>(),
            1
        );
        let zero = [&g2[..], &point(G2_TWICE)].concat();
        let minus = [group - PAIRING + G2, 1, INPUT, INPUT + 192, RESULT];
        let minus = call("sol_curve_group_op", minus, &zero, 192)
            .unwrap()
            .result;
        let input = [&g1[..], &g1, &g2, &minus].concat();
        let arguments = [group, 2, INPUT, INPUT + 192, RESULT];
        check(syscall, arguments, &input, (&none.result, 25_445 + 13_023));
    });
}

#[test]
fn what_is_no_point_is_not_paired() {
    let arguments = [PAIRING, 1, INPUT, INPUT, RESULT];
    check_code("sol_curve_pairing_map", arguments, &[0xff; 192], 1, 25_445);
    for group in [0, 1, 5, 6, 0x80, 0x85] {
        let arguments = [group, 1, INPUT, INPUT, RESULT];
        check_error(
            "sol_curve_pairing_map",
            arguments,
            &[0; 192],
            "InvalidAttribute",
        );
    }
    // Nobody can pay for so many.
    for pairs in [1 << 20, u64::MAX] {
        let arguments = [PAIRING, pairs, INPUT, INPUT, RESULT];
        let (error, _) = call("sol_curve_pairing_map", arguments, &[], 8).unwrap_err();
        assert_eq!(
            error,
            sealane_sdk::InstructionError::ComputationalBudgetExceeded
        );
    }
}
