/** Measures a generation on the reader's side. */
import type { GenerationStats } from '../generated/types.js';

export interface StatsCollectorOptions {
  autoStart?: boolean;
}

/** A started measurement lasts at least this long, so that rates stay finite. */
const MIN_SECONDS = 0.0001;

export class GenerationStatsCollector {
  #startedAt: number | undefined;
  #firstTokenAt: number | undefined;
  #stoppedAt: number | undefined;
  #tokens = 0;

  constructor({ autoStart = true }: StatsCollectorOptions = {}) {
    if (autoStart) this.start();
  }

  start(): void {
    this.#startedAt ??= performance.now();
    this.#stoppedAt = undefined;
  }

  stop(): void {
    if (this.#startedAt !== undefined) this.#stoppedAt ??= performance.now();
  }

  reset(): void {
    this.#startedAt = this.#firstTokenAt = this.#stoppedAt = undefined;
    this.#tokens = 0;
  }

  update(_token: string | { token: string }): void {
    this.start();
    this.#firstTokenAt ??= performance.now();
    this.#tokens += 1;
  }

  getStats(): GenerationStats {
    return {
      tokensGenerated: this.#tokens,
      tokensPerSecond: this.tokensPerSecond,
      timeToFirstToken: this.timeToFirstToken,
      totalTime: this.totalTime,
    };
  }

  get tokensPerSecond(): number {
    return this.totalTime === 0 ? 0 : this.#tokens / this.totalTime;
  }

  get timeToFirstToken(): number {
    if (this.#startedAt === undefined || this.#firstTokenAt === undefined) return 0;
    return (this.#firstTokenAt - this.#startedAt) / 1000;
  }

  get totalTime(): number {
    if (this.#startedAt === undefined) return 0;
    return Math.max(((this.#stoppedAt ?? performance.now()) - this.#startedAt) / 1000, MIN_SECONDS);
  }

  get tokensGenerated(): number {
    return this.#tokens;
  }

  get isStarted(): boolean {
    return this.#startedAt !== undefined;
  }

  get hasTokens(): boolean {
    return this.#tokens > 0;
  }
}
