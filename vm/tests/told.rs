//! What programs of a compiler do not do, by a program that does what it is told.

#[path = "support/probe.rs"]
#[allow(dead_code)]
mod probe;
mod support;

use probe::{LOAD, STORE, SYSCALLS};
use sealane_sdk::testing::{Harness, Outcome};
use sealane_sdk::{AccountMeta, AccountState, Instruction, InstructionError, Pubkey};
use solana_sbpf::ebpf::{MM_HEAP_START, MM_INPUT_START};
use solana_sdk_ids::{bpf_loader, compute_budget, system_program};

const PROBE: Pubkey = Pubkey::new_from_array([0x77; 32]);
const TWIN: Pubkey = Pubkey::new_from_array([0x78; 32]);
const ALICE: Pubkey = Pubkey::new_from_array([1; 32]);
const NOBODY: Pubkey = Pubkey::new_from_array([2; 32]);

fn harness() -> Harness {
    let program = AccountState {
        lamports: 1_000_000_000,
        owner: bpf_loader::ID,
        executable: true,
        data: probe::elf().into(),
    };
    let alice = AccountState {
        lamports: 1_000_000_000,
        owner: system_program::ID,
        executable: false,
        data: vec![0; 8].into(),
    };
    support::harness()
        .with_account(PROBE, program.clone())
        .with_account(TWIN, program)
        .with_account(ALICE, alice)
}

fn syscall(name: &str) -> u64 {
    let number = SYSCALLS.iter().position(|known| *known == name);
    number.expect("it is a syscall") as u64
}

/// Data for one step, and what it points to: `blob` is given its address.
fn told(step: [u64; 6], blob: &[u8]) -> Vec<u8> {
    let words = [48u64].into_iter().chain(step);
    let mut data: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    data.extend_from_slice(blob);
    data
}

/// Where the blob lies.
const BLOB: u64 = MM_HEAP_START + 8 + 48;

/// A call of `program` with `metas`, which hands over no accounts, as C describes it.
fn call(program: Pubkey, metas: &[AccountMeta], data: &[u8]) -> Vec<u8> {
    let keys = BLOB + 40;
    let count = metas.len() as u64;
    let words = [
        keys,
        keys + 32,
        count,
        keys + 32 + 48 * count,
        data.len() as u64,
    ];
    let mut blob: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    blob.extend_from_slice(program.as_array());
    for (i, meta) in metas.iter().enumerate() {
        let key = keys + 32 + 16 * count + 32 * i as u64;
        blob.extend_from_slice(&key.to_le_bytes());
        blob.extend_from_slice(&[
            meta.is_writable.into(),
            meta.is_signer.into(),
            0,
            0,
            0,
            0,
            0,
            0,
        ]);
    }
    for meta in metas {
        blob.extend_from_slice(meta.pubkey.as_array());
    }
    blob.extend_from_slice(data);
    let step = [syscall("sol_invoke_signed_c"), BLOB, 0, 0, 0, 0];
    told(step, &blob)
}

fn run(data: Vec<u8>, accounts: Vec<AccountMeta>) -> Outcome {
    harness().process_instruction(&Instruction {
        program_id: PROBE,
        accounts,
        data,
    })
}

#[test]
fn an_account_that_is_not_there_is_missing_before_a_privilege_is() {
    let accounts = vec![
        AccountMeta::new_readonly(ALICE, false),
        AccountMeta::new_readonly(compute_budget::ID, false),
    ];
    let escalated = [AccountMeta::new(ALICE, true)];
    let data = call(compute_budget::ID, &escalated, &[]);
    let outcome = run(data, accounts.clone());
    assert_eq!(
        outcome.error(),
        Some(&InstructionError::PrivilegeEscalation)
    );

    let and_nobody = [escalated[0].clone(), AccountMeta::new(NOBODY, false)];
    let data = call(compute_budget::ID, &and_nobody, &[]);
    let outcome = run(data, accounts);
    assert_eq!(outcome.error(), Some(&InstructionError::MissingAccount));
    let line = format!("Instruction references an unknown account {NOBODY}");
    assert!(outcome.logs.contains(&line), "{:#?}", outcome.logs);
}

#[test]
fn a_call_that_never_got_on_the_stack_is_no_inner_instruction() {
    let programs = [PROBE, TWIN].map(|id| AccountMeta::new_readonly(id, false));
    let back = call(PROBE, &[], &[]);
    let there = call(TWIN, &programs[..1], &back);
    let outcome = run(there, programs.to_vec());
    assert_eq!(
        outcome.error(),
        Some(&InstructionError::ReentrancyNotAllowed)
    );
    assert_eq!(outcome.inner_instructions.len(), 1);
}

#[test]
fn the_length_of_anothers_data_is_data_like_any() {
    // The first account's length lies before its data, behind 8 bytes of count, 8 of flags and 72 more.
    let data = told([STORE, MM_INPUT_START + 88, 9, 0, 0, 0], &[]);
    let outcome = run(data, vec![AccountMeta::new(ALICE, false)]);
    let expected = InstructionError::ExternalAccountDataModified;
    assert_eq!(outcome.error(), Some(&expected));
}

#[test]
fn heap_that_was_not_touched_is_heap() {
    let data = told([LOAD, MM_HEAP_START + 0x7fff, 0, 0, 0, 0], &[]);
    let outcome = run(data, vec![]);
    let expected = "Access violation reading 8 bytes at address 0x300007fff (in heap region)";
    let is_said = |line: &String| line.ends_with(expected);
    assert!(outcome.logs.iter().any(is_said), "{:#?}", outcome.logs);
}

#[test]
fn a_bump_seed_is_written_before_its_address_is() {
    let find = syscall("sol_try_find_program_address");
    let data = told([find, 0, 0, MM_HEAP_START, 0, 1], &[]);
    let outcome = run(data, vec![]);
    let expected = "Access violation writing 1 bytes at address 0x1 (in unallocated region)";
    let is_said = |line: &String| line.ends_with(expected);
    assert!(outcome.logs.iter().any(is_said), "{:#?}", outcome.logs);
}
