//! What a client of the program needs: where a counter lies, how it is called, how it is read.

use sealane_sdk::{AccountMeta, Instruction, Pubkey, pubkey};

use crate::{COUNT, COUNTER_LEN, CREATE, ID, INCREMENT, SEED};

const SYSTEM_PROGRAM: Pubkey = pubkey!("11111111111111111111111111111111");

/// Address of the counter of `user`.
pub fn counter_address(user: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[SEED, user.as_ref()], &ID).0
}

/// Makes the counter of `user`, who pays its rent and signs.
pub fn create(user: &Pubkey) -> Instruction {
    Instruction {
        program_id: ID,
        accounts: vec![
            AccountMeta::new(*user, true),
            AccountMeta::new(counter_address(user), false),
            AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
        ],
        data: vec![CREATE],
    }
}

/// Adds `amount` to the counter of `user`, who signs.
pub fn increment(user: &Pubkey, amount: u64) -> Instruction {
    let mut data = vec![INCREMENT];
    data.extend_from_slice(&amount.to_le_bytes());
    Instruction {
        program_id: ID,
        accounts: vec![
            AccountMeta::new_readonly(*user, true),
            AccountMeta::new(counter_address(user), false),
        ],
        data,
    }
}

/// The count in the data of a counter account; `None` if that is not what it is.
pub fn read_count(data: &[u8]) -> Option<u64> {
    let data: &[u8; COUNTER_LEN] = data.try_into().ok()?;
    let count = data[COUNT].try_into().expect("the range is 8 bytes long");
    Some(u64::from_le_bytes(count))
}
