/** A generation as an async generator: the call, the chunks, and one end whoever causes it. */
import { randomUUID } from 'node:crypto';
import { EngineClientError } from '../api/errors.js';
import type { GenerationStream, StreamRegistry } from '../bridge/stream-registry.js';
import type { CreateGeneratorOptions } from '../types/engine.js';
import type { GeneratorChunk, GeneratorParams } from '../types/generators.js';
import { promptText, toRpcParams } from './generate-params.js';
import type { RuntimeClient } from './runtime-client.js';

export interface GenerationListener {
  started: (streamId: string, modelId: string, prompt: string) => void;
  chunk: (streamId: string, modelId: string, chunk: GeneratorChunk) => void;
}

export interface GenerationContext {
  runtime: RuntimeClient;
  streams: StreamRegistry;
  listener: GenerationListener;
}

/** `method` answers with the stream's id at once; its tokens come as notifications. */
export async function* runStream(
  { runtime, streams, listener }: GenerationContext,
  call: {
    method: string;
    modelId: string;
    prompt: string;
    params: (streamId: string) => Record<string, unknown>;
  },
  options: CreateGeneratorOptions,
): AsyncGenerator<GeneratorChunk, void> {
  const { signal } = options;
  if (signal?.aborted) throw new EngineClientError('Cancelled', 'Generate request aborted');
  const { default_timeout_ms: defaultMs, max_active_streams: maxActive } = runtime.config.stream_registry;
  const id = options.streamId ?? randomUUID();
  const params = call.params(id);
  await runtime.process.start();
  const stream = open(streams, id, call.modelId, maxActive);
  const timeoutMs = options.timeoutMs ?? defaultMs;
  const timer = setTimeout(() => {
    cancel(runtime, stream);
    stream.fail({ code: 'Timeout', message: `Stream ${id} timed out` });
  }, timeoutMs);
  const abort = () => {
    cancel(runtime, stream);
    stream.fail({ code: 'GenerationError', message: 'Stream aborted' });
  };
  signal?.addEventListener('abort', abort, { once: true });
  let finished = false;
  try {
    // An abort or a time-out does not wait for the reply.
    const reply = runtime.call(call.method, params, 'GenerationError');
    reply.catch(() => undefined);
    await Promise.race([reply, stream.ended]);
    listener.started(id, call.modelId, call.prompt);
    for (;;) {
      const next = await stream.next();
      if (next.done) break;
      listener.chunk(id, call.modelId, next.value);
      yield next.value;
    }
    finished = true;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    if (!finished) cancel(runtime, stream);
    streams.close(id);
  }
}

function open(streams: StreamRegistry, id: string, modelId: string, maxActive: number): GenerationStream {
  try {
    return streams.open(id, modelId, maxActive);
  } catch (error) {
    throw new EngineClientError('GenerationError', (error as Error).message);
  }
}

/** Tells the runtime to stop; a stream that has ended needs no telling. */
function cancel(runtime: RuntimeClient, stream: GenerationStream): void {
  if (!stream.isEnded) runtime.process.transport?.notify('cancel', { stream_id: stream.id });
}

export function generateStream(
  context: GenerationContext,
  params: GeneratorParams,
  options: CreateGeneratorOptions,
): AsyncGenerator<GeneratorChunk, void> {
  return runStream(
    context,
    {
      method: 'generate',
      modelId: params.model,
      prompt: promptText(params.prompt),
      params: (streamId) => toRpcParams(params, streamId),
    },
    options,
  );
}
