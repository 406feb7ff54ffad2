"""Embeddings and prompt log-probabilities of the engine against mlx-lm's hidden states and logits, in f32.

    engine_parity.py --binary engine_cases --model DIRECTORY
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys

TOLERANCE = 2e-3  # of a value, relative to the largest of its vector; measured 3e-5 (see docs/parity.md)


def requests(vocabulary):
    rng = random.Random(1)
    for length in (1, 7, 40, 300):  # 300: two chunks
        ids = [rng.randrange(vocabulary) for _ in range(length)]
        for what in ("mean", "last", "logprobs"):
            if what != "logprobs" or length > 1:
                yield {"ids": ids, "what": what}


def oracle(directory, cases):
    import mlx.core as mx
    from mlx.utils import tree_map
    from mlx_lm.utils import load_model

    mx.set_default_device(mx.cpu)
    model, _ = load_model(pathlib.Path(directory))
    model.update(tree_map(lambda x: x.astype(mx.float32) if mx.issubdtype(x.dtype, mx.floating) else x, model.parameters()))
    for case in cases:
        tokens = mx.array([case["ids"]])
        if case["what"] == "logprobs":
            logits = model(tokens)[0]
            scores = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
            yield [float(scores[i, t]) for i, t in enumerate(case["ids"][1:])]
        else:
            hidden = model.model(tokens)[0]
            yield (hidden.mean(axis=0) if case["what"] == "mean" else hidden[-1]).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()
    if not pathlib.Path(arguments.model, "config.json").exists():
        print(f"no model at {arguments.model}")
        return 77
    vocabulary = json.loads(pathlib.Path(arguments.model, "config.json").read_text())["vocab_size"]
    cases = list(requests(vocabulary))
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    run = subprocess.run([arguments.binary, arguments.model], input=lines, capture_output=True, text=True)
    if run.returncode != 0:
        print(run.stderr)
        return 1
    worst = 0.0
    for case, line, expected in zip(cases, run.stdout.splitlines(), oracle(arguments.model, cases), strict=True):
        answer = json.loads(line)
        assert len(answer) == len(expected), (case["what"], len(answer), len(expected))
        scale = max(map(abs, expected))
        error = max(abs(a - b) for a, b in zip(answer, expected)) / scale
        worst = max(worst, error)
        print(f"{case['what']:9} of {len(case['ids']):3} tokens: {error:.1e}")
    print(f"largest relative difference {worst:.1e}, allowed {TOLERANCE:.0e}")
    return 0 if worst <= TOLERANCE else 1


sys.exit(main())
