"""Turns the gathered pairs into arrays of token counts, without duplicates, and chooses the held-out questions.

Writes WORK_FOLDER/corpus.npz (counts over all distinct tokens, for each field of each pair), WORK_FOLDER/tokens.txt (the
distinct tokens) and manifest.json beside this script. A held-out pair is dropped where most of its code's token 6-grams
occur in training code, wherever they occur: that removes copies, backports and ports.

Usage: corpus.py WORK_FOLDER
"""

import collections
import hashlib
import json
import pathlib
import random
import sys

import numpy as np

import tokenise

HERE = pathlib.Path(__file__).parent
FIELDS = ("q", "d", "n", "p", "c")
TRAINING_PAIRS_PER_PACKAGE_MAX = 3000
SHINGLE_SIZE = 6
SHINGLES_SHARED_MAX = 0.5
# Of the kinds that are plentiful and less like a question, a package gives at most this share of its pairs.
KIND_SHARE_MAX = {"note": 0.35, "name": 0.25, "prose": 0.5, "type": 0.4, "doc": 1.0}
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class Fields:
    """Grows the arrays of one compressed sparse row matrix of token counts."""

    def __init__(self):
        self.ends, self.indices, self.counts = [0], [], []

    def append(self, ids):
        counted = collections.Counter(ids)
        self.indices.append(np.fromiter(counted.keys(), np.int32, len(counted)))
        self.counts.append(np.fromiter(counted.values(), np.int16, len(counted)))
        self.ends.append(self.ends[-1] + len(counted))

    def arrays(self, name):
        return {f"{name}_ends": np.array(self.ends, np.int64), f"{name}_indices": np.concatenate(self.indices),
                f"{name}_counts": np.concatenate(self.counts)}


def chosen(lines, described, generator):
    """The pairs to keep of one package: bounded, and not too many of the plentiful kinds."""
    generator.shuffle(lines)
    if described["held_out"]:
        return [line for line in lines if '"k": "doc"' in line]
    limit = min(len(lines), TRAINING_PAIRS_PER_PACKAGE_MAX)
    taken, counts = [], collections.Counter()
    for line in lines:
        kind = line.split('"k": "', 1)[1].split('"', 1)[0]
        if counts[kind] < KIND_SHARE_MAX[kind] * limit and len(taken) < limit:
            counts[kind] += 1
            taken.append(line)
    return taken


# Kept for the evaluation alone: how the model does on languages it has never read.
UNSEEN_LANGUAGES = ("kotlin", "scala")


def shingles(ids):
    """Hashes of all runs of SHINGLE_SIZE tokens."""
    ids = np.asarray(ids, np.uint64)
    if len(ids) < SHINGLE_SIZE:
        return np.zeros(0, np.uint64)
    count = len(ids) - SHINGLE_SIZE + 1
    value = np.zeros(count, np.uint64)
    for offset in range(SHINGLE_SIZE):
        value = (value ^ ids[offset:offset + count]) * MULTIPLIER
        value ^= value >> np.uint64(29)
    return value


def main():
    work = pathlib.Path(sys.argv[1])
    generator = random.Random(20240501)
    vocabulary, fields = {}, {name: Fields() for name in FIELDS}
    about = {"language": [], "kind": [], "package": [], "held_out": [], "question": [], "code_hash": []}
    names = {"language": {}, "kind": {}, "package": {}}
    seen, manifest, training_shingles, held_shingles = set(), [], [], {}

    def number(table, key):
        return table.setdefault(key, len(table))

    descriptions = sorted(work.glob("pairs/*/*.json"))
    for description in descriptions:
        described = json.loads(description.read_text())
        lines = description.with_suffix(".jsonl").read_text().splitlines() if described["pairs"] else []
        kept = 0
        for line in chosen(lines, described, generator):
            pair = json.loads(line)
            if pair["l"] in UNSEEN_LANGUAGES and not described["held_out"]:
                continue
            ids = {name: [vocabulary.setdefault(token, len(vocabulary)) for token in tokenise.tokens(pair[name].encode())]
                   for name in FIELDS}
            if len(ids["q"]) < 2 or len(ids["c"]) < 8 or (pair["k"] == "doc" and len(ids["c"]) < 12):
                continue
            code_key = hashlib.blake2b(" ".join(map(str, ids["c"])).encode(), digest_size=8).digest()
            text_key = hashlib.blake2b(pair["q"].lower().encode(), digest_size=8).digest()
            if (text_key, pair["l"]) in seen and pair["k"] in ("doc", "prose") and described["held_out"]:
                continue
            if code_key in seen and pair["k"] in ("doc", "type", "note"):
                continue
            if text_key + code_key in seen:
                continue
            seen.update((code_key, text_key + code_key, (text_key, pair["l"])))
            row = len(about["kind"])
            for name in FIELDS:
                fields[name].append(ids[name])
            about["language"].append(number(names["language"], pair["l"]))
            about["kind"].append(number(names["kind"], pair["k"]))
            about["package"].append(number(names["package"], f'{described["ecosystem"]}/{described["package"]}'))
            about["held_out"].append(described["held_out"])
            about["question"].append(int.from_bytes(text_key, "little"))
            about["code_hash"].append(int.from_bytes(code_key, "little"))
            found = shingles(ids["c"])
            if described["held_out"]:
                held_shingles[row] = found[found % np.uint64(2) == 0]
            else:
                training_shingles.append(found[found % np.uint64(2) == 0])
            kept += 1
        if kept:
            manifest.append({key: described[key] for key in ("ecosystem", "package", "version", "licence")} |
                            {"use": "held out" if described["held_out"] else "training", "pairs": kept})

    known = np.unique(np.concatenate(training_shingles))
    near = np.zeros(len(about["kind"]), bool)
    for row, found in held_shingles.items():
        places = np.minimum(np.searchsorted(known, found), len(known) - 1)
        if len(found) == 0 or (known[places] == found).mean() > SHINGLES_SHARED_MAX:
            near[row] = True
    arrays = {}
    for name in FIELDS:
        arrays.update(fields[name].arrays(name))
    arrays.update(language=np.array(about["language"], np.int8), kind=np.array(about["kind"], np.int8),
                  package=np.array(about["package"], np.int32), held_out=np.array(about["held_out"], bool),
                  question=np.array(about["question"], np.uint64), code_hash=np.array(about["code_hash"], np.uint64),
                  near_duplicate=near)
    for table in names:
        arrays[f"{table}_names"] = np.array(list(names[table]), str)
    np.savez(work / "corpus.npz", **arrays)
    (work / "tokens.txt").write_bytes(b"\n".join(vocabulary) + b"\n")
    (HERE / "manifest.json").write_text("[\n" + ",\n".join(json.dumps(entry) for entry in manifest) + "\n]\n")
    language, held, kind = arrays["language"], arrays["held_out"], arrays["kind"]
    for index, name in enumerate(names["language"]):
        mask = language == index
        kinds = {k: int((mask & ~held & (kind == i)).sum()) for k, i in names["kind"].items()}
        print(f"{name:8} training {(mask & ~held).sum():7} {kinds} held out {(mask & held).sum():6} near duplicates {(mask & near).sum()}")
    print("pairs", len(kind), "tokens", len(vocabulary), "packages", len(manifest))


if __name__ == "__main__":
    main()
