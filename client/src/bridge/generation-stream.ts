/** One generation's chunks, from the pipe to its reader. It ends exactly once, whoever causes it. */
import type { EngineError, GenerationStats } from '../generated/types.js';
import type { GeneratorChunk } from '../types/generators.js';

/** Chunks that a reader may be behind before its generation is ended: more than any answer has. */
export const MAX_QUEUED = 65_536;

/** Read chunks that are kept before the queue is cut. */
const HEAD_MAX = 1024;

export interface StreamListener {
  /** `queued` chunks wait for the reader, one more than before. */
  behind?: (stream: GenerationStream, queued: number) => void;
  /** The reader took a chunk. */
  read?: (stream: GenerationStream) => void;
  /** No further chunk will be added. */
  ended?: (stream: GenerationStream, outcome: Outcome) => void;
}

export type Outcome = 'completed' | 'failed' | 'dropped';

export class GenerationStream {
  readonly startedAt = performance.now();
  #queue: GeneratorChunk[] = [];
  #head = 0;
  #wake: ((result: IteratorResult<GeneratorChunk, void>) => void) | undefined;
  #isEnded = false;
  #tokens = 0;
  #firstTokenAt: number | undefined;
  #stats: GenerationStats | undefined;
  #markEnded!: () => void;
  readonly ended = new Promise<void>((resolve) => {
    this.#markEnded = resolve;
  });

  constructor(
    readonly id: string,
    readonly modelId: string,
    private readonly listener: StreamListener = {},
  ) {}

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }

  /** The runtime's statistics, or what was measured here so far. */
  get stats(): GenerationStats {
    return this.#stats ?? this.#measured();
  }

  push(chunk: GeneratorChunk): void {
    if (this.#isEnded) return;
    if (chunk.type === 'token') {
      this.#tokens += 1;
      this.#firstTokenAt ??= performance.now();
    } else if (chunk.type === 'metadata') {
      if (this.#stats !== undefined) return;
      this.#stats = chunk.stats;
    }
    if (this.queued >= MAX_QUEUED) this.fail({ code: 'GenerationError', message: 'Reader is too slow' });
    else this.#deliver(chunk);
  }

  /** Ends well: with statistics, measured here if the runtime sent none. */
  complete(): void {
    if (this.#isEnded) return;
    if (this.#stats === undefined) this.push({ type: 'metadata', stats: this.#measured() });
    this.#end('completed');
  }

  fail(error: EngineError): void {
    if (this.#isEnded) return;
    this.#deliver({ type: 'error', error });
    this.#end('failed');
  }

  /** Ends without a word: the reader has left. */
  drop(): void {
    this.#queue = [];
    this.#head = 0;
    this.#end('dropped');
  }

  next(): Promise<IteratorResult<GeneratorChunk, void>> {
    const chunk = this.#take();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #take(): GeneratorChunk | undefined {
    if (this.queued === 0) return undefined;
    const chunk = this.#queue[this.#head];
    this.#head += 1;
    if (this.#head > HEAD_MAX) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    this.listener.read?.(this);
    return chunk;
  }

  #deliver(chunk: GeneratorChunk): void {
    const wake = this.#wake;
    if (wake === undefined) {
      this.#queue.push(chunk);
      this.listener.behind?.(this, this.queued);
      return;
    }
    this.#wake = undefined;
    this.listener.read?.(this);
    wake({ done: false, value: chunk });
  }

  #end(outcome: Outcome): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#markEnded();
    this.#wake?.({ done: true, value: undefined });
    this.#wake = undefined;
    this.listener.ended?.(this, outcome);
  }

  #measured(): GenerationStats {
    const total = Math.max((performance.now() - this.startedAt) / 1000, 0.0001);
    const first = this.#firstTokenAt === undefined ? 0 : (this.#firstTokenAt - this.startedAt) / 1000;
    return {
      tokensGenerated: this.#tokens,
      tokensPerSecond: this.#tokens / total,
      timeToFirstToken: first,
      totalTime: total,
      modelId: this.modelId,
    };
  }
}
