//! What a transaction of version 1 asks for, and what it does not.

use crate::world::{FEE, NOWHERE, RENT_MIN, SOL, World, alice};
use sealane_sdk::{AccountMeta, Instruction};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction_error::InstructionError;
use solana_message::v1::TransactionConfig;
use solana_sdk_ids::{compute_budget, sysvar};
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use solana_transaction_error::TransactionError;

fn alice_sends(lamports: u64) -> Instruction {
    transfer(&alice().pubkey(), &NOWHERE, lamports)
}

/// Enough of everything.
fn enough() -> TransactionConfig {
    TransactionConfig::empty()
        .with_compute_unit_limit(20_000)
        .with_loaded_accounts_data_size_limit(1_000)
}

#[test]
fn its_priority_fee_is_paid_as_it_is() {
    let mut world = World::new();
    let config = enough().with_priority_fee(777);
    let record = world.alice_runs_v1(&[alice_sends(RENT_MIN)], config);
    let record = record.expect("it is charged");
    assert_eq!(record.status, Ok(()));
    assert_eq!((record.fee, record.compute_units), (FEE + 777, 150));
    let left = SOL - FEE - 777 - RENT_MIN;
    assert_eq!(world.lamports(&alice().pubkey()), left);
}

#[test]
fn what_it_does_not_ask_for_is_nothing() {
    let empty = TransactionConfig::empty;
    let out_of_units =
        TransactionError::InstructionError(0, InstructionError::ComputationalBudgetExceeded);
    // Payer and "system_program".
    let loaded = 64 + (64 + 14);
    for (config, status) in [
        (
            empty().with_compute_unit_limit(150),
            Err(TransactionError::MaxLoadedAccountsDataSizeExceeded),
        ),
        (
            empty().with_loaded_accounts_data_size_limit(loaded),
            Err(out_of_units.clone()),
        ),
        (
            empty()
                .with_loaded_accounts_data_size_limit(loaded)
                .with_compute_unit_limit(149),
            Err(out_of_units),
        ),
        (
            empty()
                .with_loaded_accounts_data_size_limit(loaded - 1)
                .with_compute_unit_limit(150),
            Err(TransactionError::MaxLoadedAccountsDataSizeExceeded),
        ),
        (
            empty()
                .with_loaded_accounts_data_size_limit(loaded)
                .with_compute_unit_limit(150),
            Ok(()),
        ),
    ] {
        let mut world = World::new();
        let record = world.alice_runs_v1(&[alice_sends(RENT_MIN)], config);
        let record = record.expect("it is charged");
        assert_eq!((record.status, record.fee), (status, FEE), "{config:?}");
    }
}

#[test]
fn compute_budget_instructions_cost_their_units_and_ask_for_nothing() {
    let mut world = World::new();
    let nonsense = Instruction {
        program_id: compute_budget::ID,
        accounts: vec![],
        data: vec![0xff; 3],
    };
    let instructions = [
        ComputeBudgetInstruction::set_compute_unit_price(1_000_000),
        ComputeBudgetInstruction::set_compute_unit_limit(1),
        ComputeBudgetInstruction::set_compute_unit_limit(2),
        nonsense,
        alice_sends(RENT_MIN),
    ];
    let record = world.alice_runs_v1(&instructions, enough());
    let record = record.expect("it is charged");
    assert_eq!(record.status, Ok(()));
    assert_eq!((record.fee, record.compute_units), (FEE, 5 * 150));
}

#[test]
fn instructions_beyond_what_their_sysvar_can_say_cannot_be_loaded() {
    /// Where the last of 64 instructions begins without data in the others.
    const LAST: usize = 2 + 2 * 64 + 63 * (2 + 30 * 33 + 32 + 2);
    let names = |count, data_bytes| Instruction {
        program_id: compute_budget::ID,
        accounts: vec![AccountMeta::new_readonly(sysvar::instructions::ID, false); count],
        data: vec![0; data_bytes],
    };
    let too_much = Err(TransactionError::MaxLoadedAccountsDataSizeExceeded);
    for (last, status) in [(65_535, Ok(())), (65_536, too_much)] {
        let mut instructions = vec![names(30, 0); 63];
        instructions[0] = names(30, last - LAST);
        instructions.push(names(0, 0));
        let mut world = World::new();
        let record = world.alice_runs_v1(&instructions, enough());
        let record = record.expect("it is charged");
        assert_eq!((record.status, record.fee), (status, FEE), "{last}");
    }
}
