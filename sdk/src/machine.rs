//! Programs that are data, not functions of this process: who runs them, and what that may ask of the
//! transaction.
//!
//! A `Machine` runs the programs whose accounts belong to one of Solana's loaders. It sees an instruction through
//! `MachineCall`: as a native program sees it, but with Solana's errors exactly as they are, since what it runs
//! changes accounts in a copy and is judged afterwards. The rules stand where they stand for native programs.

use crate::frame::{Frame, current};
use crate::{
    AccountInfo, AccountMeta, AccountState, DataRef, Instruction, InstructionError,
    MAX_PERMITTED_DATA_INCREASE, ProgramResult, Pubkey, Sysvars, invoke,
};
use solana_sdk_ids::{bpf_loader, bpf_loader_deprecated, bpf_loader_upgradeable};

/// Runs programs that are ELF files.
pub trait Machine: Sync {
    /// Runs the program of the instruction.
    fn execute(&self, call: &MachineCall<'_>) -> Result<(), MachineError>;

    /// Whether an ELF file may be deployed. What is wrong with it is said in words.
    fn check(&self, elf: &[u8]) -> Result<(), String>;
}

/// Why an instruction failed in a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineError {
    /// As a native program would have failed.
    Instruction(InstructionError),
    /// The program broke a rule of the machine: `ProgramFailedToComplete`, and these words in the log.
    Machine(String),
}

impl From<InstructionError> for MachineError {
    fn from(error: InstructionError) -> Self {
        Self::Instruction(error)
    }
}

/// A program that a transaction deployed, upgraded, extended or closed. Indices are of its accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The program's account.
    pub program: u8,
    /// The account that has its ELF file.
    pub programdata: u8,
}

/// Whether accounts of this owner are programs for a machine.
#[inline]
pub fn is_loader(owner: &Pubkey) -> bool {
    // Others than programs are turned away by one comparison: their first bytes differ from all of these.
    const PREFIX: &[u8; 4] = bpf_loader::ID.as_array().first_chunk().unwrap();
    const { assert!(same_prefix(bpf_loader_deprecated::ID) && same_prefix(bpf_loader_upgradeable::ID)) };
    const fn same_prefix(id: Pubkey) -> bool {
        let (bytes, prefix) = (id.as_array(), PREFIX);
        bytes[0] == prefix[0] && bytes[1] == prefix[1] && bytes[2] == prefix[2]
    }
    owner.as_array()[..3] == PREFIX[..3]
        && [
            bpf_loader::ID,
            bpf_loader_deprecated::ID,
            bpf_loader_upgradeable::ID,
        ]
        .contains(owner)
}

/// The instruction that a machine runs.
pub struct MachineCall<'f> {
    frame: &'f Frame<'f>,
    data: &'f [u8],
}

impl<'f> MachineCall<'f> {
    pub(crate) fn new(frame: &'f Frame<'f>, data: &'f [u8]) -> Self {
        Self { frame, data }
    }

    /// Address of the program.
    pub fn program_id(&self) -> &'f Pubkey {
        self.frame.program_id()
    }

    /// The program's own account as it was before the transaction.
    pub fn program_state(&self) -> &'f AccountState {
        let program = self.frame.state.level().program;
        self.frame.account(program).loaded()
    }

    /// The instruction's data.
    pub fn data(&self) -> &'f [u8] {
        self.data
    }

    /// Number of the instruction's accounts.
    pub fn account_count(&self) -> usize {
        let level = self.frame.state.level();
        level.accounts_end - level.accounts_start
    }

    /// The instruction's account in place `at`.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn account(&self, at: usize) -> MachineAccount<'f> {
        let level = self.frame.state.level();
        let accounts = self.frame.state.instruction_accounts.borrow();
        let account = accounts[level.accounts_start..level.accounts_end][at];
        MachineAccount(AccountInfo::new(self.frame, account))
    }

    /// Place of the first of the instruction's accounts that is the transaction's account `index`.
    pub fn place_of(&self, index: u8) -> Option<usize> {
        let level = self.frame.state.level();
        let accounts = self.frame.state.instruction_accounts.borrow();
        accounts[level.accounts_start..level.accounts_end]
            .iter()
            .position(|account| account.index == index)
    }

    /// 1 for a top-level instruction, 2 for one that it called.
    pub fn stack_height(&self) -> usize {
        self.frame.state.depth.get()
    }

    /// Compute units left.
    #[inline]
    pub fn compute_left(&self) -> u64 {
        self.frame.state.compute_left.get()
    }

    /// Takes compute units; all that is left if it is too little, and then it is an error.
    #[inline]
    pub fn consume(&self, units: u64) -> Result<(), InstructionError> {
        self.frame.state.consume(units)
    }

    /// Bytes of heap that the transaction asked for.
    pub fn heap_bytes(&self) -> u32 {
        self.frame.state.heap_bytes.get()
    }

    /// The sysvars of the slot.
    pub fn sysvars(&self) -> &'f Sysvars {
        self.frame.environment.sysvars
    }

    /// Logs what the program consumed, `of` what it found, and what it returned, as Solana's loaders do when
    /// a program has ended.
    pub fn log_end(&self, consumed: u64, of: u64) {
        let (state, program) = (self.frame.state, self.frame.state.level().program);
        self.frame
            .log(|log, keys| log.consumed(program, consumed, of, keys));
        let returned = state.return_data.borrow();
        if !returned.is_empty() {
            self.frame
                .log(|log, keys| log.return_data(program, &returned, keys));
        }
    }

    /// Whether this transaction has deployed, upgraded or closed the program.
    pub fn is_changed_here(&self) -> bool {
        let program = self.frame.state.level().program;
        let deployed = self.frame.state.deployed.borrow();
        deployed.iter().any(|change| change.program == program)
    }

    /// Calls another program. `before` runs when the call's accounts and privileges are found good, with them;
    /// the called program sees what it writes.
    ///
    /// # Errors
    /// What `before` says; else those of Solana's `sol_invoke_signed`, or those of the called program.
    pub fn call<E: From<InstructionError>>(
        &self,
        instruction: &Instruction,
        signers: &[Pubkey],
        before: impl FnOnce(&[CalledAccount]) -> Result<(), E>,
    ) -> Result<(), E> {
        invoke::call(self.frame, instruction, signers, before)
    }

    /// The instruction that ran `index` before this one under the same caller, the newest first: program,
    /// accounts with what they were granted, data. `None` if there are fewer.
    pub fn processed_sibling(&self, index: usize) -> Option<Instruction> {
        let state = self.frame.state;
        let depth = state.depth.get();
        let key = |index: u8| *self.frame.account(index).key;
        if depth == 1 {
            let past = state.past_top_level.borrow();
            let sibling = past.newest(index)?;
            let accounts = sibling.accounts.iter().map(|&index| {
                let cell = self.frame.account(index);
                meta(key(index), cell.is_signer, cell.is_writable)
            });
            return Some(Instruction {
                program_id: key(sibling.program),
                accounts: accounts.collect(),
                data: sibling.data.to_vec(),
            });
        }
        let calls = state.inner.borrow();
        let granted = state.inner_granted.borrow();
        let calls = calls[..state.inner_len.get()].iter().zip(&*granted);
        // The newest call at this depth is the one that runs; one above ends the family.
        let (sibling, granted) = calls
            .rev()
            .take_while(|(call, _)| {
                usize::from(call.top_level) == state.top_level.get()
                    && usize::from(call.stack_height) >= depth
            })
            .filter(|(call, _)| usize::from(call.stack_height) == depth)
            .nth(index + 1)?;
        let accounts = sibling.accounts.iter().zip(granted);
        Some(Instruction {
            program_id: key(sibling.program),
            accounts: accounts
                .map(|(&index, granted)| meta(key(index), granted.is_signer, granted.is_writable))
                .collect(),
            data: sibling.data.clone(),
        })
    }
}

fn meta(pubkey: Pubkey, is_signer: bool, is_writable: bool) -> AccountMeta {
    AccountMeta {
        pubkey,
        is_signer,
        is_writable,
    }
}

/// An account of a call that is about to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalledAccount {
    /// Index among the transaction's accounts.
    pub index: u8,
    /// Whether the called program may write it.
    pub is_writable: bool,
}

/// An account of an instruction, with Solana's own errors.
#[derive(Clone, Copy)]
pub struct MachineAccount<'f>(AccountInfo<'f>);

impl<'f> MachineAccount<'f> {
    /// Index among the transaction's accounts.
    pub fn index(&self) -> u8 {
        self.0.index
    }

    /// Address.
    pub fn key(&self) -> &'f Pubkey {
        self.0.key
    }

    /// Whether it signed.
    pub fn is_signer(&self) -> bool {
        self.0.is_signer
    }

    /// Whether the instruction may write it.
    pub fn is_writable(&self) -> bool {
        self.0.is_writable
    }

    /// Whether it is a program.
    pub fn executable(&self) -> bool {
        self.0.executable()
    }

    /// Balance.
    pub fn lamports(&self) -> u64 {
        self.0.lamports()
    }

    /// Owner.
    pub fn owner(&self) -> Pubkey {
        self.0.owner()
    }

    /// Bytes of data.
    pub fn data_len(&self) -> usize {
        self.0.data_len()
    }

    /// All data.
    pub fn data(&self) -> Result<DataRef<'f>, InstructionError> {
        let borrowed = self.0.try_borrow_data();
        borrowed.map_err(|_| InstructionError::AccountBorrowFailed)
    }

    /// Sets the balance, if it differs.
    pub fn set_lamports(&self, lamports: u64) -> Result<(), InstructionError> {
        if self.0.lamports() == lamports {
            return Ok(());
        }
        self.0.put_lamports(lamports)
    }

    /// Sets data and their length, if they differ. How far a program may grow an account is not looked at.
    pub fn set_data(&self, data: &[u8]) -> Result<(), InstructionError> {
        self.0.put_data(data)
    }

    /// Changes the length; new bytes are zero. How far a program may grow an account is not looked at.
    pub fn resize(&self, len: usize) -> Result<(), InstructionError> {
        self.0.put_len(len, usize::MAX)
    }

    /// Gives the account to another program, if it is another.
    pub fn assign(&self, owner: &Pubkey) -> Result<(), InstructionError> {
        if self.0.owner() == *owner {
            return Ok(());
        }
        self.0.put_owner(owner)
    }
}

/// Bytes by which a program may grow an account in one instruction.
pub(crate) const DATA_INCREASE_MAX: usize = MAX_PERMITTED_DATA_INCREASE;

/// Whether an ELF file may be deployed, for loaders. What is wrong with it is said in words.
pub fn check_deployable(elf: &[u8]) -> Result<(), String> {
    let checked = current::with(|frame| frame.environment.machine.map(|it| it.check(elf)));
    let no_machine = || Err("no virtual machine is on board".to_owned());
    checked.flatten().unwrap_or_else(no_machine)
}

/// Notes that the program that runs, a loader, has changed what `program` is: deployed, upgraded, extended or
/// closed it. It is another from the next slot on.
pub fn note_deployment(program: &AccountInfo<'_>, programdata: &AccountInfo<'_>) -> ProgramResult {
    let change = Deployment {
        program: program.index,
        programdata: programdata.index,
    };
    current::with(|frame| frame.state.deployed.borrow_mut().push(change));
    Ok(())
}
