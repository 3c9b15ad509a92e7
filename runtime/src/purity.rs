//! `RuntimeConfig::check_purity`: every transaction is executed twice on the same states, and the program
//! whose effects differ is named.
//!
//! The first execution is a rehearsal of which nothing is committed. A difference is traced to a program
//! in the order in which one leads to the next: the caller that made another call, the program whose log
//! line is another, the one that returned something else or failed otherwise, the owner of the account.

use crate::notice::{Effect, NamedProgram, Notice, OnNotice};
use crate::sync::Mutex;
use crate::{Bank, RuntimeConfig, SlotContext, TransactionRecord, VerifiedTransaction};
use sealane_sdk::{AccountState, InnerInstruction, Programs, Pubkey, TransactionAccounts};
use solana_transaction_error::TransactionError;
use std::collections::HashSet;
use std::sync::Arc;

/// Names each impure program once.
pub(crate) struct PurityCheck {
    programs: Arc<Programs>,
    on_notice: OnNotice,
    told: Mutex<HashSet<Pubkey>>,
}

/// What a transaction did when it ran first.
pub(crate) struct Rehearsal {
    record: Vec<u8>,
    changes: Vec<Option<AccountState>>,
}

impl PurityCheck {
    /// The check, where it is asked for.
    pub(crate) fn configured(config: &RuntimeConfig) -> Option<Arc<Self>> {
        config.check_purity.then(|| {
            Arc::new(Self {
                programs: config.programs.clone(),
                on_notice: config.on_notice.clone(),
                told: Mutex::new(HashSet::new()),
            })
        })
    }

    /// Runs a transaction, of which nothing is committed; `None` if it is dropped, which no program
    /// decides.
    pub(crate) fn rehearse<'t>(
        &self,
        bank: &mut Bank,
        slot: &'t SlotContext,
        transaction: &'t VerifiedTransaction,
        states: impl Fn(usize) -> &'t AccountState,
    ) -> Option<Rehearsal> {
        let mut accounts = TransactionAccounts::new();
        let processed = bank.process(slot, transaction, states, &mut accounts);
        let mut processed = processed.ok()?;
        let mut record = Vec::new();
        processed.encode_record(&mut record);
        let changes = (0..transaction.account_count()).map(|i| processed.take_change(i));
        let changes = changes.collect();
        Some(Rehearsal { record, changes })
    }

    /// Compares with what the transaction did when it ran again.
    pub(crate) fn compare(
        &self,
        mut rehearsal: Rehearsal,
        transaction: &VerifiedTransaction,
        record: &[u8],
        changes: &[(usize, AccountState)],
    ) {
        let mut owner = None;
        for (i, state) in changes {
            let before = rehearsal.changes[*i].take();
            if before.as_ref() != Some(state) {
                owner.get_or_insert(state.owner);
            }
        }
        let unchanged_now = rehearsal.changes.iter().flatten().next();
        let owner = owner.or(unchanged_now.map(|state| state.owner));
        let records_differ = rehearsal.record != record;
        if owner.is_none() && !records_differ {
            return;
        }
        let keys: Vec<Pubkey> = (0..transaction.account_count())
            .map(|i| *transaction.key(i))
            .collect();
        let top_level: Vec<Pubkey> = transaction
            .instructions()
            .map(|instruction| keys[usize::from(instruction.program)])
            .collect();
        let found = if records_differ {
            let first = TransactionRecord::decode(&rehearsal.record, &keys);
            let second = TransactionRecord::decode(record, &keys);
            difference(&first, &second, &keys, &top_level)
        } else {
            None
        };
        let (effect, suspect) = found.unwrap_or((Effect::Accounts, owner));
        let is_authors = |id: &Pubkey| {
            self.programs
                .get(id)
                .is_some_and(|program| !program.builtin)
        };
        // What a program does through System, or what cannot be traced, is the first native program's.
        let id = suspect
            .filter(is_authors)
            .or_else(|| top_level.iter().copied().find(is_authors));
        if let Some(id) = id {
            self.tell(id, transaction, effect);
        }
    }

    fn tell(&self, id: Pubkey, transaction: &VerifiedTransaction, effect: Effect) {
        let mut told = self.told.lock().expect("no holder of this lock panics");
        if !told.insert(id) {
            return;
        }
        drop(told);
        let name = self.programs.get(&id).map_or("", |program| program.name);
        (self.on_notice)(&Notice::Impure {
            program: NamedProgram { id, name },
            signature: *transaction.signature(),
            effect,
        });
    }
}

/// The first difference of two records, beyond balances, and the program that made it.
fn difference(
    first: &TransactionRecord,
    second: &TransactionRecord,
    keys: &[Pubkey],
    top_level: &[Pubkey],
) -> Option<(Effect, Option<Pubkey>)> {
    let (calls, others) = (&first.inner_instructions, &second.inner_instructions);
    if let Some(at) = first_difference(calls, others) {
        let call = calls.get(at).or(others.get(at));
        let caller = call.and_then(|call| caller(&calls[..at], call, keys, top_level));
        return Some((Effect::Calls, caller));
    }
    // It is logged too.
    if first.return_data != second.return_data {
        let returned = first.return_data.as_ref().or(second.return_data.as_ref());
        return Some((Effect::ReturnData, returned.map(|(program, _)| *program)));
    }
    if let Some(at) = first_difference(&first.logs, &second.logs) {
        let program = logging_program(&first.logs[..at]);
        // A program's end is logged by the runtime: what differs then is its result.
        let ends = |logs: &[String]| {
            let line = logs.get(at).map(String::as_str);
            line.is_some_and(|line| line.ends_with(" success") || line.contains(" failed: "))
        };
        let effect = if ends(&first.logs) || ends(&second.logs) {
            Effect::Result
        } else {
            Effect::Logs
        };
        return Some((effect, program));
    }
    if (&first.status, first.compute_units) != (&second.status, second.compute_units) {
        let failed = [&first.status, &second.status]
            .into_iter()
            .find_map(|status| match status {
                Err(TransactionError::InstructionError(index, _)) => {
                    top_level.get(usize::from(*index)).copied()
                }
                _ => None,
            });
        return Some((Effect::Result, failed));
    }
    None
}

fn first_difference<T: PartialEq>(some: &[T], others: &[T]) -> Option<usize> {
    let same = some.iter().zip(others).take_while(|(a, b)| a == b).count();
    (same < some.len().max(others.len())).then_some(same)
}

/// Who made a call, given the ones before it.
fn caller(
    before: &[InnerInstruction],
    call: &InnerInstruction,
    keys: &[Pubkey],
    top_level: &[Pubkey],
) -> Option<Pubkey> {
    let below = before
        .iter()
        .rev()
        .take_while(|earlier| earlier.top_level == call.top_level)
        .find(|earlier| earlier.stack_height + 1 == call.stack_height);
    match below {
        Some(below) => keys.get(usize::from(below.program)).copied(),
        None => top_level.get(usize::from(call.top_level)).copied(),
    }
}

/// The program that runs after these lines.
fn logging_program(lines: &[String]) -> Option<Pubkey> {
    let mut stack = Vec::new();
    for line in lines {
        let Some(rest) = line.strip_prefix("Program ") else {
            continue;
        };
        let Some((id, what)) = rest.split_once(' ') else {
            continue;
        };
        let Ok(id) = id.parse::<Pubkey>() else {
            continue;
        };
        if what.starts_with("invoke [") {
            stack.push(id);
        } else if (what == "success" || what.starts_with("failed: ")) && stack.last() == Some(&id) {
            stack.pop();
        }
    }
    stack.pop()
}
