/** `@defai.digital/mlx-serving/schemas`: every schema of every boundary, as Zod and as JSON Schema. */
import document from './generated/schemas.json' with { type: 'json' };

export * from './generated/schemas.js';
export { JsonRpcMessageSchema } from './bridge/serializers.js';
export { GeneratorChunkSchema, GeneratorParamsWithStructuredSchema } from './types/schemas/generator.js';

/** JSON Schema, draft 2020-12, with every message under `$defs`. */
export const jsonSchemas: Record<string, unknown> = document;
