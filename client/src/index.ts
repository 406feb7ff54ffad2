/** Everything that applications import. */
export { ENGINE_API_SNAPSHOT_VERSION } from './api/contracts/engine-public-api.js';
export { createEngine, Engine } from './api/engine.js';
export { EngineClientError } from './api/errors.js';
export {
  batchTokenize,
  collectChunks,
  ensureModelLoaded,
  generateText,
  generateTextStreaming,
  getTotalTokenCount,
  isEngineHealthy,
  retryLoadModel,
  waitForModelReady,
  withEngine,
} from './api/helpers.js';
export { createMLXEngine, MLXEngine } from './api/mlx-engine.js';
export {
  create_generator,
  generate,
  getEngine,
  load_model,
  shutdown,
  tokenize,
  unload_model,
} from './api/module-helpers.js';
export { GenerationStatsCollector } from './api/stats-collector.js';
export {
  assertValidGeneratorParams,
  assertValidLoadModelOptions,
  assertValidTokenizeRequest,
  clamp,
  isValidModelIdFormat,
  normalizeTemperature,
  normalizeTopP,
  sanitizeModelId,
  validateGeneratorParams,
  validateLoadModelOptions,
  validateTokenizeRequest,
} from './api/validators.js';
export { createTelemetryBridge, getMetrics, TelemetryManager } from './telemetry/otel.js';
export {
  ABTestRunner,
  createTestWorkload,
  loadTestWorkload,
  saveTestResults,
} from './testing/ab-test-runner.js';
export {
  calculateEffectSize,
  calculateSampleSize,
  calculateSampleStatistics,
  formatPValue,
  getSignificanceLevel,
  welchTTest,
} from './testing/statistical-analysis.js';
export { PriorityLevel } from './types/scheduling.js';
export {
  validateJsonRpcMessage,
  validateJsonRpcNotification,
  validateJsonRpcRequest,
  validateJsonRpcResponse,
} from './types/schemas/jsonrpc.js';
export {
  downloadModel,
  listMLXModels,
  MLXModelDownloader,
  ModelDownloadError,
} from './utils/model-downloader.js';
export {
  AdaptiveGovernorConfigSchema,
  AdaptiveLimitsConfigSchema,
  BackpressureConfigSchema,
  BatchCheckDraftParamsSchema,
  BatchQueueConfigSchema,
  BatchTokenizeParamsSchema,
  CacheConfigSchema,
  CheckDraftParamsSchema,
  CheckDraftResponseSchema,
  ChunkPoolingConfigSchema,
  ClampedPenalty,
  ClampedTemperature,
  ClampedTopP,
  CompatibilityReportSchema,
  DevelopmentConfigSchema,
  EngineErrorSchema,
  EngineTelemetryConfigSchema,
  ErrorEventSchema,
  GenerateParamsSchema,
  GenerateResponseSchema,
  GenerateWithImageParamsSchema,
  GenerationCompletedEventSchema,
  GenerationStartedEventSchema,
  GenerationStatsSchema,
  GeneratorParamsSchema,
  JsonRpcCircuitBreakerConfigSchema,
  JsonRpcConfigSchema,
  JsonRpcErrorObjectSchema,
  JsonRpcErrorResponseSchema,
  JsonRpcNotificationSchema,
  JsonRpcRequestSchema,
  JsonRpcRetryConfigSchema,
  JsonRpcSuccessSchema,
  LoadModelOptionsSchema,
  LoadModelParamsSchema,
  LoadModelResponseSchema,
  LoadVisionModelParamsSchema,
  ModelConfigSchema,
  ModelDescriptorSchema,
  ModelHandleSchema,
  ModelInvalidatedEventSchema,
  ModelLoadedEventSchema,
  ModelMemoryCacheConfigSchema,
  ModelStateSchema,
  ModelUnloadedEventSchema,
  NonEmptyString,
  NonNegativeInteger,
  NonNegativeNumber,
  OutlinesConfigSchema,
  PerformanceConfigSchema,
  PositiveInteger,
  PromptTemplateSchema,
  PythonBridgeConfigSchema,
  PythonRuntimeConfigSchema,
  QuantizationModeSchema,
  RuntimeConfigSchema,
  RuntimeInfoResponseSchema,
  RuntimeStateResponseSchema,
  RuntimeStatusEventSchema,
  ShutdownResponseSchema,
  StreamChunkNotificationSchema,
  StreamEventNotificationSchema,
  StreamMetricsConfigSchema,
  StreamRegistryConfigSchema,
  StreamStatsNotificationSchema,
  StructuredFormat,
  StructuredOutputConfigSchema,
  TelemetryConfigSchema,
  TokenGeneratedEventSchema,
  TokenizeParamsSchema,
  TokenizeRequestSchema,
  TokenizeResponseSchema,
  TokenizedPromptSchema,
  TokenizerConfigSchema,
  UnloadModelParamsSchema,
  VisionModelResponseSchema,
  VisionPromptConfigSchema,
} from './generated/schemas.js';
export { GeneratorChunkSchema, GeneratorParamsWithStructuredSchema } from './types/schemas/generator.js';
export { JsonRpcMessageSchema } from './bridge/serializers.js';
export type { EnginePublicAPI } from './api/contracts/engine-public-api.js';
export type { EngineErrorCode } from './api/errors.js';
export type {
  EngineEventHandler,
  EngineEventName,
  EngineEvents,
  ErrorEvent,
  GenerationCompletedEvent,
  GenerationStartedEvent,
  ModelInvalidatedEvent,
  ModelLoadedEvent,
  ModelUnloadedEvent,
  RuntimeStatusEvent,
  TokenGeneratedEvent,
} from './api/events.js';
export type { StatsCollectorOptions } from './api/stats-collector.js';
export type { ValidationResult } from './api/validators.js';
export type {
  JsonRpcErrorObject,
  JsonRpcErrorResponse,
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcSuccess,
} from './bridge/serializers.js';
export type {
  SnakeCaseGeneratorParams,
  SnakeCaseLoadModelOptions,
  SnakeCaseTokenizeRequest,
} from './compat/config-normalizer.js';
export type { KrServeMetrics, MlxServingMetrics, TelemetryConfig } from './telemetry/otel.js';
export type {
  ABTestConfig,
  ABTestResults,
  PerformanceMetrics,
  RequestMetrics,
  TestCase,
} from './testing/ab-test-runner.js';
export type {
  EffectSize,
  SampleSizeResult,
  SampleStatistics,
  WelchTTestResult,
} from './testing/statistical-analysis.js';
export type {
  CacheConfig,
  CacheEntry,
  CacheEntryMetadata,
  CacheHealth,
  CacheIndex,
  CacheLookupResult,
  CacheStats,
  CacheStoreResult,
  EvictionPolicy,
  ModelCacheStats,
} from './types/cache.js';
export type {
  CreateGeneratorOptions,
  EngineOptions,
  HealthStatus,
  LoadModelOptions,
  ModelIdentifier,
  QuantizationMode,
  RuntimeInfo,
  TelemetryHooks,
  TelemetryOptions,
} from './types/engine.js';
export type {
  EngineError,
  GenerationStats,
  GeneratorChunk,
  GeneratorParams,
  PromptTemplate,
  StructuredOutputConfig,
  TokenizeRequest,
  TokenizeResponse,
  VisionPromptConfig,
} from './types/generators.js';
export type {
  GpuMemoryStats,
  ModelAccessPattern,
  ModelCacheConfig,
  ModelEvictionEvent,
  ModelMemoryFootprint,
  ModelPreloadRequest,
  ModelRegistryStats,
  ModelSwitchRequest,
  ModelSwitchResult,
} from './types/model-registry.js';
export type {
  CompatibilityReport,
  ModelDescriptor,
  ModelHandle,
  ModelState,
  TokenizerConfig,
} from './types/models.js';
export type {
  FairQueuingState,
  PreemptionDecision,
  PrioritySchedulerConfig,
  QueueStats,
  RequestMetadata,
  SchedulableRequest,
  SchedulingDecision,
  SchedulingPolicy,
  SlaConfig,
  SlaTiers,
} from './types/scheduling.js';
export type { RuntimeConfig } from './types/schemas/config.js';
export type { JsonRpcValidationResult } from './types/schemas/jsonrpc.js';
export type { EngineTelemetryConfig } from './types/schemas/telemetry.js';
export type {
  ImageEmbedding,
  ImageInput,
  LoadVisionModelOptions,
  VisionGeneratorChunk,
  VisionGeneratorParams,
  VisionModelCapabilities,
  VisionModelDescriptor,
  VisionModelFamily,
  VisionModelHandle,
} from './types/vision.js';
export type {
  CacheOptions,
  DownloadOptions,
  ListOptions,
  MLXModelEntry,
  ModelInfo,
} from './utils/model-downloader.js';
