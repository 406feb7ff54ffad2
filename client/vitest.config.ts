import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 20_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/generated/**', 'src/types/**', 'src/api/contracts/**'],
      thresholds: { lines: 90, functions: 90, branches: 85 },
      reporter: ['text-summary', 'text'],
    },
  },
});
