//! What whoever runs the node should read: native programs that misbehave, and caches that fail.

use sealane_sdk::Pubkey;
use solana_signature::Signature;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something that whoever runs the node should know. `Display` says it in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A native program runs longer than `Limits::program_run_max`, and still does. Nothing can stop it.
    Overrun {
        /// The program that runs, or that an instruction called if it went on to another.
        program: NamedProgram,
        /// The transaction it runs for.
        signature: Signature,
        /// For at least so long.
        running: Duration,
        /// In a simulation (or preflight), and not to be committed.
        simulated: bool,
    },
    /// `RuntimeConfig::check_purity`: run twice on the same accounts, a program did two things. Told once
    /// of each program.
    Impure {
        /// The program.
        program: NamedProgram,
        /// The transaction that showed it.
        signature: Signature,
        /// What differed.
        effect: Effect,
    },
    /// A checkpoint could not be made, and why. The block log holds what it would have held: a start replays
    /// more.
    CheckpointFailed(String),
    /// What is wrong with a checkpoint that a start passed over for the one before.
    CheckpointDamaged(String),
    /// What is wrong with a snapshot that a start passed over for the one before.
    SnapshotUnusable(String),
    /// Why no snapshot was made.
    SnapshotFailed(String),
    /// Why a state file was not written, and what there is instead.
    StateNotSaved(String),
    /// The index of old transactions and blocks could not be written: what comes is not found once it is
    /// no longer in memory, until `HistoryCaughtUp`. Nothing else depends on it.
    HistoryBehind {
        /// Why.
        reason: String,
    },
    /// The index of old transactions and blocks has all of them again.
    HistoryCaughtUp,
    /// What was asked for of a new chain is not done: the ledger has one already.
    GenesisIgnored,
    /// A native program's file was written: its new version runs from the next slot on.
    ProgramReplaced {
        /// The program.
        program: NamedProgram,
        /// The file.
        path: String,
    },
    /// A native program's file was written and cannot be used: the version before it runs on.
    ProgramNotReplaced {
        /// The program.
        program: NamedProgram,
        /// Why.
        reason: String,
    },
    /// Old files of the ledger could not be removed; it is tried again.
    LedgerNotPruned {
        /// Why.
        reason: String,
    },
}

/// A program's address, and the name that it was registered under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedProgram {
    /// Its address.
    pub id: Pubkey,
    /// Its name; empty if no such program is registered.
    pub name: &'static str,
}

/// What a transaction leaves behind and a program can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Its status, or the compute units it took.
    Result,
    /// Calls of other programs.
    Calls,
    /// Logs.
    Logs,
    /// Return data.
    ReturnData,
    /// States of accounts.
    Accounts,
}

/// Hears notices, on a thread of the node: it must not wait.
pub type OnNotice = Arc<dyn Fn(&Notice) + Send + Sync>;

impl fmt::Display for NamedProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "" => write!(f, "program {}", self.id),
            name => write!(f, "program {name} ({})", self.id),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Result => "result",
            Self::Calls => "calls of other programs",
            Self::Logs => "logs",
            Self::ReturnData => "return data",
            Self::Accounts => "accounts",
        })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overrun {
                program,
                signature,
                running,
                simulated,
            } => {
                let work = if *simulated {
                    "the simulation of transaction"
                } else {
                    "transaction"
                };
                let seconds = running.as_secs_f64();
                write!(
                    f,
                    "{program} has run for {seconds:.1} s in {work} {signature} and cannot be stopped"
                )
            }
            Self::Impure {
                program,
                signature,
                effect,
            } => write!(
                f,
                "{program} is not pure: run twice on the same accounts, transaction {signature} \
                 differed in its {effect}"
            ),
            Self::CheckpointFailed(error) => write!(f, "no checkpoint was made: {error}"),
            Self::CheckpointDamaged(error) => write!(
                f,
                "a checkpoint cannot be used, and the one before it is: {error}"
            ),
            Self::SnapshotUnusable(error) => write!(
                f,
                "a snapshot cannot be used, and the one before it is tried: {error}"
            ),
            Self::SnapshotFailed(error) => f.write_str(error),
            Self::StateNotSaved(error) => write!(f, "the state was not saved to {error}"),
            Self::HistoryBehind { reason } => write!(
                f,
                "old transactions and blocks may not be found for now: {reason}"
            ),
            Self::GenesisIgnored => f.write_str(
                "the ledger has a chain already: accounts to load or to clone, and a slot to warp to, are for a new one",
            ),
            Self::HistoryCaughtUp => f.write_str("old transactions and blocks are found again"),
            Self::ProgramReplaced { program, path } => {
                write!(f, "{program} was replaced by what {path} is now")
            }
            Self::ProgramNotReplaced { program, reason } => {
                write!(f, "{program} stays as it was: {reason}")
            }
            Self::LedgerNotPruned { reason } => {
                write!(f, "old files of the ledger were not removed: {reason}")
            }
        }
    }
}
