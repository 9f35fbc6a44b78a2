#!/bin/sh
# Instructions per decision, by valgrind. Compares with the recorded ones and fails above 5 % more.
#
#   benches/instructions.sh            compare with benches/instructions.txt
#   benches/instructions.sh --record   write benches/instructions.txt anew
#   KINDS='check check-refused' WITHOUT=fleet benches/instructions.sh
#                                      the same of an engine that has no tracker and no shared store compiled in
set -eu
cd "$(dirname "$0")/.."
recorded=benches/instructions.txt
kinds=${KINDS:-"hot refused new check check-refused check-tracked check-refused-tracked decide-key two-rules text fixed sliding slot peer peer-copy layer-bare layer layer-fields governor-hot governor-new governor-layer governor-layer-fields"}

program=$(cargo bench -p benches ${WITHOUT:+--no-default-features} --bench instructions --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"instructions".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)

count() { # kind, decisions
    valgrind --tool=callgrind --toggle-collect='instructions::counted*' --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

status=0
[ -f "$recorded" ] || : > "$recorded"
[ "${1:-}" != --record ] || : > "$recorded"
for kind in $kinds; do
    # What starting up and warming up take falls out of the difference. New keys are counted over more
    # than one doubling of the table, so that growth has its share.
    case $kind in *new) more=1000000 ;; *) more=100000 ;; esac
    each=$((($(count "$kind" $((more + 20000))) - $(count "$kind" 20000)) / more))
    if [ "${1:-}" = --record ]; then
        echo "$kind $each" | tee -a "$recorded"
        continue
    fi
    before=$(sed -n "s/^$kind //p" "$recorded")
    echo "$kind $each (recorded: ${before:-none})"
    case $kind in governor-*) continue ;; esac
    if [ -n "$before" ] && [ $((each * 100)) -gt $((before * 105)) ]; then
        echo "$kind takes more than 5 % above what was recorded" >&2
        status=1
    fi
done
exit $status
