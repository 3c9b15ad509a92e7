//! Nothing is allocated after warm-up: counted by the allocator itself, for the thread that asks, since
//! the test harness allocates on its own.

// An allocator cannot be written without it; the crate itself forbids it.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_scheduler::{Access, Config, InsertError, PriorityBuffer, Pushed, Scheduler};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call goes to the system's allocator with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc`'s contract, which is the system's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` or `realloc`, hence from the system, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `dealloc`, and `size` is the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_is_allocated_after_warm_up() {
    const ACCOUNTS: u32 = 4000;
    let mut scheduler = Scheduler::new(Config {
        threads: 4,
        tasks_max: 60,
        accesses_max: 160,
        batch_max: 64,
        account_cost_max: Some(1000),
        slot_cost_max: Some(1_000_000),
    });
    scheduler.reserve_accounts(ACCOUNTS as usize);
    let mut buffer = PriorityBuffer::new(500);
    let mut batch = Vec::with_capacity(64);
    let mut random = SmallRng::seed_from_u64(1);
    let (mut full, mut account_cost, mut evicted, mut completed) = (0, 0, 0, 0usize);

    let before = ALLOCATIONS.get();
    for round in 0..20_000u32 {
        for item in 0..random.random_range(0..50) {
            let pushed = buffer.push(random.random_range(0..20), item);
            evicted += usize::from(matches!(pushed, Pushed::Evicted(_)));
        }
        for _ in 0..random.random_range(0..40) {
            let Some(user) = buffer.pop() else { break };
            let account = random.random_range(3..ACCOUNTS - 1);
            let hot = Access {
                account: random.random_range(0..3),
                write: random.random(),
            };
            let accesses = [
                hot,
                Access {
                    account,
                    write: true,
                },
                Access {
                    account: account + 1,
                    write: false,
                },
            ];
            match scheduler.insert(&accesses, 1, user) {
                Ok(_) => (),
                Err(InsertError::Full) => full += 1,
                Err(_) => account_cost += 1,
            }
        }
        for thread in 0..4 {
            scheduler.next_batch(thread, &mut batch);
            completed += batch.len();
            for &(task, _) in &batch {
                scheduler.complete(task);
            }
            if round % 3 != 0 {
                break;
            }
        }
        if round % 500 == 0 {
            scheduler.start_slot();
            scheduler.reset_longest_chain();
        }
    }
    let allocations = ALLOCATIONS.get() - before;

    assert_eq!(allocations, 0);
    let ways = [full, account_cost, evicted, completed];
    assert!(
        ways.iter().all(|&count| count > 100),
        "full, over cost, evicted, completed: {ways:?}"
    );
}
