#!/usr/bin/env bash
# Programs for Solana from the registry, compiled for the host, and their ELF files, on the same random transactions;
# then one of them in a debugger. `--transactions 100000 --seed 7` for a long run. Exits with 1 at the first difference.
set -euo pipefail
cd "$(dirname "$0")"
target="${CARGO_TARGET_DIR:-target}"
host=x86_64-unknown-linux-gnu

cargo build --locked
# Their crates then call Solana's syscalls, `abort` included. With an explicit target the flags are not those of build
# scripts and macros.
RUSTFLAGS='--cfg target_os="solana" -A explicit_builtin_cfgs_in_flags -C link-arg=-Wl,-Bsymbolic' cargo build --locked \
    --manifest-path programs/Cargo.toml --target-dir "$target/programs" --target "$host"

for program in ends memo associated-token-account token-2022; do
    library="$target/programs/$host/debug/libnative_${program//-/_}.so"
    echo "== $program"
    "$target/debug/sealane-native-solana" "$program" "$library" "$@"
done

if ! command -v gdb >/dev/null; then
    echo "== gdb is not installed: skipped"
    exit
fi
echo "== gdb"
library="$target/programs/$host/debug/libnative_associated_token_account.so"
seen=$(gdb -batch -nx \
    -ex 'set breakpoint pending on' \
    -ex 'break spl_associated_token_account::processor::process_create_associated_token_account' \
    -ex run -ex 'backtrace 4' -ex 'print *program_id' -ex 'next 3' \
    --args "$target/debug/sealane-native-solana" associated-token-account "$library" --transactions 10 2>&1)
echo "$seen" | sed -n '/^Breakpoint 1, \|hit Breakpoint 1, /,$p'
grep -q 'processor::process_create_associated_token_account' <<<"$(grep '^#0' <<<"$seen")" || {
    echo "the debugger did not stop in the program" >&2
    exit 1
}
