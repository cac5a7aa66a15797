#!/usr/bin/env python3
"""tools/check_layers.py names each kind of breach in a small seeded tree, and passes the clean tree."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import check_layers  # noqa: E402

TABLE = """# Architecture

| Floor | Module | Charter | May include |
|---|---|---|---|
| 5 | `cli` | commands | engine, base |
| 4 | `engine` | all | store, search, base |
| 3 | `store` | files | format, base |
| 3 | `search` | top-k | base |
| 2 | `format` | bytes | base |
| 0 | `base` | words | |
| aside | `testing` | fakes | base |
"""
CMAKE = """
intact_module(base LINK Threads::Threads)
intact_module(format LINK intact::base)
intact_module(store LINK intact::format intact::base)
intact_module(search LINK intact::base)
intact_module(engine LINK intact::store intact::search)
"""
CLEAN = {
    "docs/ARCHITECTURE.md": TABLE,
    "CMakeLists.txt": CMAKE,
    "intact/base/base.h": "",
    "intact/format/format.h": '#include "intact/base/base.h"\n',
    "intact/store/store.h": '#include "intact/format/format.h"\n',
    "intact/store/store_test.cc": '#include "intact/testing/testing.h"\n#include "intact/store/store.h"\n',
    "intact/search/search.h": '#include "intact/base/base.h"\n',
    "intact/engine/engine.h": '#include "intact/store/store.h"\n#include "intact/base/base.h"\n',
    "intact/testing/testing.h": "",
    "apps/cli/main.cc": '#include "intact/engine/engine.h"\n#include "apps/cli/main.h"\n',
    "apps/cli/main.h": "",
    "apps/cli/CMakeLists.txt": "target_link_libraries(intact PRIVATE intact::engine)\n",
    "tests/whole_test.cc": '#include "intact/store/store.h"\n#include "intact/testing/testing.h"\n',
}


def breaches(**changes):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text in {**CLEAN, **changes.get("files", {})}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return check_layers.check(root)


class Layers(unittest.TestCase):
    def test_clean_tree_passes(self):
        self.assertEqual(breaches(), [])

    def test_names_each_breach(self):
        for what, path, text, words in [
            ("sideways", "intact/store/a.cc", '#include "intact/search/search.h"\n', "`store` may not"),
            ("upward", "intact/base/a.h", '\n#include "intact/store/store.h"\n', "a.h:2: `base` may not"),
            ("skips the table", "apps/cli/a.cc", '#include "intact/store/store.h"\n', "`cli` may not"),
            ("test of a module", "intact/search/a_test.cc", '#include "intact/store/store.h"\n', "may not"),
            ("testing in a source", "intact/store/a.cc", '#include "intact/testing/testing.h"\n', "may not"),
            ("not a full path", "intact/store/a.cc", '#include "store.h"\n', "full path"),
            ("missing header", "intact/store/a.cc", '#include "intact/base/gone.h"\n', "does not exist"),
            ("no module", "intact/stray/a.h", "", "no module"),
            ("sideways edge", "docs/ARCHITECTURE.md",
             TABLE.replace("| format, base |", "| search, format, base |"), "store -> search"),
            ("upward edge", "docs/ARCHITECTURE.md",
             TABLE.replace("| bytes | base |", "| bytes | store, base |"), "format -> store"),
            ("unknown module", "docs/ARCHITECTURE.md",
             TABLE.replace("| top-k | base |", "| top-k | ghost, base |"), "no row"),
            ("testing in the table", "docs/ARCHITECTURE.md",
             TABLE.replace("| top-k | base |", "| top-k | testing, base |"), "only tests include"),
            ("no table", "docs/ARCHITECTURE.md", "# Nothing\n", "no module table"),
            ("link upward", "CMakeLists.txt",
             CMAKE.replace("search LINK", "search LINK intact::store"), "`search` may not link `store`"),
            ("link missing", "CMakeLists.txt",
             CMAKE.replace("store LINK intact::format", "store LINK"), "includes `format` and does not link"),
            ("link of an app", "apps/cli/CMakeLists.txt",
             "target_link_libraries(intact PRIVATE intact::engine intact::store)\n", "may not link `store`"),
        ]:
            with self.subTest(what):
                found = breaches(files={path: text})
                self.assertTrue(any(words in line for line in found), f"{what}: {found}")

    def test_comments_are_no_includes(self):
        text = '// #include "intact/search/search.h"\n/*\n#include "intact/search/search.h"\n*/\n'
        self.assertEqual(breaches(files={"intact/store/a.cc": text}), [])


if __name__ == "__main__":
    unittest.main()
