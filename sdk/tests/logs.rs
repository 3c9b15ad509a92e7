//! Log lines, as Agave writes them.

mod support;

use sealane_sdk::{
    AccountInfo, Clock, EpochSchedule, ExecutionLimits, Executor, Hash, Instruction,
    InstructionError, LastRestartSlot, Program, ProgramError, ProgramResult, Pubkey, Rent,
    SlotHashes, Sysvar, format_logs, invoke, log_line, msg, set_return_data, slot_hash, sol_log,
    sol_log_compute_units, sol_log_data,
};
use support::*;

type Accounts<'s, 'a> = &'s [AccountInfo<'a>];

const SYSTEM: Pubkey = Pubkey::new_from_array([0; 32]);

#[test]
fn all_kinds_of_lines_are_solanas() {
    fn caller(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        msg!("plain");
        msg!("{} and {:#x}", "formatted", 255);
        sol_log("{not formatted}");
        sol_log_data(&[b"", b"ab", &[0xff; 4]]);
        log_line(format_args!("bare"));
        sol_log_compute_units();
        let call = Instruction {
            program_id: CALLEE,
            accounts: vec![],
            data: vec![],
        };
        invoke(&call, a)?;
        let transfer = solana_system_interface::instruction::transfer(a[0].key, a[1].key, 1);
        invoke(&transfer, a)?;
        Err(ProgramError::Custom(42))
    }
    fn callee(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        set_return_data(b"back");
        Ok(())
    }
    let mut ours = instruction(vec![rw(key(4)), rw(key(1)), ro(CALLEE), ro(SYSTEM)]);
    ours.accounts[0].is_signer = true;
    let mut harness = harness(caller).with_program(Program::new(CALLEE, "callee", callee, 100));
    let outcome = harness.process_instruction(&ours);
    let expected = [
        "Program Program111111111111111111111111111111111111 invoke [1]",
        "Program log: plain",
        "Program log: formatted and 0xff",
        "Program log: {not formatted}",
        "Program data:  YWI= /////w==",
        "bare",
        "Program consumption: 1399000 units remaining",
        "Program Ca11ee1111111111111111111111111111111111111 invoke [2]",
        "Program Ca11ee1111111111111111111111111111111111111 consumed 100 of 1398054 compute units",
        "Program return: Ca11ee1111111111111111111111111111111111111 YmFjaw==",
        "Program Ca11ee1111111111111111111111111111111111111 success",
        "Program 11111111111111111111111111111111 invoke [2]",
        "Program 11111111111111111111111111111111 success",
        "Program Program111111111111111111111111111111111111 consumed 3142 of 1400000 compute units",
        "Program Program111111111111111111111111111111111111 failed: custom program error: 0x2a",
    ];
    assert_eq!(outcome.logs, expected);
}

/// Solana's own collector of logs.
fn collect(lines: &[String], limit: usize) -> Vec<String> {
    let (mut kept, mut written, mut truncated) = (vec![], 0, false);
    for line in lines {
        if written + line.len() >= limit {
            if !truncated {
                truncated = true;
                kept.push("Log truncated".to_string());
            }
        } else {
            written += line.len();
            kept.push(line.clone());
        }
    }
    kept
}

#[test]
fn logs_are_truncated_as_solana_truncates_them() {
    fn logs(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        for i in 0..8 {
            msg!("{:1$}", i, i * 23 % 17);
            sol_log_data(&[&[1; 40][..i * 5]]);
        }
        msg!("{:200}", "long");
        sol_log_data(&[&[1; 2_000]]);
        msg!("é");
        let call = Instruction {
            program_id: CALLEE,
            accounts: vec![],
            data: vec![],
        };
        invoke(&call, a)
    }
    fn callee(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        set_return_data(&[1; 50]);
        Err(ProgramError::AccountNotRentExempt)
    }
    let run = |log_bytes| {
        let limits = ExecutionLimits {
            log_bytes,
            ..Default::default()
        };
        let harness = harness(logs).with_program(Program::new(CALLEE, "callee", callee, 100));
        harness
            .with_limits(limits)
            .process_instruction(&instruction(vec![ro(CALLEE)]))
            .logs
    };
    let all = run(1_000_000);
    assert_eq!(all.len(), 27);
    let length: usize = all.iter().map(String::len).sum();
    for limit in 0..length + 2 {
        assert_eq!(run(limit), collect(&all, limit), "limit {limit}");
    }
}

#[test]
fn a_value_that_panics_while_it_is_logged_loses_its_line_only() {
    struct Broken;
    impl std::fmt::Display for Broken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half a line")?;
            panic!("broken")
        }
    }
    fn logs(_: &Pubkey, _: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        msg!("before");
        msg!("{Broken}");
        Ok(())
    }
    let outcome = run(logs, vec![]);
    assert_eq!(
        outcome.error(),
        Some(&InstructionError::ProgramFailedToComplete)
    );
    assert_eq!(outcome.logs.len(), 4, "{:#?}", outcome.logs);
    assert_eq!(outcome.logs[1], "Program log: before");
}

#[test]
fn foreign_bytes_are_no_logs() {
    for kind in 0..=255 {
        format_logs(&[kind], &[]);
        format_logs(
            &[kind, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
            &[],
        );
    }
    let _ = Executor::default();
}

#[test]
fn sysvars_are_those_of_the_slot() {
    fn reads(_: &Pubkey, a: Accounts<'_, '_>, _: &[u8]) -> ProgramResult {
        assert_eq!(Clock::get()?.slot, 77);
        assert_eq!(Clock::from_account_info(&a[0])?.slot, 77);
        assert_eq!(
            Rent::from_account_info(&a[0]),
            Err(ProgramError::InvalidArgument)
        );
        assert_eq!(Rent::get()?.minimum_balance(0), 890_880);
        assert_eq!(EpochSchedule::get()?.slots_per_epoch, 432_000);
        assert_eq!(LastRestartSlot::get()?.last_restart_slot, 3);
        assert_eq!(
            <SlotHashes as Sysvar>::get()?
                .first()
                .map(|(slot, _)| *slot),
            Some(76)
        );
        assert_eq!(slot_hash(76)?, Some(Hash::new_from_array([5; 32])));
        assert_eq!(slot_hash(75)?, None);
        Ok(())
    }
    let mut harness = harness(reads);
    harness.warp_to_slot(77);
    let sysvars = harness.sysvars_mut();
    sysvars.last_restart_slot = 3;
    sysvars.slot_hashes = SlotHashes::new(&[(76, Hash::new_from_array([5; 32]))]).into();
    let outcome = harness.process_instruction(&instruction(vec![ro(Clock::ID)]));
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    assert_eq!(
        Clock::get(),
        Err(ProgramError::UnsupportedSysvar),
        "outside of a program"
    );
}

#[test]
fn the_instructions_sysvar_tells_all_instructions_and_which_one_runs() {
    fn reads(_: &Pubkey, a: Accounts<'_, '_>, data: &[u8]) -> ProgramResult {
        let sysvar = a[0].try_borrow_data()?;
        let number = |at: usize| u16::from_le_bytes([sysvar[at], sysvar[at + 1]]);
        assert_eq!(number(0), 2);
        let mut at = usize::from(number(2 + 2 * usize::from(data[0])));
        assert_eq!((number(at), sysvar[at + 2]), (1, 0));
        assert_eq!(sysvar[at + 3..at + 35], a[0].key.to_bytes());
        assert_eq!(sysvar[at + 35..at + 67], PROGRAM.to_bytes());
        at += 67;
        assert_eq!((number(at), sysvar[at + 2]), (1, data[0]));
        assert_eq!(number(sysvar.len() - 2), u16::from(data[0]));
        Ok(())
    }
    let mut first = instruction(vec![ro(solana_sdk_ids::sysvar::instructions::ID)]);
    first.data = vec![0];
    let mut second = first.clone();
    second.data = vec![1];
    let outcome = harness(reads).process_transaction(&[first, second]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    assert!(outcome.accounts.is_empty());
}
