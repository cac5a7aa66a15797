"""Vectors into collections and out again: import, export, stats, as a user runs them."""

import base64
import json
import os
import pathlib
import random
import signal
import stat
import struct
import time
import unittest

import harness

# A folder of .f32 files, dimensions in their names, to be taken through import and export.
EMBEDDINGS = os.environ.get("INTACT_EMBEDDINGS", "")


def npy(descr, rows, dimensions, data):
    """What numpy.save writes for a C array of shape (rows, dimensions)."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {dimensions}), }}"
    header += " " * (21 - len(str(rows)))
    header += " " * ((-(10 + len(header) + 1)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


class Collections(harness.Sandbox):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "vectors"

    def take_in(self, *arguments, **options):
        return self.run_json("import", *arguments, "--store", self.store, **options)

    def give_out(self, name, *arguments, **options):
        target = self.tree / name
        self.run_intact("export", target, "--store", self.store, *arguments, **options)
        return target.read_bytes() if target.exists() else None

    def random_floats(self, rows, dimensions, seed=1):
        generator = random.Random(seed)
        return struct.pack(f"<{rows * dimensions}f", *(generator.gauss(0, 1) for _ in range(rows * dimensions)))

    def any_bytes(self, size, seed=2):
        return random.Random(seed).randbytes(size)

    def store_bytes(self):
        return {path.name: path.read_bytes() for path in self.store.iterdir()}


class RoundTrips(Collections):
    def test_npy_of_every_element_type_comes_back_identical(self):
        doubles = struct.pack("<2100d", *struct.unpack("<2100f", self.random_floats(300, 7)))
        cases = {"<f4": self.any_bytes(8400), "<f2": self.any_bytes(4200), "<V2": self.any_bytes(4200), "<f8": doubles}
        names = {"<f4": "float32", "<f2": "float16", "<V2": "bfloat16", "<f8": "float64"}
        for number, (descr, data) in enumerate(cases.items()):
            with self.subTest(descr=descr):
                self.store = self.folder / f"store{number}"
                file = self.write(f"in{number}.npy", npy(descr, 300, 7, data))
                report = self.take_in(file)
                self.assertEqual((report["rows_added"], report["records"], report["dimensions"]), (300, 300, 7))
                self.assertEqual(report["element_type"], names[descr])
                self.assertEqual(self.give_out(f"out{number}.npy"), file.read_bytes())
                self.assertEqual(self.take_in(file)["rows_unchanged"], 300)
                self.run_intact("verify", "--store", self.store)

    def test_f32_comes_back_identical_with_its_nan_payloads(self):
        odd = struct.pack("<8I", 0x7FC00001, 0xFF800001, 0x7F800000, 0xFF800000, 0x80000000, 1, 0x807FFFFF, 0x7FFFFFFF)
        data = odd + self.random_floats(1000, 8)
        file = self.write("plain.f32", data)
        self.assertEqual(self.take_in(file, "--dimensions", "8")["rows"], 1001)
        self.assertEqual(self.give_out("out.f32"), data)
        named = self.write("model__4__2002.f32", data)
        self.store = self.folder / "named"
        self.assertEqual(self.take_in(named)["dimensions"], 4)
        self.assertEqual(self.give_out("out4.f32"), data)

    def jsonl_rows(self, count):
        generator = random.Random(3)
        rows = []
        for number in range(count):
            vector = [struct.unpack("<f", struct.pack("<f", generator.gauss(0, 1)))[0] for _ in range(3)]
            metadata = {"n": number, "t": ["a", None]}
            rows.append({"id": f"doc \"{number}\" \u00e9", "vector": vector, "metadata": metadata})
        return rows

    def test_ids_and_metadata_go_through_jsonl_and_arrow(self):
        rows = self.jsonl_rows(500)
        rows[1]["vector"] = None
        bits = struct.pack("<3I", 0x7FC12345, 0x80000000, 0x7F800000)
        rows[1]["vector_base64"] = base64.b64encode(bits).decode()
        del rows[1]["vector"]
        del rows[2]["metadata"]
        file = self.write("in.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        report = self.take_in(file, "--model", "acme/embed-2", "--metric", "dot")
        self.assertEqual((report["model"], report["metric"]), ("acme/embed-2", "dot"))
        first = self.give_out("one.jsonl")
        found = [json.loads(line) for line in first.splitlines()]
        self.assertEqual(len(found), 500)
        for expected, row in zip(rows, found):
            self.assertEqual(row["id"], expected["id"])
            self.assertEqual(row.get("metadata"), expected.get("metadata"))
            self.assertEqual(row.get("vector_base64"), expected.get("vector_base64"))
            if "vector" in expected:
                self.assertEqual(struct.pack("<3f", *row["vector"]), struct.pack("<3f", *expected["vector"]))
        # Arrow, into another store, and back: every file the same as before.
        arrow = self.give_out("one.arrow")
        self.store = self.folder / "second"
        self.take_in(self.tree / "one.arrow")
        self.assertEqual(self.give_out("two.jsonl"), first)
        self.assertEqual(self.give_out("two.arrow"), arrow)
        self.store = self.folder / "third"
        self.take_in(self.tree / "two.jsonl")
        self.assertEqual(self.give_out("three.jsonl"), first)
        self.assertEqual(self.give_out("three.arrow"), arrow)
        # .npy has no room for them: said, with the way out.
        completed = self.run_intact("export", "x.npy", "--store", self.store, status=4)
        self.assertIn("--vectors-only", completed.stderr)
        self.assertIn(bits, self.give_out("x.npy", "--vectors-only"))

    def test_the_standard_output_takes_a_file(self):
        data = self.random_floats(5000, 16)
        self.take_in(self.write("a__16__5000.f32", data))
        process = self.start("export", "-", "--format", "f32", "--store", self.store)
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual((process.returncode, stderr), (0, b""))
        self.assertEqual(stdout, data)
        self.assertIn("--format", self.run_intact("export", "-", "--store", self.store, status=2).stderr)
        self.run_intact("export", "-", "--format", "npy", "--json", "--store", self.store, status=2)

    def test_every_file_of_a_folder_of_embeddings_comes_back(self):
        if not EMBEDDINGS:
            self.skipTest("the variable INTACT_EMBEDDINGS names no folder of .f32 files")
        files = sorted(pathlib.Path(EMBEDDINGS).rglob("*.f32"))
        self.assertTrue(files, "no .f32 file there")
        given = stored = 0
        for number, file in enumerate(files):
            with self.subTest(file=file.name):
                self.store = self.folder / f"store{number}"
                self.take_in(file)
                self.assertTrue(self.give_out("out.f32", "--force") == file.read_bytes(), file.name)
                stats = self.run_json("stats", "--store", self.store)
                given += stats["given_bytes"]
                stored += next(part["bytes"] for part in stats["components"] if part["name"] == "vectors")
        print(f"{len(files)} files, {given} bytes of vectors, {stored} stored: {100 * stored / given:.1f} %")


class Records(Collections):
    def test_importing_again_skips_and_changes_replace_in_place(self):
        lines = ['{"id":"%s","vector":[%d,0]}\n' % (name, value) for name, value in (("c", 1), ("a", 2), ("b", 3))]
        self.take_in(self.write("one.jsonl", "".join(lines)))
        version = self.run_json("stats", "--store", self.store)["version"]
        again = self.take_in(self.tree / "one.jsonl")
        self.assertEqual((again["rows_unchanged"], again["version"]), (3, version))
        change = self.write("two.jsonl", '{"id":"a","vector":[9,0]}\n{"id":"new","vector":[4,0],"metadata":{"x":1}}\n')
        report = self.take_in(change)
        self.assertEqual((report["rows_updated"], report["rows_added"], report["records"]), (1, 1, 4))
        expected = lines[0] + '{"id":"a","vector":[9,0]}\n' + lines[2] + change.read_text().splitlines()[1] + "\n"
        self.assertEqual(self.give_out("out.jsonl").decode(), expected)
        stats = self.run_json("stats", "--store", self.store)
        self.assertEqual((stats["rows"], stats["rows_superseded"]), (4, 1))

    def test_files_without_ids_are_numbered_on_within_a_command(self):
        first, second = self.random_floats(10, 2, 1), self.random_floats(20, 2, 2)
        files = [self.write("a__2__10.f32", first), self.write("b.npy", npy("<f4", 20, 2, second))]
        self.assertEqual(self.take_in(*files)["records"], 30)
        self.assertEqual(self.give_out("out.f32"), first + second)
        self.assertEqual(self.take_in(*files)["rows_unchanged"], 30)
        self.assertEqual(self.give_out("out.npy"), npy("<f4", 30, 2, first + second))
        # Another file alone replaces row by row, and that is said; --append puts it behind the others.
        replaced = self.run_intact("import", files[1], "--store", self.store)
        self.assertIn("--append", replaced.stderr)
        self.assertEqual(self.give_out("twice.f32"), second + (first + second)[160:])
        self.assertEqual(self.take_in(files[0], "--append")["rows_added"], 10)
        self.assertEqual(self.give_out("more.f32"), second + (first + second)[160:] + first)
        ids = self.write("ids.jsonl", '{"id":"x","vector":[1,2]}\n')
        other = self.folder / "other"
        completed = self.run_intact("import", ids, "--append", "--store", other, status=4)
        self.assertIn("without ids", completed.stderr)
        self.assertFalse(other.exists())

    def test_many_small_imports_keep_few_files(self):
        for number in range(40):
            self.take_in(self.write("row.jsonl", '{"id":"%d","vector":[%d]}\n' % (number, number)))
        self.assertLess(len(list(self.store.iterdir())), 24)
        out = self.give_out("out.jsonl").decode().splitlines()
        self.assertEqual([json.loads(line)["vector"] for line in out], [[number] for number in range(40)])

    def test_a_killed_import_is_finished_by_the_same_command(self):
        file = self.write("big__32__120000.f32", self.random_floats(20000, 32) * 6)
        generator = random.Random(5)
        for _ in range(4):
            process = self.start("import", file, "--store", self.store, "-q")
            time.sleep(generator.uniform(0.01, 0.25))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        report = self.take_in(file)
        self.assertEqual(report["records"], 120000)
        self.assertEqual(report["rows_added"] + report["rows_unchanged"], 120000)
        self.assertEqual(self.give_out("out.f32"), file.read_bytes())
        self.run_intact("verify", "--store", self.store)

    def test_ctrl_c_keeps_what_was_committed(self):
        file = self.write("big__32__120000.f32", self.random_floats(20000, 32) * 6)
        process = self.start("import", file, "--store", self.store)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        if process.returncode == 0:
            self.skipTest("it was done before it could be interrupted")
        self.assertEqual(process.returncode, 130, stderr)
        self.assertIn(b"run the same command to go on", stderr)
        self.assertEqual(self.take_in(file)["records"], 120000)


class Stats(Collections):
    def test_components_add_up_to_the_files_on_disk(self):
        self.take_in(self.write("a__64__700.f32", self.random_floats(700, 64)))
        self.take_in(self.write("b__64__9.f32", self.random_floats(9, 64, 4)))
        stats = self.run_json("stats", "--store", self.store)
        on_disk = sum(path.stat().st_size for path in self.store.iterdir())
        self.assertEqual(stats["stored_bytes"], on_disk)
        self.assertEqual(sum(part["bytes"] for part in stats["components"]), on_disk)
        names = [part["name"] for part in stats["components"]]
        self.assertLessEqual({"vectors", "codes", "keys", "row table", "records", "overhead"}, set(names))
        self.assertEqual((stats["kind"], stats["rows"], stats["rows_superseded"]), ("collection", 700, 9))
        self.assertEqual(stats["raw_bytes"], 700 * 64 * 4)
        self.assertAlmostEqual(stats["stored_percent"], 100 * on_disk / stats["raw_bytes"])
        text = self.run_intact("stats", "--store", self.store).stdout
        for name in names + ["replaced", "raw float32", "version"]:
            self.assertIn(name, text)

    def test_an_index_has_them_too(self):
        self.write_sample()
        self.run_intact("index")
        stats = self.run_json("stats")
        self.assertEqual((stats["kind"], stats["rows_superseded"]), ("index", 0))
        self.assertEqual(stats["stored_bytes"], sum(path.stat().st_size for path in self.only_store().iterdir()))
        self.assertEqual(sum(part["bytes"] for part in stats["components"]), stats["stored_bytes"])
        self.assertLessEqual({"catalog", "postings"}, {part["name"] for part in stats["components"]})
        self.assertEqual(self.run_json("stats", self.tree / "src")["store"], stats["store"])

    def test_a_collection_without_rows_has_no_percentages(self):
        self.take_in(self.write("empty.npy", npy("<f4", 0, 5, b"")))
        self.assertIsNone(self.run_json("stats", "--store", self.store)["stored_percent"])
        self.run_intact("stats", "--store", self.store)
        self.assertEqual(self.give_out("out.npy"), npy("<f4", 0, 5, b""))


class Mistakes(Collections):
    def expect(self, status, words, *arguments, **options):
        completed = self.run_intact(*arguments, status=status, **options)
        self.assertEqual(completed.stdout, "")
        for word in words:
            self.assertIn(word, completed.stderr)

    def test_what_does_not_fit_is_said_and_changes_nothing(self):
        self.take_in(self.write("a__4__5.f32", self.random_floats(5, 4)), "--model", "one")
        before = self.store_bytes()
        other = self.write("b__5__4.f32", self.random_floats(4, 5))
        half = self.write("h.npy", npy("<f2", 2, 4, self.any_bytes(16)))
        ids = self.write("i.jsonl", '{"id":"x","vector":[1,2,3,4]}\n')
        again = self.tree / "a__4__5.f32"
        to_store = ["--store", self.store]
        self.expect(4, ["4 dimensions", "5 dimensions", "--store"], "import", other, *to_store)
        self.expect(4, ["float32", "float16"], "import", half, *to_store)
        self.expect(4, ["without ids", "with ids"], "import", ids, *to_store)
        self.expect(4, ['"one"', '"two"'], "import", again, "--model", "two", *to_store)
        self.expect(4, ["cosine", "dot"], "import", again, "--metric", "dot", *to_store)
        self.expect(4, ["do not agree", "a__4__5.f32", "b__5__4.f32"], "import", again, other, *to_store)
        self.expect(2, ["none.npy"], "import", "none.npy", *to_store)
        self.expect(4, ["not a regular file"], "import", self.tree, *to_store)
        self.assertEqual(self.store_bytes(), before)

    def test_float64_beyond_float32_is_refused_before_anything_is_written(self):
        values = [1.0] * 3000
        values[2501] = 0.1
        file = self.write("d.npy", npy("<f8", 1000, 3, struct.pack("<3000d", *values)))
        self.expect(4, ["d.npy", "row 833, value 2", "0.1", "float32"], "import", file, "--store", self.store)
        self.assertFalse(self.store.exists())

    def test_a_broken_line_keeps_the_rows_before_it(self):
        lines = "".join('{"id":"%d","vector":[1,%d]}\n' % (n, n) for n in range(2000))
        file = self.write("in.jsonl", lines + "{broken\n")
        self.expect(4, ["in.jsonl", "2001", "rows were imported"], "import", file, "--store", self.store)
        file.write_text(lines)
        report = self.take_in(file)
        self.assertEqual(report["records"], 2000)

    def test_an_index_and_a_collection_are_told_apart(self):
        self.write_sample()
        index = self.folder / "index"
        self.run_intact("index", "--store", index)
        file = self.write("a__4__5.f32", self.random_floats(5, 4))
        self.take_in(file)
        before = self.store_bytes()
        in_index = {path.name: path.read_bytes() for path in index.iterdir()}
        self.expect(4, ["index of files"], "import", file, "--store", index)
        self.expect(4, ["index of files"], "export", "x.f32", "--store", index)
        for command in (["index"], ["index", "-n"], ["search", "x"], ["status"]):
            completed = self.run_intact(*command, "--store", self.store, status=None)
            self.assertIn(completed.returncode, (2, 4), command)
            self.assertIn("collection of given vectors", completed.stderr)
        self.assertEqual(self.store_bytes(), before)
        self.assertEqual({path.name: path.read_bytes() for path in index.iterdir()}, in_index)

    def test_stores_that_are_not_there(self):
        self.expect(3, ["no collection", "intact import"], "export", "x.npy", "--store", self.store)
        self.expect(3, ["no index or collection"], "stats", "--store", self.store)
        self.expect(3, ["no index"], "stats")
        self.expect(2, ["--store"], "import", self.write("a__1__1.f32", b"1234"))
        self.expect(2, ["--store"], "export", "x.npy")
        self.expect(2, ["missing FILE"], "import", "--store", self.store)
        self.take_in(self.tree / "a__1__1.f32")
        variable = {"INTACT_STORE": str(self.store)}
        self.run_intact("export", "x.npy", environment=variable)
        self.run_intact("stats", environment=variable)

    def test_files_are_never_replaced_unasked_and_never_left_in_part(self):
        self.take_in(self.write("a__4__5.f32", self.random_floats(5, 4)))
        target = self.write("out.f32", "precious")
        self.expect(4, ["exists", "--force"], "export", target, "--store", self.store)
        self.assertEqual(target.read_text(), "precious")
        self.expect(4, ["--format"], "export", "out.bin", "--store", self.store)
        self.expect(4, ["folder"], "export", self.tree, "--format", "f32", "--force", "--store", self.store)
        report = self.run_json("export", target, "--force", "--store", self.store)
        self.assertEqual((report["rows"], report["bytes"], report["format"]), (5, 80, "f32"))
        self.assertEqual(target.stat().st_size, 80)
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o666 & ~mask)
        self.assertEqual([path.name for path in self.tree.iterdir() if "partial" in path.name], [])

    def test_a_link_is_followed_and_what_is_no_file_is_not_replaced(self):
        file = self.write("in.npy", npy("<f4", 5, 2, self.random_floats(5, 2)))
        self.take_in(file)
        target = self.write("target.npy", b"old")
        link = self.tree / "link.npy"
        link.symlink_to(target)
        self.run_intact("export", link, "--store", self.store, "--force")
        self.assertTrue(link.is_symlink())
        self.assertEqual(target.read_bytes(), file.read_bytes())
        fifo = self.tree / "fifo.npy"
        os.mkfifo(fifo)
        self.expect(4, ["is no regular file"], "export", fifo, "--store", self.store, "--force")
        self.assertTrue(stat.S_ISFIFO(fifo.stat().st_mode))

    def test_damage_is_named_and_gives_no_file(self):
        self.take_in(self.write("a__64__500.f32", self.random_floats(500, 64)))
        segment = next(path for path in self.store.iterdir() if path.name.startswith("seg-"))
        content = bytearray(segment.read_bytes())
        content[-5000] ^= 4
        segment.write_bytes(content)
        self.expect(4, [segment.name, "intact verify --store"], "export", "x.f32", "--store", self.store)
        self.assertFalse((self.tree / "x.f32").exists())
        completed = self.run_intact("verify", "--store", self.store, status=4)
        self.assertIn("import its files again", completed.stderr)

    @unittest.skipUnless(os.path.exists("/dev/full"), "needs /dev/full")
    def test_an_output_that_takes_nothing_is_said(self):
        self.take_in(self.write("a__64__500.f32", self.random_floats(500, 64)))
        with open("/dev/full", "wb") as full:
            process = harness.subprocess.run(
                [harness.PROGRAM, "export", "-", "--format", "f32", "--store", self.store],
                env=self.environment, cwd=self.tree, stdout=full, stderr=harness.subprocess.PIPE, check=False)
        self.assertEqual(process.returncode, 4, process.stderr)
        self.assertIn(b"No space left", process.stderr)


class OnATerminal(Collections):
    def test_a_long_import_shows_a_bar(self):
        file = self.write("big__32__400000.f32", self.random_floats(20000, 32) * 20)
        terminal = harness.Terminal(self, "import", file, "--store", self.store)
        status = terminal.finish()
        self.assertEqual(status, 0, terminal.text)
        self.assertIn("importing", terminal.text)
        self.assertIn("400,000", terminal.text)


if __name__ == "__main__":
    harness.main()
