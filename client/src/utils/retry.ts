/** Tries again, after pauses that grow. */
export interface RetryOptions {
  /** The first one included. */
  maxAttempts: number;
  initialDelayMs: number;
  maxDelayMs: number;
  backoffMultiplier: number;
  /** Each pause is longer or shorter by up to this part of itself. */
  jitter?: number;
  /** Whether this failure may be tried again. */
  retryable: (error: unknown) => boolean;
  onRetry?: (attempt: number, delayMs: number) => void;
  signal?: AbortSignal;
}

export class RetryAbortedError extends Error {
  constructor() {
    super('Retry aborted');
    this.name = 'RetryAbortedError';
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new RetryAbortedError());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** `action` hears which attempt it is, counting from 1. */
export async function retry<T>(action: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { maxAttempts, maxDelayMs, backoffMultiplier, jitter = 0, signal } = options;
  for (let attempt = 1, delayMs = options.initialDelayMs; ; attempt++, delayMs *= backoffMultiplier) {
    if (signal?.aborted) throw new RetryAbortedError();
    try {
      return await action(attempt);
    } catch (error) {
      if (attempt >= maxAttempts || !options.retryable(error)) throw error;
      const wait = Math.min(delayMs, maxDelayMs) * (1 + (Math.random() * 2 - 1) * jitter);
      options.onRetry?.(attempt, wait);
      await pause(wait, signal);
    }
  }
}
