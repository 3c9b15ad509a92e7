//! Cross-program invocation: `sol_invoke_signed_rust` and `sol_invoke_signed_c`.
//!
//! The caller's changes go from its memory to its accounts before the called program runs, and the called
//! program's back into the caller's memory afterwards. Checks, and their order, are those of Agave's
//! `program-runtime/src/cpi.rs` with mainnet's features; so the pointers of an account must be the ones that the
//! caller was given (`syscall_parameter_address_restrictions`).

use crate::context::Context;
use crate::cost;
use crate::error::{Error, VmError};
use crate::input::AccountPlace;
use bytemuck::{AnyBitPattern, Pod, Zeroable};
use sealane_sdk::{
    AccountMeta, CalledAccount, Instruction, InstructionError, MAX_PERMITTED_DATA_INCREASE, Pubkey,
    loader, log_line,
};
use smallvec::SmallVec;
use solana_sbpf::ebpf::MM_INPUT_START;
use solana_sdk_ids::{
    bpf_loader, bpf_loader_deprecated, bpf_loader_upgradeable, ed25519_program, native_loader,
    secp256k1_program, secp256r1_program,
};

/// Seeds of addresses that sign, at most.
const SIGNERS_MAX: u64 = 16;
/// Seeds of an address, at most.
const SEEDS_MAX: usize = 16;
/// Accounts of an instruction, at most.
const INSTRUCTION_ACCOUNTS_MAX: u64 = 255;
/// Bytes of an instruction's data, at most.
const INSTRUCTION_DATA_MAX: u64 = 10 * 1_024;
/// Account infos that may be handed over (SIMD-0339).
const ACCOUNT_INFOS_MAX: u64 = 255;
/// Bytes that an account info counts (SIMD-0339).
const ACCOUNT_INFO_BYTES: u64 = 80;
/// Bytes that an account meta counts, as Rust lays it out.
const ACCOUNT_META_BYTES: u64 = 34;

/// Pointer and length, as Rust and C keep a slice.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct GuestSlice {
    pub(crate) address: u64,
    pub(crate) len: u64,
}

/// `StableInstruction`: two vectors and an address.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RustInstruction {
    accounts: u64,
    accounts_capacity: u64,
    accounts_len: u64,
    data: u64,
    data_capacity: u64,
    data_len: u64,
    program_id: [u8; 32],
}

/// `AccountMeta`. The flags are any byte until they were looked at.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RustAccountMeta {
    pubkey: [u8; 32],
    is_signer: u8,
    is_writable: u8,
}

/// `AccountInfo`: its `lamports` and `data` are `Rc<RefCell<…>>`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct RustAccountInfo {
    key: u64,
    lamports: u64,
    data: u64,
    owner: u64,
    unused: u64,
    flags: u64,
}

/// Where the value lies in an `Rc<RefCell<…>>`: behind two counts and a flag. Added as pointers are: around the end.
const RC_REF_CELL_HEAD: u64 = 24;

/// `SolInstruction`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct CInstruction {
    program_id: u64,
    accounts: u64,
    accounts_len: u64,
    data: u64,
    data_len: u64,
}

/// `SolAccountMeta`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct CAccountMeta {
    pubkey: u64,
    is_writable: u8,
    is_signer: u8,
    padding: [u8; 6],
}

/// `SolAccountInfo`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CAccountInfo {
    key: u64,
    lamports: u64,
    data_len: u64,
    data: u64,
    owner: u64,
    rent_epoch: u64,
    flags: [u8; 8],
}

/// An account of the caller's that the called program sees.
struct Shared {
    /// Its place in the caller's instruction.
    at: usize,
    place: AccountPlace,
    /// Where the caller keeps the length of its data, beside where it lies serialised.
    len_address: u64,
    is_writable: bool,
}

/// One of the two languages in which a caller may describe a call.
pub(crate) trait Language {
    type AccountInfo: AnyBitPattern;

    fn instruction(context: &Context, address: u64) -> Result<Instruction, Error>;

    fn key(info: &Self::AccountInfo) -> u64;

    /// Checks that an account info points to where the account lies. Returns where it keeps the length of its data.
    fn check(
        context: &Context,
        info: &Self::AccountInfo,
        address: u64,
        place: &AccountPlace,
    ) -> Result<u64, Error>;
}

pub(crate) struct Rust;
pub(crate) struct C;

/// The syscall.
pub(crate) fn invoke_signed<L: Language>(
    context: &mut Context,
    [instruction, infos, infos_len, seeds, seeds_len]: [u64; 5],
) -> Result<u64, Error> {
    context.consume_units(cost::INVOKE)?;
    let instruction = L::instruction(context, instruction)?;
    let signers = signers(context, seeds, seeds_len)?;
    check_callable(&instruction)?;
    let mut shared: SmallVec<[Shared; 16]> = SmallVec::new();
    let call = context.call();
    call.call::<CallError>(&instruction, &signers, |accounts| {
        share::<L>(context, infos, infos_len, accounts, &mut shared)?;
        Ok(shared
            .iter()
            .try_for_each(|account| give(context, account))?)
    })
    .map_err(|CallError(error)| error)?;
    for account in shared.iter().filter(|account| account.is_writable) {
        take_back(context, account)?;
    }
    Ok(0)
}

struct CallError(Error);

impl From<InstructionError> for CallError {
    fn from(error: InstructionError) -> Self {
        Self(error.into())
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// What may be called at all.
fn check_callable(instruction: &Instruction) -> Result<(), Error> {
    let program = instruction.program_id;
    let never = [
        native_loader::ID,
        bpf_loader::ID,
        bpf_loader_deprecated::ID,
        ed25519_program::ID,
        secp256k1_program::ID,
        secp256r1_program::ID,
    ];
    let is_loader = program == bpf_loader_upgradeable::ID;
    if never.contains(&program) || is_loader && !loader::is_callable(&instruction.data) {
        return Err(VmError::ProgramNotSupported(program).into());
    }
    Ok(())
}

fn check_size(accounts: u64, data: u64) -> Result<(), Error> {
    if accounts > INSTRUCTION_ACCOUNTS_MAX {
        return Err(VmError::TooManyInstructionAccounts(accounts, INSTRUCTION_ACCOUNTS_MAX).into());
    }
    if data > INSTRUCTION_DATA_MAX {
        return Err(VmError::InstructionDataTooLarge(data, INSTRUCTION_DATA_MAX).into());
    }
    Ok(())
}

/// Charges for the translation of an instruction.
fn charge(context: &Context, accounts: u64, data: u64) -> Result<(), Error> {
    let metas = accounts * ACCOUNT_META_BYTES / cost::BYTES_PER_UNIT;
    context.consume_units(data / cost::BYTES_PER_UNIT + metas)
}

fn flag(byte: u8) -> Result<bool, Error> {
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(InstructionError::InvalidArgument.into()),
    }
}

/// The addresses that the caller signs for.
fn signers(context: &Context, address: u64, len: u64) -> Result<SmallVec<[Pubkey; 2]>, Error> {
    let mut signers = SmallVec::new();
    if len == 0 {
        return Ok(signers);
    }
    context.check_all::<GuestSlice>(address, len)?;
    if len > SIGNERS_MAX {
        return Err(VmError::TooManySigners.into());
    }
    let all: SmallVec<[GuestSlice; 4]> = context.read_all(address, len)?;
    for seeds in all {
        context.check_all::<GuestSlice>(seeds.address, seeds.len)?;
        if seeds.len > SEEDS_MAX as u64 {
            return Err(InstructionError::MaxSeedLengthExceeded.into());
        }
        let seeds: SmallVec<[GuestSlice; 4]> = context.read_all(seeds.address, seeds.len)?;
        let seeds: SmallVec<[&[u8]; SEEDS_MAX]> = seeds
            .iter()
            .map(|seed| context.bytes(seed.address, seed.len))
            .collect::<Result<_, _>>()?;
        let signer = Pubkey::create_program_address(&seeds, context.call().program_id());
        signers.push(signer.map_err(VmError::BadSeeds)?);
    }
    Ok(signers)
}

/// Finds what of the called program's accounts the caller handed over, and where it lies.
fn share<L: Language>(
    context: &Context,
    infos: u64,
    infos_len: u64,
    accounts: &[CalledAccount],
    shared: &mut SmallVec<[Shared; 16]>,
) -> Result<(), Error> {
    let info_bytes = size_of::<L::AccountInfo>() as u64;
    if infos.saturating_add(infos_len.saturating_mul(info_bytes)) >= MM_INPUT_START {
        return Err(VmError::InvalidPointer.into());
    }
    context.check_all::<L::AccountInfo>(infos, infos_len)?;
    if infos_len > ACCOUNT_INFOS_MAX {
        return Err(VmError::TooManyAccountInfos(infos_len, ACCOUNT_INFOS_MAX).into());
    }
    context.consume_units(infos_len * ACCOUNT_INFO_BYTES / cost::BYTES_PER_UNIT)?;
    let given: SmallVec<[L::AccountInfo; 4]> = context.read_all(infos, infos_len)?;
    let keys: SmallVec<[[u8; 32]; 16]> = given
        .iter()
        .map(|info| context.read(L::key(info)))
        .collect::<Result<_, _>>()?;
    let call = context.call();
    for (i, account) in accounts.iter().enumerate() {
        if accounts[..i]
            .iter()
            .any(|earlier| earlier.index == account.index)
        {
            continue;
        }
        let at = call
            .place_of(account.index)
            .ok_or(InstructionError::MissingAccount)?;
        let own = call.account(at);
        if own.executable() {
            context.consume_units(own.data_len() as u64 / cost::BYTES_PER_UNIT)?;
            continue;
        }
        let key = own.key();
        let Some(place_in_infos) = keys.iter().position(|given| given == key.as_array()) else {
            log_line(format_args!(
                "Instruction references an unknown account {key}"
            ));
            return Err(InstructionError::MissingAccount.into());
        };
        let place = context.places[at];
        let address = infos + place_in_infos as u64 * info_bytes;
        let len_address = L::check(context, &given[place_in_infos], address, &place)?;
        let len: u64 = context.read(len_address)?;
        check_len(context, &place, len)?;
        context.consume_units(len / cost::BYTES_PER_UNIT)?;
        shared.push(Shared {
            at,
            place,
            len_address,
            is_writable: account.is_writable,
        });
    }
    Ok(())
}

/// Room that an account has in the caller's memory.
fn room(context: &Context, place: &AccountPlace) -> usize {
    match context.is_aligned {
        true => place.original_len + MAX_PERMITTED_DATA_INCREASE,
        false => place.original_len,
    }
}

fn check_len(context: &Context, place: &AccountPlace, len: u64) -> Result<(), Error> {
    if len > room(context, place) as u64 {
        return Err(InstructionError::InvalidRealloc.into());
    }
    context.check_writable(place.data, len)
}

/// Gives the called program what the caller changed.
fn give(context: &Context, shared: &Shared) -> Result<(), Error> {
    let account = context.call().account(shared.at);
    account.set_lamports(context.read(shared.place.lamports)?)?;
    let len: u64 = context.read(shared.len_address)?;
    account.set_data(context.bytes(shared.place.data, len)?)?;
    // The owner last: until then the caller may change the account.
    let owner: [u8; 32] = context.read(shared.place.owner)?;
    account.assign(&Pubkey::new_from_array(owner))?;
    Ok(())
}

/// Shows the caller what the called program changed.
fn take_back(context: &mut Context, shared: &Shared) -> Result<(), Error> {
    let place = shared.place;
    // The account lives in the call, not in the context, which is written below.
    let (lamports, owner, data) = {
        let account = context.call().account(shared.at);
        let data = account.data()?;
        (
            account.lamports(),
            account.owner(),
            SmallVec::<[u8; 256]>::from_slice(&data),
        )
    };
    context.write(place.lamports, &lamports)?;
    context.write_bytes(place.owner, owner.as_array())?;
    let before: u64 = context.read(shared.len_address)?;
    let room = room(context, &place);
    if data.len() > room {
        let increase_max = room - place.original_len;
        log_line(format_args!(
            "Account data size realloc limited to {increase_max} in inner instructions"
        ));
        return Err(InstructionError::InvalidRealloc.into());
    }
    if before != data.len() as u64 {
        if (data.len() as u64) < before {
            // What was used and is not any more.
            let unused = place.data + data.len() as u64;
            context.fill(unused, 0, before - data.len() as u64)?;
        }
        context.write_bytes(shared.len_address, &data.len().to_le_bytes())?;
        context.write(place.data - 8, &(data.len() as u64))?;
    }
    context.write_bytes(place.data, &data)
}

fn check_pointer(name: &str, found: u64, expected: u64) -> Result<(), Error> {
    if found != expected {
        log_line(format_args!(
            "Invalid account info pointer `{name}': {found:#x} != {expected:#x}"
        ));
        return Err(VmError::InvalidPointer.into());
    }
    Ok(())
}

/// What a caller keeps of an account must not lie among the accounts, where a called program could change it.
fn check_outside_input(address: u64) -> Result<(), Error> {
    if address >= MM_INPUT_START {
        return Err(VmError::InvalidPointer.into());
    }
    Ok(())
}

impl Language for Rust {
    type AccountInfo = RustAccountInfo;

    fn instruction(context: &Context, address: u64) -> Result<Instruction, Error> {
        let given: RustInstruction = context.read(address)?;
        context.check_all::<RustAccountMeta>(given.accounts, given.accounts_len)?;
        let data = context.bytes(given.data, given.data_len)?;
        check_size(given.accounts_len, given.data_len)?;
        charge(context, given.accounts_len, given.data_len)?;
        let metas: SmallVec<[RustAccountMeta; 4]> =
            context.read_all(given.accounts, given.accounts_len)?;
        let accounts = metas.iter().map(|meta| {
            let (is_signer, is_writable) = (flag(meta.is_signer)?, flag(meta.is_writable)?);
            Ok(AccountMeta {
                pubkey: Pubkey::new_from_array(meta.pubkey),
                is_signer,
                is_writable,
            })
        });
        Ok(Instruction {
            program_id: Pubkey::new_from_array(given.program_id),
            accounts: accounts.collect::<Result<_, Error>>()?,
            data: data.to_vec(),
        })
    }

    fn key(info: &RustAccountInfo) -> u64 {
        info.key
    }

    fn check(
        context: &Context,
        info: &RustAccountInfo,
        _: u64,
        place: &AccountPlace,
    ) -> Result<u64, Error> {
        check_pointer("key", info.key, place.key)?;
        check_pointer("owner", info.owner, place.owner)?;
        let lamports_cell = info.lamports.wrapping_add(RC_REF_CELL_HEAD);
        let lamports: u64 = context.read(lamports_cell)?;
        check_outside_input(lamports_cell)?;
        check_pointer("lamports", lamports, place.lamports)?;
        context.check_writable(place.lamports, 8)?;
        context.check_writable(place.owner, 32)?;
        let data_cell = info.data.wrapping_add(RC_REF_CELL_HEAD);
        check_outside_input(data_cell)?;
        let data: GuestSlice = context.read(data_cell)?;
        check_pointer("data", data.address, place.data)?;
        let len_address = data_cell.saturating_add(8);
        check_outside_input(len_address)?;
        context.check_writable(len_address, 8)?;
        Ok(len_address)
    }
}

impl Language for C {
    type AccountInfo = CAccountInfo;

    fn instruction(context: &Context, address: u64) -> Result<Instruction, Error> {
        let given: CInstruction = context.read(address)?;
        let program_id: [u8; 32] = context.read(given.program_id)?;
        context.check_all::<CAccountMeta>(given.accounts, given.accounts_len)?;
        let data = context.bytes(given.data, given.data_len)?;
        check_size(given.accounts_len, given.data_len)?;
        charge(context, given.accounts_len, given.data_len)?;
        let metas: SmallVec<[CAccountMeta; 4]> =
            context.read_all(given.accounts, given.accounts_len)?;
        let accounts = metas.iter().map(|meta| {
            let (is_signer, is_writable) = (flag(meta.is_signer)?, flag(meta.is_writable)?);
            Ok(AccountMeta {
                pubkey: Pubkey::new_from_array(context.read(meta.pubkey)?),
                is_signer,
                is_writable,
            })
        });
        Ok(Instruction {
            program_id: Pubkey::new_from_array(program_id),
            accounts: accounts.collect::<Result<_, Error>>()?,
            data: data.to_vec(),
        })
    }

    fn key(info: &CAccountInfo) -> u64 {
        info.key
    }

    fn check(
        context: &Context,
        info: &CAccountInfo,
        address: u64,
        place: &AccountPlace,
    ) -> Result<u64, Error> {
        check_pointer("key", info.key, place.key)?;
        check_pointer("owner", info.owner, place.owner)?;
        check_pointer("lamports", info.lamports, place.lamports)?;
        check_pointer("data", info.data, place.data)?;
        context.check_writable(place.lamports, 8)?;
        context.check_writable(place.owner, 32)?;
        // Behind `key` and `lamports`.
        let len_address = address.saturating_add(16);
        check_outside_input(len_address)?;
        context.check_writable(len_address, 8)?;
        Ok(len_address)
    }
}
