# PostgreSQL: a cluster of its own in a private folder, said to the tests as LIMITER_TESTS_POSTGRES.
# Sourced by run.sh.

postgres_programs() {
    local folder
    for folder in /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && printf '%s' "$folder"
        return 0
    done
}
if [ -z "$(postgres_programs)" ]; then
    echo "tests/run.sh: installing postgresql"
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends postgresql >/dev/null
fi

start_postgres() {
    local programs folder port as=()
    programs="$(postgres_programs)"
    folder="$(mktemp -d)"
    # It refuses to run as root, and the folder of all servers is closed to others.
    if [ "$(id -u)" -eq 0 ]; then
        chown postgres "$folder"
        as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    fi
    port="$(free_port)"
    "${as[@]}" "$programs/initdb" -D "$folder/data" -U postgres --auth=trust --no-sync >/dev/null
    "${as[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" -p "$port" \
        -c listen_addresses=127.0.0.1 -c fsync=off >"$SERVERS/postgres.log" 2>&1 &
    echo $! >>"$SERVERS/pids"
    printf '%s\n' "$folder" >>"$SERVERS/folders"
    until "$programs/pg_isready" -q -h 127.0.0.1 -p "$port"; do
        kill -0 $! 2>/dev/null || { cat "$SERVERS/postgres.log" >&2; return 1; }
        sleep 0.1
    done
    export LIMITER_TESTS_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres"
}
start_postgres
