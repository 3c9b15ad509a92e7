//! Nonce accounts: their life, and every way in which an instruction on them is refused.

mod withdrawals;

use std::sync::Arc;

use InstructionError as E;
use sealane_sdk::{
    Hash, Rent,
    system_instruction::{
        advance_nonce_account, authorize_nonce_account, create_nonce_account,
        upgrade_nonce_account, withdraw_nonce_account,
    },
};
use solana_nonce::{
    state::{Data, DurableNonce, State},
    versions::Versions,
};

use super::*;

const NONCE: u8 = 1;
const AUTHORITY: u8 = 2;
const TO: u8 = 3;
const LEN: usize = State::size();

/// The blockhash of the slot in which the tests run, and the fee that goes with it.
fn now() -> (Hash, u64) {
    (Hash::new_from_array([44; 32]), 5_000)
}

fn slot() -> Harness {
    slot_with(vec![now(), (Hash::new_from_array([43; 32]), 4_000)])
}

fn slot_with(recent_blockhashes: Vec<(Hash, u64)>) -> Harness {
    let mut harness = Harness::new();
    harness.sysvars_mut().recent_blockhashes = Arc::new(recent_blockhashes);
    harness
}

fn rent() -> u64 {
    Rent::default().minimum_balance(LEN)
}

/// A nonce account of `AUTHORITY` that holds the nonce of `blockhash`, with `spare` lamports beyond
/// rent.
fn nonce(blockhash: Hash, spare: u64) -> AccountState {
    nonce_of(key(AUTHORITY), blockhash, spare)
}

fn nonce_of(authority: Pubkey, blockhash: Hash, spare: u64) -> AccountState {
    let fee = now().1;
    let data = Data::new(authority, DurableNonce::from_blockhash(&blockhash), fee);
    holding(&Versions::new(State::Initialized(data)), spare)
}

fn old() -> Hash {
    Hash::new_from_array([9; 32])
}

fn holding(versions: &Versions, spare: u64) -> AccountState {
    let mut data = bincode::serialize(versions).unwrap();
    data.resize(LEN, 0);
    AccountState {
        data: data.into(),
        ..wallet(rent() + spare)
    }
}

fn uninitialized(spare: u64) -> AccountState {
    sized(rent() + spare, system_program::ID, LEN)
}

fn legacy(state: State) -> AccountState {
    holding(&Versions::Legacy(Box::new(state)), 0)
}

fn initialize() -> Instruction {
    create_nonce_account(&key(9), &key(NONCE), &key(AUTHORITY), rent()).remove(1)
}

fn advance() -> Instruction {
    advance_nonce_account(&key(NONCE), &key(AUTHORITY))
}

fn authorize() -> Instruction {
    authorize_nonce_account(&key(NONCE), &key(AUTHORITY), &key(7))
}

fn upgrade() -> Instruction {
    upgrade_nonce_account(key(NONCE))
}

#[track_caller]
fn check_nonce(
    before: AccountState,
    instruction: &Instruction,
    expected: Result<AccountState, Refusal<'_>>,
) {
    let before = [(key(NONCE), before)];
    match expected {
        Ok(after) => check_in(slot(), &before, instruction, Ok(&[(key(NONCE), after)])),
        Err(refusal) => check_in(slot(), &before, instruction, Err(refusal)),
    }
}

/// The instruction with a change that no builder makes.
fn with(mut instruction: Instruction, change: impl Fn(&mut Instruction)) -> Instruction {
    change(&mut instruction);
    instruction
}

/// The line `{action} nonce account: Account {key} {rest}`.
fn line(action: &str, account: u8, rest: &str) -> String {
    format!("{action} nonce account: Account {} {rest}", key(account))
}

#[test]
fn a_nonce_account_lives_from_creation_to_withdrawal() {
    let mut harness = slot();
    harness.set_account(key(9), wallet(10_000_000));
    let made = create_nonce_account(&key(9), &key(NONCE), &key(AUTHORITY), rent() + 7);
    assert_eq!(harness.process_transaction(&made).result, Ok(()));
    let first = harness.account(&key(NONCE));
    assert_eq!(first, nonce(now().0, 7));

    // The bytes that wallets read: version 1, state 1, authority, nonce, fee.
    let bytes = [
        vec![1, 0, 0, 0, 1, 0, 0, 0],
        key(AUTHORITY).to_bytes().to_vec(),
        DurableNonce::from_blockhash(&now().0)
            .as_hash()
            .to_bytes()
            .to_vec(),
        5_000u64.to_le_bytes().to_vec(),
    ];
    assert_eq!(first.data.as_slice(), bytes.concat());

    let too_early = system_error(SystemError::NonceBlockhashNotExpired);
    let outcome = harness.process_instruction(&advance());
    assert_eq!(outcome.result, Err((0, too_early)));

    let next = Hash::new_from_array([45; 32]);
    harness.sysvars_mut().recent_blockhashes = Arc::new(vec![(next, 5_000)]);
    assert_eq!(harness.process_instruction(&advance()).result, Ok(()));
    assert_eq!(harness.account(&key(NONCE)), nonce(next, 7));

    assert_eq!(harness.process_instruction(&authorize()).result, Ok(()));
    assert_eq!(harness.account(&key(NONCE)), nonce_of(key(7), next, 7));

    harness.sysvars_mut().recent_blockhashes = Arc::new(vec![now()]);
    let all = withdraw_nonce_account(&key(NONCE), &key(7), &key(TO), rent() + 7);
    assert_eq!(harness.process_instruction(&all).result, Ok(()));
    assert!(harness.account(&key(NONCE)).is_absent());
    assert_eq!(harness.account(&key(TO)), wallet(rent() + 7));
}

#[test]
fn initializing_stores_the_nonce_of_the_newest_blockhash() {
    let stored = || Ok(nonce(now().0, 3));
    check_nonce(uninitialized(3), &initialize(), stored());
    let of_old_version = AccountState {
        lamports: rent() + 3,
        ..legacy(State::Uninitialized)
    };
    check_nonce(of_old_version, &initialize(), stored());
}

#[test]
fn initializing_is_refused_for_one_reason_at_a_time() {
    let short = format!(
        "Initialize nonce account: insufficient lamports {}, need {}",
        rent() - 1,
        rent()
    );
    let poor = sized(rent() - 1, system_program::ID, LEN);
    let state = line("Initialize", NONCE, "state is invalid");
    let read_only = line("Initialize", NONCE, "must be writeable");
    let cases: [(AccountState, Instruction, Refusal<'_>); 11] = [
        (poor, initialize(), (E::InsufficientFunds, &short)),
        (
            nonce(old(), 0),
            initialize(),
            (E::InvalidAccountData, &state),
        ),
        (wallet(rent()), initialize(), (E::InvalidAccountData, "")),
        (
            sized(rent(), key(8), LEN),
            initialize(),
            (E::ExternalAccountDataModified, ""),
        ),
        (
            sized(rent(), system_program::ID, LEN - 1),
            initialize(),
            (E::AccountDataTooSmall, ""),
        ),
        // Whose account it is matters before its length does.
        (
            sized(rent(), key(8), LEN - 1),
            initialize(),
            (E::ExternalAccountDataModified, ""),
        ),
        (
            uninitialized(0),
            with(initialize(), |i| i.accounts[0].is_writable = false),
            (E::InvalidArgument, &read_only),
        ),
        (
            uninitialized(0),
            with(initialize(), |i| i.accounts.swap(1, 2)),
            (E::InvalidArgument, ""),
        ),
        (
            uninitialized(0),
            with(initialize(), |i| i.accounts[2].pubkey = key(8)),
            (E::InvalidArgument, ""),
        ),
        (
            uninitialized(0),
            with(initialize(), |i| i.accounts.truncate(2)),
            (E::MissingAccount, ""),
        ),
        (
            uninitialized(0),
            with(initialize(), |i| i.accounts.clear()),
            (E::MissingAccount, ""),
        ),
    ];
    for (before, instruction, refusal) in cases {
        check_nonce(before, &instruction, Err(refusal));
    }
}

#[test]
fn advancing_stores_the_nonce_and_the_fee_of_the_newest_blockhash() {
    check_nonce(nonce(old(), 3), &advance(), Ok(nonce(now().0, 3)));
    let data = Data::new(key(AUTHORITY), DurableNonce::default(), 1);
    let initialized = State::Initialized(data);
    check_nonce(legacy(initialized), &advance(), Ok(nonce(now().0, 0)));
}

#[test]
fn advancing_is_refused_for_one_reason_at_a_time() {
    let once = "Advance nonce account: nonce can only advance once per slot";
    let unsigned = line("Advance", AUTHORITY, "must be a signer");
    let state = line("Advance", NONCE, "state is invalid");
    let read_only = line("Advance", NONCE, "must be writeable");
    let cases: [(AccountState, Instruction, Refusal<'_>); 8] = [
        (
            nonce(now().0, 0),
            advance(),
            (system_error(SystemError::NonceBlockhashNotExpired), once),
        ),
        // The signature is looked for before that.
        (
            nonce(now().0, 0),
            with(advance(), |i| i.accounts[2].is_signer = false),
            (E::MissingRequiredSignature, &unsigned),
        ),
        (uninitialized(0), advance(), (E::InvalidAccountData, &state)),
        (wallet(rent()), advance(), (E::InvalidAccountData, "")),
        (
            nonce(old(), 0),
            with(advance(), |i| i.accounts[0].is_writable = false),
            (E::InvalidArgument, &read_only),
        ),
        (
            nonce(old(), 0),
            with(advance(), |i| i.accounts[1].pubkey = key(8)),
            (E::InvalidArgument, ""),
        ),
        (
            nonce(old(), 0),
            with(advance(), |i| i.accounts.truncate(1)),
            (E::MissingAccount, ""),
        ),
        (
            AccountState {
                owner: key(8),
                ..nonce(old(), 0)
            },
            advance(),
            (E::ExternalAccountDataModified, ""),
        ),
    ];
    for (before, instruction, refusal) in cases {
        check_nonce(before, &instruction, Err(refusal));
    }
}

#[test]
fn without_a_recent_blockhash_no_nonce_is_stored() {
    let error = system_error(SystemError::NonceNoRecentBlockhashes);
    for (before, instruction, action) in [
        (uninitialized(0), initialize(), "Initialize"),
        (nonce(old(), 0), advance(), "Advance"),
    ] {
        let line = format!("{action} nonce account: recent blockhash list is empty");
        check_in(
            slot_with(vec![]),
            &[(key(NONCE), before)],
            &instruction,
            Err((error.clone(), &line)),
        );
    }
}

#[test]
fn the_authority_names_another() {
    let renamed = nonce_of(key(7), old(), 3);
    check_nonce(nonce(old(), 3), &authorize(), Ok(renamed));
    // The version stays, because the nonce stays.
    let of = |authority| {
        let data = Data::new(authority, DurableNonce::default(), 1);
        legacy(State::Initialized(data))
    };
    check_nonce(of(key(AUTHORITY)), &authorize(), Ok(of(key(7))));
}

#[test]
fn authorizing_is_refused_for_one_reason_at_a_time() {
    let unsigned = line("Authorize", AUTHORITY, "must sign");
    let state = line("Authorize", NONCE, "state is invalid");
    let read_only = line("Authorize", NONCE, "must be writeable");
    let cases: [(AccountState, Instruction, Refusal<'_>); 6] = [
        (
            nonce(old(), 0),
            with(authorize(), |i| i.accounts[1].is_signer = false),
            (E::MissingRequiredSignature, &unsigned),
        ),
        (
            uninitialized(0),
            authorize(),
            (E::InvalidAccountData, &state),
        ),
        (wallet(rent()), authorize(), (E::InvalidAccountData, "")),
        (
            nonce(old(), 0),
            with(authorize(), |i| i.accounts[0].is_writable = false),
            (E::InvalidArgument, &read_only),
        ),
        (
            nonce(old(), 0),
            with(authorize(), |i| i.accounts.clear()),
            (E::MissingAccount, ""),
        ),
        (
            AccountState {
                owner: key(8),
                ..nonce(old(), 0)
            },
            authorize(),
            (E::ExternalAccountDataModified, ""),
        ),
    ];
    for (before, instruction, refusal) in cases {
        check_nonce(before, &instruction, Err(refusal));
    }
}

#[test]
fn a_legacy_nonce_is_upgraded_once_by_anyone() {
    let stored = DurableNonce::from_blockhash(&old());
    let data = |nonce| State::Initialized(Data::new(key(AUTHORITY), nonce, 5_000));
    let upgraded = Versions::new(data(DurableNonce::from_blockhash(stored.as_hash())));
    let after = holding(&upgraded, 0);
    check_nonce(legacy(data(stored)), &upgrade(), Ok(after.clone()));
    check_nonce(after, &upgrade(), Err((E::InvalidArgument, "")));
}

#[test]
fn upgrading_is_refused_for_one_reason_at_a_time() {
    let foreign = AccountState {
        owner: key(8),
        ..legacy(State::Uninitialized)
    };
    let read_only = with(upgrade(), |i| i.accounts[0].is_writable = false);
    let cases: [(AccountState, Instruction, E); 6] = [
        (legacy(State::Uninitialized), upgrade(), E::InvalidArgument),
        (nonce(old(), 0), upgrade(), E::InvalidArgument),
        (wallet(rent()), upgrade(), E::InvalidAccountData),
        (wallet(rent()), read_only.clone(), E::InvalidArgument),
        (foreign, read_only, E::InvalidAccountOwner),
        (
            nonce(old(), 0),
            with(upgrade(), |i| i.accounts.clear()),
            E::MissingAccount,
        ),
    ];
    for (before, instruction, error) in cases {
        check_nonce(before, &instruction, Err((error, "")));
    }
}

#[test]
fn a_nonce_account_sends_no_transfers() {
    check_nonce(
        nonce(old(), 10),
        &sealane_sdk::system_instruction::transfer(&key(NONCE), &key(TO), 1),
        Err((E::InvalidArgument, "Transfer: `from` must not carry data")),
    );
}
