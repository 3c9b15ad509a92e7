//! The node from outside: through its sockets, byte by byte, and through its handle.

mod blocks;
mod chain;
mod dev;
mod embedded;
mod errors;
mod old_history;
mod proofs;
mod pubsub;
mod restart;
mod snapshots;
mod support;
mod traces;
mod transactions;
mod transfers;
