/** Models of the Hugging Face hub: found, downloaded into the cache that all its tools share, listed and removed. */
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { CachedRepoInfo, ListFileEntry } from '@huggingface/hub';

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

export class ModelDownloadError extends Error {
  constructor(
    message: string,
    readonly code?: string,
    readonly repoId?: string,
  ) {
    super(message);
    this.name = 'ModelDownloadError';
  }
}

type Code = 'DOWNLOAD_ERROR' | 'LIST_ERROR' | 'CACHE_ERROR';

const LIST_LIMIT = 50;

/** Loaded when first needed: an application that brings its own models never does. */
const hub = () => import('@huggingface/hub');

function access(token = process.env['HF_TOKEN']): { hubUrl?: string; accessToken?: string } {
  const hubUrl = process.env['HF_ENDPOINT'];
  return {
    ...(hubUrl ? { hubUrl: hubUrl.replace(/\/$/, '') } : {}),
    ...(token ? { accessToken: token } : {}),
  };
}

/** Shell patterns of whole paths, in which `*` crosses folders too. */
function matches(path: string, patterns: string[]): boolean {
  const toRegExp = (pattern: string) =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
      's',
    );
  return patterns.some((pattern) => toRegExp(pattern.endsWith('/') ? `${pattern}*` : pattern).test(path));
}

/** Names come from the hub: none may lead out of the folder they go to. */
function inside(folder: string, name: string): string {
  const clean = normalize(name);
  if (isAbsolute(clean) || clean.startsWith('..'))
    throw new Error(`Unsafe file name in the repository: ${name}`);
  return join(folder, clean);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function quantizationOf(folder: string): Promise<string | undefined> {
  try {
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as {
      quantization?: { bits?: number };
    };
    return config.quantization?.bits === undefined ? undefined : `${config.quantization.bits}bit`;
  } catch {
    return undefined;
  }
}

export class MLXModelDownloader extends EventEmitter {
  /** Older versions downloaded with the Python named here; it is not needed any more. */
  constructor(_pythonPath?: string) {
    super();
  }

  async download(repoId: string, options: DownloadOptions = {}): Promise<ModelInfo> {
    const info = await this.#failing('DOWNLOAD_ERROR', repoId, () => this.#download(repoId, options));
    this.emit('downloaded', info);
    return info;
  }

  async list({ filter, limit = LIST_LIMIT, sort, token }: ListOptions = {}): Promise<MLXModelEntry[]> {
    const entries = await this.#failing('LIST_ERROR', undefined, async () => {
      const { listModels } = await hub();
      const found: MLXModelEntry[] = [];
      const order = sort === undefined ? {} : { sort: sort === 'created' ? ('createdAt' as const) : sort };
      const search = { tags: ['mlx'], ...(filter === undefined ? {} : { query: filter }) };
      const fields = { additionalFields: ['tags', 'createdAt'] as Array<'tags' | 'createdAt'> };
      for await (const model of listModels({ search, limit, ...order, ...fields, ...access(token) })) {
        const { name, downloads, likes, tags, createdAt } = model;
        found.push({
          repo_id: name,
          downloads,
          likes,
          tags,
          ...(createdAt ? { created_at: String(createdAt) } : {}),
        });
      }
      return found;
    });
    this.emit('list', entries);
    return entries;
  }

  async getCachedModels(cacheDir?: string): Promise<ModelInfo[]> {
    const models = await this.#failing('CACHE_ERROR', undefined, async () => {
      const repos = await this.#cached(cacheDir);
      return Promise.all(repos.map((repo) => this.#infoOf(repo)));
    });
    this.emit('cache-list', models);
    return models;
  }

  async clearCache(repoId?: string, cacheDir?: string): Promise<void> {
    await this.#failing('CACHE_ERROR', repoId, async () => {
      for (const { id, path } of await this.#cached(cacheDir)) {
        if (repoId === undefined || id.name === repoId) await rm(path, { recursive: true, force: true });
      }
    });
    this.emit('cache-cleared', repoId ?? 'all');
  }

  async #download(repoId: string, options: DownloadOptions): Promise<ModelInfo> {
    const { listFiles, modelInfo, getHFHubCachePath, getRepoFolderName } = await hub();
    const { allowPatterns = [], ignorePatterns = [], localDir, cacheDir = getHFHubCachePath() } = options;
    const repo = { type: 'model', name: repoId } as const;
    const credentials = access(options.token);
    const fields = { additionalFields: ['sha'] as Array<'sha'>, revision: 'main' };
    const { sha, updatedAt } = await modelInfo({ name: repoId, ...fields, ...credentials });
    const files: ListFileEntry[] = [];
    for await (const entry of listFiles({ repo, recursive: true, revision: sha, ...credentials })) {
      const wanted = allowPatterns.length === 0 || matches(entry.path, allowPatterns);
      if (entry.type === 'file' && wanted && !matches(entry.path, ignorePatterns)) files.push(entry);
    }
    const storage = join(cacheDir, getRepoFolderName(repo));
    const folder = localDir ?? join(storage, 'snapshots', sha);
    for (const [i, file] of files.entries()) {
      this.#progress(options, `${file.path} (${i + 1}/${files.length}, ${(file.size / 1e6).toFixed(1)} MB)`);
      const target = inside(folder, file.path);
      if (options.forceDownload) await rm(target, { force: true });
      if (existsSync(target)) continue;
      await mkdir(dirname(target), { recursive: true });
      const fetchTo = (path: string) => this.#fetch(repoId, sha, file, path, credentials);
      if (localDir !== undefined) await fetchTo(target);
      else await this.#linked(storage, file, target, options.forceDownload ?? false, fetchTo);
    }
    if (localDir === undefined) {
      await mkdir(join(storage, 'refs'), { recursive: true });
      await writeFile(join(storage, 'refs', 'main'), sha);
    }
    const quantization = await quantizationOf(folder);
    return {
      repo_id: repoId,
      path: folder,
      size_bytes: files.reduce((sum, { size }) => sum + size, 0),
      files: files.map(({ path }) => path),
      last_modified: updatedAt.toISOString(),
      ...(quantization === undefined ? {} : { quantization }),
    };
  }

  /** In the cache a file is its content's name, and each snapshot links to it. */
  async #linked(
    storage: string,
    file: ListFileEntry,
    target: string,
    force: boolean,
    fetchTo: (path: string) => Promise<void>,
  ): Promise<void> {
    const blob = inside(join(storage, 'blobs'), file.lfs?.oid ?? file.oid ?? file.path);
    if (force || !existsSync(blob)) {
      await mkdir(dirname(blob), { recursive: true });
      await fetchTo(blob);
    }
    await symlink(relative(dirname(target), blob), target);
  }

  /** Whole or not at all: what arrives is checked before it takes its name. */
  async #fetch(
    repoId: string,
    revision: string,
    { path: name, size, lfs }: ListFileEntry,
    path: string,
    credentials: ReturnType<typeof access>,
  ): Promise<void> {
    const { downloadFile } = await hub();
    const repo = { type: 'model', name: repoId } as const;
    const blob = await downloadFile({ repo, path: name, revision, ...credentials });
    if (blob === null) throw new Error(`${name} is not in ${repoId}`);
    const incomplete = `${path}.incomplete`;
    await pipeline(Readable.fromWeb(blob.stream() as ReadableStream), createWriteStream(incomplete));
    const arrived = (await stat(incomplete)).size;
    if (arrived !== size) throw new Error(`${name} arrived with ${arrived} bytes instead of ${size}`);
    if (lfs !== undefined && (await sha256(incomplete)) !== lfs.oid) {
      throw new Error(`${name} does not have the checksum that the hub tells`);
    }
    await rename(incomplete, path);
  }

  async #cached(cacheDir: string | undefined): Promise<CachedRepoInfo[]> {
    const { scanCacheDir, getHFHubCachePath } = await hub();
    const folder = cacheDir ?? getHFHubCachePath();
    if (!existsSync(folder)) return [];
    return (await scanCacheDir(folder)).repos.filter(({ id }) => id.type === 'model');
  }

  async #infoOf({ id, path, revisions, lastModifiedAt }: CachedRepoInfo): Promise<ModelInfo> {
    const latest = revisions.find(({ refs }) => refs.includes('main')) ?? revisions[0];
    const folder = latest?.path ?? path;
    const [files, sizes]: [string[], number[]] = [[], []];
    for (const name of await readdir(folder, { recursive: true })) {
      const found = await stat(join(folder, name));
      if (!found.isFile()) continue;
      files.push(name);
      sizes.push(found.size);
    }
    const quantization = await quantizationOf(folder);
    return {
      repo_id: id.name,
      path: folder,
      size_bytes: sizes.reduce((sum, size) => sum + size, 0),
      files,
      last_modified: lastModifiedAt.toISOString(),
      ...(quantization === undefined ? {} : { quantization }),
    };
  }

  #progress({ onProgress }: DownloadOptions, message: string): void {
    this.emit('progress', message);
    onProgress?.(message);
  }

  async #failing<T>(code: Code, repoId: string | undefined, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.emit('error-output', message);
      throw new ModelDownloadError(message, code, repoId);
    }
  }
}

export function downloadModel(repoId: string, options?: DownloadOptions): Promise<ModelInfo> {
  return new MLXModelDownloader().download(repoId, options);
}

export function listMLXModels(options?: ListOptions): Promise<MLXModelEntry[]> {
  return new MLXModelDownloader().list(options);
}
