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
    checked --lib -- store::memory
    checked --test logs
    # Not the floods of a million keys: valgrind makes a minute of a second. It also runs one thread at a time, so
    # this is not the place to ask whether they meet.
    checked --test linearizable -- histories_on_a_single_shard
}

# checked TARGET... [-- FILTER]
checked() {
    local program target=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        target+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    program="$(cargo test --no-run -p limiter-core --features testing "${target[@]}" --message-format=json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)"
    [ -x "$program" ] || { echo "${target[*]} was not built" >&2; return 1; }
    valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        "$program" "$@" --test-threads=1
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
