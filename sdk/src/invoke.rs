//! What a program asks of the runtime: calls of other programs, return data, its place on the stack.
//!
//! These functions reach the transaction through the thread that executes it. Outside of a program there
//! is none: then `invoke` and `set_return_data` panic and say so.

use crate::frame::{Frame, InstructionAccount, current};
use crate::machine::CalledAccount;
use crate::{
    AccountInfo, AccountMeta, InnerInstruction, Instruction, InstructionError, ProgramError,
    ProgramResult, Pubkey, log_line,
};
use smallvec::SmallVec;

/// Compute units of a cross-program invocation, beside what the called program costs (Agave's
/// `DEFAULT_INVOCATION_COST`).
pub const CPI_COMPUTE_UNITS: u64 = 946;

/// Bytes of return data, at most.
pub const MAX_RETURN_DATA: usize = 1024;

/// Bytes of a called instruction's data, at most.
const INSTRUCTION_DATA_MAX: usize = 10 * 1024;

/// Accounts of a called instruction, at most.
const INSTRUCTION_ACCOUNTS_MAX: usize = 255;

/// Seeds of addresses that sign, at most.
const SIGNERS_MAX: usize = 16;

/// Calls another program, which must be among the caller's accounts, as must be all of `instruction`'s.
///
/// `AccountBorrowFailed` while a guard lives that would keep the program from an account. If the called
/// program fails, the caller fails with its error, whatever it makes of the result.
pub fn invoke(instruction: &Instruction, accounts: &[AccountInfo<'_>]) -> ProgramResult {
    invoke_signed(instruction, accounts, &[])
}

/// As `invoke`; the addresses derived from the caller's and `seeds` sign.
pub fn invoke_signed(
    instruction: &Instruction,
    accounts: &[AccountInfo<'_>],
    seeds: &[&[&[u8]]],
) -> ProgramResult {
    let (in_use, metas) = (AccountInfo::is_in_use, &instruction.accounts);
    let conflict = metas.iter().enumerate().any(|(hint, meta)| {
        find(accounts, hint, meta).is_some_and(|account| in_use(account, meta.is_writable))
    });
    if conflict {
        return Err(ProgramError::AccountBorrowFailed);
    }
    invoke_signed_unchecked(instruction, accounts, seeds)
}

/// As `invoke`, without looking for guards that conflict: the called program finds out when it borrows.
pub fn invoke_unchecked(instruction: &Instruction, accounts: &[AccountInfo<'_>]) -> ProgramResult {
    invoke_signed_unchecked(instruction, accounts, &[])
}

/// As `invoke_signed`, without looking for guards that conflict: the called program finds out when it
/// borrows.
pub fn invoke_signed_unchecked(
    instruction: &Instruction,
    accounts: &[AccountInfo<'_>],
    seeds: &[&[&[u8]]],
) -> ProgramResult {
    in_program("invoke", |frame| {
        if frame.state.is_doomed() {
            // The first failure stays the one that the instruction fails with.
            return Err(frame.state.doom(InstructionError::ProgramFailedToComplete));
        }
        let accounts_before = frame.state.instruction_accounts.borrow().len();
        let result = enter(frame, instruction, accounts, seeds);
        frame
            .state
            .instruction_accounts
            .borrow_mut()
            .truncate(accounts_before);
        result.map_err(|error| frame.state.doom(error))
    })
}

fn enter(
    frame: &Frame<'_>,
    instruction: &Instruction,
    accounts: &[AccountInfo<'_>],
    seeds: &[&[&[u8]]],
) -> Result<(), InstructionError> {
    let state = frame.state;
    state.consume(CPI_COMPUTE_UNITS)?;
    if instruction.data.len() > INSTRUCTION_DATA_MAX || seeds.len() > SIGNERS_MAX {
        return Err(InstructionError::ProgramFailedToComplete);
    }
    if instruction.accounts.len() > INSTRUCTION_ACCOUNTS_MAX {
        return Err(InstructionError::MaxAccountsExceeded);
    }
    let signers = derive_signers(frame, seeds)?;
    let start = state.instruction_accounts.borrow().len();
    push_accounts(
        frame,
        &instruction.accounts,
        Some(accounts),
        &signers,
        start,
    )?;
    let program = find_program(frame, &instruction.program_id, accounts)?;
    (frame.run)(frame, program, start, &instruction.data)?;
    check_growth(frame, &instruction.accounts, accounts)
}

/// A call from a machine, whose accounts need not be handed over here; `before` runs right before it.
pub(crate) fn call<E: From<InstructionError>>(
    frame: &Frame<'_>,
    instruction: &Instruction,
    signers: &[Pubkey],
    before: impl FnOnce(&[CalledAccount]) -> Result<(), E>,
) -> Result<(), E> {
    let start = frame.state.instruction_accounts.borrow().len();
    let run = || {
        push_accounts(frame, &instruction.accounts, None, signers, start)?;
        let program = find_program(frame, &instruction.program_id, &[])?;
        let called: SmallVec<[CalledAccount; 32]> = {
            let accounts = frame.state.instruction_accounts.borrow();
            let called = accounts[start..].iter().map(|account| CalledAccount {
                index: account.index,
                is_writable: account.is_writable,
            });
            called.collect()
        };
        before(&called)?;
        (frame.run)(frame, program, start, &instruction.data)?;
        Ok(())
    };
    let result = run();
    frame
        .state
        .instruction_accounts
        .borrow_mut()
        .truncate(start);
    result
}

/// A call by a built-in program: it costs nothing beside what the called program does, and the accounts need not be
/// handed over. `signers` are addresses that the caller signs for.
pub(crate) fn invoke_unpriced(instruction: &Instruction, signers: &[Pubkey]) -> ProgramResult {
    in_program("invoke", |frame| {
        let called = call(frame, instruction, signers, |_| {
            Ok::<(), InstructionError>(())
        });
        called.map_err(|error| frame.state.doom(error))
    })
}

/// The addresses that the caller signs for.
fn derive_signers(
    frame: &Frame<'_>,
    seeds: &[&[&[u8]]],
) -> Result<SmallVec<[Pubkey; 2]>, InstructionError> {
    let derive = |seeds: &&[&[u8]]| Pubkey::create_program_address(seeds, frame.program_id());
    seeds
        .iter()
        .map(derive)
        .collect::<Result<_, _>>()
        .map_err(|error| {
            log_line(format_args!(
                "Could not create program address with signer seeds: {error}"
            ));
            InstructionError::from(u64::from(ProgramError::from(error)))
        })
}

/// The caller's handle for `meta`: mostly the one in the same place.
fn find<'i, 'a>(
    accounts: &'i [AccountInfo<'a>],
    hint: usize,
    meta: &AccountMeta,
) -> Option<&'i AccountInfo<'a>> {
    let hinted = accounts
        .get(hint)
        .filter(|account| *account.key == meta.pubkey);
    hinted.or_else(|| accounts.iter().find(|account| *account.key == meta.pubkey))
}

/// Resolves the called instruction's accounts, and then checks that the caller has them and their privileges. So
/// an account that the transaction does not name is found before any other fault, as on Solana.
fn push_accounts(
    frame: &Frame<'_>,
    metas: &[AccountMeta],
    accounts: Option<&[AccountInfo<'_>]>,
    signers: &[Pubkey],
    start: usize,
) -> Result<(), InstructionError> {
    for (place, meta) in metas.iter().enumerate() {
        let given = accounts.and_then(|accounts| find(accounts, place, meta));
        let index = match given {
            Some(given) => Some(given.index),
            None => frame.find(&meta.pubkey),
        };
        let index = index.ok_or_else(|| unknown_account(&meta.pubkey))?;
        push_account(frame, start, index, meta);
    }
    for (place, meta) in metas.iter().enumerate() {
        let (called, is_first) = {
            let all = frame.state.instruction_accounts.borrow();
            let called = all[start + place];
            let mut earlier = all[start..start + place].iter();
            (called, earlier.all(|twin| twin.index != called.index))
        };
        if is_first {
            check_account(frame, called, accounts, signers, (place, meta))?;
        }
    }
    Ok(())
}

/// Whether the caller has an account and may pass it on as `called` says.
fn check_account(
    frame: &Frame<'_>,
    called: InstructionAccount,
    accounts: Option<&[AccountInfo<'_>]>,
    signers: &[Pubkey],
    (place, meta): (usize, &AccountMeta),
) -> Result<(), InstructionError> {
    let own = frame
        .find_own_account(|own| own.index == called.index)
        .ok_or(InstructionError::MissingAccount)?;
    // A program's account need not be handed over; any other must be.
    let is_given = accounts.is_none_or(|accounts| find(accounts, place, meta).is_some());
    if !is_given && !frame.account(own.index).executable() {
        return Err(unknown_account(&meta.pubkey));
    }
    let key = meta.pubkey;
    if called.is_writable && !own.is_writable {
        log_line(format_args!("{key}'s writable privilege escalated"));
        return Err(InstructionError::PrivilegeEscalation);
    }
    if called.is_signer && !own.is_signer && !signers.contains(&key) {
        log_line(format_args!("{key}'s signer privilege escalated"));
        return Err(InstructionError::PrivilegeEscalation);
    }
    Ok(())
}

fn unknown_account(key: &Pubkey) -> InstructionError {
    log_line(format_args!(
        "Instruction references an unknown account {key}"
    ));
    InstructionError::MissingAccount
}

/// Appends an account. One that is named more than once has everywhere what it has anywhere.
fn push_account(frame: &Frame<'_>, start: usize, index: u8, meta: &AccountMeta) {
    let mut all = frame.state.instruction_accounts.borrow_mut();
    let (mut is_signer, mut is_writable) = (meta.is_signer, meta.is_writable);
    for twin in all[start..].iter().filter(|twin| twin.index == index) {
        is_signer |= twin.is_signer;
        is_writable |= twin.is_writable;
    }
    for twin in all[start..].iter_mut().filter(|twin| twin.index == index) {
        (twin.is_signer, twin.is_writable) = (is_signer, is_writable);
    }
    all.push(InstructionAccount {
        index,
        is_signer,
        is_writable,
    });
}

/// The called program, which must be among the caller's accounts.
fn find_program(
    frame: &Frame<'_>,
    id: &Pubkey,
    accounts: &[AccountInfo<'_>],
) -> Result<u8, InstructionError> {
    let given = accounts
        .iter()
        .rev()
        .find(|account| account.key == id)
        .map(|given| given.index);
    let own = frame.find_own_account(|own| match given {
        Some(index) => own.index == index && frame.account(index).key == id,
        None => frame.account(own.index).key == id,
    });
    own.map(|own| own.index).ok_or_else(|| {
        log_line(format_args!("Unknown program {id}"));
        InstructionError::MissingAccount
    })
}

/// Remembers the call, in a record of an earlier transaction if there is one.
pub(crate) fn record(frame: &Frame<'_>, program: u8, start: usize, data: &[u8]) {
    let state = frame.state;
    let mut inner = state.inner.borrow_mut();
    let count = state.inner_len.get();
    if inner.len() == count {
        inner.push(InnerInstruction::default());
    }
    state.inner_len.set(count + 1);
    let call = &mut inner[count];
    call.top_level = state.top_level.get() as u8;
    call.stack_height = state.depth.get() as u8 + 1;
    call.program = program;
    call.accounts.clear();
    let accounts = state.instruction_accounts.borrow();
    call.accounts
        .extend(accounts[start..].iter().map(|account| account.index));
    call.data.clear();
    call.data.extend_from_slice(data);
    let mut granted = state.inner_granted.borrow_mut();
    if granted.len() == count {
        granted.push(Vec::new());
    }
    granted[count].clear();
    granted[count].extend_from_slice(&accounts[start..]);
}

/// What a called program grew counts against the caller's limit too.
fn check_growth(
    frame: &Frame<'_>,
    metas: &[AccountMeta],
    accounts: &[AccountInfo<'_>],
) -> Result<(), InstructionError> {
    let max = frame.state.level().data_increase_max;
    let instruction = frame.state.top_level.get() as u32 + 1;
    for (place, meta) in metas
        .iter()
        .enumerate()
        .filter(|(_, meta)| meta.is_writable)
    {
        let Some(account) = find(accounts, place, meta) else {
            continue;
        };
        let account = frame.account(account.index);
        let (resized_in, at_start) = account.resized_from.get();
        if resized_in == instruction && account.data_len() > at_start as usize + max {
            log_line(format_args!(
                "Account data size realloc limited to {max} in inner instructions"
            ));
            return Err(InstructionError::InvalidRealloc);
        }
    }
    Ok(())
}

/// Leaves data for the caller. More than `MAX_RETURN_DATA` bytes fail the instruction.
pub fn set_return_data(data: &[u8]) {
    in_program("set_return_data", |frame| {
        if data.len() > MAX_RETURN_DATA {
            let (size, max) = (data.len(), MAX_RETURN_DATA);
            log_line(format_args!("Return data too large ({size} > {max})"));
            frame.state.doom(InstructionError::ProgramFailedToComplete);
            return;
        }
        frame.state.return_program.set(frame.state.level().program);
        let mut returned = frame.state.return_data.borrow_mut();
        returned.clear();
        returned.extend_from_slice(data);
    });
}

/// The program that last set return data in this transaction, and the data; `None` if it is empty.
pub fn get_return_data() -> Option<(Pubkey, Vec<u8>)> {
    current::with(|frame| {
        let returned = frame.state.return_data.borrow();
        let program = frame.account(frame.state.return_program.get()).key;
        (!returned.is_empty()).then(|| (*program, returned.clone()))
    })?
}

/// 1 in a top-level instruction, 2 in a program that it called; 0 outside of a program.
pub fn get_stack_height() -> usize {
    current::with(|frame| frame.state.depth.get()).unwrap_or(0)
}

/// An error to return from the program so that its instruction fails with exactly `error`, which
/// `ProgramError` need not be able to say: `return Err(fail_with(InstructionError::…))`.
pub fn fail_with(error: InstructionError) -> ProgramError {
    let plain = ProgramError::try_from(error.clone()).unwrap_or(ProgramError::InvalidArgument);
    current::with(|frame| frame.state.refuse(error)).unwrap_or(plain)
}

fn in_program<R>(name: &str, run: impl for<'x> FnOnce(&'x Frame<'x>) -> R) -> R {
    current::with(run).unwrap_or_else(|| panic!("{name} was called outside of a program"))
}
