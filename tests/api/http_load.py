"""Mixed load with random disconnects on a real model: no 5xx, every stream complete or cancelled, memory flat.
http_load.py MLX_SERVING MODEL [--seconds N] [--clients N] [--seed N] [--patience SECONDS]
--patience: what a client waits for a byte; more on a machine that others keep busy."""
import argparse
import http.client
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("binary")
parser.add_argument("model")
parser.add_argument("--seconds", type=float, default=3600)
parser.add_argument("--clients", type=int, default=12)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--patience", type=float, default=300)
options = parser.parse_args()

server = subprocess.Popen([options.binary, "serve", f"model={options.model}", "--port", "0", "--quiet"], stderr=subprocess.PIPE, text=True)
port = None
for line in server.stderr:
    if found := re.search(r"listening at http://127.0.0.1:(\d+)", line):
        port = int(found.group(1))
    if "is ready" in line:
        break
threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()

lock = threading.Lock()
counts = {"complete": 0, "left": 0, "whole": 0, "refused": 0, "wrong": 0}
faults = []
WORDS = "the sky is blue because light scatters and a river runs to the sea while we count apples".split()


def note(what):
    with lock:
        counts[what] += 1


ENDS = {"/v1/chat/completions": r"data: \[DONE\]\n\n$", "/v1/completions": r"data: \[DONE\]\n\n$", "/v1/messages": r"event: message_stop\n.*\n\n$",
        "/v1/responses": r"event: response\.(completed|incomplete)\n.*\n\n$"}
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer"}},
          "required": ["name", "age"], "additionalProperties": False}


def any_request(rng):
    """A path and a body, of every protocol."""
    words = " ".join(rng.choice(WORDS) for _ in range(rng.choice([5, 40, 400])))
    body = {"model": "model", "max_tokens": rng.choice([4, 32, 96]), "seed": rng.randrange(1000)}
    chat = {**body, "messages": [{"role": "user", "content": words}]}
    del body["max_tokens"]
    return rng.choice([
        ("/v1/chat/completions", chat),
        ("/v1/chat/completions", {**chat, "n": rng.choice([1, 2, 4])}),
        ("/v1/chat/completions", {**chat, "logprobs": True, "top_logprobs": 3, "presence_penalty": 0.5}),
        ("/v1/chat/completions", {**chat, "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}),
        ("/v1/chat/completions", {**chat, "guided_regex": "[a-z ]{5,40}", "priority": rng.choice(["high", "low"])}),
        ("/v1/completions", {**body, "prompt": [words, words[:20]], "max_tokens": 24, "stop": ["the"]}),
        ("/v1/messages", chat),
        ("/v1/responses", {**body, "input": words, "max_output_tokens": 48}),
    ])


def one(rng):
    kind = rng.random()
    path, body = any_request(rng)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=options.patience)
    try:
        if kind < 0.1:  # wrong requests
            payload = rng.choice([b"{", b"[]", json.dumps({**body, "temperature": 7}).encode(), b"x" * 1000])
            connection.request("POST", path, payload, {"content-type": "application/json"})
            status = connection.getresponse().status
            note("wrong" if status == 400 else "refused")
            if status != 400:
                faults.append(f"a wrong request got {status}")
            return
        if kind < 0.13:
            connection.request("POST", "/v1/embeddings", json.dumps({"model": "model", "input": WORDS[:4]}), {"content-type": "application/json"})
            note("whole" if len(json.loads(connection.getresponse().read())["data"]) == 4 else "refused")
            return
        streamed = kind < 0.8
        connection.request("POST", path, json.dumps({**body, "stream": streamed}), {"content-type": "application/json"})
        if kind < 0.25:  # leaves while it waits
            time.sleep(rng.random() * 0.5)
            note("left")
            return
        response = connection.getresponse()
        if response.status != 200:
            faults.append(f"status {response.status}: {response.read(300)}")
            return
        if kind < 0.45:  # leaves in the middle
            response.read(rng.randrange(1, 2000))
            note("left")
            return
        text = response.read().decode()
        if streamed and not re.search(ENDS[path], text):
            faults.append(f"a stream ended with {text[-80:]!r}")
        note("complete" if streamed else "whole")
    except (OSError, http.client.HTTPException) as error:
        faults.append(f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def client(number, end):
    rng = random.Random(options.seed * 1000 + number)
    while time.time() < end and not faults:
        one(rng)


def resident():
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{server.pid}/status").read_text()).group(1)) / 1000


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=options.patience)
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def metrics():
    return get("/metrics")


end = time.time() + options.seconds
threads = [threading.Thread(target=client, args=(i, end)) for i in range(options.clients)]
for thread in threads:
    thread.start()
time.sleep(min(options.seconds / 4, 300))
early = resident()
for thread in threads:
    thread.join()
for _ in range(500):
    if re.search(r"^mlxs_http_generations 0$", metrics(), re.M):
        break
    time.sleep(0.02)
else:
    faults.append("generations go on that nobody reads")
late = resident()
server_errors = float(re.search(r'^mlxs_http_requests_total\{code="5xx"\} (\S+)$', metrics(), re.M).group(1))
if server_errors:
    faults.append(f"{server_errors:.0f} responses of 5xx")
# The KV cache is touched as it is first used: until then memory may grow to what the model said it takes.
claimed = json.loads(get("/v1/models/model"))["bytes"] / 1e6
if late > max(early * 1.1 + 50, claimed + 300):
    faults.append(f"memory grew from {early:.0f} to {late:.0f} MB")
server.send_signal(signal.SIGTERM)
if server.wait(timeout=60) != 0:
    faults.append("the server did not end well")
print(f"{options.seconds:.0f} s, {options.clients} clients: {counts}; memory {early:.0f} -> {late:.0f} MB")
print("\n".join(faults[:20]) or "no faults")
sys.exit(1 if faults else 0)
