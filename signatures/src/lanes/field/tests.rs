//! The arithmetic of eight lanes against that of large integers, at the bounds and at random.

use super::*;
use crate::lanes::{vector, words};
use num_bigint::BigUint;
use proptest::prelude::*;

fn prime() -> BigUint {
    (BigUint::from(1_u8) << 255) - 19_u8
}

/// How tests see the limbs of one way to have elements.
trait Tested<const N: usize>: Field {
    /// The largest that reduced limbs may be.
    const REDUCED: [u64; N];
    /// Whether sums and differences are carried.
    const SUMS_ARE_REDUCED: bool;
    /// What may be carried.
    const CARRIED: u64;
    const WEIGHTS: [u32; N];

    fn of_limbs(proof: Self::Proof, limbs: [__m512i; N]) -> Self;
    fn limbs(&self) -> [__m512i; N];
}

impl Tested<10> for Limbs<10> {
    const REDUCED: [u64; 10] = {
        let mut limbs = [(1 << 26) - 1; 10];
        let mut i = 1;
        while i < 10 {
            limbs[i] = (1 << 25) + (1 << 17) - 1;
            i += 2;
        }
        limbs
    };
    const SUMS_ARE_REDUCED: bool = false;
    const CARRIED: u64 = (1 << 63) - 1;
    const WEIGHTS: [u32; 10] = [0, 26, 51, 77, 102, 128, 153, 179, 204, 230];

    fn of_limbs(_: Avx512, limbs: [__m512i; 10]) -> Self {
        Self(limbs)
    }

    fn limbs(&self) -> [__m512i; 10] {
        self.0
    }
}

impl Tested<5> for Limbs<5> {
    const REDUCED: [u64; 5] = [(1 << 51) + (1 << 18) - 1; 5];
    const SUMS_ARE_REDUCED: bool = true;
    const CARRIED: u64 = u64::MAX;
    const WEIGHTS: [u32; 5] = [0, 51, 102, 153, 204];

    fn of_limbs(_: Ifma, limbs: [__m512i; 5]) -> Self {
        Self(limbs)
    }

    fn limbs(&self) -> [__m512i; 5] {
        self.0
    }
}

/// What words in memory count.
const WORD_WEIGHTS: [u32; 5] = [0, 51, 102, 153, 204];

/// Eight elements as their limbs.
type Eight<const N: usize> = [[u64; N]; 8];

fn field<F: Tested<N>, const N: usize>(proof: F::Proof, limbs: &Eight<N>) -> F {
    let words = |i: usize| std::array::from_fn(|lane| limbs[lane][i]);
    F::of_limbs(proof, std::array::from_fn(|i| vector(words(i))))
}

/// The words of each lane.
fn lanes<const N: usize>(vectors: [__m512i; N]) -> Eight<N> {
    let words = vectors.map(words);
    std::array::from_fn(|lane| std::array::from_fn(|i| words[i][lane]))
}

fn value<const N: usize>(limbs: &[u64; N], weights: [u32; N]) -> BigUint {
    let parts = limbs.iter().zip(weights);
    parts
        .map(|(limb, weight)| BigUint::from(*limb) << weight)
        .sum()
}

fn values<F: Tested<N>, const N: usize>(of: &F) -> [BigUint; 8] {
    lanes(of.limbs()).map(|limbs| value(&limbs, F::WEIGHTS))
}

/// Elements with limbs of so many times what reduced ones have at most: all at that, none, or at random; some limbs at it
/// and others 0.
fn elements<F: Tested<N>, const N: usize>(times: u64) -> impl Strategy<Value = Eight<N>> {
    let times = if F::SUMS_ARE_REDUCED { 1 } else { times };
    let most = F::REDUCED.map(|limb| limb * times);
    let limb = move |most: u64| prop_oneof![1 => Just(most), 1 => Just(0), 3 => 0..=most];
    let element = most.map(limb);
    let element = prop_oneof![1 => Just(most), 8 => element];
    proptest::array::uniform8(element)
}

#[track_caller]
fn check_reduced<F: Tested<N>, const N: usize>(of: &F) {
    for limbs in lanes(of.limbs()) {
        for (limb, most) in limbs.iter().zip(F::REDUCED) {
            assert!(*limb <= most, "{limb:x} of {most:x}");
        }
    }
}

/// The same modulo the prime.
#[track_caller]
fn check_equal(values: &[BigUint; 8], expected: impl Fn(usize) -> BigUint) {
    for (lane, value) in values.iter().enumerate() {
        assert_eq!(value % prime(), expected(lane) % prime(), "lane {lane}");
    }
}

fn check_products<F: Tested<N>, const N: usize>(
    proof: F::Proof,
    left: &Eight<N>,
    right: &Eight<N>,
) {
    let (left, right): (F, F) = (field(proof, left), field(proof, right));
    let product = left.multiply(&right);
    check_reduced(&product);
    let (x, y) = (values(&left), values(&right));
    check_equal(&values(&product), |lane| &x[lane] * &y[lane]);
    // As large as what is negated may be.
    let negated = product.negated_where(0x5a);
    let other = negated.multiply(&right);
    check_reduced(&other);
    let z = values(&negated);
    check_equal(&values(&other), |lane| &z[lane] * &y[lane]);
    let square = right.squared();
    check_reduced(&square);
    check_equal(&values(&square), |lane| y[lane].pow(2));
    let mut pair = [right, product];
    F::square_both(&mut pair, 3);
    let z = values(&product);
    check_equal(&values(&pair[0]), |lane| y[lane].pow(8));
    check_equal(&values(&pair[1]), |lane| z[lane].pow(8));
    // SAFETY: there are elements.
    let words = unsafe { canonical(&product) };
    for (words, z) in lanes(words).iter().zip(&z) {
        assert_eq!(value(words, WORD_WEIGHTS), z % prime());
    }
}

fn check_sums<F: Tested<N>, const N: usize>(
    proof: F::Proof,
    left: &Eight<N>,
    right: &Eight<N>,
    mask: Mask,
) {
    let (a, b): (F, F) = (field(proof, left), field(proof, right));
    let (x, y) = (values(&a), values(&b));
    let (sum, difference) = (a.add(&b), a.subtract(&b));
    let sums: [_; 8] = std::array::from_fn(|lane| &x[lane] + &y[lane]);
    let differences: [_; 8] = std::array::from_fn(|lane| &x[lane] + prime() * 2_u8 - &y[lane]);
    if F::SUMS_ARE_REDUCED {
        check_reduced(&sum);
        check_reduced(&difference);
        check_equal(&values(&sum), |lane| sums[lane].clone());
        check_equal(&values(&difference), |lane| differences[lane].clone());
    } else {
        assert_eq!(values(&sum), sums);
        assert_eq!(values(&difference), differences);
    }
    let is_chosen = |lane: usize| mask >> lane & 1 == 1;
    let negated = values(&b.negated_where(mask));
    let replaced = lanes(a.replaced_where(mask, &b).limbs());
    let rotated = lanes(a.rotated(3).limbs());
    let unpacked = F::unpacked(proof, b.packed());
    assert_eq!(lanes(unpacked.limbs()), *right);
    for lane in 0..8 {
        let expected = if is_chosen(lane) {
            (prime() * 2_u8 - &y[lane], right[lane])
        } else {
            (y[lane].clone(), left[lane])
        };
        assert_eq!((negated[lane].clone(), replaced[lane]), expected);
        assert_eq!(rotated[lane], left[(lane + 3) % 8]);
    }
    let carried = a.carried();
    check_reduced(&carried);
    check_equal(&values(&carried), |lane| x[lane].clone());
}

/// All that is said of elements near the multiples of the prime, and of any.
#[target_feature(enable = "avx512f")]
fn check_canonical<F: Tested<N>, const N: usize>(proof: F::Proof, numbers: [BigUint; 8]) {
    let bits: [[u64; 4]; 8] = numbers.each_ref().map(|number| {
        let digits = number.to_u64_digits();
        std::array::from_fn(|i| digits.get(i).copied().unwrap_or_default())
    });
    let words = |i: usize| std::array::from_fn(|lane| bits[lane][i]);
    let element: F = from_bits(proof, std::array::from_fn(|i| vector(words(i))));
    check_reduced(&element);
    let found = lanes(canonical(&element));
    for (lane, number) in numbers.iter().enumerate() {
        let expected = number % prime();
        assert_eq!(value(&found[lane], WORD_WEIGHTS), expected, "{number:x}");
        let is = |mask: Mask| mask >> lane & 1 == 1;
        assert_eq!(is(is_zero(&element)), expected == BigUint::ZERO);
        assert_eq!(is(is_odd(&element)), expected.bit(0));
    }
}

/// Below 2^255: near 0, near the prime and at the end, or any.
fn number() -> impl Strategy<Value = BigUint> {
    prop_oneof![
        (0..40_u8).prop_map(BigUint::from),
        (0..40_u8).prop_map(|less| prime() + 18_u8 - less),
        any::<[u8; 32]>().prop_map(|mut bytes| {
            bytes[31] &= 0x7f;
            BigUint::from_bytes_le(&bytes)
        }),
    ]
}

/// Limbs of any size that may be carried.
fn check_carried<F: Tested<N>, const N: usize>(proof: F::Proof, limbs: &Eight<N>) {
    let element: F = field(proof, limbs);
    let carried = element.carried();
    check_reduced(&carried);
    let values = values(&element);
    check_equal(&self::values(&carried), |lane| values[lane].clone());
}

macro_rules! for_both {
    ($($module:ident: $limbs:literal, $proof:ident;)+) => {$(
        mod $module {
            use super::*;

            type Eight = super::Eight<$limbs>;

            fn elements(times: u64) -> impl Strategy<Value = Eight> {
                super::elements::<Limbs<$limbs>, $limbs>(times)
            }

            proptest! {
                #![proptest_config(ProptestConfig::with_cases(2_000))]

                #[test]
                fn products_are_those_of_integers(left in elements(5), right in elements(3)) {
                    if let Some(proof) = $proof::found() {
                        check_products::<Limbs<$limbs>, $limbs>(proof, &left, &right);
                    }
                }

                #[test]
                fn sums_and_differences_are_those_of_integers(
                    left in elements(4), right in elements(1), mask in any::<u8>()
                ) {
                    if let Some(proof) = $proof::found() {
                        check_sums::<Limbs<$limbs>, $limbs>(proof, &left, &right, mask);
                    }
                }

                #[test]
                fn carried_limbs_are_reduced(
                    limbs in proptest::array::uniform8(
                        proptest::array::uniform::<_, $limbs>(prop_oneof![
                            Just(<Limbs<$limbs> as Tested<$limbs>>::CARRIED),
                            0..=<Limbs<$limbs> as Tested<$limbs>>::CARRIED
                        ])
                    )
                ) {
                    if let Some(proof) = $proof::found() {
                        check_carried::<Limbs<$limbs>, $limbs>(proof, &limbs);
                    }
                }

                #[test]
                fn numbers_are_told_below_the_prime(
                    numbers in proptest::array::uniform8(number())
                ) {
                    if let Some(proof) = $proof::found() {
                        // SAFETY: there is the proof.
                        unsafe { check_canonical::<Limbs<$limbs>, $limbs>(proof, numbers) }
                    }
                }
            }
        }
    )+};
}

for_both! {
    ten: 10, Avx512;
    five: 5, Ifma;
}
