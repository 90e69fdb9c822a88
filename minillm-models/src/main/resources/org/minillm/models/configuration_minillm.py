# Copyright: part of the model folder that MiniLLM writes with --export hf-code; licence: Apache-2.0.
"""Configurations of models whose layers have sizes of their own.

They are the stock ones of transformers (4.57 and 5) and one key more, `minillm_layers`: for each layer its MLP
`channels`, its query `heads` and `key_value_heads`, and for BLOOM which heads of the dense model it kept
(`kept_heads`), since the slope of a head's ALiBi is a matter of its place there. The stock keys speak of a model that
stock code can build: the widest layer for all, with more heads where those do not divide the hidden size, and in OPT
and BLOOM as many heads as make it up.
"""

from transformers import BloomConfig, LlamaConfig, MistralConfig, OPTConfig, Qwen2Config, Qwen3Config


class MiniLLMLlamaConfig(LlamaConfig):
    model_type = "minillm_llama"


class MiniLLMMistralConfig(MistralConfig):
    model_type = "minillm_mistral"


class MiniLLMQwen2Config(Qwen2Config):
    model_type = "minillm_qwen2"


class MiniLLMQwen3Config(Qwen3Config):
    model_type = "minillm_qwen3"


class MiniLLMOPTConfig(OPTConfig):
    model_type = "minillm_opt"


class MiniLLMBloomConfig(BloomConfig):
    model_type = "minillm_bloom"
