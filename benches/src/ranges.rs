//! A hundred bytes of one account, written or read by range: what a large account costs beside a small one.

use crate::keyring::address;
use crate::random::SplitMix64;
use crate::workload::{Draft, Ground, OTHER_LAMPORTS, Plan, Scattered};
use sealane_sdk::{AccountInfo, AccountState, Program, ProgramError, ProgramResult, Pubkey};
use solana_instruction::{AccountMeta, Instruction};
use solana_message::{Message, VersionedMessage};

/// Address of the program that reads and writes by range.
const RANGE_ID: Pubkey = Pubkey::new_from_array(*b"sealane bench: program that goes");

/// Bytes that are read or written at once.
const RANGE: usize = 100;

/// Bytes of an account that is small.
pub(crate) const SMALL: usize = 200;

/// Bytes of one that is as large as one can be.
pub(crate) const LARGE: usize = 10 << 20;

const PURPOSE_ACCOUNT: u64 = 0x7a;
const PURPOSE_OFFSET: u64 = 0x7b;

/// What is done with the range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Has one account of so many bytes read or written, at places that jump about, by distinct payers.
pub(crate) fn plan(ground: &Ground<'_>, bytes: usize, access: Access) -> Plan {
    let (seed, blockhash) = (ground.options.seed, ground.blockhash);
    let order = Scattered::new(ground.keyring.len());
    let account = address(seed, PURPOSE_ACCOUNT, 0);
    let state = AccountState {
        lamports: 100 * OTHER_LAMPORTS,
        owner: RANGE_ID,
        data: vec![1; bytes].into(),
        ..AccountState::default()
    };
    let draft: Draft = Box::new(move |i, keyring| {
        let (payer, _) = order.at(i);
        let offset =
            SplitMix64::new(seed, PURPOSE_OFFSET, i).below((bytes - RANGE + 1) as u64) as u32;
        let data = [offset.to_le_bytes().as_slice(), &i.to_le_bytes()].concat();
        let meta = match access {
            Access::Read => AccountMeta::new_readonly(account, false),
            Access::Write => AccountMeta::new(account, false),
        };
        let instruction = Instruction::new_with_bytes(RANGE_ID, &data, vec![meta]);
        let from = keyring.key(payer);
        let message = Message::new_with_blockhash(&[instruction], Some(&from), &blockhash);
        (payer, VersionedMessage::Legacy(message))
    });
    Plan {
        accounts: vec![(account, state)],
        programs: vec![Program::new(RANGE_ID, "bench-range", go, 1_000)],
        draft,
    }
}

/// Instruction data: an offset (u32) and a number (u64). The bytes from the offset on become those of the number,
/// over and over, where the account is writable; where it is not, they must not be zero.
fn go(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let [account] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    let (offset, number) = data
        .split_first_chunk::<4>()
        .ok_or(ProgramError::InvalidInstructionData)?;
    let offset = u32::from_le_bytes(*offset) as usize;
    let range = offset..offset + RANGE;
    if account.is_writable {
        let mut bytes = account.data_mut(range)?;
        for (byte, &new) in bytes.iter_mut().zip(number.iter().cycle()) {
            *byte = new;
        }
        return Ok(());
    }
    let bytes = account.data(range)?;
    if bytes.contains(&0) {
        return Err(ProgramError::InvalidAccountData);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealane_sdk::testing::Harness;

    #[test]
    fn a_range_is_written_where_it_lies_and_read_where_the_account_is_read_only() {
        let key = Pubkey::new_from_array([7; 32]);
        let state = AccountState {
            lamports: 1_000_000_000,
            owner: RANGE_ID,
            data: vec![1; SMALL].into(),
            ..AccountState::default()
        };
        let mut harness = Harness::new()
            .with_program(Program::new(RANGE_ID, "bench-range", go, 1_000))
            .with_account(key, state);
        let data = [90u32.to_le_bytes().as_slice(), &0x0203u64.to_le_bytes()].concat();
        let mut process = |meta| {
            let instruction = Instruction::new_with_bytes(RANGE_ID, &data, vec![meta]);
            harness.process_instruction(&instruction).result
        };
        let (read, write) = (
            AccountMeta::new_readonly(key, false),
            AccountMeta::new(key, false),
        );
        assert_eq!(process(read.clone()), Ok(()));
        assert_eq!(process(write), Ok(()));
        assert!(process(read).is_err(), "there are zeros now");
        let written = harness.account(&key).data;
        assert_eq!(written.as_slice()[88..94], [1, 1, 3, 2, 0, 0]);
        assert_eq!(written.as_slice()[188..192], [0, 0, 1, 1]);
    }
}
