//! The rows of version 1 (SIMD-0385), where the message comes first and all lengths have a fixed size.

use super::Row;
use super::transactions::{BLOCKHASH, address, new_account, payer, signed};
use sealane_runtime::VerifyError;
use sealane_sdk::Pubkey;
use solana_message::VersionedMessage;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::v1::{Message, TransactionConfig};
use solana_sdk_ids::system_program;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use solana_transaction_error::TransactionError;

/// The wire bytes of `good`: where things are, counted by hand.
const HEADER: usize = 1;
const MASK: usize = HEADER + 3;
const KEY_COUNT: usize = MASK + 4 + 32 + 1;
const KEYS: usize = KEY_COUNT + 1;
/// Priority fee, unit limit, loaded data.
const VALUES: usize = KEYS + 3 * 32;
const HEADS: usize = VALUES + 16;
const ACCOUNTS: usize = HEADS + 4;
const DATA: usize = ACCOUNTS + 2;
const SIGNATURE: usize = DATA + 12;

/// A message that asks for all but a heap.
fn message() -> Message {
    let config = TransactionConfig::empty()
        .with_priority_fee(5)
        .with_compute_unit_limit(1_000)
        .with_loaded_accounts_data_size_limit(1_000);
    let transfer = transfer(&payer().pubkey(), &address(9), 1);
    Message::try_compile_with_config(&payer().pubkey(), &[transfer], BLOCKHASH, config)
        .expect("it fits a message")
}

/// A transfer.
pub(crate) fn good() -> Vec<u8> {
    signed(VersionedMessage::V1(message()))
}

/// The longest: what an instruction has of data it ignores.
pub(crate) fn longest() -> Vec<u8> {
    let mut message = message();
    message.instructions[0]
        .data
        .resize(12 + 4_096 - good().len(), 7);
    signed(VersionedMessage::V1(message))
}

/// The message changed, then signed.
fn changed(change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = message();
    change(&mut message);
    signed(VersionedMessage::V1(message))
}

/// Some of the bytes replaced and signed again.
fn replaced(at: usize, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = good();
    assert_eq!(
        bytes[at..at + old.len()],
        *old,
        "the test counts its bytes wrong"
    );
    bytes.splice(at..at + old.len(), new.iter().copied());
    let message = bytes.len() - 64;
    let signature = payer().sign_message(&bytes[..message]);
    bytes[message..].copy_from_slice(signature.as_ref());
    bytes
}

pub(crate) fn malformed_rows() -> Vec<Row> {
    let good = good();
    let cut = |what, len: usize, error| (what, good[..len].to_vec(), VerifyError::Malformed(error));
    let mask = VerifyError::Malformed("mask of the configuration");
    vec![
        cut("version 1 alone", 1, "message header"),
        cut(
            "version 1 cut within its mask",
            MASK + 3,
            "mask of the configuration",
        ),
        cut(
            "version 1 cut within its blockhash",
            MASK + 20,
            "recent blockhash",
        ),
        cut(
            "version 1 cut before its numbers",
            KEY_COUNT - 1,
            "number of instructions",
        ),
        cut(
            "version 1 cut before its number of keys",
            KEY_COUNT,
            "number of account keys",
        ),
        cut("version 1 cut within its keys", KEYS + 95, "account keys"),
        cut(
            "version 1 cut within its configuration",
            VALUES + 15,
            "values of the configuration",
        ),
        cut(
            "version 1 cut within its heads",
            HEADS + 3,
            "heads of the instructions",
        ),
        cut(
            "version 1 cut within its accounts",
            ACCOUNTS + 1,
            "accounts of an instruction",
        ),
        cut(
            "version 1 cut within its data",
            DATA + 11,
            "data of an instruction",
        ),
        cut(
            "version 1 cut within its signature",
            SIGNATURE + 63,
            "signatures",
        ),
        (
            "version 1 and one byte too many",
            [&good[..], &[0]].concat(),
            VerifyError::Malformed("trailing bytes"),
        ),
        (
            "a bit of the mask that means nothing",
            replaced(MASK, &[0b1111, 0], &[0b1111, 1]),
            mask.clone(),
        ),
        (
            "half a priority fee",
            replaced(MASK, &[0b1111], &[0b1110]),
            mask,
        ),
        (
            "a transaction of version 2",
            replaced(0, &[0x81], &[0x82]),
            VerifyError::Malformed("number of signatures"),
        ),
        (
            "a byte more than fits in version 1",
            {
                let mut bytes = longest();
                bytes.push(0);
                bytes
            },
            VerifyError::TooLarge {
                bytes: 4_097,
                max: 4_096,
            },
        ),
    ]
}

pub(crate) fn sanitisation_rows() -> Vec<Row> {
    let insane = |what, bytes| {
        let error = VerifyError::from(TransactionError::SanitizeFailure);
        (what, bytes, error)
    };
    let signers = |count: u8| {
        changed(|message| {
            let more = (1..count).map(|i| address(100 + i));
            message.account_keys.splice(1..1, more);
            message.header.num_required_signatures = count;
            message.instructions[0] =
                CompiledInstruction::new_from_raw_parts(count + 1, vec![], vec![]);
        })
    };
    let heap = |bytes| changed(|message| message.config.heap_size = Some(bytes));
    let nop = || CompiledInstruction::new_from_raw_parts(2, vec![], vec![]);
    vec![
        insane("version 1 that requires no signature", {
            let mut bytes = replaced(HEADER, &[1, 0], &[0, 0]);
            bytes.truncate(SIGNATURE);
            bytes
        }),
        insane(
            "version 1 with a read-only payer",
            replaced(HEADER, &[1, 0], &[1, 1]),
        ),
        insane(
            "version 1 with more read-only accounts than there are",
            replaced(HEADER + 2, &[1], &[3]),
        ),
        insane("version 1 with more signers than keys", {
            let mut bytes = good();
            bytes[HEADER] = 4;
            bytes.extend([0; 3 * 64]);
            bytes
        }),
        insane("version 1 with 13 signers", signers(13)),
        insane(
            "version 1 with a program beyond its keys",
            replaced(HEADS, &[2], &[3]),
        ),
        insane(
            "version 1 with an account beyond its keys",
            replaced(ACCOUNTS, &[0], &[3]),
        ),
        insane(
            "version 1 with its payer as program",
            replaced(HEADS, &[2], &[0]),
        ),
        insane(
            "version 1 with 65 instructions",
            changed(|message| message.instructions = (0..65).map(|_| nop()).collect()),
        ),
        insane(
            "version 1 with 65 accounts",
            changed(|message| {
                let more = (100..162).map(address);
                message.account_keys.splice(2..2, more);
                message.instructions[0].program_id_index = 64;
            }),
        ),
        insane(
            "version 1 with an account twice",
            replaced(KEYS + 32, &[9; 32], payer().pubkey().as_ref()),
        ),
        insane("version 1 with a heap of no whole kilobytes", heap(40_001)),
        insane("version 1 with too small a heap", heap(31 * 1_024)),
        insane("version 1 with too large a heap", heap(257 * 1_024)),
    ]
}

pub(crate) fn signature_rows() -> Vec<Row> {
    let row = |what, change: &dyn Fn(&mut [u8])| {
        let mut bytes = good();
        change(&mut bytes);
        let error = VerifyError::from(TransactionError::SignatureFailure);
        (what, bytes, error)
    };
    vec![
        row("version 1 signed by another", &|bytes| {
            let signature = new_account().sign_message(&bytes[..SIGNATURE]);
            bytes[SIGNATURE..].copy_from_slice(signature.as_ref());
        }),
        row("version 1 signed without its version", &|bytes| {
            let signature = payer().sign_message(&bytes[1..SIGNATURE]);
            bytes[SIGNATURE..].copy_from_slice(signature.as_ref());
        }),
        row(
            "version 1 with another priority fee than was signed",
            &|bytes| {
                bytes[VALUES] ^= 1;
            },
        ),
        row("version 1 not signed at all", &|bytes| {
            bytes[SIGNATURE..].fill(0)
        }),
    ]
}

#[test]
fn the_bytes_are_where_the_rows_think() {
    let bytes = good();
    let keys = [payer().pubkey(), address(9), system_program::ID];
    let keys: Vec<_> = keys.iter().map(Pubkey::to_bytes).collect();
    assert_eq!(bytes[KEYS..VALUES], keys.concat());
    assert_eq!(bytes[KEY_COUNT - 1..KEYS], [1, 3]);
    assert_eq!((bytes.len(), longest().len()), (SIGNATURE + 64, 4_096));
}
