"""Vector search over a collection, as a user runs it: query."""

import base64
import json
import math
import random
import struct
import subprocess

import harness
from import_test import npy

DIMENSIONS = 12


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


class Queries(harness.Sandbox):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "vectors"
        self.random = random.Random(11)
        self.records = {}

    def vector(self):
        return [float32(self.random.gauss(0, 1)) for _ in range(DIMENSIONS)]

    def fill(self, count=400, metric="cosine"):
        if metric == "hamming":
            self.vector = lambda: [float(self.random.randrange(2)) for _ in range(DIMENSIONS)]
        lines = []
        for number in range(count):
            name = f"{'doc' if number % 2 else 'img'}/{number}"
            metadata = {"n": number, "lang": ["cpp", "rust", "go"][number % 3], "page": {"number": number % 10}}
            if number % 4 == 0:
                metadata["draft"] = True
            self.records[name] = (self.vector(), metadata)
            lines.append(json.dumps({"id": name, "vector": self.records[name][0], "metadata": metadata}))
        file = self.write("in.jsonl", "\n".join(lines) + "\n")
        self.run_intact("import", file, "--store", self.store, "--metric", metric, "-q")

    def score(self, metric, a, b):
        dot = math.fsum(x * y for x, y in zip(a, b))
        if metric == "dot":
            return dot
        if metric == "hamming":
            return -sum(x != y for x, y in zip(a, b))
        if metric == "euclidean":
            return -math.fsum((x - y) ** 2 for x, y in zip(a, b))
        return dot / math.sqrt(math.fsum(x * x for x in a)) / math.sqrt(math.fsum(x * x for x in b))

    def scan(self, query, metric="cosine", passes=lambda name, metadata: True):
        """Ids and scores of a plain scan, in float64."""
        scores = [
            (self.score(metric, query, vector), name)
            for name, (vector, metadata) in self.records.items()
            if passes(name, metadata)
        ]
        return sorted(scores, key=lambda pair: (-pair[0], pair[1]))

    def ask(self, *arguments, **options):
        return self.run_json("query", self.store, *arguments, **options)

    def assert_hits(self, hits, expected, count):
        self.assertEqual(len(hits), min(count, len(expected)))
        for hit, (score, name) in zip(hits, expected):
            self.assertAlmostEqual(hit["score"], score, places=5)
            # float32 and float64 may order near ties differently.
            near = {other for other_score, other in expected if abs(other_score - score) < 1e-5}
            self.assertIn(hit["id"], near | {name})
            self.assertEqual(hit["metadata"], self.records[hit["id"]][1])


class Answers(Queries):
    def test_each_metric_orders_as_a_plain_scan(self):
        for metric in ("cosine", "dot", "euclidean", "hamming"):
            with self.subTest(metric=metric):
                self.store = self.folder / metric
                self.fill(300, metric)
                query = self.vector()
                answer = self.ask("--vector", json.dumps(query), "-k", "25")
                self.assertEqual((answer["metric"], answer["dimensions"]), (metric, DIMENSIONS))
                self.assertEqual((answer["records"], answer["records_searched"]), (300, 300))
                self.assert_hits(answer["results"][0]["hits"], self.scan(query, metric), 25)

    def test_many_queries_from_files_of_every_kind(self):
        self.fill()
        queries = [self.vector() for _ in range(300)]
        bits = b"".join(struct.pack(f"<{DIMENSIONS}f", *query) for query in queries)
        lines = "".join(json.dumps({"id": f"q{i}", "vector": query}) + "\n" for i, query in enumerate(queries))
        files = [
            self.write("q.npy", npy("<f4", len(queries), DIMENSIONS, bits)),
            self.write("q.f32", bits),
            self.write("q.jsonl", lines),
        ]
        answers = [self.ask("--file", file, "-k", "3", "--threads", str(1 + i)) for i, file in enumerate(files)]
        for number, query in enumerate(queries):
            self.assert_hits(answers[0]["results"][number]["hits"], self.scan(query), 3)
        for answer in answers[1:]:
            self.assertEqual(
                [result["hits"] for result in answer["results"]],
                [result["hits"] for result in answers[0]["results"]],
            )
        self.assertEqual(answers[2]["results"][7]["query_id"], "q7")
        self.assertNotIn("query_id", answers[0]["results"][7])
        # From the standard input, one object a line.
        completed = subprocess.run(
            [harness.PROGRAM, "query", self.store, "--file", "-", "-k", "3", "--jsonl"],
            input=lines.encode(),
            stdout=subprocess.PIPE,
            env=self.environment,
            check=True,
            timeout=harness.TIMEOUT_SECONDS,
        )
        rows = [json.loads(line) for line in completed.stdout.splitlines()]
        self.assertEqual(len(rows), 900)
        self.assertEqual([row["id"] for row in rows[3:6]], [hit["id"] for hit in answers[0]["results"][1]["hits"]])
        self.assertEqual((rows[5]["query"], rows[5]["query_id"]), (1, "q1"))

    def test_filters_come_before_the_best_are_chosen(self):
        self.fill()
        query = self.vector()
        cases = [
            (["--where", "lang=cpp"], lambda name, m: m["lang"] == "cpp"),
            (["--where", "lang!=cpp", "--where", "n<100"], lambda name, m: m["lang"] != "cpp" and m["n"] < 100),
            (["--where", "page.number>=8"], lambda name, m: m["page"]["number"] >= 8),
            (["--where", "draft"], lambda name, m: "draft" in m),
            (["--where", "!draft"], lambda name, m: "draft" not in m),
            (["--id", "doc/1?"], lambda name, m: name.startswith("doc/1") and len(name) == 6),
            (["--id", "doc/7", "--id", "img/8"], lambda name, m: name in ("doc/7", "img/8")),
            (["--id-prefix", "doc/3", "--where", "draft=true"], lambda name, m: False),
            (["--id-prefix", "doc/3"], lambda name, m: name.startswith("doc/3")),
        ]
        for flags, passes in cases:
            with self.subTest(flags=flags):
                expected = self.scan(query, passes=passes)
                status = 0 if expected else 1
                answer = self.ask("--vector", json.dumps(query), "-k", "15", *flags, status=status)
                self.assertEqual(answer["records_searched"], len(expected))
                self.assert_hits(answer["results"][0]["hits"], expected, 15)

    def test_groups_ranges_and_neighbours(self):
        self.fill()
        query = self.vector()
        answer = self.ask("--vector", json.dumps(query), "--group-by", "lang", "--per-group", "2", "-k", "50")
        counts, expected = {}, []
        for score, name in self.scan(query):
            lang = self.records[name][1]["lang"]
            counts[lang] = counts.get(lang, 0) + 1
            if counts[lang] <= 2:
                expected.append((score, name))
        self.assert_hits(answer["results"][0]["hits"], expected, 6)

        answer = self.ask("--vector", json.dumps(query), "--min-score", "0.25")
        expected = [pair for pair in self.scan(query) if pair[0] >= 0.25]
        self.assertGreater(len(expected), 10)
        self.assert_hits(answer["results"][0]["hits"], expected, len(expected))

        answer = self.ask("--like", "doc/5", "--like", "img/6", "-k", "4")
        for result, name in zip(answer["results"], ("doc/5", "img/6")):
            self.assertEqual(result["query_id"], name)
            expected = [pair for pair in self.scan(self.records[name][0]) if pair[1] != name]
            self.assert_hits(result["hits"], expected, 4)

    def test_what_changed_is_found_at_once_and_older_versions_stay(self):
        self.fill(50)
        query = self.records["doc/7"][0]
        first = self.ask("--vector", json.dumps(query), "-k", "1")
        self.assertEqual(first["results"][0]["hits"][0]["id"], "doc/7")
        self.run_intact("delete", "doc/7", "--store", self.store)
        second = self.ask("--vector", json.dumps(query), "-k", "50")
        self.assertNotIn("doc/7", [hit["id"] for hit in second["results"][0]["hits"]])
        self.assertEqual(second["records"], 49)
        line = self.write("new.jsonl", json.dumps({"id": "new", "vector": query, "metadata": {}}) + "\n")
        self.run_intact("import", line, "--store", self.store, "-q")
        third = self.ask("--vector", json.dumps(query), "-k", "1", "--at", str(first["version"]))
        self.assertEqual(third["results"][0]["hits"], first["results"][0]["hits"])
        now = self.ask("--vector", json.dumps(query), "-k", "1")
        self.assertEqual(now["results"][0]["hits"][0]["id"], "new")
        self.assertGreater(now["version"], first["version"])

    def test_people_get_a_line_for_each_result(self):
        self.fill(50)
        completed = self.run_intact("query", self.store, "--like", "doc/7", "-k", "2", "--explain")
        lines = completed.stdout.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"^-?\d\.\d{6}  (doc|img)/\d+  \{.*\}$")
        self.assertRegex(completed.stderr, r"version \d+, cosine: 49 records searched; 49 rows scanned, \d+ refined")
        completed = self.run_intact("query", self.store, "--like", "doc/7", "--like", "doc/9", "-k", "1")
        self.assertIn("query doc/9\n", completed.stdout)
        self.assertEqual(
            self.run_intact("query", "--store", self.store, "--like", "doc/7", "-k", "2").stdout.splitlines(), lines
        )

    def test_numbered_records_without_metadata(self):
        data = struct.pack("<20f", *(float(i % 7) for i in range(20)))
        self.run_intact("import", self.write("in.f32", data), "-d", "2", "--store", self.store, "-q")
        answer = self.ask("--like", "3", "-k", "30")
        self.assertEqual(len(answer["results"][0]["hits"]), 9)
        self.assertIsNone(answer["results"][0]["hits"][0]["metadata"])
        self.assertNotIn("3", [hit["id"] for hit in answer["results"][0]["hits"]])


class Refusals(Queries):
    def assert_says(self, text, *arguments, status=2):
        completed = self.run_intact("query", *arguments, status=status)
        self.assertIn(text, completed.stderr)
        self.assertEqual(completed.stdout, "")

    def test_mistakes_are_named(self):
        self.fill(20)
        store = self.store
        ones = json.dumps([1] * DIMENSIONS)
        nan = base64.b64encode(struct.pack(f"<{DIMENSIONS}I", *([0x7FC00000] * DIMENSIONS))).decode()
        nans = self.write("nan.jsonl", json.dumps({"id": "x", "vector_base64": nan}) + "\n")
        self.assert_says("say what to look for", store)
        self.assert_says("exclude each other", store, "--like", "doc/1", "--vector", ones)
        self.assert_says("exclude each other", store, "--like", "doc/1", "--json", "--jsonl")
        self.assert_says("say which folder", "--vector", ones)
        self.assert_says("the query has 2 dimensions; the vectors of", store, "--vector", "[1, 2]")
        self.assert_says("all zeros", store, "--vector", json.dumps([0] * DIMENSIONS))
        self.assert_says("a NaN", store, "--file", nans)
        self.assert_says("JSON array", store, "--vector", "1, 2")
        self.assert_says("the query vector", store, "--vector", '[1, "x"]')
        self.assert_says('no record "nobody"', store, "--like", "nobody")
        self.assert_says("is no number", store, "--vector", ones, "--min-score", "high")
        self.assert_says("is no condition", store, "--vector", ones, "--where", "=x")
        self.assert_says("needs --group-by", store, "--vector", ones, "--per-group", "2")
        self.assert_says("No such file", store, "--file", "none.npy")
        self.assert_says("there is no collection", self.folder / "none", "--vector", ones, status=3)
        self.assert_says("no version", store, "--vector", ones, "--at", "77")
        self.run_intact("query", store, "--vector", ones, "--min-score", "-0.5", "-q")
        self.run_intact("query", store, "--vector", ones, "--min-score", "2", "-q", status=1)

    def test_an_index_is_no_collection(self):
        self.write_sample()
        self.run_intact("index", "--store", self.store, "-q")
        self.assert_says("is an index of files", self.store, "--vector", "[1]", status=4)


if __name__ == "__main__":
    harness.main()
