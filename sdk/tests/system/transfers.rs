//! Transfer and TransferWithSeed, and what every instruction has in common: its decoding.

use InstructionError as E;
use sealane_sdk::system_instruction::{transfer, transfer_with_seed};

use super::*;

const FROM: u8 = 1;
const TO: u8 = 2;

/// A transfer of `lamports` from `from` to a wallet with 5.
#[track_caller]
fn check_transfer(from: AccountState, lamports: u64, expected: Result<(u64, u64), Refusal<'_>>) {
    let before = [(key(FROM), from), (key(TO), wallet(5))];
    let after = expected.map(|(from, to)| [(key(FROM), wallet(from)), (key(TO), wallet(to))]);
    check(
        &before,
        &transfer(&key(FROM), &key(TO), lamports),
        after.as_ref().map(|after| &after[..]).map_err(Clone::clone),
    );
}

#[test]
fn a_transfer_moves_lamports() {
    check_transfer(wallet(100), 30, Ok((70, 35)));
    check_transfer(wallet(100), 100, Ok((0, 105)));
    check_transfer(wallet(100), 0, Ok((100, 5)));
    check_transfer(wallet(0), 0, Ok((0, 5)));
}

#[test]
fn a_transfer_makes_an_account_that_does_not_exist() {
    check(
        &[(key(FROM), wallet(10))],
        &transfer(&key(FROM), &key(9), 4),
        Ok(&[(key(FROM), wallet(6)), (key(9), wallet(4))]),
    );
}

#[test]
fn a_transfer_reaches_an_account_of_any_program() {
    let owned = |lamports| sized(lamports, key(7), 3);
    check(
        &[(key(FROM), wallet(10)), (key(TO), owned(1))],
        &transfer(&key(FROM), &key(TO), 4),
        Ok(&[(key(FROM), wallet(6)), (key(TO), owned(5))]),
    );
}

#[test]
fn a_transfer_beyond_the_balance_says_what_is_missing() {
    let short = |line| (system_error(SystemError::ResultWithNegativeLamports), line);
    let line = "Transfer: insufficient lamports 1, need 2";
    check_transfer(wallet(1), 2, Err(short(line)));
    let line = "Transfer: insufficient lamports 0, need 18446744073709551615";
    check_transfer(wallet(0), u64::MAX, Err(short(line)));
}

#[test]
fn a_transfer_from_an_account_with_data_is_refused() {
    let refusal = (E::InvalidArgument, "Transfer: `from` must not carry data");
    check_transfer(sized(100, system_program::ID, 1), 30, Err(refusal.clone()));
    check_transfer(sized(100, system_program::ID, 1), 0, Err(refusal.clone()));
    // The data is noticed before the balance and before the owner.
    check_transfer(sized(1, key(7), 1), 30, Err(refusal));
}

#[test]
fn a_transfer_from_an_account_of_another_program_is_refused() {
    check_transfer(
        sized(100, key(7), 0),
        30,
        Err((E::ExternalAccountLamportSpend, "")),
    );
    // Taking nothing is no spending.
    let from = (key(FROM), sized(100, key(7), 0));
    check(&[from], &transfer(&key(FROM), &key(TO), 0), Ok(&[]));
}

#[test]
fn a_transfer_to_oneself_changes_nothing() {
    let before = [(key(FROM), wallet(100))];
    for lamports in [0, 30, 100] {
        check(
            &before,
            &transfer(&key(FROM), &key(FROM), lamports),
            Ok(&[]),
        );
    }
    let refusal = (
        system_error(SystemError::ResultWithNegativeLamports),
        "Transfer: insufficient lamports 100, need 101",
    );
    check(
        &before,
        &transfer(&key(FROM), &key(FROM), 101),
        Err(refusal),
    );
}

#[test]
fn a_transfer_that_overflows_the_recipient_is_refused() {
    check(
        &[(key(FROM), wallet(10)), (key(TO), wallet(u64::MAX - 3))],
        &transfer(&key(FROM), &key(TO), 4),
        Err((E::ArithmeticOverflow, "")),
    );
}

#[test]
fn a_transfer_needs_the_senders_signature() {
    let line = format!("Transfer: `from` account {} must sign", key(FROM));
    let refusal = (E::MissingRequiredSignature, &line[..]);
    let unsigned = |lamports| {
        let accounts = vec![writable(key(FROM)), signer(key(TO))];
        system(&SystemInstruction::Transfer { lamports }, accounts)
    };
    check(
        &[(key(FROM), wallet(10))],
        &unsigned(4),
        Err(refusal.clone()),
    );
    // The signature is looked for before the data and the balance.
    let with_data = (key(FROM), sized(10, key(7), 1));
    check(&[with_data], &unsigned(40), Err(refusal));
}

#[test]
fn a_transfer_between_read_only_accounts_is_refused_whatever_the_amount() {
    let before = [(key(FROM), wallet(10)), (key(TO), wallet(1))];
    for lamports in [0, 4] {
        let instruction = SystemInstruction::Transfer { lamports };
        for accounts in [
            vec![
                AccountMeta::new_readonly(key(FROM), true),
                writable(key(TO)),
            ],
            vec![signer(key(FROM)), readonly(key(TO))],
        ] {
            check(
                &before,
                &system(&instruction, accounts),
                Err((E::ReadonlyLamportChange, "")),
            );
        }
    }
}

#[test]
fn a_transfer_needs_two_accounts() {
    let instruction = SystemInstruction::Transfer { lamports: 4 };
    // Counted before the signature is looked for.
    for accounts in [vec![], vec![writable(key(FROM))]] {
        check(
            &[(key(FROM), wallet(10))],
            &system(&instruction, accounts),
            Err((E::MissingAccount, "")),
        );
    }
}

#[test]
fn bytes_after_an_instruction_are_ignored_and_missing_ones_are_not() {
    let before = [(key(FROM), wallet(10)), (key(TO), wallet(1))];
    let after = [(key(FROM), wallet(6)), (key(TO), wallet(5))];
    let mut instruction = transfer(&key(FROM), &key(TO), 4);
    instruction.data.extend([7; 5]);
    check(&before, &instruction, Ok(&after));
    for len in 0..12 {
        instruction.data.truncate(11 - len);
        check(&before, &instruction, Err((E::InvalidInstructionData, "")));
    }
    instruction.data = vec![14, 0, 0, 0];
    check(&before, &instruction, Err((E::InvalidInstructionData, "")));
}

#[test]
fn a_transfer_with_seed_moves_lamports_of_the_derived_account() {
    let base = key(3);
    let derived = Pubkey::create_with_seed(&base, "purse", &key(7)).unwrap();
    check(
        &[(derived, wallet(10)), (key(TO), wallet(1))],
        &transfer_with_seed(&derived, &base, "purse".into(), &key(7), &key(TO), 4),
        Ok(&[(derived, wallet(6)), (key(TO), wallet(5))]),
    );
}

#[test]
fn a_transfer_with_seed_is_refused_as_a_transfer_is() {
    let base = key(3);
    let owner = key(7);
    let derived = Pubkey::create_with_seed(&base, "purse", &owner).unwrap();
    let instruction = transfer_with_seed(&derived, &base, "purse".into(), &owner, &key(TO), 4);
    let unsigned = line_of_unsigned_base(&base);
    let other = Pubkey::create_with_seed(&base, "other", &owner).unwrap();
    let mismatch =
        format!("Transfer: 'from' address {derived} does not match derived address {other}");
    let with = |change: &dyn Fn(&mut Instruction)| {
        let mut changed = instruction.clone();
        change(&mut changed);
        changed
    };
    let seed = |seed: &str, owner: &Pubkey| {
        transfer_with_seed(&derived, &base, seed.into(), owner, &key(TO), 4)
    };
    let illegal_owner = illegal_owner();
    let cases: [(AccountState, Instruction, Refusal<'_>); 8] = [
        (
            wallet(3),
            instruction.clone(),
            (
                system_error(SystemError::ResultWithNegativeLamports),
                "Transfer: insufficient lamports 3, need 4",
            ),
        ),
        (
            sized(10, system_program::ID, 1),
            instruction.clone(),
            (E::InvalidArgument, "Transfer: `from` must not carry data"),
        ),
        (
            sized(10, key(8), 0),
            instruction.clone(),
            (E::ExternalAccountLamportSpend, ""),
        ),
        (
            wallet(10),
            with(&|i| i.accounts[1].is_signer = false),
            (E::MissingRequiredSignature, &unsigned),
        ),
        (
            wallet(10),
            with(&|i| i.accounts.truncate(2)),
            (E::MissingAccount, ""),
        ),
        (
            wallet(10),
            seed("other", &owner),
            (
                system_error(SystemError::AddressWithSeedMismatch),
                &mismatch,
            ),
        ),
        // The derivation's own numbers: 0 for a seed that is too long, 2 for an owner that is not
        // allowed.
        (
            wallet(10),
            seed(&"s".repeat(33), &owner),
            (E::Custom(0), ""),
        ),
        (
            wallet(10),
            seed("purse", &illegal_owner),
            (E::Custom(2), ""),
        ),
    ];
    for (from, instruction, refusal) in cases {
        check(&[(derived, from)], &instruction, Err(refusal));
    }
}

fn line_of_unsigned_base(base: &Pubkey) -> String {
    format!("Transfer: 'from' account {base} must sign")
}
