//! The node, with the programs that ship with it.

use std::process::ExitCode;

/// Blocks are freed on another thread than the one that made them, at every stage of the pipeline.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let run = || {
        let arguments = sealane_validator::Arguments::of_process()?;
        sealane_validator::run(arguments, [sealane_counter::program()])
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes, without those that the words before already say.
fn in_one_line(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |line, cause| {
        let cause = cause.to_string();
        if line.is_empty() {
            cause
        } else if line.contains(&cause) {
            line
        } else {
            format!("{line}: {cause}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let told = |outer: &'static str| in_one_line(&anyhow::anyhow!("disk full").context(outer));
        assert_eq!(told("cannot write: disk full"), "cannot write: disk full");
        assert_eq!(told("cannot write"), "cannot write: disk full");
    }
}
