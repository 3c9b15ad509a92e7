//! What a chain starts with, kept in its ledger: the files `genesis`, `identity.json` and `faucet.json`.
//!
//! A ledger without the file `genesis` is a new one: the keypairs are written first, then `genesis`, each
//! under another name that is changed once it is durable, so a crash in between leaves a new ledger.
//!
//! `genesis`, all numbers little-endian:
//!
//! | part | bytes |
//! | --- | --- |
//! | `SEALGENS` | 8 |
//! | version: 1, or 2 for a chain that is for development or has parameters | 4 |
//! | time of slot 0, Unix seconds | 8 |
//! | identity, faucet, mint (zeroes for none) | 32 each |
//! | number of programs | 4 |
//! | of each: id, length of its name, name | 32, 4, that |
//! | number of accounts | 8 |
//! | of each: key, lamports, owner, executable, length of its data, data | 32, 8, 32, 1, 8, that |
//! | in version 2: of each of its parameters (`chain_parameters.rs`), whether it has it, its value | 1, 8 |
//! | whether it has a seed, the seed; whether it is for development | 1, 8; 1 |
//! | genesis hash: sha256 of all before it | 32 |

use crate::chain_parameters::ChainParameters;
use crate::error::Error;
use crate::genesis::{Dev, Genesis};
use sealane_runtime::Disk;
use sealane_sdk::{AccountState, Program, Programs, Pubkey};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::io::{self, ErrorKind};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"SEALGENS";
/// Of a chain that anybody may run.
const VERSION: u32 = 1;
/// Of one for development, or with parameters: older releases, which know neither, refuse it.
const DEV_VERSION: u32 = 2;
const GENESIS: &str = "genesis";
const IDENTITY: &str = "identity.json";
const FAUCET: &str = "faucet.json";
/// Everything that a ledger consists of. `genesis` first, so that a reset that was interrupted is noticed.
const NAMES: [&str; 7] = [
    GENESIS,
    IDENTITY,
    FAUCET,
    "blocks",
    "accounts",
    "history",
    "snapshots",
];

/// The chain in a ledger; `None` if the ledger is new.
pub(crate) fn load(disk: &dyn Disk) -> Result<Option<Genesis>, Error> {
    let Some(bytes) = read(disk, GENESIS)? else {
        return match disk.list("blocks") {
            Ok(files) if !files.is_empty() => Err(damaged(GENESIS, "it is missing")),
            _ => Ok(None),
        };
    };
    let mut genesis = decode(&bytes)?;
    let keypair = |name, expected: &Pubkey| {
        let bytes = read(disk, name)?.ok_or_else(|| damaged(name, "it is missing"))?;
        let keypair = serde_json::from_slice::<Vec<u8>>(&bytes).ok();
        let keypair = keypair.and_then(|bytes| Keypair::try_from(bytes.as_slice()).ok());
        keypair
            .filter(|keypair| keypair.pubkey() == *expected)
            .ok_or_else(|| damaged(name, "it does not hold the keypair that genesis names"))
    };
    let identity = keypair(IDENTITY, &genesis.0)?;
    let faucet = keypair(FAUCET, &genesis.1)?;
    (genesis.2.identity, genesis.2.faucet) = (Arc::new(identity), faucet);
    Ok(Some(genesis.2))
}

/// Whether there is no chain in the ledger.
pub(crate) fn is_new(disk: &dyn Disk) -> Result<bool, Error> {
    Ok(read(disk, GENESIS)?.is_none())
}

/// Writes a new chain down.
pub(crate) fn store(disk: &dyn Disk, genesis: &Genesis) -> Result<(), Error> {
    store_in(disk, "", genesis)
}

/// Writes down in a folder of the ledger what the chain began with.
pub(crate) fn store_in(disk: &dyn Disk, folder: &str, genesis: &Genesis) -> Result<(), Error> {
    let write = |name: &str, bytes: &[u8]| match folder {
        "" => write(disk, name, bytes),
        folder => write(disk, &format!("{folder}/{name}"), bytes),
    };
    let keypair = |keypair: &Keypair| serde_json::to_vec(&keypair.to_bytes().to_vec());
    let (identity, faucet) = (keypair(&genesis.identity), keypair(&genesis.faucet));
    write(IDENTITY, &identity.map_err(io::Error::other)?)?;
    write(FAUCET, &faucet.map_err(io::Error::other)?)?;
    write(GENESIS, &encode(genesis))?;
    Ok(())
}

/// Takes the whole chain away, for a new one.
pub(crate) fn reset(disk: &dyn Disk) -> Result<(), Error> {
    for name in NAMES {
        remove(disk, name)?;
        if name == GENESIS {
            disk.sync_directory("")?;
        }
    }
    Ok(disk.sync_directory("")?)
}

/// The genesis hash: of everything that the chain starts with.
pub(crate) fn hash(genesis: &Genesis) -> Hash {
    solana_sha256_hasher::hash(&body(genesis))
}

/// Removes a file, or all files in a folder.
fn remove(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.list(path) {
        Ok(names) => names
            .iter()
            .try_for_each(|name| remove(disk, &format!("{path}/{name}"))),
        Err(_) => match disk.remove(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
    }
}

fn read(disk: &dyn Disk, name: &str) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let length = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_at(0, &mut bytes)?;
    Ok(Some(bytes))
}

/// Writes a file that is there whole, or not at all.
fn write(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.new");
    remove(disk, &temporary)?;
    let mut file = disk.create(&temporary)?;
    file.append(bytes)?;
    file.sync()?;
    disk.rename(&temporary, name)?;
    let (folder, _) = name.rsplit_once('/').unwrap_or_default();
    disk.sync_directory(folder)
}

fn damaged(file: &'static str, what: impl Into<String>) -> Error {
    Error::Ledger {
        file,
        what: what.into(),
    }
}

fn body(genesis: &Genesis) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&MAGIC);
    let is_plain = genesis.dev.is_none() && genesis.parameters == ChainParameters::default();
    let version = if is_plain { VERSION } else { DEV_VERSION };
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&genesis.time.to_le_bytes());
    for key in [
        genesis.identity.pubkey(),
        genesis.faucet.pubkey(),
        genesis.mint.unwrap_or_default(),
    ] {
        out.extend_from_slice(key.as_array());
    }
    out.extend_from_slice(&(genesis.programs.len() as u32).to_le_bytes());
    for (id, name) in &genesis.programs {
        out.extend_from_slice(id.as_array());
        out.extend_from_slice(&(name.len() as u32).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(&(genesis.accounts.len() as u64).to_le_bytes());
    for (key, state) in &genesis.accounts {
        out.extend_from_slice(key.as_array());
        out.extend_from_slice(&state.lamports.to_le_bytes());
        out.extend_from_slice(state.owner.as_array());
        out.push(u8::from(state.executable));
        let data = state.data.as_slice();
        out.extend_from_slice(&(data.len() as u64).to_le_bytes());
        out.extend_from_slice(data);
    }
    if !is_plain {
        let mut put = |value: Option<u64>| {
            out.push(u8::from(value.is_some()));
            out.extend_from_slice(&value.unwrap_or_default().to_le_bytes());
        };
        let seed = genesis.dev.and_then(|dev| dev.seed);
        genesis.parameters.to_array().into_iter().for_each(&mut put);
        put(seed);
        out.push(u8::from(genesis.dev.is_some()));
    }
    out
}

fn encode(genesis: &Genesis) -> Vec<u8> {
    let mut out = body(genesis);
    out.extend_from_slice(genesis.hash.as_ref());
    out
}

/// Identity, faucet, and the genesis without their keypairs.
fn decode(bytes: &[u8]) -> Result<(Pubkey, Pubkey, Genesis), Error> {
    let version = version(bytes);
    if let Some(version) = version
        && version > DEV_VERSION
    {
        return Err(Error::NewerLedger {
            version,
            supported: DEV_VERSION,
        });
    }
    let whole = bytes.split_last_chunk::<32>().filter(|(body, hash)| {
        bytes.starts_with(&MAGIC) && solana_sha256_hasher::hash(body).as_ref() == *hash
    });
    let (body, hash) = whole.ok_or_else(|| damaged(GENESIS, "its checksum is wrong"))?;
    let mut input = Input(&body[12..]);
    let is_plain = version == Some(VERSION);
    parse(&mut input, is_plain, Hash::new_from_array(*hash))
        .filter(|_| input.0.is_empty())
        .ok_or_else(|| damaged(GENESIS, "it ends too early or too late"))
}

fn version(bytes: &[u8]) -> Option<u32> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    Some(u32::from_le_bytes(*rest.first_chunk()?))
}

fn parse(input: &mut Input<'_>, is_plain: bool, hash: Hash) -> Option<(Pubkey, Pubkey, Genesis)> {
    let time = i64::from_le_bytes(input.array()?);
    let (identity, faucet, mint) = (input.key()?, input.key()?, input.key()?);
    let mut programs = Vec::new();
    for _ in 0..u32::from_le_bytes(input.array()?) {
        let id = input.key()?;
        let length = u32::from_le_bytes(input.array()?);
        let name = std::str::from_utf8(input.take(length.into())?).ok()?;
        programs.push((id, name.to_owned()));
    }
    let mut accounts = Vec::new();
    for _ in 0..u64::from_le_bytes(input.array()?) {
        let key = input.key()?;
        let lamports = u64::from_le_bytes(input.array()?);
        let owner = input.key()?;
        let executable = input.array::<1>()? == [1];
        let length = u64::from_le_bytes(input.array()?);
        let data = input.take(length)?.into();
        accounts.push((
            key,
            AccountState {
                lamports,
                owner,
                executable,
                data,
            },
        ));
    }
    let (mut dev, mut parameters) = (None, ChainParameters::default());
    if !is_plain {
        let mut take = || {
            let (has, value) = (input.array::<1>()?, u64::from_le_bytes(input.array()?));
            Some((has == [1]).then_some(value))
        };
        parameters = ChainParameters::from_array([take()?, take()?, take()?, take()?]);
        let seed = take()?;
        dev = (input.array::<1>()? == [1]).then_some(Dev { seed });
    }
    let genesis = Genesis {
        // Until their files are read.
        faucet: Keypair::new(),
        identity: Arc::new(Keypair::new()),
        mint: (mint != Pubkey::default()).then_some(mint),
        time,
        programs,
        accounts,
        dev,
        parameters,
        hash,
    };
    Some((identity, faucet, genesis))
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N as u64)?.try_into().ok()
    }

    fn key(&mut self) -> Option<Pubkey> {
        Some(Pubkey::new_from_array(self.array()?))
    }
}

/// The programs that run on a chain. Of the built-in ones it keeps those that it began with: a newer release may
/// have more, and what was executed before must come to the same again.
pub(crate) fn programs_of(genesis: &Genesis, programs: &Programs) -> Programs {
    let mut programs = programs.clone();
    programs.retain(|program| {
        !program.builtin || genesis.programs.iter().any(|(id, _)| *id == program.id)
    });
    programs
}

/// Whether a chain is for development where that is asked for, and with the seed that is asked for. Whoever goes
/// on with it must say so again: nobody is to find out by accident that strangers' pages can set its accounts.
pub(crate) fn check_dev(genesis: &Genesis, dev: Option<Dev>) -> Result<(), Error> {
    match (genesis.dev, dev) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Error::NotDev),
        (Some(_), None) => Err(Error::IsDev),
        (Some(kept), Some(asked)) if asked.seed.is_none() || asked == kept => Ok(()),
        (Some(kept), Some(_)) => Err(Error::OtherGenesis(match kept.seed {
            Some(seed) => format!("it began with --seed {seed}"),
            None => "it began without --seed".to_owned(),
        })),
    }
}

/// Whether this build and builder can go on with the chain of a ledger, given its `programs_of`. `Err` says what
/// differs.
pub(crate) fn check(
    genesis: &Genesis,
    programs: &Programs,
    mint: Option<Pubkey>,
    accounts: &[(Pubkey, AccountState)],
) -> Result<(), Error> {
    let other = |what: String| Err(Error::OtherGenesis(what));
    if let Some(mint) = mint
        && genesis.mint != Some(mint)
    {
        let funded = genesis.mint.map_or("no wallet".into(), |it| it.to_string());
        return other(format!("it funded {funded}, not {mint}"));
    }
    for (id, name) in &genesis.programs {
        let same = |program: &Program| program.id == *id && program.name == name;
        if !programs.iter().any(same) {
            return other(format!(
                "it has the program {name} ({id}), this node has not"
            ));
        }
    }
    for program in programs.iter() {
        if genesis.programs.iter().all(|(id, _)| *id != program.id) {
            let (name, id) = (&program.name, program.id);
            return other(format!("it began without the program {name} ({id})"));
        }
    }
    for (key, state) in accounts {
        let kept = genesis.accounts.iter().rfind(|(kept, _)| kept == key);
        if kept.is_none_or(|(_, kept)| kept != state) {
            return other(format!("account {key} began differently in it"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealane_runtime::MemoryDisk;

    fn genesis() -> Genesis {
        let account = AccountState {
            lamports: 7,
            data: vec![1, 2, 3].into(),
            ..AccountState::default()
        };
        let key = Pubkey::new_from_array([3; 32]);
        Genesis::new(
            Some(key),
            5,
            &Programs::builtin(),
            vec![(key, account)],
            None,
            ChainParameters::default(),
        )
    }

    /// A chain that may be for development.
    fn begin(dev: Option<Dev>) -> Genesis {
        let parameters = ChainParameters::default();
        Genesis::new(None, 5, &Programs::builtin(), Vec::new(), dev, parameters)
    }

    #[test]
    fn that_a_chain_is_for_development_is_kept_and_part_of_its_name() {
        for dev in [
            None,
            Some(Dev::default()),
            Some(Dev { seed: Some(0) }),
            Some(Dev { seed: Some(7) }),
        ] {
            let (disk, stored) = (MemoryDisk::new(), begin(dev));
            store(&disk, &stored).unwrap();
            let loaded = load(&disk).unwrap().expect("it was stored");
            assert_eq!((loaded.dev, loaded.hash), (dev, stored.hash));
            assert_eq!(encode(&loaded), encode(&stored));
        }
        let seeded = |seed| begin(Some(Dev { seed: Some(seed) }));
        assert_eq!(seeded(7).hash, seeded(7).hash);
        assert_eq!(seeded(7).identity, seeded(7).identity);
        assert_ne!(seeded(7).hash, seeded(8).hash);
        assert_ne!(seeded(7).faucet, *seeded(7).identity);
        assert_ne!(
            begin(Some(Dev::default())).hash,
            begin(Some(Dev::default())).hash
        );
    }

    #[test]
    fn a_chain_goes_on_as_what_it_began_as() {
        let (dev, seeded) = (Some(Dev::default()), Some(Dev { seed: Some(7) }));
        let error = |began_with, dev| check_dev(&begin(began_with), dev).unwrap_err().to_string();
        for (began_with, dev) in [(None, None), (dev, dev), (seeded, dev), (seeded, seeded)] {
            check_dev(&begin(began_with), dev).unwrap();
        }
        assert!(error(None, dev).contains("not begun with --dev"));
        assert!(error(dev, None).contains("add --dev"));
        assert!(error(dev, seeded).contains("without --seed"));
        assert!(error(seeded, Some(Dev { seed: Some(8) })).contains("--seed 7"));
    }

    #[test]
    fn what_is_stored_is_loaded() {
        let (disk, stored) = (MemoryDisk::new(), genesis());
        assert!(load(&disk).unwrap().is_none());
        store(&disk, &stored).unwrap();
        let loaded = load(&disk).unwrap().expect("it was stored");
        assert_eq!(encode(&loaded), encode(&stored));
        assert_eq!(loaded.identity, stored.identity);
        assert_eq!(loaded.faucet, stored.faucet);

        reset(&disk).unwrap();
        assert!(load(&disk).unwrap().is_none());
    }

    #[test]
    fn a_chain_keeps_the_built_in_programs_that_it_began_with() {
        let older = genesis();
        let newer = Program {
            id: Pubkey::new_from_array([9; 32]),
            ..sealane_sdk::COMPUTE_BUDGET_PROGRAM
        };
        let goes_on = |program: &Program| {
            let mut programs = Programs::builtin();
            programs.add(program.clone());
            let programs = programs_of(&older, &programs);
            assert_eq!(programs.get(&program.id).is_some(), !program.builtin);
            check(&older, &programs, None, &[]).is_ok()
        };
        assert!(goes_on(&newer));
        // One of somebody's own is meant.
        assert!(!goes_on(&Program {
            builtin: false,
            ..newer
        }));
    }

    #[test]
    fn a_crash_while_it_is_stored_leaves_a_new_ledger_or_the_whole_chain() {
        let stored = genesis();
        let calls = {
            let disk = MemoryDisk::new();
            store(&disk, &stored).unwrap();
            disk.calls()
        };
        for call in 1..=calls {
            let disk = MemoryDisk::new();
            disk.fail_call(call, sealane_runtime::DiskFault::PowerOff);
            let done = store(&disk, &stored).is_ok();
            for seed in 0..20 {
                let disk = disk.crash(seed);
                match load(&disk).unwrap() {
                    Some(loaded) => assert_eq!(loaded.hash, stored.hash),
                    None => assert!(!done),
                }
                // And it can be begun anew.
                if load(&disk).unwrap().is_none() {
                    store(&disk, &stored).unwrap();
                }
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let disk = MemoryDisk::new();
        store(&disk, &genesis()).unwrap();
        for (name, length) in disk.files() {
            for bit in 0..length * 8 {
                let disk = disk.copy();
                disk.flip_bit(&name, bit);
                assert!(load(&disk).is_err(), "bit {bit} of {name}");
            }
        }
    }
}
