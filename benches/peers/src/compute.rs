//! The program of Sealane's workload `compute` as a builtin of Agave's runtime, for each peer: the 32 bytes of its one
//! account become their SHA-256, so many times (`benches/src/programs.rs`).

use sha2::{Digest, Sha256};
use solana_address::Address;
use solana_program_runtime::declare_process_instruction;
use solana_program_runtime::invoke_context::BuiltinFunctionRegisterer;
use solana_program_runtime::solana_sbpf::program::BuiltinFunctionDefinition;

/// Its address in the exported transactions.
pub(crate) const ID: Address = Address::new_from_array(*b"sealane bench: program that hash");

/// Adds it to a runtime.
pub(crate) const REGISTERER: BuiltinFunctionRegisterer = Entrypoint::register;

const ROUNDS: u32 = 160;
const COMPUTE_UNITS: u64 = 5_000;

declare_process_instruction!(Entrypoint, COMPUTE_UNITS, |invoke_context| {
    let context = invoke_context
        .transaction_context
        .get_current_instruction_context()?;
    let mut account = context.try_borrow_instruction_account(0)?;
    let data = account.get_data_mut()?;
    let mut state = [0; 32];
    state.copy_from_slice(&data[..32]);
    for _ in 0..ROUNDS {
        state = Sha256::digest(state).into();
    }
    data[..32].copy_from_slice(&state);
    Ok(())
});
