//! Programs: how one is written, registered and found.

use crate::{
    AccountInfo, AccountState, MAX_PERMITTED_DATA_INCREASE, PrecompileError, ProgramResult, Pubkey,
    Versions, loader,
};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The function that a program is.
pub type ProcessInstruction =
    for<'a> fn(program_id: &Pubkey, accounts: &[AccountInfo<'a>], data: &[u8]) -> ProgramResult;

/// The function that a precompile is. It checks its instruction's data and may look at those of any top-level
/// instruction of the transaction, by index (`None`: there is none). It reaches no account.
pub type VerifyInstruction = for<'a> fn(
    data: &'a [u8],
    instruction: &dyn Fn(usize) -> Option<&'a [u8]>,
) -> Result<(), PrecompileError>;

/// What is run when an instruction names a program.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// A program.
    Process(ProcessInstruction),
    /// A precompile: as on Solana it logs nothing, leaves return data as they are, and cannot be called by another
    /// program (`UnsupportedProgramId`). What it costs are the signatures that its data's first byte counts, as a part
    /// of the fee; the compute units that the program declares are not charged.
    Verify(VerifyInstruction),
}

/// A native program and what it declares about itself.
#[derive(Clone, Debug)]
pub struct Program {
    /// Address.
    pub id: Pubkey,
    /// Name in logs of the node and in the data of its account.
    pub name: &'static str,
    /// Entry point.
    pub entry: Entry,
    /// Compute units that one instruction of this program costs.
    pub compute_units: u64,
    /// Bytes by which one top-level instruction of this program may grow an account.
    pub data_increase_max: usize,
    /// Logs as Solana's built-in programs do: without a line of the units consumed.
    pub builtin: bool,
    /// Where its later versions are, if it may be replaced while a node runs.
    pub versions: Option<&'static Versions>,
}

impl Program {
    /// A program as authors write them: grows an account by at most `MAX_PERMITTED_DATA_INCREASE`.
    pub const fn new(
        id: Pubkey,
        name: &'static str,
        process: ProcessInstruction,
        compute_units: u64,
    ) -> Self {
        Self {
            id,
            name,
            entry: Entry::Process(process),
            compute_units,
            data_increase_max: MAX_PERMITTED_DATA_INCREASE,
            builtin: false,
            versions: None,
        }
    }

    /// A precompile of Solana's.
    pub const fn precompile(id: Pubkey, name: &'static str, verify: VerifyInstruction) -> Self {
        Self {
            id,
            name,
            entry: Entry::Verify(verify),
            compute_units: 0,
            data_increase_max: 0,
            builtin: true,
            versions: None,
        }
    }

    /// This program, which may be replaced while a node runs (`Programs::replace`). What a later version declares
    /// of itself counts as its code does, but for the id.
    pub fn replaceable(self) -> Self {
        Self {
            versions: Some(Box::leak(Box::default())),
            ..self
        }
    }

    /// The program as it is in a slot.
    #[inline]
    pub(crate) fn at(&self, slot: u64) -> &Self {
        let version = self.versions.and_then(|versions| versions.at(slot));
        version.unwrap_or(self)
    }

    /// The account that stands for the program: executable, the native loader's, with its name as data; a precompile's
    /// has none.
    pub fn account(&self) -> AccountState {
        let data = match self.entry {
            Entry::Process(_) => self.name.as_bytes(),
            Entry::Verify(_) => &[],
        };
        AccountState {
            lamports: 1,
            owner: solana_sdk_ids::native_loader::ID,
            executable: true,
            data: data.into(),
        }
    }
}

/// Defines `program()`, which describes this crate's program to a node or a test. Stands beside
/// `declare_id!`; the name in the node's logs is the crate's.
///
/// ```
/// use sealane_sdk::{AccountInfo, ProgramResult, Pubkey, declare_id, entrypoint};
/// declare_id!("Counter111111111111111111111111111111111111");
/// entrypoint!(process_instruction, compute_units = 450);
///
/// fn process_instruction(_: &Pubkey, _: &[AccountInfo], _: &[u8]) -> ProgramResult {
///     Ok(())
/// }
/// assert_eq!(program().compute_units, 450);
/// ```
#[macro_export]
macro_rules! entrypoint {
    ($process:path, compute_units = $units:expr) => {
        /// This crate's program, to be registered with a node or a test.
        pub const fn program() -> $crate::Program {
            $crate::Program::new(ID, env!("CARGO_PKG_NAME"), $process, $units)
        }
    };
}

/// The programs a node or a test knows; System, Compute Budget and the loaders are always among them.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Found by a comparison: most instructions are its.
    system: Program,
    others: HashMap<Pubkey, Program, BuildHasherDefault<IdHasher>>,
}

impl Default for Programs {
    fn default() -> Self {
        Self::builtin()
    }
}

impl Programs {
    /// System, Compute Budget, and the loaders of programs that are ELF files.
    pub fn builtin() -> Self {
        let mut programs = Self {
            system: crate::system::PROGRAM,
            others: HashMap::default(),
        };
        programs.add(crate::compute_budget::PROGRAM);
        programs.add(loader::DEPRECATED);
        programs.add(loader::FINAL);
        programs.add(loader::UPGRADEABLE);
        programs
    }
    /// Adds `program`, replacing one with the same id.
    pub fn add(&mut self, program: Program) {
        if program.id == self.system.id {
            self.system = program;
        } else {
            self.others.insert(program.id, program);
        }
    }
    /// Takes away those that are not to be kept. System always is.
    pub fn retain(&mut self, keep: impl Fn(&Program) -> bool) {
        self.others.retain(|_, program| keep(program));
    }
    /// The program with this id.
    #[inline]
    pub fn get(&self, id: &Pubkey) -> Option<&Program> {
        if *id == solana_sdk_ids::system_program::ID {
            Some(&self.system)
        } else {
            self.others.get(id)
        }
    }
    /// Puts `program` in place of the one with its id, from the next slot on. Whether there is one that is
    /// `replaceable`.
    pub fn replace(&self, program: Program) -> bool {
        let versions = self.get(&program.id).and_then(|known| known.versions);
        versions.map(|it| it.replace(program)).is_some()
    }
    /// Begins a slot, before any of its transactions run: what was replaced counts from here on.
    pub fn open_slot(&self, slot: u64) {
        for versions in self.iter().filter_map(|program| program.versions) {
            versions.open_slot(slot);
        }
    }
    /// All programs, in no particular order: what genesis makes accounts of (owner: native loader,
    /// executable).
    pub fn iter(&self) -> impl Iterator<Item = &Program> {
        std::iter::once(&self.system).chain(self.others.values())
    }
}

/// A quick hash of ids. Who registers programs means well, so it need not resist made-up ids.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
