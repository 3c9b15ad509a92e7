//! The bytes of one account, persistent: a clone is a reference count, a write copies what it touches.
//!
//! Up to 8 KiB the bytes are one shared allocation, none if empty; beyond, see `paged`. A value
//! that nobody shares is written in place. Clones may be read from any thread; a write changes only the
//! value it is called on.

mod overlay;
mod paged;

use paged::Paged;
use std::borrow::Cow;
use std::fmt;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

/// Bytes of a page of a large account.
pub(crate) const PAGE: usize = 4096;

/// Bytes that are one allocation, which a write copies whole.
const SMALL_MAX: usize = 8192;

/// The bytes of an account: cheap to clone (shared, reference-counted), copied only where written.
///
/// Up to 8 KiB it is one allocation. A large account is a contiguous base plus an overlay of written
/// pages, so that writing 100 bytes of 10 MiB costs a page, and reading one that was not written costs
/// nothing.
#[derive(Clone)]
pub struct AccountData(Repr);

/// 16 bytes: the null of the fat pointer tells the second variant.
#[derive(Clone)]
enum Repr {
    /// From 1 byte to `SMALL_MAX`.
    Small(Arc<[u8]>),
    /// Nothing, or more than that.
    Other(Option<Arc<Paged>>),
}

impl AccountData {
    /// Number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Small(bytes) => bytes.len(),
            Repr::Other(None) => 0,
            Repr::Other(Some(paged)) => paged.len(),
        }
    }

    /// Whether there are no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Repr::Other(None))
    }

    /// All bytes, contiguous. Free, unless pages were written since it was last contiguous: then they
    /// are joined once and the joined copy is kept for every later reader of this version.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Small(bytes) => bytes,
            Repr::Other(None) => &[],
            Repr::Other(Some(paged)) => paged.as_slice(),
        }
    }

    /// The bytes in `range`: borrowed where they lie in one page or in what was never written, else
    /// copied. Panics if the range reaches beyond the end, as slices do.
    pub fn read(&self, range: impl RangeBounds<usize>) -> Cow<'_, [u8]> {
        let range = self
            .resolve(range)
            .expect("range within the account's data");
        match &self.0 {
            Repr::Small(bytes) => Cow::Borrowed(&bytes[range]),
            Repr::Other(None) => Cow::Borrowed(&[]),
            Repr::Other(Some(paged)) => paged.read(range),
        }
    }

    /// Overwrites the bytes from `start` on, copying the pages it touches if they are shared. Panics if
    /// that reaches beyond the end, as slices do.
    pub fn write(&mut self, start: usize, bytes: &[u8]) {
        let end = start
            .checked_add(bytes.len())
            .expect("range within the account's data");
        assert!(end <= self.len(), "range within the account's data");
        match &mut self.0 {
            Repr::Small(all) => Arc::make_mut(all)[start..end].copy_from_slice(bytes),
            Repr::Other(None) => {}
            Repr::Other(Some(paged)) => paged_mut(paged).write(start, bytes),
        }
    }

    /// All bytes, to be written. Copies what is shared; a large account whole.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Repr::Small(bytes) => Arc::make_mut(bytes),
            Repr::Other(None) => &mut [],
            Repr::Other(Some(paged)) => paged_mut(paged).as_mut_slice(),
        }
    }

    /// Changes the length. New bytes are zero and, beyond the last page, cost nothing yet.
    pub fn resize(&mut self, len: usize) {
        if len == self.len() {
        } else if len == 0 {
            *self = Self::default();
        } else if len <= SMALL_MAX {
            let kept = self.len().min(len);
            let mut bytes = vec![0; len];
            bytes[..kept].copy_from_slice(&self.read(..kept));
            self.0 = Repr::Small(bytes.into());
        } else {
            match &mut self.0 {
                Repr::Other(Some(paged)) => paged_mut(paged).resize(len),
                Repr::Other(None) => self.0 = grown(Arc::default(), len),
                Repr::Small(bytes) => self.0 = grown(std::mem::take(bytes), len),
            }
        }
    }

    /// Whether all bytes are zero.
    pub fn is_zeroed(&self) -> bool {
        self.pages().all(|page| page.iter().all(|byte| *byte == 0))
    }

    /// Bytes of memory that this value holds and `other` does not: what keeping it beside `other` costs.
    /// Page tables count.
    pub fn bytes_beside(&self, other: &Self) -> usize {
        match (&self.0, &other.0) {
            (Repr::Other(None), _) => 0,
            (Repr::Small(a), Repr::Small(b)) if Arc::ptr_eq(a, b) => 0,
            (Repr::Small(a), _) => a.len(),
            (Repr::Other(Some(a)), Repr::Other(Some(b))) if Arc::ptr_eq(a, b) => 0,
            (Repr::Other(Some(a)), Repr::Other(b)) => a.bytes_beside(b.as_deref()),
            (Repr::Other(Some(a)), _) => a.bytes_beside(None),
        }
    }

    /// The range as indices, `None` if it reaches beyond the end.
    pub(crate) fn resolve(&self, range: impl RangeBounds<usize>) -> Option<Range<usize>> {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.checked_add(1)?,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.checked_add(1)?,
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.len(),
        };
        (start <= end && end <= self.len()).then_some(start..end)
    }

    /// The bytes in `range` to be written where they are, unless they lie on several pages of a large
    /// account: then `None`, and `read` and `write` do it with a copy of the range.
    pub(crate) fn slice_mut(&mut self, range: Range<usize>) -> Option<&mut [u8]> {
        match &mut self.0 {
            Repr::Small(bytes) => Some(&mut Arc::make_mut(bytes)[range]),
            Repr::Other(None) => Some(&mut []),
            Repr::Other(Some(paged)) => paged_mut(paged).slice_mut(range),
        }
    }

    /// The bytes, page by page.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &[u8]> {
        let count = self.len().div_ceil(PAGE);
        (0..count).map(move |index| match &self.0 {
            Repr::Small(bytes) => &bytes[index * PAGE..bytes.len().min((index + 1) * PAGE)],
            Repr::Other(None) => &[],
            Repr::Other(Some(paged)) => paged.page(index),
        })
    }
}

/// The pages, to be written: nobody else sees the change.
fn paged_mut(paged: &mut Arc<Paged>) -> &mut Paged {
    let paged = Arc::make_mut(paged);
    paged.rebase();
    paged
}

fn grown(bytes: Arc<[u8]>, len: usize) -> Repr {
    let mut paged = Paged::new(bytes);
    paged.resize(len);
    Repr::Other(Some(Arc::new(paged)))
}

impl Default for AccountData {
    fn default() -> Self {
        Self(Repr::Other(None))
    }
}

impl From<&[u8]> for AccountData {
    fn from(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            Self::default()
        } else {
            Arc::<[u8]>::from(bytes).into()
        }
    }
}

impl From<Vec<u8>> for AccountData {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl From<Arc<[u8]>> for AccountData {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(match bytes.len() {
            0 => Repr::Other(None),
            1..=SMALL_MAX => Repr::Small(bytes),
            _ => Repr::Other(Some(Arc::new(Paged::new(bytes)))),
        })
    }
}

impl PartialEq for AccountData {
    fn eq(&self, other: &Self) -> bool {
        // Shared pages are equal without being read.
        self.len() == other.len()
            && self
                .pages()
                .zip(other.pages())
                .all(|(a, b)| std::ptr::eq(a, b) || a == b)
    }
}

impl Eq for AccountData {}

impl fmt::Debug for AccountData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.read(..self.len().min(32));
        f.debug_struct("AccountData")
            .field("len", &self.len())
            .field("head", &head)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    const MIB: usize = 1 << 20;

    #[test]
    fn a_value_is_two_words_and_an_account_one_cache_line() {
        assert_eq!(size_of::<AccountData>(), 16);
        assert_eq!(size_of::<crate::AccountState>(), 64);
    }

    #[test]
    fn reading_an_unwritten_large_account_copies_nothing() {
        let bytes: Arc<[u8]> = vec![7; 10 * MIB].into();
        let data = AccountData::from(bytes.clone());
        assert_eq!(data.as_slice().as_ptr(), bytes.as_ptr());
        let across = data.read(PAGE - 10..3 * PAGE);
        assert!(matches!(across, Cow::Borrowed(b) if std::ptr::eq(b, &bytes[PAGE - 10..3 * PAGE])));
    }

    #[test]
    fn writing_100_bytes_of_10_mib_copies_a_page_and_a_table() {
        let before = AccountData::from(vec![7; 10 * MIB]);
        let mut after = before.clone();
        after.write(5 * MIB + 30, &[1; 100]);
        let cost = after.bytes_beside(&before);
        assert!((PAGE..PAGE + 2048).contains(&cost), "{cost} bytes");
        after.write(5 * MIB + 130, &[2; 100]);
        assert_eq!(
            after.bytes_beside(&before),
            cost,
            "the page is written in place"
        );
        assert_eq!(before.read(5 * MIB + 30..5 * MIB + 130)[..], [7; 100]);
        assert_eq!(after.read(5 * MIB + 30..5 * MIB + 130)[..], [1; 100]);
        assert!(matches!(
            after.read(5 * MIB..5 * MIB + PAGE),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn a_joined_version_is_the_base_of_the_next() {
        let mut data = AccountData::from(vec![7; MIB]);
        let base = data.clone();
        data.write(100, &[1]);
        let joined = data.as_slice().as_ptr();
        assert_eq!(data.as_slice().as_ptr(), joined, "joined once");
        let mut next = data.clone();
        next.write(MIB - 1, &[2]);
        assert!(next.bytes_beside(&data) < 2 * PAGE);
        assert_eq!((next.as_slice()[100], next.as_slice()[MIB - 1]), (1, 2));
        assert_eq!((base.as_slice()[100], data.as_slice()[MIB - 1]), (7, 7));
    }

    #[test]
    fn growing_to_10_mib_costs_no_zeros() {
        let mut data = AccountData::default();
        data.resize(10 * MIB);
        assert!(data.bytes_beside(&AccountData::default()) < 2 * PAGE);
        assert!(data.is_zeroed());
        data.write(9 * MIB, &[1]);
        assert!(!data.is_zeroed());
    }

    /// Random writes, resizes and clones against a `Vec<u8>`; clones must keep what they were.
    fn check(seed: u64, len_max: usize, steps: usize) {
        println!("seed {seed}, at most {len_max} bytes");
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut live: Vec<(AccountData, Vec<u8>)> = vec![Default::default()];
        for _ in 0..steps {
            let i = rng.random_range(0..live.len());
            let fork = live[i].clone();
            let (data, model) = &mut live[i];
            let range = {
                let a = rng.random_range(0..=model.len());
                let reach = if rng.random() { 100 } else { model.len() };
                a..(a + rng.random_range(0..=reach)).min(model.len())
            };
            match rng.random_range(0..7) {
                0 => {
                    let len = rng.random_range(0..=len_max);
                    data.resize(len);
                    model.resize(len, 0);
                }
                1 | 2 => {
                    let bytes = vec![rng.random(); range.len()];
                    data.write(range.start, &bytes);
                    model[range].copy_from_slice(&bytes);
                }
                3 => {
                    let byte = rng.random();
                    if let Some(slice) = data.slice_mut(range.clone()) {
                        slice.fill(byte);
                        model[range].fill(byte);
                    } else {
                        assert!(range.start / PAGE != (range.end - 1) / PAGE);
                    }
                }
                4 => assert_eq!(data.read(range.clone())[..], model[range]),
                5 => assert!(data.as_slice() == model),
                _ if rng.random_range(0..4) == 0 => {
                    data.as_mut_slice().fill(9);
                    model.fill(9);
                }
                _ => {}
            }
            assert_eq!(data.len(), model.len());
            if live.len() < 4 {
                live.push(fork);
            } else {
                let other = rng.random_range(0..4);
                assert!(
                    fork.0 == AccountData::from(fork.1.clone()),
                    "a clone changed"
                );
                assert_eq!(fork.0 == live[other].0, fork.1 == live[other].1);
                live[other] = fork;
            }
        }
        for (data, model) in &live {
            assert!(data.as_slice() == model);
            assert_eq!(data.is_zeroed(), model.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn random_operations_agree_with_a_vec() {
        for seed in 0..40 {
            check(seed, 9 * PAGE + 77, 300);
            check(seed, 200, 300);
        }
        check(99, 70 * PAGE, 300);
        // More than one branch at the top of the overlay.
        check(98, 1_200 * PAGE, 40);
    }
}
