//! From what was written to changes sorted by path, one for each account.

use super::node::Path;
use super::update::Change;
use crate::memory::prefetch;
use sealane_sdk::light::{AccountContents, Domain};
use sealane_sdk::{AccountState, Hash, Pubkey};

/// Inputs that are gathered and hashed at a time.
const TOGETHER: usize = 64;

/// Changes of accounts, one for each, hashed and sorted: ready for `StateTrie::apply_changes`. Making
/// them is about half of the work, and needs no trie.
#[derive(Default)]
pub struct StateChanges(pub(super) Vec<Change>);

impl StateChanges {
    /// From hashes of contents, `None` for an account that does not exist; the last of each key.
    pub fn of_hashes(changes: impl IntoIterator<Item = (Pubkey, Option<Hash>)>) -> Self {
        let changes: Vec<(Pubkey, Option<Hash>)> = changes.into_iter().collect();
        let paths = paths(changes.len(), changes.iter().map(|(key, _)| key));
        let change = |place: usize| Change {
            path: paths[place],
            contents: changes[place].1.map(|contents| contents.to_bytes()),
        };
        Self(last_places(&paths).into_iter().map(change).collect())
    }

    /// From states, in the order in which they were written; the last of each key. Only that is hashed, its
    /// data whole.
    pub fn of_states(written: &[Vec<(Pubkey, AccountState)>]) -> Self {
        let count = written.iter().map(Vec::len).sum();
        let paths = paths(count, written.iter().flatten().map(|(key, _)| key));
        let states: Vec<&AccountState> = written.iter().flatten().map(|(_, state)| state).collect();
        let places = last_places(&paths);
        let mut changes = Vec::with_capacity(places.len());
        let mut groups = places.chunks(TOGETHER).peekable();
        while let Some(places) = groups.next() {
            for ahead in groups.peek().copied().unwrap_or_default() {
                prefetch(states[*ahead]);
                prefetch(&paths[*ahead]);
            }
            let hashes = hash_contents(places.iter().map(|place| states[*place]));
            let contents = places.iter().zip(hashes);
            changes.extend(contents.map(|(place, contents)| Change {
                path: paths[*place],
                contents,
            }));
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

/// Hash of the contents of each account, of which there are at most `TOGETHER`; `None` for one that does
/// not exist.
fn hash_contents<'a>(
    states: impl Iterator<Item = &'a AccountState>,
) -> impl Iterator<Item = Option<[u8; 32]>> {
    let mut inputs = [[0; 128]; TOGETHER];
    let mut exist = [false; TOGETHER];
    let mut count = 0;
    for state in states {
        if let Some(contents) = AccountContents::of(state) {
            inputs[count] = contents.to_bytes();
            exist[count] = true;
        }
        count += 1;
    }
    let mut hashes = [[0; 32]; TOGETHER];
    Domain::AccountContents.hash_many(&inputs[..count], &mut hashes[..count]);
    let hashes = exist.into_iter().zip(hashes).take(count);
    hashes.map(|(exists, hash)| exists.then_some(hash))
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
fn last_places(paths: &[Path]) -> Vec<usize> {
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
    last.map(|places| places[0].1 as usize).collect()
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
