//! A chain in miniature: a map of accounts, an open slot, one bank.

use crate::programs;
use sealane_accounts_db::DbLimits;
use sealane_runtime::{
    Bank, Limits, SlotContext, SlotWatch, TransactionRecord, VerifiedTransaction, Verifier,
};
use sealane_sdk::{AccountState, Hash, Instruction, Programs, Pubkey, TransactionAccounts, pubkey};
use sealane_tests::wire;
use solana_address_lookup_table_interface::state::{AddressLookupTable, LookupTableMeta};
use solana_keypair::Keypair;
use solana_message::{AddressLookupTableAccount, Message, VersionedMessage, v0, v1};
use solana_sdk_ids::{address_lookup_table, native_loader};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lamports that exempt an account without data from rent.
pub(crate) const RENT_MIN: u64 = 890_880;
/// Lamports of one signature.
pub(crate) const FEE: u64 = 5_000;
/// A billion lamports.
pub(crate) const SOL: u64 = 1_000_000_000;
/// An address where nothing is.
pub(crate) const NOWHERE: Pubkey = pubkey!("Nowhere111111111111111111111111111111111111");

/// A chain in miniature.
pub(crate) struct World {
    /// The open slot.
    pub(crate) slot: SlotContext,
    /// Accounts that exist.
    pub(crate) accounts: BTreeMap<Pubkey, AccountState>,
    bank: Bank,
    verifier: Verifier,
}

impl World {
    /// Slot 5 of a chain with `programs::probe()` on board and alice, who owns one SOL.
    pub(crate) fn new() -> Self {
        Self::with_tables(&[])
    }

    /// The same, with lookup tables where verify reads them.
    pub(crate) fn with_tables(tables: &[AddressLookupTableAccount]) -> Self {
        let tables = tables
            .iter()
            .map(|table| (table.key, table_account(&table.addresses)));
        let mut programs = Programs::builtin();
        programs.add(programs::probe());
        programs.add(sealane_precompiles::ED25519);
        let limits = Limits::default();
        let db_limits = DbLimits {
            accounts_max: 16,
            pins_max: 1,
            pinned_bytes_max: 1 << 20,
        };
        let (database, ..) =
            sealane_accounts_db::open(db_limits, 1, tables).expect("there is room");
        let mut slot = SlotContext::genesis(Hash::new_from_array([1; 32]), 1_700_000_000);
        for _ in 0..5 {
            slot = next(&slot);
        }
        let watch = SlotWatch::new(Arc::new(slot.clone()));
        let mut world = Self {
            slot,
            accounts: BTreeMap::new(),
            bank: Bank::new(Arc::new(programs), &limits),
            verifier: Verifier::new(database, watch, &limits, true),
        };
        world.set(alice().pubkey(), wallet(SOL));
        world.set(programs::ID, program_account());
        let precompile = sealane_precompiles::ED25519;
        world.set(precompile.id, precompile.account());
        world
    }

    /// Puts an account there.
    pub(crate) fn set(&mut self, key: Pubkey, state: AccountState) {
        self.accounts.insert(key, state);
    }

    /// The account's state.
    pub(crate) fn get(&self, key: &Pubkey) -> AccountState {
        self.accounts.get(key).cloned().unwrap_or_default()
    }

    /// The account's balance.
    pub(crate) fn lamports(&self, key: &Pubkey) -> u64 {
        self.get(key).lamports
    }

    /// Opens later slots.
    pub(crate) fn skip_slots(&mut self, count: u64) {
        for _ in 0..count {
            self.slot = next(&self.slot);
        }
    }

    /// Alice pays and signs for these instructions, with the newest blockhash.
    pub(crate) fn alice_runs(
        &mut self,
        instructions: &[Instruction],
    ) -> Result<TransactionRecord, TransactionError> {
        self.run(&[&alice()], instructions, self.slot.blockhash())
    }

    /// Runs a transaction that the first of `signers` pays, and commits what comes of it.
    pub(crate) fn run(
        &mut self,
        signers: &[&Keypair],
        instructions: &[Instruction],
        blockhash: Hash,
    ) -> Result<TransactionRecord, TransactionError> {
        let payer = signers[0].pubkey();
        let message = Message::new_with_blockhash(instructions, Some(&payer), &blockhash);
        let transaction = self.verified(signers, VersionedMessage::Legacy(message));
        self.process(&transaction, false)
    }

    /// As `alice_runs`, as a v0 transaction that looks addresses up in `tables`.
    pub(crate) fn alice_runs_v0(
        &mut self,
        instructions: &[Instruction],
        tables: &[AddressLookupTableAccount],
    ) -> Result<TransactionRecord, TransactionError> {
        let (alice, blockhash) = (alice(), self.slot.blockhash());
        let message = v0::Message::try_compile(&alice.pubkey(), instructions, tables, blockhash)
            .expect("it fits a message");
        let transaction = self.verified(&[&alice], VersionedMessage::V0(message));
        self.process(&transaction, false)
    }

    /// As `alice_runs`, as a transaction of version 1 that asks for this.
    pub(crate) fn alice_runs_v1(
        &mut self,
        instructions: &[Instruction],
        config: v1::TransactionConfig,
    ) -> Result<TransactionRecord, TransactionError> {
        let (alice, blockhash) = (alice(), self.slot.blockhash());
        let payer = alice.pubkey();
        let message = v1::Message::try_compile_with_config(&payer, instructions, blockhash, config)
            .expect("it fits a message");
        let transaction = self.verified(&[&alice], VersionedMessage::V1(message));
        self.process(&transaction, false)
    }

    /// As `alice_runs` with an unknown blockhash, taken for the newest one.
    pub(crate) fn alice_runs_with_any_blockhash(
        &mut self,
        instructions: &[Instruction],
    ) -> Result<TransactionRecord, TransactionError> {
        let (alice, blockhash) = (alice(), Hash::new_from_array([0xee; 32]));
        let message = Message::new_with_blockhash(instructions, Some(&alice.pubkey()), &blockhash);
        let transaction = self.verified(&[&alice], VersionedMessage::Legacy(message));
        self.process(&transaction, true)
    }

    fn verified(
        &mut self,
        signers: &[&Keypair],
        message: VersionedMessage,
    ) -> Box<VerifiedTransaction> {
        let signed = VersionedTransaction::try_new(message, signers).expect("all sign");
        self.verifier
            .parse_trusted(wire(&signed).into())
            .expect("it is well-formed")
    }

    fn process(
        &mut self,
        transaction: &VerifiedTransaction,
        with_newest_blockhash: bool,
    ) -> Result<TransactionRecord, TransactionError> {
        let keys: Vec<Pubkey> = (0..transaction.account_count())
            .map(|i| *transaction.key(i))
            .collect();
        let states: Vec<AccountState> = keys.iter().map(|key| self.get(key)).collect();
        let (bank, slot, states) = (&mut self.bank, &self.slot, |i: usize| &states[i]);
        let mut accounts = TransactionAccounts::new();
        let mut processed = if with_newest_blockhash {
            bank.process_with_newest_blockhash(slot, transaction, states, &mut accounts)?
        } else {
            bank.process(slot, transaction, states, &mut accounts)?
        };

        let mut bytes = Vec::new();
        processed.encode_record(&mut bytes);
        let record = TransactionRecord::decode(&bytes, &keys);
        assert_eq!(record.status, processed.status);
        assert_eq!(record.fee, processed.fee);
        assert_eq!(record.compute_units, processed.compute_units);
        for (i, key) in keys.iter().enumerate() {
            let Some(change) = processed.take_change(i) else {
                assert_eq!(record.pre_balances[i], record.post_balances[i], "{key}");
                continue;
            };
            assert!(transaction.is_writable(i), "{key} was declared read-only");
            assert_eq!(record.post_balances[i], change.lamports, "{key}");
            if change.is_absent() {
                assert_eq!(change, AccountState::default(), "nothing is left of {key}");
                self.accounts.remove(key);
            } else {
                self.accounts.insert(*key, change);
            }
        }
        Ok(record)
    }

    /// Alice's transaction is charged, fails with `expected`, and changes nothing else.
    #[track_caller]
    pub(crate) fn check_charged(
        &mut self,
        instructions: &[Instruction],
        expected: TransactionError,
    ) {
        let mut accounts = self.accounts.clone();
        accounts
            .get_mut(&alice().pubkey())
            .expect("alice pays")
            .lamports -= FEE;
        let record = self.alice_runs(instructions).expect("it is charged");
        assert_eq!(record.status, Err(expected));
        assert_eq!(record.fee, FEE);
        assert!(self.accounts == accounts, "only the fee is gone");
    }

    /// Alice's transaction is dropped with `expected`.
    #[track_caller]
    pub(crate) fn check_dropped(
        &mut self,
        instructions: &[Instruction],
        expected: TransactionError,
    ) {
        assert_eq!(self.alice_runs(instructions), Err(expected));
    }

    /// Alice's transaction succeeds.
    #[track_caller]
    pub(crate) fn check_success(&mut self, instructions: &[Instruction]) -> TransactionRecord {
        let record = self.alice_runs(instructions).expect("it is charged");
        assert_eq!(record.status, Ok(()), "{:#?}", record.logs);
        record
    }
}

fn next(slot: &SlotContext) -> SlotContext {
    let blockhash = solana_sha256_hasher::hash(&slot.slot.to_le_bytes());
    slot.next(blockhash, slot.sysvars.clock.unix_timestamp + 1)
}

/// The one who pays.
pub(crate) fn alice() -> Keypair {
    Keypair::new_from_array([0xa1; 32])
}

/// Somebody else.
pub(crate) fn bob() -> Keypair {
    Keypair::new_from_array([0xb0; 32])
}

/// An account of the System program without data.
pub(crate) fn wallet(lamports: u64) -> AccountState {
    AccountState {
        lamports,
        ..AccountState::default()
    }
}

/// An account of `owner` that is exempt from rent.
pub(crate) fn data_account(owner: Pubkey, data: &[u8]) -> AccountState {
    AccountState {
        lamports: SOL,
        owner,
        executable: false,
        data: data.into(),
    }
}

/// The account of a native program.
pub(crate) fn program_account() -> AccountState {
    let data = b"probe".as_slice().into();
    AccountState {
        lamports: 1,
        owner: native_loader::ID,
        executable: true,
        data,
    }
}

fn table_account(addresses: &[Pubkey]) -> AccountState {
    let table = AddressLookupTable {
        meta: LookupTableMeta::new(alice().pubkey()),
        addresses: addresses.into(),
    };
    let data = table
        .serialize_for_tests()
        .expect("a table has a serialised form");
    data_account(address_lookup_table::ID, &data)
}
