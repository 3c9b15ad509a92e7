//! Tells the crate what it is built from and by what: a shared library and the node that loads it must agree in both
//! (`library::Abi`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src");
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files)?;
    files.sort();
    let mut sources = Fnv::default();
    for file in files {
        sources.add(file.to_string_lossy().as_bytes());
        sources.add(&fs::read(&file)?);
    }
    println!("cargo:rustc-env=SEALANE_SDK_SOURCES={:016x}", sources.0);

    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output()?;
    let version = String::from_utf8_lossy(&version.stdout);
    println!(
        "cargo:rustc-env=SEALANE_SDK_COMPILER={}, {}",
        version.trim(),
        env::var("TARGET").unwrap_or_default(),
    );
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The 64-bit FNV-1a hash: tells sources apart, and withstands nobody.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
