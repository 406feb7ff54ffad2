/** From GeneratorParams to what the runtime reads. */
import { EngineClientError } from '../api/errors.js';
import type { GeneratorParams, PromptTemplate } from '../generated/types.js';

/** camelCase name and the runtime's. Further sampling knobs of the runtime pass in either spelling. */
const NAMES: Record<string, string> = {
  maxTokens: 'max_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  repetitionPenalty: 'repetition_penalty',
  stopSequences: 'stop_sequences',
  stopTokenIds: 'stop_token_ids',
  seed: 'seed',
  draftModel: 'draft_model',
  promptTokens: 'prompt_tokens',
  guidance: 'guidance',
};

/** Knobs beyond the contract's, from the runtime's one table (docs/sampling.md). */
const KNOBS = [
  'top_k',
  'min_p',
  'typical_p',
  'xtc_probability',
  'xtc_threshold',
  'sampler_order',
  'penalty_last_n',
  'dry_multiplier',
  'dry_base',
  'dry_allowed_length',
  'dry_penalty_last_n',
  'dry_sequence_breakers',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'min_tokens',
  'include_stop',
  'ignore_eos',
];

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

export function renderTemplate({ template, variables }: PromptTemplate): string {
  return template.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => {
    const value: unknown = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value === undefined || value === null) return '';
    const plain = typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
    if (plain) return String(value);
    throw new EngineClientError(
      'GenerationError',
      `Template rendering failed: variable '${name}' must be a string, a boolean or a finite number`,
    );
  });
}

/** The prompt as the event `generation:started` shows it. */
export function promptText(prompt: GeneratorParams['prompt']): string {
  if (typeof prompt === 'string') return prompt;
  return 'template' in prompt ? renderTemplate(prompt) : '';
}

function guidanceOf(structured: GeneratorParams['structured']): Record<string, unknown> | undefined {
  if (structured === undefined) return undefined;
  return { mode: structured.format === 'yaml' ? 'xml' : 'json_schema', schema: structured.schema };
}

export function toRpcParams(params: GeneratorParams, streamId: string): Record<string, unknown> {
  const out: Record<string, unknown> = {
    model_id: params.model,
    prompt: promptText(params.prompt),
    stream_id: streamId,
    streaming: params.streaming ?? true,
  };
  if (typeof params.prompt === 'object' && 'tokens' in params.prompt)
    out['prompt_tokens'] = params.prompt.tokens;
  for (const [name, wire] of Object.entries(NAMES)) if (params[name] !== undefined) out[wire] = params[name];
  for (const knob of KNOBS) {
    const value = params[camel(knob)] ?? params[knob];
    if (value !== undefined) out[knob] = value;
  }
  const guidance = guidanceOf(params.structured);
  if (guidance !== undefined) out['guidance'] = guidance;
  return out;
}
