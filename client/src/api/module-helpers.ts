/** Functions over one engine of the process, which is made when first needed. */
import type { LoadModelOptions } from '../types/engine.js';
import type { GeneratorChunk, GeneratorParams, TokenizeResponse } from '../types/generators.js';
import type { ModelHandle } from '../types/models.js';
import { createEngine, type Engine } from './engine.js';
import { generateText } from './helpers.js';

let shared: Promise<Engine> | null = null;
let current: Engine | null = null;

function sharedEngine(): Promise<Engine> {
  shared ??= createEngine().then(
    (engine) => (current = engine),
    (error: unknown) => {
      shared = null;
      throw error;
    },
  );
  return shared;
}

function paramsOf(
  handle: ModelHandle,
  prompt: string | number[],
  params: Omit<Partial<GeneratorParams>, 'model' | 'prompt'> = {},
): GeneratorParams {
  return {
    ...params,
    model: handle.descriptor.id,
    prompt: typeof prompt === 'string' ? prompt : { tokens: prompt },
  };
}

export function getEngine(): Engine | null {
  return current;
}

export async function load_model(
  model: string | LoadModelOptions,
  options?: Partial<Omit<LoadModelOptions, 'model'>>,
): Promise<ModelHandle> {
  const all = typeof model === 'string' ? { model, ...options } : { ...model, ...options };
  return (await sharedEngine()).loadModel(all);
}

export async function* create_generator(
  model_kit: ModelHandle,
  prompt: string | number[],
  params?: Omit<Partial<GeneratorParams>, 'model' | 'prompt'>,
): AsyncGenerator<GeneratorChunk, void, unknown> {
  yield* (await sharedEngine()).createGenerator(paramsOf(model_kit, prompt, params));
}

export async function generate(
  model_kit: ModelHandle,
  prompt: string | number[],
  params?: Omit<Partial<GeneratorParams>, 'model' | 'prompt'>,
): Promise<string> {
  return generateText(await sharedEngine(), paramsOf(model_kit, prompt, params));
}

export async function tokenize(
  model_kit: ModelHandle,
  text: string,
  options?: { add_bos?: boolean },
): Promise<TokenizeResponse> {
  const bos = options?.add_bos === undefined ? {} : { addBos: options.add_bos };
  return (await sharedEngine()).tokenize({ model: model_kit.descriptor.id, text, ...bos });
}

export async function unload_model(model_kit: ModelHandle): Promise<void> {
  await (await sharedEngine()).unloadModel(model_kit.descriptor.id);
}

export async function shutdown(): Promise<void> {
  const starting = shared;
  shared = current = null;
  const engine = await starting?.catch(() => null);
  current = null;
  await engine?.shutdown();
}
