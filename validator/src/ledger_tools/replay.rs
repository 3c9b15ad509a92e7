//! Running a ledger's transactions again, and comparing: `ledger replay`; all of them, or up to one that is traced.

use super::{genesis, trace_tree};
use crate::program_files::NativeProgramArguments;
use crate::trace_json::TraceJson;
use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sealane_runtime::{
    BankingThreads, BlockLogReader, CheckpointConfig, Disk, LedgerTrace, ReplaySummary,
    RuntimeConfig, replay_ledger, trace_logged,
};
use sealane_sdk::Programs;
use serde::Serialize;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction_status_client_types::UiTransactionError;
use std::sync::Arc;

/// How it is run.
#[derive(Debug, Args)]
pub(super) struct ReplayOptions {
    /// Threads that execute transactions: a number, or auto for what suits this machine.
    #[arg(long, value_name = "auto|N", default_value = "auto", value_parser = crate::cli::banking_threads)]
    banking_threads: BankingThreads,

    /// Begin at the newest checkpoint of the accounts, not at genesis. A ledger whose oldest blocks were removed
    /// always begins there.
    #[arg(long)]
    from_checkpoint: bool,

    /// Run all up to this transaction and show what it did. It begins at the newest checkpoint, if that lies before it,
    /// or else at genesis; a ledger whose oldest blocks were removed has only the former.
    #[arg(long, value_name = "SIGNATURE", requires = "trace", conflicts_with = "from_checkpoint",
          value_parser = signature)]
    signature: Option<Signature>,

    /// Show what a transaction did: its instructions and their calls as a tree, with compute units, times, logs,
    /// errors and changed accounts; accounts that were locked for writing and never written, or never read.
    #[arg(long, requires = "signature")]
    trace: bool,

    /// One JSON object instead of a tree.
    #[arg(long, requires = "trace")]
    json: bool,

    #[command(flatten)]
    native: NativeProgramArguments,
}

fn signature(text: &str) -> Result<Signature, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "it is no signature: 64 bytes in base 58, as explorers and logs show".into())
}

impl ReplayOptions {
    /// Replays with `programs`, drawing how far it is. What is to be printed, and what went wrong beside it.
    pub(super) fn run(
        &self,
        disk: &Arc<dyn Disk>,
        programs: Programs,
    ) -> anyhow::Result<(String, Option<anyhow::Error>)> {
        match self.signature {
            None => Ok((in_words(&self.replay(disk, programs)?), None)),
            Some(signature) => {
                let traced = self.trace(disk, programs, &signature)?;
                let text = if self.json {
                    as_json(&signature, &traced)?
                } else {
                    trace_tree::in_words(&signature, &traced)
                };
                Ok((text, traced.replay.err().map(Into::into)))
            }
        }
    }

    /// Replays up to a transaction.
    pub(super) fn trace(
        &self,
        disk: &Arc<dyn Disk>,
        programs: Programs,
        signature: &Signature,
    ) -> anyhow::Result<LedgerTrace> {
        let (mut config, bar) = self.config(disk, programs)?;
        // What lies behind the transaction is passed over.
        config.checkpoints = Some(CheckpointConfig::default());
        let traced = trace_logged(config, signature);
        bar.finish_and_clear();
        Ok(traced?)
    }

    /// Replays all.
    fn replay(&self, disk: &Arc<dyn Disk>, programs: Programs) -> anyhow::Result<ReplaySummary> {
        let (config, bar) = self.config(disk, programs)?;
        let from_checkpoint = config.checkpoints.is_some();
        let replayed = replay_ledger(config);
        bar.finish_and_clear();
        let summary = replayed?;
        if from_checkpoint && summary.checkpoint.is_none() {
            bail!("there is no checkpoint to begin at: leave --from-checkpoint away");
        }
        Ok(summary)
    }

    /// What is replayed, and where it is drawn how far that is.
    fn config(
        &self,
        disk: &Arc<dyn Disk>,
        mut programs: Programs,
    ) -> anyhow::Result<(RuntimeConfig, ProgressBar)> {
        self.native.load_into(&mut programs)?;
        let genesis = genesis(&**disk)?;
        let programs = crate::ledger::programs_of(&genesis, &programs);
        crate::ledger::check(&genesis, &programs, None, &[])?;
        let log = BlockLogReader::open(Arc::clone(disk), &genesis.hash)?;
        let from_checkpoint = self.from_checkpoint || log.first_record() > 1;
        let bar = ProgressBar::new(log.bytes());
        bar.set_style(
            ProgressStyle::with_template(
                "Replaying {wide_bar} {bytes} of {total_bytes}, {eta} left, {msg}",
            )
            .expect("the template is one"),
        );
        let shown = bar.clone();
        let mut config =
            RuntimeConfig::new(Arc::new(programs), genesis.hash, genesis.identity.pubkey());
        config.genesis_accounts = genesis.accounts.clone();
        config.genesis_time = genesis.time;
        config.dev = genesis.dev.is_some();
        genesis.parameters.apply(&mut config);
        config.header_signer = Some(Arc::clone(&genesis.identity));
        config.banking_threads = self.banking_threads;
        config.ledger = Some(Arc::clone(disk));
        config.checkpoints = from_checkpoint.then(CheckpointConfig::default);
        config.on_replay = Some(Arc::new(move |progress| {
            shown.set_position(progress.bytes);
            shown.set_message(format!("slot {}", progress.slot));
        }));
        Ok((config, bar))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TracedJson {
    signature: String,
    slot: u64,
    err: Option<UiTransactionError>,
    fee: u64,
    units_consumed: u64,
    trace: Option<TraceJson>,
}

/// A trace for programs.
fn as_json(signature: &Signature, traced: &LedgerTrace) -> anyhow::Result<String> {
    let record = &traced.record;
    let object = TracedJson {
        signature: signature.to_string(),
        slot: traced.slot,
        err: record.status.clone().err().map(UiTransactionError::from),
        fee: record.fee,
        units_consumed: record.compute_units,
        trace: traced.trace.as_ref().map(TraceJson::from),
    };
    Ok(serde_json::to_string(&object)? + "\n")
}

/// What came of it, for people.
fn in_words(summary: &ReplaySummary) -> String {
    let progress = &summary.progress;
    let from = match summary.checkpoint {
        Some(slot) => format!("the checkpoint at the end of slot {slot}"),
        None => "genesis".to_owned(),
    };
    let root = match summary.state_root {
        Some((slot, root)) => format!("State root at the end of slot {slot}: {root}\n"),
        None => String::new(),
    };
    format!(
        "Replayed from {from} to slot {}: {} transactions came to the logged results, and {} slots to the \
         logged headers, state roots included.\n{root}",
        progress.slot, progress.transactions, progress.headers,
    )
}
