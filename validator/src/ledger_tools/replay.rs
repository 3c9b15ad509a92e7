//! Running a ledger's transactions again, and comparing: `ledger replay`.

use super::genesis;
use crate::program_files::NativeProgramArguments;
use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sealane_runtime::{
    BankingThreads, BlockLogReader, CheckpointConfig, Disk, Limits, ReplaySummary, RuntimeConfig,
    replay_ledger,
};
use sealane_sdk::Programs;
use solana_signer::Signer;
use std::sync::Arc;

/// Bytes of transactions that are kept in memory: nobody asks for them.
const HISTORY_BYTES_MAX: usize = 16 << 20;

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

    #[command(flatten)]
    native: NativeProgramArguments,
}

impl ReplayOptions {
    /// Replays all, with `programs`, drawing how far it is.
    pub(super) fn replay(
        &self,
        disk: &Arc<dyn Disk>,
        mut programs: Programs,
    ) -> anyhow::Result<ReplaySummary> {
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
        let mut limits = Limits::default();
        limits.history_bytes_max = HISTORY_BYTES_MAX;
        let mut config =
            RuntimeConfig::new(Arc::new(programs), genesis.hash, genesis.identity.pubkey());
        config.limits = limits;
        config.genesis_accounts = genesis.accounts.clone();
        config.genesis_time = genesis.time;
        config.header_signer = Some(Arc::clone(&genesis.identity));
        config.banking_threads = self.banking_threads;
        config.ledger = Some(Arc::clone(disk));
        config.checkpoints = from_checkpoint.then(CheckpointConfig::default);
        config.on_replay = Some(Arc::new(move |progress| {
            shown.set_position(progress.bytes);
            shown.set_message(format!("slot {}", progress.slot));
        }));
        let replayed = replay_ledger(config);
        bar.finish_and_clear();
        let summary = replayed?;
        if from_checkpoint && summary.checkpoint.is_none() {
            bail!("there is no checkpoint to begin at: leave --from-checkpoint away");
        }
        Ok(summary)
    }
}

/// What came of it, for people.
pub(super) fn in_words(summary: &ReplaySummary) -> String {
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
