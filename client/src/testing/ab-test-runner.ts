/** Two engines on the same work: which is better, and is the difference real. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Engine } from '../api/engine.js';
import {
  calculateEffectSize,
  calculateSampleStatistics,
  type EffectSize,
  formatPValue,
  type SampleStatistics,
  welchTTest,
  type WelchTTestResult,
} from './statistical-analysis.js';

export interface TestCase {
  id: string;
  prompt: string;
  model: string;
  maxTokens?: number;
  temperature?: number;
  expectedMinTokens?: number;
}

export interface ABTestConfig {
  baselineEngine: Engine;
  variantEngine: Engine;
  testWorkload: TestCase[];
  minSampleSize?: number;
  confidenceLevel?: number;
  alpha?: number;
  concurrent?: boolean;
  warmupRuns?: number;
  timeoutMs?: number;
  verbose?: boolean;
}

export interface RequestMetrics {
  testCaseId: string;
  ttftMs: number;
  latencyMs: number;
  tokensGenerated: number;
  tokensPerSecond: number;
  success: boolean;
  error?: string;
}

export interface PerformanceMetrics {
  totalRequests: number;
  successfulRequests: number;
  failedRequests: number;
  successRate: number;
  latency: SampleStatistics;
  ttft: SampleStatistics;
  throughput: SampleStatistics;
  totalTokens: number;
  avgTokensPerRequest: number;
}

export interface MetricComparison {
  /** Percent; positive is better. */
  improvement: number;
  tTest: WelchTTestResult;
  effectSize: EffectSize;
  significant: boolean;
}

export interface ABTestResults {
  timestamp: string;
  testDurationMs: number;
  totalTestCases: number;
  baseline: { name: string; metrics: PerformanceMetrics };
  variant: { name: string; metrics: PerformanceMetrics };
  comparison: { throughput: MetricComparison; ttft: MetricComparison; latency: MetricComparison };
  decision: {
    recommendation: 'go' | 'no-go' | 'inconclusive';
    reasons: string[];
    confidenceLevel: number;
  };
}

type Settings = Required<ABTestConfig>;

async function measure(engine: Engine, test: TestCase, timeoutMs: number): Promise<RequestMetrics> {
  const startedAt = performance.now();
  let firstAt: number | undefined;
  let tokens = 0;
  let error: string | undefined;
  try {
    const params = {
      model: test.model,
      prompt: test.prompt,
      ...(test.maxTokens === undefined ? {} : { maxTokens: test.maxTokens }),
      ...(test.temperature === undefined ? {} : { temperature: test.temperature }),
    };
    for await (const chunk of engine.createGenerator(params, { timeoutMs })) {
      if (chunk.type === 'error') error = chunk.error.message;
      if (chunk.type !== 'token') continue;
      firstAt ??= performance.now();
      tokens += 1;
    }
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  if (error === undefined && tokens < (test.expectedMinTokens ?? 0)) {
    error = `Expected at least ${test.expectedMinTokens} tokens, got ${tokens}`;
  }
  const latencyMs = performance.now() - startedAt;
  return {
    testCaseId: test.id,
    ttftMs: (firstAt ?? performance.now()) - startedAt,
    latencyMs,
    tokensGenerated: tokens,
    tokensPerSecond: latencyMs === 0 ? 0 : (tokens * 1000) / latencyMs,
    success: error === undefined,
    ...(error === undefined ? {} : { error }),
  };
}

function summarize(requests: RequestMetrics[]): PerformanceMetrics {
  const good = requests.filter(({ success }) => success);
  const of = (pick: (metrics: RequestMetrics) => number) =>
    calculateSampleStatistics(good.length === 0 ? [0] : good.map(pick));
  const totalTokens = good.reduce((sum, { tokensGenerated }) => sum + tokensGenerated, 0);
  return {
    totalRequests: requests.length,
    successfulRequests: good.length,
    failedRequests: requests.length - good.length,
    successRate: requests.length === 0 ? 0 : good.length / requests.length,
    latency: of(({ latencyMs }) => latencyMs),
    ttft: of(({ ttftMs }) => ttftMs),
    throughput: of(({ tokensPerSecond }) => tokensPerSecond),
    totalTokens,
    avgTokensPerRequest: good.length === 0 ? 0 : totalTokens / good.length,
  };
}

export class ABTestRunner {
  readonly #config: Settings;

  constructor(config: ABTestConfig) {
    this.#config = {
      minSampleSize: 30,
      confidenceLevel: 0.95,
      alpha: 0.05,
      concurrent: false,
      warmupRuns: 3,
      timeoutMs: 30000,
      verbose: false,
      ...config,
    };
    const { testWorkload, minSampleSize, confidenceLevel, alpha } = this.#config;
    if (testWorkload.length < minSampleSize) {
      throw new Error(`Test workload has ${testWorkload.length} cases, at least ${minSampleSize} are needed`);
    }
    if (!(confidenceLevel > 0 && confidenceLevel < 1))
      throw new Error('Confidence level must be between 0 and 1');
    if (!(alpha > 0 && alpha < 1)) throw new Error('Alpha must be between 0 and 1');
  }

  async run(): Promise<ABTestResults> {
    const startedAt = performance.now();
    const { baselineEngine, variantEngine, concurrent, testWorkload } = this.#config;
    const [baseline, variant] = concurrent
      ? await Promise.all([this.#measureAll(baselineEngine), this.#measureAll(variantEngine)])
      : [await this.#measureAll(baselineEngine), await this.#measureAll(variantEngine)];
    const comparison = {
      throughput: this.#compare(baseline, variant, ({ tokensPerSecond }) => tokensPerSecond, true),
      ttft: this.#compare(baseline, variant, ({ ttftMs }) => ttftMs, false),
      latency: this.#compare(baseline, variant, ({ latencyMs }) => latencyMs, false),
    };
    const results: ABTestResults = {
      timestamp: new Date().toISOString(),
      testDurationMs: performance.now() - startedAt,
      totalTestCases: testWorkload.length,
      baseline: { name: 'baseline', metrics: summarize(baseline) },
      variant: { name: 'variant', metrics: summarize(variant) },
      comparison,
      decision: this.#decide(comparison),
    };
    this.#print(results);
    return results;
  }

  async #measureAll(engine: Engine): Promise<RequestMetrics[]> {
    const { testWorkload, warmupRuns, timeoutMs, verbose } = this.#config;
    for (const test of testWorkload.slice(0, warmupRuns)) await measure(engine, test, timeoutMs);
    const metrics: RequestMetrics[] = [];
    for (const test of testWorkload) {
      const one = await measure(engine, test, timeoutMs);
      if (verbose) console.log(`${test.id}: ${one.tokensGenerated} tokens in ${one.latencyMs.toFixed(1)} ms`);
      metrics.push(one);
    }
    return metrics;
  }

  #compare(
    baseline: RequestMetrics[],
    variant: RequestMetrics[],
    pick: (metrics: RequestMetrics) => number,
    moreIsBetter: boolean,
  ): MetricComparison {
    const values = (all: RequestMetrics[]) => {
      const good = all.filter(({ success }) => success).map(pick);
      return good.length === 0 ? [0] : good;
    };
    const [a, b] = [values(baseline), values(variant)];
    const tTest = welchTTest(a, b, this.#config.confidenceLevel);
    const before = calculateSampleStatistics(a).mean;
    const change = before === 0 ? 0 : ((calculateSampleStatistics(b).mean - before) / before) * 100;
    return {
      improvement: moreIsBetter ? change : -change,
      tTest,
      effectSize: calculateEffectSize(a, b),
      significant: tTest.pValue < this.#config.alpha,
    };
  }

  /** One real degradation outweighs every improvement. */
  #decide(comparison: ABTestResults['comparison']): ABTestResults['decision'] {
    const real = Object.entries(comparison).filter(([, { significant }]) => significant);
    const say = ([name, { improvement, tTest }]: [string, MetricComparison]) =>
      `${name} ${improvement < 0 ? 'worse' : 'better'} by ${Math.abs(improvement).toFixed(1)}% (${formatPValue(tTest.pValue)})`;
    const worse = real.filter(([, { improvement }]) => improvement < 0);
    const better = real.filter(([, { improvement }]) => improvement > 0);
    const { confidenceLevel } = this.#config;
    if (worse.length > 0) return { recommendation: 'no-go', reasons: worse.map(say), confidenceLevel };
    if (better.length > 0) return { recommendation: 'go', reasons: better.map(say), confidenceLevel };
    return { recommendation: 'inconclusive', reasons: ['No significant difference'], confidenceLevel };
  }

  #print({ baseline, variant, comparison, decision }: ABTestResults): void {
    console.log(`A/B test: ${baseline.metrics.totalRequests} requests each`);
    for (const [name, { improvement, tTest }] of Object.entries(comparison)) {
      console.log(
        `  ${name}: ${improvement >= 0 ? '+' : ''}${improvement.toFixed(1)}% (${formatPValue(tTest.pValue)})`,
      );
    }
    console.log(`  success: ${baseline.metrics.successRate} / ${variant.metrics.successRate}`);
    console.log(`  ${decision.recommendation}: ${decision.reasons.join('; ')}`);
  }
}

export function createTestWorkload(
  model: string,
  prompts: string[],
  options: { maxTokens?: number; temperature?: number; expectedMinTokens?: number } = {},
): TestCase[] {
  const { maxTokens = 100, temperature = 0.7, expectedMinTokens } = options;
  const least = expectedMinTokens === undefined ? {} : { expectedMinTokens };
  return prompts.map((prompt, i) => ({
    id: `test-${i + 1}`,
    prompt,
    model,
    maxTokens,
    temperature,
    ...least,
  }));
}

export async function loadTestWorkload(filePath: string): Promise<TestCase[]> {
  return JSON.parse(await readFile(filePath, 'utf8')) as TestCase[];
}

export async function saveTestResults(filePath: string, results: ABTestResults): Promise<void> {
  await writeFile(filePath, `${JSON.stringify(results, null, 2)}\n`);
}
