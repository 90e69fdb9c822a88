"""Makes the files of torch.save that the tests of the core and of the families read.

    python make_pytorch_inputs.py TESTS_OF_CORE TESTS_OF_MODELS

with PyTorch 2 and transformers 5 (any that write pytorch_model.bin with torch.save). The results
are in minillm-core/src/test/resources/pytorch and minillm-models/src/test/resources/pytorch.
"""

import collections
import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import BloomConfig, BloomForCausalLM, OPTConfig, OPTForCausalLM

core, models = sys.argv[1:]
os.makedirs(core, exist_ok=True)


def numbers(*shape, dtype=torch.float32):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float32) / 4 - 3).reshape(shape).to(dtype)


# Every way in which a tensor can lie in a storage, and the same numbers as safetensors.
base = numbers(6, 5)
views = collections.OrderedDict(
    plain=base,
    shared=base,
    rows=base[2:4],
    columns=base[:, 1:3],
    transposed=base.t(),
    every_other=base[::2, ::2],
    expanded=base[0:1].expand(3, 5),
    three=numbers(2, 3, 4).permute(2, 0, 1),
    scalar=torch.tensor(2.5),
    none=torch.zeros(0, 4),
    parameter=torch.nn.Parameter(numbers(3)),
    half=numbers(3, 4, dtype=torch.float16),
    bfloat=numbers(3, 4, dtype=torch.bfloat16),
    double=numbers(3, 4, dtype=torch.float64),
    long=torch.arange(4),
    flag=torch.tensor([True, False]),
)
torch.save(views, os.path.join(core, "views.bin"))
save_file({k: v.detach().clone().contiguous() for k, v in views.items()}, os.path.join(core, "views.safetensors"))
torch.save({"state_dict": dict(weight=base), "epoch": 3, "lr": 0.1, "name": "run"}, os.path.join(core, "nested.bin"))
torch.save(dict(weight=base), os.path.join(core, "before-zip.bin"), _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), os.path.join(core, "torchscript.bin"))
torch.save(torch.nn.Linear(2, 2), os.path.join(core, "whole-model.bin"))

# Models as they are published: weights of torch.save, here with the logits that transformers computes.
torch.manual_seed(7)
IDS = torch.tensor([[2, 17, 5, 33, 8, 90, 41, 7], [2, 64, 12, 3, 77, 21, 9, 50]])


def publish(name, model, shards):
    folder = os.path.join(models, name)
    os.makedirs(folder, exist_ok=True)
    model = model.float().eval()
    for parameter in model.parameters():
        parameter.data = parameter.data.normal_(0, 0.3)
    model.config.save_pretrained(folder)
    state = model.state_dict()  # the tied head is there, too, on the storage of the embedding
    if shards == 1:
        torch.save(state, os.path.join(folder, "pytorch_model.bin"))
    else:
        index = {"metadata": {"total_size": 0}, "weight_map": {}}
        names = list(state)
        for shard in range(shards):
            file = f"pytorch_model-{shard + 1:05d}-of-{shards:05d}.bin"
            part = {n: state[n].clone() for n in names[shard::shards]}
            torch.save(part, os.path.join(folder, file))
            index["weight_map"].update({n: file for n in part})
        with open(os.path.join(folder, "pytorch_model.bin.index.json"), "w") as out:
            json.dump(index, out, indent=2)
    with torch.no_grad():
        save_file({"ids": IDS, "logits": model(IDS).logits}, os.path.join(folder, "golden.safetensors"))


publish("opt", OPTForCausalLM(OPTConfig(
    vocab_size=96, hidden_size=16, word_embed_proj_dim=16, ffn_dim=32, num_hidden_layers=2, num_attention_heads=4,
    max_position_embeddings=32)), 1)
publish("bloom", BloomForCausalLM(BloomConfig(vocab_size=96, hidden_size=16, n_layer=2, n_head=4)), 2)
