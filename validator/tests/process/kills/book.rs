//! What the driver knows: every transfer that it ever sent, and everything that a node told it.
//!
//! The book takes no node's word twice: whatever it is told again must be what it was told before, by whichever
//! process. That is the whole of what a client may rely on.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::collections::{BTreeMap, HashMap};

/// Fee of a transaction with one signature.
pub(crate) const FEE: u64 = 5_000;
/// What the mint has at genesis.
const MINT_LAMPORTS: u64 = 500_000_000 * 1_000_000_000;
/// What each other account gets first.
const FUNDS: u64 = 1_000_000_000_000;
/// More than anybody has.
const TOO_MUCH: u64 = 1 << 62;

/// The account that genesis funds.
pub(crate) const MINT: usize = 0;
/// Accounts that send to each other.
const PAYERS: std::ops::Range<usize> = 1..17;
/// Accounts to which many send: whoever names one waits for the others.
const SINKS: std::ops::Range<usize> = 17..20;

/// What became of a transaction, as a node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) slot: u64,
    pub(crate) err: Value,
}

impl Fate {
    /// That of an element of `getSignatureStatuses`.
    pub(crate) fn of_status(status: &Value) -> Option<Self> {
        Some(Self {
            slot: status["slot"].as_u64()?,
            err: status["err"].clone(),
        })
    }
}

pub(crate) struct Transfer {
    pub(crate) signature: String,
    /// As `sendTransaction` takes it.
    pub(crate) wire: String,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) lamports: u64,
    /// What a node said of it, once one did.
    pub(crate) told: Option<Fate>,
}

/// All of it, for one chain.
pub(crate) struct Book {
    keys: Vec<Keypair>,
    pub(crate) accounts: Vec<String>,
    pub(crate) transfers: Vec<Transfer>,
    by_signature: HashMap<String, usize>,
    /// By slot, the blockhash that it opened with: that of the slot before.
    shown: BTreeMap<u64, String>,
    /// Makes every message another.
    next: u64,
}

impl Book {
    pub(crate) fn new() -> Self {
        let keys: Vec<Keypair> = (0..SINKS.end).map(|_| Keypair::new()).collect();
        Self {
            accounts: keys.iter().map(|key| key.pubkey().to_string()).collect(),
            keys,
            transfers: Vec::new(),
            by_signature: HashMap::new(),
            shown: BTreeMap::new(),
            next: 0,
        }
    }

    pub(crate) fn mint(&self) -> &Keypair {
        &self.keys[MINT]
    }

    /// What each account has at genesis.
    pub(crate) fn opening(&self) -> Vec<u64> {
        let mut opening = vec![0; self.accounts.len()];
        opening[MINT] = MINT_LAMPORTS;
        opening
    }

    /// The first transfers of a chain: everybody gets something.
    pub(crate) fn fund(&mut self, blockhash: Hash) -> Vec<usize> {
        let others = PAYERS.start..SINKS.end;
        others
            .map(|to| self.transfer(MINT, to, FUNDS, blockhash))
            .collect()
    }

    /// Some transfer: between payers, to an account that many want, or of more than there is.
    pub(crate) fn any(&mut self, random: &mut StdRng, blockhash: Hash) -> usize {
        let from = random.random_range(PAYERS);
        let (to, lamports) = match random.random_range(0..10) {
            0 => (random.random_range(PAYERS), TOO_MUCH),
            1..4 => (random.random_range(SINKS), 0),
            _ => (random.random_range(PAYERS), 0),
        };
        // An account that sends to itself names one account twice.
        let to = if to == from { SINKS.start } else { to };
        self.transfer(from, to, lamports, blockhash)
    }

    /// A transfer, noted before anybody can have seen it. Every one is of some lamports more than the last.
    fn transfer(&mut self, from: usize, to: usize, lamports: u64, blockhash: Hash) -> usize {
        self.next += 1;
        let lamports = lamports + self.next;
        let (payer, to_key) = (&self.keys[from], self.keys[to].pubkey());
        let instruction =
            solana_system_interface::instruction::transfer(&payer.pubkey(), &to_key, lamports);
        let transaction = Transaction::new_signed_with_payer(
            &[instruction],
            Some(&payer.pubkey()),
            &[payer],
            blockhash,
        );
        let bytes = bincode::serialize(&transaction).expect("it has a serialised form");
        let signature = transaction.signatures[0].to_string();
        let number = self.transfers.len();
        self.by_signature.insert(signature.clone(), number);
        self.transfers.push(Transfer {
            signature,
            wire: BASE64_STANDARD.encode(bytes),
            from,
            to,
            lamports,
            told: None,
        });
        number
    }

    pub(crate) fn number_of(&self, signature: &str) -> Option<usize> {
        self.by_signature.get(signature).copied()
    }

    /// The call that sends a transfer.
    pub(crate) fn send(&self, number: usize) -> (&'static str, Value) {
        let wire = &self.transfers[number].wire;
        let config = json!({"encoding": "base64", "skipPreflight": true});
        ("sendTransaction", json!([wire, config]))
    }

    /// A node told what became of a transfer. Returns whether none did before.
    pub(crate) fn tell(&mut self, number: usize, fate: Fate) -> bool {
        let transfer = &mut self.transfers[number];
        let is_new = transfer.told.is_none();
        let told = transfer.told.get_or_insert_with(|| fate.clone());
        assert_eq!(*told, fate, "{} was told otherwise", transfer.signature);
        is_new
    }

    /// A node showed which blockhash a slot opened with.
    pub(crate) fn show(&mut self, slot: u64, blockhash: &str) {
        let shown = self.shown.entry(slot);
        let shown = shown.or_insert_with(|| blockhash.to_owned());
        assert_eq!(shown, blockhash, "slot {slot} was shown otherwise");
    }

    /// The newest slot that was shown.
    pub(crate) fn newest_slot(&self) -> u64 {
        self.shown.last_key_value().map_or(0, |(slot, _)| *slot)
    }
}
