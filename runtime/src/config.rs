//! What a pipeline starts from.

use crate::trace::TraceRequest;
use crate::{CheckpointConfig, Fault, Limits, OnLedgerFailure, OnNotice, OnReplay};
use sealane_accounts_db::Disk;
use sealane_sdk::{AccountState, Programs, Pubkey};
use sealane_vm::ProgramsConfig;
use solana_epoch_schedule::EpochSchedule;
use solana_hash::Hash;
use solana_keypair::Keypair;
use std::sync::Arc;
use std::time::Duration;

/// How many banking threads execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BankingThreads {
    /// What suits the machine: two on few cores, more where there are more.
    Auto,
    /// This many, at most 64; 1 runs in order, without a lock table.
    Fixed(usize),
}

impl BankingThreads {
    /// The number of threads on this machine: two on up to five cores (measured: two are faster than one
    /// on two), beyond that all but three, which verify, schedule and publish take.
    pub fn resolve(self) -> usize {
        match self {
            Self::Fixed(threads) => threads.clamp(1, 64),
            Self::Auto => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                if cores == 1 {
                    1
                } else {
                    cores.saturating_sub(3).clamp(2, 64)
                }
            }
        }
    }
}

/// Everything a pipeline starts from.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// Bounds.
    pub limits: Limits,
    /// All programs, System and Compute Budget included.
    pub programs: Arc<Programs>,
    /// How many programs that are ELF files are kept loaded.
    pub elf_programs: ProgramsConfig,
    /// Accounts at genesis, beside those of programs.
    pub genesis_accounts: Vec<(Pubkey, AccountState)>,
    /// First blockhash and id of the chain.
    pub genesis_hash: Hash,
    /// Unix time of slot 0, in seconds.
    pub genesis_time: i64,
    /// Where the leader's share of the fees goes.
    pub identity: Pubkey,
    /// Keeps the state root, and signs a header for each slot with this key, that of `identity`; without
    /// it, neither is made.
    pub header_signer: Option<Arc<Keypair>>,
    /// Banking threads.
    pub banking_threads: BankingThreads,
    /// Verify threads.
    pub verify_threads: usize,
    /// Check signatures.
    pub check_signatures: bool,
    /// Length of a slot.
    pub slot_duration: Duration,
    /// An entry is closed after at most this long.
    pub entry_interval: Duration,
    /// Keep the serial order (`Reader::take_order`), for the oracle.
    pub record_order: bool,
    /// Slots in epochs; Solana's default, without warm-up.
    pub epoch_schedule: EpochSchedule,
    /// How many slots what is final (`Reader::finalized`) is behind what is confirmed, at most
    /// `Limits::finality_lag_max`. The state at the end of each of them is held.
    pub finality_lag: u64,
    /// A chain for development: `Runtime::operator` may set accounts and the clock.
    pub dev: bool,
    /// Nothing goes by wall time: a slot turns before a transaction that comes when so many are in it, or when the operator
    /// says so. Each transaction is an entry of its own, and they are inserted as they come. So a chain whose
    /// transactions come in the same order is the same, bit by bit. `None`: a slot lasts `slot_duration`.
    pub slot_transactions: Option<u64>,
    /// Execute every transaction twice, and name the program whose effects differ (`Notice::Impure`).
    pub check_purity: bool,
    /// Hears of programs that misbehave.
    pub on_notice: OnNotice,
    /// Where the block log is kept, and replayed from at the start; `None` keeps all in memory.
    pub ledger: Option<Arc<dyn Disk>>,
    /// Account files beside the block log, so that a start replays only what is behind the newest checkpoint;
    /// needs a ledger and a `header_signer`. `None`: a start replays all.
    pub checkpoints: Option<CheckpointConfig>,
    /// Only replay the ledger, and change nothing: what `replay_ledger` sets.
    pub replay_only: bool,
    /// The transaction that is traced, with which a replay ends: what `trace_logged` sets.
    #[doc(hidden)]
    pub trace: Option<Arc<TraceRequest>>,
    /// Hears when the ledger fails while the node runs.
    pub on_ledger_failure: Option<OnLedgerFailure>,
    /// Hears how far the replay at the start has come.
    pub on_replay: Option<OnReplay>,
    /// A deliberate fault; debug builds only.
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

impl RuntimeConfig {
    /// A node of one's own: signatures checked, 400 ms slots, entries of 5 ms, an empty genesis.
    pub fn new(programs: Arc<Programs>, genesis_hash: Hash, identity: Pubkey) -> Self {
        Self {
            limits: Limits::default(),
            programs,
            elf_programs: ProgramsConfig::default(),
            genesis_accounts: Vec::new(),
            genesis_hash,
            genesis_time: 0,
            identity,
            header_signer: None,
            banking_threads: BankingThreads::Auto,
            verify_threads: 1,
            check_signatures: true,
            slot_duration: Duration::from_millis(400),
            entry_interval: Duration::from_millis(5),
            record_order: false,
            epoch_schedule: EpochSchedule::without_warmup(),
            finality_lag: 0,
            dev: false,
            slot_transactions: None,
            check_purity: false,
            on_notice: Arc::new(|_| {}),
            ledger: None,
            checkpoints: None,
            replay_only: false,
            trace: None,
            on_ledger_failure: None,
            on_replay: None,
            fault: None,
        }
    }
}
