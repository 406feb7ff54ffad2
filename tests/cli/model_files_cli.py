#!/usr/bin/env python3
"""The promises of convert, quantize and inspect on the command line: exit codes, nothing overwritten, nothing left behind.

    tests/cli/model_files_cli.py --binary build/dev/src/cli/mlx-serving
"""
import argparse
import json
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time

CONFIG = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 1, "intermediate_size": 64, "num_attention_heads": 1,
          "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "vocab_size": 64, "tie_word_embeddings": True}
failures = []


def expect(what, condition, seen=""):
    print(f"{'ok    ' if condition else 'FAILED'} {what} {'' if condition else seen}")
    if not condition:
        failures.append(what)


def write_model(folder, rows):
    """Square matrices of zeros in f32."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text("{}")
    size = 4 * 64 * rows
    header, at = {}, 0
    names = ["model.embed_tokens"] + [f"model.layers.0.{n}" for n in ("mlp.up_proj", "mlp.down_proj", "self_attn.q_proj")]
    for name in names:
        header[f"{name}.weight"] = {"dtype": "F32", "shape": [rows, 64], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))


class Cli:
    def __init__(self, binary):
        self.binary = binary

    def __call__(self, *arguments):
        return subprocess.run([self.binary, *map(str, arguments)], capture_output=True, text=True)


def check_quantize(cli, work):
    write_model(work / "model", 64)
    done = cli("quantize", work / "model", work / "out", "--json")
    expect("quantize succeeds", done.returncode == 0, done.stderr)
    expect("its summary is JSON", json.loads(done.stdout)["quantized"] == 4, done.stdout)
    expect("companions are copied", (work / "out" / "tokenizer.json").exists())
    expect("config says how", json.loads((work / "out" / "config.json").read_text())["quantization"]["bits"] == 4)
    again = cli("quantize", work / "model", work / "out")
    expect("an output that exists is refused", again.returncode == 1 and "--force" in again.stderr, again.stderr)
    expect("unless forced", cli("quantize", work / "model", work / "out", "--force").returncode == 0)
    twice = cli("quantize", work / "out", work / "twice")
    expect("a quantised model is refused", twice.returncode == 1 and "--requantize" in twice.stderr, twice.stderr)
    expect("and leaves nothing", not (work / "twice").exists())
    wrong = cli("quantize", work / "model", work / "wrong", "--bits", "7")
    expect("bits are checked", wrong.returncode == 2 and "bits must be 2, 3, 4, 5, 6 or 8, got 7" in wrong.stderr, wrong.stderr)
    expect("an option that is not known is a usage error", cli("quantize", "--colour", "red").returncode == 2)


def check_inspect(cli, work):
    seen = cli("inspect", work / "out" / "model.safetensors", "--json", "--tensors")
    expect("inspect shows a safetensors file", seen.returncode == 0 and len(json.loads(seen.stdout)["tensors"]) == 12)
    broken = cli("inspect", work / "model", "--json")
    expect("a model that lacks tensors has a problem", broken.returncode == 1 and json.loads(broken.stdout)["problems"])
    expect("a path that is not there is an error", cli("inspect", work / "absent").returncode == 1)


def check_interrupt(cli, work):
    write_model(work / "large", 1 << 17)  # 128 MB: long enough to interrupt
    process = subprocess.Popen([cli.binary, "quantize", work / "large", work / "half"], stderr=subprocess.PIPE, text=True)
    until = time.time() + 60
    while time.time() < until and not list(work.glob(".half.*.partial/model.safetensors.*")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    expect("Ctrl-C ends with 130", process.returncode == 130, f"{process.returncode} {errors}")
    left = [p.name for p in work.iterdir() if "half" in p.name]
    expect("Ctrl-C leaves nothing", not left, str(left))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    cli = Cli(parser.parse_args().binary)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        check_quantize(cli, work)
        check_inspect(cli, work)
        check_interrupt(cli, work)
        convert = cli("convert", work / "model" / "config.json", work / "c")
        expect("what is no GGUF file is named", convert.returncode == 1 and "must begin with the bytes GGUF" in convert.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
