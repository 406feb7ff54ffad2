#!/usr/bin/env node
// What streaming through the npm package costs: tokens per second of the same streams through the C++ API and through
// the package, in turns within one run.
//   node bench/client/cost.mjs BINARY STREAMS_PROGRAM MODEL [--streams 16] [--tokens 128] [--rounds 5]
// BINARY is mlx-serving, STREAMS_PROGRAM the build's bench/client_streams. The package must have been built.
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    streams: { type: 'string', default: '16' },
    tokens: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '5' },
  },
});
const [binary, program, model] = positionals;
const [streams, tokens, rounds] = [values.streams, values.tokens, values.rounds].map(Number);
if (model === undefined) {
  console.error('usage: cost.mjs BINARY STREAMS_PROGRAM MODEL [--streams N] [--tokens N] [--rounds N]');
  process.exit(2);
}

process.env.MLX_SERVING_BIN = binary;
process.env.NODE_ENV = 'production';
const { createEngine } = await import('../../client/dist/index.js');

/** Rounds of the C++ API: tokens per second. */
function native() {
  const child = spawn(program, [model, String(streams), String(tokens)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const round = async () => {
    child.stdin.write('\n');
    const [count, seconds] = (await lines.next()).value.split(' ').map(Number);
    return count / seconds;
  };
  return { round, end: () => child.stdin.end() };
}

/** Rounds of the package. */
async function packaged() {
  const engine = await createEngine();
  await engine.loadModel({ model: 'bench', localPath: model });
  const read = async (i) => {
    const params = { model: 'bench', prompt: `Story number ${i}:`, temperature: 0, maxTokens: tokens, ignoreEos: true };
    let count = 0;
    for await (const chunk of engine.createGenerator(params)) {
      if (chunk.type === 'error') throw new Error(chunk.error.message);
      if (chunk.type === 'metadata') count = chunk.stats.tokensGenerated;
    }
    return count;
  };
  const round = async () => {
    const startedAt = performance.now();
    const counts = await Promise.all(Array.from({ length: streams }, (_, i) => read(i)));
    return (counts.reduce((sum, count) => sum + count, 0) * 1000) / (performance.now() - startedAt);
  };
  return { round, end: () => engine.shutdown() };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const [api, client] = [native(), await packaged()];
await api.round();
await client.round();
const results = { api: [], client: [] };
for (let i = 0; i < rounds; i++) {
  results.api.push(await api.round());
  results.client.push(await client.round());
}
api.end();
await client.end();

console.log(`${streams} streams of ${tokens} tokens, ${rounds} rounds in turns, ${cpus().length} x ${cpus()[0].model}`);
for (const [name, numbers] of [['C++ API', results.api], ['npm package', results.client]]) {
  const range = `${Math.min(...numbers).toFixed(1)} to ${Math.max(...numbers).toFixed(1)}`;
  console.log(`${name.padEnd(12)} ${median(numbers).toFixed(1)} tokens/s, ${range}`);
}
// Of each pair of rounds, so that a machine that slows down meanwhile slows both.
const ratios = results.client.map((speed, i) => speed / results.api[i]);
console.log(`ratio        ${median(ratios).toFixed(3)}, ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`);
