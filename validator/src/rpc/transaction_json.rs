//! A published transaction as JSON: the encodings of `getTransaction`, inner instructions, return data.
//! Source of the shapes: `transaction-status/src/lib.rs` of agave 4.2.

use super::errors::{NotShown, internal};
use super::token_balances::{self, Decimals};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{PublishedTransaction, TokenBalance, TransactionRecord, VerifiedTransaction};
use sealane_sdk::InnerInstruction;
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::{AccountKeys, VersionedMessage, v1};
use solana_pubkey::Pubkey;
use solana_transaction::versioned::{TransactionVersion, VersionedTransaction};
use solana_transaction_status::parse_ui_instruction;
use solana_transaction_status_client_types::option_serializer::OptionSerializer;
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, EncodedTransaction,
    EncodedTransactionWithStatusMeta, ParsedAccount, ParsedAccountSource,
    TransactionBinaryEncoding, UiAccountsList, UiCompiledInstruction, UiInnerInstructions,
    UiInstruction, UiLoadedAddresses, UiMessage, UiParsedMessage, UiRawMessage,
    UiReturnDataEncoding, UiTransaction, UiTransactionConfig, UiTransactionEncoding,
    UiTransactionReturnData, UiTransactionStatusMeta, UiTransactionTokenBalance,
};

/// The depth of an instruction that the transaction itself calls.
const TOP_LEVEL_STACK_HEIGHT: u32 = 1;

/// Encodes a published transaction. `version_max`: the newest version that the client can read, legacy
/// if it did not say.
pub(crate) fn encode(
    published: &PublishedTransaction,
    encoding: UiTransactionEncoding,
    version_max: Option<u8>,
    decimals: &Decimals<'_>,
) -> Result<EncodedConfirmedTransactionWithStatusMeta, NotShown> {
    Ok(EncodedConfirmedTransactionWithStatusMeta {
        slot: published.slot(),
        transaction: encode_in_block(published, encoding, version_max, true, decimals)?,
        block_time: Some(published.block_time()),
        transaction_index: Some(published.index()),
    })
}

/// The same within its block, which says slot and time itself. `shows_rewards`: as if there were any.
pub(crate) fn encode_in_block(
    published: &PublishedTransaction,
    encoding: UiTransactionEncoding,
    version_max: Option<u8>,
    shows_rewards: bool,
    decimals: &Decimals<'_>,
) -> Result<EncodedTransactionWithStatusMeta, NotShown> {
    let (transaction, record) = (published.transaction(), published.record());
    let mut encoded = encode_with_record(transaction, record, encoding, version_max, decimals)?;
    if let Some(meta) = encoded.meta.as_mut().filter(|_| !shows_rewards) {
        meta.rewards = OptionSerializer::None;
    }
    Ok(encoded)
}

/// A transaction and what came of it, wherever they are from.
pub(crate) fn encode_with_record(
    transaction: &VerifiedTransaction,
    record: TransactionRecord,
    encoding: UiTransactionEncoding,
    version_max: Option<u8>,
    decimals: &Decimals<'_>,
) -> Result<EncodedTransactionWithStatusMeta, NotShown> {
    let version = readable_version(transaction.version(), version_max)?;
    let keys: Vec<Pubkey> = (0..transaction.account_count())
        .map(|i| *transaction.key(i))
        .collect();
    let meta = encode_meta(transaction, &keys, record, encoding, decimals);
    Ok(EncodedTransactionWithStatusMeta {
        transaction: encode_transaction(transaction, &keys, encoding)?,
        meta: Some(meta),
        version,
    })
}

/// A transaction of a block whose reader wants accounts only: signatures, addresses, balances.
pub(crate) fn encode_accounts(
    published: &PublishedTransaction,
    version_max: Option<u8>,
    shows_rewards: bool,
    decimals: &Decimals<'_>,
) -> Result<EncodedTransactionWithStatusMeta, NotShown> {
    let transaction = published.transaction();
    let version = readable_version(transaction.version(), version_max)?;
    let signatures = transaction.signatures().iter();
    let accounts = UiAccountsList {
        signatures: signatures.map(ToString::to_string).collect(),
        account_keys: parsed_accounts(transaction, &published.keys()),
    };
    let record = published.record();
    let meta = UiTransactionStatusMeta {
        err: record.status.clone().err().map(Into::into),
        status: record.status.map_err(Into::into),
        fee: record.fee,
        pre_balances: record.pre_balances,
        post_balances: record.post_balances,
        inner_instructions: OptionSerializer::Skip,
        log_messages: OptionSerializer::Skip,
        pre_token_balances: token_balances(&record.pre_token_balances, decimals),
        post_token_balances: token_balances(&record.post_token_balances, decimals),
        rewards: if shows_rewards {
            OptionSerializer::Some(Vec::new())
        } else {
            OptionSerializer::Skip
        },
        loaded_addresses: OptionSerializer::Skip,
        return_data: OptionSerializer::Skip,
        compute_units_consumed: OptionSerializer::Skip,
        cost_units: OptionSerializer::Skip,
    };
    Ok(EncodedTransactionWithStatusMeta {
        transaction: EncodedTransaction::Accounts(accounts),
        meta: Some(meta),
        version,
    })
}

/// The version as the client sees it: not at all if it did not say that it knows versions.
fn readable_version(
    version: Option<u8>,
    version_max: Option<u8>,
) -> Result<Option<TransactionVersion>, NotShown> {
    match (version, version_max) {
        (None, None) => Ok(None),
        (None, Some(_)) => Ok(Some(TransactionVersion::LEGACY)),
        (Some(version), Some(max)) if version <= max => {
            Ok(Some(TransactionVersion::Number(version)))
        }
        (Some(version), _) => Err(NotShown::Version(version)),
    }
}

fn encode_transaction(
    transaction: &VerifiedTransaction,
    keys: &[Pubkey],
    encoding: UiTransactionEncoding,
) -> Result<EncodedTransaction, ErrorObjectOwned> {
    let bytes = transaction.bytes();
    Ok(match encoding {
        UiTransactionEncoding::Binary => {
            EncodedTransaction::LegacyBinary(bs58::encode(bytes).into_string())
        }
        UiTransactionEncoding::Base58 => EncodedTransaction::Binary(
            bs58::encode(bytes).into_string(),
            TransactionBinaryEncoding::Base58,
        ),
        UiTransactionEncoding::Base64 => EncodedTransaction::Binary(
            BASE64_STANDARD.encode(bytes),
            TransactionBinaryEncoding::Base64,
        ),
        UiTransactionEncoding::Json | UiTransactionEncoding::JsonParsed => {
            let message = decode_message(transaction)?;
            let message = match encoding {
                UiTransactionEncoding::Json => UiMessage::Raw(raw_message(&message)),
                _ => UiMessage::Parsed(parsed_message(transaction, &message, keys)),
            };
            let signatures = transaction.signatures().iter();
            EncodedTransaction::Json(UiTransaction {
                signatures: signatures.map(ToString::to_string).collect(),
                message,
            })
        }
    })
}

/// The message as the ecosystem's type. That of version 1 comes first on the wire, behind its version, and serde does
/// not read it.
fn decode_message(transaction: &VerifiedTransaction) -> Result<VersionedMessage, ErrorObjectOwned> {
    let bytes = transaction.bytes();
    let message = if transaction.version() == Some(1) {
        let message = v1::deserialize(&bytes[1..]).map_err(|error| error.to_string());
        message.map(VersionedMessage::V1)
    } else {
        let decoded = bincode::deserialize(bytes).map_err(|error| error.to_string());
        decoded.map(|decoded: VersionedTransaction| decoded.message)
    };
    message.map_err(|error| internal(format!("a published transaction: {error}")))
}

/// What version 1 asks for, which others do in instructions.
fn transaction_config(message: &VersionedMessage) -> Option<UiTransactionConfig> {
    match message {
        VersionedMessage::V1(message) => Some(UiTransactionConfig::from(&message.config)),
        _ => None,
    }
}

fn raw_message(message: &VersionedMessage) -> UiRawMessage {
    UiRawMessage {
        header: *message.header(),
        account_keys: message
            .static_account_keys()
            .iter()
            .map(ToString::to_string)
            .collect(),
        recent_blockhash: message.recent_blockhash().to_string(),
        instructions: message
            .instructions()
            .iter()
            .map(|instruction| {
                UiCompiledInstruction::from(instruction, Some(TOP_LEVEL_STACK_HEIGHT))
            })
            .collect(),
        address_table_lookups: message
            .address_table_lookups()
            .map(|lookups| lookups.iter().map(Into::into).collect()),
        transaction_config: transaction_config(message),
    }
}

/// `jsonParsed`: addresses instead of indices, and instructions as the ecosystem's decoders read them; those that
/// they do not know stay partially decoded.
fn parsed_message(
    transaction: &VerifiedTransaction,
    message: &VersionedMessage,
    keys: &[Pubkey],
) -> UiParsedMessage {
    let instructions = message.instructions().iter();
    let account_keys = AccountKeys::new(keys, None);
    UiParsedMessage {
        account_keys: parsed_accounts(transaction, keys),
        recent_blockhash: message.recent_blockhash().to_string(),
        instructions: instructions
            .map(|it| parse_ui_instruction(it, &account_keys, Some(TOP_LEVEL_STACK_HEIGHT)))
            .collect(),
        address_table_lookups: message
            .address_table_lookups()
            .map(|lookups| lookups.iter().map(Into::into).collect()),
        transaction_config: transaction_config(message),
    }
}

/// A transaction's addresses, with what it may do to each and where each comes from.
fn parsed_accounts(transaction: &VerifiedTransaction, keys: &[Pubkey]) -> Vec<ParsedAccount> {
    let (writable, readonly) = transaction.loaded_addresses();
    let own = keys.len() - writable.len() - readonly.len();
    let parsed = keys.iter().enumerate().map(|(index, key)| ParsedAccount {
        pubkey: key.to_string(),
        writable: transaction.is_writable(index),
        signer: transaction.is_signer(index),
        source: Some(if index < own {
            ParsedAccountSource::Transaction
        } else {
            ParsedAccountSource::LookupTable
        }),
    });
    parsed.collect()
}

fn encode_meta(
    transaction: &VerifiedTransaction,
    keys: &[Pubkey],
    record: TransactionRecord,
    encoding: UiTransactionEncoding,
    decimals: &Decimals<'_>,
) -> UiTransactionStatusMeta {
    let parsed = encoding == UiTransactionEncoding::JsonParsed;
    UiTransactionStatusMeta {
        err: record.status.clone().err().map(Into::into),
        status: record.status.map_err(Into::into),
        fee: record.fee,
        pre_balances: record.pre_balances,
        post_balances: record.post_balances,
        inner_instructions: OptionSerializer::Some(if parsed {
            inner_instructions_parsed(&record.inner_instructions, keys)
        } else {
            inner_instructions(&record.inner_instructions)
        }),
        log_messages: OptionSerializer::Some(record.logs),
        pre_token_balances: token_balances(&record.pre_token_balances, decimals),
        post_token_balances: token_balances(&record.post_token_balances, decimals),
        rewards: OptionSerializer::Some(Vec::new()),
        loaded_addresses: if parsed {
            OptionSerializer::Skip
        } else {
            OptionSerializer::Some(loaded_addresses(transaction))
        },
        return_data: OptionSerializer::or_skip(return_data(record.return_data)),
        compute_units_consumed: OptionSerializer::Some(record.compute_units),
        cost_units: OptionSerializer::Some(transaction.cost()),
    }
}

fn token_balances(
    balances: &[TokenBalance],
    decimals: &Decimals<'_>,
) -> OptionSerializer<Vec<UiTransactionTokenBalance>> {
    OptionSerializer::Some(token_balances::encode(balances, decimals))
}

/// The addresses that came from lookup tables.
pub(crate) fn loaded_addresses(transaction: &VerifiedTransaction) -> UiLoadedAddresses {
    let (writable, readonly) = transaction.loaded_addresses();
    UiLoadedAddresses {
        writable: writable.iter().map(ToString::to_string).collect(),
        readonly: readonly.iter().map(ToString::to_string).collect(),
    }
}

/// Return data and the program that set it.
pub(crate) fn return_data(data: Option<(Pubkey, Vec<u8>)>) -> Option<UiTransactionReturnData> {
    data.map(|(program, data)| UiTransactionReturnData {
        program_id: program.to_string(),
        data: (BASE64_STANDARD.encode(data), UiReturnDataEncoding::Base64),
    })
}

/// Inner instructions with indices, grouped by the top-level instruction they ran under.
fn inner_instructions(inner: &[InnerInstruction]) -> Vec<UiInnerInstructions> {
    grouped(inner, |instruction| {
        UiInstruction::Compiled(UiCompiledInstruction {
            program_id_index: instruction.program,
            accounts: instruction.accounts.clone(),
            data: bs58::encode(&instruction.data).into_string(),
            stack_height: Some(u32::from(instruction.stack_height)),
        })
    })
}

/// The same with addresses, or as the ecosystem's decoders read them.
pub(crate) fn inner_instructions_parsed(
    inner: &[InnerInstruction],
    keys: &[Pubkey],
) -> Vec<UiInnerInstructions> {
    let account_keys = AccountKeys::new(keys, None);
    grouped(inner, |instruction| {
        let compiled = CompiledInstruction {
            program_id_index: instruction.program,
            accounts: instruction.accounts.clone(),
            data: instruction.data.clone(),
        };
        let stack_height = Some(u32::from(instruction.stack_height));
        parse_ui_instruction(&compiled, &account_keys, stack_height)
    })
}

fn grouped(
    inner: &[InnerInstruction],
    encode: impl Fn(&InnerInstruction) -> UiInstruction,
) -> Vec<UiInnerInstructions> {
    inner
        .chunk_by(|a, b| a.top_level == b.top_level)
        .map(|group| UiInnerInstructions {
            index: group[0].top_level,
            instructions: group.iter().map(&encode).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn inner(top_level: u8, stack_height: u8) -> InnerInstruction {
        InnerInstruction {
            top_level,
            stack_height,
            program: 1,
            accounts: vec![0, 2],
            data: vec![7],
        }
    }

    #[test]
    fn inner_instructions_are_grouped_by_their_top_level_instruction() {
        let instruction =
            |height| json!({"programIdIndex":1,"accounts":[0,2],"data":"8","stackHeight":height});
        assert_eq!(
            json!(inner_instructions(&[inner(0, 2), inner(0, 3), inner(2, 2)])),
            json!([
                {"index": 0, "instructions": [instruction(2), instruction(3)]},
                {"index": 2, "instructions": [instruction(2)]},
            ])
        );
    }

    #[test]
    fn parsed_inner_instructions_name_addresses() {
        let keys = [
            Pubkey::new_from_array([1; 32]),
            Pubkey::default(),
            Pubkey::default(),
        ];
        assert_eq!(
            json!(inner_instructions_parsed(&[inner(0, 2)], &keys)),
            json!([{"index": 0, "instructions": [{
                "programId": "11111111111111111111111111111111",
                "accounts": [keys[0].to_string(), "11111111111111111111111111111111"],
                "data": "8",
                "stackHeight": 2,
            }]}])
        );
    }

    #[test]
    fn a_version_is_shown_only_to_clients_that_know_versions() {
        let check = |version, max, expected: serde_json::Value| {
            assert_eq!(json!(readable_version(version, max).unwrap()), expected);
        };
        check(None, None, json!(null));
        check(None, Some(0), json!("legacy"));
        check(Some(0), Some(0), json!(0));
        check(Some(0), Some(1), json!(0));
        check(Some(1), Some(1), json!(1));
        for (version, max) in [(0, None), (1, None), (1, Some(0))] {
            let error: ErrorObjectOwned = readable_version(Some(version), max).unwrap_err().into();
            assert_eq!(error.code(), -32015);
            let hint = format!("\"maxSupportedTransactionVersion\": {version}");
            assert!(error.message().ends_with(&hint), "{error}");
        }
    }
}
