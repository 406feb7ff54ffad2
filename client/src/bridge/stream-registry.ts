/** Running generations: each notification of the runtime goes to the queue of its stream. */
import { EventEmitter } from 'eventemitter3';
import { streamErrorCode } from '../api/errors.js';
import type { RuntimeConfig, EngineError, GenerationStats } from '../generated/types.js';
import type { GeneratorChunk } from '../types/generators.js';
import { GenerationStream, type Outcome } from './generation-stream.js';

export interface AggregateMetrics {
  timestamp: number;
  activeStreams: number;
  totalStreams: number;
  completedStreams: number;
  cancelledStreams: number;
  /** Milliseconds. */
  averageTTFT: number;
  /** Tokens a second. */
  averageThroughput: number;
  currentLimit: number;
  /** Active streams, of those allowed. */
  utilizationRate: number;
}

export interface StreamRegistryEvents {
  /** A reader took so many chunks more: what a runtime that grants credit wants to hear. */
  acknowledge: (streamId: string, count: number) => void;
  /** A reader is so many chunks behind. */
  backpressure: (streamId: string, unreadChunks: number) => void;
  /** And still is after so many milliseconds. */
  slowConsumer: (streamId: string, blockedMs: number) => void;
  metricsExport: (metrics: AggregateMetrics) => void;
}

/** Generations that averages are taken over. */
const SAMPLES = 100;
/** Steps of the limit where it adapts. */
const [GROWTH, SHRINKAGE] = [5, 2];

type Params = Record<string, unknown>;

function isParams(value: unknown): value is Params {
  return typeof value === 'object' && value !== null;
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
const asCount = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0);

function tokenChunk(params: Params): GeneratorChunk {
  const { token_id: tokenId, logprob, is_final: isFinal, cumulative_text: cumulativeText } = params;
  return {
    type: 'token',
    token: asText(params['token']),
    ...(typeof tokenId === 'number' ? { tokenId } : {}),
    ...(typeof logprob === 'number' ? { logprob } : {}),
    ...(typeof isFinal === 'boolean' ? { isFinal } : {}),
    ...(typeof cumulativeText === 'string' ? { cumulativeText } : {}),
  };
}

function statsOf(params: Params): GenerationStats {
  return {
    tokensGenerated: asCount(params['tokens_generated']),
    tokensPerSecond: asCount(params['tokens_per_second']),
    timeToFirstToken: asCount(params['time_to_first_token']),
    totalTime: asCount(params['total_time']),
  };
}

function errorOf(params: Params): EngineError {
  return { code: streamErrorCode(params['code']), message: asText(params['error']) || 'Generation failed' };
}

function average(values: number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export class StreamRegistry extends EventEmitter<StreamRegistryEvents> {
  readonly #streams = new Map<string, GenerationStream>();
  readonly #blockedSince = new Map<string, number>();
  readonly #unacknowledged = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  #limit: number;
  #total = 0;
  #outcomes: Record<Outcome, number> = { completed: 0, failed: 0, dropped: 0 };
  #finished: GenerationStats[] = [];

  constructor(private readonly config: RuntimeConfig['stream_registry']) {
    super();
    this.#limit = config.max_active_streams;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Chunks that may be on their way to a reader; undefined: any number. */
  get credit(): number | undefined {
    const { enabled, max_unacked_chunks: most } = this.config.backpressure;
    return enabled ? most : undefined;
  }

  /** Streams that may be open at once. */
  get limit(): number {
    return this.#limit;
  }

  /** Throws when the id is in use or too many streams are open. */
  open(id: string, modelId: string): GenerationStream {
    if (this.#streams.has(id)) throw new Error(`Stream ${id} already registered`);
    if (this.#streams.size >= this.#limit) {
      throw new Error(
        `Max active streams (${this.#limit}) exceeded. Consider increasing maxActiveStreams or waiting for streams to complete.`,
      );
    }
    if (this.#timers.length === 0) this.#startTimers();
    const stream = new GenerationStream(id, modelId, {
      read: () => this.#read(id),
      behind: (_, queued) => this.#behind(id, queued),
      ended: ({ stats }, outcome) => this.#ended(stats, outcome),
    });
    this.#total += 1;
    this.#streams.set(id, stream);
    return stream;
  }

  close(id: string): void {
    this.#streams.get(id)?.drop();
    this.#forget(id);
  }

  failAll(error: EngineError): void {
    for (const [id, stream] of this.#streams) {
      stream.fail(error);
      this.#forget(id);
    }
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** Notifications of unknown or ended streams are dropped. */
  handle(method: string, params: unknown): void {
    if (!isParams(params)) return;
    const stream = this.#streams.get(asText(params['stream_id']));
    if (stream === undefined) return;
    if (method === 'stream.chunk') this.#chunk(stream, params);
    else if (method === 'stream.stats') stream.push({ type: 'metadata', stats: statsOf(params) });
    else if (method === 'stream.event') this.#event(stream, params);
  }

  getAggregateMetrics(): AggregateMetrics {
    const finished = this.#finished;
    return {
      timestamp: Date.now(),
      activeStreams: this.size,
      totalStreams: this.#total,
      completedStreams: this.#outcomes.completed,
      cancelledStreams: this.#outcomes.dropped,
      averageTTFT: average(finished.map(({ timeToFirstToken }) => timeToFirstToken * 1000)),
      averageThroughput: average(finished.map(({ tokensPerSecond }) => tokensPerSecond)),
      currentLimit: this.#limit,
      utilizationRate: this.size / this.#limit,
    };
  }

  /** One token, or several of them in `tokens`. */
  #chunk(stream: GenerationStream, params: Params): void {
    const { tokens } = params;
    if (!Array.isArray(tokens)) stream.push(tokenChunk(params));
    else for (const token of tokens.filter(isParams)) stream.push(tokenChunk(token));
  }

  #event(stream: GenerationStream, params: Params): void {
    if (params['event'] === 'completed') stream.complete();
    else stream.fail(errorOf(params));
    this.#forget(stream.id);
  }

  #forget(id: string): void {
    this.#streams.delete(id);
    this.#blockedSince.delete(id);
    this.#unacknowledged.delete(id);
  }

  /** Told now and then, early enough for the runtime not to pause. */
  #read(id: string): void {
    this.#blockedSince.delete(id);
    const { credit } = this;
    if (credit === undefined || !this.#streams.has(id)) return;
    const count = (this.#unacknowledged.get(id) ?? 0) + 1;
    const isDue = count >= credit / 4;
    this.#unacknowledged.set(id, isDue ? 0 : count);
    if (isDue) this.emit('acknowledge', id, count);
  }

  #behind(id: string, queued: number): void {
    const { credit } = this;
    if (credit === undefined || queued < credit) return;
    const { slow_consumer_threshold_ms: patienceMs } = this.config.backpressure;
    const since = this.#blockedSince.get(id);
    if (since === undefined) {
      this.#blockedSince.set(id, Date.now());
      this.emit('backpressure', id, queued);
    } else if (since > 0 && Date.now() - since > patienceMs) {
      this.#blockedSince.set(id, 0);
      this.emit('slowConsumer', id, Date.now() - since);
    }
  }

  #ended(stats: GenerationStats, outcome: Outcome): void {
    this.#outcomes[outcome] += 1;
    if (outcome === 'completed') this.#finished = [...this.#finished, stats].slice(-SAMPLES);
  }

  /** Run while streams do, and never keep the process alive. */
  #startTimers(): void {
    const { adaptive_limits: limits, metrics } = this.config;
    const every = (ms: number, action: () => void) => this.#timers.push(setInterval(action, ms).unref());
    if (limits.enabled) every(limits.adjustment_interval_ms, () => this.#adapt());
    if (metrics.enabled) {
      every(metrics.export_interval_ms, () => this.emit('metricsExport', this.getAggregateMetrics()));
    }
  }

  /** More streams while first tokens come in time, fewer while few are used. */
  #adapt(): void {
    const limits = this.config.adaptive_limits;
    const { utilizationRate: used, averageTTFT: ttft } = this.getAggregateMetrics();
    if (used > limits.scale_up_threshold && ttft < limits.target_ttft_ms) this.#limit += GROWTH;
    if (used < limits.scale_down_threshold) this.#limit -= SHRINKAGE;
    this.#limit = Math.min(Math.max(this.#limit, limits.min_streams), limits.max_streams);
  }
}
