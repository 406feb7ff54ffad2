// The contract's types, field by field. tests/contract/exports.test.ts compares each with the package's own.
// Fields of another exported type name it; `Root` is the package.
import type { Logger } from 'pino';
import type { Counter, Histogram } from '@opentelemetry/api';
import type * as Root from '../../src/index.js';
import type { BatchQueueStats } from '../../src/core/batch-queue.js';

type Values = Record<string, unknown>;
type LooseLoad = Root.LoadModelOptions | string | Values;

// api
export interface EnginePublicAPI {
  loadModel(options: Root.LoadModelOptions | string): Promise<Root.ModelHandle>;
  loadDraftModel(options: Root.LoadModelOptions | string): Promise<Root.ModelHandle>;
  unloadModel(id: string): Promise<void>;
  unloadDraftModel(id?: string): Promise<void>;
  isDraftModelCompatible(primary: string, draft: string): Promise<Root.CompatibilityReport>;
  createGenerator(params: Root.GeneratorParams): AsyncGenerator<Root.GeneratorChunk, void>;
  createGenerator(
    params: Root.GeneratorParams,
    options: Root.CreateGeneratorOptions | undefined,
  ): AsyncGenerator<Root.GeneratorChunk, void>;
  generate(params: Root.GeneratorParams, options?: Root.CreateGeneratorOptions): Promise<string>;
  tokenize(request: Root.TokenizeRequest): Promise<Root.TokenizeResponse>;
  listModels(): Root.ModelHandle[];
  getModelInfo(id: string): Root.ModelHandle | undefined;
  getRuntimeInfo(): Promise<Root.RuntimeInfo>;
  healthCheck(): Promise<Root.HealthStatus>;
  shutdown(): Promise<void>;
  dispose(): Promise<void>;
  getBatchStats(): BatchQueueStats | undefined;
  resetBatchStats(): void;
  flushBatches(): Promise<void>;
  warmupModel(options: Root.LoadModelOptions | string): Promise<void>;
  getCacheStats(): Promise<Root.ModelCacheStats>;
  getArtifactCacheHealth(): Promise<Root.CacheHealth>;
  loadVisionModel(options: Root.LoadVisionModelOptions): Promise<Root.VisionModelHandle>;
  createVisionGenerator(
    params: Root.VisionGeneratorParams,
    options?: Root.CreateGeneratorOptions,
  ): AsyncGenerator<Root.VisionGeneratorChunk, void>;
  readonly load_model: (options: LooseLoad) => Promise<Root.ModelHandle>;
  readonly load_draft_model: (options: LooseLoad) => Promise<Root.ModelHandle>;
  readonly unload_model: (id: string) => Promise<void>;
  readonly unload_draft_model: (id?: string) => Promise<void>;
  readonly is_draft_model_compatible: (primary: string, draft: string) => Promise<Root.CompatibilityReport>;
  readonly create_generator: (
    params: Root.GeneratorParams | Values,
    options?: Root.CreateGeneratorOptions,
  ) => AsyncGenerator<Root.GeneratorChunk, void>;
  readonly list_models: () => Root.ModelHandle[];
  readonly get_model_info: (id: string) => Root.ModelHandle | undefined;
  readonly get_runtime_info: () => Promise<Root.RuntimeInfo>;
  readonly health_check: () => Promise<Root.HealthStatus>;
  readonly warmup_model: (options: LooseLoad) => Promise<void>;
  readonly get_cache_stats: () => Promise<Root.ModelCacheStats>;
  readonly load_vision_model: (options: Root.LoadVisionModelOptions) => Promise<Root.VisionModelHandle>;
  readonly create_vision_generator: (
    params: Root.VisionGeneratorParams,
    options?: Root.CreateGeneratorOptions,
  ) => AsyncGenerator<Root.VisionGeneratorChunk, void>;
}
export type EngineErrorCode =
  | 'ParseError'
  | 'InvalidRequest'
  | 'MethodNotFound'
  | 'InvalidParams'
  | 'ValidationError'
  | 'InternalError'
  | 'ServerError'
  | 'ModelLoadError'
  | 'GenerationError'
  | 'TokenizerError'
  | 'GuidanceError'
  | 'ModelNotLoaded'
  | 'RuntimeError'
  | 'TransportError'
  | 'Timeout'
  | 'Cancelled'
  | 'UnknownError';
export interface StatsCollectorOptions {
  autoStart?: boolean;
}
export interface ValidationResult {
  valid: boolean;
  errors: string[];
}

// events
export interface ModelLoadedEvent {
  modelId: string;
  handle: Root.ModelHandle;
  timestamp: number;
}
export interface ModelUnloadedEvent {
  modelId: string;
  timestamp: number;
}
export interface ModelInvalidatedEvent {
  modelId: string;
  reason: 'python_restart' | 'unload' | 'error';
  timestamp: number;
}
export interface ErrorEvent {
  error: { code?: string; message: string; details?: Values };
  context?: string;
  timestamp: number;
}
export interface GenerationStartedEvent {
  streamId: string;
  modelId: string;
  prompt: string;
  timestamp: number;
}
export interface TokenGeneratedEvent {
  streamId: string;
  token: string;
  logprob?: number;
  timestamp: number;
}
export interface GenerationCompletedEvent {
  streamId: string;
  stats: Root.GenerationStats;
  timestamp: number;
}
type Status = 'starting' | 'ready' | 'error' | 'stopped';
export interface RuntimeStatusEvent {
  status: Status;
  previousStatus?: Status;
  timestamp: number;
}
export interface EngineEvents {
  'model:loaded': (event: Root.ModelLoadedEvent) => void;
  'model:unloaded': (event: Root.ModelUnloadedEvent) => void;
  'model:invalidated': (event: Root.ModelInvalidatedEvent) => void;
  'generation:started': (event: Root.GenerationStartedEvent) => void;
  'generation:token': (event: Root.TokenGeneratedEvent) => void;
  'generation:completed': (event: Root.GenerationCompletedEvent) => void;
  error: (event: Root.ErrorEvent) => void;
  'runtime:status': (event: Root.RuntimeStatusEvent) => void;
}
export type EngineEventName = keyof EngineEvents;

// options and reports
export type ModelIdentifier = string | Root.ModelDescriptor;
export type QuantizationMode = 'none' | 'int8' | 'int4';
export interface EngineOptions {
  pythonPath?: string;
  runtimePath?: string;
  cacheDir?: string;
  telemetry?: Root.TelemetryOptions;
  cache?: Partial<Root.CacheConfig>;
}
export interface TelemetryOptions {
  enabled: boolean;
  hooks?: Root.TelemetryHooks;
}
export interface TelemetryHooks {
  onModelLoaded?: (handle: Root.ModelHandle) => void;
  onTokenGenerated?: (token: string, stats: Root.GenerationStats) => void;
  onGenerationCompleted?: (stats: Root.GenerationStats) => void;
  onError?: (error: Root.EngineError) => void;
}
export interface CreateGeneratorOptions {
  signal?: AbortSignal;
  streamId?: string;
  timeoutMs?: number;
  priority?: 'urgent' | 'default' | 'background';
}
export interface LoadModelOptions {
  model: string | Root.ModelDescriptor;
  draft?: boolean;
  revision?: string;
  quantization?: Root.QuantizationMode;
  parameters?: Values;
  trustRemoteCode?: boolean;
  [key: string]: unknown;
}
export interface RuntimeInfo {
  version: string;
  mlxVersion: string;
  protocol: string;
  capabilities: string[];
  mlxSupported?: boolean;
  memory?: { rss: number; vms: number };
}
export interface HealthStatus {
  status: 'healthy' | 'degraded' | 'unhealthy';
  uptime: number;
  activeStreams: number;
  loadedModels: number;
  runtime: { pid?: number; status: 'running' | 'stopped' | 'crashed' };
  stateConsistent?: boolean;
  stateErrors?: string[];
}

// models
export interface ModelDescriptor {
  id: string;
  variant?: string;
  source: 'huggingface' | 'local';
  path?: string;
  tokenizer?: Root.TokenizerConfig;
  modality: 'text' | 'vision' | 'multimodal';
  family: 'mlx-lm' | 'mlx-vlm';
}
export interface TokenizerConfig {
  type: string;
  vocabSize: number;
  specialTokens?: Record<string, number>;
}
export type ModelState = 'loading' | 'ready' | 'failed';
export interface ModelHandle {
  descriptor: Root.ModelDescriptor;
  state: Root.ModelState;
  contextLength: number;
  metadata: Values;
  draft?: boolean;
}
type Compared = { id: string; vocabSize: number | null; parameterCount: number; architecture: string };
export interface CompatibilityReport {
  compatible: boolean;
  errors: string[];
  warnings: string[];
  details: {
    primaryModel: Compared;
    draftModel: Compared;
    performanceEstimate: { expectedSpeedup: string; sizeRatio: string; recommendation: string };
  };
}

// generation
export interface PromptTemplate {
  template: string;
  variables: Record<string, string>;
}
export interface GeneratorParams {
  model: string;
  prompt: string | Root.PromptTemplate | { tokens: number[] };
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  repetitionPenalty?: number;
  stopSequences?: string[];
  stopTokenIds?: number[];
  seed?: number;
  streaming?: boolean;
  structured?: Root.StructuredOutputConfig;
  multimodal?: Root.VisionPromptConfig;
  draftModel?: string;
  hints?: Values;
  promptTokens?: number[];
  [key: string]: unknown;
}
/** `schema` also takes Zod schemas and, for yaml, text: tests/structured.test.ts. */
export interface StructuredOutputConfig {
  schema: Values | { readonly _def: object; parse(value: unknown): unknown } | string;
  format: 'json' | 'yaml';
}
export interface VisionPromptConfig {
  images: string[];
  imageFormat?: 'base64' | 'url' | 'path';
}
export interface EngineError {
  code?: string;
  message: string;
  details?: Values;
}
export interface GenerationStats {
  tokensGenerated: number;
  tokensPerSecond: number;
  timeToFirstToken: number;
  totalTime?: number;
  draftTokensAccepted?: number;
  modelId?: string;
}
export type GeneratorChunk =
  | {
      type: 'token';
      token: string;
      tokenId?: number;
      logprob?: number;
      isFinal?: boolean;
      cumulativeText?: string;
    }
  | { type: 'metadata'; stats: Root.GenerationStats }
  | { type: 'error'; error: Root.EngineError };
export interface TokenizeRequest {
  model: string;
  text: string;
  addBos?: boolean;
}
export interface TokenizeResponse {
  tokens: number[];
  tokenStrings?: string[];
}

// vision
type Preprocessing = {
  resolution: number;
  patchSize: number;
  mean: [number, number, number];
  std: [number, number, number];
};
export type VisionModelFamily = 'llava' | 'qwen-vl' | 'phi-vision' | 'fuyu' | 'cogvlm';
export interface LoadVisionModelOptions {
  model: string;
  revision?: string;
  quantization?: { bits: 4 | 8; groupSize?: number };
  preprocessing?: Partial<Preprocessing>;
  config?: Values;
}
export interface VisionModelDescriptor extends Omit<ModelDescriptor, 'modality' | 'family'> {
  modality: 'vision' | 'multimodal';
  family: 'mlx-vlm';
  imageEncoder: 'clip' | 'vit' | 'siglip';
  maxImageSize: number;
  imagePreprocessing?: Preprocessing;
}
export interface VisionModelHandle extends Omit<ModelHandle, 'descriptor' | 'metadata'> {
  descriptor: Root.VisionModelDescriptor;
  metadata: { supportedFormats: string[]; maxBatchSize: number; [key: string]: unknown };
}
export interface ImageInput {
  source: string | Buffer;
  format?: 'png' | 'jpg' | 'jpeg' | 'webp' | 'bmp';
  metadata?: { width?: number; height?: number; channels?: number };
}
export interface VisionGeneratorChunk {
  type: 'token' | 'metadata' | 'error' | 'image_processed';
  token?: string;
  logprob?: number;
  stats?: {
    tokensGenerated: number;
    tokensPerSecond: number;
    timeToFirstToken: number;
    totalTime: number;
    imageProcessingTime?: number;
    imageEncodingTime?: number;
  };
  error?: { code: string; message: string; details?: Values };
  imageMetadata?: {
    numImages: number;
    totalTokens: number;
    resolutions: Array<{ width: number; height: number }>;
  };
}
export interface ImageEmbedding {
  embeddings: number[][];
  originalSize: { width: number; height: number };
  processedSize: { width: number; height: number };
  numTokens: number;
}
export interface VisionModelCapabilities {
  multiImage: boolean;
  interleavedPrompts: boolean;
  videoFrames: boolean;
  ocr: boolean;
  grounding: boolean;
  maxImages: number;
}

// JSON-RPC
type Id = string | number;
export interface JsonRpcRequest {
  jsonrpc: '2.0';
  method: string;
  params?: unknown;
  id?: Id;
}
export interface JsonRpcErrorObject {
  code: number;
  message: string;
  data?: unknown;
}
export interface JsonRpcErrorResponse {
  jsonrpc: '2.0';
  error: Root.JsonRpcErrorObject;
  id: Id | null;
}
export interface JsonRpcNotification {
  jsonrpc: '2.0';
  method: string;
  params?: unknown;
}

// telemetry
export interface TelemetryConfig {
  enabled: boolean;
  serviceName?: string;
  prometheusPort?: number;
  exportIntervalMs?: number;
  logger?: Logger;
}
export interface EngineTelemetryConfig {
  enabled: boolean;
  serviceName?: string;
  prometheusPort?: number;
  exportIntervalMs?: number;
}
export interface KrServeMetrics {
  modelsLoaded: Counter;
  modelsUnloaded: Counter;
  modelLoadDuration: Histogram;
  tokensGenerated: Counter;
  generationDuration: Histogram;
  generationErrors: Counter;
  ipcRequestsTotal: Counter;
  ipcRequestDuration: Histogram;
  ipcRequestsInFlight: Counter;
  batchOperationsTotal: Counter;
  batchSizeHistogram: Histogram;
  batchEfficiency: Histogram;
  errorsTotal: Counter;
  retryAttemptsTotal: Counter;
  circuitBreakerStateChanges: Counter;
}

// A/B tests and statistics
export interface TestCase {
  id: string;
  prompt: string;
  model: string;
  maxTokens?: number;
  temperature?: number;
  expectedMinTokens?: number;
}
export interface ABTestConfig {
  baselineEngine: Root.Engine;
  variantEngine: Root.Engine;
  testWorkload: Root.TestCase[];
  minSampleSize?: number;
  confidenceLevel?: number;
  alpha?: number;
  concurrent?: boolean;
  warmupRuns?: number;
  timeoutMs?: number;
  verbose?: boolean;
}
export interface RequestMetrics {
  testCaseId: string;
  ttftMs: number;
  latencyMs: number;
  tokensGenerated: number;
  tokensPerSecond: number;
  success: boolean;
  error?: string;
}
export interface PerformanceMetrics {
  totalRequests: number;
  successfulRequests: number;
  failedRequests: number;
  successRate: number;
  latency: Root.SampleStatistics;
  ttft: Root.SampleStatistics;
  throughput: Root.SampleStatistics;
  totalTokens: number;
  avgTokensPerRequest: number;
}
type Comparison = {
  improvement: number;
  tTest: Root.WelchTTestResult;
  effectSize: Root.EffectSize;
  significant: boolean;
};
export interface ABTestResults {
  timestamp: string;
  testDurationMs: number;
  totalTestCases: number;
  baseline: { name: string; metrics: Root.PerformanceMetrics };
  variant: { name: string; metrics: Root.PerformanceMetrics };
  comparison: { throughput: Comparison; ttft: Comparison; latency: Comparison };
  decision: {
    recommendation: 'go' | 'no-go' | 'inconclusive';
    reasons: string[];
    confidenceLevel: number;
  };
}
export interface SampleStatistics {
  n: number;
  mean: number;
  variance: number;
  stdDev: number;
  min: number;
  max: number;
  median: number;
  p95: number;
  p99: number;
}
export interface WelchTTestResult {
  tStatistic: number;
  degreesOfFreedom: number;
  pValue: number;
  significant: boolean;
  confidenceInterval: [number, number];
  confidenceLevel: number;
}
export interface EffectSize {
  cohensD: number;
  interpretation: 'negligible' | 'small' | 'medium' | 'large';
  description: string;
}
export interface SampleSizeResult {
  requiredSampleSize: number;
  power: number;
  alpha: number;
  effectSize: number;
}

// cache
export interface CacheConfig {
  enabled: boolean;
  cacheDir: string;
  maxSizeBytes: number;
  maxAgeDays: number;
  evictionPolicy: 'lru' | 'lfu' | 'fifo';
  preloadModels: string[];
  enableCompression?: boolean;
  validateOnStartup?: boolean;
}
export interface CacheEntry {
  hash: string;
  created: string;
  lastAccessed: string;
  accessCount: number;
  sizeBytes: number;
  loadTimeMs?: number;
  metadata: Root.CacheEntryMetadata;
}
export interface CacheEntryMetadata {
  modelId: string;
  parameterCount: number;
  dtype: string;
  contextLength: number;
  modality: string;
  quantization?: string;
  revision?: string;
  cachedAt: string;
}
export interface CacheIndex {
  version: string;
  created: string;
  lastUpdated: string;
  entries: Record<string, Root.CacheEntry>;
  stats: Root.CacheStats;
}
export interface CacheStats {
  totalEntries: number;
  totalSizeBytes: number;
  cacheHits: number;
  cacheMisses: number;
  hitRate: number;
  evictionsTotal: number;
  lastEviction?: string;
}
export interface EvictionPolicy {
  strategy: 'lru' | 'lfu' | 'fifo';
  maxSizeBytes: number;
  maxAgeDays: number;
  minAccessCount?: number;
}
export interface CacheLookupResult {
  hit: boolean;
  entry?: Root.CacheEntry;
  artifactPath?: string;
  lookupTimeMs: number;
}
export interface CacheStoreResult {
  success: boolean;
  hash: string;
  artifactPath: string;
  sizeBytes: number;
  storeTimeMs: number;
}
export interface CacheHealth {
  healthy: boolean;
  sizeBytes: number;
  entryCount: number;
  hitRate: number;
  nearLimit: boolean;
  corruptedEntries: string[];
  lastValidated?: string;
}
export interface ModelCacheStats {
  loadedModels: number;
  maxModels: number;
  cacheEnabled: boolean;
  models: Array<{ modelId: string; lastAccess: number }>;
}

// registry of models
export interface ModelMemoryFootprint {
  gpuMemoryBytes: number;
  cpuMemoryBytes: number;
  parameterCount: number;
  quantization?: string;
  dtype?: string;
}
export interface ModelAccessPattern {
  modelId: string;
  accessCount: number;
  lastAccessTime: number;
  loadTime: number;
  avgAccessInterval?: number;
  isFrequent: boolean;
}
export interface ModelCacheConfig {
  maxCachedModels: number;
  evictionStrategy: 'lru' | 'lfu' | 'access-time';
  memoryAwareEviction: boolean;
  gpuMemoryThreshold: number;
  trackAccessPatterns: boolean;
  warmupModels: string[];
  pinnedModels: string[];
  enablePreloading: boolean;
  preloadFrequencyThreshold: number;
}
export interface ModelRegistryStats {
  cachedModels: number;
  maxCachedModels: number;
  totalGpuMemory: number;
  totalCpuMemory: number;
  cacheHitRate: number;
  cacheMissRate: number;
  cacheHits: number;
  cacheMisses: number;
  evictions: number;
  avgLoadTime: number;
  avgSwitchTime: number;
  topModels: Array<{ modelId: string; accessCount: number }>;
}
export interface ModelSwitchRequest {
  fromModelId?: string;
  toModelId: string;
  loadOptions?: Partial<Root.LoadModelOptions>;
  preload?: boolean;
  priority?: 'low' | 'normal' | 'high' | 'urgent';
}
export interface ModelSwitchResult {
  success: boolean;
  modelId: string;
  switchTimeMs: number;
  cacheHit: boolean;
  evictionOccurred: boolean;
  evictedModelId?: string;
  error?: string;
}
export interface ModelPreloadRequest {
  modelId: string;
  loadOptions?: Partial<Root.LoadModelOptions>;
  priority?: 'low' | 'normal' | 'high';
}
export interface ModelEvictionEvent {
  modelId: string;
  reason: 'lru' | 'lfu' | 'memory-pressure' | 'manual' | 'error';
  timestamp: number;
  memoryFreed: number;
  accessCount: number;
}
export interface GpuMemoryStats {
  totalMemory: number;
  usedMemory: number;
  freeMemory: number;
  utilization: number;
  underPressure: boolean;
}

// scheduling
export interface SlaConfig {
  targetLatencyMs: number;
  maxLatencyMs: number;
  violationThreshold: number;
}
export type SlaTiers = Record<Root.PriorityLevel, Root.SlaConfig>;
export interface SchedulingPolicy {
  shortestJobFirst: boolean;
  allowPreemption: boolean;
  fairnessWeight: number;
  urgencyThresholdMs: number;
  agingEnabled: boolean;
  agingIntervalMs: number;
}
export interface RequestMetadata {
  id: string;
  priority: Root.PriorityLevel;
  queuedAt: number;
  estimatedTokens?: number;
  deadline?: number;
  originalPriority: Root.PriorityLevel;
  agingBumps: number;
  tenantId?: string;
  customData?: Values;
}
export interface PreemptionDecision {
  shouldPreempt: boolean;
  reason?: string;
  requestToPreempt?: Root.SchedulableRequest;
  newRequest?: Root.SchedulableRequest;
}
export interface SchedulingDecision {
  request: Root.SchedulableRequest | null;
  reason: string;
  queueStateBefore: Root.QueueStats;
  timestamp: number;
}
export interface QueueStats {
  queueDepth: Record<Root.PriorityLevel, number>;
  totalQueueSize: number;
  oldestRequestAge: Record<Root.PriorityLevel, number>;
  executing: number;
  preempted: number;
}
export interface FairQueuingState {
  servedCounts: Map<Root.PriorityLevel, number>;
  lastServed: Map<Root.PriorityLevel, number>;
  tenantQueueDepth: Map<string, number>;
}
export interface PrioritySchedulerConfig {
  slaTiers: Root.SlaTiers;
  policy: Root.SchedulingPolicy;
  maxQueueSize: number;
  maxConcurrent: number;
  enableMetrics: boolean;
  logger?: Logger;
}

// downloader
export interface DownloadOptions {
  localDir?: string;
  allowPatterns?: string[];
  ignorePatterns?: string[];
  forceDownload?: boolean;
  cacheDir?: string;
  token?: string;
  onProgress?: (message: string) => void;
}
export interface ListOptions {
  filter?: string;
  limit?: number;
  sort?: 'downloads' | 'likes' | 'created';
  token?: string;
}
export interface CacheOptions {
  cacheDir?: string;
}
export interface ModelInfo {
  repo_id: string;
  path: string;
  size_bytes: number;
  files: string[];
  last_modified?: string;
  quantization?: string;
}
export interface MLXModelEntry {
  repo_id: string;
  downloads: number;
  likes: number;
  tags: string[];
  created_at?: string;
}

// Classes, by their public side.
export interface MLXEngine {
  init(): Promise<Root.MLXEngine>;
  generate(prompt: string, params?: Omit<Partial<Root.GeneratorParams>, 'model' | 'prompt'>): Promise<string>;
  generateStream(
    prompt: string,
    params?: Omit<Partial<Root.GeneratorParams>, 'model' | 'prompt'>,
  ): AsyncGenerator<Root.GeneratorChunk, void>;
  tokenize(text: string): Promise<number[]>;
  getModelHandle(): Root.ModelHandle | null;
  getEngine(): Root.Engine | null;
  isInitialized(): boolean;
  dispose(): Promise<void>;
}
export interface GenerationStatsCollector {
  update(token: string | { token: string }): void;
  start(): void;
  stop(): void;
  reset(): void;
  getStats(): Root.GenerationStats;
  readonly tokensPerSecond: number;
  readonly timeToFirstToken: number;
  readonly totalTime: number;
  readonly tokensGenerated: number;
  readonly isStarted: boolean;
  readonly hasTokens: boolean;
}
export interface TelemetryManager {
  start(): Promise<void>;
  shutdown(): Promise<void>;
  isStarted(): boolean;
  readonly metrics: Root.KrServeMetrics;
}
export interface ABTestRunner {
  run(): Promise<Root.ABTestResults>;
}
