//! Accounts at addresses derived from a base, a text and an owner, for which the base signs.

use InstructionError as E;
use sealane_sdk::system_instruction::{
    allocate_with_seed, assign_with_seed, create_account_with_seed,
};

use super::*;

const SEED: &str = "drawer";

fn base() -> Pubkey {
    key(3)
}

fn owner() -> Pubkey {
    key(7)
}

fn derived() -> Pubkey {
    Pubkey::create_with_seed(&base(), SEED, &owner()).unwrap()
}

/// The three instructions that change the derived account, with this seed and owner.
fn instructions(seed: &str, owner: &Pubkey) -> [Instruction; 3] {
    let (to, base) = (derived(), base());
    [
        create_account_with_seed(&key(1), &to, &base, seed, 30, 8, owner),
        allocate_with_seed(&to, &base, seed, 8, owner),
        assign_with_seed(&to, &base, seed, owner),
    ]
}

#[test]
fn the_base_signs_for_the_derived_account() {
    let [create, allocate, assign] = instructions(SEED, &owner());
    check(
        &[(key(1), wallet(100))],
        &create,
        Ok(&[(key(1), wallet(70)), (derived(), sized(30, owner(), 8))]),
    );
    let before = [(derived(), wallet(30))];
    check(
        &before,
        &allocate,
        Ok(&[(derived(), sized(30, owner(), 8))]),
    );
    check(&before, &assign, Ok(&[(derived(), sized(30, owner(), 0))]));
}

#[test]
fn the_payer_may_be_the_base() {
    let derived = Pubkey::create_with_seed(&key(1), SEED, &owner()).unwrap();
    let create = create_account_with_seed(&key(1), &derived, &key(1), SEED, 30, 8, &owner());
    assert_eq!(create.accounts.len(), 2);
    check(
        &[(key(1), wallet(100))],
        &create,
        Ok(&[(key(1), wallet(70)), (derived, sized(30, owner(), 8))]),
    );
}

#[test]
fn without_the_bases_signature_nothing_happens() {
    let address = format!(
        "Address {{ address: {}, base: Some({}) }}",
        derived(),
        base()
    );
    let allocate = format!("Allocate: 'to' account {address} must sign");
    let assign = format!("Assign: account {address} must sign");
    let lines = [&allocate, &allocate, &assign];
    for (mut instruction, line) in instructions(SEED, &owner()).into_iter().zip(lines) {
        let place = instruction
            .accounts
            .iter()
            .position(|meta| meta.pubkey == base());
        instruction.accounts[place.unwrap()].is_signer = false;
        check(
            &[(key(1), wallet(100))],
            &instruction,
            Err((E::MissingRequiredSignature, line)),
        );
    }
}

#[test]
fn an_address_that_was_not_derived_from_the_seed_is_refused() {
    let other = Pubkey::create_with_seed(&base(), "other", &owner()).unwrap();
    let line = format!(
        "Create: address {} does not match derived address {other}",
        derived()
    );
    for instruction in instructions("other", &owner()) {
        check(
            &[(key(1), wallet(100))],
            &instruction,
            Err((system_error(SystemError::AddressWithSeedMismatch), &line)),
        );
    }
}

#[test]
fn a_seed_that_is_too_long_fails_with_the_derivations_number() {
    for instruction in instructions(&"s".repeat(33), &owner()) {
        check(
            &[(key(1), wallet(100))],
            &instruction,
            Err((E::Custom(0), "")),
        );
    }
}

#[test]
fn an_owner_that_could_forge_addresses_fails_with_the_derivations_number() {
    for instruction in instructions(SEED, &illegal_owner()) {
        check(
            &[(key(1), wallet(100))],
            &instruction,
            Err((E::Custom(2), "")),
        );
    }
}

#[test]
fn accounts_are_counted_before_the_address_is_derived() {
    let [create, allocate, assign] = instructions("other", &owner());
    for (mut instruction, enough) in [(create, 2), (allocate, 1), (assign, 1)] {
        instruction.accounts.truncate(enough - 1);
        check(&[], &instruction, Err((E::MissingAccount, "")));
    }
}

#[test]
fn a_derived_account_in_use_stays_as_it_is() {
    let [create, allocate, assign] = instructions(SEED, &owner());
    let address = format!(
        "Address {{ address: {}, base: Some({}) }}",
        derived(),
        base()
    );
    let in_use = system_error(SystemError::AccountAlreadyInUse);
    let line = format!("Create Account: account {address} already in use");
    check(
        &[(derived(), wallet(1))],
        &create,
        Err((in_use.clone(), &line)),
    );
    let line = format!("Allocate: account {address} already in use");
    let another = [(derived(), sized(30, key(8), 0))];
    check(&another, &allocate, Err((in_use, &line)));
    check(&another, &assign, Err((E::ModifiedProgramId, "")));
}
