//! More than a page of bytes: a contiguous base with an overlay of written pages.
//!
//! A page is read from the overlay if it is there, else from the base as far as that is valid, else it
//! is zero. No page lies half in the valid base and half beyond it (unless the data ends there): growing
//! puts such a page into the overlay first.
//!
//! The overlay is a table of leaves of 64 pages, all shared by reference count: a write to a shared value
//! copies the table (160 bytes for 10 MiB), one leaf (512 bytes) and one page.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Bytes of a page.
pub(crate) const PAGE: usize = 8192;

const LEAF_PAGES: usize = 64;

type Page = Arc<[u8; PAGE]>;

static ZEROS: [u8; PAGE] = [0; PAGE];

#[derive(Clone)]
struct Leaf([Option<Page>; LEAF_PAGES]);

pub(super) struct Paged {
    base: Arc<[u8]>,
    /// Bytes of the base that still count: less than its length after the data was shortened.
    base_valid: usize,
    len: usize,
    /// Empty as long as nothing was written beside the base.
    leaves: Vec<Option<Arc<Leaf>>>,
    pages_written: usize,
    /// All bytes, contiguous, made by the first reader that asks for them.
    joined: OnceLock<Arc<[u8]>>,
}

impl Clone for Paged {
    fn clone(&self) -> Self {
        // The clone is about to be written: it starts from the joined copy, if there is one.
        match self.joined.get() {
            Some(joined) => Self::new(joined.clone()),
            None => Self {
                base: self.base.clone(),
                base_valid: self.base_valid,
                len: self.len,
                leaves: self.leaves.clone(),
                pages_written: self.pages_written,
                joined: OnceLock::new(),
            },
        }
    }
}

impl Paged {
    pub(super) fn new(base: Arc<[u8]>) -> Self {
        Self {
            base_valid: base.len(),
            len: base.len(),
            base,
            leaves: Vec::new(),
            pages_written: 0,
            joined: OnceLock::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Before a write: forgets the joined copy, or rather makes it the base.
    pub(super) fn rebase(&mut self) {
        if let Some(joined) = self.joined.take() {
            *self = Self::new(joined);
        }
    }

    fn is_contiguous(&self) -> bool {
        self.pages_written == 0 && self.base_valid == self.len
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        if self.is_contiguous() {
            &self.base[..self.len]
        } else {
            self.joined.get_or_init(|| self.join())
        }
    }

    fn join(&self) -> Arc<[u8]> {
        let mut bytes = Vec::with_capacity(self.len);
        for index in 0..self.len.div_ceil(PAGE) {
            bytes.extend_from_slice(self.page(index));
        }
        bytes.into()
    }

    fn written(&self, index: usize) -> Option<&Page> {
        self.leaves.get(index / LEAF_PAGES)?.as_ref()?.0[index % LEAF_PAGES].as_ref()
    }

    fn page_range(&self, index: usize) -> Range<usize> {
        let start = index * PAGE;
        start..(start + PAGE).min(self.len)
    }

    /// One page; the last may be shorter.
    pub(super) fn page(&self, index: usize) -> &[u8] {
        let range = self.page_range(index);
        if let Some(page) = self.written(index) {
            &page[..range.len()]
        } else if range.end <= self.base_valid {
            &self.base[range]
        } else {
            debug_assert!(range.start >= self.base_valid, "a page half in the base");
            &ZEROS[..range.len()]
        }
    }

    pub(super) fn read(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        if range.is_empty() {
            return Cow::Borrowed(&[]);
        }
        let (first, last) = (range.start / PAGE, (range.end - 1) / PAGE);
        if first == last {
            let offset = first * PAGE;
            return Cow::Borrowed(&self.page(first)[range.start - offset..range.end - offset]);
        }
        if let Some(joined) = self.joined.get() {
            return Cow::Borrowed(&joined[range]);
        }
        if self.is_in_base(&range) {
            return Cow::Borrowed(&self.base[range]);
        }
        let mut bytes = Vec::with_capacity(range.len());
        for index in first..=last {
            let page = self.page_range(index);
            let from = range.start.max(page.start) - page.start;
            let to = range.end.min(page.end) - page.start;
            bytes.extend_from_slice(&self.page(index)[from..to]);
        }
        Cow::Owned(bytes)
    }

    /// Whether no byte of the range was written beside the base.
    fn is_in_base(&self, range: &Range<usize>) -> bool {
        range.end <= self.base_valid
            && (self.pages_written == 0
                || (range.start / PAGE..range.end.div_ceil(PAGE))
                    .all(|index| self.written(index).is_none()))
    }

    pub(super) fn write(&mut self, start: usize, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let at = start + done;
            let count = (PAGE - at % PAGE).min(bytes.len() - done);
            self.page_mut(at / PAGE)[at % PAGE..][..count]
                .copy_from_slice(&bytes[done..done + count]);
            done += count;
        }
    }

    pub(super) fn slice_mut(&mut self, range: Range<usize>) -> Option<&mut [u8]> {
        if range.is_empty() {
            return Some(&mut []);
        }
        let (first, last) = (range.start / PAGE, (range.end - 1) / PAGE);
        if first == last {
            let offset = first * PAGE;
            return Some(&mut self.page_mut(first)[range.start - offset..range.end - offset]);
        }
        let in_place = self.is_in_base(&range) && Arc::get_mut(&mut self.base).is_some();
        // A range this large is cheaper to write in one contiguous copy of everything.
        if in_place || range.len() > self.len / 4 {
            if !in_place {
                self.flatten();
            }
            return Some(&mut Arc::make_mut(&mut self.base)[range]);
        }
        None
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        self.flatten();
        let len = self.len;
        &mut Arc::make_mut(&mut self.base)[..len]
    }

    /// One contiguous base, nothing beside it.
    fn flatten(&mut self) {
        if !self.is_contiguous() {
            *self = Self::new(self.join());
        }
    }

    /// One page, to be written: in place if it is not shared.
    fn page_mut(&mut self, index: usize) -> &mut [u8] {
        let range = self.page_range(index);
        if self.is_in_base(&range) && Arc::get_mut(&mut self.base).is_some() {
            return &mut Arc::make_mut(&mut self.base)[range];
        }
        &mut self.overlay_mut(index)[..range.len()]
    }

    /// One page of the overlay, put there with its content if it was not.
    fn overlay_mut(&mut self, index: usize) -> &mut [u8; PAGE] {
        if self.written(index).is_none() {
            let mut page: Page = Arc::new([0; PAGE]);
            let content = self.page(index);
            Arc::make_mut(&mut page)[..content.len()].copy_from_slice(content);
            self.set_overlay(index, Some(page));
            self.pages_written += 1;
        }
        let leaf = self.leaves[index / LEAF_PAGES]
            .as_mut()
            .expect("the page is written");
        let page = Arc::make_mut(leaf).0[index % LEAF_PAGES].as_mut();
        Arc::make_mut(page.expect("the page is written"))
    }

    fn set_overlay(&mut self, index: usize, page: Option<Page>) {
        let leaf_index = index / LEAF_PAGES;
        if self.leaves.len() <= leaf_index {
            let leaves = self.len.div_ceil(PAGE * LEAF_PAGES);
            self.leaves.reserve_exact(leaves - self.leaves.len());
            self.leaves.resize(leaves, None);
        }
        let empty = || Arc::new(Leaf([const { None }; LEAF_PAGES]));
        let leaf = self.leaves[leaf_index].get_or_insert_with(empty);
        Arc::make_mut(leaf).0[index % LEAF_PAGES] = page;
    }

    pub(super) fn resize(&mut self, len: usize) {
        let old = self.len;
        if len > old {
            // Bytes behind the old end become visible: they must be zero.
            if !old.is_multiple_of(PAGE) {
                self.overlay_mut(old / PAGE)[old % PAGE..].fill(0);
            }
        } else {
            for index in len.div_ceil(PAGE)..old.div_ceil(PAGE) {
                if self.written(index).is_some() {
                    self.set_overlay(index, None);
                    self.pages_written -= 1;
                }
            }
            self.base_valid = self.base_valid.min(len);
        }
        self.len = len;
    }

    pub(super) fn bytes_beside(&self, other: Option<&Self>) -> usize {
        let holds = |bytes: &Arc<[u8]>| {
            other.is_some_and(|other| {
                Arc::ptr_eq(bytes, &other.base)
                    || other
                        .joined
                        .get()
                        .is_some_and(|joined| Arc::ptr_eq(bytes, joined))
            })
        };
        let contiguous = [Some(&self.base), self.joined.get()];
        let mut sum = contiguous
            .into_iter()
            .flatten()
            .filter(|b| !holds(b))
            .map(|b| b.len())
            .sum();
        sum += self.leaves.len() * size_of::<Option<Arc<Leaf>>>();
        for (i, leaf) in self.leaves.iter().enumerate() {
            let Some(leaf) = leaf else { continue };
            let theirs = other.and_then(|other| other.leaves.get(i)?.as_ref());
            if theirs.is_some_and(|theirs| Arc::ptr_eq(leaf, theirs)) {
                continue;
            }
            sum += size_of::<Leaf>();
            for (j, page) in leaf.0.iter().enumerate() {
                let Some(page) = page else { continue };
                let theirs = theirs.and_then(|theirs| theirs.0[j].as_ref());
                if !theirs.is_some_and(|theirs| Arc::ptr_eq(page, theirs)) {
                    sum += PAGE;
                }
            }
        }
        sum
    }
}
