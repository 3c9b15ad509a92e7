//! Transactions of a ledger, traced: what is shown is what a simulation showed before they ran.

use super::shared;
use crate::ledger_tools::replay::ReplayOptions;
use crate::ledger_tools::trace_tree;
use crate::{LAMPORTS_PER_SOL, Validator, ValidatorHandle};
use clap::{Args, FromArgMatches};
use sealane_on_board::token;
use sealane_runtime::{LedgerTrace, MemoryDisk, Simulation, remove_log_files_before};
use sealane_sdk::{
    AccountMeta, Instruction, InstructionError, InstructionTrace, Pubkey, TransactionTrace,
    system_program,
};
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;
use std::time::Duration;

const MINT: Pubkey = Pubkey::new_from_array([1; 32]);
const TOKENS_A: Pubkey = Pubkey::new_from_array([2; 32]);
const TOKENS_B: Pubkey = Pubkey::new_from_array([3; 32]);
/// Named by transactions and used by none.
const BYSTANDER: Pubkey = Pubkey::new_from_array([4; 32]);

struct Chain {
    disk: MemoryDisk,
    alice: Keypair,
}

impl Chain {
    /// One whose alice has a thousand tokens, and some lamports.
    fn begin() -> (Self, ValidatorHandle) {
        let disk = MemoryDisk::new();
        let alice = Keypair::new();
        let chain = Self { disk, alice };
        let node = chain.start();
        node.airdrop(&chain.alice.pubkey(), LAMPORTS_PER_SOL)
            .unwrap();
        (chain, node)
    }

    fn start(&self) -> ValidatorHandle {
        let owner = self.alice.pubkey();
        Validator::builder()
            .no_rpc()
            // No slot ends while a test runs, and so no checkpoint is made but at a stop.
            .slot_duration(Duration::from_secs(60))
            .add_program(sealane_counter::program())
            .account(MINT, token::mint(&owner, 1_000))
            .account(TOKENS_A, token::account(&MINT, &owner, 1_000))
            .account(TOKENS_B, token::account(&MINT, &BYSTANDER, 0))
            .ledger_on(shared(&self.disk))
            .start()
            .unwrap()
    }

    /// Simulates with a trace, and then sends.
    fn run(&self, node: &ValidatorHandle, instructions: &[Instruction]) -> (Signature, Simulation) {
        let payer = self.alice.pubkey();
        let blockhash = node.latest_blockhash();
        let (payer, signers) = (Some(&payer), [&self.alice]);
        let transaction =
            Transaction::new_signed_with_payer(instructions, payer, &signers, blockhash);
        let bytes = bincode::serialize(&transaction).unwrap();
        let verified = node.reader().verify(bytes.into(), true).unwrap();
        let simulation = node.reader().trace(&verified, false).unwrap();
        // One that fails is charged all the same.
        let signature = node.send(&transaction).unwrap();
        let confirmed = node.confirm(&signature, Duration::from_secs(20));
        assert_eq!(confirmed.is_ok(), simulation.record.status.is_ok());
        (signature, simulation)
    }

    fn trace(&self, signature: &Signature) -> anyhow::Result<LedgerTrace> {
        let mut programs = crate::builder::built_in();
        programs.add(sealane_counter::program());
        let command = ReplayOptions::augment_args(clap::Command::new("replay"));
        let matches = command.get_matches_from(["replay"]);
        let options = ReplayOptions::from_arg_matches(&matches)?;
        options.trace(&shared(&self.disk), programs, signature)
    }
}

fn tree(simulation: &Simulation) -> &TransactionTrace {
    simulation.trace.as_ref().expect("it came to execution")
}

#[track_caller]
fn check_keys<'k>(found: impl Iterator<Item = &'k Pubkey>, expected: &[Pubkey]) {
    assert_eq!(found.copied().collect::<Vec<_>>(), expected);
}

fn increment(chain: &Chain) -> Instruction {
    sealane_counter::increment(&chain.alice.pubkey(), 1)
}

fn tokens(chain: &Chain, amount: u64) -> Instruction {
    let mut transfer = token::transfer(TOKENS_A, TOKENS_B, chain.alice.pubkey(), amount);
    transfer.accounts.push(AccountMeta::new(MINT, false));
    transfer
}

#[test]
fn a_trace_of_the_past_is_what_a_simulation_showed() {
    let (chain, node) = Chain::begin();
    let user = chain.alice.pubkey();
    let created = chain.run(&node, &[sealane_counter::create(&user)]);
    let mut both = [increment(&chain), tokens(&chain, 300)];
    both[0].accounts.push(AccountMeta::new(BYSTANDER, false));
    let moved = chain.run(&node, &both);
    let failed = chain.run(&node, &[increment(&chain), tokens(&chain, 5_000)]);
    let nothing_moved = chain.run(&node, &[tokens(&chain, 0)]);
    assert!(node.stop());

    for (signature, simulation) in [&created, &moved, &failed, &nothing_moved] {
        let traced = chain.trace(signature).unwrap();
        let trace = traced.trace.clone().expect("it came to execution");
        let simulated = tree(simulation).clone();
        assert_eq!(trace.without_times(), simulated.without_times());
        assert_eq!(traced.record, simulation.record);
        let replay = traced.replay.as_ref().expect("it comes to the same");
        assert_eq!(replay.checkpoint, None, "the checkpoint lies behind it");
        let text = trace_tree::in_words(signature, &traced);
        println!("{text}");
        assert!(text.contains(&signature.to_string()), "{text}");
    }

    // A native program that calls another.
    let [create] = &tree(&created.1).instructions[..] else {
        panic!("one instruction")
    };
    let call = &create.calls[0];
    assert_eq!(
        (create.program, call.program),
        (sealane_counter::ID, system_program::ID)
    );
    assert_eq!((create.stack_height, call.stack_height), (1, 2));
    assert_eq!((call.compute_units, call.data_len), (150, 52));
    let counter = sealane_counter::counter_address(&user);
    let made = |trace: &InstructionTrace| {
        let mut changes = trace.changes.iter();
        changes
            .find(|change| change.key == counter)
            .unwrap()
            .clone()
    };
    assert_eq!(made(call).owner, (system_program::ID, sealane_counter::ID));
    assert_eq!((made(call).data_len, made(call).ranges.len()), ((0, 40), 0));
    assert!(!made(create).ranges.is_empty(), "the user's key");
    check_keys(tree(&created.1).over_locked(), &[]);
    check_keys(tree(&created.1).never_read(), &[]);

    // A program that is an ELF file reads all of its accounts, and writes what differs.
    let [_, transfer] = &tree(&moved.1).instructions[..] else {
        panic!("two instructions")
    };
    assert_eq!(transfer.program, token::ID);
    assert!(transfer.compute_units > 0 && transfer.own_compute_units() == transfer.compute_units);
    let changes = transfer.changes.iter().map(|change| {
        let [range] = &change.ranges[..] else {
            panic!("one range: {change:?}")
        };
        (change.key, range.start, range.end)
    });
    // The amounts: 1,000 and 700 differ in both of their bytes, 0 and 300 too.
    assert_eq!(
        changes.collect::<Vec<_>>(),
        [(TOKENS_A, 64, 66), (TOKENS_B, 64, 66)]
    );
    check_keys(
        tree(&moved.1).over_locked(),
        &sorted(&moved.1, &[MINT, BYSTANDER]),
    );
    check_keys(tree(&moved.1).never_read(), &[BYSTANDER]);

    let [first, second] = &tree(&failed.1).instructions[..] else {
        panic!("two instructions")
    };
    let no_funds = InstructionError::Custom(1);
    assert_eq!(
        (&first.error, &second.error),
        (&None, &Some(no_funds.clone()))
    );
    assert_eq!(
        failed.1.record.status,
        Err(TransactionError::InstructionError(1, no_funds))
    );
    assert_eq!(first.changes[0].key, counter, "until it was undone");

    let [transfer] = &tree(&nothing_moved.1).instructions[..] else {
        panic!("one instruction")
    };
    assert!(transfer.changes.is_empty());
    let all = [MINT, TOKENS_A, TOKENS_B];
    check_keys(
        tree(&nothing_moved.1).over_locked(),
        &sorted(&nothing_moved.1, &all),
    );
}

/// These keys in the order of the transaction's accounts.
fn sorted(simulation: &Simulation, keys: &[Pubkey]) -> Vec<Pubkey> {
    let all = simulation.accounts.iter().map(|(key, _)| *key);
    all.filter(|key| keys.contains(key)).collect()
}

#[test]
fn a_trace_begins_at_the_newest_checkpoint_before_it() {
    let (chain, node) = Chain::begin();
    let user = chain.alice.pubkey();
    let (before, _) = chain.run(&node, &[sealane_counter::create(&user)]);
    assert!(node.stop());
    let node = chain.start();
    let (behind, simulation) = chain.run(&node, &[increment(&chain)]);
    // As if the node had been killed before it made another checkpoint than that of the stop.
    let disk = chain.disk.copy();
    assert!(node.stop());
    let chain = Chain { disk, ..chain };
    let traced = chain.trace(&behind).unwrap();
    assert!(traced.replay.unwrap().checkpoint.is_some());
    let trace = traced.trace.unwrap().without_times();
    assert_eq!(trace, tree(&simulation).clone().without_times());
    let traced = chain.trace(&before).unwrap();
    assert_eq!(traced.replay.unwrap().checkpoint, None);
    assert!(traced.trace.is_some());
}

#[test]
fn a_transaction_that_the_ledger_does_not_have_is_told_with_what_to_do() {
    let (chain, node) = Chain::begin();
    assert!(node.stop());
    let unknown = Signature::from([9; 64]);
    let error = chain.trace(&unknown).unwrap_err().to_string();
    for expected in [
        &format!("this ledger has no transaction {unknown}")[..],
        "(looked through: slots 0 to ",
        "transactions: 1)",
        "only simulated is in no block",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_transaction_from_before_all_that_a_replay_can_begin_with_is_told() {
    let (chain, node) = Chain::begin();
    let user = chain.alice.pubkey();
    chain.run(&node, &[sealane_counter::create(&user)]);
    assert!(node.stop());
    let node = chain.start();
    let (signature, _) = chain.run(&node, &[increment(&chain)]);
    assert!(node.stop());
    assert!(chain.trace(&signature).is_ok());
    assert_eq!(remove_log_files_before(&chain.disk, 1).unwrap(), 1);
    let error = chain.trace(&signature).unwrap_err().to_string();
    for expected in [
        "before the newest checkpoint",
        "the log's beginning was removed",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
