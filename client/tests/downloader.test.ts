import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { downloadModel, listMLXModels, MLXModelDownloader } from '../src/index.js';
import { type Hub, SHA, startHub } from './fixtures/hub.js';

const folder = () => mkdtempSync(join(tmpdir(), 'hub-'));
let hub: Hub;

beforeEach(async () => {
  hub = await startHub();
  vi.stubEnv('HF_ENDPOINT', `${hub.url}/`);
});
afterEach(() => {
  hub.close();
  vi.unstubAllEnvs();
});

describe('MLXModelDownloader', () => {
  it('downloads into the cache that all tools of the hub share', async () => {
    const cacheDir = folder();
    const [onProgress, downloaded] = [vi.fn(), vi.fn()];
    const downloader = new MLXModelDownloader('python3');
    downloader.on('downloaded', downloaded);
    const info = await downloader.download('org/m', { cacheDir, token: 'hf_secret', onProgress });
    const storage = join(cacheDir, 'models--org--m');
    expect(info).toEqual({
      repo_id: 'org/m',
      path: join(storage, 'snapshots', SHA),
      size_bytes: 39,
      files: ['config.json', 'model.safetensors', 'folder/extra.bin'],
      last_modified: '2025-01-02T03:04:05.000Z',
      quantization: '4bit',
    });
    expect(downloaded).toHaveBeenCalledWith(info);
    expect(onProgress).toHaveBeenCalledTimes(3);
    expect(readFileSync(join(info.path, 'folder/extra.bin'), 'utf8')).toBe('extra');
    expect(readlinkSync(join(info.path, 'folder/extra.bin'))).toMatch(
      /^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/,
    );
    expect(readFileSync(join(storage, 'refs', 'main'), 'utf8')).toBe(SHA);
    expect(hub.asked.every((line) => line.endsWith('Bearer hf_secret'))).toBe(true);
  });

  it('fetches a file once, unless told to fetch it anew', async () => {
    const options = { cacheDir: folder(), allowPatterns: ['*.json', 'folder/'], ignorePatterns: ['*.bin'] };
    const fetches = () => hub.asked.filter((line) => line.includes('/resolve/')).length;
    expect((await downloadModel('org/m', options)).files).toEqual(['config.json']);
    const once = fetches();
    await downloadModel('org/m', options);
    expect(fetches()).toBe(once);
    await downloadModel('org/m', { ...options, forceDownload: true });
    expect(fetches()).toBe(2 * once);
  });

  it('puts files where they are wanted', async () => {
    const localDir = folder();
    expect((await downloadModel('org/m', { localDir })).path).toBe(localDir);
    expect(readdirSync(localDir).sort()).toEqual(['config.json', 'folder', 'model.safetensors']);
  });

  it('keeps nothing of a file that arrived damaged', async () => {
    const localDir = folder();
    hub.damaged.add('model.safetensors');
    await expect(downloadModel('org/m', { localDir })).rejects.toMatchObject({
      name: 'ModelDownloadError',
      code: 'DOWNLOAD_ERROR',
      repoId: 'org/m',
      message: 'model.safetensors does not have the checksum that the hub tells',
    });
    expect(existsSync(join(localDir, 'model.safetensors'))).toBe(false);
  });

  it('lists what the hub has and what the cache has, and clears it', async () => {
    expect(await listMLXModels({ filter: 'llama', sort: 'created', limit: 5 })).toEqual([
      { repo_id: 'org/m', downloads: 1, likes: 2, tags: ['mlx'], created_at: '2025-01-01T00:00:00.000Z' },
    ]);
    const [cacheDir, cleared] = [folder(), vi.fn()];
    const downloader = new MLXModelDownloader();
    downloader.on('cache-cleared', cleared);
    await downloader.download('org/m', { cacheDir });
    const [cached] = await downloader.getCachedModels(cacheDir);
    expect(cached).toMatchObject({ repo_id: 'org/m', size_bytes: 39, quantization: '4bit' });
    expect(cached!.files.sort()).toEqual(['config.json', 'folder/extra.bin', 'model.safetensors']);
    await downloader.clearCache('org/other', cacheDir);
    expect(await downloader.getCachedModels(cacheDir)).toHaveLength(1);
    await downloader.clearCache(undefined, cacheDir);
    expect(await downloader.getCachedModels(cacheDir)).toEqual([]);
    expect(await downloader.getCachedModels(join(cacheDir, 'none'))).toEqual([]);
    expect(cleared.mock.calls).toEqual([['org/other'], ['all']]);
  });

  it('says what went wrong, with the code of what was asked', async () => {
    const heard = vi.fn();
    const downloader = new MLXModelDownloader();
    downloader.on('error-output', heard);
    await expect(downloader.download('org/none')).rejects.toMatchObject({ code: 'DOWNLOAD_ERROR' });
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
    await expect(downloader.list()).rejects.toMatchObject({ code: 'LIST_ERROR' });
    await expect(downloader.getCachedModels('/dev/null')).rejects.toMatchObject({ code: 'CACHE_ERROR' });
    expect(heard).toHaveBeenCalledTimes(3);
  });
});
