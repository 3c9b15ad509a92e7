//! `sealane-validator ledger`: looking at a ledger that no node runs on. Nothing here writes to it, and only
//! `replay` runs a transaction.

mod export;
mod replay;
mod sizes;
mod stats;
#[cfg(test)]
mod tests;
mod trace_tree;
mod verify;

use crate::genesis::Genesis;
use crate::ledger;
use anyhow::Context;
use clap::{Args, Subcommand};
use export::ExportOptions;
use indicatif::{ProgressBar, ProgressStyle};
use replay::ReplayOptions;
use sealane_runtime::{BlockLogReader, ChainOrigin, Disk, RealDisk};
use sealane_sdk::Programs;
use solana_signer::Signer;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which tool, on which ledger.
#[derive(Debug, Args)]
pub(crate) struct LedgerArguments {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Check every byte: all checksums, and that the records, checkpoints and headers follow from each other.
    ///
    /// Changes nothing. Says what is there and what a crash left that does no harm. If something is
    /// damaged, names the file and the byte, says what to do, and ends with a status other than 0.
    /// Transactions are not run again.
    Verify(Place),
    /// Say what is in it: slots, transactions, fees, times, bytes, checkpoints.
    Stats {
        #[command(flatten)]
        place: Place,
        /// One JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Run all transactions again, in parallel, and compare: each result, and the state root of each slot.
    ///
    /// Changes nothing. Ends with a status other than 0 at the first difference, and names it.
    ///
    /// With --signature and --trace it runs all up to one transaction, and shows what that did.
    Replay {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        options: ReplayOptions,
    },
    /// Write all of it as lines of JSON, in the order of the chain: slots, transactions with their results,
    /// shares of fees, headers.
    Export {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        options: ExportOptions,
        /// File to write to, in place of the standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Where the ledger is.
#[derive(Debug, Args)]
struct Place {
    /// The ledger's folder, as it was given to --ledger. No node may be running on it.
    #[arg(value_name = "DIR", env = "SEALANE_LEDGER")]
    ledger: PathBuf,
}

impl LedgerArguments {
    pub(crate) fn run(self, programs: Programs) -> anyhow::Result<()> {
        match self.tool {
            Tool::Verify(place) => verify_folder(&place.ledger),
            Tool::Stats { place, json } => {
                let stats = stats::gather(&open(&place.ledger)?)?;
                let text = if json {
                    serde_json::to_string(&stats)? + "\n"
                } else {
                    stats.to_string()
                };
                unless_nobody_reads(stdout().write_all(text.as_bytes()).map_err(Into::into))
            }
            Tool::Replay { place, options } => {
                let (text, fault) = options.run(&open(&place.ledger)?, programs)?;
                unless_nobody_reads(stdout().write_all(text.as_bytes()).map_err(Into::into))?;
                fault.map_or(Ok(()), Err)
            }
            Tool::Export {
                place,
                options,
                output,
            } => {
                let disk = open(&place.ledger)?;
                let Some(path) = output else {
                    return unless_nobody_reads(options.write(&disk, &mut stdout().lock()));
                };
                let file = File::create(&path);
                let file = file.with_context(|| format!("cannot make {}", path.display()))?;
                options.write(&disk, &mut BufWriter::new(file))
            }
        }
    }
}

fn verify_folder(folder: &Path) -> anyhow::Result<()> {
    let disk = open(folder)?;
    // Drawn on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(sizes::of(&*disk)?.checked());
    bar.set_style(
        ProgressStyle::with_template("Verifying {wide_bar} {bytes} of {total_bytes}, {eta} left")
            .expect("the template is one"),
    );
    let verdict = verify::verify(&disk, &mut |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    unless_nobody_reads(
        stdout()
            .write_all(verdict.to_string().as_bytes())
            .map_err(Into::into),
    )?;
    let damaged = verdict.damaged();
    if !damaged.is_empty() {
        let (folder, damaged) = (folder.display(), damaged.join(", "));
        anyhow::bail!("{folder} is damaged: {damaged}. Nothing was changed");
    }
    Ok(())
}

/// A folder, to be looked at.
fn open(folder: &Path) -> anyhow::Result<Arc<dyn Disk>> {
    let disk = RealDisk::open_to_read(folder).map_err(|error| match error.kind() {
        ErrorKind::ResourceBusy => anyhow::anyhow!(
            "a node runs on this ledger ({error}). Stop it first, or look at a copy of the folder"
        ),
        ErrorKind::NotFound => anyhow::anyhow!("there is no ledger: {error}"),
        _ => error.into(),
    })?;
    Ok(Arc::new(disk))
}

/// The chain that is on a disk.
fn genesis(disk: &dyn Disk) -> anyhow::Result<Genesis> {
    ledger::load(disk)?.context(
        "there is no chain in this folder: name the one that was given to --ledger when a node ran",
    )
}

fn log_of(
    disk: &Arc<dyn Disk>,
    genesis: &Genesis,
) -> anyhow::Result<(BlockLogReader, ChainOrigin)> {
    let origin = ChainOrigin {
        genesis_hash: genesis.hash,
        genesis_time: genesis.time,
        identity: genesis.identity.pubkey(),
    };
    Ok((
        BlockLogReader::open(Arc::clone(disk), &genesis.hash)?,
        origin,
    ))
}

/// That nobody reads any more, because the other end of a pipe is closed, ends a tool and is no failure.
fn unless_nobody_reads(written: anyhow::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if is_closed_pipe(&error) => Ok(()),
        written => written,
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
