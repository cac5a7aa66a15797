#!/usr/bin/env python3
"""Holds the code to the module table of docs/ARCHITECTURE.md.

Checks four things and prints one line per breach:
  the table    every edge goes to a lower floor, every named module has a row
  the code     every #include "..." names a header by full path, of a module its own module may include
  the tests    may include what their module may, the module itself, and `testing`; no other file may
               include `testing`; files under tests/ and bench/ may include every module
  the build    the LINK edges in CMakeLists.txt are allowed, and reach every module that is included
"""

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ASIDE = "testing"
FOLDERS = {"cli": "apps/cli", "daemon": "apps/daemon", "capi": "bindings/c", "python": "bindings/python"}
TEST_FILE = re.compile(r"_(?:test|fuzz|bench)\.(?:cc|h)$")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
ROW = re.compile(r"^\|\s*(\d+|aside)\s*\|\s*`(\w+)`\s*\|[^|]*\|([^|]*)\|\s*$", re.MULTILINE)
BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass
class Module:
    name: str
    floor: str
    may_include: frozenset = field(default_factory=frozenset)


def read_table(text):
    """{name: Module} of the table in the architecture document."""
    modules = {}
    for floor, name, edges in ROW.findall(text):
        modules[name] = Module(name, floor, frozenset(re.findall(r"\w+", edges)))
    return modules


def check_table(modules):
    for module in modules.values():
        for edge in sorted(module.may_include):
            target = modules.get(edge)
            if target is None:
                yield f"docs/ARCHITECTURE.md: `{module.name}` names `{edge}`, which has no row"
            elif target.name == ASIDE:
                yield f"docs/ARCHITECTURE.md: `{module.name}` names `{ASIDE}`, which only tests include"
            elif module.floor != "aside" and int(target.floor) >= int(module.floor):
                yield (f"docs/ARCHITECTURE.md: the edge {module.name} -> {edge} goes from floor "
                       f"{module.floor} to floor {target.floor}; edges go down")


def module_of(path, modules):
    """The module a file or an include path belongs to, or None."""
    for name, folder in FOLDERS.items():
        if path.startswith(folder + "/"):
            return name
    parts = path.split("/")
    if parts[0] == "intact" and len(parts) > 2 and parts[1] in modules:
        return parts[1]
    return None


def allowed_for(path, modules):
    """Module names that the file at `path` may include, or None for a file outside all modules."""
    if path.startswith(("tests/", "bench/")):
        return set(modules)
    name = module_of(path, modules)
    if name is None:
        return None
    allowed = set(modules[name].may_include) | {name}
    if TEST_FILE.search(path):
        allowed |= {ASIDE} | modules[ASIDE].may_include
    return allowed


def check_file(path, text, modules, exists):
    allowed = allowed_for(path, modules)
    if allowed is None:
        yield f"{path}: lies in no module of the table"
        return
    for match in INCLUDE.finditer(text):
        place = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        target = match.group(1)
        name = module_of(target, modules)
        if name is None:
            if not path.startswith(("tests/", "bench/")):
                yield f'{place}: "{target}" is not the full path of a module\'s header'
        elif not exists(target):
            yield f'{place}: "{target}" does not exist'
        elif name not in allowed:
            own = module_of(path, modules)
            yield f"{place}: `{own}` may not include `{name}`"


def read_links(text):
    """{module: set of modules it links} from intact_module(NAME LINK intact::a ...)."""
    text = re.sub(r"#[^\n]*", "", text)
    links = {}
    for name, rest in re.findall(r"\bintact_module\(\s*(\w+)([^)]*)\)", text):
        links[name] = set(re.findall(r"\bintact::(\w+)", rest))
    return links


def read_target_links(text):
    """Modules that any target_link_libraries of a file names."""
    text = re.sub(r"#[^\n]*", "", text)
    calls = re.findall(r"\btarget_link_libraries\(([^)]*)\)", text)
    return {name for call in calls for name in re.findall(r"\bintact::(\w+)", call)}


def closure(name, links):
    reached, todo = set(), [name]
    while todo:
        for target in links.get(todo.pop(), ()):
            if target not in reached:
                reached.add(target)
                todo.append(target)
    return reached


def check_links(links, modules, included):
    for name in sorted(links):
        if name not in modules:
            yield f"CMakeLists.txt: `{name}` has no row in docs/ARCHITECTURE.md"
            continue
        for target in sorted(links[name] - modules[name].may_include):
            yield f"CMakeLists.txt: `{name}` may not link `{target}`"
        for target in sorted(included.get(name, set()) - closure(name, links) - {name}):
            yield f"CMakeLists.txt: `{name}` includes `{target}` and does not link it"


def included_modules(files, modules):
    """{module: modules its sources include}, tests left out: they link what they need."""
    included = {}
    for path, text in files.items():
        name = module_of(path, modules)
        if name and not TEST_FILE.search(path):
            targets = (module_of(target, modules) for target in INCLUDE.findall(text))
            included.setdefault(name, set()).update(target for target in targets if target)
    return included


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def source_files(root):
    """{path: text without block comments} of the C++ files."""
    files = {}
    for top in ("intact", "apps", "bindings", "tests", "bench"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".h", ".cc") and path.is_file():
                text = path.read_text(errors="replace")
                files[str(path.relative_to(root))] = BLOCK_COMMENT.sub(blank, text)
    return files


def check(root):
    table = (root / "docs/ARCHITECTURE.md").read_text()
    modules = read_table(table)
    if "base" not in modules or ASIDE not in modules:
        return ["docs/ARCHITECTURE.md: no module table found"]
    files = source_files(root)
    breaches = list(check_table(modules))
    for path, text in files.items():
        if not path.startswith("tests/consumer/"):  # Stands for a stranger's project.
            breaches += check_file(path, text, modules, lambda target: (root / target).is_file())

    links = read_links((root / "CMakeLists.txt").read_text())
    for name, folder in FOLDERS.items():
        listing = root / folder / "CMakeLists.txt"
        if listing.is_file():
            links[name] = read_target_links(listing.read_text())
    breaches += check_links(links, modules, included_modules(files, modules))
    return breaches


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    options = parser.parse_args(arguments)
    breaches = check(options.root)
    print("\n".join(breaches) if breaches else "layers: no breach")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
