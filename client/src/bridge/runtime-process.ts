/** The runtime's process: found, started, asked whether it is ready, started again after a crash, ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { EventEmitter } from 'eventemitter3';
import { EngineClientError } from '../api/errors.js';
import { packageRoot } from '../config/loader.js';
import type { RuntimeConfig } from '../generated/types.js';
import { JsonRpcTransport } from './jsonrpc-transport.js';

export type RuntimeStatus = 'stopped' | 'starting' | 'ready' | 'error';

export interface RuntimeProcessOptions {
  config: RuntimeConfig;
  command?: string;
  argument?: string;
}

export interface RuntimeProcessEvents {
  status: (status: RuntimeStatus, previous: RuntimeStatus) => void;
  /** A new transport after the first start or a restart. */
  ready: (transport: JsonRpcTransport) => void;
  exit: (code: number | null) => void;
  restart: (attempt: number) => void;
  error: (error: Error) => void;
  stderr: (text: string) => void;
}

const READY_TEXT = 'MLX Runtime ready';
const BINARY = process.platform === 'win32' ? 'mlx-serving.exe' : 'mlx-serving';

/** Lines of the runtime that a client accepts: images and long prompts never come back, long token lists do. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** Of stderr that is kept to find the readiness text in. */
const STDERR_TAIL = 4096;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** MLX_SERVING_BIN, then the program that comes with the package, then PATH. */
export function findRuntime(env: NodeJS.ProcessEnv = process.env, root = packageRoot()): string {
  const chosen = env['MLX_SERVING_BIN'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const folders = [
    join(root, 'bin'),
    ...(env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
  ];
  const found = folders.map((folder) => join(folder, BINARY)).find(isExecutable);
  if (found !== undefined) return found;
  throw new EngineClientError(
    'RuntimeError',
    'mlx-serving not found: set MLX_SERVING_BIN to its path, or put it on PATH',
  );
}

export class RuntimeProcess extends EventEmitter<RuntimeProcessEvents> {
  #options: RuntimeProcessOptions;
  #child: ChildProcess | undefined;
  #transport: JsonRpcTransport | undefined;
  #status: RuntimeStatus = 'stopped';
  #starting: Promise<JsonRpcTransport> | undefined;
  #stopping = false;
  #restarts = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #info: unknown;

  constructor(options: RuntimeProcessOptions) {
    super();
    this.#options = options;
  }

  get status(): RuntimeStatus {
    return this.#status;
  }
  get config(): RuntimeConfig {
    return this.#options.config;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get uptime(): number {
    return this.#startedAt === 0 ? 0 : Date.now() - this.#startedAt;
  }
  /** What the runtime said of itself when it became ready. */
  get info(): unknown {
    return this.#info;
  }
  get transport(): JsonRpcTransport | undefined {
    return this.#transport;
  }

  /** The transport of a runtime that answers; concurrent callers share one start. */
  start(): Promise<JsonRpcTransport> {
    if (this.#transport !== undefined && !this.#transport.isClosed) return Promise.resolve(this.#transport);
    this.#stopping = false;
    this.#cancelRestart();
    this.#starting ??= this.#spawn().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Asks it to end and waits; kills it when it does not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelRestart();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) await this.#end(child);
    this.#transport?.close();
    this.#transport = undefined;
    this.#child = undefined;
    this.#startedAt = 0;
    this.#restarts = 0;
    this.#setStatus('stopped');
  }

  async #end(child: ChildProcess): Promise<void> {
    const { shutdown_timeout_ms: timeoutMs } = this.#options.config.python_runtime;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#transport?.request('shutdown', undefined, { timeoutMs }, 'shutdown').catch(() => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    await gone;
    clearTimeout(timer);
  }

  #command(): [string, string[]] {
    const { command, argument } = this.#options;
    if (command !== undefined) return [command, argument === undefined ? [] : [argument]];
    const binary = findRuntime();
    return [isAbsolute(binary) || !binary.includes('/') ? binary : join(process.cwd(), binary), ['runtime']];
  }

  async #spawn(): Promise<JsonRpcTransport> {
    this.#setStatus('starting');
    try {
      const [command, args] = this.#command();
      const child = spawn(command, args, {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { ...process.env, PYTHONUNBUFFERED: '1' },
      });
      this.#child = child;
      const { json_rpc: rpc } = this.#options.config;
      const transport = new JsonRpcTransport(child.stdin, child.stdout, {
        defaultTimeoutMs: rpc.default_timeout_ms,
        maxPending: rpc.max_pending_requests,
        maxLineBytes: Math.max(rpc.max_line_buffer_size, MAX_LINE_BYTES),
      });
      await this.#untilReady(child, transport);
      this.#transport = transport;
      this.#startedAt = Date.now();
      child.once('exit', (code) => this.#exited(code));
      this.#setStatus('ready');
      this.emit('ready', transport);
      return transport;
    } catch (error) {
      this.#setStatus('error');
      throw error;
    }
  }

  async #untilReady(child: ChildProcess, transport: JsonRpcTransport): Promise<void> {
    const { startup_timeout_ms: timeoutMs, init_probe_fallback_ms: probeMs } =
      this.#options.config.python_runtime;
    const cleanup: Array<() => void> = [];
    try {
      await new Promise<void>((resolve, reject) => {
        const after = (ms: number, action: () => void) => {
          const timer = setTimeout(action, ms);
          cleanup.push(() => clearTimeout(timer));
        };
        let probed = false;
        const probe = () => {
          if (probed) return;
          probed = true;
          transport.request('runtime/info', undefined, { timeoutMs }, 'readiness-probe').then((info) => {
            this.#info = info;
            resolve();
          }, reject);
        };
        let tail = '';
        child.stderr?.on('data', (chunk: Buffer) => {
          const text = chunk.toString('utf8');
          this.emit('stderr', text);
          if (probed) return;
          tail = (tail + text).slice(-STDERR_TAIL);
          if (tail.includes(READY_TEXT)) probe();
        });
        after(probeMs, probe);
        after(timeoutMs, () => {
          reject(
            new EngineClientError('RuntimeError', `Python runtime failed to start within ${timeoutMs}ms`),
          );
        });
        const failed = (error: Error) => reject(new EngineClientError('RuntimeError', error.message));
        const exited = (code: number | null, signal: string | null) => {
          const by = signal === null ? '' : ` (signal: ${signal})`;
          const text = `Python process exited during startup with code ${code}${by}`;
          reject(new EngineClientError('RuntimeError', text));
        };
        child.once('error', failed);
        child.once('exit', exited);
        cleanup.push(() => child.off('exit', exited));
      });
    } catch (error) {
      transport.close(error instanceof Error ? error : undefined);
      child.kill('SIGTERM');
      throw error;
    } finally {
      for (const action of cleanup) action();
    }
  }

  #exited(code: number | null): void {
    this.#transport?.close(new EngineClientError('TransportError', 'Python runtime transport unavailable'));
    this.#transport = undefined;
    this.#startedAt = 0;
    this.emit('exit', code);
    if (this.#stopping) return;
    this.#setStatus('error');
    const { max_restarts: max, restart_delay_base_ms: base } = this.#options.config.python_runtime;
    if (this.#restarts >= max) {
      const text = `Python runtime crashed ${this.#restarts + 1} times, exceeded max restarts`;
      this.emit('error', new EngineClientError('RuntimeError', text));
      return;
    }
    this.#restarts += 1;
    this.#restartTimer = setTimeout(() => {
      this.emit('restart', this.#restarts);
      this.start().catch((error: Error) => this.emit('error', error));
    }, base * this.#restarts);
  }

  #cancelRestart(): void {
    clearTimeout(this.#restartTimer);
    this.#restartTimer = undefined;
  }

  #setStatus(status: RuntimeStatus): void {
    const previous = this.#status;
    if (previous === status) return;
    this.#status = status;
    this.emit('status', status, previous);
  }
}
