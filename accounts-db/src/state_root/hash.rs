//! Making the hashes of the branches that changed, from the deepest up.

use super::StateTrie;
use super::node::{Kind, NodeRef};
use sealane_sdk::Hash;
use sealane_sdk::light::{Domain, EMPTY_STATE_ROOT};

/// Branches whose inputs are gathered at a time.
const TOGETHER: usize = 32;

/// What is gathered, at the same place each time: to clear it anew would take as long as the hashing.
struct Gathered {
    /// Each child's hash in its place.
    children: [[u8; 32]; 2 * TOGETHER],
    /// What leaves' hashes are made of, and the places of these.
    leaves: [[u8; 64]; 2 * TOGETHER],
    places: [usize; 2 * TOGETHER],
    /// What was made of either.
    hashes: [[u8; 32]; 2 * TOGETHER],
}

impl StateTrie {
    /// All children of a branch are deeper than it is, so at its turn their hashes are there. To be called when all
    /// changes below what is dirty are taken over; so no dirty branch goes away again.
    pub(super) fn hash_dirty(&mut self) {
        let mut gathered = Gathered {
            children: [[0; 32]; 2 * TOGETHER],
            leaves: [[0; 64]; 2 * TOGETHER],
            places: [0; 2 * TOGETHER],
            hashes: [[0; 32]; 2 * TOGETHER],
        };
        for depth in (0..=u8::MAX).rev() {
            if self.dirty[usize::from(depth)].is_empty() {
                continue;
            }
            let mut dirty = std::mem::take(&mut self.dirty[usize::from(depth)]);
            let mut groups = dirty.chunks(TOGETHER).peekable();
            while let Some(branches) = groups.next() {
                self.load_ahead_of(groups.peek().copied().unwrap_or_default());
                self.hash_branches(depth, branches, &mut gathered);
            }
            dirty.clear();
            self.dirty[usize::from(depth)] = dirty;
        }
    }

    /// Starts loading the children of branches.
    fn load_ahead_of(&self, branches: &[u32]) {
        for branch in branches {
            let children = self.branches.get(*branch).children;
            children.into_iter().for_each(|child| self.prefetch(child));
        }
    }

    fn hash_branches(&mut self, depth: u8, branches: &[u32], gathered: &mut Gathered) {
        let Gathered {
            children,
            leaves,
            places,
            hashes,
        } = gathered;
        let mut leaf_count = 0;
        for (i, branch) in branches.iter().enumerate() {
            debug_assert_eq!(self.branches.get(*branch).depth, depth);
            for (side, child) in self.branches.get(*branch).children.iter().enumerate() {
                match child.kind() {
                    Kind::Branch(child) => children[2 * i + side] = self.branches.get(child).hash,
                    Kind::Leaf(leaf) => {
                        leaves[leaf_count] = self.leaf_input(leaf);
                        places[leaf_count] = 2 * i + side;
                        leaf_count += 1;
                    }
                }
            }
        }
        Domain::AccountLeaf.hash_many(&leaves[..leaf_count], &mut hashes[..leaf_count]);
        for (place, hash) in places[..leaf_count].iter().zip(&*hashes) {
            children[*place] = *hash;
        }
        let inputs = children.as_flattened().as_chunks::<64>().0;
        Domain::AccountBranch(depth)
            .hash_many(&inputs[..branches.len()], &mut hashes[..branches.len()]);
        for (branch, hash) in branches.iter().zip(&*hashes) {
            self.branches.get_mut(*branch).hash = *hash;
        }
    }

    fn leaf_input(&self, leaf: u32) -> [u8; 64] {
        let leaf = self.leaves.get(leaf);
        let mut input = [0; 64];
        input[..32].copy_from_slice(&leaf.path);
        input[32..].copy_from_slice(&leaf.contents);
        input
    }

    /// Hash of a node that is not dirty.
    pub(super) fn hash_of(&self, node: NodeRef) -> [u8; 32] {
        match node.kind() {
            Kind::Branch(branch) => self.branches.get(branch).hash,
            Kind::Leaf(leaf) => Domain::AccountLeaf.hash(&self.leaf_input(leaf)).to_bytes(),
        }
    }

    pub(super) fn top_hash(&self) -> Hash {
        match self.top {
            Some(top) => Hash::new_from_array(self.hash_of(top)),
            None => EMPTY_STATE_ROOT,
        }
    }
}
