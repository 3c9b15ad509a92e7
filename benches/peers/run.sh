#!/usr/bin/env bash
# Sealane beside its peers on the same transactions, in one go: builds what is needed, and for each workload runs
# banking-bench on all cores and then the peers on what it exported, without and with signatures.
#
#   benches/peers/run.sh            LiteSVM on one core
#   benches/peers/run.sh agave      Agave's bank on one thread and on two, and its banking stage with two workers, where there are
#                                   at most 90,000 transactions (its crates take an hour to build on two cores, and want
#                                   libclang)
#   benches/peers/run.sh all        both; what they print last is one table, and a chart is written beside it
#
# Environment: WORKLOADS, SIGNED_WORKLOADS, TRANSACTIONS, SIGNED_TRANSACTIONS, ACCOUNTS, RUNS, SEED; CHART is the file of the
# chart. Wants a quiet machine. Python 3 makes the table.
set -euo pipefail
cd "$(dirname "$0")"

peers=${1:-litesvm}
workloads=${WORKLOADS-transfer hot zipf token compute}
signed_workloads=${SIGNED_WORKLOADS-transfer hot}
transactions=${TRANSACTIONS:-1000000}
signed=${SIGNED_TRANSACTIONS:-200000}
accounts=${ACCOUNTS:-1000000}
runs=${RUNS:-7}
seed=${SEED:-1}

case $peers in
    litesvm | agave) ;;
    all) peers="litesvm agave" ;;
    *)
        echo "no such peer: '$peers'; there are litesvm, agave, and all" >&2
        exit 2
        ;;
esac
for peer in $peers; do
    case $peer in
        # Agave 4.3 declares a newer compiler than it needs.
        litesvm) cargo build --release --ignore-rust-version --locked ;;
        agave) cargo build --release --locked --manifest-path agave/Cargo.toml ;;
    esac
done
cargo build --release --manifest-path ../../Cargo.toml -p sealane-benches --bin banking-bench
sealane=${CARGO_TARGET_DIR:-../../target}/release/banking-bench

# All allocators keep what is freed.
export MIMALLOC_PURGE_DELAY=-1
exchange=$(mktemp -d)
trap 'rm -rf "$exchange"' EXIT

# How many a workload has: fewer where one takes longer.
transactions() {
    case $1 in
        token) echo $((transactions * 3 / 10)) ;;
        compute) echo $((transactions / 5)) ;;
        *) echo "$transactions" ;;
    esac
}

# Workload, transactions, whether signatures are checked, and more for the peers.
beside() {
    local peer command
    "$sealane" --workload "$1" --transactions "$2" --accounts "$accounts" \
        --runs "$runs" --seed "$seed" --sigverify "$3" --export "$exchange/workload" \
        --json "$exchange/figures.json" --dump-accounts "$exchange/accounts"
    for peer in $peers; do
        case $peer in
            litesvm) command=(taskset --cpu-list 0 "${CARGO_TARGET_DIR:-target}/release/sealane-peers") ;;
            agave) command=("${CARGO_TARGET_DIR:-agave/target}/release/sealane-peer-agave") ;;
        esac
        "${command[@]}" --workload "$exchange/workload" --runs "$runs" --sealane "$exchange/figures.json" \
            --accounts "$exchange/accounts" --rows "$exchange/rows" "${@:4}"
    done
    echo
}
for workload in $workloads; do
    beside "$workload" "$(transactions "$workload")" off
done
for workload in $signed_workloads; do
    beside "$workload" "$signed" on --signatures
done
python3 table.py "$exchange/rows" ${CHART:+"$CHART"}
