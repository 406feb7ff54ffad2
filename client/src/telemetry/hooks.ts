/** What telemetry may hear of an engine. */
import type { TelemetryHooks } from '../types/engine.js';
import type { CircuitStateChange } from '../utils/circuit-breaker.js';

export interface BatchDispatch {
  /** The method whose calls were joined. */
  partitionKey: string;
  batchSize: number;
  targetBatchSize: number;
  durationMs: number;
  queueWaitAvgMs: number;
  queueWaitP95Ms: number;
}

/** The hooks that applications give, and those that feed the metrics of `createTelemetryBridge`. */
export interface RuntimeHooks extends TelemetryHooks {
  onModelLoadTimed?: (modelId: string, durationMs: number) => void;
  onModelUnloaded?: (modelId: string) => void;
  onGenerationFailed?: (modelId: string) => void;
  onCallStarted?: (method: string) => void;
  onCallEnded?: (method: string, durationMs: number) => void;
  onRetry?: (method: string) => void;
  onBatchDispatched?: (batch: BatchDispatch) => void;
  onCircuitChanged?: (change: CircuitStateChange) => void;
}
