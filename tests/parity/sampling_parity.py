"""The sampler's distribution against independent ones, over random logits and every mix of knobs.

Default order: Hugging Face's definitions (transformers.generation.logits_process, whose PyTorch is not needed here) and
DRY's, written again in NumPy with 64-bit numbers. MLX order: mlx_lm.sample_utils itself.

    sampling_parity.py --binary sampling_cases [--cases 600] [--seed 1]
"""
import argparse
import json
import subprocess
import sys

import mlx.core as mx
import numpy as np
from mlx_lm import sample_utils

# A cut is undecided between 32 and 64 bits where a sum or a key is this near to its bound; such cases are drawn again.
MARGIN = 3e-6
TOLERANCE = 1e-5


class Undecided(Exception):
    pass


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


# ------------------------------------------------------------------------------------------------- edits of the logits


def dry(logits, text, params, breakers):
    window = params.get("dry_penalty_last_n", -1)
    if window >= 0:
        text = text[len(text) - min(window, len(text)):]
    allowed = params.get("dry_allowed_length", 2)
    longest = {}
    for end in range(1, len(text)):
        length = 0
        while length < end and text[end - 1 - length] == text[-1 - length] and text[-1 - length] not in breakers:
            length += 1
        longest[text[end]] = max(longest.get(text[end], 0), length)
    for token, length in longest.items():
        if length >= allowed and token not in breakers:
            logits[token] -= params["dry_multiplier"] * params.get("dry_base", 1.75) ** (length - allowed)


def edit(case):
    """Bias, RepetitionPenaltyLogitsProcessor, OpenAI's presence and frequency penalties, DRY."""
    params, logits = case["params"], as_array(case)
    for token, bias in params.get("logit_bias", {}).items():
        logits[int(token)] += bias
    text, start = case["prompt"] + case["generated"], len(case["prompt"])
    window = params.get("penalty_last_n", -1)
    first = 0 if window < 0 else len(text) - min(window, len(text))
    repetition = params.get("repetition_penalty", 1)
    for token in set(text[first:]):
        logits[token] *= repetition if logits[token] < 0 else 1 / repetition
    generated = text[max(first, start):]
    for token in set(generated):
        logits[token] -= params.get("presence_penalty", 0)
        logits[token] -= params.get("frequency_penalty", 0) * generated.count(token)
    if params.get("dry_multiplier", 0) > 0:
        dry(logits, text, params, case["dry_breakers"])
    return logits


def as_array(case):
    return np.array([-np.inf if x is None else x for x in case["logits"]], dtype=np.float64)


# ------------------------------------------------------------------------------------------------------------- filters


def top_k(x, k):
    if not 0 < k < len(x):
        return x
    return np.where(x < np.sort(x)[-k], -np.inf, x)


def prefix(x, order, p):
    """Those of `order` before which less than p lies."""
    probabilities = softmax(x)[order]
    before = np.cumsum(probabilities) - probabilities
    if np.abs(before - p).min() < MARGIN:
        raise Undecided
    keep = before < p
    keep[0] = True
    out = np.full_like(x, -np.inf)
    out[order[keep]] = x[order[keep]]
    return out


def top_p(x, p):
    return prefix(x, np.argsort(-x, kind="stable"), p) if p < 1 else x


def min_p(x, bound):
    p = softmax(x)
    if bound > 0 and np.abs(p / p.max() / bound - 1).min() < MARGIN:
        raise Undecided
    return np.where(p < bound * p.max(), -np.inf, x)


def typical(x, p):
    if p >= 1:
        return x
    probabilities = softmax(x)
    surprise = -np.log(probabilities, out=np.full_like(x, -np.inf), where=probabilities > 0)
    entropy = (probabilities * np.where(probabilities > 0, surprise, 0)).sum()
    distance = np.where(probabilities > 0, np.abs(surprise - entropy), np.inf)
    order = np.argsort(distance, kind="stable")
    out = prefix(x, order, p)
    kept = np.count_nonzero(out > -np.inf)
    if kept < len(x) and distance[order[kept]] - distance[order[kept - 1]] < MARGIN:
        raise Undecided  # which of the two is nearer is a matter of rounding
    return out


def xtc(x, threshold, exempt):
    p = softmax(x)
    if np.abs(p - threshold).min() < MARGIN:
        raise Undecided
    above = p > threshold
    if not above.any():
        return x
    drop = p > p[above].min()
    drop[exempt] = False
    return np.where(drop, -np.inf, x)


def default_order(case):
    params = case["params"]
    x = edit(case)
    if params.get("temperature", 1) == 0:
        return np.eye(len(x))[np.argmax(x)]
    x = x / params.get("temperature", 1)
    x = top_k(x, params.get("top_k", 0))
    x = top_p(x, params.get("top_p", 1))
    x = min_p(x, params.get("min_p", 0))
    x = typical(x, params.get("typical_p", 1))
    chance = params.get("xtc_probability", 0)
    result = (1 - chance) * softmax(x)
    return result + chance * softmax(xtc(x, params.get("xtc_threshold", 0.1), case["xtc_exempt"])) if chance else result


# ----------------------------------------------------------------------------------------------------------- MLX order


def mlx_order(case):
    params = case["params"]
    x = mx.array(as_array(case).astype(np.float32))[None]
    bias = {int(k): v for k, v in params.get("logit_bias", {}).items()}
    window = params.get("penalty_last_n", -1)
    sizes = {} if window < 0 else {f"{name}_context_size": window for name in ("repetition", "presence", "frequency")}
    knobs = {name: params.get(name) for name in ("repetition_penalty", "presence_penalty", "frequency_penalty")}
    for processor in sample_utils.make_logits_processors(logit_bias=bias, **knobs, **sizes):
        x = processor(mx.array(case["prompt"] + case["generated"]), x)
    if params.get("temperature", 1) == 0:
        return np.eye(x.shape[-1])[mx.argmax(x, axis=-1).item()]
    x = x - mx.logsumexp(x, keepdims=True)
    check = np.array(x[0], dtype=np.float64)
    if 0 < params.get("top_p", 1) < 1:
        top_p(check, params["top_p"])  # only to know whether it is decided
        x = sample_utils.apply_top_p(x, params["top_p"])
    if params.get("min_p", 0):
        min_p(np.array(x[0], dtype=np.float64), params["min_p"])
        x = sample_utils.apply_min_p(x, params["min_p"])
    branches = [(1.0, x)]
    if chance := params.get("xtc_probability", 0):
        xtc(np.array(x[0], dtype=np.float64), params.get("xtc_threshold", 0.1), case["xtc_exempt"])
        dropped = sample_utils.apply_xtc(x, 1.0, params.get("xtc_threshold", 0.1), case["xtc_exempt"])
        branches = [(1 - chance, x), (chance, dropped)]
    result = np.zeros(x.shape[-1])
    for share, branch in branches:
        if 0 < params.get("top_k", 0) < x.shape[-1]:
            branch = sample_utils.apply_top_k(branch, params["top_k"])
        result += share * softmax(np.array(branch[0], dtype=np.float64) / params.get("temperature", 1))
    return result


# --------------------------------------------------------------------------------------------------------------- cases


def random_case(rng, k):
    n = int(rng.choice([3, 60, 400, 3000]))
    mlx = bool(rng.random() < 0.5)
    some = lambda value: {} if rng.random() < 0.5 else value
    # Values as JSON will say them, and apart from each other: ties at a cut are for the C++ tests.
    logits = np.unique(np.round(rng.normal(0, rng.choice([0.3, 2, 6]), 2 * n), 4))
    logits = [float(np.float32(x)) for x in rng.permutation(logits)[:n]]
    for i in rng.integers(0, len(logits), int(rng.integers(0, 3))):
        logits[i] = None
    logits[0] = 0.00005
    tokens = lambda count: [int(t) for t in rng.integers(0, min(6, len(logits)), count)]
    params = {"sampler_order": "mlx" if mlx else "default"}
    params |= some({"temperature": float(rng.choice([0, 0.3, 0.8, 1.7]))})
    params |= some({"top_k": int(rng.integers(0, len(logits)))})
    params |= some({"top_p": float(rng.random())})
    params |= some({"min_p": float(rng.random() * 0.3)})
    params |= some({"xtc_probability": float(rng.choice([0.3, 1])), "xtc_threshold": float(rng.random() / 2)})
    params |= some({"repetition_penalty": float(rng.choice([0.8, 1.3]))})
    params |= some({"presence_penalty": float(rng.uniform(-2, 2))})
    params |= some({"frequency_penalty": float(rng.uniform(-2, 2))})
    params |= some({"penalty_last_n": int(rng.integers(1, 30))})
    params |= some({"logit_bias": {str(t): float(rng.uniform(-5, 5)) for t in set(tokens(3))}})
    if not mlx:
        params |= some({"typical_p": float(rng.uniform(0.05, 1))})
        params |= some({"dry_multiplier": 0.8, "dry_allowed_length": int(rng.integers(1, 4))})
        params |= some({"dry_penalty_last_n": int(rng.integers(1, 30))})
    return {"k": k, "params": params, "logits": logits, "prompt": tokens(int(rng.integers(1, 30))),
            "generated": tokens(int(rng.integers(0, 30))), "xtc_exempt": tokens(1) if rng.random() < 0.3 else [],
            "dry_breakers": [0] if rng.random() < 0.5 else []}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    mx.set_default_device(mx.cpu)
    mx.disable_compile()  # each case has other constants, and the CPU would compile each with a C++ compiler
    rng = np.random.default_rng(args.seed)
    cases, expected, undecided = [], [], 0
    while len(cases) < args.cases:
        case = random_case(rng, len(cases))
        oracle = mlx_order if case["params"]["sampler_order"] == "mlx" else default_order
        try:
            expected.append(oracle(case))
            cases.append(case)
        except Undecided:
            undecided += 1
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    out = subprocess.run([args.binary], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    worst, failures = 0.0, 0
    for case, truth, line in zip(cases, expected, out, strict=True):
        difference = np.abs(np.array(json.loads(line)["p"]) - truth).max()
        worst = max(worst, difference)
        if not difference <= TOLERANCE:
            failures += 1
            if failures <= 5:
                print(f"case {case['k']} of seed {args.seed} differs by {difference}: {case['params']}")
    orders = sum(case["params"]["sampler_order"] == "mlx" for case in cases)
    print(f"{len(cases) - failures} of {len(cases)} distributions agree ({orders} in mlx order), largest difference "
          f"{worst:.1e}; {undecided} undecided cases were drawn again")
    sys.exit(failures > 0 or undecided > args.cases)


main()
