//! Programs that are files of somebody's own: ELF files on board of a new chain, `--bpf-program` and
//! `--upgradeable-program`, as `solana-test-validator` has them, and shared libraries, `--native-program`.

use crate::builder::ValidatorBuilder;
use crate::error::Error;
use crate::native_library::NativeProgramFile;
use crate::wallet;
use anyhow::Context;
use clap::Args;
use sealane_sdk::loader::{FINAL, UPGRADEABLE, UpgradeableLoaderState};
use sealane_sdk::{AccountState, MAX_ACCOUNT_DATA_LEN, Programs, Pubkey, Rent};
use std::path::{Path, PathBuf};

/// A file, and what it is to be.
pub(crate) struct ProgramFile {
    pub(crate) id: Pubkey,
    pub(crate) path: PathBuf,
    pub(crate) kind: ProgramKind,
}

/// How a program may change.
pub(crate) enum ProgramKind {
    /// Never.
    Final,
    /// As long as there is an authority.
    Upgradeable(Option<Pubkey>),
}

impl ProgramFile {
    /// Reads the file, and makes of it the program's accounts.
    pub(crate) fn accounts(&self, native: &Programs) -> Result<Vec<(Pubkey, AccountState)>, Error> {
        if let Some(program) = native.get(&self.id) {
            return Err(Error::ProgramAddressTaken {
                id: self.id,
                name: program.name,
            });
        }
        let elf = read(&self.path)?;
        Ok(match self.kind {
            ProgramKind::Final => vec![(self.id, account(FINAL.id, true, elf))],
            ProgramKind::Upgradeable(authority) => self.upgradeable(authority, &elf),
        })
    }

    /// The program, and the account that has its file.
    fn upgradeable(&self, authority: Option<Pubkey>, elf: &[u8]) -> Vec<(Pubkey, AccountState)> {
        let loader = UPGRADEABLE.id;
        let encode = |state: &UpgradeableLoaderState, len| {
            let mut data = bincode::serialize(state).expect("a state can be written to memory");
            data.resize(len, 0);
            data
        };
        let (programdata, _) = Pubkey::find_program_address(&[self.id.as_ref()], &loader);
        let program = UpgradeableLoaderState::Program {
            programdata_address: programdata,
        };
        let head = UpgradeableLoaderState::ProgramData {
            slot: 0,
            upgrade_authority_address: authority,
        };
        let program = encode(&program, UpgradeableLoaderState::size_of_program());
        let mut data = encode(
            &head,
            UpgradeableLoaderState::size_of_programdata_metadata(),
        );
        data.extend_from_slice(elf);
        vec![
            (self.id, account(loader, true, program)),
            (programdata, account(loader, false, data)),
        ]
    }
}

fn account(owner: Pubkey, executable: bool, data: Vec<u8>) -> AccountState {
    AccountState {
        lamports: Rent::default().minimum_balance(data.len()),
        owner,
        executable,
        data: data.into(),
    }
}

/// An ELF file that could be a program. Whether it is a good one, who calls it finds out.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unusable = |what: String| Error::ProgramFile {
        path: path.to_owned(),
        what,
    };
    let elf = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let room = MAX_ACCOUNT_DATA_LEN - UpgradeableLoaderState::size_of_programdata_metadata();
    if elf.len() > room {
        let len = elf.len();
        return Err(unusable(format!(
            "it has {len} bytes, and an account has room for {room}"
        )));
    }
    if !is_program(&elf) {
        return Err(unusable("it is no program for Solana's machine".into()));
    }
    Ok(elf)
}

/// Whether the header is that of a little-endian 64-bit ELF file for BPF or sBPF.
fn is_program(elf: &[u8]) -> bool {
    const BPF: u16 = 247;
    const SBPF: u16 = 263;
    let machine = elf.get(18..20).map(|it| u16::from_le_bytes([it[0], it[1]]));
    elf.starts_with(b"\x7fELF\x02\x01") && matches!(machine, Some(BPF | SBPF))
}

/// Which files are programs.
#[derive(Debug, Default, Args)]
pub(crate) struct ProgramArguments {
    /// Put a program on board of a new chain that can never be changed: its address, as a public key or a keypair
    /// file, and its ELF file, as `cargo build-sbf` makes it. May be given more than once.
    #[arg(long, num_args = 2, value_names = ["ADDRESS", "FILE"])]
    bpf_program: Vec<String>,

    /// The same for a program that can be upgraded, by AUTHORITY: a public key or a keypair file, or none for
    /// nobody.
    #[arg(long, num_args = 3, value_names = ["ADDRESS", "FILE", "AUTHORITY"])]
    upgradeable_program: Vec<String>,

    #[command(flatten)]
    native: NativeProgramArguments,

    /// Put a new version of a native program in place, between two slots, when its file is written. Accounts stay as
    /// they are.
    #[arg(long, requires = "native_program")]
    watch: bool,
}

impl ProgramArguments {
    /// The builder, with these.
    pub(crate) fn add_to(&self, mut builder: ValidatorBuilder) -> anyhow::Result<ValidatorBuilder> {
        for words in self.bpf_program.chunks(2) {
            let id = address(&words[0]).context("--bpf-program ADDRESS FILE")?;
            builder = builder.program_file(id, &words[1]);
        }
        for words in self.upgradeable_program.chunks(3) {
            const FLAG: &str = "--upgradeable-program ADDRESS FILE AUTHORITY";
            let id = address(&words[0]).context(FLAG)?;
            let authority = match words[2].as_str() {
                "none" => None,
                authority => Some(address(authority).context(FLAG)?),
            };
            builder = builder.upgradeable_program_file(id, &words[1], authority);
        }
        for file in self.native.files()? {
            builder = builder.native_program_file(file.id, file.path);
        }
        Ok(builder.watch_native_programs(self.watch))
    }
}

/// Which shared libraries are programs.
#[derive(Debug, Default, Args)]
pub(crate) struct NativeProgramArguments {
    /// Add a native program: its address, as a public key or a keypair file, and a shared library that was built
    /// with sealane_sdk::library!, by the same toolchain as this node. It is trusted with this whole process. May
    /// be given more than once.
    #[arg(long, num_args = 2, value_names = ["ADDRESS", "FILE"])]
    native_program: Vec<String>,
}

impl NativeProgramArguments {
    fn files(&self) -> anyhow::Result<Vec<NativeProgramFile>> {
        let files = self.native_program.chunks(2).map(|words| {
            let id = address(&words[0]).context("--native-program ADDRESS FILE")?;
            let path = PathBuf::from(&words[1]);
            Ok(NativeProgramFile { id, path })
        });
        files.collect()
    }

    /// Adds them to `programs`.
    pub(crate) fn load_into(&self, programs: &mut Programs) -> anyhow::Result<()> {
        for file in self.files()? {
            programs.add(file.load()?);
        }
        Ok(())
    }
}

/// A public key, or the one of a keypair file.
fn address(text: &str) -> anyhow::Result<Pubkey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let file = std::fs::read_to_string(text)
        .with_context(|| format!("{text} is neither a public key nor a file that can be read"))?;
    wallet::address(&file).with_context(|| {
        format!("{text} is no keypair file: solana-keygen new --outfile {text} makes one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::Validator;
    use crate::cli::Arguments;
    use clap::Parser;

    const ID: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";

    /// The header of a program.
    fn elf() -> Vec<u8> {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        elf[18] = 247;
        elf
    }

    fn files(arguments: &[&str]) -> anyhow::Result<Vec<ProgramFile>> {
        let arguments = Arguments::try_parse_from([&["sealane-validator"], arguments].concat())?;
        let builder = arguments.program_files.add_to(Validator::builder())?;
        Ok(builder.program_files)
    }

    #[test]
    fn programs_are_flags_that_may_be_given_again() {
        let folder = tempfile::tempdir().unwrap();
        let keypair = solana_keypair::Keypair::new();
        let keypair_file = folder.path().join("id.json");
        std::fs::write(&keypair_file, format!("{:?}", keypair.to_bytes())).unwrap();
        let keypair_file = keypair_file.to_str().unwrap();
        let key = solana_signer::Signer::pubkey(&keypair);
        let id: Pubkey = ID.parse().unwrap();

        let files = files(&[
            "--bpf-program",
            ID,
            "a.so",
            "--upgradeable-program",
            keypair_file,
            "b.so",
            "none",
            "--bpf-program",
            keypair_file,
            "c.so",
            "--upgradeable-program",
            ID,
            "d.so",
            keypair_file,
        ])
        .unwrap();
        let files: Vec<_> = files
            .iter()
            .map(|file| {
                let authority = match file.kind {
                    ProgramKind::Final => None,
                    ProgramKind::Upgradeable(authority) => Some(authority),
                };
                (file.id, file.path.to_str().unwrap(), authority)
            })
            .collect();
        assert_eq!(
            files,
            [
                (id, "a.so", None),
                (key, "c.so", None),
                (key, "b.so", Some(None)),
                (id, "d.so", Some(Some(key))),
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_flag_is_told() {
        let check = |arguments: &[&str], told: &str| {
            let Err(error) = files(arguments) else {
                panic!("{arguments:?} was taken");
            };
            let error = format!("{error:#}");
            assert!(error.contains(told), "{error}");
        };
        check(&["--bpf-program", ID], "2 values required");
        check(&["--upgradeable-program", ID, "a.so"], "3 values required");
        let neither = "nowhere is neither a public key nor a file that can be read";
        check(&["--bpf-program", "nowhere", "a.so"], neither);
        let flags = ["--upgradeable-program", ID, "a.so", "nowhere"];
        check(&flags, neither);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id.json");
        std::fs::write(&path, "[1, 2]").unwrap();
        let path = path.to_str().unwrap();
        check(&["--bpf-program", path, "a.so"], "is no keypair file");
    }

    #[test]
    fn a_file_becomes_the_programs_accounts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program.so");
        std::fs::write(&path, elf()).unwrap();
        let id = Pubkey::new_from_array([7; 32]);
        let accounts = |kind| {
            let path = path.clone();
            let file = ProgramFile { id, path, kind };
            file.accounts(&Programs::builtin()).unwrap()
        };
        let expected = account(FINAL.id, true, elf());
        assert_eq!(accounts(ProgramKind::Final), [(id, expected)]);

        for authority in [None, Some(Pubkey::new_from_array([8; 32]))] {
            let [(program_id, program), (data_id, data)] =
                accounts(ProgramKind::Upgradeable(authority))
                    .try_into()
                    .expect("there are two");
            assert_eq!(program_id, id);
            assert!(program.executable && !data.executable);
            assert_eq!(
                (program.owner, data.owner),
                (UPGRADEABLE.id, UPGRADEABLE.id)
            );
            let read = |account: &AccountState| {
                bincode::deserialize::<UpgradeableLoaderState>(account.data.as_slice()).unwrap()
            };
            let programdata_address = data_id;
            let expected = UpgradeableLoaderState::Program {
                programdata_address,
            };
            assert_eq!(read(&program), expected);
            let expected = UpgradeableLoaderState::ProgramData {
                slot: 0,
                upgrade_authority_address: authority,
            };
            assert_eq!(read(&data), expected);
            assert_eq!(data.data.as_slice()[45..], elf());
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program.so");
        let check = |bytes: Option<&[u8]>, id: Pubkey, told: &str| {
            if let Some(bytes) = bytes {
                std::fs::write(&path, bytes).unwrap();
            }
            let (path, kind) = (path.clone(), ProgramKind::Final);
            let file = ProgramFile { id, path, kind };
            let error = file.accounts(&Programs::builtin()).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        };
        let id = Pubkey::new_from_array([7; 32]);
        check(None, id, "No such file");
        check(None, id, "cargo build-sbf");
        check(Some(b""), id, "it is no program for Solana's machine");
        check(Some(b"#!/bin/sh"), id, "it is no program");
        let mut other = elf();
        other[18] = 62;
        check(Some(&other), id, "it is no program");
        let mut large = elf();
        large.resize(MAX_ACCOUNT_DATA_LEN, 0);
        check(Some(&large), id, "an account has room for 10485715");
        check(
            Some(&elf()),
            UPGRADEABLE.id,
            "solana_bpf_loader_upgradeable_program",
        );
    }
}
