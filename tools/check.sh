#!/usr/bin/env bash
# The fast gate before every commit, under two minutes on a built tree: format, tidy, layers, the dev build
# with warnings as errors, the unit tests. --static leaves out what needs a build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

heading() { printf '== %s\n' "$*"; }

heading format
tools/format.sh --check
heading tidy
tools/tidy
heading layers
tools/check_layers.py
if [[ ${1:-} == --static ]]; then exit 0; fi
heading "dev build"
tools/build.sh dev
heading "unit tests"
ctest --preset dev --label-regex '^(unit|tools)$' --parallel "${JOBS:-$(nproc)}" |
  sed -n '/tests passed/p;/FAILED/p;/Failed/p;/\*\*\*/p'
heading "clang-tidy on what changed"
tools/clang_tidy.sh changed
