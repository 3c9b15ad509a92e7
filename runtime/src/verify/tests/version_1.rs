//! Version 1 against `solana-message` and `agave-transaction-view`, and what it asks for.

use super::super::fixture::{FakeState, trusted};
use super::super::*;
use super::any::{any_changes, any_version_1, changed, plain, state_with_tables, wire};
use super::{check_accessors, check_form};
use proptest::prelude::*;
use solana_hash::Hash;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::v1::{Message, TransactionConfig};
use solana_message::{MessageHeader, VersionedMessage, legacy, v0};
use solana_sdk_ids::compute_budget;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;

/// Where the version, the header, the mask and, behind the blockhash, two numbers lie.
const HEAD_BYTES: usize = 1 + 3 + 4 + 32 + 2;

/// What solana-message makes of the bytes; `None`: it cannot decode them.
fn decoded(bytes: &[u8]) -> Option<Message> {
    let message = solana_message::v1::deserialize(bytes.get(1..)?).ok()?;
    let signatures = 64 * usize::from(message.header.num_required_signatures);
    (bytes.len() == 1 + message.size() + signatures).then_some(message)
}

/// A transaction with the number of signatures that its header says.
fn transaction(message: VersionedMessage) -> VersionedTransaction {
    let required = usize::from(message.header().num_required_signatures);
    VersionedTransaction {
        signatures: vec![Signature::default(); required],
        message,
    }
}

/// A message that calls two programs: one with nothing, Compute Budget with these data.
fn message(config: TransactionConfig, compute_budget: &[u8]) -> Message {
    let call = |program, data: &[u8]| {
        CompiledInstruction::new_from_raw_parts(program, data.to_vec(), vec![0])
    };
    Message {
        header: MessageHeader {
            num_required_signatures: 1,
            num_readonly_signed_accounts: 0,
            num_readonly_unsigned_accounts: 2,
        },
        config,
        lifetime_specifier: Hash::default(),
        account_keys: vec![plain(1), plain(2), compute_budget::ID],
        instructions: vec![call(1, &[]), call(2, compute_budget)],
    }
}

fn verified(message: Message) -> Verified {
    let transaction = transaction(VersionedMessage::V1(message));
    trusted(wire(&transaction), &mut FakeState::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_accessor_agrees_with_solana_message(transaction in any_version_1()) {
        check_accessors(&transaction)?;
    }

    #[test]
    fn the_same_bytes_are_a_transaction_as_for_agave(
        transaction in any_version_1(),
        changes in any_changes(),
    ) {
        let bytes = changed(wire(&transaction), 0..HEAD_BYTES, changes);
        check_form(&bytes)?;
        if bytes[0] == wire::VERSION_1 && bytes.len() <= solana_message::v1::MAX_TRANSACTION_SIZE {
            let ours = trusted(bytes.clone(), &mut state_with_tables());
            // What cannot be decoded is told from what can be and is insane.
            let message = decoded(&bytes);
            let is_malformed = matches!(ours, Err(VerifyError::Malformed(_)));
            prop_assert_eq!(is_malformed, message.is_none(), "{:?}", ours);
            let is_sane = message.is_some_and(|message| message.validate().is_ok());
            prop_assert_eq!(ours.is_ok(), is_sane, "{:?}", ours);
        }
    }
}

#[test]
fn what_it_does_not_ask_for_it_does_not_get() {
    let config = TransactionConfig::empty;
    // Config; then unit limit and price, loaded data, heap, priority fee.
    for (config, limit, price, loaded, heap, fee) in [
        (config(), 0, 0, 0, 32, 0),
        (config().with_priority_fee(7), 0, 0, 0, 32, 7),
        (config().with_compute_unit_limit(1), 1, 0, 0, 32, 0),
        (
            config()
                .with_compute_unit_limit(2_000_000)
                .with_priority_fee(1),
            1_400_000,
            0,
            0,
            32,
            1,
        ),
        (
            config().with_compute_unit_limit(300).with_priority_fee(1),
            300,
            3_333,
            0,
            32,
            1,
        ),
        (
            config()
                .with_compute_unit_limit(1)
                .with_priority_fee(u64::MAX),
            1,
            u64::MAX,
            0,
            32,
            u64::MAX,
        ),
        (
            config().with_loaded_accounts_data_size_limit(u32::MAX),
            0,
            0,
            64 << 20,
            32,
            0,
        ),
        (
            config()
                .with_loaded_accounts_data_size_limit(1)
                .with_heap_size(256 << 10),
            0,
            0,
            1,
            256,
            0,
        ),
    ] {
        let verified = verified(message(config, &[])).unwrap();
        let expected = ComputeBudget {
            unit_limit: limit,
            unit_price: price,
            loaded_data_bytes_max: loaded,
        };
        assert_eq!(verified.budget(), expected, "{config:?}");
        assert_eq!(
            (verified.heap_kibibytes, verified.fee(0)),
            (heap, fee),
            "{config:?}"
        );
    }
}

#[test]
fn compute_budget_instructions_ask_for_nothing() {
    let config = TransactionConfig::empty().with_compute_unit_limit(5);
    // A limit of 9 units, a heap that cannot be, no request at all.
    for data in [&[2, 9, 0, 0, 0][..], &[1, 1, 0, 0, 0], &[]] {
        let verified = verified(message(config, data)).unwrap();
        assert_eq!(verified.budget().unit_limit, 5, "{data:?}");
    }
}

#[test]
fn a_heap_that_cannot_be_is_a_matter_of_form() {
    let heaps = [0, 1_024, 31 << 10, (32 << 10) + 1, 257 << 10, u32::MAX];
    for heap_size in heaps {
        let config = TransactionConfig::empty().with_heap_size(heap_size);
        let error = verified(message(config, &[])).err();
        assert_eq!(
            error,
            Some(TransactionError::SanitizeFailure.into()),
            "{heap_size}"
        );
    }
}

#[test]
fn its_size_is_no_other_versions() {
    let instructions = |data_bytes: usize| {
        vec![CompiledInstruction::new_from_raw_parts(
            1,
            vec![7; data_bytes],
            vec![0],
        )]
    };
    let header = MessageHeader {
        num_required_signatures: 1,
        num_readonly_signed_accounts: 0,
        num_readonly_unsigned_accounts: 1,
    };
    let account_keys = || vec![plain(1), plain(2)];
    let legacy = |data_bytes| {
        VersionedMessage::Legacy(legacy::Message {
            header,
            account_keys: account_keys(),
            recent_blockhash: Hash::default(),
            instructions: instructions(data_bytes),
        })
    };
    let v0 = |data_bytes| {
        VersionedMessage::V0(v0::Message {
            header,
            account_keys: account_keys(),
            recent_blockhash: Hash::default(),
            instructions: instructions(data_bytes),
            address_table_lookups: vec![],
        })
    };
    let v1 = |data_bytes| {
        VersionedMessage::V1(Message {
            header,
            config: TransactionConfig::empty(),
            lifetime_specifier: Hash::default(),
            account_keys: account_keys(),
            instructions: instructions(data_bytes),
        })
    };
    let versions: [(&dyn Fn(usize) -> VersionedMessage, usize); 3] =
        [(&legacy, 1_232), (&v0, 1_232), (&v1, 4_096)];
    for (message, max) in versions {
        // The length of the data takes two bytes in all of these.
        let without = wire(&transaction(message(200))).len() - 200;
        for (bytes, error) in [
            (max, None),
            (
                max + 1,
                Some(VerifyError::TooLarge {
                    bytes: max + 1,
                    max,
                }),
            ),
        ] {
            let wire = wire(&transaction(message(bytes - without)));
            assert_eq!(wire.len(), bytes);
            let verified = trusted(wire, &mut FakeState::default());
            assert_eq!(verified.err(), error);
        }
    }
}
