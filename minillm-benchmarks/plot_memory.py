#!/usr/bin/env python3
"""Draws how the peak memory of a prune grows with the layers, from what memory_by_layers.sh printed.

Usage: python minillm-benchmarks/plot_memory.py memory.csv memory.svg

Beside it the size of all weights in float32, which a program takes that reads the model whole.
Needs matplotlib; says so where it is absent.
"""

import argparse
import csv
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", metavar="memory.csv")
    parser.add_argument("svg", metavar="memory.svg")
    arguments = parser.parse_args()
    try:
        import matplotlib
    except ImportError as absent:
        print(f"skipped: {absent}; install matplotlib to draw")
        return 0
    matplotlib.use("svg")
    # text as text, and the same file from the same figures
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "minillm"})
    from matplotlib import pyplot

    with open(arguments.csv, newline="") as file:
        rows = list(csv.DictReader(file))
    layers = [int(row["layers"]) for row in rows]
    figure, plot = pyplot.subplots(figsize=(5.5, 3.8), layout="constrained")
    lines = {
        # the checkpoints are bfloat16
        "all weights in float32": [2 * int(row["checkpoint_bytes"]) for row in rows],
        "forecast": [int(row["forecast_bytes"]) for row in rows],
        "peak resident memory": [int(row["peak_bytes"]) for row in rows],
    }
    for label, sizes in lines.items():
        plot.plot(layers, [size / 1e9 for size in sizes], marker="o", label=label)
    plot.set(xlabel="layers", ylabel="GB", ylim=(0, None))
    plot.set_xticks(layers)
    plot.legend()
    figure.savefig(arguments.svg, metadata={"Date": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
