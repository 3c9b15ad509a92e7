//! Merging runs, and removing those of what the ledger keeps no more. For a thread of its own: a large merge
//! takes a minute, and nobody waits for it.

use super::row::{EntryRow, Named, Row};
use super::run::{Rows, Run, RunName, Summary};
use super::table::{self, Table};
use super::{Archive, ArchiveError, Mark};
use crate::sync::{Arc, Ordering};

/// Runs that become one.
const FANOUT: usize = 8;

impl Archive {
    /// Merges runs of one size, where there are enough; `false` if there are not. A merge that fails leaves
    /// the runs as they are.
    pub fn maintain(&self) -> Result<bool, ArchiveError> {
        let _alone = self
            .maintenance
            .lock()
            .expect("no holder of this lock panics");
        let inputs = {
            let state = self.state.read().expect("no holder of this lock panics");
            match to_be_merged(&state.runs, self.limits.run_transactions_max) {
                Some(inputs) => inputs.to_vec(),
                None => return Ok(false),
            }
        };
        let merged = Arc::new(merge(self, &inputs)?);
        {
            let mut state = self.state.write().expect("no holder of this lock panics");
            let first = state.runs.iter().position(|run| run.name == inputs[0].name);
            let first = first.expect("only who holds the maintenance lock takes runs out");
            state.runs.splice(first..first + inputs.len(), [merged]);
        }
        self.remove(&inputs)?;
        Ok(true)
    }

    /// Gives up the merge that is going on, and those to come: the node stops.
    pub fn interrupt(&self) {
        // Relaxed: nothing comes with it.
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// From now on, what points into files of the log before `first_file` is not found any more.
    pub fn forget_before(&self, first_file: u32) {
        let mut state = self.state.write().expect("no holder of this lock panics");
        state.first_file = state.first_file.max(first_file);
    }

    /// The same, and runs that point nowhere else go. Waits for a merge that is going on.
    pub fn prune(&self, first_file: u32) -> Result<(), ArchiveError> {
        self.forget_before(first_file);
        let _alone = self
            .maintenance
            .lock()
            .expect("no holder of this lock panics");
        let gone: Vec<Arc<Run>> = {
            let mut state = self.state.write().expect("no holder of this lock panics");
            // The last stays: it says how far the archive has got.
            let others = state.runs.len().saturating_sub(1);
            let is_gone = |run: &&Arc<Run>| run.summary.last_file < first_file;
            let gone = state.runs[..others].iter().take_while(is_gone).count();
            state.runs.drain(..gone).collect()
        };
        self.remove(&gone)
    }

    /// Takes out what is in memory, and the runs from the first on of which `is_reverted` says so. Of what is left, the
    /// mark and the number of the next run; `None` if that is nothing. Waits for a merge that is going on.
    pub(super) fn drop_runs(
        &self,
        is_reverted: impl Fn(&Summary) -> bool,
    ) -> Result<Option<(Mark, u64)>, ArchiveError> {
        let _alone = self
            .maintenance
            .lock()
            .expect("no holder of this lock panics");
        let (mut gone, left) = {
            let mut state = self.state.write().expect("no holder of this lock panics");
            state.batch = Arc::default();
            let first = state.runs.iter().position(|run| is_reverted(&run.summary));
            let first = first.unwrap_or(state.runs.len());
            let gone = state.runs.split_off(first);
            let last = state.runs.last();
            (gone, last.map(|run| (run.summary.mark, run.name.end)))
        };
        // The newest first: what a crash leaves has no gap.
        gone.reverse();
        self.remove(&gone)?;
        Ok(left)
    }

    fn remove(&self, runs: &[Arc<Run>]) -> Result<(), ArchiveError> {
        // The oldest first: what a crash leaves has no gap.
        for run in runs {
            self.disk.remove(&run.name.path())?;
        }
        Ok(())
    }
}

/// The oldest runs of one size, of which there are enough and which are not too large together.
fn to_be_merged(runs: &[Arc<Run>], transactions_max: u64) -> Option<&[Arc<Run>]> {
    let mut groups = runs.windows(FANOUT);
    groups.find(|group| {
        let parts = group[0].name.parts();
        let transactions = group.iter().map(|run| u64::from(run.summary.transactions));
        group.iter().all(|run| run.name.parts() == parts)
            && transactions.sum::<u64>() <= transactions_max
    })
}

fn merge(archive: &Archive, runs: &[Arc<Run>]) -> Result<Run, ArchiveError> {
    let (first, last) = (&runs[0], &runs[runs.len() - 1]);
    let name = RunName {
        first: first.name.first,
        end: last.name.end,
    };
    // Transactions of the runs before each.
    let mut before = 0;
    let mut starts: Vec<u32> = Vec::with_capacity(runs.len());
    for run in runs {
        starts.push(before);
        before += run.summary.transactions;
    }
    let summary = Summary {
        transactions: before,
        mark: last.summary.mark,
        last_file: runs
            .iter()
            .map(|run| run.summary.last_file)
            .max()
            .unwrap_or(0),
    };
    let names = |table: fn(&Run) -> &Table<Named>| {
        let sources = runs.iter().zip(&starts).map(move |(run, start)| {
            rows(archive, run, table(run), move |row: Named| Named {
                transaction: row.transaction + start,
                ..row
            })
        });
        table::merge(sources.collect())
    };
    let entries = runs.iter().zip(&starts).flat_map(|(run, start)| {
        rows(archive, run, &run.entries, move |row: EntryRow| EntryRow {
            first: row.first + u64::from(*start),
            ..row
        })
    });
    let rows = Rows {
        signatures: names(|run| &run.signatures),
        addresses: names(|run| &run.addresses),
        offsets: runs
            .iter()
            .flat_map(|run| rows(archive, run, &run.offsets, |row| row)),
        entries,
        slots: runs
            .iter()
            .flat_map(|run| rows(archive, run, &run.slots, |row| row)),
    };
    Run::write(&*archive.disk, name, summary, rows)
}

fn rows<'a, R: Row>(
    archive: &'a Archive,
    run: &'a Run,
    table: &'a Table<R>,
    change: impl Fn(R) -> R + 'a,
) -> impl Iterator<Item = Result<R, ArchiveError>> + 'a {
    table.cursor(&run.file).all().map(move |row| {
        if archive.interrupted.load(Ordering::Relaxed) {
            return Err(ArchiveError::Interrupted);
        }
        row.map(&change)
    })
}
