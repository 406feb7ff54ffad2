/** Images in any of their forms become data URIs. */
import { readFile } from 'node:fs/promises';
import { extname, resolve, sep } from 'node:path';
import type { ImageInput } from '../types/vision.js';

export const IMAGE_ENCODING_ERRORS = {
  INVALID_INPUT: 'INVALID_IMAGE_INPUT',
  FILE_NOT_FOUND: 'IMAGE_FILE_NOT_FOUND',
  UNSUPPORTED_FORMAT: 'UNSUPPORTED_IMAGE_FORMAT',
  ENCODING_FAILED: 'IMAGE_ENCODING_FAILED',
  FETCH_FAILED: 'IMAGE_FETCH_FAILED',
  UNSAFE_PATH: 'UNSAFE_IMAGE_PATH',
} as const;

export const SUPPORTED_IMAGE_FORMATS = ['png', 'jpg', 'jpeg', 'webp', 'bmp', 'gif'] as const;

const SYSTEM_FOLDERS = [
  '/etc/',
  '/root/',
  '/usr/bin/',
  '/usr/sbin/',
  '/bin/',
  '/sbin/',
  '/var/log/',
  '/var/run/',
  '/sys/',
  '/proc/',
];
const FETCH_TIMEOUT_MS = 30_000;

export class ImageEncodingError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details?: Record<string, unknown>,
  ) {
    super(message);
    this.name = 'ImageEncodingError';
  }
}

function isSupported(format: string): boolean {
  return (SUPPORTED_IMAGE_FORMATS as readonly string[]).includes(format);
}

function toUri(bytes: Buffer, format: string): string {
  if (!isSupported(format)) {
    throw new ImageEncodingError(
      IMAGE_ENCODING_ERRORS.UNSUPPORTED_FORMAT,
      `Unsupported image format: ${format}`,
    );
  }
  return `data:image/${format};base64,${bytes.toString('base64')}`;
}

function formatOfName(name: string): string {
  const extension = extname(name).slice(1).toLowerCase();
  if (extension === 'jpeg') return 'jpg';
  return isSupported(extension) ? extension : 'png';
}

function isBase64(text: string): boolean {
  return text.length > 0 && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

async function fetchImage(url: string, format: string | undefined): Promise<string> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  } catch (error) {
    const text = `Failed to fetch image from URL: ${error instanceof Error ? error.message : String(error)}`;
    throw new ImageEncodingError(IMAGE_ENCODING_ERRORS.FETCH_FAILED, text, { url });
  }
  if (!response.ok) {
    const text = `Failed to fetch image from URL: HTTP ${response.status}: ${response.statusText}`;
    throw new ImageEncodingError(IMAGE_ENCODING_ERRORS.FETCH_FAILED, text, { url, status: response.status });
  }
  const type = /^image\/([a-z]+)/.exec(response.headers.get('content-type') ?? '')?.[1];
  const chosen =
    format ?? (type !== undefined && isSupported(type) ? type : formatOfName(new URL(url).pathname));
  return toUri(Buffer.from(await response.arrayBuffer()), chosen);
}

async function readImage(path: string, format: string | undefined): Promise<string> {
  const full = resolve(path);
  const inside = SYSTEM_FOLDERS.find((folder) => full.startsWith(folder));
  const unsafe = inside ?? (full.includes(`${sep}.ssh${sep}`) ? '/.ssh/' : undefined);
  if (unsafe !== undefined) {
    const text = `Access to system directories is not allowed: ${unsafe}`;
    throw new ImageEncodingError(IMAGE_ENCODING_ERRORS.UNSAFE_PATH, text, { path });
  }
  try {
    return toUri(await readFile(full), format ?? formatOfName(full));
  } catch (error) {
    if (error instanceof ImageEncodingError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new ImageEncodingError(IMAGE_ENCODING_ERRORS.FILE_NOT_FOUND, `Image file not found: ${path}`, {
        path,
      });
    }
    const text = `Failed to encode image: ${error instanceof Error ? error.message : String(error)}`;
    throw new ImageEncodingError(IMAGE_ENCODING_ERRORS.ENCODING_FAILED, text, { path });
  }
}

/** A data URI is kept, bytes are encoded, URLs fetched, base64 text taken as it is, other text is a path. */
export async function encodeImage({ source, format }: ImageInput): Promise<string> {
  if (Buffer.isBuffer(source)) return toUri(source, format ?? 'png');
  if (typeof source !== 'string' || source === '') {
    throw new ImageEncodingError(
      IMAGE_ENCODING_ERRORS.INVALID_INPUT,
      'Image source must be a string or a Buffer',
    );
  }
  if (source.startsWith('data:image/')) return source;
  if (/^https?:\/\//.test(source)) return fetchImage(source, format);
  if (isBase64(source)) return `data:image/${format ?? 'png'};base64,${source}`;
  return readImage(source, format);
}

export function batchEncodeImages(images: ImageInput[]): Promise<string[]> {
  return Promise.all(images.map(encodeImage));
}

export function extractBase64FromDataURI(uri: string): string {
  const found = /^data:image\/[a-z]+;base64,(.*)$/s.exec(uri)?.[1];
  if (found !== undefined) return found;
  throw new ImageEncodingError(IMAGE_ENCODING_ERRORS.INVALID_INPUT, 'Not a data URI of an image');
}

export function getFormatFromDataURI(uri: string): string {
  const found = /^data:image\/([a-z]+);base64,/.exec(uri)?.[1];
  if (found !== undefined) return found;
  throw new ImageEncodingError(IMAGE_ENCODING_ERRORS.INVALID_INPUT, 'Not a data URI of an image');
}
