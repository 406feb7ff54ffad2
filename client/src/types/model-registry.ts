/** Bookkeeping of loaded models. */
import type { LoadModelOptions } from '../generated/types.js';

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
  loadOptions?: Partial<LoadModelOptions>;
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
  loadOptions?: Partial<LoadModelOptions>;
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
