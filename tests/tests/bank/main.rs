//! The bank, from outside: signed transactions as wire bytes in, states and records out.

mod age;
mod execution;
mod fees;
mod programs;
mod records;
mod version_1;
mod world;
