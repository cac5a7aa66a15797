"""Quantises trained rows and writes the model file and its golden values, each in one step (temporary file, rename).

Usage: export.py WORK_FOLDER TRAINED.npz MODEL.intactmodel
"""

import hashlib
import json
import os
import pathlib
import sys

import numpy as np

import model
import tokenise

HERE = pathlib.Path(__file__).parent
RECIPE = ["packages.json", "manifest.json", "fetch.py", "pairs.py", "corpus.py", "tokenise.py", "train.py", "export.py",
          "model.py", "evaluate.py", "train.sh"]
NAME, REVISION = b"intact-code-256", b"2"
WEIGHT_MAX = 8191
SIZE_MAX = 8_000_000
SLOT_LOAD_MAX = 0.6


def quantise(vectors):
    """(u16 weights, int8 rows): weight * row is the vector, up to one factor for all rows."""
    largest = np.abs(vectors).max(1)
    factor = WEIGHT_MAX * 127 / largest.max()
    weights = np.clip(np.ceil(largest * factor / 127), 1, WEIGHT_MAX)
    rows = np.clip(np.rint(vectors * factor / weights[:, None]), -127, 127)
    return weights.astype("<u2"), rows.astype(np.int8)


def hash_slots(words):
    """Open addressing, linear probing, from the low bits of FNV-1a 64."""
    count = 1
    while len(words) > SLOT_LOAD_MAX * count:
        count *= 2
    slots = np.zeros(count, model.SLOT)
    slots["row"] = model.EMPTY_ROW
    seen = set()
    for row, word in enumerate(words):
        value = tokenise.fnv1a_64(word)
        assert value not in seen, "two words with one hash"
        seen.add(value)
        at = value & (count - 1)
        while slots[at]["row"] != model.EMPTY_ROW:
            at = (at + 1) & (count - 1)
        slots[at] = (value, row, 0)
    return slots


def recipe_digest():
    digest = hashlib.sha256()
    for name in RECIPE:
        path = HERE / name
        digest.update(name.encode() + b"\0" + (path.read_bytes() if path.exists() else b"") + b"\0")
    return digest.digest()


def write(path, data):
    """Replaces a file in one step."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def build(words, vectors, buckets, ngram, square_root):
    weights, rows = quantise(vectors)
    slots = hash_slots(words)
    sections = [slots.tobytes(), weights.tobytes(), rows.tobytes(), b"".join(word + b"\n" for word in words)]
    body, places = b"", []
    for section in sections:
        body += b"\0" * (-len(body) % model.ALIGNMENT)
        places += [model.HEADER_SIZE + len(body), len(section)]
        body += section
    flags = model.FLAG_SQUARE_ROOT_COUNTS if square_root else 0
    header = model.HEADER.pack(model.MAGIC, 1, model.HEADER_SIZE, vectors.shape[1], len(words), buckets, ngram, len(slots), flags,
                               WEIGHT_MAX, 0, *places, recipe_digest(), hashlib.blake2b(body, digest_size=32).digest(), NAME,
                               REVISION, 0)[:-4]
    data = header + model.crc32c(header).to_bytes(4, "little") + body
    assert len(data) <= SIZE_MAX, len(data)
    return data


GOLDEN_TEXTS = [
    "", "   \n\t ", "+-*/ == != ( ) { } ;", "_", "0", "4815162342", "a", "where is the retry delay computed", "parse command line arguments",
    "evict the least recently used entry", "HTTPServer2Go parseURLs get_user_by_id kMaxSize SHA256 utf8", "the the the the the the the the",
    "naïve café größe", "日本語のテキスト検索", "xyzzyqwort zzkrwq qqqqjx", "x" * 200, "read\r\na\r\nfile\r\nline\r\nby\r\nline",
    "def add(a, b):\n    \"\"\"Adds two numbers.\"\"\"\n    return a + b\n",
    "static int lruEvict(cache_t *c) {\n    entry_t *e = c->tail;\n    if (!e) return -1;\n    unlink_entry(c, e);\n    free(e);\n    c->count--;\n    return 0;\n}\n",
    "pub fn backoff(&self, attempt: u32) -> Duration {\n    let base = self.base_ms * 2u64.pow(attempt);\n    Duration::from_millis(base.min(self.max_ms) + jitter())\n}\n",
    "func (s *Server) Shutdown(ctx context.Context) error {\n\ts.mu.Lock()\n\tdefer s.mu.Unlock()\n\treturn s.listener.Close()\n}\n",
    "é" * 40 + " emoji 🚀 done", "int x = 0;\n" * 300]
GOLDEN_BYTES = [b"\xff\xfe broken \x80utf8\xc3 word", bytes(range(256))]


def golden(loaded):
    entries = []
    for text in GOLDEN_TEXTS + GOLDEN_BYTES:
        data = text if isinstance(text, bytes) else text.encode()
        values = loaded.embed(data).astype("<f2")
        entry = {"hex": data.hex()} if isinstance(text, bytes) else {"text": text}
        entry["tokens"] = len(tokenise.tokens(data))
        entry["blake2b_256"] = hashlib.blake2b(values.tobytes(), digest_size=32).hexdigest()
        entry["first"] = [f"{int(value):04x}" for value in values.view("<u2")[:8]]
        entries.append(entry)
    return entries


TOKENISER_TEXTS = [
    "", " ", "_", "a", "A", "aB", "AB", "ABc", "ABcD", "HTTPServer2Go", "snake_case_name", "SCREAMING_SNAKE", "camelCaseName", "getURLs",
    "URLs and IDs", "URLsToGo", "IDs2", "As", "ABs_x", "iOSApp", "parseHTTPResponse", "utf8 UTF8 Utf8", "sha256sum", "0x1F", "3.14e-10",
    "x86_64", "a1b2c3", "don't stop", "line one\r\nline two\r\n", "tab\tand\x00nul", "std::vector<int>", "foo->bar.baz", "$dollar @at #hash",
    "naïve Café GRÖSSE Größe", "ÉCOLE", "日本語 テキスト", "HTTPé", "ABsé", "🚀Rocket", "a" * 64, "a" * 65, "A" * 70, "1" * 130, "x" * 63 + "é" * 3,
    "__init__", "kMaxSize", "vec3f", "İstanbul"]
TOKENISER_BYTES = [b"\xff\xfeab", b"caf\xe9 Bar", b"A\x80B", b"AB\x80", b"\xc3(", bytes(range(256))]


def tokeniser_cases():
    """Tokens are written as text where they are UTF-8, else as {"hex": ...}."""
    def shown(token):
        try:
            return token.decode()
        except UnicodeDecodeError:
            return {"hex": token.hex()}

    cases = []
    for text in TOKENISER_TEXTS + TOKENISER_BYTES:
        data = text if isinstance(text, bytes) else text.encode()
        cases.append(({"hex": data.hex()} if isinstance(text, bytes) else {"text": text}) |
                     {"tokens": [shown(token) for token in tokenise.tokens(data)]})
    return cases


def as_lines(entries):
    return ("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in entries) + "\n]\n").encode()


def main():
    work, trained, target = (pathlib.Path(argument) for argument in sys.argv[1:4])
    words = (work / "tokens.txt").read_bytes().split(b"\n")[:-1]
    loaded = np.load(trained)
    data = build([words[token] for token in loaded["order"]], loaded["rows"], int(loaded["buckets"]), int(loaded["ngram"]),
                 str(loaded["count"]) == "sqrt")
    write(target, data)
    write(target.with_name("tokeniser_cases.json"), as_lines(tokeniser_cases()))
    write(target.with_name("golden.json"), as_lines(golden(model.Model(target))))
    print(target, len(data), "bytes, SHA-256", hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    main()
