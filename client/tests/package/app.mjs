// An application of its own that installs the packed package: npm pack, npm install, and in both module systems a program
// that is type-checked (tsc --strict, our declarations too) and run.
// Run after `npm run build` with declarations: node tests/package/app.mjs
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const client = fileURLToPath(new URL('../..', import.meta.url));
const app = mkdtempSync(join(tmpdir(), 'mlx-serving-app-'));
const node = (...args) => execFileSync(process.execPath, args, { cwd: app, encoding: 'utf8' });
// A Node from a wheel has no npm beside it (scripts/use-node).
const npm = (cwd, ...args) => {
  const [program, ...first] = process.env.NPM_CLI ? [process.execPath, process.env.NPM_CLI] : ['npm'];
  return execFileSync(program, [...first, ...args], { cwd, encoding: 'utf8' });
};

const PROGRAM = `
import { createEngine, EngineClientError, Engine, type GeneratorParams, type EngineOptions } from '@defai.digital/mlx-serving';
import { GeneratorParamsSchema, ChatCompletionRequestSchema, GenerateParamsSchema, jsonSchemas } from '@defai.digital/mlx-serving/schemas';
import { toEngineError } from '@defai.digital/mlx-serving/api/errors';

const params: GeneratorParams = { model: 'm', prompt: 'p', maxTokens: 3 };
const options: EngineOptions = {};
// @ts-expect-error: a number is no prompt
const wrong: GeneratorParams = { model: 'm', prompt: 3 };
const makes: (o?: EngineOptions) => Promise<Engine> = createEngine;

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
check(GeneratorParamsSchema.safeParse(params).success, 'right params pass');
check(!GeneratorParamsSchema.safeParse(wrong).success, 'wrong params do not');
// The runtime judges ranges, some by its configuration; the schema judges types.
const parsed = GenerateParamsSchema.safeParse({ model_id: 'm', prompt: 'p', temperature: 'hot' });
check(!parsed.success && parsed.error.issues[0]?.path[0] === 'temperature', 'the field is named');
const chat = ChatCompletionRequestSchema.safeParse({ model: 'm', messages: [{ role: 'user', content: 'x' }], n: 0 });
check(!chat.success && chat.error.issues[0]?.path[0] === 'n', 'bodies of HTTP have schemas too');
check('GenerateParams' in (jsonSchemas['$defs'] as Record<string, unknown>), 'JSON Schema is there');
check(toEngineError(new Error('x'), 'RuntimeError') instanceof EngineClientError, 'errors are the same class by either path');
check(typeof makes === 'function' && options !== undefined, 'the engine can be made');
`;

try {
  const packed = JSON.parse(npm(client, 'pack', '--json', '--ignore-scripts', '--pack-destination', app));
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', version: '1.0.0', private: true }));
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  npm(app, 'install', ...quiet, join(app, packed[0].filename));
  for (const name of ['esm.mts', 'cjs.cts']) writeFileSync(join(app, name), PROGRAM);
  symlinkSync(join(client, 'node_modules/@types'), join(app, 'node_modules/@types'));
  const compiler = join(client, 'node_modules/typescript/bin/tsc');
  node(
    compiler,
    '--strict',
    '--skipLibCheck',
    'false',
    '--target',
    'es2022',
    '--module',
    'nodenext',
    'esm.mts',
    'cjs.cts',
  );
  for (const name of ['esm.mjs', 'cjs.cjs']) node(name);
  console.log(`${packed[0].filename}: installed, type-checked and run as ESM and as CommonJS`);
} catch (error) {
  console.error(`${error.stdout ?? ''}${error.stderr ?? ''}`);
  throw error;
} finally {
  rmSync(app, { recursive: true, force: true });
}
