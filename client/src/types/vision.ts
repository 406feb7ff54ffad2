/** Models that read images. */
import type { ModelDescriptor, ModelHandle } from '../generated/types.js';
import type { GeneratorParams } from './generators.js';

export type VisionModelFamily = 'llava' | 'qwen-vl' | 'phi-vision' | 'fuyu' | 'cogvlm';

export interface ImagePreprocessing {
  resolution: number;
  patchSize: number;
  mean: [number, number, number];
  std: [number, number, number];
}

export interface VisionModelDescriptor extends ModelDescriptor {
  modality: 'vision' | 'multimodal';
  family: 'mlx-vlm';
  imageEncoder: 'clip' | 'vit' | 'siglip';
  maxImageSize: number;
  imagePreprocessing?: ImagePreprocessing;
}

export interface VisionModelHandle extends ModelHandle {
  descriptor: VisionModelDescriptor;
  metadata: { supportedFormats: string[]; maxBatchSize: number; [key: string]: unknown };
}

export interface LoadVisionModelOptions {
  model: string;
  revision?: string;
  quantization?: { bits: 4 | 8; groupSize?: number };
  preprocessing?: Partial<ImagePreprocessing>;
  config?: Record<string, unknown>;
}

export interface ImageInput {
  /** Path, URL, data URI, base64 text or the bytes. */
  source: string | Buffer;
  format?: 'png' | 'jpg' | 'jpeg' | 'webp' | 'bmp';
  metadata?: { width?: number; height?: number; channels?: number };
}

export interface VisionGeneratorParams extends Omit<GeneratorParams, 'multimodal'> {
  model: string;
  prompt: GeneratorParams['prompt'];
  image: ImageInput | ImageInput[];
  visionConfig?: { imageResolution?: number; patchSize?: number; enableTiling?: boolean; numTiles?: number };
}

export interface VisionGeneratorChunk {
  type: 'token' | 'metadata' | 'error' | 'image_processed';
  token?: string;
  logprob?: number;
  stats?: {
    tokensGenerated: number;
    tokensPerSecond: number;
    timeToFirstToken: number;
    totalTime: number;
    imageProcessingTime?: number;
    imageEncodingTime?: number;
  };
  error?: { code: string; message: string; details?: Record<string, unknown> };
  imageMetadata?: {
    numImages: number;
    totalTokens: number;
    resolutions: Array<{ width: number; height: number }>;
  };
}

export interface ImageEmbedding {
  embeddings: number[][];
  originalSize: { width: number; height: number };
  processedSize: { width: number; height: number };
  numTokens: number;
}

export interface VisionModelCapabilities {
  multiImage: boolean;
  interleavedPrompts: boolean;
  videoFrames: boolean;
  ocr: boolean;
  grounding: boolean;
  maxImages: number;
}
