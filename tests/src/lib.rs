//! What the black-box tests share: a program whose writes show any reordering, random conflict graphs of
//! its transactions, a run of them through the pipeline that is held against the serial oracle, and nodes
//! and transactions without real signatures.

mod chain;
mod conflict_graph;
mod filler;
mod mixer;
mod run;
mod wire;

pub use chain::{accounts_at, all_accounts, chain_config, chain_signer, checkpoint_at_each_slot};
pub use conflict_graph::{ConflictGraph, Shape};
pub use filler::{
    GENESIS_HASH, filler_config, filler_signature, filler_transaction, filler_versioned, wallet,
};
pub use mixer::{MIXER_ID, Overlaps, mixer, overlaps};
pub use run::{RunOptions, RunReport, run};
pub use wire::wire;

/// How many seeds a random test runs: `short`, or what `SEALANE_SEEDS` says.
pub fn seeds(short: u64) -> u64 {
    let named = std::env::var("SEALANE_SEEDS").ok();
    named.map_or(short, |text| {
        text.parse().expect("SEALANE_SEEDS is a number")
    })
}
