// The clients that people use, against the scripted server.   clients.mjs BASE_URL
import assert from "node:assert/strict";
import OpenAI from "openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const base = process.argv[2];
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "unused", maxRetries: 0 });
const user = (content) => [{ role: "user", content }];
const tests = [];
const test = (name, run) => tests.push([name, run]);

test("openai: a chat", async () => {
  const answer = await client.chat.completions.create({ model: "scripted", messages: user("say Hello there.") });
  assert.equal(answer.choices[0].message.content, "Hello there.");
  assert.equal(answer.usage.total_tokens, 5);
});

test("openai: a stream with usage", async () => {
  const stream = await client.chat.completions.create({
    model: "scripted", messages: user("say a b c"), stream: true, stream_options: { include_usage: true },
  });
  let text = "";
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, "a b c");
  assert.equal(usage.completion_tokens, 3);
});

const tools = [{ type: "function", function: { name: "now", parameters: { type: "object", properties: { zone: { type: "string" } } } } }];

test("openai: a tool's round trip", async () => {
  const messages = user('call now {"zone": "UTC"}');
  const asked = await client.chat.completions.create({ model: "scripted", messages, tools });
  assert.equal(asked.choices[0].finish_reason, "tool_calls");
  const call = asked.choices[0].message.tool_calls[0];
  assert.deepEqual(JSON.parse(call.function.arguments), { zone: "UTC" });
  messages.push(asked.choices[0].message, { role: "tool", tool_call_id: call.id, content: "noon" });
  const told = await client.chat.completions.create({ model: "scripted", messages, tools });
  assert.equal(told.choices[0].message.content, "The tool said: noon");
});

test("openai: streamed calls, gathered by its helper", async () => {
  const runner = client.chat.completions.stream({ model: "scripted", messages: user('call now {"zone": "a b c"}'), tools });
  const call = (await runner.finalMessage()).tool_calls[0];
  assert.deepEqual(JSON.parse(call.function.arguments), { zone: "a b c" });
});

test("openai: logprobs", async () => {
  const answer = await client.chat.completions.create({ model: "scripted", messages: user("say a b"), logprobs: true });
  assert.deepEqual(answer.choices[0].logprobs.content.map((t) => t.token), ["a", " b"]);
});

test("openai: error classes", async () => {
  const ask = (more) => client.chat.completions.create({ model: "scripted", messages: user("say a"), ...more });
  await assert.rejects(ask({ temperature: 9 }), (e) => e instanceof OpenAI.BadRequestError && e.param === "temperature");
  await assert.rejects(ask({ model: "none" }), (e) => e instanceof OpenAI.NotFoundError && e.code === "model_not_found");
  await assert.rejects(ask({ messages: user("fail") }), (e) => e instanceof OpenAI.InternalServerError);
});

test("openai: abort", async () => {
  const controller = new AbortController();
  const stream = await client.chat.completions.create(
    { model: "scripted", messages: user("forever"), stream: true }, { signal: controller.signal });
  let seen = 0;
  for await (const _ of stream) if (++seen === 5) controller.abort();
  assert.ok(seen >= 5);
  for (let i = 0; ; ++i) {
    const text = await (await fetch(`${base}/metrics`)).text();
    if (/^mlxs_http_generations 0$/m.test(text)) break;
    assert.ok(i < 100, "the generation goes on");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test("openai: responses", async () => {
  const answer = await client.responses.create({ model: "scripted", input: "say Hello there.", store: false });
  assert.equal(answer.output_text, "Hello there.");
  assert.equal(answer.status, "completed");
  const stream = client.responses.stream({ model: "scripted", input: 'call now {"zone": "UTC"}',
    tools: [{ type: "function", name: "now", parameters: { type: "object" }, strict: false }] });
  const last = await stream.finalResponse();
  assert.equal(last.output[0].type, "function_call");
  assert.equal(last.output[0].arguments, '{"zone": "UTC"}');
});

test("openai: completions, models, embeddings", async () => {
  const text = await client.completions.create({ model: "scripted", prompt: "say hi" });
  assert.equal(text.choices[0].text, "hi");
  assert.equal((await client.models.list()).data[0].id, "scripted");
  const vectors = await client.embeddings.create({ model: "scripted", input: ["a", "b"] });
  assert.deepEqual(vectors.data[1].embedding, [0.5, 1]);
});

const provider = createOpenAICompatible({ name: "mlx-serving", baseURL: `${base}/v1` });
const model = provider("scripted");

test("ai sdk: text and reasoning", async () => {
  const whole = await generateText({ model, prompt: "think Hm. | Yes." });
  assert.equal(whole.text.trim(), "Yes.");
  assert.equal(whole.reasoningText.trim(), "Hm.");
  let text = "";
  for await (const piece of streamText({ model, prompt: "say a b c" }).textStream) text += piece;
  assert.equal(text, "a b c");
});

test("ai sdk: a tool is called and its result comes back", async () => {
  const result = await generateText({
    model, prompt: 'call now {"zone": "UTC"}', stopWhen: stepCountIs(2),
    tools: { now: tool({ description: "time", inputSchema: z.object({ zone: z.string() }), execute: async ({ zone }) => `noon in ${zone}` }) },
  });
  assert.equal(result.text, 'The tool said: noon in UTC');
});

let failed = 0;
for (const [name, run] of tests) {
  try {
    await run();
    console.log(`ok   ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAIL ${name}\n${error.stack}`);
  }
}
console.log(`${tests.length - failed} of ${tests.length}`);
process.exit(failed ? 1 : 0);
