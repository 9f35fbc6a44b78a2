#!/usr/bin/env bash
# What the attribute costs a debug build: a program of 100 annotated handlers beside the same program
# without the attributes, dependencies already built. The target is under 1.5 s on two cores.
#
#   benches/compile_time.sh [ROUNDS]    default: 7
#
# `whole` compiles the program from nothing; `touched` is what a developer waits for after saving a file.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-7}
handlers=100
top=$PWD
programs=$top/target/compile_time
export CARGO_TARGET_DIR=$top/target CARGO_BUILD_JOBS=${CARGO_BUILD_JOBS:-2}

manifest() { # name
    cat <<END
[package]
name = "compile-time-$1"
edition = "2024"

[dependencies]
axum = "0.8"
limiter-tower = { path = "$top/limiter-tower" }
END
}

program() { # attribute, or nothing
    echo 'use axum::{Router, extract::{Path, State}, routing::get};'
    echo 'use limiter_tower::{Limiter, LimiterLayer};'
    [ -z "$1" ] || echo 'use limiter_tower::rate_limit;'
    for ((i = 0; i < handlers; i++)); do
        echo
        [ -z "$1" ] || echo "$1"
        if ((i % 2)); then
            echo "async fn handler_$i(State(db): State<u64>, Path(id): Path<u64>) -> String { format!(\"$i {db} {id}\") }"
        else
            echo "async fn handler_$i(Path(id): Path<u64>, body: String) -> Result<String, String> { if id == $i { Err(body) } else { Ok(body) } }"
        fi
    done
    echo
    echo 'fn main() {'
    echo '    let app: Router = Router::new()'
    for ((i = 0; i < handlers; i++)); do
        echo "        .route(\"/$i/{id}\", get(handler_$i).post(handler_$i))"
    done
    echo '        .layer(LimiterLayer::new(Limiter::in_memory()))'
    echo '        .with_state(7);'
    echo '    let _ = std::hint::black_box(app);'
    echo '}'
}

rm -rf "$programs"
for name in plain annotated; do
    mkdir -p "$programs/$name/src"
    manifest "$name" > "$programs/$name/Cargo.toml"
done
program '' > "$programs/plain/src/main.rs"
program '#[rate_limit(read = 1000, write = 10, key = "ip")]' > "$programs/annotated/src/main.rs"
# A workspace of their own, with the versions and the profile of ours.
cp Cargo.lock "$programs/Cargo.lock"
{
    printf '[workspace]\nresolver = "3"\nmembers = ["plain", "annotated"]\n\n'
    sed -n '/^\[profile\.dev\]/,/^$/p' Cargo.toml | sed '/^\[profile\.test\]/,$d'
} > "$programs/Cargo.toml"

build() { # name
    touch "$programs/$1/src/main.rs"
    # What the compiler says must not come between the times.
    cargo build --quiet --manifest-path "$programs/Cargo.toml" -p "compile-time-$1" 2> "$programs/said" || {
        cat "$programs/said"
        exit 1
    }
}

TIMEFORMAT='%R %U %S'
median() { sort -n "$1" | sed -n "$(((rounds + 1) / 2))p"; }

measure() { # kind
    local name
    # Whatever is not yet built.
    build plain
    build annotated
    for name in plain annotated; do
        : > "$programs/$name.wall"
        : > "$programs/$name.cpu"
    done
    # By turns, so that what else the machine does falls on both.
    for ((round = 0; round < rounds; round++)); do
        for name in plain annotated; do
            { time build "$name"; } 2> "$programs/time"
            awk '{ print $1 }' "$programs/time" >> "$programs/$name.wall"
            awk '{ print $2 + $3 }' "$programs/time" >> "$programs/$name.cpu"
        done
    done
    for name in wall cpu; do
        awk -v kind="$1" -v clock="$name" -v plain="$(median "$programs/plain.$name")" \
            -v annotated="$(median "$programs/annotated.$name")" 'BEGIN {
                printf "%-8s %-4s plain %6.2f s  annotated %6.2f s  difference %6.2f s\n",
                    kind, clock, plain, annotated, annotated - plain
            }'
    done
}

echo "$handlers handlers, medians of $rounds rounds, load $(cut -d ' ' -f 1 /proc/loadavg)"
CARGO_INCREMENTAL=0 measure whole
CARGO_INCREMENTAL=1 measure touched
