import { describe, expect, it, vi } from 'vitest';
import { retry, RetryAbortedError, type RetryOptions } from '../src/utils/retry.js';

const policy: RetryOptions = {
  maxAttempts: 3,
  initialDelayMs: 1,
  maxDelayMs: 3,
  backoffMultiplier: 4,
  retryable: (error) => (error as Error).message !== 'final',
};
const failing = (message: string) => vi.fn(() => Promise.reject(new Error(message)));

describe('retry', () => {
  it('pauses longer each time, up to a bound, and gives up with the last error', async () => {
    const [action, onRetry] = [failing('again'), vi.fn()];
    await expect(retry(action, { ...policy, onRetry })).rejects.toThrow('again');
    expect(action.mock.calls).toEqual([[1], [2], [3]]);
    expect(onRetry.mock.calls).toEqual([
      [1, 1],
      [2, 3],
    ]);
  });

  it('tries once what may not be tried again', async () => {
    const action = failing('final');
    await expect(retry(action, policy)).rejects.toThrow('final');
    expect(action).toHaveBeenCalledTimes(1);
  });

  it('varies its pauses by no more than the jitter', async () => {
    const onRetry = vi.fn();
    await retry(failing('again'), { ...policy, initialDelayMs: 2, jitter: 0.5, onRetry }).catch(
      () => undefined,
    );
    const [, delay] = onRetry.mock.calls[0] as [number, number];
    expect(delay).toBeGreaterThanOrEqual(1);
    expect(delay).toBeLessThanOrEqual(3);
  });

  it('ends at an abort, also in a pause', async () => {
    const controller = new AbortController();
    const options = { ...policy, initialDelayMs: 60_000, maxDelayMs: 60_000, signal: controller.signal };
    const waiting = retry(failing('again'), options);
    setTimeout(() => controller.abort(), 5);
    await expect(waiting).rejects.toThrow(RetryAbortedError);
    await expect(retry(failing('again'), options)).rejects.toThrow('Retry aborted');
  });
});
