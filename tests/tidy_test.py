#!/usr/bin/env python3
"""tools/tidy finds each kind of breach in seeded text and lets clean text pass."""

import importlib.util
import subprocess
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
loader = SourceFileLoader("tidy", str(ROOT / "tools/tidy"))
spec = importlib.util.spec_from_loader("tidy", loader)
tidy = importlib.util.module_from_spec(spec)
sys.modules["tidy"] = tidy
loader.exec_module(tidy)
cpp_text = tidy.cpp_text

HEADER = "// What this is.\n#pragma once\n"


def rules_in(files):
    """The rules broken by a tree of {path: text}, as (rule, path) pairs."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        soft = {"files": [], "functions": []}
        return {(found.rule, found.path) for found in tidy.check_tree(root, sorted(files), soft)}


class Rules(unittest.TestCase):
    def assert_breaks(self, rule, path, text):
        self.assertIn((rule, path), rules_in({path: text}), f"{rule} is not seen in {text!r}")

    def assert_clean(self, path, text):
        self.assertEqual(rules_in({path: text}), set(), text)

    def test_names_each_breach(self):
        body = "// X.\n"
        for rule, path, text in [
            ("line-length", "intact/os/a.cc", body + "int a;  // " + "x" * 100 + "\n"),
            ("tab", "intact/os/a.cc", body + "\tint a;\n"),
            ("trailing-blank", "docs/a.md", "a \n"),
            ("trailing-blank", "docs/a.md", "a"),
            ("debt", "intact/os/a.cc", body + "// TO" + "DO: later\n"),
            ("opening", "intact/os/a.cc", "int a;\n"),
            ("pragma-once", "intact/os/a.h", "// X.\n#include <vector>\n#pragma once\n"),
            ("pragma-once", "intact/os/a.h", "// X.\nint a;\n"),
            ("file-length", "intact/os/a.cc", body + "int a;\n" * 800),
            ("function-length", "intact/os/a.cc", body + "void F() {\n" + "  G();\n" * 69 + "}\n"),
            ("base-size", "intact/base", body),
            ("name", "intact/os/string_util.h", HEADER),
            ("name", "intact/common/a.h", HEADER),
            ("name", "intact/os/a.cc", body + "class LockManager;\n"),
            ("name", "intact/os/a.cc", body + "int read_helper;\n"),
            ("name", "intact/os/a.cc", body + "struct StoreCommon;\n"),
            ("banned-call", "intact/os/a.cc", body + "int a = atoi(text);\n"),
            ("banned-call", "intact/os/a.cc", body + "void F() { assert(a); }\n"),
            ("banned-call", "intact/os/a.cc", body + "int a = rand();\n"),
            ("banned-call", "intact/os/a.cc", body + "std::regex a;\n"),
            ("banned-call", "intact/os/a.cc", body + "#include <regex>\n"),
            ("print", "intact/os/a.cc", body + "void F() { std::cout << 1; }\n"),
            ("raw-new", "intact/os/a.cc", body + "int* a = new int[3];\n"),
            ("raw-delete", "intact/os/a.cc", body + "void F() { delete a; }\n"),
            ("using-namespace", "intact/os/a.cc", body + "using namespace std;\n"),
            ("intrinsics", "intact/search/a.cc", body + "#include <immintrin.h>\n"),
            ("system-header", "intact/search/a.cc", body + "#include <unistd.h>\n"),
            ("system-header", "intact/search/a.cc", body + "#include <sys/mman.h>\n"),
            ("foreign", "docs/a.md", "see /wo" + "rk/main\n"),
            ("foreign", "docs/a.md", "see iss" + "ue 12\n"),
            ("foreign", "docs/a.md", "from https://" + "somewhere.net/x\n"),
        ]:
            if rule == "base-size":
                files = {f"intact/base/a{i}.cc": body + "int a;\n" * 500 for i in range(4)}
                self.assertIn((rule, path), rules_in(files))
            else:
                self.assert_breaks(rule, path, text)

    def test_lets_clean_text_pass(self):
        for path, text in [
            ("intact/os/a.h", HEADER + "\nint a;\n"),
            ("intact/os/a.cc", "// X.\n#include <unistd.h>\n"),
            ("intact/search/a_test.cc", "// X.\n#include <unistd.h>\nvoid F() { printf(\"\"); }\n"),
            ("intact/simd/a.cc", "// X.\n#include <immintrin.h>\n"),
            ("intact/os/a.cc", "// Never new, delete or printf( here.\nconst char* a = \"new atoi(\";\n"),
            ("intact/os/a.cc", "// X.\nA(const A&) = delete;\nvoid operator delete(void*);\n"),
            ("intact/os/a.cc", "// X.\nauto a = std::unique_ptr<A>(new A(b));\nint renew_new_id;\n"),
            ("intact/os/a.cc", "// X.\nstatic_assert(sizeof(A) == 8);\nlist.free(a);\n"),
            ("intact/os/a.cc", "// X.\nsize_t common_prefix_size, common;\nstd::common_type_t<int> a;\n"),
            ("intact/os/a.cc", "// X.\nvoid F() {\n" + "  G();\n" * 68 + "}\n"),
            ("docs/a.md", "see https://example.com/x and http://localhost:80\n"),
            ("Makefile", "a:\n\techo\n"),
        ]:
            self.assert_clean(path, text)

    def test_source_beside_its_header_needs_no_opening(self):
        files = {"intact/os/a.h": HEADER, "intact/os/a.cc": "int a;\n", "intact/os/a_test.cc": "int a;\n"}
        self.assertEqual(rules_in(files), set())
        self.assert_breaks("opening", "intact/os/b_test.cc", "int a;\n")

    def test_leaves_test_data_alone(self):
        self.assert_clean("intact/source/testdata/a.py", "\tx = 1  # TO" + "DO \n")


class Functions(unittest.TestCase):
    def names(self, text):
        return [(found.name, found.first_line, found.last_line) for found in cpp_text.functions(text)]

    def test_finds_functions_where_code_hides_them(self):
        for text, expected in [
            ("int F() {\n  return 1;\n}\n", [("F", 1, 3)]),
            ("namespace a {\nint F() {\n}\n}\n", [("F", 2, 3)]),
            ("class A final : public B {\n public:\n  int F() const {\n  }\n};\n", [("F", 3, 4)]),
            ('class M("x") A {\n  void F() {\n  }\n};\n', [("F", 2, 3)]),
            ("struct Row {\n  int a;\n};\nconstexpr Row kRows[] = {\n  {1},\n};\n", []),
            ("void F() {\n  auto g = [&](int x) {\n    return x;\n  };\n}\n", [("F", 1, 5)]),
            ("void F() {\n  struct L {\n    int G() { return 1; }\n  };\n}\n", [("F", 1, 5)]),
            ('void F() {\n  Put("}{");\n  c = \'}\';\n  // }\n}\n', [("F", 1, 5)]),
            ('void F() {\n  x = R"(\n}}}\n)";\n}\n', [("F", 1, 5)]),
            ("#define M(x) { \\\n  x }\nvoid F() {\n}\n", [("F", 3, 4)]),
            ("TEST(Store, ReopensAfterCrash) {\n  F();\n}\n", [("TEST", 1, 3)]),
            ("template <typename T>\nResult<T> F(\n    int a) {\n}\n", [("F", 1, 4)]),
            ("size_t a = 1'000'000;\nvoid F() {\n}\n", [("F", 2, 3)]),
        ]:
            self.assertEqual(self.names(text), expected, text)


class Exceptions(unittest.TestCase):
    def test_excuses_what_is_listed_and_names_what_is_not_needed(self):
        found = [tidy.Finding("tab", "a.cc", 1, "")]
        exceptions, malformed = tidy.read_exceptions("tab a.cc  # vendor text\ntab b.cc  # old\ntab c.cc\n")
        self.assertEqual([finding.line for finding in malformed], [3])
        kept = tidy.apply_exceptions(found, exceptions)
        self.assertEqual([(finding.rule, finding.line) for finding in kept], [("exceptions", 2)])

    def test_list_may_not_grow(self):
        with tempfile.TemporaryDirectory() as folder:
            git = ["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com"]
            subprocess.run(git + ["init", "-q"], check=True)
            listed = Path(folder) / tidy.EXCEPTIONS
            listed.parent.mkdir()
            listed.write_text("tab a.cc  # x\n")
            subprocess.run(git + ["add", "."], check=True)
            subprocess.run(git + ["commit", "-q", "-m", "x"], check=True)
            root = Path(folder)
            self.assertEqual(tidy.growth(root, {("tab", "a.cc"): 1}), [])
            self.assertNotEqual(tidy.growth(root, {("tab", "a.cc"): 1, ("tab", "b.cc"): 2}), [])


if __name__ == "__main__":
    unittest.main()
