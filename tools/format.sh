#!/usr/bin/env bash
# clang-format over every C++ file of the tree: tools/format.sh --check | --write.
# The version is pinned, because versions differ in their answers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
  --check) arguments=(--dry-run -Werror) ;;
  --write) arguments=(-i) ;;
  *)
    echo "usage: tools/format.sh --check|--write" >&2
    exit 2
    ;;
esac

formatter=clang-format-14
if ! command -v "$formatter" >/dev/null; then
  formatter=clang-format
  if ! "$formatter" --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "format: clang-format 14 is not installed; run: tools/setup.sh test" >&2
    exit 1
  fi
fi
# One line per file that is not as it should be; the formatter itself would print one per blank.
run_one='"$0" "${@:2}" "$1" 2>/dev/null || { echo "$1: not formatted; run: make format" >&2; exit 1; }'
tools/tidy --list-cpp |
  xargs -r -d '\n' -P "${JOBS:-$(nproc)}" -I '{}' bash -c "$run_one" "$formatter" '{}' "${arguments[@]}"
