//! The limits of the machine: time, depth and memory.

use crate::run::{HOSTILE, check_broken, check_outcome, harness, instruction, run};
use crate::support::elf::{elf_v0, elf_v3, program};
use sealane_sdk::testing::Harness;
use sealane_sdk::{ExecutionLimits, InstructionError, Machine, MachineCall, MachineError};

fn check_both(assembly: &str, words: &str) {
    check_broken(elf_v0(assembly), words);
    check_broken(elf_v3(assembly, &[0; 8]), words);
}

/// A program that stores eight bytes.
fn store(address: u64) -> String {
    format!(
        "entrypoint:
        lddw r1, {address:#x}
        stdw [r1+0], 1
        mov64 r0, 0
        exit"
    )
}

fn load(address: u64) -> String {
    format!(
        "entrypoint:
        lddw r1, {address:#x}
        ldxdw r0, [r1+0]
        mov64 r0, 0
        exit"
    )
}

#[track_caller]
fn check_good(elf: Vec<u8>) {
    let outcome = run(&mut harness(elf, vec![]), &instruction(&[], vec![]));
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
}

#[test]
fn an_endless_loop_ends_at_the_compute_limit() {
    for elf in [elf_v0, |text: &str| elf_v3(text, &[0; 8])] {
        let elf = elf("entrypoint:\n ja -1");
        let limits = ExecutionLimits {
            compute_units: 123_456,
            ..ExecutionLimits::default()
        };
        let mut harness = harness(elf, vec![]).with_limits(limits);
        let outcome = run(&mut harness, &instruction(&[], vec![]));
        let words = "exceeded CUs meter at BPF instruction";
        check_outcome(&outcome, &InstructionError::ProgramFailedToComplete, words);
        assert_eq!(outcome.compute_units, 123_456);
    }
}

#[test]
fn a_loop_of_calls_ends_at_the_compute_limit() {
    let assembly = "entrypoint:
        mov64 r6, 0
        again:
        call function_nothing
        add64 r6, 1
        ja again
        function_nothing:
        exit";
    check_both(assembly, "exceeded CUs meter at BPF instruction");
}

#[test]
fn calls_go_64_deep() {
    let nested = |calls: u32| {
        format!(
            "entrypoint:
            mov64 r1, {calls}
            call function_down
            mov64 r0, 0
            exit
            function_down:
            jeq r1, 1, end
            sub64 r1, 1
            call function_down
            end:
            exit"
        )
    };
    // With the entrypoint, 64 frames.
    check_good(elf_v0(&nested(63)));
    check_good(elf_v3(&nested(63), &[0; 8]));
    check_both(&nested(64), "exceeded max BPF to BPF call depth");
    check_both(&nested(1_000_000), "exceeded max BPF to BPF call depth");
}

#[test]
fn a_stack_of_version_0_has_gaps() {
    // Frames of 4 KiB, each followed by as much that is not there.
    for frame in [0, 1, 63] {
        let start = 0x2_0000_0000 + frame * 8_192;
        check_good(elf_v0(&store(start)));
        check_good(elf_v0(&store(start + 4_088)));
        for address in [start + 4_096, start + 4_097, start + 8_184] {
            let words = format!("address {address:#x}");
            check_broken(elf_v0(&store(address)), &words);
            check_broken(elf_v0(&load(address)), &words);
        }
    }
    check_broken(
        elf_v0(&store(0x2_0000_0000 + 64 * 8_192)),
        "Access violation",
    );
}

#[test]
fn a_stack_of_version_3_ends() {
    let end = 0x2_0000_0000 + 64 * 4_096;
    for address in [0x2_0000_0000, 0x2_0000_1000, end - 8] {
        check_good(elf_v3(&store(address), &[0; 8]));
    }
    for address in [
        0x1_ffff_ffff,
        0x1_ffff_fff8,
        end - 7,
        end,
        end + 4_096,
        0x2_ffff_fff8,
    ] {
        check_broken(elf_v3(&store(address), &[0; 8]), "Access violation");
        check_broken(elf_v3(&load(address), &[0; 8]), "Access violation");
    }
}

#[test]
fn a_frame_below_the_last_is_not_there() {
    // The frame's own end is r10; below the first frame there is nothing.
    let assembly = "entrypoint:
        stdw [r10-4096], 1
        stdw [r10-4104], 1
        exit";
    check_both(assembly, "Access violation");
    let assembly = "entrypoint:
        mov64 r1, r10
        add64 r1, 0x7fffffff
        stdw [r1+0], 1
        exit";
    check_both(assembly, "Access violation");
}

#[test]
fn a_heap_is_as_long_as_was_asked_for() {
    for heap_bytes in [32 * 1_024u32, 64 * 1_024, 256 * 1_024] {
        let limits = ExecutionLimits {
            heap_bytes,
            ..ExecutionLimits::default()
        };
        let end = 0x3_0000_0000 + u64::from(heap_bytes);
        for (address, is_good) in [
            (0x3_0000_0000, true),
            (end - 8, true),
            (end - 7, false),
            (end, false),
            (end + 4_096, false),
            (0x3_ffff_fff8, false),
        ] {
            let mut harness = harness(elf_v3(&store(address), &[0; 8]), vec![]).with_limits(limits);
            let outcome = run(&mut harness, &instruction(&[], vec![]));
            if is_good {
                assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
            } else {
                let words = format!("Access violation writing 8 bytes at address {address:#x}");
                check_outcome(&outcome, &InstructionError::ProgramFailedToComplete, &words);
            }
        }
    }
}

#[test]
fn code_and_constants_cannot_be_written() {
    // Version 3 has constants at 0, and its code out of reach.
    for address in [0, 8, 0x1_0000_0000] {
        check_broken(elf_v3(&store(address), &[0; 16]), "Access violation");
    }
    check_good(elf_v3(&load(8), &[0; 16]));
    check_broken(elf_v3(&load(16), &[0; 16]), "Access violation");
    check_broken(elf_v3(&load(0x1_0000_0000), &[0; 16]), "Access violation");
    // Version 0 can read its code, which begins behind the file's header.
    for address in [0x1_0000_0040, 0x1_0000_0050] {
        check_broken(elf_v0(&store(address)), "Access violation");
    }
    check_good(elf_v0(&load(0x1_0000_0040)));
    check_broken(elf_v0(&load(0)), "Access violation");
}

#[test]
fn nothing_lies_before_or_behind_the_input() {
    // A count of no accounts, the length of no data, and the program's address.
    for address in [0x4_0000_0000, 0x4_0000_0000 + 40] {
        check_good(elf_v3(&store(address), &[0; 8]));
        check_good(elf_v0(&store(address)));
    }
    for address in [
        0x3_ffff_fff8,
        0x3_ffff_ffff,
        0x4_0000_0000 + 41,
        0x4_0000_0000 + 48,
        0x5_0000_0000,
        0xffff_ffff_ffff_fff8,
        0xffff_ffff_ffff_ffff,
    ] {
        check_both(&store(address), "Access violation");
        check_both(&load(address), "Access violation");
    }
}

#[test]
fn numbers_that_cannot_be_divided_end_the_program() {
    for operation in ["div64", "mod64", "div32", "mod32"] {
        let assembly = format!("entrypoint:\n mov64 r1, 0\n {operation} r0, r1\n exit");
        check_both(&assembly, "divide by zero at BPF instruction");
    }
}

#[test]
fn a_call_to_where_no_code_is_ends_the_program() {
    for address in [0u64, 0x1_0000_0000 + (1 << 20), 0x2_0000_0000, u64::MAX] {
        let assembly = format!("entrypoint:\n lddw r1, {address:#x}\n callx r1\n exit");
        let words = "callx attempted to call outside of the text segment";
        check_broken(elf_v3(&assembly, &[0; 8]), words);
    }
}

#[test]
fn what_a_program_returns_is_its_error() {
    for (returned, error) in [
        (1u64, InstructionError::Custom(1)),
        (0x2_0000_0000, InstructionError::InvalidArgument),
        (0x1_0000_0000, InstructionError::Custom(0)),
        (u64::MAX, InstructionError::InvalidError),
    ] {
        let assembly = format!("entrypoint:\n lddw r0, {returned:#x}\n exit");
        let elf = elf_v3(&assembly, &[0; 8]);
        let outcome = run(&mut harness(elf, vec![]), &instruction(&[], vec![]));
        assert_eq!(outcome.error(), Some(&error));
    }
}

#[test]
fn return_data_have_a_limit() {
    let leave = |len: u32| {
        let assembly = format!(
            "entrypoint:
            mov64 r1, 3
            lsh64 r1, 32
            mov64 r2, {len}
            syscall sol_set_return_data
            exit"
        );
        elf_v3(&assembly, &[0; 8])
    };
    check_good(leave(1_024));
    check_broken(leave(1_025), "Return data too large (1025 > 1024)");
}

#[test]
fn pointers_must_be_aligned_and_lengths_real() {
    let call = |syscall: &str, arguments: [u64; 5]| {
        let [a, b, c, d, e] = arguments;
        let assembly = format!(
            "entrypoint:
            lddw r1, {a:#x}
            lddw r2, {b:#x}
            lddw r3, {c:#x}
            lddw r4, {d:#x}
            lddw r5, {e:#x}
            syscall {syscall}
            mov64 r0, 0
            exit"
        );
        elf_v3(&assembly, &[0; 8])
    };
    let heap = 0x3_0000_0000;
    for (syscall, arguments) in [
        ("sol_sha256", [heap + 1, 1, heap, 0, 0]),
        ("sol_log_data", [heap + 4, 1, 0, 0, 0]),
        ("sol_memcmp_", [heap, heap, 8, heap + 2, 0]),
        ("sol_get_clock_sysvar", [heap + 4, 0, 0, 0, 0]),
        ("sol_get_rent_sysvar", [heap + 1, 0, 0, 0, 0]),
        ("sol_create_program_address", [heap + 1, 1, heap, heap, 0]),
        ("sol_invoke_signed_c", [heap + 1, 0, 0, 0, 0]),
        ("sol_invoke_signed_rust", [heap + 4, 0, 0, 0, 0]),
        ("sol_poseidon", [0, 0, heap + 2, 1, heap]),
    ] {
        check_broken(call(syscall, arguments), "Unaligned pointer");
    }
    for (syscall, arguments) in [
        ("sol_memcpy_", [heap, heap, u64::MAX, 0, 0]),
        ("sol_memset_", [heap, 1, u64::MAX, 0, 0]),
        ("sol_log_", [heap, u64::MAX, 0, 0, 0]),
        ("sol_panic_", [heap, u64::MAX, 0, 0, 0]),
        ("sol_set_return_data", [heap, u64::MAX, 0, 0, 0]),
        ("sol_get_sysvar", [heap, heap, 0, u64::MAX, 0]),
    ] {
        let elf = call(syscall, arguments);
        let outcome = run(&mut harness(elf, vec![]), &instruction(&[], vec![]));
        // The cost of so much comes first.
        let error = InstructionError::ComputationalBudgetExceeded;
        assert_eq!(
            outcome.error(),
            Some(&error),
            "{syscall} {:#?}",
            outcome.logs
        );
    }
    for (syscall, arguments) in [
        ("sol_log_data", [heap, 1 << 60, 0, 0, 0]),
        (
            "sol_create_program_address",
            [heap, u64::MAX, heap, heap, 0],
        ),
        ("sol_invoke_signed_rust", [heap, heap, 0, heap, u64::MAX]),
    ] {
        check_broken(call(syscall, arguments), "InvalidLength");
    }
    for (syscall, arguments) in [
        ("sol_memcpy_", [heap, heap + 7, 8, 0, 0]),
        ("sol_try_find_program_address", [heap, 0, heap, heap, heap]),
    ] {
        check_broken(call(syscall, arguments), "Overlapping copy");
    }
    for (syscall, arguments) in [
        ("sol_memmove_", [heap, heap + 32_767, 2, 0, 0]),
        ("sol_memset_", [0, 1, 8, 0, 0]),
        ("sol_memset_", [heap - 1, 1, 8, 0, 0]),
        ("sol_sha256", [heap, 0, 0, 0, 0]),
        ("sol_keccak256", [heap, 0, heap + 32_760, 0, 0]),
        ("sol_log_pubkey", [heap + 32_767, 0, 0, 0, 0]),
    ] {
        check_broken(call(syscall, arguments), "Access violation");
    }
}

/// A machine that panics for programs with data, as if it had met a file that it does not expect.
struct Panics;

impl Machine for Panics {
    fn execute(&self, call: &MachineCall<'_>) -> Result<(), MachineError> {
        assert!(
            call.data().is_empty(),
            "the machine met what it does not expect"
        );
        Ok(())
    }

    fn check(&self, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn a_panic_of_the_machine_fails_the_transaction() {
    let mut harness = Harness::new()
        .with_machine(Box::new(Panics))
        .with_account(HOSTILE, program(vec![]));
    let outcome = harness.process_instruction(&instruction(&[1], vec![]));
    let error = InstructionError::ProgramFailedToComplete;
    check_outcome(&outcome, &error, "the machine met what it does not expect");
    let outcome = harness.process_instruction(&instruction(&[], vec![]));
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
}
