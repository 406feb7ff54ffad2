"""Compares our logits with mlx-lm's, on seeded random models of every architecture, rope and packing.

Each case writes a tiny model in the MLX format, runs it through mlx-lm in f32 on MLX's CPU device, and through
`mlx-serving logits --numerics f32` three ways: the prompt at once, in chunks, and token by token. At every position the
largest difference must be at most --tolerance of the largest logit.

    tests/parity/logits_parity.py --binary build/dev/src/cli/mlx-serving [--full] [--ops cpu|mlx] [--only NAME]
    tests/parity/logits_parity.py --binary ... --model DIR --ids 1,2,3     # a model of your own
"""
import argparse
import copy
import importlib
import json
import pathlib
import subprocess
import sys
import tempfile

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten, tree_map

TOKENS = 70  # more than two pages of the cache
WAYS = {"at once": [], "in chunks": ["--chunk", "7"], "token by token": ["--prefill", "5"]}

LLAMA = dict(
    model_type="llama", hidden_size=64, num_hidden_layers=2, intermediate_size=96, num_attention_heads=4,
    num_key_value_heads=2, rms_norm_eps=1e-5, vocab_size=131, max_position_embeddings=256, rope_theta=10000.0,
    tie_word_embeddings=False,
)
QWEN2 = dict(LLAMA, model_type="qwen2", rope_theta=1e6, tie_word_embeddings=True)
QWEN3 = dict(LLAMA, model_type="qwen3", rope_theta=1e6, head_dim=24)
PHI3 = dict(LLAMA, model_type="phi3", original_max_position_embeddings=64)
GEMMA3 = dict(
    model_type="gemma3_text", hidden_size=64, num_hidden_layers=6, intermediate_size=96, num_attention_heads=4,
    num_key_value_heads=2, head_dim=24, vocab_size=131, rms_norm_eps=1e-6, sliding_window=9, sliding_window_pattern=3,
    query_pre_attn_scalar=20, rope_theta=1e6, rope_local_base_freq=10000.0, max_position_embeddings=512,
    hidden_activation="gelu_pytorch_tanh",
)
LLAMA3_SCALING = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                      original_max_position_embeddings=64)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=64, beta_fast=16.0, beta_slow=2.0)
# Wide enough for groups of 128.
WIDE = dict(hidden_size=128, intermediate_size=256)


def longrope(dims):
    return dict(type="longrope", short_factor=[1.0 + 0.1 * i for i in range(dims // 2)],
                long_factor=[1.0 + 0.5 * i for i in range(dims // 2)])


class Case:
    """`config` is what mlx-lm is given, `ours` what our file says instead where the two forms differ."""

    def __init__(self, name, config, *, quick=True, ours=None, quantize=None, dtype=mx.float32, stepwise=False,
                 wrap=False):
        self.name, self.config, self.quick, self.ours = name, config, quick, ours
        self.quantize, self.dtype, self.stepwise, self.wrap = quantize, dtype, stepwise, wrap


def mixed(path, module):
    """A recipe: some layers wider, some dense, the rest by default."""
    if "v_proj" in path or "lm_head" in path:
        return {"group_size": 32, "bits": 8}
    if "layers.0.mlp.up_proj" in path:
        return False
    return hasattr(module, "to_quantized")


def cases():
    yield Case("llama", LLAMA)
    yield Case("llama, tied", dict(LLAMA, tie_word_embeddings=True))
    yield Case("llama, biases and head_dim", dict(LLAMA, attention_bias=True, mlp_bias=True, head_dim=24))
    yield Case("llama, one head", dict(LLAMA, num_attention_heads=1, num_key_value_heads=1), quick=False)
    yield Case("llama, bf16 file", LLAMA, dtype=mx.bfloat16)
    yield Case("llama, f16 file", LLAMA, dtype=mx.float16, quick=False)
    yield Case("llama, rope linear", dict(LLAMA, rope_scaling=dict(type="linear", factor=4.0)))
    yield Case("llama, rope dynamic", dict(LLAMA, rope_scaling=dict(type="dynamic", factor=2.0)), quick=False)
    yield Case("llama, rope dynamic beyond its context",
               dict(LLAMA, max_position_embeddings=40, rope_scaling=dict(type="dynamic", factor=2.0)), stepwise=True)
    yield Case("llama, rope llama3", dict(LLAMA, rope_scaling=LLAMA3_SCALING))
    yield Case("llama, rope llama3, transformers 5", dict(LLAMA, rope_scaling=LLAMA3_SCALING),
               ours=dict(rope_theta=None, rope_scaling=None, rope_parameters=dict(LLAMA3_SCALING, rope_theta=10000.0)))
    yield Case("llama, rope yarn", dict(LLAMA, rope_scaling=YARN))
    yield Case("llama, rope yarn with mscale", dict(LLAMA, rope_scaling=dict(YARN, mscale=1.5, mscale_all_dim=0.7)),
               quick=False)
    yield Case("llama, rope longrope",
               dict(LLAMA, rope_scaling=dict(longrope(16), original_max_position_embeddings=64)), quick=False)
    yield Case("llama, sliding layers", dict(
        LLAMA, num_hidden_layers=4, sliding_window=8,
        layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"]))
    yield Case("llama, a window of two pages", dict(
        LLAMA, sliding_window=40, layer_types=["sliding_attention", "full_attention"]), quick=False)
    yield Case("mistral", dict(LLAMA, model_type="mistral", sliding_window=None))
    yield Case("smollm3", dict(LLAMA, model_type="smollm3", num_hidden_layers=5))
    yield Case("qwen2", QWEN2)
    yield Case("qwen2, yarn", dict(QWEN2, rope_scaling=dict(YARN, type="yarn")), quick=False)
    yield Case("qwen3", QWEN3)
    yield Case("qwen3, transformers 5", QWEN3,
               ours=dict(rope_theta=None, rope_parameters=dict(rope_type="default", rope_theta=1e6)), quick=False)
    yield Case("gemma3_text", GEMMA3)
    yield Case("gemma3_text, rope linear", dict(GEMMA3, rope_scaling=dict(rope_type="linear", factor=8.0)),
               quick=False)
    yield Case("gemma3_text, transformers 5", dict(GEMMA3, rope_scaling=dict(rope_type="linear", factor=8.0)), ours=dict(
        rope_theta=None, rope_local_base_freq=None, rope_scaling=None, sliding_window_pattern=None,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"] * 2,
        rope_parameters=dict(
            full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e6),
            sliding_attention=dict(rope_type="default", rope_theta=10000.0))))
    yield Case("gemma3_text, silent about its scale", {k: v for k, v in GEMMA3.items() if k != "query_pre_attn_scalar"}, quick=False)
    yield Case("gemma3_text, lm_head in the files", dict(GEMMA3, tie_word_embeddings=True), quick=False)
    yield Case("gemma3, the text of a vision model", GEMMA3, wrap=True)
    yield Case("phi3", PHI3)
    yield Case("phi3, longrope", dict(PHI3, rope_scaling=longrope(16)))
    yield Case("phi3, part of a head", dict(PHI3, hidden_size=128, partial_rotary_factor=0.75))
    yield Case("phi3, longrope on part of a head",
               dict(PHI3, hidden_size=128, partial_rotary_factor=0.75, rope_scaling=longrope(24)), quick=False)

    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            yield Case(f"llama, affine {bits} bits by {group}", dict(LLAMA, **WIDE),
                       quantize=dict(bits=bits, group_size=group), dtype=mx.bfloat16,
                       quick=(bits, group) in {(4, 64), (3, 32), (6, 128)})
    for mode, group, bits in (("mxfp4", 32, 4), ("mxfp8", 32, 8), ("nvfp4", 16, 4)):
        yield Case(f"llama, {mode}", dict(LLAMA, **WIDE), quantize=dict(bits=bits, group_size=group, mode=mode),
                   dtype=mx.bfloat16)
    yield Case("llama, mixed by layer", dict(LLAMA, **WIDE), dtype=mx.float16,
               quantize=dict(bits=4, group_size=64, class_predicate=mixed))
    yield Case("llama, mxfp4 with affine layers", dict(LLAMA, **WIDE), dtype=mx.bfloat16, quick=False,
               quantize=dict(bits=4, group_size=32, mode="mxfp4", class_predicate=mixed))
    for base in (QWEN2, QWEN3, PHI3, GEMMA3):
        wide = dict(base, hidden_size=128, intermediate_size=256, head_dim=32)
        yield Case(f"{base['model_type']}, affine 4 bits by 32", wide, dtype=mx.bfloat16, quantize=dict(bits=4, group_size=32),
                   quick=base in (PHI3, GEMMA3))
    yield Case("gemma3, the text of a vision model, mixed by layer", dict(GEMMA3, hidden_size=128, intermediate_size=256, head_dim=32),
               wrap=True, quick=False, dtype=mx.bfloat16, quantize=dict(bits=4, group_size=64, class_predicate=mixed))


def architecture(model_type):
    return importlib.import_module("mlx_lm.models." + {"mistral": "llama"}.get(model_type, model_type))


def randomised(name, value):
    """Norms off one, biases off zero, matrices large enough that every part of a layer shows in the logits."""
    if value.ndim == 1:
        noise = 0.3 * mx.random.normal(value.shape)
        return (value + noise) if "norm" in name else noise
    return mx.random.normal(value.shape) * (2.0 / value.shape[-1] ** 0.5)


def quantized(model, options):
    """Packs the model in place and gives the quantization block of its config."""
    options = dict(options)
    block = {k: v for k, v in options.items() if k != "class_predicate"}
    predicate = options.pop("class_predicate", None)

    def recording(path, module):
        answer = predicate(path, module)
        if isinstance(answer, dict) or (answer is False and hasattr(module, "to_quantized")):
            block[path] = answer
        return answer

    nn.quantize(model, **options, class_predicate=recording if predicate else None)
    return block


def build(case, directory):
    """Writes the model and gives mlx-lm's, in f32 with the same numbers."""
    arch = architecture(case.config["model_type"])
    mx.random.seed(sum(case.name.encode()))
    model = arch.Model(arch.ModelArgs.from_dict(copy.deepcopy(case.config)))
    weights = [(k, randomised(k, v).astype(case.dtype)) for k, v in tree_flatten(model.parameters())]
    model.load_weights(weights)
    config = {k: v for k, v in {**case.config, **(case.ours or {})}.items() if v is not None}
    if case.quantize:
        config["quantization"] = config["quantization_config"] = quantized(model, case.quantize)
    saved = dict(tree_flatten(model.parameters()))
    if case.wrap:
        config, saved = as_vision_model(config, saved)
    mx.save_safetensors(str(directory / "model.safetensors"), saved, metadata={"format": "mlx"})
    (directory / "config.json").write_text(json.dumps(config))
    model.update(tree_map(lambda x: x.astype(mx.float32) if mx.issubdtype(x.dtype, mx.floating) else x,
                          model.parameters()))
    return model


def as_vision_model(config, weights):
    text = {k: v for k, v in config.items() if not k.startswith("quantization")}
    block = {("language_model." + k if "." in k else k): v for k, v in config.get("quantization", {}).items()}
    outer = dict(model_type="gemma3", text_config=text, vision_config=dict(model_type="siglip_vision_model"),
                 vocab_size=config["vocab_size"])
    if block:
        outer["quantization"] = block
    weights = {"language_model." + k: v for k, v in weights.items()}
    weights["vision_tower.vision_model.embeddings.position_embedding.weight"] = mx.zeros((4, 8))
    weights["multi_modal_projector.mm_soft_emb_norm.weight"] = mx.zeros((8,))
    return outer, weights


def keep_embeddings_f32():
    """The small float modes unpack embeddings to bf16, and the rest of the oracle would follow."""
    original = nn.QuantizedEmbedding.__call__
    nn.QuantizedEmbedding.__call__ = lambda self, x: original(self, x).astype(mx.float32)


def oracle_logits(model, ids, stepwise):
    if not stepwise:
        return np.array(model(mx.array([ids]))[0].astype(mx.float32))
    from mlx_lm.models.cache import make_prompt_cache

    cache = make_prompt_cache(model)
    return np.concatenate([np.array(model(mx.array([[i]]), cache=cache)[0].astype(mx.float32)) for i in ids])


def our_logits(args, directory, ids, way):
    command = [args.binary, "logits", str(directory), "--ids", ",".join(map(str, ids)), "--json", "--all",
               "--numerics", "f32", "--ops", args.ops, *way]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return np.array([[np.nan if x is None else x for x in row] for row in json.loads(done.stdout)["logits"]])


def compare(args, name, model, directory, ids, stepwise=False):
    expected = oracle_logits(model, ids, stepwise)
    largest = np.abs(expected).max()
    worst = {}
    for way, flags in WAYS.items():
        found = our_logits(args, directory, ids, flags)
        difference = np.abs(found - expected).max(axis=1) / largest
        worst[way] = float(difference.max()) if np.isfinite(difference).all() else float("inf")
    passed = max(worst.values()) <= args.tolerance
    figures = "  ".join(f"{way} {value:.1e}" for way, value in worst.items())
    print(f"{'ok  ' if passed else 'FAIL'} {name:52} {figures}", flush=True)
    return passed, max(worst.values())


def own_model(args):
    from mlx_lm.utils import load_model

    model, _ = load_model(pathlib.Path(args.model))
    model.update(tree_map(lambda x: x.astype(mx.float32) if mx.issubdtype(x.dtype, mx.floating) else x,
                          model.parameters()))
    return [compare(args, args.model, model, args.model, [int(i) for i in args.ids.split(",")])]


def tiny_models(args):
    results = []
    for case in cases():
        if not (args.full or case.quick) or (args.only and args.only not in case.name):
            continue
        with tempfile.TemporaryDirectory() as directory:
            model = build(case, pathlib.Path(directory))
            vocabulary = case.config["vocab_size"]
            ids = [(i * 37 + 11) % vocabulary for i in range(TOKENS)]
            results.append(compare(args, case.name, model, directory, ids, case.stepwise))
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--full", action="store_true", help="every case, not the quick ones alone")
    parser.add_argument("--ops", default="cpu", choices=["cpu", "mlx"])
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--model", help="a directory in the MLX format, instead of the tiny models")
    parser.add_argument("--ids", default=",".join(map(str, range(1, 41))))
    args = parser.parse_args()
    mx.set_default_device(mx.cpu)
    keep_embeddings_f32()
    results = own_model(args) if args.model else tiny_models(args)
    failed = sum(not passed for passed, _ in results)
    worst = max((value for _, value in results), default=float("inf"))
    print(f"{len(results)} models, {failed} failed, largest difference {worst:.1e} of the largest logit, --ops {args.ops}")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
