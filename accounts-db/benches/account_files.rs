//! How long a million accounts without data take: to be written, loaded, opened and read one by one.
//!
//! `cargo bench -p sealane-accounts-db --bench account_files -- [ACCOUNTS] [BYTES OF DATA]`

use sealane_accounts_db::{
    CheckpointState, DbLimits, RealDisk, SegmentError, SegmentOptions, Segments, open,
};
use sealane_sdk::{AccountState, Hash, Pubkey};
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<(), SegmentError> {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let accounts = numbers.first().copied().unwrap_or(1_000_000);
    let data = vec![7; numbers.get(1).copied().unwrap_or(0)];
    let folder = tempfile::tempdir().expect("a folder for files");
    let disk = Arc::new(RealDisk::open(folder.path()).expect("it is ours"));
    let opened = Segments::open(disk.clone(), Hash::default(), SegmentOptions::default())?;
    let mut segments = opened.segments;
    let state = |n: usize| AccountState {
        lamports: n as u64 + 1,
        data: data.as_slice().into(),
        ..AccountState::default()
    };
    timed("write", accounts, || {
        segments.write(1, (0..accounts).map(|n| (key(n), state(n))))
    })?;
    timed("checkpoint", accounts, || {
        segments.checkpoint(CheckpointState::default())
    })?;
    println!("{:>12} MB of files", segments.total_bytes() / 1_000_000);
    drop(segments);

    for _ in 0..3 {
        println!("--");
        let disk = disk.clone();
        let opened = timed("load", accounts, || {
            Segments::open(disk, Hash::default(), SegmentOptions::default())
        })?;
        timed("stream", accounts, || {
            opened.segments.accounts().for_each(drop)
        });
        let limits = DbLimits {
            accounts_max: 64 << 20,
            pins_max: 256,
            pinned_bytes_max: 1 << 30,
        };
        let mut stream = opened.segments.accounts();
        let handles = timed("stream, open", accounts, || {
            open(limits, 2, stream.by_ref()).expect("there is room")
        });
        stream.finish()?;
        assert_eq!(handles.0.len(), accounts);
        let reader = opened.segments.reader();
        let some = accounts.min(200_000);
        timed("read one", some, || {
            (0..some).try_for_each(|n| {
                let found = reader.get(&key(n * 7 % accounts))?;
                assert!(found.is_some());
                Ok::<_, SegmentError>(())
            })
        })?;
    }
    Ok(())
}

/// Keys as even as those of real accounts.
fn key(n: usize) -> Pubkey {
    let mut bytes = [0; 32];
    for (at, bytes) in bytes.chunks_exact_mut(8).enumerate() {
        let mixed = (n as u64 * 4 + at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bytes.copy_from_slice(&(mixed ^ (mixed >> 29)).to_le_bytes());
    }
    Pubkey::new_from_array(bytes)
}

fn timed<R>(what: &str, count: usize, run: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = run();
    let took = started.elapsed();
    let each = took.as_nanos() as usize / count;
    println!(
        "{what:>12} {:7.1} ms {each:5} ns each",
        took.as_secs_f64() * 1e3
    );
    result
}
