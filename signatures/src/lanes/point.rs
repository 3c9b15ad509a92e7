//! Points of edwards25519, eight at once: -x² + y² = 1 + dx²y², in extended coordinates (Hisil, Wong, Carter, Dawson,
//! "Twisted Edwards Curves Revisited", 2008). Their addition is complete: it holds for all points, those of small order
//! and equal ones among them, as -1 is a square and d is none.
//!
//! Every coordinate is reduced, as `Field` means it.

#[cfg(test)]
mod tests;

use super::field::{self, Field, Mask, from_bits, is_odd, is_zero, powers_for_roots, splat};
use core::arch::x86_64::*;

/// -121665 / 121666.
const D: [u64; 4] = [
    0x75eb_4dca_1359_78a3,
    0x0070_0a4d_4141_d8ab,
    0x8cc7_4079_7779_e898,
    0x5203_6cee_2b6f_fe73,
];
const TWICE_D: [u64; 4] = [
    0xebd6_9b94_26b2_f159,
    0x00e0_149a_8283_b156,
    0x198e_80f2_eef3_d130,
    0x2406_d9dc_56df_fce7,
];
const ROOT_OF_MINUS_1: [u64; 4] = [
    0xc4ee_1b27_4a0e_a0b0,
    0x2f43_1806_ad2f_e478,
    0x2b4d_0099_3dfb_d7a7,
    0x2b83_2480_4fc1_df0b,
];

/// Eight points: x = X/Z, y = Y/Z, xy = T/Z.
#[derive(Clone, Copy)]
pub(crate) struct Points<F> {
    x: F,
    y: F,
    z: F,
    t: F,
}

/// A point to be added, by itself: y + x, y - x and 2dxy, five words each.
#[derive(Clone, Copy)]
pub(super) struct Addend([__m512i; 2]);

/// Eight points in memory.
pub(super) type PackedPoints = [__m512i; 20];

/// Lane `i` of vector `j` becomes lane `j` of vector `i`.
#[target_feature(enable = "avx512f")]
#[inline]
fn transposed(rows: [__m512i; 8]) -> [__m512i; 8] {
    let mut columns = rows;
    // Within pairs of rows first, then among those.
    let even = [
        _mm512_unpacklo_epi64(rows[0], rows[1]),
        _mm512_unpacklo_epi64(rows[2], rows[3]),
        _mm512_unpacklo_epi64(rows[4], rows[5]),
        _mm512_unpacklo_epi64(rows[6], rows[7]),
    ];
    let odd = [
        _mm512_unpackhi_epi64(rows[0], rows[1]),
        _mm512_unpackhi_epi64(rows[2], rows[3]),
        _mm512_unpackhi_epi64(rows[4], rows[5]),
        _mm512_unpackhi_epi64(rows[6], rows[7]),
    ];
    for (first, [a, b, c, d]) in [(0, even), (1, odd)] {
        let (low_ab, low_cd) = (
            _mm512_shuffle_i64x2::<0x44>(a, b),
            _mm512_shuffle_i64x2::<0x44>(c, d),
        );
        let (high_ab, high_cd) = (
            _mm512_shuffle_i64x2::<0xee>(a, b),
            _mm512_shuffle_i64x2::<0xee>(c, d),
        );
        columns[first] = _mm512_shuffle_i64x2::<0x88>(low_ab, low_cd);
        columns[first + 2] = _mm512_shuffle_i64x2::<0xdd>(low_ab, low_cd);
        columns[first + 4] = _mm512_shuffle_i64x2::<0x88>(high_ab, high_cd);
        columns[first + 6] = _mm512_shuffle_i64x2::<0xdd>(high_ab, high_cd);
    }
    columns
}

impl Addend {
    /// The identity.
    #[target_feature(enable = "avx512f")]
    pub(super) fn identity() -> Self {
        Self([
            _mm512_set_epi64(0, 0, 1, 0, 0, 0, 0, 1),
            _mm512_setzero_si512(),
        ])
    }

    /// The points that two times eight encodings say, as RFC 8032, 5.1.3 finds them, but that y may be the prime and more,
    /// and the sign of x = 0 either. Where there is none, what is returned for it is nothing.
    #[target_feature(enable = "avx512f")]
    pub(super) fn decoded<F: Field>(
        proof: F::Proof,
        encodings: &[[&[u8; 32]; 8]; 2],
    ) -> [([Self; 8], Mask); 2] {
        let [first, second] = encodings;
        let (first, second) = (
            Squares::<F>::new(proof, first),
            Squares::<F>::new(proof, second),
        );
        // The root of u/v is u v³ (u v⁷)^((p - 5) / 8), or that times the root of -1.
        let powers = powers_for_roots(&[first.uv_7, second.uv_7]);
        [first.points(&powers[0]), second.points(&powers[1])]
    }
}

/// What eight encodings say: u/v = x², with the sign of x.
struct Squares<F> {
    y: F,
    signs: Mask,
    u: F,
    v: F,
    v_3: F,
    uv_7: F,
}

impl<F: Field> Squares<F> {
    #[target_feature(enable = "avx512f")]
    fn new(proof: F::Proof, encodings: &[&[u8; 32]; 8]) -> Self {
        let word = |of: usize| {
            encodings.map(|bytes| {
                i64::from_le_bytes(bytes[8 * of..8 * of + 8].try_into().expect("eight bytes"))
            })
        };
        let vector = |[a, b, c, d, e, f, g, h]: [i64; 8]| _mm512_set_epi64(h, g, f, e, d, c, b, a);
        let words = [
            vector(word(0)),
            vector(word(1)),
            vector(word(2)),
            vector(word(3)),
        ];
        let (y, one): (F, F) = (from_bits(proof, words), field::one(proof));
        let y_squared = y.squared();
        let u = y_squared.subtract(&one);
        let v = y_squared.multiply(&splat(proof, D)).add(&one);
        let v_3 = v.squared().multiply(&v);
        let v_7 = v_3.squared().multiply(&v);
        Self {
            y,
            signs: sign_bits(words[3]),
            u,
            v,
            v_3,
            uv_7: v_7.multiply(&u),
        }
    }

    /// With (u v⁷)^((p - 5) / 8).
    #[target_feature(enable = "avx512f")]
    fn points(&self, power: &F) -> ([Addend; 8], Mask) {
        let Self { y, u, v, .. } = self;
        let proof = y.proof();
        let root = power.multiply(&self.v_3).multiply(u);
        let check = root.squared().multiply(v);
        let (is_u, is_minus_u) = (is_zero(&u.subtract(&check)), is_zero(&u.add(&check)));
        let other_root = root.multiply(&splat(proof, ROOT_OF_MINUS_1));
        let root = root.replaced_where(is_minus_u, &other_root);
        let x = root.negated_where(is_odd(&root) ^ self.signs).carried();
        let t = x.multiply(y).multiply(&splat(proof, TWICE_D));

        let [a0, a1, a2, a3, a4] = y.add(&x).carried().packed();
        let [b0, b1, b2, b3, b4] = y.subtract(&x).carried().packed();
        let [c0, c1, c2, c3, c4] = t.packed();
        let nothing = _mm512_setzero_si512();
        let low = transposed([a0, a1, a2, a3, a4, b0, b1, b2]);
        let high = transposed([b3, b4, c0, c1, c2, c3, c4, nothing]);
        let mut points = [Addend([nothing; 2]); 8];
        for (point, halves) in points.iter_mut().zip(low.into_iter().zip(high)) {
            *point = Addend([halves.0, halves.1]);
        }
        (points, is_u | is_minus_u)
    }
}

/// The lanes whose uppermost bit is set.
#[target_feature(enable = "avx512f")]
fn sign_bits(value: __m512i) -> Mask {
    _mm512_cmplt_epi64_mask(value, _mm512_setzero_si512())
}

impl<F: Field> Points<F> {
    #[target_feature(enable = "avx512f")]
    pub(super) fn identity(proof: F::Proof) -> Self {
        let (zero, one) = (field::zero(proof), field::one(proof));
        Self {
            x: zero,
            y: one,
            z: one,
            t: zero,
        }
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn packed(&self) -> PackedPoints {
        let mut packed = [_mm512_setzero_si512(); 20];
        let coordinates = [&self.x, &self.y, &self.z, &self.t];
        for (packed, coordinate) in packed.chunks_exact_mut(5).zip(coordinates) {
            packed.copy_from_slice(&coordinate.packed());
        }
        packed
    }

    /// Takes from memory the points of some lanes.
    #[target_feature(enable = "avx512f")]
    pub(super) fn replace_where(&mut self, mask: Mask, packed: &PackedPoints) {
        let proof = self.x.proof();
        let coordinates = [&mut self.x, &mut self.y, &mut self.z, &mut self.t];
        for (packed, coordinate) in packed.as_chunks().0.iter().zip(coordinates) {
            *coordinate = coordinate.replaced_where(mask, &F::unpacked(proof, *packed));
        }
    }

    /// Adds a point to that of each lane, or subtracts it. 7 multiplications.
    #[target_feature(enable = "avx512f")]
    pub(super) fn add_assign(&mut self, addends: [&Addend; 8], subtracted: Mask) {
        let [a0, a1, a2, a3, a4, b0, b1, b2] = transposed(addends.map(|addend| addend.0[0]));
        let [b3, b4, c0, c1, c2, c3, c4, _] = transposed(addends.map(|addend| addend.0[1]));
        let proof = self.x.proof();
        let (plus, minus, t) = (
            F::unpacked(proof, [a0, a1, a2, a3, a4]),
            F::unpacked(proof, [b0, b1, b2, b3, b4]),
            F::unpacked(proof, [c0, c1, c2, c3, c4]),
        );
        // -P has -x for x: y + x and y - x change places, and xy its sign.
        let y_plus_x = plus.replaced_where(subtracted, &minus);
        let y_minus_x = minus.replaced_where(subtracted, &plus);
        let a = self.y.subtract(&self.x).multiply(&y_minus_x);
        let b = self.y.add(&self.x).multiply(&y_plus_x);
        let c = self.t.negated_where(subtracted).multiply(&t);
        let d = self.z.add(&self.z);
        self.set(&b.subtract(&a), &d.subtract(&c), &d.add(&c), &b.add(&a));
    }

    /// Adds the points of others, lane by lane. 9 multiplications.
    #[target_feature(enable = "avx512f")]
    pub(super) fn add_points_assign(&mut self, other: &Self) {
        let a = self
            .y
            .subtract(&self.x)
            .multiply(&other.y.subtract(&other.x));
        let b = self.y.add(&self.x).multiply(&other.y.add(&other.x));
        let twice_d = splat(self.x.proof(), TWICE_D);
        let c = self.t.multiply(&other.t).multiply(&twice_d);
        let d = self.z.multiply(&other.z);
        let d = d.add(&d);
        self.set(&b.subtract(&a), &d.subtract(&c), &d.add(&c), &b.add(&a));
    }

    /// Doubles each point so many times. E = 2XY instead of (X + Y)² - X² - Y², and F and H of other signs, as both
    /// keep their bounds then, where F counts 5: all four coordinates change their signs.
    #[target_feature(enable = "avx512f")]
    pub(super) fn double_assign(&mut self, times: usize) {
        for left in (0..times).rev() {
            let (a, b, z_squared) = (self.x.squared(), self.y.squared(), self.z.squared());
            let xy = self.x.multiply(&self.y);
            let e = xy.add(&xy);
            let f = z_squared.add(&z_squared).add(&a).subtract(&b);
            let (g, h) = (b.subtract(&a), a.add(&b));
            self.x = f.multiply(&e);
            self.y = g.multiply(&h);
            self.z = f.multiply(&g);
            // No doubling reads it.
            if left == 0 {
                self.t = e.multiply(&h);
            }
        }
    }

    /// X = EF, Y = GH, T = EH, Z = FG. F counts 4 by the bounds of `Field`, and so is always a left factor; the others
    /// count 3 at most.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn set(&mut self, e: &F, f: &F, g: &F, h: &F) {
        self.x = f.multiply(e);
        self.y = g.multiply(h);
        self.t = e.multiply(h);
        self.z = f.multiply(g);
    }

    /// Lane `i` becomes what lane `i + by` was.
    #[target_feature(enable = "avx512f")]
    pub(super) fn rotated(&self, by: i64) -> Self {
        Self {
            x: self.x.rotated(by),
            y: self.y.rotated(by),
            z: self.z.rotated(by),
            t: self.t.rotated(by),
        }
    }

    /// Lane by lane.
    #[target_feature(enable = "avx512f")]
    pub(super) fn difference(&self, other: &Self) -> Self {
        let negative = Self {
            x: other.x.negated_where(0xff).carried(),
            t: other.t.negated_where(0xff).carried(),
            ..*other
        };
        let mut difference = *self;
        difference.add_points_assign(&negative);
        difference
    }

    /// Where the order divides 8.
    #[target_feature(enable = "avx512f")]
    pub(super) fn have_small_order(&self) -> Mask {
        let mut eightfold = *self;
        eightfold.double_assign(3);
        eightfold.is_identity()
    }

    /// Where it is the identity: x = 0 and y = 1. What has z = 0 is no point.
    #[target_feature(enable = "avx512f")]
    pub(super) fn is_identity(&self) -> Mask {
        is_zero(&self.x) & is_zero(&self.y.subtract(&self.z)) & !is_zero(&self.z)
    }

    /// The encodings of lane 0 of both.
    #[target_feature(enable = "avx512f")]
    pub(super) fn encoded(of: &[Self; 2]) -> [[u8; 32]; 2] {
        // 1/z is z^(p - 2), and p - 2 = 8 · ((p - 5) / 8) + 3.
        let mut powers = powers_for_roots(&[of[0].z, of[1].z]);
        F::square_both(&mut powers, 3);
        std::array::from_fn(|i| {
            let Self { x, y, z, .. } = &of[i];
            let inverse = powers[i].multiply(&z.squared()).multiply(z);
            let is_odd = is_odd(&x.multiply(&inverse)) & 1;
            let mut bytes = field::first_bytes(&y.multiply(&inverse));
            bytes[31] |= is_odd << 7;
            bytes
        })
    }
}
