//! The node as a library: started from a `main` or a test with what its builder was told, spoken to through a
//! handle without a socket in between.

use crate::airdrop::{self, Airdrops};
use crate::builder::ValidatorBuilder;
use crate::error::Error;
use crate::genesis::{Genesis, SEEDED_SLOT_TRANSACTIONS};
use crate::ingest::{IngestLimits, IngestPorts};
use crate::kept::{self, Kept, Place};
use crate::ledger;
use crate::native_library::Watch;
use crate::on_board;
use crate::performance::Performance;
use crate::periodic::Periodic;
use crate::pubsub::{self, Hub, Hubs, News, Subscriber, Topic};
use crate::rpc::{self, AnswersBytes, RpcContext};
use crate::server::{Ports, RpcServer};
use bytes::Bytes;
use crossbeam_channel::RecvTimeoutError;
use jsonrpsee::Methods;
use sealane_runtime::{
    CheckpointConfig, Disk, Ingest, Notice, Operator, Reader, Runtime, RuntimeConfig, TimeTravel,
};
use sealane_sdk::{AccountState, Pubkey};
use solana_commitment_config::CommitmentLevel;
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_message::VersionedMessage;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction::versioned::VersionedTransaction;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long `ValidatorHandle::send_and_confirm` and `airdrop` wait.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a stop may take before what still runs is left behind.
pub(crate) const STOP_DEADLINE: Duration = Duration::from_secs(5);

impl ValidatorBuilder {
    /// The chain of the ledger, or a new one.
    fn genesis(&self, disk: Option<&dyn Disk>) -> Result<(Genesis, Begun), Error> {
        if let Some(disk) = disk
            && let Some(genesis) = ledger::load(disk)?
        {
            ledger::check_dev(&genesis, self.dev)?;
            let programs = ledger::programs_of(&genesis, &self.programs);
            ledger::check(&genesis, &programs, self.mint, &self.accounts)?;
            genesis.parameters.check(self.parameters)?;
            return Ok((genesis, Begun::Before));
        }
        let mut accounts = if self.on_board {
            on_board::accounts()
        } else {
            Vec::new()
        };
        accounts.retain(|(key, _)| !self.deactivated_features.contains(key));
        accounts.extend(self.accounts.iter().cloned());
        if let Some(more) = &self.genesis_accounts {
            accounts.extend(more().map_err(Error::GenesisAccounts)?);
        }
        let genesis = Genesis::new(
            self.mint.or(self.wallet),
            self.faucet_lamports,
            &self.programs,
            accounts,
            self.dev,
            self.parameters,
        );
        if let Some(disk) = disk {
            ledger::store(disk, &genesis)?;
        }
        Ok((genesis, Begun::Now))
    }

    /// Starts the node. It runs until the handle is stopped or dropped.
    pub fn start(mut self) -> Result<ValidatorHandle, Error> {
        self.check_dev()?;
        // First, because it is what fails.
        let ports = self.rpc_port.map(|port| self.bind(port)).transpose()?;
        let addresses = ports
            .as_ref()
            .map(|(rpc, _)| (rpc.http(), rpc.web_socket()));
        let ingest_addresses = ports.as_ref().map(|(_, ingest)| ingest.addresses());
        let watch = self.watch.then(|| Watch::new(&self.native_programs));
        self.load_programs()?;
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
        let snapshot_folder = self.ledger.as_ref().and_then(Place::folder);
        let watch = watch.map(|watch| watch.start(self.programs, self.on_notice.clone()));
        let watch = watch.transpose().map_err(Error::Thread)?;
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
        let answers_bytes = Arc::new(AnswersBytes::new(
            self.rpc_limits.responses_bytes_max,
            self.rpc_limits.response_bytes_max as usize,
        ));
        let start_hub = |receipts_max| {
            let answers_bytes = Arc::clone(&answers_bytes);
            Hub::start(runtime.reader(), receipts_max, answers_bytes).map_err(Error::Thread)
        };
        let (hub, hub_thread) = start_hub(self.rpc_limits.receipts_waiting_max)?;
        let (blocks, block_hub_thread) = start_hub(0)?;
        let hubs = Hubs {
            all: hub.clone(),
            blocks,
        };
        let performance = Performance::default();
        let context = Arc::new(RpcContext {
            ingest: runtime.ingest(),
            reader: runtime.reader(),
            // A chain that begins at a later slot than 0 has one for that, and is nobody's to command.
            operator: runtime.operator().filter(|_| genesis.dev.is_some()),
            genesis,
            hub,
            limits: self.rpc_limits.clone(),
            airdrops: Airdrops::default(),
            performance: performance.clone(),
            addresses,
            ingest_addresses,
            snapshot_folder,
            answers_bytes: Arc::clone(&answers_bytes),
        });
        let bytes_max = self.limits.wire_bytes_max();
        let serve = |(rpc, ingest)| serve(rpc, ingest, &context, hubs.clone(), bytes_max);
        let server = ports.map(serve).transpose()?;
        let sampled = server
            .as_ref()
            .map(|_| performance.sample(runtime.reader()));
        let sampler = sampled.transpose().map_err(Error::Thread)?;
        Ok(ValidatorHandle {
            context,
            running: Some(Running {
                runtime,
                server,
                hubs,
                hub_threads: [hub_thread, block_hub_thread],
                kept,
                watch,
                sampler,
            }),
        })
    }

    /// Takes the ports: of JSON-RPC, and of transactions beside it.
    fn bind(&self, port: u16) -> Result<(Ports, IngestPorts), Error> {
        let rpc = Ports::bind(self.bind_address, port)?;
        let ingest = IngestPorts::bind(self.bind_address, self.ingest_ports.clone())?;
        Ok((rpc, ingest))
    }

    /// Maps the native programs that are files, and reads those that are ELF files.
    fn load_programs(&mut self) -> Result<(), Error> {
        for file in &self.native_programs {
            let program = file.load()?;
            if let Some(known) = self.programs.get(&file.id) {
                let (id, name) = (file.id, known.name);
                return Err(Error::ProgramAddressTaken { id, name });
            }
            self.programs.add(if self.watch {
                program.replaceable()
            } else {
                program
            });
        }
        for file in &self.program_files {
            self.accounts.extend(file.accounts(&self.programs)?);
        }
        Ok(())
    }

    /// A chain that may go back needs all of its past, and its accounts at hand.
    fn check_dev(&self) -> Result<(), Error> {
        let limits = &self.limits;
        let unsuitable = [
            (limits.accounts_memory_max.is_some(), "--accounts-memory"),
            (limits.ledger_bytes_max.is_some(), "--limit-ledger-size"),
            (limits.ledger_age_max.is_some(), "--limit-ledger-age"),
        ];
        match unsuitable.iter().find(|(is_there, _)| *is_there) {
            Some((_, flag)) if self.dev.is_some() => Err(Error::DevKeepsAll(flag)),
            _ => Ok(()),
        }
    }

    /// The chain of the ledger, or a new one, running.
    fn start_chain(&self, disk: Option<&Arc<dyn Disk>>) -> Result<(Arc<Genesis>, Runtime), Error> {
        let (genesis, begun) = self.genesis(disk.map(|disk| &**disk))?;
        let genesis = Arc::new(genesis);
        let warp_slot = self.warp_slot.filter(|_| begun == Begun::Now);
        let is_seeded = genesis.dev.is_some_and(|dev| dev.seed.is_some());
        let mut config = RuntimeConfig {
            limits: self.limits.clone(),
            genesis_accounts: genesis.accounts.clone(),
            genesis_time: genesis.time,
            ledger: disk.cloned(),
            checkpoints: disk.map(|_| CheckpointConfig::default()),
            on_ledger_failure: self.on_ledger_failure.clone(),
            on_replay: self.on_replay.clone(),
            banking_threads: self.banking_threads,
            // Several might change the order.
            verify_threads: if is_seeded { 1 } else { verify_threads() },
            slot_duration: self.slot_duration,
            finality_lag: self.finality_lag,
            entry_interval: Duration::from_millis(2),
            dev: genesis.dev.is_some() || warp_slot.is_some(),
            slot_transactions: is_seeded.then_some(SEEDED_SLOT_TRANSACTIONS),
            check_purity: self.check_purity,
            on_notice: self.on_notice.clone(),
            header_signer: Some(Arc::clone(&genesis.identity)),
            ..RuntimeConfig::new(
                Arc::new(ledger::programs_of(&genesis, &self.programs)),
                genesis.hash,
                genesis.identity.pubkey(),
            )
        };
        genesis.parameters.apply(&mut config);
        let runtime = Runtime::start(config)?;
        if let (Some(slot), Some(operator)) = (warp_slot, runtime.operator()) {
            operator.time_travel(TimeTravel::Slot(slot))?;
        }
        if is_seeded && let Some(operator) = runtime.operator() {
            // The slot that a start opens is there before anybody looks.
            operator.settle()?;
        }
        if begun == Begun::Before && (self.genesis_accounts.is_some() || self.warp_slot.is_some()) {
            (self.on_notice)(&Notice::GenesisIgnored);
        }
        Ok((genesis, runtime))
    }
}

/// Serves clients and takes transactions on the ports.
fn serve(
    rpc: Ports,
    ingest: IngestPorts,
    context: &Arc<RpcContext>,
    hubs: Hubs,
    transaction_bytes_max: usize,
) -> Result<RpcServer, Error> {
    let limits = &context.limits;
    let mut methods = Methods::new();
    methods.merge(rpc::module(Arc::clone(context))?)?;
    methods.merge(pubsub::module(hubs, limits.clone())?)?;
    let server = RpcServer::start(rpc, methods, limits, context.reader.clone())?;
    let limits = IngestLimits {
        transaction_bytes_max,
        connections_max: limits.quic_connections_max,
        streams_per_connection_max: limits.quic_streams_per_connection_max,
    };
    server.within(|| ingest.serve(&context.ingest, &context.genesis.identity, &limits))?;
    Ok(server)
}

/// Whether a chain is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    Now,
    Before,
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
    hubs: Hubs,
    hub_threads: [JoinHandle<()>; 2],
    kept: Option<Kept>,
    watch: Option<Periodic>,
    sampler: Option<Periodic>,
}

/// A running node, and an in-process client of it. Dropping it stops the node.
pub struct ValidatorHandle {
    context: Arc<RpcContext>,
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
        let bytes = match &transaction.message {
            // serde's format of version 1 is not that of the wire, where its signatures are behind it.
            VersionedMessage::V1(_) => {
                let signatures = transaction.signatures.iter().map(AsRef::<[u8]>::as_ref);
                let signatures: Vec<_> = signatures.collect();
                [transaction.message.serialize(), signatures.concat()].concat()
            }
            _ => bincode::serialize(transaction)?,
        };
        self.send_bytes(bytes.into())
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
                level: CommitmentLevel::Processed,
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
        let signature = loop {
            let transaction = self.context.airdrops.next(
                &self.context.genesis,
                to,
                lamports,
                self.latest_blockhash(),
            )?;
            match self.send_bytes(transaction) {
                // That was another airdrop, given before the node was started again.
                Err(Error::Refused(refusal)) if airdrop::is_known(&refusal) => {}
                sent => break sent?,
            }
        };
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
        let addresses = self.context.addresses;
        addresses.map(|(http, _)| format!("http://{http}"))
    }

    /// The answer to a JSON-RPC request as a client would get it, without the way through a socket. `None` if the node
    /// has none.
    pub fn json_rpc(&self, request: &str) -> Option<String> {
        let running = self.running.as_ref()?;
        Some(running.server.as_ref()?.call(request))
    }

    /// Where clients reach PubSub; `None` if it has no sockets.
    pub fn ws_url(&self) -> Option<String> {
        let addresses = self.context.addresses;
        addresses.map(|(_, web_socket)| format!("ws://{web_socket}"))
    }

    /// Where transactions are received over QUIC, as `solana-tpu-client` sends them; `None` if it has no sockets.
    pub fn quic_address(&self) -> Option<SocketAddr> {
        self.context.ingest_addresses.map(|it| it.quic)
    }

    /// Where transactions are received as datagrams; `None` but on loopback.
    pub fn udp_address(&self) -> Option<SocketAddr> {
        self.context.ingest_addresses.and_then(|it| it.udp)
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

    /// Sets an account, as the next transaction finds it; the slot in which it was set. One without lamports is
    /// gone. Waits until it is visible. In a chain for development alone (`ValidatorBuilder::dev`).
    pub fn set_account(&self, key: &Pubkey, state: AccountState) -> Result<u64, Error> {
        let set = move |_: &AccountState| Ok(state.clone());
        Ok(self.operator()?.set_account(key, set)?)
    }

    /// Moves the clock forward, and waits until that is visible; the slot that is open then. In a chain for
    /// development alone.
    pub fn time_travel(&self, to: TimeTravel) -> Result<u64, Error> {
        Ok(self.operator()?.time_travel(to)?.slot)
    }

    /// Stops the clock: no slot turns by itself until `resume_clock`. In a chain for development alone.
    pub fn pause_clock(&self) -> Result<(), Error> {
        self.operator()?.pause_clock()?;
        Ok(())
    }

    /// Lets the clock go on from where it is. In a chain for development alone.
    pub fn resume_clock(&self) -> Result<(), Error> {
        self.operator()?.resume_clock()?;
        Ok(())
    }

    /// Takes a snapshot of everything (accounts, clock, history) to go back to; its number. In a chain for development
    /// alone.
    pub fn snapshot_state(&self) -> Result<u64, Error> {
        Ok(self.operator()?.snapshot()?)
    }

    /// Goes back to a snapshot: it, and what was done since, is over. `false` if there is no such snapshot. In a
    /// chain for development alone.
    pub fn revert_state(&self, snapshot: u64) -> Result<bool, Error> {
        Ok(self.operator()?.revert(snapshot)?)
    }

    /// All that the operator of a chain for development may do.
    pub fn operator(&self) -> Result<&Operator, Error> {
        self.context.operator.as_ref().ok_or(Error::NoOperator)
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
            hubs,
            hub_threads,
            kept,
            watch,
            sampler,
        }) = self.running.take()
        else {
            return true;
        };
        let end = Instant::now() + deadline;
        drop((watch, sampler));
        // In this order, so that who waits for a transaction still hears of it.
        let orderly = runtime.shutdown(deadline.mul_f32(0.8));
        hubs.all.stop();
        hubs.blocks.stop();
        for thread in hub_threads {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
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
