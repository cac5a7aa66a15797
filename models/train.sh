#!/bin/sh
# Makes the default model anew, from nothing: fetch, cut pairs, count, train, write, evaluate. About 12 GB of disk.
# Usage: models/train.sh WORK_FOLDER (with Python 3.11, numpy, scipy, numba and the registries' clients on the path)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${1:?a folder for downloads and intermediate files}
mkdir -p "$work"
python3 "$here/fetch.py" "$work"
python3 "$here/pairs.py" "$work"
python3 "$here/corpus.py" "$work"
python3 "$here/train.py" "$work" "$work/trained.npz"
python3 "$here/export.py" "$work" "$work/trained.npz" "$here/default.intactmodel"
python3 "$here/evaluate.py" "$work" "$here/default.intactmodel"
