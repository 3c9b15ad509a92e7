//! The access law: what a program may do to which account, and what it is told otherwise.

mod support;

use sealane_sdk::{
    AccountInfo, InstructionError, ProcessInstruction, ProgramError, ProgramResult, Pubkey,
    next_account_info,
};
use support::*;

type Accounts<'s, 'a> = &'s [AccountInfo<'a>];

/// `process` fails with `error`, nothing is written, and a program that ignores the refusal succeeds
/// with nothing written either.
#[track_caller]
fn check_refused(
    process: ProcessInstruction,
    ignoring: ProcessInstruction,
    metas: Vec<sealane_sdk::AccountMeta>,
    error: InstructionError,
) {
    let outcome = run(process, metas.clone());
    assert_eq!(outcome.result, Err((0, error)));
    assert!(outcome.accounts.is_empty());
    let outcome = run(ignoring, metas);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.accounts, []);
}

/// Two programs: one that gives up when refused, one that does not care.
macro_rules! refused {
    (|$a:ident| $attempt:expr, $metas:expr, $error:ident) => {{
        fn process(_: &Pubkey, $a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
            $attempt.map(drop)
        }
        fn ignoring(_: &Pubkey, $a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
            assert!($attempt.is_err());
            Ok(())
        }
        check_refused(process, ignoring, $metas, InstructionError::$error);
    }};
}

#[test]
fn data_of_a_read_only_account_is_not_written() {
    refused!(
        |a| a[0].data_mut(0..1),
        vec![ro(key(1))],
        ReadonlyDataModified
    );
    refused!(
        |a| a[0].try_borrow_mut_data(),
        vec![ro(key(1))],
        ReadonlyDataModified
    );
    refused!(|a| a[0].resize(101), vec![ro(key(1))], ReadonlyDataModified);
    refused!(
        |a| a[0].assign(a[1].key),
        vec![ro(key(1)), ro(key(2))],
        ModifiedProgramId
    );
}

#[test]
fn data_of_anothers_account_is_not_written() {
    refused!(
        |a| a[0].data_mut(0..1),
        vec![rw(key(3))],
        ExternalAccountDataModified
    );
    refused!(
        |a| a[0].try_borrow_mut_data(),
        vec![rw(key(3))],
        ExternalAccountDataModified
    );
    refused!(
        |a| a[0].resize(0),
        vec![rw(key(3))],
        ExternalAccountDataModified
    );
    refused!(
        |a| a[0].assign(a[0].key),
        vec![rw(key(4))],
        ModifiedProgramId
    );
}

#[test]
fn lamports_of_a_read_only_account_do_not_change() {
    refused!(
        |a| a[0].add_lamports(1),
        vec![ro(key(1))],
        ReadonlyLamportChange
    );
    refused!(
        |a| a[0].sub_lamports(1),
        vec![ro(key(1))],
        ReadonlyLamportChange
    );
    refused!(
        |a| a[0].try_borrow_mut_lamports(),
        vec![ro(key(1))],
        ReadonlyLamportChange
    );
}

#[test]
fn lamports_of_anothers_account_are_not_taken() {
    refused!(
        |a| a[0].sub_lamports(1),
        vec![rw(key(3))],
        ExternalAccountLamportSpend
    );
    refused!(
        |a| a[0].set_lamports(0),
        vec![rw(key(4))],
        ExternalAccountLamportSpend
    );
}

#[test]
fn balances_do_not_leave_their_range() {
    refused!(
        |a| a[0].sub_lamports(1_000_001),
        vec![rw(key(1))],
        ArithmeticOverflow
    );
    refused!(
        |a| a[0].add_lamports(u64::MAX),
        vec![rw(key(1))],
        ArithmeticOverflow
    );
}

#[test]
fn only_zeroed_data_changes_its_owner() {
    refused!(
        |a| a[0].assign(a[1].key),
        vec![rw(key(1)), ro(key(2))],
        ModifiedProgramId
    );
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].try_borrow_mut_data()?.fill(0);
        a[0].assign(&STRANGER)?;
        assert_eq!(a[0].owner(), STRANGER);
        // It is gone now.
        assert!(a[0].data_mut(..).is_err());
        Ok(())
    }
    let outcome = run(process, vec![rw(key(1))]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.accounts, [(key(1), account(&STRANGER, &[0; 100]))]);
}

#[test]
fn a_public_field_grants_nothing() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let mut forged = a[0];
        forged.is_writable = true;
        forged.data_mut(0..1).map(drop)
    }
    let outcome = run(process, vec![ro(key(1))]);
    assert_eq!(
        outcome.error(),
        Some(&InstructionError::ReadonlyDataModified)
    );
}

#[test]
fn another_error_after_a_refusal_is_the_programs_own() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let _ = a[0].data_mut(0..1);
        Err(ProgramError::Custom(0))
    }
    let outcome = run(process, vec![ro(key(1))]);
    assert_eq!(outcome.error(), Some(&InstructionError::Custom(0)));
}

#[test]
fn writes_are_kept_and_only_those() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].data_mut(98..)?.copy_from_slice(&[1, 2]);
        a[0].sub_lamports(10)?;
        *a[1].try_borrow_mut_lamports()? += 10;
        assert_eq!(a[0].data(97..)?[..], [7, 1, 2]);
        assert_eq!(
            (a[0].lamports(), *a[1].try_borrow_lamports()?),
            (999_990, 1_000_010)
        );
        Ok(())
    }
    let outcome = run(process, vec![rw(key(1)), rw(key(4)), rw(key(2))]);
    assert_eq!(outcome.result, Ok(()));
    let [(first, ours), (second, wallet)] = &outcome.accounts[..] else {
        panic!("two written")
    };
    assert_eq!(
        (*first, ours.lamports, ours.data.as_slice()[98]),
        (key(1), 999_990, 1)
    );
    assert_eq!(
        (*second, wallet.lamports, wallet.data.len()),
        (key(4), 1_000_010, 0)
    );
}

#[test]
fn nothing_of_a_failed_transaction_is_kept() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        a[0].data_mut(0..1)?[0] = 9;
        if data.is_empty() {
            Ok(())
        } else {
            Err(ProgramError::InvalidArgument)
        }
    }
    let mut harness = harness(process);
    let good = instruction(vec![rw(key(1))]);
    let mut bad = good.clone();
    bad.data = vec![1];
    let outcome = harness.process_transaction(&[good.clone(), bad, good]);
    assert_eq!(outcome.result, Err((1, InstructionError::InvalidArgument)));
    assert!(outcome.accounts.is_empty());
    assert_eq!(harness.account(&key(1)).data.as_slice(), [7; 100]);
}

#[test]
fn a_later_instruction_sees_what_an_earlier_one_wrote() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let byte = a[0].try_borrow_data()?[0];
        a[0].data_mut(0..1)?[0] = byte + 1;
        Ok(())
    }
    let mut harness = harness(process);
    let ours = instruction(vec![rw(key(1))]);
    let outcome = harness.process_transaction(&[ours.clone(), ours.clone(), ours]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(harness.account(&key(1)).data.as_slice()[0], 10);
}

#[test]
fn an_emptied_account_is_absent() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[1].add_lamports(a[0].lamports())?;
        a[0].set_lamports(0)
    }
    let outcome = run(process, vec![rw(key(1)), rw(key(2))]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.accounts[0], (key(1), Default::default()));
    assert_eq!(outcome.accounts[1].1.lamports, 2_000_000);
}

#[test]
fn lamports_are_neither_made_nor_lost() {
    fn make(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        a[0].add_lamports(1)
    }
    fn lose(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        *a[0].try_borrow_mut_lamports()? -= 1;
        Ok(())
    }
    for process in [make as ProcessInstruction, lose] {
        let outcome = run(process, vec![rw(key(1))]);
        assert_eq!(
            outcome.error(),
            Some(&InstructionError::UnbalancedInstruction)
        );
        // As in Agave: the program succeeded, its instruction did not.
        assert_eq!(
            outcome.logs.last().unwrap(),
            &format!("Program {PROGRAM} success")
        );
    }
}

#[test]
fn a_balance_guard_that_breaks_a_rule_fails_the_instruction_when_dropped() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        *a[0].try_borrow_mut_lamports()? -= 1;
        a[1].add_lamports(1)
    }
    let outcome = run(process, vec![rw(key(3)), rw(key(1))]);
    assert_eq!(
        outcome.error(),
        Some(&InstructionError::ExternalAccountLamportSpend)
    );
}

#[test]
fn duplicates_share_state_and_guards() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let [first, second] = a else {
            panic!("two accounts")
        };
        let writing = first.data_mut(0..1)?;
        assert_eq!(
            second.try_borrow_data().err(),
            Some(ProgramError::AccountBorrowFailed)
        );
        assert_eq!(
            second.data(50..51).err(),
            Some(ProgramError::AccountBorrowFailed)
        );
        assert_eq!(
            second.data_mut(50..51).err(),
            Some(ProgramError::AccountBorrowFailed)
        );
        assert_eq!(
            second.resize(5).err(),
            Some(ProgramError::AccountBorrowFailed)
        );
        drop(writing);
        let (reading, again) = (first.try_borrow_data()?, second.data(..5)?);
        assert_eq!(
            second.try_borrow_mut_data().err(),
            Some(ProgramError::AccountBorrowFailed)
        );
        drop((reading, again));
        let balance = first.try_borrow_mut_lamports()?;
        assert_eq!(
            second.set_lamports(5).err(),
            Some(ProgramError::AccountBorrowFailed)
        );
        assert!(second.try_borrow_lamports().is_err());
        drop(balance);
        first.data_mut(3..4)?[0] = 1;
        assert_eq!(second.try_borrow_data()?[3], 1);
        Ok(())
    }
    let outcome = run(process, vec![rw(key(1)), rw(key(1))]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
}

#[test]
fn a_leaked_guard_ends_with_its_top_level_instruction() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let mut data = a[0].data_mut(0..1)?;
        data[0] += 1;
        std::mem::forget(data);
        assert!(a[0].try_borrow_data().is_err());
        std::mem::forget(a[1].try_borrow_data()?);
        std::mem::forget(a[1].try_borrow_mut_lamports()?);
        Ok(())
    }
    let mut harness = harness(process);
    let ours = instruction(vec![rw(key(1)), rw(key(2))]);
    let outcome = harness.process_transaction(&[ours.clone(), ours]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    assert_eq!(harness.account(&key(1)).data.as_slice()[0], 9);
}

#[test]
fn too_few_accounts_are_an_error() {
    fn process(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        let accounts = &mut a.iter();
        next_account_info(accounts)?;
        next_account_info(accounts).map(drop)
    }
    let outcome = run(process, vec![ro(key(1))]);
    #[allow(deprecated)]
    let expected = InstructionError::NotEnoughAccountKeys;
    assert_eq!(outcome.error(), Some(&expected));
}

#[test]
fn a_program_nobody_knows_is_unsupported() {
    let mut theirs = instruction(vec![]);
    theirs.program_id = STRANGER;
    fn process(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        Ok(())
    }
    let outcome = harness(process).process_instruction(&theirs);
    assert_eq!(
        outcome.error(),
        Some(&InstructionError::UnsupportedProgramId)
    );
    assert!(outcome.logs.is_empty());
}
