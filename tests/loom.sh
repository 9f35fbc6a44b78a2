#!/usr/bin/env bash
# Runs the store in memory in every order in which two threads can run it. Seconds, once it is built.
# Usage: tests/loom.sh [arguments for cargo test]
set -euo pipefail
cd "$(dirname "$0")/loom"
export RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="${LOOM_TARGET_DIR:-$PWD/../../target/loom}"
exec cargo test --quiet "$@"
