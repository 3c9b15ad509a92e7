#!/usr/bin/env bash
# Sealane beside a peer on the same transactions, in one go: builds both, and for each workload runs banking-bench on all
# cores and then the peer on what it exported.
#
#   benches/peers/run.sh            LiteSVM on one core, signatures not checked
#   benches/peers/run.sh agave      Agave's bank on one thread and on two, without and with signatures (its crates take
#                                   half an hour to build on two cores)
#
# Environment: WORKLOADS, TRANSACTIONS, SIGNED_TRANSACTIONS, ACCOUNTS, RUNS, SEED. Wants a quiet machine.
set -euo pipefail
cd "$(dirname "$0")"

peer=${1:-litesvm}
workloads=${WORKLOADS:-transfer hot}
transactions=${TRANSACTIONS:-1000000}
signed=${SIGNED_TRANSACTIONS:-200000}
accounts=${ACCOUNTS:-1000000}
runs=${RUNS:-5}
seed=${SEED:-1}

case $peer in
    litesvm)
        # Agave 4.3 declares a newer compiler than it needs.
        cargo build --release --ignore-rust-version --locked
        command=(taskset --cpu-list 0 "${CARGO_TARGET_DIR:-target}/release/sealane-peers")
        ;;
    agave)
        cargo build --release --locked --manifest-path agave/Cargo.toml
        command=("${CARGO_TARGET_DIR:-agave/target}/release/sealane-peer-agave")
        ;;
    *)
        echo "no such peer: '$peer'; there are litesvm and agave" >&2
        exit 2
        ;;
esac
cargo build --release --manifest-path ../../Cargo.toml -p sealane-benches --bin banking-bench
sealane=${CARGO_TARGET_DIR:-../../target}/release/banking-bench

# Both allocators keep what is freed.
export MIMALLOC_PURGE_DELAY=-1
exchange=$(mktemp -d)
trap 'rm -rf "$exchange"' EXIT
# Workload, transactions, whether signatures are checked, and more for the peer.
beside() {
    "$sealane" --workload "$1" --transactions "$2" --accounts "$accounts" \
        --runs "$runs" --seed "$seed" --sigverify "$3" --export "$exchange/workload" \
        --json "$exchange/figures.json" --dump-accounts "$exchange/accounts"
    "${command[@]}" --workload "$exchange/workload" --runs "$runs" \
        --sealane "$exchange/figures.json" --accounts "$exchange/accounts" "${@:4}"
    echo
}
for workload in $workloads; do
    beside "$workload" "$transactions" off
    if [ "$peer" = agave ]; then
        beside "$workload" "$signed" on --signatures
    fi
done
