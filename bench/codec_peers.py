#!/usr/bin/env python3
"""Compares the codecs of vectors with Blosc2, pcodec and ZipNN: the same files, blocks and core, in one run.

bench/README.md says how. Prints two tables in markdown, or one JSON object with --json. Peers come from Python's
package registry into a virtual environment of their own (build/peers); one that cannot be had is left out with
a message. Without FILEs, two are made: float32 of length 1, and float16 words brought to length 1. Exit status 1
when the command fails or a codec does not give back what it was given.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {"blosc2": "blosc2==4.14.1", "pcodec": "pcodec==1.1.0", "zipnn": "zipnn==0.5.4"}
BLOCK_ROWS = 1024
# As in the command: a pass is at least 2 ms; at least 5 passes and 0.2 s, unless that takes over a second.
PASS_NS, PASSES, TOTAL_NS, TOTAL_NS_MAX = 2_000_000, 5, 200_000_000, 1_000_000_000
# "ALP: Adaptive Lossless floating-Point Compression", SIGMOD 2024: bits a value of float32 weights of models.
ALP = "ALP (quoted from its paper, for float32 weights of models): 28.0 to 29.2 bits a value, 87 to 91 %"


# Outside the environment: make it, then run this script in it.


def make_environment(folder, names):
    """The environment's Python; installs what of `names` is missing, and says what cannot be had."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for name in names:
        probe = subprocess.run([python, "-c", f"import {name}"], capture_output=True, check=False)
        if probe.returncode == 0:
            continue
        command = [python, "-m", "pip", "install", "--quiet", "numpy", REQUIREMENTS[name]]
        installed = subprocess.run(command, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            reason = (installed.stderr.strip().splitlines() or ["pip failed"])[-1]
            print(f"codec_peers: left out {name}, which cannot be installed: {reason}", file=sys.stderr)
    return python


# Inside it.


def load_peers(names):
    """Pairs of a name and its functions (encode, decode), which take a numpy array and bytes."""
    peers = {}
    if "blosc2" in names:
        peers.update(blosc2_peers())
    if "pcodec" in names:
        peers.update(pcodec_peers())
    if "zipnn" in names:
        peers.update(zipnn_peers())
    return peers


def blosc2_peers():
    try:
        import blosc2
    except ImportError:
        return {}

    def peer(codec, filters, level):
        def encode(block):
            return blosc2.compress2(block, typesize=block.itemsize, clevel=level, codec=codec,
                                    filters=filters, filters_meta=[0] * len(filters), nthreads=1)

        return encode, lambda encoded: blosc2.decompress2(encoded, nthreads=1)

    shuffle, bits = [blosc2.Filter.SHUFFLE], [blosc2.Filter.BITSHUFFLE]
    return {"Blosc2 shuffle + LZ4": peer(blosc2.Codec.LZ4, shuffle, 5),
            "Blosc2 shuffle + zstd 1": peer(blosc2.Codec.ZSTD, shuffle, 1),
            "Blosc2 shuffle + zstd 9": peer(blosc2.Codec.ZSTD, shuffle, 9),
            "Blosc2 bitshuffle + zstd 1": peer(blosc2.Codec.ZSTD, bits, 1)}


def pcodec_peers():
    try:
        from pcodec import ChunkConfig, standalone
    except ImportError:
        return {}

    def peer(level):
        config = ChunkConfig(compression_level=level)
        return (lambda block: standalone.simple_compress(block, config)), standalone.simple_decompress

    return {"pcodec 8": peer(8), "pcodec 12": peer(12)}


def zipnn_peers():
    try:
        import zipnn
    except ImportError:
        return {}
    coders = {}

    def coder(itemsize):
        name = {2: "float16", 4: "float32"}.get(itemsize, "float32")
        if itemsize not in coders:
            coders[itemsize] = zipnn.ZipNN(input_format="byte", bytearray_dtype=name, threads=1)
        return coders[itemsize]

    # It may turn the caller's bytes around in place, so it gets a copy; decoding reads the type from its bytes.
    return {"ZipNN": (lambda block: coder(block.itemsize).compress(bytearray(block.tobytes())),
                      lambda encoded: coder(4).decompress(bytearray(encoded)))}


def measure(function, size, quick):
    """Bytes a second of the best and of the median pass, in processor time of all threads there are."""
    rates, total, rounds = [], 0, 1
    while total < TOTAL_NS_MAX:
        start = time.process_time_ns()
        for _ in range(rounds):
            function()
        took = max(1, time.process_time_ns() - start)
        if took < PASS_NS:
            rounds *= 2
            continue
        total += took
        rates.append(1e9 * rounds * size / took)
        if quick or (len(rates) >= PASSES and total >= TOTAL_NS):
            break
    return {"best": max(rates), "median": statistics.median(rates)}


def bench_peer(blocks, encode, decode, quick):
    size = sum(block.nbytes for block in blocks)
    encoded = [encode(block) for block in blocks]
    exact = all(bytes(memoryview(decode(one)).cast("B")) == block.tobytes() for one, block in zip(encoded, blocks))
    return {"bytes": sum(len(one) for one in encoded), "exact": exact,
            "encode_bytes_per_second": measure(lambda: [encode(block) for block in blocks], size, quick),
            "decode_bytes_per_second": measure(lambda: [decode(one) for one in encoded], size, quick)}


def read_rows(path):
    import numpy
    if path.suffix == ".npy":
        return numpy.load(path)
    found = re.search(r"__(\d+)__\d+\.f32$", path.name)
    if not found:
        raise SystemExit(f"codec_peers: {path} is no .npy, and its name does not say its dimensions")
    return numpy.fromfile(path, dtype="<f4").reshape(-1, int(found.group(1)))


def make_files(folder):
    import numpy
    generator = numpy.random.default_rng(1)
    rows = generator.standard_normal((2048, 1024)).astype("<f4")
    halves = rows.astype("<f2").astype("<f4")
    paths = []
    for name, values in (("float32", rows), ("float16-norm", halves)):
        values = values / numpy.sqrt((values.astype("f8") ** 2).sum(axis=1, keepdims=True)).astype("<f4")
        paths.append(folder / f"{name}__1024__2048.f32")
        values.tofile(paths[-1])
    return paths


def run_intact(binary, path, quick):
    command = [binary, "codec", "bench", "--json", path] + (["--quick"] if quick else [])
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)["files"][0]
    codecs = {}
    for form in report["forms"]:
        codecs["intact " + form["name"]] = {**form, "exact": report["exact"]}
    for form in report["peers"]:
        codecs[form["name"]] = {**form, "exact": report["exact"]}
    return report, codecs


def bench_file(binary, path, peers, quick):
    report, codecs = run_intact(binary, path, quick)
    rows = read_rows(path)[: report["rows"]]
    blocks = [rows[first:first + BLOCK_ROWS].reshape(-1) for first in range(0, len(rows), BLOCK_ROWS)]
    for name, (encode, decode) in peers.items():
        codecs[name] = bench_peer(blocks, encode, decode, quick)
    return {"file": path.name, "rows": report["rows"], "dimensions": report["dimensions"],
            "raw_bytes": report["raw_bytes"], "floor_percent": report["floor_percent"],
            "memory_sized": report["memory_sized"], "codecs": codecs}


def model_of(file):
    """The name without the dimensions and rows that .f32 files carry in theirs."""
    return re.sub(r"__\d+__\d+\.f32$", "", file["file"])


def percent_of(file, name):
    codec = file["codecs"].get(name)
    return f"{100 * codec['bytes'] / file['raw_bytes']:.1f}" if codec and file["raw_bytes"] else "-"


def print_sizes(files, names):
    names = [name for name in names if name != "raw copy"]
    print("| % of raw | dimensions | rows | " + " | ".join(names) + " | floor |")
    print("|---|---|---|" + "---|" * (len(names) + 1))
    for file in files:
        cells = [percent_of(file, name) for name in names]
        floor = "-" if file["floor_percent"] is None else f"{file['floor_percent']:.1f}"
        print(f"| {model_of(file)} | {file['dimensions']} | {file['rows']} | " + " | ".join(cells) + f" | {floor} |")


def rate_text(files, name, key, unit, digits):
    rates = [file["codecs"][name][key]["best"] for file in files if name in file["codecs"] and file["rows"]]
    rates = [rate / unit for rate in rates if rate is not None]
    if not rates:
        return "-"
    return f"{statistics.median(rates):.{digits}f} ({min(rates):.{digits}f} to {max(rates):.{digits}f})"


def print_speeds(files, names):
    print("| codec | bytes | % of raw | encode MB/s | decode GB/s |")
    print("|---|---|---|---|---|")
    for name in names:
        own = [file for file in files if name in file["codecs"]]
        size, raw = (sum(file["codecs"][name]["bytes"] for file in own), sum(file["raw_bytes"] for file in own))
        print(f"| {name} | {size:,} | {100 * size / max(1, raw):.2f} | "
              f"{rate_text(own, name, 'encode_bytes_per_second', 1e6, 0)} | "
              f"{rate_text(own, name, 'decode_bytes_per_second', 1e9, 2)} |")


def print_tables(files):
    names = []
    for file in files:
        names += [name for name in file["codecs"] if name not in names]
    print_sizes(files, names)
    print(f"\nOver all {len(files)} files; speeds are of the best pass: the median file (least to most).\n")
    print_speeds(files, names)
    print(f"\n{ALP}.")
    print("Load of the machine, 1, 5, 15 minutes: " + ", ".join(f"{load:.2f}" for load in os.getloadavg()))


def run_inside(options):
    peers = load_peers(options.peers)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(path) for path in options.files] or make_files(Path(folder))
        files = [bench_file(options.binary, path, peers, options.quick) for path in paths]
    if options.json:
        print(json.dumps({"files": files, "load": os.getloadavg(), "quoted": ALP}))
    else:
        print_tables(files)
    wrong = [(file["file"], name) for file in files for name, codec in file["codecs"].items() if not codec["exact"]]
    for path, name in wrong:
        print(f"codec_peers: {name} did not give {path} back bit for bit", file=sys.stderr)
    return 1 if any(name.startswith("intact") for _, name in wrong) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help=".f32 with the dimensions in its name, or .npy")
    parser.add_argument("--binary", default=os.environ.get("INTACT", ROOT / "build/release/bin/intact"))
    parser.add_argument("--peers", default="blosc2,pcodec", help="of blosc2, pcodec, zipnn (which brings gigabytes)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/peers", help="of the environment for them")
    parser.add_argument("--quick", action="store_true", help="one pass of each, no zstd 19")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.peers = [name for name in options.peers.split(",") if name]
    unknown = set(options.peers) - set(REQUIREMENTS)
    if unknown:
        parser.error("unknown peer " + ", ".join(sorted(unknown)))
    if options.inside:
        return run_inside(options)
    python = make_environment(options.folder, options.peers)
    return subprocess.run([python, __file__, "--inside", *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
