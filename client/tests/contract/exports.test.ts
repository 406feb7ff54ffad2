import { describe, expect, it } from 'vitest';
import ts from 'typescript';
import { fileURLToPath } from 'node:url';
import * as root from '../../src/index.js';
import contract from './exports.json' with { type: 'json' };

const values = [
  ...Object.keys(contract.functions),
  ...Object.keys(contract.others),
  ...Object.keys(contract.schemas),
];
const types = Object.values(contract.types).flat();

/** What the compiler sees in src/index.ts. */
function compile() {
  const file = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
  const program = ts.createProgram([file], {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    resolveJsonModule: true,
    skipLibCheck: true,
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  return { checker, symbols: checker.getExportsOfModule(module) };
}

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

  const { checker, symbols } = compile();
  const byName = new Map(symbols.map((symbol) => [symbol.name, symbol]));

  it('has exactly the types of the contract', () => {
    expect(types).toHaveLength(104);
    expect([...byName.keys()].sort()).toEqual([...values, ...types].sort());
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
