//! What the trie is made of.

/// A path: bits, from the highest of the first byte.
pub(super) type Path = [u8; 32];

/// A leaf or a branch, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeRef(u32);

/// The two kinds of nodes.
pub(super) enum Kind {
    Leaf(u32),
    Branch(u32),
}

const LEAF: u32 = 1 << 31;

impl NodeRef {
    pub(super) fn leaf(index: u32) -> Self {
        Self(index | LEAF)
    }

    pub(super) fn branch(index: u32) -> Self {
        Self(index)
    }

    #[inline]
    pub(super) fn is_leaf(self) -> bool {
        self.0 & LEAF != 0
    }

    /// The leaf's, or the branch's.
    #[inline]
    pub(super) fn index(self) -> u32 {
        self.0 & !LEAF
    }

    #[inline]
    pub(super) fn kind(self) -> Kind {
        if self.is_leaf() {
            Kind::Leaf(self.index())
        } else {
            Kind::Branch(self.index())
        }
    }
}

/// An account: a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Leaf {
    pub(super) path: Path,
    /// Hash of the contents.
    pub(super) contents: [u8; 32],
}

/// Where paths part.
#[derive(Clone, Copy)]
pub(super) struct Branch {
    /// Its hash, once it is not dirty.
    pub(super) hash: [u8; 32],
    /// Left, of paths with a 0 at `depth`, and right.
    pub(super) children: [NodeRef; 2],
    /// The bit in which the paths below differ; all before it they share.
    pub(super) depth: u8,
}

const _: () = assert!(size_of::<Leaf>() == 64 && size_of::<Branch>() == 44);

impl Branch {
    #[inline]
    pub(super) fn depth(&self) -> usize {
        usize::from(self.depth)
    }
}

/// The path's bit at `depth`.
#[inline]
pub(super) fn bit(path: &Path, depth: usize) -> bool {
    path[depth / 8] >> (7 - depth % 8) & 1 == 1
}

/// The first bit in which two paths differ.
#[inline]
pub(super) fn first_difference(a: &Path, b: &Path) -> Option<usize> {
    let words = |path: &Path, i: usize| -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&path[8 * i..8 * i + 8]);
        u64::from_be_bytes(word)
    };
    (0..4).find_map(|i| {
        let difference = words(a, i) ^ words(b, i);
        (difference != 0).then(|| 64 * i + difference.leading_zeros() as usize)
    })
}
