//! CreateAccount, CreateAccountAllowPrefund, Allocate and Assign.

use InstructionError as E;
use sealane_sdk::system_instruction::{
    allocate, assign, create_account, create_account_allow_prefund,
};

use super::*;

const PAYER: u8 = 1;
const NEW: u8 = 2;
const MAX: u64 = 10 * 1024 * 1024;

fn owner() -> Pubkey {
    key(7)
}

fn address() -> String {
    format!("Address {{ address: {}, base: None }}", key(NEW))
}

fn create(lamports: u64, space: u64) -> Instruction {
    create_account(&key(PAYER), &key(NEW), lamports, space, &owner())
}

fn payer() -> Account {
    (key(PAYER), wallet(100))
}

#[test]
fn an_account_is_created_with_lamports_length_and_owner() {
    for (lamports, space) in [(30, 8), (30, 0), (100, 20_000), (1, MAX)] {
        check(
            &[payer()],
            &create(lamports, space),
            Ok(&[
                (key(PAYER), wallet(100 - lamports)),
                (key(NEW), sized(lamports, owner(), space as usize)),
            ]),
        );
    }
}

#[test]
fn an_account_created_without_lamports_does_not_last() {
    let create = create(0, 0);
    let mut harness = Harness::new();
    harness.set_account(key(PAYER), wallet(100));
    assert_eq!(harness.process_instruction(&create).result, Ok(()));
    assert!(harness.account(&key(NEW)).is_absent());
    assert_eq!(harness.account(&key(PAYER)), wallet(100));
}

#[test]
fn an_account_with_lamports_is_not_created_again() {
    let in_use = system_error(SystemError::AccountAlreadyInUse);
    let line = format!("Create Account: account {} already in use", address());
    for existing in [
        wallet(1),
        sized(1, owner(), 0),
        sized(1, system_program::ID, 8),
    ] {
        let before = [payer(), (key(NEW), existing)];
        check(&before, &create(30, 8), Err((in_use.clone(), &line)));
    }
    // The same, if the payer makes itself: it has lamports.
    let line = line.replace(&key(NEW).to_string(), &key(PAYER).to_string());
    let itself = create_account(&key(PAYER), &key(PAYER), 30, 8, &owner());
    check(&[payer()], &itself, Err((in_use, &line)));
}

#[test]
fn creating_is_refused_for_one_reason_at_a_time() {
    let with = |lamports, space, change: &dyn Fn(&mut Instruction)| {
        let mut instruction = create(lamports, space);
        change(&mut instruction);
        instruction
    };
    let payer_unsigned = format!("Transfer: `from` account {} must sign", key(PAYER));
    let new_unsigned = format!("Allocate: 'to' account {} must sign", address());
    let too_long = "Allocate: requested 10485761, max allowed 10485760";
    let cases: [(AccountState, Instruction, Refusal<'_>); 8] = [
        (
            wallet(29),
            create(30, 8),
            (
                system_error(SystemError::ResultWithNegativeLamports),
                "Transfer: insufficient lamports 29, need 30",
            ),
        ),
        (
            sized(100, system_program::ID, 80),
            create(30, 8),
            (E::InvalidArgument, "Transfer: `from` must not carry data"),
        ),
        (
            wallet(100),
            create(30, MAX + 1),
            (
                system_error(SystemError::InvalidAccountDataLength),
                too_long,
            ),
        ),
        (
            wallet(100),
            with(30, 8, &|i| i.accounts[0].is_signer = false),
            (E::MissingRequiredSignature, &payer_unsigned),
        ),
        // The new account's signature is looked for before its length and before the payer's
        // signature.
        (
            wallet(100),
            with(30, MAX + 1, &|i| {
                i.accounts[0].is_signer = false;
                i.accounts[1].is_signer = false;
            }),
            (E::MissingRequiredSignature, &new_unsigned),
        ),
        (
            wallet(100),
            with(30, 8, &|i| i.accounts[1].is_writable = false),
            (E::ReadonlyDataModified, ""),
        ),
        (
            wallet(100),
            with(30, 8, &|i| i.accounts.truncate(1)),
            (E::MissingAccount, ""),
        ),
        (
            wallet(100),
            with(30, 8, &|i| i.data.truncate(51)),
            (E::InvalidInstructionData, ""),
        ),
    ];
    for (payer, instruction, refusal) in cases {
        check(&[(key(PAYER), payer)], &instruction, Err(refusal));
    }
}

#[test]
fn a_prefunded_account_is_completed() {
    let new = (key(NEW), key(PAYER));
    let complete = |lamports| {
        let payer = (lamports > 0).then_some((&new.1, lamports));
        create_account_allow_prefund(&new.0, payer, 8, &owner())
    };
    let before = [payer(), (key(NEW), wallet(20))];
    let made = |lamports| (key(NEW), sized(lamports, owner(), 8));
    check(&before, &complete(0), Ok(&[made(20)]));
    check(
        &before,
        &complete(10),
        Ok(&[(key(PAYER), wallet(90)), made(30)]),
    );
    check(
        &[payer()],
        &complete(10),
        Ok(&[(key(PAYER), wallet(90)), made(10)]),
    );
}

#[test]
fn a_prefunded_account_is_refused_as_a_new_one_is() {
    let complete = create_account_allow_prefund(&key(NEW), Some((&key(PAYER), 10)), 8, &owner());
    let with = |change: &dyn Fn(&mut Instruction)| {
        let mut instruction = complete.clone();
        change(&mut instruction);
        instruction
    };
    let in_use = format!("Allocate: account {} already in use", address());
    let unsigned = format!("Allocate: 'to' account {} must sign", address());
    let payer_unsigned = format!("Transfer: `from` account {} must sign", key(PAYER));
    let cases: [(AccountState, Instruction, Refusal<'_>); 5] = [
        (
            sized(20, owner(), 0),
            complete.clone(),
            (system_error(SystemError::AccountAlreadyInUse), &in_use),
        ),
        (
            sized(20, system_program::ID, 1),
            complete.clone(),
            (system_error(SystemError::AccountAlreadyInUse), &in_use),
        ),
        (
            wallet(20),
            with(&|i| i.accounts[0].is_signer = false),
            (E::MissingRequiredSignature, &unsigned),
        ),
        (
            wallet(20),
            with(&|i| i.accounts[1].is_signer = false),
            (E::MissingRequiredSignature, &payer_unsigned),
        ),
        (
            wallet(20),
            with(&|i| i.accounts.truncate(1)),
            (E::MissingAccount, ""),
        ),
    ];
    for (existing, instruction, refusal) in cases {
        check(&[payer(), (key(NEW), existing)], &instruction, Err(refusal));
    }
}

#[test]
fn allocating_gives_length_and_nothing_else() {
    for space in [0, 8, MAX] {
        check(
            &[(key(NEW), wallet(20))],
            &allocate(&key(NEW), space),
            Ok(&[(key(NEW), sized(20, system_program::ID, space as usize))]),
        );
    }
}

#[test]
fn a_transaction_allocates_20_mib_and_not_a_byte_more() {
    for (third, expected) in [
        (0, Ok(())),
        (1, Err((2, E::MaxAccountsDataAllocationsExceeded))),
    ] {
        let keys = [key(11), key(12), key(13)];
        let mut harness = Harness::new();
        keys.iter().for_each(|key| harness.airdrop(key, 20));
        let lengths = [MAX, MAX, third];
        let instructions = [0, 1, 2].map(|i| allocate(&keys[i], lengths[i]));
        let outcome = harness.process_transaction(&instructions);
        assert_eq!(outcome.result, expected);
        let kept = if expected.is_ok() { MAX as usize } else { 0 };
        assert_eq!(harness.account(&keys[0]).data.len(), kept);
    }
}

#[test]
fn allocating_is_refused_for_one_reason_at_a_time() {
    let in_use = format!("Allocate: account {} already in use", address());
    let unsigned = format!("Allocate: 'to' account {} must sign", address());
    let too_long = "Allocate: requested 18446744073709551615, max allowed 10485760";
    let space = |space| SystemInstruction::Allocate { space };
    let signed = || vec![signer(key(NEW))];
    let read_only = || vec![AccountMeta::new_readonly(key(NEW), true)];
    let cases: [(AccountState, Instruction, Refusal<'_>); 8] = [
        (
            sized(20, system_program::ID, 1),
            system(&space(8), signed()),
            (system_error(SystemError::AccountAlreadyInUse), &in_use),
        ),
        (
            sized(20, owner(), 0),
            system(&space(8), signed()),
            (system_error(SystemError::AccountAlreadyInUse), &in_use),
        ),
        (
            sized(20, owner(), 0),
            system(&space(8), vec![writable(key(NEW))]),
            (E::MissingRequiredSignature, &unsigned),
        ),
        (
            wallet(20),
            system(&space(u64::MAX), signed()),
            (
                system_error(SystemError::InvalidAccountDataLength),
                too_long,
            ),
        ),
        (
            wallet(20),
            system(&space(8), read_only()),
            (E::ReadonlyDataModified, ""),
        ),
        (
            wallet(20),
            system(&space(0), read_only()),
            (E::ReadonlyDataModified, ""),
        ),
        (
            wallet(20),
            system(&space(8), vec![]),
            (E::MissingAccount, ""),
        ),
        (
            wallet(20),
            Instruction {
                data: vec![8, 0, 0, 0, 1],
                ..allocate(&key(NEW), 8)
            },
            (E::InvalidInstructionData, ""),
        ),
    ];
    for (existing, instruction, refusal) in cases {
        check(&[(key(NEW), existing)], &instruction, Err(refusal));
    }
}

#[test]
fn assigning_gives_the_account_away() {
    for len in [0, 8, 20_000] {
        check(
            &[(key(NEW), sized(20, system_program::ID, len))],
            &assign(&key(NEW), &owner()),
            Ok(&[(key(NEW), sized(20, owner(), len))]),
        );
    }
}

#[test]
fn assigning_to_the_present_owner_needs_no_signature() {
    let instruction = SystemInstruction::Assign { owner: owner() };
    check(
        &[(key(NEW), sized(20, owner(), 8))],
        &system(&instruction, vec![readonly(key(NEW))]),
        Ok(&[]),
    );
}

#[test]
fn assigning_is_refused_for_one_reason_at_a_time() {
    let unsigned = format!("Assign: account {} must sign", address());
    let instruction = SystemInstruction::Assign { owner: owner() };
    let written = AccountState {
        data: vec![0, 0, 1].into(),
        ..wallet(20)
    };
    let signed = || vec![signer(key(NEW))];
    let cases: [(AccountState, Vec<AccountMeta>, Refusal<'_>); 5] = [
        (
            wallet(20),
            vec![writable(key(NEW))],
            (E::MissingRequiredSignature, &unsigned),
        ),
        (sized(20, key(8), 0), signed(), (E::ModifiedProgramId, "")),
        (written, signed(), (E::ModifiedProgramId, "")),
        (
            wallet(20),
            vec![AccountMeta::new_readonly(key(NEW), true)],
            (E::ModifiedProgramId, ""),
        ),
        (wallet(20), vec![], (E::MissingAccount, "")),
    ];
    for (existing, accounts, refusal) in cases {
        check(
            &[(key(NEW), existing)],
            &system(&instruction, accounts),
            Err(refusal),
        );
    }
}
