"""Ranks held-out functions by their documentation's first sentence: BM25, the model, and both together.

A language's candidates are up to 2,000 held-out functions (documentation and comments removed, name kept); each one's
sentence is a question with one right answer. Prints MRR@10 and Recall@10. "dev" uses other functions than "test": all
choices were made on dev.

Usage: evaluate.py WORK_FOLDER MODEL [--split dev|test] [--markdown] [--train "setting ..."]
MODEL is a .intactmodel (evaluated as the format defines it, in integers) or the .npz of train.py (floats).
"""

import argparse
import pathlib

import numpy as np
import scipy.sparse as sparse

import train

LANGUAGES = [("Python", ["python"]), ("C", ["c"]), ("C++", ["cpp"]), ("JS/TS", ["js", "ts"]), ("Rust", ["rust"]), ("Go", ["go"]),
             ("Java", ["java"]), ("Kotlin*", ["kotlin"]), ("Scala*", ["scala"])]
TEST_COUNT_MAX = 2000
DEV_COUNT_MAX = 1000
BM25_K1, BM25_B = 1.2, 0.75


def questions(corpus, split):
    """For each language, the rows of the corpus that are its candidates."""
    generator = np.random.default_rng(7)
    doc = list(corpus["kind_names"]).index("doc")
    eligible = corpus["held_out"] & ~corpus["near_duplicate"] & (corpus["kind"] == doc)
    names = list(corpus["language_names"])
    for title, members in LANGUAGES:
        mask = eligible & np.isin(corpus["language"], [names.index(m) for m in members if m in names])
        rows = generator.permutation(np.flatnonzero(mask))
        # Dev takes up to a third.
        dev = min(DEV_COUNT_MAX, len(rows) // 3)
        chosen = rows[:dev] if split == "dev" else rows[dev:dev + TEST_COUNT_MAX]
        if len(chosen) >= 50:
            yield title, chosen


def bm25(question, code):
    """Scores of all (question, candidate); each distinct word of a question counts once."""
    question = question.copy()
    question.data[:] = 1
    frequency = np.bincount(code.indices, minlength=code.shape[1])
    inverse = np.log(1 + (code.shape[0] - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    lengths = np.asarray(code.sum(1)).ravel()
    norm = BM25_K1 * (1 - BM25_B + BM25_B * lengths / lengths.mean())
    weighed = code.copy().astype(np.float32)
    owner = np.repeat(np.arange(code.shape[0]), np.diff(code.indptr))
    weighed.data = weighed.data * (BM25_K1 + 1) / (weighed.data + norm[owner]) * inverse[code.indices]
    return (question @ weighed.T).toarray()


def ranks(scores):
    """Rank of the right answer (the diagonal), ties in the middle."""
    right = np.diagonal(scores)[:, None]
    return 1 + (scores > right).sum(1) + ((scores == right).sum(1) - 1) / 2


def mrr(rank):
    return float(np.where(rank <= 10, 1 / rank, 0).mean())


def recall(rank):
    return float((rank <= 10).mean())


def z(scores):
    return (scores - scores.mean(1, keepdims=True)) / (scores.std(1, keepdims=True) + 1e-9)


def order_of(scores):
    """Rank of every candidate for every question, from 1."""
    order = np.argsort(-scores, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(1, scores.shape[1] + 1)[None, :].repeat(len(scores), 0), axis=1)
    return rank


class Evaluation:
    """The held-out questions of one split, with their BM25 scores. hidden: the function's own name is left out."""

    def __init__(self, corpus, words, split, hidden=False):
        self.words, self.sets = words, []
        fields = {name: train.field(corpus, name, len(words)) for name in ("q", "n", "c")}
        for title, rows in questions(corpus, split):
            question = fields["q"][rows]
            code = fields["c"][rows] if hidden else (fields["n"][rows] + fields["c"][rows]).tocsr()
            text = bm25(question, code)
            self.sets.append((title, question, code, text))

    def scores_of_floats(self, vectors, rows, count):
        table = rows @ vectors
        transform = {"sum": lambda c: c, "sqrt": np.sqrt, "log": lambda c: 1 + np.log(c), "one": np.ones_like}[count]

        def embed(bag):
            bag = bag.copy()
            bag.data = transform(bag.data).astype(np.float32)
            return train.normalised(bag @ table)[0]

        for title, question, code, text in self.sets:
            yield title, embed(question) @ embed(code).T, text

    def short(self, vectors, rows, count):
        """One line: MRR@10 of the model, and of the z-score sum."""
        parts, means = [], []
        for title, model, text in self.scores_of_floats(vectors, rows, count):
            alone, both = mrr(ranks(model)), mrr(ranks(z(model) + z(text)))
            means.append((alone, both, mrr(ranks(text))))
            parts.append(f"{title} {alone:.3f}/{both:.3f}")
        mean = np.mean(means, axis=0)
        return f"mean {mean[0]:.4f}/{mean[1]:.4f} (bm25 {mean[2]:.3f}) " + " ".join(parts)


METHODS = [("BM25", lambda m, t: t), ("model", lambda m, t: m)] + [
    (f"z {w}", lambda m, t, w=w: w * z(m) + z(t)) for w in (0.5, 1.0, 1.5, 2.0, 3.0)] + [
    (f"RRF {k}", lambda m, t, k=k: 1 / (k + order_of(m)) + 1 / (k + order_of(t))) for k in (10, 60)]


def table(scored, markdown=False):
    lines = ["| | n | " + " | ".join(title for title, _ in METHODS) + " |", "|---|---|" + "---|" * len(METHODS)]
    for title, model, text in scored:
        found = [ranks(method(model, text)) for _, method in METHODS]
        lines.append(f"| {title} | {len(model)} | " + " | ".join(f"{mrr(r):.3f} ({recall(r):.2f})" for r in found) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--split", default="test", choices=["dev", "test"])
    parser.add_argument("--hidden", action="store_true", help="leave the function's own name out of the code")
    options = parser.parse_args()
    corpus, words = train.load(options.work)
    evaluation = Evaluation(corpus, words, options.split, options.hidden)
    print("MRR@10 (Recall@10), docstring -> function,", "its name hidden," if options.hidden else "its name shown,", options.split, "split; * = language not in the training data")
    if options.model.suffix == ".npz":
        trained = np.load(options.model)
        rows = train.row_map(words, trained["order"], int(trained["buckets"]), int(trained["ngram"]), bool(trained["single"]))
        print(table(evaluation.scores_of_floats(trained["rows"], rows, str(trained["count"]))))
    else:
        import model
        loaded = model.Model(options.model)

        def scored():
            for title, question, code, text in evaluation.sets:
                yield title, loaded.embed_counts(question, words) @ loaded.embed_counts(code, words).T, text

        print(table(scored()))


if __name__ == "__main__":
    main()
