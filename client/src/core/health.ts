/** How the engine is, without starting anything and without throwing. */
import type { RuntimeProcess } from '../bridge/runtime-process.js';
import type { HealthStatus } from '../types/engine.js';
import type { CircuitSnapshot } from '../utils/circuit-breaker.js';
import type { RuntimeClient } from './runtime-client.js';

const STATE_TIMEOUT_MS = 5_000;
const MANY_STREAMS = 10;

type RuntimeHealth = HealthStatus['runtime'];

function runtimeOf(process: RuntimeProcess): RuntimeHealth {
  const status = ({ ready: 'running', starting: 'running', error: 'crashed', stopped: 'stopped' } as const)[
    process.status
  ];
  return process.pid === undefined || status === 'stopped' ? { status } : { pid: process.pid, status };
}

/** Vision models live in the runtime only and are no inconsistency. */
async function stateErrors(process: RuntimeProcess, loaded: string[]): Promise<string[]> {
  let reply: { loaded_models?: Array<{ model_id: string; type?: string }> };
  try {
    const options = { timeoutMs: STATE_TIMEOUT_MS };
    reply = (await process.transport!.request('runtime/state', undefined, options)) as typeof reply;
  } catch {
    return ['Failed to query Python runtime state'];
  }
  const there = (reply.loaded_models ?? [])
    .filter(({ type }) => type !== 'vision')
    .map(({ model_id: id }) => id);
  const errors: string[] = [];
  const onlyThere = there.filter((id) => !loaded.includes(id));
  const onlyHere = loaded.filter((id) => !there.includes(id));
  if (onlyThere.length > 0)
    errors.push(`${onlyThere.length} orphaned models in Python: ${onlyThere.join(', ')}`);
  if (onlyHere.length > 0)
    errors.push(`${onlyHere.length} orphaned models in TypeScript: ${onlyHere.join(', ')}`);
  return errors;
}

function circuitErrors({ state, failureCount }: CircuitSnapshot): string[] {
  if (state === 'OPEN') return [`Circuit breaker is open (${failureCount} failures)`];
  return state === 'HALF_OPEN' ? ['Circuit breaker is half-open (recovery in progress)'] : [];
}

export async function checkHealth(
  { process, breaker }: RuntimeClient,
  activeStreams: number,
  loaded: string[],
): Promise<HealthStatus> {
  const runtime = runtimeOf(process);
  const base = { uptime: process.uptime, activeStreams, loadedModels: loaded.length, runtime };
  if (runtime.status !== 'running') return { status: 'unhealthy', ...base };
  if (process.status !== 'ready') return { status: 'degraded', ...base };
  const inconsistencies = await stateErrors(process, loaded);
  const errors = [...inconsistencies, ...circuitErrors(breaker.getSnapshot())];
  const degraded = activeStreams > MANY_STREAMS || errors.length > 0;
  return {
    status: degraded ? 'degraded' : 'healthy',
    ...base,
    stateConsistent: inconsistencies.length === 0,
    ...(errors.length === 0 ? {} : { stateErrors: errors }),
  };
}
