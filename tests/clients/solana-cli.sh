#!/usr/bin/env bash
# The unmodified `solana` command line (crate solana-cli 4.2.2) against a node. Builds it once, into target/, which takes
# a quarter of an hour or more, and the node; SOLANA names a `solana` that is there already.
set -euo pipefail
cd "$(dirname "$0")"

if [ -z "${SOLANA:-}" ]; then
    SOLANA=$PWD/../../target/solana-cli/bin/solana
    # Without the wallets that are devices, whose libraries are the system's.
    [ -x "$SOLANA" ] || cargo install solana-cli@4.2.2 --locked --debug --no-default-features \
        --features agave-unstable-api --root ../../target/solana-cli
fi
cargo build --release --manifest-path ../../Cargo.toml
npm install --no-package-lock --no-audit --no-fund --silent
SOLANA=$SOLANA node solana-cli.mjs
