/** Running generations: each runtime notification goes to the queue of its stream, each queue ends exactly once. */
import type { EngineError, GenerationStats } from '../generated/types.js';
import type { GeneratorChunk } from '../types/generators.js';

/** Chunks that a reader may be behind before the runtime is told to wait (capability `stream_credit`). */
export const HIGH_WATER = 64;
/** Chunks that a reader may be behind before its generation is ended: what a runtime without credit can pile up. */
export const MAX_QUEUED = 65_536;

interface Waiter {
  resolve: (result: IteratorResult<GeneratorChunk, void>) => void;
}

/** One generation's chunks, from the pipe to its reader. */
export class GenerationStream {
  #queue: GeneratorChunk[] = [];
  #head = 0;
  #waiter: Waiter | undefined;
  #ended = false;
  #tokens = 0;
  #hasStats = false;
  #startedAt = performance.now();
  #firstTokenAt: number | undefined;
  #markEnded!: () => void;
  /** Settles when no further chunk will be added. */
  readonly ended = new Promise<void>((resolve) => {
    this.#markEnded = resolve;
  });

  constructor(
    readonly id: string,
    readonly modelId: string,
    private readonly onRead: (stream: GenerationStream) => void,
  ) {}

  get isEnded(): boolean {
    return this.#ended;
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }

  push(chunk: GeneratorChunk): void {
    if (this.#ended) return;
    if (chunk.type === 'token') {
      this.#tokens += 1;
      this.#firstTokenAt ??= performance.now();
    }
    if (chunk.type === 'metadata') {
      if (this.#hasStats) return;
      this.#hasStats = true;
    }
    if (this.queued >= MAX_QUEUED)
      return this.fail({ code: 'GenerationError', message: 'Reader is too slow' });
    this.#deliver(chunk);
  }

  /** Ends well: with statistics, measured here if the runtime sent none. */
  complete(): void {
    if (this.#ended) return;
    if (!this.#hasStats) this.push({ type: 'metadata', stats: this.#measured() });
    this.#end();
  }

  fail(error: EngineError): void {
    if (this.#ended) return;
    this.#deliver({ type: 'error', error });
    this.#end();
  }

  /** Ends without a word: the reader has left. */
  drop(): void {
    this.#queue = [];
    this.#head = 0;
    this.#end();
  }

  next(): Promise<IteratorResult<GeneratorChunk, void>> {
    const chunk = this.#take();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiter = { resolve };
    });
  }

  #take(): GeneratorChunk | undefined {
    if (this.queued === 0) return undefined;
    const chunk = this.#queue[this.#head];
    this.#head += 1;
    if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.onRead(this);
    return chunk;
  }

  #deliver(chunk: GeneratorChunk): void {
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#queue.push(chunk);
      return;
    }
    this.#waiter = undefined;
    this.onRead(this);
    waiter.resolve({ done: false, value: chunk });
  }

  #end(): void {
    this.#ended = true;
    this.#markEnded();
    this.#waiter?.resolve({ done: true, value: undefined });
    this.#waiter = undefined;
  }

  #measured(): GenerationStats {
    const total = Math.max((performance.now() - this.#startedAt) / 1000, 0.0001);
    const first = this.#firstTokenAt === undefined ? 0 : (this.#firstTokenAt - this.#startedAt) / 1000;
    return {
      tokensGenerated: this.#tokens,
      tokensPerSecond: this.#tokens / total,
      timeToFirstToken: first,
      totalTime: total,
      modelId: this.modelId,
    };
  }
}

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

export class StreamRegistry {
  #streams = new Map<string, GenerationStream>();

  /** `onRead` hears of every chunk that a reader took, for runtimes that grant credit. */
  constructor(private readonly onRead: (streamId: string) => void = () => undefined) {}

  get size(): number {
    return this.#streams.size;
  }

  open(id: string, modelId: string, maxActive: number): GenerationStream {
    if (this.#streams.has(id)) throw new Error(`Stream ${id} already registered`);
    if (this.#streams.size >= maxActive) {
      throw new Error(
        `Max active streams (${maxActive}) exceeded. Consider increasing maxActiveStreams or waiting for streams to complete.`,
      );
    }
    const stream = new GenerationStream(id, modelId, ({ id: own }) => this.onRead(own));
    this.#streams.set(id, stream);
    return stream;
  }

  close(id: string): void {
    this.#streams.get(id)?.drop();
    this.#streams.delete(id);
  }

  failAll(error: EngineError): void {
    for (const stream of this.#streams.values()) stream.fail(error);
    this.#streams.clear();
  }

  /** Notifications of unknown or ended streams are dropped. */
  handle(method: string, params: unknown): void {
    if (!isParams(params)) return;
    const stream = this.#streams.get(asText(params['stream_id']));
    if (stream === undefined) return;
    if (method === 'stream.chunk') this.#chunk(stream, params);
    else if (method === 'stream.stats') stream.push({ type: 'metadata', stats: this.#stats(params) });
    else if (method === 'stream.event') this.#event(stream, params);
  }

  /** One token, or several of them in `tokens`. */
  #chunk(stream: GenerationStream, params: Params): void {
    const tokens = params['tokens'];
    for (const token of Array.isArray(tokens) ? tokens.filter(isParams) : [params])
      stream.push(tokenChunk(token));
  }

  #stats(params: Params): GenerationStats {
    return {
      tokensGenerated: asCount(params['tokens_generated']),
      tokensPerSecond: asCount(params['tokens_per_second']),
      timeToFirstToken: asCount(params['time_to_first_token']),
      totalTime: asCount(params['total_time']),
    };
  }

  #event(stream: GenerationStream, params: Params): void {
    if (params['event'] === 'completed') stream.complete();
    else stream.fail({ code: 'GenerationError', message: asText(params['error']) || 'Generation failed' });
    this.#streams.delete(stream.id);
  }
}
