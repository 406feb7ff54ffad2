"""Renders every recorded case of real chat templates with `mlx-serving template --cases` and compares byte for byte.

jinja_goldens.py BINARY GOLDENS.json.xz
The goldens were made by Python's jinja2 3.1.6 in Hugging Face's environment, clock at 2024-07-26T09:05:03."""
import json
import lzma
import pathlib
import subprocess
import sys
import tempfile


def cases(goldens):
    sources = {template["id"]: template["text"] for template in goldens["templates"]}
    for case in goldens["cases"]:
        yield sources[case["t"]], {**goldens["base"], **goldens["contexts"][case["c"]]}, case
    for case in goldens["own_context_cases"]:
        yield sources[case["t"]], case["ctx"], case


def main():
    binary, path = sys.argv[1:3]
    if not pathlib.Path(path).exists():
        print(f"skipped: {path} is absent")
        return 77
    wanted = list(cases(json.load(lzma.open(path))))
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for k, (template, context, _) in enumerate(wanted):
            file.write(json.dumps({"k": k, "template": template, "context": context}) + "\n")
        file.flush()
        run = subprocess.run([*binary.split(), "template", "--now", "2024-07-26T09:05:03", "--cases", file.name],
                             capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert [answer["k"] for answer in answers] == list(range(len(wanted))), "an answer is missing or out of order"
    faults = 0
    errors = 0
    same_text = 0
    for answer, (template, _, case) in zip(answers, wanted):
        if "out" in case:
            good = answer.get("out") == case["out"]
        else:
            good = "err" in answer
            errors += good
            same_text += good and answer["err"].startswith(case["msg"])
        if not good:
            faults += 1
            if faults <= 10:
                print(json.dumps({"template": template[:2000], "expected": case, "seen": answer}, ensure_ascii=False)[:6000])
    print(f"{len(wanted) - faults} of {len(wanted)} cases equal ({errors} of them errors, {same_text} with Python's own words)")
    return 1 if faults else 0


sys.exit(main())
