"""A small real model must answer in the form that is asked for, over the command line, JSON-RPC and HTTP. JSON is judged by
Python's jsonschema, XML by its parser and by what the schema says. Skips (77) where model or jsonschema
is missing.

    structured_output_test.py BINARY MODEL
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
import xml.etree.ElementTree as ElementTree

try:
    import jsonschema
except ImportError:
    sys.exit(77)

BINARY, MODEL = sys.argv[1], os.path.abspath(sys.argv[2])
PROMPT = "Describe a person who sells apples."
TOKENS = 400

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 30},
        "age": {"type": "integer", "minimum": 18, "maximum": 99},
        "mail": {"type": "string", "pattern": "^[a-z]{2,12}@[a-z]{2,12}\\.org$"},
        "tags": {"type": "array", "items": {"enum": ["red", "green", "ripe"]}, "minItems": 1, "maxItems": 3, "uniqueItems": True},
    },
    "required": ["name", "age", "mail", "tags"],
    "additionalProperties": False,
}
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="person"><xs:complexType><xs:sequence>
<xs:element name="name"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="[A-Z][a-z]{2,12}"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="age"><xs:simpleType><xs:restriction base="xs:integer"><xs:minInclusive value="18"/><xs:maxInclusive value="99"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="tag" minOccurs="1" maxOccurs="2"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="red"/><xs:enumeration value="ripe"/></xs:restriction></xs:simpleType></xs:element>
</xs:sequence><xs:attribute name="id" type="xs:unsignedByte" use="required"/></xs:complexType></xs:element></xs:schema>"""


def judge_json(text):
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text))


def judge_xml(text):
    person = ElementTree.fromstring(text)
    names = [child.tag for child in person]
    assert person.tag == "person" and names[:2] == ["name", "age"] and set(names[2:]) == {"tag"} and len(names) <= 4, text
    assert list(person.attrib) == ["id"] and 0 <= int(person.attrib["id"]) <= 255, text
    assert re.fullmatch("[A-Z][a-z]{2,12}", person[0].text) and 18 <= int(person[1].text) <= 99, text
    assert all(tag.text in ("red", "ripe") for tag in person[2:]), text


def over_the_command_line(seed):
    with tempfile.TemporaryDirectory() as directory:
        for name, flag, content, judge in (("s.json", "--json-schema", json.dumps(SCHEMA), judge_json), ("s.xsd", "--xml", XSD, judge_xml)):
            path = os.path.join(directory, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
            command = [BINARY, "generate", MODEL, PROMPT, flag, path, "--max-tokens", str(TOKENS), "--seed", str(seed), "--temperature", "1"]
            judge(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.strip())


def over_json_rpc(seed):
    runtime = subprocess.Popen([BINARY, "runtime"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def call(id, method, params):
        runtime.stdin.write(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}) + "\n")
        runtime.stdin.flush()

    def messages(is_last):
        for line in runtime.stdout:
            message = json.loads(line)
            assert "error" not in message, message
            yield message
            if is_last(message):
                return
        raise AssertionError("the runtime ended")

    call(1, "load_model", {"model_id": "m", "local_path": MODEL})
    list(messages(lambda message: message.get("id") == 1))
    for id, mode, schema, judge in ((2, "json_schema", SCHEMA, judge_json), (3, "xml", XSD, judge_xml)):
        call(id, "generate", {"model_id": "m", "prompt": PROMPT, "raw": False, "stream_id": mode, "max_tokens": TOKENS, "seed": seed,
                              "temperature": 1, "guidance": {"mode": mode, "schema": schema}})
        told = list(messages(lambda message: message.get("params", {}).get("event") == "completed"))
        judge("".join(message["params"].get("token", "") for message in told if message.get("method") == "stream.chunk").strip())
    call(4, "shutdown", {})
    assert runtime.wait(30) == 0


def over_http(seed):
    server = subprocess.Popen([BINARY, "serve", f"m={MODEL}", "--port", "0"], stderr=subprocess.PIPE, text=True)
    try:
        port = None
        for line in server.stderr:
            if found := re.search(r"listening at http://127.0.0.1:(\d+)", line):
                port = found.group(1)
            if "is ready" in line:
                break
        threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()
        for form, judge in (({"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}}, judge_json),
                            ({"structured_outputs": {"xml": XSD}}, judge_xml)):
            body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": TOKENS, "seed": seed, "temperature": 1, **form}
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=120) as response:
                choice = json.load(response)["choices"][0]
            assert choice["finish_reason"] == "stop", choice
            judge(choice["message"]["content"].strip())
    finally:
        server.terminate()
        server.wait(30)


if not os.path.isdir(MODEL):
    sys.exit(77)
for door in (over_the_command_line, over_json_rpc, over_http):
    door(seed=1)
    print(f"{door.__name__.replace('_', ' ')}: JSON and XML as asked")
