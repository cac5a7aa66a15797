"""Reference implementation of the .intactmodel format and of the embedding it defines (README.md). Integers, not speed."""

import collections
import hashlib
import math
import struct

import numpy as np
import scipy.sparse as sparse

import tokenise

MAGIC = b"\x89IMDL\r\n\x1a"
HEADER_SIZE = 256
HEADER = struct.Struct("<8s10I8Q32s32s32s16s28xI")
SLOT = np.dtype([("hash", "<u8"), ("row", "<u4"), ("zero", "<u4")])
EMPTY_ROW = 0xFFFFFFFF
ALIGNMENT = 64
FLAG_SQUARE_ROOT_COUNTS = 1

assert HEADER.size == HEADER_SIZE


def crc32c(data):
    """CRC-32C (Castagnoli), bit-reflected, as in RFC 3720."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 & -(value & 1))
    return value ^ 0xFFFFFFFF


def count_weight(count, square_root):
    """Fixed-point weight of a token that a text holds `count` times: 64 * sqrt(count), rounded down."""
    return math.isqrt(4096 * count) if square_root else 64 * count


def finish(sums):
    """Rows of integer sums to the embedding: normalised, rounded to float16, widened."""
    values = sums.astype(np.float64)
    norms = np.sqrt(np.add.accumulate(values * values, axis=1)[:, -1])
    zero = norms == 0
    values[zero] = 0
    values[zero, 0] = 1
    norms[zero] = 1
    return (values / norms[:, None]).astype(np.float32).astype(np.float16)


class Model:
    """A model file, checked and mapped."""

    def __init__(self, path):
        data = path.read_bytes()
        (magic, version, header_size, self.dimensions, self.word_count, self.bucket_count, self.ngram_size, slot_count, flags,
         self.weight_max, reserved, slots_at, slots_size, weights_at, weights_size, rows_at, rows_size, words_at, words_size,
         self.recipe, digest, self.name, self.revision, crc) = HEADER.unpack(data[:HEADER_SIZE])
        assert magic == MAGIC and version == 1 and header_size == HEADER_SIZE and reserved == 0
        assert crc == crc32c(data[:HEADER_SIZE - 4]), "header damaged"
        assert digest == hashlib.blake2b(data[HEADER_SIZE:], digest_size=32).digest(), "contents damaged"
        rows = self.word_count + self.bucket_count
        assert slots_size == slot_count * SLOT.itemsize and weights_size == 2 * rows and rows_size == rows * self.dimensions
        self.square_root = bool(flags & FLAG_SQUARE_ROOT_COUNTS)
        self.slots = np.frombuffer(data, SLOT, slot_count, slots_at)
        self.weights = np.frombuffer(data, "<u2", rows, weights_at).astype(np.int64)
        self.rows = np.frombuffer(data, np.int8, rows_size, rows_at).reshape(rows, self.dimensions)
        self.words = data[words_at:words_at + words_size].split(b"\n")[:-1]
        assert self.weights.max() <= self.weight_max

    def row_of(self, token):
        """Row of a word of the vocabulary, or -1."""
        wanted = tokenise.fnv1a_64(token)
        at = wanted & (len(self.slots) - 1)
        while self.slots[at]["row"] != EMPTY_ROW:
            if self.slots[at]["hash"] == wanted:
                return int(self.slots[at]["row"])
            at = (at + 1) & (len(self.slots) - 1)
        return -1

    def contribution(self, token):
        """What one occurrence of a token adds: int64 vector."""
        row = self.row_of(token)
        if row >= 0:
            return self.weights[row] * self.rows[row].astype(np.int64)
        total = np.zeros(self.dimensions, np.int64)
        if not token.isdigit():
            grams = tokenise.ngrams(token, self.ngram_size)
            for gram in grams:
                row = self.word_count + tokenise.fnv1a_64(gram) % self.bucket_count
                total += (self.weights[row] // len(grams)) * self.rows[row]
        return total

    def embed(self, data):
        """Embedding of a byte string: float16 vector of the dimensions."""
        total = np.zeros(self.dimensions, np.int64)
        for token, count in collections.Counter(tokenise.tokens(data)).items():
            total += count_weight(count, self.square_root) * self.contribution(token)
        return finish(total[None])[0]

    def embed_counts(self, bag, words):
        """Embeddings of the rows of a sparse matrix of token counts over `words`, as float32."""
        used, columns = np.unique(bag.indices, return_inverse=True)
        table = np.stack([self.contribution(words[token]) for token in used])
        weights = np.array([count_weight(int(count), self.square_root) for count in bag.data], np.int64)
        return finish(sparse.csr_matrix((weights, columns, bag.indptr), shape=(bag.shape[0], len(used))) @ table).astype(np.float32)
