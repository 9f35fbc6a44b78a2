# Redis: one server without anything on disk, for tests that need no server of their own.
if missing redis-server; then
    echo "tests/run.sh: installing redis-server"
    $([ "$(id -u)" -eq 0 ] || echo sudo) apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $([ "$(id -u)" -eq 0 ] || echo sudo) \
        apt-get install -y -qq --no-install-recommends redis-server >/dev/null
fi
redis_port="$(free_port)"
mkdir -p "$SERVERS/redis"
redis-server --port "$redis_port" --bind 127.0.0.1 --save "" --appendonly no --dir "$SERVERS/redis" \
    >"$SERVERS/redis/log" 2>&1 &
echo $! >>"$SERVERS/pids"
export LIMITER_TESTS_REDIS="redis://127.0.0.1:$redis_port"
unset redis_port
