"""Trains the word vectors: contrastive, in-batch softmax in both directions, Adagrad on the rows that a batch touches.

A text is a bag: sum over its words of s[row] * E[row], normalised. Words outside the vocabulary are the mean of their
n-gram buckets. A batch is a run of pairs of one package (small packages share one): the wrong answers are then as near
to the right one as they are in the repository that a user searches. Each epoch decides anew for each pair whether the
code shows its name and path, whether the question is the first sentence, the longer description or the bare name,
which of its words are dropped, and whether it is dressed up as a question.

Needs numpy, scipy and numba. Usage: train.py WORK_FOLDER OUTPUT.npz [--setting value ...]
"""

import argparse
import pathlib
import time

import numba
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
    parser.add_argument("--epochs", type=float, default=6)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--tau", type=float, default=0.05)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--pairs", type=int, default=10**9)
    parser.add_argument("--exclude", default="", help="languages left out of training, comma separated")
    parser.add_argument("--name-shown", type=float, default=0.6)
    parser.add_argument("--path-shown", type=float, default=0.2)
    parser.add_argument("--long", type=float, default=0.2, help="share of questions that are the longer description")
    parser.add_argument("--bare-name", type=float, default=0.1)
    parser.add_argument("--frame", type=float, default=0.15)
    parser.add_argument("--drop", type=float, default=0.1, help="share of words dropped, both sides")
    parser.add_argument("--run", type=int, default=1024, help="pairs of one package that stand together in a batch")
    parser.add_argument("--neighbours", type=float, default=0.0, help="share of codes with others of their file behind them")
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


def normalised(vectors):
    norms = np.sqrt((vectors * vectors).sum(1, keepdims=True)) + 1e-6
    return vectors / norms, norms


# The row of a question's fields in Batches.starts; the code's follow.
QUESTION, DESCRIPTION, NAME, PATH, CODE = range(5)
FIELDS = ("q", "d", "n", "p", "c")
BAG_SIZE_MAX = 600
TOUCHED_MAX = 20_000


@numba.njit(fastmath=True, cache=True)
def bags(parts, part_starts, entry_starts, rows, counts, drop, seed, row_count):
    """Bag i is the sum of the texts parts[part_starts[i]:part_starts[i + 1]], each a slice of (rows, counts), without some
    of its rows by chance, repeated words by their square root: (starts, rows, weights)."""
    np.random.seed(seed)
    size = len(part_starts) - 1
    sums = np.zeros(row_count, np.float32)
    touched = np.empty(TOUCHED_MAX, np.int32)
    starts = np.zeros(size + 1, np.int64)
    bag_rows, weights = np.empty(size * BAG_SIZE_MAX, np.int32), np.empty(size * BAG_SIZE_MAX, np.float32)
    end = 0
    for bag in range(size):
        count = 0
        for part in parts[part_starts[bag]:part_starts[bag + 1]]:
            for at in range(entry_starts[part], entry_starts[part + 1]):
                row = rows[at]
                if sums[row] == 0:
                    if count == TOUCHED_MAX:
                        continue
                    touched[count] = row
                    count += 1
                sums[row] += counts[at]
        kept = 0
        for row in touched[:count]:
            value = sums[row]
            sums[row] = 0
            if np.random.random() >= drop and kept < BAG_SIZE_MAX:
                bag_rows[end], weights[end] = row, np.sqrt(value) if value > 1 else value
                end += 1
                kept += 1
        starts[bag + 1] = end
    return starts, bag_rows[:end].copy(), weights[:end].copy()


@numba.njit(fastmath=True, cache=True)
def embed(starts, rows, weights, vectors, scales):
    """(normalised embeddings, their norms before) of bags."""
    size, dimensions = len(starts) - 1, vectors.shape[1]
    result, norms = np.zeros((size, dimensions), np.float32), np.empty(size, np.float32)
    for bag in range(size):
        sums = result[bag]
        for at in range(starts[bag], starts[bag + 1]):
            weight, vector = weights[at] * scales[rows[at]], vectors[rows[at]]
            for j in range(dimensions):
                sums[j] += weight * vector[j]
        norm = np.float32(0)
        for j in range(dimensions):
            norm += sums[j] * sums[j]
        norms[bag] = np.sqrt(norm) + np.float32(1e-6)
        for j in range(dimensions):
            sums[j] /= norms[bag]
    return result, norms


@numba.njit(fastmath=True, cache=True)
def softmax_gradient(similarities, questions, codes, inverse_tau):
    """Turns similarities [n, n] into the loss's gradient to them, in place, times n; returns the loss. The diagonal is right;
    two equal questions, or two equal codes, are no wrong answers to each other."""
    size = len(similarities)
    across, down = np.zeros(size, np.float32), np.zeros(size, np.float32)
    right = np.empty(size, np.float32)
    for i in range(size):
        for j in range(size):
            logit = (similarities[i, j] - 1) * inverse_tau  # At most 0, at least -2 / tau: one exponential serves both.
            if i == j:
                right[i] = logit
            elif questions[i] == questions[j] or codes[i] == codes[j]:
                similarities[i, j] = 0
                continue
            value = np.exp(logit)
            similarities[i, j] = value
            across[i] += value
            down[j] += value
    loss = 0.0
    half = np.float32(0.5) * inverse_tau
    for i in range(size):
        loss += 0.5 * (np.log(across[i]) + np.log(down[i])) - right[i]
        for j in range(size):
            similarities[i, j] *= half / across[i] + half / down[j]
        similarities[i, i] -= 2 * half
    return loss / size


@numba.njit(fastmath=True, cache=True)
def spread(starts, rows, weights, embeddings, norms, inward, gradient, is_touched, touched, count):
    """Adds the gradient to the embeddings, `inward`, to the rows that made them; returns how many rows are touched."""
    size, dimensions = embeddings.shape
    for bag in range(size):
        mine, wanted = embeddings[bag], inward[bag]
        along = np.float32(0)
        for j in range(dimensions):
            along += mine[j] * wanted[j]
        for j in range(dimensions):
            wanted[j] = (wanted[j] - mine[j] * along) / norms[bag]
        for at in range(starts[bag], starts[bag + 1]):
            row = rows[at]
            if not is_touched[row]:
                is_touched[row] = True
                touched[count] = row
                count += 1
            sums, weight = gradient[row], weights[at]
            for j in range(dimensions):
                sums[j] += weight * wanted[j]
    return count


@numba.njit(fastmath=True, cache=True)
def descend(touched, gradient, is_touched, vectors, scales, squares, scale_squares, rate):
    """One step of Adagrad on the touched rows and their scales; empties the gradient."""
    dimensions = vectors.shape[1]
    for row in touched:
        is_touched[row] = False
        sums, vector, square, scale = gradient[row], vectors[row], squares[row], scales[row]
        along = np.float32(0)
        for j in range(dimensions):
            along += sums[j] * vector[j]
        for j in range(dimensions):
            slope = sums[j] * scale
            square[j] += slope * slope
            vector[j] -= rate * slope / np.sqrt(square[j])
            sums[j] = 0
        scale_squares[row] += along * along
        scales[row] = max(scale - rate * np.float32(0.5) * along / np.sqrt(scale_squares[row]), np.float32(0.01))


class Batches:
    """Makes the question and code bags of a batch."""

    def __init__(self, corpus, words, chosen, options, order, rows):
        self.options, self.generator = options, np.random.default_rng(options.seed + 1)
        self.pair_count, self.row_count = len(chosen), rows.shape[1]
        known = np.full(len(words), -1)
        known[order] = np.arange(len(order))
        number = {word: index for index, word in enumerate(words)}
        frames = [[number[token] for token in tokenise.tokens(frame.encode()) if token in number] for frame in QUESTION_FRAMES]
        frames = [[known[token] for token in frame if known[token] >= 0] for frame in frames]
        # All texts one after the other: each field of each pair, then the frames.
        starts, indices, counts, end = [], [], [], 0
        for name in FIELDS:
            matrix = (field(corpus, name, len(words))[chosen] @ rows).tocsr().astype(np.float32)
            starts.append(matrix.indptr[:-1].astype(np.int64) + end)
            indices.append(matrix.indices.astype(np.int32))
            counts.append(matrix.data)
            end += len(matrix.data)
        starts.append(end + np.cumsum([0] + [len(frame) for frame in frames]))
        indices.append(np.concatenate(frames).astype(np.int32))
        counts.append(np.ones(len(indices[-1]), np.float32))
        self.starts, self.rows, self.counts = np.concatenate(starts), np.concatenate(indices), np.concatenate(counts)
        self.has_name = np.diff(self.starts)[NAME * len(chosen):(NAME + 1) * len(chosen)] >= 2
        self.files = numbers_of_files(corpus, chosen)
        self.by_file = np.argsort(self.files, kind="stable")
        self.file_starts = np.r_[0, np.cumsum(np.bincount(self.files))]

    def bags_of(self, columns):
        """Bags of [n, parts] texts, -1 for none."""
        is_there = columns >= 0
        starts = np.r_[0, np.cumsum(is_there.sum(1))]
        return bags(columns[is_there], starts, self.starts, self.rows, self.counts, self.options.drop,
                    int(self.generator.integers(2**31)), self.row_count)

    def make(self, indices):
        """(question bags, code bags) of pairs."""
        options, random, size = self.options, self.generator.random, len(indices)
        kind = random(size)
        bare = (kind < options.bare_name) & self.has_name[indices]
        field_of_question = np.where(bare, NAME, np.where(kind > 1 - options.long, DESCRIPTION, QUESTION))
        framed = (random(size) < options.frame) & ~bare
        frame = len(FIELDS) * self.pair_count + self.generator.integers(len(QUESTION_FRAMES), size=size)
        named = (random(size) < options.name_shown) & ~bare
        placed = random(size) < options.path_shown
        files = self.files[indices]
        other = self.by_file[self.file_starts[files] + self.generator.integers(np.diff(self.file_starts)[files])]
        joined = (random(size) < options.neighbours) & (other != indices)

        def texts(field_number, pairs, keep):
            return np.where(keep, field_number * self.pair_count + pairs, -1)

        question = [texts(field_of_question, indices, True), np.where(framed, frame, -1)]
        code = [texts(CODE, indices, True), texts(NAME, indices, named), texts(PATH, indices, placed),
                texts(CODE, other, joined), texts(NAME, other, joined)]
        return self.bags_of(np.stack(question, 1)), self.bags_of(np.stack(code, 1))


def numbers_of_files(corpus, chosen):
    """A number for each pair, the same for pairs of one package whose paths have the same words."""
    one = np.uint64(1)
    mixed = (corpus["p_indices"].astype(np.uint64) + one) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ mixed >> np.uint64(29)) * (corpus["p_counts"].astype(np.uint64) * np.uint64(2) + one)
    sums = np.r_[np.uint64(0), np.cumsum(mixed)]
    keys = sums[corpus["p_ends"][1:]] - sums[corpus["p_ends"][:-1]]
    keys ^= corpus["package"].astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
    return np.unique(keys[chosen], return_inverse=True)[1]


def order_of_pairs(generator, packages, options):
    """Batches of an epoch: runs of pairs of one package, each package's in a new order, the runs shuffled."""
    order = generator.permutation(len(packages))
    order = order[np.argsort(packages[order], kind="stable")]
    # The runs' first places shift from epoch to epoch, so that a package's last, short run is not always the same.
    first = int(generator.integers(options.run))
    runs = np.split(order, range(first, len(order), options.run))
    generator.shuffle(runs)
    order = np.concatenate(runs)
    batches = [order[at:at + options.batch] for at in range(0, len(order) - options.batch // 2, options.batch)]
    generator.shuffle(batches)
    return batches


class Rows:
    """The vectors and scales in training."""

    def __init__(self, generator, row_count, inverse_frequency, options):
        self.vectors = generator.standard_normal((row_count, options.dimensions)).astype(np.float32)
        self.vectors /= np.float32(np.sqrt(options.dimensions))
        self.scales = np.ones(row_count, np.float32)
        self.scales[:len(inverse_frequency)] = inverse_frequency
        self.scales /= inverse_frequency.mean()
        self.squares, self.scale_squares = np.full_like(self.vectors, 1e-2), np.full(row_count, 1e-2, np.float32)
        self.gradient, self.is_touched = np.zeros_like(self.vectors), np.zeros(row_count, bool)
        self.touched = np.empty(row_count, np.int32)
        self.inverse_tau = np.float32(1 / options.tau)

    def step(self, question, code, questions, codes, rate):
        """One update with the bags of a batch; returns the loss."""
        left, left_norms = embed(*question, self.vectors, self.scales)
        right, right_norms = embed(*code, self.vectors, self.scales)
        gradient = left @ right.T
        loss = softmax_gradient(gradient, questions, codes, self.inverse_tau)
        to_left, to_right = gradient @ right, gradient.T @ left
        count = spread(*question, left, left_norms, to_left, self.gradient, self.is_touched, self.touched, 0)
        count = spread(*code, right, right_norms, to_right, self.gradient, self.is_touched, self.touched, count)
        descend(self.touched[:count], self.gradient, self.is_touched, self.vectors, self.scales, self.squares,
                self.scale_squares, np.float32(rate))
        return loss


def train(options, corpus, words):
    """Returns (row vectors with their scale folded in, vocabulary order)."""
    order, frequency = vocabulary(corpus, words, options.words)
    rows = row_map(words, order, options.buckets, options.ngram)
    chosen = ~corpus["held_out"]
    for language in filter(None, options.exclude.split(",")):
        chosen &= corpus["language"] != list(corpus["language_names"]).index(language)
    chosen = np.flatnonzero(chosen)
    generator = np.random.default_rng(options.seed)
    if len(chosen) > options.pairs:
        chosen = np.sort(generator.choice(chosen, options.pairs, replace=False))
    batches = Batches(corpus, words, chosen, options, order, rows)
    packages, questions, codes = corpus["package"][chosen], corpus["question"][chosen], corpus["code_hash"][chosen]
    share = (frequency[order] + 1) / len(chosen)
    table = Rows(generator, rows.shape[1], np.clip(np.log(1 + 3 / share), 0.05, None).astype(np.float32), options)
    planned = max(1, int(options.epochs * (len(chosen) // options.batch)))
    print(f"pairs {len(chosen)} rows {rows.shape[1]} words {len(order)} steps {planned}", flush=True)
    started, losses = time.monotonic(), []
    while len(losses) < planned:
        for indices in order_of_pairs(generator, packages, options)[:planned - len(losses)]:
            done = len(losses)
            rate = options.rate * min(1.0, (done + 1) / 50) * max(0.05, 1 - done / planned)
            losses.append(table.step(*batches.make(indices), questions[indices], codes[indices], rate))
            if len(losses) % 200 == 0:
                print(f"step {len(losses)} loss {np.mean(losses[-200:]):.4f} {time.monotonic() - started:.0f} s", flush=True)
    print(f"trained {len(losses)} steps in {time.monotonic() - started:.0f} s", flush=True)
    return table.vectors * table.scales[:, None], order


def main():
    options = settings()
    corpus, words = load(options.work)
    result, order = train(options, corpus, words)
    np.savez(options.output, rows=result, order=order, buckets=options.buckets, ngram=options.ngram, single=True, count="sqrt")


if __name__ == "__main__":
    main()
