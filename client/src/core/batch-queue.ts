/** Joins calls of one kind that come close together into one batch call. */
import { EngineClientError, JsonRpcError } from '../api/errors.js';
import type { BatchDispatch } from '../telemetry/hooks.js';

export interface BatchQueueOptions {
  enabled: boolean;
  maxBatchSize: number;
  flushIntervalMs: number;
  adaptiveSizing: boolean;
  onDispatched?: (batch: BatchDispatch) => void;
}

export interface BatchPerformance {
  avgBatchTime: number;
  p50BatchTime: number;
  p95BatchTime: number;
  p99BatchTime: number;
  avgBatchSize: number;
  avgQueueLatency: number;
  p95QueueLatency: number;
  samplesRecorded: number;
}

export interface BatchQueueStats {
  tokenizeBatches: number;
  tokenizeRequests: number;
  checkDraftBatches: number;
  checkDraftRequests: number;
  tokenizeQueueSize: number;
  checkDraftQueueSize: number;
  tokenizeEfficiency: number;
  checkDraftEfficiency: number;
  tokenizeFallbacks: number;
  checkDraftFallbacks: number;
  currentMaxBatchSize: number;
  initialMaxBatchSize: number;
  adaptiveSizingEnabled: boolean;
  tokenizePerformance: BatchPerformance;
  checkDraftPerformance: BatchPerformance;
}

export type Call = (method: string, params: Record<string, unknown>) => Promise<unknown>;

interface Entry {
  params: Record<string, unknown>;
  queuedAt: number;
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

interface Envelope {
  success: boolean;
  result?: unknown;
  error?: string | null;
  /** Of the JSON-RPC error, where the runtime tells it. */
  code?: number;
  data?: unknown;
}

const BATCHES_KEPT = 100;
const LATENCIES_KEPT = 1000;

function average(values: number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, v) => sum + v, 0) / values.length;
}

function percentile(values: number[], p: number): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))]!;
}

/** The queue of one method. */
class Lane {
  entries: Entry[] = [];
  batches = 0;
  requests = 0;
  fallbacks = 0;
  #times: number[] = [];
  #sizes: number[] = [];
  #latencies: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    readonly method: string,
    readonly call: Call,
    readonly options: BatchQueueOptions,
  ) {}

  add(params: Record<string, unknown>): Promise<unknown> {
    if (!this.options.enabled) {
      this.fallbacks += 1;
      return this.call(this.method, params);
    }
    return new Promise((resolve, reject) => {
      this.entries.push({ params, queuedAt: performance.now(), resolve, reject });
      if (this.entries.length >= this.options.maxBatchSize) void this.flush();
      else this.#timer ??= setTimeout(() => void this.flush(), this.options.flushIntervalMs);
    });
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.entries.splice(0);
    if (entries.length === 0) return;
    const startedAt = performance.now();
    const waits = entries.map(({ queuedAt }) => startedAt - queuedAt);
    this.#record(waits);
    try {
      const requests = entries.map(({ params }) => params);
      const reply = (await this.call(`batch_${this.method}`, { requests })) as { results?: Envelope[] };
      this.#answer(entries, reply.results ?? []);
    } catch (error) {
      for (const entry of entries) entry.reject(error as Error);
    }
    const durationMs = performance.now() - startedAt;
    this.#times = [...this.#times, durationMs].slice(-BATCHES_KEPT);
    this.options.onDispatched?.({
      partitionKey: this.method,
      batchSize: entries.length,
      targetBatchSize: this.options.maxBatchSize,
      durationMs,
      queueWaitAvgMs: average(waits),
      queueWaitP95Ms: percentile(waits, 0.95),
    });
  }

  /** Rejects what waits: the engine is shutting down. */
  clear(error: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const entry of this.entries.splice(0)) entry.reject(error);
  }

  reset(): void {
    this.batches = this.requests = this.fallbacks = 0;
    this.#times = [];
    this.#sizes = [];
    this.#latencies = [];
  }

  performance(): BatchPerformance {
    return {
      avgBatchTime: average(this.#times),
      p50BatchTime: percentile(this.#times, 0.5),
      p95BatchTime: percentile(this.#times, 0.95),
      p99BatchTime: percentile(this.#times, 0.99),
      avgBatchSize: average(this.#sizes),
      avgQueueLatency: average(this.#latencies),
      p95QueueLatency: percentile(this.#latencies, 0.95),
      samplesRecorded: this.#times.length,
    };
  }

  #record(waits: number[]): void {
    this.batches += 1;
    this.requests += waits.length;
    this.#sizes = [...this.#sizes, waits.length].slice(-BATCHES_KEPT);
    this.#latencies = [...this.#latencies, ...waits].slice(-LATENCIES_KEPT);
  }

  #answer(entries: Entry[], results: Envelope[]): void {
    entries.forEach((entry, i) => {
      const envelope = results[i];
      if (envelope?.success) return entry.resolve(envelope.result);
      const text = envelope?.error ?? `batch_${this.method} gave no result for request ${i}`;
      const { code, data } = envelope ?? {};
      entry.reject(code === undefined ? new Error(text) : new JsonRpcError(code, text, data));
    });
  }
}

export class BatchQueue {
  readonly #tokenize: Lane;
  readonly #checkDraft: Lane;

  constructor(
    call: Call,
    readonly options: BatchQueueOptions,
  ) {
    this.#tokenize = new Lane('tokenize', call, options);
    this.#checkDraft = new Lane('check_draft', call, options);
  }

  tokenize(params: Record<string, unknown>): Promise<unknown> {
    return this.#tokenize.add(params);
  }

  checkDraft(params: Record<string, unknown>): Promise<unknown> {
    return this.#checkDraft.add(params);
  }

  async flush(): Promise<void> {
    await Promise.all([this.#tokenize.flush(), this.#checkDraft.flush()]);
  }

  clear(): void {
    const error = new EngineClientError('RuntimeError', 'Engine shutdown in progress');
    this.#tokenize.clear(error);
    this.#checkDraft.clear(error);
  }

  resetStats(): void {
    this.#tokenize.reset();
    this.#checkDraft.reset();
  }

  getStats(): BatchQueueStats {
    const [a, b] = [this.#tokenize, this.#checkDraft];
    return {
      tokenizeBatches: a.batches,
      tokenizeRequests: a.requests,
      checkDraftBatches: b.batches,
      checkDraftRequests: b.requests,
      tokenizeQueueSize: a.entries.length,
      checkDraftQueueSize: b.entries.length,
      tokenizeEfficiency: a.batches === 0 ? 0 : a.requests / a.batches,
      checkDraftEfficiency: b.batches === 0 ? 0 : b.requests / b.batches,
      tokenizeFallbacks: a.fallbacks,
      checkDraftFallbacks: b.fallbacks,
      currentMaxBatchSize: this.options.maxBatchSize,
      initialMaxBatchSize: this.options.maxBatchSize,
      adaptiveSizingEnabled: this.options.adaptiveSizing,
      tokenizePerformance: a.performance(),
      checkDraftPerformance: b.performance(),
    };
  }
}
