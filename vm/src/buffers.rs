//! Memory of programs: stack, heap and input, used again by the next program on this thread.
//!
//! Stack and heap begin as zeros. A program gets a small part of each, and more when it touches it, so that what
//! has to be zeroed afterwards is what it may have used, and not 288 KiB.

use solana_sbpf::ebpf::{MM_HEAP_START, MM_STACK_START};
use solana_sbpf::memory_region::{AccessType, HostBuffer, MemoryRegion};
use std::cell::RefCell;
use std::ptr;

/// Bytes of a stack frame.
pub(crate) const STACK_FRAME_BYTES: usize = 4_096;
/// Frames, at most.
pub(crate) const CALL_DEPTH_MAX: usize = 64;
pub(crate) const STACK_BYTES: usize = STACK_FRAME_BYTES * CALL_DEPTH_MAX;
/// Bytes of heap that a transaction may ask for, at most.
pub(crate) const HEAP_BYTES_MAX: usize = 256 * 1_024;

/// What a program gets of its stack before it touches more.
const STACK_BYTES_FIRST: usize = 2 * STACK_FRAME_BYTES;

/// Buffers for one program. Words, so that they are aligned for whatever a program keeps in them.
pub(crate) struct Buffers {
    stack: Box<[u128]>,
    heap: Box<[u128]>,
    /// Not zeroed: it is written whole.
    pub(crate) input: Vec<u128>,
}

impl Buffers {
    fn new() -> Self {
        let zeroed = |bytes: usize| vec![0; bytes / size_of::<u128>()].into_boxed_slice();
        Self {
            stack: zeroed(STACK_BYTES),
            heap: zeroed(HEAP_BYTES_MAX),
            input: Vec::new(),
        }
    }

    /// The stack's region, with gaps between frames of `gap` bytes, or none. A stack that grows down from its end
    /// is given whole.
    pub(crate) fn stack_region(&mut self, gap: u64, grows_down: bool) -> MemoryRegion {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.stack);
        let first = if grows_down {
            STACK_BYTES
        } else {
            STACK_BYTES_FIRST
        };
        let mut region = MemoryRegion::new_gapped(part(bytes, first), MM_STACK_START, gap);
        region.access_violation_handler_payload = Some(kibibytes(STACK_BYTES));
        region
    }

    /// The heap's region, of which a program may use `bytes`.
    pub(crate) fn heap_region(&mut self, bytes: usize) -> MemoryRegion {
        let heap: &mut [u8] = bytemuck::cast_slice_mut(&mut self.heap);
        let mut region = MemoryRegion::new(part(heap, 0), MM_HEAP_START);
        region.access_violation_handler_payload = Some(kibibytes(bytes));
        region
    }

    /// Zeroes what a program may have written, as its regions are at the end.
    pub(crate) fn clear(&mut self, regions: &[MemoryRegion]) {
        for region in regions {
            let buffer = match region.vm_addr_range().start {
                MM_STACK_START => &mut self.stack,
                MM_HEAP_START => &mut self.heap,
                _ => continue,
            };
            let words = region.len().div_ceil(size_of::<u128>());
            buffer[..words].fill(0);
        }
    }
}

/// The first `len` bytes of a buffer, by a pointer that may be made longer within it.
fn part(buffer: &mut [u8], len: usize) -> *mut [u8] {
    debug_assert!(len <= buffer.len(), "a part is in its buffer");
    ptr::slice_from_raw_parts_mut(buffer.as_mut_ptr(), len)
}

/// Heap sizes are multiples of 1,024.
fn kibibytes(bytes: usize) -> u16 {
    (bytes / 1_024) as u16
}

/// Gives a program more of its stack or heap, if that is what it touches: twice as much, or as much as it needs.
///
/// The payload of a region is how long it may get; the memory behind it is that long.
pub(crate) fn grow(region: &mut MemoryRegion, _: u64, _: AccessType, address: u64, length: u64) {
    let (Some(kibibytes), HostBuffer::Mutable(host)) = (
        region.access_violation_handler_payload,
        region.host_buffer(),
    ) else {
        return;
    };
    let max = usize::from(kibibytes) * 1_024;
    let start = region.vm_addr_range().start;
    // With gaps, an address is up to twice as far as its byte.
    let needed = usize::try_from(address.saturating_sub(start).saturating_add(length));
    let needed = needed.map_or(max, |needed| needed.next_multiple_of(STACK_FRAME_BYTES));
    if region.len() < max {
        let longer = needed.max(2 * region.len()).min(max);
        let host = ptr::slice_from_raw_parts_mut(host.cast::<u8>(), longer);
        let gap = region.gap_size();
        let payload = region.access_violation_handler_payload;
        *region = MemoryRegion::new_gapped(host, start, gap);
        region.access_violation_handler_payload = payload;
    }
}

thread_local! {
    /// Buffers that no program uses.
    static POOL: RefCell<Vec<Buffers>> = const { RefCell::new(Vec::new()) };
}

/// Lends buffers to a program.
pub(crate) fn with<R>(run: impl FnOnce(&mut Buffers) -> R) -> R {
    let pooled = POOL.with_borrow_mut(Vec::pop);
    let mut buffers = pooled.unwrap_or_else(Buffers::new);
    let result = run(&mut buffers);
    POOL.with_borrow_mut(|pool| pool.push(buffers));
    result
}
