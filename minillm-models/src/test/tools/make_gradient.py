"""Writes goldens/<model>-gradient.safetensors: the true loss gradient of every weight and bias in the decoder layers.

    python make_gradient.py ../resources/random/llama-gqa-bias ../resources/goldens/llama-gqa-bias

Weights are upcast to float64; the loss is the mean over all predicted tokens of `input_ids` of the model's golden.
"""

import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

folder, golden = sys.argv[1:]
torch.set_num_threads(1)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
ids = load_file(golden + ".safetensors")["input_ids"]
loss = model(input_ids=ids, labels=ids).loss
loss.backward()
gradient = {"loss": loss.detach().reshape(1).float()}
for name, parameter in model.named_parameters():
    if ".layers." in name and "norm" not in name:
        gradient[name] = parameter.grad.float().contiguous()
save_file(gradient, golden + "-gradient.safetensors", metadata={"format": "pt"})
