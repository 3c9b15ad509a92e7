//! Sums in lanes find what they are to find, and for what it may cost.

use super::*;
use crate::tests::check_work;

#[test]
fn bad_signatures_cost_what_they_cost_with_other_sums() {
    if let Some(proof) = Avx512::found() {
        check_work(|| LanesOf::<Limbs<10>>::new(proof));
    }
    if let Some(proof) = Ifma::found() {
        check_work(|| LanesOf::<Limbs<5>>::new(proof));
    }
}
