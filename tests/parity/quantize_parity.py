#!/usr/bin/env python3
"""Compares `mlx-serving quantize` with mlx.core.quantize, byte by byte, in every mode, width, group and type of weights;
its recipes with mlx-lm's; and loads the result in mlx-lm.

    tests/parity/quantize_parity.py --binary build/dev/src/cli/mlx-serving

A line for each; exit code 1 when anything differs.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import mlx.core as mx
import numpy as np
from mlx_lm.convert import QUANT_RECIPES, mixed_quant_predicate_builder
from mlx_lm.models import llama
from mlx_lm.utils import load_model, quantize_model

CONFIG = {"model_type": "llama", "hidden_size": 256, "num_hidden_layers": 16, "intermediate_size": 384, "num_attention_heads": 4,
          "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "vocab_size": 96, "tie_word_embeddings": False}
MODES = [(bits, group, "affine") for bits in (2, 3, 4, 5, 6, 8) for group in (32, 64, 128)]
MODES += [(4, 32, "mxfp4"), (8, 32, "mxfp8"), (4, 16, "nvfp4")]


def quantize(binary, source, target, *options):
    run = subprocess.run([binary, "quantize", source, target, "--force", "--json", *options], capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"quantize {options} failed: {run.stderr}")
    return json.loads(run.stdout), mx.load(str(target / "model.safetensors"))


def hard_weights(rng, dtype):
    """Groups of zeros, of one sign, with an outlier, tiny, huge."""
    weights = {}
    for index, shape in enumerate([(64, 256), (3, 128), (200, 384)]):
        values = rng.standard_normal(shape).astype(np.float32) * (10.0 ** int(rng.integers(-4, 3)))
        values[0, :32] = 0
        values[1, :64] = np.abs(values[1, :64])
        values[2, 5] = 100
        values[2, 64:96] *= 1e-6
        weights[f"model.layers.{index}.mlp.up_proj.weight"] = mx.array(values).astype(dtype)
    weights["model.norm.weight"] = mx.ones((64,)).astype(dtype)
    return weights


def write(folder, weights, config):
    folder.mkdir(exist_ok=True)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config))


def parts_of(weights, module, mode):
    names = ["weight", "scales"] + (["biases"] if mode == "affine" else [])
    return [weights[f"{module}.{name}"] for name in names]


def different_bytes(want, got):
    if want.dtype != got.dtype or want.shape != got.shape:
        raise SystemExit(f"{want.dtype} {want.shape} expected, found {got.dtype} {got.shape}")
    return int((want.view(mx.uint8) != got.view(mx.uint8)).sum())


def check_modes(binary, work):
    failed = 0
    rng = np.random.default_rng(7)
    for dtype in (mx.float32, mx.bfloat16, mx.float16):
        weights = hard_weights(rng, dtype)
        write(work / "source", weights, {"model_type": "llama", "num_hidden_layers": 3})
        for bits, group, mode in MODES:
            options = ["--mode", mode] if mode != "affine" else ["--bits", str(bits), "--group-size", str(group)]
            _, got = quantize(binary, work / "source", work / "out", *options)
            different = 0
            for name, value in weights.items():
                if value.ndim == 1:
                    different += different_bytes(value, got[name])
                    continue
                want = mx.quantize(value, group_size=group, bits=bits, mode=mode)
                different += sum(map(different_bytes, want, parts_of(got, name.removesuffix(".weight"), mode)))
            failed += different != 0
            print(f"{str(dtype).split('.')[-1]:8} {mode} {bits} bits by {group}: {different} bytes differ", flush=True)
    return failed


def check_recipes(binary, work):
    failed = 0
    mx.random.seed(3)
    for recipe in QUANT_RECIPES:
        model = llama.Model(llama.ModelArgs.from_dict(CONFIG))
        weights = {name: value.astype(mx.bfloat16) for name, value in dict(mx_flatten(model)).items()}
        write(work / "source", weights, CONFIG)
        model.load_weights(list(weights.items()))
        predicate = mixed_quant_predicate_builder(recipe, model, 64)
        model, _ = quantize_model(model, CONFIG, 64, int(recipe.split("_")[1]), quant_predicate=predicate)
        want = dict(mx_flatten(model))
        _, got = quantize(binary, work / "source", work / "out", "--recipe", recipe, "--group-size", "64", "--bits",
                          recipe.split("_")[1])
        same_names = set(want) == set(got)
        different = sum(different_bytes(want[name], got[name]) for name in want) if same_names else -1
        loaded, _ = load_model(work / "out")
        finite = bool(mx.isfinite(loaded(mx.array([[1, 2, 3]]))).all())
        failed += different != 0 or not finite
        print(f"{recipe}: {different} bytes differ from mlx-lm's, logits finite {finite}", flush=True)
    return failed


def mx_flatten(model):
    from mlx.utils import tree_flatten
    return tree_flatten(model.parameters())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    arguments = parser.parse_args()
    mx.set_default_device(mx.cpu)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        failed = check_modes(arguments.binary, work) + check_recipes(arguments.binary, work)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
