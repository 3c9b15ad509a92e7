//! Programs that are kept loaded, and the machine that runs them.
//!
//! # Which version of a program runs
//!
//! A program's account says where its file lies; whoever executes it holds at least a read lock on that account.
//! Each deployment, upgrade, extension or closing holds the write lock. So between two of these, in the serial
//! order, everybody finds the same file, though nobody locks the account that has it. `ElfMachine::changed`
//! is called for each of them after its transaction is committed and before its locks are released: what is kept
//! here is then as new as the serial order says, for whoever is granted a lock later.
//!
//! What is not kept is read from the `ProgramSource`, as it was published last. That is the right one unless a
//! change has not been published yet; a change is kept until it has been, whatever else has to go.
//!
//! As on Solana, a program runs from the slot after that of its deployment on.

use crate::context::Context;
use crate::environment::Environments;
use crate::run::run;
use crate::syscalls::Syscalls;
use sealane_sdk::{
    AccountState, InstructionError, Machine, MachineCall, MachineError, Pubkey, log_line,
};
use solana_sbpf::elf::Executable;
use solana_sdk_ids::{bpf_loader_deprecated, bpf_loader_upgradeable};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Where the accounts are that have programs' files.
pub trait ProgramSource: Send + Sync {
    /// An account as it was published last; `None` if it does not exist.
    ///
    /// # Errors
    /// In words, if it cannot be read.
    fn account(&self, key: &Pubkey) -> Result<Option<AccountState>, String>;

    /// The newest slot of which all that ran before it is published.
    fn published_slot(&self) -> u64;
}

/// Accounts that do not change.
impl<S: BuildHasher + Send + Sync> ProgramSource for HashMap<Pubkey, AccountState, S> {
    fn account(&self, key: &Pubkey) -> Result<Option<AccountState>, String> {
        Ok(self.get(key).cloned())
    }

    fn published_slot(&self) -> u64 {
        u64::MAX
    }
}

/// Bounds of what is kept, and what programs may ask of the machine.
#[derive(Clone, Copy, Debug)]
pub struct ProgramsConfig {
    /// Programs that are kept loaded.
    pub programs_max: usize,
    /// Bytes of their files, in sum.
    pub bytes_max: usize,
    /// Syscalls that programs may use.
    pub syscalls: Syscalls,
}

impl Default for ProgramsConfig {
    fn default() -> Self {
        Self {
            programs_max: 1_024,
            bytes_max: 512 << 20,
            syscalls: Syscalls::Mainnet,
        }
    }
}

/// Runs programs that are ELF files, and keeps them loaded.
pub struct ElfMachine {
    environments: Environments,
    source: Arc<dyn ProgramSource>,
    config: ProgramsConfig,
    kept: Mutex<Kept>,
    /// Which programs are kept; a thread's own list counts while this is the same. Unique among machines.
    generation: AtomicU64,
}

/// A program at one moment.
#[derive(Default)]
struct Loaded {
    /// `None`: it cannot run, because it was closed, never deployed, or is no program.
    executable: Option<Executable<Context>>,
    /// Pointers must be aligned.
    is_aligned: bool,
    /// The slot of its deployment; 0 for one that was there at genesis.
    slot: u64,
    /// Bytes of the account that has the file, if that is another than the program's.
    account_bytes: usize,
    /// Bytes that keeping it counts.
    bytes: usize,
}

#[derive(Default)]
struct Kept {
    programs: HashMap<Pubkey, KeptProgram>,
    bytes: usize,
    /// Counts uses, to find what was not used for longest.
    uses: u64,
}

struct KeptProgram {
    loaded: Arc<Loaded>,
    used: u64,
    /// The slot of a change that may not be published yet.
    changed: Option<u64>,
}

/// Generations of all machines of the process.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// A program as a thread remembers it: what is counted for each call is the thread's own, and no other core's.
type Remembered = Rc<Arc<Loaded>>;

/// Programs that a thread looked up, as of one generation.
#[derive(Default)]
struct Recent {
    generation: u64,
    programs: Vec<(Pubkey, Remembered)>,
}

/// Programs that a thread remembers.
const RECENT_MAX: usize = 16;

thread_local! {
    static RECENT: RefCell<Recent> = RefCell::default();
}

impl ElfMachine {
    /// A machine whose programs' files are in `source`.
    pub fn new(source: Arc<dyn ProgramSource>, config: ProgramsConfig) -> Self {
        Self {
            environments: Environments::new(config.syscalls),
            source,
            config,
            kept: Mutex::default(),
            generation: AtomicU64::new(next_generation()),
        }
    }

    /// Notes that a transaction of `slot` changed `program`. `programdata` is what it left of the account with
    /// the file. To be called between its commit and the release of its locks.
    pub fn changed(&self, program: &Pubkey, programdata: &AccountState, slot: u64) {
        let loaded = Arc::new(self.load_programdata(Some(programdata)));
        let mut kept = self.kept.lock().expect("no holder panics");
        self.keep(&mut kept, program, loaded, Some(slot));
        // Release: a thread that sees the new generation sees what is kept.
        self.generation.store(next_generation(), Ordering::Release);
    }

    /// Lets go of all programs: each is read anew when it is called. To be called when all that ran before is
    /// published and nothing runs.
    pub fn forget_all(&self) {
        let mut kept = self.kept.lock().expect("no holder panics");
        (kept.programs, kept.bytes) = (HashMap::new(), 0);
        // Release: as in `changed`.
        self.generation.store(next_generation(), Ordering::Release);
    }

    /// The account that has the file of a program under the upgradeable loader, and its bytes; `None` for
    /// another, or if it does not exist.
    pub fn programdata(&self, program: &Pubkey, account: &AccountState) -> Option<(Pubkey, usize)> {
        let address = programdata_address(account)?;
        let found = self.find(program, account);
        (found.account_bytes > 0).then_some((address, found.account_bytes))
    }

    /// The program as it is now.
    ///
    /// # Panics
    /// If its file cannot be read: then nobody can say what the transaction does.
    fn find(&self, program: &Pubkey, account: &AccountState) -> Remembered {
        // Acquire: see `changed`.
        let generation = self.generation.load(Ordering::Acquire);
        let known = RECENT.with_borrow_mut(|recent| {
            if recent.generation != generation {
                recent.generation = generation;
                recent.programs.clear();
            }
            let known = recent.programs.iter().find(|(key, _)| key == program);
            known.map(|(_, loaded)| Rc::clone(loaded))
        });
        if let Some(known) = known {
            return known;
        }
        let found = self.find_kept(program, account, generation);
        let found =
            found.unwrap_or_else(|error| panic!("program {program} cannot be read: {error}"));
        let found = Rc::new(found);
        RECENT.with_borrow_mut(|recent| {
            if recent.programs.len() == RECENT_MAX {
                recent.programs.remove(0);
            }
            // If the generation changed meanwhile, the list is thrown away at the next look.
            recent.programs.push((*program, Rc::clone(&found)));
        });
        found
    }

    /// `generation`: what it was before anything was looked up.
    fn find_kept(
        &self,
        program: &Pubkey,
        account: &AccountState,
        generation: u64,
    ) -> Result<Arc<Loaded>, String> {
        {
            let mut kept = self.kept.lock().expect("no holder panics");
            kept.uses += 1;
            let uses = kept.uses;
            if let Some(known) = kept.programs.get_mut(program) {
                known.used = uses;
                return Ok(Arc::clone(&known.loaded));
            }
        }
        // Compiled without the lock: others may do the same at the same time, to the same end.
        let loaded = if account.owner == bpf_loader_upgradeable::ID {
            match programdata_address(account) {
                Some(address) => self.load_programdata(self.source.account(&address)?.as_ref()),
                None => Loaded::default(),
            }
        } else {
            let is_aligned = account.owner != bpf_loader_deprecated::ID;
            self.load_file(account.data.as_slice(), is_aligned)
        };
        let loaded = Arc::new(loaded);
        let mut kept = self.kept.lock().expect("no holder panics");
        if let Some(known) = kept.programs.get(program) {
            // A change came in between, and is newer; or the same was loaded.
            return Ok(Arc::clone(&known.loaded));
        }
        // Who simulates holds no lock: what it read may have been changed since, and the change be forgotten again.
        if self.generation.load(Ordering::Acquire) == generation {
            self.keep(&mut kept, program, Arc::clone(&loaded), None);
        }
        Ok(loaded)
    }

    fn load_programdata(&self, programdata: Option<&AccountState>) -> Loaded {
        let Some(account) = programdata else {
            return Loaded::default();
        };
        let data = account.data.as_slice();
        let is_one = account.owner == bpf_loader_upgradeable::ID
            && data.first_chunk() == Some(&PROGRAMDATA.to_le_bytes());
        let slot = data.get(4..12).and_then(<[u8]>::first_chunk);
        let loaded = match (slot, data.get(PROGRAMDATA_HEAD..)) {
            (Some(slot), Some(file)) if is_one => Loaded {
                slot: u64::from_le_bytes(*slot),
                ..self.load_file(file, true)
            },
            _ => Loaded::default(),
        };
        Loaded {
            account_bytes: data.len(),
            ..loaded
        }
    }

    fn load_file(&self, file: &[u8], is_aligned: bool) -> Loaded {
        // The file is a stranger's: whatever it does to who reads it, it is no program then.
        let loading = AssertUnwindSafe(|| self.environments.load(file).ok());
        let executable = std::panic::catch_unwind(loading).unwrap_or(None);
        Loaded {
            bytes: executable.as_ref().map_or(0, |_| file.len()),
            executable,
            is_aligned,
            ..Loaded::default()
        }
    }

    /// Keeps a program, and lets go of others if there are too many.
    fn keep(&self, kept: &mut Kept, program: &Pubkey, loaded: Arc<Loaded>, changed: Option<u64>) {
        kept.uses += 1;
        kept.bytes += loaded.bytes;
        let new = KeptProgram {
            loaded,
            used: kept.uses,
            changed,
        };
        if let Some(old) = kept.programs.insert(*program, new) {
            kept.bytes -= old.loaded.bytes;
        }
        let is_full = |kept: &Kept| {
            kept.programs.len() > self.config.programs_max || kept.bytes > self.config.bytes_max
        };
        if !is_full(kept) {
            return;
        }
        let published = self.source.published_slot();
        while is_full(kept) {
            let candidates = kept.programs.iter().filter(|(key, known)| {
                *key != program && known.changed.is_none_or(|slot| slot < published)
            });
            let oldest = candidates.min_by_key(|(_, known)| known.used);
            let Some(oldest) = oldest.map(|(key, _)| *key) else {
                break;
            };
            if let Some(gone) = kept.programs.remove(&oldest) {
                kept.bytes -= gone.loaded.bytes;
            }
        }
        // Threads forget what they remember of those that went, so that the bound holds.
        self.generation.store(next_generation(), Ordering::Release);
    }
}

fn next_generation() -> u64 {
    GENERATIONS.fetch_add(1, Ordering::Relaxed)
}

/// `UpgradeableLoaderState::Program` and `ProgramData`: a discriminant of 4 bytes, then an address, or a slot and
/// an optional authority.
const PROGRAM: u32 = 2;
const PROGRAMDATA: u32 = 3;
/// Bytes before the file.
const PROGRAMDATA_HEAD: usize = 45;

/// Where the file of a program lies, if the account is one of the upgradeable loader's programs.
fn programdata_address(program: &AccountState) -> Option<Pubkey> {
    let data = program.data.as_slice();
    let is_one = program.owner == bpf_loader_upgradeable::ID
        && data.first_chunk() == Some(&PROGRAM.to_le_bytes());
    let address = data.get(4..36)?.first_chunk()?;
    is_one.then(|| Pubkey::new_from_array(*address))
}

impl Machine for ElfMachine {
    fn execute(&self, call: &MachineCall<'_>) -> Result<(), MachineError> {
        let not_deployed = || {
            log_line(format_args!("Program is not deployed"));
            Err(InstructionError::UnsupportedProgramId.into())
        };
        if call.is_changed_here() {
            return not_deployed();
        }
        let loaded = self.find(call.program_id(), call.program_state());
        let is_visible = loaded.slot == 0 || loaded.slot < call.sysvars().clock.slot;
        match &loaded.executable {
            Some(executable) if is_visible => run(executable, call, loaded.is_aligned),
            _ => not_deployed(),
        }
    }

    fn check(&self, elf: &[u8]) -> Result<(), String> {
        self.environments.check(elf)
    }
}
