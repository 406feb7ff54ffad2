/** Whether two samples differ, and by how much. */
export interface SampleStatistics {
  n: number;
  mean: number;
  /** Of the population. */
  variance: number;
  stdDev: number;
  min: number;
  max: number;
  median: number;
  p95: number;
  p99: number;
}

export interface WelchTTestResult {
  tStatistic: number;
  degreesOfFreedom: number;
  pValue: number;
  significant: boolean;
  confidenceInterval: [number, number];
  confidenceLevel: number;
}

export interface EffectSize {
  cohensD: number;
  interpretation: 'negligible' | 'small' | 'medium' | 'large';
  description: string;
}

export interface SampleSizeResult {
  requiredSampleSize: number;
  power: number;
  alpha: number;
  effectSize: number;
}

function percentile(sorted: number[], p: number): number {
  const at = (sorted.length - 1) * p;
  const low = Math.floor(at);
  const a = sorted[low]!;
  const b = sorted[Math.ceil(at)]!;
  return a + (b - a) * (at - low);
}

export function calculateSampleStatistics(values: number[]): SampleStatistics {
  if (values.length === 0) throw new Error('Cannot calculate statistics for empty array');
  const sorted = [...values].sort((a, b) => a - b);
  const n = values.length;
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n;
  return {
    n,
    mean,
    variance,
    stdDev: Math.sqrt(variance),
    min: sorted[0]!,
    max: sorted[n - 1]!,
    median: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
  };
}

/** ln Gamma(x): Lanczos' approximation with g = 7 and nine terms. */
function logGamma(x: number): number {
  const terms = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const t = x + 6.5;
  const sum = terms.reduce((s, c, i) => (i === 0 ? c : s + c / (x - 1 + i)), 0);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The continued fraction of the incomplete beta function, by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const guard = (v: number) => (Math.abs(v) < tiny ? tiny : v);
  let c = 1;
  let d = 1 / guard(1 - ((a + b) * x) / (a + 1));
  let h = d;
  for (let m = 1; m <= 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guard(1 + even * d);
    c = guard(1 + even / c);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guard(1 + odd * d);
    c = guard(1 + odd / c);
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return h;
}

/** The regularised incomplete beta function. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** P(|T| >= t) of Student's distribution. */
function twoSidedP(t: number, df: number): number {
  return Number.isFinite(t) ? incompleteBeta(df / (df + t * t), df / 2, 0.5) : 0;
}

/** The t whose two-sided probability is p. */
function criticalT(p: number, df: number): number {
  let low = 0;
  let high = 1;
  while (twoSidedP(high, df) > p && high < 1e12) high *= 2;
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (twoSidedP(middle, df) > p) low = middle;
    else high = middle;
  }
  return high;
}

/** The normal distribution is Student's with very many degrees of freedom. */
function normalQuantile(p: number): number {
  const z = criticalT(2 * Math.min(p, 1 - p), 1e9);
  return p < 0.5 ? -z : z;
}

/** Variance of the mean: an estimate from a sample, hence n - 1. */
function meanVariance({ n, variance }: SampleStatistics): number {
  return n > 1 ? variance / (n - 1) : 0;
}

export function welchTTest(baseline: number[], variant: number[], confidenceLevel = 0.95): WelchTTestResult {
  const a = calculateSampleStatistics(baseline);
  const b = calculateSampleStatistics(variant);
  const va = meanVariance(a);
  const vb = meanVariance(b);
  const difference = b.mean - a.mean;
  const error = Math.sqrt(va + vb);
  const spread = va ** 2 / Math.max(a.n - 1, 1) + vb ** 2 / Math.max(b.n - 1, 1);
  const degreesOfFreedom = spread === 0 ? Math.max(a.n + b.n - 2, 1) : (va + vb) ** 2 / spread;
  const tStatistic =
    error === 0 ? (difference === 0 ? 0 : Math.sign(difference) * Infinity) : difference / error;
  const pValue = twoSidedP(tStatistic, degreesOfFreedom);
  const margin = criticalT(1 - confidenceLevel, degreesOfFreedom) * error;
  return {
    tStatistic,
    degreesOfFreedom,
    pValue,
    significant: pValue < 1 - confidenceLevel,
    confidenceInterval: [difference - margin, difference + margin],
    confidenceLevel,
  };
}

export function calculateEffectSize(baseline: number[], variant: number[]): EffectSize {
  const a = calculateSampleStatistics(baseline);
  const b = calculateSampleStatistics(variant);
  const pooled = Math.sqrt((a.variance * a.n + b.variance * b.n) / Math.max(a.n + b.n - 2, 1));
  const difference = b.mean - a.mean;
  const cohensD =
    pooled === 0 ? (difference === 0 ? 0 : Math.sign(difference) * Infinity) : difference / pooled;
  const size = Math.abs(cohensD);
  const interpretation = size < 0.2 ? 'negligible' : size < 0.5 ? 'small' : size < 0.8 ? 'medium' : 'large';
  const direction = cohensD > 0 ? 'increase' : cohensD < 0 ? 'decrease' : 'difference';
  return {
    cohensD,
    interpretation,
    description: `${interpretation} ${direction} (d = ${cohensD.toFixed(2)})`,
  };
}

export function calculateSampleSize(effectSize: number, alpha = 0.05, power = 0.8): SampleSizeResult {
  if (!(effectSize > 0)) throw new Error('Effect size must be positive');
  if (!(alpha > 0 && alpha < 1)) throw new Error('Alpha must be between 0 and 1');
  if (!(power > 0 && power < 1)) throw new Error('Power must be between 0 and 1');
  const z = normalQuantile(1 - alpha / 2) + normalQuantile(power);
  return { requiredSampleSize: Math.ceil(2 * (z / effectSize) ** 2), power, alpha, effectSize };
}

export function formatPValue(p: number): string {
  if (p < 0.001) return 'p < 0.001';
  return `p = ${p.toFixed(p < 0.01 ? 3 : 2)}`;
}

export function getSignificanceLevel(p: number): 'highly' | 'moderately' | 'weakly' | 'not' {
  if (p < 0.001) return 'highly';
  if (p < 0.01) return 'moderately';
  return p < 0.05 ? 'weakly' : 'not';
}
