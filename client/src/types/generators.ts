/** Generation: what goes in and what comes out. */
import type { EngineError, GenerationStats } from '../generated/types.js';

export type {
  EngineError,
  GenerationStats,
  GeneratorParams,
  PromptTemplate,
  StructuredOutputConfig,
  TokenizeRequest,
  TokenizeResponse,
  VisionPromptConfig,
} from '../generated/types.js';

/** One item of a generation: tokens, then either metadata or an error. */
export type GeneratorChunk =
  | {
      type: 'token';
      token: string;
      tokenId?: number;
      logprob?: number;
      isFinal?: boolean;
      cumulativeText?: string;
    }
  | { type: 'metadata'; stats: GenerationStats }
  | { type: 'error'; error: EngineError };
