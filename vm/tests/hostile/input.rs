//! Programs that write into their input what they may not change.

use crate::run::{ACCOUNT, HOSTILE, OTHER, account, harness, instruction, run};
use crate::support::elf::{elf_v3, program};
use sealane_sdk::testing::Outcome;
use sealane_sdk::{AccountMeta, AccountState, InstructionError, Pubkey};

/// Where the parts of the first account lie, behind the number of accounts.
const COUNT: u64 = 0;
const MARKER: u64 = 8;
const IS_SIGNER: u64 = 9;
const IS_WRITABLE: u64 = 10;
const EXECUTABLE: u64 = 11;
const KEY: u64 = 16;
const OWNER: u64 = 48;
const LAMPORTS: u64 = 80;
const LEN: u64 = 88;
const DATA: u64 = 96;

const LAMPORTS_BEFORE: u64 = 1_000_000_000;

/// Who may change the account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Own,
    OwnReadonly,
    Foreign,
    ForeignReadonly,
}
use Access::{Foreign, ForeignReadonly, Own, OwnReadonly};

/// Stores words of `size` bits at places of the input.
fn stores(size: &str, stores: &[(u64, u64)]) -> Vec<u8> {
    let stores = stores.iter().map(|(offset, value)| {
        format!(
            "lddw r2, {value:#x}
            stx{size} [r1+{offset}], r2\n"
        )
    });
    let stores: String = stores.collect();
    elf_v3(
        &format!("entrypoint:\n {stores} mov64 r0, 0\n exit"),
        &[0; 8],
    )
}

/// Runs `elf` with one account of 16 bytes, and says what became of it.
fn run_with(elf: Vec<u8>, access: Access, data: &[u8]) -> (Outcome, AccountState) {
    let owner = match access {
        Own | OwnReadonly => HOSTILE,
        Foreign | ForeignReadonly => OTHER,
    };
    let state = account(owner, LAMPORTS_BEFORE, data);
    let mut harness = harness(elf, vec![]).with_account(ACCOUNT, state);
    let meta = AccountMeta {
        pubkey: ACCOUNT,
        is_signer: false,
        is_writable: matches!(access, Own | Foreign),
    };
    let outcome = run(&mut harness, &instruction(&[], vec![meta]));
    (outcome, harness.account(&ACCOUNT))
}

#[track_caller]
fn check(access: Access, size: &str, store: (u64, u64), error: InstructionError) {
    let (outcome, _) = run_with(stores(size, &[store]), access, &[5; 16]);
    assert_eq!(outcome.error(), Some(&error), "{:#?}", outcome.logs);
}

/// Checks that nobody minds, and nothing comes of it.
#[track_caller]
fn check_ignored(access: Access, size: &str, store: (u64, u64)) {
    let (outcome, after) = run_with(stores(size, &[store]), access, &[5; 16]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    let owner = if access == Own { HOSTILE } else { OTHER };
    assert_eq!(after, account(owner, LAMPORTS_BEFORE, &[5; 16]));
}

#[test]
fn what_an_account_is_cannot_be_changed() {
    for access in [Own, Foreign] {
        for (place, value) in [
            (COUNT, u64::MAX),
            (MARKER, 0),
            (MARKER, u64::MAX),
            (KEY, 0),
            (KEY + 24, 77),
        ] {
            check_ignored(access, "dw", (place, value));
        }
        for place in [IS_SIGNER, IS_WRITABLE, EXECUTABLE] {
            check_ignored(access, "b", (place, 1));
            check_ignored(access, "b", (place, 255));
        }
    }
}

#[test]
fn an_account_that_says_it_is_writable_is_not() {
    let elf = stores("b", &[(IS_WRITABLE, 1), (DATA, 6)]);
    let (outcome, _) = run_with(elf, OwnReadonly, &[5; 16]);
    assert_eq!(
        outcome.error(),
        Some(&InstructionError::ReadonlyDataModified)
    );
}

#[test]
fn only_the_owner_gives_an_account_away() {
    check(
        Foreign,
        "b",
        (OWNER, 1),
        InstructionError::ModifiedProgramId,
    );
    check(
        ForeignReadonly,
        "b",
        (OWNER, 1),
        InstructionError::ModifiedProgramId,
    );
    check(
        OwnReadonly,
        "b",
        (OWNER, 1),
        InstructionError::ModifiedProgramId,
    );
    // Nor does the owner, while there are data.
    check(Own, "b", (OWNER, 1), InstructionError::ModifiedProgramId);
    let (outcome, after) = run_with(stores("b", &[(OWNER, 1)]), Own, &[0; 16]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(after.owner.as_array()[..2], [1, 7]);
    // Who takes an account for itself does not own it yet.
    let words = [7 * 0x0101_0101_0101_0101; 4];
    let take: Vec<(u64, u64)> = (0..4).map(|i| (OWNER + 8 * i, words[0])).collect();
    let (outcome, _) = run_with(stores("dw", &take), Foreign, &[0; 16]);
    assert_eq!(outcome.error(), Some(&InstructionError::ModifiedProgramId));
}

#[test]
fn lamports_are_neither_made_nor_taken() {
    let (more, less) = (LAMPORTS_BEFORE + 1, LAMPORTS_BEFORE - 1);
    for lamports in [more, u64::MAX] {
        for access in [Own, Foreign] {
            let error = InstructionError::UnbalancedInstruction;
            check(access, "dw", (LAMPORTS, lamports), error);
        }
        for access in [OwnReadonly, ForeignReadonly] {
            let error = InstructionError::ReadonlyLamportChange;
            check(access, "dw", (LAMPORTS, lamports), error);
        }
    }
    for lamports in [less, 0] {
        let taken = (LAMPORTS, lamports);
        check(Own, "dw", taken, InstructionError::UnbalancedInstruction);
        check(
            OwnReadonly,
            "dw",
            taken,
            InstructionError::ReadonlyLamportChange,
        );
        let foreign = InstructionError::ExternalAccountLamportSpend;
        check(Foreign, "dw", taken, foreign.clone());
        check(ForeignReadonly, "dw", taken, foreign);
    }
}

#[test]
fn only_the_owner_changes_data() {
    for place in [DATA, DATA + 15] {
        check(
            OwnReadonly,
            "b",
            (place, 6),
            InstructionError::ReadonlyDataModified,
        );
        let foreign = InstructionError::ExternalAccountDataModified;
        check(Foreign, "b", (place, 6), foreign);
        // Who may not write at all is told so first, as by Agave.
        check(
            ForeignReadonly,
            "b",
            (place, 6),
            InstructionError::ReadonlyDataModified,
        );
    }
    // Behind the data it is nobody's.
    check_ignored(Foreign, "b", (DATA + 16, 6));
    check_ignored(Own, "b", (DATA + 16, 6));
}

#[test]
fn accounts_grow_by_10_kib_at_most() {
    let (outcome, after) = run_with(stores("dw", &[(LEN, 16 + 10_240)]), Own, &[5; 16]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(after.data.as_slice(), [&[5; 16][..], &[0; 10_240]].concat());
    for len in [
        16 + 10_241,
        10 << 20,
        (10 << 20) + 1,
        1 << 32,
        1 << 63,
        u64::MAX - 95,
        u64::MAX,
    ] {
        for access in [Own, OwnReadonly, Foreign, ForeignReadonly] {
            check(access, "dw", (LEN, len), InstructionError::InvalidRealloc);
        }
    }
}

#[test]
fn only_the_owner_changes_the_length() {
    for len in [0, 15, 17, 16 + 10_240] {
        check(
            OwnReadonly,
            "dw",
            (LEN, len),
            InstructionError::ReadonlyDataModified,
        );
        check(
            ForeignReadonly,
            "dw",
            (LEN, len),
            InstructionError::ReadonlyDataModified,
        );
        check(
            Foreign,
            "dw",
            (LEN, len),
            InstructionError::ExternalAccountDataModified,
        );
    }
    let (outcome, after) = run_with(stores("dw", &[(LEN, 3)]), Own, &[5; 16]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(after.data.as_slice(), [5; 3]);
}

#[test]
fn an_account_that_is_named_twice_is_what_the_first_says() {
    let second = DATA + 16 + 10_240 + 8;
    let elf = stores("dw", &[(second, u64::MAX), (LAMPORTS, LAMPORTS_BEFORE)]);
    let state = account(HOSTILE, LAMPORTS_BEFORE, &[5; 16]);
    let mut harness = harness(elf, vec![]).with_account(ACCOUNT, state.clone());
    let twice = vec![AccountMeta::new(ACCOUNT, false); 2];
    let outcome = run(&mut harness, &instruction(&[], twice));
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    assert_eq!(harness.account(&ACCOUNT), state);
}

#[test]
fn programs_cannot_write_programs() {
    // Not even themselves: their accounts are the loader's.
    let elf = stores("dw", &[(DATA + 8, 1)]);
    let mut harness = harness(elf, vec![]);
    let outcome = run(
        &mut harness,
        &instruction(&[], vec![AccountMeta::new(HOSTILE, false)]),
    );
    let error = InstructionError::ExternalAccountDataModified;
    assert_eq!(outcome.error(), Some(&error), "{:#?}", outcome.logs);
}

/// The layout of the first loader: nothing aligned, no room to grow.
mod first_loader {
    use super::*;

    const KEY: u64 = 11;
    const LAMPORTS: u64 = 43;
    const LEN: u64 = 51;
    const DATA: u64 = 59;
    const OWNER: u64 = DATA + 16;

    fn run_with(elf: Vec<u8>, owner: Pubkey, is_writable: bool) -> (Outcome, AccountState) {
        let state = account(owner, LAMPORTS_BEFORE, &[5; 16]);
        let mut harness = harness(elf.clone(), vec![]).with_account(ACCOUNT, state);
        let loader = solana_sdk_ids::bpf_loader_deprecated::ID;
        let old = AccountState {
            owner: loader,
            ..program(elf)
        };
        harness.set_account(HOSTILE, old);
        let meta = AccountMeta {
            pubkey: ACCOUNT,
            is_signer: false,
            is_writable,
        };
        let outcome = run(&mut harness, &instruction(&[], vec![meta]));
        (outcome, harness.account(&ACCOUNT))
    }

    #[test]
    fn keys_owners_and_lengths_are_not_looked_at() {
        for place in [KEY, LEN, OWNER, OWNER + 32] {
            let (outcome, after) = run_with(stores("b", &[(place, 99)]), HOSTILE, true);
            assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
            assert_eq!(after, account(HOSTILE, LAMPORTS_BEFORE, &[5; 16]));
        }
    }

    #[test]
    fn what_may_not_be_changed_is_found() {
        let changes = [
            (
                OTHER,
                true,
                DATA,
                InstructionError::ExternalAccountDataModified,
            ),
            (HOSTILE, false, DATA, InstructionError::ReadonlyDataModified),
            (
                HOSTILE,
                false,
                LAMPORTS,
                InstructionError::ReadonlyLamportChange,
            ),
            (
                OTHER,
                true,
                LAMPORTS,
                InstructionError::ExternalAccountLamportSpend,
            ),
            (
                HOSTILE,
                true,
                LAMPORTS,
                InstructionError::UnbalancedInstruction,
            ),
        ];
        for (owner, is_writable, place, error) in changes {
            // 1,000,000,000 ends in a zero byte.
            let store = if place == LAMPORTS {
                (place + 1, 1)
            } else {
                (place, 1)
            };
            let (outcome, _) = run_with(stores("b", &[store]), owner, is_writable);
            assert_eq!(outcome.error(), Some(&error), "{:#?}", outcome.logs);
        }
    }

    #[test]
    fn nothing_lies_behind_the_input() {
        // Owner, executable, rent epoch, the length of no data, the program's address.
        let end = OWNER + 32 + 1 + 8 + 8 + 32;
        let (outcome, _) = run_with(stores("b", &[(end - 1, 1)]), HOSTILE, true);
        assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
        let (outcome, _) = run_with(stores("b", &[(end, 1)]), HOSTILE, true);
        let error = InstructionError::ProgramFailedToComplete;
        assert_eq!(outcome.error(), Some(&error), "{:#?}", outcome.logs);
    }
}
