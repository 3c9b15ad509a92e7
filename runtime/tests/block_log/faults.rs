//! A disk that fails or is full: the writer is dead, what was acknowledged is read, and once the disk works
//! again the log goes on.

use crate::records::{genesis, open, read, record, shared};
use crate::session::{Session, seeded};
use sealane_accounts_db::{Fault, MemoryDisk};
use sealane_runtime::{BlockLogReader, LogError};

#[test]
fn a_failure_at_any_call_stops_the_writer_and_the_next_one_goes_on() {
    let mut failures = 0;
    for seed in 0..20 {
        for fault in [Fault::Io, Fault::NoSpace] {
            for call in 1.. {
                let disk = MemoryDisk::new();
                disk.fail_call(call, fault);
                let mut session = Session::default();
                let outcome = session.run(&disk, &mut seeded(seed));
                if disk.calls() < call {
                    break;
                }
                let error = outcome.expect_err("a failed call is told");
                assert!(matches!(error, LogError::Io { .. }), "{error}");
                let text = error.to_string();
                assert!(
                    text.contains(" blocks") || text.contains("the ledger's folder"),
                    "{text}"
                );
                session
                    .recover(&disk)
                    .expect("a failed call corrupts nothing");
                session
                    .run(&disk, &mut seeded(seed + 1))
                    .expect("the disk works again");
                session.recover(&disk).unwrap();
                failures += 1;
            }
        }
    }
    assert!(failures > 500, "{failures} failures");
}

#[test]
fn a_full_disk_stops_the_writer_reads_go_on_and_with_room_so_does_the_log() {
    for capacity in (100..8_000).step_by(37) {
        let disk = MemoryDisk::new();
        disk.set_capacity(Some(capacity));
        let mut session = Session::default();
        let mut random = seeded(capacity);
        let error = loop {
            if let Err(error) = session.run(&disk, &mut random) {
                break error;
            }
        };
        match &error {
            LogError::Io { source, .. } => {
                assert_eq!(source.kind(), std::io::ErrorKind::StorageFull, "{error}");
            }
            error => panic!("{error}"),
        }
        let (found, _) = read(&disk).expect("reads go on");
        session.check(&found);
        disk.set_capacity(None);
        let (mut log, end) = open(&disk).expect("there is room again");
        log.append(&record(&mut random)).unwrap();
        log.close().unwrap();
        let (now, _) = read(&disk).unwrap();
        assert!(now[..found.len()] == found[..] && now.len() == found.len() + 1);
        assert!(end.record >= found.len() as u64);
    }
}

#[test]
fn a_failed_read_is_told_and_nothing_wrong_is_read() {
    let disk = MemoryDisk::new();
    let mut session = Session::default();
    for seed in 0..3 {
        session.run(&disk, &mut seeded(seed)).unwrap();
    }
    let before = disk.reads();
    read(&disk).unwrap();
    let reads = disk.reads() - before;
    assert!(reads > 10);
    for number in 1..=reads {
        disk.fail_read(disk.reads() + number, Fault::Io);
        let outcome = read(&disk);
        assert!(matches!(outcome, Err(LogError::Io { .. })), "read {number}");
        disk.fail_read(disk.reads() + number, Fault::Io);
        let error = open(&disk).err().map(|error| error.to_string());
        if let Some(text) = error {
            assert!(text.contains("blocks"), "{text}");
        }
        disk.clear_faults();
    }
    let reader = BlockLogReader::open(shared(&disk), &genesis()).unwrap();
    let mut records = reader.records();
    disk.fail_read(disk.reads() + 1, Fault::Io);
    assert!(records.next().expect("it is told").is_err());
    assert!(records.next().is_none() && records.end().is_none());
}
