"""Makes blocks of every quantised type and the numbers that they stand for, by the gguf package:

    python make_gguf_inputs.py minillm-gguf/src/test/resources/blocks

with numpy and gguf 0.19. Random bits, with scales that are no NaN.
"""

import os
import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

# where the float16 scales stand in a block
SCALES = {
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2],
    T.Q5_K: [0, 2], T.Q6_K: [208],
}
BLOCKS = 3

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
random = np.random.default_rng(18)
for kind, places in SCALES.items():
    _, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for place in places:
        blocks[:, place:place + 2] = random.normal(0, 0.1, (BLOCKS, 1)).astype(np.float16).view(np.uint8)
    numbers = dequantize(blocks.reshape(1, -1), kind).astype("<f4")
    blocks.tofile(os.path.join(folder, kind.name + ".blocks"))
    numbers.tofile(os.path.join(folder, kind.name + ".numbers"))
