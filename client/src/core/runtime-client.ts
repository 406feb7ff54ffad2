/** Calls of the runtime: started when needed, tried again where that is safe, stopped when it keeps breaking down. */
import { EngineClientError, type EngineErrorCode, JsonRpcError, toEngineError } from '../api/errors.js';
import type { JsonRpcTransport, RequestOptions } from '../bridge/jsonrpc-transport.js';
import type { RuntimeProcess } from '../bridge/runtime-process.js';
import type { RuntimeConfig } from '../generated/types.js';
import { CircuitBreaker, CircuitBreakerOpenError } from '../utils/circuit-breaker.js';
import { retry } from '../utils/retry.js';
import type { Observer } from './observer.js';

/** Methods that change nothing, so that a lost one may be asked again. */
const REPEATABLE = new Set(['tokenize', 'check_draft', 'runtime/info']);

function isTransient(error: unknown, tokens: readonly string[]): boolean {
  if (error instanceof JsonRpcError || !(error instanceof Error)) return false;
  const code = String((error as { code?: unknown }).code ?? '').toUpperCase();
  const timedOut = /time(d )?-?out/i.test(error.message) || error.name === 'TimeoutError';
  return tokens.some((token) => code === token || error.name === token || (token === 'TIMEOUT' && timedOut));
}

export class RuntimeClient {
  readonly breaker: CircuitBreaker;
  readonly config: RuntimeConfig;
  #stopping: Promise<void> | undefined;

  constructor(
    readonly process: RuntimeProcess,
    readonly observer: Observer,
  ) {
    this.config = process.config;
    const circuit = this.config.json_rpc.circuit_breaker;
    this.breaker = new CircuitBreaker({
      name: 'python-runtime',
      failureThreshold: circuit.failure_threshold,
      recoveryTimeoutMs: circuit.recovery_timeout_ms,
      halfOpenMaxCalls: circuit.half_open_max_calls,
      halfOpenSuccessThreshold: circuit.half_open_success_threshold,
      ...(circuit.failure_window_ms === undefined ? {} : { failureWindowMs: circuit.failure_window_ms }),
      onStateChange: (change) => observer.circuitChanged(change, circuit.failure_threshold),
    });
  }

  /** What the runtime that is running says it can do. */
  has(capability: string): boolean {
    const info = this.process.info as { capabilities?: unknown } | undefined;
    return Array.isArray(info?.capabilities) && info.capabilities.includes(capability);
  }

  /** Every use of the runtime begins here: none begins while it is being shut down. */
  async start(): Promise<JsonRpcTransport> {
    if (this.#stopping !== undefined)
      throw new EngineClientError('RuntimeError', 'Engine shutdown in progress');
    return this.process.start();
  }

  /** Callers that come together share one end. */
  stop(): Promise<void> {
    this.#stopping ??= this.process.stop().finally(() => {
      this.#stopping = undefined;
      this.breaker.reset();
    });
    return this.#stopping;
  }

  notify(method: string, params: Record<string, unknown>): void {
    this.process.transport?.notify(method, params);
  }

  /** Rejects with an EngineClientError; `fallback` is the code of errors that carry none. */
  async call(
    method: string,
    params: Record<string, unknown> | undefined,
    fallback: EngineErrorCode,
    options: RequestOptions = {},
  ): Promise<unknown> {
    const { retry: policy } = this.config.json_rpc;
    let attempts = 0;
    try {
      return await retry(
        (attempt) => {
          attempts = attempt;
          return this.#attempt(method, params, options);
        },
        {
          maxAttempts: REPEATABLE.has(method) ? policy.max_attempts : 1,
          initialDelayMs: policy.initial_delay_ms,
          maxDelayMs: policy.max_delay_ms,
          backoffMultiplier: policy.backoff_multiplier,
          jitter: policy.jitter ?? 0,
          retryable: (error) => isTransient(error, policy.retryable_errors),
          onRetry: () => this.observer.hooks.onRetry?.(method),
        },
      );
    } catch (error) {
      throw explain(error, method, attempts, fallback);
    }
  }

  async #attempt(method: string, params: unknown, options: RequestOptions): Promise<unknown> {
    const transport = await this.start();
    const { hooks } = this.observer;
    const startedAt = performance.now();
    hooks.onCallStarted?.(method);
    try {
      return await this.breaker.execute(() => transport.request(method, params, options));
    } finally {
      hooks.onCallEnded?.(method, performance.now() - startedAt);
    }
  }
}

function explain(
  error: unknown,
  method: string,
  attempts: number,
  fallback: EngineErrorCode,
): EngineClientError {
  if (error instanceof CircuitBreakerOpenError) {
    const { retryAfterMs, state } = error;
    return new EngineClientError(
      'TransportError',
      `Python runtime circuit open (method: ${method}, attempts: ${attempts}, state: ${state}, retryAfterMs: ${retryAfterMs})`,
      { method, attempts, retryAfterMs, circuitState: state, circuit: error.circuit },
    );
  }
  const known = toEngineError(error, fallback);
  const isReply = error instanceof JsonRpcError || known.code === 'Timeout';
  if (!isReply) return known;
  const text = `${known.message} (method: ${method}, attempts: ${attempts})`;
  return new EngineClientError(known.code, text, known.details);
}
