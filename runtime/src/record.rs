//! What is remembered of a transaction: enough for getTransaction.
//!
//! The bank writes one record per transaction on its hot path, a reader decodes few of them, much
//! later: so writing formats nothing, and a record does not repeat what the transaction says itself
//! (keys, count of accounts). The block log keeps records as they are, and a replay compares them byte
//! by byte. The layout:
//!
//! | part | bytes |
//! | --- | --- |
//! | flags (`FAILED`, `INNER`, `RETURN`, `TOKENS`) | 1 |
//! | fee, compute units, length of logs | varint each |
//! | pre-balances | 8 each, little-endian |
//! | which post-balances differ, one bit each | accounts / 8, rounded up |
//! | the post-balances that differ | 8 each |
//! | logs in the executor's compact form | their length |
//! | if `FAILED`: error in bincode | varint length, then it |
//! | if `INNER`: inner instructions | see `encode_inner` |
//! | if `RETURN`: program, data | 32, varint length, then it |
//! | if `TOKENS`: what token accounts held | see [`tokens`] |

mod tokens;

pub(crate) use tokens::TokenBalances;
pub use tokens::{TokenBalance, mint_decimals};

use sealane_sdk::{InnerInstruction, Pubkey, format_logs};
use solana_transaction_error::TransactionError;

const FAILED: u8 = 1;
const INNER: u8 = 2;
const RETURN: u8 = 4;
const TOKENS: u8 = 8;

const VARINT_BYTES_MAX: usize = 10;
/// Flags and three varints.
const HEAD_BYTES_MAX: usize = 1 + 3 * VARINT_BYTES_MAX;

/// What `write_few_balances` writes of 8 accounts.
const BALANCES_BYTES_MAX: usize = 8 * 8 + 1 + 8 * 8;

/// The outcome of a charged transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// Its status.
    pub status: Result<(), TransactionError>,
    /// Fee in lamports.
    pub fee: u64,
    /// Compute units consumed.
    pub compute_units: u64,
    /// Lamports of each account before the fee was taken, in message order.
    pub pre_balances: Vec<u64>,
    /// Lamports of each account afterwards.
    pub post_balances: Vec<u64>,
    /// Log lines.
    pub logs: Vec<String>,
    /// Inner instructions.
    pub inner_instructions: Vec<InnerInstruction>,
    /// Program and return data, if any.
    pub return_data: Option<(Pubkey, Vec<u8>)>,
    /// What its token accounts held before, if it names a token program.
    pub pre_token_balances: Vec<TokenBalance>,
    /// What they held afterwards.
    pub post_token_balances: Vec<TokenBalance>,
}

impl TransactionRecord {
    /// Decodes what `Processed::encode_record` wrote of a transaction with these account keys.
    ///
    /// # Panics
    /// If `bytes` are not such a record: use `try_decode` for what this process did not write.
    pub fn decode(bytes: &[u8], keys: &[Pubkey]) -> Self {
        Self::try_decode(bytes, keys).expect("these are the bytes of a record")
    }

    /// The same; `None` if `bytes` are not such a record.
    pub fn try_decode(bytes: &[u8], keys: &[Pubkey]) -> Option<Self> {
        let mut input = Input(bytes);
        let flags = input.byte()?;
        let fee = input.varint()?;
        let compute_units = input.varint()?;
        let log_length = input.length()?;
        let pre_balances: Vec<u64> = keys.iter().map(|_| input.u64()).collect::<Option<_>>()?;
        let changed = input.take(keys.len().div_ceil(8))?;
        let mut post_balances = pre_balances.clone();
        for (i, post) in post_balances.iter_mut().enumerate() {
            if changed[i / 8] >> (i % 8) & 1 == 1 {
                *post = input.u64()?;
            }
        }
        let logs = format_logs(input.take(log_length)?, keys);
        let status = if flags & FAILED == 0 {
            Ok(())
        } else {
            Err(bincode::deserialize(input.bytes()?).ok()?)
        };
        let inner_instructions = if flags & INNER == 0 {
            Vec::new()
        } else {
            decode_inner(&mut input)?
        };
        let return_data = if flags & RETURN == 0 {
            None
        } else {
            let program = Pubkey::try_from(input.take(32)?).ok()?;
            Some((program, input.bytes()?.to_vec()))
        };
        let (pre_token_balances, post_token_balances) = if flags & TOKENS == 0 {
            (Vec::new(), Vec::new())
        } else {
            tokens::decode(&mut input, keys)?
        };
        input.0.is_empty().then_some(Self {
            status,
            fee,
            compute_units,
            pre_balances,
            post_balances,
            logs,
            inner_instructions,
            return_data,
            pre_token_balances,
            post_token_balances,
        })
    }
}

/// What a record is written from, borrowed from the bank.
pub(crate) struct RecordParts<'a> {
    pub(crate) status: &'a Result<(), TransactionError>,
    pub(crate) fee: u64,
    pub(crate) compute_units: u64,
    pub(crate) pre_balances: &'a [u64],
    pub(crate) post_balances: &'a [u64],
    pub(crate) log_bytes: &'a [u8],
    pub(crate) inner_instructions: &'a [InnerInstruction],
    pub(crate) return_data: Option<(Pubkey, &'a [u8])>,
    pub(crate) token_balances: &'a TokenBalances,
}

impl RecordParts<'_> {
    /// Appends the record; `key` gives the transaction's keys by their places.
    pub(crate) fn encode<'k>(&self, out: &mut Vec<u8>, key: impl Fn(usize) -> Option<&'k Pubkey>) {
        let mut flags = 0;
        if self.status.is_err() {
            flags |= FAILED;
        }
        if !self.inner_instructions.is_empty() {
            flags |= INNER;
        }
        if self.return_data.is_some() {
            flags |= RETURN;
        }
        if !self.token_balances.is_empty() {
            flags |= TOKENS;
        }
        // One growth at most for all that a plain transaction writes.
        out.reserve(HEAD_BYTES_MAX + 17 * self.pre_balances.len() + self.log_bytes.len());
        let mut head = [0; HEAD_BYTES_MAX + BALANCES_BYTES_MAX];
        head[0] = flags;
        let mut length = 1;
        for value in [self.fee, self.compute_units, self.log_bytes.len() as u64] {
            length = write_varint(&mut head, length, value);
        }
        if self.pre_balances.len() <= 8 {
            length = write_few_balances(&mut head, length, self.pre_balances, self.post_balances);
            out.extend_from_slice(&head[..length]);
        } else {
            out.extend_from_slice(&head[..length]);
            encode_balances(out, self.pre_balances, self.post_balances);
        }
        out.extend_from_slice(self.log_bytes);
        if let Err(error) = self.status {
            let error = bincode::serialize(error).expect("an error has a serialised form");
            put_bytes(out, &error);
        }
        if !self.inner_instructions.is_empty() {
            encode_inner(out, self.inner_instructions);
        }
        if let Some((program, data)) = &self.return_data {
            out.extend_from_slice(program.as_array());
            put_bytes(out, data);
        }
        if !self.token_balances.is_empty() {
            self.token_balances.encode(out, key);
        }
    }
}

/// The balances of at most 8 accounts, with one byte of differences: what most transactions have,
/// written where the head is, so that the record grows once. Returns where they end.
#[inline]
fn write_few_balances(out: &mut [u8], at: usize, pre: &[u64], post: &[u64]) -> usize {
    debug_assert_eq!(pre.len(), post.len());
    let (befores, rest) = out[at..].split_at_mut(8 * pre.len());
    let (differ, rest) = rest.split_at_mut(1);
    let (afters, _) = rest.as_chunks_mut::<8>();
    let (mut mask, mut changed) = (0, 0);
    let befores = befores.as_chunks_mut::<8>().0;
    for (i, ((before, pre), post)) in befores.iter_mut().zip(pre).zip(post).enumerate() {
        *before = pre.to_le_bytes();
        if pre != post {
            mask |= 1 << i;
            afters[changed] = post.to_le_bytes();
            changed += 1;
        }
    }
    differ[0] = mask;
    at + 8 * pre.len() + 1 + 8 * changed
}

fn encode_balances(out: &mut Vec<u8>, pre: &[u64], post: &[u64]) {
    debug_assert_eq!(pre.len(), post.len());
    pre.iter()
        .for_each(|pre| out.extend_from_slice(&pre.to_le_bytes()));
    for (pre, post) in pre.chunks(8).zip(post.chunks(8)) {
        let differ =
            |mask: u8, (i, (pre, post)): (usize, (&u64, &u64))| mask | u8::from(pre != post) << i;
        out.push(pre.iter().zip(post).enumerate().fold(0, differ));
    }
    for (pre, post) in pre.iter().zip(post) {
        if pre != post {
            out.extend_from_slice(&post.to_le_bytes());
        }
    }
}

/// Varint count; then of each: top level, stack height, program, accounts and data with their
/// lengths.
fn encode_inner(out: &mut Vec<u8>, instructions: &[InnerInstruction]) {
    put_varint(out, instructions.len() as u64);
    for instruction in instructions {
        let InnerInstruction {
            top_level,
            stack_height,
            program,
            accounts,
            data,
        } = instruction;
        out.extend_from_slice(&[*top_level, *stack_height, *program]);
        put_bytes(out, accounts);
        put_bytes(out, data);
    }
}

fn decode_inner(input: &mut Input<'_>) -> Option<Vec<InnerInstruction>> {
    let count = input.length()?;
    let decode_one = |_| {
        Some(InnerInstruction {
            top_level: input.byte()?,
            stack_height: input.byte()?,
            program: input.byte()?,
            accounts: input.bytes()?.to_vec(),
            data: input.bytes()?.to_vec(),
        })
    };
    (0..count).map(decode_one).collect()
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, value: u64) {
    let mut bytes = [0; VARINT_BYTES_MAX];
    let length = write_varint(&mut bytes, 0, value);
    out.extend_from_slice(&bytes[..length]);
}

/// Seven bits a byte, lowest first, the top bit set on all but the last. Returns where it ends.
fn write_varint(out: &mut [u8], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        out[at] = value as u8 | 0x80;
        at += 1;
        value >>= 7;
    }
    out[at] = value as u8;
    at + 1
}

/// What is left to decode.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use solana_instruction_error::InstructionError;

    fn keys(count: usize) -> Vec<Pubkey> {
        (0..count)
            .map(|i| Pubkey::new_from_array([i as u8; 32]))
            .collect()
    }

    /// Encodes `record` (which has no logs) and decodes it as of a transaction with as many
    /// accounts.
    fn round_trip(record: &TransactionRecord) -> (usize, TransactionRecord) {
        let return_data = record.return_data.as_ref();
        let parts = RecordParts {
            status: &record.status,
            fee: record.fee,
            compute_units: record.compute_units,
            pre_balances: &record.pre_balances,
            post_balances: &record.post_balances,
            log_bytes: &[],
            inner_instructions: &record.inner_instructions,
            return_data: return_data.map(|(program, data)| (*program, data.as_slice())),
            token_balances: &TokenBalances {
                before: record.pre_token_balances.iter().cloned().collect(),
                after: record.post_token_balances.iter().cloned().collect(),
            },
        };
        let mut bytes = vec![0xaa];
        let keys = keys(record.pre_balances.len());
        parts.encode(&mut bytes, |i| keys.get(i));
        (
            bytes.len() - 1,
            TransactionRecord::decode(&bytes[1..], &keys),
        )
    }

    fn transfer() -> TransactionRecord {
        TransactionRecord {
            status: Ok(()),
            fee: 5_000,
            compute_units: 150,
            pre_balances: vec![1 << 40, 1 << 41, 1],
            post_balances: vec![(1 << 40) - 7_000, (1 << 41) + 2_000, 1],
            logs: vec![],
            inner_instructions: vec![],
            return_data: None,
            pre_token_balances: vec![],
            post_token_balances: vec![],
        }
    }

    #[test]
    fn a_transfer_without_its_logs_takes_under_50_bytes() {
        let (bytes, decoded) = round_trip(&transfer());
        assert_eq!(decoded, transfer());
        assert!(bytes < 50, "{bytes}");
    }

    #[test]
    fn every_kind_of_status_comes_back() {
        let errors = [
            TransactionError::ProgramAccountNotFound,
            TransactionError::InsufficientFundsForRent { account_index: 63 },
            TransactionError::InstructionError(3, InstructionError::Custom(u32::MAX)),
            TransactionError::InstructionError(255, InstructionError::UnsupportedProgramId),
        ];
        for error in errors {
            let record = TransactionRecord {
                status: Err(error),
                ..transfer()
            };
            assert_eq!(round_trip(&record).1, record);
        }
    }

    fn any_token_balance() -> impl Strategy<Value = TokenBalance> {
        // Keys of the transaction, and some that are not.
        let key = || (0..90u8).prop_map(|byte| Pubkey::new_from_array([byte; 32]));
        let decimals = proptest::option::of(any::<u8>());
        let parts = (
            any::<u8>(),
            key(),
            key(),
            any::<bool>(),
            any::<u64>(),
            decimals,
        );
        parts.prop_map(|(account_index, mint, owner, is_2022, amount, decimals)| {
            let program = if is_2022 {
                spl_generic_token::token_2022::ID
            } else {
                spl_generic_token::token::ID
            };
            TokenBalance {
                account_index,
                mint,
                owner,
                program: program.to_bytes().into(),
                amount,
                decimals,
            }
        })
    }

    /// Source and target of a transfer, before and after.
    #[test]
    fn the_balances_of_a_token_transfer_take_under_100_bytes() {
        let balance = |account_index, owner: u8, amount| TokenBalance {
            account_index,
            mint: Pubkey::new_from_array([200; 32]),
            owner: Pubkey::new_from_array([owner; 32]),
            program: spl_generic_token::token::ID.to_bytes().into(),
            amount,
            decimals: None,
        };
        let record = TransactionRecord {
            pre_token_balances: vec![balance(1, 0, 1_000_000), balance(2, 201, 5)],
            post_token_balances: vec![balance(1, 0, 999_990), balance(2, 201, 15)],
            ..transfer()
        };
        let (bytes, decoded) = round_trip(&record);
        assert_eq!(decoded, record);
        assert!(bytes - round_trip(&transfer()).0 < 100, "{bytes}");
    }

    fn any_inner() -> impl Strategy<Value = InnerInstruction> {
        let parts = (
            any::<[u8; 3]>(),
            vec(any::<u8>(), 0..64),
            vec(any::<u8>(), 0..200),
        );
        parts.prop_map(
            |([top_level, stack_height, program], accounts, data)| InnerInstruction {
                top_level,
                stack_height,
                program,
                accounts,
                data,
            },
        )
    }

    fn any_record() -> impl Strategy<Value = TransactionRecord> {
        // Balances often stay as they are.
        let balance = (any::<u64>(), proptest::option::of(any::<u64>()));
        let balances = vec(balance, 1..65);
        let failed = proptest::option::of(any::<u32>());
        let inner = vec(any_inner(), 0..4);
        let returned = proptest::option::of((any::<[u8; 32]>(), vec(any::<u8>(), 0..1025)));
        let numbers = (any::<u64>(), any::<u64>());
        let tokens = || vec(any_token_balance(), 0..65);
        let tokens = (tokens(), tokens());
        (balances, failed, inner, returned, numbers, tokens).prop_map(
            |(balances, failed, inner_instructions, returned, (fee, compute_units), tokens)| {
                let error =
                    |code| TransactionError::InstructionError(0, InstructionError::Custom(code));
                TransactionRecord {
                    status: failed.map_or(Ok(()), |code| Err(error(code))),
                    fee,
                    compute_units,
                    pre_balances: balances.iter().map(|(pre, _)| *pre).collect(),
                    post_balances: balances
                        .iter()
                        .map(|(pre, post)| post.unwrap_or(*pre))
                        .collect(),
                    logs: vec![],
                    inner_instructions,
                    return_data: returned.map(|(id, data)| (Pubkey::new_from_array(id), data)),
                    pre_token_balances: tokens.0,
                    post_token_balances: tokens.1,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(record in any_record()) {
            prop_assert_eq!(&round_trip(&record).1, &record);
        }
    }
}
