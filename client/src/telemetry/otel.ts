/** Metrics in OpenTelemetry's form, exported for Prometheus at :9464/metrics. */
import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Logger } from 'pino';
import type { TelemetryHooks } from '../types/engine.js';
import type { RuntimeHooks } from './hooks.js';

export interface TelemetryConfig {
  enabled: boolean;
  serviceName?: string;
  prometheusPort?: number;
  exportIntervalMs?: number;
  logger?: Logger;
}

export interface KrServeMetrics {
  modelsLoaded: Counter;
  modelsUnloaded: Counter;
  modelLoadDuration: Histogram;
  tokensGenerated: Counter;
  generationDuration: Histogram;
  generationErrors: Counter;
  ipcRequestsTotal: Counter;
  ipcRequestDuration: Histogram;
  ipcRequestsInFlight: Counter;
  batchOperationsTotal: Counter;
  batchSizeHistogram: Histogram;
  batchEfficiency: Histogram;
  errorsTotal: Counter;
  retryAttemptsTotal: Counter;
  circuitBreakerStateChanges: Counter;
}

/** The name of later versions. */
export type MlxServingMetrics = KrServeMetrics;

function makeMetrics(meter: Meter): KrServeMetrics {
  const counter = (name: string, description: string) =>
    meter.createCounter(name, { unit: '1', description });
  const histogram = (name: string, unit: string, description: string) =>
    meter.createHistogram(name, { unit, description });
  return {
    modelsLoaded: counter('kr_serve_models_loaded_total', 'Models loaded'),
    modelsUnloaded: counter('kr_serve_models_unloaded_total', 'Models unloaded'),
    modelLoadDuration: histogram('kr_serve_model_load_duration_ms', 'ms', 'Time to load a model'),
    tokensGenerated: counter('kr_serve_tokens_generated_total', 'Tokens generated'),
    generationDuration: histogram('kr_serve_generation_duration_ms', 'ms', 'Time of a generation'),
    generationErrors: counter('kr_serve_generation_errors_total', 'Generations that failed'),
    ipcRequestsTotal: counter('kr_serve_ipc_requests_total', 'Calls of the runtime'),
    ipcRequestDuration: histogram('kr_serve_ipc_request_duration_ms', 'ms', 'Time of a call'),
    // Goes down too, which a counter may not.
    ipcRequestsInFlight: meter.createUpDownCounter('kr_serve_ipc_requests_in_flight', {
      unit: '1',
      description: 'Calls under way',
    }),
    batchOperationsTotal: counter('kr_serve_batch_operations_total', 'Batches sent'),
    batchSizeHistogram: histogram('kr_serve_batch_size', '1', 'Requests in a batch'),
    batchEfficiency: histogram(
      'kr_serve_batch_efficiency',
      '1',
      'Requests in a batch, of those it could hold',
    ),
    errorsTotal: counter('kr_serve_errors_total', 'Errors by code'),
    retryAttemptsTotal: counter('kr_serve_retry_attempts_total', 'Calls tried again'),
    circuitBreakerStateChanges: counter(
      'kr_serve_circuit_breaker_state_changes_total',
      'Changes of the circuit breaker',
    ),
  };
}

export class TelemetryManager {
  readonly #config: TelemetryConfig;
  #provider: MeterProvider | undefined;
  #metrics: KrServeMetrics | undefined;

  constructor(config: TelemetryConfig) {
    this.#config = config;
  }

  async start(): Promise<void> {
    const { enabled, prometheusPort: port = 9464, serviceName = 'kr-serve-mlx', logger } = this.#config;
    if (!enabled) throw new Error('Telemetry is disabled. Set enabled:true in config.');
    if (this.#provider !== undefined) {
      logger?.warn('Telemetry is already started');
      return;
    }
    const exporter = new PrometheusExporter({ port, preventServerStart: true });
    const provider = new MeterProvider({ readers: [exporter] });
    await exporter.startServer();
    this.#provider = provider;
    this.#metrics = makeMetrics(provider.getMeter(serviceName, '0.2.0'));
    logger?.info({ port }, 'Telemetry started');
  }

  async shutdown(): Promise<void> {
    const provider = this.#provider;
    this.#provider = this.#metrics = undefined;
    await provider?.shutdown();
  }

  isStarted(): boolean {
    return this.#provider !== undefined;
  }

  get metrics(): KrServeMetrics {
    if (this.#metrics !== undefined) return this.#metrics;
    throw new Error('TelemetryManager not started. Call start() first.');
  }
}

export function getMetrics(manager: TelemetryManager): KrServeMetrics | undefined {
  return manager.isStarted() ? manager.metrics : undefined;
}

/** Tokens are counted where they are generated, once. */
function makeHooks(metrics: KrServeMetrics): RuntimeHooks {
  const labels = (modelId: string | undefined) => ({ model: modelId ?? 'unknown' });
  return {
    onModelLoaded: ({ descriptor, draft }) => {
      metrics.modelsLoaded.add(1, { ...labels(descriptor.id), type: draft ? 'draft' : 'primary' });
    },
    onModelLoadTimed: (modelId, durationMs) => metrics.modelLoadDuration.record(durationMs, labels(modelId)),
    onModelUnloaded: (modelId) => metrics.modelsUnloaded.add(1, labels(modelId)),
    onTokenGenerated: (_token, { modelId }) => metrics.tokensGenerated.add(1, labels(modelId)),
    onGenerationCompleted: ({ totalTime = 0, modelId }) => {
      metrics.generationDuration.record(totalTime * 1000, labels(modelId));
    },
    onGenerationFailed: (modelId) => metrics.generationErrors.add(1, labels(modelId)),
    onError: ({ code = 'UnknownError' }) => metrics.errorsTotal.add(1, { code, type: 'Error' }),
    onCallStarted: (method) => {
      metrics.ipcRequestsTotal.add(1, { method });
      metrics.ipcRequestsInFlight.add(1);
    },
    onCallEnded: (method, durationMs) => {
      metrics.ipcRequestsInFlight.add(-1);
      metrics.ipcRequestDuration.record(durationMs, { method });
    },
    onRetry: (method) => metrics.retryAttemptsTotal.add(1, { method }),
    onBatchDispatched: ({ partitionKey, batchSize, targetBatchSize }) => {
      metrics.batchOperationsTotal.add(1, { method: partitionKey });
      metrics.batchSizeHistogram.record(batchSize, { method: partitionKey });
      metrics.batchEfficiency.record(batchSize / targetBatchSize, { method: partitionKey });
    },
    onCircuitChanged: ({ previous, next }) => metrics.circuitBreakerStateChanges.add(1, { previous, next }),
  };
}

export async function createTelemetryBridge(
  config: TelemetryConfig,
  logger?: Logger,
): Promise<{ hooks: TelemetryHooks; manager: TelemetryManager }> {
  const manager = new TelemetryManager(logger === undefined ? config : { ...config, logger });
  if (!config.enabled) return { hooks: {}, manager };
  await manager.start();
  return { hooks: makeHooks(manager.metrics), manager };
}
