/** Models that read images: loading and generating. */
import { EngineClientError } from '../api/errors.js';
import type { CreateGeneratorOptions } from '../types/engine.js';
import type {
  LoadVisionModelOptions,
  VisionGeneratorChunk,
  VisionGeneratorParams,
  VisionModelHandle,
} from '../types/vision.js';
import { encodeImage } from '../utils/image-encoding.js';
import { promptText, toRpcParams } from './generate-params.js';
import { type GenerationContext, runStream } from './generator.js';
import type { RuntimeClient } from './runtime-client.js';

interface VisionReply {
  model_id?: string;
  state?: string;
  context_length?: number;
  processor_type?: string;
  image_size?: number | null;
  quantization?: string | null;
  dtype?: string;
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
  const reply = (await runtime.call('load_vision_model', params, 'ModelLoadError')) as VisionReply;
  return {
    descriptor: {
      id: reply.model_id ?? options.model,
      source: options.model.startsWith('/') ? 'local' : 'huggingface',
      path: options.model,
      modality: 'vision',
      family: 'mlx-vlm',
      imageEncoder: 'clip',
      maxImageSize: reply.image_size || 224,
      ...(options.preprocessing === undefined
        ? {}
        : {
            imagePreprocessing: options.preprocessing as NonNullable<
              VisionModelHandle['descriptor']['imagePreprocessing']
            >,
          }),
    },
    state: reply.state === 'ready' || reply.state === 'loading' ? reply.state : 'failed',
    contextLength: reply.context_length ?? runtime.config.model.default_context_length,
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
  const images = Array.isArray(image) ? image : [image];
  const [first] = images;
  if (first === undefined) {
    throw new EngineClientError('RuntimeError', 'At least one image is required for vision generation');
  }
  if (images.length > 1) {
    throw new EngineClientError(
      'RuntimeError',
      'Multi-image generation not yet supported. Use single image.',
    );
  }
  try {
    return await encodeImage(first);
  } catch (error) {
    throw new EngineClientError(
      'GenerationError',
      error instanceof Error ? error.message : 'Image encoding failed',
    );
  }
}

/** Unlike text generation, a failure is thrown. */
export async function* generateVision(
  context: GenerationContext,
  params: VisionGeneratorParams,
  options: CreateGeneratorOptions,
): AsyncGenerator<VisionGeneratorChunk, void> {
  const image = await onlyImage(params.image);
  const { image: _image, visionConfig: _config, ...text } = params;
  const call = {
    method: 'generate_with_image',
    modelId: params.model,
    prompt: promptText(params.prompt),
    params: (streamId: string) => ({
      ...toRpcParams(text, streamId),
      image,
      max_tokens: params.maxTokens ?? 100,
      temperature: params.temperature ?? 0,
      top_p: params.topP ?? 1,
    }),
  };
  const streamId = options.streamId ?? `vision-${Date.now()}-${Math.random().toString(36).slice(2)}`;
  for await (const chunk of runStream(context, call, { ...options, streamId })) {
    if (chunk.type === 'error') {
      if (options.signal?.aborted) throw new EngineClientError('Cancelled', 'Vision generation cancelled');
      throw new EngineClientError('GenerationError', chunk.error.message, chunk.error.details);
    }
    if (chunk.type === 'metadata') {
      yield { type: 'metadata', stats: { ...chunk.stats, totalTime: chunk.stats.totalTime ?? 0 } };
    } else {
      yield {
        type: 'token',
        token: chunk.token,
        ...(chunk.logprob === undefined ? {} : { logprob: chunk.logprob }),
      };
    }
  }
}
