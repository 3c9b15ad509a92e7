//! What a record says of the transaction.

use crate::programs::{self, Ask, ask};
use crate::world::{FEE, NOWHERE, RENT_MIN, SOL, World, alice, bob, wallet};
use sealane_sdk::{AccountMeta, InnerInstruction};
use solana_instruction_error::InstructionError;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use solana_transaction_error::TransactionError;

#[test]
fn a_record_has_the_logs_that_solana_would_have_written() {
    let mut world = World::new();
    let send = |lamports| [transfer(&alice().pubkey(), &NOWHERE, lamports)];
    let record = world.check_success(&send(RENT_MIN));
    let expected = [
        "Program 11111111111111111111111111111111 invoke [1]",
        "Program 11111111111111111111111111111111 success",
    ];
    assert_eq!(record.logs, expected);

    let record = world.alice_runs(&send(SOL)).expect("it is charged");
    let expected = [
        "Program 11111111111111111111111111111111 invoke [1]".to_owned(),
        format!(
            "Transfer: insufficient lamports {}, need {SOL}",
            SOL - RENT_MIN - 2 * FEE
        ),
        "Program 11111111111111111111111111111111 failed: custom program error: 0x1".to_owned(),
    ];
    assert_eq!(record.logs, expected);
}

#[test]
fn a_record_has_the_inner_instructions() {
    let mut world = World::new();
    world.set(bob().pubkey(), wallet(RENT_MIN));
    let accounts = vec![
        AccountMeta::new(alice().pubkey(), true),
        AccountMeta::new(bob().pubkey(), false),
        AccountMeta::new_readonly(solana_sdk_ids::system_program::ID, false),
    ];
    let call = ask(Ask::Call, accounts);
    let record = world.check_success(&[transfer(&alice().pubkey(), &NOWHERE, RENT_MIN), call]);
    let keys_of_message = record.pre_balances.len();
    assert_eq!(keys_of_message, 5, "alice, two recipients, two programs");
    let [inner] = &record.inner_instructions[..] else {
        panic!("one call: {:#?}", record.inner_instructions)
    };
    let InnerInstruction {
        top_level,
        stack_height,
        accounts,
        data,
        ..
    } = inner;
    assert_eq!((*top_level, *stack_height), (1, 2));
    assert_eq!(accounts[0], 0, "alice comes first in the message");
    assert_eq!(*data, transfer(&alice().pubkey(), &bob().pubkey(), 1).data);
    assert_eq!(world.lamports(&bob().pubkey()), RENT_MIN + 1);
}

#[test]
fn a_record_of_what_did_not_run_has_balances_and_error() {
    let mut world = World::new();
    let call = sealane_sdk::Instruction {
        program_id: NOWHERE,
        accounts: vec![],
        data: vec![],
    };
    let record = world.alice_runs(&[call]).expect("it is charged");
    assert_eq!(record.status, Err(TransactionError::ProgramAccountNotFound));
    assert_eq!((record.fee, record.compute_units), (FEE, 0));
    assert_eq!(record.pre_balances, [SOL, 0]);
    assert_eq!(record.post_balances, [SOL - FEE, 0]);
    assert!(record.logs.is_empty() && record.inner_instructions.is_empty());
    assert_eq!(record.return_data, None);
}

#[test]
fn a_record_keeps_an_error_that_has_parts() {
    let mut world = World::new();
    world.set(bob().pubkey(), wallet(SOL));
    let fail = ask(
        Ask::WriteAndFail,
        vec![AccountMeta::new(bob().pubkey(), false)],
    );
    let record = world.alice_runs(&[fail]).expect("it is charged");
    let Err(TransactionError::InstructionError(0, error)) = record.status else {
        panic!("{:?}", record.status)
    };
    assert_ne!(
        error,
        InstructionError::Custom(7),
        "the wallet is not the program's to write"
    );
    assert!(record.logs[0].starts_with(&format!("Program {} invoke [1]", programs::ID)));
}
