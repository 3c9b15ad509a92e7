//! Accounts are read while they are written and compacted.

use crate::driver::{key, open};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sealane_accounts_db::MemoryDisk;
use sealane_sdk::AccountState;
use std::sync::atomic::{AtomicBool, Ordering};

fn state(lamports: u64) -> AccountState {
    AccountState {
        lamports,
        data: vec![lamports as u8; (lamports % 50) as usize].into(),
        ..AccountState::default()
    }
}

#[test]
fn who_reads_never_sees_an_account_go_back_or_away() {
    const KEYS: u64 = 200;
    let disk = MemoryDisk::new();
    let mut segments = open(&disk).expect("it opens").segments;
    let all = (0..KEYS).map(|n| (key(n), state(1)));
    segments.write(0, all).expect("it writes");
    let reader = segments.reader();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|seed| {
                let (reader, done) = (reader.clone(), &done);
                scope.spawn(move || {
                    let mut random = StdRng::seed_from_u64(seed);
                    let mut seen = vec![1; KEYS as usize];
                    let mut reads = 0_u64;
                    while !done.load(Ordering::Relaxed) {
                        let n = random.random_range(0..KEYS);
                        let found = reader.get(&key(n)).expect("it reads");
                        let found = found.expect("the account is always there");
                        assert_eq!(found, state(found.lamports));
                        assert!(found.lamports >= seen[n as usize], "went back");
                        seen[n as usize] = found.lamports;
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        let mut random = StdRng::seed_from_u64(8);
        let mut removed = 0;
        for round in 2..400 {
            let some = (0..KEYS).filter(|_| random.random_range(0..4) == 0);
            let some = some.map(|n| (key(n), state(round)));
            segments.write(round, some).expect("it writes");
            while segments.compact_step(5_000).expect("it compacts") {}
            let files = disk.files().len();
            segments.checkpoint(Default::default()).expect("it writes");
            segments.remove_unused().expect("it removes");
            removed += (files + 1).saturating_sub(disk.files().len());
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            let reads = reader.join().expect("no reader panics");
            assert!(reads > 100, "{reads} reads");
        }
        assert!(removed > 50, "{removed} files were removed");
    });
}
