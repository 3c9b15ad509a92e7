//! An instruction as a program finds it in its memory, and the changes of accounts that it leaves there.
//!
//! The layouts are Solana's: of the loaders in use (`solana-program-entrypoint`, "ABI v1"), where everything is
//! aligned and accounts have room to grow, and of the first one ("ABI v0"), where nothing is.

use bytemuck::cast_slice_mut;
use sealane_sdk::{
    InstructionError, MAX_PERMITTED_DATA_INCREASE, MachineAccount, MachineCall, Pubkey,
};
use smallvec::SmallVec;
use solana_sbpf::ebpf::MM_INPUT_START;

/// Marks an account that is no duplicate of an earlier one.
const NO_DUPLICATE: u8 = 0xff;
/// Alignment of account data, as a program sees it.
const ALIGNMENT: usize = 8;
/// Accounts of an instruction, at most.
const ACCOUNTS_MAX: usize = 255;
/// Bytes of an account, at most.
const DATA_MAX: usize = sealane_sdk::MAX_ACCOUNT_DATA_LEN;

/// Where an account lies in a program's memory: addresses of the program's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AccountPlace {
    /// Bytes of data when the program began.
    pub(crate) original_len: usize,
    pub(crate) key: u64,
    pub(crate) owner: u64,
    pub(crate) lamports: u64,
    pub(crate) data: u64,
    /// It is an earlier account once more.
    pub(crate) is_duplicate: bool,
}

/// An instruction in a program's memory.
pub(crate) struct Input {
    pub(crate) places: SmallVec<[AccountPlace; 16]>,
    /// Bytes of it all.
    pub(crate) len: usize,
    /// Where the instruction's data lie.
    pub(crate) data_address: u64,
}

/// Writes words after each other.
struct Writer<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

impl Writer<'_> {
    /// Where the next byte goes, as the program's address.
    fn address(&self) -> u64 {
        MM_INPUT_START + self.at as u64
    }

    fn put(&mut self, bytes: &[u8]) -> u64 {
        let address = self.address();
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        address
    }

    fn put_u64(&mut self, value: u64) -> u64 {
        self.put(&value.to_le_bytes())
    }

    fn zeros(&mut self, count: usize) {
        self.bytes[self.at..self.at + count].fill(0);
        self.at += count;
    }
}

/// Bytes of room behind an account's data.
fn room(data_len: usize, is_aligned: bool) -> usize {
    if is_aligned {
        MAX_PERMITTED_DATA_INCREASE + data_len.next_multiple_of(ALIGNMENT) - data_len
    } else {
        0
    }
}

/// Writes an instruction into `buffer`.
///
/// # Errors
/// `MaxAccountsExceeded` beyond 255 accounts.
pub(crate) fn write(
    call: &MachineCall<'_>,
    is_aligned: bool,
    buffer: &mut Vec<u128>,
) -> Result<Input, InstructionError> {
    let count = call.account_count();
    if count > ACCOUNTS_MAX {
        return Err(InstructionError::MaxAccountsExceeded);
    }
    let accounts: SmallVec<[MachineAccount<'_>; 16]> =
        (0..count).map(|at| call.account(at)).collect();
    // More than either layout needs: heads of accounts have up to 96 bytes, the rest 48.
    let bytes: usize = accounts
        .iter()
        .map(|account| account.data_len() + room(account.data_len(), is_aligned) + 96)
        .sum::<usize>()
        + call.data().len()
        + 64;
    buffer.resize(bytes.div_ceil(size_of::<u128>()), 0);
    let mut writer = Writer {
        bytes: cast_slice_mut(buffer),
        at: 0,
    };
    let mut places: SmallVec<[AccountPlace; 16]> = SmallVec::new();
    writer.put_u64(count as u64);
    for (at, account) in accounts.iter().enumerate() {
        let first = accounts[..at]
            .iter()
            .position(|earlier| earlier.index() == account.index());
        if let Some(first) = first {
            writer.put(&[first as u8]);
            if is_aligned {
                writer.zeros(7);
            }
            places.push(AccountPlace {
                is_duplicate: true,
                ..places[first]
            });
            continue;
        }
        places.push(match is_aligned {
            true => write_aligned(&mut writer, account)?,
            false => write_unaligned(&mut writer, account)?,
        });
    }
    writer.put_u64(call.data().len() as u64);
    let data_address = writer.put(call.data());
    writer.put(call.program_id().as_array());
    Ok(Input {
        places,
        len: writer.at,
        data_address,
    })
}

fn write_aligned(
    writer: &mut Writer<'_>,
    account: &MachineAccount<'_>,
) -> Result<AccountPlace, InstructionError> {
    let data = account.data()?;
    writer.put(&[
        NO_DUPLICATE,
        account.is_signer().into(),
        account.is_writable().into(),
        account.executable().into(),
        0,
        0,
        0,
        0,
    ]);
    let key = writer.put(account.key().as_array());
    let owner = writer.put(account.owner().as_array());
    let lamports = writer.put_u64(account.lamports());
    writer.put_u64(data.len() as u64);
    let data_address = writer.put(&data);
    writer.zeros(room(data.len(), true));
    // The rent epoch: no account pays rent.
    writer.put_u64(u64::MAX);
    Ok(AccountPlace {
        original_len: data.len(),
        key,
        owner,
        lamports,
        data: data_address,
        is_duplicate: false,
    })
}

fn write_unaligned(
    writer: &mut Writer<'_>,
    account: &MachineAccount<'_>,
) -> Result<AccountPlace, InstructionError> {
    let data = account.data()?;
    writer.put(&[
        NO_DUPLICATE,
        account.is_signer().into(),
        account.is_writable().into(),
    ]);
    let key = writer.put(account.key().as_array());
    let lamports = writer.put_u64(account.lamports());
    writer.put_u64(data.len() as u64);
    let data_address = writer.put(&data);
    let owner = writer.put(account.owner().as_array());
    writer.put(&[account.executable().into()]);
    writer.put_u64(u64::MAX);
    Ok(AccountPlace {
        original_len: data.len(),
        key,
        owner,
        lamports,
        data: data_address,
        is_duplicate: false,
    })
}

/// Takes over what a program that succeeded left in `input`.
///
/// # Errors
/// What Solana says of a change that the program may not make.
pub(crate) fn take_over(
    call: &MachineCall<'_>,
    is_aligned: bool,
    places: &[AccountPlace],
    input: &[u8],
) -> Result<(), InstructionError> {
    for (at, place) in places.iter().enumerate() {
        if place.is_duplicate {
            continue;
        }
        let account = call.account(at);
        account.set_lamports(u64_at(input, place.lamports))?;
        let len = if is_aligned {
            let len = u64_at(input, place.data - 8) as usize;
            if len.saturating_sub(place.original_len) > MAX_PERMITTED_DATA_INCREASE
                || len > DATA_MAX
            {
                return Err(InstructionError::InvalidRealloc);
            }
            len
        } else {
            place.original_len
        };
        let start = offset(place.data);
        let data = input
            .get(start..start + len)
            .ok_or(InstructionError::InvalidArgument)?;
        account.set_data(data)?;
        // The owner last: until then the program may change the account.
        if is_aligned {
            let owner = &input[offset(place.owner)..][..32];
            account.assign(&Pubkey::try_from(owner).expect("there are 32 bytes"))?;
        }
    }
    Ok(())
}

fn offset(address: u64) -> usize {
    (address - MM_INPUT_START) as usize
}

fn u64_at(input: &[u8], address: u64) -> u64 {
    let bytes = input[offset(address)..].first_chunk();
    u64::from_le_bytes(*bytes.expect("the layout was written whole"))
}
