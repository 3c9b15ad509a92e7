//! The binary as a process of its own: killed under load at any moment.

mod client;
mod kills;
mod node;
mod web_socket;
