#!/usr/bin/env bash
# Installs a build into a fresh folder, moves that folder, and builds and runs tests/consumer against it as a
# stranger's project would: tests/consumer_test.sh BUILD_FOLDER [C++ COMPILER]
set -euo pipefail
build=${1:?usage: tests/consumer_test.sh BUILD_FOLDER [C++ COMPILER]}
consumer=$(cd "$(dirname "${BASH_SOURCE[0]}")/consumer" && pwd)
compiler=${2:-c++}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/installed"

if grep -rqF "$consumer" "$work/installed/lib"*/cmake || grep -rqF "$work/first" "$work/installed/lib"*/cmake; then
  echo "consumer: the package names folders of the machine that built it" >&2
  exit 1
fi
cmake -S "$consumer" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/installed" >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}
cmake --build "$work/build"
"$work/build/consumer" "$work/data"
if [[ -x $work/installed/bin/intact ]]; then "$work/installed/bin/intact" --version; fi
