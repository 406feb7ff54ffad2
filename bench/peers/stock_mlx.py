"""Decodes with MLX's own ops on the CPU, through mlx-lm, for peers.py: scales and activations in f32, the quickest that
MLX's CPU backend has.

    stock_mlx.py MODEL
"""
import json
import sys
import time

import mlx.core as mx
from mlx.utils import tree_map
from mlx_lm.utils import load_model
from mlx_lm.models.cache import make_prompt_cache
import pathlib

mx.set_default_device(mx.cpu)
model, _ = load_model(pathlib.Path(sys.argv[1]))
model.update(tree_map(lambda p: p.astype(mx.float32) if mx.issubdtype(p.dtype, mx.floating) else p, model.parameters()))
cache = make_prompt_cache(model)
seconds = []
for token in range(1000, 1004):
    begin = time.perf_counter()
    mx.eval(model(mx.array([[token]]), cache=cache))
    seconds.append(time.perf_counter() - begin)
print(json.dumps({"tokens_per_second": 1 / min(seconds[1:])}))
