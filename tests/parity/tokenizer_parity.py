#!/usr/bin/env python3
"""Compares `mlx-serving tokenize --cases` with the reference, PyPI `tokenizers`: ids, offsets and decoded text must be equal.

    tests/parity/tokenizer_parity.py --binary build/dev/src/cli/mlx-serving --count 3000 build/tokenizers/*

Each argument is a directory with a tokenizer.json, or such a file; without one, all that scripts/fetch-tokenizers has
brought. A line for each; exit code 1 when anything differs.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tokenizer_strings import Strings  # noqa: E402

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
from tokenizers import Tokenizer  # noqa: E402


SKIPPED = 77  # as ctest knows it


def load(path):
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()  # a server decides about lengths, see docs/parity.md
    tokenizer.no_padding()
    return tokenizer


def expected(tokenizer, case):
    """The reference's answer, or None where it gives up (it panics on some texts)."""
    try:
        return reference_answer(tokenizer, case)
    except BaseException as error:  # a panic is no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return None


def reference_answer(tokenizer, case):
    if "d" in case:
        return {"k": case["k"], "dec": tokenizer.decode(case["d"], False), "decs": tokenizer.decode(case["d"], True)}
    plain = tokenizer.encode(case["s"], add_special_tokens=False)
    return {
        "k": case["k"],
        "ids": plain.ids,
        "off": [list(pair) for pair in plain.offsets],
        "dec": tokenizer.decode(plain.ids, False),
        "decs": tokenizer.decode(plain.ids, True),
        "sp": tokenizer.encode(case["s"], add_special_tokens=True).ids,
    }


def make_cases(tokenizer, count, seed):
    specials = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    strings = Strings(seed, specials)
    size = tokenizer.get_vocab_size()
    for number in range(count):
        if number % 10 == 9:
            ids = [strings.rng.randrange(size + 3) for _ in range(strings.rng.randint(0, 20))]
            yield {"k": number, "d": ids}
        else:
            yield {"k": number, "s": strings.one()}


def answers(binary, path, cases):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for case in cases:
            file.write(json.dumps(case) + "\n")
        file.flush()
        command = [binary, "tokenize", "--tokenizer", str(path), "--cases", file.name]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    lines = result.stdout.decode("utf-8").rstrip("\n").split("\n")
    if result.returncode != 0 or len(lines) != len(cases):
        raise SystemExit(f"{path}: {len(lines)} of {len(cases)} answers, {result.stderr.decode()[-500:]}")
    return map(json.loads, lines)


def compare(binary, path, count, seed, show):
    """The number of cases that differ; prints the first `show`."""
    tokenizer = load(path)
    wrong = 0
    done = 0
    cases = make_cases(tokenizer, count, seed)
    while chunk := [case for _, case in zip(range(20000), cases)]:
        for case, got in zip(chunk, answers(binary, path, chunk)):
            want = expected(tokenizer, case)
            if want is None:
                continue
            done += 1
            if got == want:
                continue
            wrong += 1
            if wrong <= show:
                keys = [key for key in want if got.get(key) != want[key]]
                print(f"{path}: {json.dumps(case)[:400]}")
                for key in keys:
                    print(f"  {key} want {json.dumps(want[key])[:400]}\n  {key} got  {json.dumps(got.get(key))[:400]}")
    return done, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=20260726)
    parser.add_argument("--show", type=int, default=3)
    parser.add_argument("paths", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    if not arguments.paths:
        arguments.paths = sorted((pathlib.Path(__file__).parents[2] / "build/tokenizers").glob("*"))
    if not arguments.paths:
        print("no tokenizers: run scripts/fetch-tokenizers")
        sys.exit(SKIPPED)
    any_wrong = False
    for path in arguments.paths:
        file = path / "tokenizer.json" if path.is_dir() else path
        done, wrong = compare(arguments.binary, file, arguments.count, arguments.seed, arguments.show)
        print(f"{path}: {done} cases, {wrong} differ (seed {arguments.seed})", flush=True)
        any_wrong = any_wrong or wrong > 0
    sys.exit(1 if any_wrong else 0)


if __name__ == "__main__":
    main()
