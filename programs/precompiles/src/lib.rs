//! Solana's precompiles: an instruction of one of these programs asks to check signatures of a curve, and fails
//! unless all of them are good. A program of the same transaction then reads the Instructions sysvar to see what was
//! checked.
//!
//! The rules, the errors and the order in which they are looked for are those of `agave-precompiles` 4.2 and 4.3 with
//! all features active. An instruction's data begin with the number of signatures; for each follows where signature,
//! key and message lie, as index of an instruction of the transaction and place in its data.
//!
//! They read no account, no clock and no state, and know no transaction: the executor lends them the data of its
//! instructions. What is paid for them, the runtime counts.

mod ed25519;
mod secp256k1;
mod secp256r1;

use sealane_sdk::{PrecompileError, Program};
use solana_sdk_ids as ids;

/// Signatures of ed25519, strictly: no key and no R of small order.
pub const ED25519: Program =
    Program::precompile(ids::ed25519_program::ID, "ed25519", ed25519::verify);

/// Signatures of secp256k1 over Keccak-256, by Ethereum's addresses of their keys.
pub const SECP256K1: Program =
    Program::precompile(ids::secp256k1_program::ID, "secp256k1", secp256k1::verify);

/// Signatures of secp256r1 (P-256) over SHA-256, in the lower half: what passkeys make.
pub const SECP256R1: Program =
    Program::precompile(ids::secp256r1_program::ID, "secp256r1", secp256r1::verify);

/// All of them.
pub const ALL: [Program; 3] = [ED25519, SECP256K1, SECP256R1];

/// The data of an instruction of the transaction, by its index.
type Instructions<'f, 'a> = &'f dyn Fn(usize) -> Option<&'a [u8]>;

/// Where a signature, its key and its message lie, for the two precompiles that say it in 14 bytes: pairs of place and
/// index of the instruction, the message's with its length in between.
struct Offsets {
    signature: (u16, u16),
    key: (u16, u16),
    message: (u16, u16),
    message_bytes: u16,
}

impl Offsets {
    /// Bytes that one takes.
    const BYTES: usize = 14;
    /// Where the first one begins: behind the number of them, and a byte of no meaning.
    const START: usize = 2;

    /// Each of the first `count`.
    ///
    /// # Errors
    /// The data are too short for them.
    fn all(data: &[u8], count: usize) -> Result<impl Iterator<Item = Self>, PrecompileError> {
        let all = data.get(Self::START..Self::START + count * Self::BYTES);
        let all = all.ok_or(PrecompileError::InvalidInstructionDataSize)?;
        let (all, _) = all.as_chunks::<{ Self::BYTES }>();
        Ok(all.iter().map(|bytes| {
            let (numbers, _) = bytes.as_chunks::<2>();
            let number = |at: usize| u16::from_le_bytes(numbers[at]);
            Self {
                signature: (number(0), number(1)),
                key: (number(2), number(3)),
                message: (number(4), number(6)),
                message_bytes: number(5),
            }
        }))
    }
}

/// `count` bytes from a place on, of this instruction's `data` if the index is the greatest one, or of another's.
fn slice<'a>(
    data: &'a [u8],
    instruction: Instructions<'_, 'a>,
    (start, index): (u16, u16),
    count: usize,
) -> Result<&'a [u8], PrecompileError> {
    let from = match index {
        u16::MAX => Some(data),
        index => instruction(usize::from(index)),
    };
    let start = usize::from(start);
    let found = from.and_then(|from| from.get(start..start + count));
    found.ok_or(PrecompileError::InvalidDataOffsets)
}
