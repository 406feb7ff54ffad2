/** Models of the Hugging Face hub: found, downloaded, listed and removed by the runtime's `hub` commands. */
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { findRuntime } from '../bridge/runtime-process.js';

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

function listFlag(name: string, values: string[] | undefined): string[] {
  return values === undefined || values.length === 0 ? [] : [name, ...values];
}

function flag(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)];
}

export class MLXModelDownloader extends EventEmitter {
  readonly #program: string | undefined;

  /** `pythonPath` names a program to run instead of the runtime. */
  constructor(pythonPath?: string) {
    super();
    this.#program = pythonPath ?? process.env['PYTHON_PATH'];
  }

  async download(repoId: string, options: DownloadOptions = {}): Promise<ModelInfo> {
    const args = [
      ...['download', repoId],
      ...flag('--local-dir', options.localDir),
      ...listFlag('--allow-patterns', options.allowPatterns),
      ...listFlag('--ignore-patterns', options.ignorePatterns),
      ...(options.forceDownload ? ['--force'] : []),
      ...flag('--cache-dir', options.cacheDir),
    ];
    const info = await this.#run<ModelInfo>(
      args,
      'DOWNLOAD_ERROR',
      repoId,
      options.token,
      options.onProgress,
    );
    this.emit('downloaded', info);
    return info;
  }

  async list(options: ListOptions = {}): Promise<MLXModelEntry[]> {
    const { filter, limit, sort, token } = options;
    const args = ['list', ...flag('--filter', filter), ...flag('--limit', limit), ...flag('--sort', sort)];
    const entries = await this.#run<MLXModelEntry[]>(args, 'LIST_ERROR', undefined, token);
    this.emit('list', entries);
    return entries;
  }

  async getCachedModels(cacheDir?: string): Promise<ModelInfo[]> {
    const models = await this.#run<ModelInfo[]>(
      ['cache', '--list', ...flag('--cache-dir', cacheDir)],
      'CACHE_ERROR',
    );
    this.emit('cache-list', models);
    return models;
  }

  async clearCache(repoId?: string, cacheDir?: string): Promise<void> {
    const what = repoId === undefined ? ['--clear'] : ['--clear-model', repoId];
    await this.#run(['cache', ...what, ...flag('--cache-dir', cacheDir)], 'CACHE_ERROR', repoId);
    this.emit('cache-cleared', repoId ?? 'all');
  }

  /** One JSON value on stdout, progress as lines on stderr. The token travels in the environment: arguments are public. */
  #run<T>(
    args: string[],
    code: Code,
    repoId?: string,
    token?: string,
    onProgress?: (message: string) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (message: string) => reject(new ModelDownloadError(message, code, repoId));
      let program: string;
      try {
        program = this.#program ?? findRuntime();
      } catch (error) {
        return fail((error as Error).message);
      }
      const env = token === undefined ? process.env : { ...process.env, HF_TOKEN: token };
      const child = spawn(program, ['hub', ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'], env });
      const out: Buffer[] = [];
      let errors = '';
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => {
        const text = chunk.toString('utf8');
        errors = (errors + text).slice(-4096);
        this.emit(onProgress === undefined ? 'error-output' : 'progress', text.trimEnd());
        onProgress?.(text.trimEnd());
      });
      child.once('error', (error) => fail(error.message));
      child.once('close', (status) => {
        if (status !== 0) return fail(errors.trim() || `${program} ended with code ${status}`);
        try {
          resolve(JSON.parse(Buffer.concat(out).toString('utf8') || 'null') as T);
        } catch {
          fail(`${program} gave no JSON`);
        }
      });
    });
  }
}

export function downloadModel(repoId: string, options?: DownloadOptions): Promise<ModelInfo> {
  return new MLXModelDownloader().download(repoId, options);
}

export function listMLXModels(options?: ListOptions): Promise<MLXModelEntry[]> {
  return new MLXModelDownloader().list(options);
}
