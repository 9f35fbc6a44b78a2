#!/usr/bin/env bash
# The quickstart under a small load, with its records in PostgreSQL and its numbers for Prometheus; then the
# ready queries and their answers. Uses the database that DATABASE_URL names, or starts a server of its own.
# Usage: examples/observe/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

SERVERS="$(mktemp -d)"
export SERVERS
cleanup() {
    [ ! -s "$SERVERS/pids" ] || xargs -r kill <"$SERVERS/pids" 2>/dev/null || true
    [ ! -s "$SERVERS/folders" ] || xargs -r rm -rf <"$SERVERS/folders" || true
    rm -rf "$SERVERS"
}
trap cleanup EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
if [ -z "${DATABASE_URL:-}" ]; then
    # shellcheck source=../../tests/servers/postgres.sh
    . tests/servers/postgres.sh
    DATABASE_URL="$LIMITER_TESTS_POSTGRES"
fi
export DATABASE_URL

cargo build --quiet --package quickstart --features postgres,metrics
program="${CARGO_TARGET_DIR:-target}/debug/quickstart"

# Clients are told apart by what the load says of itself, as behind a proxy.
PORT=0 TRUSTED_PROXIES=127.0.0.1 VIOLATIONS_INTERVAL_SEC=1 "$program" >"$SERVERS/quickstart.log" 2>&1 &
quickstart=$!
echo "$quickstart" >>"$SERVERS/pids"
until at="$(sed -n 's,.*listening on \(http://[0-9.:]*\).*,\1,p' "$SERVERS/quickstart.log")" && [ -n "$at" ]; do
    kill -0 "$quickstart" 2>/dev/null || { cat "$SERVERS/quickstart.log" >&2; exit 1; }
    sleep 0.1
done

# How many requests of a method a client makes.
load() { # client, method, path, how many
    local n
    for ((n = 0; n < $4; n++)); do
        curl --silent --output /dev/null --request "$2" --header "x-forwarded-for: $1" "$at$3"
    done
}
load 198.51.100.7 POST /api/v1/sessions 40    # one who does not stop
load 203.0.113.9 POST /api/v1/sessions 14
load 203.0.113.9 POST /login 9
load 2001:db8:1:2::7 POST /login 7
load 192.0.2.1 GET /api/v1/sessions 20        # one who is never refused

echo "== what Prometheus reads at $at/metrics"
curl --silent "$at/metrics" | grep -E '^limiter_[a-z_]*(_total|_pending)' | sort

# Ending it writes what is left.
kill -INT "$quickstart"
wait "$quickstart" || true
tail -n 1 "$SERVERS/quickstart.log"

psql="$(command -v psql || ls /usr/lib/postgresql/*/bin/psql | tail -n 1)"
for query in top_offenders busiest_rules trend_per_hour lower_limit; do
    printf '\n== limiter-core/sql/queries/%s.sql\n' "$query"
    sed -n 's/^-- //p' "limiter-core/sql/queries/$query.sql" | head -n 1
    "$psql" --quiet --no-psqlrc "$DATABASE_URL" --file "limiter-core/sql/queries/$query.sql"
done
