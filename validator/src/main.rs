//! The node, with the programs that ship with it.

use clap::Parser;

/// Blocks are freed on another thread than the one that made them, at every stage of the pipeline.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    sealane_validator::run(
        sealane_validator::Arguments::parse(),
        [sealane_counter::program()],
    )
}
