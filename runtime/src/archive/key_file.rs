//! The key under which an archive hashes: `history/key`, 16 bytes and their checksum.

use super::run::UNFINISHED;
use super::{ArchiveError, FOLDER};
use sealane_accounts_db::Disk;
use std::io::ErrorKind;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Makes the checksum that of a key and of nothing else.
const SALT: u64 = u64::from_le_bytes(*b"sealkey1");

/// Its name in the archive's folder.
pub(super) const NAME: &str = "key";

fn path() -> String {
    format!("{FOLDER}/{NAME}")
}

/// The archive's key, and whether it is `new_key`, which is written where there is none that can be read.
pub(super) fn read_or_write(
    disk: &dyn Disk,
    new_key: [u8; 16],
) -> Result<([u8; 16], bool), ArchiveError> {
    if let Some(key) = read(disk)? {
        return Ok((key, false));
    }
    let unfinished = format!("{}{UNFINISHED}", path());
    match disk.remove(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = disk.create(&unfinished)?;
    file.append(&new_key)?;
    file.append(&xxh3_64_with_seed(&new_key, SALT).to_le_bytes())?;
    file.sync()?;
    disk.rename(&unfinished, &path())?;
    disk.sync_directory(FOLDER)?;
    Ok((new_key, true))
}

/// The key, if there is one that can be read.
pub(super) fn read(disk: &dyn Disk) -> Result<Option<[u8; 16]>, ArchiveError> {
    let file = match disk.open(&path()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = [0; 24];
    if file.len()? != bytes.len() as u64 {
        return Ok(None);
    }
    file.read_at(0, &mut bytes)?;
    let (key, checksum) = bytes.split_at(16);
    let is_right = xxh3_64_with_seed(key, SALT).to_le_bytes() == checksum;
    Ok(is_right.then(|| key.try_into().expect("16 bytes")))
}
