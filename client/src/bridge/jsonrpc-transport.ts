/** Calls and notifications over a pair of pipes: one JSON object a line. */
import { EventEmitter } from 'eventemitter3';
import type { Readable, Writable } from 'node:stream';
import { createTimeoutError, EngineClientError, JsonRpcError } from '../api/errors.js';

export { JsonRpcError } from '../api/errors.js';

export interface RequestOptions {
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

export interface TransportOptions {
  defaultTimeoutMs: number;
  maxPending: number;
  /** Of one line; a longer one closes the transport. */
  maxLineBytes: number;
}

export interface TransportEvents {
  notification: (method: string, params: unknown) => void;
  /** A line that is no message; the next one is read as if it had not been. */
  ignored: (line: string) => void;
  close: (error?: Error) => void;
}

interface Pending {
  method: string;
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
  done: () => void;
}

type Id = string | number;

interface Message {
  jsonrpc?: unknown;
  id?: Id | null;
  method?: unknown;
  params?: unknown;
  result?: unknown;
  error?: { code?: unknown; message?: unknown; data?: unknown };
}

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

export class JsonRpcTransport extends EventEmitter<TransportEvents> {
  #nextId = 1;
  #pending = new Map<Id, Pending>();
  #parts: Buffer[] = [];
  #buffered = 0;
  #closed = false;

  constructor(
    readonly input: Writable,
    output: Readable,
    readonly options: TransportOptions,
  ) {
    super();
    output.on('data', (chunk: Buffer) => this.#read(chunk));
    output.on('close', () => this.close());
    output.on('error', (error) => this.close(error));
    input.on('error', (error) => this.close(error));
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Rejects with JsonRpcError, TimeoutError, an AbortError, or TransportError when the pipe closes first. */
  request<T = unknown>(method: string, params?: unknown, options: RequestOptions = {}, id?: Id): Promise<T> {
    const { signal, timeoutMs = this.options.defaultTimeoutMs } = options;
    if (this.#closed) return Promise.reject(closedError());
    if (signal?.aborted) return Promise.reject(named('AbortError', `Request aborted: ${method}`));
    if (this.#pending.size >= this.options.maxPending) {
      const text = `Too many pending JSON-RPC requests (${this.#pending.size} >= ${this.options.maxPending})`;
      return Promise.reject(new Error(text));
    }
    const own = id ?? this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle(own)?.reject(createTimeoutError(method, timeoutMs, own, timeoutMs));
      }, timeoutMs);
      const abort = () => {
        this.notify('cancel', { id: own });
        this.#settle(own)?.reject(named('AbortError', `Request aborted: ${method}`));
      };
      signal?.addEventListener('abort', abort, { once: true });
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      this.#pending.set(own, { method, resolve: resolve as (result: unknown) => void, reject, done });
      this.#write({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }), id: own });
    });
  }

  notify(method: string, params?: unknown): void {
    if (!this.#closed) this.#write({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) });
  }

  /** Rejects what is pending; further calls do nothing. */
  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error ?? closedError());
    this.emit('close', error);
  }

  #write(message: object): void {
    this.input.write(`${JSON.stringify(message)}\n`);
  }

  #settle(id: Id): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    pending.done();
    return pending;
  }

  #read(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      this.#parts.push(chunk.subarray(from, end));
      const line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
      this.#parts = [];
      this.#buffered = 0;
      from = end + 1;
      this.#line(line);
    }
    if (from < chunk.length) {
      this.#parts.push(chunk.subarray(from));
      this.#buffered += chunk.length - from;
    }
    if (this.#buffered > this.options.maxLineBytes) {
      this.close(
        new EngineClientError('TransportError', `Runtime line exceeds ${this.options.maxLineBytes} bytes`),
      );
    }
  }

  #line(line: Buffer): void {
    if (line.length === 0) return;
    const text = line.toString('utf8');
    const message = parse(text);
    if (message === undefined) this.emit('ignored', text);
    else if ('result' in message || 'error' in message) this.#reply(message);
    else if (typeof message.method === 'string' && message.id === undefined) {
      this.emit('notification', message.method, message.params);
    } else this.emit('ignored', text);
  }

  #reply(message: Message): void {
    const { id, error } = message;
    if (id === undefined || id === null) return;
    const pending = this.#settle(id);
    if (pending === undefined) return;
    if (error === undefined) return pending.resolve(message.result);
    const code = typeof error?.code === 'number' ? error.code : -32603;
    const text = typeof error?.message === 'string' ? error.message : 'Unknown runtime error';
    pending.reject(new JsonRpcError(code, text, error?.data));
  }
}

function parse(text: string): Message | undefined {
  try {
    const message = JSON.parse(text) as Message | null;
    return typeof message === 'object' && message?.jsonrpc === '2.0' ? message : undefined;
  } catch {
    return undefined;
  }
}

function closedError(): EngineClientError {
  return new EngineClientError('TransportError', 'Python runtime transport unavailable');
}
