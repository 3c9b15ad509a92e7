#!/usr/bin/env bash
# The same random transactions through Sealane's executor and through Agave's (LiteSVM), or with `--whole` through
# Sealane's verify and bank and through Agave's (solana-svm, LiteSVM): a slice by default, `--transactions 200000` for the
# long run, `--seed S` for others, `--coverage` for what was covered. Exits with 1 at the first difference.
set -euo pipefail
cd "$(dirname "$0")"

# Agave 4.3 declares a newer compiler than it needs.
cargo build --release --ignore-rust-version --locked
exec "${CARGO_TARGET_DIR:-target}/release/sealane-differential" "$@"
