#!/usr/bin/env python3
"""Question: how well does search find the code that a sentence speaks of?

Data: part one, the first sentence of a function's documentation -> the function (functions.py); part two, a commit's
subject -> the functions that the commit changed (commits.py); both of packages that packages.json names, none of which
the default model was trained on, fetched by their registries' clients into WORK_FOLDER. Method: retrieval.cc, over the
product's own engine. Unit: MRR@10, NDCG@10, Recall@10, for `words` (as with grep), `text` (BM25), `vector` (the model
alone), `hybrid` (the sum of the last two), `ranked` (hybrid with the ranking signals, what a user gets).

    bench/retrieval/run.py WORK_FOLDER              downloads, builds, measures the test packages, prints the tables
    bench/retrieval/run.py WORK_FOLDER --side dev   the packages that weights may be tuned on
"""

import argparse
import json
import math
import pathlib
import shutil
import subprocess
import sys

import commits
import download
import functions

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WAYS = ("words", "text", "vector", "hybrid", "ranked")
RANK_MAX = 10


def set_up():
    """Installs and builds what is missing; returns the program."""
    packages = {"dpkg-source": "dpkg-dev", "cargo": "cargo", "go": "golang-go", "mvn": "maven", "npm": "npm"}
    missing = [package for command, package in packages.items() if not shutil.which(command)]
    if missing:
        subprocess.run(["apt-get", "install", "-y", "-q", *missing], check=True)
    program = ROOT / "build" / "bench" / "bin" / "retrieval"
    if not program.exists():
        subprocess.run(["tools/setup.sh", "bench"], cwd=ROOT, check=True)
        subprocess.run(["cmake", "--preset", "bench"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    if program.parent.parent.exists():
        subprocess.run(["ninja", "-C", program.parent.parent, "retrieval"], check=True, stdout=subprocess.DEVNULL)
    return program


def ranks(program, folder, weights):
    """{way: [the ranks of a question's answers]} of the questions of one tree."""
    command = [program, folder / "tree", folder / "store", folder / "questions.tsv"]
    command += ["--weights", weights] if weights else []
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found = {way: [] for way in WAYS}
    for line in done.stdout.splitlines():
        way, _question, answers = line.split("\t")
        found[way].append([int(rank) for rank in answers.split(",")])
    return found


def measures(question):
    """(MRR, NDCG, recall), at 10, of one question's ranks. Answers that one result holds count as one."""
    distinct = sorted({rank for rank in question if rank}) + [0] * question.count(0)
    hits = [rank for rank in distinct if 0 < rank <= RANK_MAX]
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(distinct), RANK_MAX) + 1))
    return 1 / hits[0] if hits else 0, sum(1 / math.log2(rank + 1) for rank in hits) / best, len(hits) / len(distinct)


def mean_measures(questions):
    """The means over questions."""
    found = [measures(question) for question in questions]
    return [sum(column) / len(found) for column in zip(*found)] if found else [0, 0, 0]


def print_tables(rows):
    """rows: [(title, {way: ranks})]. One table a measure."""
    for index, measure in enumerate(("MRR@10", "NDCG@10", "Recall@10")):
        print(f"\n{measure:24} {'n':>5} " + " ".join(f"{way:>7}" for way in WAYS) + "   ranked - text")
        for title, found in rows:
            means = [mean_measures(found[way])[index] for way in WAYS]
            print(f"{title:24} {len(found['text']):>5} " + " ".join(f"{mean:7.3f}" for mean in means) +
                  f"   {means[-1] - means[1]:+.3f}")


def joined(parts):
    """{way: ranks} of several sets together."""
    return {way: [question for part in parts for question in part[way]] for way in WAYS}


def prepare_all(work, listed):
    """[(part, title, side, folder, whether each question names its answer)]."""
    sets = []
    for language, side, folder, count in functions.prepare(work, listed, download.fetch(work, listed)):
        sets.append(("functions", language, side, folder.name, [False] * count))
    for name, side, folder, questions in commits.prepare(work, listed):
        sets.append(("commits", name, side, folder.name, [question.is_named for question in questions]))
    return sets


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--side", choices=["dev", "test"], default="test")
    parser.add_argument("--part", choices=["functions", "commits"], help="this part alone")
    parser.add_argument("--only", help="sets whose name holds this")
    parser.add_argument("--weights", help="NAME=W,NAME=W: weights of `ranked` instead of the shipped ones")
    parser.add_argument("--program", type=pathlib.Path, help="instead of build/bench/bin/retrieval")
    options = parser.parse_args()
    work = options.work.resolve()
    program = options.program or set_up()
    prepared = work / "sets.json"
    if not prepared.exists():
        sets = prepare_all(work, json.loads((HERE / "packages.json").read_text()))
        prepared.write_text(json.dumps(sets))
    rows, everything = {"functions": [], "commits": []}, []
    for part, title, side, folder, named in json.loads(prepared.read_text()):
        if side != options.side or options.part not in (None, part) or (options.only or "") not in title or not named:
            continue
        found = ranks(program, work / part / folder, options.weights)
        rows[part].append((title, found))
        if part == "commits":
            everything.append((found, named))
        means = ", ".join(f"{way} {mean_measures(found[way])[0]:.3f}" for way in WAYS)
        print(f"{part} {title}: {means}", file=sys.stderr)
    if rows["functions"]:
        print(f"Documentation sentence -> function, {options.side} packages")
        print_tables(rows["functions"])
    if everything:
        for title, wanted in (("not naming it", False), ("naming it", True)):
            kept = [{way: [question for question, is_named in zip(found[way], named) if is_named == wanted]
                     for way in WAYS} for found, named in everything]
            rows["commits"].append((title, joined(kept)))
        rows["commits"].append(("all", joined([found for found, _named in everything])))
        print(f"\nCommit message -> changed functions, {options.side} packages")
        print_tables(rows["commits"])


if __name__ == "__main__":
    main()
