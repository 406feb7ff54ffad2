/** What is often done with an engine. */
import type { EngineOptions, LoadModelOptions } from '../types/engine.js';
import type { GeneratorChunk, GeneratorParams } from '../types/generators.js';
import type { ModelHandle } from '../types/models.js';
import { createEngine, type Engine } from './engine.js';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export function generateText(engine: Engine, params: GeneratorParams): Promise<string> {
  return generateTextStreaming(engine, params, () => undefined);
}

export async function generateTextStreaming(
  engine: Engine,
  params: GeneratorParams,
  onToken: (token: string) => void,
): Promise<string> {
  const parts: string[] = [];
  for await (const chunk of engine.createGenerator(params)) {
    if (chunk.type === 'error') throw new Error(chunk.error.message);
    if (chunk.type !== 'token') continue;
    parts.push(chunk.token);
    onToken(chunk.token);
  }
  return parts.join('');
}

export async function collectChunks(engine: Engine, params: GeneratorParams): Promise<GeneratorChunk[]> {
  const chunks: GeneratorChunk[] = [];
  for await (const chunk of engine.createGenerator(params)) {
    if (chunk.type === 'error') throw new Error(chunk.error.message);
    chunks.push(chunk);
  }
  return chunks;
}

export async function ensureModelLoaded(engine: Engine, options: LoadModelOptions): Promise<ModelHandle> {
  const id = typeof options.model === 'string' ? options.model : options.model.id;
  const handle = engine.getModelInfo(id);
  return handle?.state === 'ready' ? handle : engine.loadModel(options);
}

export async function batchTokenize(engine: Engine, model: string, texts: string[]): Promise<number[][]> {
  const replies = await Promise.all(texts.map((text) => engine.tokenize({ model, text })));
  return replies.map(({ tokens }) => tokens);
}

export async function getTotalTokenCount(engine: Engine, model: string, texts: string[]): Promise<number> {
  const lists = await batchTokenize(engine, model, texts);
  return lists.reduce((sum, tokens) => sum + tokens.length, 0);
}

export async function waitForModelReady(
  engine: Engine,
  modelId: string,
  timeoutMs = 30000,
  pollIntervalMs = 100,
): Promise<ModelHandle> {
  const until = Date.now() + timeoutMs;
  do {
    const handle = engine.getModelInfo(modelId);
    if (handle === undefined) throw new Error(`Model ${modelId} not found`);
    if (handle.state === 'failed') throw new Error(`Model ${modelId} failed to load`);
    if (handle.state === 'ready') return handle;
    await sleep(pollIntervalMs);
  } while (Date.now() < until);
  throw new Error(`Timeout waiting for model ${modelId} to be ready`);
}

export async function isEngineHealthy(engine: Engine): Promise<boolean> {
  try {
    return (await engine.healthCheck()).status === 'healthy';
  } catch {
    return false;
  }
}

export async function retryLoadModel(
  engine: Engine,
  options: LoadModelOptions,
  maxRetries = 3,
  initialDelayMs = 1000,
): Promise<ModelHandle> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await engine.loadModel(options);
    } catch (error) {
      if (attempt >= maxRetries) throw error;
      await sleep(initialDelayMs * 2 ** attempt);
    }
  }
}

export async function withEngine<T>(
  callback: (engine: Engine) => Promise<T>,
  options?: EngineOptions,
): Promise<T> {
  const engine = await createEngine(options);
  try {
    return await callback(engine);
  } finally {
    await engine.dispose();
  }
}
