//! Memory that one program leaves and the next finds: stack and heap are zeros, whatever was done to them.

use crate::call::{BOTH, Call, END, places, with_prefix};
use crate::run::{ACCOUNT, HOSTILE, account, check_outcome, harness};
use crate::support::elf::{elf_v0, elf_v3};
use sealane_sdk::{AccountMeta, ExecutionLimits, Instruction, InstructionError, Pubkey};

const STACK: u64 = 0x2_0000_0000;
const HEAP: u64 = 0x3_0000_0000;
const FRAME: u64 = 4_096;
const STACK_BYTES: u64 = 64 * FRAME;
const HEAP_BYTES: u64 = 256 * 1_024;

const LOOKER_V0: Pubkey = Pubkey::new_from_array([20; 32]);
const LOOKER_V3: Pubkey = Pubkey::new_from_array([23; 32]);

/// Runs over words from `start` to `end`, jumping over the gaps between frames if there are any.
fn each_word(label: &str, start: u64, end: u64, has_gaps: bool, then: &str) -> String {
    let jump = if has_gaps {
        format!(
            "mov64 r3, r1
            and64 r3, 4095
            jne r3, 0, next_{label}
            add64 r1, 4096
            next_{label}:"
        )
    } else {
        String::new()
    };
    format!(
        "lddw r1, {start:#x}
        lddw r2, {end:#x}
        {label}:
        {then}
        add64 r1, 8
        {jump}
        jlt r1, r2, {label}\n"
    )
}

/// All words of the stack and of the heap.
fn everywhere(has_gaps: bool, then: &str) -> String {
    let stack_end = STACK + STACK_BYTES * if has_gaps { 2 } else { 1 };
    let stack = each_word("stack", STACK, stack_end, has_gaps, then);
    let heap = each_word("heap", HEAP, HEAP + HEAP_BYTES, false, then);
    format!("{stack}{heap}")
}

/// Returns what is in any word but zero: as an error.
fn looker(has_gaps: bool) -> String {
    let look = everywhere(
        has_gaps,
        "ldxdw r5, [r1+0]
        or64 r4, r5",
    );
    format!(
        "entrypoint:
        mov64 r4, 0
        {look}
        mov64 r0, 0
        jeq r4, 0, end
        mov64 r0, 77
        end:
        exit"
    )
}

/// Writes everywhere, and ends as `end` says.
fn scribbler(has_gaps: bool, end: &str) -> String {
    let scribble = everywhere(has_gaps, "stdw [r1+0], -1");
    format!("entrypoint:\n{scribble}\n{end}")
}

/// Runs `elf`, then programs that look.
#[track_caller]
fn check(elf: Vec<u8>, result: Result<(), InstructionError>) {
    let lookers = vec![
        (LOOKER_V0, elf_v0(&looker(true))),
        (LOOKER_V3, elf_v3(&looker(false), &[0; 8])),
    ];
    let limits = ExecutionLimits {
        heap_bytes: HEAP_BYTES as u32,
        ..ExecutionLimits::default()
    };
    let mut harness = harness(elf, lookers).with_limits(limits);
    let mut run = |program| {
        let instruction = Instruction::new_with_bytes(program, &[], vec![]);
        harness.process_instruction(&instruction)
    };
    for looker in [LOOKER_V3, LOOKER_V0] {
        let outcome = run(HOSTILE);
        match &result {
            Ok(()) => assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs),
            Err(error) => check_outcome(&outcome, error, ""),
        }
        let outcome = run(looker);
        assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    }
}

const GOOD_END: &str = "mov64 r0, 0\n exit";

#[test]
fn the_one_who_looks_sees() {
    // A scribbler that looks afterwards finds what it wrote: the test of the test.
    for has_gaps in [true, false] {
        let looks = looker(has_gaps);
        let looks = looks.strip_prefix("entrypoint:").unwrap();
        let looks = looks.replace("stack", "stack2").replace("heap", "heap2");
        let scribbles = scribbler(has_gaps, &looks);
        let elf = if has_gaps {
            elf_v0(&scribbles)
        } else {
            elf_v3(&scribbles, &[0; 8])
        };
        check(elf, Err(InstructionError::Custom(77)));
    }
}

#[test]
fn nothing_is_left_of_a_program_that_wrote_everywhere() {
    check(elf_v0(&scribbler(true, GOOD_END)), Ok(()));
    check(elf_v3(&scribbler(false, GOOD_END), &[0; 8]), Ok(()));
}

#[test]
fn nothing_is_left_of_a_program_that_failed() {
    let broken = InstructionError::ProgramFailedToComplete;
    for end in [
        "mov64 r0, 5\n exit",
        "ja -1",
        "mov64 r1, 0\n div64 r0, r1\n exit",
        "lddw r1, 0x500000000\n stdw [r1+0], 1\n exit",
        "lddw r1, 0x200000000\n stdw [r1-8], 1\n exit",
        "lddw r1, 0x300040000\n stdw [r1+0], 1\n exit",
    ] {
        let error = match end.starts_with("mov64 r0, 5") {
            true => InstructionError::Custom(5),
            false => broken.clone(),
        };
        check(elf_v0(&scribbler(true, end)), Err(error.clone()));
        check(elf_v3(&scribbler(false, end), &[0; 8]), Err(error));
    }
}

#[test]
fn nothing_is_left_of_single_bytes() {
    let last_of_stack = STACK + STACK_BYTES - 1;
    for address in [
        STACK,
        STACK + FRAME - 1,
        STACK + 4 * FRAME,
        STACK + 33 * FRAME + 7,
        last_of_stack,
        HEAP,
        HEAP + 4_095,
        HEAP + 4_096,
        HEAP + 32 * 1_024,
        HEAP + HEAP_BYTES - 1,
    ] {
        let assembly = format!("entrypoint:\n lddw r1, {address:#x}\n stb [r1+0], 1\n {GOOD_END}");
        check(elf_v3(&assembly, &[0; 8]), Ok(()));
        // Where version 0 has its byte.
        let offset = address & 0xffff_ffff;
        let gapped = if address < HEAP {
            STACK + offset / FRAME * 2 * FRAME + offset % FRAME
        } else {
            address
        };
        let assembly = format!("entrypoint:\n lddw r1, {gapped:#x}\n stb [r1+0], 1\n {GOOD_END}");
        check(elf_v0(&assembly), Ok(()));
    }
}

#[test]
fn nothing_is_left_of_words_across_an_end() {
    // Unaligned, over the end of what a program is given at first.
    for address in [STACK + 4 * FRAME - 4, HEAP + 4_096 - 4, HEAP + 8_192 - 1] {
        let assembly =
            format!("entrypoint:\n lddw r1, {address:#x}\n stdw [r1+0], -1\n {GOOD_END}");
        check(elf_v3(&assembly, &[0; 8]), Ok(()));
    }
    // In version 0 a word that begins in a frame may end in the next, as on Solana.
    let address = STACK + 3 * 2 * FRAME + FRAME - 4;
    let assembly = format!("entrypoint:\n lddw r1, {address:#x}\n stdw [r1+0], -1\n {GOOD_END}");
    check(elf_v0(&assembly), Ok(()));
}

#[test]
fn nothing_is_left_of_what_syscalls_wrote() {
    for (start, len) in [
        (STACK, STACK_BYTES),
        (HEAP, HEAP_BYTES),
        (STACK + 40 * FRAME + 3, 9),
        (HEAP + 100_001, 5),
    ] {
        let assembly = format!(
            "entrypoint:
            lddw r1, {start:#x}
            mov64 r2, 255
            lddw r3, {len:#x}
            syscall sol_memset_
            {GOOD_END}"
        );
        check(elf_v3(&assembly, &[0; 8]), Ok(()));
    }
}

#[test]
fn nothing_is_left_of_frames_that_were_called() {
    // Each of 63 frames writes at its end.
    let assembly = format!(
        "entrypoint:
        mov64 r1, 63
        call function_down
        {GOOD_END}
        function_down:
        stdw [r10-8], -1
        stdw [r10-4096], -1
        jeq r1, 1, end
        sub64 r1, 1
        call function_down
        end:
        exit"
    );
    check(elf_v0(&assembly), Ok(()));
    check(elf_v3(&assembly, &[0; 8]), Ok(()));
}

#[test]
fn a_called_program_has_memory_of_its_own() {
    for (syscall, write) in BOTH {
        let scribble = everywhere(false, "stdw [r1+0], -1");
        let prefix = format!("entrypoint:\n mov64 r9, r2\n {scribble} mov64 r2, r9");
        for (looker, elf) in [
            (LOOKER_V0, elf_v0(&looker(true))),
            (LOOKER_V3, elf_v3(&looker(false), &[0; 8])),
        ] {
            let mut call = Call::new(places(&[16])[0]);
            call.program = looker;
            let data = [write(&call), END.to_vec()].concat();
            let limits = ExecutionLimits {
                heap_bytes: HEAP_BYTES as u32,
                ..ExecutionLimits::default()
            };
            let mut harness = harness(with_prefix(&prefix, syscall), vec![(looker, elf)])
                .with_limits(limits)
                .with_account(ACCOUNT, account(HOSTILE, 1_000_000, &[0; 16]));
            let metas = vec![
                AccountMeta::new(ACCOUNT, false),
                AccountMeta::new_readonly(looker, false),
            ];
            // Twice: the second time in buffers that were used at both depths.
            for _ in 0..2 {
                let instruction = Instruction::new_with_bytes(HOSTILE, &data, metas.clone());
                let outcome = harness.process_instruction(&instruction);
                assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
                assert_eq!(outcome.inner_instructions.len(), 1);
            }
        }
    }
}
