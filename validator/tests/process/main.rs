//! The binary as a process of its own: killed under load at any moment, traced while it confirms, with syncs that
//! fail, and its tools on what it left.

mod client;
mod durable_first;
mod failed_sync;
mod kills;
mod ledger_tools;
mod native_library;
mod node;
mod state_file;
mod web_socket;
