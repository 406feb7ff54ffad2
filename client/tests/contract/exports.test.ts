import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as root from '../../src/index.js';
import contract from './exports.json' with { type: 'json' };
import { compile, CONTRACT } from './program.js';

const values = [
  ...Object.keys(contract.functions),
  ...Object.keys(contract.others),
  ...Object.keys(contract.schemas),
];
const types = Object.values(contract.types).flat();
const declared = [...readFileSync(CONTRACT, 'utf8').matchAll(/^export (?:interface|type) (\w+)/gm)].map(
  ([, name]) => name!,
);

/** Exported types that another declaration already is, or that are made of one. */
const SAID_ELSEWHERE = new Set([
  'EngineEventHandler', // EngineEvents[Name]
  'JsonRpcMessage', // a union of the four
  'JsonRpcSuccess', // result is unknown
  'JsonRpcValidationResult', // exports.json, the validators' signatures
  'RuntimeConfig', // config-keys.json, key by key
  'SchedulableRequest', // generic
  'SnakeCaseGeneratorParams', // tests of the normaliser, key by key
  'SnakeCaseLoadModelOptions',
  'SnakeCaseTokenizeRequest',
  'VisionGeneratorParams', // GeneratorParams and an image
]);

/** What is compared: a class by its public side, the engine without what every emitter has. */
const OURS: Record<string, string> = {
  EnginePublicAPI: 'Omit<Root.Engine, keyof EventEmitter>',
  // It has the runtime's further sampling knobs too.
  GeneratorParams: 'Pick<Root.GeneratorParams, keyof Known<Contract.GeneratorParams>>',
  MLXEngine: 'Public<Root.MLXEngine>',
  GenerationStatsCollector: 'Public<Root.GenerationStatsCollector>',
  TelemetryManager: 'Public<Root.TelemetryManager>',
  ABTestRunner: 'Public<Root.ABTestRunner>',
};
const THEIRS: Record<string, string> = { GeneratorParams: 'Known<Contract.GeneratorParams>' };

/** One constant a type, which cannot be assigned where the two differ. */
const {
  program,
  root: source,
  probe,
} = compile(
  [
    `import type { EventEmitter } from 'eventemitter3';`,
    `import type * as Root from '../../src/index.js';`,
    `import type * as Contract from './types.js';`,
    `type Public<T> = Pick<T, keyof T>;`,
    `type Known<T> = { [K in keyof T as string extends K ? never : number extends K ? never : K]: T[K] };`,
    `type Keys<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? 'same' : 'other keys';`,
    `type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? Keys<A, B> : 'wider than ours') : 'narrower than ours';`,
    ...declared.map((name) => {
      const [ours, theirs] = [OURS[name] ?? `Root.${name}`, THEIRS[name] ?? `Contract.${name}`];
      return `export const ${name}: Same<${ours}, ${theirs}> = 'same';`;
    }),
  ].join('\n'),
);
const checker = program.getTypeChecker();
const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(source)!);
const byName = new Map(symbols.map((symbol) => [symbol.name, symbol]));

describe('the package root', () => {
  it('has exactly the values of the contract', () => {
    expect(Object.keys(root).sort()).toEqual([...values].sort());
    expect(values).toHaveLength(137);
  });

  it('has schemas of the contract’s kinds', () => {
    for (const [name, kind] of Object.entries(contract.schemas)) {
      const schema = (root as unknown as Record<string, { _def: { typeName: string } }>)[name]!;
      expect(schema._def.typeName, name).toBe(kind);
    }
  });

  it('has exactly the types of the contract, and the names that came later', () => {
    expect(types).toHaveLength(104);
    expect([...byName.keys()].sort()).toEqual([...values, ...types, ...contract.later].sort());
  });

  /** Names of options may be told with or without `| undefined`. */
  const plain = (text: string) =>
    text
      .replace(/ \| undefined(?=[;,)>\]}])/g, '')
      .replace(/\s+/g, ' ')
      .replace(/import\("[^"]*"\)\.(default\.)?/g, '')
      .replace(/: Promise<\{ hooks/g, ': Promise<{ hooks');

  it.each(Object.entries(contract.functions))('%s has the contract’s signature', (name, signature) => {
    const symbol = byName.get(name)!;
    const aliased = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const type = checker.getTypeOfSymbolAtLocation(aliased, aliased.valueDeclaration!);
    const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.WriteArrowStyleSignature;
    expect(plain(checker.typeToString(type, undefined, flags))).toBe(plain(signature));
  });
});

describe('the types of the contract', () => {
  const faults = new Map(
    program.getSemanticDiagnostics(probe).map(({ start, messageText }) => {
      const name = /\w+/.exec(probe.text.slice(start))![0];
      return [name, ts.flattenDiagnosticMessageText(messageText, '\n')];
    }),
  );

  it.each(declared)('%s has its fields', (name) => {
    expect(faults.get(name)).toBeUndefined();
  });

  it('are all looked at', () => {
    expect(types.filter((name) => !declared.includes(name) && !SAID_ELSEWHERE.has(name))).toEqual([]);
    const broken = program.getSemanticDiagnostics(program.getSourceFile(CONTRACT));
    expect(broken.map(({ messageText }) => messageText)).toEqual([]);
  });
});
