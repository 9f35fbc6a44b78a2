#!/usr/bin/env bash
# Runs every test. Installs what is missing, starts the servers that tests talk to, stops them again.
# Usage: tests/run.sh [arguments for cargo test]
set -euo pipefail
cd "$(dirname "$0")/.."

# Tests that need a server or a client that is not ours fail under this, instead of saying that they
# were skipped.
export LIMITER_TESTS_REQUIRE=all

# How many cases each property is tried with; far fewer where nothing is said.
export PROPTEST_CASES="${PROPTEST_CASES:-10000}"

# Where servers live that are not for everybody.
export PATH="$PATH:/usr/sbin"

missing() { ! command -v "$1" >/dev/null 2>&1; }

packages=()
missing curl && packages+=(curl)
missing cc && packages+=(build-essential)
# Certificates of servers under TLS, and the checker of what Prometheus reads.
missing openssl && packages+=(openssl)
missing promtool && packages+=(prometheus)
# Proxies that clients are looked for behind.
missing nginx && packages+=(nginx-light)
missing haproxy && packages+=(haproxy)
missing caddy && packages+=(caddy)

# Clients that are not ours: a browser, Node, Python.
want_clients() {
    missing node && packages+=(nodejs)
    missing chromium && packages+=(chromium)
    missing chromedriver && packages+=(chromium-driver)
    if missing python3; then
        packages+=(python3 python3-venv)
    elif ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
        packages+=(python3-venv)
    fi
    return 0
}
want_clients

if [ "${#packages[@]}" -gt 0 ]; then
    echo "tests/run.sh: installing ${packages[*]}"
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# A Python of our own, with the packages of requirements.txt; made anew when that file changes.
prepare_python() {
    local venv="$PWD/target/tests-python"
    if ! cmp -s tests/requirements.txt "$venv/requirements.txt"; then
        echo "tests/run.sh: installing the packages of tests/requirements.txt"
        python3 -m venv --clear "$venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
        cp tests/requirements.txt "$venv/requirements.txt"
    fi
    export LIMITER_TESTS_PYTHON="$venv/bin/python"
}
prepare_python

# Servers: each file installs one, starts it on a free port of this machine alone, says where it is, and
# notes its pid. They all end with this script.
SERVERS="$(mktemp -d)"
export SERVERS
stop_servers() {
    [ ! -s "$SERVERS/pids" ] || xargs -r kill <"$SERVERS/pids" 2>/dev/null || true
    # Folders that servers with a user of their own need elsewhere.
    [ ! -s "$SERVERS/folders" ] || xargs -r rm -rf <"$SERVERS/folders" || true
    rm -rf "$SERVERS"
}
trap stop_servers EXIT
free_port() { "$LIMITER_TESTS_PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
for server in tests/servers/*.sh; do
    [ -e "$server" ] || continue
    # shellcheck source=/dev/null
    . "$server"
done

# Models of what waits in line. They are built apart, and not where only some tests were asked for.
[ "$#" -gt 0 ] || tests/loom.sh

cargo test --workspace --all-features --no-fail-fast "$@"
