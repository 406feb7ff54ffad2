/** Schemas of generation. */
import { z } from 'zod';
import {
  ErrorChunkSchema,
  GeneratorParamsSchema,
  MetadataChunkSchema,
  TokenChunkSchema,
} from '../../generated/schemas.js';

export {
  EngineErrorSchema,
  GenerationStatsSchema,
  GeneratorParamsSchema,
  PromptTemplateSchema,
  StructuredOutputConfigSchema,
  TokenizedPromptSchema,
  VisionPromptConfigSchema,
} from '../../generated/schemas.js';

export const GeneratorChunkSchema = z.discriminatedUnion('type', [
  TokenChunkSchema,
  MetadataChunkSchema,
  ErrorChunkSchema,
]);

export const GeneratorParamsWithStructuredSchema = GeneratorParamsSchema.refine(
  ({ structured }) =>
    structured === undefined || (structured.schema !== undefined && structured.format !== undefined),
  {
    message: 'structured.schema and structured.format are both required when using structured output',
    path: ['structured'],
  },
);
