"""intact search and the commands that look at an index: output, filters, exit status."""

import json
import os
import subprocess

import harness


class Search(harness.Sandbox):
    def setUp(self):
        super().setUp()
        self.write_sample()
        self.run_intact("index")

    def test_prints_paths_that_open_from_here(self):
        out = self.run_intact("search", "open a listening socket", "-k", "1").stdout
        self.assertRegex(out, r"\Asrc/socket\.cc:\d+-\d+  \S.*  -?\d+\.\d{3}\n +\d+  ")
        below = self.run_intact("search", "open a listening socket", "-k1", cwd=self.tree / "src").stdout
        self.assertTrue(below.startswith("socket.cc:"), below)
        apart = self.run_intact("search", "open a listening socket", self.tree, "-k1", cwd=self.folder / "data")
        self.assertTrue(apart.stdout.startswith(str(self.tree / "src/socket.cc:")), apart.stdout)

    def test_searches_below_the_folder_asked_for(self):
        found = self.run_json("search", "configuration file default value", "docs")
        self.assertEqual({hit["path"] for hit in found["hits"]}, {"docs/guide.md"})
        self.assertEqual(found["root"], str(self.tree))

    def test_filters_before_it_ranks(self):
        for flags, expected in [
            (["--path", "*.py"], {"src/retry.py"}),
            (["--path", "docs", "--path", "*.cc"], {"docs/guide.md", "src/socket.cc"}),
            (["--lang", "python"], {"src/retry.py"}),
            (["--lang", "cpp", "--lang", "md"], {"docs/guide.md", "src/socket.cc"}),
            (["--lang", "python", "--path", "docs"], None),
        ]:
            with self.subTest(flags=flags):
                status = 0 if expected else 1
                found = self.run_json("search", "the default value of retry socket", *flags, status=status)
                self.assertEqual({hit["path"] for hit in found["hits"]}, expected or set())

    def test_limits_and_modes(self):
        for mode in ("hybrid", "vector", "text"):
            found = self.run_json("search", "retry delay", "--mode", mode, "-k", "1")
            self.assertEqual((found["mode"], len(found["hits"])), (mode, 1))
            self.assertEqual(found["hits"][0]["path"], "src/retry.py")

    def test_explains_scores(self):
        hit = self.run_json("search", "retry delay", "--explain-score")["hits"][0]
        total = sum(signal["value"] * signal["weight"] for signal in hit["signals"])
        self.assertAlmostEqual(hit["score"], total, places=5)
        self.assertIn(" x ", self.run_intact("search", "retry delay", "--explain-score").stdout)

    def test_prints_one_object_per_hit(self):
        lines = self.run_intact("search", "retry delay", "--jsonl").stdout.splitlines()
        hits = [json.loads(line) for line in lines]
        self.assertGreater(len(hits), 1)
        for hit in hits:
            self.assertEqual(hit["schema_version"], 1)
            self.assertEqual(hit["root"], str(self.tree))
            self.assertTrue((self.tree / hit["path"]).is_file())
            whole = (self.tree / hit["path"]).read_text().splitlines()
            self.assertEqual(hit["text"].splitlines()[0], whole[hit["first_line"] - 1])

    def test_marks_files_that_changed(self):
        path = self.tree / "src/retry.py"
        path.write_text("# changed\n" + harness.RETRY)
        completed = self.run_intact("search", "retry delay", "--mode", "text")
        self.assertIn("(changed since indexed)", completed.stdout)
        self.assertIn("some results are from changed files", completed.stderr)
        fresh = self.run_intact("search", "retry delay", "--refresh")
        self.assertNotIn("changed since", fresh.stdout)
        self.assertNotIn("changed files", fresh.stderr)

    def test_says_when_there_is_nothing(self):
        completed = self.run_intact("search", "xyzzyplugh", "--mode", "text", status=1)
        self.assertEqual(completed.stdout, "")
        self.assertIn('no results for "xyzzyplugh"', completed.stderr)
        self.assertEqual(self.run_json("search", "xyzzyplugh", "--mode", "text", status=1)["hits"], [])

    def test_names_mistakes(self):
        for arguments, expected in [
            ([], "missing QUERY"),
            (["  "], "the query is empty"),
            (["retry", "delay"], 'intact search "retry delay"'),
            (["retry", "delay", "now"], "in quotes"),
            (["retry", "--jsn"], "did you mean --json?"),
            (["retry", "-k", "0"], "from 1 to 10000"),
            (["retry", "--lang", "klingon"], "klingon"),
            (["retry", "--mode", "fuzzy"], "hybrid, vector, text"),
            (["retry", "--json", "--jsonl"], "exclude each other"),
            (["retry", "--refresh", "--no-refresh"], "exclude each other"),
        ]:
            with self.subTest(arguments=arguments):
                completed = self.run_intact("search", *arguments, status=2)
                self.assertEqual(completed.stdout, "")
                self.assertIn(expected, completed.stderr)

    def test_heeds_colour_wishes(self):
        def is_coloured(*flags, **environment):
            out = self.run_intact("search", "retry delay", *flags, environment=environment).stdout
            return "\x1b[" in out

        self.assertFalse(is_coloured())
        self.assertTrue(is_coloured("--color", "always"))
        self.assertTrue(is_coloured(FORCE_COLOR="1"))
        self.assertTrue(is_coloured(CLICOLOR_FORCE="1"))
        self.assertFalse(is_coloured(CLICOLOR_FORCE="0"))
        self.assertFalse(is_coloured(FORCE_COLOR="1", NO_COLOR="1"))
        self.assertFalse(is_coloured("--color=never", FORCE_COLOR="1"))

    def test_cannot_be_used_to_steer_the_terminal(self):
        self.write("evil.py", "# retry delay \x1b]0;owned\x07\x9b2J\n" + harness.RETRY)
        self.run_intact("index")
        out = self.run_intact("search", "retry delay").stdout
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\x9b", out)

    def test_ends_quietly_when_its_reader_goes(self):
        process = self.start("search", "retry delay", "--jsonl")
        process.stdout.close()
        stderr = process.stderr.read()
        process.stderr.close()
        self.assertIn(process.wait(), (0, 141, -13))
        self.assertEqual(stderr, b"")

    def test_fails_when_its_output_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            completed = subprocess.run(
                [harness.PROGRAM, "search", "retry delay"], cwd=self.tree, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(completed.returncode, 4)
        self.assertIn(b"cannot write the output: No space left", completed.stderr)


class FirstSearch(harness.Sandbox):
    def test_indexes_at_once_without_a_terminal(self):
        self.write_sample()
        completed = self.run_intact("search", "retry delay", "-k1")
        self.assertTrue(completed.stdout.startswith("src/retry.py:"))
        self.assertIn("indexed 3 files", completed.stderr)

    def test_says_nothing_else_with_json(self):
        self.write_sample()
        completed = self.run_intact("search", "retry delay", "--json")
        self.assertEqual(completed.stderr, "")
        self.assertGreater(len(json.loads(completed.stdout)["hits"]), 0)

    def test_never_indexes_when_told_not_to(self):
        self.write_sample()
        completed = self.run_intact("search", "retry", "--no-refresh", status=3)
        self.assertIn("intact index", completed.stderr)
        self.assertEqual(self.store_files(), [])


class Looking(harness.Sandbox):
    def setUp(self):
        super().setUp()
        self.write_sample()

    def test_wants_an_index(self):
        for command in ("status", "verify", "gc"):
            completed = self.run_intact(command, status=3)
            self.assertIn("there is no index", completed.stderr)
        self.run_intact("explain", "src/retry.py", status=3)
        self.run_intact("status", "nonexistent", status=2)
        self.run_intact("explain", "nonexistent", status=2)

    def test_status_counts(self):
        self.run_intact("index")
        status = self.run_json("status")
        self.assertEqual(status["files"], 3)
        self.assertEqual(status["raw_bytes"], status["vectors"] * status["dimensions"] * 4)
        self.assertEqual(status["source_bytes"], sum(p.stat().st_size for p in self.tree.rglob("*.*")))
        store = self.only_store()
        self.assertEqual(status["store"], str(store))
        # A lock file and the like may count or not; nothing large may hide.
        on_disk = sum(path.stat().st_size for path in self.store_files())
        self.assertLess(abs(status["stored_bytes"] - on_disk), 4096)
        self.assertRegex(status["indexed_at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        text = self.run_intact("status").stdout
        for word in (str(self.tree), "files", "chunks", "vectors", "stored"):
            self.assertIn(word, text)

    def test_explain_lists_chunks(self):
        self.run_intact("index")
        report = self.run_json("explain", "src/retry.py")
        self.assertTrue(report["is_in"])
        self.assertEqual(report["language"], "Python")
        self.assertEqual(report["index_state"], "up to date")
        self.assertTrue(all(chunk["is_stored"] for chunk in report["chunks"]))
        self.assertEqual(report["chunks"][0]["first_line"], 1)
        self.assertIn("retry_delay", self.run_intact("explain", "src/retry.py").stdout)
        self.write("src/retry.py", harness.RETRY + "\nEXTRA = 1\n")
        self.assertEqual(self.run_json("explain", "src/retry.py")["index_state"], "changed since it was indexed")
        self.write("fresh.py", "FRESH = 1\n")
        self.assertEqual(self.run_json("explain", "fresh.py")["index_state"], "not indexed")

    def test_verify_and_gc(self):
        self.run_intact("index")
        before = self.run_json("verify")
        self.assertTrue(before["is_intact"])
        (self.tree / "src/socket.cc").unlink()
        self.run_intact("index")
        self.assertGreater(self.run_json("status")["vectors_unused"], 0)
        planned = self.run_json("gc", "--dry-run")
        files = self.store_files()
        self.assertEqual(self.store_files(), files)
        done = self.run_json("gc")
        self.assertEqual(done["vectors_removed"], planned["vectors_removed"])
        self.assertGreater(done["vectors_removed"], 0)
        self.assertEqual(self.run_json("status")["vectors_unused"], 0)
        after = self.run_json("verify")
        self.assertEqual(after["vectors"], before["vectors"] - done["vectors_removed"])
        self.run_intact("search", "retry delay")


class Program(harness.Sandbox):
    def test_explains_itself(self):
        self.assertIn("intact search", self.run_intact("--help").stdout)
        self.assertIn("--explain-score", self.run_intact("search", "-h").stdout)
        self.assertIn("--explain-score", self.run_intact("help", "search").stdout)
        self.assertIn("130", self.run_intact("help", "exit-codes").stdout)
        self.assertIn("INTACT_STORE", self.run_intact("help", "environment").stdout)
        version = self.run_intact("--version").stdout
        for word in ("intact ", "model", "simd", "compiler"):
            self.assertIn(word, version)

    def test_names_mistakes(self):
        self.assertIn("Commands:", self.run_intact(status=2).stderr)
        self.assertIn("did you mean search?", self.run_intact("serach", "x", status=2).stderr)
        self.assertIn("did you mean explain?", self.run_intact("help", "explian", status=2).stderr)
        self.assertIn("bash, zsh, fish", self.run_intact("completion", "csh", status=2).stderr)
        self.run_intact("index", "/nonexistent", status=2)
        self.write("file.py", "x = 1\n")
        self.run_intact("index", "file.py", status=2)

    def test_works_with_closed_streams(self):
        self.write_sample()
        line = f'exec "{harness.PROGRAM}" index >&- 2>&- <&-'
        subprocess.run(["sh", "-c", line], cwd=self.tree, env=self.environment, check=False)
        self.run_intact("verify")
        self.assertEqual(self.run_json("status")["files"], 3)

    def test_reads_the_tree_from_a_folder_that_was_removed(self):
        gone = self.folder / "gone"
        gone.mkdir()
        line = f'cd "{gone}" && rmdir "{gone}" && exec "{harness.PROGRAM}" status'
        completed = subprocess.run(
            ["sh", "-c", line], env=self.environment, stderr=subprocess.PIPE, check=False)
        self.assertIn(completed.returncode, (2, 4))
        self.assertTrue(completed.stderr.startswith(b"error: "))


if __name__ == "__main__":
    os.umask(0o022)
    harness.main()
