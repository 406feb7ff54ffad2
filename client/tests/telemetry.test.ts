import { afterEach, describe, expect, it, vi } from 'vitest';
import * as root from '../src/index.js';
import type { ZodTypeAny } from 'zod';
import { makeEngine, makeProcess } from './fixtures/engine.js';

afterEach(() => vi.unstubAllEnvs());

const port = () => 20_000 + Math.floor(Math.random() * 20_000);

describe('metrics', () => {
  it('are all fed by what an engine does', async () => {
    const prometheusPort = port();
    const { hooks, manager } = await root.createTelemetryBridge({ enabled: true, prometheusPort });
    const telemetry = { enabled: true, hooks };
    const runner = makeProcess(({ batch_queue: queue }) => {
      queue.enabled = true;
    });
    const engine = makeEngine(runner, { telemetry });
    await engine.loadModel('m');
    await engine.generate({ model: 'm', prompt: 'p', maxTokens: 3 });
    await engine.generate({ model: 'm', prompt: 'fail' }).catch(() => undefined);
    await Promise.all(['a', 'b'].map((text) => engine.tokenize({ model: 'm', text })));
    await engine.unloadModel('m');
    await engine.shutdown();

    vi.stubEnv('FIXTURE_MODE', 'hang-draft');
    const hanging = makeProcess(({ json_rpc: rpc }) => {
      rpc.default_timeout_ms = 20;
      rpc.circuit_breaker.failure_threshold = 2;
    });
    const stuck = makeEngine(hanging, { telemetry });
    await stuck.isDraftModelCompatible('a', 'b').catch(() => undefined);
    expect(await stuck.healthCheck()).toMatchObject({
      status: 'degraded',
      stateConsistent: true,
      stateErrors: ['Circuit breaker is open (2 failures)'],
    });
    await stuck.shutdown();

    const text = await (await fetch(`http://127.0.0.1:${prometheusPort}/metrics`)).text();
    const value = (name: string) =>
      [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce(
        (sum, [, n]) => sum + Number(n),
        0,
      );
    expect(value('kr_serve_models_loaded_total')).toBe(1);
    expect(value('kr_serve_models_unloaded_total')).toBe(1);
    expect(value('kr_serve_model_load_duration_ms_count')).toBe(1);
    expect(value('kr_serve_tokens_generated_total')).toBe(4);
    expect(value('kr_serve_generation_duration_ms_count')).toBe(1);
    expect(value('kr_serve_generation_errors_total')).toBe(1);
    expect(value('kr_serve_ipc_requests_total')).toBeGreaterThanOrEqual(7);
    expect(value('kr_serve_ipc_request_duration_ms_count')).toBe(value('kr_serve_ipc_requests_total'));
    expect(text).toMatch(/^kr_serve_ipc_requests_in_flight\S* 0$/m);
    expect(value('kr_serve_batch_operations_total')).toBe(1);
    expect(value('kr_serve_batch_size_sum')).toBe(2);
    expect(value('kr_serve_batch_efficiency_count')).toBe(1);
    expect(value('kr_serve_errors_total')).toBeGreaterThanOrEqual(2);
    expect(value('kr_serve_retry_attempts_total')).toBeGreaterThanOrEqual(1);
    expect(value('kr_serve_circuit_breaker_state_changes_total')).toBeGreaterThanOrEqual(1);
    await manager.shutdown();
  });
});

describe('events', () => {
  const SCHEMAS: Record<root.EngineEventName, ZodTypeAny> = {
    'model:loaded': root.ModelLoadedEventSchema,
    'model:unloaded': root.ModelUnloadedEventSchema,
    'model:invalidated': root.ModelInvalidatedEventSchema,
    'generation:started': root.GenerationStartedEventSchema,
    'generation:token': root.TokenGeneratedEventSchema,
    'generation:completed': root.GenerationCompletedEventSchema,
    error: root.ErrorEventSchema,
    'runtime:status': root.RuntimeStatusEventSchema,
  };

  it('are all emitted, each as its schema has it', async () => {
    const engine = makeEngine();
    const seen = new Set<string>();
    for (const [name, schema] of Object.entries(SCHEMAS)) {
      engine.on(name as root.EngineEventName, (event: unknown) => {
        seen.add(name);
        expect(schema.safeParse(event).error, name).toBeUndefined();
      });
    }
    await engine.loadModel('m');
    await engine.generate({ model: 'm', prompt: 'p', maxTokens: 1 });
    await engine.loadModel('missing').catch(() => undefined);
    await engine.unloadModel('m');
    await engine.loadModel('m');
    await engine.generate({ model: 'm', prompt: 'crash' }).catch(() => undefined);
    await engine.shutdown();
    expect([...seen].sort()).toEqual(Object.keys(SCHEMAS).sort());
  });
});
