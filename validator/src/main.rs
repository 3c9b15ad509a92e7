//! The node, with the programs that ship with it.

use clap::Parser;
use std::process::ExitCode;

/// Blocks are freed on another thread than the one that made them, at every stage of the pipeline.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = sealane_validator::Arguments::parse();
    match sealane_validator::run(arguments, [sealane_counter::program()]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
