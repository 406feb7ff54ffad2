/** From GeneratorParams to what the runtime reads. */
import { EngineClientError } from '../api/errors.js';
import document from '../generated/schemas.json' with { type: 'json' };
import type { CreateGeneratorOptions } from '../types/engine.js';
import type { GeneratorParams, PromptTemplate } from '../types/generators.js';

/** Every parameter of `generate` that the runtime's table has; but those that are set otherwise. */
const OWN = new Set(['model_id', 'prompt', 'stream_id', 'streaming', 'guidance', 'priority', 'credit']);
const DECLARED = Object.keys(document.$defs.GenerateParams.properties);
const FORWARDED = DECLARED.filter((name) => !OWN.has(name)).map((name) => ({ name, camel: camelOf(name) }));

const PRIORITIES = { urgent: 'high', default: 'normal', background: 'low' } as const;

function camelOf(name: string): string {
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

/** The prompt as text; tokens have none. */
export function promptText(prompt: GeneratorParams['prompt']): string {
  if (typeof prompt === 'string') return prompt;
  return 'template' in prompt ? renderTemplate(prompt) : '';
}

function guidanceOf({ structured, guidance }: GeneratorParams): unknown {
  if (structured === undefined) return guidance;
  const { format, schema } = structured;
  return { mode: format === 'yaml' ? 'xml' : 'json_schema', schema };
}

export function toRpcParams(
  params: GeneratorParams,
  { priority }: CreateGeneratorOptions = {},
): Record<string, unknown> {
  const out: Record<string, unknown> = {
    model_id: params.model,
    prompt: promptText(params.prompt),
    streaming: params.streaming ?? true,
  };
  if (typeof params.prompt === 'object' && 'tokens' in params.prompt)
    out['prompt_tokens'] = params.prompt.tokens;
  for (const { name, camel } of FORWARDED) {
    const value = params[camel] ?? params[name];
    if (value !== undefined) out[name] = value;
  }
  const guidance = guidanceOf(params);
  if (guidance !== undefined) out['guidance'] = guidance;
  if (priority !== undefined && DECLARED.includes('priority')) out['priority'] = PRIORITIES[priority];
  return out;
}
