//! What transactions mean on a chain beside what they mean on every other: kept in its genesis, because a replay must
//! take the same decisions.

use crate::error::Error;
use sealane_runtime::{Limits, RuntimeConfig};
use solana_epoch_schedule::EpochSchedule;

/// Where a chain differs; `None`: it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChainParameters {
    /// Slots in an epoch.
    pub(crate) slots_per_epoch: Option<u64>,
    /// Compute units that each transaction has, whatever it asks for.
    pub(crate) compute_unit_limit: Option<u64>,
    /// Bytes of logs kept of a transaction.
    pub(crate) log_bytes_max: Option<u64>,
    /// Accounts that a transaction may lock.
    pub(crate) account_locks_max: Option<u64>,
}

impl ChainParameters {
    /// How many there are.
    pub(crate) const COUNT: usize = 4;

    /// The parameters in the order in which genesis has them.
    pub(crate) fn to_array(self) -> [Option<u64>; Self::COUNT] {
        let Self {
            slots_per_epoch,
            compute_unit_limit,
            log_bytes_max,
            account_locks_max,
        } = self;
        [
            slots_per_epoch,
            compute_unit_limit,
            log_bytes_max,
            account_locks_max,
        ]
    }

    pub(crate) fn from_array(parameters: [Option<u64>; Self::COUNT]) -> Self {
        let [
            slots_per_epoch,
            compute_unit_limit,
            log_bytes_max,
            account_locks_max,
        ] = parameters;
        Self {
            slots_per_epoch,
            compute_unit_limit,
            log_bytes_max,
            account_locks_max,
        }
    }

    /// Whether a chain that began with these may go on where `asked` are asked for.
    pub(crate) fn check(self, asked: Self) -> Result<(), Error> {
        const FLAGS: [&str; ChainParameters::COUNT] = [
            "--slots-per-epoch",
            "--compute-unit-limit",
            "--log-messages-bytes-limit",
            "--transaction-account-lock-limit",
        ];
        let all = self.to_array().into_iter().zip(asked.to_array()).zip(FLAGS);
        for ((kept, asked), flag) in all {
            if asked.is_some() && asked != kept {
                return Err(Error::OtherGenesis(match kept {
                    Some(kept) => format!("it began with {flag} {kept}"),
                    None => format!("it began without {flag}"),
                }));
            }
        }
        Ok(())
    }

    /// Puts them in place.
    pub(crate) fn apply(self, config: &mut RuntimeConfig) {
        if let Some(slots) = self.slots_per_epoch {
            config.epoch_schedule = EpochSchedule::custom(slots, slots, false);
        }
        self.apply_limits(&mut config.limits);
    }

    fn apply_limits(self, limits: &mut Limits) {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        limits.compute_units_fixed = self.compute_unit_limit.or(limits.compute_units_fixed);
        limits.log_bytes_max = self.log_bytes_max.map_or(limits.log_bytes_max, number);
        let locks = self.account_locks_max;
        limits.transaction_accounts_max = locks.map_or(limits.transaction_accounts_max, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_goes_on_with_its_own_parameters_and_no_others() {
        let kept = ChainParameters {
            slots_per_epoch: Some(64),
            ..ChainParameters::default()
        };
        assert_eq!(ChainParameters::from_array(kept.to_array()), kept);
        kept.check(ChainParameters::default()).unwrap();
        kept.check(kept).unwrap();
        let check = |asked: ChainParameters, told: &str| {
            let error = kept.check(asked).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        };
        let other = ChainParameters {
            slots_per_epoch: Some(32),
            ..kept
        };
        check(other, "it began with --slots-per-epoch 64");
        let more = ChainParameters {
            log_bytes_max: Some(1),
            ..kept
        };
        check(more, "it began without --log-messages-bytes-limit");
    }
}
