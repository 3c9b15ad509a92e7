//! One transaction, from loaded accounts to what must be committed: age, fee, instructions, rent
//! states.
//!
//! Pure: the same slot, transaction and account states give the same result. Banking threads, the
//! serial oracle and simulation all call it. It follows Agave 4.2 with all features active, in this
//! order:
//!
//! 1. `nonce`: the blockhash is recent, or a durable nonce that the transaction advances;
//! 2. `payer`: somebody can pay the fee. What fails up to here is *dropped*: no fee, no trace;
//! 3. `load`: the programs exist and the accounts are not too large;
//! 4. the SDK's executor runs the instructions;
//! 5. `rent`: no written account is left below its minimum; no lamport came or went. What fails
//!    from 3 on is *charged*: the fee is taken, a durable nonce advances, nothing else changes.
//!
//! Nothing is allocated for a transfer once the buffers have grown, and no account state is copied
//! but those that are written, once. The bank knows no database, no locks and no threads.

mod introspection;
mod load;
mod nonce;
mod payer;
mod rent;

use crate::record::{RecordParts, TokenBalances};
use crate::{Limits, SlotContext, VerifiedTransaction};
use nonce::AdvancedNonce;
use rent::Rented;
use sealane_sdk::{
    AccountState, Deployment, Environment, Executed, ExecutionLimits, Executor, InstructionInput,
    Machine, Programs, Pubkey, RunningProgram, TransactionAccounts, TransactionTrace,
};
use sealane_vm::ElfMachine;
use solana_hash::Hash;
use solana_rent::Rent;
use solana_transaction_error::TransactionError;
use std::sync::Arc;

/// Accounts of a transaction, at most: what `VerifiedTransaction::writable` has bits for.
const ACCOUNTS_MAX: usize = 64;

/// Processes transactions one after the other; one per banking thread.
pub struct Bank {
    programs: Arc<Programs>,
    machine: Option<Arc<ElfMachine>>,
    log_bytes_max: usize,
    compute_units_fixed: Option<u64>,
    executor: Executor,
    balances: Balances,
    /// The blockhash that was found to be recent last, and the slot where it was.
    recent: (Hash, u64),
    /// What the last transaction did, where that is asked for.
    trace: Option<Box<TransactionTrace>>,
}

/// What became of a transaction that was charged. Borrows the bank's buffers and the transaction's
/// accounts.
pub struct Processed<'b, 't> {
    /// Its status.
    pub status: Result<(), TransactionError>,
    /// Fee in lamports.
    pub fee: u64,
    /// Compute units consumed.
    pub compute_units: u64,
    /// Bytes that its accounts count (SIMD-0186), as many as it may load at most.
    pub loaded_bytes: u32,
    /// Logs, inner instructions, return data; `None` if it did not come to execution.
    executed: Option<Executed<'b>>,
    transaction: &'t VerifiedTransaction,
    accounts: &'b mut TransactionAccounts<'t>,
    /// The nonce account that the transaction lived on, advanced; `None` if it succeeded.
    nonce: Option<AdvancedNonce>,
    balances: &'b Balances,
}

/// Balances of a transaction's accounts in message order, before the fee and at the end.
struct Balances {
    before: [u64; ACCOUNTS_MAX],
    after: [u64; ACCOUNTS_MAX],
}

/// How a transaction's blockhash is judged.
enum Age {
    /// It must be recent, or a durable nonce.
    Checked,
    /// It counts as the newest one.
    Newest,
}

impl Bank {
    /// A bank that knows these programs, and none that are ELF files.
    pub fn new(programs: Arc<Programs>, limits: &Limits) -> Self {
        Self {
            programs,
            machine: None,
            log_bytes_max: limits.log_bytes_max,
            compute_units_fixed: limits.compute_units_fixed,
            executor: Executor::default(),
            balances: Balances {
                before: [0; ACCOUNTS_MAX],
                after: [0; ACCOUNTS_MAX],
            },
            recent: (Hash::default(), u64::MAX),
            trace: None,
        }
    }

    /// With a machine for programs that are ELF files.
    pub fn with_machine(self, machine: Arc<ElfMachine>) -> Self {
        Self {
            machine: Some(machine),
            ..self
        }
    }

    /// With another machine from now on.
    pub(crate) fn set_machine(&mut self, machine: Arc<ElfMachine>) {
        self.machine = Some(machine);
    }

    /// Tells the machine that a transaction of `slot` changed a program and left its file in `programdata`. To be
    /// called after its changes are committed and before its locks are released.
    pub(crate) fn program_changed(&self, program: &Pubkey, programdata: &AccountState, slot: u64) {
        if let Some(machine) = &self.machine {
            machine.changed(program, programdata, slot);
        }
    }

    /// Tells the machine that programs were changed from outside.
    pub(crate) fn forget_programs(&self) {
        if let Some(machine) = &self.machine {
            machine.forget_all();
        }
    }

    /// Says from any thread which program runs here.
    pub(crate) fn running_program(&self) -> RunningProgram {
        self.executor.running_program()
    }

    /// Whether transactions are traced from here on.
    pub fn set_traced(&mut self, traced: bool) {
        self.executor.set_traced(traced);
        self.trace = None;
    }

    /// What the last transaction did; `None` if it was not traced, or did not come to execution. The fee reads and
    /// writes its payer.
    pub fn take_trace(&mut self) -> Option<TransactionTrace> {
        self.trace.take().map(|trace| *trace)
    }

    /// Processes one transaction; `states` gives the state of each of its accounts, in message order, and
    /// `accounts` is new. Sysvar accounts and those of System and Compute Budget are taken from `slot`,
    /// whatever `states` gives for them.
    ///
    /// `Err`: it is dropped, nothing is charged, it leaves no trace (payer cannot pay, nonce spent,
    /// blockhash too old and no nonce).
    #[inline]
    pub fn process<'b, 't: 'b>(
        &'b mut self,
        slot: &'t SlotContext,
        transaction: &'t VerifiedTransaction,
        states: impl Fn(usize) -> &'t AccountState,
        accounts: &'b mut TransactionAccounts<'t>,
    ) -> Result<Processed<'b, 't>, TransactionError> {
        self.process_aged(slot, transaction, states, accounts, Age::Checked)
    }

    /// The same, as if the transaction carried the newest blockhash: simulation's
    /// `replaceRecentBlockhash`.
    pub fn process_with_newest_blockhash<'b, 't: 'b>(
        &'b mut self,
        slot: &'t SlotContext,
        transaction: &'t VerifiedTransaction,
        states: impl Fn(usize) -> &'t AccountState,
        accounts: &'b mut TransactionAccounts<'t>,
    ) -> Result<Processed<'b, 't>, TransactionError> {
        self.process_aged(slot, transaction, states, accounts, Age::Newest)
    }

    fn process_aged<'b, 't: 'b>(
        &'b mut self,
        slot: &'t SlotContext,
        transaction: &'t VerifiedTransaction,
        states: impl Fn(usize) -> &'t AccountState,
        accounts: &'b mut TransactionAccounts<'t>,
        age: Age,
    ) -> Result<Processed<'b, 't>, TransactionError> {
        assert!(
            accounts.is_empty() && transaction.account_count() <= ACCOUNTS_MAX,
            "a transaction brings its own accounts, at most {ACCOUNTS_MAX}"
        );
        let nonce = match age {
            Age::Checked => self.check_age(slot, transaction, &states)?,
            Age::Newest => None,
        };
        let rent = &slot.sysvars.rent;
        let fee = transaction.fee(slot.lamports_per_signature);
        let payer_lamports = payer::charge(slot, transaction.key(0), states(0), fee)?;
        let Self {
            programs,
            machine,
            log_bytes_max,
            compute_units_fixed,
            executor,
            balances,
            trace,
            ..
        } = self;
        let loaded_bytes = load::accounts(
            accounts,
            &mut balances.before,
            slot,
            transaction,
            states,
            payer_lamports,
            machine.as_deref(),
        );
        let introspected = introspection::data(transaction).map(|made| {
            if let Some((index, data)) = made {
                accounts.make_data(index, data);
            }
        });
        *trace = None;
        let mut executed = None;
        let mut status =
            introspected.and_then(|()| load::check(transaction, accounts, loaded_bytes));
        if status.is_ok() {
            let environment = Environment {
                programs,
                sysvars: &slot.sysvars,
                machine: machine.as_deref().map(|machine| machine as &dyn Machine),
            };
            let limits = ExecutionLimits {
                compute_units: compute_units_fixed
                    .unwrap_or(u64::from(transaction.budget().unit_limit)),
                log_bytes: *log_bytes_max,
                heap_bytes: u32::from(transaction.heap_kibibytes) * 1_024,
            };
            let instructions = transaction
                .instructions()
                .map(|instruction| InstructionInput {
                    program: instruction.program,
                    accounts: instruction.accounts,
                    data: instruction.data,
                });
            let mut run = executor.execute(&environment, limits, accounts, instructions);
            status = match &run.result {
                Ok(()) => balances.check_written(rent, accounts, payer_lamports),
                Err((index, error)) => {
                    Err(TransactionError::InstructionError(*index, error.clone()))
                }
            };
            *trace = run.trace.take();
            if let Some(trace) = trace {
                note_fee(trace);
            }
            executed = Some(run);
        }
        if status.is_err() {
            balances.roll_back(accounts.len(), payer_lamports);
        }
        Ok(Processed {
            nonce: if status.is_err() { nonce } else { None },
            status,
            fee,
            compute_units: executed.as_ref().map_or(0, |run| run.compute_units),
            loaded_bytes: u32::try_from(loaded_bytes)
                .unwrap_or(u32::MAX)
                .min(transaction.budget().loaded_data_bytes_max),
            executed,
            transaction,
            accounts,
            balances,
        })
    }

    /// The transaction is of this slot if its blockhash is recent, or a durable nonce that it advances.
    #[inline]
    fn check_age<'t>(
        &mut self,
        slot: &SlotContext,
        transaction: &VerifiedTransaction,
        states: &impl Fn(usize) -> &'t AccountState,
    ) -> Result<Option<AdvancedNonce>, TransactionError> {
        let blockhash = transaction.recent_blockhash();
        // Neighbours mostly carry the same one.
        if self.recent.1 == slot.slot && self.recent.0 == *blockhash {
            return Ok(None);
        }
        if slot.blockhash_slot(blockhash).is_some() {
            self.recent = (*blockhash, slot.slot);
            return Ok(None);
        }
        let nonce = nonce::advance(slot, transaction, states);
        nonce.map(Some).ok_or(TransactionError::BlockhashNotFound)
    }
}

/// What is read and written beside the instructions.
#[cold]
fn note_fee(trace: &mut TransactionTrace) {
    let payer = &mut trace.accounts[0];
    (payer.is_read, payer.is_written) = (true, true);
}

impl Balances {
    /// Checks as a whole what the instructions wrote, and notes the balances that it leaves.
    #[inline]
    fn check_written(
        &mut self,
        rent: &Rent,
        accounts: &TransactionAccounts<'_>,
        payer_lamports: u64,
    ) -> Result<(), TransactionError> {
        let mut lamports_gained = 0u64;
        for i in 0..accounts.len() {
            let lamports = accounts.lamports(i);
            self.after[i] = lamports;
            if !accounts.is_written(i) {
                continue;
            }
            let loaded = accounts.loaded(i);
            let before = Rented {
                lamports: if i == 0 {
                    payer_lamports
                } else {
                    loaded.lamports
                },
                data_len: loaded.data.len(),
            };
            let after = Rented {
                lamports,
                data_len: accounts.data_len(i),
            };
            let same_owner = || accounts.owner(i) == loaded.owner;
            if !rent::transition_allowed(rent, accounts.key(i), before, after, same_owner) {
                let account_index = i as u8;
                return Err(TransactionError::InsufficientFundsForRent { account_index });
            }
            // Wrapping: what counts is whether the sum is zero.
            lamports_gained = lamports_gained
                .wrapping_add(after.lamports)
                .wrapping_sub(before.lamports);
        }
        if lamports_gained != 0 {
            return Err(TransactionError::UnbalancedTransaction);
        }
        Ok(())
    }

    /// A failure leaves all as it was, but for the fee.
    fn roll_back(&mut self, count: usize, payer_lamports: u64) {
        self.after[..count].copy_from_slice(&self.before[..count]);
        self.after[0] = payer_lamports;
    }
}

impl Processed<'_, '_> {
    /// New state of account `i`, if it must be committed: written accounts of a success and its payer;
    /// payer (and nonce) of a failure. Moves it out: ask once. An account that is gone has the default
    /// state.
    #[inline]
    pub fn take_change(&mut self, i: usize) -> Option<AccountState> {
        if self.status.is_ok() {
            return (i == 0 || self.accounts.is_written(i)).then(|| self.accounts.take(i));
        }
        self.take_charge(i)
    }

    /// What a failure changes.
    #[cold]
    fn take_charge(&mut self, i: usize) -> Option<AccountState> {
        let nonce = self.nonce.take_if(|nonce| nonce.index == i);
        if i != 0 && nonce.is_none() {
            return None;
        }
        let loaded = self.accounts.loaded(i);
        let lamports = self.balances.after[i];
        if lamports == 0 {
            return Some(AccountState::default());
        }
        Some(AccountState {
            lamports,
            owner: loaded.owner,
            executable: loaded.executable,
            data: nonce.map_or_else(|| loaded.data.clone(), |nonce| nonce.data),
        })
    }

    /// The programs that it deployed, upgraded, extended or closed.
    pub fn deployed(&self) -> &[Deployment] {
        let executed = self.executed.as_ref().filter(|_| self.status.is_ok());
        executed.map_or(&[], |executed| executed.deployed)
    }

    /// Appends the compact record that `TransactionRecord::decode` reads. To be called before the first change is
    /// taken.
    pub fn encode_record(&mut self, out: &mut Vec<u8>) {
        let invokes = |account: usize| {
            let mut instructions = self.transaction.instructions();
            instructions.any(|instruction| usize::from(instruction.program) == account)
        };
        let token_balances = TokenBalances::of(self.accounts, invokes, self.status.is_ok());
        let executed = self.executed.as_ref();
        let count = self.accounts.len();
        let returned = executed.and_then(Executed::return_data);
        let parts = RecordParts {
            status: &self.status,
            fee: self.fee,
            compute_units: self.compute_units,
            pre_balances: &self.balances.before[..count],
            post_balances: &self.balances.after[..count],
            log_bytes: executed.map_or(&[], Executed::log_bytes),
            inner_instructions: executed.map_or(&[], Executed::inner_instructions),
            return_data: returned.map(|(program, data)| (*self.accounts.key(program), data)),
            token_balances: &token_balances,
        };
        parts.encode(out, |i| (i < count).then(|| self.accounts.key(i)));
    }
}
