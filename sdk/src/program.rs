//! Programs: how one is written, registered and found.

use crate::{Pubkey, ProgramResult};

/// An account as a program sees it: a small Copy, !Send handle bound to the call.
#[derive(Clone, Copy)]
pub struct AccountInfo<'a> {
    /// Address.
    pub key: &'a Pubkey,
    /// Whether the transaction (or the calling program) signed for it.
    pub is_signer: bool,
    /// Whether this instruction may write it.
    pub is_writable: bool,
    // frame: &'a Frame, index
    _not_send: std::marker::PhantomData<*const ()>,
}

/// The function that a program is.
pub type ProcessInstruction =
    for<'a> fn(program_id: &Pubkey, accounts: &[AccountInfo<'a>], data: &[u8]) -> ProgramResult;

/// A native program and what it declares about itself.
#[derive(Clone, Debug)]
pub struct Program {
    /// Address.
    pub id: Pubkey,
    /// Name in logs of the node and in the data of its account.
    pub name: &'static str,
    /// Entry point.
    pub process: ProcessInstruction,
    /// Compute units that one instruction of this program costs.
    pub compute_units: u64,
}

/// The programs a node or a test knows; System and Compute Budget are always among them.
#[derive(Clone, Debug, Default)]
pub struct Programs(());

impl Programs {
    /// System and Compute Budget.
    pub fn builtin() -> Self {
        todo!()
    }
    /// Adds `program`, replacing one with the same id.
    pub fn add(&mut self, _program: Program) {
        todo!()
    }
    /// The program with this id.
    pub fn get(&self, _id: &Pubkey) -> Option<&Program> {
        todo!()
    }
    /// All programs, by id: what genesis makes accounts of (owner: native loader, executable).
    pub fn iter(&self) -> impl Iterator<Item = &Program> {
        std::iter::empty()
    }
}
