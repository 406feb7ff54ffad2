import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ZodError } from 'zod';
import { createTimeoutError, JsonRpcError, toEngineError, zodErrorToEngineError } from '../src/api/errors.js';
import { JsonRpcTransport } from '../src/bridge/jsonrpc-transport.js';
import { GenerationStream, MAX_QUEUED } from '../src/bridge/generation-stream.js';
import { StreamRegistry } from '../src/bridge/stream-registry.js';
import * as normalizer from '../src/compat/config-normalizer.js';
import * as loader from '../src/config/loader.js';
import { ArtifactCache } from '../src/core/artifact-cache.js';
import { renderTemplate } from '../src/core/generate-params.js';
import * as root from '../src/index.js';
import type { GeneratorParams } from '../src/index.js';
import {
  CircuitBreaker,
  CircuitBreakerOpenError,
  type CircuitStateChange,
} from '../src/utils/circuit-breaker.js';
import * as images from '../src/utils/image-encoding.js';

const folder = () => mkdtempSync(join(tmpdir(), 'client-'));

afterEach(() => vi.unstubAllEnvs());

describe('errors', () => {
  it('of any kind become an EngineClientError', () => {
    const abort = Object.assign(new Error(''), { name: 'AbortError' });
    expect(toEngineError(abort)).toMatchObject({ code: 'Cancelled', message: 'Operation aborted by caller' });
    expect(toEngineError(new Error('x timed out')).code).toBe('Timeout');
    expect(toEngineError(new Error('Timeout!')).code).toBe('Timeout');
    expect(toEngineError(5, 'TokenizerError').toObject()).toEqual({
      code: 'TokenizerError',
      message: 'Unknown engine error',
    });
    expect(toEngineError(new JsonRpcError(-1, 'x', [1]), 'GuidanceError').toObject()).toEqual({
      code: 'GuidanceError',
      message: 'x',
    });
    expect(new JsonRpcError(-32005, 'x').is(-32005)).toBe(true);
    const late = createTimeoutError('generate', 10, 3, 11);
    expect(late).toMatchObject({ name: 'TimeoutError', code: 'Timeout', method: 'generate', requestId: 3 });
    expect(late.message).toBe('Request timed out after 10ms: generate (id: 3)');
    expect(zodErrorToEngineError(new ZodError([])).details).toEqual({ field: 'unknown', issues: [] });
  });
});

describe('CircuitBreaker', () => {
  const setUp = () => {
    const clock = { now: 0 };
    const changes: CircuitStateChange[] = [];
    const breaker = new CircuitBreaker({
      failureThreshold: 2,
      recoveryTimeoutMs: 100,
      halfOpenMaxCalls: 1,
      halfOpenSuccessThreshold: 2,
      failureWindowMs: 1000,
      now: () => clock.now,
      onStateChange: (change) => changes.push(change),
    });
    const fail = (error: Error = new Error('down')) =>
      breaker.execute(() => Promise.reject(error)).catch((e) => e);
    return { clock, changes, breaker, fail };
  };

  it('opens after failures in a row, tries again, and closes after successes', async () => {
    const { clock, changes, breaker, fail } = setUp();
    await fail();
    await fail();
    expect(breaker.getState()).toBe('OPEN');
    expect(await fail()).toBeInstanceOf(CircuitBreakerOpenError);
    clock.now = 100;
    expect(await breaker.execute(() => Promise.resolve(1))).toBe(1);
    expect(breaker.getSnapshot()).toMatchObject({
      state: 'HALF_OPEN',
      halfOpenSuccesses: 1,
      halfOpenActiveCalls: 0,
    });
    await breaker.execute(() => Promise.resolve(1));
    expect(changes.map(({ reason }) => reason)).toEqual([
      'FAILURE_THRESHOLD_EXCEEDED',
      'RECOVERY_TIMEOUT_EXPIRED',
      'HALF_OPEN_SUCCESS',
    ]);
  });

  it('lets so many through when half open and opens again at a failure', async () => {
    const { clock, breaker, fail } = setUp();
    await fail();
    await fail();
    clock.now = 100;
    const probe = breaker.execute(
      () => new Promise((_, reject) => setTimeout(() => reject(new Error('x')), 5)),
    );
    expect((await fail()).message).toContain('half-open');
    await expect(probe).rejects.toThrow('x');
    expect(breaker.getState()).toBe('OPEN');
    breaker.reset();
    expect(breaker.getState()).toBe('CLOSED');
  });

  it('does not count replies, however bad, nor failures long ago', async () => {
    const { clock, breaker, fail } = setUp();
    for (let i = 0; i < 5; i++) await fail(new JsonRpcError(-32001, 'no model'));
    await fail();
    clock.now = 2000;
    await fail();
    expect(breaker.getState()).toBe('CLOSED');
  });
});

describe('JsonRpcTransport', () => {
  const setUp = (maxLineBytes = 1000, maxPending = 2) => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const transport = new JsonRpcTransport(input, output, {
      defaultTimeoutMs: 1000,
      maxPending,
      maxLineBytes,
    });
    const sent = () =>
      String(input.read() ?? '')
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    return { output, transport, sent };
  };
  const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

  it('joins lines that come in parts, several at once, and split in a character', async () => {
    const { output, transport, sent } = setUp();
    const both = Promise.all([transport.request('a'), transport.request('b', { x: 1 })]);
    expect(sent()).toEqual([
      { jsonrpc: '2.0', method: 'a', id: 1 },
      { jsonrpc: '2.0', method: 'b', params: { x: 1 }, id: 2 },
    ]);
    const bytes = Buffer.from('{"jsonrpc":"2.0","id":2,"result":"é"}\n{"jsonrpc":"2.0","id":1,"result":1}\n');
    const cut = bytes.indexOf(0xc3) + 1;
    output.write(bytes.subarray(0, cut));
    output.write(bytes.subarray(cut));
    expect(await both).toEqual([1, 'é']);
  });

  it('hands on notifications and ignores everything that is no message', async () => {
    const { output, transport } = setUp();
    const heard = vi.fn();
    transport.on('notification', heard);
    output.write(
      '\nnull\n[]\n5\n{"jsonrpc":"2.0","id":null,"result":1}\n{"jsonrpc":"2.0","method":"n","params":{"a":1}}\n',
    );
    output.write('{"jsonrpc":"2.0","method":"call","id":1}\n');
    await tick();
    expect(heard.mock.calls).toEqual([['n', { a: 1 }]]);
  });

  it('limits pending calls and the length of a line', async () => {
    const { output, transport } = setUp(100, 1);
    const pending = transport.request('a').catch((error: Error) => error.message);
    await expect(transport.request('b')).rejects.toThrow('Too many pending JSON-RPC requests (1 >= 1)');
    output.write('x'.repeat(100));
    await tick();
    expect(transport.isClosed).toBe(false);
    output.write('x');
    expect(await pending).toBe('Runtime line exceeds 100 bytes');
    await expect(transport.request('c')).rejects.toThrow('transport unavailable');
  });

  it('cancels a call at an abort and gives up on one that is late', async () => {
    const { transport, sent } = setUp();
    const controller = new AbortController();
    const call = transport.request('a', undefined, { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toThrow('Request aborted: a');
    expect(sent()[1]).toEqual({ jsonrpc: '2.0', method: 'cancel', params: { id: 1 } });
    await expect(transport.request('b', undefined, { signal: controller.signal })).rejects.toThrow('aborted');
    await expect(transport.request('c', undefined, { timeoutMs: 5 })).rejects.toThrow(
      'timed out after 5ms: c (id: 2)',
    );
    expect(transport.pendingCount).toBe(0);
  });

  it('makes an error of an error reply of any form', async () => {
    const { output, transport } = setUp();
    const call = transport.request('a');
    output.write('{"jsonrpc":"2.0","id":1,"error":{}}\n');
    await expect(call).rejects.toMatchObject({ code: -32603, message: 'Unknown runtime error' });
  });
});

describe('StreamRegistry', () => {
  it('drops what belongs to no stream and ends each stream once', async () => {
    const registry = new StreamRegistry(loader.loadConfig().stream_registry);
    const stream = registry.open('s', 'm');
    registry.handle('stream.chunk', { stream_id: 'x', token: 'a' });
    registry.handle('stream.chunk', null);
    registry.handle('unknown', { stream_id: 's' });
    registry.handle('stream.event', { stream_id: 's', event: 'error' });
    registry.handle('stream.event', { stream_id: 's', event: 'completed' });
    expect((await stream.next()).value).toMatchObject({ error: { message: 'Generation failed' } });
    expect((await stream.next()).done).toBe(true);
    expect(registry.size).toBe(0);
  });

  it('wakes a reader that waits when the stream is dropped', async () => {
    const registry = new StreamRegistry(loader.loadConfig().stream_registry);
    const next = registry.open('s', 'm').next();
    registry.close('s');
    expect((await next).done).toBe(true);
  });

  it('keeps order over long queues and ends a stream whose reader is too slow', async () => {
    const stream = new GenerationStream('s', 'm');
    for (let i = 0; i < 5000; i++) stream.push({ type: 'token', token: String(i) });
    for (let i = 0; i < 5000; i++) expect((await stream.next()).value).toMatchObject({ token: String(i) });
    for (let i = 0; i < MAX_QUEUED; i++) stream.push({ type: 'token', token: '' });
    expect(stream.isEnded).toBe(false);
    stream.push({ type: 'token', token: '' });
    expect(stream.isEnded).toBe(true);
  });
});

describe('options', () => {
  it('become camelCase and back', () => {
    expect(normalizer.normalizeLoadModelOptions('m')).toEqual({ model: 'm' });
    expect(normalizer.normalizeLoadModelOptions(5)).toBeUndefined();
    const load = { model: 'a', model_id: 'b', local_path: '/p', max_tokens: 5, params: { top_p: 1 }, x: 1 };
    expect(normalizer.normalizeLoadModelOptions(load)).toEqual({
      model: 'b',
      localPath: '/p',
      parameters: { maxTokens: 5, topP: 1 },
      x: 1,
    });
    expect(
      normalizer.normalizeGeneratorParams({ model: 'a', model_id: 'b', stream: true, topP: 1, top_p: 0 }),
    ).toEqual({
      model: 'a',
      streaming: true,
      topP: 1,
    });
    expect(
      normalizer.normalizeTokenizeRequest({ model_id: 'b', text: 't', add_special_tokens: false }),
    ).toEqual({
      model: 'b',
      text: 't',
      addBos: false,
    });
    expect(normalizer.denormalizeLoadModelOptions({ model: 'm', parameters: { maxTokens: 1 } })).toEqual({
      model: 'm',
      model_id: 'm',
      params: { max_tokens: 1 },
    });
    expect(normalizer.denormalizeGeneratorParams({ model: 'm', prompt: 'p', maxTokens: 1 })).toEqual({
      model: 'm',
      model_id: 'm',
      prompt: 'p',
      max_tokens: 1,
    });
    expect(normalizer.denormalizeTokenizeRequest({ model: 'm', text: 't', addBos: true })).toEqual({
      model: 'm',
      model_id: 'm',
      text: 't',
      add_bos: true,
      add_special_tokens: true,
    });
  });

  it('are checked with a list of faults', () => {
    expect(root.validateLoadModelOptions({} as never).errors).toEqual(['model is required']);
    expect(root.validateLoadModelOptions({ model: ' ', quantization: 'x' } as never).errors).toEqual([
      'model identifier cannot be empty',
      'quantization must be one of: none, int8, int4',
    ]);
    expect(root.validateLoadModelOptions({ model: { id: '' } } as never).errors).toEqual([
      'model descriptor must have a valid id',
    ]);
    const bad = {
      model: 'm',
      prompt: '',
      maxTokens: 100001,
      temperature: 3,
      topP: -1,
      presencePenalty: 'x',
      frequencyPenalty: 5,
      repetitionPenalty: -1,
      seed: 0.5,
      stopSequences: [1],
      stopTokenIds: 5,
      structured: { format: 'xml' },
    } as unknown as GeneratorParams;
    expect(root.validateGeneratorParams(bad).errors).toEqual([
      'prompt cannot be empty',
      'maxTokens cannot exceed 100000',
      'temperature must be a number between 0 and 2',
      'topP must be a number between 0 and 1',
      'presencePenalty must be a number between -2 and 2',
      'frequencyPenalty must be a number between -2 and 2',
      'repetitionPenalty must be a non-negative number',
      'seed must be a non-negative integer',
      'all stopSequences must be strings',
      'stopTokenIds must be an array',
      'structured.schema is required when using structured output',
      'structured.format must be "json" or "yaml"',
    ]);
    expect(root.validateTokenizeRequest({ model: 'm', text: '' }).errors).toEqual(['text is required']);
    expect(() => root.assertValidTokenizeRequest({ model: 'm', text: 5 } as never)).toThrow(
      'Invalid TokenizeRequest: text must be a string',
    );
    expect(() => root.assertValidLoadModelOptions({ model: 'm' })).not.toThrow();
    expect(() => root.assertValidGeneratorParams({ model: 'm' } as never)).toThrow('prompt is required');
  });

  it('are cleaned and clamped', () => {
    expect(root.sanitizeModelId(' m ')).toBe('m');
    expect(() => root.sanitizeModelId('a/b')).toThrow('path separators');
    expect(() => root.sanitizeModelId(' ')).toThrow('cannot be empty');
    expect(root.isValidModelIdFormat('a.b-c_1')).toBe(true);
    expect([root.clamp(5, 0, 2), root.normalizeTemperature(3), root.normalizeTopP(undefined)]).toEqual([
      2,
      2,
      undefined,
    ]);
    expect(root.normalizeTemperature(undefined)).toBeUndefined();
    expect(root.normalizeTopP(-1)).toBe(0);
  });

  it('of templates must be plain', () => {
    expect(
      renderTemplate({ template: '{{a}} {{ b }} {{constructor}}', variables: { a: 1, b: true } as never }),
    ).toBe('1 true ');
    expect(() => renderTemplate({ template: '{{a}}', variables: { a: NaN } as never })).toThrow(
      'rendering failed',
    );
  });
});

describe('JSON-RPC validation', () => {
  const request = { jsonrpc: '2.0', method: 'generate', params: { model_id: 5 }, id: 1 };
  it('checks envelopes and, when asked, params', () => {
    expect(root.validateJsonRpcRequest(request).success).toBe(false);
    expect(root.validateJsonRpcRequest(request, false).success).toBe(true);
    expect(root.validateJsonRpcRequest({ ...request, method: 'toString' }).success).toBe(true);
    expect(root.validateJsonRpcResponse({ jsonrpc: '2.0', id: 1, result: null }).success).toBe(true);
    expect(
      root.validateJsonRpcResponse({ jsonrpc: '2.0', id: 1, error: { code: 1, message: 'x' } }).success,
    ).toBe(true);
    expect(root.validateJsonRpcResponse({ jsonrpc: '2.0', id: 1 }).success).toBe(false);
    expect(root.validateJsonRpcNotification({ jsonrpc: '2.0', method: 'x' }).success).toBe(true);
    expect(root.validateJsonRpcMessage(5).success).toBe(false);
  });
});

describe('configuration', () => {
  const write = (text: string) => {
    const path = join(folder(), 'runtime.yaml');
    writeFileSync(path, text);
    return path;
  };

  it('is the file over the defaults, the environment over the file', () => {
    const path = write(
      'model:\n  max_loaded_models: 2\nenvironments:\n  production:\n    model:\n      max_loaded_models: 9\nmine: 1\n',
    );
    const config = loader.loadConfig(path, 'production');
    expect(config.model.max_loaded_models).toBe(9);
    expect(config['mine']).toBe(1);
    expect(config.environments).toBeUndefined();
    expect(loader.loadConfig(path, 'anything').model.max_loaded_models).toBe(2);
    expect(loader.loadConfig(write('')).model.max_loaded_models).toBe(5);
  });

  it('says every fault at once', () => {
    const path = write(
      'model:\n  max_loaded_models: 0\njson_rpc:\n  retry:\n    initial_delay_ms: 9\n    max_delay_ms: 8\n',
    );
    expect(() => loader.loadConfig(path)).toThrow(
      /^Configuration validation failed:\njson_rpc.retry.max_delay_ms must be >= initial_delay_ms\nmodel.max_loaded_models /,
    );
    expect(() => loader.loadConfig(write('- 1'))).toThrow('validation failed');
    expect(() => loader.loadConfig('/no/file')).toThrow('Configuration file not found: /no/file.');
  });

  it('is read once', () => {
    vi.stubEnv('MLX_SERVING_CONFIG', write('cache:\n  cache_dir: here\n'));
    loader.resetConfig();
    expect(loader.getCacheConfig()).toMatchObject({ cacheDir: 'here', evictionPolicy: 'lru' });
    expect(loader.getConfig()).toBe(loader.getConfig());
    expect(loader.getModelPreloadConfig()).toMatchObject({ enabled: true });
    expect(loader.getCompatibleConfig()['MODEL']).toMatchObject({ MAX_LOADED_MODELS: 5 });
    vi.unstubAllEnvs();
    expect(loader.initializeConfig().cache.cache_dir).toBe('.kr-mlx-cache');
  });
});

describe('statistics', () => {
  it('of a sample', () => {
    expect(root.calculateSampleStatistics([4, 1, 3, 2])).toMatchObject({
      n: 4,
      mean: 2.5,
      variance: 1.25,
      median: 2.5,
    });
    expect(() => root.calculateSampleStatistics([])).toThrow('Cannot calculate statistics for empty array');
  });

  // The t and degrees of freedom by hand, the p by integrating Student's density in Python.
  it('of two samples are Welch’s', () => {
    const result = root.welchTTest(
      [19.8, 20.4, 19.6, 17.8, 18.5, 18.9],
      [28.2, 26.6, 20.1, 23.3, 25.2, 22.1],
    );
    expect(result.tStatistic).toBeCloseTo(3.9666627768, 9);
    expect(result.degreesOfFreedom).toBeCloseTo(5.9935305038, 9);
    expect(result.pValue).toBeCloseTo(0.0074112724, 8);
    expect(result.significant).toBe(true);
    expect(root.welchTTest([1, 1], [1, 1])).toMatchObject({ tStatistic: 0, pValue: 1, significant: false });
    expect(root.welchTTest([1, 1], [2, 2])).toMatchObject({ tStatistic: Infinity, pValue: 0 });
  });

  it('of effects and sizes', () => {
    const interpretations = [0.1, 0.3, 0.6, 2].map((shift) => {
      const base = [-1, 1, -1, 1, -1, 1, -1, 1, -1, 1];
      return root.calculateEffectSize(
        base,
        base.map((v) => v + shift),
      ).interpretation;
    });
    expect(interpretations).toEqual(['negligible', 'small', 'medium', 'large']);
    expect(root.calculateEffectSize([1, 1], [1, 1]).cohensD).toBe(0);
    // The normal approximation: 2 ((1.95996 + 0.84162) / 0.5)^2 = 62.8
    expect(root.calculateSampleSize(0.5).requiredSampleSize).toBe(63);
    expect(() => root.calculateSampleSize(0)).toThrow('Effect size must be positive');
    expect(() => root.calculateSampleSize(1, 1)).toThrow('Alpha must be between 0 and 1');
    expect(() => root.calculateSampleSize(1, 0.5, 0)).toThrow('Power must be between 0 and 1');
  });

  it('in words', () => {
    expect([0.0001, 0.005, 0.2].map(root.formatPValue)).toEqual(['p < 0.001', 'p = 0.005', 'p = 0.20']);
    expect([0.0001, 0.005, 0.02, 0.2].map(root.getSignificanceLevel)).toEqual([
      'highly',
      'moderately',
      'weakly',
      'not',
    ]);
  });

  it('of a generation', () => {
    const collector = new root.GenerationStatsCollector({ autoStart: false });
    expect(collector.getStats()).toEqual({
      tokensGenerated: 0,
      tokensPerSecond: 0,
      timeToFirstToken: 0,
      totalTime: 0,
    });
    collector.update('a');
    collector.update({ token: 'b' });
    collector.stop();
    expect(collector).toMatchObject({ tokensGenerated: 2, isStarted: true, hasTokens: true });
    expect(collector.getStats().totalTime).toBe(collector.totalTime);
    expect(collector.tokensPerSecond).toBeGreaterThan(0);
    collector.reset();
    expect(collector.isStarted).toBe(false);
  });
});

describe('images', () => {
  it('become data URIs from every form', async () => {
    const path = join(folder(), 'a.jpeg');
    writeFileSync(path, 'img');
    const encoded = Buffer.from('img').toString('base64');
    expect(await images.encodeImage({ source: path })).toBe(`data:image/jpg;base64,${encoded}`);
    expect(await images.encodeImage({ source: 'data:image/png;base64,QQ==' })).toBe(
      'data:image/png;base64,QQ==',
    );
    expect(await images.batchEncodeImages([{ source: 'QUJD', format: 'webp' }])).toEqual([
      'data:image/webp;base64,QUJD',
    ]);
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/a.webp' ? 200 : 404;
      response.end('img');
    }).listen(0);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await images.encodeImage({ source: `${url}/a.webp` })).toBe(`data:image/webp;base64,${encoded}`);
    await expect(images.encodeImage({ source: `${url}/b` })).rejects.toMatchObject({
      code: 'IMAGE_FETCH_FAILED',
    });
    server.close();
    await expect(images.encodeImage({ source: 'http://127.0.0.1:1/x' })).rejects.toMatchObject({
      code: 'IMAGE_FETCH_FAILED',
    });
  });

  it('are refused with a code', async () => {
    const code = (source: unknown, format?: string) =>
      images.encodeImage({ source, format } as never).catch((error: images.ImageEncodingError) => error.code);
    expect(await code('')).toBe('INVALID_IMAGE_INPUT');
    expect(await code('/etc/passwd')).toBe('UNSAFE_IMAGE_PATH');
    expect(await code('/home/x/.ssh/id')).toBe('UNSAFE_IMAGE_PATH');
    expect(await code('/no/such.png')).toBe('IMAGE_FILE_NOT_FOUND');
    expect(await code(tmpdir() + '/')).toBe('IMAGE_ENCODING_FAILED');
    expect(await code(Buffer.from('x'), 'tiff')).toBe('UNSUPPORTED_IMAGE_FORMAT');
    expect(images.extractBase64FromDataURI('data:image/png;base64,QQ==')).toBe('QQ==');
    expect(images.getFormatFromDataURI('data:image/png;base64,QQ==')).toBe('png');
    expect(() => images.extractBase64FromDataURI('x')).toThrow('Not a data URI');
    expect(() => images.getFormatFromDataURI('x')).toThrow('Not a data URI');
  });
});

describe('ABTestRunner', () => {
  /** An engine whose generations take so many tokens. */
  const engine = (count: number, delayMs: number) =>
    ({
      async *createGenerator({ prompt }: GeneratorParams) {
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        if (prompt === 'bad') throw new Error('bad');
        if (prompt === 'error') yield { type: 'error', error: { message: 'error' } };
        for (let i = 0; i < count; i++) yield { type: 'token', token: 'x' };
      },
    }) as unknown as root.Engine;
  const work = root.createTestWorkload('m', ['a', 'b', 'c', 'd', 'e', 'f', 'bad', 'error'], {
    expectedMinTokens: 1,
  });
  const config = { testWorkload: work, minSampleSize: 4, warmupRuns: 1 };

  it('finds the better engine', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const [slow, fast] = [engine(2, 25), engine(2, 2)];
    const better = await new root.ABTestRunner({
      ...config,
      baselineEngine: slow,
      variantEngine: fast,
    }).run();
    expect(better.decision.recommendation).toBe('go');
    expect(better.variant.metrics).toMatchObject({ totalRequests: 8, failedRequests: 2, totalTokens: 12 });
    const worse = { ...config, baselineEngine: fast, variantEngine: slow, concurrent: true, verbose: true };
    expect((await new root.ABTestRunner(worse).run()).decision.recommendation).toBe('no-go');
    const path = join(folder(), 'results.json');
    await root.saveTestResults(path, better);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(JSON.stringify(better)));
    await root.saveTestResults(path, work as never);
    expect(await root.loadTestWorkload(path)).toEqual(work);
  });

  it('refuses settings that cannot decide', () => {
    const engines = { baselineEngine: engine(1, 0), variantEngine: engine(1, 0) };
    expect(() => new root.ABTestRunner({ ...engines, testWorkload: work })).toThrow('at least 30');
    expect(() => new root.ABTestRunner({ ...config, ...engines, alpha: 1 })).toThrow('Alpha');
    expect(() => new root.ABTestRunner({ ...config, ...engines, confidenceLevel: 0 })).toThrow(
      'Confidence level',
    );
  });
});

describe('telemetry', () => {
  it('exports the metrics under their names', async () => {
    const port = 9464 + Math.floor(Math.random() * 1000);
    const { hooks, manager } = await root.createTelemetryBridge({ enabled: true, prometheusPort: port });
    const stats = {
      tokensGenerated: 1,
      tokensPerSecond: 1,
      timeToFirstToken: 0,
      totalTime: 0.02,
      modelId: 'm',
    };
    hooks.onModelLoaded!({ descriptor: { id: 'm' }, draft: true } as never);
    hooks.onTokenGenerated!('x', stats);
    hooks.onGenerationCompleted!(stats);
    hooks.onError!({ code: 'GenerationError', message: 'x' });
    await manager.start();
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(text).toContain('kr_serve_models_loaded_total{model="m",type="draft"');
    expect(text).toMatch(/kr_serve_tokens_generated_total\{model="m"[^}]*\} 1/);
    expect(text).toMatch(/kr_serve_generation_duration_ms_bucket\{model="m"[^}]*le="25"\} 1/);
    expect(text).toMatch(/kr_serve_errors_total\{code="GenerationError",type="Error"/);
    expect(root.getMetrics(manager)).toBe(manager.metrics);
    await manager.shutdown();
    expect(manager.isStarted()).toBe(false);
    expect(() => manager.metrics).toThrow('not started');
    expect(root.getMetrics(manager)).toBeUndefined();
  });

  it('does nothing when switched off', async () => {
    const { hooks, manager } = await root.createTelemetryBridge({ enabled: false });
    expect(hooks).toEqual({});
    await expect(manager.start()).rejects.toThrow('Telemetry is disabled. Set enabled:true in config.');
  });
});

describe('ArtifactCache', () => {
  it('reports on what is on disk', async () => {
    const cacheDir = folder();
    const cache = new ArtifactCache({ cacheDir, maxSizeBytes: 100 });
    expect(await cache.health()).toMatchObject({ healthy: true, entryCount: 0 });
    const entries = { a: { hash: 'gone', sizeBytes: 95 } };
    writeFileSync(
      join(cacheDir, 'index.json'),
      JSON.stringify({ version: '1.0', entries, stats: { hitRate: 0.5 } }),
    );
    expect(await cache.health()).toMatchObject({
      healthy: false,
      nearLimit: true,
      corruptedEntries: ['a'],
      hitRate: 0.5,
    });
    writeFileSync(join(cacheDir, 'index.json'), 'x');
    expect(await cache.health()).toMatchObject({ healthy: false, entryCount: 0 });
  });
});
