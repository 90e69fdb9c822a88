# Copyright: part of the model folder that MiniLLM writes with --export hf-code; licence: Apache-2.0.
"""Models whose layers have sizes of their own: the stock classes of transformers (4.57 and 5), built as their
configuration says, and then the linear layers of each block replaced by those of `config.minillm_layers`.

All else is stock code: attention, key-value cache, generation, gradient checkpointing, saving, PEFT.
"""

from torch import nn
from transformers import (
    BloomForCausalLM,
    LlamaForCausalLM,
    MistralForCausalLM,
    OPTForCausalLM,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
)
from transformers.models.bloom.modeling_bloom import BloomAttention

from .configuration_minillm import (
    MiniLLMBloomConfig,
    MiniLLMLlamaConfig,
    MiniLLMMistralConfig,
    MiniLLMOPTConfig,
    MiniLLMQwen2Config,
    MiniLLMQwen3Config,
)


def resize(module, name, rows=None, columns=None):
    """Puts a linear layer of other sizes in place of `module.name`, on its device, in its type, with a bias if it had one."""
    old = getattr(module, name)
    new = nn.Linear(
        old.in_features if columns is None else columns,
        old.out_features if rows is None else rows,
        bias=old.bias is not None,
        device=old.weight.device,
        dtype=old.weight.dtype,
    )
    setattr(module, name, new)


class LayersOfTheirOwn:
    """What all models here share: the sizes of each layer come from `config.minillm_layers`."""

    # Servers that put an attention of their own in place of the model's (vLLM) take one number of heads for all layers.
    _supports_attention_backend = False

    def __init__(self, config):
        super().__init__(config)
        layers = self.decoder_layers()
        sizes = config.minillm_layers
        if len(sizes) != len(layers):
            raise ValueError(f"minillm_layers of config.json has {len(sizes)} entries for {len(layers)} layers")
        for layer, size in zip(layers, sizes):
            self.resize_layer(layer, size)
        # weights of the new linear layers, where none are loaded
        self.post_init()


class GatedLayers(LayersOfTheirOwn):
    """LLaMA and what is like it."""

    def decoder_layers(self):
        return self.model.layers

    def resize_layer(self, layer, size):
        attention, mlp = layer.self_attn, layer.mlp
        queries = size["heads"] * attention.head_dim
        keys = size["key_value_heads"] * attention.head_dim
        attention.num_key_value_groups = size["heads"] // size["key_value_heads"]
        resize(attention, "q_proj", rows=queries)
        resize(attention, "k_proj", rows=keys)
        resize(attention, "v_proj", rows=keys)
        resize(attention, "o_proj", columns=queries)
        mlp.intermediate_size = size["channels"]
        resize(mlp, "gate_proj", rows=size["channels"])
        resize(mlp, "up_proj", rows=size["channels"])
        resize(mlp, "down_proj", columns=size["channels"])


class MiniLLMLlamaForCausalLM(GatedLayers, LlamaForCausalLM):
    config_class = MiniLLMLlamaConfig


class MiniLLMMistralForCausalLM(GatedLayers, MistralForCausalLM):
    config_class = MiniLLMMistralConfig


class MiniLLMQwen2ForCausalLM(GatedLayers, Qwen2ForCausalLM):
    config_class = MiniLLMQwen2Config


class MiniLLMQwen3ForCausalLM(GatedLayers, Qwen3ForCausalLM):
    config_class = MiniLLMQwen3Config


class MiniLLMOPTForCausalLM(LayersOfTheirOwn, OPTForCausalLM):
    config_class = MiniLLMOPTConfig

    def decoder_layers(self):
        return self.model.decoder.layers

    def resize_layer(self, layer, size):
        attention = layer.self_attn
        attention.num_heads = size["heads"]
        width = size["heads"] * attention.head_dim
        resize(attention, "q_proj", rows=width)
        resize(attention, "k_proj", rows=width)
        resize(attention, "v_proj", rows=width)
        resize(attention, "out_proj", columns=width)
        resize(layer, "fc1", rows=size["channels"])
        resize(layer, "fc2", columns=size["channels"])


class KeptHeadsAttention(BloomAttention):
    """BLOOM's attention with some heads of the dense model: each with the slope that it had there."""

    kept_heads = None

    def forward(self, hidden_states, residual, alibi, *args, **kwargs):
        if self.kept_heads is not None:
            alibi = alibi.unflatten(0, (hidden_states.shape[0], -1))[:, self.kept_heads].flatten(0, 1)
        return super().forward(hidden_states, residual, alibi, *args, **kwargs)


class MiniLLMBloomForCausalLM(LayersOfTheirOwn, BloomForCausalLM):
    config_class = MiniLLMBloomConfig

    def decoder_layers(self):
        return self.transformer.h

    def resize_layer(self, layer, size):
        attention, mlp = layer.self_attention, layer.mlp
        attention.__class__ = KeptHeadsAttention
        attention.kept_heads = size["kept_heads"]
        attention.num_heads = layer.num_heads = size["heads"]
        width = size["heads"] * attention.head_dim
        resize(attention, "query_key_value", rows=3 * width)
        resize(attention, "dense", columns=width)
        resize(mlp, "dense_h_to_4h", rows=size["channels"])
        resize(mlp, "dense_4h_to_h", columns=size["channels"])
        # sums in parts that are counted from the hidden size
        attention.slow_but_exact = mlp.slow_but_exact = False
