/** Options and reports of the engine. */
import type { GenerationStats, ModelDescriptor, ModelHandle } from '../generated/types.js';
import type { CacheConfig } from './cache.js';
import type { EngineError } from './generators.js';

export type { LoadModelOptions } from '../generated/types.js';

export type ModelIdentifier = string | ModelDescriptor;
export type QuantizationMode = 'none' | 'int8' | 'int4';

/** Called as things happen; none may be relied on to be called more than once a happening. */
export interface TelemetryHooks {
  onModelLoaded?: (handle: ModelHandle) => void;
  onTokenGenerated?: (token: string, stats: GenerationStats) => void;
  onGenerationCompleted?: (stats: GenerationStats) => void;
  onError?: (error: EngineError) => void;
}

export interface TelemetryOptions {
  enabled: boolean;
  hooks?: TelemetryHooks;
}

export interface EngineOptions {
  /** Program to start instead of the runtime that comes with the package. */
  pythonPath?: string;
  /** Its single argument. */
  runtimePath?: string;
  cacheDir?: string;
  telemetry?: TelemetryOptions;
  cache?: Partial<CacheConfig>;
}

export interface CreateGeneratorOptions {
  signal?: AbortSignal;
  streamId?: string;
  timeoutMs?: number;
  priority?: 'urgent' | 'default' | 'background';
}

export interface RuntimeInfo {
  version: string;
  mlxVersion: string;
  protocol: string;
  capabilities: string[];
  mlxSupported?: boolean;
  /** Bytes. */
  memory?: { rss: number; vms: number };
}

export interface HealthStatus {
  status: 'healthy' | 'degraded' | 'unhealthy';
  /** Milliseconds since the runtime started. */
  uptime: number;
  activeStreams: number;
  loadedModels: number;
  runtime: { pid?: number; status: 'running' | 'stopped' | 'crashed' };
  stateConsistent?: boolean;
  stateErrors?: string[];
}
