//! Blockhashes and durable nonces.

use crate::world::{FEE, NOWHERE, RENT_MIN, SOL, World, alice, bob, wallet};
use sealane_runtime::TransactionRecord;
use sealane_sdk::{AccountMeta, Hash, Instruction, Pubkey};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction_error::InstructionError;
use solana_keypair::Keypair;
use solana_nonce::state::{DurableNonce, State};
use solana_nonce::versions::Versions;
use solana_signer::Signer;
use solana_system_interface::instruction::{
    advance_nonce_account, authorize_nonce_account, create_nonce_account, transfer,
    withdraw_nonce_account,
};
use solana_transaction_error::TransactionError;

const NONCE_MIN: u64 = 1_447_680;
const DROPPED: Result<TransactionRecord, TransactionError> =
    Err(TransactionError::BlockhashNotFound);

fn nonce() -> Keypair {
    Keypair::new_from_array([0x0c; 32])
}

/// A world in which alice's nonce account was made in slot 5, and slot 6 is open.
fn world_with_nonce() -> World {
    let mut world = World::new();
    let (alice, nonce) = (alice(), nonce());
    let create = create_nonce_account(&alice.pubkey(), &nonce.pubkey(), &alice.pubkey(), NONCE_MIN);
    let blockhash = world.slot.blockhash();
    let record = world
        .run(&[&alice, &nonce], &create, blockhash)
        .expect("it is charged");
    assert_eq!(record.status, Ok(()), "{:#?}", record.logs);
    assert_eq!(stored(&world), durable(blockhash));
    world.skip_slots(1);
    world
}

fn durable(blockhash: Hash) -> Hash {
    *DurableNonce::from_blockhash(&blockhash).as_hash()
}

/// What the nonce account stores.
fn stored(world: &World) -> Hash {
    let account = world.get(&nonce().pubkey());
    let versions: Versions = bincode::deserialize(account.data.as_slice()).expect("a nonce");
    match versions.state() {
        State::Initialized(data) => data.blockhash(),
        State::Uninitialized => panic!("not initialised"),
    }
}

fn advance() -> Instruction {
    advance_nonce_account(&nonce().pubkey(), &alice().pubkey())
}

fn alice_sends(lamports: u64, to: &Pubkey) -> Instruction {
    transfer(&alice().pubkey(), to, lamports)
}

#[test]
fn an_unknown_blockhash_is_dropped() {
    let mut world = World::new();
    let send = [alice_sends(RENT_MIN, &NOWHERE)];
    let unknown = Hash::new_from_array([0xee; 32]);
    assert_eq!(world.run(&[&alice()], &send, unknown), DROPPED);
}

#[test]
fn a_blockhash_is_good_for_150_slots() {
    let mut world = World::new();
    let send = [alice_sends(RENT_MIN, &NOWHERE)];
    let blockhash = world.slot.blockhash();
    world.skip_slots(150);
    assert!(world.run(&[&alice()], &send, blockhash).is_ok());
    world.skip_slots(1);
    assert_eq!(world.run(&[&alice()], &send, blockhash), DROPPED);
}

#[test]
fn a_simulation_may_take_any_blockhash_for_the_newest() {
    let mut world = World::new();
    let send = [alice_sends(RENT_MIN, &NOWHERE)];
    let record = world
        .alice_runs_with_any_blockhash(&send)
        .expect("it is charged");
    assert_eq!(record.status, Ok(()));
    assert_eq!(world.lamports(&NOWHERE), RENT_MIN);
}

#[test]
fn a_nonce_stands_in_for_a_blockhash_once() {
    let mut world = world_with_nonce();
    let value = stored(&world);
    let instructions = [advance(), alice_sends(RENT_MIN, &NOWHERE)];
    world.skip_slots(1_000);

    let record = world
        .run(&[&alice()], &instructions, value)
        .expect("it is charged");
    assert_eq!(record.status, Ok(()), "{:#?}", record.logs);
    assert_eq!(world.lamports(&NOWHERE), RENT_MIN);
    assert_eq!(stored(&world), durable(world.slot.blockhash()));

    assert_eq!(
        world.run(&[&alice()], &instructions, value),
        DROPPED,
        "in the same slot"
    );
    world.skip_slots(1);
    assert_eq!(
        world.run(&[&alice()], &instructions, value),
        DROPPED,
        "in the next one"
    );
    assert_eq!(world.lamports(&NOWHERE), RENT_MIN);
}

#[test]
fn a_nonce_does_not_advance_twice_in_a_slot() {
    let mut world = world_with_nonce();
    let value = stored(&world);
    assert!(world.run(&[&alice()], &[advance()], value).is_ok());
    let spent = stored(&world);
    assert_eq!(world.run(&[&alice()], &[advance()], spent), DROPPED);
    world.skip_slots(1);
    assert!(world.run(&[&alice()], &[advance()], spent).is_ok());
}

#[test]
fn a_failed_transaction_advances_its_nonce_and_is_charged() {
    let overdraft = TransactionError::InstructionError(1, InstructionError::Custom(1));
    let cases = [
        (
            "an instruction fails",
            alice_sends(10 * SOL, &NOWHERE),
            overdraft,
        ),
        (
            "a program is missing",
            Instruction {
                program_id: NOWHERE,
                accounts: vec![],
                data: vec![],
            },
            TransactionError::ProgramAccountNotFound,
        ),
        (
            "too much is loaded",
            ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(1),
            TransactionError::MaxLoadedAccountsDataSizeExceeded,
        ),
    ];
    for (name, instruction, error) in cases {
        println!("{name}");
        let mut world = world_with_nonce();
        let value = stored(&world);
        let before = world.lamports(&alice().pubkey());
        let instructions = [advance(), instruction];
        let record = world
            .run(&[&alice()], &instructions, value)
            .expect("it is charged");
        assert_eq!(record.status, Err(error));
        assert_eq!(world.lamports(&alice().pubkey()), before - FEE);
        assert_eq!(stored(&world), durable(world.slot.blockhash()));
        assert_eq!(world.lamports(&nonce().pubkey()), NONCE_MIN);
        world.skip_slots(1);
        assert_eq!(world.run(&[&alice()], &instructions, value), DROPPED);
    }
}

#[test]
fn a_failed_transaction_with_a_recent_blockhash_does_not_advance_the_nonce() {
    let mut world = world_with_nonce();
    let value = stored(&world);
    world.check_charged(
        &[advance(), alice_sends(10 * SOL, &NOWHERE)],
        TransactionError::InstructionError(1, InstructionError::Custom(1)),
    );
    assert_eq!(stored(&world), value);
}

#[test]
fn a_nonce_is_good_only_for_those_who_may_advance_it() {
    let (alice, bob, nonce) = (alice(), bob(), nonce());
    let send = alice_sends(RENT_MIN, &NOWHERE);
    let read_only = {
        let mut instruction = advance();
        instruction.accounts[0] = AccountMeta::new_readonly(nonce.pubkey(), false);
        instruction
    };
    let by_bob = advance_nonce_account(&nonce.pubkey(), &bob.pubkey());
    let cases: [(&str, &[&Keypair], &[Instruction]); 4] = [
        ("no advance", &[&alice], std::slice::from_ref(&send)),
        (
            "advance comes second",
            &[&alice],
            &[send.clone(), advance()],
        ),
        ("not writable", &[&alice], &[read_only, send.clone()]),
        (
            "not the authority",
            &[&alice, &bob],
            &[by_bob, send.clone()],
        ),
    ];
    for (name, signers, instructions) in cases {
        let mut world = world_with_nonce();
        let value = stored(&world);
        assert_eq!(world.run(signers, instructions, value), DROPPED, "{name}");
    }
}

#[test]
fn the_authority_need_not_be_the_payer() {
    let mut world = world_with_nonce();
    world.set(bob().pubkey(), wallet(SOL));
    let (alice, bob) = (alice(), bob());
    let to_bob = authorize_nonce_account(&nonce().pubkey(), &alice.pubkey(), &bob.pubkey());
    world.check_success(&[to_bob]);
    let value = stored(&world);
    let by_bob = [advance_nonce_account(&nonce().pubkey(), &bob.pubkey())];
    let record = world
        .run(&[&alice, &bob], &by_bob, value)
        .expect("it is charged");
    assert_eq!(record.status, Ok(()), "{:#?}", record.logs);
    world.skip_slots(1);
    let value = stored(&world);
    assert_eq!(
        world.run(&[&alice], &[advance()], value),
        DROPPED,
        "alice is not it any more"
    );
}

#[test]
fn a_closed_nonce_is_good_for_nothing() {
    let mut world = world_with_nonce();
    let (alice, nonce) = (alice(), nonce());
    let value = stored(&world);
    let to = alice.pubkey();
    world.check_success(&[withdraw_nonce_account(&nonce.pubkey(), &to, &to, NONCE_MIN)]);
    assert!(world.get(&nonce.pubkey()).is_absent());
    assert_eq!(world.run(&[&alice], &[advance()], value), DROPPED);
}

#[test]
fn a_nonce_account_pays_for_its_own_transaction_down_to_its_minimum() {
    let mut world = world_with_nonce();
    let (alice, nonce) = (alice(), nonce());
    let overdraft = alice_sends(10 * SOL, &NOWHERE);
    let overdrawn = TransactionError::InstructionError(1, InstructionError::Custom(1));

    let value = stored(&world);
    let instructions = [advance(), overdraft];
    let dropped = world.run(&[&nonce, &alice], &instructions, value);
    assert_eq!(dropped, Err(TransactionError::InsufficientFundsForFee));

    world.check_success(&[alice_sends(2 * FEE, &nonce.pubkey())]);
    let record = world
        .run(&[&nonce, &alice], &instructions, value)
        .expect("it is charged");
    assert_eq!(record.status, Err(overdrawn));
    assert_eq!(world.lamports(&nonce.pubkey()), NONCE_MIN);
    assert_eq!(
        stored(&world),
        durable(world.slot.blockhash()),
        "fee and advance, in one account"
    );
}
