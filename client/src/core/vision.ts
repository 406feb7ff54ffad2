/** Models that read images: loading and generating. */
import { EngineClientError } from '../api/errors.js';
import type { VisionModelResponse } from '../generated/types.js';
import type { CreateGeneratorOptions } from '../types/engine.js';
import type { GeneratorChunk, GeneratorParams } from '../types/generators.js';
import type {
  LoadVisionModelOptions,
  VisionGeneratorChunk,
  VisionGeneratorParams,
  VisionModelDescriptor,
  VisionModelHandle,
} from '../types/vision.js';
import { encodeImage } from '../utils/image-encoding.js';
import { promptText, toRpcParams } from './generate-params.js';
import { type GenerationContext, runStream } from './generator.js';
import type { RuntimeClient } from './runtime-client.js';

/** Where a model does not tell it. */
const DEFAULT_IMAGE_SIZE = 224;

function descriptorOf(
  { model, preprocessing }: LoadVisionModelOptions,
  { model_id: id, image_size: imageSize }: VisionModelResponse,
): VisionModelDescriptor {
  const descriptor: VisionModelDescriptor = {
    id: id ?? model,
    source: model.startsWith('/') ? 'local' : 'huggingface',
    path: model,
    modality: 'vision',
    family: 'mlx-vlm',
    imageEncoder: 'clip',
    maxImageSize: imageSize || DEFAULT_IMAGE_SIZE,
  };
  if (preprocessing === undefined) return descriptor;
  return { ...descriptor, imagePreprocessing: preprocessing } as VisionModelDescriptor;
}

export async function loadVision(
  runtime: RuntimeClient,
  options: LoadVisionModelOptions,
): Promise<VisionModelHandle> {
  const { bits } = options.quantization ?? {};
  const params = {
    model_id: options.model,
    revision: options.revision || 'main',
    quantization: bits === undefined ? null : `int${bits}`,
    local_path: null,
  };
  const reply = (await runtime.call('load_vision_model', params, 'ModelLoadError')) as VisionModelResponse;
  return {
    descriptor: descriptorOf(options, reply),
    state: reply.state === 'error' ? 'failed' : reply.state,
    contextLength: reply.context_length,
    metadata: {
      supportedFormats: ['png', 'jpg', 'jpeg', 'webp'],
      maxBatchSize: 1,
      processorType: reply.processor_type,
      quantization: reply.quantization,
      dtype: reply.dtype,
    },
  };
}

async function onlyImage(image: VisionGeneratorParams['image']): Promise<string> {
  const [first, ...more] = Array.isArray(image) ? image : [image];
  if (first === undefined) {
    throw new EngineClientError('RuntimeError', 'At least one image is required for vision generation');
  }
  if (more.length > 0) {
    const text = 'Multi-image generation not yet supported. Use single image.';
    throw new EngineClientError('RuntimeError', text);
  }
  try {
    return await encodeImage(first);
  } catch (error) {
    const text = error instanceof Error ? error.message : 'Image encoding failed';
    throw new EngineClientError('GenerationError', text);
  }
}

function toVisionChunk(chunk: Exclude<GeneratorChunk, { type: 'error' }>): VisionGeneratorChunk {
  if (chunk.type === 'metadata') {
    return { type: 'metadata', stats: { ...chunk.stats, totalTime: chunk.stats.totalTime ?? 0 } };
  }
  const { token, logprob } = chunk;
  return { type: 'token', token, ...(logprob === undefined ? {} : { logprob }) };
}

/** Unlike text generation, a failure is thrown. */
export async function* generateVision(
  context: GenerationContext,
  { image, visionConfig: _config, ...text }: VisionGeneratorParams,
  options: CreateGeneratorOptions = {},
): AsyncGenerator<VisionGeneratorChunk, void> {
  const call = async () => ({
    method: 'generate_with_image',
    modelId: text.model,
    prompt: promptText(text.prompt),
    params: {
      max_tokens: 100,
      temperature: 0,
      top_p: 1,
      ...toRpcParams(text as GeneratorParams, options),
      image: await onlyImage(image),
    },
  });
  const streamId = options.streamId ?? `vision-${Date.now()}-${Math.random().toString(36).slice(2)}`;
  for await (const chunk of runStream(context, call, { ...options, streamId })) {
    if (chunk.type !== 'error') yield toVisionChunk(chunk);
    else if (options.signal?.aborted) throw new EngineClientError('Cancelled', 'Vision generation cancelled');
    else throw new EngineClientError('GenerationError', chunk.error.message, chunk.error.details);
  }
}
