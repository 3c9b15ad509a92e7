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
//! but the payer's. The bank knows no database, no locks and no threads.

mod introspection;
mod load;
mod nonce;
mod payer;
mod rent;

use crate::record::RecordParts;
use crate::{Limits, SlotContext, VerifiedTransaction};
use nonce::AdvancedNonce;
use sealane_sdk::{
    AccountState, Environment, Executed, ExecutionLimits, Executor, InstructionInput, Programs,
    TransactionAccount,
};
use solana_rent::Rent;
use solana_transaction_error::TransactionError;
use std::sync::Arc;

/// Processes transactions one after the other; one per banking thread.
pub struct Bank {
    programs: Arc<Programs>,
    log_bytes_max: usize,
    executor: Executor,
    outcome: Outcome,
}

/// What became of a transaction that was charged. Borrows the bank's buffers.
pub struct Processed<'b> {
    /// Its status.
    pub status: Result<(), TransactionError>,
    /// Fee in lamports.
    pub fee: u64,
    /// Compute units consumed.
    pub compute_units: u64,
    /// Logs, inner instructions, return data; `None` if it did not come to execution.
    executed: Option<Executed<'b>>,
    outcome: &'b mut Outcome,
}

/// What a transaction's outcome holds beside what the executor wrote.
#[derive(Default)]
struct Outcome {
    /// The payer as the fee left it; `None` if the instructions of a success wrote it themselves.
    payer: Option<AccountState>,
    /// The advanced nonce account of a failure, unless it is the payer.
    nonce: Option<(usize, AccountState)>,
    /// Balances in message order, before the fee and at the end.
    pre_balances: Vec<u64>,
    post_balances: Vec<u64>,
}

/// How a transaction's blockhash is judged.
enum Age {
    /// It must be recent, or a durable nonce.
    Checked,
    /// It counts as the newest one.
    Newest,
}

impl Bank {
    /// A bank that knows these programs.
    pub fn new(programs: Arc<Programs>, limits: &Limits) -> Self {
        Self {
            programs,
            log_bytes_max: limits.log_bytes_max,
            executor: Executor::default(),
            outcome: Outcome::default(),
        }
    }

    /// Processes one transaction over its accounts' states, in message order. Sysvar accounts and
    /// those of System and Compute Budget are taken from `slot`, whatever state is passed for them.
    ///
    /// `Err`: it is dropped, nothing is charged, it leaves no trace (payer cannot pay, nonce spent,
    /// blockhash too old and no nonce).
    pub fn process<'b>(
        &'b mut self,
        slot: &SlotContext,
        transaction: &VerifiedTransaction,
        accounts: &[&AccountState],
    ) -> Result<Processed<'b>, TransactionError> {
        self.process_aged(slot, transaction, accounts, Age::Checked)
    }

    /// The same, as if the transaction carried the newest blockhash: simulation's
    /// `replaceRecentBlockhash`.
    pub fn process_with_newest_blockhash<'b>(
        &'b mut self,
        slot: &SlotContext,
        transaction: &VerifiedTransaction,
        accounts: &[&AccountState],
    ) -> Result<Processed<'b>, TransactionError> {
        self.process_aged(slot, transaction, accounts, Age::Newest)
    }

    fn process_aged<'b>(
        &'b mut self,
        slot: &SlotContext,
        transaction: &VerifiedTransaction,
        states: &[&AccountState],
        age: Age,
    ) -> Result<Processed<'b>, TransactionError> {
        assert_eq!(
            states.len(),
            transaction.account_count(),
            "one state for each account"
        );
        let nonce = match age {
            Age::Checked => check_age(slot, transaction, states)?,
            Age::Newest => None,
        };
        let rent = &slot.sysvars.rent;
        let fee = transaction.fee(slot.lamports_per_signature);
        let payer = payer::charge(rent, transaction.key(0), states[0], fee)?;

        let Self {
            programs,
            log_bytes_max,
            executor,
            outcome,
        } = self;
        let introspection = introspection::account(transaction);
        // Filled where it lies: it is too large to be moved about.
        let mut accounts = load::Accounts::new();
        let made = load::Made {
            slot,
            payer: &payer,
            introspection: introspection.as_ref(),
        };
        outcome.begin();
        let balances = &mut outcome.pre_balances;
        let loaded_bytes = load::accounts(&mut accounts, balances, &made, transaction, states);
        // The accounts hold the payer as the fee left it.
        balances[0] += fee;
        let (status, executed) = match load::check(transaction, &accounts, loaded_bytes) {
            Err(error) => (Err(error), None),
            Ok(()) => {
                let environment = Environment {
                    programs,
                    sysvars: &slot.sysvars,
                };
                let limits = ExecutionLimits {
                    compute_units: u64::from(transaction.budget().unit_limit),
                    log_bytes: *log_bytes_max,
                };
                let instructions = transaction
                    .instructions()
                    .map(|instruction| InstructionInput {
                        program: instruction.program,
                        accounts: instruction.accounts,
                        data: instruction.data,
                    });
                let executed = executor.execute(&environment, limits, &accounts, instructions);
                let status = match executed.result.clone() {
                    Ok(()) => outcome.check_written(rent, &accounts, &executed),
                    Err((index, error)) => Err(TransactionError::InstructionError(index, error)),
                };
                (status, Some(executed))
            }
        };
        drop(accounts);
        match (&status, &executed) {
            (Ok(()), Some(executed)) if executed.written(0).is_some() => {}
            (Ok(()), _) => outcome.payer = Some(payer),
            (Err(_), _) => outcome.roll_back(states, payer, nonce),
        }
        let compute_units = executed
            .as_ref()
            .map_or(0, |executed| executed.compute_units);
        Ok(Processed {
            status,
            fee,
            compute_units,
            executed,
            outcome,
        })
    }
}

/// The transaction is of this slot if its blockhash is recent, or a durable nonce that it advances.
fn check_age(
    slot: &SlotContext,
    transaction: &VerifiedTransaction,
    states: &[&AccountState],
) -> Result<Option<AdvancedNonce>, TransactionError> {
    if slot
        .blockhash_slot(transaction.recent_blockhash())
        .is_some()
    {
        return Ok(None);
    }
    let nonce = nonce::advance(slot, transaction, states);
    nonce.map(Some).ok_or(TransactionError::BlockhashNotFound)
}

impl Outcome {
    /// Forgets the previous transaction.
    fn begin(&mut self) {
        (self.payer, self.nonce) = (None, None);
        self.pre_balances.clear();
        self.post_balances.clear();
    }

    /// Checks as a whole what the instructions wrote, and notes the balances that it leaves.
    fn check_written(
        &mut self,
        rent: &Rent,
        accounts: &[TransactionAccount<'_>],
        executed: &Executed<'_>,
    ) -> Result<(), TransactionError> {
        let mut lamports_gained = 0;
        for (i, account) in accounts.iter().enumerate() {
            let Some(written) = executed.written(i) else {
                self.post_balances.push(account.state.lamports);
                continue;
            };
            if !rent::transition_allowed(rent, account.key, account.state, written) {
                let account_index = i as u8;
                return Err(TransactionError::InsufficientFundsForRent { account_index });
            }
            lamports_gained += i128::from(written.lamports) - i128::from(account.state.lamports);
            self.post_balances.push(written.lamports);
        }
        if lamports_gained != 0 {
            return Err(TransactionError::UnbalancedTransaction);
        }
        Ok(())
    }

    /// What a failure commits: the payer, and the nonce if the transaction lived on one.
    fn roll_back(
        &mut self,
        states: &[&AccountState],
        mut payer: AccountState,
        nonce: Option<AdvancedNonce>,
    ) {
        self.post_balances.clone_from(&self.pre_balances);
        self.post_balances[0] = payer.lamports;
        match nonce {
            Some(AdvancedNonce { index: 0, data }) => payer.data = data,
            Some(AdvancedNonce { index, data }) => {
                let before = states[index];
                let AccountState {
                    lamports,
                    owner,
                    executable,
                    ..
                } = *before;
                self.nonce = Some((
                    index,
                    AccountState {
                        lamports,
                        owner,
                        executable,
                        data,
                    },
                ));
            }
            None => {}
        }
        self.payer = Some(payer);
    }
}

impl Processed<'_> {
    /// New state of account `i`, if it must be committed: written accounts of a success; payer (and
    /// nonce) of a failure. Moves it out. An account that is gone has the default state.
    pub fn take_change(&mut self, i: usize) -> Option<AccountState> {
        let change = match &mut self.executed {
            _ if i == 0 && self.outcome.payer.is_some() => self.outcome.payer.take(),
            Some(executed) if self.status.is_ok() => executed.take_written(i),
            _ => self
                .outcome
                .nonce
                .take_if(|(index, _)| *index == i)
                .map(|(_, state)| state),
        };
        match change {
            Some(state) if state.is_absent() => Some(AccountState::default()),
            change => change,
        }
    }

    /// Appends the compact record that `TransactionRecord::decode` reads.
    pub fn encode_record(&self, out: &mut Vec<u8>) {
        let executed = self.executed.as_ref();
        let parts = RecordParts {
            status: &self.status,
            fee: self.fee,
            compute_units: self.compute_units,
            pre_balances: &self.outcome.pre_balances,
            post_balances: &self.outcome.post_balances,
            log_bytes: executed.map_or(&[], Executed::log_bytes),
            inner_instructions: executed.map_or(&[], Executed::inner_instructions),
            return_data: executed.and_then(Executed::return_data),
        };
        parts.encode(out);
    }
}
