//! The file system's own folder.
//!
//! Plain writes and `fdatasync`, no mmap: a full or failing disk is an error here, never a signal. One
//! process at a time has the folder: [`RealDisk::open`] takes a lock on the file `lock` in it, which goes
//! when the `RealDisk` is dropped or the process ends, in whatever way. Who only reads ([`RealDisk::open_to_read`])
//! shares the lock with others who only read, and changes nothing, not even the lock's file.

use super::{Disk, DiskFile, DiskRead};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file that is locked.
const LOCK_FILE: &str = "lock";

/// A folder of the file system, locked for this process.
pub struct RealDisk {
    folder: PathBuf,
    /// Every call that would change something fails.
    reads_only: bool,
    /// Held, not used. A folder that nobody ever ran on may have none to be read.
    _lock: Option<File>,
}

impl RealDisk {
    /// Opens a folder, making it if it is not there. `ResourceBusy` if another process has it.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref();
        make_durable_folders(folder).map_err(|e| named(&e, "make", folder))?;
        let lock_path = folder.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|e| named(&e, "open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(folder, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(named(&error, "lock", &lock_path)),
        }
        // Who is refused says whom to look for.
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self {
            folder: folder.to_path_buf(),
            reads_only: false,
            _lock: Some(lock),
        })
    }

    /// Opens a folder that is there to look at it. Changes nothing in it: calls that would are refused with
    /// `ReadOnlyFilesystem`. `ResourceBusy` if a process has it that may write.
    pub fn open_to_read(folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref();
        fs::read_dir(folder).map_err(|e| named(&e, "read", folder))?;
        let lock_path = folder.join(LOCK_FILE);
        let lock = match File::open(&lock_path) {
            // A copy of a ledger need not have one.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            lock => Some(lock.map_err(|e| named(&e, "open", &lock_path))?),
        };
        if let Some(mut lock) = lock.as_ref() {
            match lock.try_lock_shared() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(taken(folder, &mut lock)),
                Err(TryLockError::Error(error)) => return Err(named(&error, "lock", &lock_path)),
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            reads_only: true,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a path of the ledger lies, for an `operation` whose failure says so.
    fn at<T>(
        &self,
        path: &str,
        operation: &str,
        run: impl FnOnce(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let inside = |part: &str| !part.is_empty() && part != "." && part != "..";
        if !path.is_empty() && !path.split('/').all(inside) {
            let text = format!("{path:?} is no path inside a ledger");
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let full = self.folder.join(path);
        run(&full).map_err(|e| named(&e, operation, &full))
    }

    /// The same for an operation that changes something.
    fn change_at<T>(
        &self,
        path: &str,
        operation: &str,
        run: impl FnOnce(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.reads_only {
            let refused = io::Error::from(ErrorKind::ReadOnlyFilesystem);
            return Err(named(&refused, operation, &self.folder.join(path)));
        }
        self.at(path, operation, run)
    }
}

impl Disk for RealDisk {
    fn create_directory(&self, path: &str) -> io::Result<()> {
        self.change_at(path, "make", |full| fs::create_dir_all(full))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        self.change_at(path, "create", |full| {
            let file = OpenOptions::new()
                .append(true)
                .create_new(true)
                .open(full)?;
            Ok(Box::new(RealFile(file)) as Box<dyn DiskFile>)
        })
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskRead>> {
        self.at(path, "open", |full| {
            Ok(Arc::new(RealFile(File::open(full)?)) as Arc<dyn DiskRead>)
        })
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.at(path, "list", |full| {
            let mut names = Vec::new();
            for entry in fs::read_dir(full)? {
                // Nothing of ours has a name that is not text.
                names.extend(entry?.file_name().into_string().ok());
            }
            names.sort_unstable();
            Ok(names)
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change_at(from, "rename", |full| {
            self.at(to, "rename to", |full_to| fs::rename(full, full_to))
        })
    }

    fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.change_at(from, "link", |full| {
            self.at(to, "link to", |full_to| fs::hard_link(full, full_to))
        })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.change_at(path, "remove", |full| fs::remove_file(full))
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.at(path, "sync", |full| File::open(full)?.sync_all())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let space = rustix::fs::statvfs(&self.folder)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}

/// An open file, to be appended to or to be read from.
struct RealFile(File);

impl DiskFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl DiskRead for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Makes the folder and those above it that are not there, each with a durable name.
fn make_durable_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = match folder.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    make_durable_folders(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !folder.is_dir() => {
            return Err(error);
        }
        _ => {}
    }
    File::open(above)?.sync_all()
}

/// The same kind of error, with what was done to which file.
fn named(error: &io::Error, operation: &str, path: &Path) -> io::Error {
    let text = format!("cannot {operation} {}: {error}", path.display());
    io::Error::new(error.kind(), text)
}

fn taken(folder: &Path, lock: &mut impl Read) -> io::Error {
    let mut holder = String::new();
    // Who holds it may not have written its number yet.
    let _ = lock.read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "another process".to_string(),
        number => format!("process {number}"),
    };
    let text = format!(
        "{} is in use: {holder} runs on it; stop that one, or give this one a folder of its own",
        folder.display(),
    );
    io::Error::new(ErrorKind::ResourceBusy, text)
}
