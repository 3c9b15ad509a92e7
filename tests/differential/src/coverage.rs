//! Counts what ran, so that it is seen that the good paths did.

use sealane_random_programs::{Failure, Outcome, Transaction, name_of};
use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

#[derive(Default)]
pub(crate) struct Coverage {
    succeeded: u64,
    failed: u64,
    refused_for_rent: u64,
    not_run: u64,
    calls: u64,
    /// Instructions, and calls of programs by programs that succeeded.
    instructions: BTreeMap<String, Counts>,
}

#[derive(Default)]
struct Counts {
    succeeded: u64,
    failed: u64,
    /// Errors they failed with.
    errors: BTreeMap<String, u64>,
}

impl Coverage {
    pub(crate) fn note(&mut self, transaction: &Transaction, outcome: &Outcome) {
        self.calls += outcome.inner.len() as u64;
        let count = transaction.instructions.len();
        let succeeded = match &outcome.result {
            Ok(()) => {
                self.succeeded += 1;
                count
            }
            Err(Failure::Instruction(index, error)) => {
                self.failed += 1;
                let index = usize::from(*index);
                let counts = self.counts(transaction, index);
                counts.failed += 1;
                *counts.errors.entry(format!("{error:?}")).or_default() += 1;
                index
            }
            Err(Failure::Rent(_)) => {
                self.refused_for_rent += 1;
                count
            }
            Err(Failure::NotRun(_)) => {
                self.not_run += 1;
                0
            }
        };
        for index in 0..succeeded {
            self.counts(transaction, index).succeeded += 1;
        }
    }

    fn counts(&mut self, transaction: &Transaction, index: usize) -> &mut Counts {
        let name = name_of(&transaction.instructions[index]);
        self.instructions.entry(name).or_default()
    }

    pub(crate) fn summary(&self) -> String {
        let kinds = self.instructions.values();
        let (all, good) = (kinds.len(), kinds.filter(|it| it.succeeded > 0).count());
        format!(
            "{} transactions succeeded, {} failed, {} were refused for rent, {} did not run; \
             {} calls of programs by programs; {good} of {all} kinds of instructions succeeded",
            self.succeeded, self.failed, self.refused_for_rent, self.not_run, self.calls
        )
    }
}

impl Display for Coverage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (name, counts) in &self.instructions {
            let Counts {
                succeeded,
                failed,
                errors,
            } = counts;
            let mut errors: Vec<_> = errors.iter().collect();
            errors.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            errors.truncate(6);
            let errors: Vec<_> = errors
                .iter()
                .map(|(error, count)| format!("{error} {count}"))
                .collect();
            writeln!(
                f,
                "{name:<42}{succeeded:>8} {failed:>8}  {}",
                errors.join(", ")
            )?;
        }
        Ok(())
    }
}
