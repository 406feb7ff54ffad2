/**
 * runtime.yaml: defaults from the schema, the file over them, the environment's section over that. Precedence, lowest
 * first: defaults, the file, its `environments.<NODE_ENV>`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import document from '../generated/schemas.json' with { type: 'json' };
import { RuntimeConfigSchema } from '../generated/schemas.js';
import type { RuntimeConfig } from '../generated/types.js';
import type { CacheConfig } from '../types/cache.js';

export type Environment = 'production' | 'development' | 'test';

type Tree = Record<string, unknown>;
interface Definition {
  $ref?: string;
  default?: unknown;
  properties?: Record<string, Definition>;
}

const DEFINITIONS = document.$defs as unknown as Record<string, Definition>;

/** What differs by environment when no file says otherwise. */
const DEFAULT_ENVIRONMENTS: Record<Environment, Tree> = {
  production: {
    python_runtime: { startup_timeout_ms: 60_000, max_restarts: 5 },
    stream_registry: { max_active_streams: 50 },
  },
  development: { python_runtime: { startup_timeout_ms: 15_000 } },
  test: {
    python_runtime: { startup_timeout_ms: 15_000, max_restarts: 1 },
    json_rpc: { default_timeout_ms: 30_000 },
    stream_registry: { default_timeout_ms: 30_000 },
  },
};

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Objects are merged, everything else is replaced. */
function merge(base: Tree, over: Tree): Tree {
  const out: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (key === '__proto__') continue;
    const below = out[key];
    out[key] = isTree(below) && isTree(value) ? merge(below, value) : value;
  }
  return out;
}

function defaultsOf(name: string): Tree {
  const out: Tree = {};
  for (const [key, property] of Object.entries(DEFINITIONS[name]?.properties ?? {})) {
    const inner = property.$ref?.replace('#/$defs/', '');
    if (inner !== undefined) out[key] = defaultsOf(inner);
    else if (property.default !== undefined) out[key] = structuredClone(property.default);
  }
  return out;
}

function environmentOf(name: string | undefined): Environment {
  return name === 'production' || name === 'test' ? name : 'development';
}

/** The nearest folder above this file that has a package.json. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function readFile(path: string | undefined): Tree {
  const chosen = path ?? process.env['MLX_SERVING_CONFIG'];
  const packaged = join(packageRoot(), 'config', 'runtime.yaml');
  if (chosen === undefined && !existsSync(packaged)) return {};
  const file = chosen ?? packaged;
  if (!existsSync(file)) throw new Error(`Configuration file not found: ${file}.`);
  const value: unknown = parse(readFileSync(file, 'utf8'), { maxAliasCount: 100 });
  if (value === null || value === undefined) return {};
  if (!isTree(value)) throw new Error(`Configuration validation failed:\nroot Expected object in ${file}`);
  return value;
}

export function validateConfig(config: unknown): asserts config is RuntimeConfig {
  const result = RuntimeConfigSchema.safeParse(config);
  if (result.success) return;
  const lines = result.error.issues.map(({ path, message }) => `${path.join('.') || 'root'} ${message}`);
  throw new Error(`Configuration validation failed:\n${lines.join('\n')}`);
}

export function loadConfig(path?: string, environment?: string): RuntimeConfig {
  const env = environmentOf(environment ?? process.env['NODE_ENV']);
  const { environments, ...file } = readFile(path);
  const { environments: _none, ...defaults } = defaultsOf('RuntimeConfig');
  const overlay = isTree(environments) && isTree(environments[env]) ? environments[env] : {};
  const config = merge(merge(merge(defaults, DEFAULT_ENVIRONMENTS[env]), file), overlay);
  if (process.env['DEBUG_CONFIG_MERGE']) console.error('Configuration of', env, JSON.stringify(overlay));
  validateConfig(config);
  return config;
}

let current: RuntimeConfig | undefined;

export function initializeConfig(path?: string, environment?: string): RuntimeConfig {
  current = loadConfig(path, environment);
  return current;
}

export function getConfig(): RuntimeConfig {
  return (current ??= loadConfig());
}

export function resetConfig(): void {
  current = undefined;
}

export function getCacheConfig(): CacheConfig {
  const { cache } = getConfig();
  return {
    enabled: cache.enabled,
    cacheDir: cache.cache_dir,
    maxSizeBytes: cache.max_size_bytes,
    maxAgeDays: cache.max_age_days,
    evictionPolicy: cache.eviction_policy,
    preloadModels: cache.preload_models,
    enableCompression: cache.enable_compression,
    validateOnStartup: cache.validate_on_startup,
  };
}

export function getModelPreloadConfig(): RuntimeConfig['model_preload'] {
  return getConfig().model_preload;
}

/** The groups of older versions, in upper case. */
export function getCompatibleConfig(): Record<string, unknown> {
  const config = getConfig();
  const upper = (tree: unknown): unknown =>
    isTree(tree)
      ? Object.fromEntries(Object.entries(tree).map(([k, v]) => [k.toUpperCase(), upper(v)]))
      : tree;
  return {
    PYTHON_RUNTIME: upper(config.python_runtime),
    JSON_RPC: upper(config.json_rpc),
    STREAM_REGISTRY: upper(config.stream_registry),
    MODEL: upper(config.model),
    PYTHON_BRIDGE: upper(config.python_bridge),
    PERFORMANCE: upper(config.performance),
    DEV: upper(config.development),
  };
}
