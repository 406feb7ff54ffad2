/** What an engine offers, in both spellings. */
import type { EventEmitter } from 'eventemitter3';
import type { BatchQueueStats } from '../../core/batch-queue.js';
import type { CacheHealth, ModelCacheStats } from '../../types/cache.js';
import type {
  CreateGeneratorOptions,
  HealthStatus,
  LoadModelOptions,
  RuntimeInfo,
} from '../../types/engine.js';
import type {
  GeneratorChunk,
  GeneratorParams,
  TokenizeRequest,
  TokenizeResponse,
} from '../../types/generators.js';
import type { CompatibilityReport, ModelHandle } from '../../types/models.js';
import type {
  LoadVisionModelOptions,
  VisionGeneratorChunk,
  VisionGeneratorParams,
  VisionModelHandle,
} from '../../types/vision.js';
import type { EngineEvents } from '../events.js';

/** Names the state of the surface that snapshots compare with. */
export const ENGINE_API_SNAPSHOT_VERSION = 'phase-0';

type LooseLoad = LoadModelOptions | string | Record<string, unknown>;

export interface EnginePublicAPI extends Pick<EventEmitter<EngineEvents>, keyof EventEmitter<EngineEvents>> {
  loadModel(options: LoadModelOptions | string): Promise<ModelHandle>;
  loadDraftModel(options: LoadModelOptions | string): Promise<ModelHandle>;
  unloadModel(id: string): Promise<void>;
  unloadDraftModel(id?: string): Promise<void>;
  isDraftModelCompatible(primary: string, draft: string): Promise<CompatibilityReport>;
  createGenerator(params: GeneratorParams): AsyncGenerator<GeneratorChunk, void>;
  createGenerator(
    params: GeneratorParams,
    options: CreateGeneratorOptions | undefined,
  ): AsyncGenerator<GeneratorChunk, void>;
  generate(params: GeneratorParams, options?: CreateGeneratorOptions): Promise<string>;
  tokenize(request: TokenizeRequest): Promise<TokenizeResponse>;
  listModels(): ModelHandle[];
  getModelInfo(id: string): ModelHandle | undefined;
  getRuntimeInfo(): Promise<RuntimeInfo>;
  healthCheck(): Promise<HealthStatus>;
  shutdown(): Promise<void>;
  dispose(): Promise<void>;
  getBatchStats(): BatchQueueStats | undefined;
  resetBatchStats(): void;
  flushBatches(): Promise<void>;
  warmupModel(options: LoadModelOptions | string): Promise<void>;
  getCacheStats(): Promise<ModelCacheStats>;
  getArtifactCacheHealth(): Promise<CacheHealth>;
  loadVisionModel(options: LoadVisionModelOptions): Promise<VisionModelHandle>;
  createVisionGenerator(
    params: VisionGeneratorParams,
    options?: CreateGeneratorOptions,
  ): AsyncGenerator<VisionGeneratorChunk, void>;

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
}
