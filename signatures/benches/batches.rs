//! What a signature costs in batches of several sizes, beside ed25519-zebra's.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ed25519_dalek::{Signer, SigningKey};
use ed25519_zebra::batch::Verifier;
use ed25519_zebra::{Signature, VerificationKeyBytes};
use sealane_signatures::SignatureChecker;

/// As long as the message of a transfer.
const MESSAGE: [u8; 150] = [7; 150];

/// Keys with their signatures.
fn signed(count: usize) -> Vec<([u8; 32], [u8; 64])> {
    let signers = (0..count as u64).map(|seed| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        SigningKey::from_bytes(&bytes)
    });
    signers
        .map(|signer| {
            (
                signer.verifying_key().to_bytes(),
                signer.sign(&MESSAGE).to_bytes(),
            )
        })
        .collect()
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batch");
    for count in [8, 16, 32, 64, 128, 256, 512] {
        let signed = signed(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("ours", count), |bencher| {
            let mut checker = SignatureChecker::default();
            bencher.iter(|| {
                for (key, signature) in &signed {
                    assert!(checker.add(0, [(signature, key)], &MESSAGE));
                }
                checker.check(|_| panic!("all hold"));
            });
        });
        group.bench_function(BenchmarkId::new("zebra", count), |bencher| {
            bencher.iter(|| {
                let mut verifier = Verifier::new();
                for (key, signature) in &signed {
                    let key = VerificationKeyBytes::from(*key);
                    verifier.queue((key, Signature::from(*signature), &MESSAGE[..]));
                }
                verifier.verify(rand_v10::rng()).expect("all hold");
            });
        });
    }
    // Some of 256 are bad.
    for bad in [1, 16, 256] {
        let mut signed = signed(256);
        for (_, signature) in signed.iter_mut().step_by(256 / bad) {
            signature[40] ^= 1;
        }
        group.throughput(Throughput::Elements(256));
        group.bench_function(BenchmarkId::new("ours, bad of 256", bad), |bencher| {
            let mut checker = SignatureChecker::default();
            bencher.iter(|| {
                for (key, signature) in &signed {
                    assert!(checker.add(0, [(signature, key)], &MESSAGE));
                }
                let mut found = 0;
                checker.check(|_| found += 1);
                assert_eq!(found, bad);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, batches);
criterion_main!(benches);
