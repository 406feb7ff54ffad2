// Made by `mlx-serving schema --format typescript` from the tables in src/schema. Do not edit.

export type QuantizationMode = 'none' | 'int8' | 'int4';

export type ModelState = 'loading' | 'ready' | 'failed';

/** How a model's text becomes tokens. */
export interface TokenizerConfig {
  /** Kind of tokenizer. */
  type: string;
  /** Number of token ids. */
  vocabSize: number;
  /** Special tokens and their ids. */
  specialTokens?: Record<string, number>;
}

/** Names a model and says what it is. */
export interface ModelDescriptor {
  /** Hub id or local name. */
  id: string;
  /** Variant of the model, such as its quantization. */
  variant?: string;
  /** Where the model comes from. */
  source: 'huggingface' | 'local';
  /** Directory of a local model. */
  path?: string;
  /** The model's tokenizer. */
  tokenizer?: TokenizerConfig;
  /** What the model reads. */
  modality: 'text' | 'vision' | 'multimodal';
  /** Loader family. */
  family: 'mlx-lm' | 'mlx-vlm';
}

/** What to load, and how. */
export interface LoadModelOptions {
  /** Hub id, local name or descriptor. */
  model: string | ModelDescriptor;
  /** Load as draft model for speculative decoding. */
  draft?: boolean;
  /** Branch, tag or commit on the hub. */
  revision?: string;
  /** Quantise when loading. */
  quantization?: QuantizationMode;
  /** Default generation parameters. */
  parameters?: Record<string, unknown>;
  /** Accepted for compatibility: no remote code is ever run. */
  trustRemoteCode?: boolean;
  [key: string]: unknown;
}

/** A loaded model. */
export interface ModelHandle {
  /** The model. */
  descriptor: ModelDescriptor;
  /** Whether it can be used. */
  state: ModelState;
  /** Tokens of prompt and answer together. */
  contextLength: number;
  /** What the runtime reports of it. */
  metadata: Record<string, unknown>;
  /** Loaded as draft model. */
  draft?: boolean;
}

/** One side of a draft check. */
export interface ComparedModel {
  id: string;
  vocabSize: number | null;
  parameterCount: number;
  architecture: string;
}

/** What a draft model may bring. */
export interface PerformanceEstimate {
  /** Such as 1.23x. */
  expectedSpeedup: string;
  /** Such as 25.0%. */
  sizeRatio: string;
  recommendation: string;
}

/** Both models of a draft check. */
export interface CompatibilityDetails {
  primaryModel: ComparedModel;
  draftModel: ComparedModel;
  performanceEstimate: PerformanceEstimate;
}

/** Whether one model can draft for another. */
export interface CompatibilityReport {
  /** True if there are no errors. */
  compatible: boolean;
  errors: string[];
  warnings: string[];
  details: CompatibilityDetails;
}

/** A prompt with places to fill. */
export interface PromptTemplate {
  /** Text with {{ name }} where a variable goes. */
  template: string;
  /** What goes there. */
  variables: Record<string, string>;
}

/** A prompt that is tokens already. */
export interface TokenizedPrompt {
  /** Token ids. */
  tokens: number[];
}

/** What form the answer must have. */
export interface StructuredOutputConfig {
  /** JSON Schema that the answer must meet. */
  schema: Record<string, unknown>;
  /** Form of the answer. */
  format: 'json' | 'yaml';
}

/** Images of a prompt. */
export interface VisionPromptConfig {
  /** Images, each in the format given. */
  images: string[];
  /** How the images are given. */
  imageFormat?: 'base64' | 'url' | 'path';
}

/** What to generate from, and how. */
export interface GeneratorParams {
  /** Id of a loaded model. */
  model: string;
  /** What the model reads first. */
  prompt: string | PromptTemplate | TokenizedPrompt;
  /** The answer ends after this many tokens. Without it only the model's context length ends it. */
  maxTokens?: number;
  /** Divides the logits: below 1 bolder, above 1 more even. 0 is greedy: the most likely token, on a tie the lowest id. */
  temperature?: number;
  /** Keeps the fewest most likely tokens that together reach this probability. 1 keeps all. */
  topP?: number;
  /** Subtracted from the logit of every token that was generated before. */
  presencePenalty?: number;
  /** Subtracted from the logit of a token once for every time it was generated before. */
  frequencyPenalty?: number;
  /** Divides positive logits of tokens seen before, multiplies negative ones. 1 is off. */
  repetitionPenalty?: number;
  /** The answer ends before the first of these texts. */
  stopSequences?: string[];
  /** The answer ends before the first of these tokens. */
  stopTokenIds?: number[];
  /** The same seed gives the same text, whatever else the server is doing. Without one it is drawn and reported. */
  seed?: number;
  /** Send each token as it comes. */
  streaming?: boolean;
  /** What form the answer must have. */
  structured?: StructuredOutputConfig;
  /** Images of the prompt. */
  multimodal?: VisionPromptConfig;
  /** Loaded model that drafts tokens for this request. */
  draftModel?: string;
  /** Hints to the scheduler. */
  hints?: Record<string, unknown>;
  /** The prompt's token ids, when the caller has them. */
  promptTokens?: number[];
  [key: string]: unknown;
}

/** What a generation took. */
export interface GenerationStats {
  tokensGenerated: number;
  tokensPerSecond: number;
  /** Seconds. */
  timeToFirstToken: number;
  /** Seconds. */
  totalTime?: number;
  draftTokensAccepted?: number;
  modelId?: string;
}

/** An error as a value. */
export interface EngineError {
  /** One of EngineErrorCode. */
  code?: string;
  message: string;
  details?: Record<string, unknown>;
}

/** One token. */
export interface TokenChunk {
  type: 'token';
  /** Text that became certain. */
  token: string;
  tokenId?: number;
  /** Natural logarithm of the token's probability. */
  logprob?: number;
  isFinal?: boolean;
  cumulativeText?: string;
}

/** What the generation took; the last chunk of a good one. */
export interface MetadataChunk {
  type: 'metadata';
  stats: GenerationStats;
}

/** Why the generation ended early; the last chunk. */
export interface ErrorChunk {
  type: 'error';
  error: EngineError;
}

/** What to tokenise. */
export interface TokenizeRequest {
  /** Id of a loaded model. */
  model: string;
  /** May be empty. */
  text: string;
  /** Add the special tokens that begin and end a prompt. */
  addBos?: boolean;
}

/** Tokens of a text. */
export interface TokenizeResponse {
  tokens: number[];
  tokenStrings?: string[];
}

/** telemetry.yaml, and the option of the same form. */
export interface EngineTelemetryConfig {
  /** Measure and export. */
  enabled: boolean;
  /** Name in the exported metrics. Default: "kr-serve-mlx" */
  serviceName?: string;
  /** Port of /metrics. Default: 9464 */
  prometheusPort?: number;
  /** Milliseconds between exports. Default: 60000 */
  exportIntervalMs?: number;
}

/** The loaded model's handle. */
export interface EventModelHandle {
  id?: string;
  descriptor?: unknown;
  [key: string]: unknown;
}

/** What the generation took. */
export interface EventGenerationStats {
  tokensGenerated: number;
  totalTimeMs?: number;
  tokensPerSecond?: number;
  [key: string]: unknown;
}

/** What went wrong. */
export interface EventError {
  message: string;
  code?: string;
  stack?: string;
  [key: string]: unknown;
}

/** model:loaded */
export interface ModelLoadedEvent {
  modelId: string;
  handle: EventModelHandle;
  /** Milliseconds since 1970. */
  timestamp: number;
}

/** model:unloaded */
export interface ModelUnloadedEvent {
  modelId: string;
  timestamp: number;
}

/** model:invalidated */
export interface ModelInvalidatedEvent {
  modelId: string;
  reason: 'python_restart' | 'unload' | 'error';
  timestamp: number;
}

/** generation:started */
export interface GenerationStartedEvent {
  streamId: string;
  modelId: string;
  prompt: string;
  timestamp: number;
}

/** generation:token */
export interface TokenGeneratedEvent {
  streamId: string;
  token: string;
  logprob?: number;
  timestamp: number;
}

/** generation:completed */
export interface GenerationCompletedEvent {
  streamId: string;
  stats: EventGenerationStats;
  timestamp: number;
}

/** error */
export interface ErrorEvent {
  error: EventError;
  context?: string;
  timestamp: number;
}

/** runtime:status */
export interface RuntimeStatusEvent {
  status: 'starting' | 'ready' | 'error' | 'stopped';
  previousStatus?: 'starting' | 'ready' | 'error' | 'stopped';
  timestamp: number;
}

/** A call. */
export interface JsonRpcRequest {
  jsonrpc: '2.0';
  method: string;
  params?: unknown;
  /** Absent in a notification. */
  id?: string | number;
}

/** A good reply. */
export interface JsonRpcSuccess {
  jsonrpc: '2.0';
  result?: unknown;
  id: string | number | null;
}

/** Why a call failed. */
export interface JsonRpcErrorObject {
  code: number;
  message: string;
  data?: unknown;
}

/** A failed call's reply. */
export interface JsonRpcErrorResponse {
  jsonrpc: '2.0';
  error: JsonRpcErrorObject;
  id: string | number | null;
}

/** A message that wants no reply. */
export interface JsonRpcNotification {
  jsonrpc: '2.0';
  method: string;
  params?: unknown;
}

/** Params of methods that take none. */
export interface NoParams {
  [key: string]: unknown;
}

/** load_model */
export interface LoadModelParams {
  /** Hub id, or the name of a local model. */
  model_id: string;
  /** Branch, tag or commit on the hub. */
  revision?: string | null;
  /** Quantise when loading: int4, int8 or none. */
  quantization?: string | null;
  /** Load as draft model. */
  draft?: boolean;
  /** Absolute directory of the model. */
  local_path?: string | null;
  /** Tokens of prompt and answer. */
  context_length?: number;
  /** Accepted for compatibility: no remote code is ever run. Accepted, has no effect. */
  trust_remote_code?: boolean;
  [key: string]: unknown;
}

/** unload_model */
export interface UnloadModelParams {
  model_id: string;
  /** Accepted for compatibility. Accepted, has no effect. */
  force?: boolean;
}

/** What form the answer must have. */
export interface GuidanceParams {
  /** json_schema, xml, regex, choice, gbnf or lark. Default: "json_schema" */
  mode?: string;
  /** A JSON Schema as object; the texts of a choice as list; the XML schema or example, pattern or grammar as text. */
  schema: Record<string, unknown> | string | string[];
  model_id?: string;
  temperature?: number;
}

/** generate */
export interface GenerateParams {
  model_id: string;
  /** What the model reads first. */
  prompt: string;
  /** The answer ends after this many tokens. Without it only the model's context length ends it. */
  max_tokens?: number;
  /** Divides the logits: below 1 bolder, above 1 more even. 0 is greedy: the most likely token, on a tie the lowest id. Default: 0.7 */
  temperature?: number;
  /** Keeps the fewest most likely tokens that together reach this probability. 1 keeps all. Default: 1.0 */
  top_p?: number;
  /** Send each token as it comes. Default: true */
  streaming?: boolean;
  /** Subtracted from the logit of every token that was generated before. */
  presence_penalty?: number;
  /** Subtracted from the logit of a token once for every time it was generated before. */
  frequency_penalty?: number;
  /** Divides positive logits of tokens seen before, multiplies negative ones. 1 is off. */
  repetition_penalty?: number;
  /** The answer ends before the first of these texts. */
  stop_sequences?: string[] | null;
  /** The answer ends before the first of these tokens. */
  stop_token_ids?: number[] | null;
  /** The same seed gives the same text, whatever else the server is doing. Without one it is drawn and reported. */
  seed?: number | null;
  /** What form the answer must have. */
  guidance?: GuidanceParams;
  /** Loaded model that drafts tokens for this request. */
  draft_model?: string;
  /** The prompt's token ids; they replace the text. */
  prompt_tokens?: number[];
  /** Names the stream in its notifications; made up when absent. */
  stream_id?: string;
  /** Give the prompt to the model as it is; false applies its chat template. Default: true */
  raw?: boolean;
  /** Who goes first when the machine is short. Default: "normal" */
  priority?: 'high' | 'normal' | 'low';
  /** From the request to its last event; 0 or absent: none. */
  timeout_ms?: number;
  /** Chunks that may be sent before stream.ack returns some; absent: any number. */
  credit?: number;
  /** Keeps the k most likely tokens. 0 and -1 keep all. */
  top_k?: number | null;
  /** Keeps tokens at least this fraction as likely as the most likely one. 0 keeps all. */
  min_p?: number;
  /** Keeps the tokens whose surprise is nearest to the expected one until they reach this probability. 1 keeps all. */
  typical_p?: number;
  /** How often XTC drops the likeliest choices: of the tokens above xtc_threshold only the least likely stays. */
  xtc_probability?: number;
  /** The probability from which XTC counts a token as a top choice. */
  xtc_threshold?: number;
  /** default: temperature first, as Hugging Face and vLLM have it; mlx: filters first, as mlx-lm has it. */
  sampler_order?: 'default' | 'mlx';
  /** How many of the latest tokens the three penalties look at. -1: all, or 20 in mlx order; 0: none. */
  penalty_last_n?: number | null;
  /** Strength of DRY, which penalises tokens that would continue a repetition. 0 is off. */
  dry_multiplier?: number;
  /** DRY's penalty grows by this factor with each further token of the repetition. */
  dry_base?: number;
  /** The longest repetition DRY leaves alone is one token shorter than this. */
  dry_allowed_length?: number | null;
  /** How many of the latest tokens DRY looks at. -1: all; 0: none. */
  dry_penalty_last_n?: number | null;
  /** Texts at which repetitions end for DRY: a token that contains one is never part of a repetition. */
  dry_sequence_breakers?: string[];
  /** Token ids and what is added to their logits. */
  logit_bias?: Record<string, number>;
  /** Report the log-probability of each token under the model's own distribution, before any knob. */
  logprobs?: boolean;
  /** With logprobs: how many of the most likely tokens to report at each position. */
  top_logprobs?: number | null;
  /** No end-of-sequence or stop token is chosen before this many tokens. */
  min_tokens?: number | null;
  /** The stop text is part of the answer. */
  include_stop?: boolean;
  /** The model's end-of-sequence tokens do not end the answer. */
  ignore_eos?: boolean;
  [key: string]: unknown;
}

/** batch_generate */
export interface BatchGenerateParams {
  /** Params of generate, each with its stream_id. */
  requests: unknown[];
  [key: string]: unknown;
}

/** batch_generate_parallel */
export interface BatchGenerateParallelParams {
  /** Params of generate, each with its stream_id. */
  requests: unknown[];
  /** Accepted for compatibility: batches form by themselves. Accepted, has no effect. Default: 4 */
  batch_size?: number;
  [key: string]: unknown;
}

/** Params of methods that ask about one model. */
export interface ModelParams {
  model_id: string;
}

/** shutdown */
export interface ShutdownParams {
  /** How long running requests may take to finish before they are cancelled. Default: 0 */
  timeout_ms?: number;
}

/** stream.ack */
export interface StreamAckParams {
  stream_id: string;
  /** Chunks that the client has taken since the last time. */
  count: number;
}

/** tokenize */
export interface TokenizeParams {
  model_id: string;
  text: string;
  /** Add the special tokens that begin and end a prompt. Default: true */
  add_special_tokens?: boolean;
}

/** check_draft */
export interface CheckDraftParams {
  primary_id: string;
  draft_id: string;
}

/** batch_tokenize */
export interface BatchTokenizeParams {
  /** Params of tokenize. */
  requests: unknown[];
}

/** batch_check_draft */
export interface BatchCheckDraftParams {
  /** Params of check_draft. */
  requests: unknown[];
}

/** load_vision_model */
export interface LoadVisionModelParams {
  model_id: string;
  /** Default: "main" */
  revision?: string;
  quantization?: 'int4' | 'int8' | 'fp16' | 'bf16' | null;
  local_path?: string | null;
  [key: string]: unknown;
}

/** generate_with_image */
export interface GenerateWithImageParams {
  model_id: string;
  prompt: string;
  /** Base64 or a data URI. */
  image: string;
  /** The answer ends after this many tokens. Without it only the model's context length ends it. Default: 100 */
  max_tokens?: number;
  /** Divides the logits: below 1 bolder, above 1 more even. 0 is greedy: the most likely token, on a tie the lowest id. Default: 0 */
  temperature?: number;
  /** Keeps the fewest most likely tokens that together reach this probability. 1 keeps all. Default: 1 */
  top_p?: number;
  stream_id?: string;
  [key: string]: unknown;
}

/** cancel */
export interface CancelParams {
  /** The stream to end. */
  stream_id?: string;
  /** The pending request to end. */
  id?: string | number;
}

/** Memory of the runtime. */
export interface RuntimeMemory {
  /** Bytes. */
  rss: number;
  /** Bytes. */
  vms: number;
}

/** runtime/info */
export interface RuntimeInfoResponse {
  version: string;
  mlx_version: string;
  mlx_lm_version?: string;
  protocol: string;
  capabilities: string[];
  mlx_supported?: boolean;
  memory?: RuntimeMemory;
}

/** One loaded model. */
export interface RuntimeStateModel {
  model_id: string;
  state: string;
  /** text or vision. */
  type: string;
}

/** runtime/state */
export interface RuntimeStateResponse {
  loaded_models: RuntimeStateModel[];
  active_streams: number;
  restart_count: number;
}

/** shutdown */
export interface ShutdownResponse {
  success: boolean;
}

/** load_model */
export interface LoadModelResponse {
  model_id: string;
  state: 'ready' | 'loading' | 'error';
  context_length?: number;
  parameter_count?: number;
  dtype?: string;
  is_vision_model?: boolean;
  tokenizer_type?: string;
  memory_usage?: number;
  cached_path?: string | null;
}

/** generate */
export interface GenerateResponse {
  stream_id: string;
  /** Seconds since 1970. */
  started_at: number;
}

/** tokenize */
export interface RpcTokenizeResponse {
  tokens: number[];
  token_strings?: string[];
}

/** One side of a draft check. */
export interface CheckDraftModel {
  id: string;
  vocab_size: number | null;
  parameter_count: number;
  architecture: string;
}

/** What a draft model may bring. */
export interface CheckDraftEstimate {
  expected_speedup: string;
  size_ratio: string;
  recommendation: string;
}

/** Both models of a draft check. */
export interface CheckDraftDetails {
  primary_model: CheckDraftModel;
  draft_model: CheckDraftModel;
  performance_estimate: CheckDraftEstimate;
}

/** check_draft */
export interface CheckDraftResponse {
  compatible: boolean;
  errors: string[];
  warnings: string[];
  details?: CheckDraftDetails;
}

/** load_vision_model */
export interface VisionModelResponse {
  model_id: string;
  state: 'ready' | 'loading' | 'error';
  context_length: number;
  processor_type: string;
  image_size?: number | null;
  revision?: string | null;
  quantization?: string | null;
  dtype?: string;
  is_vision_model?: boolean;
}

/** unload_model, cancel, stream.ack */
export interface SuccessResponse {
  /** Of cancel and stream.ack: whether there was such a request or stream. */
  success: boolean;
}

/** One request of a batch. */
export interface BatchItem {
  success: boolean;
  /** What the method replies on its own; null of a failed item. */
  result?: unknown;
  error?: string | null;
  /** Of a failed item, as in an error reply. */
  code?: number;
  data?: unknown;
}

/** batch_generate, batch_tokenize, batch_check_draft */
export interface BatchResponse {
  /** In their order. */
  results: BatchItem[];
}

/** Milliseconds; percentiles of ten samples and more. */
export interface LatencyMs {
  mean: number;
  min: number;
  max: number;
  p50?: number;
  p95?: number;
  p99?: number;
}

/** Speed of generation. */
export interface TokenRate {
  tokens_per_second: number;
}

/** Generations that ended. */
export interface TelemetryGeneration {
  calls: number;
  total_tokens: number;
  avg_tokens_per_call?: number;
  latency_ms?: LatencyMs;
  throughput?: TokenRate;
}

/** Calls of tokenize. */
export interface TelemetryTokenization {
  calls: number;
  latency_ms?: LatencyMs;
}

/** Requests and streams that failed. */
export interface TelemetryErrors {
  total: number;
  timeouts: number;
  /** Errors a request. */
  error_rate: number;
}

/** Parts of older runtimes. */
export interface NativeOptimizations {
  enabled: Record<string, boolean>;
  statistics: Record<string, unknown>;
}

/** runtime/telemetry */
export interface RuntimeTelemetryResponse {
  enabled: boolean;
  sampling_rate?: number;
  generation?: TelemetryGeneration;
  tokenization?: TelemetryTokenization;
  errors?: TelemetryErrors;
  native_optimizations: NativeOptimizations;
}

/** Of whole requests. */
export interface BatcherLatency {
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  min_ms: number;
  max_ms: number;
  mean_ms: number;
  count: number;
}

/** A second, over the latest seconds. */
export interface RatesBySpan {
  '5s': number;
  '30s': number;
  '60s': number;
}

/** How much is done. */
export interface BatcherThroughput {
  tokens_per_second: RatesBySpan;
  requests_per_second: RatesBySpan;
}

/** Rows of a step. */
export interface BatcherBatch {
  current_size: number;
  min_size: number;
  max_size: number;
  mean_size: number;
  distribution: Record<string, unknown>;
}

/** get_batcher_metrics */
export interface BatcherMetricsResponse {
  latency: BatcherLatency;
  throughput: BatcherThroughput;
  batch: BatcherBatch;
  queue_depth: number;
  mode_transitions: number;
  uptime_seconds: number;
  /** Seconds since 1970. */
  timestamp: number;
}

/** get_batcher_health */
export interface BatcherHealthResponse {
  healthy: boolean;
  running: boolean;
  active_batch_size: number;
  pending_queue_size: number;
  total_requests: number;
  completed_requests: number;
  max_batch_size: number;
  error_indicators: string[];
}

/** Memory of one model. */
export interface MemoryControllerMetrics {
  enabled: boolean;
  current_limit: number;
  /** Of the KV cache, from 0 to 1. */
  utilization: number;
  active_memory_gb: number;
  oom_prevented: number;
}

/** The prefix cache of one model. */
export interface PromptCacheMetrics {
  enabled: boolean;
  /** Pages. */
  cache_size: number;
  /** Of prompt tokens. */
  hit_rate: number;
  total_requests: number;
  /** Prompt tokens that were not computed again. */
  cache_hits: number;
  memory_mb: number;
}

/** Parts of get_week4_metrics. */
export interface Week4Features {
  memory_controller: MemoryControllerMetrics;
  prompt_cache: PromptCacheMetrics;
}

/** Requests of one model. */
export interface BatcherPerformance {
  total_requests: number;
  completed_requests: number;
  avg_batch_size: number;
  max_batch_size: number;
  active_batch_size: number;
}

/** get_week4_metrics */
export interface Week4MetricsResponse {
  week4_features: Week4Features;
  performance: BatcherPerformance;
}

/** A likely token at one position. */
export interface TopLogprob {
  token: string;
  token_id: number;
  logprob: number;
}

/** Params of stream.chunk. */
export interface StreamChunkParams {
  stream_id: string;
  token: string;
  token_id: number;
  logprob?: number;
  is_final: boolean;
  cumulative_text?: string;
  /** Most likely first. */
  top_logprobs?: TopLogprob[];
}

/** Params of stream.stats. */
export interface StreamStatsParams {
  stream_id: string;
  tokens_generated: number;
  tokens_per_second: number;
  /** Seconds. */
  time_to_first_token: number;
  /** Seconds. */
  total_time: number;
}

/** Params of stream.event, the last of a stream. */
export interface StreamEventParams {
  stream_id: string;
  event: 'completed' | 'error';
  error?: string;
  is_final: boolean;
  finish_reason?: string;
  /** Of an error: what kind of fault it was. */
  code?: string;
  /** Of batch_generate_parallel, which sends no stream.stats. */
  stats?: StreamStatsParams;
}

/** A token. */
export interface StreamChunkNotification {
  jsonrpc: '2.0';
  method: 'stream.chunk';
  params: StreamChunkParams;
}

/** What the stream took. */
export interface StreamStatsNotification {
  jsonrpc: '2.0';
  method: 'stream.stats';
  params: StreamStatsParams;
}

/** The stream's end. */
export interface StreamEventNotification {
  jsonrpc: '2.0';
  method: 'stream.event';
  params: StreamEventParams;
}

/** A model that is loaded at the start. */
export interface PreloadModelConfig {
  model_id: string;
  /** Generations before the model counts as ready. Default: 0 */
  warmup_requests?: number;
  /** Default: 10 */
  max_tokens?: number;
  /** Used in turn. Default: [] */
  warmup_prompts?: string[];
  /** Options of load_model. */
  options?: Record<string, unknown>;
}

/** batch_queue */
export interface BatchQueueConfig {
  /** Master switch of BatchQueue and OpsMultiplexer. Default: false */
  enabled: boolean;
  /** Initial adaptive size; also sizes the multiplexer. Default: 20 */
  max_batch_size: number;
  /** Max wait before flush. Default: 2 */
  flush_interval_ms: number;
  /** Accepted, has no effect. Default: true */
  adaptive_sizing?: boolean;
  /** Accepted, has no effect. Default: 10 */
  target_batch_time_ms?: number;
  /** Accepted, has no effect. Default: true */
  priority_queue?: boolean;
}

/** generate_batcher */
export interface GenerateBatcherConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 2 */
  min_batch_size?: number;
  /** Accepted, has no effect. Default: 16 */
  max_batch_size?: number;
  /** Accepted, has no effect. Default: 0.75 */
  min_hold_ms?: number;
  /** Accepted, has no effect. Default: 3 */
  max_hold_ms?: number;
  /** Accepted, has no effect. Default: 2 */
  background_hold_extension_ms?: number;
  /** Accepted, has no effect. Default: 12 */
  target_batch_time_ms?: number;
  /** Accepted, has no effect. Default: 20 */
  pause_on_backpressure_ms?: number;
}

/** python_runtime */
export interface PythonRuntimeConfig {
  /** Accepted, has no effect. Default: ".kr-mlx-venv/bin/python" */
  python_path: string;
  /** Accepted, has no effect. Default: "python/runtime.py" */
  runtime_path: string;
  /** Default: 3 */
  max_restarts: number;
  /** Default: 30000 */
  startup_timeout_ms: number;
  /** Default: 5000 */
  shutdown_timeout_ms: number;
  /** Default: 3000 */
  init_probe_fallback_ms: number;
  /** Times attempt number. Default: 1000 */
  restart_delay_base_ms: number;
}

/** json_rpc.retry */
export interface JsonRpcRetryConfig {
  /** Default: 3 */
  max_attempts: number;
  /** Default: 100 */
  initial_delay_ms: number;
  /** >=  initial. Default: 5000 */
  max_delay_ms: number;
  /** Default: 2 */
  backoff_multiplier: number;
  /** Default: 0.25 */
  jitter?: number;
  /** Default: ["TIMEOUT","ECONNRESET"] */
  retryable_errors: string[];
}

/** json_rpc.circuit_breaker */
export interface JsonRpcCircuitBreakerConfig {
  /** Default: 5 */
  failure_threshold: number;
  /** Default: 10000 */
  recovery_timeout_ms: number;
  /** Default: 1 */
  half_open_max_calls: number;
  /** Default: 2 */
  half_open_success_threshold: number;
  /** Default: 60000 */
  failure_window_ms?: number;
}

/** json_rpc */
export interface JsonRpcConfig {
  /** Default: 300000 */
  default_timeout_ms: number;
  /** Bytes; client stdout buffer. Default: 65536 */
  max_line_buffer_size: number;
  /** Default: 100 */
  max_pending_requests: number;
  retry: JsonRpcRetryConfig;
  circuit_breaker: JsonRpcCircuitBreakerConfig;
}

/** stream_registry.adaptive_limits */
export interface AdaptiveLimitsConfig {
  /** Default: false */
  enabled: boolean;
  /** Default: 1 */
  min_streams: number;
  /** Default: 50 */
  max_streams: number;
  /** Default: 1000 */
  target_ttft_ms: number;
  /** Accepted, has no effect. Default: 100 */
  target_latency_ms: number;
  /** Default: 5000 */
  adjustment_interval_ms: number;
  /** Utilisation. Default: 0.8 */
  scale_up_threshold: number;
  /** Default: 0.3 */
  scale_down_threshold: number;
}

/** stream_registry.chunk_pooling */
export interface ChunkPoolingConfig {
  /** Accepted, has no effect. Default: true */
  enabled: boolean;
  /** Accepted, has no effect. Default: 1000 */
  pool_size: number;
  /** Accepted, has no effect. Default: 30000 */
  pool_cleanup_interval_ms: number;
}

/** stream_registry.backpressure */
export interface BackpressureConfig {
  /** Default: true */
  enabled: boolean;
  /** Default: 100 */
  max_unacked_chunks: number;
  /** Accepted, has no effect. Default: 5000 */
  ack_timeout_ms: number;
  /** Default: 1000 */
  slow_consumer_threshold_ms: number;
}

/** stream_registry.metrics */
export interface StreamMetricsConfig {
  /** Default: true */
  enabled: boolean;
  /** Accepted, has no effect. Default: true */
  track_ttft: boolean;
  /** Accepted, has no effect. Default: true */
  track_throughput: boolean;
  /** Accepted, has no effect. Default: true */
  track_cancellations: boolean;
  /** MetricsExport event. Default: 10000 */
  export_interval_ms: number;
}

/** stream_registry */
export interface StreamRegistryConfig {
  /** Default: 300000 */
  default_timeout_ms: number;
  /** Default: 10 */
  max_active_streams: number;
  /** Accepted, has no effect. Default: 60000 */
  cleanup_interval_ms: number;
  adaptive_limits: AdaptiveLimitsConfig;
  chunk_pooling: ChunkPoolingConfig;
  backpressure: BackpressureConfig;
  metrics: StreamMetricsConfig;
}

/** model_concurrency_limiter.tier_limits.30B+ */
export interface ModelConcurrencyLimiterTierLimits30BUpConfig {
  /** Accepted, has no effect. Default: 3 */
  max_concurrent?: number;
  /** Accepted, has no effect. Default: 25 */
  queue_depth?: number;
  /** Accepted, has no effect. Default: 60000 */
  queue_timeout_ms?: number;
}

/** model_concurrency_limiter.tier_limits.13-27B */
export interface ModelConcurrencyLimiterTierLimits13To27BConfig {
  /** Accepted, has no effect. Default: 8 */
  max_concurrent?: number;
  /** Accepted, has no effect. Default: 50 */
  queue_depth?: number;
  /** Accepted, has no effect. Default: 45000 */
  queue_timeout_ms?: number;
}

/** model_concurrency_limiter.tier_limits.7-13B */
export interface ModelConcurrencyLimiterTierLimits7To13BConfig {
  /** Accepted, has no effect. Default: 15 */
  max_concurrent?: number;
  /** Accepted, has no effect. Default: 75 */
  queue_depth?: number;
  /** Accepted, has no effect. Default: 30000 */
  queue_timeout_ms?: number;
}

/** model_concurrency_limiter.tier_limits.3-7B */
export interface ModelConcurrencyLimiterTierLimits3To7BConfig {
  /** Accepted, has no effect. Default: 20 */
  max_concurrent?: number;
  /** Accepted, has no effect. Default: 100 */
  queue_depth?: number;
  /** Accepted, has no effect. Default: 30000 */
  queue_timeout_ms?: number;
}

/** model_concurrency_limiter.tier_limits.<3B */
export interface ModelConcurrencyLimiterTierLimitsBelow3BConfig {
  /** Accepted, has no effect. Default: 25 */
  max_concurrent?: number;
  /** Accepted, has no effect. Default: 120 */
  queue_depth?: number;
  /** Accepted, has no effect. Default: 30000 */
  queue_timeout_ms?: number;
}

/** model_concurrency_limiter.tier_limits */
export interface ModelConcurrencyLimiterTierLimitsConfig {
  '30B+'?: ModelConcurrencyLimiterTierLimits30BUpConfig;
  '13-27B'?: ModelConcurrencyLimiterTierLimits13To27BConfig;
  '7-13B'?: ModelConcurrencyLimiterTierLimits7To13BConfig;
  '3-7B'?: ModelConcurrencyLimiterTierLimits3To7BConfig;
  '<3B'?: ModelConcurrencyLimiterTierLimitsBelow3BConfig;
}

/** model_concurrency_limiter */
export interface ModelConcurrencyLimiterConfig {
  /** Section. Accepted, has no effect. Default: true */
  enabled?: boolean;
  tier_limits?: ModelConcurrencyLimiterTierLimitsConfig;
}

/** streaming.phase4.adaptive_governor.pid */
export interface StreamingPhase4AdaptiveGovernorPidConfig {
  /** Accepted, has no effect. Default: 0.35 */
  kp?: number;
  /** Accepted, has no effect. Default: 0.08 */
  ki?: number;
  /** Accepted, has no effect. Default: 0.15 */
  kd?: number;
  /** Accepted, has no effect. Default: 200 */
  integral_saturation?: number;
  /** Accepted, has no effect. Default: 200 */
  sample_interval_ms?: number;
}

/** streaming.phase4.adaptive_governor.cleanup */
export interface StreamingPhase4AdaptiveGovernorCleanupConfig {
  /** Accepted, has no effect. Default: 100 */
  sweep_interval_ms?: number;
  /** Accepted, has no effect. Default: 500 */
  max_stale_lifetime_ms?: number;
}

/** streaming.phase4.adaptive_governor.tenant_budgets.default */
export interface StreamingPhase4AdaptiveGovernorTenantBudgetsDefaultConfig {
  /** Accepted, has no effect. Default: "default" */
  tenant_id?: string;
  /** Accepted, has no effect. Default: 20 */
  hard_limit?: number;
  /** Accepted, has no effect. Default: 32 */
  burst_limit?: number;
  /** Accepted, has no effect. Default: 60000 */
  decay_ms?: number;
}

/** streaming.phase4.adaptive_governor.tenant_budgets */
export interface StreamingPhase4AdaptiveGovernorTenantBudgetsConfig {
  default?: StreamingPhase4AdaptiveGovernorTenantBudgetsDefaultConfig;
}

/** streaming.phase4.adaptive_governor */
export interface AdaptiveGovernorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 550 */
  target_ttft_ms?: number;
  /** Accepted, has no effect. Default: 80 */
  max_concurrent?: number;
  /** Accepted, has no effect. Default: 16 */
  min_concurrent?: number;
  pid?: StreamingPhase4AdaptiveGovernorPidConfig;
  cleanup?: StreamingPhase4AdaptiveGovernorCleanupConfig;
  tenant_budgets?: StreamingPhase4AdaptiveGovernorTenantBudgetsConfig;
}

/** streaming.phase4 */
export interface StreamingPhase4Config {
  adaptive_governor?: AdaptiveGovernorConfig;
}

/** streaming */
export interface StreamingConfig {
  phase4?: StreamingPhase4Config;
}

/** model_preload */
export interface ModelPreloadConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: false */
  parallel?: boolean;
  /** Accepted, has no effect. Default: 2 */
  max_parallel?: number;
  /** Accepted, has no effect. Default: false */
  fail_fast?: boolean;
  /** List of {model_id, warmup_requests, max_tokens, warmup_prompts[], options?}. Accepted, has no effect. Default: [{"model_id":"mlx-community/Llama-3.2-3B-Instruct-4bit","warmup_requests":3,"max_tokens":10,"warmup_prompts":["Hello, world!","Test generation","Quick warmup"]}] */
  models?: PreloadModelConfig[];
}

/** model.memory_cache */
export interface ModelMemoryCacheConfig {
  /** LRU eviction at max_cached_models. Default: true */
  enabled: boolean;
  /** Default: 5 */
  max_cached_models: number;
  /** Only lru. Accepted, has no effect. Default: "lru" */
  eviction_strategy: 'lru';
  /** Ids loaded when the engine has started. Default: [] */
  warmup_on_start: string[];
  /** Accepted, has no effect. Default: true */
  track_stats: boolean;
}

/** model */
export interface ModelConfig {
  /** Used when the model config has none. Default: 8192 */
  default_context_length: number;
  /** Default: 512 */
  default_max_tokens: number;
  /** Hard limit + load queue concurrency. Default: 5 */
  max_loaded_models: number;
  /** Generation refused for other known dtypes. Accepted, has no effect. Default: ["float16","bfloat16","float32"] */
  supported_dtypes: string[];
  /** None/int8/int4. Accepted, has no effect. Default: "none" */
  default_quantization: 'none' | 'int8' | 'int4';
  /** Default: "unknown" */
  default_dtype: string;
  /** Or null (= any absolute path allowed. Default: null */
  trusted_model_directories: string[] | null;
  /** Runtime cap. Default: 4096 */
  max_generation_tokens: number;
  /** Python: 0 to 10); runtime cap. Default: 2 */
  max_temperature: number;
  memory_cache: ModelMemoryCacheConfig;
}

/** mlx */
export interface MlxConfig {
  /** Runtime semaphore. Accepted, has no effect. Default: 1 */
  concurrency_limit?: number;
  /** Accepted, has no effect. Default: true */
  force_metal_sync?: boolean;
}

/** metal_optimizations.memory_pool */
export interface MetalOptimizationsMemoryPoolConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 256 */
  heap_size_mb?: number;
  /** Accepted, has no effect. Default: 4 */
  num_heaps?: number;
  /** Accepted, has no effect. Default: [32,64,128] */
  warmup_sizes?: number[];
  /** Accepted, has no effect. Default: true */
  track_statistics?: boolean;
  /** Accepted, has no effect. Default: true */
  log_exhaustion?: boolean;
}

/** metal_optimizations.blit_queue */
export interface MetalOptimizationsBlitQueueConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: true */
  use_shared_events?: boolean;
  /** Accepted, has no effect. Default: 64 */
  staging_buffer_size_mb?: number;
  /** Accepted, has no effect. Default: 8 */
  max_concurrent_ops?: number;
  /** Accepted, has no effect. Default: false */
  verbose_logging?: boolean;
  /** Accepted, has no effect. Default: true */
  track_metrics?: boolean;
}

/** metal_optimizations.command_buffer_ring */
export interface MetalOptimizationsCommandBufferRingConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 3 */
  ring_size?: number;
  /** Accepted, has no effect. Default: 0 */
  timeout_ms?: number;
  /** Accepted, has no effect. Default: false */
  log_wait_events?: boolean;
  /** Accepted, has no effect. Default: true */
  track_statistics?: boolean;
}

/** metal_optimizations */
export interface MetalOptimizationsConfig {
  /** Only if the native module imports. Accepted, has no effect. Default: true */
  enabled?: boolean;
  memory_pool?: MetalOptimizationsMemoryPoolConfig;
  blit_queue?: MetalOptimizationsBlitQueueConfig;
  command_buffer_ring?: MetalOptimizationsCommandBufferRingConfig;
  /** False → start-up fails on init error. Accepted, has no effect. Default: true */
  graceful_fallback?: boolean;
  /** Accepted, has no effect. Default: "warn" */
  fallback_log_level?: string;
}

/** cpu_optimizations.parallel_tokenizer */
export interface CpuOptimizationsParallelTokenizerConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 8 */
  num_threads?: number;
  /** Accepted, has no effect. Default: true */
  use_accelerate?: boolean;
  /** Accepted, has no effect. Default: true */
  batch_mode?: boolean;
  /** Accepted, has no effect. Default: 8 */
  thread_pool_size?: number;
  /** Accepted, has no effect. Default: true */
  track_statistics?: boolean;
  /** Accepted, has no effect. Default: false */
  log_operations?: boolean;
}

/** cpu_optimizations */
export interface CpuOptimizationsConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  parallel_tokenizer?: CpuOptimizationsParallelTokenizerConfig;
}

/** kv_cache_pool */
export interface KvCachePoolConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 100 */
  max_size?: number;
  /** Accepted, has no effect. Default: 300 */
  ttl_seconds?: number;
  /** Accepted, has no effect. Default: true */
  enable_prefix_sharing?: boolean;
  /** Accepted, has no effect. Default: 0.6 */
  prefix_length_ratio?: number;
  /** Accepted, has no effect. Default: true */
  enable_statistics?: boolean;
  /** Accepted, has no effect. Default: false */
  log_operations?: boolean;
}

/** cache */
export interface CacheConfig {
  /** Artifact (disk) cache. Default: true */
  enabled: boolean;
  /** Resolved against. Default: ".kr-mlx-cache" */
  cache_dir: string;
  /** 100 GiB. Default: 107374182400 */
  max_size_bytes: number;
  /** Not enforced. Accepted, has no effect. Default: 30 */
  max_age_days: number;
  /** Lru/lfu/fifo; always behaves as lru. Default: "lru" */
  eviction_policy: 'lru' | 'lfu' | 'fifo';
  /** Accepted, has no effect. Default: [] */
  preload_models: string[];
  /** Drops entries with missing folders. Default: true */
  validate_on_startup: boolean;
  /** Accepted, has no effect. Default: false */
  enable_compression: boolean;
}

/** python_bridge */
export interface PythonBridgeConfig {
  /** Bytes of one message, where that is more than the runtime's 64 MiB. Default: 1048576 */
  max_buffer_size: number;
  /** Accepted, has no effect. Default: 100 */
  stream_queue_size: number;
  /** Accepted, has no effect. Default: 100 */
  queue_put_max_retries: number;
  /** Accepted, has no effect. Default: 10 */
  queue_put_backoff_ms: number;
}

/** outlines */
export interface OutlinesConfig {
  /** Default: 32768 */
  max_schema_size_bytes: number;
}

/** performance */
export interface PerformanceConfig {
  /** Accepted, has no effect. Default: false */
  aggressive_gc: boolean;
  /** Accepted, has no effect. Default: false */
  enable_batching: boolean;
  /** Accepted, has no effect. Default: 10 */
  batch_size: number;
  /** Accepted, has no effect. Default: 50 */
  batch_timeout_ms: number;
  /** Accepted, has no effect. Default: false */
  use_messagepack: boolean;
}

/** telemetry */
export interface TelemetryConfig {
  /** Runtime telemetry (Python); the TS exporter is enabled by code, not by this. Default: false */
  enabled: boolean;
  /** Accepted, has no effect. Default: "kr-serve-mlx" */
  service_name: string;
  /** Accepted, has no effect. Default: 9464 */
  prometheus_port: number;
  /** Extra Python key `sampling_rate` (1.0, clamped 0.01-1) exists in code only. Accepted, has no effect. Default: 60000 */
  export_interval_ms: number;
  /** Fraction of requests that are measured. Default: 1.0 */
  sampling_rate?: number;
}

/** development */
export interface DevelopmentConfig {
  /** Log every stdin write. Default: false */
  verbose: boolean;
  /** Default: false */
  debug: boolean;
  /** Log each message's method and size. Default: false */
  log_ipc: boolean;
  /** Accepted, has no effect. Default: false */
  enable_profiling: boolean;
}

/** generation_warmup */
export interface GenerationWarmupConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 0 */
  request_count?: number;
  /** Accepted, has no effect. Default: 16 */
  max_tokens?: number;
  /** Accepted, has no effect. Default: 0.2 */
  temperature?: number;
  /** Accepted, has no effect. Default: 0.95 */
  top_p?: number;
  /** Accepted, has no effect. Default: 1500 */
  timeout_ms?: number;
  /** Accepted, has no effect. Default: [] */
  prompts?: string[];
  /** Accepted, has no effect. Default: [] */
  model_overrides?: Record<string, unknown>[];
}

/** validation */
export interface ValidationConfig {
  /** strict: a wrong field fails its request; warn: an optional one is logged and counts as absent. Default: "strict" */
  mode?: 'strict' | 'warn';
}

/** environments */
export interface EnvironmentsConfig {
  /** Merged over the file when the environment is production. */
  production?: Record<string, unknown>;
  /** Merged over the file when the environment is development. */
  development?: Record<string, unknown>;
  /** Merged over the file when the environment is test. */
  test?: Record<string, unknown>;
}

/** runtime.yaml */
export interface RuntimeConfig {
  batch_queue: BatchQueueConfig;
  generate_batcher?: GenerateBatcherConfig;
  python_runtime: PythonRuntimeConfig;
  json_rpc: JsonRpcConfig;
  stream_registry: StreamRegistryConfig;
  model_concurrency_limiter?: ModelConcurrencyLimiterConfig;
  streaming?: StreamingConfig;
  model_preload?: ModelPreloadConfig;
  model: ModelConfig;
  mlx?: MlxConfig;
  metal_optimizations?: MetalOptimizationsConfig;
  cpu_optimizations?: CpuOptimizationsConfig;
  kv_cache_pool?: KvCachePoolConfig;
  cache: CacheConfig;
  python_bridge: PythonBridgeConfig;
  outlines: OutlinesConfig;
  performance: PerformanceConfig;
  telemetry: TelemetryConfig;
  development: DevelopmentConfig;
  generation_warmup?: GenerationWarmupConfig;
  validation?: ValidationConfig;
  request_deduplication?: RequestDeduplicationConfig;
  prompt_cache?: PromptCacheConfig;
  request_coalescing?: RequestCoalescingConfig;
  continuous_batching?: ContinuousBatchingConfig;
  production_infrastructure?: ProductionInfrastructureConfig;
  runtime_router?: RuntimeRouterConfig;
  python_runtime_manager?: PythonRuntimeManagerConfig;
  adaptive_batch_coordinator?: AdaptiveBatchCoordinatorConfig;
  retry_policy?: RetryPolicyConfig;
  circuit_breaker?: CircuitBreakerConfig;
  connection_pool?: ConnectionPoolConfig;
  streaming_controller?: StreamingControllerConfig;
  model_lifecycle_manager?: ModelLifecycleManagerConfig;
  rolling_restart_coordinator?: RollingRestartCoordinatorConfig;
  transport?: TransportConfig;
  ttft_accelerator?: TtftAcceleratorConfig;
  qos_monitor?: QosMonitorConfig;
  advanced_optimizations?: AdvancedOptimizationsConfig;
  binary_streaming?: BinaryStreamingConfig;
  ipc_batching?: IpcBatchingConfig;
  object_pooling?: ObjectPoolingConfig;
  /** What differs in production, development and test. */
  environments?: EnvironmentsConfig;
  [key: string]: unknown;
}

/** request_deduplication */
export interface RequestDeduplicationConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 1000 */
  ttl_ms?: number;
  /** Accepted, has no effect. Default: 1000 */
  max_entries?: number;
  /** Accepted, has no effect. Default: 10240 */
  max_payload_bytes?: number;
}

/** prompt_cache.persistence */
export interface PromptCachePersistenceConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: "automatosx/tmp/prompt-cache.json" */
  path?: string;
  /** Accepted, has no effect. Default: 300000 */
  save_interval_ms?: number;
}

/** prompt_cache */
export interface PromptCacheConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 10000 */
  max_entries?: number;
  /** Accepted, has no effect. Default: 1000000 */
  max_total_tokens?: number;
  /** Accepted, has no effect. Default: 104857600 */
  max_total_bytes?: number;
  /** Accepted, has no effect. Default: 300000 */
  ttl_ms?: number;
  /** Accepted, has no effect. Default: 60000 */
  cleanup_interval_ms?: number;
  persistence?: PromptCachePersistenceConfig;
}

/** request_coalescing */
export interface RequestCoalescingConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 100 */
  max_subscribers?: number;
  /** Accepted, has no effect. Default: 5000 */
  timeout_ms?: number;
}

/** continuous_batching */
export interface ContinuousBatchingConfig {
  /** Accepted, has no effect. Default: 8 */
  max_batch_size?: number;
  /** Accepted, has no effect. Default: 10 */
  batch_window_ms?: number;
  /** Accepted, has no effect. Default: true */
  adaptive_sizing?: boolean;
  /** Accepted, has no effect. Default: 85 */
  target_gpu_utilization?: number;
  /** Accepted, has no effect. Default: 1 */
  min_batch_size?: number;
}

/** production_infrastructure.canary_deployment.router */
export interface ProductionInfrastructureCanaryDeploymentRouterConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 0 */
  rollout_percentage?: number;
  /** Accepted, has no effect. Default: "hash" */
  strategy?: string;
  /** Accepted, has no effect. Default: "user_id" */
  hash_key?: string;
}

/** production_infrastructure.canary_deployment.health_check */
export interface ProductionInfrastructureCanaryDeploymentHealthCheckConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 30 */
  interval_seconds?: number;
  /** Accepted, has no effect. Default: 60 */
  window_size_seconds?: number;
}

/** production_infrastructure.canary_deployment.rollback */
export interface ProductionInfrastructureCanaryDeploymentRollbackConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 2 */
  error_rate_threshold?: number;
  /** Accepted, has no effect. Default: 1.5 */
  latency_threshold_p95?: number;
  /** Accepted, has no effect. Default: 5 */
  cooldown_minutes?: number;
}

/** production_infrastructure.canary_deployment */
export interface ProductionInfrastructureCanaryDeploymentConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: "off" */
  initial_stage?: string;
  /** Accepted, has no effect. Default: false */
  auto_advance?: boolean;
  router?: ProductionInfrastructureCanaryDeploymentRouterConfig;
  health_check?: ProductionInfrastructureCanaryDeploymentHealthCheckConfig;
  rollback?: ProductionInfrastructureCanaryDeploymentRollbackConfig;
}

/** production_infrastructure.ab_testing */
export interface ProductionInfrastructureAbTestingConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 30 */
  min_sample_size?: number;
  /** Accepted, has no effect. Default: 0.95 */
  confidence_level?: number;
  /** Accepted, has no effect. Default: 3 */
  warmup_runs?: number;
  /** Accepted, has no effect. Default: 30000 */
  timeout_ms?: number;
}

/** production_infrastructure.regression_detection.monitoring */
export interface ProductionInfrastructureRegressionDetectionMonitoringConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 60 */
  window_size_seconds?: number;
  /** Accepted, has no effect. Default: 30 */
  check_interval_seconds?: number;
}

/** production_infrastructure.regression_detection.thresholds */
export interface ProductionInfrastructureRegressionDetectionThresholdsConfig {
  /** Accepted, has no effect. Default: 5 */
  throughput_drop_percent?: number;
  /** Accepted, has no effect. Default: 10 */
  ttft_increase_percent?: number;
  /** Accepted, has no effect. Default: 1 */
  error_rate_percent?: number;
  /** Accepted, has no effect. Default: 20 */
  p99_latency_increase_percent?: number;
}

/** production_infrastructure.regression_detection.alerting */
export interface ProductionInfrastructureRegressionDetectionAlertingConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: [] */
  channels?: string[];
  /** Accepted, has no effect. Default: "" */
  slack_webhook_url?: string;
  /** Accepted, has no effect. Default: "" */
  pagerduty_integration_key?: string;
  /** Accepted, has no effect. Default: "" */
  generic_webhook_url?: string;
}

/** production_infrastructure.regression_detection.rollback */
export interface ProductionInfrastructureRegressionDetectionRollbackConfig {
  /** Accepted, has no effect. Default: true */
  auto_rollback?: boolean;
}

/** production_infrastructure.regression_detection */
export interface ProductionInfrastructureRegressionDetectionConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  monitoring?: ProductionInfrastructureRegressionDetectionMonitoringConfig;
  thresholds?: ProductionInfrastructureRegressionDetectionThresholdsConfig;
  alerting?: ProductionInfrastructureRegressionDetectionAlertingConfig;
  rollback?: ProductionInfrastructureRegressionDetectionRollbackConfig;
}

/** production_infrastructure */
export interface ProductionInfrastructureConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  canary_deployment?: ProductionInfrastructureCanaryDeploymentConfig;
  ab_testing?: ProductionInfrastructureAbTestingConfig;
  regression_detection?: ProductionInfrastructureRegressionDetectionConfig;
}

/** runtime_router */
export interface RuntimeRouterConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 3 */
  worker_count?: number;
  /** Accepted, has no effect. Default: "round-robin" */
  routing_strategy?: string;
  /** Accepted, has no effect. Default: 5000 */
  health_check_interval_ms?: number;
  /** Accepted, has no effect. Default: 1000 */
  worker_restart_delay_ms?: number;
  /** Accepted, has no effect. Default: true */
  sticky_session_enabled?: boolean;
  /** Accepted, has no effect. Default: 300000 */
  sticky_session_ttl_ms?: number;
}

/** python_runtime_manager */
export interface PythonRuntimeManagerConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 3 */
  worker_count?: number;
  /** Accepted, has no effect. Default: 5000 */
  heartbeat_interval_ms?: number;
  /** Accepted, has no effect. Default: 10000 */
  heartbeat_timeout_ms?: number;
}

/** adaptive_batch_coordinator */
export interface AdaptiveBatchCoordinatorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: "adaptive_batch.update_metrics" */
  python_rpc_method?: string;
  /** Accepted, has no effect. Default: 1000 */
  update_interval_ms?: number;
  /** Accepted, has no effect. Default: 4 */
  default_batch_size?: number;
  /** Accepted, has no effect. Default: 2 */
  min_batch_size?: number;
  /** Accepted, has no effect. Default: 16 */
  max_batch_size?: number;
  /** Accepted, has no effect. Default: 100 */
  rpc_timeout_ms?: number;
}

/** retry_policy */
export interface RetryPolicyConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 3 */
  max_attempts?: number;
  /** Accepted, has no effect. Default: 100 */
  initial_delay_ms?: number;
  /** Accepted, has no effect. Default: 5000 */
  max_delay_ms?: number;
  /** Accepted, has no effect. Default: 2 */
  backoff_multiplier?: number;
  /** Accepted, has no effect. Default: 0.25 */
  jitter?: number;
  /** Accepted, has no effect. Default: ["TIMEOUT","ECONNRESET","EPIPE","WORKER_RESTART"] */
  retryable_errors?: string[];
}

/** circuit_breaker */
export interface CircuitBreakerConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 5 */
  failure_threshold?: number;
  /** Accepted, has no effect. Default: 10000 */
  recovery_timeout_ms?: number;
  /** Accepted, has no effect. Default: 1 */
  half_open_max_calls?: number;
  /** Accepted, has no effect. Default: 2 */
  half_open_success_threshold?: number;
  /** Accepted, has no effect. Default: 60000 */
  failure_window_ms?: number;
}

/** connection_pool */
export interface ConnectionPoolConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 2 */
  min_connections?: number;
  /** Accepted, has no effect. Default: 10 */
  max_connections?: number;
  /** Accepted, has no effect. Default: 5000 */
  acquire_timeout_ms?: number;
  /** Accepted, has no effect. Default: 60000 */
  idle_timeout_ms?: number;
  /** Accepted, has no effect. Default: 30000 */
  health_check_interval_ms?: number;
  /** Accepted, has no effect. Default: true */
  warmup_on_start?: boolean;
}

/** streaming_controller */
export interface StreamingControllerConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 65536 */
  chunk_size_bytes?: number;
  /** Accepted, has no effect. Default: 100 */
  chunk_timeout_ms?: number;
  /** Accepted, has no effect. Default: 100 */
  max_unacked_chunks?: number;
  /** Accepted, has no effect. Default: 5000 */
  ack_timeout_ms?: number;
  /** Accepted, has no effect. Default: 1000 */
  slow_consumer_threshold_ms?: number;
  /** Accepted, has no effect. Default: 10000 */
  metrics_export_interval_ms?: number;
}

/** model_lifecycle_manager */
export interface ModelLifecycleManagerConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 300000 */
  idle_timeout_ms?: number;
  /** Accepted, has no effect. Default: 5 */
  max_loaded_models?: number;
  /** Accepted, has no effect. Default: true */
  prefetch_enabled?: boolean;
  /** Accepted, has no effect. Default: 0.7 */
  prefetch_min_confidence?: number;
  /** Accepted, has no effect. Default: [] */
  warmups_on_startup?: string[];
  /** Accepted, has no effect. Default: [] */
  pinned_models?: string[];
  /** Accepted, has no effect. Default: 30000 */
  drain_timeout_ms?: number;
}

/** rolling_restart_coordinator */
export interface RollingRestartCoordinatorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 30000 */
  drain_timeout_ms?: number;
  /** Accepted, has no effect. Default: 1 */
  min_active_workers?: number;
  /** Accepted, has no effect. Default: true */
  preflight_check_enabled?: boolean;
  /** Accepted, has no effect. Default: 5000 */
  preflight_timeout_ms?: number;
  /** Accepted, has no effect. Default: true */
  request_replay_enabled?: boolean;
  /** Accepted, has no effect. Default: 1 */
  max_replay_attempts?: number;
  /** Accepted, has no effect. Default: 5000 */
  watchdog_interval_ms?: number;
}

/** transport.http2.tls */
export interface TransportHttp2TlsConfig {
  /** Accepted, has no effect. Default: "config/certs/ca.pem" */
  ca_file?: string;
  /** Accepted, has no effect. Default: "config/certs/service.pem" */
  cert_file?: string;
  /** Accepted, has no effect. Default: "config/certs/service.key" */
  key_file?: string;
  /** Accepted, has no effect. Default: true */
  reject_unauthorized?: boolean;
}

/** transport.http2 */
export interface TransportHttp2Config {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 16 */
  max_sessions?: number;
  /** Accepted, has no effect. Default: 100 */
  max_streams_per_session?: number;
  /** Accepted, has no effect. Default: 15000 */
  ping_interval_ms?: number;
  /** Accepted, has no effect. Default: 200 */
  connect_timeout_ms?: number;
  tls?: TransportHttp2TlsConfig;
}

/** transport.websocket */
export interface TransportWebsocketConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 200 */
  max_connections?: number;
  /** Accepted, has no effect. Default: 1048576 */
  max_frame_size_bytes?: number;
  /** Accepted, has no effect. Default: 600000 */
  idle_timeout_ms?: number;
  /** Accepted, has no effect. Default: 30000 */
  heartbeat_interval_ms?: number;
}

/** transport.sse_writer.chunk_pool */
export interface TransportSseWriterChunkPoolConfig {
  /** Accepted, has no effect. Default: 1000 */
  max_pool_size?: number;
  /** Accepted, has no effect. Default: 65536 */
  chunk_size?: number;
}

/** transport.sse_writer */
export interface TransportSseWriterConfig {
  chunk_pool?: TransportSseWriterChunkPoolConfig;
  /** Accepted, has no effect. Default: 1048576 */
  backpressure_threshold?: number;
  /** Accepted, has no effect. Default: 100 */
  max_buffered_chunks?: number;
}

/** transport */
export interface TransportConfig {
  http2?: TransportHttp2Config;
  websocket?: TransportWebsocketConfig;
  sse_writer?: TransportSseWriterConfig;
}

/** ttft_accelerator.warm_queue */
export interface TtftAcceleratorWarmQueueConfig {
  /** Accepted, has no effect. Default: 100 */
  max_size?: number;
  /** Accepted, has no effect. Default: 800 */
  ttl_ms?: number;
  /** Accepted, has no effect. Default: true */
  priority_by_tokens?: boolean;
}

/** ttft_accelerator.speculation */
export interface TtftAcceleratorSpeculationConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: true */
  allowlist_only?: boolean;
  /** Accepted, has no effect. Default: 1000 */
  max_candidates?: number;
  /** Accepted, has no effect. Default: 0.85 */
  min_confidence?: number;
  /** Accepted, has no effect. Default: 0.8 */
  decay_factor?: number;
}

/** ttft_accelerator.kv_prep */
export interface TtftAcceleratorKvPrepConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: true */
  prefetch_enabled?: boolean;
  /** Accepted, has no effect. Default: 50 */
  cache_warmup_ms?: number;
}

/** ttft_accelerator */
export interface TtftAcceleratorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  warm_queue?: TtftAcceleratorWarmQueueConfig;
  speculation?: TtftAcceleratorSpeculationConfig;
  kv_prep?: TtftAcceleratorKvPrepConfig;
}

/** qos_monitor.evaluator */
export interface QosMonitorEvaluatorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 5000 */
  evaluation_interval_ms?: number;
  /** Accepted, has no effect. Default: 60000 */
  window_ms?: number;
  /** Accepted, has no effect. Default: 100 */
  tdigest_compression?: number;
}

/** qos_monitor.executor */
export interface QosMonitorExecutorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 60000 */
  cooldown_ms?: number;
  /** Accepted, has no effect. Default: 5 */
  max_executions_per_window?: number;
  /** Accepted, has no effect. Default: 300000 */
  execution_window_ms?: number;
  /** Accepted, has no effect. Default: 6 */
  loop_detection_window?: number;
}

/** qos_monitor.policy_store */
export interface QosMonitorPolicyStoreConfig {
  /** Accepted, has no effect. Default: [] */
  policies?: Record<string, unknown>[];
}

/** qos_monitor */
export interface QosMonitorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  evaluator?: QosMonitorEvaluatorConfig;
  executor?: QosMonitorExecutorConfig;
  policy_store?: QosMonitorPolicyStoreConfig;
}

/** advanced_optimizations.weight_management */
export interface AdvancedOptimizationsWeightManagementConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: true */
  pin_critical_weights?: boolean;
  /** Accepted, has no effect. Default: false */
  pin_all_weights?: boolean;
  /** Accepted, has no effect. Default: true */
  prefetch_enabled?: boolean;
  /** Accepted, has no effect. Default: 2 */
  prefetch_threads?: number;
  /** Accepted, has no effect. Default: true */
  warmup_on_load?: boolean;
  /** Accepted, has no effect. Default: 512 */
  warmup_buffer_mb?: number;
  /** Accepted, has no effect. Default: true */
  use_mmap?: boolean;
  /** Accepted, has no effect. Default: 3 */
  critical_layers?: number;
}

/** advanced_optimizations.priority_scheduling.policy */
export interface AdvancedOptimizationsPrioritySchedulingPolicyConfig {
  /** Accepted, has no effect. Default: true */
  shortest_job_first?: boolean;
  /** Accepted, has no effect. Default: 0.1 */
  fairness_weight?: number;
  /** Accepted, has no effect. Default: true */
  aging_enabled?: boolean;
  /** Accepted, has no effect. Default: 5000 */
  aging_interval_ms?: number;
  /** Accepted, has no effect. Default: 1 */
  aging_boost?: number;
}

/** advanced_optimizations.priority_scheduling.sla */
export interface AdvancedOptimizationsPrioritySchedulingSlaConfig {
  /** Accepted, has no effect. Default: 50 */
  high_priority_target_ms?: number;
  /** Accepted, has no effect. Default: 100 */
  high_priority_max_ms?: number;
  /** Accepted, has no effect. Default: 200 */
  normal_priority_target_ms?: number;
  /** Accepted, has no effect. Default: 500 */
  normal_priority_max_ms?: number;
  /** Accepted, has no effect. Default: 1000 */
  low_priority_target_ms?: number;
  /** Accepted, has no effect. Default: 2000 */
  low_priority_max_ms?: number;
}

/** advanced_optimizations.priority_scheduling */
export interface AdvancedOptimizationsPrioritySchedulingConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 1000 */
  max_queue_size?: number;
  /** Accepted, has no effect. Default: 10 */
  max_concurrent?: number;
  /** Accepted, has no effect. Default: true */
  enable_metrics?: boolean;
  policy?: AdvancedOptimizationsPrioritySchedulingPolicyConfig;
  sla?: AdvancedOptimizationsPrioritySchedulingSlaConfig;
}

/** advanced_optimizations.multi_model */
export interface AdvancedOptimizationsMultiModelConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 3 */
  max_cached_models?: number;
  /** Accepted, has no effect. Default: "lru" */
  eviction_strategy?: string;
  /** Accepted, has no effect. Default: 16 */
  memory_threshold_gb?: number;
  /** Accepted, has no effect. Default: true */
  enable_pinning?: boolean;
  /** Accepted, has no effect. Default: [] */
  preload_on_startup?: string[];
  /** Accepted, has no effect. Default: 2 */
  preload_parallel?: number;
}

/** advanced_optimizations.horizontal_scaling.load_balancer.circuit_breaker */
export interface AdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreakerConfig {
  /** Accepted, has no effect. Default: 5 */
  failure_threshold?: number;
  /** Accepted, has no effect. Default: 30000 */
  timeout_ms?: number;
  /** Accepted, has no effect. Default: 3 */
  half_open_requests?: number;
}

/** advanced_optimizations.horizontal_scaling.load_balancer */
export interface AdvancedOptimizationsHorizontalScalingLoadBalancerConfig {
  /** Accepted, has no effect. Default: "least_loaded" */
  strategy?: string;
  /** Accepted, has no effect. Default: 10000 */
  health_check_interval_ms?: number;
  /** Accepted, has no effect. Default: 3 */
  unhealthy_threshold?: number;
  circuit_breaker?: AdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreakerConfig;
}

/** advanced_optimizations.horizontal_scaling.distributed_cache */
export interface AdvancedOptimizationsHorizontalScalingDistributedCacheConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: "redis://localhost:6379" */
  redis_url?: string;
  /** Accepted, has no effect. Default: 300000 */
  default_ttl_ms?: number;
  /** Accepted, has no effect. Default: 10240 */
  compression_threshold?: number;
  /** Accepted, has no effect. Default: true */
  local_fallback?: boolean;
}

/** advanced_optimizations.horizontal_scaling.instance_registry */
export interface AdvancedOptimizationsHorizontalScalingInstanceRegistryConfig {
  /** Accepted, has no effect. Default: false */
  auto_scaling?: boolean;
  /** Accepted, has no effect. Default: 0.8 */
  scale_up_threshold?: number;
  /** Accepted, has no effect. Default: 0.3 */
  scale_down_threshold?: number;
  /** Accepted, has no effect. Default: 1 */
  min_instances?: number;
  /** Accepted, has no effect. Default: 10 */
  max_instances?: number;
  /** Accepted, has no effect. Default: false */
  prometheus_enabled?: boolean;
}

/** advanced_optimizations.horizontal_scaling */
export interface AdvancedOptimizationsHorizontalScalingConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  load_balancer?: AdvancedOptimizationsHorizontalScalingLoadBalancerConfig;
  distributed_cache?: AdvancedOptimizationsHorizontalScalingDistributedCacheConfig;
  instance_registry?: AdvancedOptimizationsHorizontalScalingInstanceRegistryConfig;
}

/** advanced_optimizations */
export interface AdvancedOptimizationsConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  weight_management?: AdvancedOptimizationsWeightManagementConfig;
  priority_scheduling?: AdvancedOptimizationsPrioritySchedulingConfig;
  multi_model?: AdvancedOptimizationsMultiModelConfig;
  horizontal_scaling?: AdvancedOptimizationsHorizontalScalingConfig;
}

/** binary_streaming */
export interface BinaryStreamingConfig {
  /** Accepted, has no effect. Default: false */
  use_messagepack?: boolean;
}

/** ipc_batching */
export interface IpcBatchingConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 16 */
  max_tokens_per_batch?: number;
  /** Accepted, has no effect. Default: 6 */
  flush_interval_ms?: number;
}

/** object_pooling */
export interface ObjectPoolingConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 100 */
  chunk_pool_size?: number;
  /** Accepted, has no effect. Default: 20 */
  stats_pool_size?: number;
  /** Accepted, has no effect. Default: 20 */
  event_pool_size?: number;
}

/** phase4_rollout */
export interface FlagsPhase4RolloutConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 0 */
  percentage?: number;
  /** Accepted, has no effect. Default: "phase4-rollout-2025-01-08" */
  hash_seed?: string;
}

/** adaptive_governor */
export interface FlagsAdaptiveGovernorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 0 */
  rollout_percentage?: number;
  /** Accepted, has no effect. Default: "adaptive-governor-2025-01-08" */
  hash_seed?: string;
}

/** http2_transport */
export interface FlagsHttp2TransportConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 0 */
  rollout_percentage?: number;
  /** Accepted, has no effect. Default: "http2-transport-2025-01-08" */
  hash_seed?: string;
}

/** ttft_pipeline.warmup_queue */
export interface FlagsTtftPipelineWarmupQueueConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
}

/** ttft_pipeline.speculation */
export interface FlagsTtftPipelineSpeculationConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: true */
  allowlist_only?: boolean;
}

/** ttft_pipeline.kv_prep */
export interface FlagsTtftPipelineKvPrepConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
}

/** ttft_pipeline */
export interface FlagsTtftPipelineConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 100 */
  rollout_percentage?: number;
  /** Accepted, has no effect. Default: "ttft-pipeline-2025-01-08" */
  hash_seed?: string;
  warmup_queue?: FlagsTtftPipelineWarmupQueueConfig;
  speculation?: FlagsTtftPipelineSpeculationConfig;
  kv_prep?: FlagsTtftPipelineKvPrepConfig;
}

/** qos_monitor.evaluator */
export interface FlagsQosMonitorEvaluatorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
}

/** qos_monitor.executor */
export interface FlagsQosMonitorExecutorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: true */
  dry_run?: boolean;
}

/** qos_monitor.policy_store */
export interface FlagsQosMonitorPolicyStoreConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
}

/** qos_monitor */
export interface FlagsQosMonitorConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 0 */
  rollout_percentage?: number;
  /** Accepted, has no effect. Default: "qos-monitor-2025-01-08" */
  hash_seed?: string;
  evaluator?: FlagsQosMonitorEvaluatorConfig;
  executor?: FlagsQosMonitorExecutorConfig;
  policy_store?: FlagsQosMonitorPolicyStoreConfig;
}

/** qos_integration */
export interface FlagsQosIntegrationConfig {
  /** Accepted, has no effect. Default: false */
  enabled?: boolean;
  /** Accepted, has no effect. Default: 0 */
  rollout_percentage?: number;
  /** Accepted, has no effect. Default: "qos-integration-2025-01-08" */
  hash_seed?: string;
}

/** emergency */
export interface FlagsEmergencyConfig {
  /** Accepted, has no effect. Default: false */
  kill_switch?: boolean;
  /** Accepted, has no effect. Default: false */
  rollback_to_baseline?: boolean;
}

/** observability */
export interface FlagsObservabilityConfig {
  /** Accepted, has no effect. Default: false */
  log_feature_decisions?: boolean;
  /** Accepted, has no effect. Default: true */
  export_metrics?: boolean;
  /** Accepted, has no effect. Default: "mlx_serving_feature_flags" */
  metric_prefix?: string;
}

/** config_reload */
export interface FlagsConfigReloadConfig {
  /** Accepted, has no effect. Default: true */
  enabled?: boolean;
  /** Accepted, has no effect. Default: true */
  validate_on_reload?: boolean;
  /** Accepted, has no effect. Default: true */
  rollback_on_error?: boolean;
}

/** feature-flags.yaml */
export interface FeatureFlags {
  phase4_rollout?: FlagsPhase4RolloutConfig;
  adaptive_governor?: FlagsAdaptiveGovernorConfig;
  http2_transport?: FlagsHttp2TransportConfig;
  ttft_pipeline?: FlagsTtftPipelineConfig;
  qos_monitor?: FlagsQosMonitorConfig;
  qos_integration?: FlagsQosIntegrationConfig;
  emergency?: FlagsEmergencyConfig;
  observability?: FlagsObservabilityConfig;
  config_reload?: FlagsConfigReloadConfig;
  [key: string]: unknown;
}

/** What a stream tells besides its text. */
export interface HttpStreamOptions {
  /** A last chunk has the usage and no choice. */
  include_usage?: boolean;
}

/** The one form that the answer must have. */
export interface HttpStructuredOutputs {
  /** A JSON Schema, or a string that holds one. */
  json?: HttpObject | boolean | string | null;
  /** Any JSON object. */
  json_object?: boolean | null;
  /** A pattern that the whole answer matches. */
  regex?: string | null;
  /** The answer is one of these. */
  choice?: string[] | null;
  /** A grammar: GBNF where it has ::=, else Lark. */
  grammar?: string | null;
  /** An XML Schema, or an example whose elements the answer has; empty: any well-formed document. */
  xml?: string | null;
  /** {"structures": [{"begin", "schema", "end"}], "triggers": [...]}: parts of the text that follow a schema. */
  structural_tag?: HttpObject | string | null;
  /** No white space between JSON's tokens. */
  disable_any_whitespace?: boolean | null;
}

/** Any object. */
export interface HttpObject {
  [key: string]: unknown;
}

/** Body of POST /v1/chat/completions. */
export interface ChatCompletionRequest {
  /** The id of a model that /v1/models lists. */
  model: string;
  /** Server-sent events instead of one JSON object. */
  stream?: boolean | null;
  /** Stands in the access log. */
  user?: string | null;
  /** Who goes first when the machine is short. */
  priority?: 'high' | 'normal' | 'low';
  /** The request fails after so many milliseconds; 0: never. */
  timeout_ms?: number;
  /** The response says what really ran: every knob, the seed, the model. */
  effective?: boolean;
  /** The chat, as the model's template takes it. */
  messages: HttpObject[];
  /** Only with stream. */
  stream_options?: HttpStreamOptions | null;
  /** Independent answers. */
  n?: number | null;
  /** Another name of max_tokens. */
  max_completion_tokens?: number | null;
  /** The answer ends before the first of these texts. */
  stop?: string | string[] | null;
  /** Functions that the model may call. */
  tools?: HttpObject[] | null;
  /** auto, none, required, or {"type": "function", "function": {"name": ...}}. */
  tool_choice?: string | HttpObject | null;
  /** false: at most one call. */
  parallel_tool_calls?: boolean | null;
  /** {"type": "text" | "json_object" | "json_schema" | "structural_tag", ...}. */
  response_format?: HttpObject | null;
  /** The form, as one of these. */
  structured_outputs?: HttpStructuredOutputs | null;
  /** As structured_outputs.json. */
  guided_json?: HttpObject | boolean | string | null;
  /** As structured_outputs.regex. */
  guided_regex?: string | null;
  /** As structured_outputs.choice. */
  guided_choice?: string[] | null;
  /** As structured_outputs.grammar. */
  guided_grammar?: string | null;
  /** Given to the template as reasoning_effort; none: as enable_thinking false. */
  reasoning_effort?: string | null;
  /** Further variables of the template. */
  chat_template_kwargs?: HttpObject | null;
  /** Only false: nothing is kept. */
  store?: boolean | null;
  /** There is one tier; priority orders requests. */
  service_tier?: 'auto' | 'default' | null;
  /** A hint; what prompts begin with alike is shared anyway. */
  prompt_cache_key?: string | null;
  /** Divides the logits: below 1 bolder, above 1 more even. 0 is greedy: the most likely token, on a tie the lowest id. */
  temperature?: number;
  /** Keeps the k most likely tokens. 0 and -1 keep all. */
  top_k?: number | null;
  /** Keeps the fewest most likely tokens that together reach this probability. 1 keeps all. */
  top_p?: number;
  /** Keeps tokens at least this fraction as likely as the most likely one. 0 keeps all. */
  min_p?: number;
  /** Keeps the tokens whose surprise is nearest to the expected one until they reach this probability. 1 keeps all. */
  typical_p?: number;
  /** How often XTC drops the likeliest choices: of the tokens above xtc_threshold only the least likely stays. */
  xtc_probability?: number;
  /** The probability from which XTC counts a token as a top choice. */
  xtc_threshold?: number;
  /** default: temperature first, as Hugging Face and vLLM have it; mlx: filters first, as mlx-lm has it. */
  sampler_order?: 'default' | 'mlx';
  /** Divides positive logits of tokens seen before, multiplies negative ones. 1 is off. */
  repetition_penalty?: number;
  /** Subtracted from the logit of every token that was generated before. */
  presence_penalty?: number;
  /** Subtracted from the logit of a token once for every time it was generated before. */
  frequency_penalty?: number;
  /** How many of the latest tokens the three penalties look at. -1: all, or 20 in mlx order; 0: none. */
  penalty_last_n?: number | null;
  /** Strength of DRY, which penalises tokens that would continue a repetition. 0 is off. */
  dry_multiplier?: number;
  /** DRY's penalty grows by this factor with each further token of the repetition. */
  dry_base?: number;
  /** The longest repetition DRY leaves alone is one token shorter than this. */
  dry_allowed_length?: number | null;
  /** How many of the latest tokens DRY looks at. -1: all; 0: none. */
  dry_penalty_last_n?: number | null;
  /** Texts at which repetitions end for DRY: a token that contains one is never part of a repetition. */
  dry_sequence_breakers?: string[];
  /** Token ids and what is added to their logits. */
  logit_bias?: Record<string, number>;
  /** The same seed gives the same text, whatever else the server is doing. Without one it is drawn and reported. */
  seed?: number | null;
  /** Report the log-probability of each token under the model's own distribution, before any knob. */
  logprobs?: boolean;
  /** With logprobs: how many of the most likely tokens to report at each position. */
  top_logprobs?: number | null;
  /** The answer ends after this many tokens. Without it only the model's context length ends it. */
  max_tokens?: number | null;
  /** No end-of-sequence or stop token is chosen before this many tokens. */
  min_tokens?: number | null;
  /** The answer ends before the first of these tokens. */
  stop_token_ids?: number[];
  /** The stop text is part of the answer. */
  include_stop?: boolean;
  /** The model's end-of-sequence tokens do not end the answer. */
  ignore_eos?: boolean;
}

/** Body of POST /v1/completions. */
export interface CompletionRequest {
  /** The id of a model that /v1/models lists. */
  model: string;
  /** Server-sent events instead of one JSON object. */
  stream?: boolean | null;
  /** Stands in the access log. */
  user?: string | null;
  /** Who goes first when the machine is short. */
  priority?: 'high' | 'normal' | 'low';
  /** The request fails after so many milliseconds; 0: never. */
  timeout_ms?: number;
  /** The response says what really ran: every knob, the seed, the model. */
  effective?: boolean;
  /** A text, a list of texts, token ids, or a list of those. */
  prompt: string | string[] | number[] | number[][];
  /** Only with stream. */
  stream_options?: HttpStreamOptions | null;
  /** Answers returned for each prompt. */
  n?: number | null;
  /** Answers made for each prompt, of which the n most likely a token are returned; not in a stream. */
  best_of?: number | null;
  /** The text begins with the prompt's. */
  echo?: boolean | null;
  /** Report the log-probability of each token and of so many most likely ones. */
  logprobs?: number | null;
  /** The answer ends before the first of these texts. */
  stop?: string | string[] | null;
  /** {"type": "text" | "json_object" | "json_schema" | "structural_tag", ...}. */
  response_format?: HttpObject | null;
  /** The form, as one of these. */
  structured_outputs?: HttpStructuredOutputs | null;
  /** As structured_outputs.json. */
  guided_json?: HttpObject | boolean | string | null;
  /** As structured_outputs.regex. */
  guided_regex?: string | null;
  /** As structured_outputs.choice. */
  guided_choice?: string[] | null;
  /** As structured_outputs.grammar. */
  guided_grammar?: string | null;
  /** Divides the logits: below 1 bolder, above 1 more even. 0 is greedy: the most likely token, on a tie the lowest id. */
  temperature?: number;
  /** Keeps the k most likely tokens. 0 and -1 keep all. */
  top_k?: number | null;
  /** Keeps the fewest most likely tokens that together reach this probability. 1 keeps all. */
  top_p?: number;
  /** Keeps tokens at least this fraction as likely as the most likely one. 0 keeps all. */
  min_p?: number;
  /** Keeps the tokens whose surprise is nearest to the expected one until they reach this probability. 1 keeps all. */
  typical_p?: number;
  /** How often XTC drops the likeliest choices: of the tokens above xtc_threshold only the least likely stays. */
  xtc_probability?: number;
  /** The probability from which XTC counts a token as a top choice. */
  xtc_threshold?: number;
  /** default: temperature first, as Hugging Face and vLLM have it; mlx: filters first, as mlx-lm has it. */
  sampler_order?: 'default' | 'mlx';
  /** Divides positive logits of tokens seen before, multiplies negative ones. 1 is off. */
  repetition_penalty?: number;
  /** Subtracted from the logit of every token that was generated before. */
  presence_penalty?: number;
  /** Subtracted from the logit of a token once for every time it was generated before. */
  frequency_penalty?: number;
  /** How many of the latest tokens the three penalties look at. -1: all, or 20 in mlx order; 0: none. */
  penalty_last_n?: number | null;
  /** Strength of DRY, which penalises tokens that would continue a repetition. 0 is off. */
  dry_multiplier?: number;
  /** DRY's penalty grows by this factor with each further token of the repetition. */
  dry_base?: number;
  /** The longest repetition DRY leaves alone is one token shorter than this. */
  dry_allowed_length?: number | null;
  /** How many of the latest tokens DRY looks at. -1: all; 0: none. */
  dry_penalty_last_n?: number | null;
  /** Texts at which repetitions end for DRY: a token that contains one is never part of a repetition. */
  dry_sequence_breakers?: string[];
  /** Token ids and what is added to their logits. */
  logit_bias?: Record<string, number>;
  /** The same seed gives the same text, whatever else the server is doing. Without one it is drawn and reported. */
  seed?: number | null;
  /** With logprobs: how many of the most likely tokens to report at each position. */
  top_logprobs?: number | null;
  /** The answer ends after this many tokens. Without it only the model's context length ends it. */
  max_tokens?: number | null;
  /** No end-of-sequence or stop token is chosen before this many tokens. */
  min_tokens?: number | null;
  /** The answer ends before the first of these tokens. */
  stop_token_ids?: number[];
  /** The stop text is part of the answer. */
  include_stop?: boolean;
  /** The model's end-of-sequence tokens do not end the answer. */
  ignore_eos?: boolean;
}

/** Body of POST /tokenize. */
export interface HttpTokenizeRequest {
  /** May be absent while one model is loaded. */
  model?: string;
  /** The text. */
  content?: string;
  /** Another name of content. */
  prompt?: string;
  /** Add the tokens that begin or end every text of the model. Default: true */
  add_special?: boolean;
}

/** Body of POST /detokenize. */
export interface HttpDetokenizeRequest {
  /** May be absent while one model is loaded. */
  model?: string;
  /** Token ids. */
  tokens: number[];
  /** Spell special tokens out. Default: true */
  special_tokens?: boolean;
}

/** Body of POST /apply-template. */
export interface HttpTemplateRequest {
  /** May be absent while one model is loaded. */
  model?: string;
  /** The chat. */
  messages: HttpObject[];
  tools?: HttpObject[] | null;
  /** Further variables of the template. */
  chat_template_kwargs?: HttpObject | null;
}

/** Body of POST /v1/models/load and /v1/models/unload. */
export interface HttpModelRequest {
  /** The id of a model that /v1/models lists. */
  model: string;
  /** Tell the progress as server-sent events. */
  stream?: boolean;
}

/** Body of POST /v1/embeddings. */
export interface EmbeddingRequest {
  /** The id of a model that /v1/models lists. */
  model: string;
  /** A text, a list of texts, token ids, or a list of those. */
  input: string | string[] | number[] | number[][];
  /** base64: 32-bit floats, little endian. */
  encoding_format?: 'float' | 'base64';
  /** How the tokens' vectors become one. */
  pooling?: 'mean' | 'last';
  /** To length 1; true unless given. */
  normalize?: boolean;
  /** Stands in the access log. */
  user?: string | null;
}

/** Body of POST /v1/messages. */
export interface AnthropicMessagesRequest {
  /** The id of a model that /v1/models lists. */
  model: string;
  /** The chat in Anthropic's form. */
  messages: HttpObject[];
  /** The answer ends after this many tokens. Without it only the model's context length ends it. */
  max_tokens: number;
  /** The system prompt: a text, or a list of text blocks. */
  system?: string | HttpObject[];
  /** Server-sent events instead of one JSON object. */
  stream?: boolean;
  /** The answer ends before the first of these texts. */
  stop_sequences?: string[];
  /** Tools that the model may call. */
  tools?: HttpObject[];
  /** {"type": "auto" | "any" | "none" | "tool", ...}. */
  tool_choice?: HttpObject;
  /** {"type": "enabled" | "disabled"}: the template's enable_thinking. */
  thinking?: HttpObject;
  /** Its user_id stands in the access log. */
  metadata?: HttpObject;
  /** Divides the logits: below 1 bolder, above 1 more even. 0 is greedy: the most likely token, on a tie the lowest id. */
  temperature?: number;
  /** Keeps the k most likely tokens. 0 and -1 keep all. */
  top_k?: number | null;
  /** Keeps the fewest most likely tokens that together reach this probability. 1 keeps all. */
  top_p?: number;
  /** Keeps tokens at least this fraction as likely as the most likely one. 0 keeps all. */
  min_p?: number;
  /** Keeps the tokens whose surprise is nearest to the expected one until they reach this probability. 1 keeps all. */
  typical_p?: number;
  /** How often XTC drops the likeliest choices: of the tokens above xtc_threshold only the least likely stays. */
  xtc_probability?: number;
  /** The probability from which XTC counts a token as a top choice. */
  xtc_threshold?: number;
  /** default: temperature first, as Hugging Face and vLLM have it; mlx: filters first, as mlx-lm has it. */
  sampler_order?: 'default' | 'mlx';
  /** Divides positive logits of tokens seen before, multiplies negative ones. 1 is off. */
  repetition_penalty?: number;
  /** Subtracted from the logit of every token that was generated before. */
  presence_penalty?: number;
  /** Subtracted from the logit of a token once for every time it was generated before. */
  frequency_penalty?: number;
  /** How many of the latest tokens the three penalties look at. -1: all, or 20 in mlx order; 0: none. */
  penalty_last_n?: number | null;
  /** Strength of DRY, which penalises tokens that would continue a repetition. 0 is off. */
  dry_multiplier?: number;
  /** DRY's penalty grows by this factor with each further token of the repetition. */
  dry_base?: number;
  /** The longest repetition DRY leaves alone is one token shorter than this. */
  dry_allowed_length?: number | null;
  /** How many of the latest tokens DRY looks at. -1: all; 0: none. */
  dry_penalty_last_n?: number | null;
  /** Texts at which repetitions end for DRY: a token that contains one is never part of a repetition. */
  dry_sequence_breakers?: string[];
  /** Token ids and what is added to their logits. */
  logit_bias?: Record<string, number>;
  /** The same seed gives the same text, whatever else the server is doing. Without one it is drawn and reported. */
  seed?: number | null;
  /** Report the log-probability of each token under the model's own distribution, before any knob. */
  logprobs?: boolean;
  /** With logprobs: how many of the most likely tokens to report at each position. */
  top_logprobs?: number | null;
  /** No end-of-sequence or stop token is chosen before this many tokens. */
  min_tokens?: number | null;
  /** The answer ends before the first of these texts. */
  stop?: string[];
  /** The answer ends before the first of these tokens. */
  stop_token_ids?: number[];
  /** The stop text is part of the answer. */
  include_stop?: boolean;
  /** The model's end-of-sequence tokens do not end the answer. */
  ignore_eos?: boolean;
}

/** Body of POST /v1/responses. */
export interface ResponsesRequest {
  /** The id of a model that /v1/models lists. */
  model: string;
  /** Server-sent events instead of one JSON object. */
  stream?: boolean | null;
  /** Stands in the access log. */
  user?: string | null;
  /** Who goes first when the machine is short. */
  priority?: 'high' | 'normal' | 'low';
  /** The request fails after so many milliseconds; 0: never. */
  timeout_ms?: number;
  /** The response says what really ran: every knob, the seed, the model. */
  effective?: boolean;
  /** A text, or a list of messages, calls and their results. */
  input: string | HttpObject[];
  /** The system prompt. */
  instructions?: string | null;
  /** The answer ends after this many tokens. Without it only the model's context length ends it. */
  max_output_tokens?: number | null;
  /** Functions that the model may call. */
  tools?: HttpObject[];
  /** auto, none, required, or {"type": "function", "name": ...}. */
  tool_choice?: string | HttpObject;
  /** false: at most one call. */
  parallel_tool_calls?: boolean | null;
  /** {"format": {"type": "text" | "json_object" | "json_schema", ...}}. */
  text?: HttpObject;
  /** {"effort": ...}, as reasoning_effort of a chat. */
  reasoning?: HttpObject | null;
  /** Only false: nothing is kept. */
  store?: boolean | null;
  /** There is one tier; priority orders requests. */
  service_tier?: 'auto' | 'default' | null;
  /** A hint; what prompts begin with alike is shared anyway. */
  prompt_cache_key?: string | null;
  /** Comes back as it was sent. */
  metadata?: HttpObject | null;
  /** Divides the logits: below 1 bolder, above 1 more even. 0 is greedy: the most likely token, on a tie the lowest id. */
  temperature?: number;
  /** Keeps the k most likely tokens. 0 and -1 keep all. */
  top_k?: number | null;
  /** Keeps the fewest most likely tokens that together reach this probability. 1 keeps all. */
  top_p?: number;
  /** Keeps tokens at least this fraction as likely as the most likely one. 0 keeps all. */
  min_p?: number;
  /** Keeps the tokens whose surprise is nearest to the expected one until they reach this probability. 1 keeps all. */
  typical_p?: number;
  /** How often XTC drops the likeliest choices: of the tokens above xtc_threshold only the least likely stays. */
  xtc_probability?: number;
  /** The probability from which XTC counts a token as a top choice. */
  xtc_threshold?: number;
  /** default: temperature first, as Hugging Face and vLLM have it; mlx: filters first, as mlx-lm has it. */
  sampler_order?: 'default' | 'mlx';
  /** Divides positive logits of tokens seen before, multiplies negative ones. 1 is off. */
  repetition_penalty?: number;
  /** Subtracted from the logit of every token that was generated before. */
  presence_penalty?: number;
  /** Subtracted from the logit of a token once for every time it was generated before. */
  frequency_penalty?: number;
  /** How many of the latest tokens the three penalties look at. -1: all, or 20 in mlx order; 0: none. */
  penalty_last_n?: number | null;
  /** Strength of DRY, which penalises tokens that would continue a repetition. 0 is off. */
  dry_multiplier?: number;
  /** DRY's penalty grows by this factor with each further token of the repetition. */
  dry_base?: number;
  /** The longest repetition DRY leaves alone is one token shorter than this. */
  dry_allowed_length?: number | null;
  /** How many of the latest tokens DRY looks at. -1: all; 0: none. */
  dry_penalty_last_n?: number | null;
  /** Texts at which repetitions end for DRY: a token that contains one is never part of a repetition. */
  dry_sequence_breakers?: string[];
  /** Token ids and what is added to their logits. */
  logit_bias?: Record<string, number>;
  /** The same seed gives the same text, whatever else the server is doing. Without one it is drawn and reported. */
  seed?: number | null;
  /** Report the log-probability of each token under the model's own distribution, before any knob. */
  logprobs?: boolean;
  /** With logprobs: how many of the most likely tokens to report at each position. */
  top_logprobs?: number | null;
  /** The answer ends after this many tokens. Without it only the model's context length ends it. */
  max_tokens?: number | null;
  /** No end-of-sequence or stop token is chosen before this many tokens. */
  min_tokens?: number | null;
  /** The answer ends before the first of these texts. */
  stop?: string[];
  /** The answer ends before the first of these tokens. */
  stop_token_ids?: number[];
  /** The stop text is part of the answer. */
  include_stop?: boolean;
  /** The model's end-of-sequence tokens do not end the answer. */
  ignore_eos?: boolean;
}
