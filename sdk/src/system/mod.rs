//! The System program: makes accounts, moves lamports between accounts that hold no data, keeps
//! nonces.
//!
//! A program like any other: it is written against what this crate offers every program, and the
//! executor does not know it. What it registers beside an author's program is that its accounts may
//! grow to the full length at once, and that it logs as Solana's built-in programs do.
//!
//! Order of checks, errors and log lines are Agave's, because clients match on them. Two things
//! look odd for that reason alone: a seed that is too long fails with the number of another error
//! (`Custom(0)`), and an account is called `Address { address: …, base: None }` in the logs.
//! `CreateAccountAllowPrefund` (SIMD-0312) is active.

mod account;
mod decode;
mod nonce;

use solana_system_interface::instruction::SystemInstruction;

use crate::{
    AccountInfo, InstructionError, MAX_ACCOUNT_DATA_LEN, Program, ProgramError, ProgramResult,
    Pubkey, fail_with,
};
use account::Address;

/// The System program as it is registered.
pub const PROGRAM: Program = Program {
    data_increase_max: MAX_ACCOUNT_DATA_LEN,
    builtin: true,
    versions: None,
    ..Program::new(
        solana_sdk_ids::system_program::ID,
        "system_program",
        process_instruction,
        150,
    )
};

/// Index of an account among the instruction's.
type Index = usize;

fn process_instruction(
    _program_id: &Pubkey,
    accounts: &[AccountInfo<'_>],
    data: &[u8],
) -> ProgramResult {
    let call = Call { accounts };
    match decode::decode(data).map_err(fail_with)? {
        SystemInstruction::Transfer { lamports } => {
            call.require_accounts(2)?;
            call.transfer(0, 1, lamports)
        }
        SystemInstruction::CreateAccount {
            lamports,
            space,
            owner,
        } => {
            call.require_accounts(2)?;
            let to = Address::plain(call.account(1)?.key);
            call.create_account(0, 1, to, lamports, space, &owner)
        }
        other => process_rare(&call, other),
    }
}

/// The instructions that are not worth a place in the cache beside the two frequent ones.
#[cold]
fn process_rare(call: &Call<'_, '_>, instruction: SystemInstruction) -> ProgramResult {
    use SystemInstruction as I;
    match instruction {
        I::CreateAccount { .. } | I::Transfer { .. } => {
            unreachable!("process_instruction handles these")
        }
        I::Assign { owner } => {
            let account = call.account(0)?;
            call.assign(account, Address::plain(account.key), &owner)
        }
        I::Allocate { space } => {
            let account = call.account(0)?;
            call.allocate(account, Address::plain(account.key), space)
        }
        I::CreateAccountWithSeed {
            base,
            seed,
            lamports,
            space,
            owner,
        } => {
            call.require_accounts(2)?;
            let to = Address::from_seed(call.account(1)?.key, &base, &seed, &owner)?;
            call.create_account(0, 1, to, lamports, space, &owner)
        }
        I::AllocateWithSeed {
            base,
            seed,
            space,
            owner,
        } => {
            let account = call.account(0)?;
            let address = Address::from_seed(account.key, &base, &seed, &owner)?;
            call.allocate_and_assign(account, address, space, &owner)
        }
        I::AssignWithSeed { base, seed, owner } => {
            let account = call.account(0)?;
            let address = Address::from_seed(account.key, &base, &seed, &owner)?;
            call.assign(account, address, &owner)
        }
        I::TransferWithSeed {
            lamports,
            from_seed,
            from_owner,
        } => {
            call.require_accounts(3)?;
            call.transfer_with_seed(&from_seed, &from_owner, lamports)
        }
        I::CreateAccountAllowPrefund {
            lamports,
            space,
            owner,
        } => {
            call.require_accounts(if lamports > 0 { 2 } else { 1 })?;
            call.create_account_allow_prefund(lamports, space, &owner)
        }
        I::AdvanceNonceAccount => call.advance_nonce(),
        I::WithdrawNonceAccount(lamports) => call.withdraw_nonce(lamports),
        I::InitializeNonceAccount(authority) => call.initialize_nonce(authority),
        I::AuthorizeNonceAccount(authority) => call.authorize_nonce(authority),
        I::UpgradeNonceAccount => call.upgrade_nonce(),
    }
}

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

    /// Whether `key` signed, at whichever place of the instruction it stands.
    fn is_signed_by(&self, key: &Pubkey) -> bool {
        self.accounts
            .iter()
            .any(|account| account.is_signer && account.key == key)
    }
}
