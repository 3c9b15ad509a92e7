//! How fast signatures alone are verified, on all threads: by the same equation, in batches of the same size, and
//! nothing else.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use ed25519_zebra::batch::{Item, Verifier};
use ed25519_zebra::{Signature, VerificationKeyBytes};
use std::time::{Duration, Instant};

/// Signatures in a batch: what the node checks at once at most.
pub(super) const BATCH: usize = 256;

/// Where a transfer has its signature, payer and message.
const SIGNATURE: std::ops::Range<usize> = 1..65;
const MESSAGE: usize = 65;
const PAYER: std::ops::Range<usize> = MESSAGE + 4..MESSAGE + 36;

/// Signatures a second that `threads` threads verify for `lasts`, of these transfers over and over.
pub(super) fn verified_a_second(
    transfers: &[Vec<Bytes>],
    threads: usize,
    lasts: Duration,
) -> Result<f64> {
    let verify = |thread: usize| -> Result<f64> {
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
            .map(|thread| scope.spawn(move || verify(thread)))
            .collect();
        let rates = threads
            .into_iter()
            .map(|thread| thread.join().expect("verifying does not panic"));
        rates.sum()
    })
}

fn verify(transfers: &[Bytes]) -> Result<()> {
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
