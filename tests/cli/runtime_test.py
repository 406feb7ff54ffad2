"""`mlx-serving runtime` as a client meets it: the process, its pipes, signals and end. Usage: runtime_test.py BINARY MODEL"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

BINARY, MODEL = sys.argv[1], os.path.abspath(sys.argv[2])
SECRET = "violet elephants whisper"


class Runtime:
    def __init__(self, *flags, env=None, **options):
        self.log = tempfile.TemporaryFile()
        environment = {**os.environ, **(env or {})}
        self.process = subprocess.Popen([BINARY, "runtime", *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, env=environment, **options)
        self.last_id = 0

    def write(self, data: bytes):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, method, params=None, id=None):
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        self.write(json.dumps(message | ({} if id is None else {"id": id})).encode() + b"\n")

    def read(self):
        line = self.process.stdout.readline()
        assert line, "the runtime ended"
        return json.loads(line)

    def call(self, method, params=None):
        self.last_id += 1
        self.send(method, params, self.last_id)
        return self.reply(self.last_id)

    def reply(self, id):
        while True:
            line = self.read()
            if "id" in line and line["id"] == id:
                return line

    def end(self, timeout=10):
        code = self.process.wait(timeout)
        self.log.seek(0)
        return code, self.process.stdout.read().decode(), self.log.read().decode()

    def load(self):
        reply = self.call("load_model", {"model_id": "smol", "local_path": MODEL})
        assert reply["result"]["state"] == "ready", reply

    def generate(self, stream_id, tokens, **more):
        return self.call("generate", {"model_id": "smol", "prompt": SECRET, "stream_id": stream_id, "max_tokens": tokens,
                                      "ignore_eos": True, "temperature": 0, **more})


def readiness_text_comes_once_and_stdout_carries_the_protocol_only():
    runtime = Runtime()
    assert runtime.call("runtime/info")["result"]["protocol"] == "json-rpc-2.0"
    runtime.send("shutdown", id="shutdown")
    code, out, log = runtime.end()
    assert (code, out) == (0, '{"jsonrpc":"2.0","id":"shutdown","result":{"success":true}}\n'), (code, out)
    assert log.count("MLX Runtime ready") == 1, log
    for line in log.splitlines():
        assert line == "MLX Runtime ready" or {"time", "level", "event"} <= json.loads(line).keys(), line


def bad_lines_get_one_error_each_and_the_next_works():
    runtime = Runtime("--max-line-bytes", "2048")
    for line, code, id in [
        (b'{"jsonrpc":"2.0","method":"tokenize","params":{"text":"' + b"x" * 4000 + b'"},"id":"late"}', -32600, "late"),
        (b"x" * 5000, -32600, None),
        (b'{"jsonrpc":"2.0","id":5,"method":"\xff"}', -32700, 5),
        (b'{"jsonrpc":"2.0","id":6,"id":6,"method":"runtime/info"}', -32700, 6),
        (b"not json", -32700, None),
    ]:
        runtime.write(line + b"\n")
        reply = runtime.read()
        assert (reply["error"]["code"], reply["id"]) == (code, id), reply
        assert "result" in runtime.call("runtime/info")
    runtime.process.kill()


def closed_input_lets_what_was_asked_finish():
    runtime = Runtime("--shutdown-ms", "20000")
    runtime.load()
    runtime.send("generate", {"model_id": "smol", "prompt": "Hi", "max_tokens": 20, "ignore_eos": True}, id="g")
    runtime.process.stdin.close()
    code, out, _ = runtime.end(30)
    assert code == 0 and '"finish_reason":"length"' in out, (code, out)


def sigterm_cancels_what_does_not_finish_in_time():
    runtime = Runtime("--shutdown-ms", "200")
    runtime.load()
    runtime.generate("s", 4000)
    runtime.process.send_signal(signal.SIGTERM)
    code, out, _ = runtime.end()
    assert code == 0 and '"finish_reason":"cancelled"' in out, (code, out[-300:])


def death_of_the_parent_ends_it():
    # The parent leaves a grandchild's hand on the input, so that it does not end by itself.
    script = f"import subprocess,os,time\np=subprocess.Popen([{BINARY!r},'runtime'],stdin=0,stdout=1,stderr=2)\n" \
             "print(p.pid,file=open(os.environ['PID_FILE'],'w'),flush=True)\ntime.sleep(60)"
    with tempfile.TemporaryDirectory() as folder:
        pid_file = pathlib.Path(folder) / "pid"
        read, write = os.pipe()
        parent = subprocess.Popen([sys.executable, "-c", script], stdin=read, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env={**os.environ, "PID_FILE": str(pid_file)})
        while not (pid_file.exists() and pid_file.read_text().strip()):
            time.sleep(0.05)
        pid = int(pid_file.read_text())
        time.sleep(0.5)
        parent.kill()
        parent.wait()
        for _ in range(100):
            try:
                os.kill(pid, 0)
                if pathlib.Path(f"/proc/{pid}/stat").exists() and " Z " in pathlib.Path(f"/proc/{pid}/stat").read_text():
                    return
            except ProcessLookupError:
                return
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        raise AssertionError("the runtime outlived its parent")


def a_client_that_goes_away_ends_it():
    runtime = Runtime()
    runtime.process.stdout.close()
    runtime.send("runtime/info", id=1)
    assert runtime.process.wait(10) == 0


def a_client_that_does_not_read_pauses_its_streams_and_loses_nothing():
    runtime = Runtime()
    runtime.load()
    for i in range(2):  # a megabyte and more of lines, of which pipe and buffer hold an eighth
        runtime.generate(f"s{i}", 400, logprobs=True, top_logprobs=20)
    time.sleep(2)
    ends = 0
    tokens = 0
    while ends < 2:
        line = runtime.read()
        tokens += line.get("method") == "stream.chunk"
        ends += line.get("method") == "stream.event"
    assert tokens == 800, tokens
    runtime.process.kill()


def logs_never_tell_prompts():
    runtime = Runtime("--log-level", "trace", env={"KR_MLX_LOG_LEVEL": "error"})
    runtime.load()
    runtime.generate("s", 3, correlation_id="abc-1")
    runtime.call("generate", {"model_id": "smol", "prompt": SECRET, "temperature": SECRET})
    runtime.call("tokenize", {"model_id": "none", "text": SECRET})
    runtime.send("shutdown", id=99)
    code, _, log = runtime.end()
    assert code == 0 and SECRET not in log, log
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any(e["event"] == "model loaded" and e["model"] == "smol" for e in events), events
    assert any(e["event"] == "request failed" and e["code"] == -32602 and e["request_id"] for e in events), events


def configuration_is_read_and_checked():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "runtime.yaml"
        path.write_text("model:\n  max_generation_tokens: 7\ntelemetry: {enabled: true}\nmodle: 1\n")
        runtime = Runtime(env={"MLX_SERVING_CONFIG": str(path)})
        error = runtime.call("generate", {"model_id": "smol", "prompt": "x", "max_tokens": 8})["error"]
        assert error["message"] == "max_tokens too large (8, max 7)", error
        assert runtime.call("runtime/telemetry")["result"]["enabled"] is True
        runtime.process.kill()
        check = subprocess.run([BINARY, "config", "check", "--json", path], capture_output=True, text=True)
        findings = json.loads(check.stdout)["findings"]
        assert check.returncode == 0 and findings == [
            {"severity": "warning", "line": 4, "key": "modle", "message": "unknown key, ignored", "did_you_mean": "model"}
        ], check.stdout
        path.write_text("model: {max_generation_tokens: 0}\n")
        wrong = subprocess.run([BINARY, "runtime", "--config", path], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert wrong.returncode == 1 and "model.max_generation_tokens" in wrong.stderr, wrong


TESTS = [readiness_text_comes_once_and_stdout_carries_the_protocol_only, bad_lines_get_one_error_each_and_the_next_works,
         death_of_the_parent_ends_it, a_client_that_goes_away_ends_it, configuration_is_read_and_checked]
WITH_MODEL = [closed_input_lets_what_was_asked_finish, sigterm_cancels_what_does_not_finish_in_time,
              a_client_that_does_not_read_pauses_its_streams_and_loses_nothing, logs_never_tell_prompts]

failed = 0
for test in TESTS + (WITH_MODEL if os.path.isdir(MODEL) else []):
    try:
        test()
        print("ok    ", test.__name__)
    except Exception as fault:
        failed += 1
        print("FAILED", test.__name__, repr(fault)[:2000])
sys.exit(1 if failed else 0)
