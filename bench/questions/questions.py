#!/usr/bin/env python3
"""Question: at which rank does the place that answers a question come?

Data: bench/questions/questions.txt, over trees that the caller names. Method: each tree is indexed by the
release command into a throw-away store; each question is searched in the three modes with -k 50; the rank
of the first hit whose path ends with the expected one and whose chunk holds the expected text is printed
("-" beyond 50). Unit: rank, and the mean of 1/rank up to 10 (MRR@10).

    bench/questions/questions.py python=/usr/lib/python3.11 redis=redis-7.0.15 c++=/usr/include/c++/12
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INTACT = HERE.parent.parent / "build" / "release" / "bin" / "intact"
MODES = ("hybrid", "vector", "text")
RANK_MAX = 50


def read_questions():
    """(tree, question, path, text) of each line."""
    lines = (HERE / "questions.txt").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" | ")) for line in lines if line and not line.startswith("#")]


def search(store, folder, question, mode):
    """The hits of one search, best first."""
    command = [INTACT, "search", question, folder, "--store", store, "-k", str(RANK_MAX), "--mode", mode, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return json.loads(done.stdout)["hits"]


def rank_of(hits, path, text):
    """From 1; None when no hit fits."""
    for rank, hit in enumerate(hits, 1):
        if ("/" + hit["path"]).endswith("/" + path) and text in hit["text"]:
            return rank
    return None


def main():
    """Prints one line a question and the means a tree."""
    folders = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if not folders:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as stores:
        totals = {}
        print(f"{'tree':7} {'question':68} {'hybrid':>6} {'vector':>6} {'text':>6}")
        for name, folder in folders.items():
            store = pathlib.Path(stores) / name
            subprocess.run([INTACT, "index", folder, "--store", store, "--quiet"], check=True)
            for tree, question, path, text in read_questions():
                if tree != name:
                    continue
                ranks = [rank_of(search(store, folder, question, mode), path, text) for mode in MODES]
                print(f"{name:7} {question:68} " + " ".join(f"{rank or '-':>6}" for rank in ranks))
                for mode, rank in zip(MODES, ranks):
                    totals.setdefault((name, mode), []).append(1 / rank if rank and rank <= 10 else 0)
        for name in folders:
            means = [sum(totals[name, mode]) / len(totals[name, mode]) for mode in MODES]
            print(f"{name:7} {'MRR@10':68} " + " ".join(f"{mean:6.3f}" for mean in means))


if __name__ == "__main__":
    main()
