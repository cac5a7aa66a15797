# One entry for everything. `make help` prints the lines marked with two hashes.
SHELL := /bin/bash
.DEFAULT_GOAL := help

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
SECONDS ?= 20
export JOBS

.PHONY: help
help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup:  ## install what is missing to build and to test (Debian 12, Ubuntu 24.04), fetch the grammars
	@tools/setup.sh test

.PHONY: build
build:  ## build the release command: build/release/bin/intact
	@tools/build.sh release

.PHONY: demo
demo:  ## install what is missing to build, build, then index and search a real tree
	@tools/demo.sh

.PHONY: check
check:  ## the fast gate: format, tidy, layers, dev build with warnings as errors, unit tests
	@tools/check.sh

.PHONY: test
test:  ## everything continuous integration runs
	@tools/test.sh

.PHONY: tidy-full
tidy-full:  ## clang-tidy over every source file
	@tools/clang_tidy.sh all

.PHONY: bench
bench:  ## build and run every benchmark; takes minutes, wants a quiet machine
	@tools/bench.sh

.PHONY: fuzz
fuzz:  ## run each fuzz target for SECONDS=20 with libFuzzer and the sanitizers
	@SECONDS_EACH=$(SECONDS) tools/fuzz.sh

.PHONY: format
format:  ## rewrite every C++ file as clang-format wants it
	@tools/format.sh --write

.PHONY: install
install: build  ## install command, library, headers and model under PREFIX=/usr/local
	@cmake --install build/release --prefix "$(PREFIX)"

.PHONY: clean
clean:  ## remove everything that was built; keeps fetched grammars
	@rm -rf build
