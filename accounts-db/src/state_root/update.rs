//! Taking over a sorted batch: the shape of the trie, and which hashes have to be made.

use super::StateTrie;
use super::node::{Branch, Kind, Leaf, NodeRef, Path, bit, first_difference};

/// A change of one account: a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Change {
    pub(super) path: Path,
    /// Hash of its contents, or `ABSENT`.
    pub(super) contents: [u8; 32],
}

const _: () = assert!(size_of::<Change>() == 64);

impl Change {
    /// In place of the hash of an account that does not exist. Nobody knows what has this hash, or the next.
    pub(super) const ABSENT: [u8; 32] = [0; 32];

    /// In place of the hash of an account that is hashed later.
    pub(super) const LATER: [u8; 32] = *b"is hashed when all are gathered.";

    pub(super) fn exists(&self) -> bool {
        debug_assert!(self.contents != Self::LATER, "all that was left is hashed");
        self.contents != Self::ABSENT
    }
}

/// Changes that are walked down, and whose branches are hashed, together.
pub(super) const GROUP: usize = 256;

/// A subtree after changes, and whether its hash is another one than before.
type Updated = (Option<NodeRef>, bool);

impl StateTrie {
    /// Changes sorted by path, one for each.
    pub(super) fn apply_sorted(&mut self, changes: &[Change]) {
        debug_assert!(changes.is_sorted_by(|a, b| a.path < b.path));
        if changes.is_empty() {
            return;
        }
        let (top, changed) = match self.top {
            None => self.build(changes),
            Some(top) => self.update(top, 0, changes),
        };
        self.top = top;
        if changed {
            self.hash_dirty();
            self.root = self.top_hash();
        }
    }

    /// Changes a subtree, of which nothing was looked at. The changes, of which there are some, share the first
    /// `shared` bits with all paths in it.
    fn update(&mut self, node: NodeRef, shared: usize, changes: &[Change]) -> Updated {
        if changes.len() > GROUP {
            return self.update_loaded(node, shared, changes);
        }
        // Few enough that what was loaded ahead is still there when it is needed, and, as soon as all of them are taken
        // over, when the hashes above them are made.
        let existing = match node.kind() {
            Kind::Branch(top) => self.update_existing(top, changes),
            Kind::Leaf(_) => None,
        };
        let updated = match existing {
            Some(changed) => (Some(node), changed),
            None => self.update_loaded(node, shared, changes),
        };
        self.hash_dirty();
        updated
    }

    pub(super) fn prefetch(&self, node: NodeRef) {
        match node.kind() {
            Kind::Leaf(leaf) => self.leaves.prefetch(leaf),
            Kind::Branch(branch) => self.branches.prefetch(branch),
        }
    }

    /// Changes a subtree as `update` does, whose nodes are there if the changes are few.
    fn update_loaded(&mut self, node: NodeRef, shared: usize, changes: &[Change]) -> Updated {
        match node.kind() {
            Kind::Leaf(leaf) => self.update_leaf(leaf, changes),
            Kind::Branch(branch) => {
                let depth = self.branches.get(branch).depth();
                if depth > shared
                    && let Some(parted) = self.parts_before(node, depth, changes)
                {
                    return self.update_above(node, parted, changes);
                }
                self.update_branch(branch, depth, changes)
            }
        }
    }

    fn update_leaf(&mut self, index: u32, changes: &[Change]) -> Updated {
        let Leaf { path, contents } = *self.leaves.get(index);
        let node = NodeRef::leaf(index);
        let place = changes.binary_search_by(|change| change.path.cmp(&path));
        match (place, changes) {
            (Ok(_), [only]) if only.exists() => {
                self.leaves.get_mut(index).contents = only.contents;
                (Some(node), only.contents != contents)
            }
            (Err(_), _) if !changes.iter().any(Change::exists) => (Some(node), false),
            (Ok(_), _) => {
                self.leaves.remove(index);
                (self.build(changes).0, true)
            }
            (Err(at), _) => {
                self.leaves.remove(index);
                let kept = Change { path, contents };
                let changes = [&changes[..at], &[kept], &changes[at..]].concat();
                (self.build(&changes).0, true)
            }
        }
    }

    fn update_branch(&mut self, index: u32, depth: usize, changes: &[Change]) -> Updated {
        let [left, right] = self.branches.get(index).children;
        let (to_left, to_right) = split(changes, depth);
        let among = changes.len();
        let (left, left_changed) = self.update_child(left, depth, to_left, among);
        let (right, right_changed) = self.update_child(right, depth, to_right, among);
        match (left, right) {
            (Some(left), Some(right)) => {
                let changed = left_changed || right_changed;
                if changed {
                    self.branches.get_mut(index).children = [left, right];
                    self.dirty[depth].push(index);
                }
                (Some(NodeRef::branch(index)), changed)
            }
            (only, None) | (None, only) => {
                self.branches.remove(index);
                (only, true)
            }
        }
    }

    /// Changes the child of a node of that depth; `among`: how many changes that node has.
    fn update_child(
        &mut self,
        child: NodeRef,
        depth: usize,
        changes: &[Change],
        among: usize,
    ) -> Updated {
        if changes.is_empty() {
            (Some(child), false)
        } else if among > GROUP {
            self.update(child, depth + 1, changes)
        } else {
            self.update_loaded(child, depth + 1, changes)
        }
    }

    /// The bit before `depth`, if there is one, in which some change differs from the paths below the
    /// branch `node`, all of which are the same up to `depth`.
    fn parts_before(&self, node: NodeRef, depth: usize, changes: &[Change]) -> Option<usize> {
        let path = self.some_path(node, &changes[0].path);
        // They are sorted: what the first and the last share with the path, all do.
        let ends = [changes.first(), changes.last()];
        let parted = ends.into_iter().flatten();
        let parted = parted.filter_map(|change| first_difference(path, &change.path));
        parted.min().filter(|parted| *parted < depth)
    }

    /// Changes of which some belong beside the branch `node`, from which they part at bit `parted`.
    fn update_above(&mut self, node: NodeRef, parted: usize, changes: &[Change]) -> Updated {
        let node_is_right = bit(self.some_path(node, &changes[0].path), parted);
        let (to_left, to_right) = split(changes, parted);
        let among = changes.len();
        let ((left, left_changed), (right, right_changed)) = if node_is_right {
            (
                self.build(to_left),
                self.update_child(node, parted, to_right, among),
            )
        } else {
            (
                self.update_child(node, parted, to_left, among),
                self.build(to_right),
            )
        };
        match (left, right) {
            (Some(left), Some(right)) => {
                let index = self.new_branch(parted);
                self.branches.get_mut(index).children = [left, right];
                (Some(NodeRef::branch(index)), true)
            }
            (None, None) => (None, true),
            // Either what was there, or, if that is gone, what is new.
            (only, None) => (only, left_changed),
            (None, only) => (only, right_changed),
        }
    }

    /// A subtree of those that exist.
    fn build(&mut self, mut changes: &[Change]) -> Updated {
        while let Some((first, rest)) = changes.split_first()
            && !first.exists()
        {
            changes = rest;
        }
        while let Some((last, rest)) = changes.split_last()
            && !last.exists()
        {
            changes = rest;
        }
        let node = match changes {
            [] => None,
            [only] => {
                let Change { path, contents } = *only;
                Some(NodeRef::leaf(self.leaves.insert(Leaf { path, contents })))
            }
            [first, .., last] => {
                let depth = first_difference(&first.path, &last.path)
                    .expect("a batch has one change for each path");
                // Before its children, so that a subtree lies together and in order.
                let index = self.new_branch(depth);
                let (to_left, to_right) = split(changes, depth);
                let (left, right) = (self.build(to_left).0, self.build(to_right).0);
                // The first and the last exist.
                self.branches.get_mut(index).children =
                    [left, right].map(|child| child.expect("there are accounts on both sides"));
                Some(NodeRef::branch(index))
            }
        };
        (node, true)
    }

    /// A branch whose children are to be set and whose hash is to be made.
    fn new_branch(&mut self, depth: usize) -> u32 {
        let index = self.branches.insert(Branch {
            hash: [0; 32],
            children: [NodeRef::branch(0); 2],
            depth: u8::try_from(depth).expect("a path has 256 bits"),
        });
        self.dirty[depth].push(index);
        index
    }

    /// Path of some leaf below: they share what is above them. It is the one that `way` leads to, whose nodes were
    /// loaded ahead if that is the path of a change.
    fn some_path(&self, mut node: NodeRef, way: &Path) -> &Path {
        loop {
            match node.kind() {
                Kind::Leaf(leaf) => return &self.leaves.get(leaf).path,
                Kind::Branch(branch) => {
                    let branch = self.branches.get(branch);
                    node = branch.children[usize::from(bit(way, branch.depth()))];
                }
            }
        }
    }
}

/// Those that go left and those that go right at `depth`, of which they share all bits before.
#[inline]
fn split(changes: &[Change], depth: usize) -> (&[Change], &[Change]) {
    if let [only] = changes {
        return if bit(&only.path, depth) {
            (&[], changes)
        } else {
            (changes, &[])
        };
    }
    changes.split_at(changes.partition_point(|change| !bit(&change.path, depth)))
}
