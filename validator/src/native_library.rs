//! Native programs from shared libraries: `--native-program`, and `--watch`, which puts a new version in place when
//! the file changes.
//!
//! A library is mapped from a copy of its file, since the file may be written again, and stays mapped for good: a
//! thread may be in it. What it must have in common with this process, `sealane_sdk::library` says and checks.
//!
//! # Why the unsafe code here is sound
//!
//! Mapping a library runs its initialisers, and what it exports is believed: whoever names a native program trusts
//! it with the whole process, as the documentation says. `Library::open` is given the address of the symbol that
//! only its macro makes, and the library is never unmapped.

#![allow(unsafe_code)]

use crate::error::Error;
use crate::periodic::Periodic;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use sealane_runtime::{NamedProgram, Notice, OnNotice};
use sealane_sdk::library::{self, Library as Exported};
use sealane_sdk::{Program, Programs, Pubkey};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often a watched file is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(200);

/// A file, and the program that it is to be.
#[derive(Clone, Debug)]
pub(crate) struct NativeProgramFile {
    pub(crate) id: Pubkey,
    pub(crate) path: PathBuf,
}

impl NativeProgramFile {
    /// Maps the file and gives its program.
    pub(crate) fn load(&self) -> Result<Program, Error> {
        let unusable = |what: String| Error::NativeProgram {
            path: self.path.clone(),
            what,
        };
        let program = open(&self.path).map_err(unusable)?;
        if program.id != self.id {
            return Err(unusable(format!(
                "its program is {}, as its declare_id! says, and not {}",
                program.id, self.id
            )));
        }
        Ok(program)
    }
}

/// What changes when a file is written.
type Stamp = (SystemTime, u64);

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn open(path: &Path) -> Result<Program, String> {
    let copy = tempfile::Builder::new()
        .prefix("sealane-program-")
        .suffix(".so")
        .tempfile()
        .map_err(|error| format!("no temporary copy of it can be made: {error}"))?;
    let before = stamp(path);
    let file = fs::read(path).map_err(|error| error.to_string())?;
    if stamp(path) != before {
        return Err("it was written while it was read".to_owned());
    }
    check_whole(&file)?;
    fs::write(copy.path(), &file)
        .map_err(|error| format!("no temporary copy of it can be made: {error}"))?;
    // SAFETY: its initialisers are trusted, see above.
    let mapped = unsafe { Library::open(Some(copy.path()), RTLD_NOW | RTLD_LOCAL) };
    let mapped = mapped.map_err(|error| {
        format!("it is no shared library that can be mapped here, from a copy of it: {error}")
    })?;
    // SAFETY: a symbol is read as the address that it is.
    let symbol = unsafe { mapped.get::<*const Exported>(library::SYMBOL.as_bytes()) };
    let exported = symbol.map(|symbol| symbol.into_raw());
    // Whatever it is, it may have left something behind when it was mapped.
    std::mem::forget(mapped);
    let exported = exported.map_err(|_| {
        "it exports no program: call sealane_sdk::library!(program) in it, and build it as a cdylib".to_owned()
    })?;
    // SAFETY: that is the symbol's address, and it stays mapped.
    unsafe { Exported::open(exported.cast()) }.map_err(|error| error.to_string())
}

/// Whether an ELF file has its end: the linker puts the table of its sections there. Mapping a file that was cut short
/// would end the process at the first page that is not there.
fn check_whole(file: &[u8]) -> Result<(), String> {
    let number = |at: usize, len: usize| {
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(file.get(at..at + len)?);
        Some(u64::from_le_bytes(bytes))
    };
    // Of a 64-bit file: where the table begins, the length of an entry, and how many there are.
    let end = || Some(number(40, 8)?.saturating_add(number(58, 2)? * number(60, 2)?));
    match end() {
        Some(end) if file.starts_with(b"\x7fELF\x02\x01") && end > file.len() as u64 => {
            Err("it is cut short: a part of it is still to be written".to_owned())
        }
        _ => Ok(()),
    }
}

/// Files that are looked at from time to time. Made before they are loaded, lest a change be missed.
pub(crate) struct Watch(Vec<Watched>);

impl Watch {
    pub(crate) fn new(files: &[NativeProgramFile]) -> Self {
        Self(files.iter().cloned().map(Watched::new).collect())
    }

    /// Puts new versions of these files' programs in place as they are written, each between two slots, until it is
    /// dropped.
    pub(crate) fn start(
        self,
        programs: Programs,
        on_notice: OnNotice,
    ) -> std::io::Result<Periodic> {
        let mut watched = self.0;
        Periodic::start("watch", WATCH_INTERVAL, move || {
            for file in &mut watched {
                if file.is_new() {
                    on_notice(&replace(&file.file, &programs));
                }
            }
        })
    }
}

fn replace(file: &NativeProgramFile, programs: &Programs) -> Notice {
    let path = file.path.display().to_string();
    let known = programs.get(&file.id).map_or("", |program| program.name);
    let named = |name| NamedProgram { id: file.id, name };
    match file.load() {
        // The name is in the program's account, which a chain keeps.
        Ok(program) if program.name != known => Notice::ProgramNotReplaced {
            program: named(known),
            reason: format!(
                "{path} calls it {}, and a chain keeps the name",
                program.name
            ),
        },
        Ok(program) => {
            programs.replace(program);
            Notice::ProgramReplaced {
                program: named(known),
                path,
            }
        }
        Err(error) => Notice::ProgramNotReplaced {
            program: named(known),
            reason: error.to_string(),
        },
    }
}

/// One of them.
struct Watched {
    file: NativeProgramFile,
    /// As it was when it was loaded, and when it was looked at last.
    loaded: Option<Stamp>,
    seen: Option<Stamp>,
}

impl Watched {
    fn new(file: NativeProgramFile) -> Self {
        let now = stamp(&file.path);
        Self {
            file,
            loaded: now,
            seen: now,
        }
    }

    /// Whether it was written since it was loaded, and not since it was looked at last: a linker may be at it.
    fn is_new(&mut self) -> bool {
        let now = stamp(&self.file.path);
        let is_new = now.is_some() && now != self.loaded && now == self.seen;
        self.seen = now;
        if is_new {
            self.loaded = now;
        }
        is_new
    }
}
