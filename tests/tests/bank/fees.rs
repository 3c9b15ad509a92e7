//! Who pays, and what must be left.

use crate::world::{FEE, NOWHERE, RENT_MIN, SOL, World, alice, bob, data_account, wallet};
use sealane_sdk::{AccountState, Pubkey};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction_error::InstructionError;
use solana_sdk_ids::{incinerator, system_program};
use solana_signer::Signer;
use solana_system_interface::instruction::{assign, transfer};
use solana_transaction_error::TransactionError;

fn alice_sends(lamports: u64, to: Pubkey) -> [sealane_sdk::Instruction; 1] {
    [transfer(&alice().pubkey(), &to, lamports)]
}

#[test]
fn a_transfer_moves_lamports_and_costs_a_fee() {
    let mut world = World::new();
    let record = world.check_success(&alice_sends(RENT_MIN, NOWHERE));
    assert_eq!(record.fee, FEE);
    assert_eq!(record.compute_units, 150);
    assert_eq!(record.pre_balances, [SOL, 0, 1]);
    assert_eq!(record.post_balances, [SOL - FEE - RENT_MIN, RENT_MIN, 1]);
    assert_eq!(world.get(&NOWHERE), wallet(RENT_MIN));
    assert_eq!(world.lamports(&alice().pubkey()), SOL - FEE - RENT_MIN);
}

#[test]
fn a_transfer_to_oneself_costs_the_fee_alone() {
    let mut world = World::new();
    world.check_success(&alice_sends(77, alice().pubkey()));
    assert_eq!(world.lamports(&alice().pubkey()), SOL - FEE);
}

#[test]
fn each_signature_and_the_priority_are_paid() {
    let mut world = World::new();
    world.set(bob().pubkey(), wallet(SOL));
    let instructions = [
        ComputeBudgetInstruction::set_compute_unit_limit(10_000),
        ComputeBudgetInstruction::set_compute_unit_price(2_000_000),
        transfer(&bob().pubkey(), &alice().pubkey(), SOL),
    ];
    let blockhash = world.slot.blockhash();
    let record = world
        .run(&[&alice(), &bob()], &instructions, blockhash)
        .expect("it is charged");
    assert_eq!(record.status, Ok(()));
    assert_eq!(record.fee, 2 * FEE + 20_000);
    assert_eq!(world.lamports(&alice().pubkey()), 2 * SOL - record.fee);
    assert_eq!(
        world.get(&bob().pubkey()),
        AccountState::default(),
        "bob gave all he had"
    );
}

/// An instruction that asks to check so many signatures, with none in it.
fn precompile(count: u8) -> sealane_sdk::Instruction {
    sealane_sdk::Instruction {
        program_id: sealane_precompiles::ED25519.id,
        accounts: vec![],
        data: vec![count, 0],
    }
}

#[test]
fn signatures_that_a_precompile_is_to_check_are_paid_whether_they_are_good_or_not() {
    let mut world = World::new();
    let sends = alice_sends(RENT_MIN, NOWHERE);
    let record = world.alice_runs(&[&[precompile(7)], &sends[..]].concat());
    let record = record.expect("it is charged");
    // They are not there: `PrecompileError::InvalidInstructionDataSize`.
    let error = TransactionError::InstructionError(0, InstructionError::Custom(4));
    assert_eq!(record.status, Err(error));
    assert_eq!((record.fee, record.compute_units), (8 * FEE, 0));
    assert_eq!(world.lamports(&alice().pubkey()), SOL - 8 * FEE);

    let record = world.check_success(&[&[precompile(0)], &sends[..]].concat());
    assert_eq!((record.fee, record.compute_units), (FEE, 150));
    let only_of_the_transfer = |line: &String| line.contains(&system_program::ID.to_string());
    assert!(record.logs.iter().all(only_of_the_transfer));
}

#[test]
fn an_overdraft_fails_with_custom_error_1_and_is_charged() {
    let error = TransactionError::InstructionError(0, InstructionError::Custom(1));
    World::new().check_charged(&alice_sends(SOL, NOWHERE), error);
}

#[test]
fn a_failing_instruction_takes_back_those_before_it() {
    let instructions = [alice_sends(RENT_MIN, NOWHERE), alice_sends(SOL, NOWHERE)].concat();
    let error = TransactionError::InstructionError(1, InstructionError::Custom(1));
    World::new().check_charged(&instructions, error);
}

#[test]
fn a_payer_may_spend_all_and_is_gone() {
    let mut world = World::new();
    world.check_success(&alice_sends(SOL - FEE, NOWHERE));
    assert_eq!(world.get(&alice().pubkey()), AccountState::default());
    assert_eq!(world.lamports(&NOWHERE), SOL - FEE);
}

#[test]
fn a_payer_may_spend_its_last_lamports_on_the_fee() {
    let mut world = World::new();
    world.set(alice().pubkey(), wallet(FEE));
    let record = world
        .alice_runs(&alice_sends(1, NOWHERE))
        .expect("it is charged");
    let error = TransactionError::InstructionError(0, InstructionError::Custom(1));
    assert_eq!(record.status, Err(error));
    assert_eq!(record.post_balances[0], 0);
    assert_eq!(world.get(&alice().pubkey()), AccountState::default());
}

#[test]
fn a_payer_that_cannot_pay_has_its_transaction_dropped() {
    let initialized_nonce_without_rest = {
        let mut data = [0; 80];
        data[0] = 1;
        data[4] = 1;
        AccountState {
            lamports: 1_447_680 + FEE - 1,
            ..data_account(system_program::ID, &data)
        }
    };
    let cases = [
        (
            "absent",
            AccountState::default(),
            TransactionError::AccountNotFound,
        ),
        (
            "poor",
            wallet(FEE - 1),
            TransactionError::InsufficientFundsForFee,
        ),
        (
            "below the rent minimum afterwards",
            wallet(RENT_MIN + FEE - 1),
            TransactionError::InsufficientFundsForRent { account_index: 0 },
        ),
        (
            "of a program",
            data_account(NOWHERE, &[]),
            TransactionError::InvalidAccountForFee,
        ),
        (
            "with data",
            data_account(system_program::ID, &[0]),
            TransactionError::InvalidAccountForFee,
        ),
        (
            "an uninitialised nonce",
            data_account(system_program::ID, &[0; 80]),
            TransactionError::InvalidAccountForFee,
        ),
        (
            "a nonce without lamports to spare",
            initialized_nonce_without_rest,
            TransactionError::InsufficientFundsForFee,
        ),
    ];
    for (name, payer, error) in cases {
        println!("payer: {name}");
        let mut world = World::new();
        world.set(alice().pubkey(), payer);
        world.check_dropped(&alice_sends(0, NOWHERE), error);
    }
}

#[test]
fn nothing_may_be_left_with_less_than_the_rent_minimum() {
    let error = |account_index| TransactionError::InsufficientFundsForRent { account_index };
    World::new().check_charged(&alice_sends(1, NOWHERE), error(1));
    World::new().check_charged(&alice_sends(RENT_MIN - 1, NOWHERE), error(1));
    World::new().check_charged(
        &alice_sends(SOL - FEE - RENT_MIN + 1, bob().pubkey()),
        error(0),
    );
    World::new().check_success(&alice_sends(SOL - FEE - RENT_MIN, bob().pubkey()));
}

#[test]
fn an_account_below_the_minimum_may_gain_and_not_lose() {
    let mut world = World::new();
    world.set(bob().pubkey(), wallet(100));
    world.check_success(&alice_sends(1, bob().pubkey()));
    assert_eq!(world.lamports(&bob().pubkey()), 101);

    let blockhash = world.slot.blockhash();
    let bob_pays_back = [transfer(&bob().pubkey(), &alice().pubkey(), 1)];
    let record = world
        .run(&[&alice(), &bob()], &bob_pays_back, blockhash)
        .expect("charged");
    let error = TransactionError::InsufficientFundsForRent { account_index: 1 };
    assert_eq!(record.status, Err(error));

    let bob_moves = [assign(&bob().pubkey(), &NOWHERE)];
    let record = world
        .run(&[&alice(), &bob()], &bob_moves, blockhash)
        .expect("charged");
    let error = TransactionError::InsufficientFundsForRent { account_index: 1 };
    assert_eq!(record.status, Err(error), "a new owner is a new account");
}

#[test]
fn the_incinerator_takes_any_amount() {
    let mut world = World::new();
    world.check_success(&alice_sends(1, incinerator::ID));
    assert_eq!(world.lamports(&incinerator::ID), 1);
}
