//! The two disks: they behave alike, one process at a time has a folder, and what the twin in memory
//! loses is what it may lose.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sealane_accounts_db::{Disk, DiskFile, DiskRead, Fault, MemoryDisk, RealDisk};
use std::collections::{BTreeMap, HashSet};
use std::io::ErrorKind;
use std::sync::Arc;

/// What a call came to, comparable between disks.
#[derive(Debug, PartialEq)]
enum Came {
    Done,
    Names(Vec<String>),
    Bytes(Vec<u8>),
    Failed,
}

/// One random call on some of a few names.
fn call(
    disk: &dyn Disk,
    files: &mut BTreeMap<String, Box<dyn DiskFile>>,
    readers: &mut Vec<Arc<dyn DiskRead>>,
    random: &mut SmallRng,
) -> Came {
    let paths = [
        "a",
        "b",
        "folder/a",
        "folder/b",
        "folder/inner/a",
        "other/a",
    ];
    let folders = ["", "folder", "folder/inner", "other"];
    let path = paths[random.random_range(0..paths.len())];
    let to = paths[random.random_range(0..paths.len())];
    let folder = folders[random.random_range(0..folders.len())];
    let length = random.random_range(0..100);
    let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
    let place = random.random_range(0..40);
    let outcome = match random.random_range(0..16) {
        0 if folder.is_empty() => Ok(()),
        0 => disk.create_directory(folder),
        1 | 2 => disk.create(path).map(|file| {
            files.insert(path.to_string(), file);
        }),
        3..=7 => match files.get_mut(path) {
            Some(file) => file.append(&bytes),
            None => Ok(()),
        },
        8 => files.get_mut(path).map_or(Ok(()), |file| file.sync()),
        9 => disk.rename(path, to),
        10 => disk.link(path, to),
        11 => disk.remove(path),
        12 => disk.sync_directory(folder),
        13 => match disk.list(folder) {
            Ok(names) => return Came::Names(names),
            Err(error) => Err(error),
        },
        14 => disk.open(path).map(|reader| readers.push(reader)),
        _ => match readers.get(place as usize % readers.len().max(1)) {
            None => Ok(()),
            Some(reader) => {
                let mut part = vec![0; length];
                match reader.read_at(place, &mut part) {
                    Ok(()) => return Came::Bytes(part),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
                        assert!(reader.len().unwrap() < place + length as u64);
                        Err(error)
                    }
                }
            }
        },
    };
    if outcome.is_ok() {
        Came::Done
    } else {
        Came::Failed
    }
}

#[test]
fn the_twin_in_memory_does_what_the_file_system_does() {
    for seed in 0..16 {
        let folder = tempfile::tempdir().unwrap();
        let real = RealDisk::open(folder.path()).unwrap();
        let memory = MemoryDisk::new();
        memory.write("lock", b"");
        let disks: [&dyn Disk; 2] = [&real, &memory];
        let mut randoms = [(); 2].map(|()| SmallRng::seed_from_u64(seed));
        let mut files = [(); 2].map(|()| BTreeMap::new());
        let mut readers = [(); 2].map(|()| Vec::new());
        let mut failed = 0;
        for step in 0..400 {
            let [came_real, came_memory] =
                [0, 1].map(|i| call(disks[i], &mut files[i], &mut readers[i], &mut randoms[i]));
            assert_eq!(came_real, came_memory, "seed {seed}, step {step}");
            failed += u32::from(came_real == Came::Failed);
        }
        assert!(
            (20..380).contains(&failed),
            "seed {seed}: {failed} calls failed"
        );
    }
}

#[test]
fn a_folder_is_refused_to_the_second_who_opens_it_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/the/way");
    let first = RealDisk::open(&path).unwrap();
    let error = RealDisk::open(&path).err().expect("it is taken");
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    let text = error.to_string();
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    assert!(text.contains(&path.display().to_string()), "{text}");
    drop(first);
    RealDisk::open(&path).unwrap();
}

#[test]
fn who_only_reads_shares_the_folder_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = RealDisk::open_to_read(folder.path().join("none"));
    assert_eq!(
        missing.err().map(|error| error.kind()),
        Some(ErrorKind::NotFound)
    );
    let writer = RealDisk::open(folder.path()).unwrap();
    writer.create("kept").unwrap().append(b"bytes").unwrap();
    let refused = RealDisk::open_to_read(folder.path()).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
    assert!(refused.to_string().contains("in use"), "{refused}");
    drop(writer);

    let lock = std::fs::read(folder.path().join("lock")).unwrap();
    let reader = RealDisk::open_to_read(folder.path()).unwrap();
    let other = RealDisk::open_to_read(folder.path()).expect("readers do not mind each other");
    let writer = RealDisk::open(folder.path()).err().unwrap();
    assert_eq!(writer.kind(), ErrorKind::ResourceBusy);
    let mut bytes = [0; 5];
    reader.open("kept").unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, *b"bytes");
    let refused = [
        reader.create("new").err(),
        reader.create_directory("new").err(),
        reader.rename("kept", "new").err(),
        reader.link("kept", "new").err(),
        reader.remove("kept").err(),
    ];
    for error in refused {
        assert_eq!(error.unwrap().kind(), ErrorKind::ReadOnlyFilesystem);
    }
    assert_eq!(other.list("").unwrap(), ["kept", "lock"]);
    assert_eq!(std::fs::read(folder.path().join("lock")).unwrap(), lock);
}

#[test]
fn a_path_that_leads_out_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let disk = RealDisk::open(folder.path()).unwrap();
    for path in ["../out", "/etc/out", "a//b", "a/./b", "a/", "a/../../out"] {
        let error = disk.create(path).err().expect(path);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path}");
    }
    assert!(disk.free_bytes().unwrap() > 0);
}

/// A disk with a durable file `blocks/a` of `synced` bytes and `unsynced` more.
fn half_synced(synced: usize, unsynced: usize) -> (MemoryDisk, Vec<u8>) {
    let disk = MemoryDisk::new();
    disk.create_directory("blocks").unwrap();
    disk.sync_directory("").unwrap();
    let mut file = disk.create("blocks/a").unwrap();
    let bytes: Vec<u8> = (0..synced + unsynced).map(|i| (i / 7) as u8 | 1).collect();
    file.append(&bytes[..synced]).unwrap();
    file.sync().unwrap();
    disk.sync_directory("blocks").unwrap();
    file.append(&bytes[synced..]).unwrap();
    (disk, bytes)
}

#[test]
fn a_crash_keeps_what_was_synced_and_loses_the_rest_in_every_way() {
    let (disk, bytes) = half_synced(5_000, 20_000);
    let mut seen = HashSet::new();
    for seed in 0..1_000 {
        let left = disk.crash(seed).read("blocks/a");
        assert_eq!(left[..5_000], bytes[..5_000], "seed {seed}");
        assert!(left.len() <= bytes.len(), "seed {seed}");
        let same = |range: std::ops::Range<usize>| left.get(range.clone()) == Some(&bytes[range]);
        let is_torn = !same(0..left.len());
        seen.insert(match left.len() {
            5_000 => "nothing",
            25_000 if !is_torn => "everything",
            _ if !is_torn => "a beginning",
            25_000 if !same(5_000..5_120) && same(24_576..25_000) => "the last without the first",
            _ => "torn",
        });
        let again = disk.crash(seed).read("blocks/a");
        assert_eq!(left, again, "the same seed gives the same crash");
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn a_name_that_was_not_synced_is_there_or_not_and_a_rename_is_whole() {
    let (disk, _) = half_synced(10, 0);
    disk.create("blocks/new").unwrap();
    disk.rename("blocks/a", "blocks/b").unwrap();
    let mut seen = HashSet::new();
    for seed in 0..200 {
        let names = disk.crash(seed).list("blocks").unwrap();
        let renamed = names.contains(&"b".to_string());
        assert_ne!(
            renamed,
            names.contains(&"a".to_string()),
            "seed {seed}: {names:?}"
        );
        seen.insert((renamed, names.len()));
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
    disk.sync_directory("blocks").unwrap();
    for seed in 0..200 {
        assert_eq!(disk.crash(seed).list("blocks").unwrap(), ["b", "new"]);
    }
}

#[test]
fn a_folder_without_a_durable_name_takes_its_files_with_it() {
    let disk = MemoryDisk::new();
    disk.create_directory("blocks").unwrap();
    disk.create("blocks/a").unwrap().sync().unwrap();
    disk.sync_directory("blocks").unwrap();
    let kept = (0..100).filter(|seed| disk.crash(*seed).list("blocks").is_ok());
    assert!((20..80).contains(&kept.count()));
    disk.sync_directory("").unwrap();
    for seed in 0..100 {
        assert_eq!(disk.crash(seed).list("blocks").unwrap(), ["a"]);
    }
}

#[test]
fn what_a_failed_sync_should_have_covered_stays_in_doubt() {
    let (disk, bytes) = half_synced(512, 512);
    let reader = disk.open("blocks/a").unwrap();
    disk.fail_call(disk.calls() + 1, Fault::Io);
    reader.sync().unwrap_err();
    reader.sync().unwrap();
    let lost = (0..200).filter(|seed| disk.crash(*seed).read("blocks/a") != bytes);
    assert!((20..180).contains(&lost.count()));
}

#[test]
fn a_planned_fault_hits_the_call_that_it_names() {
    for number in 1..=7 {
        let disk = MemoryDisk::new();
        disk.fail_call(number, Fault::Io);
        let mut outcomes = vec![disk.create_directory("blocks").is_ok()];
        if outcomes == [true] {
            let file = disk.create("blocks/a");
            outcomes.push(file.is_ok());
            if let Ok(mut file) = file {
                outcomes.push(file.append(&[1; 100]).is_ok());
                outcomes.push(file.sync().is_ok());
                outcomes.push(disk.rename("blocks/a", "blocks/b").is_ok());
                outcomes.push(disk.sync_directory("blocks").is_ok());
            }
        }
        let failed = outcomes.iter().position(|ok| !ok).map(|i| i as u64 + 1);
        assert_eq!(failed, (number <= 6).then_some(number));
        if number == 3 {
            assert!(disk.read("blocks/b").len() < 100, "a part is left");
        }
    }
}

#[test]
fn after_the_power_went_every_call_fails_and_a_crash_decides_about_the_last() {
    let (disk, _) = half_synced(100, 0);
    let mut file = disk.create("blocks/b").unwrap();
    disk.sync_directory("blocks").unwrap();
    disk.fail_call(disk.calls() + 1, Fault::PowerOff);
    file.append(&[7; 50]).unwrap_err();
    file.append(&[8; 50]).unwrap_err();
    file.sync().unwrap_err();
    disk.list("blocks").unwrap_err();
    let lengths: HashSet<_> = (0..50)
        .map(|s| disk.crash(s).read("blocks/b").len())
        .collect();
    assert!(lengths.contains(&0) && lengths.contains(&50), "{lengths:?}");
    assert!(lengths.iter().all(|length| *length <= 50), "{lengths:?}");
    disk.crash(1).list("blocks").unwrap();
}

#[test]
fn a_full_disk_takes_what_fits_and_has_room_again_after_a_removal() {
    let (disk, _) = half_synced(600, 0);
    disk.set_capacity(Some(1_000));
    let mut file = disk.create("blocks/b").unwrap();
    let error = file.append(&[1; 500]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(disk.read("blocks/b").len(), 400);
    assert_eq!(disk.free_bytes().unwrap(), 0);
    disk.link("blocks/a", "blocks/c").unwrap();
    disk.remove("blocks/a").unwrap();
    assert_eq!(disk.free_bytes().unwrap(), 0, "it has a second name");
    disk.remove("blocks/c").unwrap();
    assert_eq!(disk.free_bytes().unwrap(), 600);
    file.append(&[1; 600]).unwrap();
}

#[test]
fn a_copy_is_a_disk_of_its_own() {
    let (disk, bytes) = half_synced(100, 100);
    let copy = disk.copy();
    copy.flip_bit("blocks/a", 8 * 3 + 2);
    assert_eq!(disk.read("blocks/a"), bytes);
    let flipped = copy.crash(5).read("blocks/a");
    assert_eq!(flipped.len(), 200, "in a copy everything is durable");
    let differing: Vec<_> = (0..200).filter(|i| flipped[*i] != bytes[*i]).collect();
    assert_eq!(differing, [3]);
    assert_eq!(flipped[3] ^ bytes[3], 4);
}
