//! A min-max heap: a priority queue with both ends.
//!
//! Atkinson, Sack, Santoro, Strothotte, "Min-max heaps and generalized priority queues", 1986. Here the
//! root is the highest: an element on an even level is at least, one on an odd level at most, all
//! that is below it. Keys are unique to their caller, so there are no ties to break.

/// A key and what it stands for.
#[derive(Clone, Copy)]
pub(crate) struct Keyed {
    pub(crate) key: u128,
    pub(crate) value: u32,
}

/// At most as many elements as it was made for; allocates nothing later.
pub(crate) struct MinMaxHeap {
    elements: Vec<Keyed>,
}

impl MinMaxHeap {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            elements: Vec::with_capacity(capacity),
        }
    }

    pub(crate) fn highest(&self) -> Option<Keyed> {
        self.elements.first().copied()
    }

    pub(crate) fn lowest(&self) -> Option<Keyed> {
        self.elements.get(self.lowest_index()).copied()
    }

    pub(crate) fn push(&mut self, keyed: Keyed) {
        let index = self.elements.len();
        self.elements.push(keyed);
        if index == 0 {
            return;
        }
        let parent = (index - 1) / 2;
        if self.before(parent, index, is_even_level(index)) {
            self.elements.swap(parent, index);
            self.rise(parent);
        } else {
            self.rise(index);
        }
    }

    pub(crate) fn remove_highest(&mut self) {
        self.remove(0);
    }

    pub(crate) fn remove_lowest(&mut self) {
        self.remove(self.lowest_index());
    }

    fn lowest_index(&self) -> usize {
        match self.elements.len() {
            0 | 1 => 0,
            2 => 1,
            _ if self.elements[1].key < self.elements[2].key => 1,
            _ => 2,
        }
    }

    /// Whether the element at `left` belongs nearer to the root than the one at `right`, on even
    /// (`highest_first`) or on odd levels.
    fn before(&self, left: usize, right: usize, highest_first: bool) -> bool {
        let (left, right) = (self.elements[left].key, self.elements[right].key);
        if highest_first {
            left > right
        } else {
            left < right
        }
    }

    /// Moves an element up the levels of its kind.
    fn rise(&mut self, mut index: usize) {
        let highest_first = is_even_level(index);
        while index >= 3 {
            let grandparent = (index - 3) / 4;
            if !self.before(index, grandparent, highest_first) {
                return;
            }
            self.elements.swap(index, grandparent);
            index = grandparent;
        }
    }

    fn remove(&mut self, index: usize) {
        if index < self.elements.len() {
            self.elements.swap_remove(index);
            self.sink(index);
        }
    }

    /// Moves an element down the levels of its kind.
    fn sink(&mut self, mut index: usize) {
        let highest_first = is_even_level(index);
        while let Some(first) = self.first_below(index, highest_first) {
            if !self.before(first, index, highest_first) {
                return;
            }
            self.elements.swap(first, index);
            if first <= 2 * index + 2 {
                return;
            }
            let parent = (first - 1) / 2;
            if self.before(parent, first, highest_first) {
                self.elements.swap(parent, first);
            }
            index = first;
        }
    }

    /// The child or grandchild that belongs nearest to the root.
    fn first_below(&self, index: usize, highest_first: bool) -> Option<usize> {
        let len = self.elements.len();
        let children = (2 * index + 1)..(2 * index + 3).min(len);
        let grandchildren = (4 * index + 3)..(4 * index + 7).min(len);
        let mut below = children.chain(grandchildren);
        let first = below.next()?;
        Some(below.fold(first, |first, other| {
            if self.before(other, first, highest_first) {
                other
            } else {
                first
            }
        }))
    }
}

fn is_even_level(index: usize) -> bool {
    (index + 1).ilog2().is_multiple_of(2)
}
