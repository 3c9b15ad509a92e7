//! Programs for tests: assembly in the smallest ELF file that the loader takes.
#![allow(dead_code, reason = "each test uses a part of it")]

use sealane_sdk::testing::Harness;
use sealane_sdk::{AccountState, Pubkey};
use sealane_vm::{ElfMachine, ProgramsConfig};
use solana_sbpf::assembler::assemble;
use solana_sbpf::memory_region::MemoryMapping;
use solana_sbpf::program::{BuiltinProgram, SBPFVersion};
use solana_sbpf::vm::{Config, ContextObject};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Arc;

/// Bytes of the headers of an ELF file, of a segment and of a section.
const FILE_HEADER: usize = 64;
const SEGMENT_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;

/// Where a program's code lies in its memory.
const TEXT_ADDRESS: u64 = 1 << 32;

/// A context for the assembler, which runs nothing.
struct Nothing;

impl ContextObject for Nothing {
    fn consume(&mut self, _: u64) {}

    fn get_remaining(&self) -> u64 {
        0
    }

    fn active_mapping_ptr(&mut self) -> NonNull<MemoryMapping> {
        NonNull::dangling()
    }
}

/// The code of a program: `sbpf`'s assembly, as of version 3.
pub(crate) fn text(assembly: &str) -> Vec<u8> {
    let config = Config {
        enabled_sbpf_versions: SBPFVersion::V3..=SBPFVersion::V3,
        ..Config::default()
    };
    let loader = Arc::new(BuiltinProgram::<Nothing>::new_loader(config));
    let executable = assemble(assembly, loader).expect("the test's assembly is right");
    executable.get_text_bytes().1.to_vec()
}

fn file_header(
    version: u32,
    kind: u16,
    entry: u64,
    segments: u16,
    sections: (u64, u16),
) -> Vec<u8> {
    let (sections_at, sections) = sections;
    [
        &[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &kind.to_le_bytes(),
        &247u16.to_le_bytes(),
        &1u32.to_le_bytes(),
        &entry.to_le_bytes(),
        &(FILE_HEADER as u64).to_le_bytes(),
        &sections_at.to_le_bytes(),
        &version.to_le_bytes(),
        &(FILE_HEADER as u16).to_le_bytes(),
        &(SEGMENT_HEADER as u16).to_le_bytes(),
        &segments.to_le_bytes(),
        &(SECTION_HEADER as u16).to_le_bytes(),
        &sections.to_le_bytes(),
        // The last section has the names.
        &sections.saturating_sub(1).to_le_bytes(),
    ]
    .concat()
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A program of version 3, with `rodata` at address 0: whole words.
pub(crate) fn elf_v3(assembly: &str, rodata: &[u8]) -> Vec<u8> {
    let text = text(assembly);
    let rodata_at = (FILE_HEADER + 2 * SEGMENT_HEADER) as u64;
    let text_at = rodata_at + rodata.len() as u64;
    let segment = |flags: u64, at: u64, address: u64, len: u64| {
        words(&[1 | flags << 32, at, address, address, len, len, 8])
    };
    [
        file_header(3, 3, TEXT_ADDRESS, 2, (0, 0)),
        segment(4, rodata_at, 0, rodata.len() as u64),
        segment(1, text_at, TEXT_ADDRESS, text.len() as u64),
        rodata.to_vec(),
        text,
    ]
    .concat()
}

/// A program of version 0, which has gaps between its stack's frames. It has no syscalls.
pub(crate) fn elf_v0(assembly: &str) -> Vec<u8> {
    let text = text(assembly);
    let names = b"\0.text\0.names\0\0\0";
    let (text_at, text_len) = (FILE_HEADER as u64, text.len() as u64);
    let names_at = text_at + text_len;
    let sections_at = names_at + names.len() as u64;
    let section = |name: u64, kind: u64, at: u64, len: u64| {
        words(&[name | kind << 32, 0, at, at, len, 0, 8, 0])
    };
    [
        file_header(0, 3, text_at, 0, (sections_at, 3)),
        text,
        names.to_vec(),
        section(0, 0, 0, 0),
        section(1, 1, text_at, text_len),
        section(7, 3, names_at, names.len() as u64),
    ]
    .concat()
}

/// A program's account, under the loader whose programs are one account.
pub(crate) fn program(elf: Vec<u8>) -> AccountState {
    AccountState {
        lamports: 1 << 40,
        owner: solana_sdk_ids::bpf_loader::ID,
        executable: true,
        data: elf.into(),
    }
}

/// A harness with programs.
pub(crate) fn harness_with(programs: Vec<(Pubkey, Vec<u8>)>, config: ProgramsConfig) -> Harness {
    let source = Arc::new(HashMap::<Pubkey, AccountState>::new());
    let machine = ElfMachine::new(source, config);
    let harness = Harness::new().with_machine(Box::new(machine));
    programs.into_iter().fold(harness, |harness, (key, elf)| {
        harness.with_account(key, program(elf))
    })
}
