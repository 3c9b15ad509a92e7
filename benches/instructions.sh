#!/usr/bin/env bash
# Counts the instructions that each stage of the pipeline takes for a transaction (banking-bench under callgrind), and
# holds them against those that were recorded: more than 5% more is an error, and so is more than 5% less, which
# wants to be recorded. Times differ between machines and minutes; instructions differ by 1 or 2% between
# runs, as batches do, and not between machines, as valgrind shows all programs the same processor.
#
#   benches/instructions.sh            compares with benches/instructions.txt
#   benches/instructions.sh --record   writes it: what changed is then part of the commit
#
# Of three runs the median counts. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind > /dev/null || { echo "valgrind is needed" >&2; exit 1; }
recorded=benches/instructions.txt
tolerance=5
runs=3
transactions=20000
workloads="transfer counter mix"

# The name of each stage, and the function that is all of its work.
stages() {
    cat << 'END'
verify sealane_runtime::verify::Verifier::verify_above
schedule sealane_runtime::schedule::ScheduleStage::step
bank sealane_runtime::banking::BankingThread::run
publish sealane_runtime::publish::PublishStage::handle
END
}

# As `.ci/run` builds it, so that nothing is built twice.
cargo build --release -p sealane-validator -p sealane-benches --bin sealane-validator --bin banking-bench
bench=${CARGO_TARGET_DIR:-target}/release/banking-bench
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# One run of a workload: its stages, with the instructions for a transaction.
count() {
    local files="$out/$1-$2" stage function total
    valgrind --tool=callgrind --callgrind-out-file="$files.profile" "$bench" --workload "$1" \
        --transactions "$transactions" --accounts $((2 * transactions)) --runs 1 --cold --slot-ms 20000 \
        --banking-threads 2 > "$files.log" 2>&1 || { cat "$files.log" >&2; return 1; }
    callgrind_annotate --inclusive=yes --auto=no --threshold=100 "$files.profile" > "$files.functions"
    while read -r stage function; do
        total=$(sed -n "s/^ *\([0-9,]*\) .*:$function \[.*/\1/p" "$files.functions" | head -1)
        total=${total//,/}
        [ "${total:-0}" -gt 0 ] || { echo "$function was not found: it may have another name now" >&2; return 1; }
        echo "$1-$stage $((total / transactions))"
    done < <(stages)
}

measure() {
    local workload name run jobs
    for workload in $workloads; do
        jobs=()
        for run in $(seq "$runs"); do
            count "$workload" "$run" > "$out/$workload-$run.counts" &
            jobs+=($!)
        done
        for run in "${jobs[@]}"; do wait "$run" || return 1; done
        cat "$out/$workload"-*.counts > "$out/counts"
        for name in $(cut -d' ' -f1 "$out/counts" | awk '!seen[$0]++'); do
            echo "$name $(sed -n "s/^$name //p" "$out/counts" | sort -n | sed -n "$(((runs + 1) / 2))p")"
        done
    done
}

measured=$(measure)
if [ "${1:-}" = "--record" ]; then
    printf '%s\n' "$measured" | tee "$recorded"
    exit
fi
failed=0
while read -r name now; do
    before=$(sed -n "s/^$name //p" "$recorded")
    if [ -z "$before" ]; then
        echo "$name: $now instructions, none recorded"
        failed=1
        continue
    fi
    percent=$(((now - before) * 1000 / before))
    note=""
    if [ "$percent" -gt $((tolerance * 10)) ] || [ "$percent" -lt $((-tolerance * 10)) ]; then
        note="   <- beyond $tolerance%"
        failed=1
    fi
    printf '%-18s %8d instructions, recorded %8d%s\n' "$name" "$now" "$before" "$note"
done <<< "$measured"
if [ "$failed" -ne 0 ]; then
    echo "the hot paths changed: find out why (callgrind_annotate), then record with benches/instructions.sh --record" >&2
    exit 1
fi
