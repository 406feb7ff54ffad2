import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as root from '../src/index.js';
import { findRuntime, runtimeCommand } from '../src/bridge/runtime-command.js';
import { makeEngine, options } from './fixtures/engine.js';

const binary = fileURLToPath(new URL('./fixtures/mlx-serving', import.meta.url));

beforeEach(() => vi.stubEnv('MLX_SERVING_BIN', binary));
afterEach(async () => {
  await root.shutdown();
  vi.unstubAllEnvs();
});

describe('functions over the shared engine', () => {
  it('load, generate, tokenise and unload', async () => {
    expect(root.getEngine()).toBeNull();
    const handle = await root.load_model('m', { revision: 'v1' });
    expect(handle.metadata['revision']).toBe('v1');
    expect(await root.generate(handle, 'p', { maxTokens: 2 })).toBe('t0 t1 ');
    expect(await root.generate(handle, [1, 2], { maxTokens: 1 })).toBe('t0 ');
    await expect(root.generate(handle, 'fail')).rejects.toThrow('it broke');
    expect((await root.tokenize(handle, 'a', { add_bos: true })).tokens).toEqual([97]);
    const types: string[] = [];
    for await (const { type } of root.create_generator(handle, 'p', { maxTokens: 1 })) types.push(type);
    expect(types).toEqual(['token', 'metadata']);
    await root.unload_model(handle);
    expect(root.getEngine()!.listModels()).toEqual([]);
    await root.shutdown();
    expect(root.getEngine()).toBeNull();
  });
});

describe('MLXEngine', () => {
  it('is one model and its engine', async () => {
    const idle = new root.MLXEngine('m');
    await expect(idle.generate('p')).rejects.toThrow('MLXEngine not initialized. Call init() first.');
    const engine = await root.createMLXEngine('m');
    expect(await engine.init()).toBe(engine);
    expect(engine.isInitialized()).toBe(true);
    expect(engine.getModelHandle()!.descriptor.id).toBe('m');
    expect(await engine.generate('p', { maxTokens: 1 })).toBe('t0 ');
    await expect(engine.generate('fail')).rejects.toThrow('it broke');
    expect(await engine.tokenize('ab')).toEqual([97, 98]);
    expect(engine.getEngine()).toBeInstanceOf(root.Engine);
    await engine.dispose();
    expect(engine.isInitialized()).toBe(false);
  });
});

describe('helpers', () => {
  it('do what is often done', async () => {
    await root.withEngine(async (engine) => {
      const params = { model: 'm', prompt: 'p', maxTokens: 2 };
      expect(await root.isEngineHealthy(engine)).toBe(true);
      const handle = await root.ensureModelLoaded(engine, { model: 'm' });
      expect(await root.ensureModelLoaded(engine, { model: 'm' })).toBe(handle);
      expect(await root.waitForModelReady(engine, 'm')).toBe(handle);
      await expect(root.waitForModelReady(engine, 'x')).rejects.toThrow('Model x not found');
      expect(await root.generateText(engine, params)).toBe('t0 t1 ');
      const tokens: string[] = [];
      await root.generateTextStreaming(engine, params, (token) => tokens.push(token));
      expect(tokens).toEqual(['t0 ', 't1 ']);
      expect(await root.collectChunks(engine, params)).toHaveLength(3);
      await expect(root.collectChunks(engine, { ...params, prompt: 'fail' })).rejects.toThrow('it broke');
      expect(await root.batchTokenize(engine, 'm', ['a', 'bc'])).toEqual([[97], [98, 99]]);
      expect(await root.getTotalTokenCount(engine, 'm', ['a', 'bc'])).toBe(3);
      expect((await root.retryLoadModel(engine, { model: 'm' }, 1, 1)).state).toBe('ready');
      await expect(root.retryLoadModel(engine, { model: 'missing' }, 2, 1)).rejects.toThrow('no such model');
    }, options);
  });

  it('wait for a model as long as they are told', async () => {
    const engine = makeEngine();
    const handle = { descriptor: {}, state: 'loading' };
    vi.spyOn(engine, 'getModelInfo').mockImplementation(() => handle as never);
    await expect(root.waitForModelReady(engine, 'm', 20, 5)).rejects.toThrow(
      'Timeout waiting for model m to be ready',
    );
    handle.state = 'failed';
    await expect(root.waitForModelReady(engine, 'm')).rejects.toThrow('Model m failed to load');
    vi.spyOn(engine, 'healthCheck').mockRejectedValue(new Error('no'));
    expect(await root.isEngineHealthy(engine)).toBe(false);
  });
});

describe('shutdown', () => {
  it('also ends a shared engine that is still starting', async () => {
    const loading = root.load_model('m').catch((error: Error) => error.message);
    await root.shutdown();
    expect(root.getEngine()).toBeNull();
    await loading;
  });
});

describe('the runtime’s program', () => {
  it('is found by its variable, beside the package, then on the path', () => {
    const folder = fileURLToPath(new URL('./fixtures', import.meta.url));
    expect(findRuntime({ MLX_SERVING_BIN: '/x/y' }, '/none')).toBe('/x/y');
    expect(findRuntime({ PATH: `/none:${folder}` }, '/none')).toBe(binary);
    expect(() => findRuntime({ PATH: '/none' }, '/none')).toThrow('mlx-serving not found');
  });

  it('is started also where options still name a Python', () => {
    const runtime = { program: binary, args: ['runtime'] };
    expect(runtimeCommand()).toEqual(runtime);
    expect(runtimeCommand({ pythonPath: '.kr-mlx-venv/bin/python' })).toEqual(runtime);
    expect(runtimeCommand({ pythonPath: '/usr/bin/python3.12' })).toEqual(runtime);
    expect(runtimeCommand({ pythonPath: '/my/launcher' })).toEqual({
      program: '/my/launcher',
      args: ['runtime'],
    });
    expect(runtimeCommand({ pythonPath: 'node', runtimePath: 'own.mjs' })).toEqual({
      program: 'node',
      args: ['own.mjs'],
    });
    vi.stubEnv('MLX_SERVING_BIN', '');
    vi.stubEnv('PATH', '/none');
    expect(runtimeCommand({ pythonPath: 'python' })).toEqual({ program: 'python', args: ['runtime'] });
  });
});
