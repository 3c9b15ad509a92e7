//! How fast signatures alone are verified, on all threads and nothing else: in the batches that are handed in, by
//! ed25519-zebra, whose batches have the same rule, and by the node's own code.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use ed25519_zebra::batch::{Item, Verifier};
use ed25519_zebra::{Signature, VerificationKeyBytes};
use sealane_signatures::SignatureChecker;
use std::time::{Duration, Instant};

/// Signatures in a batch: what is handed in at once.
pub(super) const BATCH: usize = 256;

/// Where a transfer has its signature, payer and message.
const SIGNATURE: std::ops::Range<usize> = 1..65;
const MESSAGE: usize = 65;
const PAYER: std::ops::Range<usize> = MESSAGE + 4..MESSAGE + 36;

/// Signatures a second that the same cores verify.
#[derive(Clone, Copy, Debug)]
pub struct Alone {
    /// By ed25519-zebra.
    pub zebra: f64,
    /// By `sealane_signatures`.
    pub ours: f64,
}

impl Alone {
    /// The mean of both.
    pub(super) fn between(self, other: Self) -> Self {
        Self {
            zebra: (self.zebra + other.zebra) / 2.0,
            ours: (self.ours + other.ours) / 2.0,
        }
    }
}

/// What `threads` threads verify of these transfers over and over, for half of `lasts` each.
pub(super) fn alone(transfers: &[Vec<Bytes>], threads: usize, lasts: Duration) -> Result<Alone> {
    let rate = |verify: fn(&[Bytes]) -> Result<()>| {
        verified_a_second(transfers, threads, lasts / 2, verify)
    };
    Ok(Alone {
        zebra: rate(verify_by_zebra)?,
        ours: rate(verify_by_ours)?,
    })
}

fn verified_a_second(
    transfers: &[Vec<Bytes>],
    threads: usize,
    lasts: Duration,
    verify: fn(&[Bytes]) -> Result<()>,
) -> Result<f64> {
    let run = |thread: usize| -> Result<f64> {
        let started = Instant::now();
        let mut verified = 0;
        let mut batches = transfers.iter().cycle().skip(thread);
        while started.elapsed() < lasts {
            let batch = batches.next().context("there is no transfer")?;
            verify(batch)?;
            verified += batch.len();
        }
        Ok(verified as f64 / started.elapsed().as_secs_f64())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        let rates = threads
            .into_iter()
            .map(|thread| thread.join().expect("verifying does not panic"));
        rates.sum()
    })
}

fn verify_by_ours(transfers: &[Bytes]) -> Result<()> {
    let mut checker = SignatureChecker::default();
    for bytes in transfers {
        let (signature, payer) = (bytes[SIGNATURE].try_into()?, bytes[PAYER].try_into()?);
        ensure!(
            checker.add(0, [(signature, payer)], &bytes[MESSAGE..]),
            "a signature is malformed"
        );
    }
    let mut bad = 0;
    checker.check(|_| bad += 1);
    ensure!(bad == 0, "{bad} signatures are not valid");
    Ok(())
}

fn verify_by_zebra(transfers: &[Bytes]) -> Result<()> {
    let mut verifier = Verifier::new();
    for bytes in transfers {
        let signature: [u8; 64] = bytes[SIGNATURE].try_into()?;
        let payer: [u8; 32] = bytes[PAYER].try_into()?;
        let key = VerificationKeyBytes::from(payer);
        let message = &bytes[MESSAGE..];
        verifier.queue(Item::from((key, Signature::from(signature), &message)));
    }
    ensure!(
        verifier.verify(rand_v10::rng()).is_ok(),
        "a signature is not valid"
    );
    Ok(())
}
