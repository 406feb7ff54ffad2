/** The artifact cache. */
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

export interface CacheEntry {
  hash: string;
  created: string;
  lastAccessed: string;
  accessCount: number;
  sizeBytes: number;
  loadTimeMs?: number;
  metadata: CacheEntryMetadata;
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

export interface CacheIndex {
  version: string;
  created: string;
  lastUpdated: string;
  entries: Record<string, CacheEntry>;
  stats: CacheStats;
}

export interface EvictionPolicy {
  strategy: 'lru' | 'lfu' | 'fifo';
  maxSizeBytes: number;
  maxAgeDays: number;
  minAccessCount?: number;
}

export interface CacheLookupResult {
  hit: boolean;
  entry?: CacheEntry;
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
