//! The power goes, at every call and at random: what is left is what was appended up to a place at or after
//! the last acknowledged sync, and the log goes on from there.

use crate::records::{closed_log, open, read};
use crate::session::{Session, cases, seeded};
use rand::Rng;
use sealane_accounts_db::{Fault, MemoryDisk};
use sealane_runtime::{LogError, remove_log_files_before};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Crashes the disk, checks what is left and goes on with it.
fn crash(disk: &MemoryDisk, session: &mut Session, seed: u64) -> MemoryDisk {
    let left = disk.crash(seed);
    let (found, end) = read(&left).expect("no crash corrupts a log");
    session.check(&found);
    assert!(
        end.is_closed || !session.is_closed,
        "a stop was acknowledged"
    );
    // Opening makes it go on, without reading anything else than before.
    let (log, opened) = open(&left).expect("no crash corrupts a log");
    assert_eq!(opened, end);
    assert_eq!(
        log.last_record(),
        end.record + u64::from(end.torn.is_some())
    );
    drop(log);
    let (again, end) = read(&left).expect("a log that was opened is whole");
    assert!(again == found);
    assert_eq!(end.torn, None);
    session.appended = found;
    session.acknowledged = session.appended.len();
    session.is_closed = false;
    left
}

/// Names the seed if `run` panics.
fn with_seed(seed: u64, run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        eprintln!("this was seed {seed}");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_crash_at_a_random_call_loses_nothing_acknowledged_and_neither_does_the_next() {
    let mut torn = 0;
    for seed in 0..cases(1_500) {
        with_seed(seed, || {
            let mut random = seeded(seed);
            let mut disk = MemoryDisk::new();
            let mut session = Session::default();
            for _ in 0..3 {
                let at = disk.calls() + random.random_range(1..60);
                disk.fail_call(at, Fault::PowerOff);
                let outcome = session.run(&disk, &mut random);
                assert_eq!(outcome.is_err(), disk.calls() >= at, "{outcome:?}");
                disk.clear_faults();
                let before = disk.crash(seed);
                torn += u32::from(read(&before).is_ok_and(|(_, end)| end.torn.is_some()));
                disk = crash(&disk, &mut session, seed);
            }
        });
    }
    assert!(
        u64::from(torn) > cases(1_500) / 10,
        "{torn} tails were torn"
    );
}

#[test]
fn a_crash_at_every_call_of_a_run_loses_nothing_acknowledged() {
    let mut crashes = 0;
    for seed in 0..12 {
        let calls = {
            let disk = MemoryDisk::new();
            Session::default().run(&disk, &mut seeded(seed)).unwrap();
            disk.calls()
        };
        for call in 1..=calls {
            let disk = MemoryDisk::new();
            disk.fail_call(call, Fault::PowerOff);
            let mut session = Session::default();
            session
                .run(&disk, &mut seeded(seed))
                .expect_err("the power went");
            disk.clear_faults();
            for crash_seed in 0..20 {
                with_seed(seed * 1_000_000 + call * 1_000 + crash_seed, || {
                    let mut session = session.clone();
                    let left = crash(&disk, &mut session, crash_seed);
                    // And at a call of the run that goes on, a second time.
                    left.fail_call(left.calls() + 1 + crash_seed, Fault::PowerOff);
                    let _ = session.run(&left, &mut seeded(crash_seed));
                    left.clear_faults();
                    crash(&left, &mut session, crash_seed);
                });
                crashes += 1;
            }
        }
    }
    assert!(crashes > 2_000, "{crashes} crashes");
}

#[test]
fn a_crash_after_a_failed_call_loses_nothing_silently() {
    let (mut whole, mut corrupted) = (0, 0);
    for seed in 0..cases(1_500) {
        with_seed(seed, || {
            let mut random = seeded(seed);
            let disk = MemoryDisk::new();
            let mut session = Session::default();
            let fault = if seed % 2 == 0 {
                Fault::Io
            } else {
                Fault::NoSpace
            };
            disk.fail_call(random.random_range(1..40), fault);
            let failed = session.run(&disk, &mut random).is_err();
            // The node is started anew, and what it then reads it takes as acknowledged.
            if failed && seed % 3 != 0 {
                session.recover(&disk).unwrap();
                session.run(&disk, &mut random).unwrap();
            }
            match read(&disk.crash(seed)) {
                Ok((found, _)) => {
                    session.check(&found);
                    whole += 1;
                }
                // A sync failed, a later one did not notice: the bytes are gone, and that is told.
                Err(LogError::Corrupted { .. }) if failed && seed % 3 != 0 => corrupted += 1,
                Err(error) => panic!("{error}"),
            }
        });
    }
    assert!(
        whole > 10 * corrupted,
        "{corrupted} of {whole} logs were corrupted"
    );
}

#[test]
fn removing_old_files_leaves_no_gap_wherever_the_power_goes() {
    let (closed, written) = closed_log(1, 60);
    let files = closed.files().len() as u64 - 1;
    let keep = files - 2;
    let mut oldest = Vec::new();
    for call in 1..=2 * keep + 1 {
        let disk = closed.copy();
        disk.fail_call(call, Fault::PowerOff);
        let removed = remove_log_files_before(&disk, keep);
        assert_eq!(removed.ok(), (call > 2 * keep).then_some(keep as usize));
        for seed in 0..20 {
            let left = disk.crash(seed);
            let (found, end) = read(&left).expect("no crash corrupts a log");
            assert!(end.is_closed);
            assert!(found[..] == written[written.len() - found.len()..]);
            oldest.push(found.len());
        }
    }
    assert!(oldest.contains(&written.len()) && oldest.last() < Some(&written.len()));
    assert_eq!(
        remove_log_files_before(&closed, u64::MAX).unwrap() as u64,
        files - 1
    );
    read(&closed).expect("the last file stays");
}
