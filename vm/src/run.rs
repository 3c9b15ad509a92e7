//! Running a program: its memory, the machine, and what it leaves.
//!
//! # Why the unsafe code here is sound
//!
//! The regions point into buffers that are lent to this call, and into the executable, which it borrows. The
//! context, with the mapping, is dropped before they are given back, and before the call ends. The input is
//! read after the context is gone.

#![allow(unsafe_code)]

use crate::context::Context;
use crate::error::{machine_error, name_heap};
use crate::{buffers, cost, input};
use bytemuck::{cast_slice, cast_slice_mut};
use sealane_sdk::{InstructionError, MachineCall, MachineError, log_line};
use smallvec::SmallVec;
use solana_sbpf::ebpf::MM_INPUT_START;
use solana_sbpf::elf::Executable;
use solana_sbpf::error::{EbpfError, ProgramResult};
use solana_sbpf::memory_region::{MemoryMapping, MemoryRegion};
use solana_sbpf::vm::{CallFrame, EbpfVm, ExecutionMode};

/// Bytes of heap that cost nothing, and the unit in which more is charged.
const HEAP_PAGE_BYTES: u64 = 32 * 1_024;

/// Runs a program. Its input is laid out as the first loader did unless `is_aligned`.
pub(crate) fn run(
    executable: &Executable<Context>,
    call: &MachineCall<'_>,
    is_aligned: bool,
) -> Result<(), MachineError> {
    buffers::with(|buffers| {
        let input = input::write(call, is_aligned, &mut buffers.input)?;
        let units = call.compute_left();
        let heap_bytes = call.heap_bytes();
        charge_heap(call)?;
        let version = executable.get_sbpf_version();
        let config = executable.get_config();
        let gap = if version.stack_frame_gaps() && config.enable_stack_frame_gaps {
            config.stack_frame_size as u64
        } else {
            0
        };
        let bytes: &mut [u8] = cast_slice_mut(&mut buffers.input);
        let input_region = MemoryRegion::new(&raw mut bytes[..input.len], MM_INPUT_START);
        let regions = vec![
            executable.get_ro_region(),
            buffers.stack_region(gap, version.manual_stack_frame_bump()),
            buffers.heap_region(heap_bytes as usize),
            input_region,
        ];
        // SAFETY: see the top of the file; `grow` keeps to the memory of the region it is given.
        let mapping = unsafe {
            MemoryMapping::new_with_access_violation_handler(
                regions,
                config,
                version,
                Box::new(buffers::grow),
            )
        };
        let mapping = mapping.map_err(machine_error)?;
        // SAFETY: see the top of the file.
        let mut context = unsafe {
            Context::new(
                call,
                mapping,
                input.places,
                is_aligned,
                u64::from(heap_bytes),
            )
        };
        let (consumed, result) = execute(executable, &mut context, input.data_address);
        buffers.clear(context.regions());
        let places = context.places;
        call.log_end(consumed, units);
        finish(call, result)?;
        let bytes: &[u8] = cast_slice(&buffers.input);
        input::take_over(call, is_aligned, &places, &bytes[..input.len])?;
        Ok(())
    })
}

/// Takes the units of a heap that is larger than usual.
pub(crate) fn charge_heap(call: &MachineCall<'_>) -> Result<(), InstructionError> {
    let heap_pages = u64::from(call.heap_bytes())
        .div_ceil(HEAP_PAGE_BYTES)
        .saturating_sub(1);
    call.consume(heap_pages * cost::HEAP_PAGE).map_err(|error| {
        log_line(format_args!("Failed to create SBF VM: {error}"));
        InstructionError::ProgramEnvironmentSetupFailure
    })
}

fn execute(
    executable: &Executable<Context>,
    context: &mut Context,
    data_address: u64,
) -> (u64, ProgramResult) {
    let mut vm = EbpfVm::new(
        executable.get_loader().clone(),
        executable.get_sbpf_version(),
        context,
        buffers::STACK_BYTES,
    );
    vm.registers[1] = MM_INPUT_START;
    // SIMD-0321.
    vm.registers[2] = data_address;
    let compiled = executable.get_compiled_program().is_some();
    // Only the interpreter keeps its frames there.
    let frames = if compiled { 0 } else { buffers::CALL_DEPTH_MAX };
    let mut frames: SmallVec<[CallFrame; 0]> = smallvec::smallvec![CallFrame::default(); frames];
    vm.execute_program(executable, &mut ExecutionMode::PreferJit, &mut frames)
}

/// How the instruction ends.
pub(crate) fn finish(call: &MachineCall<'_>, result: ProgramResult) -> Result<(), MachineError> {
    match result {
        ProgramResult::Ok(0) => Ok(()),
        ProgramResult::Ok(status) => Err(InstructionError::from(status).into()),
        ProgramResult::Err(error) => {
            // How far a program came that broke a rule is not counted exactly, so it pays for all.
            if !matches!(error, EbpfError::SyscallError(_)) {
                let _ = call.consume(call.compute_left());
            }
            Err(machine_error(name_heap(error, call.heap_bytes())))
        }
    }
}
