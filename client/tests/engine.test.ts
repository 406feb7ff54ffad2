import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RuntimeProcess } from '../src/bridge/runtime-process.js';
import { StreamRegistry } from '../src/bridge/stream-registry.js';
import { loadConfig } from '../src/config/loader.js';
import { Engine, EngineClientError, createEngine } from '../src/index.js';
import type { EngineErrorCode, GeneratorChunk, GeneratorParams } from '../src/index.js';
import { makeEngine, makeProcess, options, seenBy, sleep } from './fixtures/engine.js';

let runner: RuntimeProcess;
let engine: Engine;

function make(change?: Parameters<typeof makeProcess>[0], more?: Parameters<typeof makeEngine>[1]): Engine {
  runner = makeProcess(change);
  engine = makeEngine(runner, more);
  return engine;
}

async function loaded(change?: Parameters<typeof makeProcess>[0]): Promise<Engine> {
  await make(change).loadModel('m');
  return engine;
}

async function chunksOf(params: Partial<GeneratorParams>, more?: object): Promise<GeneratorChunk[]> {
  const chunks: GeneratorChunk[] = [];
  for await (const chunk of engine.createGenerator({ model: 'm', prompt: 'p', ...params }, more))
    chunks.push(chunk);
  return chunks;
}

async function errorOf(action: Promise<unknown>): Promise<EngineClientError> {
  const error = await action.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(EngineClientError);
  return error as EngineClientError;
}

afterEach(async () => {
  delete process.env['FIXTURE_MODE'];
  await engine?.shutdown();
});

describe('models', () => {
  it('load from a name or options in either spelling', async () => {
    make();
    const handle = await engine.loadModel('org/m');
    expect(handle.descriptor).toEqual({
      id: 'org/m',
      source: 'huggingface',
      modality: 'text',
      family: 'mlx-lm',
    });
    expect(handle.contextLength).toBe(8192);
    expect(handle.metadata).toMatchObject({ parameterCount: 7, quantization: 'none', draft: false });
    await engine.load_model({ model_id: 'n', local_path: '/models/n', quantization: 'int4' });
    const { seen } = await seenBy(runner);
    expect(seen.filter(({ method }) => method === 'load_model').map(({ params }) => params)).toEqual([
      { model_id: 'org/m', draft: false },
      { model_id: 'n', draft: false, quantization: 'int4', local_path: '/models/n' },
    ]);
    expect(engine.listModels().map(({ descriptor }) => descriptor.id)).toEqual(['org/m', 'n']);
  });

  it('load once for callers that come together and for later ones', async () => {
    make();
    const [a, b] = await Promise.all([engine.loadModel('m'), engine.loadModel({ model: 'm' })]);
    expect(a).toBe(b);
    expect(await engine.loadModel('m')).toBe(a);
    expect(await engine.loadModel({ model: 'm', revision: 'v2' })).not.toBe(a);
    const { seen } = await seenBy(runner);
    expect(seen.filter(({ method }) => method === 'load_model')).toHaveLength(2);
  });

  it('give the runtime’s error with its code, and an event', async () => {
    make();
    const events = vi.fn();
    engine.on('error', events);
    const error = await errorOf(engine.loadModel('missing'));
    expect(error.code).toBe('ModelLoadError');
    expect(error.message).toBe(
      'Failed to load model missing: no such model (method: load_model, attempts: 1)',
    );
    expect(error.details).toEqual({ model_id: 'missing' });
    expect(events).toHaveBeenCalledWith(expect.objectContaining({ error: error.toObject() }));
  });

  it('never open the circuit with their errors', async () => {
    make();
    for (let i = 0; i < 10; i++)
      expect((await errorOf(engine.loadModel('missing'))).code).toBe('ModelLoadError');
    expect((await engine.loadModel('m')).state).toBe('ready');
  });

  it('say which field of the options is wrong', async () => {
    make();
    const cases: Array<[unknown, string]> = [
      [{ model: '' }, "Validation error on field 'model': Cannot be empty"],
      [null, "Validation error on field 'root': Required"],
      [
        { model: 'm', quantization: 'int3' },
        "Validation error on field 'quantization': Quantization must be one of: none, int8, int4",
      ],
    ];
    for (const [value, message] of cases) {
      const error = await errorOf(engine.loadModel(value as string));
      expect([error.code, error.message]).toEqual(['InvalidParams', message]);
      expect(error.details?.['issues']).toBeInstanceOf(Array);
    }
  });

  it('unload, and tell even of unknown ones', async () => {
    await loaded();
    const events = vi.fn();
    engine.on('model:unloaded', events);
    await engine.unload_model('m');
    await engine.unloadModel('unknown');
    expect(events.mock.calls.map(([{ modelId }]) => modelId)).toEqual(['m', 'unknown']);
    expect(engine.getModelInfo('m')).toBeUndefined();
    const { seen } = await seenBy(runner);
    expect(seen.filter(({ method }) => method === 'unload_model')).toHaveLength(1);
  });

  it('make room by unloading the one that was used longest ago, and tell', async () => {
    make(({ model }) => {
      model.memory_cache!.max_cached_models = 2;
    });
    const events = vi.fn();
    engine.on('model:unloaded', events);
    await engine.loadModel('a');
    await engine.loadModel('b');
    await engine.generate({ model: 'a', prompt: 'p' });
    await engine.loadModel('c');
    expect(engine.list_models().map(({ descriptor }) => descriptor.id)).toEqual(['a', 'c']);
    expect(events).toHaveBeenCalledTimes(1);
    expect((await engine.getCacheStats()).models.map(({ modelId }) => modelId)).toEqual(['c', 'a']);
  });

  it('are refused beyond the limit', async () => {
    make(({ model }) => {
      model.max_loaded_models = 1;
      model.memory_cache!.enabled = false;
    });
    await engine.loadModel('a');
    const error = await errorOf(engine.loadModel('b'));
    expect(error.message).toContain('maximum number of loaded models (1) reached');
  });

  it('draft for each other', async () => {
    await loaded();
    const draft = await engine.load_draft_model('d');
    expect(draft.draft).toBe(true);
    const report = await engine.is_draft_model_compatible('m', 'd');
    expect(report.details.performanceEstimate.expectedSpeedup).toBe('1.23x');
    expect(report.details.draftModel).toEqual({
      id: 'd',
      vocabSize: 10,
      parameterCount: 100,
      architecture: 'llama',
    });
    await engine.unloadDraftModel();
    expect(engine.getModelInfo('d')).toBeUndefined();
    await engine.unload_draft_model('d');
    expect((await errorOf(engine.isDraftModelCompatible('m', 'x'))).code).toBe('ModelNotLoaded');
  });

  it('warm up without an event', async () => {
    make();
    const events = vi.fn();
    engine.on('model:loaded', events);
    await engine.warmup_model('m');
    expect(engine.get_model_info('m')?.state).toBe('ready');
    expect(events).not.toHaveBeenCalled();
    expect((await errorOf(engine.warmupModel(null as unknown as string))).code).toBe('InvalidParams');
  });
});

describe('generation', () => {
  it('gives tokens, then statistics', async () => {
    await loaded();
    const chunks = await chunksOf({ maxTokens: 3 });
    expect(chunks.map(({ type }) => type)).toEqual(['token', 'token', 'token', 'metadata']);
    expect(chunks[0]).toEqual({ type: 'token', token: 't0 ', tokenId: 0, isFinal: false, logprob: -0.5 });
    expect(chunks[3]).toMatchObject({ stats: { tokensGenerated: 3, tokensPerSecond: 40, totalTime: 0.2 } });
    expect(await engine.generate({ model: 'm', prompt: 'p', maxTokens: 2 })).toBe('t0 t1 ');
  });

  it('measures statistics when the runtime sends none, and takes batched tokens', async () => {
    await loaded();
    const chunks = await chunksOf({ prompt: 'no stats', maxTokens: 2 });
    expect(chunks.at(-1)).toMatchObject({ type: 'metadata', stats: { tokensGenerated: 2, modelId: 'm' } });
    expect(await engine.generate({ model: 'm', prompt: 'batched', maxTokens: 4 })).toBe('t0 t0 t2 t2 ');
  });

  it('forwards every parameter, in either spelling', async () => {
    await loaded();
    await engine.generate({
      model: 'm',
      prompt: { template: 'Hi {{ name }}{{nobody}}', variables: { name: 'Ann' } },
      max_tokens: 1,
      topP: 0.5,
      stopSequences: ['x'],
      stop_token_ids: [1],
      seed: 7,
      topK: 4,
      min_p: 0.1,
      structured: { format: 'json', schema: { type: 'object' } },
    });
    await engine.generate({ model: 'm', prompt: { tokens: [1, 2] }, maxTokens: 1, presencePenalty: 1 });
    const { seen } = await seenBy(runner);
    const [first, second] = seen.filter(({ method }) => method === 'generate').map(({ params }) => params);
    expect(first).toMatchObject({
      model_id: 'm',
      prompt: 'Hi Ann',
      max_tokens: 1,
      top_p: 0.5,
      stop_sequences: ['x'],
      stop_token_ids: [1],
      seed: 7,
      top_k: 4,
      min_p: 0.1,
      guidance: { mode: 'json_schema', schema: { type: 'object' } },
      streaming: true,
    });
    expect(second).toMatchObject({ prompt_tokens: [1, 2], presence_penalty: 1 });
  });

  it('starts nothing before the first read', async () => {
    await loaded();
    const before = (await seenBy(runner)).seen.length;
    const generator = engine.createGenerator({ model: 'm', prompt: 'p' });
    expect((await seenBy(runner)).seen.length).toBe(before);
    await generator.return();
  });

  it('emits its events', async () => {
    await loaded();
    const events: string[] = [];
    engine.on('generation:started', ({ prompt, streamId }) => events.push(`started ${prompt} ${streamId}`));
    engine.on('generation:token', ({ token }) => events.push(token));
    engine.on('generation:completed', ({ stats }) => events.push(`completed ${stats.tokensGenerated}`));
    await chunksOf({ maxTokens: 2 }, { streamId: 's' });
    expect(events).toEqual(['started p s', 't0 ', 't1 ', 'completed 2']);
  });

  it('calls the telemetry hooks', async () => {
    const hooks = {
      onModelLoaded: vi.fn(),
      onTokenGenerated: vi.fn(),
      onGenerationCompleted: vi.fn(),
      onError: vi.fn(),
    };
    make(undefined, { telemetry: { enabled: true, hooks } });
    await engine.loadModel('m');
    await chunksOf({ maxTokens: 2 });
    await chunksOf({ prompt: 'fail' });
    expect(hooks.onModelLoaded).toHaveBeenCalledTimes(1);
    expect(hooks.onTokenGenerated).toHaveBeenCalledTimes(3);
    expect(hooks.onTokenGenerated.mock.calls[1]![1]).toMatchObject({ tokensGenerated: 2, modelId: 'm' });
    expect(hooks.onGenerationCompleted).toHaveBeenCalledWith(expect.objectContaining({ modelId: 'm' }));
    expect(hooks.onError).toHaveBeenCalledWith(expect.objectContaining({ message: 'it broke' }));
  });

  it('ends with an error chunk when the runtime fails', async () => {
    await loaded();
    const chunks = await chunksOf({ prompt: 'fail' });
    expect(chunks.at(-1)).toEqual({ type: 'error', error: { code: 'GenerationError', message: 'it broke' } });
    const error = await errorOf(engine.generate({ model: 'm', prompt: 'fail' }));
    expect([error.code, error.message]).toEqual(['GenerationError', 'it broke']);
    expect(error.details?.['engineError']).toMatchObject({ message: 'it broke' });
  });

  it('keeps the runtime’s code when the call is refused', async () => {
    await make().loadModel('m');
    const error = await errorOf(engine.generate({ model: 'other', prompt: 'p' }));
    expect(error.code).toBe('ModelNotLoaded');
  });

  it('ends at an abort and tells the runtime', async () => {
    await loaded();
    const controller = new AbortController();
    const chunks: GeneratorChunk[] = [];
    const params = { model: 'm', prompt: 'slow', maxTokens: 1000 };
    for await (const chunk of engine.createGenerator(params, { signal: controller.signal, streamId: 's' })) {
      chunks.push(chunk);
      controller.abort();
    }
    expect(chunks.at(-1)).toEqual({
      type: 'error',
      error: { code: 'GenerationError', message: 'Stream aborted' },
    });
    expect((await seenBy(runner)).cancels).toEqual([{ stream_id: 's' }]);
    const refused = await errorOf(engine.generate(params, { signal: controller.signal }));
    expect([refused.code, refused.message]).toEqual(['Cancelled', 'Generate request aborted']);
  });

  it('is cancelled when its reader leaves', async () => {
    await loaded();
    for await (const chunk of engine.createGenerator({ model: 'm', prompt: 'slow' }, { streamId: 's' })) {
      expect(chunk.type).toBe('token');
      break;
    }
    expect((await seenBy(runner)).cancels).toEqual([{ stream_id: 's' }]);
    expect((await engine.healthCheck()).activeStreams).toBe(0);
  });

  it('ends at its time-out and tells the runtime', async () => {
    await loaded();
    const chunks = await chunksOf({ prompt: 'slow', maxTokens: 1000 }, { timeoutMs: 120, streamId: 's' });
    expect(chunks.at(-1)).toEqual({
      type: 'error',
      error: { code: 'Timeout', message: 'Stream s timed out' },
    });
    expect((await seenBy(runner)).cancels).toEqual([{ stream_id: 's' }]);
  });

  it('refuses a stream id in use and more streams than allowed', async () => {
    await loaded(({ stream_registry: streams }) => {
      streams.max_active_streams = 1;
    });
    const first = engine.createGenerator({ model: 'm', prompt: 'slow' }, { streamId: 's' });
    await first.next();
    expect((await errorOf(chunksOf({}, { streamId: 's' }))).message).toBe('Stream s already registered');
    expect((await errorOf(chunksOf({}))).message).toContain('Max active streams (1) exceeded');
    await first.return();
  });

  it('serves many at once, each with its own tokens', async () => {
    await loaded(({ stream_registry: streams }) => {
      streams.max_active_streams = 50;
    });
    const texts = await Promise.all(
      Array.from({ length: 50 }, (_, i) => engine.generate({ model: 'm', prompt: 'p', maxTokens: i + 1 })),
    );
    texts.forEach((text, i) => expect(text.trim().split(' ')).toHaveLength(i + 1));
  });

  it('tells a runtime that grants credit what its readers have taken', async () => {
    process.env['FIXTURE_MODE'] = 'credit';
    await loaded();
    await chunksOf({ maxTokens: 60 });
    const { acks, seen } = await seenBy(runner);
    expect(acks).toBe(50);
    expect(seen.find(({ method }) => method === 'generate')!.params['credit']).toBe(100);
  });

  it('reports a wrong parameter by its path, without an event', async () => {
    await loaded();
    const events = vi.fn();
    engine.on('error', events);
    const error = await errorOf(chunksOf({ stopTokenIds: [-1, 1.5] }));
    expect(error.message).toBe("Validation error on field 'stopTokenIds.0': Must be non-negative");
    expect(error.details).toEqual({
      field: 'stopTokenIds.0',
      issues: [
        { path: ['stopTokenIds', 0], message: 'Must be non-negative', code: 'too_small' },
        { path: ['stopTokenIds', 1], message: 'Must be an integer', code: 'invalid_type' },
      ],
    });
    expect(events).not.toHaveBeenCalled();
    const template = { template: '{{a}}', variables: { a: {} as string } };
    expect((await errorOf(chunksOf({ prompt: template }))).code).toBe('InvalidParams');
  });
});

describe('tokenising', () => {
  it('gives ids and strings', async () => {
    await loaded();
    expect(await engine.tokenize({ model: 'm', text: 'ab' })).toEqual({
      tokens: [97, 98],
      tokenStrings: ['a', 'b'],
    });
    expect(engine.getBatchStats()).toMatchObject({ tokenizeFallbacks: 1, tokenizeBatches: 0 });
  });

  it('needs a loaded model', async () => {
    const error = await errorOf(make().tokenize({ model: 'm', text: 'a' }));
    expect([error.code, error.message]).toEqual([
      'ModelNotLoaded',
      'Model m must be loaded before tokenization',
    ]);
    expect(engine.getBatchStats()).toBeUndefined();
  });

  it('joins calls into batches when that is switched on', async () => {
    await loaded(({ batch_queue: queue }) => {
      queue.enabled = true;
      queue.max_batch_size = 4;
    });
    const texts = ['a', 'b', 'c', 'd', 'e', 'f'];
    const replies = await Promise.all(texts.map((text) => engine.tokenize({ model: 'm', text })));
    expect(replies.map(({ tokenStrings }) => tokenStrings)).toEqual(texts.map((text) => [text]));
    expect(engine.getBatchStats()).toMatchObject({
      tokenizeBatches: 2,
      tokenizeRequests: 6,
      tokenizeEfficiency: 3,
    });
    await engine.flushBatches();
    engine.resetBatchStats();
    expect(engine.getBatchStats()).toMatchObject({ tokenizeBatches: 0, tokenizeRequests: 0 });
  });
});

describe('a reader that is behind', () => {
  it('is told of, and its stream ends when it is hopelessly so', async () => {
    const { stream_registry: config } = loadConfig();
    config.backpressure = { ...config.backpressure, max_unacked_chunks: 2, slow_consumer_threshold_ms: 5 };
    const registry = new StreamRegistry(config);
    const [backpressure, slow] = [vi.fn(), vi.fn()];
    registry.on('backpressure', backpressure).on('slowConsumer', slow);
    registry.open('s', 'm');
    const chunk = () => registry.handle('stream.chunk', { stream_id: 's', token: 'x' });
    [chunk, chunk, chunk].forEach((send) => send());
    expect(backpressure.mock.calls).toEqual([['s', 2]]);
    await sleep(10);
    [chunk, chunk].forEach((send) => send());
    expect(slow).toHaveBeenCalledTimes(1);
    registry.failAll({ message: 'end' });
    expect(registry.getAggregateMetrics()).toMatchObject({ totalStreams: 1, activeStreams: 0 });
  });

  it('shares a limit of streams that follows how fast first tokens come', async () => {
    const { stream_registry: config } = loadConfig();
    const limits = { ...config.adaptive_limits, enabled: true, adjustment_interval_ms: 5, max_streams: 12 };
    const registry = new StreamRegistry({ ...config, max_active_streams: 4, adaptive_limits: limits });
    const exported = vi.fn();
    registry.on('metricsExport', exported);
    for (const id of ['a', 'b', 'c', 'd']) registry.open(id, 'm');
    expect(() => registry.open('e', 'm')).toThrow('Max active streams (4) exceeded');
    await vi.waitFor(() => expect(registry.limit).toBe(9));
    for (const id of ['a', 'b', 'c']) registry.close(id);
    await vi.waitFor(() => expect(registry.limit).toBeLessThan(9));
    registry.failAll({ message: 'end' });
  });
});

describe('vision', () => {
  const image = { source: Buffer.from('image'), format: 'png' as const };

  it('loads and generates', async () => {
    make();
    const handle = await engine.load_vision_model({ model: 'v', quantization: { bits: 4 } });
    expect(handle.descriptor).toMatchObject({ modality: 'vision', maxImageSize: 336, imageEncoder: 'clip' });
    const types: string[] = [];
    for await (const { type } of engine.create_vision_generator({ model: 'v', prompt: 'p', image }))
      types.push(type);
    expect(types).toEqual(['token', 'token', 'token', 'metadata']);
    const { seen } = await seenBy(runner);
    expect(seen.find(({ method }) => method === 'generate_with_image')!.params).toMatchObject({
      image: `data:image/png;base64,${Buffer.from('image').toString('base64')}`,
      max_tokens: 100,
      temperature: 0,
    });
    expect((await engine.healthCheck()).loadedModels).toBe(0);
    await engine.unloadModel('v');
    expect((await seenBy(runner)).seen.at(-1)).toMatchObject({
      method: 'unload_model',
      params: { model_id: 'v' },
    });
  });

  it('throws its failures', async () => {
    make();
    await engine.loadVisionModel({ model: 'v' });
    const read = async (more: object) => {
      for await (const _ of engine.createVisionGenerator({ model: 'v', prompt: 'p', image, ...more }));
    };
    expect((await errorOf(read({ image: [] }))).message).toBe(
      'At least one image is required for vision generation',
    );
    expect((await errorOf(read({ image: [image, image] }))).message).toContain('Multi-image generation');
    expect((await errorOf(read({ image: { source: '/no/such/file.png' } }))).message).toContain('not found');
    expect((await errorOf(read({ prompt: 'fail' }))).code).toBe('GenerationError');
    expect((await errorOf(read({ temperature: 3 }))).code).toBe('InvalidParams');
    expect((await errorOf(engine.loadVisionModel({ model: '' }))).code).toBe('InvalidParams');
  });
});

describe('the runtime process', () => {
  it('tells what it is and how it is', async () => {
    make();
    expect(await engine.healthCheck()).toEqual({
      status: 'unhealthy',
      uptime: 0,
      activeStreams: 0,
      loadedModels: 0,
      runtime: { status: 'stopped' },
    });
    expect(await engine.get_runtime_info()).toEqual({
      version: '0.1.0',
      mlxVersion: 'x',
      protocol: 'json-rpc-2.0',
      capabilities: expect.arrayContaining(['generate']) as string[],
      mlxSupported: true,
      memory: { rss: 1, vms: 1 },
    });
    const health = await engine.health_check();
    expect(health).toMatchObject({
      status: 'healthy',
      stateConsistent: true,
      runtime: { status: 'running' },
    });
    expect(health.runtime.pid).toBeGreaterThan(0);
  });

  it('shuts down once for all who ask, and starts again when used', async () => {
    await loaded();
    await Promise.all([engine.shutdown(), engine.dispose()]);
    expect(engine.listModels()).toEqual([]);
    expect((await engine.healthCheck()).runtime.status).toBe('stopped');
    expect((await engine.loadModel('m')).state).toBe('ready');
  });

  it('is restarted after a crash; streams, calls and models end with it', async () => {
    await loaded(({ python_runtime: runtime }) => {
      runtime.max_restarts = 2;
    });
    const invalidated = vi.fn();
    engine.on('model:invalidated', invalidated);
    const states: string[] = [];
    engine.on('runtime:status', ({ status }) => states.push(status));
    const chunks = await chunksOf({ prompt: 'crash' });
    expect(chunks.at(-1)).toEqual({
      type: 'error',
      error: { code: 'TransportError', message: 'StreamRegistry shutdown' },
    });
    expect(invalidated).toHaveBeenCalledWith(
      expect.objectContaining({ modelId: 'm', reason: 'python_restart' }),
    );
    await vi.waitFor(() => expect(states).toEqual(['error', 'starting', 'ready']), { timeout: 10_000 });
    await engine.loadModel('m');
    const error = await errorOf(engine.tokenize({ model: 'm', text: 'crash' }));
    expect([error.code, error.message]).toEqual(['TransportError', 'Python runtime transport unavailable']);
  });

  it('is given up after so many crashes', async () => {
    await loaded(({ python_runtime: runtime }) => {
      runtime.max_restarts = 0;
    });
    const events = vi.fn();
    engine.on('error', events);
    await chunksOf({ prompt: 'crash' });
    expect(events.mock.calls[0]![0].error.message).toBe(
      'Python runtime crashed 1 times, exceeded max restarts',
    );
  });

  it('counts a restart that fails like a crash', async () => {
    await loaded(({ python_runtime: runtime }) => {
      runtime.max_restarts = 2;
    });
    const events = vi.fn();
    engine.on('error', events);
    process.env['FIXTURE_MODE'] = 'exit-at-start';
    await chunksOf({ prompt: 'crash' });
    await vi.waitFor(() => expect(events).toHaveBeenCalled(), { timeout: 10_000 });
    expect(events.mock.calls[0]![0].error.message).toBe(
      'Python runtime crashed 3 times, exceeded max restarts',
    );
  });

  it('is not started while it is being shut down', async () => {
    await loaded();
    const closing = engine.shutdown();
    const error = await errorOf(engine.loadModel('n'));
    expect([error.code, error.message]).toEqual(['RuntimeError', 'Engine shutdown in progress']);
    await closing;
  });

  it('ends at once when it is shut down before it is ready', async () => {
    process.env['FIXTURE_MODE'] = 'silent';
    const loading = errorOf(make().loadModel('m'));
    await sleep(100);
    await engine.shutdown();
    expect((await loading).code).toBe('RuntimeError');
    expect((await engine.healthCheck()).runtime.status).toBe('stopped');
  });

  it('loads what is to be there from the start', async () => {
    const config = makeProcess(({ model }) => {
      model.memory_cache!.warmup_on_start = ['m', 'missing'];
    });
    engine = await Engine.start(makeEngine(config));
    await vi.waitFor(() => expect(engine.getModelInfo('m')?.state).toBe('ready'));
  });

  it('says why it cannot be started', async () => {
    process.env['FIXTURE_MODE'] = 'exit-at-start';
    const error = await errorOf(createEngine(options));
    expect([error.code, error.message]).toEqual([
      'RuntimeError',
      'Python process exited during startup with code 7',
    ]);
    const missing = await errorOf(createEngine({ pythonPath: '/no/such/program' }));
    expect([missing.code, missing.message]).toEqual(['RuntimeError', 'spawn /no/such/program ENOENT']);
  });

  it('is asked without its readiness text after a while', async () => {
    process.env['FIXTURE_MODE'] = 'silent';
    make(({ python_runtime: runtime }) => {
      runtime.init_probe_fallback_ms = 50;
    });
    expect((await engine.getRuntimeInfo()).version).toBe('0.1.0');
  });

  it('may say what is no message', async () => {
    process.env['FIXTURE_MODE'] = 'noise';
    expect((await make().getRuntimeInfo()).version).toBe('0.1.0');
  });

  it('that does not answer gives a time-out, and the circuit opens', async () => {
    process.env['FIXTURE_MODE'] = 'hang';
    make(({ json_rpc: rpc }) => {
      rpc.default_timeout_ms = 30;
      rpc.circuit_breaker.failure_threshold = 2;
    });
    const draft = () => errorOf(engine.unloadModel('x').then(() => engine.isDraftModelCompatible('a', 'b')));
    const first = await draft();
    const codes: EngineErrorCode[] = [first.code, (await draft()).code];
    expect(codes).toContain('TransportError');
    expect(await errorOf(engine.isDraftModelCompatible('a', 'b'))).toMatchObject({
      code: 'TransportError',
      details: { circuitState: 'OPEN', circuit: 'python-runtime' },
    });
    await sleep(10);
  });
});
