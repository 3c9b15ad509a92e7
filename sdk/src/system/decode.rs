//! From instruction data to a `SystemInstruction`.
//!
//! The layout is bincode's with fixed-size integers: a little-endian `u32` that names the
//! instruction, then its fields one after the other, no padding; a text is a `u64` length and its
//! UTF-8 bytes. Bytes after the last field are ignored, as Solana ignores them.
//!
//! Transfer and CreateAccount are nearly all of the traffic, so they are read by hand from their
//! fixed offsets; everything else takes the general way. A test holds the two ways against each
//! other.

use bincode::Options;
use solana_system_interface::instruction::SystemInstruction;

use crate::{InstructionError, Pubkey};

const CREATE_ACCOUNT: u32 = 0;
const TRANSFER: u32 = 2;

/// How many bytes an instruction may take when decoded: Solana's largest packet. It matters only
/// for the texts of seeds, which are refused beyond it before they are read.
const DECODED_BYTES_MAX: u64 = 1232;

/// Reads `data`. Allocates only for instructions that carry a seed.
#[inline]
pub(super) fn decode(data: &[u8]) -> Result<SystemInstruction, InstructionError> {
    let Some((tag, fields)) = data.split_first_chunk::<4>() else {
        return Err(InstructionError::InvalidInstructionData);
    };
    match u32::from_le_bytes(*tag) {
        TRANSFER => fields
            .first_chunk::<8>()
            .map(|lamports| SystemInstruction::Transfer {
                lamports: u64::from_le_bytes(*lamports),
            })
            .ok_or(InstructionError::InvalidInstructionData),
        CREATE_ACCOUNT => create_account(fields).ok_or(InstructionError::InvalidInstructionData),
        _ => decode_general(data),
    }
}

fn create_account(fields: &[u8]) -> Option<SystemInstruction> {
    let (lamports, fields) = fields.split_first_chunk::<8>()?;
    let (space, fields) = fields.split_first_chunk::<8>()?;
    let owner = fields.first_chunk::<32>()?;
    Some(SystemInstruction::CreateAccount {
        lamports: u64::from_le_bytes(*lamports),
        space: u64::from_le_bytes(*space),
        owner: Pubkey::new_from_array(*owner),
    })
}

/// Reads any instruction through bincode, with the options that Solana reads with.
#[cold]
fn decode_general(data: &[u8]) -> Result<SystemInstruction, InstructionError> {
    bincode::options()
        .with_limit(DECODED_BYTES_MAX)
        .with_fixint_encoding()
        .allow_trailing_bytes()
        .deserialize_from(data)
        .map_err(|_| InstructionError::InvalidInstructionData)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = Pubkey> {
        any::<[u8; 32]>().prop_map(Pubkey::new_from_array)
    }

    fn instruction() -> impl Strategy<Value = SystemInstruction> {
        use SystemInstruction as I;
        let keys = (key(), key());
        let seed = || ".{0,40}";
        let account = || (any::<u64>(), any::<u64>(), key());
        prop_oneof![
            account().prop_map(|(lamports, space, owner)| I::CreateAccount {
                lamports,
                space,
                owner
            }),
            key().prop_map(|owner| I::Assign { owner }),
            any::<u64>().prop_map(|lamports| I::Transfer { lamports }),
            (account(), key(), seed()).prop_map(|((lamports, space, owner), base, seed)| {
                I::CreateAccountWithSeed {
                    base,
                    seed,
                    lamports,
                    space,
                    owner,
                }
            }),
            Just(I::AdvanceNonceAccount),
            any::<u64>().prop_map(I::WithdrawNonceAccount),
            key().prop_map(I::InitializeNonceAccount),
            key().prop_map(I::AuthorizeNonceAccount),
            any::<u64>().prop_map(|space| I::Allocate { space }),
            (account(), key(), seed()).prop_map(|((_, space, owner), base, seed)| {
                I::AllocateWithSeed {
                    base,
                    seed,
                    space,
                    owner,
                }
            }),
            (keys, seed()).prop_map(|((base, owner), seed)| I::AssignWithSeed {
                base,
                seed,
                owner
            }),
            (any::<u64>(), key(), seed()).prop_map(|(lamports, from_owner, from_seed)| {
                I::TransferWithSeed {
                    lamports,
                    from_seed,
                    from_owner,
                }
            }),
            Just(I::UpgradeNonceAccount),
            account().prop_map(|(lamports, space, owner)| I::CreateAccountAllowPrefund {
                lamports,
                space,
                owner
            }),
        ]
    }

    /// Any instruction's bytes, cut short or followed by others, and bytes that start with any tag.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let noise = prop::collection::vec(any::<u8>(), 0..80);
        prop_oneof![
            4 => (instruction(), any::<prop::sample::Index>(), noise.clone()).prop_map(
                |(instruction, cut, mut tail)| {
                    let mut bytes = bincode::serialize(&instruction).unwrap();
                    bytes.append(&mut tail);
                    bytes.truncate(cut.index(bytes.len() + 1));
                    bytes
                }
            ),
            1 => (0u32..16, noise).prop_map(|(tag, tail)| {
                [&tag.to_le_bytes()[..], &tail].concat()
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn both_ways_of_decoding_agree_on_any_bytes(bytes in bytes()) {
            prop_assert_eq!(decode(&bytes), decode_general(&bytes));
        }

        #[test]
        fn an_instruction_is_decoded_as_it_was_written_whatever_follows(
            instruction in instruction(),
            tail in prop::collection::vec(any::<u8>(), 0..1300),
        ) {
            let bytes = [bincode::serialize(&instruction).unwrap(), tail].concat();
            prop_assert_eq!(decode(&bytes), Ok(instruction));
        }
    }

    #[test]
    fn a_seed_longer_than_a_packet_is_refused_unread() {
        let assign = |seed: usize| {
            bincode::serialize(&SystemInstruction::AssignWithSeed {
                base: Pubkey::default(),
                seed: "s".repeat(seed),
                owner: Pubkey::default(),
            })
            .unwrap()
        };
        // 4 (tag) + 32 (base) + 8 (length) + 32 (owner) bytes stand beside the seed.
        let longest = DECODED_BYTES_MAX as usize - 76;
        assert!(decode(&assign(longest)).is_ok());
        assert_eq!(
            decode(&assign(longest + 1)),
            Err(InstructionError::InvalidInstructionData)
        );
    }
}
