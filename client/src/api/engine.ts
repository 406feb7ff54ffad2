/** The engine: models, generations and their events, over one runtime process. */
import { EventEmitter } from 'eventemitter3';
import { pino, type Logger } from 'pino';
import { z, type ZodTypeAny } from 'zod';
import { runtimeCommand } from '../bridge/runtime-command.js';
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
import { promptText, toRpcParams } from '../core/generate-params.js';
import { runStream } from '../core/generator.js';
import { checkHealth } from '../core/health.js';
import { ModelStore } from '../core/model-store.js';
import { Observer } from '../core/observer.js';
import { toCompatibilityReport, toRuntimeInfo } from '../core/replies.js';
import { RuntimeClient } from '../core/runtime-client.js';
import { withPlainSchema } from '../core/structured.js';
import { generateVision, loadVision } from '../core/vision.js';
import {
  GeneratorParamsSchema,
  LoadModelOptionsSchema,
  NonEmptyString,
  TokenizeRequestSchema,
} from '../generated/schemas.js';
import type { CheckDraftResponse, RpcTokenizeResponse, RuntimeInfoResponse } from '../generated/types.js';
import type { CacheHealth, ModelCacheStats } from '../types/cache.js';
import type {
  CreateGeneratorOptions,
  EngineOptions,
  HealthStatus,
  LoadModelOptions,
  RuntimeInfo,
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
import { EngineClientError, type EngineErrorCode, toEngineError, zodErrorToEngineError } from './errors.js';
import type { EngineEvents } from './events.js';

/** Given by tests: what the engine would otherwise make for itself. */
export interface EngineDependencies {
  runner?: RuntimeProcess;
  logger?: Logger;
}

type LooseLoad = LoadModelOptions | string | Record<string, unknown>;

const LoadVisionModelOptionsSchema = z.object({ model: NonEmptyString }).passthrough();

function checked<T>(schema: ZodTypeAny, value: T | undefined): T {
  const result = schema.safeParse(value);
  if (!result.success) throw zodErrorToEngineError(result.error);
  return value as T;
}

export class Engine extends EventEmitter<EngineEvents> {
  // The snake_case names are properties of each engine, so that they can be handed around without it.
  readonly load_model = (options: LooseLoad) => this.loadModel(options as LoadModelOptions);
  readonly load_draft_model = (options: LooseLoad) => this.loadDraftModel(options as LoadModelOptions);
  readonly unload_model = (id: string) => this.unloadModel(id);
  readonly unload_draft_model = (id?: string) => this.unloadDraftModel(id);
  readonly is_draft_model_compatible = (primary: string, draft: string) =>
    this.isDraftModelCompatible(primary, draft);
  readonly create_generator = (
    params: GeneratorParams | Record<string, unknown>,
    options?: CreateGeneratorOptions,
  ) => this.createGenerator(params as GeneratorParams, options);
  readonly list_models = () => this.listModels();
  readonly get_model_info = (id: string) => this.getModelInfo(id);
  readonly get_runtime_info = () => this.getRuntimeInfo();
  readonly health_check = () => this.healthCheck();
  readonly warmup_model = (options: LooseLoad) => this.warmupModel(options as LoadModelOptions);
  readonly get_cache_stats = () => this.getCacheStats();
  readonly load_vision_model = (options: LoadVisionModelOptions) => this.loadVisionModel(options);
  readonly create_vision_generator = (params: VisionGeneratorParams, options?: CreateGeneratorOptions) =>
    this.createVisionGenerator(params, options);

  readonly #observer: Observer;
  readonly #runtime: RuntimeClient;
  readonly #streams: StreamRegistry;
  readonly #models: ModelStore;
  readonly #artifacts: ArtifactCache;
  #batches: BatchQueue | undefined;

  constructor(options: EngineOptions = {}, { runner, logger }: EngineDependencies = {}) {
    super();
    const process = runner ?? makeProcess(options);
    const log = logger ?? pino({ level: globalThis.process.env['KR_MLX_LOG_LEVEL'] ?? 'info' });
    this.#observer = new Observer(this, options.telemetry, log);
    this.#runtime = new RuntimeClient(process, this.#observer);
    this.#streams = new StreamRegistry(process.config.stream_registry);
    this.#models = new ModelStore(this.#runtime, options.cacheDir);
    this.#artifacts = new ArtifactCache(options.cache);
    this.#watch(process);
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
    this.#observer.modelUnloaded(id);
  }

  async unloadDraftModel(id?: string): Promise<void> {
    if (id !== undefined) return this.unloadModel(id);
    await this.#reporting('RuntimeError', () => this.#models.unloadLastDraft());
  }

  isDraftModelCompatible(primary: string, draft: string): Promise<CompatibilityReport> {
    return this.#reporting('RuntimeError', async () => {
      const reply = await this.#runtime.call(
        'check_draft',
        { primary_id: primary, draft_id: draft },
        'RuntimeError',
      );
      const report = toCompatibilityReport(reply as CheckDraftResponse);
      this.#models.pair(report, primary, draft);
      return report;
    });
  }

  createGenerator(
    params: GeneratorParams,
    options?: CreateGeneratorOptions,
  ): AsyncGenerator<GeneratorChunk, void> {
    const context = { runtime: this.#runtime, streams: this.#streams };
    const call = () => {
      const valid = this.#valid(params);
      this.#models.touch(valid.model);
      return {
        method: 'generate',
        modelId: valid.model,
        prompt: promptText(valid.prompt),
        params: toRpcParams(valid, options),
      };
    };
    return runStream(context, call, options);
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
    const { tokens, token_strings: tokenStrings } = reply as RpcTokenizeResponse;
    return tokenStrings === undefined ? { tokens } : { tokens, tokenStrings };
  }

  listModels(): ModelHandle[] {
    return this.#models.list();
  }

  getModelInfo(id: string): ModelHandle | undefined {
    return this.#models.get(id);
  }

  getRuntimeInfo(): Promise<RuntimeInfo> {
    return this.#reporting('RuntimeError', async () => {
      const reply = await this.#runtime.call('runtime/info', undefined, 'RuntimeError');
      return toRuntimeInfo(reply as RuntimeInfoResponse);
    });
  }

  healthCheck(): Promise<HealthStatus> {
    const loaded = this.#models.list().map(({ descriptor }) => descriptor.id);
    return checkHealth(this.#runtime, this.#streams.size, loaded);
  }

  async shutdown(): Promise<void> {
    this.#batches?.clear();
    this.#batches = undefined;
    this.#streams.failAll({ code: 'Cancelled', message: 'StreamRegistry shutdown' });
    await this.#reporting('RuntimeError', () => this.#runtime.stop());
    this.#models.clear();
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
      const startedAt = performance.now();
      const handle = await loadVision(this.#runtime, checked(LoadVisionModelOptionsSchema, options));
      this.#models.addVision(handle.descriptor.id);
      this.#observer.modelLoaded(handle, performance.now() - startedAt);
      return handle;
    });
  }

  async *createVisionGenerator(
    params: VisionGeneratorParams,
    options?: CreateGeneratorOptions,
  ): AsyncGenerator<VisionGeneratorChunk, void> {
    try {
      const { image, visionConfig, ...text } = params;
      const valid = this.#valid(text as GeneratorParams) as typeof text;
      const context = { runtime: this.#runtime, streams: this.#streams };
      yield* generateVision(context, { ...valid, image, visionConfig } as VisionGeneratorParams, options);
    } catch (error) {
      throw this.#observer.error(toEngineError(error, 'GenerationError'));
    }
  }

  #valid(params: GeneratorParams): GeneratorParams {
    return checked(GeneratorParamsSchema, withPlainSchema(normalizeGeneratorParams(params)));
  }

  #load(options: LoadModelOptions | undefined): Promise<ModelHandle> {
    return this.#reporting('ModelLoadError', async () => {
      const known = new Set(this.#models.list());
      const startedAt = performance.now();
      const handle = await this.#models.load(checked(LoadModelOptionsSchema, options));
      this.#observer.modelLoaded(handle, known.has(handle) ? undefined : performance.now() - startedAt);
      return handle;
    });
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
        onDispatched: (batch) => this.#observer.hooks.onBatchDispatched?.(batch),
      },
    );
    return this.#batches;
  }

  #watch(process: RuntimeProcess): void {
    const { logger } = this.#observer;
    process.on('status', (status, previous) => this.#observer.status(status, previous));
    process.on('ready', (transport) => {
      transport.on('notification', (method, params) => this.#streams.handle(method, params));
      transport.on('ignored', (line) =>
        logger.warn({ line: line.slice(0, 200) }, 'No message of the runtime'),
      );
    });
    process.on('exit', () => this.#lost());
    process.on('stderr', (stderr) => logger.debug({ stderr }, 'Runtime'));
    process.on('error', (error) => this.#observer.error(toEngineError(error), 'runtime'));
    this.#streams.on('acknowledge', (streamId, count) => {
      if (this.#runtime.has('stream_credit'))
        this.#runtime.notify('stream.ack', { stream_id: streamId, count });
    });
    this.#streams.on('slowConsumer', (streamId, blockedMs) => {
      logger.warn({ streamId, blockedMs }, 'A reader is slower than its generation');
    });
    this.#streams.on('metricsExport', (metrics) => logger.debug(metrics, 'Streams'));
  }

  /** The runtime is gone, and with it its models and streams. */
  #lost(): void {
    this.#streams.failAll({ code: 'TransportError', message: 'StreamRegistry shutdown' });
    for (const modelId of this.#models.clear()) this.#observer.modelInvalidated(modelId);
  }

  /** Runs what needs the runtime; what it throws is an `error` event too. */
  async #reporting<T>(fallback: EngineErrorCode, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw this.#observer.error(toEngineError(error, fallback));
    }
  }

  async #start(): Promise<void> {
    try {
      await this.#runtime.start();
    } catch (error) {
      throw toEngineError(error, 'RuntimeError');
    }
  }

  /** Models that the configuration wants to be there; one that cannot be loaded is no reason not to start. */
  #warmUp(): void {
    for (const modelId of this.#runtime.config.model.memory_cache?.warmup_on_start ?? []) {
      this.warmupModel(modelId).catch((error: Error) => {
        this.#observer.logger.warn({ modelId, error: error.message }, 'Warm-up failed');
      });
    }
  }

  /** Starts the runtime of an engine that was just made. */
  static async start(engine: Engine): Promise<Engine> {
    await engine.#start();
    engine.#warmUp();
    return engine;
  }
}

function makeProcess(options: EngineOptions): RuntimeProcess {
  return new RuntimeProcess({ config: getConfig(), command: () => runtimeCommand(options) });
}

export async function createEngine(options?: EngineOptions): Promise<Engine> {
  return Engine.start(new Engine(options));
}
