/** Tells what happens in an engine: its listeners by events, telemetry by hooks, the log by lines. */
import type { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import { type EngineClientError, toEngineError } from '../api/errors.js';
import type { EngineEvents } from '../api/events.js';
import { GenerationStatsCollector } from '../api/stats-collector.js';
import type { RuntimeStatus } from '../bridge/runtime-process.js';
import type { RuntimeHooks } from '../telemetry/hooks.js';
import type { TelemetryOptions } from '../types/engine.js';
import type { GeneratorChunk } from '../types/generators.js';
import type { ModelHandle } from '../types/models.js';
import type { CircuitStateChange } from '../utils/circuit-breaker.js';

/** A generation, as its reader knows it. */
export interface Generation {
  streamId: string;
  modelId: string;
  prompt: string;
}

export class Observer {
  readonly hooks: RuntimeHooks;
  readonly #collectors = new Map<string, GenerationStatsCollector>();

  constructor(
    private readonly events: EventEmitter<EngineEvents>,
    telemetry: TelemetryOptions | undefined,
    readonly logger: Logger,
  ) {
    this.hooks = telemetry?.enabled ? (telemetry.hooks ?? {}) : {};
  }

  /** `durationMs` is undefined for a model that was there already. */
  modelLoaded(handle: ModelHandle, durationMs: number | undefined): void {
    const modelId = handle.descriptor.id;
    this.hooks.onModelLoaded?.(handle);
    if (durationMs !== undefined) this.hooks.onModelLoadTimed?.(modelId, durationMs);
    this.logger.debug({ modelId, draft: handle.draft ?? false, duration: durationMs }, 'Model loaded');
    this.events.emit('model:loaded', { modelId, handle, timestamp: Date.now() });
  }

  modelUnloaded(modelId: string): void {
    this.hooks.onModelUnloaded?.(modelId);
    this.logger.debug({ modelId }, 'Model unloaded');
    this.events.emit('model:unloaded', { modelId, timestamp: Date.now() });
  }

  modelInvalidated(modelId: string): void {
    this.events.emit('model:invalidated', { modelId, reason: 'python_restart', timestamp: Date.now() });
  }

  status(status: RuntimeStatus, previousStatus: RuntimeStatus): void {
    this.logger.debug({ status, previousStatus }, 'Runtime status');
    this.events.emit('runtime:status', { status, previousStatus, timestamp: Date.now() });
  }

  generationStarted({ streamId, modelId, prompt }: Generation): void {
    if (this.hooks.onTokenGenerated) this.#collectors.set(streamId, new GenerationStatsCollector());
    this.events.emit('generation:started', { streamId, modelId, prompt, timestamp: Date.now() });
  }

  generationChunk({ streamId, modelId }: Generation, chunk: GeneratorChunk): void {
    if (chunk.type === 'token') return this.#token(streamId, modelId, chunk);
    if (chunk.type === 'error') {
      this.logger.debug({ streamId, modelId, error: chunk.error }, 'Generation failed');
      this.hooks.onGenerationFailed?.(modelId);
      return this.hooks.onError?.(chunk.error);
    }
    this.hooks.onGenerationCompleted?.({ ...chunk.stats, modelId: chunk.stats.modelId ?? modelId });
    this.events.emit('generation:completed', { streamId, stats: chunk.stats, timestamp: Date.now() });
  }

  /** Called once a generation, however it ends. */
  generationEnded({ streamId }: Generation): void {
    this.#collectors.delete(streamId);
  }

  circuitChanged(change: CircuitStateChange, threshold: number): void {
    const { name, previous, next, reason, failureCount } = change;
    const keys = { circuit: name, previous_state: previous, next_state: next, reason };
    this.logger.warn({ ...keys, failure_count: failureCount }, 'Circuit breaker changed');
    this.hooks.onCircuitChanged?.(change);
    if (next !== 'OPEN') return;
    const error = toEngineError(new Error(`Circuit breaker is open (${failureCount} failures)`));
    const details = { failures: failureCount, threshold, previousState: previous };
    this.events.emit('error', {
      error: { ...error.toObject(), details },
      context: 'circuit_breaker',
      timestamp: Date.now(),
    });
  }

  /** Gives the error back, to be thrown. */
  error(error: EngineClientError, context?: string): EngineClientError {
    this.hooks.onError?.(error.toObject());
    const where = context === undefined ? {} : { context };
    this.events.emit('error', { error: error.toObject(), ...where, timestamp: Date.now() });
    return error;
  }

  #token(streamId: string, modelId: string, { token, logprob }: GeneratorChunk & { type: 'token' }): void {
    const collector = this.#collectors.get(streamId);
    collector?.update(token);
    if (collector !== undefined) this.hooks.onTokenGenerated?.(token, { ...collector.getStats(), modelId });
    if (this.events.listenerCount('generation:token') === 0) return;
    const value = logprob === undefined ? {} : { logprob };
    this.events.emit('generation:token', { streamId, token, ...value, timestamp: Date.now() });
  }
}
