//! Good transactions of one payer, and ways to spoil their bytes.

use sealane_sdk::Pubkey;
use sealane_tests::wire;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::v0::{self, MessageAddressTableLookup};
use solana_message::{Message, MessageHeader, VersionedMessage};
use solana_sdk_ids::system_program;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_system_interface::instruction::{create_account, transfer};
use solana_transaction::versioned::VersionedTransaction;

pub(crate) const BLOCKHASH: Hash = Hash::new_from_array([0xb1; 32]);
/// The wire bytes of `one_signer`: where things are, counted by hand.
pub(crate) const MESSAGE: usize = 1 + 64;
pub(crate) const KEY_COUNT: usize = MESSAGE + 3;
pub(crate) const KEYS: usize = KEY_COUNT + 1;
pub(crate) const PROGRAM: usize = KEYS + 3 * 32 + 32 + 1;
pub(crate) const ACCOUNT_0: usize = PROGRAM + 2;
pub(crate) const DATA_LEN: usize = ACCOUNT_0 + 2;

pub(crate) fn payer() -> Keypair {
    Keypair::new_from_array([1; 32])
}

pub(crate) fn new_account() -> Keypair {
    Keypair::new_from_array([2; 32])
}

pub(crate) fn address(i: u8) -> Pubkey {
    Pubkey::new_from_array([i; 32])
}

/// A lookup table of 70 addresses, the first of which is the payer.
pub(crate) const TABLE: Pubkey = Pubkey::new_from_array([0x7a; 32]);
/// An account that holds the same bytes and belongs to another program.
pub(crate) const NOT_OWNED: Pubkey = Pubkey::new_from_array([0x7b; 32]);
/// An account of the right owner with bytes that are no table.
pub(crate) const NO_TABLE: Pubkey = Pubkey::new_from_array([0x7c; 32]);

/// Serialises and signs with those of the two keypairs that the message asks for.
pub(crate) fn signed(message: VersionedMessage) -> Vec<u8> {
    let keys = message.static_account_keys();
    let required = usize::from(message.header().num_required_signatures);
    let data = message.serialize();
    let signature =
        |key: &Pubkey| match [payer(), new_account()].iter().find(|k| k.pubkey() == *key) {
            Some(keypair) => keypair.sign_message(&data),
            None => Signature::default(),
        };
    let signatures = keys.iter().take(required).map(signature).collect();
    wire(&VersionedTransaction {
        signatures,
        message,
    })
}

pub(crate) fn legacy(instructions: &[Instruction]) -> Vec<u8> {
    let message = Message::new_with_blockhash(instructions, Some(&payer().pubkey()), &BLOCKHASH);
    signed(VersionedMessage::Legacy(message))
}

/// A transfer.
pub(crate) fn one_signer() -> Vec<u8> {
    legacy(&[transfer(&payer().pubkey(), &address(9), 1)])
}

/// Making an account: payer and account sign.
pub(crate) fn two_signers() -> Vec<u8> {
    legacy(&[create_account(
        &payer().pubkey(),
        &new_account().pubkey(),
        1,
        0,
        &address(9),
    )])
}

/// A transfer to what table `table` holds at `index`, which `readonly` more read-only addresses
/// follow.
pub(crate) fn looked_up(table: Pubkey, index: u8, readonly: std::ops::Range<u8>) -> Vec<u8> {
    lookups(vec![MessageAddressTableLookup {
        account_key: table,
        writable_indexes: vec![index],
        readonly_indexes: readonly.collect(),
    }])
}

pub(crate) fn lookups(address_table_lookups: Vec<MessageAddressTableLookup>) -> Vec<u8> {
    let data = transfer(&address(0), &address(1), 1).data;
    let header = MessageHeader {
        num_required_signatures: 1,
        num_readonly_signed_accounts: 0,
        num_readonly_unsigned_accounts: 1,
    };
    signed(VersionedMessage::V0(v0::Message {
        header,
        account_keys: vec![payer().pubkey(), system_program::ID],
        recent_blockhash: BLOCKHASH,
        instructions: vec![CompiledInstruction {
            program_id_index: 1,
            accounts: vec![0, 2],
            data,
        }],
        address_table_lookups,
    }))
}

/// The good transfer with some bytes of it replaced, signed again.
pub(crate) fn replaced(at: usize, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = one_signer();
    assert_eq!(
        bytes[at..at + old.len()],
        *old,
        "the test counts its bytes wrong"
    );
    bytes.splice(at..at + old.len(), new.iter().copied());
    sign_again(bytes)
}

/// Signs whatever follows the one signature.
pub(crate) fn sign_again(mut bytes: Vec<u8>) -> Vec<u8> {
    let signature = payer().sign_message(&bytes[MESSAGE..]);
    bytes[1..MESSAGE].copy_from_slice(signature.as_ref());
    bytes
}

/// The good transfer with its signature changed.
pub(crate) fn forged(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = one_signer();
    change(&mut bytes[1..MESSAGE]);
    bytes
}

/// A transaction of an instruction of Compute Budget and what else.
pub(crate) fn budget(requests: &[Instruction]) -> Vec<u8> {
    legacy(&[&[transfer(&payer().pubkey(), &address(9), 1)], requests].concat())
}

pub(crate) fn compute_budget(data: &[u8]) -> Instruction {
    Instruction::new_with_bytes(solana_sdk_ids::compute_budget::ID, data, vec![])
}
