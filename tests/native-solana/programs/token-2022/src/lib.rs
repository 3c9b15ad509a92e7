//! Token-2022, compiled for the host.

extern crate native_syscalls as _;
extern crate spl_token_2022 as _;
