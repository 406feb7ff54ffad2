"""Draws texts from the masks of each schema (grammar_bench --walks) and has Python's jsonschema judge them, formats
asserted: every text must be JSON and valid. Prints the count and every failure; fails on any. Skips (77) where the
tokenizer or jsonschema is not there.

    validate_walks.py GRAMMAR_BENCH SCHEMAS_JSONL TOKENIZER_JSON --walks N [--stride N]
"""
import argparse
import decimal
import json
import os
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    sys.exit(77)

FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER


def read(text):
    """Decimals, because 614.3 is a multiple of 0.01 although no quotient of doubles says so."""
    return json.loads(text, parse_float=decimal.Decimal)


def validator_of(schema):
    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return cls(schema, format_checker=FORMATS)


def judge(path):
    texts = failures = unjudged = 0
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        if record["outcome"] != "ok":
            print(f"{record['id']}: {record['outcome']}: {record['reason']}")
            continue
        validator = validator_of(read(record["schema"]))
        for text in record.get("walks", []):
            try:
                value = read(text)
            except ValueError as error:
                failures += 1
                print(f"not JSON: {record['id']}: {text[:200]!r}: {error}")
                continue
            try:
                errors = list(validator.iter_errors(value))
            except Exception:  # a schema or pattern that jsonschema cannot run
                unjudged += 1
                continue
            texts += 1
            if errors:
                failures += 1
                print(f"invalid: {record['id']}: {text[:300]!r}: {errors[0].message[:200]}")
    print(f"{texts} texts judged, {unjudged} not, {failures} failures")
    return texts > 0 and failures == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("schemas")
    parser.add_argument("tokenizer")
    parser.add_argument("--walks", default="20")
    parser.add_argument("--stride", default="1")
    arguments = parser.parse_args()
    if not os.path.exists(arguments.tokenizer):
        return 77
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "walks.jsonl")
        subprocess.run([arguments.bench, "--data", arguments.schemas, "--tokenizer", arguments.tokenizer, "--out", out,
                        "--no-checks", "--walks", arguments.walks, "--stride", arguments.stride,
                        "--timeout-ms", "60000"], check=True, stdout=subprocess.DEVNULL)
        return 0 if judge(out) else 1


sys.exit(main())
