#!/bin/sh
# Fetches the tree-sitter runtime and grammars named in tools/grammars.txt into third_party/grammars/.
# Quick when they are there; safe to interrupt and to run again. Needs python3 with pip, setuptools and wheel.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
list=$root/tools/grammars.txt
target=$root/third_party/grammars
wanted=$(sha256sum "$list" | cut -d ' ' -f 1)

if [ -f "$target/stamp" ] && [ "$(cat "$target/stamp")" = "$wanted" ]; then
  exit 0
fi

# The first python that can read source archives; the distribution's own comes last.
python=
for candidate in "${PYTHON:-}" python3 /usr/bin/python3; do
  if [ -n "$candidate" ] && "$candidate" -c 'import setuptools, wheel, pip' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "fetch_grammars: no python3 with pip, setuptools and wheel; install python3-pip, python3-setuptools" \
    "and python3-wheel, or run tools/setup.sh" >&2
  exit 1
fi

mkdir -p "$root/third_party"
work=$(mktemp -d "$root/third_party/grammars.tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

echo "fetch_grammars: downloading the tree-sitter grammars with pip" >&2
if ! "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
  --no-build-isolation --require-hashes --dest "$work/archives" -r "$list" >"$work/log" 2>&1; then
  cat "$work/log" >&2
  echo "fetch_grammars: pip could not download the grammars (its message is above). This step needs the" \
    "Python package index, directly or by a mirror set in pip's configuration; run it again when it can be" \
    "reached." >&2
  exit 1
fi

# unpack ARCHIVE_STEM FOLDER PATH...: the named files and folders of one archive, without its top folder.
unpack() {
  archive=$(find "$work/archives" -name "$1-[0-9]*.tar.gz")
  folder=$work/new/$2
  shift 2
  mkdir -p "$folder"
  top=$(basename "$archive" .tar.gz)
  for path in LICENSE "$@"; do
    tar -xzf "$archive" -C "$folder" --strip-components=1 "$top/$path"
  done
}

unpack 'tree[-_]sitter' runtime tree_sitter/core/lib
unpack 'tree[-_]sitter[-_]c' c src
unpack 'tree[-_]sitter[-_]cpp' cpp src
unpack 'tree[-_]sitter[-_]python' python src
unpack 'tree[-_]sitter[-_]javascript' javascript src
unpack 'tree[-_]sitter[-_]typescript' typescript typescript/src tsx/src
unpack 'tree[-_]sitter[-_]rust' rust src
unpack 'tree[-_]sitter[-_]go' go src
unpack 'tree[-_]sitter[-_]java' java src
unpack 'tree[-_]sitter[-_]qmljs' qmljs src/tree_sitter src/typescript-scanner.h

# One folder of headers per ABI of generated parsers, and the scanner that TypeScript and TSX share.
mkdir -p "$work/new/abi14" "$work/new/abi15" "$work/new/typescript/common"
mv "$work/new/qmljs/src/tree_sitter" "$work/new/abi14/tree_sitter"
cp -R "$work/new/c/src/tree_sitter" "$work/new/abi15/tree_sitter"
mv "$work/new/qmljs/src/typescript-scanner.h" "$work/new/typescript/common/scanner.h"

# The old set goes and the new one comes by renames: an interruption leaves one, the other or none, never a mix.
echo "$wanted" >"$work/new/stamp"
if [ -e "$target" ]; then mv "$target" "$work/old"; fi
mv "$work/new" "$target"
echo "fetch_grammars: third_party/grammars is ready" >&2
