//! What accounts became, gathered as it is written and kept apart by path, until the trie takes it over.

use super::node::Path;
use super::update::Change;
use crate::memory::prefetch_line;
use ahash::AHashMap;
use sealane_sdk::light::{AccountContents, Domain, EMPTY_DATA_HASH, account_path};
use sealane_sdk::{AccountState, Hash, Pubkey};

/// Accounts that are hashed at a time.
const TOGETHER: usize = 64;

/// An account with more data is hashed as what it is in the end, not once for each entry that writes it.
const HASHED_AT_ONCE_MAX: usize = 1_024;

/// Changes that lie together, at most: 4 KiB.
const CHUNK: usize = 64;

/// So many of them are loaded ahead: the processor sees then where this goes.
const LOADED_AHEAD: usize = 8;

/// The contents of an account of the System program without data and, so far, without lamports.
const PLAIN: [u8; 128] = {
    let mut contents = [0; 128];
    let mut at = 0;
    while at < 32 {
        contents[64 + at] = EMPTY_DATA_HASH.as_bytes()[at];
        at += 1;
    }
    contents
};

/// Changes of accounts, hashed, for `StateTrie::apply_changes`. Gathering them is a good half of the work, and needs no trie.
///
/// They lie apart by the first byte of their paths. So a part, its order and what it changes of the trie are in the
/// caches together, where a whole slot would go through memory at each step.
pub struct StateChanges {
    /// In the order of the paths.
    pub(super) parts: Vec<Part>,
    /// Not hashed yet, and of no part.
    group: Group,
    /// Accounts with much data, as they were written last: their changes say `LATER`.
    large: AHashMap<Path, AccountState>,
    /// Hashes of the contents of these, once they are settled.
    pub(super) settled: AHashMap<Path, [u8; 32]>,
}

impl Default for StateChanges {
    fn default() -> Self {
        Self::new()
    }
}

impl StateChanges {
    /// None.
    pub fn new() -> Self {
        Self {
            parts: (0..1 << u8::BITS).map(|_| Part::default()).collect(),
            group: Group::new(),
            large: AHashMap::new(),
            settled: AHashMap::new(),
        }
    }

    /// Adds what an account became. Of several of one account, the last one counts.
    #[inline]
    pub fn add(&mut self, key: &Pubkey, state: &AccountState) {
        self.group.put_contents(state);
        self.add_with_contents(key);
    }

    /// The same of an account of the System program without data, with this balance, not 0.
    #[inline]
    pub fn add_plain(&mut self, key: &Pubkey, lamports: u64) {
        self.group.put_plain_contents(lamports);
        self.add_with_contents(key);
    }

    /// Adds the account whose contents were put. They come first, as the key was most often just put together from words,
    /// and is waited for if it is copied at once.
    #[inline]
    fn add_with_contents(&mut self, key: &Pubkey) {
        let group = &mut self.group;
        group.path_inputs[group.count][..32].copy_from_slice(key.as_array());
        group.count += 1;
        if group.count == TOGETHER {
            self.hash_group();
        }
    }

    fn hash_group(&mut self) {
        let Group {
            count,
            path_inputs,
            content_inputs,
            kinds,
            large,
            paths,
            hashes,
        } = &mut self.group;
        let count = std::mem::take(count);
        Domain::AccountPath.hash_many(&path_inputs[..count], &mut paths[..count]);
        Domain::AccountContents.hash_many(&content_inputs[..count], &mut hashes[..count]);
        let mut large = large.drain(..);
        for ((path, hash), kind) in paths.iter().zip(&*hashes).zip(&*kinds).take(count) {
            let contents = match kind {
                Kind::Small => hash,
                Kind::Absent => &Change::ABSENT,
                Kind::Large => {
                    let state = large.next().expect("it was pushed with its kind");
                    self.large.insert(*path, state);
                    &Change::LATER
                }
            };
            push(&mut self.parts, path, contents);
        }
    }

    /// Adds the hash of an account's contents (`AccountContents::hash`), or `None` where it does not exist any more.
    pub fn add_hash(&mut self, key: &Pubkey, contents: Option<Hash>) {
        let contents = contents.map_or(Change::ABSENT, |contents| contents.to_bytes());
        self.hash_group();
        push(&mut self.parts, &account_path(key), &contents);
    }

    /// Hashes what is left to be hashed: linear in the data of large accounts. Taking over does it otherwise.
    pub fn settle(&mut self) {
        self.hash_group();
        for (path, state) in self.large.drain() {
            let contents = AccountContents::of(&state).expect("what does not exist is not large");
            self.settled.insert(path, contents.hash().to_bytes());
        }
    }

    /// Forgets all changes.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

/// By reference: a change that is put together beforehand, and then looked at, is copied in pieces that wait for
/// each other, which took as long as its hashes.
#[inline]
fn push(parts: &mut [Part], path: &Path, contents: &[u8; 32]) {
    parts[usize::from(path[0])].push(path, contents);
}

/// Changes in the order in which they were written. They come in chunks, so that none is ever moved.
#[derive(Default)]
pub(super) struct Part {
    /// Each of `CHUNK` changes.
    full: Vec<Vec<Change>>,
    open: Vec<Change>,
}

impl Part {
    #[inline]
    fn push(&mut self, path: &Path, contents: &[u8; 32]) {
        if self.open.len() == CHUNK {
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(CHUNK));
            self.full.push(full);
        }
        self.open.push(Change {
            path: *path,
            contents: *contents,
        });
        // Where the next goes: some two hundred go elsewhere before it.
        prefetch_line(self.open.as_ptr().wrapping_add(self.open.len()));
    }

    pub(super) fn len(&self) -> usize {
        self.full.len() * CHUNK + self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In their order, in pieces of which the next is being loaded.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &[Change]> {
        let chunks = self.full.iter().chain([&self.open]);
        chunks.enumerate().map(|(i, chunk)| {
            let next = self.full.get(i + 1).unwrap_or(&self.open);
            next.iter()
                .take(LOADED_AHEAD)
                .for_each(|change| prefetch_line(change));
            &chunk[..]
        })
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Change {
        let (chunk, place) = (place as usize / CHUNK, place as usize % CHUNK);
        let chunk = self.full.get(chunk).unwrap_or(&self.open);
        &chunk[place]
    }
}

/// Whether an account is hashed as what it is in the end.
pub(super) fn is_large(state: &AccountState) -> bool {
    state.data.len() > HASHED_AT_ONCE_MAX
}

/// What an account has to be hashed.
#[derive(Clone, Copy)]
enum Kind {
    Small,
    Absent,
    Large,
}

/// Accounts whose paths and contents are hashed together: `TOGETHER` places of each kind, of which no stack has to have
/// room.
struct Group {
    count: usize,
    path_inputs: Vec<[u8; 64]>,
    /// Of one that is not small, something else.
    content_inputs: Vec<[u8; 128]>,
    kinds: Vec<Kind>,
    /// The large ones, in their order.
    large: Vec<AccountState>,
    paths: Vec<Path>,
    hashes: Vec<[u8; 32]>,
}

impl Group {
    fn new() -> Self {
        Self {
            count: 0,
            path_inputs: vec![[0; 64]; TOGETHER],
            content_inputs: vec![[0; 128]; TOGETHER],
            kinds: vec![Kind::Absent; TOGETHER],
            large: Vec::new(),
            paths: vec![[0; 32]; TOGETHER],
            hashes: vec![[0; 32]; TOGETHER],
        }
    }

    /// Puts the contents of the next account.
    fn put_contents(&mut self, state: &AccountState) {
        let at = self.count;
        self.kinds[at] = if state.is_absent() {
            Kind::Absent
        } else if is_large(state) {
            self.large.push(state.clone());
            Kind::Large
        } else {
            let contents = AccountContents::of(state).expect("it is not absent");
            self.content_inputs[at] = contents.to_bytes();
            Kind::Small
        };
    }

    /// The same of an account of the System program without data.
    #[inline]
    fn put_plain_contents(&mut self, lamports: u64) {
        let at = self.count;
        self.kinds[at] = Kind::Small;
        self.content_inputs[at] = PLAIN;
        self.content_inputs[at][..8].copy_from_slice(&lamports.to_le_bytes());
    }
}
