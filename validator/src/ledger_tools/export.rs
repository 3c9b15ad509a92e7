//! All of a ledger as lines of JSON, in the order of the chain.
//!
//! | `type` | the others |
//! | --- | --- |
//! | `slot` | `slot`, `timeMs`, `parentBlockhash` (null where a log whose beginning was removed does not tell it) |
//! | `transaction` | `slot`, `index` in the block, `signature`, and `transaction`, `meta`, `version` as `getTransaction` has them |
//! | `feeReward` | `slot`, `lamports`: what the node got of the fees of the slot before |
//! | `accountSet` | `slot`, `pubkey`, `lamports`, `owner`, `executable`, `data` in base64: an account as the operator set it |
//! | `header` | `slot`, `parent`, `blockTime`, `blockhash`, `transactionsRoot`, `transactionCount`, `stateRoot`, `signature` |

use super::{genesis, log_of};
use crate::rpc::token_balances::Decimals;
use crate::rpc::transaction_json;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::{Args, ValueEnum};
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{
    ChainItem, ChainStep, ChainWalk, Disk, LoggedTransaction, SignedHeader, SlotOpened,
};
use sealane_sdk::{AccountState, Pubkey};
use serde::Serialize;
use serde_json::json;
use solana_hash::Hash;
use solana_transaction_status_client_types::{
    EncodedTransactionWithStatusMeta, UiTransactionEncoding,
};
use std::io::{self, Write};
use std::sync::Arc;

/// Slots that a header may come behind its own.
const HEADER_BEHIND_MAX: u64 = 1_000;
/// The newest version of transactions there is.
const VERSION_MAX: u8 = 1;

/// What to write.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ExportOptions {
    /// First slot to write; by default the oldest.
    #[arg(long, value_name = "SLOT")]
    pub(super) from_slot: Option<u64>,
    /// Last slot to write; by default the newest.
    #[arg(long, value_name = "SLOT")]
    pub(super) to_slot: Option<u64>,
    /// How transactions are written: as their bytes, or as getTransaction has them by default.
    #[arg(long, value_enum, default_value_t = Encoding::Base64, value_name = "HOW")]
    pub(super) encoding: Encoding,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Encoding {
    #[default]
    Base64,
    Json,
}

impl From<Encoding> for UiTransactionEncoding {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Base64 => Self::Base64,
            Encoding::Json => Self::Json,
        }
    }
}

#[derive(Serialize)]
struct TransactionLine {
    #[serde(rename = "type")]
    kind: &'static str,
    slot: u64,
    index: u32,
    signature: String,
    #[serde(flatten)]
    encoded: EncodedTransactionWithStatusMeta,
}

impl ExportOptions {
    /// Writes what was asked for. What comes before a damaged place is written before that is the error.
    pub(super) fn write(&self, disk: &Arc<dyn Disk>, out: &mut dyn Write) -> anyhow::Result<()> {
        let genesis = genesis(&**disk)?;
        let (log, origin) = log_of(disk, &genesis)?;
        for step in ChainWalk::new(&log, &origin, &[])? {
            let step = step?;
            self.write_step(&step, out)?;
            let end = self.to_slot.map(|to| to.saturating_add(HEADER_BEHIND_MAX));
            if end.is_some_and(|end| step.slot > Some(end)) {
                break;
            }
        }
        Ok(out.flush()?)
    }

    fn has(&self, slot: u64) -> bool {
        self.from_slot.is_none_or(|from| slot >= from) && self.to_slot.is_none_or(|to| slot <= to)
    }

    fn write_step(&self, step: &ChainStep, out: &mut dyn Write) -> anyhow::Result<()> {
        for opened in step.opened.iter().filter(|opened| self.has(opened.slot)) {
            let SlotOpened {
                slot,
                time_ms,
                parent_blockhash,
            } = opened;
            let is_known = *parent_blockhash != Hash::default();
            let parent_blockhash = is_known.then(|| parent_blockhash.to_string());
            let line = json!({
                "type": "slot", "slot": slot, "timeMs": time_ms, "parentBlockhash": parent_blockhash,
            });
            write_line(out, &line)?;
        }
        // At the start of a log whose beginning was removed nobody knows the slot.
        if let Some(slot) = step.slot.filter(|slot| self.has(*slot)) {
            for item in &step.items {
                match item {
                    ChainItem::Transaction(logged) => self.write_transaction(slot, logged, out)?,
                    ChainItem::AccountSet { key, state } => {
                        write_line(out, &account_set(slot, key, state))?;
                    }
                    ChainItem::FeeReward { lamports } => {
                        let line = json!({"type": "feeReward", "slot": slot, "lamports": lamports});
                        write_line(out, &line)?;
                    }
                }
            }
        }
        match &step.header {
            Some(signed) if self.has(signed.header.slot) => Ok(write_line(out, &header(signed))?),
            _ => Ok(()),
        }
    }

    fn write_transaction(
        &self,
        slot: u64,
        logged: &LoggedTransaction,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let (transaction, record) = (&logged.transaction, logged.record.clone());
        let encoding = self.encoding.into();
        let encoded = transaction_json::encode_with_record(
            transaction,
            record,
            encoding,
            Some(VERSION_MAX),
            &Decimals::recorded(),
        );
        let line = TransactionLine {
            kind: "transaction",
            slot,
            index: logged.index,
            signature: transaction.signature().to_string(),
            encoded: encoded.map_err(|why| {
                let error: ErrorObjectOwned = why.into();
                anyhow::anyhow!("{}", error.message())
            })?,
        };
        Ok(write_line(out, &line)?)
    }
}

fn account_set(slot: u64, key: &Pubkey, state: &AccountState) -> serde_json::Value {
    json!({
        "type": "accountSet",
        "slot": slot,
        "pubkey": key.to_string(),
        "lamports": state.lamports,
        "owner": state.owner.to_string(),
        "executable": state.executable,
        "data": BASE64_STANDARD.encode(state.data.read(..)),
    })
}

fn header(signed: &SignedHeader) -> serde_json::Value {
    let header = &signed.header;
    json!({
        "type": "header",
        "slot": header.slot,
        "parent": header.parent.to_string(),
        "blockTime": header.unix_timestamp,
        "blockhash": header.blockhash.to_string(),
        "transactionsRoot": header.transactions_root.to_string(),
        "transactionCount": header.transaction_count,
        "stateRoot": header.state_root.to_string(),
        "signature": signed.signature.to_string(),
    })
}

fn write_line(out: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    out.write_all(&bytes)
}
