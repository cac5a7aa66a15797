#!/usr/bin/env bash
# The main job on a tree that every machine has: installs what is missing to build, builds the release
# command, indexes Python's standard library (or the C++ headers) and asks it questions in English.
# The store is a throw-away under build/demo.  tools/demo.sh [--no-setup] [DIR]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

setup=yes
if [[ ${1:-} == --no-setup ]]; then
  setup=no
  shift
fi
if [[ $setup == yes ]]; then
  tools/setup.sh build
  tools/build.sh release
fi

intact=build/release/bin/intact
store=build/demo/store
rm -rf build/demo
mkdir -p build/demo

tree=${1:-}
questions=()
if [[ -z $tree ]]; then
  for python in /usr/bin/python3 python3; do
    tree=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))' 2>/dev/null) || continue
    [[ -f $tree/json/decoder.py && -f $tree/heapq.py ]] && break
    tree=
  done
  questions=(
    "parse a JSON string with escape sequences"
    "merge several sorted inputs into one"
    "guess the delimiter of a CSV file"
    "wait for a thread to finish with a timeout"
  )
fi
if [[ -z $tree ]]; then
  tree=$(find /usr/include/c++ -mindepth 1 -maxdepth 1 -type d | sort -V | tail -n 1)
fi
if ((${#questions[@]} == 0)); then
  questions=(
    "sort a range of elements in place"
    "wait until another thread signals a condition"
    "convert a string to a number without a locale"
  )
fi

show() {
  local word line=
  for word in "$@"; do
    [[ $word =~ [^A-Za-z0-9_./=,-] ]] && word="\"$word\""
    line+=" $word"
  done
  printf '\n$%s\n' "$line"
  "$@"
}

show "$intact" index "$tree" --store "$store"
for question in "${questions[@]}"; do
  show "$intact" search "$question" "$tree" --store "$store" -k 3
done
printf '\nnext: %s index YOUR_REPO\n' "$intact"
