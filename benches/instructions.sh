#!/usr/bin/env bash
# Counts the instructions of the hot paths (callgrind) and holds them against those that were recorded: more than 5%
# more is an error, and so is more than 5% less, which wants to be recorded. Times differ between machines and minutes,
# instructions hardly do.
#
#   benches/instructions.sh            compares with benches/instructions.txt
#   benches/instructions.sh --record   writes it: what changed is then part of the commit
#
# What is counted is one round of a criterion bench, in the function that the bench times, on one thread; the figure is
# for each of the round's items. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind > /dev/null || { echo "valgrind is needed" >&2; exit 1; }
recorded=benches/instructions.txt
tolerance=5

# Name, package, bench, the bench's name in it, the function, items of a round.
paths() {
    cat << 'END'
lock-table|sealane-scheduler|lock_table|lock table/distinct|lock_table::run|8192
lock-table-hot|sealane-scheduler|lock_table|lock table/one recipient|lock_table::run|8192
intern|sealane-accounts-db|account_access|account access/hash and intern|account_access::intern_round|4096
account-write|sealane-accounts-db|account_access|account access/lock, read, write, publish|account_access::write_round|4096
account-read|sealane-accounts-db|account_access|account access/pin and read|account_access::read_round|4096
parse-transfer|sealane-benches|transactions|verify/transfer/parse|transactions::verify_all|1024
parse-mix|sealane-benches|transactions|verify/mix/parse|transactions::verify_all|1024
bank-transfer|sealane-benches|transactions|bank/transfer|transactions::process_all|1024
bank-counter|sealane-benches|transactions|bank/counter|transactions::process_all|1024
bank-mix|sealane-benches|transactions|bank/mix|transactions::process_all|1024
END
}

# The bench's binary, built as `cargo bench` builds it.
binary() {
    cargo bench --quiet --package "$1" --bench "$2" --no-run --message-format json \
        | sed -n 's/.*"kind":\["bench"\].*"executable":"\([^"]*\)".*/\1/p' | tail -1
}

count() {
    local out
    out=$(mktemp)
    valgrind --tool=callgrind --collect-atstart=no --toggle-collect="$3*" --callgrind-out-file="$out" \
        "$1" --bench --test --exact "$2" > /dev/null 2>&1 < /dev/null
    sed -n 's/^totals: \([0-9]*\).*$/\1/p' "$out"
    rm "$out"
}

measure() {
    local last="" binary="" name package bench filter function items total
    paths | while IFS='|' read -r name package bench filter function items; do
        if [ "$package $bench" != "$last" ]; then
            binary=$(binary "$package" "$bench" < /dev/null)
            [ -x "$binary" ] || { echo "$bench of $package does not build" >&2; exit 1; }
            last="$package $bench"
        fi
        total=$(count "$binary" "$filter" "$function")
        [ "${total:-0}" -gt 0 ] || { echo "$name: $function was not found in '$filter'" >&2; exit 1; }
        echo "$name $((total / items))"
    done
}

if [ "${1:-}" = "--record" ]; then
    measured=$(measure)
    printf '%s\n' "$measured" | tee "$recorded"
    exit
fi
measured=$(measure)
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
    printf '%-16s %8d instructions, recorded %8d%s\n' "$name" "$now" "$before" "$note"
done <<< "$measured"
if [ "$failed" -ne 0 ]; then
    echo "the hot paths changed: find out why (callgrind_annotate), then record with benches/instructions.sh --record" >&2
    exit 1
fi
