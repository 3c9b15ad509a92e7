//! The rule, alone and in batches, on the edge cases that implementations are known to disagree
//! about.

use super::*;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use proptest::prelude::*;

/// An edge case. `holds`: by our rule.
struct Vector {
    what: &'static str,
    message: &'static str,
    key: &'static str,
    r: &'static str,
    s: &'static str,
    holds: bool,
}

/// The twelve vectors of Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (SSR 2020), from
/// `cases.json` of github.com/novifinancial/ed25519-speccheck.
const VECTORS: [Vector; 12] = [
    Vector {
        what: "S = 0, small-order key and R",
        message: "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
        key: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        r: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        s: "0000000000000000000000000000000000000000000000000000000000000000",
        holds: false,
    },
    Vector {
        what: "small-order key, R of mixed order",
        message: "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        key: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        r: "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        s: "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        holds: false,
    },
    Vector {
        what: "key of mixed order, small-order R",
        message: "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
        key: "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        r: "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        s: "8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
        holds: false,
    },
    Vector {
        what: "key and R of mixed order",
        message: "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        key: "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        r: "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f",
        s: "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
        holds: true,
    },
    Vector {
        what: "holds with the cofactor only",
        message: "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        key: "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        r: "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512",
        s: "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
        holds: true,
    },
    Vector {
        what: "holds with the cofactor only, if 8 and k are not multiplied and reduced first",
        message: "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        key: "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        r: "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7",
        s: "e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
        holds: true,
    },
    Vector {
        what: "S above the order",
        message: "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        key: "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        r: "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e",
        s: "547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
        holds: false,
    },
    Vector {
        what: "S far above the order",
        message: "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        key: "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        r: "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa1942",
        s: "7e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
        holds: false,
    },
    Vector {
        what: "small-order R in an encoding that is not reduced, hashed as it is",
        message: "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        key: "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        r: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        s: "03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
        holds: false,
    },
    Vector {
        what: "the same, hashed reduced",
        message: "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        key: "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        r: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        s: "ca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
        holds: false,
    },
    Vector {
        what: "small-order key in an encoding that is not reduced, hashed as it is",
        message: "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
        key: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        r: "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc",
        s: "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        holds: false,
    },
    Vector {
        what: "the same, hashed reduced",
        message: "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
        key: "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        r: "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc",
        s: "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        holds: false,
    },
];

/// A signature to be checked.
#[derive(Clone, Debug)]
struct Case {
    key: [u8; 32],
    signature: [u8; 64],
    message: Vec<u8>,
}

impl Case {
    fn valid(seed: u8, message: &[u8]) -> Self {
        let signer = SigningKey::from_bytes(&[seed; 32]);
        Self {
            key: signer.verifying_key().to_bytes(),
            signature: signer.sign(message).to_bytes(),
            message: message.to_vec(),
        }
    }
    fn with_signature(mut self, change: impl FnOnce(&mut [u8; 64])) -> Self {
        change(&mut self.signature);
        self
    }
}

impl From<&Vector> for Case {
    fn from(vector: &Vector) -> Self {
        let signature = [hex(vector.r), hex(vector.s)].concat();
        Self {
            key: hex(vector.key).try_into().unwrap(),
            signature: signature.try_into().unwrap(),
            message: hex(vector.message),
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text
        .as_bytes()
        .chunks(2)
        .map(|two| std::str::from_utf8(two).unwrap());
    digits
        .map(|two| u8::from_str_radix(two, 16).unwrap())
        .collect()
}

/// One for each way to sum up that this processor has.
fn checkers() -> Vec<SignatureChecker> {
    let all = [Lanes::ten(), Lanes::five()];
    if all[0].is_none() {
        eprintln!("no AVX-512 here: only curve25519-dalek's sums are tested");
    }
    let lanes = all.into_iter().flatten().map(Some);
    std::iter::once(None)
        .chain(lanes)
        .map(SignatureChecker::with)
        .collect()
}

/// Whether each holds, checked together.
fn together(cases: &[Case]) -> Vec<bool> {
    let verdicts = checkers().into_iter().map(|mut checker| {
        let mut verdicts = vec![true; cases.len()];
        for (i, case) in cases.iter().enumerate() {
            verdicts[i] = checker.add(i as u32, [(&case.signature, &case.key)], &case.message);
        }
        checker.check(|owner| verdicts[owner as usize] = false);
        verdicts
    });
    let verdicts: Vec<_> = verdicts.collect();
    assert!(verdicts.iter().all(|other| *other == verdicts[0]));
    verdicts.into_iter().next().unwrap()
}

fn alone(case: &Case) -> bool {
    together(std::slice::from_ref(case))[0]
}

/// By ed25519-zebra and dalek's list of small orders.
fn holds_by_others(case: &Case) -> bool {
    let (r, _) = case.signature.split_at(32);
    let is_weak = |bytes: &[u8]| {
        let bytes = bytes.try_into().unwrap();
        VerifyingKey::from_bytes(bytes).is_ok_and(|key| key.is_weak())
    };
    let key = ed25519_zebra::VerificationKey::try_from(case.key);
    let signature = ed25519_zebra::Signature::from(case.signature);
    !is_weak(r)
        && !is_weak(&case.key)
        && key.is_ok_and(|key| key.verify(&signature, &case.message).is_ok())
}

#[test]
fn the_published_edge_cases_are_decided_alike_alone_and_in_batches() {
    for vector in &VECTORS {
        let case = Case::from(vector);
        assert_eq!(alone(&case), vector.holds, "alone: {}", vector.what);
        for (size, place) in [
            (2, 0),
            (ALONE_MAX + 1, ALONE_MAX),
            (LANES_MIN, 5),
            (BATCH_MAX, 77),
        ] {
            let mut cases: Vec<_> = (0..size).map(|i| Case::valid(i as u8, b"good")).collect();
            cases[place] = case.clone();
            let expected: Vec<_> = (0..size).map(|i| i != place || vector.holds).collect();
            assert_eq!(together(&cases), expected, "among {size}: {}", vector.what);
        }
    }
    let cases: Vec<_> = VECTORS.iter().map(Case::from).collect();
    let expected: Vec<_> = VECTORS.iter().map(|vector| vector.holds).collect();
    assert_eq!(together(&cases), expected, "all of them in one batch");
}

#[test]
fn a_bad_one_that_only_arithmetic_tells_is_found_in_batches_of_all_sizes() {
    for size in [4, 5, 11, 12, 13, 100, 511, 512, 513] {
        for place in [0, size / 2, size - 1] {
            let mut cases: Vec<_> = (0..size).map(|i| Case::valid(i as u8, b"good")).collect();
            cases[place].signature[40] ^= 1;
            let expected: Vec<_> = (0..size).map(|i| i != place).collect();
            assert_eq!(together(&cases), expected, "{place} of {size}");
        }
    }
}

/// All 14 encodings of the points of small order.
fn small_order_encodings() -> impl Iterator<Item = [u8; 32]> {
    SMALL_ORDER_Y.iter().flat_map(|y| {
        [0, 1].map(|sign| {
            let mut bytes = [0; 32];
            for (place, word) in bytes.chunks_mut(8).zip(y) {
                place.copy_from_slice(&word.to_le_bytes());
            }
            bytes[31] |= sign << 7;
            bytes
        })
    })
}

#[test]
fn every_listed_encoding_is_a_point_of_small_order_and_no_neighbour_is() {
    let mut distinct = std::collections::HashSet::new();
    for bytes in small_order_encodings() {
        assert!(distinct.insert(bytes));
        assert!(has_small_order(&bytes));
        assert!(
            VerifyingKey::from_bytes(&bytes).unwrap().is_weak(),
            "{bytes:02x?}"
        );
        for bit in 0..255 {
            let mut near = bytes;
            near[bit / 8] ^= 1 << (bit % 8);
            let is_weak = VerifyingKey::from_bytes(&near).is_ok_and(|key| key.is_weak());
            assert_eq!(has_small_order(&near), is_weak, "{near:02x?}");
        }
    }
    assert_eq!(distinct.len(), 14);
}

/// ZIP-215's conformance cases: key and R any of the 14 encodings, S = 0, which its equation
/// accepts.
#[test]
fn signatures_of_small_order_keys_are_refused_whatever_they_sign() {
    for key in small_order_encodings() {
        for r in small_order_encodings() {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&r);
            let case = Case {
                key,
                signature,
                message: b"any".to_vec(),
            };
            assert!(!alone(&case));
        }
    }
}

/// The order of the base point, 2^252 + 27742317777372353535851937790883648493, lowest word first.
const ORDER: [u64; 4] = [
    0x5812_631a_5cf5_d3ed,
    0x14de_f9de_a2f7_9cd6,
    0,
    0x1000_0000_0000_0000,
];

#[test]
fn adding_the_order_to_s_makes_no_second_signature() {
    let case = Case::valid(7, b"once").with_signature(|bytes| {
        let mut carry = 0_u128;
        for (place, order) in bytes[32..].chunks_mut(8).zip(ORDER) {
            let word = u64::from_le_bytes((&*place).try_into().unwrap());
            let sum = u128::from(word) + u128::from(order) + carry;
            place.copy_from_slice(&(sum as u64).to_le_bytes());
            carry = sum >> 64;
        }
    });
    assert!(!alone(&case));
    assert!(alone(&Case::valid(7, b"once")));
}

/// A signature, good or bad in one of the ways that matter.
fn any_case() -> impl Strategy<Value = Case> {
    let valid = (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40))
        .prop_map(|(seed, message)| Case::valid(seed, &message));
    prop_oneof![
        6 => valid.clone(),
        1 => (valid.clone(), 0..512_usize).prop_map(|(case, bit)| {
            case.with_signature(|bytes| bytes[bit / 8] ^= 1 << (bit % 8))
        }),
        1 => valid.clone().prop_map(|mut case| {
            case.message.push(0);
            case
        }),
        1 => (valid, any::<[u8; 32]>()).prop_map(|(mut case, key)| {
            case.key = key;
            case
        }),
        2 => (0..VECTORS.len()).prop_map(|i| Case::from(&VECTORS[i])),
    ]
}

/// What one owner signed.
#[derive(Clone, Debug)]
struct Owned {
    message: Vec<u8>,
    signatures: Vec<([u8; 64], [u8; 32])>,
}

impl Owned {
    fn cases(&self) -> impl Iterator<Item = Case> {
        self.signatures.iter().map(|(signature, key)| Case {
            key: *key,
            signature: *signature,
            message: self.message.clone(),
        })
    }
}

/// One to four signatures of a message, some of them of others, or broken.
fn any_owner() -> impl Strategy<Value = Owned> {
    let signers = proptest::collection::vec((any::<u8>(), 0..20_u8), 1..5);
    let owner = (proptest::collection::vec(any::<u8>(), 0..300), signers);
    let good = owner.prop_map(|(message, signers)| {
        let signature = |(seed, broken): &(u8, u8)| {
            let mut case = Case::valid(*seed, &message);
            match broken {
                0 => case.signature[40] ^= 1,
                1 => case.signature[63] |= 0x80,
                2 => case.key = Case::valid(seed.wrapping_add(1), b"").key,
                _ => {}
            }
            (case.signature, case.key)
        };
        let signatures = signers.iter().map(signature).collect();
        Owned {
            message,
            signatures,
        }
    });
    let other = any_case().prop_map(|case| Owned {
        message: case.message,
        signatures: vec![(case.signature, case.key)],
    });
    prop_oneof![4 => good, 1 => other]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_batch_decides_each_signature_as_it_would_be_decided_alone(
        cases in proptest::collection::vec(any_case(), 0..200)
    ) {
        let expected: Vec<_> = cases.iter().map(holds_by_others).collect();
        for (case, expected) in cases.iter().zip(&expected) {
            prop_assert_eq!(alone(case), *expected);
        }
        prop_assert_eq!(together(&cases), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn owners_are_refused_if_one_of_their_signatures_is_bad(
        rounds in proptest::collection::vec(proptest::collection::vec(any_owner(), 0..250), 1..3)
    ) {
        let holds = |owned: &Owned| owned.cases().all(|case| holds_by_others(&case));
        let expected = rounds.iter().map(|owners| owners.iter().map(holds).collect());
        let expected: Vec<Vec<bool>> = expected.collect();
        for mut checker in checkers() {
            for (owners, expected) in rounds.iter().zip(&expected) {
                let mut verdicts = vec![true; owners.len()];
                for (owner, (owned, verdict)) in owners.iter().zip(&mut verdicts).enumerate() {
                    let signatures = owned.signatures.iter().map(|(signature, key)| (signature, key));
                    *verdict = checker.add(owner as u32, signatures, &owned.message);
                }
                checker.check(|owner| verdicts[owner as usize] = false);
                prop_assert_eq!(&verdicts, expected);
            }
        }
    }
}

/// Counts what is done.
pub(crate) struct Counted<S> {
    sums: S,
    summed: usize,
    alone: usize,
}

impl<S: Sums> Sums for Counted<S> {
    type Sum = S::Sum;

    fn start(&mut self, signatures: &[Parsed], refuse: &mut impl FnMut(usize)) {
        self.sums.start(signatures, refuse);
    }

    fn sum(&mut self, signatures: &[Parsed], part: Range<usize>) -> S::Sum {
        self.summed += part.len();
        self.sums.sum(signatures, part)
    }

    fn sum_by_place(&mut self, signatures: &[Parsed], part: Range<usize>) -> S::Sum {
        self.summed += part.len();
        self.sums.sum_by_place(signatures, part)
    }

    fn difference(of: S::Sum, and: S::Sum) -> S::Sum {
        S::difference(of, and)
    }

    fn has_small_order(of: S::Sum) -> bool {
        S::has_small_order(of)
    }

    fn points(of: [S::Sum; 2]) -> Option<[EdwardsPoint; 2]> {
        S::points(of)
    }

    fn holds(&mut self, signature: &Parsed) -> bool {
        self.alone += 1;
        self.sums.holds(signature)
    }
}

/// Signatures that were summed up, and such that were checked alone, until those of a batch with some numbers, and no
/// others, were found bad.
#[track_caller]
fn work<S: Sums>(sums: S, bad: &[usize]) -> (usize, usize) {
    let mut checker = SignatureChecker::default();
    for i in 0..BATCH_MAX {
        let mut case = Case::valid(i as u8, &i.to_le_bytes());
        if bad.contains(&i) {
            case.message.push(0);
        }
        assert!(checker.add(0, [(&case.signature, &case.key)], &case.message));
    }
    checker.hash();
    let mut counted = Counted {
        sums,
        summed: 0,
        alone: 0,
    };
    let mut found = Vec::new();
    find_bad(&mut counted, &checker.parsed, |place| found.push(place));
    found.sort_unstable();
    assert_eq!(found, bad);
    (counted.summed, counted.alone)
}

/// What `sums` finds bad costs twice as much as if all held, or as checking all alone. Sums that are wrong are found out
/// here: with them, what holds is checked alone as well.
pub(crate) fn check_work<S: Sums>(sums: impl Fn() -> S) {
    assert_eq!(work(sums(), &[]), (BATCH_MAX, 0));
    for place in [0, 1, 100, 255, 256, BATCH_MAX - 1] {
        assert_eq!(work(sums(), &[place]), (2 * BATCH_MAX, 1), "{place}");
    }
    for bad in [
        &[0, 1][..],
        &[3, 255],
        &[255, 256],
        &[256, 257, 511],
        &[7, 100, 300, 301],
        &[0, 64, 128, 192, 256, 320, 384, 448],
    ] {
        let (summed, alone) = work(sums(), bad);
        assert!(
            summed <= 4 * BATCH_MAX && alone <= BATCH_MAX / 2,
            "{summed} {alone}"
        );
    }
    let (summed, alone) = work(sums(), &(0..BATCH_MAX).collect::<Vec<_>>());
    assert!(
        summed <= 3 * BATCH_MAX && alone == BATCH_MAX,
        "{summed} {alone}"
    );
}

#[test]
fn bad_signatures_cost_about_twice_as_much_as_good_ones_or_as_checking_all_alone() {
    check_work(Portable::default);
}

#[test]
fn how_often_a_point_makes_another_is_found_up_to_the_most() {
    let base = EdwardsPoint::mul_base(&Scalar::from(7_u8));
    for most in [5, 8, 128, 256] {
        for count in 0..most + 20 {
            let multiple = base * Scalar::from(count as u64);
            let expected = (count <= most).then_some(count);
            assert_eq!(multiple_of(base, multiple, most), expected);
        }
    }
}
