#!/usr/bin/env bash
# Runs the models: every order in which those who wait in line can be called, can leave and can be
# passed by, is tried; so is every order of what two threads do to the locks and shared words of the
# store in memory.
set -euo pipefail
cd "$(dirname "$0")/.."

# A target folder of its own: with other flags everything is built anew.
RUSTFLAGS="${RUSTFLAGS:-} --cfg limiter_loom" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom" \
    cargo test -p limiter-core --features wait --lib -- limiter::line::model store::memory::model "$@"
