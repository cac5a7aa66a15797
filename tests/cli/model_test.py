"""--model and INTACT_MODEL: which files are taken for models, and which indexes a model may search."""

import hashlib
import pathlib
import struct

import harness

DEFAULT_MODEL = pathlib.Path(__file__).resolve().parents[2] / "models" / "default.intactmodel"
HEADER_SIZE = 256
CHECKSUM_OFFSET = 252
DIGEST_OFFSET = 144
ROWS_OFFSET = 80  # Where the header says where the row values are.


def crc32c(data):
    """CRC-32C (Castagnoli), bit by bit: a header is short."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def flipped(model, offset):
    """The model with one bit of one byte turned, and nothing said of it."""
    changed = bytearray(model)
    changed[offset] ^= 1
    return bytes(changed)


def retrained(model):
    """A sound model that differs from `model` in one number of one row."""
    changed = bytearray(flipped(model, struct.unpack_from("<Q", model, ROWS_OFFSET)[0]))
    changed[DIGEST_OFFSET:DIGEST_OFFSET + 32] = hashlib.blake2b(changed[HEADER_SIZE:], digest_size=32).digest()
    changed[CHECKSUM_OFFSET:HEADER_SIZE] = struct.pack("<I", crc32c(changed[:CHECKSUM_OFFSET]))
    return bytes(changed)


class Model(harness.Sandbox):
    def setUp(self):
        super().setUp()
        self.environment.pop("INTACT_MODEL", None)
        self.write_sample()

    def put(self, name, content):
        """A file beside the tree, so that the walk does not meet it."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def refuse(self, *arguments, words, **options):
        """The status of an input that cannot be used, nothing on stdout, and words that say why."""
        completed = self.run_intact(*arguments, status=4, **options)
        self.assertEqual(completed.stdout, "")
        for word in words:
            self.assertIn(word, completed.stderr)
        return completed

    def test_a_path_that_leads_nowhere_is_refused_by_its_name(self):
        missing = self.folder / "no-such.intactmodel"
        self.refuse("index", "--model", missing, words=[str(missing)])
        self.refuse("index", words=[str(missing)], environment={"INTACT_MODEL": str(missing)})
        self.assertEqual(self.store_files(), [])

    def test_what_is_no_model_is_refused(self):
        default = DEFAULT_MODEL.read_bytes()
        rows = struct.unpack_from("<Q", default, ROWS_OFFSET)[0]
        cases = [
            ("empty", b"", "too short"),
            ("text", b"not a model\n" * 100, "magic"),
            ("header", flipped(default, 20), "header is damaged"),
            ("row", flipped(default, rows), "digest differs"),
            ("cut", default[:len(default) // 2], "model file"),
            ("longer", default + b"\0", "digest differs"),
        ]
        for name, content, words in cases:
            with self.subTest(name):
                path = self.put(name + ".intactmodel", content)
                self.refuse("index", "--model", path, words=[str(path), words])
        folder = self.folder / "folder"
        folder.mkdir()
        self.refuse("index", "--model", folder, words=[str(folder)])
        self.assertEqual(self.store_files(), [])

    def test_a_copy_of_the_default_model_is_the_default_model(self):
        copy = self.put("renamed.bin", DEFAULT_MODEL.read_bytes())
        first = self.run_json("index", "--model", copy)
        self.assertGreater(first["chunks_embedded"], 0)
        again = self.run_json("index")
        self.assertEqual((again["files_unchanged"], again["chunks_embedded"]), (3, 0))
        query = "wait before the next attempt"
        hits = self.run_json("search", query)["hits"]
        self.assertEqual(hits, self.run_json("search", query, "--model", copy)["hits"])

    def test_another_model_neither_searches_nor_changes_an_index(self):
        other = self.put("other.intactmodel", retrained(DEFAULT_MODEL.read_bytes()))
        self.run_json("index")
        before = {path: path.read_bytes() for path in self.store_files()}
        for command in (["index"], ["search", "retry"]):
            with self.subTest(command):
                self.refuse(*command, "--model", other, words=["was made with the model", "--model"])
                self.refuse(*command, words=["was made with the model"], environment={"INTACT_MODEL": str(other)})
        self.assertEqual({path: path.read_bytes() for path in self.store_files()}, before)
        self.assertEqual(self.run_json("search", "retry delay")["hits"][0]["path"], "src/retry.py")

    def test_an_index_of_another_model_names_it_and_is_found_with_it(self):
        other = self.put("other.intactmodel", retrained(DEFAULT_MODEL.read_bytes()))
        self.run_json("index", "--model", other)
        self.refuse("search", "retry", words=["was made with the model"])
        hits = self.run_json("search", "retry delay", environment={"INTACT_MODEL": str(other)})["hits"]
        self.assertEqual(hits[0]["path"], "src/retry.py")
        # The flag goes before the variable.
        by_flag = self.run_json("search", "retry delay", "--model", other, environment={"INTACT_MODEL": "nowhere"})
        self.assertEqual(by_flag["hits"], hits)


if __name__ == "__main__":
    harness.main()
