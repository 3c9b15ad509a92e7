//! What a trace says of a transaction.

mod support;

use sealane_sdk::testing::{Harness, Outcome};
use sealane_sdk::{
    AccountChange, AccountInfo, AccountMeta, CPI_COMPUTE_UNITS, Instruction, InstructionError,
    InstructionTrace, ProcessInstruction, Program, ProgramError, ProgramResult, Pubkey,
    TransactionTrace, invoke, invoke_unchecked, msg, system_instruction, system_program,
};
use support::*;

type Accounts<'s, 'a> = &'s [AccountInfo<'a>];

fn traced(caller: ProcessInstruction, callee: ProcessInstruction) -> Harness {
    harness(caller)
        .with_program(Program::new(CALLEE, "callee", callee, 100))
        .with_account(key(3), account(&CALLEE, &[7; 100]))
        .with_trace()
}

fn nothing(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
    Ok(())
}

fn trace(outcome: &Outcome) -> &TransactionTrace {
    outcome.trace.as_ref().expect("it was asked for")
}

/// From and to.
fn ranges(change: &AccountChange) -> Vec<(usize, usize)> {
    let ranges = change.ranges.iter();
    ranges.map(|range| (range.start, range.end)).collect()
}

fn theirs(metas: Vec<AccountMeta>) -> Instruction {
    Instruction::new_with_bytes(CALLEE, &[1, 2, 3], metas)
}

/// Of a transaction whose one instruction is the program's, with these accounts.
fn run(process: ProcessInstruction, metas: Vec<AccountMeta>) -> (TransactionTrace, Outcome) {
    let mut outcome = traced(process, nothing).process_instruction(&instruction(metas));
    (outcome.trace.take().expect("it was asked for"), outcome)
}

/// Keys that were over-locked and those that were never read.
#[track_caller]
fn check_use(process: ProcessInstruction, over_locked: &[u8], never_read: &[u8]) {
    let (trace, outcome) = run(process, vec![rw(key(1)), rw(key(2)), ro(key(3))]);
    assert_eq!(outcome.result, Ok(()));
    let keys = |bytes: &[u8]| bytes.iter().map(|byte| key(*byte)).collect::<Vec<_>>();
    let found: Vec<Pubkey> = trace.over_locked().copied().collect();
    assert_eq!(found, keys(over_locked), "over-locked");
    let found: Vec<Pubkey> = trace.never_read().copied().collect();
    assert_eq!(found, keys(never_read), "never read");
}

#[test]
fn without_being_asked_for_there_is_none() {
    let outcome = harness(nothing).process_instruction(&instruction(vec![]));
    assert_eq!(outcome.trace, None);
}

#[test]
fn a_call_stands_below_its_caller_with_what_each_did() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].data_mut(10..12)?.copy_from_slice(&[1, 2]);
        msg!("before");
        invoke(&theirs(vec![rw(key(3)), ro(key(1))]), a)?;
        msg!("after");
        invoke(&theirs(vec![rw(key(3)), ro(key(1))]), a)?;
        a[0].sub_lamports(5)?;
        a[1].add_lamports(5)
    }
    fn callee(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let mut data = a[0].data_mut(..)?;
        data[0] += 1;
        data[99] = 7;
        msg!("called");
        Ok(())
    }
    let ours = instruction(vec![rw(key(1)), rw(key(3)), ro(CALLEE)]);
    let outcome = traced(caller, callee).process_transaction(&[ours.clone(), ours]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    let [first, second] = &trace(&outcome).instructions[..] else {
        panic!("two instructions")
    };
    assert_eq!((first.program, first.stack_height), (PROGRAM, 1));
    assert_eq!((first.data_len, &first.error), (0, &None));
    let units = 1_000 + 2 * (CPI_COMPUTE_UNITS + 100);
    assert_eq!(first.compute_units, units);
    assert_eq!(first.own_compute_units(), units - 200);
    assert!(first.wall_ns >= first.calls.iter().map(|call| call.wall_ns).sum());
    let words = |trace: &InstructionTrace, words: &str| {
        let lines = trace.logs.iter();
        let found = lines.filter(|line| line.starts_with("Program log: "));
        assert_eq!(
            found.map(|line| &line[13..]).collect::<Vec<_>>().join(" "),
            words
        );
    };
    words(first, "before after");
    let [one, two] = &first.calls[..] else {
        panic!("two calls")
    };
    for (call, at) in [(one, 2), (two, 3)] {
        assert_eq!(
            (call.program, call.stack_height, call.data_len),
            (CALLEE, 2, 3)
        );
        assert_eq!((call.compute_units, call.calls.len()), (100, 0));
        words(call, "called");
        assert_eq!(call.caller_logs, at, "behind invoke, before, after");
        let [change] = &call.changes[..] else {
            panic!("one account: {:?}", call.changes)
        };
        assert_eq!((change.key, ranges(change)), (key(3), vec![(0, 1)]));
        assert_eq!(change.lamports, (1_000_000, 1_000_000));
    }
    // Of the caller, what it called is in it.
    let [own, called] = &first.changes[..] else {
        panic!("two accounts")
    };
    assert_eq!((own.key, ranges(own)), (key(1), vec![(10, 12)]));
    assert_eq!(own.lamports, (1_000_000, 999_995));
    assert_eq!((called.key, ranges(called)), (key(3), vec![(0, 1)]));
    assert_eq!(called.lamports, (1_000_000, 1_000_005));
    // The second finds what the first left.
    assert_eq!(second.changes[0].lamports, (999_995, 999_990));
    assert!(second.changes[0].ranges.is_empty(), "it wrote the same");
    let all: usize = first.logs.len() + one.logs.len() + two.logs.len();
    assert_eq!(outcome.logs.len(), 2 * all, "each line is somewhere, once");
}

#[test]
fn owner_length_and_bytes_of_a_new_account_are_told() {
    let (from, to) = (key(4), key(9));
    let create = system_instruction::create_account(&from, &to, 5, 100, &PROGRAM);
    let outcome = traced(nothing, nothing).process_instruction(&create);
    let [instruction] = &trace(&outcome).instructions[..] else {
        panic!("one instruction")
    };
    assert_eq!(instruction.program, system_program::ID);
    let [payer, new] = &instruction.changes[..] else {
        panic!("two accounts: {:?}", instruction.changes)
    };
    assert_eq!(payer.lamports, (1_000_000, 999_995));
    assert_eq!((new.key, new.lamports), (to, (0, 5)));
    assert_eq!(new.owner, (system_program::ID, PROGRAM));
    assert_eq!((new.data_len, &new.ranges[..]), ((0, 100), &[][..]));
}

#[test]
fn where_an_instruction_fails_the_trace_ends_with_its_error() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].data_mut(0..1)?[0] = 1;
        invoke(&theirs(vec![ro(key(3))]), a)
    }
    fn callee(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].data_mut(0..1).map(drop)
    }
    let ours = instruction(vec![rw(key(1)), ro(key(3)), ro(CALLEE)]);
    let outcome = traced(caller, callee).process_transaction(&[ours.clone(), ours]);
    let error = InstructionError::ReadonlyDataModified;
    assert_eq!(outcome.result, Err((0, error.clone())));
    let [failed] = &trace(&outcome).instructions[..] else {
        panic!("the second never ran")
    };
    assert_eq!(failed.error, Some(error.clone()));
    assert_eq!(failed.calls[0].error, Some(error));
    assert_eq!(ranges(&failed.changes[0]), [(0, 1)], "until it failed");
    assert_eq!(trace(&outcome).over_locked().count(), 0, "it was written");
}

#[test]
fn a_call_that_was_refused_and_a_panic_are_told() {
    fn calls_itself_through_another(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![ro(PROGRAM)]), a)
    }
    fn callee(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&instruction(vec![]), a)
    }
    let ours = instruction(vec![ro(CALLEE), ro(PROGRAM)]);
    let outcome = traced(calls_itself_through_another, callee).process_instruction(&ours);
    let refused = &trace(&outcome).instructions[0].calls[0].calls[0];
    assert_eq!(refused.error, Some(InstructionError::ReentrancyNotAllowed));
    assert_eq!((refused.stack_height, refused.logs.len()), (3, 0));

    fn panics(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        panic!("on purpose")
    }
    let mut harness = traced(panics, nothing);
    let outcome = harness.process_instruction(&instruction(vec![]));
    let error = trace(&outcome).instructions[0].error.clone();
    assert_eq!(error, Some(InstructionError::ProgramFailedToComplete));
    let again = harness.process_instruction(&theirs(vec![]));
    assert_eq!(trace(&again).instructions.len(), 1, "nothing is left of it");
}

#[test]
fn what_was_looked_at_was_read_and_what_was_changed_written() {
    check_use(nothing, &[1, 2], &[1, 2, 3]);
    fn must(holds: bool) -> ProgramResult {
        holds.then_some(()).ok_or(ProgramError::InvalidArgument)
    }
    check_use(|_, a, _| must(a[0].lamports() > 0), &[1, 2], &[2, 3]);
    check_use(|_, a, _| must(a[2].data(0..1)?[0] == 7), &[1, 2], &[1, 2]);
    check_use(|_, a, _| must(a[1].owner() == PROGRAM), &[1, 2], &[1, 3]);
    check_use(|_, a, _| must(a[1].data_len() == 100), &[1, 2], &[1, 3]);
    check_use(|_, a, _| must(!a[1].executable()), &[1, 2], &[1, 3]);
    check_use(|_, a, _| must(!a[1].is_signer), &[1, 2], &[1, 2, 3]);
    // Who asks to write has written, even if the bytes are the same.
    check_use(|_, a, _| must(a[0].data_mut(0..1)?[0] == 7), &[2], &[2, 3]);
    check_use(|_, a, _| a[0].set_lamports(1_000_000), &[1, 2], &[2, 3]);
    fn moves(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].sub_lamports(1)?;
        a[1].add_lamports(1)
    }
    check_use(moves, &[], &[3]);
    fn asks_in_vain(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let refused = a[2].data_mut(0..1).err();
        assert_eq!(refused, Some(ProgramError::Immutable));
        Ok(())
    }
    check_use(asks_in_vain, &[1, 2], &[1, 2, 3]);
}

#[test]
fn who_only_passes_an_account_on_has_not_read_it() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![rw(key(1)), ro(key(2))]), a)
    }
    fn callee(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        drop(a[1].data(0..1)?);
        Ok(())
    }
    let ours = instruction(vec![rw(key(1)), ro(key(2)), ro(CALLEE)]);
    let outcome = traced(caller, callee).process_instruction(&ours);
    assert_eq!(outcome.result, Ok(()));
    let never_read: Vec<&Pubkey> = trace(&outcome).never_read().collect();
    assert_eq!(never_read, [&key(1)], "programs that ran were read");
    assert_eq!(trace(&outcome).over_locked().collect::<Vec<_>>(), [&key(1)]);
}

#[test]
fn of_data_that_a_guard_keeps_nothing_is_said() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let mut kept = a[0].data_mut(0..1)?;
        invoke_unchecked(&theirs(vec![rw(key(1))]), a)?;
        kept[0] = 1;
        Ok(())
    }
    let ours = instruction(vec![rw(key(1)), ro(CALLEE)]);
    let outcome = traced(caller, nothing).process_instruction(&ours);
    let [caller] = &trace(&outcome).instructions[..] else {
        panic!("one instruction")
    };
    assert_eq!(ranges(&caller.changes[0]), [(0, 1)]);
    assert!(caller.calls[0].changes.is_empty());
}

#[test]
fn two_runs_of_the_same_differ_in_times_alone() {
    fn writes(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].data_mut(0..8)?.fill(3);
        Ok(())
    }
    let run = || run(writes, vec![rw(key(1))]).0.without_times();
    assert_eq!(run(), run());
}

#[test]
fn a_trace_changes_nothing_of_the_outcome() {
    fn writes(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].resize(5_000)?;
        a[0].data_mut(0..8)?.fill(3);
        Ok(())
    }
    let ours = instruction(vec![rw(key(1))]);
    let (_, seen) = run(writes, ours.accounts.clone());
    let unseen = harness(writes).process_instruction(&ours);
    assert_eq!(seen.accounts, unseen.accounts);
    assert_eq!(
        (seen.logs, seen.compute_units),
        (unseen.logs, unseen.compute_units)
    );
}
