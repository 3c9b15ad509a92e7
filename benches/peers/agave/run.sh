#!/usr/bin/env bash
# Sealane beside Agave's bank on the same transactions: builds both (Agave's crates take half an hour on two cores),
# and for each workload, without and with signatures, runs banking-bench on all cores and then the bank on what it
# exported, on one thread and on two.
# Environment: WORKLOADS, TRANSACTIONS, SIGNED_TRANSACTIONS, ACCOUNTS, RUNS, SEED. Wants a quiet machine.
set -euo pipefail
cd "$(dirname "$0")"

workloads=${WORKLOADS:-transfer hot}
transactions=${TRANSACTIONS:-1000000}
signed=${SIGNED_TRANSACTIONS:-200000}
accounts=${ACCOUNTS:-1000000}
runs=${RUNS:-5}
seed=${SEED:-1}

cargo build --release --manifest-path ../../../Cargo.toml -p sealane-benches --bin banking-bench
cargo build --release --locked
sealane=${CARGO_TARGET_DIR:-../../../target}/release/banking-bench
agave=${CARGO_TARGET_DIR:-target}/release/sealane-peer-agave

# Both allocators keep what is freed.
export MIMALLOC_PURGE_DELAY=-1
exchange=$(mktemp -d)
trap 'rm -rf "$exchange"' EXIT
beside() {
    "$sealane" --workload "$1" --transactions "$2" --accounts "$accounts" \
        --runs "$runs" --seed "$seed" --sigverify "$3" --export "$exchange/workload" \
        --json "$exchange/figures.json" --dump-accounts "$exchange/accounts"
    "$agave" --workload "$exchange/workload" --runs "$runs" --sealane "$exchange/figures.json" \
        --accounts "$exchange/accounts" ${4:-}
    echo
}
for workload in $workloads; do
    beside "$workload" "$transactions" off
    beside "$workload" "$signed" on --signatures
done
