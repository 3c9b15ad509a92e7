//! A program that ends as its instruction says, in ways that are no error.

extern crate native_syscalls as _;

use solana_account_info::AccountInfo;
use solana_program_entrypoint::{ProgramResult, entrypoint};
use solana_pubkey::Pubkey;

entrypoint!(process_instruction);

fn process_instruction(_: &Pubkey, _: &[AccountInfo], data: &[u8]) -> ProgramResult {
    match data {
        [0] => panic!("a panic"),
        [1] => panic!("a panic with {} byte", data.len()),
        [2] => drop(vec![1u8; 40_000]),
        [3] => std::process::abort(),
        _ => {}
    }
    Ok(())
}
