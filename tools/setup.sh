#!/usr/bin/env bash
# Installs what intact needs and this machine lacks, by name, from the distribution's packages:
#   tools/setup.sh build   what building the command needs
#   tools/setup.sh test    that, and what the tests and checks need (the default)
#   tools/setup.sh bench   that, and the stores that bench/store_peers.cc measures beside ours
# Says nothing and takes no time when everything is there. Knows Debian 12 and Ubuntu 24.04; on other
# systems it names what is missing and stops. Then fetches the pinned grammars (tools/fetch_grammars.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
level=${1:-test}
case $level in
  build | test | bench) ;;
  *)
    echo "usage: tools/setup.sh [build|test|bench]" >&2
    exit 2
    ;;
esac

# Package and what proves it there: a command, a file pattern, or, for '-', the package database alone.
needs_build="
g++              g++
make             make
cmake            cmake
ninja-build      ninja
git              git
pkg-config       pkg-config
python3          python3
python3-pip      -
python3-setuptools -
python3-wheel    -
ca-certificates  /etc/ssl/certs/ca-certificates.crt
libsodium-dev    /usr/include/sodium.h
libzstd-dev      /usr/include/zstd.h
liblz4-dev       /usr/include/lz4.h
"
needs_test="
libgtest-dev     /usr/include/gtest/gtest.h
libgmock-dev     /usr/include/gmock/gmock.h
libbenchmark-dev /usr/include/benchmark/benchmark.h
ccache           ccache
clang            clang++
clang-tidy       clang-tidy
clang-format-14  clang-format-14
"
needs_bench="
libsqlite3-dev   /usr/include/sqlite3.h
liblmdb-dev      /usr/include/lmdb.h
librocksdb-dev   /usr/include/rocksdb/db.h
"

in_database() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

is_there() {  # package proof
  case $2 in
    -) in_database "$1" ;;
    /*) compgen -G "$2" >/dev/null || in_database "$1" ;;
    *) command -v "$2" >/dev/null ;;
  esac
}

missing=()
list=$needs_build
if [[ $level != build ]]; then list+=$needs_test; fi
if [[ $level == bench ]]; then list+=$needs_bench; fi
while read -r package proof; do
  [[ -n $package ]] || continue
  is_there "$package" "$proof" || missing+=("$package")
done <<<"$list"

# clang's sanitizer runtimes come in a package named after its version.
if [[ $level != build ]]; then
  clang_path=$(readlink -f "$(command -v clang || true)" 2>/dev/null || true)
  if [[ $clang_path =~ llvm-([0-9]+) ]]; then
    runtime=${BASH_REMATCH[1]}
  elif command -v apt-cache >/dev/null; then
    runtime=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
  fi
  if ! compgen -G "/usr/lib/llvm-${runtime:-*}/lib/clang/*/lib/linux/libclang_rt.fuzzer*" >/dev/null; then
    missing+=("libclang-rt-${runtime:+$runtime-}dev")
  fi
fi

install_missing() {
  if ! command -v apt-get >/dev/null; then
    echo "setup: no apt-get here; install these by hand (Debian's names): $*" >&2
    exit 1
  fi
  local as_root=()
  if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo >/dev/null; then
      echo "setup: not root and no sudo; ask an administrator to run:" >&2
      echo "  apt-get install --no-install-recommends $*" >&2
      exit 1
    fi
    as_root=(sudo)
  fi
  echo "setup: installing $*" >&2
  # Package lists age; a failed refresh matters only when the installation then fails too.
  "${as_root[@]}" apt-get update -qq || true
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2 || {
    echo "setup: apt-get could not install: $*" >&2
    exit 1
  }
}

if ((${#missing[@]})); then install_missing "${missing[@]}"; fi
if [[ -x tools/fetch_grammars.sh ]]; then tools/fetch_grammars.sh; fi
