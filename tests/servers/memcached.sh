# Memcached, for the store of that name. Tests that break a server start one of their own.
if missing memcached; then
    echo "tests/run.sh: installing memcached"
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends memcached >/dev/null
fi
LIMITER_TESTS_MEMCACHED="127.0.0.1:$(free_port)"
memcached -u nobody -l 127.0.0.1 -p "${LIMITER_TESTS_MEMCACHED##*:}" -t 1 &
echo $! >>"$SERVERS/pids"
export LIMITER_TESTS_MEMCACHED
