//! From changes in the order in which they were written to one for each account, sorted by path.

use super::changes::Part;
use super::node::Path;
use super::update::Change;

/// Puts parts of changes into their order, and keeps the room that this takes.
#[derive(Default)]
pub(super) struct Sorting {
    /// For each of the first bits, where the next goes.
    next: Vec<u32>,
    /// The heads of the paths, and the places of their changes.
    order: Vec<(u64, u32)>,
}

impl Sorting {
    /// Appends the changes of a part, whose paths share their first byte, sorted by path; of equal paths the last.
    pub(super) fn append(&mut self, changes: &Part, sorted: &mut Vec<Change>) {
        self.sort(changes);
        let is_last = |i: usize| match &self.order[i..self.order.len().min(i + 2)] {
            [(a_head, a), (b_head, b)] => {
                a_head != b_head || changes.get(*a).path != changes.get(*b).path
            }
            _ => true,
        };
        let last = (0..self.order.len()).filter(|i| is_last(*i));
        sorted.extend(last.map(|i| *changes.get(self.order[i].1)));
    }

    /// Makes `order` what its name says.
    fn sort(&mut self, changes: &Part) {
        // Some two or three of them, as hashes are spread evenly. Keys that were made up not to be only make the
        // sorting of a bucket cost more.
        let bits = (changes.len().max(4).ilog2() - 1).min(16);
        let bucket = |head: u64| (head >> (64 - bits)) as usize;
        self.next.clear();
        self.next.resize(1 << bits, 0);
        for change in changes.chunks().flatten() {
            self.next[bucket(head(&change.path))] += 1;
        }
        let mut start = 0;
        for next in &mut self.next {
            start += std::mem::replace(next, start);
        }
        self.order.resize(changes.len(), (0, 0));
        for (change, place) in changes.chunks().flatten().zip(0..) {
            let head = head(&change.path);
            let next = &mut self.next[bucket(head)];
            self.order[*next as usize] = (head, place);
            *next += 1;
        }
        // The head of a path tells nearly all of them apart without fetching them.
        for bucket in self
            .order
            .chunk_by_mut(|(a, _), (b, _)| bucket(*a) == bucket(*b))
        {
            bucket.sort_unstable_by(|(a_head, a), (b_head, b)| {
                let whole = || {
                    let path = |place: u32| &changes.get(place).path;
                    path(*a).cmp(path(*b))
                };
                a_head.cmp(b_head).then_with(whole).then(a.cmp(b))
            });
        }
    }
}

/// Eight bytes of a path, but for the first, which all of a part share.
#[inline]
fn head(path: &Path) -> u64 {
    let mut head = [0; 8];
    head.copy_from_slice(&path[1..9]);
    u64::from_be_bytes(head)
}
