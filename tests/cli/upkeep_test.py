"""Damaged stores, copies, older formats: doctor, salvage, dump, backup, migrate, verify --fast."""

import json
import pathlib
import random
import shutil
import struct
import subprocess
import threading
import unittest

import harness

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "store-1.0"
PAGE = 4096


def flip(path, offset, mask=0x10):
    content = bytearray(path.read_bytes())
    content[offset] ^= mask
    path.write_bytes(content)


def rows_text(first, count, dimensions=16):
    generator = random.Random(first)
    lines = []
    for number in range(first, first + count):
        vector = [generator.randrange(-1000, 1000) / 64 for _ in range(dimensions)]
        lines.append(json.dumps({"id": f"id-{number}", "vector": vector, "metadata": {"n": number}}))
    return "\n".join(lines) + "\n"


class Upkeep(harness.Sandbox):
    def files(self, store, prefix):
        """By number, ascending."""
        found = [path for path in store.iterdir() if path.name.startswith(prefix)]
        return sorted(found, key=lambda path: int(path.name.rsplit("-", 1)[1]))

    def bytes_of(self, store):
        return {path.name: path.read_bytes() for path in store.iterdir() if path.name != "LOCK"}

    def section(self, store, name):
        """The file and the range of a section of the newest segment that has rows."""
        dump = self.run_json("dump", "--segments", "--limit", "0", "--store", store)
        for segment in dump["segments"]["entries"]:
            for part in segment.get("parts", []):
                if part["name"] == name and segment["place"].startswith("seg-"):
                    return store / segment["place"], part["offset"], part["size"]
        self.fail(f"no section {name}")

    def check_whole(self, store):
        self.run_intact("verify", "--store", store)
        self.assertTrue(self.run_json("doctor", "--store", store)["is_sound"])


class OfACollection(Upkeep):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "vectors"
        self.text = rows_text(0, 2000)
        self.take_in(self.text)

    def take_in(self, text):
        file = self.write("in.jsonl", text)
        self.run_intact("import", file, "--store", self.store, "-q")

    def give_out(self, store=None):
        out = self.folder / "out.jsonl"
        self.run_intact("export", out, "--force", "-q", "--store", store or self.store)
        return out.read_text().splitlines()

    def commit_small(self, count=10):
        """Commits of one row each: they go to the journal."""
        for number in range(count):
            self.take_in(rows_text(5000 + number, 1))

    def doctor(self, *arguments, status=0):
        return self.run_json("doctor", *arguments, "--store", self.store, status=status)

    def repair(self, *arguments):
        """Says what is wrong without changing anything, then repairs it; gives the first report."""
        before = self.bytes_of(self.store)
        found = self.doctor(status=4)
        self.assertEqual(self.bytes_of(self.store), before)
        self.assertTrue(all(finding["meaning"] for finding in found["findings"]))
        self.assertTrue(self.doctor("--repair", *arguments)["actions"])
        self.check_whole(self.store)
        return found

    def salvage(self, status=4):
        out = self.folder / "saved"
        before = self.bytes_of(self.store)
        report = self.run_json("salvage", out, "--store", self.store, status=status)
        self.assertEqual(self.bytes_of(self.store), before)
        self.check_whole(out)
        return report, self.give_out(out)

    def test_a_whole_store_is_sound_and_verifies_fast(self):
        report = self.doctor()
        self.assertEqual((report["is_sound"], report["findings"], report["rows"]), (True, [], 2000))
        self.assertEqual(self.doctor("--repair")["actions"], [])
        fast = self.run_json("verify", "--fast", "--store", self.store)
        self.assertTrue(fast["is_intact"] and fast["is_fast"])
        self.assertEqual(fast["vectors"], 0)
        flip(self.files(self.store, "seg-")[0], -100)
        self.run_intact("verify", "--fast", "--store", self.store, status=4)

    def test_copies_of_the_superblock(self):
        for copies in ([0], [3], [0, 1], [2, 3], [1, 2, 3]):
            with self.subTest(copies=copies):
                for copy in copies:
                    flip(self.store / "SUPER", copy * PAGE + 57)
                found = self.repair()
                self.assertTrue(all(f["remedy"] == "repair" for f in found["findings"]))
        self.assertEqual(len(self.give_out()), 2000)

    def test_a_superblock_that_is_gone_or_ruined(self):
        self.commit_small()
        expected = self.give_out()
        (self.store / "SUPER").unlink()
        self.run_intact("export", "x.jsonl", "--store", self.store, status=4)
        found = self.repair()
        self.assertIn("superblock", found["findings"][0]["meaning"])
        self.assertEqual(self.give_out(), expected)
        (self.store / "SUPER").write_bytes(b"\xff" * 4 * PAGE)
        self.repair()
        (self.store / "SUPER").write_bytes(b"")
        self.repair()
        self.assertEqual(self.give_out(), expected)
        self.take_in(rows_text(9000, 3))
        self.assertEqual(len(self.give_out()), len(expected) + 3)

    def test_frames_of_a_journal_in_one_half(self):
        self.commit_small()
        expected = self.give_out()
        journal = self.files(self.store, "journal-")[-1]
        half = journal.stat().st_size // 2
        for offset in (200, half + 200, PAGE + 700):
            flip(journal, offset)
            self.repair()
        self.assertEqual(self.give_out(), expected)

    def test_a_frame_damaged_in_both_halves_in_other_pages(self):
        self.commit_small()
        expected = self.give_out()
        frames = self.run_json("dump", "--journal", "--store", self.store)["journals"]["entries"][-1]
        frame = frames["parts"][0]
        journal = self.store / f"journal-{frames['number']}"
        self.assertGreaterEqual(frame["size"], 2 * PAGE)
        flip(journal, frame["offset"] + 300)
        flip(journal, frames["size"] // 2 + frame["offset"] + PAGE + 300)
        self.repair()
        self.assertEqual(self.give_out(), expected)

    def test_what_finds_keys_is_made_again(self):
        expected = self.give_out()
        for name in ("key order", "key filter", "page checks"):
            with self.subTest(section=name):
                path, offset, size = self.section(self.store, name)
                flip(path, offset + size // 2)
                found = self.repair()
                self.assertEqual({f["remedy"] for f in found["findings"]}, {"repair"})
                self.assertIn("can be made again", found["findings"][0]["meaning"])
                self.assertEqual(self.give_out(), expected)
                self.assertFalse(path.exists())

    def test_leftover_files_are_swept(self):
        (self.store / "seg-999").write_bytes(b"left over")
        (self.store / "precious.txt").write_bytes(b"somebody's")
        report = self.doctor()
        self.assertTrue(report["is_sound"])
        self.assertEqual(report["findings"][0]["remedy"], "none")
        self.assertTrue(self.doctor("--repair")["findings"][0]["is_repaired"])
        self.assertFalse((self.store / "seg-999").exists())
        self.assertTrue((self.store / "precious.txt").exists())

    def test_an_older_version_whose_manifest_is_gone_is_forgotten(self):
        self.take_in(rows_text(2000, 8000))
        self.take_in(rows_text(10000, 8000))
        expected = self.give_out()
        history = self.run_json("dump", "--manifest", "--store", self.store)["history"]["entries"]
        self.assertTrue(history)
        (self.store / f"manifest-{history[0]['version']}").write_bytes(b"ruined")
        found = self.repair()
        self.assertEqual(found["findings"][0]["versions"], [history[0]["version"]])
        self.assertEqual(self.give_out(), expected)

    def test_single_rows_are_lost_and_all_others_saved(self):
        path, offset, size = self.section(self.store, "rest")
        flip(path, offset + size // 3)
        flip(path, offset + size // 2)
        found = self.doctor("--repair", status=4)
        self.assertTrue(found["needs_salvage"])
        report, lines = self.salvage()
        self.assertEqual((report["rows_lost"], report["rows_saved"]), (2, 1998))
        lost = {loss["id"] for loss in report["losses"]}
        expected = [line for line in self.text.splitlines() if json.loads(line)["id"] not in lost]
        self.assertEqual([json.loads(line) for line in lines], [json.loads(line) for line in expected])

    def test_damaged_keys_of_a_collection_cost_nothing(self):
        expected = self.give_out()
        path, offset, _ = self.section(self.store, "keys")
        flip(path, offset + 40)
        self.assertTrue(self.doctor(status=4)["needs_salvage"])
        report, lines = self.salvage(status=0)
        self.assertEqual((report["rows_lost"], lines), (0, expected))

    def test_a_block_of_records_costs_its_rows(self):
        path, offset, size = self.section(self.store, "engine section")
        flip(path, offset + size - 50)
        report, lines = self.salvage()
        self.assertGreater(report["rows_lost"], 0)
        self.assertEqual(len(lines) + report["rows_lost"], 2000)
        self.assertIn("metadata are damaged", report["losses"][0]["reason"])

    def test_replaced_and_deleted_records_stay_so(self):
        self.take_in('{"id":"id-7","vector":%s,"metadata":{"new":true}}\n' % json.dumps([1.5] * 16))
        self.run_intact("delete", "id-9", "--store", self.store)
        expected = self.give_out()
        path, offset, size = self.section(self.store, "key order")
        flip(path, offset + size // 2)
        report, lines = self.salvage(status=0)
        self.assertEqual(lines, expected)
        self.assertEqual(report["rows_left_behind"], 2)

    def test_without_any_manifest_rows_are_found_by_segments(self):
        (self.store / "SUPER").unlink()
        for path in self.files(self.store, "manifest-"):
            path.write_bytes(b"\0" * 300)
        self.assertTrue(self.doctor("--repair", status=4)["needs_salvage"])
        report, lines = self.salvage(status=0)
        self.assertTrue(report["caveats"])
        self.assertEqual([json.loads(line) for line in lines],
                         [json.loads(line) for line in self.text.splitlines()])

    def test_a_file_that_was_cut_gives_the_rows_before(self):
        path, offset, size = self.section(self.store, "rest")
        whole = path.read_bytes()
        path.write_bytes(whole[: offset + size // 2])
        found = self.doctor("--repair", status=4)
        self.assertTrue(found["needs_salvage"])
        report, lines = self.salvage()
        self.assertGreater(len(lines), 700)
        self.assertEqual(len(lines) + report["rows_lost"], 2000)
        given = {json.loads(line)["id"]: json.loads(line) for line in self.text.splitlines()}
        for line in lines:
            self.assertEqual(json.loads(line), given[json.loads(line)["id"]])

    def test_one_flipped_bit_in_a_header_is_flipped_back(self):
        flip(self.files(self.store, "seg-")[-1], 150)
        self.assertTrue(self.doctor(status=4)["needs_salvage"])
        report, lines = self.salvage(status=0)
        self.assertEqual((report["rows_lost"], len(lines)), (0, 2000))

    def test_a_segment_that_is_gone_takes_an_older_version_with_loss_accepted(self):
        self.take_in(rows_text(2000, 8000))
        self.files(self.store, "seg-")[-1].unlink()
        found = self.doctor("--repair", status=4)
        self.assertEqual(found["findings"][0]["remedy"], "accept-loss")
        self.assertTrue(self.doctor("--repair", "--accept-loss")["is_sound"])
        self.check_whole(self.store)
        self.assertEqual(len(self.give_out()), 2000)
        self.take_in(rows_text(2000, 8000))
        self.assertEqual(len(self.give_out()), 10000)

    def test_rows_without_ids_keep_their_numbers(self):
        store = self.folder / "numbered"
        data = struct.pack("<4000f", *range(4000))
        self.run_intact("import", self.write("a__4__1000.f32", data), "--store", store, "-q")
        path, offset, size = self.section(store, "rest")
        flip(path, offset + size // 2)
        out = self.folder / "saved"
        report = self.run_json("salvage", out, "--store", store, status=4)
        for line in self.give_out(out):
            record = json.loads(line)
            self.assertEqual(record["vector"][0], 4 * int(record["id"]))
        self.assertEqual(report["rows_saved"] + report["rows_lost"], 1000)

    def test_random_damage_never_crashes_and_what_is_saved_is_true(self):
        self.commit_small(3)
        given = {line["id"]: line for line in map(json.loads, self.give_out())}
        whole = self.bytes_of(self.store)
        generator = random.Random(3)
        for attempt in range(10):
            for name, content in whole.items():
                damaged = bytearray(content)
                for _ in range(generator.randrange(3)):
                    damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
                if generator.randrange(8) == 0:
                    damaged = damaged[: generator.randrange(len(damaged))]
                (self.store / name).write_bytes(damaged)
            self.assertIn(self.run_intact("doctor", "--store", self.store, status=None).returncode, (0, 4))
            self.run_intact("dump", "--checks", "--store", self.store)
            out = self.folder / f"saved-{attempt}"
            saved = self.run_intact("salvage", out, "--store", self.store, status=None)
            self.assertIn(saved.returncode, (0, 4), saved.stderr)
            if out.exists():
                self.run_intact("verify", "--store", out)
                for line in map(json.loads, self.give_out(out)):
                    self.assertEqual(line, given[line["id"]])
            self.assertIn(self.run_intact("doctor", "--repair", "--accept-loss", "--store", self.store,
                                          status=None).returncode, (0, 4))
            shutil.rmtree(self.store)
            self.store.mkdir()

    def test_dump_describes_everything_and_is_bounded(self):
        self.commit_small()
        report = self.run_json("dump", "--store", self.store)
        self.assertEqual(len(report["superblock"]["entries"]), 4)
        self.assertEqual(report["manifest"]["entries"][0]["version"], report["version"])
        self.assertTrue(report["journals"]["entries"][-1]["parts"])
        self.assertLessEqual({"history", "tags", "files", "segments"}, set(report))
        rows = self.run_json("dump", "--records", "3", "--first-row", "10", "--store", self.store)["records"]
        self.assertEqual([entry["row"] for entry in rows["entries"]], [10, 11, 12])
        self.assertEqual(rows["count"], 2010)
        text = self.run_intact("dump", "--limit", "1", "--store", self.store).stdout
        self.assertIn("shown; --limit says how many", text)
        flip(self.store / "SUPER", 60)
        self.assertIn("damaged: ", self.run_intact("dump", "--manifest", "--store", self.store).stdout)

    def test_a_backup_is_the_same_store(self):
        self.commit_small()
        self.run_intact("tag", "good", "--store", self.store)
        self.take_in(rows_text(7000, 1))
        for flags in ([], ["--all-versions"]):
            copy = self.folder / ("copy" + "".join(flags))
            report = self.run_json("backup", copy, *flags, "--store", self.store)
            self.check_whole(copy)
            self.assertEqual(self.give_out(copy), self.give_out())
            one, other = (self.run_json("dump", "--manifest", "--store", store) for store in (copy, self.store))
            self.assertEqual(one["version"], other["version"])
            self.assertEqual(one["superblock"]["entries"][0]["store"], other["superblock"]["entries"][0]["store"])
            self.assertFalse(self.files(copy, "journal-"))
            if flags:
                self.assertEqual(one["history"]["count"], other["history"]["count"])
                self.assertEqual(one["tags"]["count"], 1)
                self.run_intact("rollback", "good", "--store", copy)
            else:
                self.assertEqual((one["history"]["count"], report["tags_left_out"]), (0, 1))

    def test_a_backup_beside_a_writer_is_one_version_of_it(self):
        stop = threading.Event()

        def write():
            number = 20000
            while not stop.is_set():
                file = self.folder / "more.jsonl"
                file.write_text(rows_text(number, 1 if number % 3 else 800))
                subprocess.run([harness.PROGRAM, "import", file, "--store", self.store, "-q"],
                               env=self.environment, check=True)
                number += 1000

        thread = threading.Thread(target=write)
        thread.start()
        try:
            for number in range(8):
                copy = self.folder / f"copy-{number}"
                flags = ["--all-versions"] if number % 2 else []
                self.run_intact("backup", copy, *flags, "--store", self.store)
                self.run_intact("verify", "--store", copy)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(self.run_intact("doctor", "--store", self.store).returncode, 0)

    def test_nothing_is_overwritten_and_nothing_stays_of_what_failed(self):
        taken = self.folder / "taken"
        taken.mkdir()
        (taken / "file").write_text("mine")
        for command in ("backup", "salvage"):
            completed = self.run_intact(command, taken, "--store", self.store, status=4)
            self.assertIn("not empty", completed.stderr)
            completed = self.run_intact(command, self.store, "--store", self.store, status=4)
            self.assertIn("not empty", completed.stderr)
        self.assertEqual([path.name for path in taken.iterdir()], ["file"])
        path, offset, size = self.section(self.store, "rest")
        flip(path, offset + size // 2)
        completed = self.run_intact("backup", self.folder / "copy", "--store", self.store, status=4)
        self.assertIn("intact doctor", completed.stderr)
        self.assertFalse((self.folder / "copy").exists())
        empty = self.folder / "empty"
        empty.mkdir()
        self.run_intact("doctor", "--store", empty, status=3)
        self.run_intact("salvage", self.folder / "x", "--store", empty, status=3)
        self.assertEqual(list(empty.iterdir()), [])
        self.assertFalse((self.folder / "x").exists())
        self.run_intact("doctor", "--store", taken, status=4)

    def test_a_repair_waits_for_its_turn(self):
        flip(self.store / "SUPER", 60)
        lock = open(self.store / "LOCK", "r+b")
        self.addCleanup(lock.close)
        harness.fcntl.fcntl(lock, 37, struct.pack("hhqqi4x", harness.fcntl.F_WRLCK, 0, 0, 0, 0))
        self.run_intact("doctor", "--store", self.store, status=4)
        self.run_intact("doctor", "--repair", "--store", self.store, status=7)
        self.run_intact("backup", self.folder / "copy", "-q", "--store", self.store)


class OfAnIndex(Upkeep):
    def setUp(self):
        super().setUp()
        self.write_sample()
        self.write_many(120)
        self.run_intact("index", "-q")
        self.store = self.only_store()

    def index_again(self, store):
        report = self.run_json("index", "--store", store)
        self.check_whole(store)
        return report

    def test_commands_find_the_index_of_a_folder(self):
        self.assertTrue(self.run_json("doctor")["is_sound"])
        (self.store / "SUPER").unlink()
        self.run_intact("doctor", status=4)
        self.run_intact("doctor", "--repair")
        self.run_intact("search", "retry delay")
        self.assertEqual(self.run_json("index")["chunks_embedded"], 0)

    def test_a_rebuilt_segment_keeps_what_is_dead_dead(self):
        (self.tree / "src/retry.py").unlink()
        self.run_intact("index", "-q")
        files = self.run_json("status")["files"]
        path, offset, size = self.section(self.store, "key order")
        flip(path, offset + size // 2)
        self.run_intact("doctor", "--repair")
        self.run_intact("verify")
        self.assertEqual(self.run_json("status")["files"], files)
        self.assertEqual(self.run_json("index")["files_indexed"], 0)
        hits = self.run_json("search", "exponential backoff delay", "--no-refresh", status=None)["hits"]
        self.assertNotIn("src/retry.py", [hit["path"] for hit in hits])

    def test_lost_rows_are_embedded_again_and_no_others(self):
        path, offset, size = self.section(self.store, "rest")
        flip(path, offset + size // 2)
        out = self.folder / "saved"
        report = self.run_json("salvage", out, status=4)
        self.assertEqual((report["kind"], report["rows_lost"], report["documents_dropped"]), ("index", 1, 1))
        self.assertTrue(report["is_index_needed"])
        self.run_intact("search", "retry delay", "--no-refresh", "--store", out)
        again = self.index_again(out)
        self.assertEqual((again["files_indexed"], again["chunks_embedded"]), (1, 1))
        self.assertEqual(self.run_json("index", "--store", out)["files_indexed"], 0)

    def test_a_damaged_catalog_costs_no_vector(self):
        path, offset, size = self.section(self.store, "engine section")
        flip(path, offset + size // 2)
        found = self.run_json("doctor", status=4)
        self.assertTrue(found["needs_salvage"])
        out = self.folder / "saved"
        report = self.run_json("salvage", out)
        self.assertEqual(report["rows_lost"], 0)
        self.assertTrue(report["is_index_needed"])
        self.assertEqual(self.index_again(out)["chunks_embedded"], 0)
        hits = self.run_json("search", "retry delay", "--store", out)["hits"]
        self.assertEqual(hits[0]["path"], "src/retry.py")

    def test_a_whole_index_is_saved_with_its_documents(self):
        (self.store / "SUPER").unlink()
        out = self.folder / "saved"
        report = self.run_json("salvage", out)
        self.assertFalse(report["is_index_needed"])
        self.assertEqual(report["documents_saved"], 123)
        self.assertEqual(self.index_again(out)["files_indexed"], 0)

    def test_without_manifests_nothing_is_embedded_again(self):
        (self.store / "SUPER").unlink()
        for path in self.files(self.store, "manifest-"):
            path.unlink()
        self.run_intact("doctor", "--repair", status=4)
        out = self.folder / "saved"
        self.run_json("salvage", out)
        self.assertEqual(self.index_again(out)["chunks_embedded"], 0)

    def test_a_backup_can_be_searched_and_updated(self):
        copy = self.folder / "copy"
        self.run_intact("backup", copy)
        one, other = (self.run_json("search", "open a socket", *flags)["hits"] for flags in ([], ["--store", copy]))
        self.assertEqual(one, other)
        self.assertEqual(self.index_again(copy)["files_indexed"], 0)


class Migrate(Upkeep):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "old"
        shutil.copytree(GOLDEN, self.store)
        self.rows = self.dump_rows()

    def dump_rows(self):
        entries = self.run_json("dump", "--records", "100", "--store", self.store)["records"]["entries"]
        return [(entry["row"], entry["key"], entry["crc"]) for entry in entries]

    def test_a_store_of_format_1_0_becomes_current(self):
        report = self.run_json("migrate", "--store", self.store)
        self.assertEqual((report["found_format"], report["format"], report["rows"]), ("1.0", "1.2", 9))
        self.assertEqual(self.dump_rows(), self.rows)
        self.run_intact("verify", "--fast", "--store", self.store)
        self.assertEqual(self.run_json("dump", "--manifest", "--store", self.store)["history"]["count"], 0)
        before = self.bytes_of(self.store)
        again = self.run_intact("migrate", "--store", self.store)
        self.assertIn("already at format 1.2", again.stdout)
        self.assertEqual(self.bytes_of(self.store), before)

    def test_the_old_version_can_be_kept(self):
        report = self.run_json("migrate", "--keep", "--store", self.store)
        history = self.run_json("dump", "--manifest", "--store", self.store)["history"]
        self.assertEqual([entry["version"] for entry in history["entries"]], [3])
        self.assertEqual(report["version"], 4)
        self.run_intact("verify", "--fast", "--store", self.store)

    def test_damage_is_not_migrated(self):
        segment = self.files(self.store, "seg-")[0]
        flip(segment, segment.stat().st_size - 20)
        before = self.bytes_of(self.store)
        self.run_intact("migrate", "--store", self.store, status=4)
        self.assertEqual(self.bytes_of(self.store), before)

    def test_files_of_vectors_are_for_import(self):
        completed = self.run_intact("migrate", self.write("a.npy", b"x"), status=2)
        self.assertIn("intact import", completed.stderr)


if __name__ == "__main__":
    harness.main()
