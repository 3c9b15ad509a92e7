//! What Agave made of random transactions, in a file: enough to tell whether Sealane still comes to the same.
//!
//! An answer is a digest. Where one differs, Agave itself has to be asked what it was (`tests/differential/run.sh` with
//! the same seed).

use crate::{Failure, Outcome, Transaction};
use sealane_sdk::{AccountState, Pubkey};
use serde::{Deserialize, Serialize};
use solana_sdk_ids::sysvar;
use std::collections::{BTreeMap, HashMap};

/// Data from so many bytes on are not in the file, as they are those of programs on board: only their digest is.
const DATA_MAX: usize = 4_096;

/// A recording.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// What answered.
    pub by: String,
    /// Seed of the generator.
    pub seed: u64,
    /// Keys that nobody may write.
    pub reserved: Vec<Pubkey>,
    /// What there was at the start.
    accounts: Vec<RecordedAccount>,
    /// What became of each transaction.
    pub answers: Vec<Answer>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RecordedAccount {
    key: Pubkey,
    lamports: u64,
    owner: Pubkey,
    executable: bool,
    data: RecordedData,
}

#[derive(Debug, Serialize, Deserialize)]
enum RecordedData {
    Bytes(Vec<u8>),
    Digest(u64),
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It ran: its fee, and a digest of its outcome and of the accounts that it could write.
    Ran(u64, u64),
    /// The same, but it was refused for the rent of what it left, in these words.
    Rent(u64, String, u64),
    /// It did not run, in these words: its fee, and the digest.
    NotRun(u64, String, u64),
}

impl Answer {
    /// Of an outcome on either side, and the accounts after it.
    pub fn new(
        transaction: &Transaction,
        outcome: &Outcome,
        fee: u64,
        account: impl Fn(&Pubkey) -> AccountState,
    ) -> Self {
        let mut digest = Digest::default();
        digest.add(format!("{outcome:?}").as_bytes());
        for key in transaction.writable_keys() {
            digest.add_state(&account(key));
        }
        let digest = digest.0;
        match &outcome.result {
            Err(Failure::Rent(words)) => Self::Rent(fee, words.clone(), digest),
            Err(Failure::NotRun(words)) => Self::NotRun(fee, words.clone(), digest),
            Ok(()) | Err(Failure::Instruction(..)) => Self::Ran(fee, digest),
        }
    }

    /// What was taken as a fee.
    pub fn fee(&self) -> u64 {
        let (Self::Ran(fee, _) | Self::Rent(fee, ..) | Self::NotRun(fee, ..)) = self;
        *fee
    }

    /// Why Agave refused it for reasons that are not the executor's, if it did.
    pub fn refusal(&self) -> Option<Failure> {
        match self {
            Self::Ran(..) => None,
            Self::Rent(_, words, _) => Some(Failure::Rent(words.clone())),
            Self::NotRun(_, words, _) => Some(Failure::NotRun(words.clone())),
        }
    }
}

/// Makes a recording.
#[derive(Debug)]
pub struct Recorder(Recorded);

impl Recorder {
    /// Of a run that begins with these accounts.
    pub fn new(
        by: &str,
        seed: u64,
        reserved: impl IntoIterator<Item = Pubkey>,
        accounts: &HashMap<Pubkey, AccountState>,
    ) -> Self {
        // Sysvars are our own, and no transaction names those that we have not.
        let accounts = accounts.iter();
        let in_order: BTreeMap<_, _> = accounts
            .filter(|(_, state)| state.owner != sysvar::ID)
            .collect();
        let accounts = in_order.into_iter().map(|(key, state)| RecordedAccount {
            key: *key,
            lamports: state.lamports,
            owner: state.owner,
            executable: state.executable,
            data: if state.data.len() < DATA_MAX {
                RecordedData::Bytes(state.data.as_slice().to_vec())
            } else {
                RecordedData::Digest(data_digest(state))
            },
        });
        let mut reserved: Vec<_> = reserved.into_iter().collect();
        reserved.sort_unstable();
        Self(Recorded {
            by: by.to_owned(),
            seed,
            reserved,
            accounts: accounts.collect(),
            answers: Vec::new(),
        })
    }

    /// Adds what became of the next transaction.
    pub fn add(&mut self, answer: Answer) {
        self.0.answers.push(answer);
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        bincode::serialize(&self.0).expect("it can be written to memory")
    }
}

impl Recorded {
    /// Reads the bytes of a file.
    pub fn read(bytes: &[u8]) -> bincode::Result<Self> {
        bincode::deserialize(bytes)
    }

    /// The accounts at the start. Large data are looked up among `programs`.
    ///
    /// # Panics
    /// If an account's data are not there: the programs are others than when it was recorded.
    pub fn accounts(&self, programs: &[(Pubkey, AccountState)]) -> HashMap<Pubkey, AccountState> {
        let known: HashMap<u64, &AccountState> = programs
            .iter()
            .map(|(_, state)| (data_digest(state), state))
            .collect();
        let accounts = self.accounts.iter().map(|account| {
            let data = match &account.data {
                RecordedData::Bytes(bytes) => bytes.as_slice().into(),
                RecordedData::Digest(digest) => match known.get(digest) {
                    Some(state) => state.data.clone(),
                    None => panic!(
                        "the file of {} is another than when this was recorded: record again",
                        account.key
                    ),
                },
            };
            let state = AccountState {
                lamports: account.lamports,
                owner: account.owner,
                executable: account.executable,
                data,
            };
            (account.key, state)
        });
        accounts.collect()
    }
}

fn data_digest(state: &AccountState) -> u64 {
    let mut digest = Digest::default();
    digest.add(state.data.as_slice());
    digest.0
}

/// The 64-bit FNV-1a hash, with the length of each part: tells what is different, and withstands nobody.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&bytes.len().to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn add_state(&mut self, state: &AccountState) {
        self.add(&state.lamports.to_le_bytes());
        self.add(state.owner.as_ref());
        self.add(&[u8::from(state.executable)]);
        self.add(state.data.as_slice());
    }
}
