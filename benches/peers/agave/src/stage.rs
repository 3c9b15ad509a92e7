//! The banking stage: packets through its scheduler to its workers, committed and recorded as entries of a block.
//!
//! Its settings are the fastest that its own benchmark has: no limits of cost, no pacing, a slot that does not end, entries
//! that nobody shreds. Votes do not come. What waits is kept below what its buffer holds, as it drops the rest.

use crate::exported::Exported;
use anyhow::{Context, Result, anyhow, ensure};
use crossbeam_channel::bounded;
use solana_core::banking_stage::BankingStage;
use solana_core::banking_stage::transaction_scheduler::scheduler_controller::SchedulerConfig;
use solana_core::banking_trace::{BankingTracer, Channels};
use solana_core::validator::{BlockProductionMethod, SchedulerPacing};
use solana_ledger::blockstore::Blockstore;
use solana_perf::packet::{BytesPacket, BytesPacketBatch, PacketBatch};
use solana_perf::sigverify::ed25519_verify;
use solana_poh::poh_recorder::create_test_recorder;
use solana_runtime::bank::Bank;
use solana_runtime::bank_forks::BankForks;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// More transactions than this cannot be measured: with default settings it stands still after some 96,200, with 50,000
/// waiting, whatever its clock does; why is not understood.
pub(crate) const TRANSACTIONS_MAX: usize = 90_000;

/// Transactions in a batch of packets, as its network hands them in.
const PACKETS: usize = 64;
/// Batches that are handed in, and verified, at once.
const BATCHES: usize = 16;
/// Transactions that are on the way, at most: its buffer drops beyond 100,000.
const ON_THE_WAY_MAX: usize = 50_000;
/// How long it may stand still.
const STANDS_STILL: Duration = Duration::from_secs(30);

/// Hands them all in and waits until they are committed; how long that took, and how many failed.
pub(crate) fn measure(
    bank: &Arc<Bank>,
    forks: &Arc<RwLock<BankForks>>,
    workload: &Exported,
    workers: usize,
    signatures: bool,
) -> Result<(Duration, usize)> {
    let total = workload.transactions.len();
    ensure!(
        total <= TRANSACTIONS_MAX,
        "the banking stage cannot be measured with more than {TRANSACTIONS_MAX} transactions"
    );
    bank.write_cost_tracker()
        .map_err(|_| anyhow!("somebody panicked with the cost tracker"))?
        .set_limits_max();
    let ledger = tempfile::tempdir()?;
    let blockstore = Arc::new(Blockstore::open(ledger.path())?);
    let (exit, poh_recorder, _poh, recorder, poh_service, entries) =
        create_test_recorder(bank.clone(), blockstore, None, None);
    let Channels {
        non_vote_sender,
        non_vote_receiver,
        tpu_vote_sender,
        tpu_vote_receiver,
        gossip_vote_sender,
        gossip_vote_receiver,
    } = BankingTracer::new_disabled().create_channels();
    let (votes, _votes) = bounded(1024);
    let stage = BankingStage::new_num_threads(
        BlockProductionMethod::CentralSchedulerGreedy,
        poh_recorder.clone(),
        recorder,
        non_vote_receiver,
        tpu_vote_receiver,
        gossip_vote_receiver,
        tokio::sync::mpsc::channel(1).1,
        NonZeroUsize::new(workers).context("no workers")?,
        SchedulerConfig {
            scheduler_pacing: SchedulerPacing::Disabled,
        },
        None,
        votes,
        None,
        forks.clone(),
        None,
        Arc::default(),
        Arc::default(),
    );
    // What follows the stage only has to be taken.
    let drained = std::thread::spawn(move || entries.iter().count());
    let verifiers = rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .build()?;
    let packets: Vec<PacketBatch> = workload
        .transactions
        .chunks(PACKETS)
        .map(|chunk| {
            let packets = chunk
                .iter()
                .map(|bytes| BytesPacket::from_bytes(None, bytes.clone()));
            PacketBatch::Bytes(packets.collect::<BytesPacketBatch>())
        })
        .collect();
    let (count_before, failed_before) = (bank.transaction_count(), bank.transaction_error_count());
    let committed = || (bank.transaction_count() - count_before) as usize;
    let start = Instant::now();
    let mut handed_in = 0;
    for chunk in packets.chunks(BATCHES) {
        wait_for(&committed, handed_in, ON_THE_WAY_MAX)?;
        let mut chunk = chunk.to_vec();
        let count = chunk.iter().map(PacketBatch::len).sum();
        if signatures {
            ed25519_verify(&verifiers, &mut chunk, false, count, false);
        }
        handed_in += count;
        non_vote_sender
            .send(Arc::new(chunk))
            .map_err(|_| anyhow!("the banking stage ended"))?;
    }
    wait_for(&committed, total, 0)?;
    let elapsed = start.elapsed();
    let failed = (bank.transaction_error_count() - failed_before) as usize;
    drop((non_vote_sender, tpu_vote_sender, gossip_vote_sender));
    exit.store(true, Ordering::Relaxed);
    stage
        .join()
        .map_err(|_| anyhow!("the banking stage panicked"))?;
    poh_service
        .join()
        .map_err(|_| anyhow!("its clock panicked"))?;
    drop(poh_recorder);
    drained
        .join()
        .map_err(|_| anyhow!("who takes entries panicked"))?;
    Ok((elapsed, failed))
}

/// Waits until at most so many of those handed in are not committed.
fn wait_for(committed: &impl Fn() -> usize, handed_in: usize, on_the_way: usize) -> Result<()> {
    let (mut last, mut moved) = (committed(), Instant::now());
    while handed_in > last + on_the_way {
        std::thread::sleep(Duration::from_micros(200));
        let now = committed();
        if now > last {
            (last, moved) = (now, Instant::now());
        }
        ensure!(
            moved.elapsed() < STANDS_STILL,
            "the banking stage stands still at {now} of {handed_in}"
        );
    }
    Ok(())
}
