//! Nodes of one size under dense indices, in chunks that never move.

use crate::memory::{large_vec, prefetch_line};

/// Nodes in a chunk: 2 to this. Some megabytes, of which most lies on huge pages.
const CHUNK_BITS: u32 = 17;
const CHUNK: usize = 1 << CHUNK_BITS;

/// Nodes under dense indices, of which those given back are used first.
pub(super) struct Arena<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
}

impl<T: Copy> Arena<T> {
    pub(super) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Nodes in use.
    pub(super) fn len(&self) -> usize {
        self.ever_used() - self.free.len()
    }

    fn ever_used(&self) -> usize {
        match self.chunks.last() {
            Some(last) => (self.chunks.len() - 1) * CHUNK + last.len(),
            None => 0,
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.ever_used() * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }

    pub(super) fn insert(&mut self, node: T) -> u32 {
        if let Some(index) = self.free.pop() {
            *self.get_mut(index) = node;
            return index;
        }
        let index = self.ever_used();
        if index.is_multiple_of(CHUNK) {
            self.chunks.push(large_vec(CHUNK));
        }
        let last = self.chunks.last_mut().expect("there is a chunk with room");
        last.push(node);
        assert!(index < 1 << 31, "a trie has at most 2^31 accounts");
        index as u32
    }

    /// Gives an index back. Nobody may use it any more.
    pub(super) fn remove(&mut self, index: u32) {
        self.free.push(index);
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> &T {
        &self.chunks[(index >> CHUNK_BITS) as usize][index as usize % CHUNK]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[(index >> CHUNK_BITS) as usize][index as usize % CHUNK]
    }

    /// Starts loading a node, which may reach over two cache lines.
    #[inline]
    pub(super) fn prefetch(&self, index: u32) {
        let node: *const T = self.get(index);
        prefetch_line(node);
        prefetch_line(node.cast::<u8>().wrapping_add(size_of::<T>() - 1));
    }
}
