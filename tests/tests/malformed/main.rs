//! What verify refuses, each with its exact error, alone, in a batch and by a running node, in which no
//! account changes: nothing here reaches the scheduler.
//!
//! Every row is one change to a good transaction, signed again afterwards unless the signature is
//! what is wrong, so that nothing else can be the reason. What only the bank can refuse is not
//! here.

mod transactions;
mod version_1;

use bytes::Bytes;
use sealane_accounts_db::DbLimits;
use sealane_runtime::{
    Ingest, Limits, Reader, Refusal, Runtime, SlotContext, SlotWatch, Verifier, VerifyError,
};
use sealane_sdk::{AccountState, Pubkey};
use sealane_tests::{filler_config, wallet};
use solana_address_lookup_table_interface::state::{AddressLookupTable, LookupTableMeta};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::{AccountMeta, Instruction};
use solana_instruction_error::InstructionError;
use solana_message::v0::MessageAddressTableLookup;
use solana_sdk_ids::{address_lookup_table, system_program};
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction_error::TransactionError;
use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use transactions::{
    ACCOUNT_0, BLOCKHASH, DATA_LEN, KEY_COUNT, KEYS, MESSAGE, NO_TABLE, NOT_OWNED, PROGRAM, TABLE,
    address, budget, compute_budget, forged, legacy, looked_up, lookups, new_account, one_signer,
    payer, replaced, sign_again, two_signers,
};

/// A transaction and the error that refuses it.
type Row = (&'static str, Vec<u8>, VerifyError);

fn malformed_rows() -> Vec<Row> {
    let good = one_signer();
    let malformed = VerifyError::Malformed;
    vec![
        ("no bytes at all", vec![], malformed("number of signatures")),
        (
            "cut within its signature",
            good[..40].to_vec(),
            malformed("signatures"),
        ),
        (
            "cut before its message",
            good[..MESSAGE].to_vec(),
            malformed("message header"),
        ),
        (
            "cut within its keys",
            good[..KEYS + 40].to_vec(),
            malformed("account keys"),
        ),
        (
            "cut within its blockhash",
            good[..PROGRAM - 2].to_vec(),
            malformed("recent blockhash"),
        ),
        (
            "cut by one byte",
            good[..good.len() - 1].to_vec(),
            malformed("data of an instruction"),
        ),
        (
            "one byte too many",
            [&good[..], &[0]].concat(),
            malformed("trailing bytes"),
        ),
        (
            "number of keys in two bytes where one would do",
            replaced(KEY_COUNT, &[3], &[0x83, 0]),
            malformed("number of account keys"),
        ),
        (
            "length of data in three bytes where one would do",
            replaced(DATA_LEN, &[12], &[0x8c, 0x80, 0]),
            malformed("length of an instruction's data"),
        ),
        (
            "length of data beyond 16 bits",
            replaced(DATA_LEN, &[12], &[0xff, 0xff, 4]),
            malformed("length of an instruction's data"),
        ),
        (
            "more keys than bytes",
            replaced(KEY_COUNT, &[3], &[100]),
            malformed("account keys"),
        ),
        (
            "a message of version 2",
            replaced(MESSAGE, &[1], &[0x82, 1]),
            malformed("message version"),
        ),
        (
            "200 signatures",
            [&[200], &good[1..]].concat(),
            malformed("number of signatures"),
        ),
        (
            "a byte more than fits in a packet",
            vec![1; 1_233],
            VerifyError::TooLarge {
                bytes: 1_233,
                max: 1_232,
            },
        ),
    ]
}

fn sanitisation_rows() -> Vec<Row> {
    let insane = |what, bytes| {
        (
            what,
            bytes,
            VerifyError::from(TransactionError::SanitizeFailure),
        )
    };
    let good = one_signer();
    let nop = |_| Instruction::new_with_bytes(address(8), &[], vec![]);
    vec![
        insane(
            "no signature where one is required",
            [&[0], &good[MESSAGE..]].concat(),
        ),
        insane(
            "two signatures where one is required",
            [&[2], &good[1..MESSAGE], &good[1..]].concat(),
        ),
        insane("no signature required", replaced(MESSAGE, &[1, 0], &[0, 0])),
        insane("a read-only payer", replaced(MESSAGE, &[1, 0], &[1, 1])),
        insane(
            "more read-only accounts than there are",
            replaced(MESSAGE + 2, &[1], &[3]),
        ),
        insane(
            "more signers than keys",
            [
                &[4],
                [&good[1..MESSAGE]; 4].concat().as_slice(),
                &[4],
                &good[MESSAGE + 1..],
            ]
            .concat(),
        ),
        insane("a program beyond the keys", replaced(PROGRAM, &[2], &[3])),
        insane(
            "an account beyond the keys",
            replaced(ACCOUNT_0, &[0], &[3]),
        ),
        insane("the payer as program", replaced(PROGRAM, &[2], &[0])),
        insane("a looked-up program", {
            let mut bytes = looked_up(TABLE, 1, 0..0);
            // Version, header, count, two keys, blockhash, count: then the program's index.
            let program = MESSAGE + 1 + 3 + 1 + 2 * 32 + 32 + 1;
            assert_eq!(bytes[program], 1);
            bytes[program] = 2;
            sign_again(bytes)
        }),
        insane(
            "65 instructions",
            legacy(&(0..65).map(nop).collect::<Vec<_>>()),
        ),
        insane(
            "a lookup of nothing",
            lookups(vec![
                MessageAddressTableLookup {
                    account_key: TABLE,
                    writable_indexes: vec![1],
                    readonly_indexes: vec![],
                },
                MessageAddressTableLookup {
                    account_key: TABLE,
                    writable_indexes: vec![],
                    readonly_indexes: vec![],
                },
            ]),
        ),
    ]
}

fn account_rows() -> Vec<Row> {
    let row = |what, bytes, error: TransactionError| (what, bytes, VerifyError::from(error));
    vec![
        row(
            "an account twice among its keys",
            replaced(KEYS + 32, &[9; 32], payer().pubkey().as_ref()),
            TransactionError::AccountLoadedTwice,
        ),
        row(
            "an account among its keys and looked up",
            looked_up(TABLE, 0, 0..0),
            TransactionError::AccountLoadedTwice,
        ),
        row(
            "an account looked up twice",
            looked_up(TABLE, 1, 1..2),
            TransactionError::AccountLoadedTwice,
        ),
        row(
            "65 accounts",
            looked_up(TABLE, 1, 2..64),
            TransactionError::TooManyAccountLocks,
        ),
        row(
            "a lookup table that is not there",
            looked_up(address(0x70), 1, 0..0),
            TransactionError::AddressLookupTableNotFound,
        ),
        row(
            "a lookup table of another program",
            looked_up(NOT_OWNED, 1, 0..0),
            TransactionError::InvalidAddressLookupTableOwner,
        ),
        row(
            "an account that is no lookup table",
            looked_up(NO_TABLE, 1, 0..0),
            TransactionError::InvalidAddressLookupTableData,
        ),
        row(
            "an index beyond the lookup table",
            looked_up(TABLE, 70, 0..0),
            TransactionError::InvalidAddressLookupTableIndex,
        ),
    ]
}

fn budget_rows() -> Vec<Row> {
    let row = |what, requests: &[Instruction], error: TransactionError| {
        (what, budget(requests), VerifyError::from(error))
    };
    let invalid =
        |index| TransactionError::InstructionError(index, InstructionError::InvalidInstructionData);
    let limit = ComputeBudgetInstruction::set_compute_unit_limit;
    vec![
        row(
            "two compute unit limits",
            &[limit(1), limit(1)],
            TransactionError::DuplicateInstruction(2),
        ),
        row(
            "an unknown Compute Budget instruction",
            &[compute_budget(&[9; 9])],
            invalid(1),
        ),
        row(
            "half a compute unit limit",
            &[limit(5), compute_budget(&[3, 0, 0])],
            invalid(2),
        ),
        row(
            "a heap of no whole kilobytes",
            &[ComputeBudgetInstruction::request_heap_frame(40_001)],
            invalid(1),
        ),
        row(
            "no loaded data allowed",
            &[ComputeBudgetInstruction::set_loaded_accounts_data_size_limit(0)],
            TransactionError::InvalidLoadedAccountsDataSizeLimit,
        ),
    ]
}

fn signature_rows() -> Vec<Row> {
    /// The order of the base point, little-endian.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let row = |what, bytes| {
        (
            what,
            bytes,
            VerifyError::from(TransactionError::SignatureFailure),
        )
    };
    let good = one_signer();
    let of_another = new_account().sign_message(&good[MESSAGE..]);
    let mut changed = good.clone();
    changed[DATA_LEN + 5] ^= 1;
    let mut swapped = two_signers();
    let (first, second) = swapped[1..129].split_at_mut(64);
    first.swap_with_slice(second);
    let mut half_signed = two_signers();
    half_signed[65..129].fill(0);
    vec![
        row(
            "signed by another",
            forged(|signature| signature.copy_from_slice(of_another.as_ref())),
        ),
        row("changed after it was signed", changed),
        row("not signed at all", forged(|signature| signature.fill(0))),
        row("signatures in the wrong order", swapped),
        row("the second signature missing", half_signed),
        row(
            "S above the order",
            forged(|signature| {
                let mut carry = 0;
                for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
                    carry += u16::from(*byte) + u16::from(order);
                    *byte = carry as u8;
                    carry >>= 8;
                }
            }),
        ),
        row(
            "R of small order",
            forged(|signature| signature[..32].fill(0)),
        ),
        row(
            // With the neutral element as key and R, S = 0 satisfies the equation for every
            // message.
            "a payer of small order",
            {
                let mut neutral = [0; 32];
                neutral[0] = 1;
                let mut bytes = one_signer();
                bytes[KEYS..KEYS + 32].copy_from_slice(&neutral);
                bytes[1..33].copy_from_slice(&neutral);
                bytes[33..MESSAGE].fill(0);
                bytes
            },
        ),
        row("a program's address as payer", {
            let derived = Pubkey::find_program_address(&[b"payer"], &address(8)).0;
            replaced(KEYS, payer().pubkey().as_ref(), derived.as_ref())
        }),
    ]
}

/// The accounts that the rows name.
fn genesis() -> [(Pubkey, AccountState); 4] {
    let mut addresses = vec![payer().pubkey()];
    addresses.extend((1..70).map(|i| address(100 + i)));
    let meta = LookupTableMeta {
        // All of them may be used in the slot that added them.
        last_extended_slot_start_index: 70,
        ..LookupTableMeta::default()
    };
    let table = AddressLookupTable {
        meta,
        addresses: addresses.into(),
    };
    let table = table.serialize_for_tests().unwrap();
    let account = |owner, data: &[u8]| AccountState {
        lamports: 1,
        owner,
        data: data.into(),
        ..AccountState::default()
    };
    [
        (TABLE, account(address_lookup_table::ID, &table)),
        (NOT_OWNED, account(system_program::ID, &table)),
        (NO_TABLE, account(address_lookup_table::ID, &[])),
        wallet(payer().pubkey(), 1_000_000_000),
    ]
}

/// A verifier over the accounts that the rows name.
fn verifier() -> Verifier {
    let limits = DbLimits {
        accounts_max: 1_000,
        pins_max: 8,
        pinned_bytes_max: 1 << 20,
    };
    let (accounts, ..) = sealane_accounts_db::open(limits, 1, genesis()).unwrap();
    let slot = SlotContext::genesis(BLOCKHASH, 0).next(BLOCKHASH, 0);
    Verifier::new(
        accounts,
        SlotWatch::new(Arc::new(slot)),
        &Limits::default(),
        true,
    )
}

fn verify(verifier: &mut Verifier, batch: Vec<Bytes>) -> Vec<Result<(), VerifyError>> {
    let mut out = Vec::new();
    verifier.verify_batch(batch, &mut out);
    out.into_iter().map(|result| result.map(drop)).collect()
}

fn rows() -> Vec<Row> {
    let groups = [
        malformed_rows(),
        sanitisation_rows(),
        account_rows(),
        budget_rows(),
        signature_rows(),
        version_1::malformed_rows(),
        version_1::sanitisation_rows(),
        version_1::signature_rows(),
    ];
    groups.into_iter().flatten().collect()
}

/// What the rows are made from.
fn good() -> [Vec<u8>; 7] {
    let unit_limit = ComputeBudgetInstruction::set_compute_unit_limit(1);
    // 64 accounts: payer, System, one writable and 61 read-only lookups.
    [
        one_signer(),
        two_signers(),
        looked_up(TABLE, 1, 0..0),
        looked_up(TABLE, 1, 2..63),
        budget(&[unit_limit]),
        version_1::good(),
        version_1::longest(),
    ]
}

#[test]
fn each_malformed_transaction_is_refused_with_its_error() {
    let mut verifier = verifier();
    for (what, bytes, expected) in rows() {
        let verdict = verify(&mut verifier, vec![bytes.into()]).remove(0);
        assert_eq!(verdict, Err(expected), "{what}");
    }
    for (i, bytes) in good().into_iter().enumerate() {
        assert_eq!(
            verify(&mut verifier, vec![bytes.into()]),
            [Ok(())],
            "good {i}"
        );
    }
}

#[test]
fn malformed_transactions_do_not_hurt_others_in_their_batch() {
    let rows = rows();
    assert!(rows.len() >= 40);
    let mut batch: Vec<Bytes> = rows
        .iter()
        .map(|(_, bytes, _)| bytes.clone().into())
        .collect();
    let mut expected: Vec<_> = rows.into_iter().map(|(_, _, error)| Err(error)).collect();
    for (i, bytes) in good().into_iter().enumerate() {
        batch.insert(9 * i, bytes.into());
        expected.insert(9 * i, Ok(()));
    }
    assert_eq!(verify(&mut verifier(), batch), expected);
}

#[test]
fn an_account_may_be_named_twice_by_an_instruction() {
    let metas = vec![
        AccountMeta::new(address(9), false),
        AccountMeta::new(address(9), false),
    ];
    let bytes = legacy(&[Instruction::new_with_bytes(address(8), &[], metas)]);
    assert_eq!(verify(&mut verifier(), vec![bytes.into()]), [Ok(())]);
}

/// Every account of a node.
fn accounts(reader: &Reader) -> BTreeMap<Pubkey, AccountState> {
    let mut accounts = BTreeMap::new();
    let mut each = |key: &Pubkey, state: &AccountState| {
        accounts.insert(*key, state.clone());
    };
    reader.pin().unwrap().all(&mut each).unwrap();
    accounts
}

/// What a running node says to who sends this.
fn send(ingest: &Ingest, bytes: Vec<u8>) -> Result<Signature, Refusal> {
    let (tell, told) = mpsc::channel();
    let on_admission = Box::new(move |verdict| tell.send(verdict).unwrap());
    ingest.submit_one(bytes.into(), on_admission);
    told.recv_timeout(Duration::from_secs(20)).unwrap()
}

#[test]
fn a_node_tells_each_sender_why_and_no_account_changes() {
    let mut config = filler_config([]);
    config.check_signatures = true;
    config.genesis_hash = BLOCKHASH;
    config.genesis_accounts.extend(genesis());
    let runtime = Runtime::start(config).unwrap();
    let (ingest, reader) = (runtime.ingest(), runtime.reader());
    let before = accounts(&reader);
    let rows = rows();
    let count = rows.len() as u64;
    for (what, bytes, expected) in rows {
        assert_eq!(send(&ingest, bytes), Err(expected.into()), "{what}");
        assert_eq!(accounts(&reader), before, "{what}");
    }
    let counters = reader.counters();
    assert_eq!((counters.refused, counters.settled()), (count, count));

    // The good one, which leaves its recipient below the minimum: charged, and nothing else.
    let signature = send(&ingest, one_signer()).unwrap();
    assert!(runtime.shutdown(Duration::from_secs(20)));
    let status = reader.recent_status(&signature).unwrap().status;
    let account_index = 1;
    let poor = TransactionError::InsufficientFundsForRent { account_index };
    assert_eq!(status, Err(poor));
    let mut expected = before;
    expected.get_mut(&payer().pubkey()).unwrap().lamports -= 5_000;
    assert_eq!(accounts(&reader), expected);
}
