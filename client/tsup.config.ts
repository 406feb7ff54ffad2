import { defineConfig } from 'tsup';

/** The root, and every module by the path it has in src. */
export default defineConfig({
  entry: [
    'src/index.ts',
    'src/schemas.ts',
    'src/{api,bridge,compat,config,core,telemetry,testing,types,utils}/**/*.ts',
  ],
  format: ['esm', 'cjs'],
  dts: true,
  clean: true,
  sourcemap: true,
  splitting: true,
  shims: true,
  silent: true,
  target: 'node20',
});
