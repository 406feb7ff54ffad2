/**
 * The package over the real runtime and a real model. scripts/test-client names both; without them nothing is run here.
 * The texts are mlx-lm's own, from tests/cases/greedy_smollm2.json.
 */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { RuntimeProcess } from '../src/bridge/runtime-process.js';
import { JsonRpcErrorCode } from '../src/bridge/serializers.js';
import { loadConfig } from '../src/config/loader.js';
import { Engine, EngineClientError } from '../src/index.js';
import type { GeneratorChunk, GeneratorParams } from '../src/index.js';
import rpcMethods from './contract/rpc-methods.json' with { type: 'json' };

const binary = process.env['MLX_SERVING_TEST_BINARY'];
const model = process.env['MLX_SERVING_TEST_MODEL'];
const greedy = JSON.parse(
  readFileSync(new URL('../../tests/cases/greedy_smollm2.json', import.meta.url), 'utf8'),
) as Array<{ prompt: string; ids: number[] }>;

describe.skipIf(binary === undefined || model === undefined)('over the real runtime', () => {
  const config = loadConfig(undefined, 'test');
  config.python_runtime.restart_delay_base_ms = 50;
  config.python_runtime.max_restarts = 3;
  config.stream_registry.max_active_streams = 64;
  const runner = new RuntimeProcess({
    config,
    command: () => ({ program: binary!, args: ['runtime', '--numerics', 'f32'] }),
  });
  const engine = new Engine({}, { runner, logger: pino({ level: 'silent' }) });
  const load = () => engine.loadModel({ model: 'm', localPath: model! });
  const params = (more: Partial<GeneratorParams> = {}): GeneratorParams => ({
    model: 'm',
    prompt: 'Once upon a time',
    temperature: 0,
    ...more,
  });
  const refused = async (action: Promise<unknown>) => {
    const error = await action.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EngineClientError);
    return error as EngineClientError;
  };

  beforeAll(load, 120_000);
  afterAll(() => engine.shutdown());

  it('loads: the handle says what the model is', () => {
    const handle = engine.getModelInfo('m')!;
    expect(handle).toMatchObject({ state: 'ready', contextLength: expect.any(Number) as number });
    expect(handle.metadata['parameterCount']).toBeGreaterThan(100_000_000);
  });

  it('answers what mlx-lm answers', async () => {
    for (const { prompt, ids } of greedy.slice(0, 2)) {
      const chunks: GeneratorChunk[] = [];
      const asked = params({ prompt, maxTokens: 16, ignoreEos: true });
      for await (const chunk of engine.createGenerator(asked)) chunks.push(chunk);
      const tokens = chunks.flatMap((chunk) =>
        chunk.type === 'token' && chunk.isFinal === false ? [chunk.tokenId] : [],
      );
      expect(tokens).toEqual(ids.slice(0, 16));
      expect(chunks.at(-1)).toMatchObject({ type: 'metadata', stats: { tokensGenerated: 16 } });
    }
  });

  it('tokenises as its tokenizer does', async () => {
    expect((await engine.tokenize({ model: 'm', text: 'The capital of France is' })).tokens).toEqual([
      504, 3575, 282, 4649, 314,
    ]);
  });

  it('stops for a string, a token and a seed in the same place', async () => {
    const text = await engine.generate(params({ maxTokens: 12 }));
    const word = text.trim().split(' ')[2]!;
    expect(await engine.generate(params({ maxTokens: 12, stopSequences: [word] }))).toBe(
      text.slice(0, text.indexOf(word)),
    );
    const drawn = params({ temperature: 1, seed: 7, maxTokens: 8 });
    expect(await engine.generate(drawn)).toBe(await engine.generate(drawn));
  });

  it('writes what a Zod schema describes', async ({ skip }) => {
    if (!(await engine.getRuntimeInfo()).capabilities.includes('guidance')) skip();
    const schema = z.object({ name: z.string().max(12), age: z.number().int().min(0).max(120) });
    const structured = { schema, format: 'json' as const };
    const text = await engine.generate(params({ prompt: 'A person: ', structured, maxTokens: 100 }));
    expect(schema.safeParse(JSON.parse(text)).error).toBeUndefined();
  });

  it('serves many streams, and a reader that is slow delays nobody', async () => {
    const slow = engine.createGenerator(params({ maxTokens: 150, ignoreEos: true }));
    await slow.next();
    const texts = await Promise.all(
      Array.from({ length: 16 }, () => engine.generate(params({ maxTokens: 5 }))),
    );
    expect(new Set(texts).size).toBe(1);
    let count = 1;
    for await (const { type } of slow) if (type === 'token') count += 1;
    expect(count).toBeGreaterThanOrEqual(150);
  });

  it('ends a generation whose reader leaves, aborts or has waited long enough', async () => {
    const endless = params({ maxTokens: 4096, ignoreEos: true });
    for await (const { type } of engine.createGenerator(endless)) if (type === 'token') break;
    const controller = new AbortController();
    const last = async (options: object) => {
      let chunk: GeneratorChunk | undefined;
      for await (chunk of engine.createGenerator(endless, options))
        if (chunk.type === 'token') controller.abort();
      return chunk;
    };
    expect(await last({ signal: controller.signal })).toMatchObject({ error: { message: 'Stream aborted' } });
    expect(await last({ timeoutMs: 100, streamId: 's' })).toMatchObject({ error: { code: 'Timeout' } });
    await vi.waitFor(
      async () => {
        const state = await runner.transport!.request<{ active_streams: number }>('runtime/state');
        expect(state.active_streams).toBe(0);
      },
      { timeout: 10_000 },
    );
  });

  it('says what is wrong with its code', async () => {
    const missing = await refused(engine.loadModel({ model: 'none', localPath: '/no/such/folder' }));
    expect(missing.code).toBe('ModelLoadError');
    expect(missing.message).toContain('Local path does not exist');
    expect((await refused(engine.generate(params({ model: 'none' })))).code).toBe('ModelNotLoaded');
    const wrong = await refused(engine.generate(params({ stopSequences: Array<string>(11).fill('x') })));
    expect([wrong.code, wrong.message]).toEqual([
      'InvalidParams',
      expect.stringContaining('too many stop_sequences (11, max 10)'),
    ]);
    expect((await refused(engine.isDraftModelCompatible('m', 'none'))).code).toBe('ModelNotLoaded');
    expect(await engine.isDraftModelCompatible('m', 'm')).toMatchObject({ compatible: true });
  });

  it.each(rpcMethods.filter((method) => method !== 'shutdown'))('has %s', async (method) => {
    const reply: unknown = await runner.transport!.request(method, {}).catch((error: unknown) => error);
    expect(reply).not.toMatchObject({ code: JsonRpcErrorCode.MethodNotFound });
  });

  it('is told by the runtime what it is and how it is', async () => {
    expect(await engine.getRuntimeInfo()).toMatchObject({ protocol: 'json-rpc-2.0', mlxSupported: true });
    expect(await engine.healthCheck()).toMatchObject({
      status: 'healthy',
      stateConsistent: true,
      loadedModels: 1,
    });
  });

  it('is restarted after kill -9; what was under way ends with its code', async () => {
    const invalidated = vi.fn();
    engine.once('model:invalidated', invalidated);
    const stream = engine.createGenerator(params({ maxTokens: 4096, ignoreEos: true }));
    await stream.next();
    const before = runner.pid!;
    process.kill(before, 'SIGSTOP'); // so that it cannot answer in time
    const pending = refused(
      runner.transport!.request('generate', { model_id: 'm', prompt: 'x', streaming: true }),
    );
    process.kill(before, 'SIGKILL');
    expect((await pending).code).toBe('TransportError');
    const chunks: GeneratorChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.at(-1)).toEqual({
      type: 'error',
      error: { code: 'TransportError', message: 'StreamRegistry shutdown' },
    });
    expect(invalidated).toHaveBeenCalledWith(
      expect.objectContaining({ modelId: 'm', reason: 'python_restart' }),
    );
    await load();
    expect(runner.pid).not.toBe(before);
    expect(await engine.generate(params({ maxTokens: 3 }))).not.toBe('');
  }, 60_000);

  it('shuts down, and starts again when it is used', async () => {
    const { pid } = runner;
    await engine.shutdown();
    expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
    expect(engine.listModels()).toEqual([]);
    await load();
    await engine.unloadModel('m');
    expect(engine.listModels()).toEqual([]);
  }, 60_000);
});
