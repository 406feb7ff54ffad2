"""What our numerics cost in perplexity, against f32, on the fixed text of prose.py; bars: 0.1 % for the default, 1 % for
fast mode. Exit code 1 if one is missed.

    perplexity.py BINARY MODEL [--oracle] [--bytes N]

--oracle also asks mlx-lm, in f32, on the same windows: ours in f32 must agree to 0.01 %. A model of 135 M parameters takes
a few minutes.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

import prose

WINDOW = 512
RUNS = (  # what, options, largest difference from f32
    ("f32", ["--numerics", "f32"], None),
    ("default, prompts", [], 0.001),
    ("default, decoding", ["--decode"], 0.001),
    ("fast, prompts", ["--numerics", "fast"], 0.01),
    ("fast, decoding", ["--numerics", "fast", "--decode"], 0.01),
    ("default, 8-bit KV cache", ["--kv-type", "int8"], 0.01),
)


def ours(binary, model, text, options):
    out = subprocess.run([binary, "perplexity", model, "--window", str(WINDOW), "--json", *options], input=text,
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def oracle(model_dir, text):
    import mlx.core as mx
    from mlx.utils import tree_map
    from mlx_lm.utils import load_model
    from tokenizers import Tokenizer

    mx.set_default_device(mx.cpu)
    model, _ = load_model(pathlib.Path(model_dir))
    model.update(tree_map(lambda p: p.astype(mx.float32) if mx.issubdtype(p.dtype, mx.floating) else p, model.parameters()))
    ids = Tokenizer.from_file(f"{model_dir}/tokenizer.json").encode(text, add_special_tokens=False).ids
    surprise, tokens = 0.0, 0
    for begin in range(0, len(ids) - 1, WINDOW):
        window = mx.array([ids[begin : begin + WINDOW]])
        logits = model(window)[0, :-1]
        losses = mx.logsumexp(logits, axis=-1) - mx.take_along_axis(logits, window[0, 1:, None], axis=-1)[:, 0]
        surprise += float(mx.sum(losses))
        tokens += losses.size
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {"perplexity": math.exp(surprise / tokens), "tokens": tokens}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("model")
    parser.add_argument("--oracle", action="store_true")
    parser.add_argument("--bytes", type=int, default=50_000, help="of the text (default %(default)s)")
    args = parser.parse_args()
    text = prose.prose(args.bytes)
    reference, failed = None, False
    print("| numerics | perplexity | tokens | against f32 | bar |\n|---|---|---|---|---|")
    for name, options, bar in RUNS:
        result = ours(args.binary, args.model, text, options)
        reference = reference or result
        change = result["perplexity"] / reference["perplexity"] - 1
        missed = bar is not None and abs(change) > bar
        failed |= missed
        print(f"| {name} | {result['perplexity']:.5f} | {result['tokens']} | {100 * change:+.4f} % "
              f"| {'' if bar is None else f'{100 * bar:g} %'}{' MISSED' if missed else ''} |", flush=True)
    if args.oracle:
        result = oracle(args.model, text)
        change = result["perplexity"] / reference["perplexity"] - 1
        failed |= abs(change) > 0.0001 or result["tokens"] != reference["tokens"]
        print(f"| mlx-lm, f32 | {result['perplexity']:.5f} | {result['tokens']} | {100 * change:+.4f} % | 0.01 % |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
