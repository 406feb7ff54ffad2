/** Which program is started, and how. */
import { accessSync, constants } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { EngineClientError } from '../api/errors.js';
import { packageRoot } from '../config/loader.js';
import type { EngineOptions } from '../types/engine.js';

export interface RuntimeCommand {
  program: string;
  args: string[];
}

const BINARY = process.platform === 'win32' ? 'mlx-serving.exe' : 'mlx-serving';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function lookFor(env: NodeJS.ProcessEnv, root: string): string | undefined {
  const chosen = env['MLX_SERVING_BIN'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const path = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [join(root, 'bin'), ...path].map((folder) => join(folder, BINARY)).find(isExecutable);
}

/** MLX_SERVING_BIN, then the program that comes with the package, then PATH. */
export function findRuntime(env: NodeJS.ProcessEnv = process.env, root = packageRoot()): string {
  const found = lookFor(env, root);
  if (found !== undefined) return found;
  throw new EngineClientError(
    'RuntimeError',
    'mlx-serving not found: set MLX_SERVING_BIN to its path, or put it on PATH',
  );
}

function isPython(path: string): boolean {
  return /^python[\d.]*(\.exe)?$/.test(basename(path));
}

/**
 * A script with its interpreter is started as given. Otherwise it is the runtime, also where the options still name the
 * Python of older versions: nothing of this package runs in it.
 */
export function runtimeCommand({ pythonPath, runtimePath }: EngineOptions = {}): RuntimeCommand {
  if (pythonPath !== undefined && runtimePath !== undefined)
    return { program: pythonPath, args: [runtimePath] };
  if (pythonPath === undefined) return { program: findRuntime(), args: ['runtime'] };
  const program = isPython(pythonPath) ? lookFor(process.env, packageRoot()) : pythonPath;
  return { program: program ?? pythonPath, args: ['runtime'] };
}
