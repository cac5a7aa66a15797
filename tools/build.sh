#!/usr/bin/env bash
# Configures and builds one CMake preset: tools/build.sh PRESET [CMake build arguments]. The one place
# that knows how, so that every other script builds alike.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${1:?usage: tools/build.sh PRESET [build arguments]}
shift

for tool in cmake ninja; do
  command -v "$tool" >/dev/null || {
    echo "build: $tool is not installed; run: tools/setup.sh build" >&2
    exit 1
  }
done
if [[ -x tools/fetch_grammars.sh ]]; then tools/fetch_grammars.sh; fi

# ThreadSanitizer in older compilers refuses machines that place maps with much randomness; test programs
# are run during the build to list their tests, so the build itself runs without it where that is allowed.
run=()
if [[ $preset == tsan ]] && setarch -R true 2>/dev/null; then run=(setarch -R); fi

if ! log=$(cmake --preset "$preset" 2>&1); then
  printf '%s\n' "$log" >&2
  exit 1
fi
"${run[@]}" cmake --build --preset "$preset" --parallel "${JOBS:-$(nproc)}" "$@"
