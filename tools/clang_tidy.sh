#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy, none of them allowed to fail:
#   tools/clang_tidy.sh all       every source file
#   tools/clang_tidy.sh changed   those that differ from the last commit, at most 12 (for tools/check.sh)
# Reads build/clang/compile_commands.json, so it configures that preset first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
which=${1:-all}
command -v clang-tidy >/dev/null || {
  echo "clang-tidy is not installed; run: tools/setup.sh test" >&2
  exit 1
}
cmake --preset clang >/dev/null

case $which in
  all) files=$(tools/tidy --list-cpp | grep '\.cc$') ;;
  changed)
    files=$({
      git diff --name-only --diff-filter=d HEAD
      git ls-files --others --exclude-standard
    } | grep '\.cc$' | sort -u | head -n 12 || true)
    ;;
  *)
    echo "usage: tools/clang_tidy.sh all|changed" >&2
    exit 2
    ;;
esac

# Only what that build compiles: the rest has no compile command to check it with.
compiled=()
for file in $files; do
  if grep -qF "\"file\": \"$PWD/$file\"" build/clang/compile_commands.json; then compiled+=("$file"); fi
done
if ((${#compiled[@]} == 0)); then
  echo "clang-tidy: nothing to check"
  exit 0
fi
printf '%s\n' "${compiled[@]}" |
  xargs -r -d '\n' -n 1 -P "${JOBS:-$(nproc)}" clang-tidy -p build/clang --quiet 2>&1 |
  { grep -v -E '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter' || true; }
echo "clang-tidy: ${#compiled[@]} files checked"
