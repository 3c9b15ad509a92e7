//! Associated Token Account, compiled for the host.

extern crate native_syscalls as _;
extern crate spl_associated_token_account as _;
