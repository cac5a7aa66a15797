"""intact index on trees good and bad: what is in, what is out, what is said of it."""

import os

import harness


class Lifecycle(harness.Sandbox):
    def test_finds_what_it_indexed(self):
        self.write_sample()
        report = self.run_json("index")
        self.assertEqual((report["files"], report["files_indexed"]), (3, 3))
        self.assertEqual(report["files_failed"], 0)
        self.assertEqual(report["chunks"], report["chunks_embedded"])
        self.assertEqual(report["root"], str(self.tree))
        found = self.run_json("search", "wait before the next attempt")
        self.assertEqual(found["hits"][0]["path"], "src/retry.py")

    def test_does_nothing_when_nothing_changed(self):
        self.write_sample()
        first = self.run_json("index")
        second = self.run_json("index")
        self.assertEqual(second["files_unchanged"], 3)
        self.assertEqual((second["files_indexed"], second["chunks_embedded"], second["bytes_read"]), (0, 0, 0))
        self.assertEqual(second["chunks"], first["chunks"])
        self.assertIn("up to date", self.run_intact("index").stdout)

    def test_embeds_only_the_chunks_that_changed(self):
        self.write_sample()
        for number in range(5):
            self.write(f"module_{number}.py", harness.module_text(number))
        self.run_json("index")
        text = harness.module_text(3).replace("compute_3_7(first", "renamed_thing(first")
        self.write("module_3.py", text)
        report = self.run_json("index")
        self.assertEqual((report["files_indexed"], report["files_unchanged"]), (1, 7))
        self.assertLessEqual(report["chunks_embedded"], 2)
        self.assertGreater(report["chunks_reused"], 3)

    def test_forgets_deleted_files_and_follows_renames_without_embedding(self):
        self.write_sample()
        self.run_json("index")
        (self.tree / "src/socket.cc").unlink()
        (self.tree / "src/retry.py").rename(self.tree / "src/again.py")
        report = self.run_json("index")
        self.assertEqual((report["files"], report["files_removed"]), (2, 2))
        self.assertEqual(report["chunks_embedded"], 0)
        paths = {hit["path"] for hit in self.run_json("search", "listening socket or retry delay")["hits"]}
        self.assertIn("src/again.py", paths)
        self.assertFalse(paths & {"src/socket.cc", "src/retry.py"})

    def test_updates_the_parents_index_from_below_and_says_so(self):
        self.write_sample()
        self.run_intact("index")
        self.write("src/more.py", "def more():\n    return 1\n")
        below = self.run_intact("index", cwd=self.tree / "src")
        self.assertIn(f"Updating the index of {self.tree}", below.stderr)
        self.assertIn("4 files", below.stdout)
        self.only_store()
        alone = self.run_intact("index", ".", cwd=self.tree / "src")
        self.assertIn("covers this folder already", alone.stderr)
        self.assertIn("3 files", alone.stdout)

    def test_keeps_the_store_where_it_is_told(self):
        self.write_sample()
        self.run_intact("index", "--store", self.folder / "here")
        self.assertTrue(any((self.folder / "here").iterdir()))
        self.run_intact("search", "retry", "--no-refresh", environment={"INTACT_STORE": str(self.folder / "here")})
        self.run_intact("index", "--local")
        self.assertTrue((self.tree / ".intact").is_dir())
        self.run_intact("status")
        self.assertEqual(self.store_files(), [])
        both = self.run_intact("index", "--local", "--store", "x", status=2)
        self.assertIn("exclude each other", both.stderr)

    def test_a_store_named_by_hand_serves_the_folders_below_its_root(self):
        self.write_sample()
        store = self.folder / "here"
        self.run_intact("index", "--store", store)
        below = self.tree / "src"
        for cwd in (self.tree, below):
            shown = self.run_intact("search", "retry delay", below, "-k1", "--store", store, cwd=cwd).stdout
            self.assertTrue(shown.startswith("src/retry.py:" if cwd == self.tree else "retry.py:"), shown)
        found = self.run_json("search", "configure the default value", "--store", store, cwd=below)
        self.assertEqual(found["root"], str(self.tree))
        self.assertEqual({hit["path"] for hit in found["hits"]}, {"src/retry.py", "src/socket.cc"})
        self.assertEqual(self.run_json("explain", "retry.py", "--store", store, cwd=below)["index_state"],
                         "up to date")
        self.assertEqual(self.run_json("index", "--store", store, cwd=below)["files"], 3)
        wrong = self.run_intact("index", ".", "--store", store, cwd=below, status=4)
        self.assertIn(str(self.tree), wrong.stderr)


class DryRun(harness.Sandbox):
    def test_writes_nothing(self):
        self.write_sample()
        self.write("skip.o", b"\x7fELF\0\0")
        before = sorted(self.folder.rglob("*"))
        plan = self.run_json("index", "--dry-run")
        self.assertEqual(plan["files_to_read"], 3)
        self.assertGreater(plan["chunks_unknown"], 0)
        self.assertGreater(plan["tokens_estimated"], 0)
        self.assertEqual(sorted(self.folder.rglob("*")), before)
        self.assertIn("nothing was written", self.run_intact("index", "--dry-run").stdout)

    def test_foretells_what_index_does(self):
        self.write_sample()
        self.run_intact("index")
        self.write("src/retry.py", harness.RETRY + "\n\nLIMIT = 7\n")
        self.write("new.py", "NEW = 1\n")
        (self.tree / "docs/guide.md").unlink()
        plan = self.run_json("index", "--dry-run")
        counts = {rule["reason"]: rule["files"] for rule in plan["rules"] if not rule["rule"]}
        self.assertEqual(
            [counts.get(reason) for reason in ("new", "changed", "unchanged", "removed")], [1, 1, 1, 1])
        report = self.run_json("index")
        self.assertEqual(plan["chunks_unknown"], report["chunks_embedded"])
        self.assertEqual(plan["files_to_read"], report["files_indexed"])


class OddFiles(harness.Sandbox):
    def skipped(self, report):
        return {entry["reason"]: entry["count"] for entry in report["skipped"]}

    def test_takes_an_empty_tree(self):
        report = self.run_json("index")
        self.assertEqual((report["files"], report["chunks"]), (0, 0))
        self.assertEqual(self.run_intact("search", "anything", status=1).stdout, "")
        self.run_intact("verify")

    def test_takes_empty_files_and_files_of_blanks(self):
        self.write("empty.py", "")
        self.write("blank.txt", "\n \n\t\n")
        self.write("one.txt", "x")
        report = self.run_json("index")
        self.assertEqual(report["files_failed"], 0)
        self.run_intact("verify")

    def test_takes_a_newline_in_a_name(self):
        name = "two\nlines.py"
        self.write(name, harness.RETRY)
        self.run_intact("index")
        self.assertEqual(self.run_json("search", "retry delay")["hits"][0]["path"], name)
        shown = self.run_intact("search", "retry delay", "--lines", "0").stdout
        self.assertTrue(all(line.startswith("two\\nlines.py:") for line in shown.splitlines()), shown)
        self.assertTrue(self.run_json("explain", name)["is_in"])

    def test_takes_a_name_that_is_not_utf8(self):
        name = b"caf\xe9.py"
        with open(os.fsencode(self.tree) + b"/" + name, "wb") as stream:
            stream.write(harness.RETRY.encode())
        self.run_intact("index")
        hit = self.run_json("search", "retry delay")["hits"][0]
        self.assertEqual(hit["path"], "caf\ufffd.py")
        self.assertEqual(bytes.fromhex(hit["path_hex"]), name)

    def test_leaves_out_what_is_no_text_and_says_why(self):
        self.write("data.bin", b"\0\1\2" * 100)
        self.write("text.txt", "words and then" + "\0" * 50)
        self.write("large.txt", "word " * 700_000)
        os.mkfifo(self.tree / "pipe")
        report = self.run_json("index")
        self.assertEqual(report["files"], 0)
        skipped = self.skipped(report)
        self.assertEqual(skipped.get("binary"), 2)
        self.assertEqual(skipped.get("too large"), 1)
        self.assertEqual(self.skipped(self.run_json("status")), skipped)
        why = self.run_json("explain", "data.bin")
        self.assertEqual((why["is_in"], why["reason"]), (False, "binary"))

    def test_takes_invalid_utf8_and_crlf(self):
        self.write("latin.py", "# r\xe9essayer\n".encode("latin-1") + harness.RETRY.encode())
        self.write("dos.py", harness.SOCKET.replace("\n", "\r\n"))
        self.assertEqual(self.run_json("index")["files"], 2)
        self.run_json("search", "réessayer retry delay")
        shown = self.run_intact("search", "listening socket", "--path", "dos.py")
        self.assertNotIn("\r", shown.stdout)
        self.run_intact("verify")

    def test_passes_links_without_following_them(self):
        self.write_sample()
        (self.tree / "loop").symlink_to(self.tree)
        (self.tree / "self").symlink_to("self")
        (self.tree / "nowhere").symlink_to("/nonexistent")
        (self.tree / "copy.py").symlink_to("src/retry.py")
        report = self.run_json("index")
        self.assertEqual((report["files"], report["files_failed"]), (3, 0))
        self.assertEqual(self.skipped(report).get("link"), 4)

    def test_passes_a_sparse_gigabyte(self):
        self.write_sample()
        with open(self.tree / "huge.txt", "wb") as stream:
            stream.write(b"text first\n")
            stream.truncate(1 << 30)
        report = self.run_json("index")
        self.assertEqual((report["files"], report["files_failed"]), (3, 0))
        self.assertEqual(self.skipped(report).get("too large"), 1)

    def test_names_what_it_may_not_read(self):
        user = self.someone_else()
        self.write_sample()
        self.run_json("index", **user)
        secret = self.write("secret.py", "SECRET = 1\n")
        secret.chmod(0)
        closed = self.write("closed/inside.py", "INSIDE = 1\n").parent
        closed.chmod(0)
        self.addCleanup(closed.chmod, 0o700)
        for _ in range(2):
            report = self.run_json("index", status=4, **user)
            self.assertEqual((report["files"], report["files_failed"]), (3, 2))
            self.assertEqual({problem["path"] for problem in report["problems"]}, {"secret.py", "closed"})
            self.assertEqual(self.run_json("status", **user)["problems"], report["problems"])
        said = self.run_intact("index", status=4, **user)
        self.assertIn("secret.py: Permission denied", said.stderr)
        self.assertIn("failed     2 files", said.stdout)
        secret.chmod(0o644)
        closed.chmod(0o755)
        self.assertEqual(self.run_json("index", **user)["files"], 5)
        self.assertEqual(self.run_json("status", **user)["files_failed"], 0)

    def test_keeps_what_it_knew_of_a_file_that_cannot_be_read_now(self):
        user = self.someone_else()
        self.write_sample()
        self.run_json("index", **user)
        path = self.write("src/retry.py", harness.RETRY + "\nEXTRA = 1\n")
        path.chmod(0)
        self.assertEqual(self.run_json("index", status=4, **user)["files"], 3)
        self.run_intact("search", "retry delay", "--path", "*.py", "--no-refresh", **user)

    def test_heeds_ignore_files_and_flags(self):
        self.write_sample()
        self.write(".gitignore", "*.log\n")
        self.write("noise.log", "noise in a log\n")
        self.write(".hidden.py", "HIDDEN = 1\n")
        self.write(".git/HEAD", "ref: refs/heads/main\n")
        self.assertEqual(self.run_json("index")["files"], 3)
        why = self.run_json("explain", "noise.log")
        self.assertEqual((why["reason"], why["rule"]), ("ignored", ".gitignore:1: *.log"))
        self.assertEqual(self.run_json("index", "--hidden", "--no-ignore")["files"], 6)
        self.assertEqual(self.run_json("index", "--max-file-size", "300")["files"], 1)


if __name__ == "__main__":
    harness.main()
