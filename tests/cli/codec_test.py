"""What vectors are made of and what keeping them costs: codec bench and codec explain, as a user runs them."""

import json
import os
import pathlib
import random
import struct
import unittest

import harness

# A folder of .f32 files, dimensions in their names, to be taken through both commands.
EMBEDDINGS = os.environ.get("INTACT_EMBEDDINGS", "")

# At the top of each element of "files", always.
KEYS = {"file": str, "rows": int, "dimensions": int, "element_type": str, "raw_bytes": int, "compact_bytes": int,
        "fast_bytes": int, "code_rest_bytes": int, "exact": bool, "compact_percent": float, "fast_percent": float,
        "compact_encode_bytes_per_second": float, "compact_decode_bytes_per_second": float,
        "compact_row_decode_bytes_per_second": float, "fast_encode_bytes_per_second": float,
        "fast_decode_bytes_per_second": float, "fast_row_decode_bytes_per_second": float,
        "floor_bits_per_value": float, "given_floor_bits_per_value": float, "kinds": list, "forms": list,
        "peers": list, "memory_sized": dict}


def half(value):
    """The nearest float16, as a number."""
    return struct.unpack("<e", struct.pack("<e", value))[0]


def single(value):
    """The nearest float32, as a number."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


class Codec(harness.Sandbox):
    def divided_rows(self, rows, dimensions, seed=1):
        """float16 numbers divided by a float32 of their row. The quotient of two float32 in float64, rounded to
        float32, is the float32 quotient: float64 has more than twice the bits."""
        generator = random.Random(seed)
        values = []
        for _ in range(rows):
            words = [half(generator.gauss(0, 1)) for _ in range(dimensions)]
            norm = single(sum(word * word for word in words) ** 0.5)
            values += [word / norm for word in words]
        return struct.pack(f"<{rows * dimensions}f", *values)

    def bench(self, *arguments, **options):
        return self.run_json("codec", "bench", "--quick", *arguments, **options)["files"]


class Bench(Codec):
    def test_finds_the_16_bit_numbers_and_keeps_every_byte(self):
        file = self.write("model__256__40.f32", self.divided_rows(40, 256))
        (report,) = self.bench(file)
        for key, kind in KEYS.items():
            self.assertIsInstance(report[key], kind, key)
        self.assertEqual((report["file"], report["rows"], report["dimensions"]), (str(file), 40, 256))
        self.assertEqual(report["raw_bytes"], 40 * 256 * 4)
        self.assertIs(report["exact"], True)
        self.assertLess(report["compact_percent"], 46)
        self.assertLess(report["fast_percent"], 51.5)
        self.assertEqual([(kind["kind"], kind["rows"]) for kind in report["kinds"]], [("float16 / scale", 40)])
        for key in KEYS:
            if key.endswith("per_second"):
                self.assertGreater(report[key], 0, key)
        peers = [peer["name"] for peer in report["peers"]]
        self.assertEqual(peers[:3], ["raw copy", "LZ4", "zstd 1"])
        self.assertNotIn("zstd 19", peers)

    def test_takes_several_files_of_any_kind_and_rules(self):
        lines = "".join('{"id":"%d","vector":[1,%d]}\n' % (n, n) for n in range(9))
        files = [self.write("a__2__3.f32", b"\0" * 24), self.write("b.jsonl", lines)]
        reports = self.bench(*files, "--generate", "bfloat16:64:10", "--generate", "sums:512:4")
        self.assertEqual([report["rows"] for report in reports], [3, 9, 10, 4])
        self.assertEqual([report["is_generated"] for report in reports], [False, False, True, True])
        self.assertTrue(all(report["exact"] for report in reports))
        self.assertEqual(reports[2]["kinds"][0]["kind"], "bfloat16")

    def test_shows_a_table_within_100_columns(self):
        file = self.write("model__256__40.f32", self.divided_rows(40, 256))
        text = self.run_intact("codec", "bench", "--quick", file).stdout
        self.assertIn("40 rows of 256 dimensions, float32", text)
        for word in ("compact", "fast", "code + rest", "raw copy", "LZ4", "zstd 3", "shuffle + zstd 1", "floor",
                     "All 40 rows: float16 numbers divided by a float32", "Every byte came back"):
            self.assertIn(word, text)
        for line in text.splitlines()[1:]:
            self.assertLessEqual(len(line), 100, line)

    def test_takes_the_first_rows_only_when_told(self):
        file = self.write("model__64__40.f32", self.divided_rows(40, 64))
        (report,) = self.bench(file, "--rows", "7")
        self.assertEqual((report["rows"], report["is_whole"]), (7, False))
        self.assertIn("the first 7 rows", self.run_intact("codec", "bench", "--quick", file, "--rows", "7").stdout)

    def test_a_file_without_rows_is_no_failure(self):
        (report,) = self.bench(self.write("empty__8__0.f32", b""))
        self.assertEqual((report["rows"], report["exact"]), (0, True))
        self.assertIsNone(report["fast_decode_bytes_per_second"])
        self.run_intact("codec", "bench", self.tree / "empty__8__0.f32")

    def test_what_cannot_be_read_is_said_and_the_others_are_measured(self):
        file = self.write("a__2__3.f32", b"\0" * 24)
        broken = self.write("b__2__3.f32", b"\0" * 23)
        completed = self.run_intact("codec", "bench", "--quick", "--json", broken, file, status=4)
        self.assertEqual(len(json.loads(completed.stdout)["files"]), 1)
        self.assertIn("b__2__3.f32", completed.stderr)
        self.run_intact("codec", "bench", "none.f32", status=2)
        completed = self.run_intact("codec", "bench", "--generate", "float17", status=2)
        self.assertIn("float16-norm", completed.stderr)
        self.assertEqual(completed.stdout, "")


class Explain(Codec):
    def test_says_what_rows_are_and_what_they_take(self):
        file = self.write("model__256__40.f32", self.divided_rows(40, 256))
        text = self.run_intact("codec", "explain", file).stdout
        for word in ("All 40 rows: float16 numbers divided by a float32, one for each row.", "bits a value",
                     "compact form", "zstd 19", "floor"):
            self.assertIn(word, text)
        report = self.run_json("codec", "explain", file, "--row", "39")
        self.assertEqual(report["row"]["kind"], "float16 / scale")
        self.assertGreater(report["row"]["scale"], 0)
        self.assertEqual(report["row"]["fast_bytes"], 1 + 4 + 512)
        self.assertLess(report["bits_per_value"], 14.5)
        self.assertIn("zstd 19", [peer["name"] for peer in report["general_codecs"]])

    def test_tells_kinds_of_a_mixed_file_apart(self):
        words = [half(random.Random(3).gauss(0, 1)) for _ in range(256)]
        rows = self.divided_rows(3, 256) + struct.pack("<256f", *words)
        file = self.write("mixed__256__4.f32", rows)
        text = self.run_intact("codec", "explain", file, "--row", "3").stdout
        self.assertIn("3 of 4 rows: float16 numbers divided by a float32", text)
        self.assertIn("1 of 4 rows: ", text)
        self.assertIn("Row 3: ", text)

    def test_a_row_that_is_not_there_is_a_mistake(self):
        file = self.write("model__64__4.f32", self.divided_rows(4, 64))
        completed = self.run_intact("codec", "explain", file, "--row", "4", status=2)
        self.assertIn("there is no row 4", completed.stderr)


class Grammar(Codec):
    def test_a_group_explains_itself(self):
        completed = self.run_intact("codec", status=2)
        self.assertIn("bench explain", completed.stderr)
        self.assertIn("did you mean bench?", self.run_intact("codec", "bnech", status=2).stderr)
        for words in (["help", "codec"], ["codec", "--help"]):
            text = self.run_intact(*words).stdout
            self.assertIn("intact codec bench [FLAGS] [FILE...]", text)
            self.assertIn("intact codec explain [FLAGS] FILE", text)
        for words in (["help", "codec", "explain"], ["codec", "explain", "-h"]):
            self.assertIn("--row N", self.run_intact(*words).stdout)
        self.assertIn("missing FILE", self.run_intact("codec", "explain", status=2).stderr)
        self.assertIn("missing FILE", self.run_intact("codec", "bench", status=2).stderr)
        self.run_intact("codec bench", status=2)
        self.assertIn("there is no help", self.run_intact("help", "codec", "x", status=2).stderr)


@unittest.skipUnless(EMBEDDINGS, "INTACT_EMBEDDINGS names no folder")
class RealVectors(Codec):
    def test_every_file_comes_back_bit_for_bit(self):
        files = sorted(pathlib.Path(EMBEDDINGS).glob("*.f32"))
        self.assertTrue(files)
        for report in self.bench(*files):
            self.assertIs(report["exact"], True, report["file"])
            self.assertLessEqual(report["compact_bytes"], 1.005 * report["raw_bytes"], report["file"])


class OnATerminal(Codec):
    def test_shows_how_far_it_is(self):
        terminal = harness.Terminal(self, "codec", "bench", "--generate", "float32:64:2000")
        self.assertEqual(terminal.finish(), 0, terminal.text)
        self.assertIn("measuring", terminal.text)


if __name__ == "__main__":
    harness.main()
