//! The first version of a program that is a shared library.

mod program;

const VERSION: u64 = 1;

sealane_sdk::library!(program::program);
