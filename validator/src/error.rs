//! Why a node did not start, or a transaction of the in-process client did not run.

use sealane_runtime::Refusal;
use solana_transaction_error::TransactionError;
use std::time::Duration;

/// Errors of the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process listens there.
    #[error(
        "port {port} of {address} is already in use: another validator may be running. Stop it, or \
         choose other ports with --rpc-port N (N is for HTTP, N + 1 for WebSocket)"
    )]
    PortInUse {
        /// The address that was to be bound.
        address: std::net::IpAddr,
        /// The port that was to be bound.
        port: u16,
    },
    /// The port could not be bound for another reason.
    #[error("cannot listen on port {port} of {address}: {source}")]
    Bind {
        /// The address that was to be bound.
        address: std::net::IpAddr,
        /// The port that was to be bound.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// The highest port leaves none for the WebSocket.
    #[error("port {0} cannot be used: the next one is for WebSocket, so 65534 is the highest")]
    NoPortForWebSocket(u16),
    /// No port of the range is free for transactions over QUIC or UDP.
    #[error(
        "no UDP port from {} up to {} of {address} is free: name others with --dynamic-port-range MIN-MAX",
        ports.start,
        ports.end
    )]
    NoFreePort {
        /// The address that was to be bound.
        address: std::net::IpAddr,
        /// The ports that were tried; the last one is not among them.
        ports: std::ops::Range<u16>,
    },
    /// QUIC could not be set up.
    #[error("cannot receive transactions over QUIC: {0}")]
    Quic(String),
    /// The accounts of a new chain could not be had.
    #[error("{0:#}")]
    GenesisAccounts(anyhow::Error),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The accounts of genesis do not fit, or the ledger could not be replayed.
    #[error("cannot start the runtime: {0}")]
    Start(#[from] sealane_runtime::StartError),
    /// The ledger's folder cannot be used: another node runs on it, or the system refuses.
    #[error("cannot use the ledger: {0}")]
    Disk(#[from] std::io::Error),
    /// A file of the ledger is damaged or missing.
    #[error(
        "the ledger's file {file} cannot be used: {what}. Put a copy of it in its place, or start a \
         new chain there with --reset, which deletes the old one"
    )]
    Ledger {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The ledger was made by a newer release.
    #[error(
        "the ledger has format {version}, and this release knows {supported}: run the release that \
         made it, or a newer one"
    )]
    NewerLedger {
        /// Its format.
        version: u32,
        /// The newest that this release knows.
        supported: u32,
    },
    /// A shared library is no native program for this node.
    #[error("the native program {} cannot be used: {what}", path.display())]
    NativeProgram {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A state file is damaged, or none.
    #[error(
        "the state file {} cannot be used: {what}. Put a copy of it in its place, or remove it to start a new \
         chain",
        path.display()
    )]
    State {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is no snapshot where one was to be.
    #[error(
        "there is no snapshot in {}: name a folder that a node made under its ledger's snapshots/, or that \
         folder itself",
        path.display()
    )]
    NoSnapshot {
        /// Where it was looked for.
        path: std::path::PathBuf,
    },
    /// A snapshot was to be the start of a ledger that has a chain already.
    #[error(
        "the ledger holds a chain already: leave --snapshot away to go on with it, name another folder, or \
         add --reset, which deletes it"
    )]
    LedgerInUse,
    /// A snapshot needs a ledger to be put into, and to be made of.
    #[error("snapshots are of a ledger's chain: name its folder with --ledger DIR")]
    SnapshotWithoutLedger,
    /// No snapshot was made.
    #[error("no snapshot was made: {0}")]
    Snapshot(#[from] sealane_runtime::SnapshotError),
    /// The ledger's chain is not the one that was asked for.
    #[error(
        "the ledger holds another chain: {0}. Start with what that chain began with, name another \
         folder, or start a new chain there with --reset, which deletes the old one"
    )]
    OtherGenesis(String),
    /// A ledger that is not for development was to be started as one that is.
    #[error(
        "the ledger's chain was not begun with --dev, so nobody may set its accounts or its clock: leave --dev \
         away to go on with it, name another folder, or add --reset, which deletes it and begins a new one"
    )]
    NotDev,
    /// A ledger that is for development was to be started as one that is not.
    #[error(
        "the ledger's chain was begun with --dev, and whoever reaches the node may set its accounts and its \
         clock: add --dev to go on with it, name another folder, or add --reset, which deletes it and begins a \
         new one"
    )]
    IsDev,
    /// Only the operator of a chain for development may do this.
    #[error("this chain did not begin with --dev (ValidatorBuilder::dev), so nobody may do this")]
    NoOperator,
    /// What the operator wanted was not done.
    #[error("not done: {0}")]
    Operator(#[from] sealane_runtime::OperatorError),
    /// What a chain for development cannot have.
    #[error("a chain for development (--dev) keeps all of it: leave {0} away")]
    DevKeepsAll(&'static str),
    /// A program's file cannot be used.
    #[error(
        "the program file {} cannot be used: {what}. Name the .so file that `cargo build-sbf` leaves in \
         target/deploy/",
        path.display()
    )]
    ProgramFile {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A program's file was to stand where a native program does.
    #[error("the address {id} is the native program {name}'s: each program needs one of its own")]
    ProgramAddressTaken {
        /// The address.
        id: sealane_sdk::Pubkey,
        /// The native program's name.
        name: &'static str,
    },
    /// The node did not take the transaction.
    #[error("the transaction was refused: {0}")]
    Refused(#[from] Refusal),
    /// The transaction ran and failed, or was dropped.
    #[error("the transaction failed: {0}")]
    Failed(#[from] TransactionError),
    /// The transaction did not become visible in time.
    #[error("the transaction was not confirmed within {0:?}")]
    NotConfirmed(Duration),
    /// The transaction did not become visible in time, and the node was so busy that word of its eviction
    /// may have been lost.
    #[error("the transaction was not confirmed within {0:?}; it may have been evicted")]
    FateUnknown(Duration),
    /// The transaction could not be written as bytes.
    #[error("the transaction cannot be encoded: {0}")]
    Encode(#[from] bincode::Error),
    /// The state could not be read.
    #[error("the state cannot be read: {0}")]
    Read(#[from] sealane_runtime::ReadError),
    /// A method of JSON-RPC was registered twice: a mistake in this crate.
    #[error("cannot set up JSON-RPC: {0}")]
    Rpc(#[from] jsonrpsee::core::RegisterMethodError),
}
