#!/usr/bin/env bash
# Kills "minillm prune" at random moments, starts it again until it ends, and compares what it wrote with what an undisturbed
# run wrote: every file, byte for byte.
#
# Usage: minillm-benchmarks/kill_and_resume.sh MODEL TIMES [OPTION OF PRUNE...]
# For example: minillm-benchmarks/kill_and_resume.sh smollm2 10 --criterion fms --restore none --ratio 0.2
set -euo pipefail

(($# >= 2)) || {
  sed -n '5,6s/^# //p' "$0" >&2
  exit 2
}
model=$1 times=$2
shift 2
home=$(cd "$(dirname "$0")/.." && pwd)
minillm=${MINILLM:-$home/minillm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

digests() { (cd "$1" && sha256sum -- *); }

start=$SECONDS
"$minillm" prune "$model" "$@" --out "$work/undisturbed" >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}
length=$((SECONDS - start))
digests "$work/undisturbed" >"$work/expected"
echo "undisturbed: $length s"

for ((i = 1; i <= times; i++)); do
  at=$((RANDOM % (length + 1)))
  # a process group of its own, so that the launcher and its JVM die together
  setsid "$minillm" prune "$model" "$@" --out "$work/killed-$i" >"$work/log" 2>&1 &
  group=$!
  sleep "$at"
  kill -9 -- "-$group" 2>/dev/null && outcome="killed after $at s" || outcome="over before $at s"
  wait "$group" 2>/dev/null || true
  if [[ ! -d $work/killed-$i ]]; then
    start=$SECONDS
    "$minillm" prune "$model" "$@" --out "$work/killed-$i" >"$work/log" 2>&1 || {
      cat "$work/log" >&2
      exit 1
    }
    grep -q 'going on where' "$work/log" && how=resumed || how="begun anew"
    outcome+=", $how: $((SECONDS - start)) s"
  fi
  digests "$work/killed-$i" | diff -u "$work/expected" - || {
    echo "$i of $times: $outcome: OTHER BYTES" >&2
    exit 1
  }
  [[ ! -e $work/killed-$i.journal ]] || {
    echo "$i of $times: the journal is still there" >&2
    exit 1
  }
  rm -rf "$work/killed-$i"
  echo "$i of $times: $outcome, the same bytes"
done
