#!/usr/bin/env python3
"""Draws how noisy estimates of the gradient are, from what "minillm bench estimates" wrote.

Usage: python minillm-benchmarks/plot_estimates.py estimates.csv estimates.svg

Left the cosine with the true gradient, right the rank correlation within the layers, against the
forward passes over the calibration set. Dashed, for weights: sqrt(P/n) of P probes that see all
windows, two passes each; dotted: a gradient of 1 everywhere. Needs matplotlib; says so where it
is absent.
"""

import argparse
import csv
import math
import sys
from collections import defaultdict

MEASURES = {"cosine": "cosine with the true gradient", "rank_within_layers": "rank correlation within layers"}
COLOURS = {
    ("weights", "channels"): "tab:blue",
    ("weights", "heads"): "tab:orange",
    ("weights", "both"): "tab:green",
    ("gates", "channels"): "tab:red",
    ("gates", "heads"): "tab:purple",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", metavar="estimates.csv")
    parser.add_argument("svg", metavar="estimates.svg")
    arguments = parser.parse_args()
    try:
        import matplotlib
    except ImportError as absent:
        print(f"skipped: {absent}; install matplotlib to draw")
        return 0
    matplotlib.use("svg")
    # text as text, and the same file from the same figures
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "minillm", "font.size": 9})
    with open(arguments.csv, newline="") as file:
        rows = list(csv.DictReader(file))
    figure = draw(rows)
    figure.savefig(arguments.svg, metadata={"Date": None})
    return 0


def draw(rows):
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for measure, plot in zip(MEASURES, axes):
        for (estimator, of, groups), points in lines(rows, measure).items():
            passes, values = zip(*sorted(points))
            plot.plot(
                passes,
                values,
                marker="o" if "probes share" not in estimator else "x",
                linestyle="-" if "probes share" not in estimator else "none",
                color=COLOURS[of, groups],
                label=f"{estimator}, {groups}",
            )
        plot.set(xscale="log", xlabel="forward passes over the calibration set", ylabel=MEASURES[measure])
        plot.set_xticks(ticks(rows), labels=[str(tick) for tick in ticks(rows)])
        plot.minorticks_off()
    references(rows, *axes)
    axes[0].set_yscale("symlog", linthresh=1e-4)
    for plot in axes:
        plot.legend(fontsize=7)
    return figure


def lines(rows, measure):
    """One line for each estimator, kind of dimensions and kind of groups."""
    found = defaultdict(list)
    for row in rows:
        passes = int(row["forward_passes"])
        if passes and row[measure]:
            found[name(row), row["of"], row["groups"]].append((passes, float(row[measure])))
    return found


def name(row):
    word = row["estimator"]
    shared = "probes=" in word and "data=all" not in word
    return word.split(":")[0] + (", probes share the set" if shared else "")


def ticks(rows):
    return sorted({int(row["forward_passes"]) for row in rows} - {0})


def references(rows, cosines, ranks):
    both = [row for row in rows if row["of"] == "weights" and row["groups"] == "both" and int(row["forward_passes"])]
    if both:
        weights = int(both[0]["dimensions"])
        passes = ticks(rows)
        cosines.plot(
            passes,
            [math.sqrt(passes_ / 2 / weights) for passes_ in passes],
            linestyle="--",
            color="tab:green",
            label=f"√(P/n), n = {weights:,}",
        )
    for row in rows:
        if row["estimator"] == "none" and row["rank_within_layers"]:
            ranks.axhline(
                float(row["rank_within_layers"]),
                linestyle=":",
                color=COLOURS[row["of"], row["groups"]],
                label=f"none, {row['groups']}",
            )


if __name__ == "__main__":
    sys.exit(main())
