//! Wire bytes to `VerifiedTransaction`: parse in place, drop duplicates, check signatures, resolve
//! lookup tables, hash the keys.
//!
//! Whatever depends on bytes alone, or on state that cannot change to the transaction's favour
//! within its life, is decided here, the cheap before the dear: size, form, sanitisation, compute
//! budget, number of accounts, lookup tables, duplicate accounts, signatures. Age, replay across
//! batches and everything about balances come later. A verifier belongs to one thread; what it
//! allocates per transaction is the box of the result and, where there are any, the looked-up
//! addresses.

mod budget;
mod duplicates;
mod fetch;
#[cfg(test)]
pub(crate) mod fixture;
mod lookup;
mod message_id;
mod parse;
mod reserved;
mod state;
#[cfg(test)]
mod tests;

use crate::prefetch::prefetch_bytes;
use crate::verified::{Extra, InstructionPlaces, KEY_HASHES_INLINE, KeyHashes, Layout, NO_NONCE};
use crate::{ComputeBudget, MessageId, SlotContext, SlotWatch, VerifiedTransaction, wire};
use budget::Price;
use bytes::Bytes;
use duplicates::Duplicates;
pub(crate) use fetch::{FetchedAccounts, fetch};
use message_id::MessageHasher;
use sealane_accounts_db::{Accounts, Pin, ReadError};
use sealane_sdk::Pubkey;
use sealane_signatures::SignatureChecker;
use solana_sdk_ids::{bpf_loader_upgradeable, system_program};
use solana_signature::Signature;
use solana_transaction_error::TransactionError;
use state::{Pinned, Recorded, State, Unhashed, Visible};
use std::sync::Arc;

/// Why a transaction was not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The bytes are not a transaction. Says where it went wrong.
    #[error("failed to deserialize transaction: {0}")]
    Malformed(&'static str),
    /// More than `Limits::transaction_bytes_max` bytes, or, in version 1, `Limits::version_1_bytes_max`.
    #[error("transaction too large: {bytes} bytes (max: {max} bytes)")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Too much waits that pays more; its signature was not looked at.
    #[error("too much is waiting that pays a higher fee per compute unit")]
    Shed,
    /// It is a transaction, and this is what is wrong with it.
    #[error("{0}")]
    Transaction(#[from] TransactionError),
    /// Its lookup tables could not be read now; the same transaction may be let through later.
    #[error("lookup tables cannot be read: {0}")]
    State(#[from] ReadError),
    /// Its accounts are not in memory and could not be read now; nothing of it ran.
    #[error("accounts cannot be read: {0}")]
    Accounts(ReadError),
}

/// Transactions this far ahead in a batch are being loaded.
pub(crate) const PREFETCH_AHEAD: usize = 4;

/// What a batch came to: one result per transaction.
type Verified = Result<Box<VerifiedTransaction>, VerifyError>;

/// Verifies batches; one per verify thread.
pub struct Verifier {
    accounts: Arc<Accounts>,
    slots: SlotWatch,
    check_signatures: bool,
    core: Core,
}

impl Verifier {
    /// `check_signatures: false` trusts the sender (benchmarks of what comes after).
    pub fn new(
        accounts: Arc<Accounts>,
        slots: SlotWatch,
        limits: &crate::Limits,
        check_signatures: bool,
    ) -> Self {
        let core = Core::new(limits, MessageHasher::new(|key| accounts.hash_key(key)));
        Self {
            accounts,
            slots,
            check_signatures,
            core,
        }
    }

    /// Verifies a batch; `out` gets one result per input, in order. Signatures are checked as one
    /// batch and narrowed down when that fails. Of several inputs with the same bytes all but the
    /// first are `AlreadyProcessed`.
    pub fn verify_batch(&mut self, batch: Vec<Bytes>, out: &mut Vec<Verified>) {
        self.verify_above(None, batch, out);
    }

    /// The same, but those whose fee per compute unit is not above `floor` are shed as soon as it is known, before
    /// their signatures.
    pub(crate) fn verify_above(
        &mut self,
        floor: Option<u64>,
        batch: Vec<Bytes>,
        out: &mut Vec<Verified>,
    ) {
        let mut state = Visible::new(&self.accounts, &self.slots);
        let checks = Checks {
            signatures: self.check_signatures,
            floor,
        };
        self.core.verify_batch(batch, &mut state, checks, out);
    }

    /// What `verify_above` would refuse it for by its bytes alone: for what is wrong with them, or as it is shed.
    pub(crate) fn look_above(&self, floor: u64, bytes: &Bytes) -> Result<(), VerifyError> {
        self.core.look_above(floor, bytes)
    }

    /// The same as seen in a slot, with a state of it.
    pub fn verify_batch_at(
        &mut self,
        batch: Vec<Bytes>,
        slot: &SlotContext,
        pin: &Pin,
        out: &mut Vec<Verified>,
    ) {
        let accounts = &self.accounts;
        let mut state = Pinned {
            accounts,
            slot,
            pin,
        };
        let checks = Checks {
            signatures: self.check_signatures,
            floor: None,
        };
        self.core.verify_batch(batch, &mut state, checks, out);
    }

    /// Reads what accounts those that were let through need from the disk, where memory is bounded: what goes to
    /// the schedule stage. Nothing is done otherwise.
    pub(crate) fn fetch(&self, batch: &mut [Verified]) {
        if self.accounts.is_bounded() {
            fetch::fetch_batch(&self.accounts, batch);
        }
    }

    /// For simulateTransaction with sigVerify false: everything but signatures.
    pub fn parse_trusted(&mut self, bytes: Bytes) -> Verified {
        self.core
            .prepare(bytes, &mut Visible::new(&self.accounts, &self.slots), None)
    }

    /// For the replay of a log: everything but signatures, with the addresses that its lookup tables
    /// gave.
    pub(crate) fn parse_recorded(&mut self, bytes: Bytes, loaded: Box<[Pubkey]>) -> Verified {
        let mut state = Recorded::new(&self.accounts, loaded);
        let mut verified = self.core.prepare(bytes, &mut state, None);
        self.fetch(std::slice::from_mut(&mut verified));
        verified
    }

    /// The id of a transaction out of the log, without verifying it again. `None` if the bytes are none.
    pub(crate) fn recorded_id(&self, bytes: &[u8]) -> Option<MessageId> {
        let (_, message) = wire::split(bytes)?;
        Some(self.core.messages.id(message))
    }
}

/// Parses what a block log holds, for who looks at one without a node.
pub(crate) struct RecordParser(Core);

impl RecordParser {
    pub(crate) fn new() -> Self {
        let secret = |key: &Pubkey| u64::from(key.as_array()[0]);
        Self(Core::new(
            &crate::Limits::default(),
            MessageHasher::new(secret),
        ))
    }

    /// Everything but signatures, with the addresses that the transaction's lookup tables gave. What it says of
    /// hashes is not a node's.
    pub(crate) fn parse(&self, bytes: Bytes, loaded: Box<[Pubkey]>) -> Verified {
        self.0.prepare(bytes, &mut Unhashed(loaded), None)
    }
}

/// What a batch is held against beside its form.
#[derive(Clone, Copy)]
struct Checks {
    signatures: bool,
    floor: Option<u64>,
}

/// What the bytes alone say of a transaction.
struct Looked {
    layout: Layout,
    instructions: InstructionPlaces,
    /// Budget and price, or what is asked for in vain.
    granted: Result<(ComputeBudget, Price), TransactionError>,
}

impl Looked {
    /// `Shed`, if it pays no more than `floor`.
    #[inline(always)]
    fn is_above(&self, floor: Option<u64>) -> Result<(), VerifyError> {
        match (floor, &self.granted) {
            (Some(floor), Ok((budget, _))) if budget.unit_price <= floor => Err(VerifyError::Shed),
            _ => Ok(()),
        }
    }
}

/// A verifier without its handles of the state.
struct Core {
    bytes_max: usize,
    version_1_bytes_max: usize,
    accounts_max: usize,
    messages: MessageHasher,
    signatures: SignatureChecker,
    duplicates: Duplicates,
}

impl Core {
    fn new(limits: &crate::Limits, messages: MessageHasher) -> Self {
        Self {
            // Places are 16 bits and the mask of writable accounts is 64.
            bytes_max: limits.transaction_bytes_max.min(usize::from(u16::MAX)),
            version_1_bytes_max: (limits.version_1_bytes_max).min(usize::from(u16::MAX)),
            accounts_max: limits.transaction_accounts_max.min(64),
            messages,
            signatures: SignatureChecker::default(),
            duplicates: Duplicates::default(),
        }
    }

    fn verify_batch(
        &mut self,
        batch: Vec<Bytes>,
        state: &mut impl State,
        checks: Checks,
        out: &mut Vec<Verified>,
    ) {
        let start = out.len();
        out.reserve(batch.len());
        self.duplicates.start(batch.len());
        let mut batch = batch.into_iter();
        let mut index = 0;
        while let Some(bytes) = batch.next() {
            if let Some(ahead) = batch.as_slice().get(PREFETCH_AHEAD) {
                prefetch_bytes(ahead);
            }
            // Each kind by itself: an error has more words, and all are waited for where it is not known which it is.
            match self.prepare(bytes, state, checks.floor) {
                Ok(transaction) => {
                    let first = self.duplicates.first(index, &transaction, &out[start..]);
                    let is_good = first.is_some()
                        || !checks.signatures
                        || add_signatures(&mut self.signatures, index, &transaction);
                    out.push(match is_good {
                        true => Ok(transaction),
                        false => Err(TransactionError::SignatureFailure.into()),
                    });
                }
                Err(error) => out.push(Err(error)),
            }
            index += 1;
        }
        let results = &mut out[start..];
        self.signatures.check(|index| {
            results[index as usize] = Err(TransactionError::SignatureFailure.into());
        });
        // A copy fares as its first: what that one is refused for, or as processed already.
        for (copy, first) in self.duplicates.found.drain(..) {
            let error = match &results[first as usize] {
                Ok(_) => TransactionError::AlreadyProcessed.into(),
                Err(error) => error.clone(),
            };
            results[copy as usize] = Err(error);
        }
    }

    fn look_above(&self, floor: u64, bytes: &Bytes) -> Result<(), VerifyError> {
        let looked = if wire::is_version_1(bytes) {
            self.look_version_1(bytes)
        } else {
            self.look(bytes)
        };
        looked?.is_above(Some(floor))
    }

    /// Everything but signatures and copies. What pays no more than `floor` is shed.
    fn prepare(&self, bytes: Bytes, state: &mut impl State, floor: Option<u64>) -> Verified {
        if wire::is_version_1(&bytes) {
            return self.prepare_version_1(bytes, state, floor);
        }
        let looked = self.look(&bytes)?;
        self.finish(bytes, looked, state, floor)
    }

    /// Apart, so that it costs the other versions one comparison.
    #[cold]
    #[inline(never)]
    fn prepare_version_1(
        &self,
        bytes: Bytes,
        state: &mut impl State,
        floor: Option<u64>,
    ) -> Verified {
        let looked = self.look_version_1(&bytes)?;
        let verified = self.finish(bytes, looked, state, floor);
        verified.map_err(|error| match error {
            // In this version it is a matter of form.
            VerifyError::Transaction(TransactionError::AccountLoadedTwice) => {
                TransactionError::SanitizeFailure.into()
            }
            error => error,
        })
    }

    /// What the bytes alone say of a transaction that is legacy or of version 0.
    #[inline(always)]
    fn look(&self, bytes: &Bytes) -> Result<Looked, VerifyError> {
        check_size(bytes, self.bytes_max)?;
        let mut instructions = InstructionPlaces::new();
        let layout = parse::parse(bytes, &mut instructions)?;
        let programs = parse::programs_of(layout.static_keys(bytes), &instructions, bytes);
        let asked = budget::asked(layout.signatures, layout.requested_write_locks(), programs)?;
        if layout.account_count() > self.accounts_max {
            return Err(TransactionError::TooManyAccountLocks.into());
        }
        Ok(Looked {
            layout,
            instructions,
            granted: asked.granted(),
        })
    }

    /// The same of version 1.
    fn look_version_1(&self, bytes: &Bytes) -> Result<Looked, VerifyError> {
        check_size(bytes, self.version_1_bytes_max)?;
        let mut instructions = InstructionPlaces::new();
        let (layout, asked) = parse::version_1::parse(bytes, &mut instructions)?;
        let keys = Keys {
            statics: layout.static_keys(bytes),
            loaded: &[],
        };
        if keys.count() > self.accounts_max {
            return Err(if has_equal_keys(&keys) {
                TransactionError::SanitizeFailure.into()
            } else {
                TransactionError::TooManyAccountLocks.into()
            });
        }
        let programs = parse::programs_of(keys.statics, &instructions, bytes);
        let write_locks = layout.requested_write_locks();
        let granted = budget::configured(layout.signatures, write_locks, programs, &asked);
        Ok(Looked {
            layout,
            instructions,
            granted: Ok(granted),
        })
    }

    /// What is the same in all versions.
    #[inline(always)]
    fn finish(
        &self,
        bytes: Bytes,
        looked: Looked,
        state: &mut impl State,
        floor: Option<u64>,
    ) -> Verified {
        looked.is_above(floor)?;
        let Looked {
            layout,
            instructions,
            granted,
        } = looked;
        let loaded = state.resolve(&layout, &bytes)?;
        let keys = Keys {
            statics: layout.static_keys(&bytes),
            loaded: &loaded,
        };
        let key_hashes = keys.hashes(|key| state.hash_key(key));
        if has_duplicates(&keys, &key_hashes) {
            return Err(TransactionError::AccountLoadedTwice.into());
        }
        let (budget, price) = granted?;
        let called = instructions
            .iter()
            .fold(0, |called, place| called | 1 << place.program);
        let writable = writable(&layout, &keys, called);
        let nonce = instructions
            .first()
            .map_or(NO_NONCE, |place| nonce(&place.of(&bytes), &keys, writable));
        let id = self.messages.id(layout.message(&bytes));
        // The place first, so that the transaction is made in it.
        let place = Box::new_uninit();
        let verified = VerifiedTransaction {
            id,
            priority_fee: price.priority_fee,
            budget,
            writable,
            cost: price.cost,
            paid_signatures: price.signatures,
            layout,
            nonce,
            heap_kibibytes: price.heap_kibibytes,
            key_hashes,
            extra: Extra::of_loaded(loaded),
            instructions,
            bytes,
        };
        Ok(Box::write(place, verified))
    }
}

#[inline(always)]
fn check_size(wire: &[u8], max: usize) -> Result<(), VerifyError> {
    let bytes = wire.len();
    if bytes > max {
        return Err(VerifyError::TooLarge { bytes, max });
    }
    Ok(())
}

/// A transaction's addresses.
struct Keys<'a> {
    statics: &'a [Pubkey],
    loaded: &'a [Pubkey],
}

impl Keys<'_> {
    fn iter(&self) -> impl Iterator<Item = &Pubkey> {
        self.statics.iter().chain(self.loaded)
    }

    /// Two loops, as an iterator over both would ask at every step in which one it is.
    #[inline]
    fn for_each(&self, mut see: impl FnMut(&Pubkey)) {
        self.statics.iter().for_each(&mut see);
        self.loaded.iter().for_each(see);
    }

    fn count(&self) -> usize {
        self.statics.len() + self.loaded.len()
    }

    /// One hash per key.
    fn hashes(&self, hash: impl Fn(&Pubkey) -> u64) -> KeyHashes {
        // Few keys are static as a rule: a loop over an array asks nothing about room.
        if self.loaded.is_empty() && self.statics.len() <= KEY_HASHES_INLINE {
            let mut hashes = [0; KEY_HASHES_INLINE];
            for (place, key) in hashes.iter_mut().zip(self.statics) {
                *place = hash(key);
            }
            return KeyHashes::from_buf_and_len(hashes, self.statics.len());
        }
        let mut hashes = KeyHashes::with_capacity(self.count());
        self.for_each(|key| hashes.push(hash(key)));
        hashes
    }

    fn get(&self, i: usize) -> &Pubkey {
        match i.checked_sub(self.statics.len()) {
            None => &self.statics[i],
            Some(loaded) => &self.loaded[loaded],
        }
    }
}

/// At most 64 keys: comparing every pair of hashes is cheaper than any table.
fn has_duplicates(keys: &Keys<'_>, hashes: &[u64]) -> bool {
    let mut rest = hashes;
    while let Some((hash, others)) = rest.split_first() {
        // The hashes of different keys are almost never the same.
        if others.contains(hash) {
            return has_equal_keys(keys);
        }
        rest = others;
    }
    false
}

#[cold]
fn has_equal_keys(keys: &Keys<'_>) -> bool {
    (1..keys.count()).any(|i| (0..i).any(|j| keys.get(i) == keys.get(j)))
}

/// Bit `i`: account `i` may be written. Asked for, not reserved, and no called program unless the
/// upgradeable loader is among the accounts (as solana-message has it).
fn writable(layout: &Layout, keys: &Keys<'_>, called: u64) -> u64 {
    let mut writable = layout.requested_writable();
    let mut account = 1;
    keys.for_each(|key| {
        if writable & account != 0 && reserved::is_reserved(key) {
            writable &= !account;
        }
        account <<= 1;
    });
    if writable & called != 0 && !keys.iter().any(|key| *key == bpf_loader_upgradeable::ID) {
        writable &= !called;
    }
    writable
}

/// Index of the nonce account that `first`, the first instruction, advances.
fn nonce(first: &crate::Instruction<'_>, keys: &Keys<'_>, writable: u64) -> u8 {
    /// AdvanceNonceAccount as System encodes it.
    const ADVANCE: [u8; 4] = 4_u32.to_le_bytes();
    match first.accounts.first() {
        Some(&account)
            if first.data.starts_with(&ADVANCE)
                && keys.statics[usize::from(first.program)] == system_program::ID
                && usize::from(account) < keys.statics.len()
                && writable >> account & 1 == 1 =>
        {
            account
        }
        _ => NO_NONCE,
    }
}

/// `false`: one of them is bad at first sight.
fn add_signatures(
    checker: &mut SignatureChecker,
    index: u32,
    transaction: &VerifiedTransaction,
) -> bool {
    let (bytes, layout) = (&transaction.bytes, &transaction.layout);
    let signatures = transaction.signatures().iter().map(Signature::as_array);
    let keys = layout.static_keys(bytes).iter().map(Pubkey::as_array);
    checker.add(index, signatures.zip(keys), layout.message(bytes))
}
