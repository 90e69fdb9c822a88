#!/usr/bin/env python3
"""Checks a model that MiniLLM wrote against stock Hugging Face transformers.

    ./minillm logits PRUNED --ids ids.json --out logits.safetensors
    python tools/check_with_transformers.py PRUNED ids.json logits.safetensors [--dense MODEL]

loads PRUNED with AutoModelForCausalLM (float32, eager attention, CPU, no code from the folder), runs the same token
ids, and prints the largest absolute difference of the logits and that difference relative to the largest logit.
--dense also prints how far the model is from the one it was cut from, which must be more than rounding.

Exit codes: 0 the same within the tolerance, 1 not the same, 2 wrong usage or files that cannot be compared.
Needs torch, transformers and safetensors; tried with transformers 5.23 and torch 2.7.1.
"""

import argparse
import json
import pathlib
import sys

# float32 sums in another order: 1e-6 to 1e-5 of the largest logit is usual, a wrong weight gives 1e-2 and more
TOLERANCE = 1e-4


def wrong(message):
    print(f"check_with_transformers: {message}", file=sys.stderr)
    sys.exit(2)


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="folder of the model that wrote the logits")
    parser.add_argument("ids", type=pathlib.Path, help="JSON file with token ids: [[...], [...]], of one length")
    parser.add_argument("logits", type=pathlib.Path, help="safetensors file that 'minillm logits' wrote")
    parser.add_argument("--dense", type=pathlib.Path, help="folder of the model before it was cut")
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE,
        help="largest difference allowed, relative to the largest logit (default: %(default)s)")
    return parser.parse_args()


def reference_logits(folder, ids):
    """Logits (batch, time, vocabulary) and number of parameters, as stock transformers have them."""
    import torch
    from transformers import AutoModelForCausalLM

    if not (folder / "config.json").is_file():
        wrong(f"{folder}: no config.json; expected a checkpoint folder")  # else it is taken for a name on the hub
    # what a checkpoint lacks is filled with random numbers and only logged: look at the report instead
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True, output_loading_info=True)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report.get(problem):
            wrong(f"{folder}: {problem.replace('_', ' ')}: {sorted(map(str, report[problem]))[:5]}")
    with torch.no_grad():
        logits = model.eval()(torch.tensor(ids), use_cache=False).logits
    return logits, sum(parameter.numel() for parameter in model.parameters())


def difference(found, expected):
    """Largest absolute difference, and that relative to the largest expected logit; NaN counts as infinite."""
    import torch

    absolute = (found.double() - expected.double()).abs().nan_to_num(nan=float("inf")).max().item()
    return absolute, absolute / expected.abs().max().item()


def main():
    arguments = parse()
    from safetensors.torch import load_file

    ids = json.loads(arguments.ids.read_text())
    tensors = load_file(arguments.logits)
    if "logits" not in tensors:
        wrong(f"{arguments.logits}: no tensor 'logits', found {sorted(tensors)}")
    found = tensors["logits"]
    expected, parameters = reference_logits(arguments.model, ids)
    if found.shape != expected.shape:
        wrong(f"{arguments.logits}: logits {list(found.shape)}, expected {list(expected.shape)} for these ids")

    absolute, relative = difference(found, expected)
    print(f"{arguments.model}: {parameters:,} parameters, {expected.numel():,} logits")
    print(f"largest absolute difference  {absolute:.3e}")
    print(f"relative to largest logit    {relative:.3e}   (tolerance {arguments.tolerance:g})")
    same = relative <= arguments.tolerance

    if arguments.dense:
        dense, before = reference_logits(arguments.dense, ids)
        _, change = difference(found, dense)
        print(f"{arguments.dense}: {before:,} parameters; the cut moved logits by {change:.3e} of the largest")
        if change <= arguments.tolerance:
            print("the cut changed nothing: the two folders hold the same model")
            same = False
    print("SAME" if same else "NOT THE SAME")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
