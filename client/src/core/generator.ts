/** A generation as an async generator: the call, the chunks, and one end whoever causes it. */
import { randomUUID } from 'node:crypto';
import { EngineClientError } from '../api/errors.js';
import type { GenerationStream } from '../bridge/generation-stream.js';
import type { StreamRegistry } from '../bridge/stream-registry.js';
import type { CreateGeneratorOptions } from '../types/engine.js';
import type { GeneratorChunk } from '../types/generators.js';
import type { RuntimeClient } from './runtime-client.js';

export interface GenerationContext {
  runtime: RuntimeClient;
  streams: StreamRegistry;
}

/** A method that answers with the stream's id at once, and sends the tokens as notifications. */
export interface GenerationCall {
  method: string;
  modelId: string;
  prompt: string;
  params: Record<string, unknown>;
}

/** Nothing happens before the first read, which also makes the call. */
export async function* runStream(
  { runtime, streams }: GenerationContext,
  makeCall: () => GenerationCall | Promise<GenerationCall>,
  options: CreateGeneratorOptions = {},
): AsyncGenerator<GeneratorChunk, void> {
  const { method, modelId, prompt, params } = await makeCall();
  const { signal, streamId = randomUUID() } = options;
  if (signal?.aborted) throw new EngineClientError('Cancelled', 'Generate request aborted');
  await runtime.start();
  const stream = open(streams, streamId, modelId);
  const generation = { streamId, modelId, prompt };
  const release = endEarly(runtime, stream, options);
  try {
    const credit = runtime.has('stream_credit') ? { credit: streams.credit } : {};
    const reply = runtime.call(method, { ...params, ...credit, stream_id: streamId }, 'GenerationError');
    reply.catch(() => undefined);
    // An abort or a time-out does not wait for the reply.
    await Promise.race([reply, stream.ended]);
    runtime.observer.generationStarted(generation);
    for (let next = await stream.next(); !next.done; next = await stream.next()) {
      runtime.observer.generationChunk(generation, next.value);
      yield next.value;
    }
  } finally {
    release();
    if (!stream.isEnded) cancel(runtime, stream);
    streams.close(streamId);
    runtime.observer.generationEnded(generation);
  }
}

function open(streams: StreamRegistry, id: string, modelId: string): GenerationStream {
  try {
    return streams.open(id, modelId);
  } catch (error) {
    throw new EngineClientError('GenerationError', (error as Error).message);
  }
}

/** Ends the stream at the signal or when its time is over; gives what undoes that. */
function endEarly(
  runtime: RuntimeClient,
  stream: GenerationStream,
  { signal, timeoutMs = runtime.config.stream_registry.default_timeout_ms }: CreateGeneratorOptions,
): () => void {
  const end = (code: string, message: string) => {
    if (stream.isEnded) return;
    cancel(runtime, stream);
    stream.fail({ code, message });
  };
  const abort = () => end('GenerationError', 'Stream aborted');
  const timer = setTimeout(() => end('Timeout', `Stream ${stream.id} timed out`), timeoutMs);
  signal?.addEventListener('abort', abort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  };
}

function cancel(runtime: RuntimeClient, { id }: GenerationStream): void {
  runtime.notify('cancel', { stream_id: id });
}
