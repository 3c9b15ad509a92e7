//! Memo, compiled for the host.
#![expect(deprecated, reason = "its successor has no standard library")]

extern crate native_syscalls as _;
extern crate spl_memo as _;
