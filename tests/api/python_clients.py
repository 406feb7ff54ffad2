"""PyPI's openai and litellm, and schemathesis against /openapi.json, each in an environment of its own below build/.
python_clients.py SCRIPTED_SERVER [openai|litellm|schemathesis]..."""
import pathlib
import subprocess
import sys
import textwrap
import venv

BUILD = pathlib.Path(__file__).parents[2] / "build"
PACKAGES = {"openai": ["openai==3.57.0"], "litellm": ["litellm==1.106.0", "mcp"], "schemathesis": ["schemathesis==4.32.5"]}

OPENAI = '''
    import json, sys
    import openai
    client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="unused", max_retries=0)
    user = lambda text: [{"role": "user", "content": text}]
    answer = client.chat.completions.create(model="scripted", messages=user("say Hello there."))
    assert answer.choices[0].message.content == "Hello there.", answer
    stream = client.chat.completions.create(model="scripted", messages=user("say a b"), stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "a b"
    assert chunks[-1].usage.completion_tokens == 2
    tools = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}]
    messages = user('call now {"zone": "UTC"}')
    call = client.chat.completions.create(model="scripted", messages=messages, tools=tools).choices[0].message
    assert json.loads(call.tool_calls[0].function.arguments) == {"zone": "UTC"}
    messages += [call, {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "noon"}]
    assert client.chat.completions.create(model="scripted", messages=messages).choices[0].message.content == "The tool said: noon"
    for kind, more in [(openai.BadRequestError, {"temperature": 9}), (openai.NotFoundError, {"model": "none"}),
                       (openai.InternalServerError, {"messages": user("fail")})]:
        try:
            client.chat.completions.create(**{"model": "scripted", "messages": user("say a"), **more})
            raise SystemExit(f"{kind} was not raised")
        except kind:
            pass
    assert client.responses.create(model="scripted", input="say hi", store=False).output_text == "hi"
    with client.responses.stream(model="scripted", input="say a b") as events:
        assert events.get_final_response().output_text == "a b" if hasattr(events, "get_final_response") else list(events)
    assert client.embeddings.create(model="scripted", input="a").data[0].embedding == [0.5, 0.0]
    stream = client.chat.completions.create(model="scripted", messages=user("forever"), stream=True)
    for i, _ in enumerate(stream):
        if i == 5:
            stream.close()
            break
    print("openai: all well")
'''
LITELLM = '''
    import sys
    import litellm
    ask = dict(model="openai/scripted", api_base=sys.argv[1] + "/v1", api_key="unused")
    answer = litellm.completion(messages=[{"role": "user", "content": "say Hello there."}], **ask)
    assert answer.choices[0].message.content == "Hello there."
    pieces = litellm.completion(messages=[{"role": "user", "content": "say a b"}], stream=True, **ask)
    assert "".join(p.choices[0].delta.content or "" for p in pieces) == "a b"
    tools = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}]
    called = litellm.completion(messages=[{"role": "user", "content": "call now {}"}], tools=tools, **ask)
    assert called.choices[0].message.tool_calls[0].function.name == "now"
    try:
        litellm.completion(messages=[{"role": "user", "content": "a"}], temperature=9, **ask)
        raise SystemExit("no error")
    except litellm.BadRequestError:
        pass
    print("litellm: all well")
'''


def environment(name):
    path = BUILD / f"venv-http-{name}"
    stamp = path / ".packages"
    if not stamp.is_file() or stamp.read_text() != " ".join(PACKAGES[name]):
        venv.create(path, with_pip=True)
        subprocess.run([path / "bin" / "pip", "install", "-q", "--disable-pip-version-check", *PACKAGES[name]], check=True)
        stamp.write_text(" ".join(PACKAGES[name]))
    return path / "bin"


def run(name, base):
    tools = environment(name)
    if name == "schemathesis":
        checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        return subprocess.run([tools / "schemathesis", "run", f"{base}/openapi.json", "--checks", checks, "--phases", "examples,coverage,fuzzing",
                               "--max-examples", "60", "--seed", "7", "--exclude-path", "/v1/models/unload"], timeout=1800, cwd=BUILD).returncode
    script = textwrap.dedent(OPENAI if name == "openai" else LITELLM)
    return subprocess.run([tools / "python", "-c", script, base], timeout=300).returncode


names = sys.argv[2:] or list(PACKAGES)
server = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
try:
    base = f"http://127.0.0.1:{int(server.stdout.readline())}"
    failed = [name for name in names if run(name, base) != 0]
finally:
    server.terminate()
    server.wait(timeout=60)
print("failed: " + ", ".join(failed) if failed else "all clients well")
sys.exit(1 if failed else 0)
