//! The arithmetic of eight lanes against that of large integers, at the bounds and at random.

use super::*;
use num_bigint::BigUint;
use proptest::prelude::*;

fn prime() -> BigUint {
    (BigUint::from(1_u8) << 255) - 19_u8
}

/// Limbs of eight elements.
type Limbs = [[u64; 10]; 8];

#[target_feature(enable = "avx512f")]
fn field(limbs: &Limbs) -> Field {
    let vector = |i: usize| {
        let [a, b, c, d, e, f, g, h] = std::array::from_fn(|lane| limbs[lane][i] as i64);
        _mm512_set_epi64(h, g, f, e, d, c, b, a)
    };
    Field(std::array::from_fn(vector))
}

fn limbs(vectors: [__m512i; 10]) -> Limbs {
    // SAFETY: both are eight words.
    let words = vectors.map(|vector| unsafe { std::mem::transmute::<__m512i, [u64; 8]>(vector) });
    std::array::from_fn(|lane| std::array::from_fn(|i| words[i][lane]))
}

fn value(limbs: &[u64; 10]) -> BigUint {
    let weights = (0..10).map(|i| (51 * i as u64).div_ceil(2));
    let parts = limbs
        .iter()
        .zip(weights)
        .map(|(limb, weight)| BigUint::from(*limb) << weight);
    parts.sum()
}

/// The largest limbs that a bound allows, where the table says 2^`bits` for even ones.
fn largest(bits: f64) -> [u64; 10] {
    std::array::from_fn(|i| (bits - (i % 2) as f64).exp2() as u64 - 1)
}

const REDUCED: [u64; 10] = {
    let mut limbs = [(1 << 26) - 1; 10];
    let mut i = 1;
    while i < 10 {
        limbs[i] = (1 << 25) + (1 << 17) - 1;
        i += 2;
    }
    limbs
};

/// Elements with limbs below a bound: all at it, none, or at random; some limbs at it and others 0.
fn elements(most: [u64; 10]) -> impl Strategy<Value = Limbs> {
    let limb = move |most: u64| prop_oneof![1 => Just(most), 1 => Just(0), 3 => 0..=most];
    let element = most.map(limb);
    let element = prop_oneof![1 => Just(most), 8 => element];
    proptest::array::uniform8(element)
}

fn check_reduced(limbs: &Limbs) {
    for element in limbs {
        for (limb, most) in element.iter().zip(REDUCED) {
            assert!(*limb <= most, "{limb:x} of {most:x}");
        }
    }
}

#[target_feature(enable = "avx512f")]
fn check_product(left: &Limbs, right: &Limbs) {
    let product = limbs(field(left).multiply(&field(right)).0);
    check_reduced(&product);
    for lane in 0..8 {
        let expected = value(&left[lane]) * value(&right[lane]) % prime();
        assert_eq!(value(&product[lane]) % prime(), expected, "lane {lane}");
    }
}

#[target_feature(enable = "avx512f")]
fn check_square(of: &Limbs) {
    let mut square = field(of);
    square.square_assign();
    let square = limbs(square.0);
    check_reduced(&square);
    for lane in 0..8 {
        let expected = value(&of[lane]).pow(2) % prime();
        assert_eq!(value(&square[lane]) % prime(), expected, "lane {lane}");
    }
}

#[target_feature(enable = "avx512f")]
fn check_sums(left: &Limbs, right: &Limbs, mask: Mask) {
    let (a, b) = (field(left), field(right));
    let sum = limbs(a.add(&b).0);
    let difference = limbs(a.subtract(&b).0);
    let negated = limbs(b.negated_where(mask).0);
    let replaced = limbs(a.replaced_where(mask, &b).0);
    let packed = limbs(Field::unpacked(b.packed()).0);
    let carried = limbs(a.carried().0);
    check_reduced(&carried);
    for lane in 0..8 {
        let (x, y) = (value(&left[lane]), value(&right[lane]));
        let is_chosen = mask >> lane & 1 == 1;
        assert_eq!(value(&sum[lane]), &x + &y);
        assert_eq!(value(&difference[lane]), &x + prime() * 2_u8 - &y);
        let expected = if is_chosen {
            prime() * 2_u8 - &y
        } else {
            y.clone()
        };
        assert_eq!(value(&negated[lane]), expected);
        assert_eq!(
            replaced[lane],
            if is_chosen { right[lane] } else { left[lane] }
        );
        assert_eq!(packed[lane], right[lane]);
        assert_eq!(value(&carried[lane]) % prime(), x % prime());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn products_are_those_of_integers(left in elements(largest(28.4)), right in elements(largest(27.6))) {
        // SAFETY: there is AVX-512 where this is asked.
        if crate::lanes::is_available() { unsafe { check_product(&left, &right) } }
    }

    #[test]
    fn squares_are_those_of_integers(of in elements(largest(27.6))) {
        // SAFETY: as above.
        if crate::lanes::is_available() { unsafe { check_square(&of) } }
    }

    #[test]
    fn sums_and_differences_are_those_of_integers(
        left in elements(largest(28.4)), right in elements(REDUCED), mask in any::<u8>()
    ) {
        // SAFETY: as above.
        if crate::lanes::is_available() { unsafe { check_sums(&left, &right, mask) } }
    }
}
