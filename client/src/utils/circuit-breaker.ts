/** Stops calling what keeps failing. A call's own errors (bad params, no such model) are no failures of the transport. */
import { JsonRpcError } from '../api/errors.js';

export type CircuitState = 'CLOSED' | 'OPEN' | 'HALF_OPEN';

export interface CircuitBreakerOptions {
  failureThreshold: number;
  recoveryTimeoutMs: number;
  halfOpenMaxCalls: number;
  halfOpenSuccessThreshold: number;
  failureWindowMs?: number;
  name?: string;
  now?: () => number;
  onStateChange?: (event: CircuitStateChange) => void;
}

export interface CircuitStateChange {
  name: string;
  previous: CircuitState;
  next: CircuitState;
  reason: string;
  at: number;
  failureCount: number;
}

export interface CircuitSnapshot {
  state: CircuitState;
  failureCount: number;
  lastFailureAt: number | null;
  openedAt: number | null;
  halfOpenSuccesses: number;
  halfOpenActiveCalls: number;
}

export class CircuitBreakerOpenError extends Error {
  readonly code = -32000;

  constructor(
    message: string,
    readonly circuit: string,
    readonly state: CircuitState,
    readonly retryAfterMs: number,
  ) {
    super(message);
    this.name = 'CircuitBreakerOpenError';
  }
}

/** A reply, however bad its news, shows that the transport works; only the server's own breakdowns do not. */
function isFailure(error: unknown): boolean {
  if (error instanceof JsonRpcError) return error.code === -32099 || error.code === -32000;
  const name = error instanceof Error ? error.name : '';
  return name !== 'AbortError' && name !== 'ValidationError' && name !== 'InvalidParamsError';
}

type State =
  | { kind: 'CLOSED'; failures: number; lastFailureAt: number | null }
  | { kind: 'OPEN'; failures: number; openedAt: number }
  | { kind: 'HALF_OPEN'; failures: number; openedAt: number; active: number; successes: number };

export class CircuitBreaker {
  #state: State = { kind: 'CLOSED', failures: 0, lastFailureAt: null };
  #lastFailureAt: number | null = null;
  readonly #now: () => number;
  readonly #name: string;

  constructor(readonly options: CircuitBreakerOptions) {
    this.#now = options.now ?? Date.now;
    this.#name = options.name ?? 'python-runtime';
  }

  async execute<T>(action: () => Promise<T>): Promise<T> {
    this.#admit();
    const entered = this.#state;
    try {
      const result = await action();
      this.#succeeded(entered);
      return result;
    } catch (error) {
      if (isFailure(error)) this.#failed();
      else this.#succeeded(entered);
      throw error;
    }
  }

  reset(): void {
    this.#go({ kind: 'CLOSED', failures: 0, lastFailureAt: null }, 'MANUAL_RESET');
  }

  getState(): CircuitState {
    return this.#state.kind;
  }

  getSnapshot(): CircuitSnapshot {
    const state = this.#state;
    return {
      state: state.kind,
      failureCount: state.failures,
      lastFailureAt: this.#lastFailureAt,
      openedAt: state.kind === 'CLOSED' ? null : state.openedAt,
      halfOpenSuccesses: state.kind === 'HALF_OPEN' ? state.successes : 0,
      halfOpenActiveCalls: state.kind === 'HALF_OPEN' ? state.active : 0,
    };
  }

  #admit(): void {
    if (this.#state.kind === 'OPEN') {
      const { openedAt, failures } = this.#state;
      const waited = this.#now() - openedAt;
      if (waited < this.options.recoveryTimeoutMs) {
        const left = this.options.recoveryTimeoutMs - waited;
        throw new CircuitBreakerOpenError(`Circuit "${this.#name}" is open`, this.#name, 'OPEN', left);
      }
      this.#go(
        { kind: 'HALF_OPEN', failures, openedAt, active: 0, successes: 0 },
        'RECOVERY_TIMEOUT_EXPIRED',
      );
    }
    if (this.#state.kind !== 'HALF_OPEN') return;
    if (this.#state.active >= this.options.halfOpenMaxCalls) {
      const text = `Circuit "${this.#name}" is half-open and probe concurrency is exhausted`;
      throw new CircuitBreakerOpenError(text, this.#name, 'HALF_OPEN', 0);
    }
    this.#state.active += 1;
  }

  #succeeded(entered: State): void {
    const state = this.#state;
    if (state.kind === 'CLOSED') state.failures = 0;
    if (state.kind !== 'HALF_OPEN' || state !== entered) return;
    state.active -= 1;
    state.successes += 1;
    if (state.successes < this.options.halfOpenSuccessThreshold) return;
    this.#go({ kind: 'CLOSED', failures: 0, lastFailureAt: null }, 'HALF_OPEN_SUCCESS');
  }

  #failed(): void {
    const state = this.#state;
    const at = this.#now();
    this.#lastFailureAt = at;
    if (state.kind === 'OPEN') return;
    if (state.kind === 'HALF_OPEN') {
      this.#go({ kind: 'OPEN', failures: state.failures + 1, openedAt: at }, 'HALF_OPEN_FAILURE');
      return;
    }
    const { failureWindowMs: window } = this.options;
    const stale = window !== undefined && state.lastFailureAt !== null && at - state.lastFailureAt > window;
    state.failures = stale ? 1 : state.failures + 1;
    state.lastFailureAt = at;
    if (state.failures < this.options.failureThreshold) return;
    this.#go({ kind: 'OPEN', failures: state.failures, openedAt: at }, 'FAILURE_THRESHOLD_EXCEEDED');
  }

  #go(next: State, reason: string): void {
    const previous = this.#state;
    this.#state = next;
    if (previous.kind === next.kind) return;
    this.options.onStateChange?.({
      name: this.#name,
      previous: previous.kind,
      next: next.kind,
      reason,
      at: this.#now(),
      failureCount: next.failures,
    });
  }
}
