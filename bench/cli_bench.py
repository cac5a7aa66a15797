#!/usr/bin/env python3
"""Measures the command as a user meets it: speed, latency and memory of whole processes.

bench/README.md says what each figure asks and how. Prints a table, or one JSON object with --json.
Exit status 1 only when the command itself fails, or, with --strict, when a goal is missed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIECE_LINES = 60
# A file that is read within 20 ms of its last change is read again by the next run, for its time cannot tell
# whether it changed once more. That is not the question here: wait.
RACY_S = 0.03
TREE_FILES, TREE_FILES_SMALL, STORE_CHUNKS = 5000, 100, 20000
QUESTIONS = [
    "parse a JSON string with escape sequences",
    "open a network connection with a timeout",
    "sort elements in place",
    "convert bytes to text in a given encoding",
    "compare two version numbers",
    "where is the retry delay computed",
    "read a line from a file",
    "allocate memory aligned to a page",
]


@dataclass
class Run:
    status: int
    wall_ms: float
    processor_ms: float
    peak_mb: float
    output: str


@dataclass
class Figure:
    name: str
    unit: str
    goal: str = ""  # ">= 5", "<= 150", or "" for a floor without one
    values: list = field(default_factory=list)
    processor_ms: list = field(default_factory=list)
    note: str = ""

    def add_wall(self, run):
        self.values.append(run.wall_ms)
        self.processor_ms.append(run.processor_ms)

    def quantile(self, share):
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median(self):
        return self.quantile(0.5)

    @property
    def is_met(self):
        if not self.goal:
            return None
        relation, bound = self.goal.split()
        return self.median >= float(bound) if relation == ">=" else self.median <= float(bound)


class Bench:
    def __init__(self, binary, work, repetitions):
        self.binary = str(binary)
        self.work = work
        self.repetitions = repetitions
        self.measured = work / "measured"
        source = ROOT / "bench/measured.cc"
        subprocess.run(["g++", "-O1", "-std=c++20", "-o", self.measured, source], check=True)
        self.environment = {**os.environ, "HOME": str(work), "XDG_DATA_HOME": str(work / "data"),
                            "NO_COLOR": "1"}

    def run(self, *command, accept=(0,)):
        report = self.work / "report"
        outcome = subprocess.run([self.measured, report, *command], env=self.environment, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        status, wall_ns, user_us, system_us, peak_kib = map(int, report.read_text().split())
        if outcome.returncode != 0 or status not in accept:
            sys.exit(f"cli_bench: {' '.join(map(str, command))}: exit status {status}\n{outcome.stderr}")
        return Run(status, wall_ns / 1e6, (user_us + system_us) / 1e3, peak_kib * 1024 / 1e6,
                   outcome.stdout)

    def index(self, tree, store, *flags):
        return self.run(self.binary, "index", str(tree), "--store", str(store), "--quiet", *flags)

    def search(self, question, tree, store):
        # 1: no hits. An answer all the same.
        return self.run(self.binary, "search", question, str(tree), "--store", str(store), "-k", "10",
                        accept=(0, 1))

    def status(self, tree, store):
        return json.loads(self.run(self.binary, "status", str(tree), "--store", str(store), "--json").output)


def find_number(value, name):
    """The first number called `name` anywhere in a JSON value."""
    if isinstance(value, dict):
        if isinstance(value.get(name), (int, float)):
            return value[name]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found = find_number(item, name)
            if found is not None:
                return found
    return None


def python_modules():
    for python in ("/usr/bin/python3", sys.executable):
        if os.path.exists(python):
            show = "import sysconfig; print(sysconfig.get_path('stdlib'))"
            top = Path(subprocess.run([python, "-c", show], stdout=subprocess.PIPE, text=True).stdout.strip())
            if (top / "heapq.py").exists():
                break
    skip = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
    return top, sorted(path for path in top.rglob("*.py") if path.is_file()
                       and not skip.intersection(path.relative_to(top).parts))


def headers():
    top = Path("/usr/include")
    kinds = {".h", ".hpp", ".hh", ".tcc", ".c", ".cc", ""}
    return top, sorted(path for path in top.rglob("*")
                       if path.suffix in kinds and path.is_file() and not path.is_symlink())


def copy_tree(target, corpus, limit=None):
    """Copies whole files; returns their bytes."""
    top, files = corpus
    size = 0
    for path in files[:limit]:
        copy = target / path.relative_to(top)
        copy.parent.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        copy.write_bytes(data)
        size += len(data)
    return size


def pieces(corpora):
    """Endless (path, text): every file cut at the first blank line after PIECE_LINES; later rounds over the
    same files start a few lines further on, so that their chunks are new texts."""
    shift = 0
    while True:
        for top, files in corpora:
            for path in files:
                lines = path.read_text(errors="replace").split("\n")[shift:]
                start, part = 0, 0
                while start < len(lines):
                    end = min(len(lines), start + PIECE_LINES)
                    while end < len(lines) and end < start + 2 * PIECE_LINES and lines[end].strip():
                        end += 1
                    relative = path.relative_to(top)
                    name = f"{relative.stem}_{shift}_{part}{relative.suffix or '.h'}"
                    yield relative.parent / name, "\n".join(lines[start:end]) + "\n"
                    start, part = end + 1, part + 1
        shift += 7


def make_tree(target, corpora, file_count):
    size = 0
    for number, (path, text) in enumerate(pieces(corpora)):
        if number == file_count:
            break
        # A folder level in front keeps pieces of the two corpora apart and folders small.
        path = target / f"part{number // 500:02}" / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        size += len(text)
    time.sleep(RACY_S)
    return size


def floors(bench, tree, file_count):
    start = Figure("floor: a process that does nothing", "ms")
    stat = Figure(f"floor: stat of every file (find, {file_count} files)", "ms")
    for _ in range(bench.repetitions):
        start.add_wall(bench.run("/bin/true"))
        stat.add_wall(bench.run("find", str(tree), "-type", "f", "-size", "+0", "-newermt", "2100-01-01"))
    return [start, stat]


def index_speed(bench, name, corpus, limit):
    tree, store = bench.work / "speed", bench.work / "speed-store"
    size = copy_tree(tree, corpus, limit)
    speed = Figure(f"index {name}", "MB/s", ">= 5", note=f"{size / 1e6:.1f} MB of source")
    peak = Figure(f"index {name}: peak resident", "MB", "<= 150")
    for _ in range(bench.repetitions):
        shutil.rmtree(store, ignore_errors=True)
        run = bench.index(tree, store, "--json")
        # What the command says it read, so that files it leaves out do not flatter it.
        read = find_number(json.loads(run.output), "bytes_read") or 0
        speed.values.append(read / 1e6 / (run.wall_ms / 1e3))
        speed.processor_ms.append(run.processor_ms)
        peak.values.append(run.peak_mb)
    shutil.rmtree(tree)
    return [speed, peak]


def updates(bench, tree, store, file_count, goals):
    bench.index(tree, store)
    unchanged = Figure(f"second run, nothing changed, {file_count} files", "ms", goals[0])
    changed = Figure(f"run after one file changed, {file_count} files", "ms", goals[1])
    victims = sorted(tree.rglob("*.py"))
    for number in range(bench.repetitions):
        unchanged.add_wall(bench.index(tree, store))
    for number in range(bench.repetitions):
        victim = victims[(number * 37) % len(victims)]
        with victim.open("a") as file:
            file.write(f"\n\ndef added_{number}(first, second):\n    return first * {number} + second\n")
        time.sleep(RACY_S)
        changed.add_wall(bench.index(tree, store))
    return [unchanged, changed]


def search_latency(bench, corpora, chunk_count):
    """Makes a store of about `chunk_count` chunks: a sample tells how many files that takes."""
    tree, store = bench.work / "chunks", bench.work / "chunks-store"
    file_count = max(20, chunk_count // 20)
    for _ in range(3):
        shutil.rmtree(tree, ignore_errors=True)
        shutil.rmtree(store, ignore_errors=True)
        make_tree(tree, corpora, file_count)
        bench.index(tree, store)
        chunks = find_number(bench.status(tree, store), "chunks")
        if not chunks or 0.97 <= chunks / chunk_count <= 1.03:
            break
        file_count = round(file_count * chunk_count / chunks)
    latency = Figure("search, new process", "ms", "<= 30", note=f"{chunks} chunks in {file_count} files")
    peak = Figure("search, new process: peak resident", "MB")
    for number in range(bench.repetitions * 3):
        run = bench.search(QUESTIONS[number % len(QUESTIONS)], tree, store)
        latency.add_wall(run)
        peak.values.append(run.peak_mb)
    return [latency, peak]


def small_store(bench, corpora, file_count):
    tree, store = bench.work / "small", bench.work / "small-store"
    make_tree(tree, corpora, file_count)
    figures = updates(bench, tree, store, file_count, ("", ""))
    peak = Figure(f"search, {file_count} files: peak resident", "MB", "<= 6")
    latency = Figure(f"search, {file_count} files, new process", "ms")
    for number in range(bench.repetitions):
        run = bench.search(QUESTIONS[number % len(QUESTIONS)], tree, store)
        peak.values.append(run.peak_mb)
        latency.add_wall(run)
    return figures + [latency, peak]


def measure(bench, quick, only):
    python, include = python_modules(), headers()
    corpora = [python, include]
    tree_files = 60 if quick else TREE_FILES
    tree, store = bench.work / "tree", bench.work / "tree-store"

    def five_thousand():
        size = make_tree(tree, corpora, tree_files)
        figures = floors(bench, tree, tree_files)
        figures += updates(bench, tree, store, tree_files, ("<= 150", "<= 30"))
        figures[2].note = f"{size / 1e6:.1f} MB of source"
        return figures

    limit = 30 if quick else None
    parts = {
        "index-python": lambda: index_speed(bench, "Python's standard library", python, limit),
        "index-include": lambda: index_speed(bench, "/usr/include", include, limit),
        "update": five_thousand,
        "search": lambda: search_latency(bench, corpora, 300 if quick else STORE_CHUNKS),
        "small": lambda: small_store(bench, corpora, 20 if quick else TREE_FILES_SMALL),
    }
    for name, part in parts.items():
        if only in name:
            yield from part()


def print_table(figures, say):
    width = max(len(figure.name) for figure in figures)
    say(f"{'':{width}}  {'median':>9} {'min':>9} {'p90':>9}  unit  goal     met  cpu ms")
    for figure in figures:
        met = {None: "", True: "yes", False: "NO"}[figure.is_met]
        cost = sorted(figure.processor_ms)
        processor = f"{cost[len(cost) // 2]:6.1f}" if cost else " " * 6
        say(f"{figure.name:{width}}  {figure.median:9.2f} {min(figure.values):9.2f} {figure.quantile(0.9):9.2f}  "
            f"{figure.unit:4}  {figure.goal:7}  {met:3}  {processor}  {figure.note}".rstrip())


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", type=Path, help="the command; default: build/release or build/bench")
    parser.add_argument("--repetitions", type=int, default=11)
    parser.add_argument("--only", default="", metavar="WORD", help="index, update, search or small")
    parser.add_argument("--quick", action="store_true", help="small trees, to see that it works")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def find_binary(asked):
    for path in (asked, os.environ.get("INTACT"), ROOT / "build/release/bin/intact",
                 ROOT / "build/bench/bin/intact"):
        if path and Path(path).is_file():
            return Path(path).resolve()
    sys.exit("cli_bench: no command found; run: make build")


def main(arguments):
    options = parse(arguments)
    binary = find_binary(options.binary)
    with tempfile.TemporaryDirectory(prefix="intact-bench-") as work:
        bench = Bench(binary, Path(work), 3 if options.quick else options.repetitions)
        figures = list(measure(bench, options.quick, options.only))
    if not figures:
        sys.exit(f"cli_bench: nothing is called '{options.only}'")
    if options.json:
        rows = [{**asdict(figure), "median": figure.median, "is_met": figure.is_met} for figure in figures]
        print(json.dumps({"schema_version": 1, "processors": os.cpu_count(), "figures": rows}, indent=1))
    else:
        print_table(figures, print)
        load, processors = os.getloadavg()[0], os.cpu_count()
        if load > processors:
            print(f"The machine was busy ({load:.1f} runnable on {processors} processors): wall times say little; "
                  "cpu ms is what the runs themselves used.")
    missed = [figure for figure in figures if figure.is_met is False]
    return 1 if options.strict and missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
