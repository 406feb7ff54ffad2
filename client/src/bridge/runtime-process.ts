/** The runtime's process: started, asked whether it is ready, started again after a crash, ended. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { EventEmitter } from 'eventemitter3';
import { EngineClientError } from '../api/errors.js';
import type { RuntimeConfig } from '../generated/types.js';
import { JsonRpcTransport } from './jsonrpc-transport.js';
import { type RuntimeCommand, runtimeCommand } from './runtime-command.js';

export type RuntimeStatus = 'stopped' | 'starting' | 'ready' | 'error';

export interface RuntimeProcessOptions {
  config: RuntimeConfig;
  /** Asked at every start. */
  command?: () => RuntimeCommand;
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

/** Lines of the runtime that a client accepts: images and long prompts never come back, long token lists do. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** Of stderr that is kept to find the readiness text in, and to say why a start failed. */
const STDERR_TAIL = 4096;

function runtimeError(text: string, details?: Record<string, unknown>): EngineClientError {
  return new EngineClientError('RuntimeError', text, details);
}

export class RuntimeProcess extends EventEmitter<RuntimeProcessEvents> {
  readonly #options: RuntimeProcessOptions;
  #child: ChildProcessWithoutNullStreams | undefined;
  #transport: JsonRpcTransport | undefined;
  #status: RuntimeStatus = 'stopped';
  #starting: Promise<JsonRpcTransport> | undefined;
  #stopping = false;
  #restarts = 0;
  #cancelPause: (() => void) | undefined;
  #startedAt = 0;
  #info: unknown;

  constructor(options: RuntimeProcessOptions) {
    super();
    this.#options = options;
  }

  get config(): RuntimeConfig {
    return this.#options.config;
  }
  get status(): RuntimeStatus {
    return this.#status;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  /** Milliseconds. */
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

  /** The transport of a runtime that answers. Concurrent callers share one start, also the one that follows a crash. */
  start(): Promise<JsonRpcTransport> {
    if (this.#transport !== undefined && !this.#transport.isClosed) return Promise.resolve(this.#transport);
    return this.#share(() => this.#spawn());
  }

  /** Asks it to end and waits; kills it when it does not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelPause?.();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) await this.#end(child);
    await this.#starting?.catch(() => undefined);
    this.#transport?.close();
    this.#transport = undefined;
    this.#child = undefined;
    this.#startedAt = 0;
    this.#restarts = 0;
    this.#stopping = false;
    this.#setStatus('stopped');
  }

  #share(begin: () => Promise<JsonRpcTransport>): Promise<JsonRpcTransport> {
    this.#starting ??= begin().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #end(child: ChildProcessWithoutNullStreams): Promise<void> {
    const { shutdown_timeout_ms: timeoutMs } = this.config.python_runtime;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    if (this.#transport === undefined) child.kill('SIGTERM');
    this.#transport?.request('shutdown', undefined, { timeoutMs }, 'shutdown').catch(() => undefined);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    await gone;
    clearTimeout(timer);
  }

  async #spawn(): Promise<JsonRpcTransport> {
    this.#setStatus('starting');
    try {
      const { program, args } = (this.#options.command ?? runtimeCommand)();
      const child = spawn(program, args, {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { ...process.env, PYTHONUNBUFFERED: '1' },
      });
      this.#child = child;
      const { json_rpc: rpc } = this.config;
      const transport = new JsonRpcTransport(child.stdin, child.stdout, {
        defaultTimeoutMs: rpc.default_timeout_ms,
        maxPending: rpc.max_pending_requests,
        maxLineBytes: Math.max(rpc.max_line_buffer_size, MAX_LINE_BYTES),
      });
      this.#info = await this.#untilReady(child, transport);
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

  /** What the runtime answers to the readiness probe, which it is sent when it says that it is ready, or after a while. */
  async #untilReady(child: ChildProcessWithoutNullStreams, transport: JsonRpcTransport): Promise<unknown> {
    const { startup_timeout_ms: timeoutMs, init_probe_fallback_ms: probeMs } = this.config.python_runtime;
    const timers: NodeJS.Timeout[] = [];
    let onExit: ((code: number | null, signal: string | null) => void) | undefined;
    try {
      return await new Promise<unknown>((resolve, reject) => {
        let probed = false;
        const probe = () => {
          if (probed) return;
          probed = true;
          transport
            .request('runtime/info', undefined, { timeoutMs }, 'readiness-probe')
            // A closed pipe is the end of the process: its exit says more.
            .then(resolve, (error: Error) => transport.isClosed || reject(error));
        };
        let tail = '';
        child.stderr.on('data', (chunk: Buffer) => {
          const text = chunk.toString('utf8');
          this.emit('stderr', text);
          tail = (tail + text).slice(-STDERR_TAIL);
          if (tail.includes(READY_TEXT)) probe();
        });
        timers.push(setTimeout(probe, probeMs));
        const late = () => reject(runtimeError(`Python runtime failed to start within ${timeoutMs}ms`));
        timers.push(setTimeout(late, timeoutMs));
        child.once('error', (error) => reject(runtimeError(error.message)));
        onExit = (code, signal) => {
          const by = signal === null ? '' : ` (signal: ${signal})`;
          const details = tail === '' ? undefined : { stderr: tail.trimEnd() };
          reject(runtimeError(`Python process exited during startup with code ${code}${by}`, details));
        };
        child.once('exit', onExit);
      });
    } catch (error) {
      transport.close(error instanceof Error ? error : undefined);
      child.kill('SIGTERM');
      throw error;
    } finally {
      timers.forEach(clearTimeout);
      if (onExit !== undefined) child.off('exit', onExit);
    }
  }

  #exited(code: number | null): void {
    this.#transport?.close();
    this.#transport = undefined;
    this.#startedAt = 0;
    this.emit('exit', code);
    if (this.#stopping) return;
    this.#setStatus('error');
    this.#restart();
  }

  /** Pauses that grow by the same step; a start that fails counts like a crash. */
  #restart(): void {
    const { max_restarts: max, restart_delay_base_ms: base } = this.config.python_runtime;
    if (this.#restarts >= max) {
      const text = `Python runtime crashed ${this.#restarts + 1} times, exceeded max restarts`;
      this.emit('error', runtimeError(text));
      return;
    }
    this.#restarts += 1;
    this.#share(async () => {
      await this.#pause(base * this.#restarts);
      this.emit('restart', this.#restarts);
      return this.#spawn();
    }).catch(() => {
      if (!this.#stopping && this.#status === 'error') this.#restart();
    });
  }

  /** Rejects when the process is told to stop meanwhile. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      this.#cancelPause = () => {
        clearTimeout(timer);
        reject(runtimeError('Engine shutdown in progress'));
      };
    });
  }

  #setStatus(status: RuntimeStatus): void {
    const previous = this.#status;
    if (previous === status) return;
    this.#status = status;
    this.emit('status', status, previous);
  }
}
