//! A run: the index of a stretch of the block log, in one file that never changes.
//!
//! Its pages: the signatures, the addresses, the offsets, the entries and the slots, each a table; the fences of
//! these tables; and a last page that says where each lies and what part of the log it covers. A file that
//! was not finished has another name, so one with a run's name is whole. `docs/formats.md` has the bytes.

use super::pages::{PAGE_BYTES, PAYLOAD_BYTES, PageReader, PageWriter};
use super::row::{EntryRow, Fields, Named, Offset, Row, SlotRow};
use super::table::{self, Extent, Table};
use super::{ArchiveError, FOLDER, Mark};
use sealane_accounts_db::Disk;
use solana_hash::Hash;
use std::io::ErrorKind;

const MAGIC: [u8; 8] = *b"SEALHIST";
const VERSION: u64 = 1;

/// Signatures, addresses, offsets, entries, slots.
const TABLES: usize = 5;

/// Says that no slot opened yet.
const NO_SLOT: u64 = u64::MAX;

/// What a file is written as before it has its name.
pub(super) const UNFINISHED: &str = ".new";

/// Which runs of the first level it is made of: `first` and those up to before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunName {
    pub(super) first: u64,
    pub(super) end: u64,
}

impl RunName {
    pub(super) fn file(self) -> String {
        format!("{:010}-{:010}.run", self.first, self.end)
    }

    /// The name of a file, if it is a run's.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let (first, end) = file.strip_suffix(".run")?.split_once('-')?;
        let name = Self {
            first: first.parse().ok()?,
            end: end.parse().ok()?,
        };
        (name.file() == file && name.first < name.end).then_some(name)
    }

    pub(super) fn path(self) -> String {
        format!("{FOLDER}/{}", self.file())
    }

    /// How many runs of the first level it is made of.
    pub(super) fn parts(self) -> u64 {
        self.end - self.first
    }
}

/// What a run says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) transactions: u32,
    /// How far into the log it goes.
    pub(super) mark: Mark,
    /// The last file of the log that it points into.
    pub(super) last_file: u32,
}

/// The rows of a run to be written.
pub(super) struct Rows<S, A, O, E, T> {
    pub(super) signatures: S,
    pub(super) addresses: A,
    pub(super) offsets: O,
    pub(super) entries: E,
    pub(super) slots: T,
}

/// A run that is open for reading.
pub(super) struct Run {
    pub(super) name: RunName,
    pub(super) summary: Summary,
    pub(super) file: PageReader,
    pub(super) signatures: Table<Named>,
    pub(super) addresses: Table<Named>,
    pub(super) offsets: Table<Offset>,
    pub(super) entries: Table<EntryRow>,
    pub(super) slots: Table<SlotRow>,
}

impl Run {
    /// Writes a run; once this returns, it is durable under its name.
    pub(super) fn write<S, A, O, E, T>(
        disk: &dyn Disk,
        name: RunName,
        summary: Summary,
        rows: Rows<S, A, O, E, T>,
    ) -> Result<Self, ArchiveError>
    where
        S: Iterator<Item = Result<Named, ArchiveError>>,
        A: Iterator<Item = Result<Named, ArchiveError>>,
        O: Iterator<Item = Result<Offset, ArchiveError>>,
        E: Iterator<Item = Result<EntryRow, ArchiveError>>,
        T: Iterator<Item = Result<SlotRow, ArchiveError>>,
    {
        let (file, path) = (name.file(), name.path());
        let unfinished = format!("{path}{UNFINISHED}");
        remove_leftover(disk, &unfinished)?;
        let mut out = PageWriter::create(disk, &unfinished, &file)?;
        let signatures = table::write(&mut out, rows.signatures)?;
        let addresses = table::write(&mut out, rows.addresses)?;
        let offsets = table::write(&mut out, rows.offsets)?;
        let entries = table::write(&mut out, rows.entries)?;
        let slots = table::write(&mut out, rows.slots)?;
        let extents = [
            signatures.extent,
            addresses.extent,
            offsets.extent,
            entries.extent,
            slots.extent,
        ];
        let fences_at = out.pages;
        let fences = [
            &signatures.fences,
            &addresses.fences,
            &offsets.fences,
            &entries.fences,
            &slots.fences,
        ];
        write_fences(&mut out, fences.into_iter().flatten())?;
        write_last(&mut out, summary, &extents, fences_at)?;
        out.finish()?;
        disk.rename(&unfinished, &path)?;
        disk.sync_directory(FOLDER)?;
        Ok(Self {
            name,
            summary,
            file: PageReader::open(disk, &path, &file)?,
            signatures,
            addresses,
            offsets,
            entries,
            slots,
        })
    }

    pub(super) fn open(disk: &dyn Disk, name: RunName) -> Result<Self, ArchiveError> {
        let file = PageReader::open(disk, &name.path(), &name.file())?;
        let last = file.pages - 1;
        let page = file.read(last)?;
        let mut fields = Fields(&page[..PAYLOAD_BYTES]);
        if fields.take() != MAGIC {
            return Err(file.damaged(last));
        }
        let version = fields.u64();
        if version != VERSION {
            return Err(ArchiveError::Version {
                file: name.file(),
                version,
            });
        }
        let summary = Summary {
            transactions: fields.u32(),
            last_file: fields.u32(),
            mark: Mark {
                record: fields.u64(),
                entry: fields.u64(),
                slot: Some(fields.u64()).filter(|slot| *slot != NO_SLOT),
                index: fields.u32(),
                tip: Hash::new_from_array(fields.take()),
            },
        };
        let extents: [Extent; TABLES] = std::array::from_fn(|_| Extent {
            page: fields.u64(),
            rows: fields.u64(),
        });
        let mut fences = FenceReader {
            file: &file,
            page: fields.u64(),
            used: 0,
        };
        Ok(Self {
            name,
            summary,
            signatures: fences.table(extents[0])?,
            addresses: fences.table(extents[1])?,
            offsets: fences.table(extents[2])?,
            entries: fences.table(extents[3])?,
            slots: fences.table(extents[4])?,
            file,
        })
    }

    /// Reads every page.
    pub(super) fn check(&self) -> Result<(), ArchiveError> {
        (0..self.file.pages).try_for_each(|page| self.file.read(page).map(|_| ()))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.file.pages * PAGE_BYTES as u64
    }
}

/// What an attempt that failed has left.
fn remove_leftover(disk: &dyn Disk, unfinished: &str) -> Result<(), ArchiveError> {
    match disk.remove(unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn write_fences<'a>(
    out: &mut PageWriter,
    fences: impl Iterator<Item = &'a u64>,
) -> Result<(), ArchiveError> {
    let (mut page, mut used) = ([0; PAGE_BYTES], 0);
    for fence in fences {
        page[used..used + 8].copy_from_slice(&fence.to_le_bytes());
        used += 8;
        if used == PAYLOAD_BYTES {
            out.push(&mut page)?;
            (page, used) = ([0; PAGE_BYTES], 0);
        }
    }
    if used > 0 {
        out.push(&mut page)
    } else {
        Ok(())
    }
}

fn write_last(
    out: &mut PageWriter,
    summary: Summary,
    extents: &[Extent; TABLES],
    fences_at: u64,
) -> Result<(), ArchiveError> {
    let mut bytes = Vec::with_capacity(PAYLOAD_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&summary.transactions.to_le_bytes());
    bytes.extend_from_slice(&summary.last_file.to_le_bytes());
    let mark = summary.mark;
    bytes.extend_from_slice(&mark.record.to_le_bytes());
    bytes.extend_from_slice(&mark.entry.to_le_bytes());
    bytes.extend_from_slice(&mark.slot.unwrap_or(NO_SLOT).to_le_bytes());
    bytes.extend_from_slice(&mark.index.to_le_bytes());
    bytes.extend_from_slice(mark.tip.as_ref());
    for extent in extents {
        bytes.extend_from_slice(&extent.page.to_le_bytes());
        bytes.extend_from_slice(&extent.rows.to_le_bytes());
    }
    bytes.extend_from_slice(&fences_at.to_le_bytes());
    let mut page = [0; PAGE_BYTES];
    page[..bytes.len()].copy_from_slice(&bytes);
    out.push(&mut page)
}

/// Reads the fences of one table after the other.
struct FenceReader<'a> {
    file: &'a PageReader,
    page: u64,
    used: usize,
}

impl FenceReader<'_> {
    fn table<R: Row>(&mut self, extent: Extent) -> Result<Table<R>, ArchiveError> {
        let count = extent.rows.div_ceil(table::rows_per_page::<R>());
        let mut fences = Vec::with_capacity(count.min(self.file.pages) as usize);
        let mut page = None;
        while (fences.len() as u64) < count {
            let held = match &page {
                Some(held) => held,
                None => page.insert(self.file.read(self.page)?),
            };
            fences.push(Fields(&held[self.used..PAYLOAD_BYTES]).u64());
            self.used += 8;
            if self.used == PAYLOAD_BYTES {
                self.page += 1;
                self.used = 0;
                page = None;
            }
        }
        Ok(Table::new(extent, fences))
    }
}
