#!/usr/bin/env bash
# Runs the tests of the store in memory under AddressSanitizer (needs a nightly toolchain) and under
# valgrind's memcheck. There is no `unsafe` of ours in it: this is about the locks and containers that it
# is made of, and about leaks. Minutes.
# Usage: tests/sanitizers.sh [address | memcheck]
set -euo pipefail
cd "$(dirname "$0")/.."
export PROPTEST_CASES="${PROPTEST_CASES:-50}"

# Of the unit tests those of the store: some others leak on purpose.
address() {
    local host
    host="$(rustc -vV | sed -n 's/^host: //p')"
    export RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR="$PWD/target/address"
    # With a target named, build scripts and macros are spared.
    local run=(cargo +nightly test --quiet -p limiter-core --target "$host")
    "${run[@]}" --lib -- store::memory
    "${run[@]}" --test exact --test flood --test linearizable --test logs
}

memcheck() {
    local program
    program="$(cargo test --profile dev --no-run -p limiter-core --lib --message-format=json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)"
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        "$program" store::memory --test-threads=1
}

case "${1:-both}" in
address) (address) ;;
memcheck) memcheck ;;
both) (address) && memcheck ;;
*)
    echo "\`$1\` is not known; accepted: address, memcheck" >&2
    exit 2
    ;;
esac
