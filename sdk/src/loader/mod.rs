//! Solana's loaders: the programs that own programs which are ELF files, and through which those come to a chain.
//!
//! The upgradeable loader (v3) keeps a program in two accounts: the *program*, whose address is called and which
//! names the other, and its *programdata*, which holds slot, authority and the ELF file. A file comes in through a
//! *buffer*, written piece by piece. The two older loaders keep the file in the program's account itself and take
//! no instructions any more: what they own comes from genesis.
//!
//! These are programs like System. They run nothing themselves: whether a file may be deployed is asked of the
//! node's [`Machine`](crate::Machine) ([`check_deployable`]), and what became another
//! program is told to it ([`note_deployment`](crate::note_deployment)).
//!
//! Order of checks, errors, log lines and compute units are those of Agave 4.3 with the features that are active
//! on mainnet. So `SetAuthorityChecked` is there and an extension has a minimum (SIMD-0431), but versions of
//! sBPF before the third may still be deployed, and `ExtendProgramChecked` is no instruction.

mod authority;
mod close;
mod deploy;
mod extend;
mod upgrade;
mod write;

pub use solana_loader_v3_interface::instruction::UpgradeableLoaderInstruction;
pub use solana_loader_v3_interface::state::UpgradeableLoaderState;

use crate::{
    AccountInfo, InstructionError, MAX_ACCOUNT_DATA_LEN, Program, ProgramError, ProgramResult,
    Pubkey, check_deployable, fail_with, log_line,
};
use bincode::Options;
use solana_sdk_ids::{bpf_loader, bpf_loader_deprecated, bpf_loader_upgradeable};
use std::fmt::Arguments;

/// The first loader. It refuses every instruction.
pub const DEPRECATED: Program = Program {
    builtin: true,
    versions: None,
    ..Program::new(
        bpf_loader_deprecated::ID,
        "solana_bpf_loader_deprecated_program",
        refuse_deprecated,
        1_140,
    )
};

/// The second loader, of programs that cannot be upgraded. It refuses every instruction.
pub const FINAL: Program = Program {
    builtin: true,
    versions: None,
    ..Program::new(
        bpf_loader::ID,
        "solana_bpf_loader_program",
        refuse_final,
        570,
    )
};

/// The third loader, of programs that can be upgraded.
pub const UPGRADEABLE: Program = Program {
    data_increase_max: MAX_ACCOUNT_DATA_LEN,
    builtin: true,
    versions: None,
    ..Program::new(
        bpf_loader_upgradeable::ID,
        "solana_bpf_loader_upgradeable_program",
        process_instruction,
        2_370,
    )
};

/// How many bytes an instruction may take when decoded: Solana's largest packet.
const DECODED_BYTES_MAX: u64 = 1232;

/// Bytes before the ELF file in a buffer.
const BUFFER_HEAD: usize = UpgradeableLoaderState::size_of_buffer_metadata();

/// Bytes before the ELF file in a programdata account; no state is longer.
const PROGRAMDATA_HEAD: usize = UpgradeableLoaderState::size_of_programdata_metadata();

/// Whether a program may call the upgradeable loader with this instruction: `Upgrade`, `SetAuthority`,
/// `SetAuthorityChecked` and `Close`, told by their first byte, as on Solana. The other loaders may never be
/// called by a program.
pub fn is_callable(instruction_data: &[u8]) -> bool {
    const UPGRADE: u8 = 3;
    const SET_AUTHORITY: u8 = 4;
    const CLOSE: u8 = 5;
    const SET_AUTHORITY_CHECKED: u8 = 7;
    matches!(
        instruction_data.first(),
        Some(&(UPGRADE | SET_AUTHORITY | CLOSE | SET_AUTHORITY_CHECKED))
    )
}

fn refuse_deprecated(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    refuse(
        InstructionError::UnsupportedProgramId,
        format_args!("Deprecated loader is no longer supported"),
    )
}

fn refuse_final(_: &Pubkey, _: &[AccountInfo<'_>], _: &[u8]) -> ProgramResult {
    refuse(
        InstructionError::UnsupportedProgramId,
        format_args!("BPF loader management instructions are no longer supported"),
    )
}

fn process_instruction(
    _program_id: &Pubkey,
    accounts: &[AccountInfo<'_>],
    data: &[u8],
) -> ProgramResult {
    use UpgradeableLoaderInstruction as I;
    let call = Call { accounts };
    match decode(data)? {
        I::InitializeBuffer => call.initialize_buffer(),
        I::Write { offset, bytes } => call.write(offset, &bytes),
        I::DeployWithMaxDataLen { max_data_len } => call.deploy(max_data_len),
        I::Upgrade => call.upgrade(),
        I::SetAuthority => call.set_authority(),
        I::SetAuthorityChecked => call.set_authority_checked(),
        I::Close => call.close(),
        I::ExtendProgram { additional_bytes } => call.extend(additional_bytes),
    }
}

/// Reads an instruction as Solana reads it: bytes after the last field are ignored.
fn decode(data: &[u8]) -> Result<UpgradeableLoaderInstruction, ProgramError> {
    bincode::options()
        .with_limit(DECODED_BYTES_MAX)
        .with_fixint_encoding()
        .allow_trailing_bytes()
        .deserialize_from(data)
        .map_err(|_| ProgramError::InvalidInstructionData)
}

/// Logs why, and fails with `error`.
fn refuse<T>(error: InstructionError, why: Arguments<'_>) -> Result<T, ProgramError> {
    log_line(why);
    Err(fail_with(error))
}

/// Index of an account among the instruction's.
type Index = usize;

/// The accounts of the instruction that executes.
struct Call<'c, 'a> {
    accounts: &'c [AccountInfo<'a>],
}

impl<'c, 'a> Call<'c, 'a> {
    fn require_accounts(&self, count: usize) -> ProgramResult {
        if self.accounts.len() < count {
            return Err(fail_with(InstructionError::MissingAccount));
        }
        Ok(())
    }

    fn account(&self, index: Index) -> Result<&'c AccountInfo<'a>, ProgramError> {
        self.accounts
            .get(index)
            .ok_or_else(|| fail_with(InstructionError::MissingAccount))
    }
}

/// Two accounts that are used at once must be two.
fn require_distinct(one: &AccountInfo<'_>, other: &AccountInfo<'_>) -> ProgramResult {
    if one.key == other.key {
        return Err(ProgramError::AccountBorrowFailed);
    }
    Ok(())
}

/// What stands before the ELF file, if there is one.
fn read_state(account: &AccountInfo<'_>) -> Result<UpgradeableLoaderState, ProgramError> {
    let head = account.data(..account.data_len().min(PROGRAMDATA_HEAD))?;
    bincode::deserialize(&head).map_err(|_| ProgramError::InvalidAccountData)
}

/// Writes as many bytes as `state` takes, and leaves the rest.
fn write_state(account: &AccountInfo<'_>, state: &UpgradeableLoaderState) -> ProgramResult {
    let bytes = bincode::serialize(state).map_err(|_| fail_with(InstructionError::GenericError))?;
    // Who may write is decided before whether it fits.
    let fitting = bytes.len().min(account.data_len());
    let mut data = account.data_mut(..fitting)?;
    if fitting < bytes.len() {
        return Err(ProgramError::AccountDataTooSmall);
    }
    data.copy_from_slice(&bytes);
    Ok(())
}

/// Whether the ELF file that begins at `start` may be deployed.
fn check_elf(account: &AccountInfo<'_>, start: usize) -> ProgramResult {
    let data = account.try_borrow_data()?;
    let elf = data.get(start..).ok_or(ProgramError::AccountDataTooSmall)?;
    check_deployable(elf)
        .or_else(|what| refuse(InstructionError::InvalidAccountData, format_args!("{what}")))
}
