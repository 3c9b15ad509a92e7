//! A program that calls one syscall with what its instruction's data say, and returns what came of it.

use crate::support::elf::{elf_v3, harness_with};
use sealane_sdk::testing::Outcome;
use sealane_sdk::{Instruction, InstructionError, Pubkey};
use sealane_vm::{ProgramsConfig, Syscalls};

/// Where the bytes lie that a syscall is given: behind its arguments.
pub(crate) const INPUT: u64 = 0x4_0000_0010 + 6 * 8;
/// Where it leaves its result: on the heap, behind its code.
pub(crate) const RESULT: u64 = 0x3_0000_0008;

/// What a syscall answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: u64,
    pub(crate) result: Vec<u8>,
    pub(crate) units: u64,
}

/// Calls `syscall`, with `input` at `INPUT`.
pub(crate) fn call(
    syscall: &str,
    arguments: [u64; 5],
    input: &[u8],
    result_len: usize,
) -> Result<Answer, (InstructionError, Vec<String>)> {
    let run = |syscall, arguments: [u64; 5]| {
        let outcome = outcome(Syscalls::All, syscall, arguments, input, result_len);
        match outcome.result {
            Ok(()) => {
                let (_, returned) = outcome.return_data.unwrap();
                let (code, result) = returned.split_first_chunk().unwrap();
                let (code, result) = (u64::from_le_bytes(*code), result.to_vec());
                Ok((code, result, outcome.compute_units))
            }
            Err((_, error)) => Err((error, outcome.logs)),
        }
    };
    let (code, mut result, units) = run(syscall, arguments)?;
    // Return data lose no zeros, but a program that returns only zeros returns nothing.
    result.resize(result_len, 0);
    let (height, _, beside) = run("sol_get_stack_height", [0; 5])?;
    assert_eq!(height, 1);
    let units = units - (beside - 100);
    Ok(Answer {
        code,
        result,
        units,
    })
}

/// What becomes of a transaction that calls `syscall`.
pub(crate) fn outcome(
    syscalls: Syscalls,
    syscall: &str,
    arguments: [u64; 5],
    input: &[u8],
    result_len: usize,
) -> Outcome {
    let assembly = format!(
        "entrypoint:
        mov64 r6, r2
        ldxdw r1, [r6+0]
        ldxdw r2, [r6+8]
        ldxdw r3, [r6+16]
        ldxdw r4, [r6+24]
        ldxdw r5, [r6+32]
        syscall {syscall}
        mov64 r7, 3
        lsh64 r7, 32
        stxdw [r7+0], r0
        mov64 r1, r7
        ldxdw r2, [r6+40]
        syscall sol_set_return_data
        mov64 r0, 0
        exit"
    );
    let key = Pubkey::new_from_array([7; 32]);
    let config = ProgramsConfig {
        syscalls,
        ..ProgramsConfig::default()
    };
    let mut harness = harness_with(vec![(key, elf_v3(&assembly, &[0; 8]))], config);
    let returned = 8 + result_len as u64;
    let numbers = arguments.into_iter().chain([returned]);
    let mut data: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    data.extend_from_slice(input);
    harness.process_instruction(&Instruction::new_with_bytes(key, &data, vec![]))
}

/// Checks what a syscall answers to `input`.
#[track_caller]
pub(crate) fn check(syscall: &str, arguments: [u64; 5], input: &[u8], expected: (&[u8], u64)) {
    let (result, units) = expected;
    let expected = Answer {
        code: 0,
        result: result.to_vec(),
        units,
    };
    assert_eq!(call(syscall, arguments, input, result.len()), Ok(expected));
}

/// Checks that a syscall refuses its input with a code, which costs as much, and leaves nothing.
#[track_caller]
pub(crate) fn check_code(syscall: &str, arguments: [u64; 5], input: &[u8], code: u64, units: u64) {
    let expected = Answer {
        code,
        result: vec![0; 8],
        units,
    };
    assert_eq!(call(syscall, arguments, input, 8), Ok(expected));
}

/// Checks that a syscall ends the program, and what the log says.
#[track_caller]
pub(crate) fn check_error(syscall: &str, arguments: [u64; 5], input: &[u8], words: &str) {
    let (error, logs) = call(syscall, arguments, input, 8).unwrap_err();
    assert_eq!(error, InstructionError::ProgramFailedToComplete);
    let failed = logs.last().unwrap();
    assert!(failed.contains(words), "{failed}");
}

/// Values as `&[&[u8]]` lies in memory: places and lengths, then the bytes.
pub(crate) fn slices(values: &[&[u8]]) -> Vec<u8> {
    let mut at = INPUT + 16 * values.len() as u64;
    let mut bytes = vec![];
    for value in values {
        bytes.extend_from_slice(&at.to_le_bytes());
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        at += value.len() as u64;
    }
    [bytes, values.concat()].concat()
}

/// Bytes of a text of hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
