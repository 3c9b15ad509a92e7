//! The node as a library: built with a program in it, started from a `main` or a test, spoken to through
//! a handle without a socket in between.

use crate::error::Error;
use crate::genesis::{FAUCET_SOL, Genesis, LAMPORTS_PER_SOL};
use crate::kept::{self, Kept, Place};
use crate::ledger;
use crate::limits::RpcLimits;
use crate::pubsub::{self, Hub, News, Subscriber, Topic};
use crate::rpc::{self, AnswersBytes, RpcContext};
use crate::server::{Ports, RpcServer};
use bytes::Bytes;
use crossbeam_channel::RecvTimeoutError;
use jsonrpsee::Methods;
use sealane_runtime::{
    BankingThreads, CheckpointConfig, Disk, Ingest, Limits, Notice, OnLedgerFailure, OnNotice,
    OnReplay, Reader, Runtime, RuntimeConfig,
};
use sealane_sdk::{AccountState, ProcessInstruction, Program, Programs, Pubkey};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction::versioned::VersionedTransaction;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long `ValidatorHandle::send_and_confirm` and `airdrop` wait.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a stop may take before what still runs is left behind.
pub(crate) const STOP_DEADLINE: Duration = Duration::from_secs(5);

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
    /// Starts with System and Compute Budget, free ports on loopback, and nothing else.
    pub fn builder() -> ValidatorBuilder {
        ValidatorBuilder {
            programs: Programs::builtin(),
            accounts: Vec::new(),
            rpc_port: Some(0),
            bind_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            mint: None,
            wallet: None,
            ledger: None,
            reset: false,
            snapshot: None,
            snapshot_interval: None,
            faucet_lamports: FAUCET_SOL * LAMPORTS_PER_SOL,
            banking_threads: BankingThreads::Auto,
            slot_duration: Duration::from_millis(400),
            on_ledger_failure: None,
            on_replay: None,
            limits: Limits::default(),
            check_purity: false,
            on_notice: Arc::new(|notice| eprintln!("sealane: {notice}")),
            rpc_limits: RpcLimits::default(),
        }
    }
}

/// What a validator starts with.
#[must_use = "a builder does nothing until `start`"]
pub struct ValidatorBuilder {
    programs: Programs,
    accounts: Vec<(Pubkey, AccountState)>,
    rpc_port: Option<u16>,
    bind_address: IpAddr,
    mint: Option<Pubkey>,
    /// The mint of a new chain that has no other.
    wallet: Option<Pubkey>,
    ledger: Option<Place>,
    reset: bool,
    snapshot: Option<PathBuf>,
    snapshot_interval: Option<Duration>,
    faucet_lamports: u64,
    banking_threads: BankingThreads,
    slot_duration: Duration,
    on_ledger_failure: Option<OnLedgerFailure>,
    on_replay: Option<OnReplay>,
    limits: Limits,
    check_purity: bool,
    on_notice: OnNotice,
    rpc_limits: RpcLimits,
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

    /// An account that exists from the start.
    pub fn account(mut self, key: Pubkey, state: AccountState) -> Self {
        self.accounts.push((key, state));
        self
    }

    /// Port of JSON-RPC over HTTP; PubSub over WebSocket is on the next one. 0, the default, takes two
    /// free ports, so that tests can run side by side; Solana's clients expect 8899.
    pub fn rpc_port(mut self, port: u16) -> Self {
        self.rpc_port = Some(port);
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

    /// The chain of the ledger, or a new one.
    fn genesis(&self, disk: Option<&dyn Disk>) -> Result<Genesis, Error> {
        if let Some(disk) = disk
            && let Some(genesis) = ledger::load(disk)?
        {
            let programs = ledger::programs_of(&genesis, &self.programs);
            ledger::check(&genesis, &programs, self.mint, &self.accounts)?;
            return Ok(genesis);
        }
        let genesis = Genesis::new(
            self.mint.or(self.wallet),
            self.faucet_lamports,
            &self.programs,
            self.accounts.clone(),
        );
        if let Some(disk) = disk {
            ledger::store(disk, &genesis)?;
        }
        Ok(genesis)
    }

    /// Starts the node. It runs until the handle is stopped or dropped.
    pub fn start(self) -> Result<ValidatorHandle, Error> {
        // First, because it is what fails.
        let ports = self
            .rpc_port
            .map(|port| Ports::bind(self.bind_address, port))
            .transpose()?;
        let addresses = ports
            .as_ref()
            .map(|ports| (ports.http(), ports.web_socket()));
        let place = self.ledger.as_ref();
        let disk = place.map(|place| place.open(self.reset)).transpose()?;
        let (genesis, runtime) = match (&self.snapshot, &disk) {
            (None, _) => self.start_chain(disk.as_ref())?,
            (Some(_), None) => return Err(Error::SnapshotWithoutLedger),
            (Some(path), Some(disk)) => {
                let start = || self.start_chain(Some(disk));
                kept::start_from_snapshot(path, &**disk, &self.on_notice, start)?
            }
        };
        let kept = match (self.ledger, disk) {
            (Some(place), Some(disk)) => Some(Kept::new(
                place,
                disk,
                &genesis,
                &runtime.reader(),
                self.snapshot_interval,
                self.on_notice,
            )?),
            _ if self.snapshot_interval.is_some() => return Err(Error::SnapshotWithoutLedger),
            _ => None,
        };
        let (hub, hub_thread) = Hub::start(runtime.reader(), self.rpc_limits.receipts_waiting_max)
            .map_err(Error::Thread)?;
        let context = Arc::new(RpcContext {
            ingest: runtime.ingest(),
            reader: runtime.reader(),
            genesis,
            hub: hub.clone(),
            limits: self.rpc_limits.clone(),
            airdrops: AtomicU32::new(0),
            answers_bytes: AnswersBytes::new(
                self.rpc_limits.responses_bytes_max,
                self.rpc_limits.response_bytes_max as usize,
            ),
        });
        let server = match ports {
            Some(ports) => {
                let mut methods = Methods::new();
                methods.merge(rpc::module(Arc::clone(&context))?)?;
                methods.merge(pubsub::module(hub, self.rpc_limits.clone())?)?;
                Some(RpcServer::start(
                    ports,
                    methods,
                    &self.rpc_limits,
                    runtime.reader(),
                )?)
            }
            None => None,
        };
        Ok(ValidatorHandle {
            context,
            addresses,
            running: Some(Running {
                runtime,
                server,
                hub_thread,
                kept,
            }),
        })
    }

    /// The chain of the ledger, or a new one, running.
    fn start_chain(&self, disk: Option<&Arc<dyn Disk>>) -> Result<(Arc<Genesis>, Runtime), Error> {
        let genesis = Arc::new(self.genesis(disk.map(|disk| &**disk))?);
        let runtime = Runtime::start(RuntimeConfig {
            limits: self.limits.clone(),
            genesis_accounts: genesis.accounts.clone(),
            genesis_time: genesis.time,
            ledger: disk.cloned(),
            checkpoints: disk.map(|_| CheckpointConfig::default()),
            on_ledger_failure: self.on_ledger_failure.clone(),
            on_replay: self.on_replay.clone(),
            banking_threads: self.banking_threads,
            verify_threads: verify_threads(),
            slot_duration: self.slot_duration,
            entry_interval: Duration::from_millis(2),
            check_purity: self.check_purity,
            on_notice: self.on_notice.clone(),
            header_signer: Some(Arc::clone(&genesis.identity)),
            ..RuntimeConfig::new(
                Arc::new(ledger::programs_of(&genesis, &self.programs)),
                genesis.hash,
                genesis.identity.pubkey(),
            )
        })?;
        Ok((genesis, runtime))
    }
}

/// A signature takes as long as some fifty transfers, so verify gets all of few cores and half of many:
/// the system shares them out, and a verify thread without work sleeps.
fn verify_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores <= 4 { cores } else { cores / 2 }
}

struct Running {
    runtime: Runtime,
    server: Option<RpcServer>,
    hub_thread: JoinHandle<()>,
    kept: Option<Kept>,
}

/// A running node, and an in-process client of it. Dropping it stops the node.
pub struct ValidatorHandle {
    context: Arc<RpcContext>,
    /// Of HTTP and WebSocket.
    addresses: Option<(SocketAddr, SocketAddr)>,
    /// `None` once it was stopped.
    running: Option<Running>,
}

impl ValidatorHandle {
    /// Sends a transaction, and returns its signature once it was scheduled.
    pub fn send(&self, transaction: &Transaction) -> Result<Signature, Error> {
        self.send_bytes(bincode::serialize(transaction)?.into())
    }

    /// The same for a transaction of any version.
    pub fn send_versioned(&self, transaction: &VersionedTransaction) -> Result<Signature, Error> {
        self.send_bytes(bincode::serialize(transaction)?.into())
    }

    /// The same for a transaction as it is on the wire.
    pub fn send_bytes(&self, transaction: Bytes) -> Result<Signature, Error> {
        let (sender, admitted) = crossbeam_channel::bounded(1);
        self.context.ingest.submit_one(
            transaction,
            Box::new(move |admission| {
                let _ = sender.send(admission);
            }),
        );
        // Nobody answers only when the node has stopped.
        let admission = admitted
            .recv()
            .unwrap_or(Err(sealane_runtime::Refusal::ShuttingDown));
        Ok(admission?)
    }

    /// Waits until a transaction is visible. `Err`: it failed, was dropped, or is not there in time.
    pub fn confirm(&self, signature: &Signature, timeout: Duration) -> Result<(), Error> {
        let end = Instant::now() + timeout;
        let mut missed = false;
        loop {
            let (sender, settled) = crossbeam_channel::bounded(1);
            let topic = Topic::Signature {
                signature: *signature,
                received: false,
            };
            let hub = &self.context.hub;
            let number = hub.subscribe(topic, Subscriber::Waiter(sender));
            match settled.recv_deadline(end) {
                Ok(News::Settled(status)) => return Ok(status?),
                // It may yet become visible.
                Ok(News::Missed) => missed = true,
                Err(RecvTimeoutError::Timeout) => {
                    hub.unsubscribe(number);
                    return Err(if missed {
                        Error::FateUnknown(timeout)
                    } else {
                        Error::NotConfirmed(timeout)
                    });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Refused(sealane_runtime::Refusal::ShuttingDown));
                }
            }
        }
    }

    /// Sends a transaction and waits, for half a minute at most, until it is visible.
    pub fn send_and_confirm(&self, transaction: &Transaction) -> Result<Signature, Error> {
        let signature = self.send(transaction)?;
        self.confirm(&signature, CONFIRM_TIMEOUT)?;
        Ok(signature)
    }

    /// Gives an account lamports from the faucet, and waits until it has them.
    pub fn airdrop(&self, to: &Pubkey, lamports: u64) -> Result<Signature, Error> {
        let transaction = rpc::airdrop_transaction(
            self.faucet(),
            &self.context.airdrops,
            to,
            lamports,
            self.latest_blockhash(),
        )?;
        let signature = self.send_bytes(transaction)?;
        self.confirm(&signature, CONFIRM_TIMEOUT)?;
        Ok(signature)
    }

    /// The account as it is visible now; `None` if it does not exist.
    pub fn account(&self, key: &Pubkey) -> Result<Option<AccountState>, Error> {
        let slot = self.context.reader.slot();
        let pin = self.context.reader.pin()?;
        Ok(slot.account(&pin, key)?)
    }

    /// Lamports of an account; 0 if it does not exist.
    pub fn balance(&self, key: &Pubkey) -> Result<u64, Error> {
        Ok(self.account(key)?.map_or(0, |account| account.lamports))
    }

    /// The newest blockhash.
    pub fn latest_blockhash(&self) -> Hash {
        self.context.reader.slot().blockhash()
    }

    /// Where clients reach JSON-RPC; `None` if it has no sockets.
    pub fn rpc_url(&self) -> Option<String> {
        self.addresses.map(|(http, _)| format!("http://{http}"))
    }

    /// Where clients reach PubSub; `None` if it has no sockets.
    pub fn ws_url(&self) -> Option<String> {
        self.addresses
            .map(|(_, web_socket)| format!("ws://{web_socket}"))
    }

    /// The faucet's keypair: it pays where nobody else can.
    pub fn faucet(&self) -> &Keypair {
        &self.context.genesis.faucet
    }

    /// The faucet's address.
    pub fn faucet_address(&self) -> Pubkey {
        self.faucet().pubkey()
    }

    /// The wallet that was funded at genesis, if any.
    pub fn mint_address(&self) -> Option<Pubkey> {
        self.context.genesis.mint
    }

    /// The chain's name.
    pub fn genesis_hash(&self) -> Hash {
        self.context.genesis.hash
    }

    /// Makes a snapshot of what is durable now, under `snapshots/` in the ledger's folder; the folder that it
    /// is in. It can be copied to anywhere and started from.
    pub fn make_snapshot(&self) -> Result<PathBuf, Error> {
        let kept = self.running.as_ref().and_then(|it| it.kept.as_ref());
        kept.ok_or(Error::SnapshotWithoutLedger)?.make_snapshot()
    }

    /// Why the ledger failed, if it did: nothing more is confirmed then, and what is visible stays so.
    pub fn ledger_failure(&self) -> Option<Arc<str>> {
        self.context.reader.ledger_failure()
    }

    /// Everything that is visible, for what this handle has no method for.
    pub fn reader(&self) -> &Reader {
        &self.context.reader
    }

    /// The way in for many transactions at once.
    pub fn ingest(&self) -> &Ingest {
        &self.context.ingest
    }

    /// Stops the node: what was accepted finishes and becomes visible. `false`: a program still ran after
    /// five seconds; its thread is left behind.
    pub fn stop(self) -> bool {
        self.stop_within(STOP_DEADLINE)
    }

    /// The same with a deadline of your own.
    pub fn stop_within(mut self, deadline: Duration) -> bool {
        self.end_within(deadline)
    }

    fn end_within(&mut self, deadline: Duration) -> bool {
        let Some(Running {
            runtime,
            server,
            hub_thread,
            kept,
        }) = self.running.take()
        else {
            return true;
        };
        let end = Instant::now() + deadline;
        // In this order, so that who waits for a transaction still hears of it.
        let orderly = runtime.shutdown(deadline.mul_f32(0.8));
        self.context.hub.stop();
        // A panic there was reported when it happened.
        let _ = hub_thread.join();
        if let Some(server) = server {
            let left = end.saturating_duration_since(Instant::now());
            server.stop(left.min(Duration::from_millis(500)));
        }
        match kept {
            Some(kept) if orderly => kept.stopped(),
            _ => orderly,
        }
    }
}

impl Drop for ValidatorHandle {
    fn drop(&mut self) {
        self.end_within(STOP_DEADLINE);
    }
}
