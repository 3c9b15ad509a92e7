//! Programs that call programs.

mod support;

use sealane_sdk::testing::{Harness, Outcome};
use sealane_sdk::{
    AccountInfo, AccountMeta, CPI_COMPUTE_UNITS, ExecutionLimits, InnerInstruction, Instruction,
    InstructionError, ProcessInstruction, Program, ProgramError, ProgramResult, Pubkey, fail_with,
    get_return_data, get_stack_height, invoke, invoke_signed, invoke_unchecked, msg,
    set_return_data,
};
use support::*;

type Accounts<'s, 'a> = &'s [AccountInfo<'a>];

/// Runs `caller` with `callee` on board; the callee's account comes last.
fn call(
    caller: ProcessInstruction,
    callee: ProcessInstruction,
    metas: Vec<AccountMeta>,
) -> Outcome {
    let mut ours = instruction(metas);
    ours.accounts.push(ro(CALLEE));
    with_callee(caller, callee).process_instruction(&ours)
}

fn with_callee(caller: ProcessInstruction, callee: ProcessInstruction) -> Harness {
    harness(caller).with_program(Program::new(CALLEE, "callee", callee, 100))
}

/// An instruction of the callee.
fn theirs(metas: Vec<AccountMeta>) -> Instruction {
    Instruction {
        program_id: CALLEE,
        accounts: metas,
        data: vec![1, 2, 3],
    }
}

/// Passes on what it has, as it has it.
fn pass_on(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
    let metas = a.iter().map(|a| AccountMeta {
        pubkey: *a.key,
        is_signer: a.is_signer,
        is_writable: a.is_writable,
    });
    invoke(&theirs(metas.collect()), a)
}

fn nothing(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
    Ok(())
}

#[track_caller]
fn check_error(outcome: &Outcome, error: InstructionError) {
    assert_eq!(outcome.result, Err((0, error)), "{:#?}", outcome.logs);
    assert!(outcome.accounts.is_empty());
}

#[test]
fn a_program_sees_what_the_one_it_called_wrote() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].data_mut(0..1)?[0] = 1;
        a[0].sub_lamports(5)?;
        a[1].add_lamports(5)?;
        invoke(&theirs(vec![rw(key(3)), ro(key(1))]), a)?;
        assert_eq!(a[1].try_borrow_data()?[0], 2);
        assert_eq!((a[0].lamports(), a[1].lamports()), (999_995, 1_000_005));
        Ok(())
    }
    fn callee(id: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        assert_eq!((*id, data, get_stack_height()), (CALLEE, &[1, 2, 3][..], 2));
        assert_eq!((a[1].try_borrow_data()?[0], a[1].lamports()), (1, 999_995));
        assert!(!a[1].is_writable);
        assert_eq!(a[1].data_mut(..).err(), Some(ProgramError::Immutable));
        a[0].data_mut(0..1)?[0] = 2;
        Ok(())
    }
    let mut ours = instruction(vec![rw(key(1)), rw(key(3)), ro(CALLEE)]);
    ours.accounts[1].is_signer = true;
    let mut harness = with_callee(caller, callee).with_account(key(3), account(&CALLEE, &[7; 100]));
    let outcome = harness.process_instruction(&ours);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    assert_eq!(outcome.compute_units, 1_000 + CPI_COMPUTE_UNITS + 100);
    let inner = InnerInstruction {
        top_level: 0,
        stack_height: 2,
        program: 2,
        accounts: vec![1, 0],
        data: vec![1, 2, 3],
    };
    assert_eq!(outcome.inner_instructions, [inner]);
}

#[test]
fn privileges_do_not_escalate() {
    fn writes(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![rw(key(1))]), a)
    }
    check_error(
        &call(writes, nothing, vec![ro(key(1))]),
        InstructionError::PrivilegeEscalation,
    );
    fn signs(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![AccountMeta::new_readonly(key(1), true)]), a)
    }
    let outcome = call(signs, nothing, vec![ro(key(1))]);
    check_error(&outcome, InstructionError::PrivilegeEscalation);
    assert_eq!(
        outcome.logs[1],
        format!("{}'s signer privilege escalated", key(1))
    );
    let signed = vec![AccountMeta::new_readonly(key(1), true)];
    assert_eq!(call(signs, nothing, signed).result, Ok(()));
}

#[test]
fn an_account_named_twice_has_everywhere_what_it_has_anywhere() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![ro(key(1)), rw(key(1))]), a)
    }
    fn callee(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        assert!(a[0].is_writable && a[1].is_writable);
        Ok(())
    }
    assert_eq!(call(caller, callee, vec![rw(key(1))]).result, Ok(()));
}

#[test]
fn derived_addresses_sign_for_the_program_they_derive_from() {
    fn caller(id: &Pubkey, a: Accounts<'_, '_>, bump: &[u8]) -> ProgramResult {
        let derived = Pubkey::create_program_address(&[b"seed", bump], id)?;
        let metas = vec![AccountMeta::new_readonly(derived, true)];
        invoke_signed(&theirs(metas), a, &[&[b"seed", bump]])
    }
    fn callee(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        assert!(a[0].is_signer);
        Ok(())
    }
    let (derived, bump) = Pubkey::find_program_address(&[b"seed"], &PROGRAM);
    let mut ours = instruction(vec![ro(derived), ro(CALLEE)]);
    ours.data = vec![bump];
    let outcome = with_callee(caller, callee).process_instruction(&ours);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);

    // Another program's seeds give another address.
    let elsewhere = Program::new(STRANGER, "elsewhere", caller_of_program, 1);
    fn caller_of_program(_: &Pubkey, a: Accounts<'_, '_>, bump: &[u8]) -> ProgramResult {
        let derived = Pubkey::create_program_address(&[b"seed", bump], &PROGRAM)?;
        let metas = vec![AccountMeta::new_readonly(derived, true)];
        invoke_signed(&theirs(metas), a, &[&[b"seed", bump]])
    }
    ours.program_id = STRANGER;
    let mut harness = with_callee(caller, callee).with_program(elsewhere);
    let outcome = harness.process_instruction(&ours);
    check_error(&outcome, InstructionError::InvalidSeeds);
}

#[test]
fn accounts_that_the_caller_lacks_are_missing() {
    fn unnamed(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![ro(key(2))]), a)
    }
    let outcome = call(unnamed, nothing, vec![ro(key(1))]);
    check_error(&outcome, InstructionError::MissingAccount);
    fn withheld(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![ro(key(1))]), &a[1..])
    }
    check_error(
        &call(withheld, nothing, vec![ro(key(1))]),
        InstructionError::MissingAccount,
    );
    fn no_program(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![]), a)
    }
    let outcome = with_callee(no_program, nothing).process_instruction(&instruction(vec![]));
    check_error(&outcome, InstructionError::MissingAccount);
    assert_eq!(outcome.logs[1], format!("Unknown program {CALLEE}"));
}

#[test]
fn a_program_without_accounts_is_called_with_none_at_hand() {
    fn caller(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(&theirs(vec![]), &[])
    }
    assert_eq!(call(caller, nothing, vec![]).result, Ok(()));
}

#[test]
fn a_called_account_that_is_no_program_is_unsupported() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(
            &Instruction {
                program_id: key(1),
                accounts: vec![],
                data: vec![],
            },
            a,
        )
    }
    check_error(
        &call(caller, nothing, vec![ro(key(1))]),
        InstructionError::UnsupportedProgramId,
    );
}

#[test]
fn the_error_of_a_called_program_is_the_callers() {
    fn caller(id: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        let result = pass_on(id, a, data);
        assert_eq!(result, Err(ProgramError::Custom(7)));
        msg!("carries on");
        // Calls are over, whatever it tries.
        assert!(pass_on(id, a, data).is_err());
        Ok(())
    }
    fn callee(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        Err(ProgramError::Custom(7))
    }
    let outcome = call(caller, callee, vec![rw(key(1))]);
    check_error(&outcome, InstructionError::Custom(7));
    let failed = |program| format!("Program {program} failed: custom program error: 0x7");
    assert!(outcome.logs.contains(&failed(CALLEE)));
    assert_eq!(outcome.logs.last(), Some(&failed(PROGRAM)));
}

#[test]
fn errors_without_a_program_error_arrive_exactly() {
    fn fails(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        Err(fail_with(InstructionError::ExecutableModified))
    }
    check_error(&run(fails, vec![]), InstructionError::ExecutableModified);
    check_error(
        &call(pass_on, fails, vec![]),
        InstructionError::ExecutableModified,
    );
    assert_eq!(
        fail_with(InstructionError::InvalidSeeds),
        ProgramError::InvalidSeeds
    );
}

#[test]
fn a_call_fails_while_a_conflicting_guard_lives() {
    fn reads_while_written(id: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        let guard = a[0].data_mut(0..1)?;
        assert_eq!(
            invoke(&theirs(vec![ro(key(1))]), a),
            Err(ProgramError::AccountBorrowFailed)
        );
        drop(guard);
        let guard = a[0].try_borrow_mut_lamports()?;
        assert_eq!(
            invoke(&theirs(vec![ro(key(1))]), a),
            Err(ProgramError::AccountBorrowFailed)
        );
        drop(guard);
        let guard = a[0].try_borrow_data()?;
        assert_eq!(
            invoke(&theirs(vec![rw(key(1))]), a),
            Err(ProgramError::AccountBorrowFailed)
        );
        // Both may read, and an account that is not passed on does not matter.
        invoke(&theirs(vec![ro(key(1))]), a)?;
        invoke(&theirs(vec![]), a)?;
        drop(guard);
        pass_on(id, a, data)
    }
    let outcome = call(reads_while_written, nothing, vec![rw(key(1))]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
}

#[test]
fn an_unchecked_call_meets_the_callers_guards() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let _guard = a[0].try_borrow_data()?;
        invoke_unchecked(&theirs(vec![rw(key(3))]), a)
    }
    fn callee(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].data(..)?;
        a[0].data_mut(..).map(drop)
    }
    let mut harness = with_callee(caller, callee).with_account(key(3), account(&CALLEE, &[7; 100]));
    let outcome = harness.process_instruction(&instruction(vec![rw(key(3)), ro(CALLEE)]));
    check_error(&outcome, InstructionError::AccountBorrowFailed);
}

#[test]
fn a_guard_leaked_by_a_called_program_fails_nobody_later() {
    fn caller(id: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        pass_on(id, a, data)?;
        assert!(
            a[0].try_borrow_data().is_err(),
            "until the top-level instruction ends"
        );
        Ok(())
    }
    fn callee(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        std::mem::forget(a[0].data_mut(0..1)?);
        Ok(())
    }
    let mut harness = with_callee(caller, callee).with_account(key(3), account(&CALLEE, &[7; 100]));
    let ours = instruction(vec![rw(key(3)), ro(CALLEE)]);
    let outcome = harness.process_transaction(&[ours.clone(), ours]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
}

#[test]
fn lamports_are_balanced_at_every_call() {
    fn before(id: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        a[0].sub_lamports(1)?;
        pass_on(id, a, data)?;
        a[0].add_lamports(1)
    }
    let outcome = call(before, nothing, vec![rw(key(1))]);
    check_error(&outcome, InstructionError::UnbalancedInstruction);
    fn makes(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].add_lamports(1)
    }
    let outcome = call(pass_on, makes, vec![rw(key(1))]);
    check_error(&outcome, InstructionError::UnbalancedInstruction);
}

#[test]
fn a_program_calls_itself_four_times_and_not_five() {
    fn recursive(id: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        if data[0] == 0 {
            return Ok(());
        }
        let next = Instruction {
            program_id: *id,
            accounts: vec![ro(*id)],
            data: vec![data[0] - 1],
        };
        invoke(&next, a)
    }
    for (calls, expected) in [(4, Ok(())), (5, Err((0, InstructionError::CallDepth)))] {
        let mut ours = instruction(vec![ro(PROGRAM)]);
        ours.data = vec![calls];
        let outcome = harness(recursive).process_instruction(&ours);
        assert_eq!(outcome.result, expected, "{:#?}", outcome.logs);
    }
}

#[test]
fn a_program_is_not_entered_again_through_another() {
    fn back(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        invoke(
            &Instruction {
                program_id: PROGRAM,
                accounts: vec![],
                data: vec![],
            },
            a,
        )
    }
    let outcome = call(pass_on, back, vec![ro(PROGRAM)]);
    check_error(&outcome, InstructionError::ReentrancyNotAllowed);
}

#[test]
fn a_transaction_runs_64_instructions_at_all_levels() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        (0..data[0]).try_for_each(|_| invoke(&theirs(vec![]), a))
    }
    let error = InstructionError::MaxInstructionTraceLengthExceeded;
    for (calls, expected) in [(63, Ok(())), (64, Err((0, error)))] {
        let mut ours = instruction(vec![ro(CALLEE)]);
        ours.data = vec![calls];
        let outcome = with_callee(caller, nothing).process_instruction(&ours);
        assert_eq!(outcome.result, expected);
    }
}

#[test]
fn compute_units_are_those_declared_and_end_with_the_limit() {
    let cost = 1_000 + CPI_COMPUTE_UNITS + 100;
    for (limit, expected) in [
        (cost, Ok(())),
        (
            cost - 1,
            Err((0, InstructionError::ComputationalBudgetExceeded)),
        ),
        (
            1_000 + CPI_COMPUTE_UNITS - 1,
            Err((0, InstructionError::ComputationalBudgetExceeded)),
        ),
        (999, Err((0, InstructionError::ComputationalBudgetExceeded))),
    ] {
        let limits = ExecutionLimits {
            compute_units: limit,
            ..Default::default()
        };
        let mut harness = with_callee(pass_on, nothing).with_limits(limits);
        let outcome = harness.process_instruction(&instruction(vec![ro(CALLEE)]));
        assert_eq!(outcome.result, expected);
        assert_eq!(outcome.compute_units, limit, "all that there was");
    }
}

#[test]
fn return_data_is_the_last_and_every_instruction_starts_without() {
    fn caller(id: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        assert_eq!(get_return_data(), None);
        set_return_data(b"ours");
        assert_eq!(get_return_data(), Some((PROGRAM, b"ours".to_vec())));
        pass_on(id, a, data)?;
        assert_eq!(get_return_data(), Some((CALLEE, b"theirs".to_vec())));
        Ok(())
    }
    fn callee(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        assert_eq!(get_return_data(), None);
        set_return_data(b"theirs");
        Ok(())
    }
    let outcome = call(caller, callee, vec![]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    assert_eq!(outcome.return_data, Some((CALLEE, b"theirs".to_vec())));
    let outcome = call(pass_on, nothing, vec![]);
    assert_eq!(outcome.return_data, None);
}

#[test]
fn return_data_has_1024_bytes_at_most() {
    fn returns(_: &Pubkey, _: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        set_return_data(&vec![
            1;
            usize::from(u16::from_le_bytes(
                data.try_into().unwrap()
            ))
        ]);
        Ok(())
    }
    for (len, expected) in [
        (1_024u16, Ok(())),
        (1_025, Err((0, InstructionError::ProgramFailedToComplete))),
    ] {
        let mut ours = instruction(vec![]);
        ours.data = len.to_le_bytes().to_vec();
        assert_eq!(harness(returns).process_instruction(&ours).result, expected);
    }
}

#[test]
fn a_panic_fails_its_transaction_and_nothing_else() {
    fn panics(_: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        let mut guard = a[0].data_mut(0..1)?;
        guard[0] = 1;
        assert!(data.is_empty(), "this program is broken");
        Ok(())
    }
    let mut harness = harness(panics);
    let good = instruction(vec![rw(key(1))]);
    let mut bad = good.clone();
    bad.data = vec![1];
    let outcome = harness.process_transaction(&[good.clone(), bad]);
    let error = InstructionError::ProgramFailedToComplete;
    assert_eq!(outcome.result, Err((1, error)));
    assert!(outcome.accounts.is_empty());
    let logs = outcome.logs.join("\n");
    assert!(logs.contains("Program log: panicked at "), "{logs}");
    assert!(logs.contains("this program is broken"), "{logs}");
    assert!(
        logs.ends_with("failed: Program failed to complete"),
        "{logs}"
    );
    assert_eq!(
        harness.process_instruction(&good).result,
        Ok(()),
        "the executor is usable"
    );
    assert_eq!(harness.account(&key(1)).data.as_slice()[0], 1);
}

#[test]
fn a_panic_in_a_called_program_is_the_callers_failure() {
    fn panics(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        panic!("broken")
    }
    let outcome = call(pass_on, panics, vec![rw(key(1))]);
    check_error(&outcome, InstructionError::ProgramFailedToComplete);
    assert!(
        outcome
            .logs
            .last()
            .unwrap()
            .starts_with(&format!("Program {PROGRAM} failed"))
    );
}

#[test]
fn a_program_may_run_a_harness_and_go_on() {
    fn outer(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        msg!("before");
        let outcome = run(nothing, vec![rw(key(1))]);
        assert_eq!(outcome.result, Ok(()));
        msg!("after");
        a[0].data_mut(0..1)?[0] = 1;
        Ok(())
    }
    let outcome = run(outer, vec![rw(key(1))]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(
        outcome.logs[1..3],
        ["Program log: before", "Program log: after"]
    );
}

#[test]
#[should_panic = "invoke was called outside of a program"]
fn a_call_outside_of_a_program_says_so() {
    let _ = invoke(&theirs(vec![]), &[]);
}
