//! Data that grows, and large data.

mod support;

use sealane_sdk::{
    AccountInfo, InstructionError, MAX_ACCOUNT_DATA_LEN, MAX_PERMITTED_DATA_INCREASE, Program,
    ProgramError, ProgramResult, Pubkey, invoke,
};
use support::*;

const MIB: usize = 1 << 20;

#[test]
fn an_account_grows_by_10_kib_in_a_top_level_instruction() {
    fn process(_: &Pubkey, a: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
        let start = a[0].data_len();
        a[0].resize(start + MAX_PERMITTED_DATA_INCREASE)?;
        let over = a[0].resize(start + MAX_PERMITTED_DATA_INCREASE + 1);
        assert_eq!(over, Err(ProgramError::InvalidRealloc));
        a[0].resize(5)?;
        let over = a[0].resize(start + MAX_PERMITTED_DATA_INCREASE + 1);
        assert_eq!(
            over,
            Err(ProgramError::InvalidRealloc),
            "counted from the start"
        );
        a[0].resize(start + MAX_PERMITTED_DATA_INCREASE)?;
        assert_eq!(
            a[0].data(..6)?[..],
            [7, 7, 7, 7, 7, 0],
            "what was cut off is zero again"
        );
        Ok(())
    }
    let mut harness = harness(process);
    let ours = instruction(vec![rw(key(1))]);
    let outcome = harness.process_transaction(&[ours.clone(), ours]);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);
    assert_eq!(
        harness.account(&key(1)).data.len(),
        100 + 2 * MAX_PERMITTED_DATA_INCREASE
    );
}

#[test]
fn no_account_is_larger_than_10_mib_and_no_transaction_grows_by_more_than_20() {
    fn process(_: &Pubkey, a: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
        assert_eq!(
            a[0].resize(MAX_ACCOUNT_DATA_LEN + 1),
            Err(ProgramError::InvalidRealloc)
        );
        a[0].resize(MAX_ACCOUNT_DATA_LEN)?;
        a[1].resize(MAX_ACCOUNT_DATA_LEN)?;
        // 200 bytes were there already, so 200 may still come.
        a[2].resize(100 + 200)?;
        a[2].resize(100 + 201)
    }
    let large = Program {
        data_increase_max: MAX_ACCOUNT_DATA_LEN,
        ..Program::new(PROGRAM, "large", process, 1_000)
    };
    let mut harness = harness(process)
        .with_program(large)
        .with_account(key(5), account(&PROGRAM, &[7; 100]));
    let outcome =
        harness.process_instruction(&instruction(vec![rw(key(1)), rw(key(2)), rw(key(5))]));
    let error = InstructionError::MaxAccountsDataAllocationsExceeded;
    assert_eq!(outcome.error(), Some(&error), "{:#?}", outcome.logs);
}

#[test]
fn what_a_called_program_grows_counts_against_the_caller() {
    fn caller(_: &Pubkey, a: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
        let len = u32::from_le_bytes(data.try_into().unwrap()).into();
        let create = solana_system_interface::instruction::create_account(
            a[0].key, a[1].key, 1_000, len, &PROGRAM,
        );
        invoke(&create, a)
    }
    for (len, expected) in [
        (10_240u32, Ok(())),
        (10_241, Err((0, InstructionError::InvalidRealloc))),
    ] {
        let mut ours = instruction(vec![rw(key(4)), rw(key(9)), ro(Pubkey::default())]);
        ours.accounts[0].is_signer = true;
        ours.accounts[1].is_signer = true;
        ours.data = len.to_le_bytes().to_vec();
        let outcome = harness(caller).process_instruction(&ours);
        assert_eq!(outcome.result, expected, "{:#?}", outcome.logs);
    }
}

#[test]
fn reading_10_mib_copies_nothing_and_writing_100_bytes_copies_a_page() {
    fn process(_: &Pubkey, a: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
        let address = usize::from_le_bytes(data.try_into().unwrap());
        assert_eq!(a[0].try_borrow_data()?.as_ptr() as usize, address);
        assert_eq!(
            a[1].data(5 * MIB..9 * MIB)?.as_ptr() as usize,
            address + 5 * MIB
        );
        a[0].data_mut(5 * MIB..5 * MIB + 100)?.fill(1);
        // Across pages of 8 KiB.
        a[0].data_mut(6 * MIB - 50..6 * MIB + 50)?.fill(2);
        assert_eq!(a[0].data(6 * MIB - 51..6 * MIB - 49)?[..], [7, 2]);
        assert_eq!(a[0].data(6 * MIB + 49..6 * MIB + 51)?[..], [2, 7]);
        let all = a[0].try_borrow_data()?;
        assert_eq!(
            (all[5 * MIB + 99], all[5 * MIB + 100], all[6 * MIB]),
            (1, 7, 2)
        );
        Ok(())
    }
    let before = account(&PROGRAM, &vec![7; 10 * MIB]);
    let mut harness = harness(process).with_account(key(1), before.clone());
    let mut ours = instruction(vec![rw(key(1)), ro(key(1))]);
    ours.data = (before.data.as_slice().as_ptr() as usize)
        .to_le_bytes()
        .to_vec();
    let outcome = harness.process_instruction(&ours);
    assert_eq!(outcome.result, Ok(()), "{:#?}", outcome.logs);

    fn write(_: &Pubkey, a: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
        a[0].data_mut(5 * MIB..5 * MIB + 100)?.fill(1);
        Ok(())
    }
    let mut harness = support::harness(write).with_account(key(1), before.clone());
    let outcome = harness.process_instruction(&instruction(vec![rw(key(1))]));
    let cost = outcome.accounts[0].1.data.bytes_beside(&before.data);
    assert!(cost < 8192 + 2048, "{cost} bytes were copied");
}

#[test]
fn a_range_beyond_the_end_is_an_error() {
    fn process(_: &Pubkey, a: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
        assert_eq!(
            a[0].data(..101).err(),
            Some(ProgramError::AccountDataTooSmall)
        );
        assert_eq!(
            a[0].data(usize::MAX..).err(),
            Some(ProgramError::AccountDataTooSmall)
        );
        assert_eq!(
            a[0].data(..=usize::MAX).err(),
            Some(ProgramError::AccountDataTooSmall)
        );
        assert_eq!(a[0].data(100..)?.len(), 0);
        a[0].data_mut(99..101).map(drop)
    }
    let outcome = run(process, vec![rw(key(1))]);
    assert_eq!(
        outcome.error(),
        Some(&InstructionError::AccountDataTooSmall)
    );
    assert!(outcome.accounts.is_empty());
}
