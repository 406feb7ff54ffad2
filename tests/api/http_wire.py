"""The HTTP server as bytes on a socket meet it, over a scripted model.   http_wire.py SCRIPTED_SERVER [unittest options]"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BINARY = sys.argv.pop(1)
CHAT = "/v1/chat/completions"
TOOLS = pathlib.Path(__file__).parents[2] / "build" / "tools"  # scripts/bootstrap --tests


class Server:
    def __init__(self, *arguments):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([BINARY, *map(str, arguments)], stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.seek(0)
        self.logged = [json.loads(line) for line in self.log if line.startswith("{")]
        self.log.close()
        return code

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return connection

    def resident_kb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def request_bytes(path, body=None, method=None, headers=()):
    payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "host: localhost"]
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(payload)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + payload


class Response:
    """One response read from a socket; `rest` is what came after it."""

    def __init__(self, connection, rest=b"", head=False):
        data = rest
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                raise ConnectionError(f"closed after {data!r}")
            data += more
        top, data = data.split(b"\r\n\r\n", 1)
        lines = top.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            self.headers[name] = value
        body = b""
        if head:
            pass
        elif self.headers.get("transfer-encoding") == "chunked":
            while True:
                while b"\r\n" not in data:
                    data += self.more(connection)
                size, data = data.split(b"\r\n", 1)
                size = int(size, 16)
                while len(data) < size + 2:
                    data += self.more(connection)
                body += data[:size]
                data = data[size + 2:]
                if size == 0:
                    break
        else:
            size = int(self.headers["content-length"])
            while len(data) < size:
                data += self.more(connection)
            body, data = data[:size], data[size:]
        self.body, self.rest = body, data

    @staticmethod
    def more(connection):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("closed in the middle of a body")
        return more

    def json(self):
        return json.loads(self.body)

    def events(self):
        return [line[6:] for line in self.body.decode().split("\n") if line.startswith("data: ")]


class Wire(unittest.TestCase):
    ARGUMENTS = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.ARGUMENTS)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def ask(self, path, body=None, **options):
        with self.server.connect() as connection:
            connection.sendall(request_bytes(path, body, **options))
            return Response(connection)

    def say(self, content, **more):
        return {"model": "scripted", "messages": [{"role": "user", "content": content}], **more}

    def metric(self, name):
        text = self.ask("/metrics").body.decode()
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M).group(1))

    def wait_for(self, condition, seconds=10):
        end = time.time() + seconds
        while time.time() < end:
            if condition():
                return
            time.sleep(0.01)
        self.fail("it did not happen")


class Answers(Wire):
    def test_a_chat_is_answered_in_openais_form(self):
        answer = self.ask(CHAT, self.say("say Hello there.")).json()
        self.assertEqual(answer["choices"][0]["message"]["content"], "Hello there.")
        self.assertEqual(answer["choices"][0]["finish_reason"], "stop")
        self.assertEqual(answer["usage"], {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
                                           "prompt_tokens_details": {"cached_tokens": 1}})
        self.assertIn("decode_tokens_per_second", answer["timings"])

    def test_a_stream_says_what_the_whole_says(self):
        for content in ["say Hello there.", "think Hm. | Yes.", 'call now {"x": [1, "a"]}', "say <tool_call>{no}"]:
            tools = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}]
            whole = self.ask(CHAT, self.say(content, tools=tools)).json()["choices"][0]
            events = self.ask(CHAT, self.say(content, tools=tools, stream=True)).events()
            self.assertEqual(events[-1], "[DONE]")
            content_text = reasoning = arguments = ""
            reason = name = None
            for event in map(json.loads, events[:-1]):
                choice = event["choices"][0]
                delta = choice["delta"]
                content_text += delta.get("content") or ""
                reasoning += delta.get("reasoning_content") or ""
                for call in delta.get("tool_calls", []):
                    name = call["function"].get("name", name)
                    arguments += call["function"]["arguments"]
                reason = choice["finish_reason"] or reason
            message = whole["message"]
            self.assertEqual(content_text, message["content"] or "")
            self.assertEqual(reasoning, message.get("reasoning_content", ""))
            self.assertEqual(reason, whole["finish_reason"])
            if name:
                call = message["tool_calls"][0]["function"]
                self.assertEqual((name, arguments), (call["name"], call["arguments"]))

    def test_usage_comes_last_when_asked_for(self):
        body = self.say("say a b c", stream=True, stream_options={"include_usage": True}, n=2)
        events = self.ask(CHAT, body).events()
        last = json.loads(events[-2])
        self.assertEqual(last["choices"], [])
        self.assertEqual(last["usage"]["completion_tokens"], 6)
        self.assertEqual(last["usage"]["prompt_tokens"], 3)

    def test_parallel_tool_calls_false_leaves_one(self):
        tools = [{"type": "function", "function": {"name": "now"}}]
        text = 'call now {}}\n</tool_call><tool_call>{"name": "now", "arguments": {}'
        both = self.ask(CHAT, self.say(text, tools=tools)).json()["choices"][0]["message"]
        self.assertEqual(len(both["tool_calls"]), 2)
        one = self.ask(CHAT, self.say(text, tools=tools, parallel_tool_calls=False)).json()["choices"][0]
        self.assertEqual(len(one["message"]["tool_calls"]), 1)
        self.assertEqual(one["finish_reason"], "tool_calls")

    def test_completions_take_every_form_of_prompt(self):
        for prompt, count in [("say hi", 1), (["say hi", "say ho"], 2), ([1, 2], 1), ([[1], [2]], 2)]:
            answer = self.ask("/v1/completions", {"model": "scripted", "prompt": prompt}).json()
            self.assertEqual(len(answer["choices"]), count, prompt)
        answer = self.ask("/v1/completions", {"model": "scripted", "prompt": "say a b", "echo": True, "logprobs": 0}).json()
        self.assertEqual(answer["choices"][0]["text"], "say a ba b")
        self.assertEqual(answer["choices"][0]["logprobs"]["tokens"], ["a", " b"])

    def test_best_of_counts_all_it_made(self):
        body = {"model": "scripted", "prompt": "say a b", "n": 1, "best_of": 3}
        answer = self.ask("/v1/completions", body).json()
        self.assertEqual(len(answer["choices"]), 1)
        self.assertEqual(answer["usage"]["completion_tokens"], 6)

    def test_effective_says_what_ran(self):
        answer = self.ask(CHAT, self.say("say a", effective=True, temperature=0.5)).json()["effective"]
        self.assertEqual(answer["sampling"]["temperature"], 0.5)
        self.assertIsInstance(answer["sampling"]["seed"], int)

    def test_models_load_and_unload(self):
        self.assertEqual([m["id"] for m in self.ask("/v1/models").json()["data"]], ["scripted", "spare", "broken"])
        loaded = self.ask("/v1/models/load", {"model": "spare"})
        self.assertEqual((loaded.status, loaded.json()["state"]), (200, "ready"))
        self.assertEqual(self.ask("/v1/models/unload", {"model": "spare"}).json()["state"], "unloaded")
        stream = self.ask("/v1/models/load", {"model": "spare", "stream": True})
        self.assertIn("event: ready", stream.body.decode())
        self.ask("/v1/models/unload", {"model": "spare"})
        self.assertEqual(self.ask("/v1/models/load", {"model": "broken"}).status, 422)
        self.assertEqual(self.ask("/v1/models/none").status, 404)

    def test_tokens_and_embeddings(self):
        tokens = self.ask("/tokenize", {"content": "abc"}).json()["tokens"]
        self.assertEqual(self.ask("/detokenize", {"tokens": tokens}).json()["content"], "abc")
        whole = self.ask("/v1/embeddings", {"model": "scripted", "input": ["a", "b"]}).json()
        self.assertEqual(whole["data"][1]["embedding"], [0.5, 1.0])
        base64 = self.ask("/v1/embeddings", {"model": "scripted", "input": "a", "encoding_format": "base64"}).json()
        self.assertEqual(base64["data"][0]["embedding"], "AAAAPwAAAAA=")
        many = self.ask("/v1/embeddings", {"model": "scripted", "input": ["a"] * 2000}).json()
        self.assertEqual([(row["index"], row["embedding"][1]) for row in many["data"]], [(i, float(i)) for i in range(2000)])
        self.assertEqual(many["usage"]["prompt_tokens"], 2000)
        refused = self.ask("/v1/embeddings", {"model": "scripted", "input": "fail"})
        self.assertEqual((refused.status, refused.json()["error"]["param"]), (400, "input[0]"))

    def test_health_metrics_and_interface(self):
        self.assertEqual(self.ask("/health/live").status, 200)
        self.assertTrue(self.ask("/health/ready").json()["ready"])
        self.assertIn("mlxs_http_requests_total", self.ask("/metrics").body.decode())
        paths = self.ask("/openapi.json").json()["paths"]
        self.assertIn("post", paths[CHAT])

    def test_prometheus_takes_the_metrics_and_the_dashboard_asks_for_no_other(self):
        text = self.ask("/metrics").body.decode()
        names = set(re.findall(r"^# TYPE (\S+)", text, re.M))
        dashboard = (pathlib.Path(__file__).parents[2] / "docs" / "grafana.json").read_text()
        for name in set(re.findall(r"mlxs_\w+", dashboard)):
            self.assertIn(re.sub(r"_(bucket|sum|count)$", "", name), names)
        promtool = shutil.which("promtool", path=f"{os.environ['PATH']}:{TOOLS}")
        if not promtool:
            self.skipTest("needs promtool")
        check = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)
        # Names of the program that came before keep their form.
        faults = [line for line in (check.stdout + check.stderr).splitlines() if not line.startswith("kr_serve_")]
        self.assertEqual(faults, [])

    def test_anthropics_form(self):
        body = {"model": "scripted", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": "say a b"}]}]}
        whole = self.ask("/v1/messages", body).json()
        self.assertEqual((whole["content"], whole["stop_reason"]), ([{"type": "text", "text": "a b"}], "end_turn"))
        self.assertEqual(whole["usage"]["input_tokens"] + whole["usage"]["cache_read_input_tokens"], 3)
        tools = [{"name": "now", "input_schema": {"type": "object"}}]
        body["messages"][0]["content"][0]["text"] = 'call now {"x": 1}'
        called = self.ask("/v1/messages", {**body, "tools": tools}).json()
        self.assertEqual((called["content"][0]["input"], called["stop_reason"]), ({"x": 1}, "tool_use"))
        events = [json.loads(e) for e in self.ask("/v1/messages", {**body, "tools": tools, "stream": True}).events()]
        kinds = [e["type"] for e in events]
        self.assertEqual((kinds[0], kinds[-1]), ("message_start", "message_stop"))
        arguments = "".join(e["delta"].get("partial_json", "") for e in events if e["type"] == "content_block_delta")
        self.assertEqual(json.loads(arguments), {"x": 1})
        back = [body["messages"][0], {"role": "assistant", "content": called["content"]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": called["content"][0]["id"], "content": "noon"}]}]
        self.assertEqual(self.ask("/v1/messages", {**body, "messages": back}).json()["content"][0]["text"], "The tool said: noon")
        wrong = self.ask("/v1/messages", {**body, "max_tokens": 0})
        self.assertEqual((wrong.status, wrong.json()["error"]["type"]), (400, "invalid_request_error"))

    def test_responses_stream_every_piece_in_order(self):
        body = {"model": "scripted", "input": "think Hm. | a b", "stream": True}
        events = [json.loads(e) for e in self.ask("/v1/responses", body).events()]
        self.assertEqual([e["sequence_number"] for e in events], list(range(len(events))))
        self.assertEqual(events[0]["type"], "response.created")
        last = events[-1]
        self.assertEqual(last["type"], "response.completed")
        text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
        self.assertEqual([i["type"] for i in last["response"]["output"]], ["reasoning", "message"])
        self.assertEqual(last["response"]["output"][1]["content"][0]["text"], text)
        self.assertEqual(self.ask("/v1/responses", {**body, "store": True}).json()["error"]["param"], "store")

    def test_completions_stream_what_the_whole_says(self):
        body = {"model": "scripted", "prompt": ["say a b", "say c"], "echo": True, "logprobs": 0}
        whole = self.ask("/v1/completions", body).json()["choices"]
        ask = {**body, "stream": True, "stream_options": {"include_usage": True}, "effective": True}
        events = self.ask("/v1/completions", ask).events()
        self.assertEqual(events[-1], "[DONE]")
        texts, tokens, reasons = ["", ""], [[], []], [None, None]
        for event in map(json.loads, events[:-2]):
            choice = event["choices"][0]
            texts[choice["index"]] += choice["text"]
            tokens[choice["index"]] += (choice["logprobs"] or {"tokens": []})["tokens"]
            reasons[choice["index"]] = choice["finish_reason"] or reasons[choice["index"]]
        self.assertEqual(texts, [choice["text"] for choice in whole])
        self.assertEqual(tokens, [choice["logprobs"]["tokens"] for choice in whole])
        self.assertEqual(reasons, ["stop", "stop"])
        self.assertEqual(json.loads(events[-2])["usage"]["completion_tokens"], 3)
        failed = self.ask("/v1/completions", {"model": "scripted", "prompt": "fail", "stream": True})
        self.assertEqual(failed.status, 500)

    def test_a_template_is_shown_as_the_model_reads_it(self):
        shown = self.ask("/apply-template", {"messages": [{"role": "user", "content": "say a"}], "chat_template_kwargs": {"x": 1}, "tools": []}).json()
        self.assertEqual(shown["prompt"], "say a")
        self.assertEqual(self.ask("/tokenize", {"prompt": "ab", "model": "scripted"}).json()["count"], 2)

    def test_anthropics_blocks_of_every_kind(self):
        text = lambda t: [{"type": "text", "text": t}]
        ask = {"model": "scripted", "max_tokens": 9, "system": text("Be brief."), "stop_sequences": ["z"], "thinking": {"type": "disabled"},
               "metadata": {"user_id": "u"}}
        say = lambda content, **more: {**ask, "messages": [{"role": "user", "content": content}], **more}
        self.assertEqual(self.ask("/v1/messages", say("count 20")).json()["stop_reason"], "max_tokens")
        thought = self.ask("/v1/messages", say("think Hm. | a")).json()["content"]
        self.assertEqual([block["type"] for block in thought], ["thinking", "text"])
        events = [json.loads(e) for e in self.ask("/v1/messages", say("think Hm. | a", stream=True)).events()]
        deltas = [e["delta"]["type"] for e in events if e["type"] == "content_block_delta"]
        self.assertEqual(sorted(set(deltas)), ["text_delta", "thinking_delta"])
        back = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [*thought, {"type": "tool_use", "id": "c", "name": "now"}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}, *text("say b")]}]
        self.assertEqual(self.ask("/v1/messages", {**ask, "messages": back}).json()["content"][0]["text"], "b")
        tools = [{"name": "now", "input_schema": {"type": "object"}}]
        free = self.ask("/v1/messages", say("say a", tools=tools, tool_choice={"type": "auto", "disable_parallel_tool_use": True}))
        self.assertEqual(free.status, 200)

    def test_responses_take_calls_and_their_results(self):
        tools = [{"type": "function", "name": "now", "description": "The time", "parameters": {"type": "object"}}]
        ask = {"model": "scripted", "instructions": "Be brief.", "tools": tools, "tool_choice": "auto", "parallel_tool_calls": False,
               "reasoning": {"effort": "none"}, "metadata": {"a": "b"}, "text": {"format": {"type": "text"}}}
        whole = self.ask("/v1/responses", {**ask, "input": 'call now {"x": 1}', "effective": True}).json()
        call = whole["output"][0]
        self.assertEqual((call["type"], json.loads(call["arguments"]), whole["metadata"]), ("function_call", {"x": 1}, {"a": "b"}))
        events = [json.loads(e) for e in self.ask("/v1/responses", {**ask, "input": 'call now {"x": 1}', "stream": True}).events()]
        streamed = "".join(e["delta"] for e in events if e["type"] == "response.function_call_arguments.delta")
        self.assertEqual(json.loads(streamed), {"x": 1})
        history = [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}, {"type": "reasoning", "summary": []}, call, call,
                   {"type": "function_call_output", "call_id": call["call_id"], "output": "noon"}]
        answer = self.ask("/v1/responses", {**ask, "input": history}).json()
        self.assertEqual(answer["output"][0]["content"][0]["text"], "The tool said: noon")
        cut = self.ask("/v1/responses", {**ask, "input": "count 9", "max_output_tokens": 2}).json()
        self.assertEqual((cut["status"], cut["incomplete_details"]), ("incomplete", {"reason": "max_output_tokens"}))
        cut = [json.loads(e) for e in self.ask("/v1/responses", {**ask, "input": "count 9", "max_output_tokens": 2, "stream": True}).events()]
        self.assertEqual(cut[-1]["type"], "response.incomplete")
        self.assertEqual(self.ask("/v1/responses", {**ask, "input": "fail"}).status, 500)

    def test_the_page_is_part_of_the_program(self):
        page = self.ask("/")
        self.assertTrue(page.headers["content-type"].startswith("text/html"))
        self.assertIn(b"</html>", page.body)
        self.assertNotRegex(page.body.decode(), r"(src|href)=.?https?://")

    def test_a_request_id_is_kept_or_made(self):
        self.assertEqual(self.ask("/health", headers=["x-request-id: mine-1"]).headers["x-request-id"], "mine-1")
        self.assertTrue(self.ask("/health", headers=["x-request-id: a b"]).headers["x-request-id"].startswith("req-"))


class Errors(Wire):
    def error(self, body, status=400, path=CHAT):
        response = self.ask(path, body)
        self.assertEqual(response.status, status, response.body)
        return response.json()["error"]

    def test_a_wrong_field_is_named(self):
        cases = [({"temperature": 3}, "temperature"), ({"temperature": "hot"}, "temperature"), ({"n": 0}, "n"),
                 ({"n": 129}, "n"), ({"stop": 5}, "stop"), ({"nonsense": 1}, "nonsense"), ({"messages": []}, "messages"),
                 ({"stream": "yes"}, "stream"), ({"top_logprobs": 21}, "top_logprobs"),
                 ({"logit_bias": {"x": 1}}, "logit_bias"), ({"tools": [{}]}, "tools[0].type"),
                 ({"tool_choice": "some"}, "tool_choice"), ({"response_format": {"type": "yaml"}}, "response_format.type"),
                 ({"stream_options": {}}, "stream_options"), ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens"),
                 ({"model": "none"}, "model"), ({"timeout_ms": -1}, "timeout_ms")]
        for change, param in cases:
            with self.subTest(change):
                error = self.error({**self.say("say a"), **change}, 404 if param == "model" else 400)
                self.assertEqual(error["param"], param)
        for field in ["model", "messages"]:
            body = self.say("say a")
            del body[field]
            self.assertEqual(self.error(body)["param"], field)

    def test_what_is_not_honoured_is_refused_by_name(self):
        for field in ["functions", "function_call", "modalities", "audio", "prediction", "web_search_options", "suffix", "top_a", "lora"]:
            self.assertEqual(self.error(self.say("say a", **{field: 1}))["param"], field)
        for change, param in [({"store": True}, "store"), ({"service_tier": "flex"}, "service_tier"), ({"user": "u" * 513}, "user"),
                              ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options")]:
            self.assertEqual(self.error(self.say("say a", **change))["param"], param)
        # A model that takes no form: what asked for it is named.
        for field, value in [("response_format", {"type": "json_object"}), ("guided_regex", "a"), ("guided_json", {}), ("guided_choice", ["a"]),
                             ("guided_grammar", "start: \"a\""), ("structured_outputs", {"regex": "a"})]:
            self.assertEqual(self.error(self.say("say a", **{field: value}))["param"], field)
            body = {"model": "scripted", "prompt": "say a", field: value}
            self.assertEqual(self.error(body, path="/v1/completions")["param"], field)
        tools = [{"type": "function", "function": {"name": "now"}}]
        self.assertEqual(self.error(self.say("a", tools=tools, tool_choice="required"))["param"], "tool_choice")

    def test_every_protocol_names_its_own_fields(self):
        user = [{"role": "user", "content": "say a"}]
        tool = {"type": "function", "function": {"name": "now"}}
        for path, body, param in [
                ("/v1/completions", {"prompt": "a", "top_logprobs": 1}, "top_logprobs"), ("/v1/completions", {"prompt": "a", "n": 2, "best_of": 1}, "best_of"),
                ("/v1/completions", {"prompt": "a", "best_of": 2, "stream": True}, "best_of"), ("/v1/completions", {"prompt": ["a"] * 129}, "prompt"),
                ("/v1/completions", {"prompt": "a", "stream_options": {}}, "stream_options"), ("/tokenize", {"content": "a", "prompt": "b"}, "content"),
                ("/detokenize", {"tokens": [300]}, "tokens"), ("/v1/responses", {"input": [{"type": "image"}]}, "input[0].type"),
                ("/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].type"),
                ("/v1/responses", {"input": [{"role": "user", "content": 3}]}, "input[0].content"),
                ("/v1/responses", {"input": "a", "tools": [{"type": "web_search"}]}, "tools[0]"), ("/v1/responses", {"input": "a", "logprobs": True}, "logprobs"),
                ("/v1/responses", {"input": "a", "text": {"format": {"type": "yaml"}}}, "text.format.type"),
                (CHAT, {"messages": user, "tools": [tool], "tool_choice": {"function": {"name": "other"}}}, "tool_choice"),
                (CHAT, {"messages": user, "tool_choice": "required"}, "tool_choice"), (CHAT, {"messages": user, "tools": [tool], "tool_choice": {}}, "tool_choice"),
                (CHAT, {"messages": user, "tools": [{"type": "function"}]}, "tools[0].function.name"),
                (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type"),
                (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[0].content[0].text"),
                (CHAT, {"messages": [{"role": "assistant", "content": [{"type": "refusal"}]}]}, "messages[0].content[0].refusal"),
                (CHAT, {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"), (CHAT, {"messages": [{"content": "a"}]}, "messages[0].role"),
                ("/v1/responses", {"input": [{"content": "a"}]}, "input[0].role"),
                ("/v1/responses", {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]}, "input[0].arguments"),
                ("/v1/responses", {"input": [{"type": "function_call_output", "output": "a"}]}, "input[0].call_id")]:
            with self.subTest((path, body)):
                named = {} if path.endswith("tokenize") else {"model": "scripted"}
                self.assertEqual(self.error({**named, **body}, path=path)["param"], param)

    def test_anthropics_errors_say_where(self):
        for change, word in [({"messages": [{"role": "system", "content": "x"}]}, "messages[0].role"), ({"messages": [{"role": "user"}]}, "messages[0].content"),
                             ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].type"),
                             ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
                             ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
                             ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": "x"}]}]}, "messages[0].content[0].input"),
                             ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages[0].content[0].tool_use_id"),
                             ({"tools": [{}]}, "tools[0].name"), ({"tool_choice": {"type": "any"}}, "tool_choice"), ({"system": [{"type": "image"}]}, "system[0].type")]:
            body = {"model": "scripted", "max_tokens": 9, "messages": [{"role": "user", "content": "say a"}], **change}
            response = self.ask("/v1/messages", body)
            self.assertEqual((response.status, response.json()["type"]), (400, "error"), response.body)
            self.assertIn(word, response.json()["error"]["message"])

    def test_json_that_is_cut_anywhere_is_a_400(self):
        whole = json.dumps(self.say("say a", stop=["x", "\u00e9"], logit_bias={"1": -1.5})).encode()
        with self.server.connect() as connection:
            rest = b""
            for cut in range(len(whole)):
                connection.sendall(request_bytes(CHAT, whole[:cut]))
                response = Response(connection, rest)
                rest = response.rest
                self.assertEqual(response.status, 400, whole[:cut])
                self.assertEqual(response.json()["error"]["type"], "invalid_request_error")

    def test_bodies_that_are_no_object_or_no_utf8(self):
        for body in [b"[]", b"3", b'"x"', b"null", b"\xff\xfe", b'{"model": "\xff"}', b"{}x", b"[" * 10000, b'{"a":' * 5000]:
            self.error(body)

    def test_a_failure_before_the_first_token_has_its_status_in_a_stream_too(self):
        self.assertEqual(self.error(self.say("fail"), 500)["message"], "it was asked to fail")
        self.error(self.say("fail", stream=True), 500)

    def test_methods_paths_and_types(self):
        self.assertEqual(self.ask("/nowhere").status, 404)
        wrong = self.ask(CHAT)
        self.assertEqual((wrong.status, wrong.headers["allow"]), (405, "POST"))
        self.assertEqual(self.ask("/health", b"", method="DELETE").status, 405)
        with self.server.connect() as connection:
            connection.sendall(b"POST " + CHAT.encode() + b" HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{}")
            self.assertEqual(Response(connection).status, 415)
        with self.server.connect() as connection:
            connection.sendall(request_bytes("/health", method="HEAD"))
            self.assertEqual(Response(connection, head=True).status, 200)

    def test_a_whole_address_is_a_target_whose_name_counts(self):
        for target, host, status in [("http://localhost/health/live", "localhost", 200), ("HTTP://127.0.0.1:80/health/live?x", "evil.example", 200),
                                     ("http://evil.example/health/live", "localhost", 403), ("http://localhost", "localhost", 200),
                                     ("http:///health/live", "localhost", 400), ("ftp://localhost/health/live", "localhost", 400)]:
            with self.server.connect() as connection:
                connection.sendall(f"GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
                self.assertEqual(Response(connection).status, status, target)

    def test_names_of_other_machines_are_refused(self):
        for host, status in [("localhost", 200), ("LOCALHOST:80", 200), ("app.localhost", 200), ("127.0.0.1:1", 200), ("[::1]:8080", 200),
                             ("192.168.1.2", 200), ("evil.example", 403), ("evil.example:80", 403), ("127.0.0.1.evil.example", 403),
                             ("localhost.evil.example", 403), ("[", 403), (":80", 403)]:
            with self.server.connect() as connection:
                connection.sendall(f"GET /health/live HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
                response = Response(connection)
                self.assertEqual(response.status, status, host)
        self.assertEqual(response.json()["error"]["code"], "unknown_host")

    def test_browsers_of_other_sites_get_nothing(self):
        response = self.ask("/health", headers=["origin: http://elsewhere"])
        self.assertNotIn("access-control-allow-origin", response.headers)


class Bytes(Wire):
    ARGUMENTS = ("--header-timeout-ms", 400, "--body-timeout-ms", 600, "--header-bytes-max", 4096,
                 "--body-bytes-max", 100_000, "--keep-alive-ms", 100, "--prefill-ms", 300)

    def raw(self, data, wait=5):
        with self.server.connect() as connection:
            connection.settimeout(wait)
            connection.sendall(data)
            return Response(connection)

    def test_pipelined_requests_are_answered_in_order(self):
        with self.server.connect() as connection:
            one = request_bytes(CHAT, self.say("say one"))
            connection.sendall(one + request_bytes("/health/live") + request_bytes(CHAT, self.say("say two", stream=True)) +
                               request_bytes("/nowhere"))
            first = Response(connection)
            second = Response(connection, first.rest)
            third = Response(connection, second.rest)
            fourth = Response(connection, third.rest)
        self.assertIn("one", first.body.decode())
        self.assertEqual(second.status, 200)
        self.assertIn("two", third.body.decode())
        self.assertEqual(fourth.status, 404)

    def test_a_request_may_come_byte_by_byte(self):
        with self.server.connect() as connection:
            for byte in request_bytes("/tokenize", {"content": "abc"}):
                connection.sendall(bytes([byte]))
            self.assertEqual(Response(connection).status, 200)

    def test_chunked_bodies_are_read_and_their_lies_are_not_believed(self):
        head = b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        self.assertEqual(self.raw(head + b'5\r\n{"con\r\n10\r\ntent": "abcdef"}\r\n0\r\n\r\n').status, 200)
        for lie in [b"zz\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"2\r\n{}xx\r\n0\r\n\r\n", b"1;" + b"x" * 9000]:
            self.assertEqual(self.raw(head + lie).status, 400, lie[:20])
        self.assertEqual(self.raw(head + b"fffffff\r\n" + b"x" * 200_000).status, 413)

    def test_smuggled_lengths_are_refused(self):
        for headers in [b"content-length: 2\r\ntransfer-encoding: chunked\r\n", b"content-length: 2\r\ncontent-length: 3\r\n",
                        b"content-length: -2\r\n", b"content-length: 1e3\r\n"]:
            data = b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" + headers + b"\r\n{}"
            self.assertEqual(self.raw(data).status, 400, headers)
        gzip = b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: gzip\r\n\r\n"
        self.assertIn(self.raw(gzip).status, (400, 501))

    def test_header_bombs(self):
        self.assertEqual(self.raw(b"GET /health HTTP/1.1\r\nhost: localhost\r\na: " + b"b" * 100_000).status, 431)
        self.assertEqual(self.raw(b"GET /health HTTP/1.1\r\n" + b"a: b\r\n" * 5000).status, 431)
        self.assertEqual(self.raw(b"GET /" + b"a" * 100_000).status, 431)

    def test_the_header_limit_is_exact(self):
        base = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\na: \r\n\r\n"
        for size, status in [(4095, 200), (4096, 200), (4097, 431)]:
            self.assertEqual(self.raw(base.replace(b"a: ", b"a: " + b"b" * (size - len(base)))).status, status, size)

    def test_the_body_limit_is_exact(self):
        for size, status in [(99_999, 200), (100_000, 200), (100_001, 413)]:
            body = b'{"content": "' + b"a" * (size - 15) + b'"}'
            self.assertEqual(len(body), size)
            self.assertEqual(self.raw(request_bytes("/tokenize", body)).status, status, size)

    def test_a_body_of_100_megabytes_is_refused_at_once_and_read_by_nobody(self):
        before = self.server.resident_kb()
        with self.server.connect() as connection:
            connection.sendall(b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n")
            response = Response(connection)
            self.assertEqual(response.status, 413)
            self.assertEqual(response.json()["error"]["code"], "body_too_large")
            try:
                for _ in range(100):
                    connection.sendall(b"x" * 1_000_000)
            except OSError:
                pass
        self.assertLess(self.server.resident_kb() - before, 50_000)

    def test_rubbish_is_a_400(self):
        for data in [b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET ftp://x/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
                     b"GET /health HTTP/1.1\r\n\r\n", b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n", b"GET /health HTTP/1.1\r\nbad header\r\n\r\n",
                     b"G\x00T /health HTTP/1.1\r\nhost: localhost\r\n\r\n"]:
            self.assertIn(self.raw(data).status, (400, 408), data)

    def test_slow_senders_are_told_and_closed(self):
        with self.server.connect() as connection:
            started = time.time()
            connection.sendall(b"GET /health HT")
            response = Response(connection)
            self.assertEqual(response.status, 408)
            self.assertEqual(connection.recv(10), b"")
            self.assertLess(time.time() - started, 4)
        with self.server.connect() as connection:
            connection.sendall(request_bytes("/tokenize", b'{"content": "abc"}')[:-4])
            response = Response(connection)
            self.assertEqual(response.status, 408)
            self.assertIn("body_timeout_ms", response.json()["error"]["message"])

    def test_drips_do_not_extend_the_time(self):
        with self.server.connect() as connection:
            started = time.time()
            try:
                for _ in range(100):
                    connection.sendall(b"a")
                    time.sleep(0.05)
            except OSError:
                pass
            self.assertLess(time.time() - started, 4.9)

    def test_a_client_that_half_closes_gets_short_answers(self):
        with self.server.connect() as connection:
            connection.sendall(request_bytes("/tokenize", {"content": "abc"}))
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(Response(connection).status, 200)

    def test_keep_alive_comments_come_before_the_first_token(self):
        body = self.ask(CHAT, self.say("say a", stream=True)).body
        self.assertIn(b": keep-alive\n\n", body.split(b"data: ", 1)[0] + body)

    def test_expect_100_continue(self):
        with self.server.connect() as connection:
            data = request_bytes("/tokenize", b'{"content": "abc"}', headers=["expect: 100-continue"])
            connection.sendall(data[:-18])
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 100 "))
            connection.sendall(data[-18:])
            self.assertEqual(Response(connection).status, 200)

    def test_http_1_0_is_closed_after_its_answer(self):
        with self.server.connect() as connection:
            connection.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
            self.assertEqual(Response(connection).headers["connection"], "close")
            self.assertEqual(connection.recv(10), b"")

    def test_rapid_connects_leave_it_serving(self):
        for number in range(10_000):
            connection = self.server.connect()
            if number % 2:  # a reset instead of a farewell
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        self.assertEqual(self.ask("/health/live").status, 200)
        self.wait_for(lambda: self.metric("mlxs_http_connections") <= 1)


class Clients(Wire):
    """Many at once, slow ones, and those who leave."""
    ARGUMENTS = ("--key-requests-max", 64, "--token-ms", 1)

    def running(self):
        return self.metric("mlxs_http_generations")

    def test_a_client_that_leaves_ends_its_request(self):
        for stream in [True, False]:
            connection = self.server.connect()
            connection.sendall(request_bytes(CHAT, self.say("forever", stream=stream)))
            self.wait_for(lambda: self.running() == 1)
            connection.close()
            self.wait_for(lambda: self.running() == 0, 3)

    def test_long_embeddings_hold_no_worker_and_end_with_their_clients(self):
        connections = [self.server.connect() for _ in range(16)]  # there are fewer workers
        for connection in connections:
            connection.sendall(request_bytes("/v1/embeddings", {"model": "scripted", "input": "forever"}))
        self.wait_for(lambda: self.running() == 16)
        self.assertEqual(self.ask("/tokenize", {"content": "abc"}).status, 200)
        for connection in connections:
            connection.close()
        self.wait_for(lambda: self.running() == 0)

    def test_a_slow_reader_holds_only_its_own_stream(self):
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", self.server.port))
            slow.sendall(request_bytes(CHAT, self.say("count 100000", stream=True)))
            time.sleep(0.3)
            started = time.time()
            events = self.ask(CHAT, self.say("count 50", stream=True)).events()
            self.assertEqual(events[-1], "[DONE]")
            self.assertLess(time.time() - started, 5)
        self.wait_for(lambda: self.running() == 0)

    def test_the_limit_of_a_key_is_exact(self):
        connections = []
        for _ in range(64):
            connection = self.server.connect()
            connection.sendall(request_bytes(CHAT, self.say("forever", stream=True)))
            connections.append(connection)
        self.wait_for(lambda: self.running() == 64)
        refused = self.ask(CHAT, self.say("say a"))
        self.assertEqual((refused.status, refused.headers["retry-after"]), (429, "1"))
        self.assertEqual(refused.json()["error"]["code"], "rate_limit_exceeded")
        for connection in connections:
            connection.close()
        self.wait_for(lambda: self.running() == 0)
        self.assertEqual(self.ask(CHAT, self.say("say a")).status, 200)

    def test_many_streams_at_once_are_each_complete(self):
        results = []

        def one(number):
            events = self.ask(CHAT, self.say(f"say {number} and so on", stream=True)).events()
            text = "".join(json.loads(e)["choices"][0]["delta"].get("content", "") for e in events[:-1])
            results.append((number, text))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(48)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(results), [(i, f"{i} and so on") for i in range(48)])


class Doors(unittest.TestCase):
    def test_keys_are_asked_for_before_the_body_is_read(self):
        server = Server("--api-key", "secret", "--api-key", "second")
        try:
            for headers, status in [([], 401), (["authorization: Bearer wrong"], 401), (["authorization: Bearer secre"], 401),
                                    (["authorization: Bearer secret"], 200), (["authorization: bearer second"], 200),
                                    (["x-api-key: secret"], 200)]:
                with server.connect() as connection:
                    connection.sendall(request_bytes("/tokenize", {"content": "a"}, headers=headers))
                    self.assertEqual(Response(connection).status, status, headers)
            with server.connect() as connection:
                connection.sendall(b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n")
                self.assertEqual(Response(connection).status, 401)
            with server.connect() as connection:
                connection.sendall(request_bytes("/health"))
                self.assertEqual(Response(connection).status, 200)
        finally:
            self.assertEqual(server.stop(), 0)

    def test_one_connection_too_many_is_told_so(self):
        server = Server("--connections-max", 2)
        try:
            held = [server.connect() for _ in range(2)]
            for connection in held:
                connection.sendall(request_bytes("/health/live"))
                self.assertEqual(Response(connection).status, 200)
            with server.connect() as connection:
                self.assertEqual(Response(connection).status, 503)
            for connection in held:
                connection.close()
        finally:
            self.assertEqual(server.stop(), 0)

    def test_the_limit_of_all_generations_is_exact(self):
        server = Server("--requests-max", 2)
        try:
            body = {"model": "scripted", "messages": [{"role": "user", "content": "forever"}]}
            held = [server.connect() for _ in range(2)]
            for connection in held:
                connection.sendall(request_bytes(CHAT, {**body, "stream": True}))
                self.assertTrue(connection.recv(1))
            with server.connect() as connection:
                connection.sendall(request_bytes(CHAT, body))
                response = Response(connection)
                self.assertEqual((response.status, response.headers["retry-after"]), (503, "1"))
            for connection in held:
                connection.close()
        finally:
            self.assertEqual(server.stop(), 0)

    def test_the_limit_of_all_bodies_is_exact(self):
        server = Server("--bodies-bytes-max", 3000)
        try:
            head = b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            with server.connect() as held:
                held.sendall(head % 2000)
                time.sleep(0.1)
                for size, status in [(1001, 503), (1000, 200), (999, 200)]:
                    with server.connect() as connection:
                        connection.sendall(head % size + b'{"content": "' + b"a" * (size - 15) + b'"}')
                        self.assertEqual(Response(connection).status, status, size)
            time.sleep(0.1)
            with server.connect() as connection:  # what was held is given back
                connection.sendall(head % 3000 + b'{"content": "' + b"a" * 2985 + b'"}')
                self.assertEqual(Response(connection).status, 200)
        finally:
            self.assertEqual(server.stop(), 0)

    def test_a_client_that_never_reads_is_cut(self):
        server = Server("--write-timeout-ms", 300)
        try:
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect(("127.0.0.1", server.port))
                body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": "forever"}]}
                deaf.sendall(request_bytes(CHAT, body))
                for running in [1, 0]:
                    for _ in range(500):
                        with server.connect() as connection:
                            connection.sendall(request_bytes("/metrics"))
                            if f"mlxs_http_generations {running}\n" in Response(connection).body.decode():
                                break
                        time.sleep(0.02)
                    else:
                        self.fail(f"there were never {running} generations")
        finally:
            self.assertEqual(server.stop(), 0)

    def test_sigterm_lets_streams_end_and_takes_no_more(self):
        server = Server("--token-ms", 20)
        with server.connect() as connection, server.connect() as idle:
            body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": "count 30"}]}
            connection.sendall(request_bytes(CHAT, body))
            self.assertTrue(connection.recv(1))
            server.process.send_signal(signal.SIGTERM)
            rest = b""
            while more := connection.recv(65536):
                rest += more
            self.assertIn(b"[DONE]", rest)
            self.assertEqual(idle.recv(10), b"", "an idle connection is closed")
        self.assertEqual(server.stop(), 0)

    def test_a_drain_that_takes_too_long_is_cut(self):
        server = Server("--drain-timeout-ms", 200, "--token-ms", 5)
        with server.connect() as connection:
            body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": "forever"}]}
            connection.sendall(request_bytes(CHAT, body))
            self.assertTrue(connection.recv(1))
            self.assertEqual(server.stop(), 0)

    def test_a_unix_socket_is_a_door_too(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "socket")
            server = Server("--unix-socket", path, "--port", -1)
            try:
                self.assertEqual(os.stat(path).st_mode & 0o077, 0, "for this user only")
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(path)
                    connection.sendall(request_bytes("/health/live"))
                    self.assertEqual(Response(connection).status, 200)
            finally:
                self.assertEqual(server.stop(), 0)
            self.assertFalse(os.path.exists(path))

    def test_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            certificate, key = os.path.join(directory, "c.pem"), os.path.join(directory, "k.pem")
            made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                                   "-keyout", key, "-out", certificate], capture_output=True)
            if made.returncode != 0:
                self.skipTest("needs openssl")
            server = Server("--tls-certificate", certificate, "--tls-key", key)
            try:
                context = ssl.create_default_context(cafile=certificate)
                context.check_hostname = False
                with context.wrap_socket(server.connect()) as connection:
                    body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": "count 500"}]}
                    connection.sendall(request_bytes(CHAT, body) + request_bytes("/health/live"))
                    first = Response(connection)
                    self.assertEqual(first.events()[-1], "[DONE]")
                    self.assertEqual(Response(connection, first.rest).status, 200)
                with server.connect() as plain:  # no TLS spoken
                    plain.sendall(request_bytes("/health/live"))
                    try:
                        self.assertNotIn(b"200", plain.recv(100))
                    except ConnectionError:
                        pass
            finally:
                self.assertEqual(server.stop(), 0)

    def test_a_name_may_be_allowed(self):
        server = Server("--allowed-host", "box.lan", "--allowed-host", "Other:1")
        try:
            for host, status in [("box.lan:8080", 200), ("BOX.LAN.", 200), ("other", 200), ("localhost", 200), ("boxxlan", 403)]:
                with server.connect() as connection:
                    connection.sendall(f"GET /health/live HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
                    self.assertEqual(Response(connection).status, status, host)
        finally:
            self.assertEqual(server.stop(), 0)

    def test_the_access_log_says_who_asked_for_what_and_never_the_text(self):
        server = Server("--access-log")
        try:
            body = {"model": "scripted", "user": "u-1", "messages": [{"role": "user", "content": "say violets"}]}
            for more in [{}, {"stream": True}]:
                with server.connect() as connection:
                    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                    connection.sendall(request_bytes(CHAT, {**body, **more}, headers=["x-request-id: mine", f"traceparent: {parent}"]))
                    self.assertEqual(Response(connection).status, 200)
        finally:
            self.assertEqual(server.stop(), 0)
        self.assertEqual(len(server.logged), 2)
        for line in server.logged:
            self.assertEqual([line[k] for k in ["id", "path", "status", "model", "user", "traceparent"]], ["mine", CHAT, 200, "scripted", "u-1", parent])
            self.assertNotIn("violets", json.dumps(line))

    def test_cors_is_for_the_named_origin(self):
        server = Server("--cors-origin", "http://page")
        try:
            with server.connect() as connection:
                connection.sendall(request_bytes(CHAT, method="OPTIONS"))
                response = Response(connection)
                self.assertEqual((response.status, response.headers["access-control-allow-origin"]), (204, "http://page"))
            for path, body in [("/health", None), ("/nowhere", None), (CHAT, {"model": "scripted", "messages": [{"role": "user", "content": "say a"}]}),
                               (CHAT, {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": "say a"}]})]:
                with server.connect() as connection:
                    connection.sendall(request_bytes(path, body))
                    self.assertEqual(Response(connection).headers["access-control-allow-origin"], "http://page")
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
