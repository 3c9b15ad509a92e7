//! The block log through its public face: what was written is read, and what the disk does to it is either
//! no more than was acknowledged or told clearly.

mod records;
mod round_trip;
