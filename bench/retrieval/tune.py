#!/usr/bin/env python3
"""Fits the weights of the ranking signals to what `retrieval --signals` wrote, by maximum likelihood.

Each question's candidates get a score, the weighted sum of their signals; the chance of a candidate is the softmax of
the scores, and the loss the negative logarithm of the chance of the right ones, every file of questions weighing the
same but for commit messages, whose files together weigh as one. Prints the weights, scaled so that `vector` has 1, and
each file's MRR@10 and NDCG@10 with them. Needs numpy and scipy.

Usage: tune.py FILE... [--fixed NAME=W,...] [--set NAME=W,...]
--fixed holds some weights; --set fits nothing and measures these.
"""

import argparse
import pathlib

import numpy as np
import scipy.optimize

SIGNALS = ["vector", "text", "coverage", "file coverage", "symbol", "place", "name", "name meaning", "names", "path",
           "file name", "length", "lines", "same file", "file share", "aside"]
STATIC = [name for name in SIGNALS if name not in ("same file", "file share")]
AGREEING_BEST = 50


class Questions:
    """The candidates of one file of questions."""

    def __init__(self, path):
        self.name = path.stem
        rows = np.loadtxt(path, delimiter="\t", ndmin=2)
        question = rows[:, 0].astype(int)
        starts = np.flatnonzero(np.r_[True, question[1:] != question[:-1]])
        self.parts = [rows[a:b] for a, b in zip(starts, np.r_[starts[1:], len(rows)])]
        self.count = question.max() + 1  # Questions without any candidate before the last one count too.

    def static(self):
        """(signals [n, s], right [n], start of each question) of the questions whose answer is among the candidates."""
        kept = [part for part in self.parts if (part[:, 2] > 0).any()]
        ends = np.cumsum([len(part) for part in kept])
        rows = np.concatenate(kept)
        values = rows[:, 4:]
        return values[:, [SIGNALS.index(name) for name in STATIC]], rows[:, 2] > 0, np.r_[0, ends[:-1]]

    def measure(self, weights):
        """(MRR@10, NDCG@10), ranked as intact/search/ranking.cc does."""
        mrr = ndcg = 0
        for part in self.parts:
            order = ranked(part[:, 3].astype(int), part[:, 4:].copy(), weights)
            answers = part[order, 2].astype(int)
            seen, gains, ideal_count = set(), 0, int(part[0, 1])
            first = 0
            for rank, answer in enumerate(answers[:10], 1):
                if answer and answer not in seen:
                    seen.add(answer)
                    gains += 1 / np.log2(rank + 1)
                    first = first or rank
            mrr += 1 / first if first else 0
            ndcg += gains / sum(1 / np.log2(rank + 1) for rank in range(1, min(ideal_count, 10) + 1))
        return mrr / self.count, ndcg / self.count


def ranked(files, values, weights):
    """The candidates' order, best first."""
    same, share = SIGNALS.index("same file"), SIGNALS.index("file share")
    values[:, [same, share]] = 0
    order = np.argsort(-(values @ weights), kind="stable")
    counts = np.bincount(files[order[:AGREEING_BEST]], minlength=files.max() + 1)
    others = counts[files]
    others[order[:AGREEING_BEST]] -= 1
    values[:, same] = np.log2(1 + others)
    order = np.argsort(-(values @ weights), kind="stable")
    better = {}
    for candidate in order:
        count = better.get(files[candidate], 0)
        values[candidate, share] = max(0, count - 3)
        better[files[candidate]] = count + 1
    return np.argsort(-(values @ weights), kind="stable")


def fit(sets, fixed, penalty=3e-2):
    """Weights of the static signals."""
    data = [questions.static() for questions in sets]
    free = [index for index, name in enumerate(STATIC) if name not in fixed]
    start = np.array([fixed.get(name, 0.5) for name in STATIC])
    commit_count = sum(len(questions.parts) for questions in sets if questions.name.startswith("commit-"))
    shares = [len(questions.parts) / commit_count if questions.name.startswith("commit-") else 1 for questions in sets]

    def loss(parameters):
        weights = start.copy()
        weights[free] = parameters
        total, gradient = 0, np.zeros(len(STATIC))
        for share_of_set, (values, right, starts) in zip(shares, data):
            scores = values @ weights
            owner = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(scores)]))
            chance = np.exp(scores - np.maximum.reduceat(scores, starts)[owner])
            chance /= np.add.reduceat(chance, starts)[owner]
            rights = np.add.reduceat(chance * right, starts)
            share = chance * right / rights[owner]
            total -= share_of_set * np.log(rights).mean()
            gradient += share_of_set * values.T @ (chance - share) / len(starts)
        return total + penalty * (parameters ** 2).sum(), gradient[free] + 2 * penalty * parameters

    found = scipy.optimize.minimize(loss, start[free], jac=True, method="L-BFGS-B")
    start[free] = found.x
    return dict(zip(STATIC, start)), found.fun


def parse(text):
    """{"name": weight} of NAME=W,NAME=W."""
    return {name: float(weight) for name, weight in (part.split("=") for part in text.split(",") if part)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--fixed", default="")
    parser.add_argument("--set", default="")
    options = parser.parse_args()
    sets = [Questions(path) for path in options.files]
    weights = parse(options.set)
    if not weights:
        weights, loss = fit(sets, parse(options.fixed))
        weights = {name: weight / weights["vector"] for name, weight in weights.items()}
        weights |= {"same file": 0.5, "file share": -0.4, "aside": min(weights["aside"], -1)}
        print(f"loss {loss:.4f}")
    print(",".join(f"{name}={weights.get(name, 0):.3f}" for name in SIGNALS))
    vector = np.array([weights.get(name, 0) for name in SIGNALS])
    found = [questions.measure(vector) for questions in sets]
    for questions, (mrr, ndcg) in zip(sets, found):
        print(f"{questions.name:28} {questions.count:5} {mrr:.3f} {ndcg:.3f}")
    print(f"{'mean':34} {np.mean(found, axis=0)[0]:.4f} {np.mean(found, axis=0)[1]:.4f}")


if __name__ == "__main__":
    main()
