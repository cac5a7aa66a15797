"""Approximate search as a user runs it: approx, query --approximate, search --approximate, and what stats say."""

import json
import random
import struct

import harness
from import_test import npy

DIMENSIONS = 32
ROWS = 24_000


class Approx(harness.Sandbox):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "vectors"
        self.random = random.Random(5)
        self.centres = [[self.random.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in range(60)]

    def vector(self):
        return [x + 0.4 * self.random.gauss(0, 1) for x in self.random.choice(self.centres)]

    def fill(self, rows=ROWS):
        values = b"".join(struct.pack(f"<{DIMENSIONS}f", *self.vector()) for _ in range(rows))
        file = self.write("in.npy", npy("<f4", rows, DIMENSIONS, values))
        self.run_intact("import", file, "--store", self.store, "--append", "-q")

    def ask(self, query, *arguments):
        return self.run_json("query", self.store, "--vector", json.dumps(query), *arguments)

    def test_lists_are_made_used_measured_and_dropped(self):
        self.fill()
        self.assertIsNone(self.run_json("stats", "--store", self.store)["approximate"])
        report = self.run_json("approx", "--store", self.store)
        self.assertTrue(report["is_trained"])
        self.assertGreater(report["files_written"], 0)
        status = report["approximate"]
        self.assertGreater(status["rows_covered"], ROWS // 2)
        self.assertGreaterEqual(status["recall"], 0.99)
        self.assertGreaterEqual(status["sample_size"], 200)
        self.assertEqual(self.run_json("approx", "--store", self.store)["files_written"], 0)

        found = 0
        for _ in range(20):
            query = self.vector()
            exact = self.ask(query)
            answer = self.ask(query, "--approximate")
            self.assertFalse(exact["is_approximate"])
            self.assertTrue(answer["is_approximate"])
            self.assertEqual(answer["probes"], status["probes"])
            self.assertLess(answer["results"][0]["rows_scanned"], exact["results"][0]["rows_scanned"])
            scores = {hit["id"]: hit["score"] for hit in exact["results"][0]["hits"]}
            hits = answer["results"][0]["hits"]
            found += sum(hit["id"] in scores for hit in hits)
            for hit in hits:
                self.assertEqual(hit["score"], scores.get(hit["id"], hit["score"]))
            everything = self.ask(query, "--approximate", "--probes", str(status["lists"]))
            self.assertFalse(everything["is_approximate"])
            self.assertEqual(everything["results"][0]["hits"], exact["results"][0]["hits"])
        self.assertGreaterEqual(found, 190)

        text = self.run_intact("stats", "--store", self.store).stdout
        self.assertIn("approximate", text)
        self.assertIn("inverted lists", text)
        stats = self.run_json("stats", "--store", self.store)
        self.assertEqual(stats["approximate"]["lists"], status["lists"])
        parts = {part["name"]: part["bytes"] for part in stats["components"]}
        self.assertEqual(sum(parts.values()), stats["stored_bytes"])
        self.assertEqual(parts["inverted lists"], stats["approximate"]["bytes"])

        self.assertGreater(self.run_json("approx", "--drop", "--store", self.store)["bytes_freed"], 100_000)
        self.assertFalse((self.store / "approx").exists())
        answer = self.ask(self.vector(), "--approximate")
        self.assertFalse(answer["is_approximate"])
        self.assertIn("intact approx", answer["problems"][0])

    def test_answers_are_labelled_and_new_records_found_at_once(self):
        self.fill()
        self.run_intact("approx", "--store", self.store, "-q")
        query = self.vector()
        result = self.run_intact("query", self.store, "--vector", json.dumps(query), "--approximate")
        self.assertIn("approximate results", result.stderr)
        line = self.run_intact(
            "query", self.store, "--vector", json.dumps(query), "--approximate", "--jsonl"
        ).stdout.splitlines()[0]
        self.assertTrue(json.loads(line)["is_approximate"])
        one = self.write("one.npy", npy("<f4", 1, DIMENSIONS, struct.pack(f"<{DIMENSIONS}f", *query)))
        self.run_intact("import", one, "--append", "--store", self.store, "-q")
        self.assertEqual(self.ask(query, "--approximate", "-k", "1")["results"][0]["hits"][0]["id"], str(ROWS))
        self.run_intact("delete", str(ROWS), "--store", self.store, "-q")
        hits = self.ask(query, "--approximate")["results"][0]["hits"]
        self.assertNotIn(str(ROWS), [hit["id"] for hit in hits])

    def test_damaged_lists_cost_speed_only(self):
        self.fill()
        self.run_intact("approx", "--store", self.store, "-q")
        query = self.vector()
        exact = self.ask(query)["results"][0]["hits"]
        for path in (self.store / "approx").glob("*.ivf"):
            path.write_bytes(path.read_bytes()[:5000])
        answer = self.ask(query, "--approximate")
        self.assertFalse(answer["is_approximate"])
        self.assertTrue(answer["problems"])
        self.assertEqual(answer["results"][0]["hits"], exact)
        report = self.run_json("verify", "--store", self.store)
        self.assertTrue(report["is_intact"])
        self.assertEqual(len(report["approx_problems"]), 1)
        self.assertIn("intact approx makes it anew", self.run_intact("verify", "--store", self.store).stderr)
        self.assertTrue(self.run_json("doctor", "--store", self.store)["is_sound"])
        self.assertGreater(self.run_json("approx", "--store", self.store)["files_written"], 0)
        self.assertTrue(self.ask(query, "--approximate")["is_approximate"])

    def test_gc_takes_lists_of_what_it_rewrites_along(self):
        self.fill()
        self.run_intact("approx", "--store", self.store, "-q")
        self.run_intact("delete", "7", "--store", self.store, "-q")
        self.run_intact("gc", "--yes", "--store", self.store, "-q")
        self.assertEqual(list((self.store / "approx").glob("*.ivf")), [])
        self.assertTrue(self.run_json("approx", "--store", self.store)["files_written"])

    def test_an_index_can_be_asked_for_approximate_answers_too(self):
        self.write_sample()
        self.run_intact("index", self.tree, "-q")
        report = self.run_json("approx", self.tree)
        self.assertIsNone(report["approximate"])
        for mode in ("hybrid", "vector"):
            answer = self.run_json("search", "retry delay", self.tree, "--approximate", "--mode", mode)
            self.assertFalse(answer["is_approximate"])
            self.assertEqual(answer["hits"][0]["path"], "src/retry.py")
        self.run_intact("search", "x", self.tree, "--approximate", "--mode", "text", status=2)
        self.run_intact("search", "x", self.tree, "--probes", "3", status=2)
        self.run_intact("approx", self.tree, "--drop", "--retrain", status=2)


if __name__ == "__main__":
    harness.main()
