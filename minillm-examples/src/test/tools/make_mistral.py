"""Writes src/test/resources/mistral: a random Mistral of a few weights, and the logits that Hugging Face transformers
computes for some tokens (expected.json).

    python make_mistral.py ../resources/mistral
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, MistralConfig

CONFIG = MistralConfig(vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                       num_key_value_heads=2, intermediate_size=10, max_position_embeddings=16, sliding_window=None)


def main() -> None:
    target = Path(sys.argv[1])
    torch.manual_seed(7)
    ids = torch.randint(2, 20, (2, 12))
    model = AutoModelForCausalLM.from_config(CONFIG, attn_implementation="eager").eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    model.save_pretrained(target)
    (target / "generation_config.json").unlink(missing_ok=True)
    with torch.no_grad():
        logits = model(ids).logits
    rounded = [[[float(f"{logit:.7g}") for logit in row] for row in batch] for batch in logits.tolist()]
    (target / "expected.json").write_text(json.dumps({"ids": ids.tolist(), "logits": rounded}) + "\n")


if __name__ == "__main__":
    main()
