"""Versions as a user meets them: listing, tags, differences, going back, reading older ones, single records."""

import json
import os
import random
import signal
import struct
import subprocess
import time

import harness


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


class OfAnIndex(harness.Sandbox):
    def setUp(self):
        super().setUp()
        self.write_sample()
        self.run_intact("index")

    def versions(self, *arguments):
        return self.run_json("versions", *arguments)["versions"]

    def hits(self, query, *arguments):
        return [(hit["path"], hit["first_line"], hit["score"]) for hit in
                self.run_json("search", query, "--mode", "vector", *arguments)["hits"]]

    def test_one_run_is_one_version_and_a_fresh_index_has_one(self):
        self.assertEqual(len(self.versions()), 1)
        self.write_many(60)
        self.run_intact("index")
        self.assertEqual([version["files"] for version in self.versions()], [63, 3])
        self.run_intact("index")
        self.assertEqual(len(self.versions()), 2)
        text = self.run_intact("versions").stdout
        self.assertIn("63 files", text)
        self.assertIn("current", text)
        self.assertIn("the last 8 versions", text)

    def test_a_run_of_many_batches_leaves_one_version_and_its_own_data_only(self):
        tree = self.folder / "large"
        for number in range(700):
            path = tree / f"m{number}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(harness.module_text(number))
        store = self.folder / "large-store"
        report = self.run_json("index", tree, "--store", store)
        self.assertGreater(report["version"], 2)
        versions = self.run_json("versions", "--store", store)["versions"]
        self.assertEqual(len(versions), 1)
        on_disk = sum(path.stat().st_size for path in store.iterdir())
        journals = sum(path.stat().st_size for path in store.iterdir() if path.name.startswith("journal-"))
        self.assertLess(on_disk - journals, versions[0]["bytes"] + 20_000)

    def test_a_rollback_brings_every_score_back_and_the_next_index_sees_what_changed(self):
        query = "how long to wait before the next attempt"
        before = self.hits(query)
        status = self.run_json("status")
        version = status["version"]
        self.write("src/retry.py", "def unrelated():\n    return 'something else entirely'\n")
        self.write("src/new.py", harness.RETRY)
        (self.tree / "docs/guide.md").unlink()
        self.run_intact("index")
        after = self.hits(query)
        self.assertNotEqual(before, after)
        self.assertEqual(self.hits(query, "--at", str(version)), before)
        at = self.run_json("status", "--at", str(version))
        self.assertEqual((at["files"], at["chunks"], at["version"]), (3, status["chunks"], version))

        diff = self.run_json("diff", str(version))
        found = {entry["name"]: entry["difference"] for entry in diff["entries"]}
        self.assertEqual(found, {"src/retry.py": "changed", "src/new.py": "added", "docs/guide.md": "removed"})
        self.assertTrue(diff["is_complete"])
        self.assertEqual((diff["added"], diff["removed"], diff["changed"]), (1, 1, 1))

        done = self.run_intact("rollback", str(version))
        self.assertIn("back at version", done.stdout)
        self.assertIn("To undo: intact rollback", done.stdout)
        self.assertEqual(self.hits(query), before)
        self.assertEqual(self.run_json("diff", str(version))["entries"], [])
        self.run_intact("verify")

        report = self.run_json("index")
        self.assertEqual((report["files_indexed"], report["files_removed"], report["files_unchanged"]), (2, 1, 1))
        self.assertEqual(self.hits(query), after)
        self.run_intact("verify")

    def test_a_file_that_is_only_touched_is_no_difference(self):
        version = self.run_json("status")["version"]
        os.utime(self.tree / "src/retry.py", ns=(1, 1))
        self.run_intact("index")
        self.assertEqual(self.run_json("diff", str(version))["entries"], [])

    def test_rows_given_out_again_after_a_rollback_mix_nothing_up(self):
        generator = random.Random(4)
        base = self.run_json("status")["version"]
        self.run_intact("tag", "base", str(base))
        query = "adds part of module"
        for step in range(6):
            self.write(f"step{step}.py", harness.module_text(generator.randrange(1000)))
            self.run_intact("index")
            expected = self.hits(query, "-k", "30")
            version = self.run_json("status")["version"]
            self.run_intact("rollback", "base")
            self.assertEqual(self.run_json("index")["files_indexed"], step + 1)
            self.assertEqual(self.hits(query, "-k", "30"), expected)
            self.assertEqual(self.hits(query, "-k", "30", "--at", str(version)), expected)
            self.run_intact("verify")

    def test_tags_name_move_and_keep(self):
        first = self.run_json("status")["version"]
        tagged = self.run_json("tag", "good")
        self.assertEqual((tagged["tag"], tagged["target_version"]), ("good", first))
        self.run_intact("retain", "--last", "1")
        for number in range(3):
            self.write("src/more.py", harness.module_text(number))
            self.run_intact("index")
        versions = self.versions()
        self.assertEqual([version["tags"] for version in versions], [[], ["good"]])
        self.assertEqual(self.run_json("status", "--at", "good")["files"], 3)
        self.run_intact("tag", "good")
        self.assertEqual([version["tags"] for version in self.versions()], [[], ["good"]])
        self.assertEqual(self.run_json("status", "--at", "good")["files"], 4)
        self.run_intact("untag", "good")
        self.assertEqual(len(self.versions()), 1)
        self.assertIn("no tag 'good'", self.run_intact("untag", "good", status=2).stderr)
        self.assertEqual(self.run_intact("tag", "7up", status=2).stdout, "")

    def test_the_rule_of_what_is_kept(self):
        self.assertIn("the last 8 versions", self.run_intact("retain").stdout)
        for number in range(12):
            self.write("src/more.py", harness.module_text(number))
            self.run_intact("index")
        self.assertEqual(len(self.versions()), 8)
        rule = self.run_json("retain", "--last", "2", "--days", "0")
        self.assertEqual((rule["keep_last"], rule["versions_dropped"]), (2, 7))
        self.assertEqual(len(self.versions()), 2)
        self.run_intact("retain", "--days", "3")
        for number in range(4):
            self.write("src/more.py", harness.module_text(100 + number))
            self.run_intact("index")
        self.assertEqual(len(self.versions()), 7)
        self.assertEqual(self.run_json("versions", "--limit", "3")["version_count"], 7)
        self.assertEqual(len(self.versions("--limit", "3")), 3)

    def test_gc_drops_untagged_versions_unless_told_otherwise(self):
        self.run_intact("tag", "first")
        for number in range(5):
            self.write("src/more.py", harness.module_text(number))
            self.run_intact("index")
        before = {path.name: path.read_bytes() for path in self.only_store().iterdir()}
        dry = self.run_json("gc", "--dry-run")
        self.assertEqual({path.name: path.read_bytes() for path in self.only_store().iterdir()}, before)
        self.assertGreater(dry["vectors_removed"], 0)
        count = len(self.versions())
        self.assertEqual(dry["versions_removed"], count - 2)
        self.run_intact("gc", "--yes", "--keep-versions")
        self.assertGreaterEqual(len(self.versions()), count)
        query = "adds part"
        expected = self.hits(query)
        done = self.run_json("gc", "--yes")
        self.assertLessEqual(done["bytes_after"], done["bytes_before"])
        self.assertEqual([version["tags"] for version in self.versions()], [[], ["first"]])
        self.assertEqual(self.hits(query), expected)
        self.run_intact("verify")

    def test_a_rollback_that_is_killed_did_happen_or_did_not(self):
        version = self.run_json("status")["version"]
        self.run_intact("tag", "old", str(version))
        self.write_many(20)
        self.run_intact("index")
        new = {path: text for path, _, text in self.hits("adds part", "-k", "5")}
        generator = random.Random(9)
        files = {3, 23}
        for _ in range(12):
            process = self.start("rollback", "old")
            time.sleep(generator.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.assertIn(self.run_json("status")["files"], files)
            self.run_intact("verify")
        self.run_intact("rollback", "old")
        self.assertEqual(self.run_json("status")["files"], 3)
        self.run_intact("index")
        self.assertEqual({path: text for path, _, text in self.hits("adds part", "-k", "5")}, new)

    def test_what_is_not_there_is_said(self):
        for command in (["rollback", "77"], ["diff", "77"], ["tag", "x", "77"], ["status", "--at", "77"],
                        ["search", "x", "--at", "nothing"], ["stats", "--at", "77"]):
            completed = self.run_intact(*command, status=2)
            self.assertIn("no version and no tag", completed.stderr, command)
            self.assertEqual(completed.stdout, "")
        self.assertIn("--at", self.run_intact("search", "x", "--at", "1", "--refresh", status=2).stderr)
        other = self.folder / "other"
        other.mkdir()
        for command in (["versions", other], ["diff", "1", "--dir", other], ["rollback", "1", "--dir", other],
                        ["retain", "--dir", other], ["search", "x", other, "--at", "1"]):
            self.assertIn("no index", self.run_intact(*command, status=3).stderr)
        self.assertEqual(self.run_json("versions", "--store", self.only_store())["version_count"], 1)
        self.assertEqual(self.run_json("diff", "2", "--dir", self.tree / "src")["entries"], [])


class OfACollection(harness.Sandbox):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "vectors"
        self.generator = random.Random(11)

    def run_on(self, command, *arguments, **options):
        return self.run_intact(command, *arguments, "--store", self.store, **options)

    def json_on(self, command, *arguments, **options):
        return self.run_json(command, *arguments, "--store", self.store, **options)

    def feed(self, command, text, *arguments, status=0):
        completed = subprocess.run(
            [harness.PROGRAM, command, *map(str, arguments), "--store", str(self.store), "--json"],
            input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment,
            cwd=self.tree, check=False, timeout=harness.TIMEOUT_SECONDS)
        self.assertEqual(completed.returncode, status, completed.stderr)
        return json.loads(completed.stdout) if completed.stdout else completed.stderr.decode()

    def row(self, name, metadata=None):
        # Values of few bits, whose shortest text is the same as float32 and as Python's float.
        vector = [self.generator.randrange(-4096, 4096) / 64 for _ in range(5)]
        row = {"id": name, "vector": vector}
        if metadata is not None:
            row["metadata"] = metadata
        return row

    def text(self, rows):
        return "".join(json.dumps(row) + "\n" for row in rows)

    def give_out(self, *arguments):
        return self.run_on("export", "-", "--format", "jsonl", *arguments).stdout

    def test_every_kept_version_comes_out_as_it_went_in(self):
        rows = {}
        outputs = {}
        for step in range(10):
            changed = [self.row(f"r{self.generator.randrange(60)}", {"step": step}) for _ in range(15)]
            report = self.feed("put", self.text(changed))
            rows.update((row["id"], row) for row in changed)
            outputs[report["version"]] = self.give_out()
            if step % 3 == 2:
                gone = self.generator.sample(sorted(rows), 5)
                done = self.json_on("delete", *gone, "not there")
                self.assertEqual((done["deleted"], done["missing"], done["records"]), (5, 1, len(rows) - 5))
                for name in gone:
                    del rows[name]
                outputs[done["version"]] = self.give_out()
            found = {row["id"]: row for row in lines_of(self.give_out())}
            self.assertEqual(found, rows)
        versions = self.json_on("versions")["versions"]
        self.assertEqual(len(versions), 8)
        for version in versions:
            number = str(version["version"])
            self.assertEqual(self.give_out("--at", number), outputs[version["version"]])
            self.assertEqual(version["records"], len(outputs[version["version"]].splitlines()))
        oldest = str(versions[-1]["version"])
        older = {row["id"]: row for row in lines_of(outputs[versions[-1]["version"]])}
        diff = self.json_on("diff", oldest)
        expected = {}
        for name in older.keys() | rows.keys():
            if name not in rows:
                expected[name] = "removed"
            elif name not in older:
                expected[name] = "added"
            elif older[name] != rows[name]:
                expected[name] = "changed"
        self.assertEqual({entry["name"]: entry["difference"] for entry in diff["entries"]}, expected)
        limited = self.json_on("diff", oldest, "--limit", "2")
        self.assertEqual((len(limited["entries"]), limited["is_complete"]), (2, False))
        self.assertEqual(limited["changed"], diff["changed"])
        self.run_on("rollback", oldest)
        self.assertEqual(self.give_out(), outputs[versions[-1]["version"]])
        self.run_on("verify")

    def test_metadata_alone_is_a_difference_and_a_merge_is_none(self):
        rows = [self.row(f"r{n}", {"n": n}) for n in range(40)]
        first = self.feed("put", self.text(rows))["version"]
        self.run_on("tag", "first", str(first))
        rows[7]["metadata"] = {"n": "seven"}
        self.feed("put", self.text([rows[7]]))
        diff = self.json_on("diff", "first")
        self.assertEqual([(e["name"], e["difference"]) for e in diff["entries"]], [("r7", "changed")])
        # Many small imports are merged on the way, and rows move without being differences.
        for n in range(20):
            self.feed("put", self.text([self.row(f"s{n}")]))
        diff = self.json_on("diff", "first")
        self.assertEqual((diff["added"], diff["changed"], diff["removed"]), (20, 1, 0))

    def test_get_prints_what_put_took_bit_for_bit(self):
        import base64
        odd = struct.pack("<3I", 0x7FC12345, 0x80000000, 0xFF800000)
        text = ('{"id":"odd","vector_base64":"%s","metadata":{"x":1}}\n' % base64.b64encode(odd).decode()
                + '{"id":"plain","vector":[0.1,-0,3e-45]}\n')
        self.feed("put", text)
        out = self.run_on("get", "plain", "odd").stdout
        rows = lines_of(out)
        self.assertEqual([row["id"] for row in rows], ["plain", "odd"])
        self.assertEqual(base64.b64decode(rows[1]["vector_base64"]), odd)
        self.assertEqual(rows[1]["metadata"], {"x": 1})
        self.assertEqual(struct.pack("<3f", *rows[0]["vector"]), struct.pack("<3f", 0.1, -0.0, 3e-45))
        self.assertEqual(self.feed("put", out)["rows_unchanged"], 2)
        missing = self.run_on("get", "nobody", "odd", status=1)
        self.assertIn("nobody", missing.stderr)
        self.assertEqual(len(missing.stdout.splitlines()), 1)

    def test_a_deleted_id_comes_back_at_the_end(self):
        rows = [self.row(name) for name in ("a", "b", "c")]
        self.feed("put", self.text(rows))
        self.run_on("delete", "a")
        self.assertEqual([row["id"] for row in lines_of(self.give_out())], ["b", "c"])
        self.assertEqual(self.feed("put", self.text(rows))["rows_added"], 1)
        self.assertEqual(lines_of(self.give_out()), [rows[1], rows[2], rows[0]])
        self.assertEqual(self.json_on("stats")["rows"], 3)

    def test_numbers_keep_their_places(self):
        data = struct.pack("<20f", *range(20))
        file = self.write("a__2__10.f32", data)
        self.run_on("import", file)
        self.run_on("delete", "3", "9", "007")
        kept = data[:24] + data[32:72]
        self.run_on("export", "less.f32")
        self.assertEqual((self.tree / "less.f32").read_bytes(), kept)
        self.assertEqual(self.json_on("import", file)["rows_added"], 2)
        self.run_on("export", "out.f32")
        self.assertEqual((self.tree / "out.f32").read_bytes(), data)
        self.run_on("verify")

    def test_ids_to_delete_come_from_files_and_the_standard_input(self):
        self.feed("put", self.text([self.row(f"r{n}") for n in range(30)]))
        ids = self.write("ids.txt", "r0\nr1\r\n\nr2\n")
        self.assertEqual(self.json_on("delete", "--file", ids, "r3")["records"], 26)
        self.assertEqual(self.feed("delete", "r4\nr5\n", "--stdin")["records"], 24)
        self.assertIn("--stdin", self.run_on("delete", status=2).stderr)
        self.assertIn("no collection", self.run_intact("delete", "x", "--store", self.folder / "no", status=3).stderr)

    def test_gc_frees_replaced_and_deleted_rows(self):
        rows = [self.row(f"r{n}", {"text": "x" * 50}) for n in range(3000)]
        self.feed("put", self.text(rows))
        for row in rows[:1500]:
            row["vector"] = self.row("")["vector"]
        self.feed("put", self.text(rows[:1500]))
        self.run_on("delete", *[row["id"] for row in rows[2000:2900]])
        expected = self.give_out()
        self.assertEqual(len(expected.splitlines()), 2100)
        size = self.json_on("versions")["versions"][0]["bytes"]
        dry = self.json_on("gc", "--dry-run")
        self.assertEqual(dry["vectors_removed"], 2400)
        done = self.json_on("gc", "--yes")
        self.assertEqual(done["vectors_removed"], 2400)
        self.assertLess(done["bytes_after"], done["bytes_before"])
        self.assertLess(self.json_on("versions")["versions"][0]["bytes"], 0.7 * size)
        stats = self.json_on("stats")
        self.assertEqual((stats["rows"], stats["rows_superseded"], stats["versions"]), (2100, 0, 1))
        self.assertEqual(self.give_out(), expected)
        self.assertEqual(self.json_on("gc", "--yes")["vectors_removed"], 0)
        self.assertEqual(self.feed("put", self.text(rows))["rows_added"], 900)
        self.run_on("verify")

    def test_an_import_of_many_batches_is_one_version(self):
        data = struct.pack("<2f", 1, 2) * 1000
        big = self.write("big__2__120000.f32", b"".join(
            struct.pack("<2f", n, -n) for n in range(120_000)))
        self.run_on("import", big)
        self.assertEqual(self.json_on("versions")["version_count"], 1)
        first = self.json_on("versions")["versions"][0]["version"]
        self.run_on("import", self.write("b__2__1000.f32", data))
        versions = self.json_on("versions")["versions"]
        self.assertEqual([version["version"] for version in versions][1:], [first])
        self.run_on("export", "old.f32", "--at", str(first))
        self.assertEqual((self.tree / "old.f32").read_bytes(), big.read_bytes())
        stats = self.json_on("stats", "--at", str(first))
        self.assertEqual((stats["rows"], stats["version"], stats["rows_superseded"]), (120_000, first, 0))
        self.assertEqual(sum(part["bytes"] for part in stats["components"]), stats["stored_bytes"])


if __name__ == "__main__":
    harness.main()
