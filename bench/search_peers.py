#!/usr/bin/env python3
"""Searches the same vectors with intact, FAISS, hnswlib, usearch, sqlite-vec and LanceDB, in one run, in turns.

bench/README.md says how. Without --vectors, the source files of Python packages are fetched by name through pip and
indexed with the default model, and the first lines of their docstrings are asked for. Prints a table in markdown,
or one JSON object with --json. Peers come from Python's package registry into a virtual environment of their own
(build/search-peers); one that cannot be had is left out with a message. Exit status 1 when intact fails or does
not find what a full scan finds.
"""

import argparse
import ast
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {"numpy": "numpy==2.4.6", "faiss": "faiss-cpu==1.15.1", "hnswlib": "hnswlib==0.8.0",
                "usearch": "usearch==2.26.6", "sqlite_vec": "sqlite-vec==0.1.9",
                "pysqlite3": "pysqlite3-binary==0.5.4.post2", "lancedb": "lancedb==0.40.0"}
# Wheels with much source text; any others would do.
PACKAGES = "astropy django matplotlib networkx numpy pandas scikit-learn scipy sqlalchemy sympy".split()
TURNS = 3
SLOW_QUERIES = 100  # Of peers that take tens of milliseconds.
SEED = 1


class Peer:
    """One way to search: made of rows [n, d] float32 of length 1, asked one query at a time."""

    queries = 1000

    def build(self, rows, folder, threads):
        raise NotImplementedError

    def search(self, query, k):
        """Numbers of the rows that were found."""
        raise NotImplementedError

    def size(self):
        """Bytes that it takes."""
        raise NotImplementedError


class NumpyScan(Peer):
    def build(self, rows, folder, threads):
        import numpy
        self.numpy, self.rows = numpy, rows

    def search(self, query, k):
        scores = self.rows @ query
        best = self.numpy.argpartition(scores, -k)[-k:]
        return best[self.numpy.argsort(-scores[best])]

    def size(self):
        return self.rows.nbytes


class Faiss(Peer):
    def __init__(self, factory, probes=0, k_factor=0):
        self.factory, self.probes, self.k_factor = factory, probes, k_factor

    def build(self, rows, folder, threads):
        import faiss
        self.faiss = faiss
        faiss.omp_set_num_threads(threads)
        self.index = faiss.index_factory(rows.shape[1], self.factory, faiss.METRIC_INNER_PRODUCT)
        if not self.index.is_trained:
            self.index.train(rows)
        self.index.add(rows)
        if self.k_factor:
            self.index.k_factor = self.k_factor
            faiss.extract_index_ivf(self.index.base_index).nprobe = self.probes

    def search(self, query, k):
        return self.index.search(query[None], k)[1][0]

    def size(self):
        return self.faiss.serialize_index(self.index).nbytes


class Hnswlib(Peer):
    def __init__(self, ef):
        self.ef = ef

    def build(self, rows, folder, threads):
        import hnswlib
        self.folder = folder
        self.index = hnswlib.Index(space="ip", dim=rows.shape[1])
        self.index.init_index(max_elements=len(rows), M=16, ef_construction=200, random_seed=SEED)
        self.index.add_items(rows, num_threads=threads)
        self.index.set_num_threads(threads)
        self.index.set_ef(self.ef)

    def search(self, query, k):
        return self.index.knn_query(query[None], k)[0][0]

    def size(self):
        self.index.save_index(str(self.folder / "hnsw"))
        return (self.folder / "hnsw").stat().st_size


class UsearchExact(Peer):
    def build(self, rows, folder, threads):
        from usearch import index
        self.index, self.rows, self.threads = index, rows, threads

    def search(self, query, k):
        return self.index.search(self.rows, query, k, self.index.MetricKind.IP, exact=True, threads=self.threads).keys

    def size(self):
        return self.rows.nbytes


class SqliteVec(Peer):
    queries = SLOW_QUERIES

    def build(self, rows, folder, threads):
        import sqlite3

        import sqlite_vec
        if not hasattr(sqlite3.Connection, "enable_load_extension"):  # Some Pythons are built without.
            import pysqlite3 as sqlite3
        self.path = folder / "vectors.db"
        self.path.unlink(missing_ok=True)
        self.connection = sqlite3.connect(self.path)
        self.connection.enable_load_extension(True)
        sqlite_vec.load(self.connection)
        self.connection.execute(f"CREATE VIRTUAL TABLE v USING vec0(e float[{rows.shape[1]}] distance_metric=cosine)")
        with self.connection:
            self.connection.executemany("INSERT INTO v(rowid, e) VALUES (?, ?)",
                                        ((number, row.tobytes()) for number, row in enumerate(rows)))

    def search(self, query, k):
        found = self.connection.execute("SELECT rowid FROM v WHERE e MATCH ? AND k = ?", (query.tobytes(), k))
        return [number for (number,) in found]

    def size(self):
        return self.path.stat().st_size


class Lance(Peer):
    queries = SLOW_QUERIES

    def __init__(self, is_indexed, refine=0):
        self.is_indexed, self.refine = is_indexed, refine

    def build(self, rows, folder, threads):
        import lancedb
        import pyarrow
        from lancedb.index import IvfPq
        self.folder = folder / "lance"
        shutil.rmtree(self.folder, ignore_errors=True)
        vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows.reshape(-1)), rows.shape[1])
        data = pyarrow.table({"number": pyarrow.array(range(len(rows))), "vector": vectors})
        self.table = lancedb.connect(self.folder).create_table("v", data)
        if self.is_indexed:
            self.table.create_index("vector", config=IvfPq(distance_type="dot"))

    def search(self, query, k):
        asked = self.table.search(query).distance_type("dot").limit(k).select(["number", "_distance"])
        if self.refine:
            asked = asked.refine_factor(self.refine)
        return asked.to_arrow()["number"].to_pylist()

    def size(self):
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def make_peers(row_count, dimensions):
    """Pairs of a name and (module, Peer), the settings that their documentation names for such sizes."""
    lists = max(16, min(4096, int(2 * row_count ** 0.5)))
    parts = dimensions // 2
    return {
        "numpy, matrix product": ("numpy", NumpyScan()),
        "FAISS flat": ("faiss", Faiss("Flat")),
        "FAISS SQ8": ("faiss", Faiss("SQ8")),
        f"FAISS IVF{lists}, PQ{parts} fast scan, refined": (
            "faiss", Faiss(f"IVF{lists},PQ{parts}x4fs,RFlat", probes=32, k_factor=10)),
        "hnswlib M 16, ef 64": ("hnswlib", Hnswlib(64)),
        "usearch, exact": ("usearch", UsearchExact()),
        "sqlite-vec": ("sqlite_vec", SqliteVec()),
        "LanceDB flat": ("lancedb", Lance(False)),
        "LanceDB IVF_PQ, default": ("lancedb", Lance(True)),
        "LanceDB IVF_PQ, refined": ("lancedb", Lance(True, refine=10)),
    }


# A process for each peer, so that its memory is its own; it is told on its input when its turn is.


def resident_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    return 0


def read_floats(path):
    import numpy
    return numpy.fromfile(path, dtype="<f4").reshape(-1, int(path.stem.split("__")[1]))


def serve(options):
    """Builds one peer, then searches a share of the queries for each line of the input."""
    rows, queries = read_floats(options.vectors), read_floats(options.queries)
    _module, peer = make_peers(len(rows), rows.shape[1])[options.serve]
    before, start = resident_bytes() - rows.nbytes, time.perf_counter()
    peer.build(rows, options.folder, options.threads)
    build_seconds = time.perf_counter() - start
    del rows
    queries = queries[: peer.queries]
    print(json.dumps({"build_seconds": build_seconds}), flush=True)
    for line in sys.stdin:
        turn = int(line)
        share = range(len(queries) * turn // TURNS, len(queries) * (turn + 1) // TURNS)
        times, found = [], []
        peer.search(queries[share.start], options.k)  # Warms caches.
        processor = time.process_time()
        for number in share:
            start = time.perf_counter()
            result = peer.search(queries[number], options.k)
            times.append(time.perf_counter() - start)
            found.append([int(row) for row in result])
        used = time.process_time() - processor
        print(json.dumps({"first": share.start, "times": times, "found": found, "processor_seconds": used,
                          "resident_bytes": resident_bytes() - before}), flush=True)
    print(json.dumps({"bytes": peer.size()}), flush=True)


class Worker:
    """The process of one peer, as the parent sees it."""

    def __init__(self, name, python, options, folder):
        self.name, self.report = name, {"times": [], "processor_seconds": 0.0, "found": {}}
        folder.mkdir(parents=True, exist_ok=True)
        command = [python, __file__, "--serve", name, "--vectors", options.vectors, "--queries", options.queries,
                   "--threads", str(options.threads), "-k", str(options.k), "--folder", folder]
        environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "RAYON_NUM_THREADS": str(options.threads),
                       "OPENBLAS_NUM_THREADS": str(options.threads), "LANCE_CPU_THREADS": str(options.threads),
                       "TOKENIZERS_PARALLELISM": "false"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)
        self.is_alive = self.receive()

    def receive(self):
        line = self.process.stdout.readline()
        if not line:
            print(f"search_peers: left out {self.name}, which failed: see above", file=sys.stderr)
            self.process.wait()
            return False
        answer = json.loads(line)
        self.report["times"] += answer.pop("times", [])
        self.report["processor_seconds"] += answer.pop("processor_seconds", 0.0)
        for offset, found in enumerate(answer.pop("found", [])):
            self.report["found"][answer["first"] + offset] = found
        self.report.update(answer)
        return True

    def take_turn(self, turn):
        if self.is_alive:
            self.process.stdin.write(f"{turn}\n")
            self.process.stdin.flush()
            self.is_alive = self.receive()

    def end(self):
        if self.is_alive:
            self.process.stdin.close()
            self.is_alive = self.receive()
            self.process.wait()


# The parent.


def pin(threads):
    """All processes on as many processors as threads, so that nobody has helpers of its own."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) > threads:
        os.sched_setaffinity(0, allowed[-threads:])


def make_environment(folder):
    """The environment's Python and the modules that it has; says what cannot be had."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    present = set()
    for name, requirement in REQUIREMENTS.items():
        probe = [python, "-c", f"import {name}"]
        if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
            command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
            installed = subprocess.run(command, capture_output=True, text=True, check=False)
            if installed.returncode != 0:
                reason = (installed.stderr.strip().splitlines() or ["pip failed"])[-1]
                print(f"search_peers: left out {name}, which cannot be installed: {reason}", file=sys.stderr)
                continue
        present.add(name)
    return python, present


def fetch_sources(python, folder, packages):
    """A tree of .py files from wheels; what pip does not know is left out with a message."""
    wheels, tree = folder / "wheels", folder / "tree"
    wheels.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if (tree / package).is_dir():
            continue
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                   "--disable-pip-version-check", "--dest", wheels / package, package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
            print(f"search_peers: left out the text of {package}: {reason}", file=sys.stderr)
            continue
        for wheel in (wheels / package).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(tree / package, [name for name in archive.namelist() if name.endswith(".py")])
        shutil.rmtree(wheels / package)
    return tree


def first_lines(tree, count):
    """First lines of the docstrings of functions and classes, drawn from all files."""
    lines = set()
    files = sorted(tree.rglob("*.py"))
    random.Random(SEED).shuffle(files)
    for path in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        texts = [ast.get_docstring(node) for node in ast.walk(module)
                 if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
        own = [text.strip().splitlines()[0].strip() for text in texts if text and text.strip()]
        lines.update([line for line in own if 20 <= len(line) <= 200][:5])
        if len(lines) >= 4 * count:
            break
    return random.Random(SEED).sample(sorted(lines), min(count, len(lines)))


def run(command):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True, text=True).stdout


def prepare_real(options, python):
    """The arguments by which the command finds rows and queries, of real text."""
    store = options.folder / "store"
    questions = options.folder / "questions.txt"
    if not questions.exists():
        tree = fetch_sources(python, options.folder, options.packages)
        print("search_peers: indexing", file=sys.stderr)
        run([options.binary, "index", tree, "--store", store, "--no-ignore", "--quiet"])
        questions.write_text("\n".join(first_lines(tree, options.count)) + "\n")
    return ["--store", store, "--questions", questions]


def prepare_files(options):
    """The same of a file of vectors, imported into a collection: what is measured reads a store."""
    store = options.folder / "collection"
    shutil.rmtree(store, ignore_errors=True)
    run([options.binary, "import", options.vectors, "--store", store, "--metric", "dot", "--quiet"])
    return ["--store", store] + (["--queries", options.queries] if options.queries else [])


def build_lists(options, source):
    """Makes the store's inverted lists anew; the seconds and the bytes of them, and of vectors with their codes."""
    start = time.perf_counter()
    lists = json.loads(run([options.binary, "approx", "--store", source[1], "--retrain", "--json"]))
    seconds = time.perf_counter() - start
    stats = json.loads(run([options.binary, "stats", "--store", source[1], "--json"]))
    parts = {part["name"]: part["bytes"] for part in stats["components"]}
    own = sum(parts[name] for name in ("vectors", "codes", "keys", "row table"))
    return {"seconds": seconds, "bytes": (lists["approximate"] or {"bytes": 0})["bytes"], "store_bytes": own}


def run_intact(options, source, turn, save=None):
    """One run of the command, by the inner product, as the peers compare."""
    command = [options.binary, "bench", "search", *source, "--metric", "dot", "--threads", options.threads, "--count",
               options.count, "--limit", options.k, "--seed", turn + 1, "--json"]
    return json.loads(run(command + (["--save", save] if save else [])))


def truth_of(python, options):
    """The rows that score as well as the k-th best, but for rounding, for each query; by numpy in its own process."""
    code = ("import json, sys; sys.path.insert(0, sys.argv[1]); import search_peers as s; from pathlib import Path\n"
            "rows, queries = s.read_floats(Path(sys.argv[2])), s.read_floats(Path(sys.argv[3]))\n"
            "import numpy\n"
            "k = int(sys.argv[4]); out = []\n"
            "for at in range(0, len(queries), 50):\n"
            "    scores = queries[at:at + 50] @ rows.T\n"
            "    for one in scores:\n"
            "        best = numpy.argpartition(one, -k)[-k:]\n"
            "        least = float(one[best].min())\n"
            "        out.append([int(n) for n in numpy.flatnonzero(one >= least - 1e-6)])\n"
            "print(json.dumps(out))\n")
    return json.loads(run([python, "-c", code, ROOT / "bench", options.vectors, options.queries, options.k]))


def peer_row(worker, truth, k):
    report = worker.report
    times = sorted(report["times"])
    hits = [min(k, len(set(found) & set(truth[number]))) for number, found in report["found"].items()]
    return {"name": worker.name, "queries": len(times), "p50_seconds": times[len(times) // 2],
            "p99_seconds": times[min(len(times) - 1, len(times) * 99 // 100)],
            "processor_seconds": report["processor_seconds"] / len(times),
            "queries_per_second": len(times) / sum(times), "recall": sum(hits) / (k * len(hits)), "differing": None,
            "resident_bytes": report["resident_bytes"], "bytes": report["bytes"],
            "build_seconds": report["build_seconds"], "floor_seconds": None}


def intact_rows(runs, built):
    """The median of all turns of each way."""
    rows = []
    for number, way in enumerate(runs[0]["ways"]):
        own = [run_["ways"][number] for run_ in runs]
        keys = ("p50_seconds", "p99_seconds", "processor_seconds", "queries_per_second", "recall", "floor_seconds")
        row = {key: statistics.median(one[key] for one in own) if way[key] is not None else None for key in keys}
        is_made = way["way"] == "approximate"
        row.update(name="intact " + way["name"], queries=way["queries"], resident_bytes=None,
                   differing=sum(one["differing"] for one in own) if way["differing"] is not None else None,
                   bytes=built["store_bytes"] + (built["bytes"] if is_made else 0),
                   build_seconds=built["seconds"] if is_made else None)
        if way["way"] == "plain":
            row["bytes"] = way["bytes_kept"]
        if way["way"] == "exact":
            row["resident_bytes"] = max(one["resident_bytes"] for one in runs)
        rows.append(row)
    return rows


def cell(value, factor, digits):
    return "-" if value is None else f"{factor * value:,.{digits}f}"


def print_table(report):
    print(f"{report['rows']:,} rows of {report['dimensions']} dimensions, {report['queries']:,} queries "
          f"({report['queries_from']}), the {report['k']} best by the inner product, {report['threads']} thread(s), "
          f"{report['processor']}. First exact answer after opening the store: "
          f"{1e3 * report['first_seconds']:.1f} ms.\n")
    heads = ("way", "p50 ms", "p99 ms", "CPU ms", "queries/s", "recall", "differ", "floor ms", "resident MB", "MB kept",
             "build s")
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for row in report["table"]:
        print(f"| {row['name']} | {cell(row['p50_seconds'], 1e3, 3)} | {cell(row['p99_seconds'], 1e3, 3)} | "
              f"{cell(row['processor_seconds'], 1e3, 3)} | {cell(row['queries_per_second'], 1, 0)} | "
              f"{cell(row['recall'], 1, 4)} | {cell(row['differing'], 1, 0)} | {cell(row['floor_seconds'], 1e3, 3)} | "
              f"{cell(row['resident_bytes'], 1e-6, 0)} | {cell(row['bytes'], 1e-6, 0)} | "
              f"{cell(row['build_seconds'], 1, 1)} |")
    print("\nLoad of the machine, 1, 5, 15 minutes: " + ", ".join(f"{load:.2f}" for load in report["load"]))


def measure(options, source, python, present):
    """Rows and queries are there: builds the peers, then everybody takes turns."""
    built = build_lists(options, source)
    saved = options.folder / "saved"
    shutil.rmtree(saved, ignore_errors=True)
    runs = [run_intact(options, source, 0, saved)]
    (options.vectors,) = saved.glob("rows__*.f32")
    (options.queries,) = saved.glob("queries__*.f32")
    names = [name for name, (module, _peer) in make_peers(runs[0]["rows"], runs[0]["dimensions"]).items()
             if module in present and any(word in name.lower() for word in options.only)]
    workers = []
    for number, name in enumerate(names):
        print(f"search_peers: building {name}", file=sys.stderr)
        workers.append(Worker(name, python, options, options.folder / f"peer-{number}"))
    for turn in range(TURNS):
        for worker in workers:
            worker.take_turn(turn)
        if turn > 0:
            runs.append(run_intact(options, source, turn))
    for worker in workers:
        worker.end()
    truth = truth_of(python, options)
    table = intact_rows(runs, built)
    table += [peer_row(worker, truth, options.k) for worker in workers if "bytes" in worker.report]
    for number in range(len(names)):
        shutil.rmtree(options.folder / f"peer-{number}", ignore_errors=True)
    shutil.rmtree(saved, ignore_errors=True)
    own = {key: runs[0][key] for key in ("rows", "dimensions", "queries", "k", "processor", "first_seconds")}
    return {**own, "queries_from": Path(runs[0]["queries_from"]).name, "threads": options.threads, "turns": TURNS,
            "table": table, "exact": all(one["exact"] for one in runs), "load": os.getloadavg()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", type=Path, default=os.environ.get("INTACT", ROOT / "build/release/bin/intact"))
    parser.add_argument("--vectors", type=Path, metavar="FILE", help="rows of length 1, instead of real text")
    parser.add_argument("--queries", type=Path, metavar="FILE", help="for them, likewise")
    parser.add_argument("--packages", nargs="+", default=PACKAGES, help="whose source text is taken")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/search-peers/work", help="of all that is made")
    parser.add_argument("--environment", type=Path, default=ROOT / "build/search-peers", help="of the peers")
    parser.add_argument("--only", nargs="*", default=[""], help="words of the peers to run; none: intact alone")
    parser.add_argument("--count", type=int, default=1000, help="queries at most")
    parser.add_argument("-k", type=int, default=10, help="results of a query")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return 0
    if options.queries and not options.vectors:
        parser.error("--queries goes with --vectors")
    options.folder.mkdir(parents=True, exist_ok=True)
    python, present = make_environment(options.environment)
    source = prepare_files(options) if options.vectors else prepare_real(options, python)
    pin(options.threads)
    report = measure(options, source, python, present)
    if options.json:
        print(json.dumps(report))
    else:
        print_table(report)
    return 0 if report["exact"] else 1


if __name__ == "__main__":
    sys.exit(main())
