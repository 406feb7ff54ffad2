import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { JsonRpcError, JsonRpcErrorCodes, toEngineError } from './names.js';
import type { ZodTypeAny } from 'zod';
import * as root from '../../src/index.js';
import { Engine, EngineClientError } from '../../src/index.js';
import type { EngineErrorCode, EngineEvents, EnginePublicAPI } from '../../src/index.js';
import { loadConfig } from '../../src/config/loader.js';
import { jsonSchemas } from '../../src/schemas.js';
import config from './config-keys.json' with { type: 'json' };
import errors from './errors.json' with { type: 'json' };
import events from './events.json' with { type: 'json' };
import methods from './methods.json' with { type: 'json' };
import validation from './validation.json' with { type: 'json' };
import rpcMethods from './rpc-methods.json' with { type: 'json' };

type Tree = Record<string, unknown>;

const at = (tree: unknown, key: string): unknown => {
  let value = tree;
  let rest = key;
  while (rest !== '' && typeof value === 'object' && value !== null) {
    // Keys may contain dots nowhere but between their parts.
    const [head, ...tail] = rest.split('.');
    value = (value as Tree)[head!];
    rest = tail.join('.');
  }
  return value;
};

describe('Engine', () => {
  const engine = new Engine({ pythonPath: 'unused' });

  it.each(methods)('has $method and its alias', ({ method, alias }) => {
    expect(typeof Reflect.get(Engine.prototype, method)).toBe('function');
    if (alias === null) return;
    expect(Object.hasOwn(engine, alias)).toBe(true);
    expect(Object.hasOwn(Engine.prototype, alias)).toBe(false);
    expect(typeof Reflect.get(engine, alias)).toBe('function');
  });

  it('has no public member beyond its interface', () => {
    expectTypeOf<keyof Engine>().toEqualTypeOf<keyof EnginePublicAPI>();
  });

  it('declares the events of the contract', () => {
    expectTypeOf<keyof EngineEvents>().toEqualTypeOf<
      | 'model:loaded'
      | 'model:unloaded'
      | 'model:invalidated'
      | 'error'
      | 'generation:started'
      | 'generation:token'
      | 'generation:completed'
      | 'runtime:status'
    >();
    const source = readFileSync(new URL('../../src/api/events.ts', import.meta.url), 'utf8');
    for (const event of events) expect(source).toContain(event);
  });
});

describe('errors', () => {
  it('have the contract’s codes', () => {
    const source = readFileSync(new URL('../../src/api/errors.ts', import.meta.url), 'utf8');
    for (const name of errors.names) expect(source).toContain(`| '${name}'`);
    expect(errors.names).toHaveLength(17);
  });

  it.each(Object.entries(errors.rpc))('%s is %d on the wire', (name, code) => {
    expect(JsonRpcErrorCodes[name]).toBe(code);
    expect(toEngineError(new JsonRpcError(code, 'text', { a: 1 })).toObject()).toEqual({
      code: name as EngineErrorCode,
      message: 'text',
      details: { a: 1 },
    });
  });

  it('keep their name and say their message in JSON', () => {
    const error = new EngineClientError('Timeout', 'late');
    expect(error.name).toBe('EngineError');
    expect('details' in error).toBe(false);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'EngineError',
      code: 'Timeout',
      message: 'late',
    });
  });
});

describe('schemas', () => {
  const cases = validation.map((row) => [row.schema, JSON.stringify(row.value).slice(0, 60), row] as const);
  it.each(cases)('%s judges %s', (name, _, { value, issues }) => {
    const schema = Reflect.get(root, name) as ZodTypeAny;
    const found = schema.safeParse(value).error?.issues ?? [];
    expect(found.map(({ path, message }) => [path.join('.'), message])).toEqual(issues);
  });
});

describe('JSON-RPC', () => {
  const source = JSON.stringify(jsonSchemas);
  const bare = new Set(['continuous_generate', 'batch_generate_parallel', 'runtime/telemetry']);
  it.each(rpcMethods.filter((method) => !method.startsWith('get_') && !bare.has(method)))(
    '%s has its messages declared',
    (method) => {
      expect(source).toContain(`"description":"${method}"`);
    },
  );
});

describe('configuration', () => {
  const loaded = loadConfig(undefined, 'development');
  const development = new Map(config.environments.map(([key, value]) => [key as string, value]));

  it.each(config.runtime as Array<[string, unknown]>)('%s parses and has its default', (key, value) => {
    if (key.endsWith('.policies')) return expect(at(loaded, key)).toBeInstanceOf(Array);
    expect(at(loaded, key)).toEqual(development.get(`environments.development.${key}`) ?? value);
  });

  it.each(config.environments as Array<[string, unknown]>)('%s is laid over', (key, value) => {
    const [, environment, ...rest] = key.split('.');
    expect(at(loadConfig(undefined, environment), rest.join('.'))).toEqual(value);
  });

  it('knows every flag', () => {
    const definitions = jsonSchemas['$defs'] as Record<
      string,
      { properties: Record<string, { $ref?: string }> }
    >;
    for (const [key] of config.flags as Array<[string, unknown]>) {
      let name = 'FeatureFlags';
      const parts = key.split('.');
      for (const part of parts) {
        const property = definitions[name]!.properties[part];
        expect(property, key).toBeDefined();
        name = property!.$ref?.replace('#/$defs/', '') ?? name;
      }
    }
  });
});
