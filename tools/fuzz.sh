#!/usr/bin/env bash
# Runs every fuzz target for SECONDS_EACH (20) seconds, starting from its seeds in fuzz/TARGET. What it finds
# interesting stays under build/fuzz/corpus; an input that crashes is left in build/fuzz and ends the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${SECONDS_EACH:-20}

tools/build.sh fuzz
count=0
for target in build/fuzz/bin/*_fuzz; do
  [[ -x $target ]] || continue
  name=$(basename "$target")
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  seeds=()
  if [[ -d fuzz/$name ]]; then seeds=("fuzz/$name"); fi
  printf '== %s, %s s\n' "$name" "$seconds"
  "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="build/fuzz/" "$corpus" "${seeds[@]}" 2>&1 |
    { grep -v -E '^(INFO|stat::(peak|slowest|new)|######|")' || true; }
  count=$((count + 1))
done
echo "$count fuzz targets, no crash"
