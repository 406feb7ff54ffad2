/** Schemas of one area, by the path they have always had. */
export {
  AdaptiveGovernorConfigSchema,
  AdaptiveLimitsConfigSchema,
  BackpressureConfigSchema,
  BatchQueueConfigSchema,
  CacheConfigSchema,
  ChunkPoolingConfigSchema,
  DevelopmentConfigSchema,
  JsonRpcCircuitBreakerConfigSchema,
  JsonRpcConfigSchema,
  JsonRpcRetryConfigSchema,
  ModelConfigSchema,
  ModelMemoryCacheConfigSchema,
  OutlinesConfigSchema,
  PerformanceConfigSchema,
  PythonBridgeConfigSchema,
  PythonRuntimeConfigSchema,
  RuntimeConfigSchema,
  StreamMetricsConfigSchema,
  StreamRegistryConfigSchema,
  TelemetryConfigSchema,
} from '../../generated/schemas.js';
export type { RuntimeConfig } from '../../generated/types.js';
