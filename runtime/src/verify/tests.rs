//! Verify against `solana-message` and `agave-transaction-view`: they are the oracles of what a
//! transaction says and of which bytes are one.

mod any;
mod form;
mod version_1;

use super::fixture::{FakeState, core, hash_key, trusted};
use super::*;
use any::{any_changes, any_transaction, changed, entry, plain, state_with_tables, wire};
use proptest::collection::vec;
use proptest::prelude::*;
use solana_hash::Hash;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::v0::{LoadedAddresses, LoadedMessage, MessageAddressTableLookup};
use solana_message::{
    LegacyMessage, MessageHeader, SanitizedMessage, VersionedMessage, legacy, v1,
};
use solana_sdk_ids::compute_budget;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use std::collections::HashSet;

/// The transaction as Solana's own crate sees it.
fn sanitized(message: &VersionedMessage) -> SanitizedMessage {
    let reserved: HashSet<_> = reserved::RESERVED.into_iter().collect();
    match message {
        VersionedMessage::Legacy(message) => {
            SanitizedMessage::Legacy(LegacyMessage::new(message.clone(), &reserved))
        }
        VersionedMessage::V0(message) => {
            let load = |pick: fn(&MessageAddressTableLookup) -> &[u8]| {
                let lookups = message.address_table_lookups.iter();
                lookups
                    .flat_map(|lookup| {
                        let t = lookup.account_key.as_array()[0] - 0xd0;
                        pick(lookup).iter().map(move |i| entry(t, *i))
                    })
                    .collect()
            };
            let loaded = LoadedAddresses {
                writable: load(|lookup| &lookup.writable_indexes),
                readonly: load(|lookup| &lookup.readonly_indexes),
            };
            SanitizedMessage::V0(LoadedMessage::new(message.clone(), loaded, &reserved))
        }
        VersionedMessage::V1(message) => {
            SanitizedMessage::V1(v1::CachedMessage::new(message.clone(), &reserved))
        }
    }
}

/// What verify makes of a well-formed transaction says what solana-message says of it.
fn check_accessors(transaction: &VersionedTransaction) -> Result<(), TestCaseError> {
    let bytes = wire(transaction);
    let message = sanitized(&transaction.message);
    let verified = match trusted(bytes.clone(), &mut state_with_tables()) {
        Ok(verified) => verified,
        Err(VerifyError::Transaction(
            error @ (TransactionError::AccountLoadedTwice | TransactionError::SanitizeFailure),
        )) => {
            prop_assert!(message.has_duplicates());
            let is_version_1 = matches!(message, SanitizedMessage::V1(_));
            prop_assert_eq!(is_version_1, error == TransactionError::SanitizeFailure);
            return Ok(());
        }
        // The table of budgets says which data these are.
        Err(VerifyError::Transaction(
            TransactionError::InstructionError(..)
            | TransactionError::DuplicateInstruction(_)
            | TransactionError::InvalidLoadedAccountsDataSizeLimit,
        )) => return Ok(()),
        Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
    };
    prop_assert!(!message.has_duplicates());
    prop_assert_eq!(verified.bytes().as_ref(), &bytes[..]);
    prop_assert_eq!(verified.signatures(), &transaction.signatures[..]);
    prop_assert_eq!(verified.signature(), &transaction.signatures[0]);
    let budget = verified.budget();
    let (version, priority_fee) = match &transaction.message {
        VersionedMessage::Legacy(_) => (None, budget.priority_fee()),
        VersionedMessage::V0(_) => (Some(0), budget.priority_fee()),
        VersionedMessage::V1(message) => (Some(1), message.config.priority_fee.unwrap_or(0)),
    };
    prop_assert_eq!(verified.version(), version);
    prop_assert_eq!(verified.recent_blockhash(), message.recent_blockhash());
    prop_assert_eq!(
        verified.lookup_table_count(),
        message.message_address_table_lookups().len()
    );

    let keys: Vec<_> = message.account_keys().iter().copied().collect();
    prop_assert_eq!(verified.account_count(), keys.len());
    for (i, key) in keys.iter().enumerate() {
        prop_assert_eq!(verified.key(i), key);
        prop_assert_eq!(verified.key_hash(i), hash_key(key));
        prop_assert_eq!(verified.is_signer(i), message.is_signer(i), "signer {}", i);
        prop_assert_eq!(
            verified.is_writable(i),
            message.is_writable(i),
            "writable {}",
            i
        );
    }
    let (writable, readonly) = verified.loaded_addresses();
    let statics = keys.len() - writable.len() - readonly.len();
    prop_assert_eq!([writable, readonly].concat(), &keys[statics..]);
    if let SanitizedMessage::V0(message) = &message {
        prop_assert_eq!(writable, &message.loaded_addresses.writable[..]);
    }

    prop_assert_eq!(
        verified.instructions().count(),
        message.instructions().len()
    );
    for (ours, theirs) in verified.instructions().zip(message.instructions()) {
        prop_assert_eq!(ours.program, theirs.program_id_index);
        prop_assert_eq!(ours.accounts, &theirs.accounts[..]);
        prop_assert_eq!(ours.data, &theirs.data[..]);
    }
    let nonce = verified.nonce_account().map(|i| verified.key(i));
    // solana-message is older than the rule that a nonce account cannot be looked up.
    let is_static = |key: &&Pubkey| keys[..statics].contains(key);
    prop_assert_eq!(nonce, message.get_durable_nonce().filter(is_static));

    prop_assert_eq!(verified.fee(0), priority_fee);
    let paid = message.num_total_signatures();
    prop_assert_eq!(
        verified.fee(5_000),
        (paid * 5_000).saturating_add(priority_fee)
    );
    let details = message.get_signature_details();
    let data: usize = message.instructions().iter().map(|i| i.data.len()).sum();
    let cost = details.num_transaction_signatures() * 720
        + details.num_secp256k1_instruction_signatures() * 6_690
        + details.num_ed25519_instruction_signatures() * 2_400
        + details.num_secp256r1_instruction_signatures() * 4_800
        + message.num_write_locks() * 300
        + data as u64 / 4
        + u64::from(budget.unit_limit)
        + u64::from(budget.loaded_data_bytes_max).div_ceil(32_768) * 8;
    prop_assert_eq!(verified.cost(), cost);
    Ok(())
}

/// Bytes are refused for their form just when Agave's parser refuses them.
fn check_form(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = trusted(bytes.to_vec(), &mut state_with_tables());
    let agave = form::agave_refuses(bytes);
    let is_refused = form::is_refused(&ours);
    prop_assert_eq!(is_refused, agave.is_some(), "{:?} {:?}", ours, agave);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_accessor_agrees_with_solana_message(transaction in any_transaction()) {
        check_accessors(&transaction)?;
    }

    #[test]
    fn the_same_bytes_are_a_transaction_as_for_agave(
        transaction in any_transaction(),
        changes in any_changes(),
    ) {
        let header = 1 + 64 * transaction.signatures.len();
        // Header and number of keys.
        let bytes = changed(wire(&transaction), header..header + 5, changes);
        prop_assume!(bytes.len() <= 1_232);
        check_form(&bytes)?;
    }

    #[test]
    fn no_bytes_make_verify_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = trusted(bytes, &mut state_with_tables());
    }
}

#[test]
fn a_transfer_is_one_allocation_of_a_few_cache_lines() {
    assert!(
        size_of::<VerifiedTransaction>() <= 3 * 64,
        "{}",
        size_of::<VerifiedTransaction>()
    );
    let verified = trusted(transfer(1, 1), &mut FakeState::default()).unwrap();
    assert!(!verified.instructions.spilled() && !verified.key_hashes.spilled());
    assert!(verified.keys().1.is_empty());
}

/// A signed transfer.
fn transfer(payer: u8, lamports: u64) -> Vec<u8> {
    signed(payer, &[], lamports)
}

/// The same, which pays so many micro-lamports for a compute unit.
fn transfer_at(price: u64) -> Vec<u8> {
    let price =
        solana_compute_budget_interface::ComputeBudgetInstruction::set_compute_unit_price(price);
    signed(1, &[price], 1)
}

/// A transfer of so many lamports, behind other instructions.
fn signed(payer: u8, first: &[sealane_sdk::Instruction], lamports: u64) -> Vec<u8> {
    use solana_signer::Signer;
    let payer = solana_keypair::Keypair::new_from_array([payer; 32]);
    let transfer =
        solana_system_interface::instruction::transfer(&payer.pubkey(), &plain(1), lamports);
    let transaction = solana_transaction::Transaction::new_signed_with_payer(
        &[first, &[transfer]].concat(),
        Some(&payer.pubkey()),
        &[&payer],
        Hash::default(),
    );
    bincode::serialize(&transaction).unwrap()
}

fn verify(batch: &[Vec<u8>]) -> Vec<Verified> {
    verify_above(None, batch)
}

fn verify_above(floor: Option<u64>, batch: &[Vec<u8>]) -> Vec<Verified> {
    let mut out = Vec::new();
    let batch = batch.iter().cloned().map(Bytes::from).collect();
    let checks = Checks {
        signatures: true,
        floor,
    };
    core().verify_batch(batch, &mut FakeState::default(), checks, &mut out);
    out
}

#[test]
fn what_pays_too_little_is_shed_before_its_signature_is_checked() {
    let check = |floor, price, is_forged, expected: Option<VerifyError>| {
        let mut bytes = transfer_at(price);
        bytes[1] ^= u8::from(is_forged);
        if let Some(floor) = floor {
            let looked = core().look_above(floor, &Bytes::copy_from_slice(&bytes));
            let is_shed = expected == Some(VerifyError::Shed);
            assert_eq!(looked.is_err(), is_shed, "floor {floor}, price {price}");
        }
        let verdict = verify_above(floor, &[bytes]).remove(0);
        assert_eq!(
            verdict.err(),
            expected,
            "floor {floor:?}, price {price}, forged {is_forged}"
        );
    };
    let failure = || Some(VerifyError::from(TransactionError::SignatureFailure));
    check(None, 0, false, None);
    check(None, 0, true, failure());
    check(Some(7), 7, false, Some(VerifyError::Shed));
    check(Some(7), 7, true, Some(VerifyError::Shed));
    check(Some(7), 8, false, None);
    check(Some(7), 8, true, failure());
}

#[test]
fn a_batch_answers_in_order_and_refuses_only_what_is_wrong() {
    let mut batch: Vec<_> = (0..150).map(|i| transfer(i as u8, i)).collect();
    batch[3][1] ^= 1;
    batch[40].pop();
    batch[149][70] ^= 1;
    for (i, result) in verify(&batch).iter().enumerate() {
        match (i, result) {
            (3 | 149, Err(VerifyError::Transaction(TransactionError::SignatureFailure))) => {}
            (40, Err(VerifyError::Malformed(_))) => {}
            (_, Ok(transaction)) => assert_eq!(transaction.bytes(), &batch[i]),
            (_, other) => panic!("{i}: {other:?}"),
        }
    }
}

#[test]
fn copies_in_a_batch_fare_as_the_first_or_are_processed_already() {
    let mut forged = transfer(2, 2);
    forged[5] ^= 1;
    let mut twice = transfer(1, 1);
    let good = twice.clone();
    // Another valid message, and the same message under a signature that is wrong.
    twice[9] ^= 1;
    let batch = [
        good.clone(),
        forged.clone(),
        transfer(1, 2),
        twice,
        good.clone(),
        forged,
        good,
    ];
    let verdicts: Vec<_> = verify(&batch).into_iter().map(|r| r.err()).collect();
    let failure = || Some(TransactionError::SignatureFailure.into());
    let copy = || Some(TransactionError::AlreadyProcessed.into());
    assert_eq!(
        verdicts,
        [None, failure(), None, failure(), copy(), failure(), copy()]
    );
}

#[test]
fn an_id_names_the_message_and_not_the_signatures() {
    let (mut first, other) = (transfer(1, 1), transfer(1, 2));
    let id = |bytes: &[u8]| {
        trusted(bytes.to_vec(), &mut FakeState::default())
            .unwrap()
            .id()
    };
    let before = id(&first);
    first[1] ^= 1;
    assert_eq!(id(&first), before);
    assert_ne!(id(&other), before);
}

#[test]
fn of_several_faults_agaves_first_is_told() {
    // A request that cannot be read comes before faults of the accounts, one that cannot be granted after them.
    let unreadable = (vec![2, 0], TransactionError::InstructionError(0, invalid()));
    let impossible = (vec![4, 0, 0, 0, 0], TransactionError::AccountLoadedTwice);
    for (request, expected) in [unreadable, impossible] {
        let message = legacy::Message {
            header: MessageHeader {
                num_required_signatures: 1,
                num_readonly_signed_accounts: 0,
                num_readonly_unsigned_accounts: 1,
            },
            account_keys: vec![plain(1), plain(2), plain(2), compute_budget::ID],
            recent_blockhash: Hash::default(),
            instructions: vec![CompiledInstruction::new_from_raw_parts(3, request, vec![])],
        };
        let transaction = VersionedTransaction {
            signatures: vec![Signature::default()],
            message: VersionedMessage::Legacy(message),
        };
        let verified = trusted(wire(&transaction), &mut FakeState::default());
        assert_eq!(verified.err(), Some(expected.into()));
    }
}

fn invalid() -> sealane_sdk::InstructionError {
    sealane_sdk::InstructionError::InvalidInstructionData
}
