//! The usual group of changes: of accounts that exist, and go on existing. The shape of the trie stays as it is.

use super::StateTrie;
use super::node::bit;
use super::update::{Change, GROUP};
use crate::memory::prefetch_line;

/// A node that some of a group's changes lie below.
#[derive(Clone, Copy, Default)]
struct Way {
    /// A branch's index, or a leaf's.
    node: u32,
    /// The first of these changes, and the first behind them.
    from: u16,
    to: u16,
}

const _: () = assert!(GROUP <= u16::MAX as usize);

/// At most as many as there are changes, and room for one that does not count.
type Ways = [Way; GROUP + 1];

/// Where the changes of a group lead.
pub(super) struct Walk {
    /// The branches of one step, and those of the next.
    here: Ways,
    next: Ways,
    leaves: Ways,
    leaf_count: usize,
    /// All branches that were passed.
    branches: Vec<u32>,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
            here: [Way::default(); GROUP + 1],
            next: [Way::default(); GROUP + 1],
            leaves: [Way::default(); GROUP + 1],
            leaf_count: 0,
            branches: Vec::new(),
        }
    }
}

impl StateTrie {
    /// Takes over a group of changes below the branch `top` if each is of an account that is there and stays; says then
    /// whether any hash is another one than before. `None`: nothing was changed, but what lies on the ways of the
    /// changes is being loaded.
    pub(super) fn update_existing(&mut self, top: u32, changes: &[Change]) -> Option<bool> {
        let mut walk = std::mem::take(&mut self.walk).expect("nobody else walks");
        self.walk(&mut walk, top, changes);
        let updated = self.update_leaves(&walk.leaves[..walk.leaf_count], changes);
        if updated == Some(true) {
            for branch in &walk.branches {
                let depth = self.branches.get(*branch).depth();
                self.dirty[depth].push(*branch);
            }
        }
        self.walk = Some(walk);
        updated
    }

    /// Walks down all ways of a group at once, a step each in turn, so that the misses of the cache, which one way alone
    /// would wait for one after the other, go on side by side. What lies beside the ways is loaded too, as its hashes
    /// are needed.
    fn walk(&self, walk: &mut Walk, top: u32, changes: &[Change]) {
        let Walk {
            here,
            next,
            leaves,
            leaf_count,
            branches,
        } = walk;
        let (mut here, mut next) = (here, next);
        branches.clear();
        *leaf_count = 0;
        changes.iter().for_each(|change| prefetch_line(change));
        here[0] = Way {
            node: top,
            from: 0,
            to: changes.len() as u16,
        };
        let mut count = 1;
        while count > 0 {
            let mut next_count = 0;
            for Way { node, from, to } in &here[..count] {
                branches.push(*node);
                let branch = self.branches.get(*node);
                let ([left, right], depth) = (branch.children, branch.depth());
                let among = &changes[usize::from(*from)..usize::from(*to)];
                let middle = from + to_the_left(among, depth);
                for (child, from, to) in [(left, *from, middle), (right, middle, *to)] {
                    self.prefetch(child);
                    // Without a branch, as none of this can be foreseen.
                    let way = Way {
                        node: child.index(),
                        from,
                        to,
                    };
                    let is_on_the_way = from < to;
                    next[next_count] = way;
                    next_count += usize::from(is_on_the_way & !child.is_leaf());
                    leaves[*leaf_count] = way;
                    *leaf_count += usize::from(is_on_the_way & child.is_leaf());
                }
            }
            std::mem::swap(&mut here, &mut next);
            count = next_count;
        }
    }

    /// `None`: one of these is not what is changed, or goes away.
    fn update_leaves(&mut self, ways: &[Way], changes: &[Change]) -> Option<bool> {
        let stays = |way: &Way| {
            let change = &changes[usize::from(way.from)];
            let is_it = self.leaves.get(way.node).path == change.path;
            way.to - way.from == 1 && is_it && change.exists()
        };
        if !ways.iter().all(stays) {
            return None;
        }
        let mut changed = false;
        for way in ways {
            let contents = changes[usize::from(way.from)].contents;
            let leaf = self.leaves.get_mut(way.node);
            changed |= leaf.contents != contents;
            leaf.contents = contents;
        }
        Some(changed)
    }
}

/// How many of the changes, sorted, have a 0 at `depth`.
fn to_the_left(changes: &[Change], depth: usize) -> u16 {
    /// So many are counted in less time than it takes to search.
    const FEW: usize = 8;
    let is_left = |change: &Change| !bit(&change.path, depth);
    let count = match changes.len() {
        ..=FEW => changes
            .iter()
            .map(|change| usize::from(is_left(change)))
            .sum(),
        _ => changes.partition_point(is_left),
    };
    count as u16
}
