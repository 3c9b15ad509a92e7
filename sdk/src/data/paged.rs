//! More bytes than one allocation that is copied whole: a contiguous base with an overlay of written pages.
//!
//! A page is read from the overlay if it is there, else from the base as far as that is valid, else it
//! is zero. No page lies half in the valid base and half beyond it (unless the data ends there): growing
//! puts such a page into the overlay first.
//!
//! The overlay is a tree that is shared by reference count (`overlay`): a write to a shared value copies the way to the
//! page, some 200 bytes, and the page.

use super::PAGE;
use super::overlay::{Overlay, Page};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

static ZEROS: [u8; PAGE] = [0; PAGE];

pub(super) struct Paged {
    base: Arc<[u8]>,
    /// Bytes of the base that still count: less than its length after the data was shortened.
    base_valid: usize,
    len: usize,
    /// What was written beside the base.
    overlay: Overlay,
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
                overlay: self.overlay.clone(),
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
            overlay: Overlay::default(),
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
        self.overlay.is_empty() && self.base_valid == self.len
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

    fn page_range(&self, index: usize) -> Range<usize> {
        let start = index * PAGE;
        start..(start + PAGE).min(self.len)
    }

    /// One page; the last may be shorter.
    pub(super) fn page(&self, index: usize) -> &[u8] {
        let range = self.page_range(index);
        if let Some(page) = self.overlay.get(index) {
            &page[..range.len()]
        } else {
            unwritten(&self.base, self.base_valid, range)
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
            && (self.overlay.is_empty()
                || (range.start / PAGE..range.end.div_ceil(PAGE))
                    .all(|index| self.overlay.get(index).is_none()))
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
        let range = self.page_range(index);
        let (base, base_valid) = (&self.base, self.base_valid);
        self.overlay.get_mut(index, || {
            let mut page: Page = Arc::new([0; PAGE]);
            let content = unwritten(base, base_valid, range);
            Arc::make_mut(&mut page)[..content.len()].copy_from_slice(content);
            page
        })
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
                self.overlay.remove(index);
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
        let sum: usize = contiguous
            .into_iter()
            .flatten()
            .filter(|b| !holds(b))
            .map(|b| b.len())
            .sum();
        sum + self.overlay.bytes_beside(other.map(|other| &other.overlay))
    }
}

/// A page that is not in the overlay.
fn unwritten(base: &[u8], base_valid: usize, range: Range<usize>) -> &[u8] {
    if range.end <= base_valid {
        &base[range]
    } else {
        debug_assert!(range.start >= base_valid, "a page half in the base");
        &ZEROS[..range.len()]
    }
}
