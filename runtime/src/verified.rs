//! A transaction that verify let through. Only verify can make one.
//!
//! It keeps the wire bytes and says where in them everything is, so that no later stage parses
//! again. It is one allocation for a common transaction (the box it comes in): places of
//! instructions and hashes of keys are inline up to a number that covers a transfer with its
//! compute budget.

use crate::verify::FetchedAccounts;
use bytes::Bytes;
use sealane_sdk::Pubkey;
use smallvec::SmallVec;
use solana_hash::Hash;
use solana_signature::Signature;
use std::fmt;

/// Identifies a message (not its signatures) for replay protection: a 128-bit hash keyed per node.
pub type MessageId = u128;

/// What the Compute Budget instructions of a transaction, or the configuration of one of version 1, ask for,
/// after defaults and caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputeBudget {
    /// Compute units the transaction may consume.
    pub unit_limit: u32,
    /// Micro-lamports per compute unit. Version 1 names its priority fee instead: then the price is that fee
    /// over the limit, rounded down, and 0 without a limit.
    pub unit_price: u64,
    /// Bytes of account data it may load.
    pub loaded_data_bytes_max: u32,
}

/// One top-level instruction, in place.
#[derive(Clone, Copy, Debug)]
pub struct Instruction<'a> {
    /// Index of the program.
    pub program: u8,
    /// Indices of its accounts.
    pub accounts: &'a [u8],
    /// Data.
    pub data: &'a [u8],
}

/// Where one instruction lies in the wire bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstructionPlace {
    pub(crate) accounts: u16,
    pub(crate) data: u16,
    pub(crate) data_len: u16,
    pub(crate) accounts_len: u8,
    pub(crate) program: u8,
}

impl InstructionPlace {
    /// The instruction itself, out of the bytes that it was found in.
    pub(crate) fn of<'a>(&self, bytes: &'a [u8]) -> Instruction<'a> {
        let (accounts, data) = (usize::from(self.accounts), usize::from(self.data));
        Instruction {
            program: self.program,
            accounts: &bytes[accounts..accounts + usize::from(self.accounts_len)],
            data: &bytes[data..data + usize::from(self.data_len)],
        }
    }
}

/// Places of a transaction's instructions.
pub(crate) type InstructionPlaces = SmallVec<[InstructionPlace; 3]>;

/// Hashes of a transaction's keys.
pub(crate) type KeyHashes = SmallVec<[u64; KEY_HASHES_INLINE]>;

/// Keys whose hashes need no allocation.
pub(crate) const KEY_HASHES_INLINE: usize = 4;

/// How a transaction is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Legacy,
    V0,
    V1,
}

/// Where the parts of a transaction lie in its wire bytes, and what its header says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Before the message; in version 1 behind it. Both places are noted, so that nobody has to ask which.
    pub(crate) signatures_at: u16,
    /// Where the message begins, and its length.
    pub(crate) message: u16,
    pub(crate) message_bytes: u16,
    pub(crate) keys: u16,
    pub(crate) blockhash: u16,
    /// The first lookup; meaningless without any.
    pub(crate) lookups: u16,
    pub(crate) lookup_count: u8,
    pub(crate) version: Version,
    pub(crate) signatures: u8,
    pub(crate) readonly_signed: u8,
    pub(crate) readonly_unsigned: u8,
    pub(crate) static_keys: u8,
    pub(crate) loaded_writable: u8,
    pub(crate) loaded_readonly: u8,
}

impl Layout {
    /// Accounts, static and looked up; at most 256.
    pub(crate) fn account_count(&self) -> usize {
        usize::from(self.static_keys)
            + usize::from(self.loaded_writable)
            + usize::from(self.loaded_readonly)
    }

    /// Bit `i`: the header (or the kind of lookup) asks to write account `i`, of at most 64. A
    /// payer signs, and is writable.
    pub(crate) fn requested_writable(&self) -> u64 {
        let statics = self.static_keys;
        let signed = below(self.signatures) & !below(self.signatures - self.readonly_signed);
        let unsigned = below(statics) & !below(statics - self.readonly_unsigned);
        let all = below(statics + self.loaded_writable);
        all & !signed & !unsigned
    }

    /// Accounts that the header and the lookups ask to write: what the cost model counts.
    pub(crate) fn requested_write_locks(&self) -> u64 {
        u64::from(self.static_keys) + u64::from(self.loaded_writable)
            - u64::from(self.readonly_signed)
            - u64::from(self.readonly_unsigned)
    }

    pub(crate) fn signatures<'a>(&self, bytes: &'a [u8]) -> &'a [Signature] {
        let start = usize::from(self.signatures_at);
        bytemuck::cast_slice(&bytes[start..start + 64 * usize::from(self.signatures)])
    }

    pub(crate) fn static_keys<'a>(&self, bytes: &'a [u8]) -> &'a [Pubkey] {
        let start = usize::from(self.keys);
        bytemuck::cast_slice(&bytes[start..start + 32 * usize::from(self.static_keys)])
    }

    pub(crate) fn message<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.message);
        &bytes[start..start + usize::from(self.message_bytes)]
    }
}

/// The bits below `i`, from 1 to 64.
fn below(i: u8) -> u64 {
    u64::MAX >> (i.wrapping_neg() & 63)
}

/// No nonce account; an index is below 64.
pub(crate) const NO_NONCE: u8 = u8::MAX;

/// A parsed, sanitised, signature-checked transaction with its lookup tables resolved.
pub struct VerifiedTransaction {
    pub(crate) bytes: Bytes,
    pub(crate) id: MessageId,
    pub(crate) budget: ComputeBudget,
    pub(crate) priority_fee: u64,
    /// Bit `i`: account `i` may be written.
    pub(crate) writable: u64,
    pub(crate) cost: u32,
    /// Signatures that are paid for: the transaction's own and those of precompiles.
    pub(crate) paid_signatures: u16,
    pub(crate) layout: Layout,
    pub(crate) nonce: u8,
    /// Heap that its programs may use.
    pub(crate) heap_kibibytes: u16,
    pub(crate) instructions: InstructionPlaces,
    pub(crate) key_hashes: KeyHashes,
    pub(crate) extra: Option<Box<Extra>>,
}

// Three cache lines: each stage loads them.
const _: () = assert!(size_of::<VerifiedTransaction>() <= 192);

/// What few transactions have, so that those without it need no room for it.
#[derive(Default)]
pub(crate) struct Extra {
    /// Addresses that came from lookup tables.
    loaded: Box<[Pubkey]>,
    /// What the files had of accounts that were not in memory.
    fetched: FetchedAccounts,
}

impl Extra {
    /// That of a transaction whose lookup tables gave these addresses.
    pub(crate) fn of_loaded(loaded: Box<[Pubkey]>) -> Option<Box<Self>> {
        let fetched = FetchedAccounts::default();
        (!loaded.is_empty()).then(|| Box::new(Self { loaded, fetched }))
    }
}

impl VerifiedTransaction {
    /// The wire bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
    /// The first signature: the transaction's name.
    pub fn signature(&self) -> &Signature {
        &self.signatures()[0]
    }
    /// All signatures.
    pub fn signatures(&self) -> &[Signature] {
        self.layout.signatures(&self.bytes)
    }
    /// The message's id.
    pub fn id(&self) -> MessageId {
        self.id
    }
    /// `None` for legacy.
    pub fn version(&self) -> Option<u8> {
        match self.layout.version {
            Version::Legacy => None,
            Version::V0 => Some(0),
            Version::V1 => Some(1),
        }
    }
    /// The recent blockhash (or durable nonce).
    pub fn recent_blockhash(&self) -> &Hash {
        let start = usize::from(self.layout.blockhash);
        bytemuck::from_bytes(&self.bytes[start..start + 32])
    }
    /// Accounts, static and looked up.
    pub fn account_count(&self) -> usize {
        self.key_hashes.len()
    }
    /// Address of account `i`: static keys, then writable lookups, then read-only lookups.
    pub fn key(&self, i: usize) -> &Pubkey {
        match i.checked_sub(usize::from(self.layout.static_keys)) {
            Some(loaded) => &self.loaded()[loaded],
            None => {
                let start = usize::from(self.layout.keys) + 32 * i;
                bytemuck::from_bytes(&self.bytes[start..start + 32])
            }
        }
    }
    /// The addresses of all accounts: those in the message, then those looked up.
    #[inline]
    pub(crate) fn keys(&self) -> (&[Pubkey], &[Pubkey]) {
        (self.layout.static_keys(&self.bytes), self.loaded())
    }
    /// The addresses that came from lookup tables.
    #[inline]
    fn loaded(&self) -> &[Pubkey] {
        self.extra.as_ref().map_or(&[], |extra| &extra.loaded)
    }
    /// Keyed hash of `key(i)`, computed once.
    pub fn key_hash(&self, i: usize) -> u64 {
        self.key_hashes[i]
    }
    /// What the files had of account `i`, if it was not in memory.
    pub(crate) fn fetched(&self, i: usize) -> Option<&sealane_accounts_db::Fetched> {
        let mut fetched = self.extra.as_ref()?.fetched.iter();
        let found = fetched.find(|(at, _)| usize::from(*at) == i);
        found.map(|(_, fetched)| fetched)
    }
    /// Keeps what the files had of accounts that were not in memory, by their places.
    pub(crate) fn keep_fetched(&mut self, fetched: FetchedAccounts) {
        if fetched.is_empty() {
            return self.drop_fetched();
        }
        self.extra.get_or_insert_default().fetched = fetched;
    }
    /// Keeps nothing that was fetched: what waits for long must not.
    #[inline]
    pub(crate) fn drop_fetched(&mut self) {
        if let Some(extra) = &mut self.extra {
            extra.fetched = FetchedAccounts::default();
            if extra.loaded.is_empty() {
                self.extra = None;
            }
        }
    }
    /// Whether the transaction signs for account `i`.
    pub fn is_signer(&self, i: usize) -> bool {
        i < usize::from(self.layout.signatures)
    }
    /// Whether account `i` may be written: declared writable, not a reserved key, not a called
    /// program.
    pub fn is_writable(&self, i: usize) -> bool {
        i < 64 && self.writable >> i & 1 == 1
    }
    /// Addresses that came from lookup tables: (writable, read-only).
    pub fn loaded_addresses(&self) -> (&[Pubkey], &[Pubkey]) {
        self.loaded()
            .split_at(usize::from(self.layout.loaded_writable))
    }
    /// Lookup tables it names (each counts 8,248 bytes towards the loaded data limit).
    pub fn lookup_table_count(&self) -> usize {
        usize::from(self.layout.lookup_count)
    }
    /// The top-level instructions.
    pub fn instructions(&self) -> impl Iterator<Item = Instruction<'_>> + Clone {
        self.instructions.iter().map(|place| place.of(&self.bytes))
    }
    /// Compute budget.
    pub fn budget(&self) -> ComputeBudget {
        self.budget
    }
    /// Fee in lamports: signatures and priority.
    pub fn fee(&self, lamports_per_signature: u64) -> u64 {
        u64::from(self.paid_signatures)
            .saturating_mul(lamports_per_signature)
            .saturating_add(self.priority_fee)
    }
    /// Declared cost in Solana's cost units: signatures, write locks, data bytes, compute limit.
    pub fn cost(&self) -> u64 {
        u64::from(self.cost)
    }
    /// Index of the nonce account, if the first instruction is AdvanceNonceAccount on a writable
    /// one.
    pub fn nonce_account(&self) -> Option<usize> {
        (self.nonce != NO_NONCE).then_some(usize::from(self.nonce))
    }
}

impl fmt::Debug for VerifiedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTransaction")
            .field("signature", self.signature())
            .field("version", &self.version())
            .field("accounts", &self.account_count())
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
