//! `--state FILE`: a chain that is kept in one file, for tests. It is written at a clean stop and read at the
//! start.
//!
//! While the node runs, the chain is in a ledger beside the file, `FILE.ledger`, so that nothing that was
//! confirmed is lost when the node is killed: the next start goes on with that folder. A clean stop packs a
//! snapshot of it into the file and removes the folder.
//!
//! The file, numbers little-endian:
//!
//! | part | bytes |
//! | --- | --- |
//! | `SEALSTAT` | 8 |
//! | version, 1 | 4 |
//! | number of files | 4 |
//! | of each: length of its path in a snapshot, path; its length, its bytes | 2, that; 8, that |
//! | sha256 of all before it | 32 |

use crate::error::Error;
use crate::snapshots;
use sealane_runtime::Disk;
use solana_sha256_hasher::Hasher;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"SEALSTAT";
const VERSION: u32 = 1;
/// Bytes of magic and version.
const HEAD_BYTES: u64 = 12;
const HASH_BYTES: u64 = 32;

/// The ledger's folder that belongs to a state file.
pub(crate) fn ledger_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".ledger");
    name.into()
}

/// Unpacks a state file into an empty ledger; nothing if there is no such file.
pub(crate) fn load(path: &Path, disk: &dyn Disk) -> Result<(), Error> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    // All of it is checked before anything is made of it.
    check(path, &mut file)?;
    file.seek(SeekFrom::Start(MAGIC.len() as u64 + 4))?;
    let mut input = BufReader::new(file);
    for folder in ["accounts", "blocks"] {
        disk.create_directory(folder)?;
    }
    // Genesis gets its name last: without it, there is no chain.
    let mut genesis = Vec::new();
    for _ in 0..u32::from_le_bytes(array(&mut input)?) {
        let mut name = vec![0; u16::from_le_bytes(array(&mut input)?).into()];
        input.read_exact(&mut name)?;
        let name = String::from_utf8(name).map_err(io::Error::other)?;
        let length = u64::from_le_bytes(array(&mut input)?);
        let mut part = (&mut input).take(length);
        if name == "genesis" {
            part.read_to_end(&mut genesis)?;
        } else {
            snapshots::write(&mut part, disk, &name)?;
        }
    }
    for folder in ["accounts", "blocks", ""] {
        disk.sync_directory(folder)?;
    }
    snapshots::write(&mut &genesis[..], disk, "genesis")?;
    Ok(disk.sync_directory("")?)
}

/// Whether every byte is as it was written.
fn check(path: &Path, file: &mut File) -> Result<(), Error> {
    let damaged = |what: &str| Error::State {
        path: path.to_owned(),
        what: what.to_owned(),
    };
    let length = file.metadata()?.len();
    let Some(body) = length.checked_sub(HASH_BYTES + HEAD_BYTES) else {
        return Err(damaged("it ends too early"));
    };
    let mut input = Hashed::new(BufReader::new(file));
    if array(&mut input)? != MAGIC {
        return Err(damaged("it is no state file"));
    }
    let version = u32::from_le_bytes(array(&mut input)?);
    if version > VERSION {
        return Err(Error::NewerLedger {
            version,
            supported: VERSION,
        });
    }
    io::copy(&mut (&mut input).take(body), &mut io::sink())?;
    let expected = input.hasher.clone().result();
    if array::<32>(&mut input)? != expected.to_bytes() {
        return Err(damaged("its checksum is wrong, or it was cut short"));
    }
    Ok(())
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Packs a snapshot into a state file, which is the old one or the new one, whatever happens.
pub(crate) fn save(snapshot: &Path, path: &Path) -> Result<(), Error> {
    let mut names: Vec<String> = ["genesis", "identity.json", "faucet.json"]
        .map(str::to_owned)
        .to_vec();
    for folder in ["accounts", "blocks"] {
        for entry in fs::read_dir(snapshot.join(folder))? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(format!("{folder}/{name}"));
            }
        }
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let file = File::create(&new)?;
    let mut output = Hashed::new(BufWriter::new(file));
    output.write_all(&MAGIC)?;
    output.write_all(&VERSION.to_le_bytes())?;
    output.write_all(&(names.len() as u32).to_le_bytes())?;
    for name in &names {
        let mut source = File::open(snapshot.join(name))?;
        output.write_all(&(name.len() as u16).to_le_bytes())?;
        output.write_all(name.as_bytes())?;
        let length = source.metadata()?.len();
        output.write_all(&length.to_le_bytes())?;
        io::copy(&mut (&mut source).take(length), &mut output)?;
    }
    let hash = output.hasher.clone().result();
    output.write_all(&hash.to_bytes())?;
    let file = output.inner.into_inner().map_err(io::Error::from)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    Ok(File::open(above.unwrap_or(Path::new(".")))?.sync_all()?)
}

/// What goes through it is hashed.
struct Hashed<T> {
    inner: T,
    hasher: Hasher,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self {
            inner,
            hasher: Hasher::default(),
        }
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hasher.hash(&into[..read]);
        Ok(read)
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.hash(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealane_runtime::MemoryDisk;

    const FILES: [(&str, &[u8]); 5] = [
        ("genesis", b"the chain"),
        ("identity.json", b"[1]"),
        ("faucet.json", b"[2]"),
        ("accounts/checkpoint-7", b"all of them"),
        ("blocks/0000000003.log", b""),
    ];

    /// A state file of a snapshot with these files.
    fn saved() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let snapshot = home.path().join("snapshot");
        for (name, bytes) in FILES {
            let path = snapshot.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let path = home.path().join("state");
        save(&snapshot, &path).unwrap();
        (home, path)
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let (_home, path) = saved();
        let disk = MemoryDisk::new();
        load(&path, &disk).unwrap();
        for (name, bytes) in FILES {
            assert_eq!(disk.read(name), bytes, "{name}");
        }
    }

    #[test]
    fn every_flipped_bit_and_every_missing_end_is_told_and_nothing_is_unpacked() {
        let (_home, path) = saved();
        let whole = fs::read(&path).unwrap();
        let check = |bytes: &[u8], what: String| {
            fs::write(&path, bytes).unwrap();
            let disk = MemoryDisk::new();
            assert!(load(&path, &disk).is_err(), "{what}");
            assert!(disk.files().is_empty(), "{what}");
        };
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            check(&bytes, format!("bit {bit}"));
        }
        for length in 0..whole.len() {
            check(&whole[..length], format!("{length} bytes"));
        }
    }
}
