"""Validates texts that grammar_bench drew from its masks (--walks N --out FILE): each must be JSON that its schema holds
valid, as Python's jsonschema judges with formats asserted. Prints the count and every failure; fails on any."""
import json
import sys

import jsonschema

FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER


def validator_of(schema):
    cls = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return cls(schema, format_checker=FORMATS)


def main(path):
    texts = failures = unjudged = 0
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        schema = json.loads(record.get("schema", "true"))
        for text in record.get("walks", []):
            try:
                value = json.loads(text)
            except ValueError as error:
                failures += 1
                print(f"not JSON: {record['id']}: {text[:200]!r}: {error}")
                continue
            try:
                errors = list(validator_of(schema).iter_errors(value))
            except Exception as error:  # a schema or pattern that jsonschema cannot run
                unjudged += 1
                continue
            texts += 1
            if errors:
                failures += 1
                print(f"invalid: {record['id']}: {text[:300]!r}: {errors[0].message[:200]}")
    print(f"{texts} texts judged, {unjudged} not, {failures} failures")
    return 1 if failures or texts == 0 else 0


sys.exit(main(sys.argv[1]))
