/** The state of the artifact cache on disk. The runtime fills it; this side reports on it. */
import { access, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { getCacheConfig } from '../config/loader.js';
import type { CacheConfig, CacheHealth, CacheIndex } from '../types/cache.js';

const NEAR_LIMIT = 0.9;

export class ArtifactCache {
  readonly #config: CacheConfig;

  constructor(overrides: Partial<CacheConfig> = {}) {
    this.#config = { ...getCacheConfig(), ...overrides };
  }

  /** A cache that does not exist yet is healthy and empty; an index that cannot be read is not. */
  async health(): Promise<CacheHealth> {
    const folder = resolve(this.#config.cacheDir);
    const empty = { sizeBytes: 0, entryCount: 0, hitRate: 0, nearLimit: false, corruptedEntries: [] };
    let index: CacheIndex;
    try {
      index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as CacheIndex;
    } catch (error) {
      return { healthy: (error as NodeJS.ErrnoException).code === 'ENOENT', ...empty };
    }
    const entries = Object.entries(index.entries ?? {});
    const corrupted: string[] = [];
    for (const [key, { hash }] of entries) {
      await access(join(folder, 'artifacts', hash)).catch(() => corrupted.push(key));
    }
    const sizeBytes = entries.reduce((sum, [, entry]) => sum + entry.sizeBytes, 0);
    return {
      healthy: corrupted.length === 0,
      sizeBytes,
      entryCount: entries.length,
      hitRate: index.stats?.hitRate ?? 0,
      nearLimit: sizeBytes >= this.#config.maxSizeBytes * NEAR_LIMIT,
      corruptedEntries: corrupted,
      lastValidated: new Date().toISOString(),
    };
  }
}
