//! Agave's side of a whole transaction: `solana-svm`, with the little around it that Agave's bank does.
//!
//! The processor of `solana-svm` is what Agave's validators run: nonces, fee payers, loading, execution, rent, and what
//! a failure leaves. Before it stand, in this order, the checks that are not in that crate: the transaction's form
//! and budget (`solana-runtime-transaction`), its lookups and locks, and its age (`Bank::check_transactions`); after
//! it the commit.

use agave_feature_set::FeatureSet;
use agave_precompiles::{get_precompile, is_precompile};
use agave_reserved_account_keys::ReservedAccountKeys;
use litesvm::LiteSVM;
use sealane_random_transactions::{Answer, Charged, Mirror, Transaction};
use sealane_runtime::{BLOCKHASH_AGE_MAX, SlotContext};
use sealane_sdk::{AccountState, Hash, InnerInstruction, Pubkey, Sysvars};
use solana_account::{Account, AccountSharedData, ReadableAccount};
use solana_address_lookup_table_interface::{error::AddressLookupError, state::AddressLookupTable};
use solana_builtins::BUILTINS;
use solana_compute_budget::compute_budget::ComputeBudget;
use solana_fee::FeeFeatures;
use solana_message::v0::{LoadedAddresses, MessageAddressTableLookup};
use solana_message::{AddressLoader, SanitizedMessage};
use solana_nonce::state::DurableNonce;
use solana_program_runtime::execution_budget::{
    SVMTransactionExecutionAndFeeBudgetLimits, SVMTransactionExecutionBudget,
};
use solana_program_runtime::loaded_programs::{
    BlockRelation, ForkGraph, ProgramRuntimeEnvironment, ProgramRuntimeEnvironments,
};
use solana_program_runtime::program_cache_entry::ProgramCacheEntry;
use solana_runtime_transaction::runtime_transaction::RuntimeTransaction;
use solana_runtime_transaction::transaction_meta::TransactionMeta;
use solana_svm::account_loader::CheckedTransactionDetails;
use solana_svm::transaction_processing_result::ProcessedTransaction;
use solana_svm::transaction_processor::{
    ExecutionRecordingConfig, TransactionBatchProcessor, TransactionProcessingConfig,
    TransactionProcessingEnvironment,
};
use solana_svm_callback::{InvokeContextCallback, TransactionProcessingCallback};
use solana_svm_transaction::svm_message::SVMMessage;
use solana_syscalls::create_program_runtime_environment;
use solana_transaction::sanitized::{MessageHash, SanitizedTransaction};
use solana_transaction_error::{AddressLoaderError, TransactionError};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

/// Accounts that a transaction may lock: Sealane's limit, which is Agave's without `increase_tx_account_lock_limit`.
const LOCKS_MAX: usize = 64;
const LAMPORTS_PER_SIGNATURE: u64 = 5_000;
const LOG_BYTES_MAX: usize = 10_000;

/// No forks: later slots descend from earlier ones.
struct OneFork;

impl ForkGraph for OneFork {
    fn relationship(&self, a: u64, b: u64) -> BlockRelation {
        match a.cmp(&b) {
            std::cmp::Ordering::Less => BlockRelation::Ancestor,
            std::cmp::Ordering::Equal => BlockRelation::Equal,
            std::cmp::Ordering::Greater => BlockRelation::Descendant,
        }
    }
}

/// The accounts, and the callbacks over them.
pub(crate) struct Accounts {
    all: HashMap<Pubkey, AccountSharedData>,
    features: FeatureSet,
}

impl TransactionProcessingCallback for Accounts {
    fn get_account_shared_data(&self, key: &Pubkey) -> Option<(AccountSharedData, u64)> {
        self.all.get(key).map(|account| (account.clone(), 0))
    }
}

impl InvokeContextCallback for Accounts {
    fn is_precompile(&self, program: &Pubkey) -> bool {
        is_precompile(program, |feature| self.features.is_active(feature))
    }

    fn process_precompile(
        &self,
        program: &Pubkey,
        data: &[u8],
        datas: Vec<&[u8]>,
    ) -> Result<(), solana_precompile_error::PrecompileError> {
        let precompile = get_precompile(program, |feature| self.features.is_active(feature));
        let precompile = precompile.expect("it is one");
        precompile.verify(data, &datas, &self.features)
    }
}

pub(crate) struct Bank {
    accounts: Accounts,
    reserved: ReservedAccountKeys,
    processor: TransactionBatchProcessor<OneFork>,
    environment: ProgramRuntimeEnvironment,
    /// Kept, as the processor's cache refers to it weakly.
    _fork: Arc<RwLock<OneFork>>,
    slot: SlotContext,
    /// Newest last.
    blockhashes: Vec<Hash>,
}

/// The features of both of Agave's sides: those of mainnet, as LiteSVM lists them.
pub(crate) fn features() -> FeatureSet {
    LiteSVM::mainnet_feature_set()
}

impl Bank {
    /// Begins with these accounts; the slot is opened next.
    pub(crate) fn new(accounts: &HashMap<Pubkey, AccountState>, slot: &SlotContext) -> Self {
        let features = features();
        let budget = ComputeBudget::new_with_defaults(false).to_budget();
        let environment =
            create_program_runtime_environment(&features.runtime_features(), &budget, false, false)
                .expect("these features go together");
        let mut processor = TransactionBatchProcessor::new_uninitialized(0, 0);
        let fork = Arc::new(RwLock::new(OneFork));
        processor
            .global_program_cache
            .write()
            .expect("nobody panics")
            .set_fork_graph(Arc::downgrade(&fork));
        processor.set_program_runtime_environment(environment.clone());
        for builtin in BUILTINS {
            let is_there = |feature| features.is_active(feature);
            if builtin.enable_feature_id.as_ref().is_none_or(is_there) {
                let entry = ProgramCacheEntry::new_builtin(0, builtin.register_fn);
                processor.add_builtin(builtin.program_id, entry);
            }
        }
        let mut reserved = ReservedAccountKeys::default();
        reserved.update_active_set(&features);
        let accounts = accounts.iter();
        let all = accounts.map(|(key, state)| (*key, account_of(state)));
        Self {
            accounts: Accounts {
                all: all.collect(),
                features,
            },
            reserved,
            processor,
            environment,
            _fork: fork,
            slot: slot.clone(),
            blockhashes: vec![],
        }
    }

    pub(crate) fn account(&self, key: &Pubkey) -> AccountState {
        let found = self.accounts.all.get(key);
        found.map(super::state_of).unwrap_or_default()
    }

    pub(crate) fn all(&self) -> &HashMap<Pubkey, AccountSharedData> {
        &self.accounts.all
    }

    /// What a lookup gives; nothing if it fails.
    pub(crate) fn addresses(&self, lookup: &MessageAddressTableLookup) -> Vec<Pubkey> {
        let loaded = Tables(self).load(lookup).unwrap_or_default();
        [loaded.writable, loaded.readonly].concat()
    }

    fn set(&mut self, key: Pubkey, account: AccountSharedData) {
        if account.lamports() == 0 {
            self.accounts.all.remove(&key);
        } else {
            self.accounts.all.insert(key, account);
        }
    }

    /// Runs a transaction. Also gives its accounts, if it was well-formed: as Agave's other side has the same.
    pub(crate) fn run(&mut self, transaction: &Transaction) -> (Answer, Vec<Pubkey>) {
        let parsed = RuntimeTransaction::<SanitizedTransaction>::try_create(
            transaction.versioned(),
            MessageHash::Compute,
            Some(false),
            Tables(self),
            &self.reserved.active,
        );
        let parsed = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return (Answer::Dropped(error), vec![]),
        };
        let message = parsed.message();
        let keys: Vec<Pubkey> = message.account_keys().iter().copied().collect();
        let answer = self.process(&parsed).unwrap_or_else(Answer::Dropped);
        (answer, keys)
    }

    fn process(
        &mut self,
        transaction: &RuntimeTransaction<SanitizedTransaction>,
    ) -> Result<Answer, TransactionError> {
        let message = transaction.message();
        SanitizedTransaction::validate_account_locks(message, LOCKS_MAX)?;
        let budget = self.budget(transaction)?;
        let nonce = self.check_age(message)?;
        let checked = CheckedTransactionDetails::new(nonce, budget);
        let environment = TransactionProcessingEnvironment {
            blockhash: self.slot.blockhash(),
            blockhash_lamports_per_signature: LAMPORTS_PER_SIGNATURE,
            alpenglow_migration_succeeded: false,
            epoch_total_stake: 0,
            feature_set: self.accounts.features.runtime_features(),
            program_runtime_environments: ProgramRuntimeEnvironments::new(
                self.environment.clone(),
                self.environment.clone(),
            ),
            rent: self.slot.sysvars.rent.clone(),
        };
        let config = TransactionProcessingConfig {
            log_messages_bytes_limit: Some(LOG_BYTES_MAX),
            recording_config: ExecutionRecordingConfig {
                enable_transaction_balance_recording: false,
                ..ExecutionRecordingConfig::new_single_setting(true)
            },
            ..TransactionProcessingConfig::default()
        };
        let mut output = self.processor.load_and_execute_sanitized_transactions(
            &self.accounts,
            std::slice::from_ref(transaction),
            vec![Ok(checked)],
            &environment,
            &config,
        );
        let processed = output.processing_results.remove(0)?;
        let answer = answer(&processed);
        for (key, account) in changes(message, processed) {
            self.set(key, account);
        }
        Ok(answer)
    }

    /// `Bank::check_age_and_compute_budget_limits`, the second half of its name.
    fn budget(
        &self,
        transaction: &RuntimeTransaction<SanitizedTransaction>,
    ) -> Result<SVMTransactionExecutionAndFeeBudgetLimits, TransactionError> {
        let asked = transaction.transaction_configuration(&self.accounts.features)?;
        let fee_details = solana_fee::calculate_fee_details(
            transaction,
            LAMPORTS_PER_SIGNATURE,
            asked.priority_fee_lamports,
            FeeFeatures {},
        );
        Ok(SVMTransactionExecutionAndFeeBudgetLimits {
            budget: SVMTransactionExecutionBudget {
                compute_unit_limit: u64::from(asked.compute_unit_limit),
                heap_size: asked.updated_heap_bytes,
                ..SVMTransactionExecutionBudget::new_with_defaults(false)
            },
            loaded_accounts_data_size_limit: asked.loaded_accounts_data_size_limit,
            fee_details,
        })
    }

    /// `Bank::check_transaction_age`, as in a replay: the nonce account, if that is what the transaction lives on.
    fn check_age(&self, message: &SanitizedMessage) -> Result<Option<Pubkey>, TransactionError> {
        let blockhash = message.recent_blockhash();
        let newest = self.blockhashes.len() - 1;
        let found = self.blockhashes.iter().rposition(|it| it == blockhash);
        if found.is_some_and(|at| (newest - at) as u64 <= BLOCKHASH_AGE_MAX) {
            return Ok(None);
        }
        let next = DurableNonce::from_blockhash(&self.slot.blockhash());
        let nonce = || {
            let key = *SVMMessage::get_durable_nonce(message)?;
            let account = self.accounts.all.get(&key)?;
            solana_nonce_account::verify_nonce_account(account, blockhash)?;
            (blockhash != next.as_hash()).then_some(key)
        };
        nonce().map(Some).ok_or(TransactionError::BlockhashNotFound)
    }
}

impl Mirror for Bank {
    fn set(&mut self, key: &Pubkey, state: &AccountState) {
        Bank::set(self, *key, account_of(state));
    }

    fn open_slot(&mut self, slot: &SlotContext) {
        if self.blockhashes.is_empty() {
            // Those before it, which the generator may use.
            let before = slot.slot.saturating_sub(300)..slot.slot - 1;
            let hash = |slot: u64| solana_sha256_hasher::hash(&slot.to_le_bytes());
            self.blockhashes.extend(before.map(hash));
        }
        self.slot = slot.clone();
        self.blockhashes.push(slot.blockhash());
        for id in Sysvars::IDS {
            let account = slot.sysvars.account(id).expect("it is one of ours");
            Bank::set(self, *id, account_of(&account));
        }
        let epoch = slot.sysvars.clock.epoch;
        self.processor = self.processor.new_from(slot.slot, epoch);
        self.processor
            .fill_missing_sysvar_cache_entries(&self.accounts);
    }
}

/// What the transaction looks up, by `Accounts::load_lookup_table_addresses_into`.
#[derive(Clone, Copy)]
struct Tables<'a>(&'a Bank);

impl AddressLoader for Tables<'_> {
    fn load_addresses(
        self,
        lookups: &[MessageAddressTableLookup],
    ) -> Result<LoadedAddresses, AddressLoaderError> {
        let loaded = lookups.iter().map(|lookup| self.load(lookup));
        loaded.collect::<Result<_, _>>().map_err(loader_error)
    }
}

fn loader_error(error: AddressLookupError) -> AddressLoaderError {
    match error {
        AddressLookupError::LookupTableAccountNotFound => {
            AddressLoaderError::LookupTableAccountNotFound
        }
        AddressLookupError::InvalidAccountOwner => AddressLoaderError::InvalidAccountOwner,
        AddressLookupError::InvalidAccountData => AddressLoaderError::InvalidAccountData,
        AddressLookupError::InvalidLookupIndex => AddressLoaderError::InvalidLookupIndex,
    }
}

impl Tables<'_> {
    fn load(
        self,
        lookup: &MessageAddressTableLookup,
    ) -> Result<LoadedAddresses, AddressLookupError> {
        let account = self.0.accounts.all.get(&lookup.account_key);
        let account = account.ok_or(AddressLookupError::LookupTableAccountNotFound)?;
        if *account.owner() != solana_sdk_ids::address_lookup_table::ID {
            return Err(AddressLookupError::InvalidAccountOwner);
        }
        let table = AddressLookupTable::deserialize(account.data())
            .map_err(|_| AddressLookupError::InvalidAccountData)?;
        let (slot, hashes) = (self.0.slot.slot, &self.0.slot.sysvars.slot_hashes);
        Ok(LoadedAddresses {
            writable: table.lookup(slot, &lookup.writable_indexes, hashes)?,
            readonly: table.lookup(slot, &lookup.readonly_indexes, hashes)?,
        })
    }
}

fn answer(processed: &ProcessedTransaction) -> Answer {
    let details = processed.execution_details();
    let inner = details.and_then(|it| it.inner_instructions.as_ref());
    let inner = inner.into_iter().flatten().enumerate();
    let inner = inner.flat_map(|(top_level, inner)| {
        inner.iter().map(move |inner| InnerInstruction {
            top_level: top_level as u8,
            stack_height: inner.stack_height,
            program: inner.instruction.program_id_index,
            accounts: inner.instruction.accounts.clone(),
            data: inner.instruction.data.clone(),
        })
    });
    let returned = details.and_then(|it| it.return_data.as_ref());
    Answer::Charged(Box::new(Charged {
        status: processed.status(),
        fee: processed.fee_details().total_fee(),
        compute_units: processed.executed_units(),
        logs: details
            .and_then(|it| it.log_messages.clone())
            .unwrap_or_default(),
        return_data: returned
            .filter(|it| !it.data.is_empty())
            .map(|it| (it.program_id, it.data.clone())),
        inner: inner.collect(),
    }))
}

/// What is to be committed, by `account_saver::collect_accounts_to_store`.
fn changes(
    message: &SanitizedMessage,
    processed: ProcessedTransaction,
) -> Vec<(Pubkey, AccountSharedData)> {
    match processed {
        ProcessedTransaction::Executed(executed) if executed.was_successful() => {
            let accounts = executed.loaded_transaction.accounts.into_iter().enumerate();
            accounts
                .filter(|(i, _)| message.is_writable(*i))
                .map(|(_, account)| account)
                .collect()
        }
        ProcessedTransaction::Executed(executed) => {
            let rollback = executed.loaded_transaction.rollback_accounts;
            rollback.into_iter().cloned().collect()
        }
        ProcessedTransaction::FeesOnly(failed) => {
            failed.rollback_accounts.into_iter().cloned().collect()
        }
        ProcessedTransaction::NoOp(_) => vec![],
    }
}

pub(crate) fn account_of(state: &AccountState) -> AccountSharedData {
    AccountSharedData::from(Account {
        lamports: state.lamports,
        data: state.data.as_slice().to_vec(),
        owner: state.owner,
        executable: state.executable,
        rent_epoch: u64::MAX,
    })
}
