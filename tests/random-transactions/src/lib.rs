//! Random whole transactions, as bytes from the wire, run by Sealane's verify and bank, and what Agave made of some of
//! them.
//!
//! What is random: the version; who pays and what that leaves, ages and durable nonces, what is asked for of Compute
//! Budget or in the configuration of version 1, lookup tables, the programs that are called or are not there,
//! instructions of System, nonce accounts, memo, lookup tables and precompiles, and how many of them; and then what is
//! wrong with all that. Who uses it: `tests/differential`, a workspace of its own, which runs them through Agave beside
//! Sealane; and the test of this crate, which compares with what Agave came to there, as it was recorded.
//!
//! Not in here: signatures of transactions (there are none: their rule is another on purpose), a transaction sent
//! twice, more than 64 accounts, and Vote.

mod accounts;
mod actions;
mod answer;
mod budget;
mod message;
mod precompiles;
mod recorded;
mod scene;
mod sealane;
mod world;

pub use answer::{Answer, Charged};
pub use recorded::{Recorded, digest};
pub use scene::{MEMO_1, MEMO_3, MEMO_4};
pub use sealane::{Sealane, all_programs};
pub use world::{FULL_COMPARISON, Mirror, Transaction, World};
