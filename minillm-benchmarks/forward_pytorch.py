#!/usr/bin/env python3
"""How fast PyTorch reads 8 windows of 128 tokens: what "minillm bench speed" is compared with.

Usage: python minillm-benchmarks/forward_pytorch.py MODEL [--threads N] [--rounds N]

The decoder layers alone, as "minillm bench speed" measures them, float32, with fused (sdpa) and
plain (eager) attention in turn. Needs torch 2.7.1 and transformers; says so where they are absent.
"""

import argparse
import sys
import time

WINDOWS, WINDOW = 8, 128


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    try:
        import torch
        from transformers import AutoModel
    except ImportError as absent:
        print(f"skipped: {absent}; install torch==2.7.1 and transformers to compare")
        return 0
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    models = {
        attention: AutoModel.from_pretrained(
            arguments.model, dtype=torch.float32, attn_implementation=attention
        ).eval()
        for attention in ("sdpa", "eager")
    }
    tokens = torch.arange(WINDOWS * WINDOW).reshape(WINDOWS, WINDOW) * 31 % 4096
    seconds = {attention: [] for attention in models}
    with torch.no_grad():
        for _ in range(arguments.rounds + 1):
            for attention, model in models.items():
                start = time.perf_counter()
                model(tokens, use_cache=False)
                seconds[attention].append(time.perf_counter() - start)
    for attention, times in seconds.items():
        mean = sum(times[1:]) / arguments.rounds
        print(f"{attention}: {WINDOWS * WINDOW / mean:.1f} tokens a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
