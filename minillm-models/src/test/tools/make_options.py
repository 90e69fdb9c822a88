"""Writes src/test/resources/options: random models of a few weights, one for every option that the larger random
models leave out, each with the logits that Hugging Face transformers computes (expected.safetensors).

    python make_options.py ../resources/options
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BloomConfig, OPTConfig, Qwen2Config

OPT = dict(vocab_size=20, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, ffn_dim=10,
           max_position_embeddings=16, pad_token_id=1)
QWEN2 = dict(vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             intermediate_size=10, max_position_embeddings=16)
BLOOM = dict(vocab_size=20, hidden_size=12, n_layer=2, n_head=6)

MODELS = {
    "opt-after-same-width": OPTConfig(**OPT, do_layer_norm_before=False),
    "opt-no-bias": OPTConfig(**OPT, enable_bias=False),
    "opt-plain-norm": OPTConfig(**OPT, layer_norm_elementwise_affine=False),
    "opt-no-last-norm": OPTConfig(**OPT, _remove_final_layer_norm=True, word_embed_proj_dim=4),
    "opt-untied": OPTConfig(**OPT, tie_word_embeddings=False),
    "bloom-six-heads-postln": BloomConfig(**BLOOM, apply_residual_connection_post_layernorm=True),
    "bloom-epsilon-untied": BloomConfig(**BLOOM, layer_norm_epsilon=0.1, tie_word_embeddings=False),
    "qwen2": Qwen2Config(**QWEN2),
}
# published checkpoints lack the prefix
BARE = {"opt-decoder-prefix": ("opt-no-bias", "model."), "bloom-no-prefix": ("bloom-six-heads-postln", "transformer.")}
OLD_BLOOM_KEYS = {"n_head": "num_attention_heads", "hidden_size": "n_embed"}


def write_expected(folder: Path, ids: torch.Tensor) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = model(ids).logits.contiguous()
    save_file({"input_ids": ids, "logits": logits}, folder / "expected.safetensors", {"format": "pt"})


def main() -> None:
    target = Path(sys.argv[1])
    torch.manual_seed(7)
    ids = torch.randint(2, 20, (2, 12))
    for name, config in MODELS.items():
        model = AutoModelForCausalLM.from_config(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        model.save_pretrained(target / name)
        write_expected(target / name, ids)
    for name, (source, prefix) in BARE.items():
        folder = target / name
        folder.mkdir(exist_ok=True)
        tensors = load_file(target / source / "model.safetensors")
        save_file({key.removeprefix(prefix): value for key, value in tensors.items()},
                  folder / "model.safetensors", {"format": "pt"})
        config = json.loads((target / source / "config.json").read_text())
        if config["model_type"] == "bloom":
            config = {OLD_BLOOM_KEYS.get(key, key): value for key, value in config.items()}
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
        write_expected(folder, ids)
    for extra in target.glob("*/generation_config.json"):
        extra.unlink()


if __name__ == "__main__":
    main()
