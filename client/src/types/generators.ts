/** Generation: what goes in and what comes out. */
import type * as wire from '../generated/types.js';
import type { EngineError, GenerationStats } from '../generated/types.js';

export type {
  EngineError,
  GenerationStats,
  PromptTemplate,
  TokenizeRequest,
  TokenizeResponse,
  VisionPromptConfig,
} from '../generated/types.js';

/** What Zod 3 and Zod 4 schemas have in common, whichever copy of the library made them. */
export interface ZodLike {
  readonly _def: object;
  parse(value: unknown): unknown;
}

/** What form the answer must have. */
export interface StructuredOutputConfig extends Omit<wire.StructuredOutputConfig, 'schema'> {
  /** A JSON Schema, the Zod schema that says it, or, for `yaml`, an XML schema as text. */
  schema: wire.StructuredOutputConfig['schema'] | ZodLike | string;
}

/** What to generate from, and how: the runtime's parameters, with the wider `structured`. */
export type GeneratorParams = {
  [Name in keyof wire.GeneratorParams]: Name extends 'structured'
    ? StructuredOutputConfig
    : wire.GeneratorParams[Name];
};

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
