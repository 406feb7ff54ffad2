"""What HTTP requests ask of a real model and whether it is done: choices, scores, embeddings, forms, forced calls.
   http_model.py MLX_SERVING MODEL [unittest options]       77 (skipped) without the model

SmolLM2 answers under chat templates of several dialects: what it says is of no interest, only that it keeps the form."""
import base64
import http.client
import json
import math
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import jsonschema

BINARY, MODEL = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1)).resolve()
CHATML = ("{% if tools %}<|im_start|>system\nTOOLS{{ tools | tojson }}<|im_end|>\n{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n"
          "{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n")
# What makes a template be of a dialect stands in a comment of the text that no one reads.
TEMPLATES = {
    "hermes": CHATML.replace("TOOLS", "Answer with <tool_call>. "),
    "mistral": CHATML.replace("TOOLS", "Answer with [TOOL_CALLS]. "),
    "llama3": CHATML.replace("TOOLS", "<|start_header_id|> "),
    "json": CHATML.replace("TOOLS", ""),
    "deepseek": CHATML.replace("TOOLS", "<｜tool▁calls▁begin｜>"),
    "harmony": CHATML.replace("TOOLS", "<|channel|><|message|>"),
    "thinking": CHATML.replace("TOOLS", "Answer with <tool_call>. ") + "<think>\n",
}
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
                                           "kind": {"enum": ["cat", "dog"]}},
          "required": ["name", "age", "kind"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": {
             "type": "object", "properties": {"city": {"type": "string", "maxLength": 10}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
             "required": ["city", "days"], "additionalProperties": False}}},
         {"type": "function", "function": {"name": "now", "parameters": {
             "type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"], "additionalProperties": False}}}]
SCHEMAS = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}


def make_models(root):
    models = []
    for name, template in TEMPLATES.items():
        directory = root / name
        directory.mkdir()
        for file in MODEL.iterdir():
            if file.name != "chat_template.jinja":
                (directory / file.name).symlink_to(file)
        (directory / "chat_template.jinja").write_text(template)
        models.append(f"{name}={directory}")
    return models


class Model(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        models = make_models(pathlib.Path(cls.directory.name))
        cls.log = open(pathlib.Path(cls.directory.name) / "log", "w+")
        cls.server = subprocess.Popen([BINARY, "serve", f"plain={MODEL}", *models, "--port", "0", "--context", "1024", "--weights", "map"],
                                      stderr=cls.log)
        ready = set()
        while len(ready) < len(models) + 1:
            log = pathlib.Path(cls.log.name).read_text()
            assert cls.server.poll() is None, log
            time.sleep(0.05)
            ready = set(re.findall(r"model (\S+) is ready", log))
        cls.port = int(re.search(r"listening at http://127.0.0.1:(\d+)", log).group(1))

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        assert cls.server.wait(timeout=60) == 0
        cls.log.close()
        cls.directory.cleanup()

    def post(self, path, body, status=200):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        self.assertEqual(response.status, status, text)
        return text if response.headers["content-type"].startswith("text/event-stream") else json.loads(text)

    def chat(self, status=200, model="plain", content="Tell me about a cat.", **more):
        body = {"model": model, "messages": [{"role": "user", "content": content}], "temperature": 0, "max_tokens": 120, **more}
        return self.post("/v1/chat/completions", body, status)

    def content(self, **more):
        return self.chat(**more)["choices"][0]["message"]["content"]

    def complete(self, status=200, **more):
        return self.post("/v1/completions", {"model": "plain", "temperature": 0, "max_tokens": 8, **more}, status)

    def param(self, answer):
        return answer["error"]["param"]


class Choices(Model):
    def test_usage_counts_every_answer_of_n(self):
        answer = self.chat(n=3, temperature=1, seed=5, max_tokens=7, ignore_eos=True)
        texts = [choice["message"]["content"] for choice in answer["choices"]]
        self.assertEqual([choice["index"] for choice in answer["choices"]], [0, 1, 2])
        self.assertEqual(len(set(texts)), 3, "answers are independent")
        self.assertEqual(answer["usage"]["completion_tokens"], 21)
        again = self.chat(n=3, temperature=1, seed=5, max_tokens=7, ignore_eos=True)
        self.assertEqual(texts, [choice["message"]["content"] for choice in again["choices"]])

    def test_best_of_returns_the_likeliest_and_counts_them_all(self):
        ask = {"prompt": "The sky is", "temperature": 1.5, "seed": 3, "max_tokens": 6, "ignore_eos": True, "logprobs": 0}
        every = self.complete(n=4, **ask)
        means = [sum(choice["logprobs"]["token_logprobs"]) / 6 for choice in every["choices"]]
        best = self.complete(n=1, best_of=4, **ask)
        self.assertEqual(best["choices"][0]["text"], every["choices"][means.index(max(means))]["text"])
        self.assertEqual(best["usage"]["completion_tokens"], 24)
        self.assertEqual(self.param(self.complete(400, prompt="a", n=3, best_of=2)), "best_of")

    def test_echo_scores_the_prompt(self):
        prompt = "Paris is the capital of France."
        choice = self.complete(prompt=prompt, echo=True, logprobs=2)["choices"][0]
        scores = choice["logprobs"]
        self.assertTrue(choice["text"].startswith(prompt))
        self.assertEqual("".join(scores["tokens"]), choice["text"])
        self.assertIsNone(scores["token_logprobs"][0], "nothing stands before the first")
        self.assertTrue(all(value <= 0 for value in scores["token_logprobs"][1:]))
        for token, offset in zip(scores["tokens"], scores["text_offset"]):
            self.assertEqual(choice["text"][offset:offset + len(token)], token)
        alone = self.complete(prompt=prompt, echo=True, logprobs=2, max_tokens=0)["choices"][0]
        self.assertEqual(alone["text"], prompt)
        count = len(alone["logprobs"]["tokens"])
        self.assertEqual(alone["logprobs"]["tokens"], scores["tokens"][:count])

    def test_logprobs_are_of_the_answers_tokens_and_of_no_other(self):
        choice = self.chat(content="Say only: yes", logprobs=True, top_logprobs=2, max_tokens=200)["choices"][0]
        self.assertEqual(choice["finish_reason"], "stop")
        entries = choice["logprobs"]["content"]
        self.assertEqual("".join(entry["token"] for entry in entries), choice["message"]["content"])
        self.assertEqual([entry["token"] for entry in entries], [entry["top_logprobs"][0]["token"] for entry in entries])
        events = self.chat(content="Say only: yes", logprobs=True, top_logprobs=2, max_tokens=200, stream=True)
        streamed = []
        for line in events.split("\n"):
            if line.startswith("data: {"):
                streamed += (json.loads(line[6:])["choices"][0]["logprobs"] or {"content": []})["content"]
        self.assertEqual(streamed, entries)

    def test_a_request_that_takes_too_long_names_its_own_field(self):
        self.assertEqual(self.param(self.chat(504, timeout_ms=1, max_tokens=400, ignore_eos=True)), "timeout_ms")

    def test_embeddings_have_length_one_and_one_encoding_says_what_the_other_says(self):
        texts = ["A cat sleeps.", "Stocks fell sharply on Monday.", "A kitten is sleeping."]
        rows = [row["embedding"] for row in self.post("/v1/embeddings", {"model": "plain", "input": texts})["data"]]
        for row in rows:
            self.assertAlmostEqual(math.sqrt(sum(x * x for x in row)), 1, places=4)
        near = lambda a, b: sum(x * y for x, y in zip(a, b))
        self.assertGreater(near(rows[0], rows[2]), near(rows[0], rows[1]))
        coded = self.post("/v1/embeddings", {"model": "plain", "input": texts[0], "encoding_format": "base64"})
        raw = base64.b64decode(coded["data"][0]["embedding"])
        for a, b in zip(struct.unpack(f"<{len(raw) // 4}f", raw), rows[0]):
            self.assertAlmostEqual(a, b, places=3)
        self.assertGreater(coded["usage"]["prompt_tokens"], 0)

    def test_what_cannot_fit_is_refused_before_it_queues(self):
        answer = self.chat(400, content="word " * 2000)
        self.assertEqual(self.param(answer), "messages")
        self.assertIn("1024", answer["error"]["message"])
        self.assertEqual(self.param(self.complete(400, prompt="word " * 2000)), "prompt")

    def test_effective_says_what_ran(self):
        effective = self.chat(effective=True, response_format={"type": "json_object"}, max_tokens=4)["effective"]
        self.assertTrue(effective["constrained"])
        self.assertEqual((effective["architecture"], effective["sampling"]["max_tokens"], effective["context_tokens_max"]), ("llama", 4, 1024))

    def test_parts_of_a_message_are_one_text_and_pictures_are_refused_by_name(self):
        parts = [{"type": "text", "text": "Say "}, {"type": "text", "text": "only: yes"}]
        body = {"model": "plain", "temperature": 0, "max_tokens": 8}
        joined = self.post("/v1/chat/completions", {**body, "messages": [{"role": "user", "content": parts}]})
        self.assertEqual(joined["choices"][0]["message"]["content"], self.content(content="Say only: yes", max_tokens=8))
        picture = [*parts, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
        answer = self.post("/v1/chat/completions", {**body, "messages": [{"role": "user", "content": picture}]}, 400)
        self.assertEqual(self.param(answer), "messages[0].content[2].type")


class Forms(Model):
    def test_every_spelling_of_a_json_schema_is_kept(self):
        wanted = {"name": "cat", "strict": True, "schema": SCHEMA}
        for ask in [{"response_format": {"type": "json_schema", "json_schema": wanted}}, {"guided_json": SCHEMA},
                    {"guided_json": json.dumps(SCHEMA)}, {"structured_outputs": {"json": SCHEMA}}]:
            with self.subTest(ask):
                jsonschema.validate(json.loads(self.content(**ask)), SCHEMA)
                raw = self.complete(prompt="A cat:", max_tokens=120, **ask)["choices"][0]
                jsonschema.validate(json.loads(raw["text"]), SCHEMA)
                self.assertEqual(raw["finish_reason"], "stop")

    def test_any_object_is_an_object(self):
        for ask in [{"response_format": {"type": "json_object"}}, {"structured_outputs": {"json_object": True}}]:
            choice = self.chat(max_tokens=200, **ask)["choices"][0]
            if choice["finish_reason"] == "stop":
                self.assertIsInstance(json.loads(choice["message"]["content"]), dict)
            else:
                self.assertTrue(choice["message"]["content"].lstrip().startswith("{"))

    def test_patterns_choices_and_grammars_are_kept(self):
        gbnf, lark = 'root ::= "<" ("a" | "b") ">"', 'start: "<" ("a" | "b") ">"'
        for ask, pattern in [({"guided_regex": "[0-9]{3}-[0-9]{4}"}, "[0-9]{3}-[0-9]{4}"), ({"guided_choice": ["left", "right"]}, "left|right"),
                             ({"guided_grammar": gbnf}, "<[ab]>"), ({"guided_grammar": lark}, "<[ab]>"),
                             ({"structured_outputs": {"regex": "(ab){2,3}"}}, "(ab){2,3}"), ({"structured_outputs": {"choice": ["x", "y"]}}, "x|y"),
                             ({"structured_outputs": {"grammar": lark}}, "<[ab]>"), ({"structured_outputs": {"xml": "<a><b>text</b></a>"}}, r"<a>[\s\S]*<b>[\s\S]*</b>[\s\S]*</a>")]:
            with self.subTest(ask):
                self.assertRegex(self.content(**ask), f"^({pattern})$")

    def test_white_space_can_be_switched_off(self):
        text = self.content(structured_outputs={"json": SCHEMA, "disable_any_whitespace": True})
        self.assertEqual(text, json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False))

    def test_tags_in_free_text(self):
        tag = {"begin": "<cat>", "schema": SCHEMA, "end": "</cat>"}
        text = self.content(response_format={"type": "structural_tag", "structures": [tag], "triggers": ["<cat>"]})
        for found in re.findall(r"<cat>(.*?)</cat>", text, re.S):
            jsonschema.validate(json.loads(found), SCHEMA)

    def test_a_form_is_kept_in_a_stream_and_in_the_other_protocols(self):
        form = {"type": "json_schema", "name": "cat", "schema": SCHEMA}
        answer = self.post("/v1/responses", {"model": "plain", "input": "A cat.", "temperature": 0, "max_output_tokens": 120, "text": {"format": form}})
        jsonschema.validate(json.loads(answer["output"][0]["content"][0]["text"]), SCHEMA)
        events = self.chat(stream=True, response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}})
        text = "".join(json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in events.split("\n") if line.startswith("data: {"))
        jsonschema.validate(json.loads(text), SCHEMA)

    def test_a_form_begins_behind_reasoning_and_headings(self):
        for model in ["thinking", "harmony"]:
            message = self.chat(model=model, guided_json=SCHEMA)["choices"][0]["message"]
            jsonschema.validate(json.loads(message["content"]), SCHEMA)
            self.assertNotIn("reasoning_content", message)

    def test_two_forms_exclude_each_other_and_broken_ones_name_their_field(self):
        for ask, param in [({"guided_json": SCHEMA, "guided_regex": "a"}, "guided_regex"),
                           ({"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}}, "structured_outputs"),
                           ({"structured_outputs": {"regex": "a", "json": SCHEMA}}, "structured_outputs.regex"),
                           ({"guided_regex": "("}, "guided_regex"), ({"guided_json": {"type": "wrong"}}, "guided_json"),
                           ({"guided_grammar": "root ::= nowhere"}, "guided_grammar"), ({"guided_choice": []}, "guided_choice"),
                           ({"structured_outputs": {"whitespace_pattern": " "}}, "structured_outputs"),
                           ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format")]:
            with self.subTest(ask):
                self.assertEqual(self.param(self.chat(400, **ask)), param)


class Calls(Model):
    def calls(self, model, status=200, **more):
        return self.chat(status, model=model, tools=TOOLS, max_tokens=160, **more)

    def check(self, choice, count=None):
        self.assertEqual(choice["finish_reason"], "tool_calls", choice)
        calls = choice["message"]["tool_calls"]
        for call in calls:
            jsonschema.validate(json.loads(call["function"]["arguments"]), SCHEMAS[call["function"]["name"]])
        if count:
            self.assertEqual(len(calls), count)
        return [call["function"]["name"] for call in calls]

    def test_required_forces_a_call_in_every_dialect_that_can(self):
        for model in ["hermes", "mistral", "llama3", "json", "thinking"]:
            with self.subTest(model):
                self.check(self.calls(model, tool_choice="required", parallel_tool_calls=False)["choices"][0], 1)

    def test_a_forced_call_comes_beside_a_form_too(self):
        answer = self.calls("hermes", tool_choice="required", parallel_tool_calls=False, response_format={"type": "json_object"})
        self.check(answer["choices"][0], 1)

    def test_a_named_tool_is_the_one_that_is_called(self):
        for model in ["hermes", "mistral", "llama3", "json"]:
            for name in SCHEMAS:
                with self.subTest((model, name)):
                    choice = {"type": "function", "function": {"name": name}}
                    self.assertEqual(self.check(self.calls(model, tool_choice=choice, parallel_tool_calls=False)["choices"][0], 1), [name])

    def test_parallel_calls_are_calls_each(self):
        for model in ["hermes", "mistral", "llama3", "json"]:
            with self.subTest(model):
                answer = self.calls(model, tool_choice="required", temperature=1.4, n=4, seed=1)
                for choice in answer["choices"]:
                    if answer["usage"]["completion_tokens"] < 160:
                        self.check(choice)

    def test_a_stream_tells_the_call_that_the_whole_tells(self):
        whole = self.calls("hermes", tool_choice="required", parallel_tool_calls=False)["choices"][0]["message"]["tool_calls"][0]["function"]
        name, arguments = "", ""
        for line in self.calls("hermes", tool_choice="required", parallel_tool_calls=False, stream=True).split("\n"):
            if not line.startswith("data: {"):
                continue
            for call in json.loads(line[6:])["choices"][0]["delta"].get("tool_calls", []):
                name += call["function"].get("name", "")
                arguments += call["function"]["arguments"]
        self.assertEqual((name, arguments), (whole["name"], whole["arguments"]))

    def test_none_and_auto_leave_the_text_free(self):
        free = self.content(model="hermes", max_tokens=16)
        self.assertEqual(self.content(model="hermes", tools=TOOLS, tool_choice="none", max_tokens=16), free, "the template got no tools")
        self.assertIn(self.calls("hermes", tool_choice="auto")["choices"][0]["finish_reason"], ("stop", "length", "tool_calls"))

    def test_strict_holds_the_calls_that_an_answer_makes_by_itself(self):
        strict = [{"type": "function", "function": {**tool["function"], "strict": True}} for tool in TOOLS]
        # Shown three calls with a wrong argument, the model writes a fourth; held to the schema, it cannot.
        shown = '<tool_call>\n{"name": "now", "arguments": {"zone": "EST"}}\n</tool_call>'
        turns = [{"role": "user", "content": "Go."}, {"role": "assistant", "content": shown}] * 3 + [{"role": "user", "content": "Go."}]
        zones = {}
        for name, tools in [("free", TOOLS), ("strict", strict)]:
            body = {"model": "hermes", "messages": turns, "tools": tools, "parallel_tool_calls": False, "temperature": 0, "max_tokens": 60}
            choice = self.post("/v1/chat/completions", body)["choices"][0]
            zones[name] = json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])["zone"]
        self.assertEqual(zones["free"], "EST")
        self.assertIn(zones["strict"], ("UTC", "CET"))
        self.assertEqual(self.param(self.chat(400, model="llama3", tools=strict)), "tools[0].function.strict")
        self.check(self.chat(model="llama3", tools=strict, tool_choice="required", parallel_tool_calls=False)["choices"][0], 1)

    def test_what_a_dialect_cannot_be_held_to_is_refused_by_name(self):
        self.assertEqual(self.param(self.calls("deepseek", 400, tool_choice="required")), "tool_choice")
        self.assertEqual(self.param(self.calls("hermes", 400, tool_choice={"type": "function", "function": {"name": "other"}})), "tool_choice")
        self.assertEqual(self.param(self.calls("hermes", 400, response_format={"type": "json_object"})), "tools")
        self.assertEqual(self.param(self.calls("plain", 400)), "tools")
        broken = [{"type": "function", "function": {"name": "f", "parameters": {"type": "wrong"}}}]
        self.assertEqual(self.param(self.chat(400, model="hermes", tools=broken, tool_choice="required")), "tool_choice")
        for part, param in [({"parameters": []}, "parameters"), ({"strict": "yes"}, "strict")]:
            tool = {"type": "function", "function": {"name": "f", **part}}
            self.assertEqual(self.param(self.chat(400, model="hermes", tools=[tool])), f"tools[0].function.{param}")

    def test_the_other_protocols_force_calls_too(self):
        tools = [{"type": "function", **tool["function"]} for tool in TOOLS]
        answer = self.post("/v1/responses", {"model": "hermes", "input": "Go.", "temperature": 0, "max_output_tokens": 160, "tools": tools,
                                             "tool_choice": "required", "parallel_tool_calls": False})
        call = answer["output"][0]
        jsonschema.validate(json.loads(call["arguments"]), SCHEMAS[call["name"]])
        tools = [{"name": tool["function"]["name"], "input_schema": tool["function"]["parameters"]} for tool in TOOLS]
        answer = self.post("/v1/messages", {"model": "hermes", "messages": [{"role": "user", "content": "Go."}], "temperature": 0, "max_tokens": 160,
                                            "tools": tools, "tool_choice": {"type": "tool", "name": "now", "disable_parallel_tool_use": True}})
        self.assertEqual((answer["content"][0]["name"], answer["stop_reason"]), ("now", "tool_use"))
        jsonschema.validate(answer["content"][0]["input"], SCHEMAS["now"])


if __name__ == "__main__":
    if not MODEL.is_dir():
        print(f"needs {MODEL}: scripts/fetch-demo-model makes it")
        sys.exit(77)
    unittest.main()
