/** Metrics in OpenTelemetry's form, exported for Prometheus at :9464/metrics. */
import type { Counter, Histogram, Meter } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { AggregationType, MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Logger } from 'pino';
import type { TelemetryHooks } from '../types/engine.js';

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

/** [metric, instrument, kind, unit, what it counts] */
const INSTRUMENTS = [
  ['modelsLoaded', 'kr_serve_models_loaded_total', 'counter', '1', 'Models loaded'],
  ['modelsUnloaded', 'kr_serve_models_unloaded_total', 'counter', '1', 'Models unloaded'],
  ['modelLoadDuration', 'kr_serve_model_load_duration_ms', 'histogram', 'ms', 'Time to load a model'],
  ['tokensGenerated', 'kr_serve_tokens_generated_total', 'counter', '1', 'Tokens generated'],
  ['generationDuration', 'kr_serve_generation_duration_ms', 'histogram', 'ms', 'Time of a generation'],
  ['generationErrors', 'kr_serve_generation_errors_total', 'counter', '1', 'Generations that failed'],
  ['ipcRequestsTotal', 'kr_serve_ipc_requests_total', 'counter', '1', 'Calls of the runtime'],
  ['ipcRequestDuration', 'kr_serve_ipc_request_duration_ms', 'histogram', 'ms', 'Time of a call'],
  ['ipcRequestsInFlight', 'kr_serve_ipc_requests_in_flight', 'counter', '1', 'Calls under way'],
  ['batchOperationsTotal', 'kr_serve_batch_operations_total', 'counter', '1', 'Batches sent'],
  ['batchSizeHistogram', 'kr_serve_batch_size', 'histogram', '1', 'Requests in a batch'],
  ['batchEfficiency', 'kr_serve_batch_efficiency', 'histogram', '1', 'Requests a call'],
  ['errorsTotal', 'kr_serve_errors_total', 'counter', '1', 'Errors by code'],
  ['retryAttemptsTotal', 'kr_serve_retry_attempts_total', 'counter', '1', 'Calls tried again'],
  [
    'circuitBreakerStateChanges',
    'kr_serve_circuit_breaker_state_changes_total',
    'counter',
    '1',
    'Changes of the circuit breaker',
  ],
] as const;

const BUCKETS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];

function makeMetrics(meter: Meter): KrServeMetrics {
  const made = INSTRUMENTS.map(([key, name, kind, unit, description]) => {
    const options = { unit, description };
    return [
      key,
      kind === 'counter' ? meter.createCounter(name, options) : meter.createHistogram(name, options),
    ];
  });
  return Object.fromEntries(made) as unknown as KrServeMetrics;
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
    const view = {
      aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: BUCKETS } },
      instrumentName: '*_ms',
    } as const;
    const provider = new MeterProvider({ readers: [exporter], views: [view] });
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
function makeHooks(metrics: KrServeMetrics): TelemetryHooks {
  return {
    onModelLoaded: ({ descriptor, draft }) => {
      metrics.modelsLoaded.add(1, { model: descriptor.id, type: draft ? 'draft' : 'primary' });
    },
    onTokenGenerated: (_token, stats) =>
      metrics.tokensGenerated.add(1, { model: stats.modelId ?? 'unknown' }),
    onGenerationCompleted: (stats) => {
      metrics.generationDuration.record((stats.totalTime ?? 0) * 1000, { model: stats.modelId ?? 'unknown' });
    },
    onError: ({ code, details }) => {
      metrics.errorsTotal.add(1, { code: code ?? 'UnknownError', type: 'Error' });
      if (code !== 'GenerationError') return;
      metrics.generationErrors.add(1, { model: String(details?.['model_id'] ?? 'unknown') });
    },
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
