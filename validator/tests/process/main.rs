//! The binary as a process of its own: killed under load at any moment, and traced while it confirms.

mod client;
mod durable_first;
mod kills;
mod node;
mod web_socket;
