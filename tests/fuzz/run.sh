#!/usr/bin/env bash
# Fuzzes what strangers send, guided by what code it reaches: `run.sh transaction` or `run.sh request`, then, if wanted,
# options of libFuzzer (-max_total_time=600, -jobs=2). What made it fail is left in `artifacts/`, what reached something
# new in `corpus/`. Needs a C++ compiler beside Rust; the compiler need not be a nightly one.
set -euo pipefail
cd "$(dirname "$0")"
target=${1:?"name a target: transaction or request"}
shift
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
triple=$(rustc -vV | sed -n 's/^host: //p')
# With a target named, programs that run while building have no counters.
RUSTFLAGS="--cfg curve25519_dalek_backend=\"avx512\" $coverage" \
    cargo build --release --target "$triple" --bins
built=target/$triple/release
mkdir -p corpus/"$target" seeds/"$target" artifacts
"$built/$target" -artifact_prefix=artifacts/"$target"- -max_len=8192 -rss_limit_mb=6144 -timeout=30 \
    "$@" corpus/"$target" seeds/"$target"
