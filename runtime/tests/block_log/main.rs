//! The block log through its public face: what was written is read, and what the disk does to it is either
//! no more than what was never acknowledged, or told clearly.
//!
//! `SEALANE_SEEDS=100000` makes the long run of the random tests.

mod damage;
mod faults;
mod going_back;
mod power_loss;
mod records;
mod round_trip;
mod session;
mod strangers;
