"""How fast vectors are searched, and that it is exact: bench search, as a user runs it."""

import random
import struct
import unittest

import harness

KEYS = {"source": str, "kind": str, "rows": int, "dimensions": int, "is_whole": bool, "metric": str, "raw_bytes": int,
        "scanned_bytes": int, "queries": int, "queries_from": str, "k": int, "processor": str, "exact": bool,
        "ways": list, "peak_bytes": int, "lists": int, "lists_seconds": float, "seconds": float}
WAY_KEYS = {"way": str, "name": str, "threads": int, "batch": int, "probes": int, "queries": int, "p50_seconds": float,
            "p99_seconds": float, "processor_seconds": float, "queries_per_second": float, "rows_scanned": float,
            "rows_refined": float, "rows_scored": float, "bytes_touched": float, "bytes_kept": int}


class BenchSearch(harness.Sandbox):
    def write_vectors(self, name, rows, dimensions, seed=1):
        generator = random.Random(seed)
        values = [generator.gauss(0, 1) for _ in range(rows * dimensions)]
        return self.write(f"{name}__{dimensions}__{rows}.f32", struct.pack(f"<{len(values)}f", *values))

    def check(self, report, ways):
        """`report` has all fields, of these ways, and every exact answer is right."""
        numbers = (int, float)
        for key, kind in KEYS.items():
            self.assertIsInstance(report[key], numbers if kind is float else kind, key)
        self.assertEqual([way["way"] for way in report["ways"]], ways)
        self.assertIs(report["exact"], True)
        for way in report["ways"]:
            for key, kind in WAY_KEYS.items():
                self.assertIsInstance(way[key], numbers if kind is float else kind, key)
            self.assertGreater(way["p50_seconds"], 0)
            self.assertGreaterEqual(way["p99_seconds"], way["p50_seconds"])
            if way["way"] == "approximate":
                self.assertIsNone(way["differing"])
                self.assertGreater(way["recall"], 0.3)
            else:
                self.assertEqual((way["differing"], way["recall"]), (0, 1))

    def test_a_file_is_asked_for_rows_held_out(self):
        file = self.write_vectors("some", 800, 24)
        report = self.run_json("bench", "search", file, "--count", "40", "-k", "5")
        self.check(report, ["plain", "exact", "batch", "threads"])
        self.assertEqual((report["source"], report["kind"], report["rows"]), (str(file), "file", 760))
        self.assertEqual((report["queries"], report["queries_from"], report["k"]), (40, "rows held out", 5))
        self.assertEqual(report["raw_bytes"], 760 * 24 * 4)
        self.assertEqual(report["metric"], "cosine")
        self.assertIsNone(report["resident_bytes"])
        plain, exact, batch, threads = report["ways"]
        self.assertEqual(plain["rows_scored"], 760)
        self.assertEqual(exact["rows_scanned"], 760)
        self.assertEqual((batch["batch"], threads["threads"]), (40, 2))
        self.assertGreater(exact["floor_seconds"], 0)
        self.assertIsNone(batch["floor_seconds"])

    def test_a_store_is_searched_by_its_metric(self):
        file = self.write_vectors("some", 800, 24)
        queries = self.write_vectors("asked", 30, 24, seed=2)
        self.run_intact("import", file, "--store", "store", "--metric", "euclidean")
        report = self.run_json("bench", "search", "--store", "store", "--queries", queries, "--threads", "1")
        self.check(report, ["plain", "exact", "batch"])
        self.assertEqual((report["kind"], report["metric"], report["rows"]), ("store", "euclidean", 800))
        self.assertEqual((report["queries"], report["queries_from"]), (30, str(queries)))
        self.assertGreater(report["resident_bytes"], 0)
        self.assertGreater(report["first_seconds"], 0)
        own = self.run_json("bench", "search", "--store", "store", "--metric", "dot", "--count", "9")
        self.assertEqual((own["metric"], own["queries"], own["queries_from"]), ("dot", 9, "changed rows"))

    def test_an_index_is_asked_questions(self):
        self.write_many(3)
        store = self.folder / "store"
        self.run_intact("index", "--store", store)
        report = self.run_json("bench", "search", "--store", store)
        self.check(report, ["plain", "exact", "batch", "threads"])
        self.assertGreater(report["rows"], 20)
        questions = self.write("questions.txt", "adds part 3 of 1\n\n  \nretry delay")
        report = self.run_json("bench", "search", "--store", store, "--questions", questions)
        self.check(report, ["plain", "exact", "batch", "threads"])
        self.assertEqual((report["queries"], report["queries_from"]), (2, str(questions)))
        self.assertIn("none.txt", self.run_intact("bench", "search", "--store", store, "--questions", "none.txt",
                                                  status=2).stderr)
        empty = self.write("empty.txt", " \n")
        self.run_intact("bench", "search", "--store", store, "--questions", empty, status=4)

    def test_questions_are_for_an_index(self):
        file = self.write_vectors("some", 50, 24)
        self.run_intact("import", file, "--store", "store")
        questions = self.write("questions.txt", "retry delay\n")
        self.assertIn("model", self.run_intact("bench", "search", "--store", "store", "--questions", questions,
                                               status=4).stderr)

    def test_rows_and_queries_are_saved_for_others(self):
        file = self.write_vectors("some", 40, 24)
        self.run_json("bench", "search", file, "--save", "saved/here")
        folder = self.tree / "saved/here"
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["queries__24__4.f32", "rows__24__36.f32"])
        rows = (folder / "rows__24__36.f32").read_bytes() + (folder / "queries__24__4.f32").read_bytes()
        given = file.read_bytes()
        self.assertEqual(sorted(rows[i:i + 96] for i in range(0, len(rows), 96)),
                         sorted(given[i:i + 96] for i in range(0, len(given), 96)))

    def test_vectors_are_made_by_rules(self):
        report = self.run_json("bench", "search", "--generate", "clustered", "--rows", "3000", "--dimensions", "64",
                               "--count", "30", "--approximate", "--probes", "7", "--batch", "10", "--seed", "5")
        self.check(report, ["plain", "exact", "batch", "threads", "approximate"])
        self.assertEqual((report["source"], report["kind"], report["rows"]), ("clustered", "rule", 3000))
        self.assertEqual(report["ways"][-1]["probes"], 7)
        self.assertGreater(report["lists"], 7)
        self.assertGreater(report["lists_seconds"], 0)

    def test_shows_a_table_within_100_columns(self):
        text = self.run_intact("bench", "search", "--generate", "isotropic", "--rows", "2000", "--dimensions", "100",
                               "--count", "20", "--approximate").stdout
        for word in ("isotropic: 2,000 rows of 100 dimensions", "plain float32 scan", "exact, batches of 20",
                     "exact, 2 threads", "approximate, ", "p99 ms", "floor ms", "to the bit."):
            self.assertIn(word, text)
        for line in text.splitlines()[1:]:
            self.assertLessEqual(len(line), 100, line)

    def test_the_first_rows_of_a_file(self):
        file = self.write_vectors("some", 300, 24)
        report = self.run_json("bench", "search", file, "--rows", "200", "--queries", file, "--count", "10")
        self.assertEqual((report["rows"], report["is_whole"], report["queries"]), (200, False, 10))

    def test_mistakes_are_said(self):
        file = self.write_vectors("some", 30, 24)
        other = self.write_vectors("other", 3, 8)
        broken = self.write("broken__2__3.f32", b"\0" * 23)
        cases = [
            ([], 2, "missing FILE"),
            ([file, "--generate", "clustered"], 2, "exclude each other"),
            (["--store", "none"], 3, "none"),
            (["--store", "x", "--rows", "5"], 2, "--rows is for"),
            (["--store", "x", "--dimensions", "5"], 2, "--dimensions is for"),
            (["none.f32"], 2, "none.f32"),
            ([broken], 4, "broken__2__3.f32"),
            ([file, "--queries", other], 4, "has 8 dimensions"),
            ([file, "--queries", "none.npy"], 2, "none.npy"),
            (["--generate", "spiral"], 2, "isotropic"),
            (["--generate", "isotropic", "--dimensions", "65536", "--rows", "100000000"], 2, "32 GiB"),
            ([file, "-k", "0"], 2, "from 1"),
            ([file, "--threads", "0"], 2, "from 1"),
            ([file, "--batch", "1"], 2, "from 2"),
            ([file, "--metric", "manhattan"], 2, "cosine"),
            ([file, file], 2, "__24__30.f32"),
            ([file, "--questions", "asked.txt"], 2, "--questions is for"),
            (["--store", "x", "--questions", "a", "--queries", "b"], 2, "exclude each other"),
            (["--store", "x", "--model", "m"], 2, "--model is for"),
        ]
        for words, status, message in cases:
            completed = self.run_intact("bench", "search", *words, status=status)
            self.assertEqual(completed.stdout, "", words)
            self.assertIn(message, completed.stderr, words)

    def test_the_group_explains_itself(self):
        self.assertIn("search", self.run_intact("bench", status=2).stderr)
        self.assertIn("intact bench search [FLAGS] [FILE]", self.run_intact("help", "bench").stdout)
        self.assertIn("--approximate", self.run_intact("help", "bench", "search").stdout)

    def test_shows_how_far_it_is(self):
        terminal = harness.Terminal(self, "bench", "search", "--generate", "clustered", "--rows", "20000")
        self.assertEqual(terminal.finish(), 0, terminal.text)
        self.assertIn("measuring", terminal.text)


if __name__ == "__main__":
    harness.main()
