"""Trains the word vectors: contrastive, in-batch softmax in both directions, Adagrad on the rows that a batch touches.

A text is a bag: sum over its words of s[row] * E[row], normalised. Words outside the vocabulary are the mean of their
n-gram buckets. Each epoch decides anew for each pair whether the code shows its name and path, whether the question is
the first sentence, the longer description or the bare name, which of its words are dropped, and whether it is dressed
up as a question.

Usage: train.py WORK_FOLDER OUTPUT.npz [--setting value ...]
"""

import argparse
import pathlib
import time

import numpy as np
import scipy.sparse as sparse

import tokenise

QUESTION_FRAMES = ["where is the", "where do we", "how does it", "how to", "how is the", "function that", "code that",
                   "what", "which function", "where are the", "how do I", "find the", "find where the", "show me the code to",
                   "the", "when is the", "why does it", "implementation of", "where does it", "how are the", "method to",
                   "class that", "logic for", "code for", "is there a", "what happens when", "which"]


def settings(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--words", type=int, default=19600)
    parser.add_argument("--buckets", type=int, default=8192)
    parser.add_argument("--ngram", type=int, default=4)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--epochs", type=float, default=2.7)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--tau", type=float, default=0.05)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--count", default="sqrt", help="weight of a word seen c times: sum, sqrt, log, one")
    parser.add_argument("--minutes", type=float, default=1e9, help="the learning rate falls to reach its end by then")
    parser.add_argument("--pairs", type=int, default=10**9)
    parser.add_argument("--exclude", default="", help="languages left out of training, comma separated")
    parser.add_argument("--name-shown", type=float, default=0.6)
    parser.add_argument("--path-shown", type=float, default=0.2)
    parser.add_argument("--long", type=float, default=0.2, help="share of questions that are the longer description")
    parser.add_argument("--bare-name", type=float, default=0.1)
    parser.add_argument("--frame", type=float, default=0.15)
    parser.add_argument("--drop", type=float, default=0.1, help="share of words dropped, both sides")
    parser.add_argument("--single", type=int, default=1, help="0: one-byte tokens are ignored")
    parser.add_argument("--same-package", type=float, default=0.0, help="share of batches made of few packages")
    parser.add_argument("--average", type=float, default=0.0, help="average the rows over this last share of the steps")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def load(work):
    corpus = dict(np.load(work / "corpus.npz"))
    words = (work / "tokens.txt").read_bytes().split(b"\n")[:-1]
    return corpus, words


def field(corpus, name, token_count, count="sum"):
    """Token counts of a field, one row a pair, repeated words weighed as told."""
    counts = corpus[f"{name}_counts"].astype(np.float32)
    weighed = {"sum": lambda c: c, "sqrt": np.sqrt, "log": lambda c: 1 + np.log(c), "one": np.ones_like}[count](counts)
    rows = len(corpus["kind"])
    return sparse.csr_matrix((weighed, corpus[f"{name}_indices"], corpus[f"{name}_ends"]), shape=(rows, token_count))


def vocabulary(corpus, words, count, single=True):
    """Token numbers of the vocabulary: the most frequent by number of training texts, questions counting more."""
    training = ~corpus["held_out"]
    size = len(words)
    frequency = np.zeros(size)
    for name, weight in (("q", 3.0), ("n", 1.0), ("c", 1.0), ("p", 0.2)):
        ends = corpus[f"{name}_ends"]
        owner = np.repeat(training, np.diff(ends))
        frequency += weight * np.bincount(corpus[f"{name}_indices"][owner], minlength=size)
    if not single:
        frequency[[len(word) == 1 for word in words]] = 0
    frequency[[len(word) > 24 for word in words]] = 0
    order = np.argsort(-frequency, kind="stable")[:count]
    return order[frequency[order] > 0], frequency


def row_map(words, order, buckets, ngram, single=True):
    """Sparse (token, row) matrix: a known word is its row, another the mean of its buckets, unknown numbers nothing."""
    known = np.full(len(words), -1)
    known[order] = np.arange(len(order))
    tokens, rows, values = [], [], []
    for token, word in enumerate(words):
        if known[token] >= 0:
            tokens.append(token), rows.append(known[token]), values.append(1.0)
        elif not word.isdigit() and (single or len(word) > 1):
            grams = tokenise.ngrams(word, ngram)
            for gram in grams:
                tokens.append(token)
                rows.append(len(order) + tokenise.fnv1a_64(gram) % buckets)
                values.append(1.0 / len(grams))
    return sparse.csr_matrix((np.array(values, np.float32), (tokens, rows)), shape=(len(words), len(order) + buckets))


def scaled_rows(matrix, keep):
    """Rows of the matrix with the kept ones unchanged and the others emptied."""
    return sparse.diags(keep.astype(np.float32)) @ matrix


def normalised(vectors):
    norms = np.sqrt((vectors * vectors).sum(1, keepdims=True)) + 1e-6
    return vectors / norms, norms


class Batches:
    """Makes the question and code bags of a batch."""

    def __init__(self, corpus, words, chosen, options, rows):
        self.options, self.generator = options, np.random.default_rng(options.seed)
        take = {name: field(corpus, name, len(words))[chosen] for name in ("q", "d", "n", "p", "c")}
        self.fields = {name: (matrix @ rows).tocsr().astype(np.float32) for name, matrix in take.items()}
        frames = [np.array([words.index(t) for t in tokenise.tokens(frame.encode()) if t in words]) for frame in QUESTION_FRAMES]
        frame_matrix = sparse.csr_matrix((np.ones(sum(map(len, frames)), np.float32),
                                          (np.repeat(np.arange(len(frames)), list(map(len, frames))), np.concatenate(frames))),
                                         shape=(len(frames), len(words)))
        self.frames = (frame_matrix @ rows).tocsr().astype(np.float32)
        self.has_name = np.diff(self.fields["n"].indptr) >= 2

    def pick(self, parts):
        """Sum of fields, each with its own 0/1 choice a row."""
        total = None
        for matrix, keep in parts:
            if keep.any():
                part = scaled_rows(matrix, keep)
                total = part if total is None else total + part
        return total

    def finish(self, bag):
        bag = bag.tocsr()
        if self.options.drop > 0:
            bag.data *= self.generator.random(len(bag.data)) >= self.options.drop
            bag.eliminate_zeros()
        if self.options.count == "sqrt":
            bag.data = np.where(bag.data > 1, np.sqrt(bag.data), bag.data)
        elif self.options.count == "log":
            bag.data = np.where(bag.data > 1, 1 + np.log(np.maximum(bag.data, 1)), bag.data).astype(np.float32)
        elif self.options.count == "one":
            bag.data = np.minimum(bag.data, 1)
        return bag

    def make(self, indices):
        options, random = self.options, self.generator.random
        size = len(indices)
        kind = random(size)
        bare = (kind < options.bare_name) & self.has_name[indices]
        long = ~bare & (kind > 1 - options.long)
        first = ~bare & ~long
        question = self.pick([(self.fields["q"][indices], first), (self.fields["d"][indices], long),
                              (self.fields["n"][indices], bare)])
        framed = (random(size) < options.frame) & ~bare
        if framed.any():
            question = question + scaled_rows(self.frames[self.generator.integers(len(QUESTION_FRAMES), size=size)], framed)
        code = self.pick([(self.fields["c"][indices], np.ones(size, bool)),
                          (self.fields["n"][indices], (random(size) < options.name_shown) & ~bare),
                          (self.fields["p"][indices], random(size) < options.path_shown)])
        return self.finish(question), self.finish(code)


def order_of_pairs(generator, packages, options):
    """Batches of an epoch: shuffled, some of them from few packages, so that the wrong answers are hard."""
    count = len(packages)
    order = generator.permutation(count)
    if options.same_package <= 0:
        return [order[at:at + options.batch] for at in range(0, count - options.batch // 2, options.batch)]
    hard = generator.random(count) < options.same_package
    easy = order[~hard[order]]
    ranked = order[hard[order]]
    # Runs of 128 pairs of one package, the runs shuffled.
    ranked = ranked[np.argsort(packages[ranked], kind="stable")]
    runs = [ranked[at:at + 128] for at in range(0, len(ranked), 128)]
    generator.shuffle(runs)
    ranked = np.concatenate(runs) if runs else ranked
    batches = [part[at:at + options.batch] for part in (easy, ranked) for at in range(0, len(part) - options.batch // 2, options.batch)]
    generator.shuffle(batches)
    return batches


def step(vectors, scales, squares, scale_squares, question, code, same, options):
    """One update; returns the loss."""
    columns, inverse = np.unique(np.concatenate([question.indices, code.indices]), return_inverse=True)
    bags = []
    for matrix, at in ((question, slice(0, len(question.indices))), (code, slice(len(question.indices), None))):
        bags.append(sparse.csr_matrix((matrix.data, inverse[at].astype(np.int32), matrix.indptr), shape=(matrix.shape[0], len(columns))))
    rows, scale = vectors[columns], scales[columns]
    weighed = rows * scale[:, None]
    (left, left_norm), (right, right_norm) = (normalised(bag @ weighed) for bag in bags)
    logits = (left @ right.T) / options.tau
    logits[same] = -1e4
    size = len(logits)
    down = np.exp(logits - logits.max(1, keepdims=True))
    down /= down.sum(1, keepdims=True)
    across = np.exp(logits - logits.max(0, keepdims=True))
    across /= across.sum(0, keepdims=True)
    diagonal = np.arange(size)
    loss = -0.5 * (np.log(down[diagonal, diagonal] + 1e-20).mean() + np.log(across[diagonal, diagonal] + 1e-20).mean())
    gradient = 0.5 * (down + across)
    gradient[diagonal, diagonal] -= 1
    gradient /= size * options.tau
    total = 0
    for bag, mine, other, norm, weights in ((bags[0], left, right, left_norm, gradient), (bags[1], right, left, right_norm, gradient.T)):
        inward = weights @ other
        inward = (inward - mine * (inward * mine).sum(1, keepdims=True)) / norm
        total = total + bag.T @ inward
    row_gradient = total * scale[:, None] * size
    scale_gradient = (total * rows).sum(1) * size
    squares[columns] += row_gradient * row_gradient
    vectors[columns] = rows - options.rate_now * row_gradient / np.sqrt(squares[columns])
    scale_squares[columns] += scale_gradient * scale_gradient
    scales[columns] = np.maximum(scale - options.rate_now * 0.5 * scale_gradient / np.sqrt(scale_squares[columns]), 0.01)
    return loss


def train(options, corpus, words):
    """Returns (row vectors with their scale folded in, vocabulary order)."""
    single = bool(options.single)
    order, frequency = vocabulary(corpus, words, options.words, single)
    rows = row_map(words, order, options.buckets, options.ngram, single)
    chosen = ~corpus["held_out"]
    for language in filter(None, options.exclude.split(",")):
        chosen &= corpus["language"] != list(corpus["language_names"]).index(language)
    chosen = np.flatnonzero(chosen)
    generator = np.random.default_rng(options.seed)
    if len(chosen) > options.pairs:
        chosen = np.sort(generator.choice(chosen, options.pairs, replace=False))
    batches = Batches(corpus, words, chosen, options, rows)
    packages, question_keys, code_keys = corpus["package"][chosen], corpus["question"][chosen], corpus["code_hash"][chosen]
    row_count = rows.shape[1]
    vectors = generator.standard_normal((row_count, options.dimensions)).astype(np.float32) / np.sqrt(options.dimensions)
    share = (frequency[order] + 1) / len(chosen)
    scales = np.ones(row_count, np.float32)
    scales[:len(order)] = np.clip(np.log(1 + 3 / share), 0.05, None)
    scales /= scales[:len(order)].mean()
    squares = np.full_like(vectors, 1e-2)
    scale_squares = np.full(row_count, 1e-2, np.float32)
    started, done = time.monotonic(), 0
    per_epoch = len(chosen) // options.batch
    planned = max(1, int(options.epochs * per_epoch))
    averaged, average_count = None, 0
    losses = []
    print(f"pairs {len(chosen)} rows {row_count} words {len(order)} steps {planned}", flush=True)
    progress = 0.0
    while done < planned and progress < 1:
        for indices in order_of_pairs(generator, packages, options):
            progress = max(done / planned, (time.monotonic() - started) / 60 / options.minutes)
            if progress >= 1:
                break
            options.rate_now = options.rate * min(1.0, (done + 1) / 50) * max(0.05, 1 - progress)
            question, code = batches.make(indices)
            keys, codes = question_keys[indices], code_keys[indices]
            same = (keys[:, None] == keys[None, :]) | (codes[:, None] == codes[None, :])
            np.fill_diagonal(same, False)
            losses.append(step(vectors, scales, squares, scale_squares, question, code, same, options))
            done += 1
            if options.average and progress > 1 - options.average and done % 10 == 0:
                current = vectors * scales[:, None]
                averaged = current if averaged is None else averaged + current
                average_count += 1
            if done % 200 == 0:
                print(f"step {done} loss {np.mean(losses[-200:]):.4f} {time.monotonic() - started:.0f} s", flush=True)
    result = averaged / average_count if average_count else vectors * scales[:, None]
    print(f"trained {done} steps in {time.monotonic() - started:.0f} s", flush=True)
    return result.astype(np.float32), order, rows


def main():
    options = settings()
    corpus, words = load(options.work)
    result, order, _ = train(options, corpus, words)
    np.savez(options.output, rows=result, order=order, buckets=options.buckets, ngram=options.ngram, single=options.single,
             count=options.count)


if __name__ == "__main__":
    main()
