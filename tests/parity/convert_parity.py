#!/usr/bin/env python3
"""Compares `mlx-serving convert` with two references: PyPI `gguf` for what blocks mean, and mlx-lm, which must load the
result and compute from it.

    tests/parity/convert_parity.py --binary build/dev/src/cli/mlx-serving

Every type in every architecture: what has an affine form must have difference 0, what is quantised anew must be what
mlx.core.quantize makes of the same values. A line for each; exit code 1 when anything differs.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import mlx.core as mx
import numpy as np
from gguf import GGMLQuantizationType as Type
from mlx_lm.utils import load_model

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gguf_models  # noqa: E402

REQUANTIZED = {Type.Q2_K: 4, Type.Q3_K: 5, Type.Q6_K: 8}
ARCHITECTURES = ["llama", "qwen2", "qwen3", "gemma3", "phi3"]


def convert(binary, source, target, *options):
    run = subprocess.run([binary, "convert", source, target, "--json", *options], capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"convert failed: {run.stderr}")
    return json.loads(run.stdout)


def stored_values(weights, config, name):
    """A tensor as f32, dequantised in f32 where it is packed."""
    module = name.removesuffix(".weight")
    if module + ".scales" not in weights:
        return np.array(weights[name].astype(mx.float32))
    spec = config["quantization"].get(module, config["quantization"])
    scales, biases = (weights[f"{module}.{part}"].astype(mx.float32) for part in ("scales", "biases"))
    return np.array(mx.dequantize(weights[name], scales, biases, spec["group_size"], spec["bits"]))


def requantized_faults(weights, name, values, bits):
    """Codes as from mlx.core.quantize in f32, scales and biases as its, in f16."""
    module = name.removesuffix(".weight")
    packed, scales, biases = mx.quantize(mx.array(values), group_size=32, bits=bits)
    same = (mx.array_equal(packed, weights[name]) and mx.array_equal(scales.astype(mx.float16), weights[module + ".scales"])
            and mx.array_equal(biases.astype(mx.float16), weights[module + ".biases"]))
    return 0 if same else 1


def compare(folder, expected, lossless_only):
    weights = mx.load(str(folder / "model.safetensors"))
    config = json.loads((folder / "config.json").read_text())
    left = {n for n in weights if not n.endswith((".scales", ".biases"))}
    if left != set(expected):
        raise SystemExit(f"names differ: {sorted(left ^ set(expected))[:4]}")
    worst = faults = 0
    for name, (kind, values) in expected.items():
        if kind in REQUANTIZED and not lossless_only:
            faults += requantized_faults(weights, name, values, REQUANTIZED[kind])
        else:
            worst = max(worst, float(np.abs(stored_values(weights, config, name) - values).max()))
    return worst, faults


def logits(folder):
    model, _ = load_model(folder)
    model.set_dtype(mx.float32)
    return np.array(model(mx.array([[1, 5, 9, 2, 33]])))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    arguments = parser.parse_args()
    mx.set_default_device(mx.cpu)
    failed = 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for index, (architecture, kind) in enumerate((a, t) for a in ARCHITECTURES for t in gguf_models.TYPES):
            if architecture != "llama" and kind not in (Type.F16, Type.Q4_1, Type.Q6_K):
                continue  # the blocks are the same in all
            source = work / "model.gguf"
            expected = gguf_models.write_model(source, architecture, kind, tied=index % 2 == 0, seed=index)
            convert(arguments.binary, source, work / "packed", "--force")
            convert(arguments.binary, source, work / "dense", "--force", "--dense", "f32")
            worst, faults = compare(work / "packed", expected, False)
            dense_worst, _ = compare(work / "dense", expected, True)
            packed_logits, dense_logits = logits(work / "packed"), logits(work / "dense")
            apart = float(np.abs(packed_logits - dense_logits).max() / np.abs(dense_logits).max())
            good = worst == 0 and faults == 0 and dense_worst == 0 and (kind in REQUANTIZED or apart < 1e-4)
            failed += not good
            print(f"{architecture:7} {kind.name:5} packed {worst:g} requantised-faults {faults} dense {dense_worst:g} "
                  f"logits packed-dense {apart:.1e} {'ok' if good else 'DIFFERS'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
