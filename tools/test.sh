#!/usr/bin/env bash
# Everything continuous integration runs, in order, stopping at the first failure. Ends with one line,
# "N passed, N failed", in which every test program's tests and every other step count.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

passed=0
failed=0
started=$SECONDS
export JOBS=${JOBS:-$(nproc)}
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

finish() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
}
trap finish EXIT

heading() { printf '\n== %s  (%d s)\n' "$*" $((SECONDS - started)); }

step() {  # title command...
  heading "$1"
  shift
  if ! "$@"; then
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$*"
    exit 1
  fi
  passed=$((passed + 1))
}

tests_of() {  # preset ctest arguments...
  local preset=$1 log=build/$1/ctest.log run=()
  shift
  heading "$preset: tests"
  if [[ $preset == tsan ]] && setarch -R true 2>/dev/null; then run=(setarch -R); fi
  "${run[@]}" ctest --preset "$preset" --parallel "$JOBS" "$@" >"$log" 2>&1 || true
  local summary ok bad
  summary=$(grep -E '^[0-9]+% tests passed' "$log" || true)
  if [[ ! $summary =~ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]]; then
    cat "$log"
    failed=$((failed + 1))
    exit 1
  fi
  bad=${BASH_REMATCH[1]} ok=$((BASH_REMATCH[2] - BASH_REMATCH[1]))
  passed=$((passed + ok))
  failed=$((failed + bad))
  if ((bad || ok == 0)); then
    cat "$log"
    exit 1
  fi
  printf '%s\n' "$summary"
}

model_tests() {
  python3 -B -m unittest discover --start-directory models --pattern '*_test.py'
}

step "setup" tools/setup.sh test
step "format, tidy, layers" tools/check.sh --static
step "dev: build, warnings as errors" tools/build.sh dev
tests_of dev
# By clang, so that the second compiler, its warnings and its thread-safety analysis come with it.
step "asan: build by clang with AddressSanitizer, UndefinedBehaviorSanitizer, thread-safety analysis" \
  tools/build.sh asan
tests_of asan
step "tsan: build with ThreadSanitizer" tools/build.sh tsan
# The store's exhaustive crash and damage runs have one thread, and say nothing here for all their time.
tests_of tsan --label-regex '^unit$' --exclude-regex '^store\.(Crash|Flip|Mutant|Each)'
if compgen -G 'models/*_test.py' >/dev/null; then step "model recipe" model_tests; fi
step "release: build" tools/build.sh release
step "release: install, and a stranger's project" tests/consumer_test.sh build/release
step "release: the demo's commands" tools/demo.sh --no-setup
step "release: the command's benchmark, in small" bench/cli_bench.py --quick
heading done
