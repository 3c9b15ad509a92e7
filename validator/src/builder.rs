//! What a node is started with.

use crate::chain_parameters::ChainParameters;
use crate::genesis::{Dev, FAUCET_SOL, LAMPORTS_PER_SOL};
use crate::kept::Place;
use crate::limits::RpcLimits;
use crate::native_library::NativeProgramFile;
use crate::program_files::{ProgramFile, ProgramKind};
use sealane_runtime::{BankingThreads, Disk, Limits, Notice, OnLedgerFailure, OnNotice, OnReplay};
use sealane_sdk::{AccountState, ProcessInstruction, Program, Programs, Pubkey};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Reads accounts of a new chain.
pub(crate) type GenesisAccounts = Box<dyn Fn() -> anyhow::Result<Vec<(Pubkey, AccountState)>>>;

/// Compute units of a program that declares none: room for calls to others within the 200,000 that an
/// instruction has by default.
const DEFAULT_COMPUTE_UNITS: u64 = 5_000;

/// A local validator. `Validator::builder()` makes one.
///
/// ```no_run
/// use sealane_sdk::{AccountInfo, ProgramResult, Pubkey};
/// use sealane_validator::Validator;
///
/// fn process(_program: &Pubkey, _accounts: &[AccountInfo], _data: &[u8]) -> ProgramResult {
///     Ok(())
/// }
///
/// let node = Validator::builder().program(Pubkey::new_from_array([7; 32]), process).start()?;
/// println!("clients reach it at {}", node.rpc_url().unwrap_or_default());
/// # Ok::<(), sealane_validator::Error>(())
/// ```
pub struct Validator(());

impl Validator {
    /// Starts with the built-in programs, those that every new chain has on board (SPL Token and its kin), free
    /// ports on loopback, and nothing else.
    pub fn builder() -> ValidatorBuilder {
        ValidatorBuilder {
            programs: built_in(),
            on_board: true,
            program_files: Vec::new(),
            native_programs: Vec::new(),
            watch: false,
            accounts: Vec::new(),
            rpc_port: Some(0),
            bind_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            parameters: ChainParameters::default(),
            warp_slot: None,
            genesis_accounts: None,
            deactivated_features: Vec::new(),
            ingest_ports: None,
            mint: None,
            wallet: None,
            ledger: None,
            reset: false,
            snapshot: None,
            snapshot_interval: None,
            dev: None,
            faucet_lamports: FAUCET_SOL * LAMPORTS_PER_SOL,
            banking_threads: BankingThreads::Auto,
            slot_duration: Duration::from_millis(400),
            finality_lag: 0,
            on_ledger_failure: None,
            on_replay: None,
            limits: Limits::default(),
            check_purity: false,
            on_notice: Arc::new(|notice| eprintln!("sealane: {notice}")),
            rpc_limits: RpcLimits::default(),
        }
    }
}

/// The native programs that every node has, whatever its author adds.
pub(crate) fn built_in() -> Programs {
    let mut programs = Programs::builtin();
    for precompile in sealane_precompiles::ALL {
        programs.add(precompile);
    }
    programs
}

/// What a validator starts with.
#[must_use = "a builder does nothing until `start`"]
pub struct ValidatorBuilder {
    pub(crate) programs: Programs,
    pub(crate) on_board: bool,
    pub(crate) program_files: Vec<ProgramFile>,
    pub(crate) native_programs: Vec<NativeProgramFile>,
    pub(crate) watch: bool,
    pub(crate) accounts: Vec<(Pubkey, AccountState)>,
    pub(crate) rpc_port: Option<u16>,
    pub(crate) bind_address: IpAddr,
    pub(crate) parameters: ChainParameters,
    pub(crate) warp_slot: Option<u64>,
    /// Asked for only when a chain begins.
    pub(crate) genesis_accounts: Option<GenesisAccounts>,
    pub(crate) deactivated_features: Vec<Pubkey>,
    /// Where transactions come in over QUIC and UDP; `None`: wherever there is room.
    pub(crate) ingest_ports: Option<Range<u16>>,
    pub(crate) mint: Option<Pubkey>,
    /// The mint of a new chain that has no other.
    pub(crate) wallet: Option<Pubkey>,
    pub(crate) ledger: Option<Place>,
    pub(crate) reset: bool,
    pub(crate) snapshot: Option<PathBuf>,
    pub(crate) snapshot_interval: Option<Duration>,
    pub(crate) dev: Option<Dev>,
    pub(crate) faucet_lamports: u64,
    pub(crate) banking_threads: BankingThreads,
    pub(crate) slot_duration: Duration,
    pub(crate) finality_lag: u64,
    pub(crate) on_ledger_failure: Option<OnLedgerFailure>,
    pub(crate) on_replay: Option<OnReplay>,
    pub(crate) limits: Limits,
    pub(crate) check_purity: bool,
    pub(crate) on_notice: OnNotice,
    pub(crate) rpc_limits: RpcLimits,
}

impl ValidatorBuilder {
    /// Adds a program under this id, at 5,000 compute units an instruction.
    pub fn program(self, id: Pubkey, process: ProcessInstruction) -> Self {
        self.program_with_units(id, process, DEFAULT_COMPUTE_UNITS)
    }

    /// The same, with the compute units that one of its instructions costs.
    pub fn program_with_units(
        self,
        id: Pubkey,
        process: ProcessInstruction,
        compute_units: u64,
    ) -> Self {
        self.add_program(Program::new(id, "program", process, compute_units))
    }

    /// Adds a program with all that it declares about itself.
    pub fn add_program(mut self, program: Program) -> Self {
        self.programs.add(program);
        self
    }

    /// Puts a program that is an ELF file on board of a new chain. It can never be changed: BPF Loader v2 owns it. The
    /// file is read at the start.
    pub fn program_file(self, id: Pubkey, path: impl Into<PathBuf>) -> Self {
        self.add_program_file(id, path.into(), ProgramKind::Final)
    }

    /// The same for a program that `authority` may upgrade, and without one nobody.
    pub fn upgradeable_program_file(
        self,
        id: Pubkey,
        path: impl Into<PathBuf>,
        authority: Option<Pubkey>,
    ) -> Self {
        self.add_program_file(id, path.into(), ProgramKind::Upgradeable(authority))
    }

    fn add_program_file(mut self, id: Pubkey, path: PathBuf, kind: ProgramKind) -> Self {
        self.program_files.push(ProgramFile { id, path, kind });
        self
    }

    /// Adds a native program that is a shared library: a `cdylib` with `sealane_sdk::library!` in it, built with the
    /// same toolchain and the same `sealane-sdk` as this process. It is mapped at the start.
    pub fn native_program_file(mut self, id: Pubkey, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.native_programs.push(NativeProgramFile { id, path });
        self
    }

    /// Replaces native programs between two slots when their files change, accounts kept. A notice tells of it.
    pub fn watch_native_programs(mut self, watch: bool) -> Self {
        self.watch = watch;
        self
    }

    /// A new chain without the programs, the features and the mint of wrapped SOL that it has on board otherwise: 1.5 MB
    /// less, for tests that have no use for them.
    pub fn nothing_on_board(mut self) -> Self {
        self.on_board = false;
        self
    }

    /// An account that exists from the start.
    pub fn account(mut self, key: Pubkey, state: AccountState) -> Self {
        self.accounts.push((key, state));
        self
    }

    /// More of them, asked for only when a chain begins: where they come from may be slow, or gone by the next start.
    pub(crate) fn genesis_accounts(mut self, read: GenesisAccounts) -> Self {
        self.genesis_accounts = Some(read);
        self
    }

    /// A new chain without accounts for these features: clients take them for inactive. What the node does is not
    /// changed.
    pub(crate) fn deactivate_features(mut self, features: Vec<Pubkey>) -> Self {
        self.deactivated_features = features;
        self
    }

    /// Slots in an epoch of a new chain; 432,000 by default, and 32 at least.
    pub fn slots_per_epoch(mut self, slots: u64) -> Self {
        self.parameters.slots_per_epoch = Some(slots);
        self
    }

    /// Compute units that each transaction of a new chain has, whatever it asks for.
    pub fn compute_unit_limit(mut self, units: u64) -> Self {
        self.parameters.compute_unit_limit = Some(units);
        self
    }

    /// Bytes of a transaction's logs, beyond which they are cut off, on a new chain; 10,000 by default.
    pub fn log_messages_bytes_limit(mut self, bytes: u64) -> Self {
        self.parameters.log_bytes_max = Some(bytes);
        self
    }

    /// Accounts that a transaction of a new chain may lock; 64 by default, which is also the most.
    pub fn transaction_account_lock_limit(mut self, accounts: u64) -> Self {
        self.parameters.account_locks_max = Some(accounts);
        self
    }

    /// Lets a new chain pass all slots up to this one at once, with nothing in them.
    pub fn warp_slot(mut self, slot: u64) -> Self {
        self.warp_slot = Some(slot);
        self
    }

    /// Port of JSON-RPC over HTTP; PubSub over WebSocket is on the next one. 0, the default, takes two
    /// free ports, so that tests can run side by side; Solana's clients expect 8899.
    pub fn rpc_port(mut self, port: u16) -> Self {
        self.rpc_port = Some(port);
        self
    }

    /// UDP ports of which two are taken for transactions over QUIC and, on loopback, over UDP. Without this any
    /// two that are free. `getClusterNodes` names them.
    pub fn ingest_ports(mut self, ports: Range<u16>) -> Self {
        self.ingest_ports = Some(ports);
        self
    }

    /// No sockets at all: the handle is the only way in.
    pub fn no_rpc(mut self) -> Self {
        self.rpc_port = None;
        self
    }

    /// Address to listen on; loopback by default.
    pub fn bind_address(mut self, address: IpAddr) -> Self {
        self.bind_address = address;
        self
    }

    /// A wallet that has 500,000,000 SOL from the start.
    pub fn mint(mut self, wallet: Pubkey) -> Self {
        self.mint = Some(wallet);
        self
    }

    /// A wallet that a new chain funds if no `mint` is named, and that a chain from a ledger need not know.
    pub(crate) fn wallet(mut self, wallet: Pubkey) -> Self {
        self.wallet = Some(wallet);
        self
    }

    /// Keeps the chain in a folder: what was confirmed is there again when a node is started on it, however
    /// the last one ended. Without a ledger everything is in memory.
    ///
    /// A chain that is in the folder already goes on: with its own faucet and identity, and with the mint,
    /// programs and accounts that it began with. A builder that names others is refused; what it says of
    /// the faucet's lamports counts for a new chain only.
    pub fn ledger(mut self, folder: impl Into<PathBuf>) -> Self {
        self.ledger = Some(Place::Folder(folder.into()));
        self
    }

    /// The same on a disk of your own.
    pub fn ledger_on(mut self, disk: Arc<dyn Disk>) -> Self {
        self.ledger = Some(Place::Disk(disk));
        self
    }

    /// Keeps the chain in one file, which is read at the start, if it is there, and written when the node
    /// stops; for tests. While the node runs, the chain is in a ledger beside it, `FILE.ledger`, with which
    /// the next start goes on if the node is killed. In place of a ledger.
    pub fn state_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ledger = Some(Place::StateFile(file.into()));
        self
    }

    /// Begins an empty ledger with a snapshot: a folder that a node made, or one of several of them, of which
    /// the newest that can be used is taken.
    pub fn snapshot(mut self, folder: impl Into<PathBuf>) -> Self {
        self.snapshot = Some(folder.into());
        self
    }

    /// Makes a snapshot from time to time, under `snapshots/` in the ledger's folder. The newest two are kept.
    pub fn snapshot_every(mut self, interval: Duration) -> Self {
        self.snapshot_interval = Some(interval);
        self
    }

    /// Bytes that accounts may take in memory: those that were not used for longest are read from the ledger's
    /// account files instead. Needs a ledger. Without it all are in memory.
    pub fn accounts_memory(mut self, bytes_max: u64) -> Self {
        self.limits.accounts_memory_max = Some(bytes_max);
        self
    }

    /// Deletes the chain in the ledger and starts a new one.
    pub fn reset_ledger(mut self) -> Self {
        self.reset = true;
        self
    }

    /// A chain for development: whoever reaches the node may set accounts, move the clock, and go back to an
    /// earlier state. A new chain remembers that it is one, and one from a ledger must have begun as one.
    pub fn dev(mut self, dev: bool) -> Self {
        self.dev = dev.then(|| self.dev.unwrap_or_default());
        self
    }

    /// A chain for development that repeats bit by bit where the same transactions are sent in the same order: keys and
    /// genesis follow from the seed, and nothing goes by wall time. A slot turns before a transaction that comes when
    /// [`SEEDED_SLOT_TRANSACTIONS`](crate::SEEDED_SLOT_TRANSACTIONS) are in it, or when `ValidatorHandle::time_travel`
    /// says so.
    pub fn seed(mut self, seed: u64) -> Self {
        self.dev = Some(Dev { seed: Some(seed) });
        self
    }

    /// What the faucet has to give; 1,000,000 SOL by default.
    pub fn faucet_lamports(mut self, lamports: u64) -> Self {
        self.faucet_lamports = lamports;
        self
    }

    /// Threads that execute transactions.
    pub fn banking_threads(mut self, threads: BankingThreads) -> Self {
        self.banking_threads = threads;
        self
    }

    /// Length of a slot; 400 ms by default.
    pub fn slot_duration(mut self, duration: Duration) -> Self {
        self.slot_duration = duration;
        self
    }

    /// Lets commitment levels trail as on Solana: `processed` is what is visible in the open slot, `confirmed` the state at
    /// the end of the newest sealed slot, and `finalized` that of the slot so many before it, at most
    /// `Limits::finality_lag_max`; Solana's are 32. 0, the default: all show the newest visible state. This handle's
    /// own methods are at `processed`.
    pub fn finality_lag(mut self, slots: u64) -> Self {
        self.finality_lag = slots;
        self
    }

    /// Bounds of the pipeline.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Executes every transaction twice, and names the program whose effects differ: a native program must
    /// be pure.
    pub fn check_purity(mut self, check: bool) -> Self {
        self.check_purity = check;
        self
    }

    /// Who hears of programs that run too long or are not pure; by default each notice is a line on
    /// standard error. Called on threads of the node: it must not wait.
    pub fn on_notice(mut self, hear: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        self.on_notice = Arc::new(hear);
        self
    }

    /// Bounds of JSON-RPC and PubSub.
    pub fn rpc_limits(mut self, limits: RpcLimits) -> Self {
        self.rpc_limits = limits;
        self
    }

    /// Hears why the ledger failed, if it does while the node runs: nothing more is confirmed then.
    pub fn on_ledger_failure(mut self, hear: OnLedgerFailure) -> Self {
        self.on_ledger_failure = Some(hear);
        self
    }

    /// Hears how far the start has come with what the ledger holds.
    pub fn on_replay(mut self, hear: OnReplay) -> Self {
        self.on_replay = Some(hear);
        self
    }
}
