//! A chain for development: whose state and time its operator may set.

mod begun;
