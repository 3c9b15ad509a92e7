//! What instructions may do, and what is refused before they run.

use crate::programs::{self, Ask, ask};
use crate::world::wallet;
use crate::world::{FEE, NOWHERE, RENT_MIN, SOL, World, alice, bob, data_account, program_account};
use sealane_sdk::{AccountMeta, AccountState, Instruction, Pubkey};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction_error::InstructionError;
use solana_message::AddressLookupTableAccount;
use solana_sdk_ids::sysvar;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use solana_transaction_error::TransactionError;

const BOX: Pubkey = sealane_sdk::pubkey!("Box1111111111111111111111111111111111111111");

/// A world with an account of the probe program that holds 1, 2, 3.
fn world_with_box() -> World {
    let mut world = World::new();
    world.set(BOX, data_account(programs::ID, &[1, 2, 3]));
    world
}

fn writable(key: Pubkey) -> AccountMeta {
    AccountMeta::new(key, false)
}

fn read_only(key: Pubkey) -> AccountMeta {
    AccountMeta::new_readonly(key, false)
}

fn alice_sends(lamports: u64, to: Pubkey) -> Instruction {
    transfer(&alice().pubkey(), &to, lamports)
}

#[test]
fn a_program_writes_its_account() {
    let mut world = world_with_box();
    let record = world.check_success(&[ask(Ask::Write, vec![writable(BOX)])]);
    assert_eq!(world.get(&BOX), data_account(programs::ID, &[9, 2, 3]));
    assert_eq!(record.compute_units, 1_000);
    assert_eq!(world.lamports(&alice().pubkey()), SOL - FEE);
}

#[test]
fn what_a_program_must_not_do_fails_and_is_charged() {
    use InstructionError as Error;
    let cases = [
        (
            "writes read-only",
            Ask::Write,
            vec![read_only(BOX)],
            Error::ReadonlyDataModified,
        ),
        (
            "writes another's data",
            Ask::Write,
            vec![writable(bob().pubkey())],
            Error::ExternalAccountDataModified,
        ),
        (
            "writes a program",
            Ask::Write,
            vec![writable(programs::ID)],
            Error::ReadonlyDataModified,
        ),
        (
            "writes a sysvar",
            Ask::Write,
            vec![writable(sysvar::clock::ID)],
            Error::ReadonlyDataModified,
        ),
        (
            "makes lamports",
            Ask::Print,
            vec![writable(BOX)],
            Error::UnbalancedInstruction,
        ),
        (
            "takes lamports of another's account",
            Ask::Move,
            vec![writable(bob().pubkey()), writable(BOX)],
            Error::ExternalAccountLamportSpend,
        ),
        (
            "panics",
            Ask::Panic,
            vec![writable(BOX)],
            Error::ProgramFailedToComplete,
        ),
        (
            "fails after a write",
            Ask::WriteAndFail,
            vec![writable(BOX)],
            Error::Custom(7),
        ),
    ];
    for (name, what, accounts, error) in cases {
        println!("{name}");
        let mut world = world_with_box();
        world.set(bob().pubkey(), data_account(NOWHERE, &[0; 8]));
        let error = TransactionError::InstructionError(0, error);
        world.check_charged(&[ask(what, accounts)], error);
    }
}

#[test]
fn a_program_that_panicked_works_again() {
    let mut world = world_with_box();
    let panicked = TransactionError::InstructionError(0, InstructionError::ProgramFailedToComplete);
    world.check_charged(&[ask(Ask::Panic, vec![writable(BOX)])], panicked);
    world.check_success(&[ask(Ask::Write, vec![writable(BOX)])]);
}

#[test]
fn lamports_move_between_accounts_of_a_program() {
    let mut world = world_with_box();
    world.check_success(&[ask(
        Ask::Move,
        vec![writable(BOX), writable(alice().pubkey())],
    )]);
    assert_eq!(world.lamports(&BOX), SOL - 1);
    assert_eq!(world.lamports(&alice().pubkey()), SOL - FEE + 1);
}

#[test]
fn an_account_left_without_lamports_is_gone_with_its_data() {
    let mut world = world_with_box();
    world.set(
        BOX,
        AccountState {
            lamports: 1,
            ..data_account(programs::ID, &[1, 2, 3])
        },
    );
    let record = world.check_success(&[ask(
        Ask::Move,
        vec![writable(BOX), writable(alice().pubkey())],
    )]);
    assert_eq!(world.get(&BOX), AccountState::default());
    assert_eq!(record.post_balances[1], 0);
}

#[test]
fn what_cannot_be_called_is_charged() {
    use TransactionError as Error;
    let unsupported = Error::InstructionError(0, InstructionError::UnsupportedProgramId);
    let cases = [
        (
            "absent",
            AccountState::default(),
            Error::ProgramAccountNotFound,
        ),
        ("a wallet", wallet(SOL), Error::InvalidProgramForExecution),
        (
            "data of a program",
            data_account(programs::ID, &[]),
            Error::InvalidProgramForExecution,
        ),
        (
            "a program that the node does not have",
            program_account(),
            unsupported,
        ),
    ];
    for (name, account, error) in cases {
        println!("calls {name}");
        let mut world = World::new();
        if !account.is_absent() {
            world.set(NOWHERE, account);
        }
        let call = Instruction {
            program_id: NOWHERE,
            accounts: vec![],
            data: vec![],
        };
        world.check_charged(&[call], error);
    }
}

#[test]
fn loaded_accounts_count_64_bytes_and_their_data() {
    let limited = |bytes| {
        let limit = ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(bytes);
        [limit, alice_sends(RENT_MIN, BOX)]
    };
    // Payer, box with 3 bytes, "system_program", "compute_budget_program".
    let bytes = 64 + (64 + 3) + (64 + 14) + (64 + 22);
    world_with_box().check_success(&limited(bytes));
    let error = TransactionError::MaxLoadedAccountsDataSizeExceeded;
    world_with_box().check_charged(&limited(bytes - 1), error);

    // An account that is not there counts nothing.
    World::new().check_success(&limited(bytes - 67));
    let error = TransactionError::MaxLoadedAccountsDataSizeExceeded;
    World::new().check_charged(&limited(bytes - 68), error);
}

#[test]
fn a_lookup_table_counts_8248_bytes() {
    let table = AddressLookupTableAccount {
        key: Pubkey::new_unique(),
        addresses: vec![BOX],
    };
    let tables = [table];
    let run = |bytes| {
        let limit = ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(bytes);
        let instructions = [limit, alice_sends(RENT_MIN, BOX)];
        let record = World::with_tables(&tables).alice_runs_v0(&instructions, &tables);
        record.expect("it is charged").status
    };
    let bytes = 8_248 + 64 + (64 + 14) + (64 + 22);
    assert_eq!(run(bytes), Ok(()));
    assert_eq!(
        run(bytes - 1),
        Err(TransactionError::MaxLoadedAccountsDataSizeExceeded)
    );
}

#[test]
fn compute_beyond_the_limit_fails() {
    let limited = |units| {
        let limit = ComputeBudgetInstruction::set_compute_unit_limit(units);
        [limit, alice_sends(RENT_MIN, NOWHERE)]
    };
    let exceeded = InstructionError::ComputationalBudgetExceeded;
    World::new().check_charged(
        &limited(299),
        TransactionError::InstructionError(1, exceeded),
    );
    let record = World::new().check_success(&limited(300));
    assert_eq!(record.compute_units, 300);
}

#[test]
fn sysvars_are_those_of_the_slot() {
    let mut world = World::new();
    let record = world.check_success(&[ask(Ask::Clock, vec![read_only(sysvar::clock::ID)])]);
    assert!(
        record.logs.contains(&"Program log: slot 5".to_owned()),
        "{:#?}",
        record.logs
    );
    let clock = bincode::serialize(&world.slot.sysvars.clock).expect("a clock serialises");
    assert_eq!(record.return_data, Some((programs::ID, clock)));

    // What somebody left under a sysvar's address is not what a program sees.
    world.set(sysvar::clock::ID, data_account(NOWHERE, b"not a clock"));
    world.skip_slots(1);
    let record = world.check_success(&[ask(Ask::Clock, vec![read_only(sysvar::clock::ID)])]);
    assert!(
        record.logs.contains(&"Program log: slot 6".to_owned()),
        "{:#?}",
        record.logs
    );
}

#[test]
fn a_program_reads_the_other_instructions_of_its_transaction() {
    let mut world = World::new();
    let send = alice_sends(RENT_MIN, NOWHERE);
    let read = ask(Ask::Return, vec![read_only(sysvar::instructions::ID)]);
    let record = world.check_success(&[send, read]);
    let (_, data) = record.return_data.expect("the program returned it");

    let mut expected = vec![2, 0, 6, 0, 120, 0];
    let put = |expected: &mut Vec<u8>, flags: u8, key: Pubkey| {
        expected.push(flags);
        expected.extend_from_slice(key.as_array());
    };
    expected.extend_from_slice(&[2, 0]);
    put(&mut expected, 3, alice().pubkey());
    put(&mut expected, 2, NOWHERE);
    expected.extend_from_slice(solana_sdk_ids::system_program::ID.as_array());
    expected.extend_from_slice(&[12, 0, 2, 0, 0, 0]);
    expected.extend_from_slice(&RENT_MIN.to_le_bytes());
    assert_eq!(expected.len(), 120);
    expected.extend_from_slice(&[1, 0]);
    put(&mut expected, 0, sysvar::instructions::ID);
    expected.extend_from_slice(programs::ID.as_array());
    expected.extend_from_slice(&[1, 0, Ask::Return as u8]);
    expected.extend_from_slice(&[1, 0]); // the second instruction runs
    assert_eq!(data, expected);
    assert!(
        world.get(&sysvar::instructions::ID).is_absent(),
        "it is in no table"
    );
}
