/** One program for both tests of the surface: what the compiler sees of the package, and of the contract's types. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
export const ROOT = here('../../src/index.ts');
export const CONTRACT = here('./types.d.ts');
const PROBE = here('./probe.ts');

/** `probe` is the text of a file that is nowhere on disk. */
export function compile(probe: string): { program: ts.Program; root: ts.SourceFile; probe: ts.SourceFile } {
  const options: ts.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    resolveJsonModule: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (path) => path === PROBE || fileExists(path);
  host.getSourceFile = (path, version) =>
    path === PROBE ? ts.createSourceFile(path, probe, version) : getSourceFile(path, version);
  const program = ts.createProgram([ROOT, PROBE], options, host);
  return { program, root: program.getSourceFile(ROOT)!, probe: program.getSourceFile(PROBE)! };
}
