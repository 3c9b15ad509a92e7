//! A program that does what it is told: its instruction's data say which syscalls to make, and what to read and write.
//!
//! The data are copied to the heap, and run from there: a word with the bytes of all steps, then steps of six words
//! each: what to do, and five arguments. Behind the steps lies whatever they point to. What a syscall returns is
//! logged. So a random instruction reaches what programs of a compiler never do: pointers beyond a region, slices that
//! overlap, calls of other programs whose accounts lie elsewhere.

use solana_sbpf::ebpf::{self, hash_symbol_name};

/// The syscalls, by their number in a step.
pub(crate) const SYSCALLS: &[&str] = &[
    "sol_log_",
    "sol_log_64_",
    "sol_log_pubkey",
    "sol_log_compute_units_",
    "sol_log_data",
    "sol_create_program_address",
    "sol_try_find_program_address",
    "sol_sha256",
    "sol_keccak256",
    "sol_get_clock_sysvar",
    "sol_get_epoch_schedule_sysvar",
    "sol_get_rent_sysvar",
    "sol_get_last_restart_slot",
    "sol_get_epoch_rewards_sysvar",
    "sol_get_sysvar",
    "sol_get_epoch_stake",
    "sol_memcpy_",
    "sol_memmove_",
    "sol_memset_",
    "sol_memcmp_",
    "sol_get_processed_sibling_instruction",
    "sol_get_stack_height",
    "sol_set_return_data",
    "sol_get_return_data",
    "sol_invoke_signed_c",
    "sol_invoke_signed_rust",
    "sol_alloc_free_",
    "sol_panic_",
    "abort",
];

/// Writes the second argument where the first one points.
pub(crate) const STORE: u64 = 64;
/// Reads where the first argument points.
pub(crate) const LOAD: u64 = 65;
/// Writes a byte.
pub(crate) const STORE_BYTE: u64 = 66;
/// Ends with the first argument as the program's result.
pub(crate) const EXIT: u64 = 67;

/// Bytes of a step.
pub(crate) const STEP_BYTES: u64 = 48;

const JGE: u8 = 0x3d;
const JNE: u8 = 0x55;
const JUMP: u8 = 0x05;

struct Code(Vec<u8>);

impl Code {
    fn put(&mut self, opcode: u8, to: u8, from: u8, offset: i16, value: i32) {
        self.0.push(opcode);
        self.0.push(from << 4 | to);
        self.0.extend_from_slice(&offset.to_le_bytes());
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn at(&self) -> usize {
        self.0.len() / ebpf::INSN_SIZE
    }

    fn address(&mut self, to: u8, value: u64) {
        self.put(ebpf::LD_DW_IMM, to, 0, 0, value as i32);
        self.put(0, 0, 0, 0, (value >> 32) as i32);
    }

    fn syscall(&mut self, name: &str) {
        let hash = hash_symbol_name(name.as_bytes());
        self.put(ebpf::CALL_IMM, 0, 0, 0, hash as i32);
    }

    /// A jump to a place that is known later.
    fn jump(&mut self) -> usize {
        self.put(JUMP, 0, 0, 0, 0);
        self.at() - 1
    }

    fn aim(&mut self, jump: usize, target: usize) {
        let offset = (target as i64 - jump as i64 - 1) as i16;
        self.0[jump * ebpf::INSN_SIZE + 2..][..2].copy_from_slice(&offset.to_le_bytes());
    }
}

fn code() -> Vec<u8> {
    let mut code = Code(vec![]);
    // The data's length lies before them.
    code.put(ebpf::LD_DW_REG, 3, 2, -8, 0);
    code.address(1, ebpf::MM_HEAP_START);
    code.syscall("sol_memcpy_");
    code.address(6, ebpf::MM_HEAP_START);
    code.put(ebpf::LD_DW_REG, 7, 6, 0, 0);
    code.put(ebpf::ADD64_IMM, 6, 0, 0, 8);
    code.put(ebpf::ADD64_REG, 7, 6, 0, 0);
    let next = code.at();
    code.put(JGE, 6, 7, 0, 0);
    for (place, register) in [9, 1, 2, 3, 4, 5].into_iter().enumerate() {
        code.put(ebpf::LD_DW_REG, register, 6, 8 * place as i16, 0);
    }
    code.put(ebpf::ADD64_IMM, 6, 0, 0, STEP_BYTES as i32);
    let mut after = vec![];
    for (number, name) in SYSCALLS.iter().enumerate() {
        code.put(JNE, 9, 0, 2, number as i32);
        code.syscall(name);
        after.push(code.jump());
    }
    code.put(JNE, 9, 0, 2, LOAD as i32);
    code.put(ebpf::LD_DW_REG, 0, 1, 0, 0);
    after.push(code.jump());
    code.put(JNE, 9, 0, 1, STORE as i32);
    code.put(ebpf::ST_DW_REG, 1, 2, 0, 0);
    code.put(JNE, 9, 0, 1, STORE_BYTE as i32);
    code.put(ebpf::ST_B_REG, 1, 2, 0, 0);
    code.put(JNE, 9, 0, 2, EXIT as i32);
    code.put(ebpf::MOV64_REG, 0, 1, 0, 0);
    code.put(ebpf::EXIT, 0, 0, 0, 0);
    let again = code.jump();
    code.aim(again, next);
    for jump in after {
        let here = code.at();
        code.aim(jump, here);
    }
    code.put(ebpf::MOV64_REG, 1, 0, 0, 0);
    code.syscall("sol_log_64_");
    let again = code.jump();
    code.aim(again, next);
    let end = code.at();
    code.aim(next, end);
    code.put(ebpf::MOV64_IMM, 0, 0, 0, 0);
    code.put(ebpf::EXIT, 0, 0, 0, 0);
    code.0
}

/// The program's file: a header, one program header, the code (SIMD-0189).
pub(crate) fn elf() -> Vec<u8> {
    const HEADER: u16 = 64;
    const PROGRAM_HEADER: u16 = 56;
    const BPF: u16 = 247;
    let code = code();
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend_from_slice(&3u16.to_le_bytes());
    file.extend_from_slice(&BPF.to_le_bytes());
    file.extend_from_slice(&1u32.to_le_bytes());
    for word in [ebpf::MM_BYTECODE_START, HEADER.into(), 0] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    // The version of the instruction set.
    file.extend_from_slice(&3u32.to_le_bytes());
    for short in [HEADER, PROGRAM_HEADER, 1, 64, 0, 0] {
        file.extend_from_slice(&short.to_le_bytes());
    }
    // To be loaded, to be executed.
    file.extend_from_slice(&1u32.to_le_bytes());
    file.extend_from_slice(&1u32.to_le_bytes());
    let (start, len) = (ebpf::MM_BYTECODE_START, code.len() as u64);
    for word in [(HEADER + PROGRAM_HEADER).into(), start, start, len, len, 8] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend(code);
    file
}
