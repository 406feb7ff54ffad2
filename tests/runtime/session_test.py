"""Recorded sessions of applications that use the older package, replayed against the runtime behind the launcher that
stands in for their Python: same handshake, same sequence, same messages.

    session_test.py BINARY MODEL SESSION...

A session (tests/cases/sessions) has one message a line:
    C  the client sends it            R  the runtime answers exactly this, in this place
    R* one or more of these           E  standard error says this       X  the runtime ends with this code
In an R line "<text>", "<int>", "<number>", "<bool>" and "<any>" stand for values, "<text>..." for one that begins so, "name?"
for a member that may be absent, and a list that begins with "<has>" for one that contains the rest. Members come in the order of the line for the
envelope, in any order inside. $MODEL is the model's folder.
"""
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading

SECONDS_MAX = 120  # for one line
LAUNCHER = pathlib.Path(__file__).parents[2] / "client/bin/python-launcher"
KINDS = {
    "<text>": lambda v: isinstance(v, str),
    "<int>": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "<number>": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "<bool>": lambda v: isinstance(v, bool),
    "<any>": lambda v: True,
}


def difference(seen, wanted, path="$"):
    """Where and how the two differ, or None."""
    if isinstance(wanted, str) and wanted in KINDS:
        return None if KINDS[wanted](seen) else f"{path}: {seen!r} is no {wanted}"
    if isinstance(wanted, str) and wanted.startswith("<text>") and isinstance(seen, str):
        return None if seen.startswith(wanted[6:]) else f"{path}: {seen!r} does not begin like {wanted!r}"
    if isinstance(wanted, dict) and isinstance(seen, dict):
        return object_difference(seen, wanted, path)
    if isinstance(wanted, list) and wanted[:1] == ["<has>"] and isinstance(seen, list):
        missing = [w for w in wanted[1:] if all(difference(s, w) for s in seen)]
        return f"{path}: lacks {missing}" if missing else None
    if isinstance(wanted, list) and isinstance(seen, list) and len(seen) == len(wanted):
        pairs = enumerate(zip(seen, wanted))
        return next((d for i, (s, w) in pairs if (d := difference(s, w, f"{path}[{i}]"))), None)
    return None if seen == wanted and type(seen) is type(wanted) else f"{path}: {seen!r} instead of {wanted!r}"


def object_difference(seen, wanted, path):
    names = {name.rstrip("?"): value for name, value in wanted.items()}
    required = {name for name in wanted if not name.endswith("?")}
    if lacking := required - seen.keys():
        return f"{path}: lacks {sorted(lacking)}"
    if extra := seen.keys() - names.keys():
        return f"{path}: has {sorted(extra)} too"
    return next((d for n, v in seen.items() if (d := difference(v, names[n], f"{path}.{n}"))), None)


class Runtime:
    def __init__(self, binary):
        env = {**os.environ, "MLX_SERVING_BIN": binary, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [LAUNCHER, "python/runtime.py"], env=env, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.errors = queue.Queue(), queue.Queue()
        for source, target in ((self.process.stdout, self.lines), (self.process.stderr, self.errors)):
            threading.Thread(target=self.pump, args=(source, target), daemon=True).start()
        self.held = None

    @staticmethod
    def pump(source, target):
        for line in source:
            target.put(line.rstrip("\n"))
        target.put(None)

    def next_line(self):
        line, self.held = self.held, None
        return self.lines.get(timeout=SECONDS_MAX) if line is None else line

    def send(self, text):
        self.process.stdin.write(text + "\n")

    def expect(self, text):
        line = self.next_line()
        if line is None:
            return "the runtime's output ended"
        seen, wanted = json.loads(line), json.loads(text)
        if list(seen) != list(wanted):
            return f"members are {list(seen)} instead of {list(wanted)}"
        if fault := difference(seen, wanted):
            self.held = line
            return f"{fault} in {line[:300]}"

    def expect_several(self, text):
        if fault := self.expect(text):
            return fault
        while not self.expect(text):
            pass

    def expect_error_text(self, text):
        while (line := self.errors.get(timeout=SECONDS_MAX)) is not None:
            if text in line:
                return None
        return f"standard error never said {text!r}"

    def expect_exit(self, code):
        if (line := self.next_line()) is not None:
            return f"unexpected {line[:300]}"
        seen = self.process.wait(SECONDS_MAX)
        return None if seen == int(code) else f"ended with {seen}"


def replay(binary, model, session):
    runtime = Runtime(binary)
    steps = {"C": runtime.send, "R": runtime.expect, "R*": runtime.expect_several,
             "E": runtime.expect_error_text, "X": runtime.expect_exit}
    try:
        for number, line in enumerate(session.read_text().splitlines(), 1):
            if line.startswith("#") or not line:
                continue
            kind, text = line.split(" ", 1)
            try:
                fault = steps[kind](text.replace("$MODEL", model))
            except (queue.Empty, subprocess.TimeoutExpired):
                fault = f"nothing came within {SECONDS_MAX} s"
            if fault:
                return f"{session.name}:{number}: {fault}"
    finally:
        runtime.process.kill()


def main():
    binary, model, *sessions = sys.argv[1:]
    if not pathlib.Path(model).is_dir():
        print(f"no model in {model}: scripts/fetch-demo-model")
        sys.exit(77)
    faults = [f for s in sessions if (f := replay(os.path.abspath(binary), os.path.abspath(model), pathlib.Path(s)))]
    print("\n".join(faults) or f"{len(sessions)} sessions as recorded")
    sys.exit(1 if faults else 0)


main()
