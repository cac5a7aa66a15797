#!/usr/bin/env python3
"""Draws the latency of a search against the number of rows: exact and approximate, the plain scan and the floor.

    tools/plot_search.py search.svg                    clustered vectors of 384 dimensions, 1,000 to 1,000,000 rows
    tools/plot_search.py search.png --from search.json   draws figures that --save wrote before

The figures are those of `intact bench search --json`, one run for each number of rows; the picture is SVG or PNG by
the file's ending. Wants matplotlib, from any virtual environment: python3 -m pip install matplotlib.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
COUNT_LARGE = 200  # Queries from LARGE rows on, where finding the right answers takes the time.
LARGE = 300_000
# Way, what the legend calls it, its colour and mark.
LINES = (("plain", "plain float32 scan", "#8a8a8a", "s"),
         ("exact", "exact, one thread", "#1a5fb4", "o"),
         ("threads", "exact, {threads} threads", "#62a0ea", "v"),
         ("batch", "exact, batches of {batch}", "#26a269", "^"),
         ("approximate", "approximate, recall {recall:.3f} or more", "#e66100", "D"))


def measure(binary, rule, rows, dimensions, count, threads):
    command = [str(binary), "bench", "search", "--generate", rule, "--rows", str(rows), "--dimensions", str(dimensions),
               "--count", str(count if rows < LARGE else min(count, COUNT_LARGE)), "--threads", str(threads),
               "--metric", "dot", "--approximate", "--json"]
    print(f"plot_search: {rows:,} rows", file=sys.stderr)
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def way_of(report, name):
    return next((way for way in report["ways"] if way["way"] == name), None)


def draw(reports, target, pyplot):
    figure, axes = pyplot.subplots(figsize=(8, 5.5))
    for name, label, colour, mark in LINES:
        ways = [(report["rows"], way_of(report, name)) for report in reports]
        ways = [(rows, way) for rows, way in ways if way]
        if not ways:
            continue
        facts = {"threads": ways[-1][1]["threads"], "batch": ways[-1][1]["batch"],
                 "recall": min(way["recall"] for _, way in ways)}
        axes.plot([rows for rows, _ in ways], [1e3 * way["p50_seconds"] for _, way in ways], color=colour, marker=mark,
                  markersize=5, label=label.format(**facts))
    floors = [(report["rows"], 1e3 * way_of(report, "exact")["floor_seconds"]) for report in reports]
    axes.plot(*zip(*floors), color="#1a5fb4", linestyle="--", linewidth=1, label="floor: reading the high codes once")
    axes.set(xscale="log", yscale="log", xlabel="rows", ylabel="median latency of a query, ms")
    first = reports[0]
    axes.set_title(f"{first['source']} vectors of {first['dimensions']} dimensions, the {first['k']} best by "
                   f"{first['metric']} ({first['processor']})", fontsize=10)
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(fontsize=9)
    figure.tight_layout()
    # The same figures give the same file.
    figure.savefig(target, dpi=150, metadata={"Date": None} if target.suffix == ".svg" else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("target", type=Path, metavar="PICTURE", help="a .svg or .png file to write")
    parser.add_argument("--binary", type=Path, default=os.environ.get("INTACT", ROOT / "build/release/bin/intact"))
    parser.add_argument("--generate", default="clustered", choices=("isotropic", "clustered"))
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--count", type=int, default=1000, help=f"queries; {COUNT_LARGE} from {LARGE:,} rows on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="figures", help="draw these, measure nothing")
    options = parser.parse_args()
    if options.target.suffix not in (".svg", ".png"):
        parser.error("the picture is a .svg or a .png file")
    try:
        import matplotlib
    except ImportError:
        print("plot_search: no matplotlib here; install it: python3 -m pip install matplotlib", file=sys.stderr)
        return 1
    matplotlib.use("svg" if options.target.suffix == ".svg" else "agg")
    matplotlib.rcParams["svg.hashsalt"] = "intact"
    from matplotlib import pyplot
    if options.figures:
        reports = json.loads(options.figures.read_text())
    else:
        reports = [measure(options.binary, options.generate, rows, options.dimensions, options.count, options.threads)
                   for rows in sorted(options.rows)]
    if options.save:
        options.save.write_text(json.dumps(reports) + "\n")
    draw(reports, options.target, pyplot)
    if not all(report["exact"] for report in reports):
        print("plot_search: an exact search found anything else than the plain scan", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
