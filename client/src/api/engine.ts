/** The engine: models, generations and their events, over one runtime process. */
import { EventEmitter } from 'eventemitter3';
import { pino, type Logger } from 'pino';
import type { ZodTypeAny } from 'zod';
import { JsonRpcTransport } from '../bridge/jsonrpc-transport.js';
import { RuntimeProcess } from '../bridge/runtime-process.js';
import { StreamRegistry } from '../bridge/stream-registry.js';
import {
  normalizeGeneratorParams,
  normalizeLoadModelOptions,
  normalizeTokenizeRequest,
} from '../compat/config-normalizer.js';
import { getConfig } from '../config/loader.js';
import { ArtifactCache } from '../core/artifact-cache.js';
import { BatchQueue, type BatchQueueStats } from '../core/batch-queue.js';
import { type GenerationContext, generateStream } from '../core/generator.js';
import { checkHealth } from '../core/health.js';
import { ModelStore } from '../core/model-store.js';
import { RuntimeClient } from '../core/runtime-client.js';
import { generateVision, loadVision } from '../core/vision.js';
import {
  GeneratorParamsSchema,
  LoadModelOptionsSchema,
  TokenizeRequestSchema,
} from '../generated/schemas.js';
import type { CacheHealth, ModelCacheStats } from '../types/cache.js';
import type {
  CreateGeneratorOptions,
  EngineOptions,
  HealthStatus,
  LoadModelOptions,
  RuntimeInfo,
  TelemetryHooks,
} from '../types/engine.js';
import type {
  GeneratorChunk,
  GeneratorParams,
  TokenizeRequest,
  TokenizeResponse,
} from '../types/generators.js';
import type { CompatibilityReport, ModelHandle } from '../types/models.js';
import type {
  LoadVisionModelOptions,
  VisionGeneratorChunk,
  VisionGeneratorParams,
  VisionModelHandle,
} from '../types/vision.js';
import type { EnginePublicAPI } from './contracts/engine-public-api.js';
import { EngineClientError, type EngineErrorCode, toEngineError, zodErrorToEngineError } from './errors.js';
import type { EngineEvents } from './events.js';
import { GenerationStatsCollector } from './stats-collector.js';

/** Given by tests: what the engine would otherwise make for itself. */
export interface EngineDependencies {
  runner?: RuntimeProcess;
  logger?: Logger;
}

type LooseLoad = LoadModelOptions | string | Record<string, unknown>;

/** Chunks that a reader takes before the runtime hears of it, where it grants credit. */
const ACK_EVERY = 16;

function checked<T>(schema: ZodTypeAny, value: T | undefined): T {
  const result = schema.safeParse(value);
  if (!result.success) throw zodErrorToEngineError(result.error);
  return value as T;
}

export class Engine extends EventEmitter<EngineEvents> implements EnginePublicAPI {
  readonly load_model: (options: LooseLoad) => Promise<ModelHandle>;
  readonly load_draft_model: (options: LooseLoad) => Promise<ModelHandle>;
  readonly unload_model: (id: string) => Promise<void>;
  readonly unload_draft_model: (id?: string) => Promise<void>;
  readonly is_draft_model_compatible: (primary: string, draft: string) => Promise<CompatibilityReport>;
  readonly create_generator: (
    params: GeneratorParams | Record<string, unknown>,
    options?: CreateGeneratorOptions,
  ) => AsyncGenerator<GeneratorChunk, void>;
  readonly list_models: () => ModelHandle[];
  readonly get_model_info: (id: string) => ModelHandle | undefined;
  readonly get_runtime_info: () => Promise<RuntimeInfo>;
  readonly health_check: () => Promise<HealthStatus>;
  readonly warmup_model: (options: LooseLoad) => Promise<void>;
  readonly get_cache_stats: () => Promise<ModelCacheStats>;
  readonly load_vision_model: (options: LoadVisionModelOptions) => Promise<VisionModelHandle>;
  readonly create_vision_generator: (
    params: VisionGeneratorParams,
    options?: CreateGeneratorOptions,
  ) => AsyncGenerator<VisionGeneratorChunk, void>;

  readonly #logger: Logger;
  readonly #hooks: TelemetryHooks;
  readonly #process: RuntimeProcess;
  readonly #runtime: RuntimeClient;
  readonly #models: ModelStore;
  readonly #streams: StreamRegistry;
  readonly #context: GenerationContext;
  readonly #artifacts: ArtifactCache;
  readonly #unacknowledged = new Map<string, number>();
  readonly #collectors = new Map<string, GenerationStatsCollector>();
  #batches: BatchQueue | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: EngineOptions = {}, dependencies: EngineDependencies = {}) {
    super();
    const config = dependencies.runner?.config ?? getConfig();
    this.#logger = dependencies.logger ?? pino({ level: process.env['KR_MLX_LOG_LEVEL'] ?? 'info' });
    this.#hooks = options.telemetry?.enabled ? (options.telemetry.hooks ?? {}) : {};
    this.#process =
      dependencies.runner ??
      new RuntimeProcess({
        config,
        ...(options.pythonPath === undefined ? {} : { command: options.pythonPath }),
        ...(options.runtimePath === undefined ? {} : { argument: options.runtimePath }),
      });
    this.#runtime = new RuntimeClient(
      this.#process,
      config,
      ({ name, previous, next, reason, failureCount }) => {
        const keys = { circuit: name, previous_state: previous, next_state: next, reason };
        this.#logger.warn({ ...keys, failure_count: failureCount }, 'Circuit breaker changed');
      },
    );
    this.#models = new ModelStore(this.#runtime, config, options.cacheDir, (modelId) =>
      this.#emitUnloaded(modelId),
    );
    this.#streams = new StreamRegistry((id) => this.#acknowledge(id));
    this.#artifacts = new ArtifactCache(options.cache);
    this.#context = {
      runtime: this.#runtime,
      streams: this.#streams,
      listener: {
        started: (streamId, modelId, prompt) => this.#onStarted(streamId, modelId, prompt),
        chunk: (streamId, modelId, chunk) => this.#onChunk(streamId, modelId, chunk),
      },
    };
    this.#watchProcess();

    this.load_model = (o) => this.loadModel(o as LoadModelOptions);
    this.load_draft_model = (o) => this.loadDraftModel(o as LoadModelOptions);
    this.unload_model = (id) => this.unloadModel(id);
    this.unload_draft_model = (id) => this.unloadDraftModel(id);
    this.is_draft_model_compatible = (primary, draft) => this.isDraftModelCompatible(primary, draft);
    this.create_generator = (params, o) => this.createGenerator(params as GeneratorParams, o);
    this.list_models = () => this.listModels();
    this.get_model_info = (id) => this.getModelInfo(id);
    this.get_runtime_info = () => this.getRuntimeInfo();
    this.health_check = () => this.healthCheck();
    this.warmup_model = (o) => this.warmupModel(o as LoadModelOptions);
    this.get_cache_stats = () => this.getCacheStats();
    this.load_vision_model = (o) => this.loadVisionModel(o);
    this.create_vision_generator = (params, o) => this.createVisionGenerator(params, o);
  }

  loadModel(options: LoadModelOptions | string): Promise<ModelHandle> {
    return this.#load(normalizeLoadModelOptions(options));
  }

  loadDraftModel(options: LoadModelOptions | string): Promise<ModelHandle> {
    const normalized = normalizeLoadModelOptions(options);
    return this.#load(normalized === undefined ? undefined : { ...normalized, draft: true });
  }

  async unloadModel(id: string): Promise<void> {
    await this.#reporting('RuntimeError', () => this.#models.unload(id));
    this.#emitUnloaded(id);
  }

  async unloadDraftModel(id?: string): Promise<void> {
    if (id !== undefined) return this.unloadModel(id);
    await this.#reporting('RuntimeError', () => this.#models.unloadLastDraft());
  }

  isDraftModelCompatible(primary: string, draft: string): Promise<CompatibilityReport> {
    return this.#reporting('RuntimeError', async () => {
      const params = { primary_id: primary, draft_id: draft };
      const report = toReport(await this.#runtime.call('check_draft', params, 'RuntimeError'));
      this.#models.pair(report, primary, draft);
      return report;
    });
  }

  async *createGenerator(
    params: GeneratorParams,
    options: CreateGeneratorOptions = {},
  ): AsyncGenerator<GeneratorChunk, void> {
    const valid = checked(GeneratorParamsSchema, normalizeGeneratorParams(params));
    this.#models.touch(valid.model);
    yield* generateStream(this.#context, valid, options);
  }

  async generate(params: GeneratorParams, options?: CreateGeneratorOptions): Promise<string> {
    const parts: string[] = [];
    for await (const chunk of this.createGenerator(params, options)) {
      if (chunk.type === 'token') parts.push(chunk.token);
      if (chunk.type !== 'error') continue;
      const { code, message, details } = chunk.error;
      const own = (code ?? 'GenerationError') as EngineErrorCode;
      throw new EngineClientError(own, message, { ...details, engineError: chunk.error });
    }
    return parts.join('');
  }

  async tokenize(request: TokenizeRequest): Promise<TokenizeResponse> {
    const { model, text, addBos } = checked(TokenizeRequestSchema, normalizeTokenizeRequest(request));
    if (this.#models.get(model) === undefined) {
      throw new EngineClientError('ModelNotLoaded', `Model ${model} must be loaded before tokenization`);
    }
    const params = { model_id: model, text, ...(addBos === undefined ? {} : { add_special_tokens: addBos }) };
    const reply = await this.#reporting('TokenizerError', () => {
      const batches = this.#batchQueue();
      return batches?.tokenize(params) ?? this.#runtime.call('tokenize', params, 'TokenizerError');
    });
    const { tokens, token_strings: tokenStrings } = reply as { tokens: number[]; token_strings?: string[] };
    return tokenStrings === undefined ? { tokens } : { tokens, tokenStrings };
  }

  listModels(): ModelHandle[] {
    return this.#models.list();
  }

  getModelInfo(id: string): ModelHandle | undefined {
    return this.#models.get(id);
  }

  getRuntimeInfo(): Promise<RuntimeInfo> {
    return this.#reporting('RuntimeError', async () =>
      toRuntimeInfo(await this.#runtime.call('runtime/info', undefined, 'RuntimeError')),
    );
  }

  healthCheck(): Promise<HealthStatus> {
    const loaded = this.#models.list().map(({ descriptor }) => descriptor.id);
    return checkHealth(this.#process, this.#streams.size, loaded);
  }

  shutdown(): Promise<void> {
    this.#stopping ??= this.#shutDown().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  dispose(): Promise<void> {
    return this.shutdown();
  }

  getBatchStats(): BatchQueueStats | undefined {
    return this.#batchQueue()?.getStats();
  }

  resetBatchStats(): void {
    this.#batches?.resetStats();
  }

  async flushBatches(): Promise<void> {
    await this.#batches?.flush();
  }

  async warmupModel(options: LoadModelOptions | string): Promise<void> {
    const normalized = normalizeLoadModelOptions(options);
    if (normalized?.model === undefined) checked(LoadModelOptionsSchema, normalized);
    else await this.#models.load(normalized);
  }

  async getCacheStats(): Promise<ModelCacheStats> {
    await this.#start();
    return this.#models.stats();
  }

  getArtifactCacheHealth(): Promise<CacheHealth> {
    return this.#artifacts.health();
  }

  loadVisionModel(options: LoadVisionModelOptions): Promise<VisionModelHandle> {
    return this.#reporting('ModelLoadError', async () => {
      const handle = await loadVision(this.#runtime, options);
      this.emit('model:loaded', { modelId: handle.descriptor.id, handle, timestamp: Date.now() });
      return handle;
    });
  }

  async *createVisionGenerator(
    params: VisionGeneratorParams,
    options: CreateGeneratorOptions = {},
  ): AsyncGenerator<VisionGeneratorChunk, void> {
    try {
      yield* generateVision(this.#context, params, options);
    } catch (error) {
      throw this.#report(toEngineError(error, 'GenerationError'));
    }
  }

  async #start(): Promise<void> {
    if (this.#stopping !== undefined)
      throw new EngineClientError('RuntimeError', 'Engine shutdown in progress');
    try {
      await this.#process.start();
    } catch (error) {
      throw toEngineError(error, 'RuntimeError');
    }
  }

  #load(options: LoadModelOptions | undefined): Promise<ModelHandle> {
    return this.#reporting('ModelLoadError', async () => {
      const handle = await this.#models.load(checked(LoadModelOptionsSchema, options));
      this.#hooks.onModelLoaded?.(handle);
      this.#logger.debug({ modelId: handle.descriptor.id, draft: handle.draft ?? false }, 'Model loaded');
      this.emit('model:loaded', { modelId: handle.descriptor.id, handle, timestamp: Date.now() });
      return handle;
    });
  }

  async #shutDown(): Promise<void> {
    this.#batches?.clear();
    this.#batches = undefined;
    this.#streams.failAll({ code: 'Cancelled', message: 'StreamRegistry shutdown' });
    await this.#reporting('RuntimeError', () => this.#process.stop());
    this.#models.clear();
    this.#runtime.breaker.reset();
  }

  /** There once the runtime has said that it can answer batches. */
  #batchQueue(): BatchQueue | undefined {
    if (!this.#runtime.has('batch_tokenize') || !this.#runtime.has('batch_check_draft')) return undefined;
    const { batch_queue: queue } = this.#runtime.config;
    this.#batches ??= new BatchQueue(
      (method, params) => this.#runtime.call(method, params, 'TokenizerError'),
      {
        enabled: queue.enabled,
        maxBatchSize: queue.max_batch_size,
        flushIntervalMs: queue.flush_interval_ms,
        adaptiveSizing: queue.adaptive_sizing ?? true,
      },
    );
    return this.#batches;
  }

  #watchProcess(): void {
    this.#process.on('status', (status, previousStatus) => {
      this.emit('runtime:status', { status, previousStatus, timestamp: Date.now() });
    });
    this.#process.on('ready', (transport: JsonRpcTransport) => {
      transport.on('notification', (method, params) => this.#streams.handle(method, params));
    });
    this.#process.on('exit', () => this.#lost());
    this.#process.on('stderr', (stderr) => this.#logger.debug({ stderr }, 'Runtime'));
    this.#process.on('error', (error) => this.#report(toEngineError(error), 'runtime'));
  }

  /** The runtime is gone, and with it its models and streams. */
  #lost(): void {
    this.#streams.failAll({ code: 'TransportError', message: 'StreamRegistry shutdown' });
    for (const modelId of this.#models.clear()) {
      this.emit('model:invalidated', { modelId, reason: 'python_restart', timestamp: Date.now() });
    }
  }

  #acknowledge(streamId: string): void {
    if (!this.#runtime.has('stream_credit')) return;
    const count = (this.#unacknowledged.get(streamId) ?? 0) + 1;
    this.#unacknowledged.set(streamId, count % ACK_EVERY);
    if (count < ACK_EVERY) return;
    this.#process.transport?.notify('stream.ack', { stream_id: streamId, count });
  }

  #onStarted(streamId: string, modelId: string, prompt: string): void {
    if (this.#hooks.onTokenGenerated) this.#collectors.set(streamId, new GenerationStatsCollector());
    if (this.listenerCount('generation:started') === 0) return;
    this.emit('generation:started', { streamId, modelId, prompt, timestamp: Date.now() });
  }

  #onChunk(streamId: string, modelId: string, chunk: GeneratorChunk): void {
    if (chunk.type === 'token') return this.#onToken(streamId, modelId, chunk);
    this.#collectors.delete(streamId);
    this.#unacknowledged.delete(streamId);
    if (chunk.type === 'error') return this.#hooks.onError?.(chunk.error);
    this.#hooks.onGenerationCompleted?.({ ...chunk.stats, modelId: chunk.stats.modelId ?? modelId });
    this.emit('generation:completed', { streamId, stats: chunk.stats, timestamp: Date.now() });
  }

  #onToken(streamId: string, modelId: string, chunk: GeneratorChunk & { type: 'token' }): void {
    const collector = this.#collectors.get(streamId);
    if (collector !== undefined) {
      collector.update(chunk.token);
      this.#hooks.onTokenGenerated?.(chunk.token, { ...collector.getStats(), modelId });
    }
    if (this.listenerCount('generation:token') === 0) return;
    const logprob = chunk.logprob === undefined ? {} : { logprob: chunk.logprob };
    this.emit('generation:token', { streamId, token: chunk.token, ...logprob, timestamp: Date.now() });
  }

  #emitUnloaded(modelId: string): void {
    this.emit('model:unloaded', { modelId, timestamp: Date.now() });
  }

  /** Runs what needs the runtime; what it throws is an `error` event too. */
  async #reporting<T>(fallback: EngineErrorCode, action: () => Promise<T>): Promise<T> {
    if (this.#stopping !== undefined && fallback !== 'RuntimeError') {
      throw new EngineClientError('RuntimeError', 'Engine shutdown in progress');
    }
    try {
      return await action();
    } catch (error) {
      throw this.#report(toEngineError(error, fallback));
    }
  }

  #report(error: EngineClientError, context?: string): EngineClientError {
    this.#hooks.onError?.(error.toObject());
    const where = context === undefined ? {} : { context };
    this.emit('error', { error: error.toObject(), ...where, timestamp: Date.now() });
    return error;
  }

  /** Starts the runtime of an engine that was just made. */
  static async start(engine: Engine): Promise<Engine> {
    await engine.#start();
    return engine;
  }
}

function toReport(reply: unknown): CompatibilityReport {
  const { compatible, errors, warnings, details } = reply as {
    compatible: boolean;
    errors?: string[];
    warnings?: string[];
    details?: Record<string, Record<string, unknown>>;
  };
  if (details === undefined) throw new EngineClientError('RuntimeError', 'Draft check gave no details');
  const side = (model: Record<string, unknown> = {}) => ({
    id: String(model['id']),
    vocabSize: (model['vocab_size'] ?? null) as number | null,
    parameterCount: Number(model['parameter_count'] ?? 0),
    architecture: String(model['architecture'] ?? 'unknown'),
  });
  const estimate = details['performance_estimate'] ?? {};
  return {
    compatible,
    errors: errors ?? [],
    warnings: warnings ?? [],
    details: {
      primaryModel: side(details['primary_model']),
      draftModel: side(details['draft_model']),
      performanceEstimate: {
        expectedSpeedup: String(estimate['expected_speedup'] ?? '1.00x'),
        sizeRatio: String(estimate['size_ratio'] ?? 'N/A'),
        recommendation: String(estimate['recommendation'] ?? ''),
      },
    },
  };
}

function toRuntimeInfo(reply: unknown): RuntimeInfo {
  const info = reply as {
    version: string;
    mlx_version: string;
    protocol: string;
    capabilities?: string[];
    mlx_supported?: boolean;
    memory?: { rss: number; vms: number };
  };
  return {
    version: info.version,
    mlxVersion: info.mlx_version,
    protocol: info.protocol,
    capabilities: info.capabilities ?? [],
    ...(info.mlx_supported === undefined ? {} : { mlxSupported: info.mlx_supported }),
    ...(info.memory === undefined ? {} : { memory: info.memory }),
  };
}

export async function createEngine(options?: EngineOptions): Promise<Engine> {
  return Engine.start(new Engine(options));
}
