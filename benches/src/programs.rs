//! Two native programs that exist only to be measured, and the workload of the first.

use crate::keyring::address;
use crate::random::SplitMix64;
use crate::workload::{Draft, Ground, OTHER_LAMPORTS, Plan, Scattered};
use sealane_sdk::{AccountInfo, AccountState, Program, ProgramError, ProgramResult, Pubkey};
use solana_instruction::{AccountMeta, Instruction};
use solana_message::{Message, VersionedMessage};
use solana_sha256_hasher::hash;

/// Hash rounds of a `compute` transaction: 9.8 µs at 61 ns a round, on Zen 4 with SHA extensions.
pub const COMPUTE_ROUNDS: u32 = 160;

/// Address of the program that hashes.
pub const COMPUTE_ID: Pubkey = Pubkey::new_from_array(*b"sealane bench: program that hash");

/// Address of the program that touches its accounts.
pub const TOUCH_ID: Pubkey = Pubkey::new_from_array(*b"sealane bench: program that touc");

/// The custom error of a `touch` that was told to fail.
pub const TOUCH_FAILED: u32 = 42;

const PURPOSE_HASHED: u64 = 0xc0;
const PURPOSE_CHAINED: u64 = 0xc2;

/// Number of the account that is everybody's.
const EVERYBODYS: u64 = u64::MAX;

/// Of 100 transactions of a block on mainnet so many are in its longest chain of conflicts.
pub(crate) const CHAINED_PERCENT: u64 = 59;

/// Replaces the 32 bytes of its one account by their hash, `COMPUTE_ROUNDS` times. Instruction data is
/// ignored.
pub fn compute_program() -> Program {
    Program::new(COMPUTE_ID, "bench-compute", compute, 5_000)
}

fn compute(_: &Pubkey, accounts: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    let [account] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    hash_data(account, COMPUTE_ROUNDS)
}

/// Replaces the first 32 bytes of an account by their hash, so many times.
pub(crate) fn hash_data(account: &AccountInfo<'_>, rounds: u32) -> ProgramResult {
    let mut data = account.data_mut(..32)?;
    let mut state = [0; 32];
    state.copy_from_slice(&data);
    for _ in 0..rounds {
        state = hash(&state).to_bytes();
    }
    data.copy_from_slice(&state);
    Ok(())
}

/// Reads the balance, the length and the first eight bytes of every account, folds them, and writes the
/// result over the first eight bytes of every writable account that it owns: whatever comes out of
/// order shows in the state. The first byte of the instruction data tells it to fail afterwards.
pub fn touch_program() -> Program {
    Program::new(TOUCH_ID, "bench-touch", touch, 1_000)
}

fn touch(program_id: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let mut fold = 0xcbf2_9ce4_8422_2325_u64;
    for account in accounts {
        let bytes = account.try_borrow_data()?;
        let first = bytes
            .first_chunk::<8>()
            .map_or(0, |first| u64::from_le_bytes(*first));
        for word in [account.lamports(), bytes.len() as u64, first] {
            fold = (fold ^ word)
                .wrapping_mul(0x0000_0100_0000_01b3)
                .rotate_left(29);
        }
    }
    for account in accounts {
        if account.is_writable && account.is_owned_by(program_id) {
            account.data_mut(..8)?.copy_from_slice(&fold.to_le_bytes());
        }
    }
    if data.first() == Some(&1) {
        Err(ProgramError::Custom(TOUCH_FAILED))
    } else {
        Ok(())
    }
}

/// Payer `i` has account `i` hashed, or, in so many of 100 transactions, one account that is everybody's.
pub(crate) fn compute_plan(ground: &Ground<'_>, chained_percent: u64) -> Plan {
    let (seed, blockhash) = (ground.options.seed, ground.blockhash);
    let count = ground.keyring.len();
    let order = Scattered::new(count);
    let account = |i| {
        let data = address(seed, PURPOSE_HASHED + 1, i).to_bytes();
        let state = AccountState {
            lamports: OTHER_LAMPORTS,
            owner: COMPUTE_ID,
            data: data.as_slice().into(),
            ..AccountState::default()
        };
        (address(seed, PURPOSE_HASHED, i), state)
    };
    let draft: Draft = Box::new(move |i, keyring| {
        let (pair, round) = order.at(i);
        let is_chained = SplitMix64::new(seed, PURPOSE_CHAINED, i).below(100) < chained_percent;
        let number = if is_chained { EVERYBODYS } else { pair };
        let hashed = AccountMeta::new(address(seed, PURPOSE_HASHED, number), false);
        let instruction =
            Instruction::new_with_bytes(COMPUTE_ID, &round.to_le_bytes(), vec![hashed]);
        let payer = keyring.key(pair);
        let message = Message::new_with_blockhash(&[instruction], Some(&payer), &blockhash);
        (pair, VersionedMessage::Legacy(message))
    });
    let everybodys = (chained_percent > 0).then_some(EVERYBODYS);
    let accounts = (0..count).chain(everybodys).map(account).collect();
    Plan {
        accounts,
        programs: vec![compute_program()],
        draft,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealane_sdk::InstructionError;
    use sealane_sdk::testing::Harness;

    fn state(owner: Pubkey, data: &[u8]) -> AccountState {
        AccountState {
            lamports: 1_000_000_000,
            owner,
            data: data.into(),
            ..AccountState::default()
        }
    }

    #[test]
    fn compute_hashes_its_account_a_fixed_number_of_times() {
        let key = Pubkey::new_from_array([7; 32]);
        let mut harness = Harness::new()
            .with_program(compute_program())
            .with_account(key, state(COMPUTE_ID, &[1; 32]));
        let instruction =
            Instruction::new_with_bytes(COMPUTE_ID, &[], vec![AccountMeta::new(key, false)]);
        assert_eq!(harness.process_instruction(&instruction).result, Ok(()));
        let expected = (0..COMPUTE_ROUNDS).fold([1; 32], |state, _| hash(&state).to_bytes());
        assert_eq!(harness.account(&key).data.as_slice(), expected);
    }

    #[test]
    fn touch_writes_what_it_read_into_every_account_it_may_write() {
        let [read, written, payer] = [1, 2, 3].map(|i| Pubkey::new_from_array([i; 32]));
        let mut harness = Harness::new()
            .with_program(touch_program())
            .with_account(read, state(TOUCH_ID, &[5; 100]))
            .with_account(written, state(TOUCH_ID, &[6; 100]));
        harness.airdrop(&payer, 1_000_000_000);
        let accounts = vec![
            AccountMeta::new(payer, true),
            AccountMeta::new(written, false),
            AccountMeta::new_readonly(read, false),
        ];
        let mut instruction = Instruction::new_with_bytes(TOUCH_ID, &[0], accounts);
        assert_eq!(harness.process_instruction(&instruction).result, Ok(()));
        let once = harness.account(&written).data;
        assert_ne!(once.as_slice()[..8], [6; 8]);
        assert_eq!(once.as_slice()[8..], [6; 92]);
        assert_eq!(harness.account(&read).data.as_slice(), [5; 100]);

        instruction.data = vec![1];
        let failure = (0, InstructionError::Custom(TOUCH_FAILED));
        assert_eq!(
            harness.process_instruction(&instruction).result,
            Err(failure)
        );
        assert_eq!(harness.account(&written).data, once);
    }
}
