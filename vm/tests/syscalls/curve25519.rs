use crate::call::{INPUT, RESULT, check, check_code, check_error, hex};

const EDWARDS: u64 = 0;
const RISTRETTO: u64 = 1;

/// The base point of Ed25519 (RFC 8032), 0 and 1.
fn edwards_base() -> Vec<u8> {
    [&[0x58][..], &[0x66; 31]].concat()
}

/// The base point of Ristretto times 0, 1, 2 and 3 (RFC 9496).
fn ristretto(times: usize) -> Vec<u8> {
    hex([
        "0000000000000000000000000000000000000000000000000000000000000000",
        "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
        "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
        "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    ][times])
}

fn edwards(times: u8) -> Vec<u8> {
    use solana_curve25519::edwards::{PodEdwardsPoint, multiply_edwards};
    use solana_curve25519::scalar::PodScalar;
    let base = PodEdwardsPoint(edwards_base().try_into().unwrap());
    let scalar = PodScalar(scalar(times).try_into().unwrap());
    multiply_edwards(&scalar, &base).unwrap().0.to_vec()
}

fn scalar(value: u8) -> Vec<u8> {
    [&[value][..], &[0; 31]].concat()
}

/// No point on either: its number is odd, and is no coordinate of a point.
fn no_point() -> Vec<u8> {
    [&[2][..], &[0; 31]].concat()
}

#[test]
fn points_are_told_from_others() {
    for (group, point, code, units) in [
        (EDWARDS, edwards_base(), 0, 159),
        (EDWARDS, no_point(), 1, 159),
        (RISTRETTO, ristretto(1), 0, 169),
        (RISTRETTO, no_point(), 1, 169),
        (RISTRETTO, edwards_base(), 1, 169),
    ] {
        let arguments = [group, INPUT, 0, 0, 0];
        check_code("sol_curve_validate_point", arguments, &point, code, units);
    }
}

#[test]
fn points_are_added_subtracted_and_multiplied() {
    let check = |group, operation, left: Vec<u8>, right: Vec<u8>, result: Vec<u8>, units| {
        let arguments = [group, operation, INPUT, INPUT + 32, RESULT];
        let input = [left, right].concat();
        check("sol_curve_group_op", arguments, &input, (&result, units));
    };
    check(RISTRETTO, 0, ristretto(1), ristretto(2), ristretto(3), 521);
    check(RISTRETTO, 1, ristretto(3), ristretto(2), ristretto(1), 519);
    check(RISTRETTO, 2, scalar(3), ristretto(1), ristretto(3), 2_208);
    check(EDWARDS, 0, edwards(3), edwards(4), edwards(7), 473);
    check(EDWARDS, 1, edwards(7), edwards(4), edwards(3), 475);
    check(EDWARDS, 2, scalar(9), edwards_base(), edwards(9), 2_177);
    assert_eq!(edwards(1), edwards_base());
}

#[test]
fn what_is_no_point_is_not_combined() {
    let units = [[473, 475, 2_177], [521, 519, 2_208]];
    for group in [EDWARDS, RISTRETTO] {
        for operation in 0..3 {
            let arguments = [group, operation, INPUT, INPUT + 32, RESULT];
            let input = [no_point(), no_point()].concat();
            let units = units[group as usize][operation as usize];
            check_code("sol_curve_group_op", arguments, &input, 1, units);
        }
    }
    // A scalar that is not reduced.
    let input = [vec![0xff; 32], ristretto(1)].concat();
    let arguments = [RISTRETTO, 2, INPUT, INPUT + 32, RESULT];
    check_code("sol_curve_group_op", arguments, &input, 1, 2_208);
}

#[test]
fn sums_of_multiples_are_computed() {
    let points = [ristretto(1), ristretto(2)].concat();
    // 5 − 2 as −1 × 2: the order less one.
    let minus_one = hex("ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let input = [scalar(5), minus_one, points].concat();
    let arguments = [RISTRETTO, INPUT, INPUT + 64, 2, RESULT];
    let syscall = "sol_curve_multiscalar_mul";
    check(syscall, arguments, &input, (&ristretto(3), 2_303 + 788));
    let input = [scalar(5), scalar(6), edwards(7), edwards(8)].concat();
    let arguments = [EDWARDS, INPUT, INPUT + 64, 2, RESULT];
    check(syscall, arguments, &input, (&edwards(83), 2_273 + 758));
    // None at all.
    let arguments = [EDWARDS, 0, 0, 0, RESULT];
    check(syscall, arguments, &[], (&scalar(1), 2_273));
    let arguments = [EDWARDS, INPUT, INPUT, 513, RESULT];
    check_error(syscall, arguments, &[], "InvalidLength");
    let input = [scalar(5), no_point()].concat();
    let arguments = [EDWARDS, INPUT, INPUT + 32, 1, RESULT];
    check_code(syscall, arguments, &input, 1, 2_273);
}

#[test]
fn unknown_groups_and_operations_end_the_program() {
    let words = "InvalidAttribute";
    for group in [2, 3, 4, 7, 0x80, u64::MAX] {
        check_error(
            "sol_curve_validate_point",
            [group, INPUT, 0, 0, 0],
            &[0; 32],
            words,
        );
        check_error(
            "sol_curve_group_op",
            [group, 0, INPUT, INPUT, RESULT],
            &[0; 32],
            words,
        );
        check_error(
            "sol_curve_multiscalar_mul",
            [group, INPUT, INPUT, 1, RESULT],
            &[0; 32],
            words,
        );
    }
    for group in [EDWARDS, RISTRETTO, 5, 6, 0x85, 0x86] {
        check_error(
            "sol_curve_group_op",
            [group, 3, INPUT, INPUT, RESULT],
            &[0; 32],
            words,
        );
    }
}

#[test]
fn a_result_must_be_writable() {
    let input = [ristretto(1), ristretto(2)].concat();
    let arguments = [RISTRETTO, 0, INPUT, INPUT + 32, 0];
    check_error("sol_curve_group_op", arguments, &input, "Access violation");
}
