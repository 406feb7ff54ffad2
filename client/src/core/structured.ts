/** The form that an answer must have: Zod schemas become the JSON Schema that the runtime enforces, text is XML. */
import { EngineClientError } from '../api/errors.js';
import type { GeneratorParams, ZodLike } from '../types/generators.js';
import type { ZodTypeAny } from 'zod';
import { toJSONSchema } from 'zod/v4';
import { zodToJsonSchema } from 'zod-to-json-schema';

export function isZod(value: unknown): value is ZodLike {
  if (typeof value !== 'object' || value === null) return false;
  const { _def: definition, parse } = value as Partial<ZodLike>;
  return typeof definition === 'object' && typeof parse === 'function';
}

/** Zod 4 can say it itself in its later releases. */
interface Zod4 extends ZodLike {
  readonly _zod: object;
  toJSONSchema?: (options?: object) => object;
}

function isZod4(schema: ZodLike): schema is Zod4 {
  return '_zod' in schema;
}

/** Anything but a Zod schema is given back as it is. Throws for what JSON Schema cannot say, such as a transform. */
export function toJsonSchema(schema: unknown): unknown {
  if (!isZod(schema)) return schema;
  // The model writes what parse() reads.
  const options = { io: 'input' } as const;
  if (isZod4(schema)) return schema.toJSONSchema?.(options) ?? toJSONSchema(schema as never, options);
  return zodToJsonSchema(schema as unknown as ZodTypeAny, { $refStrategy: 'root', effectStrategy: 'input' });
}

/** With a `structured` that the runtime's own schema knows; `undefined` and what is no object are left to its check. */
export function withPlainSchema(params: GeneratorParams | undefined): GeneratorParams | undefined {
  const { structured } = params ?? {};
  if (typeof structured !== 'object' || structured === null) return params;
  const { structured: _structured, ...rest } = params!;
  if (structured.format === 'yaml' && typeof structured.schema === 'string') {
    return { ...rest, guidance: { mode: 'xml', schema: structured.schema } } as GeneratorParams;
  }
  try {
    const schema = toJsonSchema(structured.schema) as Record<string, unknown>;
    return { ...rest, structured: { ...structured, schema } } as GeneratorParams;
  } catch (error) {
    const field = 'structured.schema';
    const message = `Cannot be told as JSON Schema: ${(error as Error).message}`;
    const issues = [{ path: field.split('.'), message, code: 'custom' }];
    throw new EngineClientError('InvalidParams', `Validation error on field '${field}': ${message}`, {
      field,
      issues,
    });
  }
}
