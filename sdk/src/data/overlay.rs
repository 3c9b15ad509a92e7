//! Pages that were written beside a base, by number: a persistent tree.
//!
//! All is shared by reference count, and a write to what is shared copies the nodes on the way to the page, and the
//! page. Copying a node counts one reference more of each of its children, most of which lie in lines that no cache
//! has: so nodes are narrow. Three of them and the top are 29 references for 10 MiB; a table of leaves of 64 was 84,
//! and took longer than copying the page.

use super::PAGE;
use std::sync::Arc;

pub(super) type Page = Arc<[u8; PAGE]>;

const WIDTH: usize = 8;

struct Branch<T>([Option<Arc<T>>; WIDTH]);

type Leaf = Branch<[u8; PAGE]>;
type Lower = Branch<Leaf>;
type Upper = Branch<Lower>;

/// Pages below an upper branch.
const UPPER_PAGES: usize = WIDTH * WIDTH * WIDTH;

#[derive(Clone, Default)]
pub(super) struct Overlay {
    /// Empty as long as nothing was written.
    top: Vec<Option<Arc<Upper>>>,
    count: usize,
}

/// Where a page lies: in the top, and in the branches below it.
struct Path(usize, [usize; 3]);

impl Path {
    fn of(page: usize) -> Self {
        let place = |pages: usize| page / pages % WIDTH;
        Self(
            page / UPPER_PAGES,
            [place(WIDTH * WIDTH), place(WIDTH), place(1)],
        )
    }
}

impl Overlay {
    /// Whether no page was written.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn get(&self, page: usize) -> Option<&Page> {
        let Path(top, [upper, lower, leaf]) = Path::of(page);
        let lowers = self.top.get(top)?.as_ref()?.0[upper].as_ref()?;
        lowers.0[lower].as_ref()?.0[leaf].as_ref()
    }

    /// One page, to be written: copied if it is shared, made if it is not there.
    pub(super) fn get_mut(&mut self, page: usize, make: impl FnOnce() -> Page) -> &mut [u8; PAGE] {
        let Path(top, [upper, lower, leaf]) = Path::of(page);
        if self.top.len() <= top {
            self.top.resize(top + 1, None);
        }
        let uppers = child(&mut self.top[top]);
        let lowers = child(&mut uppers.0[upper]);
        let place = &mut child(&mut lowers.0[lower]).0[leaf];
        let page = place.get_or_insert_with(|| {
            self.count += 1;
            make()
        });
        Arc::make_mut(page)
    }

    /// Takes a page out, if it is there.
    pub(super) fn remove(&mut self, page: usize) {
        if self.get(page).is_none() {
            return;
        }
        let Path(top, [upper, lower, leaf]) = Path::of(page);
        let uppers = child(&mut self.top[top]);
        let lowers = child(&mut uppers.0[upper]);
        child(&mut lowers.0[lower]).0[leaf] = None;
        self.count -= 1;
    }

    /// Bytes of memory that it holds and `other` does not, nodes included.
    pub(super) fn bytes_beside(&self, other: Option<&Self>) -> usize {
        let children = self.top.iter().enumerate().filter_map(|(i, ours)| {
            let theirs = other.and_then(|other| other.top.get(i)?.as_ref());
            Some(bytes_of(ours.as_ref()?, theirs))
        });
        size_of_val(self.top.as_slice()) + children.sum::<usize>()
    }
}

/// A child to be written, made if it is not there.
fn child<T>(place: &mut Option<Arc<Branch<T>>>) -> &mut Branch<T> {
    let empty = || Arc::new(Branch([const { None }; WIDTH]));
    Arc::make_mut(place.get_or_insert_with(empty))
}

// Not derived: what is below is shared, whatever it is.
impl<T> Clone for Branch<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What a node holds, beside one in the same place.
trait Held {
    fn bytes_beside(&self, other: Option<&Self>) -> usize;
}

fn bytes_of<T: Held>(ours: &Arc<T>, theirs: Option<&Arc<T>>) -> usize {
    match theirs {
        Some(theirs) if Arc::ptr_eq(ours, theirs) => 0,
        theirs => ours.bytes_beside(theirs.map(|theirs| &**theirs)),
    }
}

impl Held for [u8; PAGE] {
    fn bytes_beside(&self, _: Option<&Self>) -> usize {
        PAGE
    }
}

impl<T: Held> Held for Branch<T> {
    fn bytes_beside(&self, other: Option<&Self>) -> usize {
        let children = self.0.iter().enumerate().filter_map(|(i, ours)| {
            let theirs = other.and_then(|other| other.0[i].as_ref());
            Some(bytes_of(ours.as_ref()?, theirs))
        });
        size_of::<Self>() + children.sum::<usize>()
    }
}
