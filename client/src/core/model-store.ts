/** Loaded models: one handle an id, concurrent loads of the same variant shared, the least recently used unloaded first. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EngineClientError } from '../api/errors.js';
import type { RuntimeConfig } from '../generated/types.js';
import type { ModelCacheStats } from '../types/cache.js';
import type { LoadModelOptions } from '../types/engine.js';
import type { CompatibilityReport, ModelDescriptor, ModelHandle, ModelState } from '../types/models.js';
import type { RuntimeClient } from './runtime-client.js';

interface Entry {
  handle: ModelHandle;
  lastAccess: number;
  variant: string;
}

interface LoadReply {
  model_id?: string;
  state?: string;
  context_length?: number;
  parameter_count?: number;
  dtype?: string;
  is_vision_model?: boolean;
  tokenizer_type?: string;
  memory_usage?: number;
}

const LOAD_TIMEOUT_MS = 600_000;

function descriptorOf(model: LoadModelOptions['model']): ModelDescriptor {
  if (typeof model !== 'string') return model;
  return { id: model, source: 'huggingface', modality: 'text', family: 'mlx-lm' };
}

function stateOf(state: string | undefined): ModelState {
  return state === 'ready' || state === 'loading' ? state : 'failed';
}

/** undefined and null of a revision, undefined and 'none' of a quantization are the same. */
function variantOf({ draft, revision, quantization }: LoadModelOptions): string {
  return JSON.stringify([draft === true, revision ?? null, quantization ?? 'none']);
}

/** The members that are defined. */
function defined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

export class ModelStore {
  #models = new Map<string, Entry>();
  #loading = new Map<string, Promise<ModelHandle>>();
  /** Models that read images: loaded in the runtime, and known here only so that they can be unloaded. */
  #vision = new Set<string>();
  #pairs = new Map<string, string>();
  #lastDraft: string | undefined;
  #clock = 0;

  readonly #config: RuntimeConfig;

  constructor(
    private readonly runtime: RuntimeClient,
    private readonly cacheDir: string | undefined,
  ) {
    this.#config = runtime.config;
  }

  get size(): number {
    return this.#models.size;
  }

  get(id: string): ModelHandle | undefined {
    return this.#models.get(id)?.handle;
  }

  list(): ModelHandle[] {
    return [...this.#models.values()].map(({ handle }) => handle);
  }

  /** Marks a use, so that it is not the next to be unloaded. */
  touch(id: string): void {
    const entry = this.#models.get(id);
    if (entry !== undefined) entry.lastAccess = this.#now();
  }

  async load(options: LoadModelOptions): Promise<ModelHandle> {
    const { id } = descriptorOf(options.model);
    const variant = variantOf(options);
    const entry = this.#models.get(id);
    if (entry !== undefined && entry.variant === variant && entry.handle.state === 'ready') {
      entry.lastAccess = this.#now();
      return entry.handle;
    }
    const key = `${id}|${variant}`;
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      // Later, so that the load counts itself among those under way from its first line on.
      loading = Promise.resolve()
        .then(() => this.#load(options, variant))
        .finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    return loading;
  }

  /** False when no such model is known: nothing is asked of the runtime then. */
  async unload(id: string): Promise<boolean> {
    if (!this.#models.has(id) && !this.#vision.has(id)) return false;
    await this.runtime.call('unload_model', { model_id: id }, 'RuntimeError');
    this.#forget(id);
    return true;
  }

  async unloadLastDraft(): Promise<void> {
    if (this.#lastDraft !== undefined) await this.unload(this.#lastDraft);
  }

  addVision(id: string): void {
    this.#vision.add(id);
  }

  /** Remembers that one may draft for the other. */
  pair(report: CompatibilityReport, primary: string, draft: string): void {
    if (report.compatible) this.#pairs.set(primary, draft);
  }

  /** What was loaded, after a runtime that no longer has it. */
  clear(): string[] {
    const ids = [...this.#models.keys()];
    this.#models.clear();
    this.#vision.clear();
    this.#pairs.clear();
    this.#lastDraft = undefined;
    return ids;
  }

  stats(): ModelCacheStats {
    const models = [...this.#models].map(([modelId, { lastAccess }]) => ({ modelId, lastAccess }));
    models.sort((a, b) => b.lastAccess - a.lastAccess);
    return {
      loadedModels: this.size,
      maxModels: this.#config.model.max_loaded_models,
      cacheEnabled: this.#config.model.memory_cache?.enabled ?? false,
      models,
    };
  }

  /** Milliseconds that never repeat, so that two uses have an order. */
  #now(): number {
    this.#clock = Math.max(Date.now(), this.#clock + 1e-3);
    return this.#clock;
  }

  async #load(options: LoadModelOptions, variant: string): Promise<ModelHandle> {
    const descriptor = descriptorOf(options.model);
    if (!this.#models.has(descriptor.id)) await this.#makeRoom(descriptor.id);
    const reply = (await this.runtime.call(
      'load_model',
      this.#params(descriptor, options),
      'ModelLoadError',
      {
        timeoutMs: Math.max(LOAD_TIMEOUT_MS, this.#config.json_rpc.default_timeout_ms),
      },
    )) as LoadReply;
    const handle: ModelHandle = {
      descriptor,
      state: stateOf(reply.state),
      contextLength: reply.context_length ?? this.#config.model.default_context_length,
      metadata: {
        parameterCount: reply.parameter_count,
        dtype: reply.dtype,
        isVisionModel: reply.is_vision_model,
        tokenizerType: reply.tokenizer_type,
        memoryUsage: reply.memory_usage,
        quantization: options.quantization ?? 'none',
        revision: options.revision,
        draft: options.draft ?? false,
      },
      ...(options.draft === undefined ? {} : { draft: options.draft }),
    };
    this.#models.set(descriptor.id, { handle, lastAccess: this.#now(), variant });
    if (options.draft === true) this.#lastDraft = descriptor.id;
    return handle;
  }

  #params(descriptor: ModelDescriptor, options: LoadModelOptions): Record<string, unknown> {
    const { quantization } = options;
    return defined({
      model_id: descriptor.id,
      draft: options.draft ?? false,
      revision: options.revision,
      quantization: quantization === 'none' ? undefined : quantization,
      local_path: options['localPath'] ?? descriptor.path ?? this.#cached(descriptor.id),
      context_length: options['contextLength'] ?? options['context_length'],
      trust_remote_code: options.trustRemoteCode,
    });
  }

  #cached(id: string): string | undefined {
    const folder = this.cacheDir === undefined ? undefined : join(this.cacheDir, id);
    return folder !== undefined && existsSync(folder) ? folder : undefined;
  }

  async #makeRoom(id: string): Promise<void> {
    const { max_loaded_models: max, memory_cache: cache } = this.#config.model;
    const others = () => this.#models.size + this.#loading.size - 1;
    const keep = cache?.enabled ? Math.min(cache.max_cached_models, max || Infinity) : Infinity;
    while (this.#models.size > 0 && others() >= keep) {
      const oldest = [...this.#models].reduce((a, b) => (b[1].lastAccess < a[1].lastAccess ? b : a))[0];
      if (await this.unload(oldest)) this.runtime.observer.modelUnloaded(oldest);
    }
    if (max === 0 || others() < max) return;
    throw new EngineClientError(
      'ModelLoadError',
      `Cannot load model ${id}: maximum number of loaded models (${max}) reached. Please unload unused models before loading new ones.`,
    );
  }

  #forget(id: string): void {
    this.#models.delete(id);
    this.#vision.delete(id);
    for (const [primary, draft] of this.#pairs)
      if (primary === id || draft === id) this.#pairs.delete(primary);
    if (this.#lastDraft === id) this.#lastDraft = undefined;
  }
}
