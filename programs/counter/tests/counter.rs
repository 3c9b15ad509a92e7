//! The counter as a user meets it. No node is needed: the harness runs the program through the
//! executor that a node uses.

use sealane_counter::{
    COUNTER_LEN, CounterError, ID, counter_address, create, increment, program, read_count,
};
use sealane_sdk::{
    AccountState, Instruction, InstructionError, ProgramError, Pubkey, Rent, testing::Harness,
    testing::Outcome,
};

const LAMPORTS: u64 = 1_000_000_000;

fn user(n: u8) -> Pubkey {
    Pubkey::new_from_array([n; 32])
}

/// A harness in which users 1 and 2 have lamports, and user 1 has a counter that stands at `count`.
fn with_counter(count: u64) -> Harness {
    let mut harness = Harness::new().with_program(program());
    harness.airdrop(&user(1), LAMPORTS);
    harness.airdrop(&user(2), LAMPORTS);
    let instructions = [create(&user(1)), increment(&user(1), count)];
    assert_eq!(harness.process_transaction(&instructions).result, Ok(()));
    harness
}

fn count_of(harness: &Harness, user: &Pubkey) -> Option<u64> {
    read_count(harness.account(&counter_address(user)).data.as_slice())
}

/// `instruction` fails with `expected` and changes nothing.
#[track_caller]
fn check_refused(mut harness: Harness, instruction: Instruction, expected: InstructionError) {
    let before: Vec<AccountState> = states(&harness, &instruction);
    let Outcome { result, .. } = harness.process_instruction(&instruction);
    assert_eq!(result, Err((0, expected)));
    assert_eq!(states(&harness, &instruction), before);
}

fn states(harness: &Harness, instruction: &Instruction) -> Vec<AccountState> {
    let accounts = instruction.accounts.iter();
    accounts.map(|meta| harness.account(&meta.pubkey)).collect()
}

fn custom(error: CounterError) -> InstructionError {
    InstructionError::Custom(error as u32)
}

#[test]
fn a_new_counter_stands_at_zero_and_its_user_pays_the_rent() {
    let harness = with_counter(0);
    let counter = harness.account(&counter_address(&user(1)));
    let rent = Rent::default().minimum_balance(COUNTER_LEN);
    assert_eq!(counter.owner, ID);
    assert_eq!(counter.lamports, rent);
    assert_eq!(counter.data.as_slice(), [&[1; 32][..], &[0; 8]].concat());
    assert_eq!(harness.account(&user(1)).lamports, LAMPORTS - rent);
}

#[test]
fn an_increment_adds_logs_and_returns_the_count() {
    let mut harness = with_counter(40);
    let outcome = harness.process_instruction(&increment(&user(1), 2));
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(count_of(&harness, &user(1)), Some(42));
    assert_eq!(outcome.compute_units, 500);
    assert_eq!(
        outcome.return_data,
        Some((ID, 42u64.to_le_bytes().to_vec()))
    );
    assert_eq!(
        outcome.logs[..2],
        [
            format!("Program {ID} invoke [1]"),
            "Program log: count: 42".to_string(),
        ]
    );
}

#[test]
fn counters_of_two_users_do_not_meet() {
    let mut harness = with_counter(5);
    let instructions = [create(&user(2)), increment(&user(2), 7)];
    assert_eq!(harness.process_transaction(&instructions).result, Ok(()));
    assert_eq!(count_of(&harness, &user(1)), Some(5));
    assert_eq!(count_of(&harness, &user(2)), Some(7));
}

#[test]
fn nothing_is_counted_in_a_transaction_that_fails() {
    let mut harness = with_counter(5);
    let overflow = increment(&user(1), u64::MAX);
    let outcome = harness.process_transaction(&[increment(&user(1), 1), overflow]);
    assert_eq!(outcome.result, Err((1, custom(CounterError::Overflow))));
    assert_eq!(count_of(&harness, &user(1)), Some(5));
}

#[test]
fn the_count_reaches_the_largest_number_and_stops() {
    let harness = with_counter(u64::MAX);
    assert_eq!(count_of(&harness, &user(1)), Some(u64::MAX));
    let next = increment(&user(1), 1);
    check_refused(harness, next, custom(CounterError::Overflow));
}

#[test]
fn a_counter_is_made_at_its_own_address_only() {
    let mut instruction = create(&user(2));
    instruction.accounts[1].pubkey = counter_address(&user(3));
    check_refused(
        with_counter(5),
        instruction,
        custom(CounterError::WrongAddress),
    );
}

#[test]
fn a_counter_is_made_once() {
    // 0 is the System program's "already in use".
    let again = create(&user(1));
    check_refused(with_counter(5), again, InstructionError::Custom(0));
}

#[test]
fn a_counter_is_made_only_if_its_user_signs() {
    let mut instruction = create(&user(2));
    instruction.accounts[0].is_signer = false;
    check_refused(
        with_counter(5),
        instruction,
        InstructionError::MissingRequiredSignature,
    );
}

#[test]
fn a_counter_is_incremented_only_if_its_user_signs() {
    let mut instruction = increment(&user(1), 1);
    instruction.accounts[0].is_signer = false;
    check_refused(
        with_counter(5),
        instruction,
        InstructionError::MissingRequiredSignature,
    );
}

#[test]
fn another_users_counter_is_not_incremented() {
    let mut instruction = increment(&user(2), 1);
    instruction.accounts[1].pubkey = counter_address(&user(1));
    check_refused(
        with_counter(5),
        instruction,
        custom(CounterError::WrongUser),
    );
}

#[test]
fn a_counter_that_was_not_made_is_not_incremented() {
    check_refused(
        with_counter(5),
        increment(&user(2), 1),
        InstructionError::InvalidAccountOwner,
    );
}

#[test]
fn a_forged_counter_is_not_incremented() {
    let mut harness = with_counter(5);
    let (forged, mut instruction) = (user(9), increment(&user(1), 1));
    let data = harness.account(&counter_address(&user(1))).data;
    let state = AccountState {
        lamports: LAMPORTS,
        owner: user(8),
        data,
        ..Default::default()
    };
    harness.set_account(forged, state);
    instruction.accounts[1].pubkey = forged;
    check_refused(harness, instruction, InstructionError::InvalidAccountOwner);
}

#[test]
fn a_counter_passed_as_read_only_is_not_incremented() {
    let mut instruction = increment(&user(1), 1);
    instruction.accounts[1].is_writable = false;
    check_refused(
        with_counter(5),
        instruction,
        InstructionError::ReadonlyDataModified,
    );
}

#[test]
fn a_user_without_lamports_for_the_rent_gets_no_counter() {
    let mut harness = with_counter(5);
    harness.airdrop(&user(3), 1);
    // 1 is the System program's "not enough lamports".
    check_refused(harness, create(&user(3)), InstructionError::Custom(1));
}

#[test]
fn accounts_that_are_missing_are_reported() {
    let expected = InstructionError::from(u64::from(ProgramError::NotEnoughAccountKeys));
    for (mut instruction, enough) in [(create(&user(2)), 3), (increment(&user(1), 1), 2)] {
        for count in (0..enough).rev() {
            instruction.accounts.truncate(count);
            check_refused(with_counter(5), instruction.clone(), expected.clone());
        }
    }
}

#[test]
fn data_that_is_no_instruction_is_refused() {
    let amount = increment(&user(1), 1).data;
    let longer = [&amount[..], &[0]].concat();
    let cases: [&[u8]; 6] = [&[], &[0, 0], &[1], &amount[..8], &longer, &[2]];
    for data in cases {
        let instruction = Instruction {
            data: data.to_vec(),
            ..increment(&user(1), 1)
        };
        check_refused(
            with_counter(5),
            instruction,
            InstructionError::InvalidInstructionData,
        );
    }
}
