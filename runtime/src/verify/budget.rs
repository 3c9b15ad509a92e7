//! What a transaction asks for and what it costs: Compute Budget instructions or the configuration of version 1,
//! fee, cost units.
//!
//! Every rule and number is Agave's (4.2, all features active):
//! `solana-compute-budget-instruction`, `solana-builtins-default-costs`, `solana-fee`,
//! `solana-cost-model`. The instructions are decoded by hand, as they are four bytes layouts with a
//! tag in front.

use super::parse::version_1::Configuration;
use crate::verified::ComputeBudget;
use sealane_sdk::{InstructionError, Pubkey};
use solana_sdk_ids as ids;
use solana_transaction_error::TransactionError;

/// Compute units of a transaction, at most.
const UNIT_LIMIT_MAX: u32 = 1_400_000;
/// Default compute units of an instruction of a builtin program.
const BUILTIN_UNITS: u32 = 3_000;
/// Default compute units of any other instruction.
const INSTRUCTION_UNITS: u32 = 200_000;
/// Bytes of accounts that a transaction may load, at most and by default.
const LOADED_DATA_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Heap that a transaction may ask for, in bytes. Native programs have no such heap; it is checked
/// only.
const HEAP_BYTES: std::ops::RangeInclusive<u32> = 32 * 1024..=256 * 1024;

/// What a program is to the budget and the price.
#[derive(Clone, Copy)]
struct Kind {
    /// Default compute units of one instruction.
    units: u32,
    /// Of precompiles: cost units of each signature that an instruction asks to check.
    per_signature: Option<u64>,
    is_compute_budget: bool,
}

/// A program that nothing is known of.
const OTHER: Kind = Kind {
    units: INSTRUCTION_UNITS,
    per_signature: None,
    is_compute_budget: false,
};

/// A builtin program of the cost model.
const BUILTIN: Kind = Kind {
    units: BUILTIN_UNITS,
    ..OTHER
};

/// Every other program than System that is not `OTHER`. Vote is no builtin any more (SIMD-0387).
const KNOWN: [(Pubkey, Kind); 8] = [
    (
        ids::compute_budget::ID,
        Kind {
            is_compute_budget: true,
            ..BUILTIN
        },
    ),
    (ids::bpf_loader_upgradeable::ID, BUILTIN),
    (ids::bpf_loader_deprecated::ID, BUILTIN),
    (ids::bpf_loader::ID, BUILTIN),
    (ids::loader_v4::ID, BUILTIN),
    (
        ids::secp256k1_program::ID,
        Kind {
            per_signature: Some(6_690),
            ..BUILTIN
        },
    ),
    (
        ids::ed25519_program::ID,
        Kind {
            per_signature: Some(2_400),
            ..BUILTIN
        },
    ),
    (
        ids::secp256r1_program::ID,
        Kind {
            per_signature: Some(4_800),
            ..OTHER
        },
    ),
];

/// What a program other than System is. Most differ from all these in their first byte.
fn kind(program: &Pubkey) -> Kind {
    KNOWN
        .iter()
        .find(|(id, _)| id.as_array()[0] == program.as_array()[0] && id == program)
        .map_or(OTHER, |(_, kind)| *kind)
}

/// What the Compute Budget instructions ask for.
#[derive(Default)]
struct Requests {
    heap_bytes: Option<(u8, u32)>,
    unit_limit: Option<u32>,
    unit_price: Option<u64>,
    loaded_data_bytes: Option<u32>,
}

impl Requests {
    fn read(&mut self, index: u8, data: &[u8]) -> Result<(), TransactionError> {
        let four = || {
            data.get(1..5)
                .and_then(|b| b.try_into().ok())
                .map(u32::from_le_bytes)
        };
        let eight = || {
            data.get(1..9)
                .and_then(|b| b.try_into().ok())
                .map(u64::from_le_bytes)
        };
        // Bytes that follow are of no interest to Solana's decoder. `None` here: it could not
        // decode.
        let is_first = match data.first() {
            Some(1) => four().map(|v| self.heap_bytes.replace((index, v)).is_none()),
            Some(2) => four().map(|v| self.unit_limit.replace(v).is_none()),
            Some(3) => eight().map(|v| self.unit_price.replace(v).is_none()),
            Some(4) => four().map(|v| self.loaded_data_bytes.replace(v).is_none()),
            _ => None,
        };
        match is_first {
            Some(true) => Ok(()),
            Some(false) => Err(TransactionError::DuplicateInstruction(index)),
            None => Err(invalid_data(index)),
        }
    }

    /// Heap, once `granted` has found it good.
    fn heap_kibibytes(&self) -> u16 {
        let asked = self.heap_bytes.map(|(_, bytes)| bytes);
        (asked.unwrap_or(*HEAP_BYTES.start()) / 1_024) as u16
    }

    /// The budget, once all are read. `default_units` are those where no limit is asked for.
    fn granted(&self, default_units: u32) -> Result<ComputeBudget, TransactionError> {
        if let Some((index, bytes)) = self.heap_bytes
            && !(HEAP_BYTES.contains(&bytes) && bytes.is_multiple_of(1024))
        {
            return Err(invalid_data(index));
        }
        let loaded_data_bytes = match self.loaded_data_bytes {
            Some(0) => return Err(TransactionError::InvalidLoadedAccountsDataSizeLimit),
            Some(bytes) => bytes,
            None => LOADED_DATA_BYTES_MAX,
        };
        Ok(ComputeBudget {
            unit_limit: self.unit_limit.unwrap_or(default_units).min(UNIT_LIMIT_MAX),
            unit_price: self.unit_price.unwrap_or(0),
            loaded_data_bytes_max: loaded_data_bytes.min(LOADED_DATA_BYTES_MAX),
        })
    }
}

fn invalid_data(index: u8) -> TransactionError {
    TransactionError::InstructionError(index, InstructionError::InvalidInstructionData)
}

/// What a transaction pays and costs, whatever its budget allows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Price {
    /// Signatures that are paid for: the transaction's own and those that precompiles are asked to check.
    pub(super) signatures: u16,
    /// Lamports beside what signatures cost.
    pub(super) priority_fee: u64,
    /// Cost units.
    pub(super) cost: u32,
    /// Heap that it asked for, or the default.
    pub(super) heap_kibibytes: u16,
}

/// What a transaction asks for, of which nothing is granted yet.
pub(super) struct Asked {
    requests: Requests,
    counted: Counted,
}

/// What a transaction with so many signatures and write locks asks for in these instructions (their programs and
/// data), which are gone through once.
///
/// # Errors
/// A request that cannot be read, or was made before. Whether one can be granted is asked later, as by Agave: what is
/// wrong with the transaction's accounts comes in between.
pub(super) fn asked<'a>(
    signatures: u8,
    write_locks: u64,
    instructions: impl Iterator<Item = (&'a Pubkey, &'a [u8])>,
) -> Result<Asked, TransactionError> {
    let mut requests = Requests::default();
    let read = |index, data: &[u8]| requests.read(index, data);
    let counted = Counted::of(signatures, write_locks, instructions, read)?;
    Ok(Asked { requests, counted })
}

impl Asked {
    /// Budget and price.
    ///
    /// # Errors
    /// It asks for something impossible.
    pub(super) fn granted(&self) -> Result<(ComputeBudget, Price), TransactionError> {
        let budget = self.requests.granted(self.counted.default_units)?;
        let heap_kibibytes = self.requests.heap_kibibytes();
        let price = (self.counted).price(&budget, budget.priority_fee(), heap_kibibytes);
        Ok((budget, price))
    }
}

/// Budget and price of a transaction of version 1, which asks in its configuration. Its Compute Budget instructions
/// do nothing, whatever they say.
pub(super) fn configured<'a>(
    signatures: u8,
    write_locks: u64,
    instructions: impl Iterator<Item = (&'a Pubkey, &'a [u8])>,
    asked: &Configuration,
) -> (ComputeBudget, Price) {
    let counted = Counted::of(signatures, write_locks, instructions, |_, _| Ok(()));
    let counted = counted.expect("no instruction is read");
    let unit_limit = asked.unit_limit.min(UNIT_LIMIT_MAX);
    let micro_lamports = u128::from(asked.priority_fee) * 1_000_000;
    let unit_price = micro_lamports.checked_div(unit_limit.into()).unwrap_or(0);
    let budget = ComputeBudget {
        unit_limit,
        unit_price: u64::try_from(unit_price).unwrap_or(u64::MAX),
        loaded_data_bytes_max: asked.loaded_data_bytes_max.min(LOADED_DATA_BYTES_MAX),
    };
    let heap_kibibytes = (asked.heap_bytes / 1_024) as u16;
    let price = counted.price(&budget, asked.priority_fee, heap_kibibytes);
    (budget, price)
}

/// What does not depend on what a transaction asks for.
struct Counted {
    /// Compute units where it asks for no limit.
    default_units: u32,
    /// Signatures that are paid for.
    signatures: u16,
    /// Cost units of all but what is asked for.
    cost: u64,
}

impl Counted {
    /// `request` gets index and data of each Compute Budget instruction.
    #[inline(always)]
    fn of<'a>(
        signatures: u8,
        write_locks: u64,
        instructions: impl Iterator<Item = (&'a Pubkey, &'a [u8])>,
        mut request: impl FnMut(u8, &[u8]) -> Result<(), TransactionError>,
    ) -> Result<Self, TransactionError> {
        /// Cost units of one of the transaction's own signatures and of one write lock.
        const SIGNATURE: u64 = 720;
        const WRITE_LOCK: u64 = 300;
        /// Bytes of instruction data for one cost unit.
        const DATA_BYTES: u64 = 4;

        let mut default_units = 0;
        let mut paid = u16::from(signatures);
        let mut cost = u64::from(signatures) * SIGNATURE + write_locks * WRITE_LOCK;
        let mut data_bytes = 0;
        for (index, (program, data)) in (0..).zip(instructions) {
            data_bytes += data.len() as u64;
            if *program == ids::system_program::ID {
                default_units += BUILTIN.units;
                continue;
            }
            let kind = kind(program);
            default_units += kind.units;
            if kind.is_compute_budget {
                request(index, data)?;
            }
            if let Some(each) = kind.per_signature {
                // A precompile's data begins with the number of its signatures.
                let count = data.first().copied().unwrap_or(0);
                // At most 255 for each of 64 instructions, beside the transaction's own.
                paid += u16::from(count);
                cost += u64::from(count) * each;
            }
        }
        Ok(Self {
            default_units,
            signatures: paid,
            cost: cost + data_bytes / DATA_BYTES,
        })
    }

    fn price(&self, budget: &ComputeBudget, priority_fee: u64, heap_kibibytes: u16) -> Price {
        /// Cost units of one page of account data that may be loaded, and its bytes.
        const PAGE: u64 = 8;
        const PAGE_BYTES: u64 = 32 * 1024;

        let cost = self.cost
            + u64::from(budget.unit_limit)
            + u64::from(budget.loaded_data_bytes_max).div_ceil(PAGE_BYTES) * PAGE;
        Price {
            signatures: self.signatures,
            priority_fee,
            cost: u32::try_from(cost).unwrap_or(u32::MAX),
            heap_kibibytes,
        }
    }
}

impl ComputeBudget {
    /// The priority fee in lamports of what is paid by the unit, rounded up: the whole limit is paid for, used or
    /// not.
    pub(super) fn priority_fee(&self) -> u64 {
        if self.unit_price == 0 {
            return 0;
        }
        let micro_lamports = u128::from(self.unit_price) * u128::from(self.unit_limit);
        u64::try_from(micro_lamports.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_compute_budget_interface::ComputeBudgetInstruction as Request;

    const PLAIN: Pubkey = Pubkey::new_from_array([9; 32]);

    /// The budget of instructions given as program and data.
    fn budget(instructions: &[(Pubkey, Vec<u8>)]) -> Result<ComputeBudget, TransactionError> {
        let instructions = instructions
            .iter()
            .map(|(program, data)| (program, data.as_slice()));
        asked(1, 1, instructions)?
            .granted()
            .map(|(budget, _)| budget)
    }

    /// A budget with this limit, and no other wish.
    fn limited(unit_limit: u32) -> Result<ComputeBudget, TransactionError> {
        let loaded_data_bytes_max = LOADED_DATA_BYTES_MAX;
        Ok(ComputeBudget {
            unit_limit,
            unit_price: 0,
            loaded_data_bytes_max,
        })
    }

    fn ask(data: &[u8]) -> (Pubkey, Vec<u8>) {
        (ids::compute_budget::ID, data.to_vec())
    }

    #[test]
    fn the_default_limit_is_little_for_builtins_and_much_for_others() {
        let system = (ids::system_program::ID, vec![]);
        let vote = (ids::vote::ID, vec![]);
        let other = (PLAIN, vec![]);
        let price = ask(&Request::set_compute_unit_price(0).data);
        assert_eq!(budget(&[]), limited(0));
        assert_eq!(budget(std::slice::from_ref(&system)), limited(3_000));
        assert_eq!(
            budget(&[system, price, other.clone(), vote]),
            limited(406_000)
        );
        assert_eq!(budget(&vec![other; 8]), limited(1_400_000));
    }

    #[test]
    fn requests_are_read_and_capped_and_bytes_after_them_ignored() {
        let requests = [
            ask(&Request::request_heap_frame(256 * 1024).data),
            ask(&[&Request::set_compute_unit_limit(7).data[..], b"more"].concat()),
            ask(&Request::set_compute_unit_price(u64::MAX).data),
            ask(&Request::set_loaded_accounts_data_size_limit(1).data),
            (PLAIN, vec![0]),
        ];
        let unit_price = u64::MAX;
        let expected = ComputeBudget {
            unit_limit: 7,
            unit_price,
            loaded_data_bytes_max: 1,
        };
        assert_eq!(budget(&requests), Ok(expected));
        assert_eq!(budget(&[ask(&[2, 255, 255, 255, 255])]), limited(1_400_000));
        assert_eq!(
            budget(&[ask(&[2, 0, 0, 0, 0]), (PLAIN, vec![])]),
            limited(0)
        );
        assert_eq!(
            budget(&[ask(&[4, 255, 255, 255, 255]), ask(&[2, 0, 0, 0, 0])]),
            limited(0)
        );
    }

    #[test]
    fn a_bad_request_is_refused_with_its_index() {
        let invalid = |index| Err(invalid_data(index));
        let limit = ask(&Request::set_compute_unit_limit(1).data);
        let heap = |bytes| ask(&Request::request_heap_frame(bytes).data);
        for (requests, expected) in [
            (vec![ask(&[])], invalid(0)),
            (vec![ask(&[0, 0, 0, 0, 0])], invalid(0)),
            (vec![ask(&[5, 0, 0, 0, 0])], invalid(0)),
            (vec![limit.clone(), ask(&[3, 0, 0, 0, 0])], invalid(1)),
            (vec![(PLAIN, vec![]), heap(31 * 1024)], invalid(1)),
            (vec![heap(257 * 1024)], invalid(0)),
            (vec![heap(32 * 1024 + 1)], invalid(0)),
            (
                vec![limit.clone(), limit],
                Err(TransactionError::DuplicateInstruction(1)),
            ),
            (
                vec![ask(&Request::set_loaded_accounts_data_size_limit(0).data)],
                Err(TransactionError::InvalidLoadedAccountsDataSizeLimit),
            ),
        ] {
            assert_eq!(budget(&requests), expected, "{requests:?}");
        }
    }

    #[test]
    fn the_priority_fee_is_rounded_up_and_saturates() {
        for (unit_price, unit_limit, lamports) in [
            (0, 1_400_000, 0),
            (1, 1, 1),
            (1_000_000, 1, 1),
            (1_000_001, 1, 2),
            (7, 200_000, 2),
            (u64::MAX, 1_400_000, u64::MAX),
        ] {
            let budget = ComputeBudget {
                unit_limit,
                unit_price,
                loaded_data_bytes_max: 1,
            };
            assert_eq!(budget.priority_fee(), lamports, "{budget:?}");
        }
    }
}
