//! Sorted rows in pages, found by their keys.
//!
//! Of each page, the key of its first row is kept in memory: eight bytes for 340 signatures. So a row is
//! found with one page read, a key that has many rows with a few more.

use super::ArchiveError;
use super::pages::{PAGE_BYTES, PAYLOAD_BYTES, Page, PageReader, PageWriter};
use super::row::Row;
use std::marker::PhantomData;

/// Where a table lies in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Its first page.
    pub(super) page: u64,
    pub(super) rows: u64,
}

/// A table of an open file.
pub(super) struct Table<R> {
    pub(super) extent: Extent,
    /// The key of the first row of each page.
    pub(super) fences: Vec<u64>,
    row: PhantomData<R>,
}

pub(super) const fn rows_per_page<R: Row>() -> u64 {
    (PAYLOAD_BYTES / R::BYTES) as u64
}

/// Writes rows, which must come sorted.
pub(super) fn write<R: Row>(
    out: &mut PageWriter,
    rows: impl Iterator<Item = Result<R, ArchiveError>>,
) -> Result<Table<R>, ArchiveError> {
    let mut table = Table::new(
        Extent {
            page: out.pages,
            rows: 0,
        },
        Vec::new(),
    );
    let (mut page, mut used) = ([0; PAGE_BYTES], 0);
    for row in rows {
        let row = row?;
        if used + R::BYTES > PAYLOAD_BYTES {
            out.push(&mut page)?;
            (page, used) = ([0; PAGE_BYTES], 0);
        }
        if used == 0 {
            table.fences.push(row.key());
        }
        row.write(&mut page[used..used + R::BYTES]);
        used += R::BYTES;
        table.extent.rows += 1;
    }
    if used > 0 {
        out.push(&mut page)?;
    }
    Ok(table)
}

impl<R: Row> Table<R> {
    pub(super) fn new(extent: Extent, fences: Vec<u64>) -> Self {
        Self {
            extent,
            fences,
            row: PhantomData,
        }
    }

    /// Reads the table's rows.
    pub(super) fn cursor<'a>(&'a self, file: &'a PageReader) -> Cursor<'a, R> {
        Cursor {
            table: self,
            file,
            page: None,
        }
    }
}

/// Reads rows of a table; holds the page it read last.
pub(super) struct Cursor<'a, R> {
    table: &'a Table<R>,
    file: &'a PageReader,
    page: Option<(u64, Box<Page>)>,
}

impl<R: Row> Cursor<'_, R> {
    pub(super) fn rows(&self) -> u64 {
        self.table.extent.rows
    }

    /// Row `at`, which must be there.
    pub(super) fn row(&mut self, at: u64) -> Result<R, ArchiveError> {
        assert!(at < self.rows(), "a row that the table has");
        let number = self.table.extent.page + at / rows_per_page::<R>();
        let page = match self.page.take() {
            Some((held, page)) if held == number => page,
            _ => self.file.read(number)?,
        };
        let start = (at % rows_per_page::<R>()) as usize * R::BYTES;
        let row = R::read(&page[start..start + R::BYTES]);
        self.page = Some((number, page));
        Ok(row)
    }

    /// How many rows are less than this one.
    pub(super) fn rows_below(&mut self, row: &R) -> Result<u64, ArchiveError> {
        let fences = &self.table.fences;
        let first = fences
            .partition_point(|fence| *fence < row.key())
            .saturating_sub(1) as u64;
        let last = fences.partition_point(|fence| *fence <= row.key()) as u64;
        let (first, last) = (first * rows_per_page::<R>(), last * rows_per_page::<R>());
        self.partition_point(first, last.min(self.rows()), |other| other < row)
    }

    /// The first row from `first` to `last` for which `is_before` does not hold, or `last`.
    pub(super) fn partition_point(
        &mut self,
        mut first: u64,
        mut last: u64,
        is_before: impl Fn(&R) -> bool,
    ) -> Result<u64, ArchiveError> {
        while first < last {
            let middle = first + (last - first) / 2;
            if is_before(&self.row(middle)?) {
                first = middle + 1;
            } else {
                last = middle;
            }
        }
        Ok(first)
    }

    /// All rows, in order.
    pub(super) fn all(mut self) -> impl Iterator<Item = Result<R, ArchiveError>> {
        (0..self.rows()).map(move |at| self.row(at))
    }
}

/// The rows of several sorted sources, as one.
pub(super) fn merge<R: Row>(
    sources: Vec<impl Iterator<Item = Result<R, ArchiveError>>>,
) -> impl Iterator<Item = Result<R, ArchiveError>> {
    let mut sources: Vec<_> = sources.into_iter().map(Iterator::peekable).collect();
    std::iter::from_fn(move || {
        let mut least: Option<(usize, R)> = None;
        for (at, source) in sources.iter_mut().enumerate() {
            match source.peek() {
                Some(Ok(row)) if least.is_none_or(|(_, least)| *row < least) => {
                    least = Some((at, *row));
                }
                Some(Err(_)) => return source.next(),
                _ => {}
            }
        }
        sources[least?.0].next()
    })
}
