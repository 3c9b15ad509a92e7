//! What programs are loaded into: the machine's settings, as mainnet has them, and its syscalls.

use crate::buffers::{CALL_DEPTH_MAX, STACK_FRAME_BYTES};
use crate::context::Context;
use crate::syscalls::{self, Syscalls};
use solana_sbpf::elf::Executable;
use solana_sbpf::program::{BuiltinProgram, SBPFVersion};
use solana_sbpf::verifier::RequisiteVerifier;
use solana_sbpf::vm::Config;
use std::sync::Arc;

/// The machine for programs that are there, and the stricter one for those that are deployed now.
pub(crate) struct Environments {
    running: Arc<BuiltinProgram<Context>>,
    deploying: Arc<BuiltinProgram<Context>>,
}

impl Environments {
    pub(crate) fn new(syscalls: Syscalls) -> Self {
        Self {
            running: Arc::new(environment(syscalls, false)),
            deploying: Arc::new(environment(syscalls, true)),
        }
    }

    /// Loads, verifies and, where the machine can, compiles a program.
    pub(crate) fn load(&self, elf: &[u8]) -> Result<Executable<Context>, String> {
        let executable = load(elf, &self.running)?;
        #[cfg(all(target_arch = "x86_64", not(target_os = "windows")))]
        executable
            .jit_compile()
            .map_err(|error| error.to_string())?;
        Ok(executable)
    }

    /// Whether a program may be deployed.
    pub(crate) fn check(&self, elf: &[u8]) -> Result<(), String> {
        load(elf, &self.deploying).map(|_| ())
    }
}

fn load(
    elf: &[u8],
    environment: &Arc<BuiltinProgram<Context>>,
) -> Result<Executable<Context>, String> {
    let executable =
        Executable::load(elf, Arc::clone(environment)).map_err(|error| error.to_string())?;
    executable
        .verify::<RequisiteVerifier>()
        .map_err(|error| error.to_string())?;
    Ok(executable)
}

fn environment(syscalls: Syscalls, deploying: bool) -> BuiltinProgram<Context> {
    let config = Config {
        max_call_depth: CALL_DEPTH_MAX,
        stack_frame_size: STACK_FRAME_BYTES,
        enable_address_translation: true,
        enable_stack_frame_gaps: true,
        instruction_meter_checkpoint_distance: 10_000,
        enable_instruction_meter: true,
        enable_symbol_and_section_labels: false,
        reject_broken_elfs: deploying,
        noop_instruction_rate: 256,
        sanitize_user_provided_values: true,
        optimize_rodata: false,
        aligned_memory_mapping: true,
        enabled_sbpf_versions: SBPFVersion::V0..=SBPFVersion::V3,
    };
    let mut environment = BuiltinProgram::new_loader(config);
    syscalls::register(&mut environment, syscalls, deploying)
        .expect("names of syscalls hash differently");
    environment
}
