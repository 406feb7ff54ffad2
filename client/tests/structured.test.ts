import { describe, expect, it } from 'vitest';
import { z as z3 } from 'zod';
import { z as z4 } from 'zod4';
import { z as z4Inside } from 'zod/v4';
import { toJsonSchema, withPlainSchema } from '../src/core/structured.js';
import type { GeneratorParams } from '../src/index.js';

const object = {
  type: 'object',
  properties: { name: { type: 'string', minLength: 1 }, ages: { type: 'array', items: { type: 'number' } } },
  required: ['name'],
};
const person = (z: typeof z3) => z.object({ name: z.string().min(1), ages: z.array(z.number()).optional() });
const paramsOf = (structured: GeneratorParams['structured']) =>
  withPlainSchema({ model: 'm', prompt: 'p', structured });

describe('structured output', () => {
  it.each([
    ['Zod 3', z3],
    ['Zod 4', z4],
    ['Zod 4 of the Zod 3 package', z4Inside],
  ])('takes schemas of %s', (_, z) => {
    const schema = person(z as unknown as typeof z3);
    expect(toJsonSchema(schema)).toMatchObject(object);
    expect(paramsOf({ schema, format: 'json' })!.structured).toMatchObject({
      format: 'json',
      schema: object,
    });
  });

  it('follows references of recursive schemas', () => {
    type Tree = { children: Tree[] };
    const old: z3.ZodType<Tree> = z3.lazy(() => z3.object({ children: z3.array(old) }));
    expect(JSON.stringify(toJsonSchema(old))).toContain('"$ref":"#');
    const tree: z4.ZodType<Tree> = z4.lazy(() => z4.object({ children: z4.array(tree) }));
    expect(JSON.stringify(toJsonSchema(tree))).toContain('"$ref":"#');
  });

  it('says why a schema cannot be told', () => {
    const schema = z4.object({ when: z4.date() });
    expect(() => paramsOf({ schema, format: 'json' })).toThrow(
      /^Validation error on field 'structured.schema': Cannot be told as JSON Schema: /,
    );
  });

  it('takes XML as text and leaves the rest as it is', () => {
    expect(paramsOf({ schema: '<a/>', format: 'yaml' })).toEqual({
      model: 'm',
      prompt: 'p',
      guidance: { mode: 'xml', schema: '<a/>' },
    });
    expect(paramsOf({ schema: { type: 'object' }, format: 'json' })!.structured!.schema).toEqual({
      type: 'object',
    });
    expect(withPlainSchema(undefined)).toBeUndefined();
    expect(toJsonSchema(null)).toBeNull();
  });
});
