//! A local node that unmodified Solana clients talk to: JSON-RPC over HTTP, PubSub over WebSocket, a
//! faucet, all in memory.
//!
//! As a binary it is `sealane-validator`. As a library it is a node inside your own process, with your
//! own programs: `Validator::builder()` makes one, `ValidatorHandle` is an in-process client of it, and
//! `run` is the binary's `main` for a binary of your own.
//!
//! This crate knows the runtime, JSON and the terminal. It knows no locks and no versions.

mod airdrop;
mod builder;
mod chain_parameters;
mod cli;
mod clone;
mod commitment;
mod config_file;
mod cut;
mod embed;
mod error;
mod freed_memory;
mod genesis;
mod genesis_files;
mod ingest;
mod kept;
mod ledger;
mod ledger_bounds;
mod ledger_tools;
mod limits;
mod metrics;
mod native_library;
mod niceness;
mod on_board;
mod open_files;
mod performance;
mod periodic;
mod program_files;
mod pubsub;
mod rate;
mod rpc;
mod server;
mod slot_history;
mod snapshots;
mod state_file;
mod status_line;
mod test_validator;
mod trace_json;
mod unsent;
mod wallet;

pub use builder::{Validator, ValidatorBuilder};
pub use cli::{Arguments, run};
pub use embed::ValidatorHandle;
pub use error::Error;
pub use genesis::{LAMPORTS_PER_SOL, SEEDED_SLOT_TRANSACTIONS};
pub use limits::RpcLimits;
pub use sealane_runtime::{BankingThreads, Limits};
