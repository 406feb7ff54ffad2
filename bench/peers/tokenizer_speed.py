#!/usr/bin/env python3
"""Encode speed of ours and of the reference (PyPI `tokenizers`, the Rust core), one thread each, in one run.

    bench/peers/tokenizer_speed.py --binary build/release/bench/tokenizer_speed build/tokenizers/*

Text of this machine: English from licences and package documents, code from Python's library; in documents of 8 KB. Both
sides encode the same documents several times; the best pass counts, and the first (nothing cached) is shown as well. The
number of tokens must agree. Times are processor times: a busy machine counts for neither side.
"""
import argparse
import glob
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

DOCUMENT_BYTES = 8192
TEXTS = {
    "English": ["/usr/share/common-licenses/*", "/usr/share/doc/*/copyright", "/usr/share/doc/*/README*"],
    "code": [f"{sys.base_prefix}/lib/python3*/*.py", f"{sys.base_prefix}/lib/python3*/*/*.py"],
}


def documents(patterns, bytes_max):
    """Whole characters, about 8 KB each; no text twice, since licences repeat."""
    out, size, seen = [], 0, set()
    for path in (path for pattern in patterns for path in sorted(glob.glob(pattern))):
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8").replace("\0", "")
        except (OSError, UnicodeDecodeError):
            continue
        for at in range(0, len(text), DOCUMENT_BYTES):
            part = text[at : at + DOCUMENT_BYTES]
            if part and part not in seen:
                seen.add(part)
                out.append(part)
                size += len(part.encode())
            if size >= bytes_max:
                return out
    return out


def reference(path, texts, passes):
    start = time.process_time()
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    load = time.process_time() - start
    tokenizer.no_truncation()
    times = []
    for _ in range(passes):
        start = time.process_time()
        tokens = sum(len(tokenizer.encode(text, add_special_tokens=False)) for text in texts)
        times.append(time.process_time() - start)
    start = time.process_time()
    tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return load, times, tokens, time.process_time() - start


def ours(binary, path, texts, passes):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
        file.writelines(text + "\0" for text in texts)
        file.flush()
        lines = subprocess.run([binary, path, file.name, str(passes)], check=True, capture_output=True, text=True).stdout.splitlines()
    load = float(lines[0].split()[1])
    times = [float(line.split()[1]) for line in lines[1:]]
    return load, times, int(lines[-1].split()[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--megabytes", type=float, default=3)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("paths", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    print("| tokenizer | text | MB | reference MB/s (first / best) | without offsets | ours MB/s (first / best) | ratio of best | load ms, reference / ours |")
    print("|---|---|---|---|---|---|---|---|")
    for path in arguments.paths:
        for name, patterns in TEXTS.items():
            texts = documents(patterns, arguments.megabytes * 1e6)
            megabytes = sum(len(text.encode()) for text in texts) / 1e6
            their_load, their_times, their_tokens, their_fast = reference(path, texts, arguments.passes)
            our_load, our_times, our_tokens = ours(arguments.binary, path, texts, arguments.passes * 3)
            if their_tokens != our_tokens:
                raise SystemExit(f"{path} {name}: {our_tokens} tokens, the reference has {their_tokens}")
            speed = [megabytes / t for t in (their_times[0], min(their_times), their_fast, our_times[0], min(our_times))]
            ratio = speed[4] / max(speed[1], speed[2])
            print(f"| {path.name} | {name} | {megabytes:.1f} | {speed[0]:.2f} / {speed[1]:.2f} | {speed[2]:.2f} | {speed[3]:.1f} / {speed[4]:.1f} "
                  f"| {ratio:.1f} | {their_load * 1e3:.0f} / {our_load * 1e3:.0f} |", flush=True)


if __name__ == "__main__":
    main()
