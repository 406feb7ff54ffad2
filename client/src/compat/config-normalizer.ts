/** Options in either spelling become camelCase, and back. */
import type { LoadModelOptions, TokenizeRequest } from '../generated/types.js';
import type { GeneratorParams } from '../types/generators.js';

export interface SnakeCaseLoadModelOptions {
  model?: LoadModelOptions['model'];
  model_id?: LoadModelOptions['model'];
  draft?: boolean;
  revision?: string;
  quantization?: LoadModelOptions['quantization'];
  local_path?: string;
  params?: Record<string, unknown>;
  parameters?: Record<string, unknown>;
  trust_remote_code?: boolean;
  [key: string]: unknown;
}

export interface SnakeCaseGeneratorParams {
  model?: string;
  model_id?: string;
  prompt: GeneratorParams['prompt'];
  max_tokens?: number;
  temperature?: number;
  top_p?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  repetition_penalty?: number;
  stop_sequences?: string[];
  stop_token_ids?: number[];
  seed?: number;
  stream?: boolean;
  streaming?: boolean;
  draft_model?: string;
  prompt_tokens?: number[];
  [key: string]: unknown;
}

export interface SnakeCaseTokenizeRequest {
  model?: string;
  model_id?: string;
  text: string;
  add_bos?: boolean;
  add_special_tokens?: boolean;
}

type Options = Record<string, unknown>;
type Spellings = Record<string, readonly string[]>;

/** camelCase name and what else is accepted for it. */
const GENERATION: Spellings = {
  maxTokens: ['max_tokens'],
  temperature: [],
  topP: ['top_p'],
  presencePenalty: ['presence_penalty'],
  frequencyPenalty: ['frequency_penalty'],
  repetitionPenalty: ['repetition_penalty'],
  stopSequences: ['stop_sequences'],
  stopTokenIds: ['stop_token_ids'],
  seed: [],
  streaming: ['stream'],
};
const GENERATE: Spellings = {
  model: ['model_id'],
  ...GENERATION,
  draftModel: ['draft_model'],
  promptTokens: ['prompt_tokens'],
};
const LOAD: Spellings = { localPath: ['local_path'], trustRemoteCode: ['trust_remote_code'] };
const TOKENIZE: Spellings = { addBos: ['add_bos', 'add_special_tokens'] };

function isOptions(value: unknown): value is Options {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The camelCase value wins when it is defined; names that no row has are copied through. */
function toCamel(options: Options, spellings: Spellings): Options {
  const known = new Set(Object.entries(spellings).flatMap(([name, others]) => [name, ...others]));
  const out: Options = Object.fromEntries(Object.entries(options).filter(([name]) => !known.has(name)));
  for (const [name, others] of Object.entries(spellings)) {
    const value = [name, ...others].map((spelling) => options[spelling]).find((v) => v !== undefined);
    if (value !== undefined) out[name] = value;
  }
  return out;
}

function toSnake(options: Options, spellings: Spellings): Options {
  const out: Options = {};
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) out[spellings[name]?.[0] ?? name] = value;
  }
  return out;
}

/** `model_id` wins over `model`, unlike every other alias. */
function aliasedModel(options: Options): Options {
  const { model_id: alias, ...rest } = options;
  return alias === undefined ? rest : { ...rest, model: alias };
}

/** Generation parameters given among the load options belong to `parameters`. */
function withParameters(options: Options): Options {
  const { params, parameters, ...rest } = options;
  const given = isOptions(parameters) ? parameters : isOptions(params) ? params : {};
  const inline: Options = {};
  for (const name of Object.entries(GENERATION).flatMap(([camel, others]) => [camel, ...others])) {
    if (rest[name] === undefined) continue;
    inline[name] = rest[name];
    delete rest[name];
  }
  const merged = { ...toCamel(inline, GENERATION), ...toCamel(given, GENERATION) };
  if (Object.keys(merged).length > 0) rest['parameters'] = merged;
  else if (parameters !== undefined) rest['parameters'] = parameters;
  return rest;
}

export function normalizeLoadModelOptions(options: unknown): LoadModelOptions | undefined {
  if (typeof options === 'string') return { model: options };
  if (!isOptions(options)) return undefined;
  return toCamel(withParameters(aliasedModel(options)), LOAD) as LoadModelOptions;
}

export function normalizeGeneratorParams(params: unknown): GeneratorParams | undefined {
  return isOptions(params) ? (toCamel(params, GENERATE) as unknown as GeneratorParams) : undefined;
}

export function normalizeTokenizeRequest(request: unknown): TokenizeRequest | undefined {
  return isOptions(request)
    ? (toCamel(aliasedModel(request), TOKENIZE) as unknown as TokenizeRequest)
    : undefined;
}

export function denormalizeLoadModelOptions(options: LoadModelOptions): SnakeCaseLoadModelOptions {
  const { parameters, ...rest } = options;
  const out = toSnake({ ...rest, model_id: options.model }, LOAD);
  if (parameters !== undefined) out['params'] = toSnake(parameters, GENERATION);
  return out as SnakeCaseLoadModelOptions;
}

export function denormalizeGeneratorParams(params: GeneratorParams): SnakeCaseGeneratorParams {
  const { model, ...rest } = params;
  const out = toSnake(rest as Options, GENERATE);
  return { model, model_id: model, ...out } as SnakeCaseGeneratorParams;
}

export function denormalizeTokenizeRequest(request: TokenizeRequest): SnakeCaseTokenizeRequest {
  const { model, text, addBos } = request;
  const bos = addBos === undefined ? {} : { add_bos: addBos, add_special_tokens: addBos };
  return { model, model_id: model, text, ...bos };
}
