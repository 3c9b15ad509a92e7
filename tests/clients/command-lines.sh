#!/usr/bin/env bash
# The unmodified command lines `solana` (crate solana-cli 4.2.2) and `spl-token` (crate spl-token-cli 5.6.1) against a
# node. Builds them once, into target/, which takes a quarter of an hour each, and the node; SOLANA and SPL_TOKEN name
# what is there already. `spl-token` can talk to wallets that are devices: to build it, the system has to have pkg-config
# and libudev-dev.
set -euo pipefail
cd "$(dirname "$0")"
root=$PWD/../../target/command-lines

if [ -z "${SOLANA:-}" ]; then
    SOLANA=$root/bin/solana
    # Without the wallets that are devices, whose libraries are the system's.
    [ -x "$SOLANA" ] || cargo install solana-cli@4.2.2 --locked --debug --no-default-features \
        --features agave-unstable-api --root "$root"
fi
if [ -z "${SPL_TOKEN:-}" ]; then
    SPL_TOKEN=$root/bin/spl-token
    # Its description of sync-native does not bear the checks that clap makes in a build like this.
    [ -x "$SPL_TOKEN" ] || cargo --config profile.dev.package.clap.debug-assertions=false \
        install spl-token-cli@5.6.1 --locked --debug --root "$root"
fi
export SOLANA SPL_TOKEN
cargo build --release --manifest-path ../../Cargo.toml
npm install --no-package-lock --no-audit --no-fund --silent
node solana-cli.mjs
node spl-token-cli.mjs
