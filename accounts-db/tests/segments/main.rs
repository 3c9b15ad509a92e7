//! Account files, through their public face: against a map, through crashes, faults and flipped bits.
#![cfg(not(feature = "shuttle"))]

mod crash;
mod driver;
mod faults;
mod files;
mod flips;
mod model;
mod readers;
mod snapshots;
