//! From what was written to changes sorted by path, one for each account.

use super::node::Path;
use super::update::Change;
use crate::memory::prefetch_line;
use sealane_sdk::light::{AccountContents, Domain};
use sealane_sdk::{AccountState, Hash, Pubkey};

/// Inputs that are gathered and hashed at a time.
const TOGETHER: usize = 64;

/// Changes of accounts, one for each, hashed and sorted: ready for `StateTrie::apply_changes`. Making
/// them is a fifth to a third of the work, and needs no trie.
#[derive(Default)]
pub struct StateChanges(pub(super) Vec<Change>);

impl StateChanges {
    /// From hashes of contents, `None` for an account that does not exist; the last of each key.
    pub fn of_hashes(changes: impl IntoIterator<Item = (Pubkey, Option<Hash>)>) -> Self {
        let changes: Vec<(Pubkey, Option<Hash>)> = changes.into_iter().collect();
        let paths = paths(changes.len(), changes.iter().map(|(key, _)| key));
        let change = |place: u32| {
            let contents = changes[place as usize].1;
            let contents = contents.map(|contents| contents.to_bytes());
            Change::new(paths[place as usize], contents)
        };
        Self(last_places(&paths).into_iter().map(change).collect())
    }

    /// From states, in the order in which they were written; the last of each key. Only that is hashed, its
    /// data whole.
    pub fn of_states(written: &[Vec<(Pubkey, AccountState)>]) -> Self {
        let count = written.iter().map(Vec::len).sum();
        let paths = paths(count, written.iter().flatten().map(|(key, _)| key));
        let (ranks, count) = ranks(&paths);
        let mut changes = vec![Change::new([0; 32], None); count];
        // In the order in which they were written, as it is what is read of each that is large.
        let states = written.iter().flatten().map(|(_, state)| state);
        let last = states.zip(paths.iter().zip(ranks));
        let last = last.filter(|(_, (_, rank))| *rank != SUPERSEDED);
        let mut last = last.map(|(state, (path, rank))| (state, path, rank as usize));
        let mut group = Group::new();
        while group.fill(&mut last, &changes) {
            group.hash(&mut changes);
        }
        Self(changes)
    }

    /// Accounts that changed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Accounts whose contents are hashed together.
struct Group<'a> {
    inputs: [[u8; 128]; TOGETHER],
    /// The path of each, whether it exists, and its place among the changes.
    of: Vec<(&'a Path, bool, usize)>,
    hashes: [[u8; 32]; TOGETHER],
}

impl<'a> Group<'a> {
    fn new() -> Self {
        Self {
            inputs: [[0; 128]; TOGETHER],
            of: Vec::with_capacity(TOGETHER),
            hashes: [[0; 32]; TOGETHER],
        }
    }

    /// Takes the next of them, whose places it starts loading; `false`: there are none.
    fn fill(
        &mut self,
        states: &mut impl Iterator<Item = (&'a AccountState, &'a Path, usize)>,
        changes: &[Change],
    ) -> bool {
        self.of.clear();
        for (input, (state, path, place)) in self.inputs.iter_mut().zip(states) {
            prefetch_line(&changes[place]);
            let contents = AccountContents::of(state);
            self.of.push((path, contents.is_some(), place));
            if let Some(contents) = contents {
                *input = contents.to_bytes();
            }
        }
        !self.of.is_empty()
    }

    fn hash(&mut self, changes: &mut [Change]) {
        let count = self.of.len();
        Domain::AccountContents.hash_many(&self.inputs[..count], &mut self.hashes[..count]);
        for ((path, exists, place), hash) in self.of.iter().zip(&self.hashes) {
            changes[*place] = Change::new(**path, exists.then_some(*hash));
        }
    }
}

/// The rank of one that is not the last of its path.
const SUPERSEDED: u32 = u32::MAX;

/// For each path its place among all different ones, sorted, if it is the last of its kind; and how many there are.
fn ranks(paths: &[Path]) -> (Vec<u32>, usize) {
    let mut ranks = vec![SUPERSEDED; paths.len()];
    let places = last_places(paths);
    for (place, rank) in places.iter().zip(0..) {
        ranks[*place as usize] = rank;
    }
    (ranks, places.len())
}

/// The path of each key, as `account_path` gives it.
fn paths<'a>(count: usize, mut keys: impl Iterator<Item = &'a Pubkey>) -> Vec<Path> {
    let mut paths = vec![[0; 32]; count];
    for paths in paths.chunks_mut(TOGETHER) {
        let mut inputs = [[0; 64]; TOGETHER];
        for (input, key) in inputs.iter_mut().zip(keys.by_ref().take(paths.len())) {
            input[..32].copy_from_slice(key.as_array());
        }
        Domain::AccountPath.hash_many(&inputs[..paths.len()], paths);
    }
    paths
}

/// The places of the paths, sorted by path; of equal paths the last.
fn last_places(paths: &[Path]) -> Vec<u32> {
    // Some four of them, as hashes are spread evenly. Keys that were made up not to be only make the sorting
    // of a bucket cost more.
    let bits = (paths.len().max(8).ilog2() - 2).min(16);
    let bucket = |head: u64| head >> (64 - bits);
    let mut order = by_bucket(paths, bits);
    // The head of a path tells nearly all of them apart without fetching them.
    for bucket in order.chunk_by_mut(|(a, _), (b, _)| bucket(*a) == bucket(*b)) {
        bucket.sort_unstable_by(|(a_head, a), (b_head, b)| {
            let whole = || paths[*a as usize].cmp(&paths[*b as usize]);
            a_head.cmp(b_head).then_with(whole).then(a.cmp(b))
        });
    }
    let is_last = |places: &[(u64, u32)]| match places {
        [(a_head, a), (b_head, b)] => a_head != b_head || paths[*a as usize] != paths[*b as usize],
        _ => true,
    };
    let following = (0..order.len()).map(|i| &order[i..order.len().min(i + 2)]);
    let last = following.filter(|places| is_last(places));
    last.map(|places| places[0].1).collect()
}

/// The heads of the paths and their places, in the order of so many of the first bits.
fn by_bucket(paths: &[Path], bits: u32) -> Vec<(u64, u32)> {
    let bucket = |path: &Path| (head(path) >> (64 - bits)) as usize;
    let mut next = vec![0_u32; 1 << bits];
    paths.iter().for_each(|path| next[bucket(path)] += 1);
    let mut start = 0;
    for next in &mut next {
        start += std::mem::replace(next, start);
    }
    let mut order = vec![(0, 0); paths.len()];
    for (path, place) in paths.iter().zip(0..) {
        let next = &mut next[bucket(path)];
        order[*next as usize] = (head(path), place);
        *next += 1;
    }
    order
}

fn head(path: &Path) -> u64 {
    let mut head = [0; 8];
    head.copy_from_slice(&path[..8]);
    u64::from_be_bytes(head)
}
