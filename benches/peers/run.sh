#!/usr/bin/env bash
# Sealane beside LiteSVM on the same transactions, in one go: builds both, and for each workload runs
# banking-bench (all cores, signatures not checked) and then LiteSVM (one core) on what it exported.
# Environment: WORKLOADS, TRANSACTIONS, ACCOUNTS, RUNS, SEED. Wants a quiet machine.
set -euo pipefail
cd "$(dirname "$0")"

workloads=${WORKLOADS:-transfer hot}
transactions=${TRANSACTIONS:-1000000}
accounts=${ACCOUNTS:-1000000}
runs=${RUNS:-5}
seed=${SEED:-1}

cargo build --release --manifest-path ../../Cargo.toml -p sealane-benches --bin banking-bench
# Agave 4.3 declares a newer compiler than it needs.
cargo build --release --ignore-rust-version --locked
sealane=${CARGO_TARGET_DIR:-../../target}/release/banking-bench
litesvm=${CARGO_TARGET_DIR:-target}/release/sealane-peers

# Both allocators keep what is freed.
export MIMALLOC_PURGE_DELAY=-1
exchange=$(mktemp -d)
trap 'rm -rf "$exchange"' EXIT
for workload in $workloads; do
    "$sealane" --workload "$workload" --transactions "$transactions" --accounts "$accounts" \
        --runs "$runs" --seed "$seed" --sigverify off --export "$exchange/workload" \
        --json "$exchange/figures.json" --dump-accounts "$exchange/accounts"
    taskset --cpu-list 0 "$litesvm" --workload "$exchange/workload" --runs "$runs" \
        --sealane "$exchange/figures.json" --accounts "$exchange/accounts"
    echo
done
