//! What the virtual machine and its syscalls hold of a running program, and the way to its memory.
//!
//! # Why the unsafe code here is sound
//!
//! A context lives in `run`, which holds the borrow of the `MachineCall` that `call` points to, and is given to
//! nobody who could keep it: the machine hands it to syscalls by `&mut`, for the call alone. `call()` ties what it
//! lends to the borrow of the context, with a shorter life than the call's, which `MachineCall` allows.
//!
//! The program's memory is in buffers that `run` owns, and in the executable, which it borrows. Regions point to
//! them for no longer than the context lives. The program itself writes them only while no syscall runs. Within
//! a syscall, `bytes` lends what lies there with the context borrowed, and `write`, `copy` and `fill` need it
//! exclusively; each part of a region is initialised, and any bytes are valid there.

#![allow(unsafe_code)]

use crate::error::{Error, VmError};
use crate::input::AccountPlace;
use bytemuck::{AnyBitPattern, NoUninit};
use sealane_sdk::MachineCall;
use smallvec::SmallVec;
use solana_sbpf::error::StableResult;
use solana_sbpf::memory_region::{AccessType, HostBuffer, MemoryMapping};
use solana_sbpf::vm::ContextObject;
use std::cell::RefCell;
use std::ptr::{self, NonNull};
use std::slice;

/// A program that runs.
pub(crate) struct Context {
    call: NonNull<MachineCall<'static>>,
    /// In an allocation of its own: the machine keeps a pointer to it.
    mapping: Box<RefCell<MemoryMapping>>,
    /// Where the accounts of the instruction lie in the program's memory.
    pub(crate) places: SmallVec<[AccountPlace; 16]>,
    /// Whether pointers must be aligned: for all but programs of the first loader.
    pub(crate) is_aligned: bool,
    /// Bytes of the heap that `sol_alloc_free_` gave away.
    pub(crate) heap_used: u64,
    pub(crate) heap_bytes: u64,
}

impl Context {
    /// The context of a call.
    ///
    /// # Safety
    /// It must be dropped before `call` is, and before the memory of `mapping`.
    pub(crate) unsafe fn new(
        call: &MachineCall<'_>,
        mapping: MemoryMapping,
        places: SmallVec<[AccountPlace; 16]>,
        is_aligned: bool,
        heap_bytes: u64,
    ) -> Self {
        Self {
            call: NonNull::from_ref(call).cast(),
            mapping: Box::new(RefCell::new(mapping)),
            places,
            is_aligned,
            heap_used: 0,
            heap_bytes,
        }
    }

    /// The instruction.
    pub(crate) fn call(&self) -> &MachineCall<'_> {
        // SAFETY: see the top of the file.
        unsafe { self.call.as_ref() }
    }

    /// Takes compute units.
    pub(crate) fn consume_units(&self, units: u64) -> Result<(), Error> {
        Ok(self.call().consume(units)?)
    }

    /// The memory regions as they are now.
    pub(crate) fn regions(&mut self) -> &[solana_sbpf::memory_region::MemoryRegion] {
        self.mapping.get_mut().get_regions()
    }

    fn map(&self, access: AccessType, address: u64, length: u64) -> Result<HostBuffer, Error> {
        let mut mapping = self.mapping.borrow_mut();
        match mapping.map_with_access_violation_handler(access, address, length) {
            StableResult::Ok(buffer) => Ok(buffer),
            StableResult::Err(error) => Err(error.into()),
        }
    }

    /// Memory of `count` values of `size` bytes, as `access` allows; `None` if it is empty.
    fn values(
        &self,
        access: AccessType,
        address: u64,
        count: u64,
        (size, align): (usize, usize),
    ) -> Result<Option<HostBuffer>, Error> {
        if count == 0 {
            return Ok(None);
        }
        let length = count.saturating_mul(size as u64);
        if isize::try_from(length).is_err() {
            return Err(VmError::InvalidLength.into());
        }
        let buffer = self.map(access, address, length)?;
        if self.is_aligned && !buffer.ptr().addr().is_multiple_of(align) {
            return Err(VmError::UnalignedPointer.into());
        }
        Ok(Some(buffer))
    }

    /// The bytes at an address.
    pub(crate) fn bytes(&self, address: u64, length: u64) -> Result<&[u8], Error> {
        let Some(buffer) = self.values(AccessType::Load, address, length, (1, 1))? else {
            return Ok(&[]);
        };
        // SAFETY: see the top of the file.
        Ok(unsafe { slice::from_raw_parts(buffer.ptr().cast(), buffer.len()) })
    }

    /// The value at an address, which must be aligned for it.
    pub(crate) fn read<T: AnyBitPattern>(&self, address: u64) -> Result<T, Error> {
        Ok(self.read_all(address, 1)?[0])
    }

    /// Values that lie one after the other.
    pub(crate) fn read_all<T: AnyBitPattern>(
        &self,
        address: u64,
        count: u64,
    ) -> Result<SmallVec<[T; 4]>, Error> {
        let layout = (size_of::<T>(), align_of::<T>());
        let Some(buffer) = self.values(AccessType::Load, address, count, layout)? else {
            return Ok(SmallVec::new());
        };
        // SAFETY: see the top of the file.
        let bytes = unsafe { slice::from_raw_parts(buffer.ptr().cast::<u8>(), buffer.len()) };
        let values = bytes.chunks_exact(size_of::<T>());
        Ok(values.map(bytemuck::pod_read_unaligned).collect())
    }

    /// Checks that values can be read, and copies none: for a syscall that limits or charges how many they are.
    pub(crate) fn check_all<T: AnyBitPattern>(
        &self,
        address: u64,
        count: u64,
    ) -> Result<(), Error> {
        let layout = (size_of::<T>(), align_of::<T>());
        self.values(AccessType::Load, address, count, layout)?;
        Ok(())
    }

    /// A range of a region that can be written to, for a syscall that writes it later.
    pub(crate) fn check_writable(&self, address: u64, length: u64) -> Result<(), Error> {
        self.values(AccessType::Store, address, length, (1, 1))?;
        Ok(())
    }

    /// Writes a value at an address, which must be aligned for it.
    pub(crate) fn write<T: NoUninit>(&mut self, address: u64, value: &T) -> Result<(), Error> {
        let layout = (size_of::<T>(), align_of::<T>());
        self.put(address, bytemuck::bytes_of(value), 1, layout)
    }

    /// Writes bytes.
    pub(crate) fn write_bytes(&mut self, address: u64, bytes: &[u8]) -> Result<(), Error> {
        self.put(address, bytes, bytes.len() as u64, (1, 1))
    }

    fn put(
        &mut self,
        address: u64,
        bytes: &[u8],
        count: u64,
        layout: (usize, usize),
    ) -> Result<(), Error> {
        if let Some(buffer) = self.values(AccessType::Store, address, count, layout)? {
            let to = buffer.ptr_mut().cast::<u8>();
            // SAFETY: `bytes` are no guest's memory, which cannot be lent while `self` is exclusive; both are as
            // long as was mapped.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        }
        Ok(())
    }

    /// Copies within the program's memory; the two may overlap.
    pub(crate) fn copy(&mut self, to: u64, from: u64, length: u64) -> Result<(), Error> {
        let to = self.values(AccessType::Store, to, length, (1, 1))?;
        let from = self.values(AccessType::Load, from, length, (1, 1))?;
        if let (Some(to), Some(from)) = (to, from) {
            // SAFETY: both are `length` bytes long, and `copy` minds an overlap.
            unsafe {
                ptr::copy(
                    from.ptr().cast(),
                    to.ptr_mut().cast::<u8>(),
                    length as usize,
                )
            };
        }
        Ok(())
    }

    /// Makes all bytes of a range the same.
    pub(crate) fn fill(&mut self, address: u64, byte: u8, length: u64) -> Result<(), Error> {
        if let Some(buffer) = self.values(AccessType::Store, address, length, (1, 1))? {
            // SAFETY: mapped for writing, `length` bytes.
            unsafe { ptr::write_bytes(buffer.ptr_mut().cast::<u8>(), byte, length as usize) };
        }
        Ok(())
    }
}

impl ContextObject for Context {
    fn consume(&mut self, units: u64) {
        // What is too much is found out by the machine, which asks what is left.
        let _ = self.call().consume(units);
    }

    fn get_remaining(&self) -> u64 {
        self.call().compute_left()
    }

    fn active_mapping_ptr(&mut self) -> NonNull<MemoryMapping> {
        NonNull::from(self.mapping.get_mut())
    }
}
