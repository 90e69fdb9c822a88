#!/usr/bin/env python3
"""Checks what Hugging Face transformers and PEFT make of each form that MiniLLM writes, against MiniLLM's own logits.

    python tools/check_compatibility.py WORK --dense MODEL     once a model: writes WORK/FORM, WORK/FORM.safetensors
    python tools/check_compatibility.py WORK                   once an environment: loads each form, prints a table

The first line needs ./minillm (--minillm says where it is) and no package. It makes plans from fixed rules: `equal`
(channels), `heads` (channels and heads, in numbers that divide the hidden size), `odd` (heads that do not), and one
with other numbers of channels and heads in each layer, which is written as `cut`, `hf-code` and `masked`. MODEL needs no
tokenizer; without tokenizer.json the pipeline is not tried.

The second needs torch, transformers, peft, accelerate and safetensors, and tells for each form whether it loads (float32,
CPU; trust_remote_code for hf-code alone), how far its logits are from MiniLLM's, whether greedy text is the same with
and without a key-value cache and with the default attention, whether it is the same after save_pretrained and loading
again, in a pipeline, and whether steps of LoRA with gradient checkpointing lower the loss and can be merged.
The exit code is 1 if an `hf-code` or `masked` form fails.

Environments, tried on Linux x86-64 with Python 3.11. The wheels of https://download.pytorch.org/whl/cpu are the smallest;
where that host is not reachable, PyTorch from PyPI works on a machine without a GPU, but only with all of its CUDA
packages, which pip brings along (3 GB; with --no-deps `import torch` fails for want of libraries):

    python3 -m venv tf5 && tf5/bin/pip install torch transformers peft accelerate
    python3 -m venv tf4 && tf4/bin/pip install torch 'transformers==4.57.1' peft accelerate

A second environment needs no second PyTorch: put the path of the first one's site-packages in a file *.pth of the
second's, and install the rest with --no-deps (transformers==4.57.1 tokenizers==0.22.1 huggingface_hub==0.36.0 peft
accelerate requests urllib3 idna certifi charset_normalizer psutil).
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

FORMS = ("equal", "heads", "odd", "cut", "hf-code", "masked")
MUST_LOAD = ("hf-code", "masked")
# float32 sums in another order; a wrong weight gives 1e-2 and more of the largest logit
TOLERANCE = 1e-4
STEPS = 8


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path, help="folder of the forms")
    parser.add_argument("--dense", type=pathlib.Path, help="folder of the model to prune; makes the forms")
    parser.add_argument("--minillm", default="./minillm", help="the launcher (default: %(default)s)")
    parser.add_argument("--json", type=pathlib.Path, help="file that the results are written to, too")
    parser.add_argument("--golden", type=pathlib.Path, help="file for the token ids and logits of the hf-code form alone")
    return parser.parse_args()


# ---------------------------------------------------------------------------------------------------- making


def kept(units, count):
    """That many of the units, spread evenly."""
    return sorted({round(i * (units - 1) / max(1, count - 1)) for i in range(count)}) if count > 1 else [units // 2]


def counts(form, group, heads_a_unit, hidden):
    """How many units of a group stay."""
    units, layer = group["units"], group["layer"]
    if group["kind"] == "mlp_channels":
        share = 0.75 if form in ("equal", "heads", "odd") else (0.9, 0.5, 0.7, 0.6)[layer % 4]
        return max(1, int(units * share))
    if form == "equal":
        return units
    divides = [n for n in range(1, units) if hidden % (n * heads_a_unit) == 0]
    splits = [n for n in range(1, units) if hidden % (n * heads_a_unit) != 0]
    if form in ("heads", "odd"):
        choice = divides if form == "heads" else splits
        return choice[-1] if choice else None
    return max(1, (units - 1, units, units // 2, units - 2)[layer % 4])


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def first(config, *keys):
    return next(config[key] for key in keys if config.get(key) is not None)


def make(work, dense, minillm):
    work.mkdir(parents=True, exist_ok=True)
    config = config_of(dense)
    hidden = first(config, "n_embed", "hidden_size")
    heads = first(config, "num_attention_heads", "n_head")
    heads_a_unit = heads // (config.get("num_key_value_heads") or heads)
    numbers = random.Random(7)
    ids = work / "ids.json"
    ids.write_text(json.dumps([[numbers.randrange(config["vocab_size"]) for _ in range(12)] for _ in range(2)]))
    template = work / "template.json"
    run(minillm, "prune", dense, "--ratio", "0.3", "--groups", "both", "--criterion", "magnitude", "--restore", "none",
        "--plan-only", template, "--force")
    for form in FORMS:
        plan = json.loads(template.read_text())
        base = "uneven" if form in ("cut", "hf-code", "masked") else form
        chosen = [(group, counts(base, group, heads_a_unit, hidden)) for group in plan["groups"]]
        if any(count is None for _, count in chosen):
            print(f"{form}: no such number of heads")
            continue
        for group, count in chosen:
            group["kept"] = kept(group["units"], count)
        path = work / f"{form}.json"
        path.write_text(json.dumps(plan))
        export = form if base == "uneven" else "cut"
        run(minillm, "apply", dense, "--plan", path, "--restore", "none", "--export", export, "--out", work / form, "--force")
        run(minillm, "logits", work / form, "--ids", ids, "--out", work / f"{form}.safetensors", "--force")
        print(f"{form}: written")


def run(minillm, *arguments):
    done = subprocess.run([minillm, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"check_compatibility: minillm {' '.join(map(str, arguments))}:\n{done.stderr}")


# -------------------------------------------------------------------------------------------------- checking


def load(folder, trust, **options):
    import torch
    from transformers import AutoModelForCausalLM

    # what a checkpoint lacks is filled with random numbers and only logged: look at the report instead
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, trust_remote_code=trust, output_loading_info=True, **options)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report.get(problem):
            raise ValueError(f"{problem.replace('_', ' ')}: {sorted(map(str, report[problem]))[:2]}")
    return model.eval()


def logits(model, ids):
    import torch

    with torch.no_grad():
        return model(torch.tensor(ids), use_cache=False).logits


def check_logits(folder, trust, ids, expected):
    found = logits(load(folder, trust, attn_implementation="eager"), ids)
    absolute = (found - expected).abs().nan_to_num(nan=float("inf")).max().item()
    if absolute > TOLERANCE * expected.abs().max().item():
        raise ValueError(f"logits differ by {absolute:.1e}")
    return f"{absolute:.1e}"


def check_generation(folder, trust, ids):
    import torch

    model = load(folder, trust)
    prompt = torch.tensor(ids)
    options = dict(max_new_tokens=12, do_sample=False, attention_mask=torch.ones_like(prompt), eos_token_id=-1, pad_token_id=0)
    texts = [model.generate(prompt, use_cache=cache, **options).tolist() for cache in (True, False)]
    if texts[0] != texts[1]:
        raise ValueError("other text with a cache than without")
    if len(texts[0][0]) != len(ids[0]) + 12:
        raise ValueError(f"{len(texts[0][0])} tokens")
    # rows of different lengths, padded on the left, are generated as each alone
    mask = torch.ones_like(prompt)
    mask[0, :4] = 0
    options["attention_mask"] = mask
    padded = model.generate(prompt, **options)[0, len(ids[0]):].tolist()
    options["attention_mask"] = torch.ones(1, len(ids[0]) - 4, dtype=torch.long)
    alone = model.generate(prompt[:1, 4:], **options)[0, len(ids[0]) - 4:].tolist()
    if padded != alone:
        raise ValueError("other text when padded")
    return "yes"


def check_saving(folder, trust, ids):
    model = load(folder, trust)
    before = logits(model, ids)
    with tempfile.TemporaryDirectory() as temp:
        model.save_pretrained(temp)
        after = logits(load(temp, trust), ids)
        code = {path.name for path in pathlib.Path(temp).glob("*.py")}
        if trust and not code:
            raise ValueError("saved without its code")
    if not before.equal(after):
        raise ValueError("other logits after saving")
    return "yes"


def check_pipeline(folder, trust):
    from transformers import pipeline

    if not (folder / "tokenizer.json").is_file():
        return "-"
    generate = pipeline("text-generation", model=str(folder), trust_remote_code=trust)
    text = generate("The", max_new_tokens=4, do_sample=False)[0]["generated_text"]
    if len(text) <= 3:
        raise ValueError("no text")
    return "yes"


def check_lora(folder, trust, ids):
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    model = load(folder, trust)
    names = {name.rsplit(".", 1)[-1] for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    targets = sorted(names - {"lm_head", "project_in", "project_out"})
    model.config.use_cache = False
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=targets))
    model.gradient_checkpointing_enable()
    model.enable_input_require_grads()
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    batch = torch.tensor(ids)
    losses = []
    for _ in range(STEPS):
        loss = model(batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    if not losses[-1] < losses[0]:
        raise ValueError(f"loss {losses[0]:.3f} to {losses[-1]:.3f}")
    model.eval()
    adapted = logits(model, ids)
    merged = logits(model.merge_and_unload(), ids)
    if not torch.allclose(adapted, merged, atol=1e-3 * adapted.abs().max().item()):
        raise ValueError("other logits when merged")
    return "yes"


def short(error):
    text = str(error).strip().split("\n")
    return f"{type(error).__name__}: {text[0][:160]}" if text[0] else type(error).__name__


def attempt(check, *arguments):
    try:
        return check(*arguments), None
    except Exception as error:  # whatever a client throws is what is to be told
        return "NO", short(error)


def check(work):
    from safetensors.torch import load_file

    ids = json.loads((work / "ids.json").read_text())
    rows, reasons = [], []
    for form in FORMS:
        folder = work / form
        if not folder.is_dir():
            continue
        trust = form == "hf-code"
        expected = load_file(work / f"{form}.safetensors")["logits"]
        row = {"form": form}
        row["difference"], reason = attempt(check_logits, folder, trust, ids, expected)
        if reason is None:
            for name, function, arguments in (
                    ("generate", check_generation, (folder, trust, ids)),
                    ("save", check_saving, (folder, trust, ids)),
                    ("pipeline", check_pipeline, (folder, trust)),
                    ("LoRA", check_lora, (folder, trust, ids))):
                row[name], why = attempt(function, *arguments)
                reason = reason or (why and f"{name}: {why}")
        if reason:
            row["reason"] = reason
            reasons.append(f"  {form}: {reason}")
        rows.append(row)
    return rows, reasons


def write_golden(work, file):
    import torch
    from safetensors.torch import save_file

    ids = json.loads((work / "ids.json").read_text())
    found = logits(load(work / "hf-code", True, attn_implementation="eager"), ids)
    save_file({"input_ids": torch.tensor(ids), "logits": found.contiguous()}, file)


def versions():
    import peft
    import torch
    import transformers

    return {"transformers": transformers.__version__, "torch": torch.__version__, "peft": peft.__version__}


def main():
    arguments = parse()
    if arguments.dense:
        make(arguments.work, arguments.dense, arguments.minillm)
        return
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if arguments.golden:
        write_golden(arguments.work, arguments.golden)
        return
    used = versions()
    rows, reasons = check(arguments.work)
    print(f"{arguments.work}: " + ", ".join(f"{name} {version}" for name, version in used.items()))
    columns = ("form", "difference", "generate", "save", "pipeline", "LoRA")
    for row in [dict(zip(columns, columns)), *rows]:
        print("  " + "  ".join(f"{row.get(column, ''):<10}" for column in columns).rstrip())
    print("\n".join(reasons))
    if arguments.json:
        arguments.json.write_text(json.dumps({"versions": used, "rows": rows}, indent=1))
    sys.exit(any("reason" in row for row in rows if row["form"] in MUST_LOAD))


if __name__ == "__main__":
    main()
