//! The node from outside: through its sockets, byte by byte, and through its handle.

mod blocks;
mod chain;
mod cluster;
mod commitment;
mod connections;
mod dev;
mod embedded;
mod errors;
mod ingest;
mod old_history;
mod parameters;
mod precompiles;
mod proofs;
mod pubsub;
mod pubsub_slots;
mod restart;
mod snapshots;
mod support;
mod tokens;
mod traces;
mod transactions;
mod transfers;
mod version_1;
