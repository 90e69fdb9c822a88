#!/usr/bin/env python3
"""Draws how noisy estimates of the gradient are, from what "minillm bench estimates" wrote.

Usage: python minillm-benchmarks/plot_estimates.py estimates.csv estimates.svg

The cosine with the true gradient and the rank correlation of units, within the layers and over the
model, against the forward passes over the calibration set. Dashed, for weights: sqrt(P/n) of P probes that see all
windows, two passes each; dotted: a gradient of 1 everywhere. Needs matplotlib; says so where it
is absent.
"""

import argparse
import csv
import math
import sys
from collections import defaultdict

MEASURES = {
    "cosine": "cosine with the true gradient",
    "rank_within_layers": "rank correlation within layers",
    "rank_over_model": "rank correlation over the model",
}
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

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 4.2), layout="constrained")
    passes = sorted({int(row["forward_passes"]) for row in rows} - {0})
    for measure, plot in zip(MEASURES, axes):
        for (estimator, of, groups), points in lines(rows, measure).items():
            shared = "share" in estimator
            plot.plot(
                *zip(*sorted(points)),
                marker="x" if shared else "o",
                linestyle="none" if shared else "-",
                color=COLOURS[of, groups],
                label=f"{estimator}, {groups}",
            )
        if measure == "cosine":
            expected(rows, passes, plot)
            plot.set_yscale("symlog", linthresh=1e-4)
        else:
            without_gradient(rows, measure, plot)
            # all that there is, so that noise looks like noise
            plot.set_ylim(-1, 1)
        plot.set(xscale="log", xlabel="forward passes", ylabel=MEASURES[measure])
        plot.set_xticks(passes, labels=[str(tick) for tick in passes])
        plot.minorticks_off()
    labelled = {
        label: handle
        for plot in axes
        for handle, label in zip(*plot.get_legend_handles_labels())
    }
    figure.legend(labelled.values(), labelled.keys(), loc="outside lower center", ncols=4)
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


def expected(rows, passes, plot):
    """The line of P probes, two passes each, in as many dimensions as there are weights."""
    weights = {int(row["dimensions"]) for row in rows if row["of"] == "weights" and row["groups"] == "both"}
    for n in weights:
        plot.plot(
            passes,
            [math.sqrt(passed / 2 / n) for passed in passes],
            linestyle="--",
            color=COLOURS["weights", "both"],
            label=f"√(P/n), n = {n:,}",
        )


def without_gradient(rows, measure, plot):
    for row in rows:
        if row["estimator"] == "none" and row[measure]:
            plot.axhline(
                float(row[measure]),
                linestyle=":",
                color=COLOURS[row["of"], row["groups"]],
                label=f"none, {row['groups']}",
            )


if __name__ == "__main__":
    sys.exit(main())
