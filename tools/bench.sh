#!/usr/bin/env bash
# Builds the bench preset and runs every benchmark: the programs *_bench, store_peers, then bench/*.sh and
# bench/*.py. Installs, by name, the stores that store_peers measures beside ours (tools/setup.sh bench).
# bench/README.md says what each one asks. Wants a quiet machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh bench
tools/build.sh bench
ran=0
for program in build/bench/bin/*_bench; do
  [[ -x $program ]] || continue
  printf '\n== %s\n' "$(basename "$program")"
  "$program" --benchmark_min_time=0.2 --benchmark_repetitions=5 \
    --benchmark_report_aggregates_only=true
  ran=$((ran + 1))
done
printf '\n== store_peers\n'
build/bench/bin/store_peers
ran=$((ran + 1))
for script in bench/*.sh bench/*.py; do
  [[ -x $script ]] || continue
  printf '\n== %s\n' "$script"
  INTACT=build/bench/bin/intact "$script"
  ran=$((ran + 1))
done
printf '\n%d benchmarks ran\n' "$ran"
