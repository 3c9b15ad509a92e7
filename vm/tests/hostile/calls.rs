//! Programs that call others with what they do not have.

use crate::call::{BOTH, Call, END, HEAP, INPUT, Place, caller, places, with_prefix};
use crate::run::{ACCOUNT, HARMLESS, HOSTILE, OTHER, account, check_outcome, harness, run};
use crate::support::elf::{elf_v3, program};
use sealane_sdk::testing::{Harness, Outcome};
use sealane_sdk::{AccountMeta, Instruction, InstructionError, Pubkey};
use solana_sdk_ids::{
    bpf_loader, ed25519_program, native_loader, secp256k1_program, secp256r1_program,
    system_program,
};

/// Instructions on the stack, at most.
const STACK_DEPTH_MAX: usize = 5;

/// One of the caller's accounts, with 16 bytes, and the programs that are called.
fn metas(is_writable: bool) -> Vec<AccountMeta> {
    let mut metas = vec![AccountMeta::new(ACCOUNT, false)];
    metas[0].is_writable = is_writable;
    let programs = [HARMLESS, HOSTILE, OTHER];
    let programs = programs.map(|key| AccountMeta::new_readonly(key, false));
    metas.into_iter().chain(programs).collect()
}

/// Runs calls, one after the other. `OTHER` is a program that writes to its first account.
fn run_calls(language: usize, calls: &[Call], metas: Vec<AccountMeta>) -> (Outcome, Harness) {
    let (syscall, write) = BOTH[language];
    let writer = elf_v3(
        "entrypoint:
        stb [r1+96], 9
        mov64 r0, 0
        exit",
        &[0; 8],
    );
    let harness = harness(caller(syscall), vec![(OTHER, writer)]);
    let mut harness = harness.with_account(ACCOUNT, account(HOSTILE, 1_000_000, &[5; 16]));
    let calls: Vec<u8> = calls.iter().flat_map(write).collect();
    let data = [&calls[..], &END].concat();
    let instruction = Instruction::new_with_bytes(HOSTILE, &data, metas);
    (run(&mut harness, &instruction), harness)
}

fn place() -> Place {
    places(&[16])[0]
}

/// Checks how a call fails, in either language.
#[track_caller]
fn check(change: impl Fn(&mut Call), error: &InstructionError, words: &str) {
    for language in 0..2 {
        let mut call = Call::new(place());
        change(&mut call);
        let (outcome, _) = run_calls(language, &[call], metas(true));
        check_outcome(&outcome, error, words);
    }
}

#[track_caller]
fn check_broken(change: impl Fn(&mut Call), words: &str) {
    check(change, &InstructionError::ProgramFailedToComplete, words);
}

#[test]
fn a_harmless_call_succeeds() {
    for language in 0..2 {
        let (outcome, harness) = run_calls(language, &[Call::new(place())], metas(true));
        assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
        assert_eq!(outcome.inner_instructions.len(), 1);
        assert_eq!(harness.account(&ACCOUNT).data.as_slice(), [5; 16]);
    }
}

#[test]
fn privileges_do_not_grow() {
    let error = &InstructionError::PrivilegeEscalation;
    let words = format!("{ACCOUNT}'s signer privilege escalated");
    check(|call| call.metas[0].1 = 1, error, &words);
    for language in 0..2 {
        let (outcome, _) = run_calls(language, &[Call::new(place())], metas(false));
        let words = format!("{ACCOUNT}'s writable privilege escalated");
        check_outcome(&outcome, error, &words);
    }
    // Seeds sign for their address alone.
    let words = format!("{ACCOUNT}'s signer privilege escalated");
    let (seed, _) = bump();
    check(
        |call| {
            call.metas[0].1 = 1;
            call.seeds = vec![vec![seed.clone()]];
        },
        error,
        &words,
    );
}

/// A seed of an address of the caller's, and one that has none.
fn bump() -> (Vec<u8>, Vec<u8>) {
    let is_good = |seed: &u8| Pubkey::create_program_address(&[&[*seed]], &HOSTILE).is_ok();
    let good = (0..=255).find(is_good).unwrap();
    let bad = (0..=255).find(|seed| !is_good(seed)).unwrap();
    (vec![good], vec![bad])
}

#[test]
fn seeds_must_be_those_of_an_address() {
    let (good, bad) = bump();
    let words = "Could not create program address with signer seeds";
    check_broken(|call| call.seeds = vec![vec![bad.clone()]], words);
    check_broken(|call| call.seeds = vec![vec![vec![1; 33]]], words);
    check_broken(
        |call| call.seeds = vec![vec![good.clone()]; 17],
        "Too many signers",
    );
    let error = &InstructionError::MaxSeedLengthExceeded;
    check(|call| call.seeds = vec![vec![vec![1]; 17]], error, "");
    check_broken(|call| call.seeds_len = Some(1 << 40), "Access violation");
}

#[test]
fn what_the_caller_has_not_cannot_be_handed_over() {
    let unknown = Pubkey::new_from_array([77; 32]);
    let error = &InstructionError::MissingAccount;
    let words = format!("Instruction references an unknown account {unknown}");
    check(|call| call.metas[0].0 = unknown, error, &words);
    check(|call| call.program = unknown, error, "Unknown program");
    let words = format!("Instruction references an unknown account {ACCOUNT}");
    check(|call| call.infos.clear(), error, &words);
    check(|call| call.infos[0].key += 8, error, &words);
}

#[test]
fn pointers_must_be_those_of_the_input() {
    check_broken(|call| call.own_keys = vec![ACCOUNT], "Invalid pointer");
    check_broken(|call| call.infos[0].owner += 8, "Invalid pointer");
    check_broken(|call| call.infos[0].lamports -= 8, "Invalid pointer");
    check_broken(|call| call.infos[0].data += 1, "Invalid pointer");
    check_broken(|call| call.infos[0].data = HEAP, "Invalid pointer");
    check_broken(|call| call.infos[0].lamports = HEAP, "Invalid pointer");
    check_broken(|call| call.infos[0].owner = 0, "Invalid pointer");
    // Another of the caller's accounts.
    let other = places(&[16, 0])[1];
    check_broken(
        |call| {
            let key = call.infos[0].key;
            call.infos[0] = Place { key, ..other };
        },
        "Invalid pointer",
    );
    // What Rust keeps of lamports and data, among the accounts.
    for cells in [[Some(INPUT + 96), None], [None, Some(INPUT + 96)]] {
        let mut call = Call::new(place());
        call.cells = cells;
        let (outcome, _) = run_calls(1, &[call], metas(true));
        let error = &InstructionError::ProgramFailedToComplete;
        check_outcome(&outcome, error, "Invalid pointer");
    }
    // Infos among the accounts, where the called program could change them.
    check_broken(|call| call.shift[1] = INPUT - HEAP, "Invalid pointer");
    check_broken(
        |call| call.shift[1] = u64::MAX - (1 << 40),
        "Invalid pointer",
    );
}

#[test]
fn lengths_must_be_those_of_the_input() {
    let error = &InstructionError::InvalidRealloc;
    for len in [16 + 10_241, 1 << 40, u64::MAX] {
        check(|call| call.infos[0].len = len, error, "");
    }
    // The caller may say that it is shorter, or has grown: it is the owner.
    for len in [0, 7, 16 + 10_240] {
        for language in 0..2 {
            let mut call = Call::new(place());
            call.infos[0].len = len;
            let (outcome, _) = run_calls(language, &[call], metas(true));
            assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
        }
    }
}

#[test]
fn the_description_of_a_call_must_be_whole() {
    for part in [0, 1, 2] {
        let shift = |call: &mut Call| {
            call.seeds = vec![vec![bump().0]];
            call.shift[part] = 4;
        };
        check_broken(shift, "Unaligned pointer");
    }
    for part in [0, 2] {
        let shift = |call: &mut Call| {
            call.seeds = vec![vec![bump().0]];
            call.shift[part] = 1 << 20;
        };
        check_broken(shift, "Access violation");
    }
    let error = &InstructionError::InvalidArgument;
    check(|call| call.metas[0].1 = 2, error, "");
    check(|call| call.metas[0].2 = 255, error, "");
}

#[test]
fn a_call_is_not_too_large() {
    let words = "Invoked an instruction with too many accounts (256 > 255)";
    check_broken(|call| call.metas = vec![(ACCOUNT, 0, 0); 256], words);
    let words = "Invoked an instruction with data that is too large (10241 > 10240)";
    check_broken(|call| call.data = vec![0; 10_241], words);
    let words = "Invoked an instruction with too many account info's (256 > 255)";
    check_broken(|call| call.infos = vec![call.infos[0]; 256], words);
}

#[test]
fn some_programs_are_not_called() {
    for never in [
        native_loader::ID,
        bpf_loader::ID,
        ed25519_program::ID,
        secp256k1_program::ID,
        secp256r1_program::ID,
    ] {
        let words = format!("Program {never} not supported by inner instructions");
        check_broken(|call| call.program = never, &words);
    }
    // Not among the caller's accounts.
    let error = &InstructionError::MissingAccount;
    check(
        |call| call.program = system_program::ID,
        error,
        "Unknown program",
    );
}

#[test]
fn a_called_program_writes_only_what_it_owns_and_was_given() {
    for language in 0..2 {
        let mut call = Call::new(place());
        call.program = OTHER;
        let error = &InstructionError::ExternalAccountDataModified;
        let (outcome, _) = run_calls(language, &[call.clone()], metas(true));
        check_outcome(&outcome, error, "");
        call.metas[0].2 = 0;
        let error = &InstructionError::ReadonlyDataModified;
        let (outcome, _) = run_calls(language, &[call], metas(true));
        check_outcome(&outcome, error, "");
    }
}

/// A call of `program` that makes it call in turn what `inner` says.
fn nested(program: Pubkey, inner: Vec<u8>) -> Call {
    let mut call = Call::new(place());
    call.program = program;
    call.metas = vec![
        (ACCOUNT, 0, 1),
        (HARMLESS, 0, 0),
        (HOSTILE, 0, 0),
        (OTHER, 0, 0),
    ];
    call.data = inner;
    call
}

#[test]
fn calls_are_nested_5_deep_at_most() {
    for (language, (syscall, write)) in BOTH.into_iter().enumerate() {
        let deep = |calls: usize| {
            let mut data = END.to_vec();
            for _ in 0..calls {
                data = [write(&nested(HOSTILE, data)), END.to_vec()].concat();
            }
            let mut harness = harness(caller(syscall), vec![(OTHER, caller(syscall))])
                .with_account(ACCOUNT, account(HOSTILE, 1_000_000, &[5; 16]));
            run(
                &mut harness,
                &Instruction::new_with_bytes(HOSTILE, &data, metas(true)),
            )
        };
        let outcome = deep(STACK_DEPTH_MAX - 1);
        assert_eq!(outcome.result, Ok(()), "{language} {:#?}", outcome.logs);
        check_outcome(&deep(STACK_DEPTH_MAX), &InstructionError::CallDepth, "");
    }
}

#[test]
fn a_program_is_not_entered_again_through_another() {
    for (syscall, write) in BOTH {
        let back = [write(&nested(HOSTILE, END.to_vec())), END.to_vec()].concat();
        let data = [write(&nested(OTHER, back)), END.to_vec()].concat();
        let mut harness = harness(caller(syscall), vec![(OTHER, caller(syscall))])
            .with_account(ACCOUNT, account(HOSTILE, 1_000_000, &[5; 16]));
        let instruction = Instruction::new_with_bytes(HOSTILE, &data, metas(true));
        let outcome = run(&mut harness, &instruction);
        check_outcome(&outcome, &InstructionError::ReentrancyNotAllowed, "");
    }
}

#[test]
fn what_called_programs_grow_is_the_callers_room() {
    // Each time it is called, it grows its account by the room that it has.
    let grower = elf_v3(
        "entrypoint:
        ldxdw r2, [r1+88]
        add64 r2, 10240
        stxdw [r1+88], r2
        mov64 r0, 0
        exit",
        &[0; 8],
    );
    for (language, (syscall, write)) in BOTH.into_iter().enumerate() {
        for (times, is_good) in [(1, true), (2, false)] {
            let harness = harness(caller(syscall), vec![(OTHER, grower.clone())]);
            let mut harness = harness.with_account(ACCOUNT, account(OTHER, 1 << 40, &[5; 16]));
            let calls = (0..times).flat_map(|time| {
                let mut call = Call::new(place());
                call.program = OTHER;
                call.infos[0].len += time * 10_240;
                write(&call)
            });
            let data: Vec<u8> = calls.chain(END).collect();
            let instruction = Instruction::new_with_bytes(HOSTILE, &data, metas(true));
            let outcome = run(&mut harness, &instruction);
            if is_good {
                assert_eq!(outcome.result, Ok(()), "{language} {:#?}", outcome.logs);
                assert_eq!(harness.account(&ACCOUNT).data.len(), 16 + 10_240);
            } else {
                let words = "Account data size realloc limited to 10240 in inner instructions";
                check_outcome(&outcome, &InstructionError::InvalidRealloc, words);
            }
        }
    }
}

#[test]
fn what_the_caller_made_of_an_account_is_judged_before_the_call() {
    // It writes into an account that is not its own, then calls.
    for (place, error) in [
        (96, InstructionError::ExternalAccountDataModified),
        (48, InstructionError::ModifiedProgramId),
    ] {
        let assembly = format!("entrypoint:\n stb [r1+{place}], 77\n");
        for (language, (syscall, write)) in BOTH.into_iter().enumerate() {
            let call = Call::new(places(&[16])[0]);
            let data = [write(&call), END.to_vec()].concat();
            let elf = with_prefix(&assembly, syscall);
            let mut harness = harness(elf, vec![(OTHER, caller(syscall))])
                .with_account(ACCOUNT, account(OTHER, 1_000_000, &[5; 16]));
            let instruction = Instruction::new_with_bytes(HOSTILE, &data, metas(true));
            let outcome = run(&mut harness, &instruction);
            assert_eq!(
                outcome.error(),
                Some(&error),
                "{language} {:#?}",
                outcome.logs
            );
            // Before, not after: the called program was not entered.
            let entered = format!("Program {HARMLESS} invoke [2]");
            assert!(!outcome.logs.contains(&entered), "{:#?}", outcome.logs);
        }
    }
}

#[test]
fn a_program_that_is_not_one_is_not_called() {
    for (language, (syscall, write)) in BOTH.into_iter().enumerate() {
        let mut call = Call::new(place());
        call.program = OTHER;
        let data = [write(&call), END.to_vec()].concat();
        let mut harness = harness(caller(syscall), vec![])
            .with_account(ACCOUNT, account(HOSTILE, 1_000_000, &[5; 16]))
            .with_account(OTHER, program(vec![0x7f; 1_000]));
        let instruction = Instruction::new_with_bytes(HOSTILE, &data, metas(true));
        let outcome = run(&mut harness, &instruction);
        let error = InstructionError::UnsupportedProgramId;
        assert_eq!(
            outcome.error(),
            Some(&error),
            "{language} {:#?}",
            outcome.logs
        );
    }
}
