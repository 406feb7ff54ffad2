/** Errors that callers see, and how the runtime's become them. */
import type { ZodError } from 'zod';
import { JsonRpcErrorCode } from '../bridge/serializers.js';

export type EngineErrorCode =
  | 'ParseError'
  | 'InvalidRequest'
  | 'MethodNotFound'
  | 'InvalidParams'
  | 'ValidationError'
  | 'InternalError'
  | 'ServerError'
  | 'ModelLoadError'
  | 'GenerationError'
  | 'TokenizerError'
  | 'GuidanceError'
  | 'ModelNotLoaded'
  | 'RuntimeError'
  | 'TransportError'
  | 'Timeout'
  | 'Cancelled'
  | 'UnknownError';

export class EngineClientError extends Error {
  readonly code: EngineErrorCode;
  declare readonly details?: Record<string, unknown>;

  constructor(code: EngineErrorCode, message: string, details?: Record<string, unknown>) {
    super(message);
    this.name = 'EngineError';
    this.code = code;
    if (details !== undefined) this.details = details;
  }

  toObject(): { code: EngineErrorCode; message: string; details?: Record<string, unknown> } {
    const object = { code: this.code, message: this.message };
    return this.details === undefined ? object : { ...object, details: this.details };
  }

  /** With the message, which an Error's own properties lack. */
  toJSON(): Record<string, unknown> {
    return { name: this.name, ...this.toObject() };
  }
}

export interface TimeoutDetails {
  method: string;
  timeout: number;
  requestId?: string | number;
  duration?: number;
}

export class TimeoutError extends EngineClientError {
  readonly method: string;
  readonly timeout: number;
  readonly requestId?: string | number;
  readonly duration?: number;

  constructor(message: string, details: TimeoutDetails) {
    super('Timeout', message, { ...details });
    this.name = 'TimeoutError';
    this.method = details.method;
    this.timeout = details.timeout;
    if (details.requestId !== undefined) this.requestId = details.requestId;
    if (details.duration !== undefined) this.duration = details.duration;
  }
}

export function createTimeoutError(
  method: string,
  timeout: number,
  requestId?: string | number,
  duration?: number,
): TimeoutError {
  const id = requestId === undefined ? '' : ` (id: ${requestId})`;
  return new TimeoutError(`Request timed out after ${timeout}ms: ${method}${id}`, {
    method,
    timeout,
    ...(requestId === undefined ? {} : { requestId }),
    ...(duration === undefined ? {} : { duration }),
  });
}

/** An error reply of the runtime. */
export class JsonRpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data?: unknown,
  ) {
    super(message);
    this.name = 'JsonRpcError';
  }

  is(code: JsonRpcErrorCode): boolean {
    return this.code === code;
  }
}

/** What the runtime calls the fault that ended a stream. */
const STREAM_CODES: Record<string, EngineErrorCode> = {
  cancelled: 'Cancelled',
  timeout: 'Timeout',
  invalid_request: 'InvalidParams',
  not_found: 'ModelNotLoaded',
};

export function streamErrorCode(code: unknown): EngineErrorCode {
  return (typeof code === 'string' ? STREAM_CODES[code] : undefined) ?? 'GenerationError';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Any thrown value as an EngineClientError; `fallback` is the code of what is no known error. */
export function toEngineError(error: unknown, fallback: EngineErrorCode = 'RuntimeError'): EngineClientError {
  if (error instanceof EngineClientError) return error;
  if (error instanceof JsonRpcError) {
    const code = (JsonRpcErrorCode[error.code] as EngineErrorCode | undefined) ?? fallback;
    return new EngineClientError(code, error.message, isRecord(error.data) ? error.data : undefined);
  }
  if (!(error instanceof Error)) return new EngineClientError(fallback, 'Unknown engine error');
  if (error.name === 'AbortError') {
    return new EngineClientError('Cancelled', error.message || 'Operation aborted by caller');
  }
  if (/time(d )?-?out/i.test(error.message)) return new EngineClientError('Timeout', error.message);
  return new EngineClientError(fallback, error.message);
}

/** The first issue in the message, all of them in `details.issues`. */
export function zodErrorToEngineError(error: ZodError): EngineClientError {
  const issues = error.issues.map(({ path, message, code }) => ({ path, message, code }));
  const first = issues[0];
  if (first === undefined) {
    return new EngineClientError('InvalidParams', 'Validation error: no issues reported', {
      field: 'unknown',
      issues,
    });
  }
  const field = first.path.length === 0 ? 'root' : first.path.join('.');
  return new EngineClientError('InvalidParams', `Validation error on field '${field}': ${first.message}`, {
    field,
    issues,
  });
}
