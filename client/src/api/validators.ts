/** Checks that give a list of faults instead of throwing. */
import type { LoadModelOptions, TokenizeRequest } from '../generated/types.js';
import type { GeneratorParams } from '../types/generators.js';
import { EngineClientError } from './errors.js';

export interface ValidationResult {
  valid: boolean;
  errors: string[];
}

const MAX_TOKENS = 100_000;

function result(errors: string[]): ValidationResult {
  return { valid: errors.length === 0, errors };
}

function isInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

function isNumberIn(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

function modelErrors(model: unknown): string[] {
  if (model === undefined || model === null) return ['model is required'];
  if (typeof model === 'string') return model.trim() === '' ? ['model identifier cannot be empty'] : [];
  const id = typeof model === 'object' ? (model as { id?: unknown }).id : undefined;
  return typeof id === 'string' && id !== '' ? [] : ['model descriptor must have a valid id'];
}

export function validateLoadModelOptions(options: LoadModelOptions): ValidationResult {
  const errors = modelErrors(options?.model);
  const quantization: unknown = options?.quantization;
  if (quantization !== undefined && !['none', 'int8', 'int4'].includes(quantization as string)) {
    errors.push('quantization must be one of: none, int8, int4');
  }
  return result(errors);
}

function promptErrors(prompt: unknown): string[] {
  if (prompt === undefined || prompt === null) return ['prompt is required'];
  return prompt === '' ? ['prompt cannot be empty'] : [];
}

function maxTokensErrors(maxTokens: unknown): string[] {
  if (maxTokens === undefined) return [];
  if (!isInteger(maxTokens) || maxTokens <= 0) return ['maxTokens must be a positive integer'];
  return maxTokens > MAX_TOKENS ? [`maxTokens cannot exceed ${MAX_TOKENS}`] : [];
}

function listErrors(name: string, value: unknown, fits: (item: unknown) => boolean, what: string): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return [`${name} must be an array`];
  return value.every(fits) ? [] : [`all ${name} must be ${what}`];
}

function structuredErrors(structured: GeneratorParams['structured']): string[] {
  if (structured === undefined) return [];
  const errors: string[] = [];
  if (!structured.schema) errors.push('structured.schema is required when using structured output');
  if (!structured.format) errors.push('structured.format is required when using structured output');
  else if (!['json', 'yaml'].includes(structured.format)) {
    errors.push('structured.format must be "json" or "yaml"');
  }
  return errors;
}

/** [field, lowest, highest, what it must be] */
const RANGES = [
  ['temperature', 0, 2, 'a number between 0 and 2'],
  ['topP', 0, 1, 'a number between 0 and 1'],
  ['presencePenalty', -2, 2, 'a number between -2 and 2'],
  ['frequencyPenalty', -2, 2, 'a number between -2 and 2'],
  ['repetitionPenalty', 0, Infinity, 'a non-negative number'],
] as const;

export function validateGeneratorParams(params: GeneratorParams): ValidationResult {
  const errors = [...modelErrors(params?.model), ...promptErrors(params?.prompt)];
  errors.push(...maxTokensErrors(params?.maxTokens));
  for (const [name, min, max, what] of RANGES) {
    const value = params?.[name];
    if (value !== undefined && !isNumberIn(value, min, max)) errors.push(`${name} must be ${what}`);
  }
  if (params?.seed !== undefined && !(isInteger(params.seed) && params.seed >= 0)) {
    errors.push('seed must be a non-negative integer');
  }
  const isText = (item: unknown) => typeof item === 'string';
  const isId = (item: unknown) => isInteger(item) && item >= 0;
  errors.push(...listErrors('stopSequences', params?.stopSequences, isText, 'strings'));
  errors.push(...listErrors('stopTokenIds', params?.stopTokenIds, isId, 'non-negative integers'));
  errors.push(...structuredErrors(params?.structured));
  return result(errors);
}

export function validateTokenizeRequest(request: TokenizeRequest): ValidationResult {
  const errors = modelErrors(request?.model);
  const text: unknown = request?.text;
  if (text === undefined || text === null || text === '') errors.push('text is required');
  else if (typeof text !== 'string') errors.push('text must be a string');
  return result(errors);
}

function assertValid(typeName: string, { valid, errors }: ValidationResult): void {
  if (!valid)
    throw new EngineClientError('InvalidParams', `Invalid ${typeName}: ${errors.join(', ')}`, { errors });
}

export function assertValidLoadModelOptions(options: LoadModelOptions): void {
  assertValid('LoadModelOptions', validateLoadModelOptions(options));
}

export function assertValidGeneratorParams(params: GeneratorParams): void {
  assertValid('GeneratorParams', validateGeneratorParams(params));
}

export function assertValidTokenizeRequest(request: TokenizeRequest): void {
  assertValid('TokenizeRequest', validateTokenizeRequest(request));
}

export function sanitizeModelId(modelId: string): string {
  const id = modelId.trim();
  if (id === '') throw new EngineClientError('InvalidParams', 'Model identifier cannot be empty');
  if (id.includes('..') || id.includes('/') || id.includes('\\')) {
    throw new EngineClientError(
      'InvalidParams',
      'Model identifier cannot contain path separators or traversal sequences',
      { modelId },
    );
  }
  return id;
}

export function isValidModelIdFormat(modelId: string): boolean {
  return /^[a-zA-Z0-9._-]+$/.test(modelId);
}

export function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

export function normalizeTemperature(temperature: number | undefined): number | undefined {
  return temperature === undefined ? undefined : clamp(temperature, 0, 2);
}

export function normalizeTopP(topP: number | undefined): number | undefined {
  return topP === undefined ? undefined : clamp(topP, 0, 1);
}
