#!/usr/bin/env bash
# Runs every test. Installs what is missing, starts the servers that tests talk to, stops them again.
# Usage: tests/run.sh [arguments for cargo test]
set -euo pipefail
cd "$(dirname "$0")/.."

# Tests that need a server fail under this, instead of saying that they were skipped.
export LIMITER_TESTS_REQUIRE=all

# Where servers live that are not for everybody.
export PATH="$PATH:/usr/sbin"

missing() { ! command -v "$1" >/dev/null 2>&1; }

packages=()
missing curl && packages+=(curl)
missing cc && packages+=(build-essential)
# Proxies that clients are looked for behind.
missing nginx && packages+=(nginx-light)
missing haproxy && packages+=(haproxy)
missing caddy && packages+=(caddy)
if [ "${#packages[@]}" -gt 0 ]; then
    echo "tests/run.sh: installing ${packages[*]}"
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}"
fi

cargo test --workspace --all-features "$@"
