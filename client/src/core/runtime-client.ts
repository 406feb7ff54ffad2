/** Calls of the runtime: started when needed, tried again where that is safe, stopped when it keeps breaking down. */
import { EngineClientError, type EngineErrorCode, JsonRpcError, toEngineError } from '../api/errors.js';
import type { RequestOptions } from '../bridge/jsonrpc-transport.js';
import type { RuntimeProcess } from '../bridge/runtime-process.js';
import type { RuntimeConfig } from '../generated/types.js';
import { CircuitBreaker, CircuitBreakerOpenError } from '../utils/circuit-breaker.js';

/** Methods that change nothing, so that a lost one may be asked again. */
const REPEATABLE = new Set(['tokenize', 'check_draft', 'runtime/info']);

function isTransient(error: unknown, tokens: readonly string[]): boolean {
  if (error instanceof JsonRpcError || !(error instanceof Error)) return false;
  const code = String((error as { code?: unknown }).code ?? '').toUpperCase();
  const timedOut = /time(d )?-?out/i.test(error.message) || error.name === 'TimeoutError';
  return tokens.some((token) => code === token || error.name === token || (token === 'TIMEOUT' && timedOut));
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class RuntimeClient {
  readonly breaker: CircuitBreaker;

  constructor(
    readonly process: RuntimeProcess,
    readonly config: RuntimeConfig,
    onStateChange: ConstructorParameters<typeof CircuitBreaker>[0]['onStateChange'],
  ) {
    const circuit = config.json_rpc.circuit_breaker;
    this.breaker = new CircuitBreaker({
      name: 'python-runtime',
      failureThreshold: circuit.failure_threshold,
      recoveryTimeoutMs: circuit.recovery_timeout_ms,
      halfOpenMaxCalls: circuit.half_open_max_calls,
      halfOpenSuccessThreshold: circuit.half_open_success_threshold,
      ...(circuit.failure_window_ms === undefined ? {} : { failureWindowMs: circuit.failure_window_ms }),
      ...(onStateChange === undefined ? {} : { onStateChange }),
    });
  }

  has(capability: string): boolean {
    const info = this.process.info as { capabilities?: unknown } | undefined;
    return Array.isArray(info?.capabilities) && info.capabilities.includes(capability);
  }

  /** Rejects with an EngineClientError; `fallback` is the code of errors that carry none. */
  async call(
    method: string,
    params: Record<string, unknown> | undefined,
    fallback: EngineErrorCode,
    options: RequestOptions = {},
  ): Promise<unknown> {
    const { retry } = this.config.json_rpc;
    const attemptsMax = REPEATABLE.has(method) ? retry.max_attempts : 1;
    let delay = retry.initial_delay_ms;
    for (let attempt = 1; ; attempt++) {
      try {
        const transport = await this.process.start();
        return await this.breaker.execute(() => transport.request(method, params, options));
      } catch (error) {
        if (attempt >= attemptsMax || !isTransient(error, retry.retryable_errors)) {
          throw this.#explain(error, method, attempt, fallback);
        }
        const jitter = 1 + (Math.random() * 2 - 1) * (retry.jitter ?? 0);
        await sleep(Math.min(delay, retry.max_delay_ms) * jitter);
        delay *= retry.backoff_multiplier;
      }
    }
  }

  #explain(error: unknown, method: string, attempts: number, fallback: EngineErrorCode): EngineClientError {
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
    return new EngineClientError(
      known.code,
      `${known.message} (method: ${method}, attempts: ${attempts})`,
      known.details,
    );
  }
}
