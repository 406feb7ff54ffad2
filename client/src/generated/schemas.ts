// Made by `mlx-serving schema --format zod` from the tables in src/schema. Do not edit.
import { z } from 'zod';

/** How a model's text becomes tokens. */
export const TokenizerConfigSchema = z
  .object({
    "type": z.string(),
    "vocabSize": z.number().int("Must be an integer").gt(0, "Vocabulary size must be positive"),
    "specialTokens": z.record(z.number()).optional(),
  });

export const NonEmptyString = z.string().min(1, "Cannot be empty");

/** Names a model and says what it is. */
export const ModelDescriptorSchema = z
  .object({
    "id": NonEmptyString,
    "variant": z.string().optional(),
    "source": z.enum(["huggingface", "local"], { errorMap: () => ({ message: "Source must be either huggingface or local" }) }),
    "path": z.string().optional(),
    "tokenizer": TokenizerConfigSchema.optional(),
    "modality": z.enum(["text", "vision", "multimodal"], { errorMap: () => ({ message: "Modality must be one of: text, vision, multimodal" }) }),
    "family": z.enum(["mlx-lm", "mlx-vlm"], { errorMap: () => ({ message: "Family must be either mlx-lm or mlx-vlm" }) }),
  });

export const QuantizationModeSchema = z.enum(["none", "int8", "int4"], { errorMap: () => ({ message: "Quantization must be one of: none, int8, int4" }) });

/** What to load, and how. */
export const LoadModelOptionsSchema = z
  .object({
    "model": z.union([NonEmptyString, ModelDescriptorSchema], { errorMap: () => ({ message: "Model must be a non-empty string or a ModelDescriptor object" }) }),
    "draft": z.boolean().optional(),
    "revision": z.string().optional(),
    "quantization": QuantizationModeSchema.optional(),
    "parameters": z.record(z.unknown()).optional(),
    "trustRemoteCode": z.boolean().optional(),
  })
  .passthrough();

export const ModelStateSchema = z.enum(["loading", "ready", "failed"], { errorMap: () => ({ message: "Model state must be one of: loading, ready, failed" }) });

/** A loaded model. */
export const ModelHandleSchema = z
  .object({
    "descriptor": ModelDescriptorSchema,
    "state": ModelStateSchema,
    "contextLength": z.number().int("Must be an integer").gt(0, "Context length must be positive"),
    "metadata": z.record(z.unknown()),
    "draft": z.boolean().optional(),
  });

/** One side of a draft check. */
export const ComparedModelSchema = z
  .object({
    "id": z.string(),
    "vocabSize": z.number().nullable(),
    "parameterCount": z.number(),
    "architecture": z.string(),
  });

/** What a draft model may bring. */
export const PerformanceEstimateSchema = z
  .object({
    "expectedSpeedup": z.string(),
    "sizeRatio": z.string(),
    "recommendation": z.string(),
  });

/** Both models of a draft check. */
export const CompatibilityDetailsSchema = z
  .object({
    "primaryModel": ComparedModelSchema,
    "draftModel": ComparedModelSchema,
    "performanceEstimate": PerformanceEstimateSchema,
  });

/** Whether one model can draft for another. */
export const CompatibilityReportSchema = z
  .object({
    "compatible": z.boolean(),
    "errors": z.array(z.string()),
    "warnings": z.array(z.string()),
    "details": CompatibilityDetailsSchema,
  });

/** A prompt with places to fill. */
export const PromptTemplateSchema = z
  .object({
    "template": z.string(),
    "variables": z.record(z.string()),
  });

export const NonNegativeInteger = z.number().int("Must be an integer").gte(0, "Must be non-negative");

/** A prompt that is tokens already. */
export const TokenizedPromptSchema = z
  .object({
    "tokens": z.array(NonNegativeInteger),
  });

export const StructuredFormat = z.enum(["json", "yaml"], { errorMap: () => ({ message: "Format must be either json or yaml" }) });

/** What form the answer must have. */
export const StructuredOutputConfigSchema = z
  .object({
    "schema": z.record(z.unknown()),
    "format": StructuredFormat,
  });

/** Images of a prompt. */
export const VisionPromptConfigSchema = z
  .object({
    "images": z.array(z.string()),
    "imageFormat": z.enum(["base64", "url", "path"], { errorMap: () => ({ message: "Image format must be one of: base64, url, path" }) }).optional(),
  });

export const ClampedTemperature = z.number().gte(0, "Temperature must be at least 0").lte(2, "Temperature cannot exceed 2");

export const ClampedTopP = z.number().gte(0, "Top-p must be at least 0").lte(1, "Top-p cannot exceed 1");

export const ClampedPenalty = z.number().gte(-2, "Penalty must be at least -2").lte(2, "Penalty cannot exceed 2");

export const NonNegativeNumber = z.number().gte(0, "Must be non-negative");

/** What to generate from, and how. */
export const GeneratorParamsSchema = z
  .object({
    "model": NonEmptyString,
    "prompt": z.union([z.string(), PromptTemplateSchema, TokenizedPromptSchema], { errorMap: () => ({ message: "Prompt must be a string, PromptTemplate, or TokenizedPrompt object" }) }),
    "maxTokens": z.number().int("Must be an integer").gt(0, "Must be a positive integer").lte(100000, "maxTokens cannot exceed 100000").optional(),
    "temperature": ClampedTemperature.optional(),
    "topP": ClampedTopP.optional(),
    "presencePenalty": ClampedPenalty.optional(),
    "frequencyPenalty": ClampedPenalty.optional(),
    "repetitionPenalty": NonNegativeNumber.optional(),
    "stopSequences": z.array(z.string()).optional(),
    "stopTokenIds": z.array(NonNegativeInteger).optional(),
    "seed": NonNegativeInteger.optional(),
    "streaming": z.boolean().optional(),
    "structured": StructuredOutputConfigSchema.optional(),
    "multimodal": VisionPromptConfigSchema.optional(),
    "draftModel": z.string().optional(),
    "hints": z.record(z.unknown()).optional(),
    "promptTokens": z.array(NonNegativeInteger).optional(),
  })
  .passthrough();

/** What a generation took. */
export const GenerationStatsSchema = z
  .object({
    "tokensGenerated": NonNegativeInteger,
    "tokensPerSecond": NonNegativeNumber,
    "timeToFirstToken": NonNegativeNumber,
    "totalTime": NonNegativeNumber.optional(),
    "draftTokensAccepted": NonNegativeInteger.optional(),
    "modelId": z.string().optional(),
  });

/** An error as a value. */
export const EngineErrorSchema = z
  .object({
    "code": z.string().optional(),
    "message": z.string(),
    "details": z.record(z.unknown()).optional(),
  });

/** One token. */
export const TokenChunkSchema = z
  .object({
    "type": z.literal("token"),
    "token": z.string(),
    "tokenId": NonNegativeInteger.optional(),
    "logprob": z.number().optional(),
    "isFinal": z.boolean().optional(),
    "cumulativeText": z.string().optional(),
  });

/** What the generation took; the last chunk of a good one. */
export const MetadataChunkSchema = z
  .object({
    "type": z.literal("metadata"),
    "stats": GenerationStatsSchema,
  });

/** Why the generation ended early; the last chunk. */
export const ErrorChunkSchema = z
  .object({
    "type": z.literal("error"),
    "error": EngineErrorSchema,
  });

/** What to tokenise. */
export const TokenizeRequestSchema = z
  .object({
    "model": NonEmptyString,
    "text": z.string(),
    "addBos": z.boolean().optional(),
  });

/** Tokens of a text. */
export const TokenizeResponseSchema = z
  .object({
    "tokens": z.array(NonNegativeInteger),
    "tokenStrings": z.array(z.string()).optional(),
  });

/** telemetry.yaml, and the option of the same form. */
export const EngineTelemetryConfigSchema = z
  .object({
    "enabled": z.boolean({ required_error: "enabled field is required", invalid_type_error: "enabled must be a boolean" }),
    "serviceName": z.string().min(1, "Service name cannot be empty").max(100, "Service name cannot exceed 100 characters").regex(/^[a-zA-Z0-9_-]+$/, "Service name must contain only alphanumeric characters, hyphens, and underscores").optional(),
    "prometheusPort": z.number().int("Prometheus port must be an integer").gte(1024, "Prometheus port must be >= 1024").lte(65535, "Prometheus port must be <= 65535").optional(),
    "exportIntervalMs": z.number().int("Export interval must be an integer").gte(1000, "Export interval must be >= 1000ms (1 second)").lte(600000, "Export interval must be <= 600000ms (10 minutes)").optional(),
  });

/** The loaded model's handle. */
export const EventModelHandleSchema = z
  .object({
    "id": z.string().optional(),
    "descriptor": z.unknown().optional(),
  })
  .passthrough();

/** What the generation took. */
export const EventGenerationStatsSchema = z
  .object({
    "tokensGenerated": z.number().int().gte(0, "Tokens generated must be >= 0"),
    "totalTimeMs": z.number().gte(0, "Total time must be >= 0").optional(),
    "tokensPerSecond": z.number().gte(0, "Tokens per second must be >= 0").optional(),
  })
  .passthrough();

/** What went wrong. */
export const EventErrorSchema = z
  .object({
    "message": z.string(),
    "code": z.string().optional(),
    "stack": z.string().optional(),
  })
  .passthrough();

/** model:loaded */
export const ModelLoadedEventSchema = z
  .object({
    "modelId": z.string().min(1, "Model ID cannot be empty"),
    "handle": EventModelHandleSchema,
    "timestamp": z.number().int().gt(0, "Timestamp must be positive"),
  });

/** model:unloaded */
export const ModelUnloadedEventSchema = z
  .object({
    "modelId": z.string().min(1, "Model ID cannot be empty"),
    "timestamp": z.number().int().gt(0, "Timestamp must be positive"),
  });

/** model:invalidated */
export const ModelInvalidatedEventSchema = z
  .object({
    "modelId": z.string().min(1, "Model ID cannot be empty"),
    "reason": z.enum(["python_restart", "unload", "error"], { errorMap: () => ({ message: "Reason must be one of: python_restart, unload, error" }) }),
    "timestamp": z.number().int().gt(0, "Timestamp must be positive"),
  });

/** generation:started */
export const GenerationStartedEventSchema = z
  .object({
    "streamId": z.string().min(1, "Stream ID cannot be empty"),
    "modelId": z.string().min(1, "Model ID cannot be empty"),
    "prompt": z.string(),
    "timestamp": z.number().int().gt(0, "Timestamp must be positive"),
  });

/** generation:token */
export const TokenGeneratedEventSchema = z
  .object({
    "streamId": z.string().min(1, "Stream ID cannot be empty"),
    "token": z.string(),
    "logprob": z.number().optional(),
    "timestamp": z.number().int().gt(0, "Timestamp must be positive"),
  });

/** generation:completed */
export const GenerationCompletedEventSchema = z
  .object({
    "streamId": z.string().min(1, "Stream ID cannot be empty"),
    "stats": EventGenerationStatsSchema,
    "timestamp": z.number().int().gt(0, "Timestamp must be positive"),
  });

/** error */
export const ErrorEventSchema = z
  .object({
    "error": EventErrorSchema,
    "context": z.string().optional(),
    "timestamp": z.number().int().gt(0, "Timestamp must be positive"),
  });

/** runtime:status */
export const RuntimeStatusEventSchema = z
  .object({
    "status": z.enum(["starting", "ready", "error", "stopped"], { errorMap: () => ({ message: "Status must be one of: starting, ready, error, stopped" }) }),
    "previousStatus": z.enum(["starting", "ready", "error", "stopped"], { errorMap: () => ({ message: "Status must be one of: starting, ready, error, stopped" }) }).optional(),
    "timestamp": z.number().int().gt(0, "Timestamp must be positive"),
  });

/** A call. */
export const JsonRpcRequestSchema = z
  .object({
    "jsonrpc": z.literal("2.0"),
    "method": z.string(),
    "params": z.unknown().optional(),
    "id": z.union([z.string(), z.number()]).optional(),
  });

/** A good reply. */
export const JsonRpcSuccessSchema = z
  .object({
    "jsonrpc": z.literal("2.0"),
    "result": z.unknown().optional(),
    "id": z.union([z.string(), z.number().nullable()]),
  })
  .refine((value) => value.result !== undefined, { message: "JSON-RPC success response must have result field" });

/** Why a call failed. */
export const JsonRpcErrorObjectSchema = z
  .object({
    "code": z.number(),
    "message": z.string(),
    "data": z.unknown().optional(),
  });

/** A failed call's reply. */
export const JsonRpcErrorResponseSchema = z
  .object({
    "jsonrpc": z.literal("2.0"),
    "error": JsonRpcErrorObjectSchema,
    "id": z.union([z.string(), z.number().nullable()]),
  })
  .refine((value) => value.error !== undefined, { message: "JSON-RPC error response must have error field" });

/** A message that wants no reply. */
export const JsonRpcNotificationSchema = z
  .object({
    "jsonrpc": z.literal("2.0"),
    "method": z.string(),
    "params": z.unknown().optional(),
  });

/** Params of methods that take none. */
export const NoParamsSchema = z
  .object({
  })
  .passthrough();

/** load_model */
export const LoadModelParamsSchema = z
  .object({
    "model_id": z.string(),
    "revision": z.string().nullable().optional(),
    "quantization": z.string().nullable().optional(),
    "draft": z.boolean().optional(),
    "local_path": z.string().nullable().optional(),
    "context_length": z.number().int().optional(),
    "trust_remote_code": z.boolean().optional(),
  })
  .passthrough();

/** unload_model */
export const UnloadModelParamsSchema = z
  .object({
    "model_id": z.string(),
    "force": z.boolean().optional(),
  });

/** What form the answer must have. */
export const GuidanceParamsSchema = z
  .object({
    "mode": z.string().optional(),
    "schema": z.union([z.record(z.unknown()), z.string(), z.array(z.string())]),
    "model_id": z.string().optional(),
    "temperature": z.number().optional(),
  });

/** generate */
export const GenerateParamsSchema = z
  .object({
    "model_id": z.string(),
    "prompt": z.string(),
    "max_tokens": z.number().int().optional(),
    "temperature": z.number().optional(),
    "top_p": z.number().optional(),
    "streaming": z.boolean().optional(),
    "presence_penalty": z.number().optional(),
    "frequency_penalty": z.number().optional(),
    "repetition_penalty": z.number().optional(),
    "stop_sequences": z.array(z.string()).nullable().optional(),
    "stop_token_ids": z.array(z.number().int()).nullable().optional(),
    "seed": z.number().int().nullable().optional(),
    "guidance": GuidanceParamsSchema.optional(),
    "draft_model": z.string().optional(),
    "prompt_tokens": z.array(z.number().int()).optional(),
    "stream_id": z.string().optional(),
    "raw": z.boolean().optional(),
    "priority": z.enum(["high", "normal", "low"]).optional(),
    "timeout_ms": z.number().int().optional(),
    "credit": z.number().int().optional(),
    "top_k": z.number().int().nullable().optional(),
    "min_p": z.number().optional(),
    "typical_p": z.number().optional(),
    "xtc_probability": z.number().optional(),
    "xtc_threshold": z.number().optional(),
    "sampler_order": z.enum(["default", "mlx"]).optional(),
    "penalty_last_n": z.number().int().nullable().optional(),
    "dry_multiplier": z.number().optional(),
    "dry_base": z.number().optional(),
    "dry_allowed_length": z.number().int().nullable().optional(),
    "dry_penalty_last_n": z.number().int().nullable().optional(),
    "dry_sequence_breakers": z.array(z.string()).optional(),
    "logit_bias": z.record(z.number()).optional(),
    "logprobs": z.boolean().optional(),
    "top_logprobs": z.number().int().nullable().optional(),
    "min_tokens": z.number().int().nullable().optional(),
    "include_stop": z.boolean().optional(),
    "ignore_eos": z.boolean().optional(),
  })
  .passthrough();

/** batch_generate */
export const BatchGenerateParamsSchema = z
  .object({
    "requests": z.array(z.unknown()),
  })
  .passthrough();

/** batch_generate_parallel */
export const BatchGenerateParallelParamsSchema = z
  .object({
    "requests": z.array(z.unknown()),
    "batch_size": z.number().int().optional(),
  })
  .passthrough();

/** Params of methods that ask about one model. */
export const ModelParamsSchema = z
  .object({
    "model_id": z.string(),
  });

/** shutdown */
export const ShutdownParamsSchema = z
  .object({
    "timeout_ms": z.number().int().optional(),
  });

/** stream.ack */
export const StreamAckParamsSchema = z
  .object({
    "stream_id": z.string(),
    "count": z.number().int(),
  });

/** tokenize */
export const TokenizeParamsSchema = z
  .object({
    "model_id": z.string(),
    "text": z.string(),
    "add_special_tokens": z.boolean().optional(),
  });

/** check_draft */
export const CheckDraftParamsSchema = z
  .object({
    "primary_id": z.string(),
    "draft_id": z.string(),
  });

/** batch_tokenize */
export const BatchTokenizeParamsSchema = z
  .object({
    "requests": z.array(z.unknown()),
  });

/** batch_check_draft */
export const BatchCheckDraftParamsSchema = z
  .object({
    "requests": z.array(z.unknown()),
  });

/** load_vision_model */
export const LoadVisionModelParamsSchema = z
  .object({
    "model_id": z.string(),
    "revision": z.string().default("main"),
    "quantization": z.enum(["int4", "int8", "fp16", "bf16"]).nullable().optional(),
    "local_path": z.string().nullable().optional(),
  })
  .passthrough();

/** generate_with_image */
export const GenerateWithImageParamsSchema = z
  .object({
    "model_id": z.string(),
    "prompt": z.string(),
    "image": z.string(),
    "max_tokens": z.number().int().default(100),
    "temperature": z.number().default(0),
    "top_p": z.number().default(1),
    "stream_id": z.string().optional(),
  })
  .passthrough();

/** cancel */
export const CancelParamsSchema = z
  .object({
    "stream_id": z.string().optional(),
    "id": z.union([z.string(), z.number()]).optional(),
  });

/** Memory of the runtime. */
export const RuntimeMemorySchema = z
  .object({
    "rss": z.number(),
    "vms": z.number(),
  });

/** runtime/info */
export const RuntimeInfoResponseSchema = z
  .object({
    "version": z.string(),
    "mlx_version": z.string(),
    "mlx_lm_version": z.string().optional(),
    "protocol": z.string(),
    "capabilities": z.array(z.string()),
    "mlx_supported": z.boolean().optional(),
    "memory": RuntimeMemorySchema.optional(),
  });

/** One loaded model. */
export const RuntimeStateModelSchema = z
  .object({
    "model_id": z.string(),
    "state": z.string(),
    "type": z.string(),
  });

/** runtime/state */
export const RuntimeStateResponseSchema = z
  .object({
    "loaded_models": z.array(RuntimeStateModelSchema),
    "active_streams": NonNegativeInteger,
    "restart_count": NonNegativeInteger,
  });

/** shutdown */
export const ShutdownResponseSchema = z
  .object({
    "success": z.boolean(),
  });

export const PositiveInteger = z.number().int("Must be an integer").gt(0, "Must be a positive integer");

/** load_model */
export const LoadModelResponseSchema = z
  .object({
    "model_id": z.string(),
    "state": z.enum(["ready", "loading", "error"]),
    "context_length": PositiveInteger.optional(),
    "parameter_count": NonNegativeInteger.optional(),
    "dtype": z.string().optional(),
    "is_vision_model": z.boolean().optional(),
    "tokenizer_type": z.string().optional(),
    "memory_usage": NonNegativeNumber.optional(),
    "cached_path": z.string().nullable().optional(),
  });

/** generate */
export const GenerateResponseSchema = z
  .object({
    "stream_id": z.string(),
    "started_at": z.number(),
  });

/** tokenize */
export const RpcTokenizeResponseSchema = z
  .object({
    "tokens": z.array(NonNegativeInteger),
    "token_strings": z.array(z.string()).optional(),
  });

/** One side of a draft check. */
export const CheckDraftModelSchema = z
  .object({
    "id": z.string(),
    "vocab_size": z.number().nullable(),
    "parameter_count": z.number(),
    "architecture": z.string(),
  });

/** What a draft model may bring. */
export const CheckDraftEstimateSchema = z
  .object({
    "expected_speedup": z.string(),
    "size_ratio": z.string(),
    "recommendation": z.string(),
  });

/** Both models of a draft check. */
export const CheckDraftDetailsSchema = z
  .object({
    "primary_model": CheckDraftModelSchema,
    "draft_model": CheckDraftModelSchema,
    "performance_estimate": CheckDraftEstimateSchema,
  });

/** check_draft */
export const CheckDraftResponseSchema = z
  .object({
    "compatible": z.boolean(),
    "errors": z.array(z.string()),
    "warnings": z.array(z.string()),
    "details": CheckDraftDetailsSchema.optional(),
  });

/** load_vision_model */
export const VisionModelResponseSchema = z
  .object({
    "model_id": z.string(),
    "state": z.enum(["ready", "loading", "error"]),
    "context_length": PositiveInteger,
    "processor_type": z.string(),
    "image_size": z.number().nullable().optional(),
    "revision": z.string().nullable().optional(),
    "quantization": z.string().nullable().optional(),
    "dtype": z.string().optional(),
    "is_vision_model": z.boolean().optional(),
  });

/** unload_model, cancel, stream.ack */
export const SuccessResponseSchema = z
  .object({
    "success": z.boolean(),
  });

/** One request of a batch. */
export const BatchItemSchema = z
  .object({
    "success": z.boolean(),
    "result": z.unknown().optional(),
    "error": z.string().nullable().optional(),
    "code": z.number().optional(),
    "data": z.unknown().optional(),
  });

/** batch_generate, batch_tokenize, batch_check_draft */
export const BatchResponseSchema = z
  .object({
    "results": z.array(BatchItemSchema),
  });

/** Milliseconds; percentiles of ten samples and more. */
export const LatencyMsSchema = z
  .object({
    "mean": z.number(),
    "min": z.number(),
    "max": z.number(),
    "p50": z.number().optional(),
    "p95": z.number().optional(),
    "p99": z.number().optional(),
  });

/** Speed of generation. */
export const TokenRateSchema = z
  .object({
    "tokens_per_second": NonNegativeNumber,
  });

/** Generations that ended. */
export const TelemetryGenerationSchema = z
  .object({
    "calls": NonNegativeInteger,
    "total_tokens": NonNegativeInteger,
    "avg_tokens_per_call": NonNegativeNumber.optional(),
    "latency_ms": LatencyMsSchema.optional(),
    "throughput": TokenRateSchema.optional(),
  });

/** Calls of tokenize. */
export const TelemetryTokenizationSchema = z
  .object({
    "calls": NonNegativeInteger,
    "latency_ms": LatencyMsSchema.optional(),
  });

/** Requests and streams that failed. */
export const TelemetryErrorsSchema = z
  .object({
    "total": NonNegativeInteger,
    "timeouts": NonNegativeInteger,
    "error_rate": NonNegativeNumber,
  });

/** Parts of older runtimes. */
export const NativeOptimizationsSchema = z
  .object({
    "enabled": z.record(z.boolean()),
    "statistics": z.record(z.unknown()),
  });

/** runtime/telemetry */
export const RuntimeTelemetryResponseSchema = z
  .object({
    "enabled": z.boolean(),
    "sampling_rate": NonNegativeNumber.optional(),
    "generation": TelemetryGenerationSchema.optional(),
    "tokenization": TelemetryTokenizationSchema.optional(),
    "errors": TelemetryErrorsSchema.optional(),
    "native_optimizations": NativeOptimizationsSchema,
  });

/** Of whole requests. */
export const BatcherLatencySchema = z
  .object({
    "p50_ms": NonNegativeNumber,
    "p95_ms": NonNegativeNumber,
    "p99_ms": NonNegativeNumber,
    "min_ms": NonNegativeNumber,
    "max_ms": NonNegativeNumber,
    "mean_ms": NonNegativeNumber,
    "count": NonNegativeInteger,
  });

/** A second, over the latest seconds. */
export const RatesBySpanSchema = z
  .object({
    "5s": NonNegativeNumber,
    "30s": NonNegativeNumber,
    "60s": NonNegativeNumber,
  });

/** How much is done. */
export const BatcherThroughputSchema = z
  .object({
    "tokens_per_second": RatesBySpanSchema,
    "requests_per_second": RatesBySpanSchema,
  });

/** Rows of a step. */
export const BatcherBatchSchema = z
  .object({
    "current_size": NonNegativeInteger,
    "min_size": NonNegativeNumber,
    "max_size": NonNegativeNumber,
    "mean_size": NonNegativeNumber,
    "distribution": z.record(z.unknown()),
  });

/** get_batcher_metrics */
export const BatcherMetricsResponseSchema = z
  .object({
    "latency": BatcherLatencySchema,
    "throughput": BatcherThroughputSchema,
    "batch": BatcherBatchSchema,
    "queue_depth": NonNegativeInteger,
    "mode_transitions": NonNegativeInteger,
    "uptime_seconds": NonNegativeNumber,
    "timestamp": NonNegativeNumber,
  });

/** get_batcher_health */
export const BatcherHealthResponseSchema = z
  .object({
    "healthy": z.boolean(),
    "running": z.boolean(),
    "active_batch_size": NonNegativeInteger,
    "pending_queue_size": NonNegativeInteger,
    "total_requests": NonNegativeInteger,
    "completed_requests": NonNegativeInteger,
    "max_batch_size": NonNegativeInteger,
    "error_indicators": z.array(z.string()),
  });

/** Memory of one model. */
export const MemoryControllerMetricsSchema = z
  .object({
    "enabled": z.boolean(),
    "current_limit": NonNegativeInteger,
    "utilization": NonNegativeNumber,
    "active_memory_gb": NonNegativeNumber,
    "oom_prevented": NonNegativeInteger,
  });

/** The prefix cache of one model. */
export const PromptCacheMetricsSchema = z
  .object({
    "enabled": z.boolean(),
    "cache_size": NonNegativeInteger,
    "hit_rate": NonNegativeNumber,
    "total_requests": NonNegativeInteger,
    "cache_hits": NonNegativeInteger,
    "memory_mb": NonNegativeNumber,
  });

/** Parts of get_week4_metrics. */
export const Week4FeaturesSchema = z
  .object({
    "memory_controller": MemoryControllerMetricsSchema,
    "prompt_cache": PromptCacheMetricsSchema,
  });

/** Requests of one model. */
export const BatcherPerformanceSchema = z
  .object({
    "total_requests": NonNegativeInteger,
    "completed_requests": NonNegativeInteger,
    "avg_batch_size": NonNegativeNumber,
    "max_batch_size": NonNegativeInteger,
    "active_batch_size": NonNegativeInteger,
  });

/** get_week4_metrics */
export const Week4MetricsResponseSchema = z
  .object({
    "week4_features": Week4FeaturesSchema,
    "performance": BatcherPerformanceSchema,
  });

/** A likely token at one position. */
export const TopLogprobSchema = z
  .object({
    "token": z.string(),
    "token_id": NonNegativeInteger,
    "logprob": z.number(),
  });

/** Params of stream.chunk. */
export const StreamChunkParamsSchema = z
  .object({
    "stream_id": z.string(),
    "token": z.string(),
    "token_id": NonNegativeInteger,
    "logprob": z.number().optional(),
    "is_final": z.boolean(),
    "cumulative_text": z.string().optional(),
    "top_logprobs": z.array(TopLogprobSchema).optional(),
  });

/** Params of stream.stats. */
export const StreamStatsParamsSchema = z
  .object({
    "stream_id": z.string(),
    "tokens_generated": NonNegativeInteger,
    "tokens_per_second": NonNegativeNumber,
    "time_to_first_token": NonNegativeNumber,
    "total_time": NonNegativeNumber,
  });

/** Params of stream.event, the last of a stream. */
export const StreamEventParamsSchema = z
  .object({
    "stream_id": z.string(),
    "event": z.enum(["completed", "error"]),
    "error": z.string().optional(),
    "is_final": z.boolean(),
    "finish_reason": z.string().optional(),
    "code": z.string().optional(),
    "stats": StreamStatsParamsSchema.optional(),
  });

/** A token. */
export const StreamChunkNotificationSchema = z
  .object({
    "jsonrpc": z.literal("2.0"),
    "method": z.literal("stream.chunk"),
    "params": StreamChunkParamsSchema,
  });

/** What the stream took. */
export const StreamStatsNotificationSchema = z
  .object({
    "jsonrpc": z.literal("2.0"),
    "method": z.literal("stream.stats"),
    "params": StreamStatsParamsSchema,
  });

/** The stream's end. */
export const StreamEventNotificationSchema = z
  .object({
    "jsonrpc": z.literal("2.0"),
    "method": z.literal("stream.event"),
    "params": StreamEventParamsSchema,
  });

/** A model that is loaded at the start. */
export const PreloadModelConfigSchema = z
  .object({
    "model_id": z.string(),
    "warmup_requests": z.number().int().gte(0).optional(),
    "max_tokens": z.number().int().gt(0).optional(),
    "warmup_prompts": z.array(z.string()).optional(),
    "options": z.record(z.unknown()).optional(),
  });

/** batch_queue */
export const BatchQueueConfigSchema = z
  .object({
    "enabled": z.boolean(),
    "max_batch_size": z.number().int().gt(0),
    "flush_interval_ms": z.number().int().gt(0),
    "adaptive_sizing": z.boolean().optional(),
    "target_batch_time_ms": z.number().int().gt(0).optional(),
    "priority_queue": z.boolean().optional(),
  });

/** generate_batcher */
export const GenerateBatcherConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "min_batch_size": z.number().optional(),
    "max_batch_size": z.number().optional(),
    "min_hold_ms": z.number().optional(),
    "max_hold_ms": z.number().optional(),
    "background_hold_extension_ms": z.number().optional(),
    "target_batch_time_ms": z.number().optional(),
    "pause_on_backpressure_ms": z.number().optional(),
  });

/** python_runtime */
export const PythonRuntimeConfigSchema = z
  .object({
    "python_path": z.string().min(1),
    "runtime_path": z.string().min(1),
    "max_restarts": z.number().int().gte(0),
    "startup_timeout_ms": z.number().int().gte(1000),
    "shutdown_timeout_ms": z.number().int().gt(0),
    "init_probe_fallback_ms": z.number().int().gt(0),
    "restart_delay_base_ms": z.number().int().gt(0),
  });

/** json_rpc.retry */
export const JsonRpcRetryConfigSchema = z
  .object({
    "max_attempts": z.number().int().gte(1),
    "initial_delay_ms": z.number().int().gte(0),
    "max_delay_ms": z.number().int().gt(0),
    "backoff_multiplier": z.number().gte(1),
    "jitter": z.number().gte(0).lte(1).optional(),
    "retryable_errors": z.array(z.string()),
  })
  .refine((value) => (value.max_delay_ms ?? Infinity) >= (value.initial_delay_ms ?? -Infinity), { message: "must be >= initial_delay_ms", path: ["max_delay_ms"] });

/** json_rpc.circuit_breaker */
export const JsonRpcCircuitBreakerConfigSchema = z
  .object({
    "failure_threshold": z.number().int().gte(1),
    "recovery_timeout_ms": z.number().int().gt(0),
    "half_open_max_calls": z.number().int().gte(1),
    "half_open_success_threshold": z.number().int().gte(1),
    "failure_window_ms": z.number().int().gt(0).optional(),
  });

/** json_rpc */
export const JsonRpcConfigSchema = z
  .object({
    "default_timeout_ms": z.number().int().gt(0),
    "max_line_buffer_size": z.number().int().gt(0),
    "max_pending_requests": z.number().int().gt(0),
    "retry": JsonRpcRetryConfigSchema,
    "circuit_breaker": JsonRpcCircuitBreakerConfigSchema,
  });

/** stream_registry.adaptive_limits */
export const AdaptiveLimitsConfigSchema = z
  .object({
    "enabled": z.boolean(),
    "min_streams": z.number().int().gt(0),
    "max_streams": z.number().int().gt(0),
    "target_ttft_ms": z.number().int().gt(0),
    "target_latency_ms": z.number().int().gt(0),
    "adjustment_interval_ms": z.number().int().gt(0),
    "scale_up_threshold": z.number().gte(0).lte(1),
    "scale_down_threshold": z.number().gte(0).lte(1),
  })
  .refine((value) => (value.max_streams ?? Infinity) >= (value.min_streams ?? -Infinity), { message: "max_streams must be >= min_streams", path: ["max_streams"] });

/** stream_registry.chunk_pooling */
export const ChunkPoolingConfigSchema = z
  .object({
    "enabled": z.boolean(),
    "pool_size": z.number().int().gt(0),
    "pool_cleanup_interval_ms": z.number().int().gt(0),
  });

/** stream_registry.backpressure */
export const BackpressureConfigSchema = z
  .object({
    "enabled": z.boolean(),
    "max_unacked_chunks": z.number().int().gt(0),
    "ack_timeout_ms": z.number().int().gt(0),
    "slow_consumer_threshold_ms": z.number().int().gt(0),
  });

/** stream_registry.metrics */
export const StreamMetricsConfigSchema = z
  .object({
    "enabled": z.boolean(),
    "track_ttft": z.boolean(),
    "track_throughput": z.boolean(),
    "track_cancellations": z.boolean(),
    "export_interval_ms": z.number().int().gt(0),
  });

/** stream_registry */
export const StreamRegistryConfigSchema = z
  .object({
    "default_timeout_ms": z.number().int().gt(0),
    "max_active_streams": z.number().int().gte(1),
    "cleanup_interval_ms": z.number().int().gt(0),
    "adaptive_limits": AdaptiveLimitsConfigSchema,
    "chunk_pooling": ChunkPoolingConfigSchema,
    "backpressure": BackpressureConfigSchema,
    "metrics": StreamMetricsConfigSchema,
  });

/** model_concurrency_limiter.tier_limits.30B+ */
export const ModelConcurrencyLimiterTierLimits30BUpConfigSchema = z
  .object({
    "max_concurrent": z.number().optional(),
    "queue_depth": z.number().optional(),
    "queue_timeout_ms": z.number().optional(),
  });

/** model_concurrency_limiter.tier_limits.13-27B */
export const ModelConcurrencyLimiterTierLimits13To27BConfigSchema = z
  .object({
    "max_concurrent": z.number().optional(),
    "queue_depth": z.number().optional(),
    "queue_timeout_ms": z.number().optional(),
  });

/** model_concurrency_limiter.tier_limits.7-13B */
export const ModelConcurrencyLimiterTierLimits7To13BConfigSchema = z
  .object({
    "max_concurrent": z.number().optional(),
    "queue_depth": z.number().optional(),
    "queue_timeout_ms": z.number().optional(),
  });

/** model_concurrency_limiter.tier_limits.3-7B */
export const ModelConcurrencyLimiterTierLimits3To7BConfigSchema = z
  .object({
    "max_concurrent": z.number().optional(),
    "queue_depth": z.number().optional(),
    "queue_timeout_ms": z.number().optional(),
  });

/** model_concurrency_limiter.tier_limits.<3B */
export const ModelConcurrencyLimiterTierLimitsBelow3BConfigSchema = z
  .object({
    "max_concurrent": z.number().optional(),
    "queue_depth": z.number().optional(),
    "queue_timeout_ms": z.number().optional(),
  });

/** model_concurrency_limiter.tier_limits */
export const ModelConcurrencyLimiterTierLimitsConfigSchema = z
  .object({
    "30B+": ModelConcurrencyLimiterTierLimits30BUpConfigSchema.optional(),
    "13-27B": ModelConcurrencyLimiterTierLimits13To27BConfigSchema.optional(),
    "7-13B": ModelConcurrencyLimiterTierLimits7To13BConfigSchema.optional(),
    "3-7B": ModelConcurrencyLimiterTierLimits3To7BConfigSchema.optional(),
    "<3B": ModelConcurrencyLimiterTierLimitsBelow3BConfigSchema.optional(),
  });

/** model_concurrency_limiter */
export const ModelConcurrencyLimiterConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "tier_limits": ModelConcurrencyLimiterTierLimitsConfigSchema.optional(),
  });

/** streaming.phase4.adaptive_governor.pid */
export const StreamingPhase4AdaptiveGovernorPidConfigSchema = z
  .object({
    "kp": z.number().optional(),
    "ki": z.number().optional(),
    "kd": z.number().optional(),
    "integral_saturation": z.number().optional(),
    "sample_interval_ms": z.number().optional(),
  });

/** streaming.phase4.adaptive_governor.cleanup */
export const StreamingPhase4AdaptiveGovernorCleanupConfigSchema = z
  .object({
    "sweep_interval_ms": z.number().optional(),
    "max_stale_lifetime_ms": z.number().optional(),
  });

/** streaming.phase4.adaptive_governor.tenant_budgets.default */
export const StreamingPhase4AdaptiveGovernorTenantBudgetsDefaultConfigSchema = z
  .object({
    "tenant_id": z.string().optional(),
    "hard_limit": z.number().optional(),
    "burst_limit": z.number().optional(),
    "decay_ms": z.number().optional(),
  });

/** streaming.phase4.adaptive_governor.tenant_budgets */
export const StreamingPhase4AdaptiveGovernorTenantBudgetsConfigSchema = z
  .object({
    "default": StreamingPhase4AdaptiveGovernorTenantBudgetsDefaultConfigSchema.optional(),
  });

/** streaming.phase4.adaptive_governor */
export const AdaptiveGovernorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "target_ttft_ms": z.number().optional(),
    "max_concurrent": z.number().optional(),
    "min_concurrent": z.number().optional(),
    "pid": StreamingPhase4AdaptiveGovernorPidConfigSchema.optional(),
    "cleanup": StreamingPhase4AdaptiveGovernorCleanupConfigSchema.optional(),
    "tenant_budgets": StreamingPhase4AdaptiveGovernorTenantBudgetsConfigSchema.optional(),
  })
  .refine((value) => (value.max_concurrent ?? Infinity) >= (value.min_concurrent ?? -Infinity), { message: "max_concurrent must be >= min_concurrent", path: ["max_concurrent"] });

/** streaming.phase4 */
export const StreamingPhase4ConfigSchema = z
  .object({
    "adaptive_governor": AdaptiveGovernorConfigSchema.optional(),
  });

/** streaming */
export const StreamingConfigSchema = z
  .object({
    "phase4": StreamingPhase4ConfigSchema.optional(),
  });

/** model_preload */
export const ModelPreloadConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "parallel": z.boolean().optional(),
    "max_parallel": z.number().optional(),
    "fail_fast": z.boolean().optional(),
    "models": z.array(PreloadModelConfigSchema).optional(),
  });

/** model.memory_cache */
export const ModelMemoryCacheConfigSchema = z
  .object({
    "enabled": z.boolean(),
    "max_cached_models": z.number().int().gt(0),
    "eviction_strategy": z.literal("lru"),
    "warmup_on_start": z.array(z.string()),
    "track_stats": z.boolean(),
  });

/** model */
export const ModelConfigSchema = z
  .object({
    "default_context_length": z.number().int().gt(0),
    "default_max_tokens": z.number().int().gt(0),
    "max_loaded_models": z.number().int().gt(0),
    "supported_dtypes": z.array(z.string()),
    "default_quantization": z.enum(["none", "int8", "int4"]),
    "default_dtype": z.string().min(1),
    "trusted_model_directories": z.array(z.string()).nullable(),
    "max_generation_tokens": z.number().int().gt(0),
    "max_temperature": z.number().gte(0),
    "memory_cache": ModelMemoryCacheConfigSchema,
  });

/** mlx */
export const MlxConfigSchema = z
  .object({
    "concurrency_limit": z.number().int().gte(1).lte(10).optional(),
    "force_metal_sync": z.boolean().optional(),
  });

/** metal_optimizations.memory_pool */
export const MetalOptimizationsMemoryPoolConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "heap_size_mb": z.number().optional(),
    "num_heaps": z.number().optional(),
    "warmup_sizes": z.array(z.number()).optional(),
    "track_statistics": z.boolean().optional(),
    "log_exhaustion": z.boolean().optional(),
  });

/** metal_optimizations.blit_queue */
export const MetalOptimizationsBlitQueueConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "use_shared_events": z.boolean().optional(),
    "staging_buffer_size_mb": z.number().optional(),
    "max_concurrent_ops": z.number().optional(),
    "verbose_logging": z.boolean().optional(),
    "track_metrics": z.boolean().optional(),
  });

/** metal_optimizations.command_buffer_ring */
export const MetalOptimizationsCommandBufferRingConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "ring_size": z.number().optional(),
    "timeout_ms": z.number().optional(),
    "log_wait_events": z.boolean().optional(),
    "track_statistics": z.boolean().optional(),
  });

/** metal_optimizations */
export const MetalOptimizationsConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "memory_pool": MetalOptimizationsMemoryPoolConfigSchema.optional(),
    "blit_queue": MetalOptimizationsBlitQueueConfigSchema.optional(),
    "command_buffer_ring": MetalOptimizationsCommandBufferRingConfigSchema.optional(),
    "graceful_fallback": z.boolean().optional(),
    "fallback_log_level": z.string().optional(),
  });

/** cpu_optimizations.parallel_tokenizer */
export const CpuOptimizationsParallelTokenizerConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "num_threads": z.number().optional(),
    "use_accelerate": z.boolean().optional(),
    "batch_mode": z.boolean().optional(),
    "thread_pool_size": z.number().optional(),
    "track_statistics": z.boolean().optional(),
    "log_operations": z.boolean().optional(),
  });

/** cpu_optimizations */
export const CpuOptimizationsConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "parallel_tokenizer": CpuOptimizationsParallelTokenizerConfigSchema.optional(),
  });

/** kv_cache_pool */
export const KvCachePoolConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_size": z.number().optional(),
    "ttl_seconds": z.number().optional(),
    "enable_prefix_sharing": z.boolean().optional(),
    "prefix_length_ratio": z.number().optional(),
    "enable_statistics": z.boolean().optional(),
    "log_operations": z.boolean().optional(),
  });

/** cache */
export const CacheConfigSchema = z
  .object({
    "enabled": z.boolean(),
    "cache_dir": z.string().min(1),
    "max_size_bytes": z.number().int().gt(0),
    "max_age_days": z.number().int().gt(0),
    "eviction_policy": z.enum(["lru", "lfu", "fifo"]),
    "preload_models": z.array(z.string()),
    "validate_on_startup": z.boolean(),
    "enable_compression": z.boolean(),
  });

/** python_bridge */
export const PythonBridgeConfigSchema = z
  .object({
    "max_buffer_size": z.number().int().gte(1024),
    "stream_queue_size": z.number().int().gt(0),
    "queue_put_max_retries": z.number().int().gte(0),
    "queue_put_backoff_ms": z.number().int().gt(0),
  });

/** outlines */
export const OutlinesConfigSchema = z
  .object({
    "max_schema_size_bytes": z.number().int().gt(0),
  });

/** performance */
export const PerformanceConfigSchema = z
  .object({
    "aggressive_gc": z.boolean(),
    "enable_batching": z.boolean(),
    "batch_size": z.number().int().gt(0),
    "batch_timeout_ms": z.number().int().gt(0),
    "use_messagepack": z.boolean(),
  });

/** telemetry */
export const TelemetryConfigSchema = z
  .object({
    "enabled": z.boolean(),
    "service_name": z.string().min(1),
    "prometheus_port": z.number().int().gte(1024).lte(65535),
    "export_interval_ms": z.number().int().gt(0),
    "sampling_rate": z.number().gte(0).lte(1).optional(),
  });

/** development */
export const DevelopmentConfigSchema = z
  .object({
    "verbose": z.boolean(),
    "debug": z.boolean(),
    "log_ipc": z.boolean(),
    "enable_profiling": z.boolean(),
  });

/** generation_warmup */
export const GenerationWarmupConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "request_count": z.number().int().gte(0).optional(),
    "max_tokens": z.number().int().gt(0).optional(),
    "temperature": z.number().optional(),
    "top_p": z.number().optional(),
    "timeout_ms": z.number().int().gt(0).optional(),
    "prompts": z.array(z.string()).optional(),
    "model_overrides": z.array(z.record(z.unknown())).optional(),
  });

/** validation */
export const ValidationConfigSchema = z
  .object({
    "mode": z.enum(["strict", "warn"]).optional(),
  });

/** environments */
export const EnvironmentsConfigSchema = z
  .object({
    "production": z.record(z.unknown()).optional(),
    "development": z.record(z.unknown()).optional(),
    "test": z.record(z.unknown()).optional(),
  });

/** request_deduplication */
export const RequestDeduplicationConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "ttl_ms": z.number().optional(),
    "max_entries": z.number().optional(),
    "max_payload_bytes": z.number().optional(),
  });

/** prompt_cache.persistence */
export const PromptCachePersistenceConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "path": z.string().optional(),
    "save_interval_ms": z.number().optional(),
  });

/** prompt_cache */
export const PromptCacheConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_entries": z.number().optional(),
    "max_total_tokens": z.number().optional(),
    "max_total_bytes": z.number().optional(),
    "ttl_ms": z.number().optional(),
    "cleanup_interval_ms": z.number().optional(),
    "persistence": PromptCachePersistenceConfigSchema.optional(),
  });

/** request_coalescing */
export const RequestCoalescingConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_subscribers": z.number().optional(),
    "timeout_ms": z.number().optional(),
  });

/** continuous_batching */
export const ContinuousBatchingConfigSchema = z
  .object({
    "max_batch_size": z.number().optional(),
    "batch_window_ms": z.number().optional(),
    "adaptive_sizing": z.boolean().optional(),
    "target_gpu_utilization": z.number().optional(),
    "min_batch_size": z.number().optional(),
  });

/** production_infrastructure.canary_deployment.router */
export const ProductionInfrastructureCanaryDeploymentRouterConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "rollout_percentage": z.number().optional(),
    "strategy": z.string().optional(),
    "hash_key": z.string().optional(),
  });

/** production_infrastructure.canary_deployment.health_check */
export const ProductionInfrastructureCanaryDeploymentHealthCheckConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "interval_seconds": z.number().optional(),
    "window_size_seconds": z.number().optional(),
  });

/** production_infrastructure.canary_deployment.rollback */
export const ProductionInfrastructureCanaryDeploymentRollbackConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "error_rate_threshold": z.number().optional(),
    "latency_threshold_p95": z.number().optional(),
    "cooldown_minutes": z.number().optional(),
  });

/** production_infrastructure.canary_deployment */
export const ProductionInfrastructureCanaryDeploymentConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "initial_stage": z.string().optional(),
    "auto_advance": z.boolean().optional(),
    "router": ProductionInfrastructureCanaryDeploymentRouterConfigSchema.optional(),
    "health_check": ProductionInfrastructureCanaryDeploymentHealthCheckConfigSchema.optional(),
    "rollback": ProductionInfrastructureCanaryDeploymentRollbackConfigSchema.optional(),
  });

/** production_infrastructure.ab_testing */
export const ProductionInfrastructureAbTestingConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "min_sample_size": z.number().optional(),
    "confidence_level": z.number().optional(),
    "warmup_runs": z.number().optional(),
    "timeout_ms": z.number().optional(),
  });

/** production_infrastructure.regression_detection.monitoring */
export const ProductionInfrastructureRegressionDetectionMonitoringConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "window_size_seconds": z.number().optional(),
    "check_interval_seconds": z.number().optional(),
  });

/** production_infrastructure.regression_detection.thresholds */
export const ProductionInfrastructureRegressionDetectionThresholdsConfigSchema = z
  .object({
    "throughput_drop_percent": z.number().optional(),
    "ttft_increase_percent": z.number().optional(),
    "error_rate_percent": z.number().optional(),
    "p99_latency_increase_percent": z.number().optional(),
  });

/** production_infrastructure.regression_detection.alerting */
export const ProductionInfrastructureRegressionDetectionAlertingConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "channels": z.array(z.string()).optional(),
    "slack_webhook_url": z.string().optional(),
    "pagerduty_integration_key": z.string().optional(),
    "generic_webhook_url": z.string().optional(),
  });

/** production_infrastructure.regression_detection.rollback */
export const ProductionInfrastructureRegressionDetectionRollbackConfigSchema = z
  .object({
    "auto_rollback": z.boolean().optional(),
  });

/** production_infrastructure.regression_detection */
export const ProductionInfrastructureRegressionDetectionConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "monitoring": ProductionInfrastructureRegressionDetectionMonitoringConfigSchema.optional(),
    "thresholds": ProductionInfrastructureRegressionDetectionThresholdsConfigSchema.optional(),
    "alerting": ProductionInfrastructureRegressionDetectionAlertingConfigSchema.optional(),
    "rollback": ProductionInfrastructureRegressionDetectionRollbackConfigSchema.optional(),
  });

/** production_infrastructure */
export const ProductionInfrastructureConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "canary_deployment": ProductionInfrastructureCanaryDeploymentConfigSchema.optional(),
    "ab_testing": ProductionInfrastructureAbTestingConfigSchema.optional(),
    "regression_detection": ProductionInfrastructureRegressionDetectionConfigSchema.optional(),
  });

/** runtime_router */
export const RuntimeRouterConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "worker_count": z.number().optional(),
    "routing_strategy": z.string().optional(),
    "health_check_interval_ms": z.number().optional(),
    "worker_restart_delay_ms": z.number().optional(),
    "sticky_session_enabled": z.boolean().optional(),
    "sticky_session_ttl_ms": z.number().optional(),
  });

/** python_runtime_manager */
export const PythonRuntimeManagerConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "worker_count": z.number().optional(),
    "heartbeat_interval_ms": z.number().optional(),
    "heartbeat_timeout_ms": z.number().optional(),
  });

/** adaptive_batch_coordinator */
export const AdaptiveBatchCoordinatorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "python_rpc_method": z.string().optional(),
    "update_interval_ms": z.number().optional(),
    "default_batch_size": z.number().optional(),
    "min_batch_size": z.number().optional(),
    "max_batch_size": z.number().optional(),
    "rpc_timeout_ms": z.number().optional(),
  });

/** retry_policy */
export const RetryPolicyConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_attempts": z.number().optional(),
    "initial_delay_ms": z.number().optional(),
    "max_delay_ms": z.number().optional(),
    "backoff_multiplier": z.number().optional(),
    "jitter": z.number().optional(),
    "retryable_errors": z.array(z.string()).optional(),
  });

/** circuit_breaker */
export const CircuitBreakerConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "failure_threshold": z.number().optional(),
    "recovery_timeout_ms": z.number().optional(),
    "half_open_max_calls": z.number().optional(),
    "half_open_success_threshold": z.number().optional(),
    "failure_window_ms": z.number().optional(),
  });

/** connection_pool */
export const ConnectionPoolConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "min_connections": z.number().optional(),
    "max_connections": z.number().optional(),
    "acquire_timeout_ms": z.number().optional(),
    "idle_timeout_ms": z.number().optional(),
    "health_check_interval_ms": z.number().optional(),
    "warmup_on_start": z.boolean().optional(),
  });

/** streaming_controller */
export const StreamingControllerConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "chunk_size_bytes": z.number().optional(),
    "chunk_timeout_ms": z.number().optional(),
    "max_unacked_chunks": z.number().optional(),
    "ack_timeout_ms": z.number().optional(),
    "slow_consumer_threshold_ms": z.number().optional(),
    "metrics_export_interval_ms": z.number().optional(),
  });

/** model_lifecycle_manager */
export const ModelLifecycleManagerConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "idle_timeout_ms": z.number().optional(),
    "max_loaded_models": z.number().optional(),
    "prefetch_enabled": z.boolean().optional(),
    "prefetch_min_confidence": z.number().optional(),
    "warmups_on_startup": z.array(z.string()).optional(),
    "pinned_models": z.array(z.string()).optional(),
    "drain_timeout_ms": z.number().optional(),
  });

/** rolling_restart_coordinator */
export const RollingRestartCoordinatorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "drain_timeout_ms": z.number().optional(),
    "min_active_workers": z.number().optional(),
    "preflight_check_enabled": z.boolean().optional(),
    "preflight_timeout_ms": z.number().optional(),
    "request_replay_enabled": z.boolean().optional(),
    "max_replay_attempts": z.number().optional(),
    "watchdog_interval_ms": z.number().optional(),
  });

/** transport.http2.tls */
export const TransportHttp2TlsConfigSchema = z
  .object({
    "ca_file": z.string().optional(),
    "cert_file": z.string().optional(),
    "key_file": z.string().optional(),
    "reject_unauthorized": z.boolean().optional(),
  });

/** transport.http2 */
export const TransportHttp2ConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_sessions": z.number().optional(),
    "max_streams_per_session": z.number().optional(),
    "ping_interval_ms": z.number().optional(),
    "connect_timeout_ms": z.number().optional(),
    "tls": TransportHttp2TlsConfigSchema.optional(),
  });

/** transport.websocket */
export const TransportWebsocketConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_connections": z.number().optional(),
    "max_frame_size_bytes": z.number().optional(),
    "idle_timeout_ms": z.number().optional(),
    "heartbeat_interval_ms": z.number().optional(),
  });

/** transport.sse_writer.chunk_pool */
export const TransportSseWriterChunkPoolConfigSchema = z
  .object({
    "max_pool_size": z.number().optional(),
    "chunk_size": z.number().optional(),
  });

/** transport.sse_writer */
export const TransportSseWriterConfigSchema = z
  .object({
    "chunk_pool": TransportSseWriterChunkPoolConfigSchema.optional(),
    "backpressure_threshold": z.number().optional(),
    "max_buffered_chunks": z.number().optional(),
  });

/** transport */
export const TransportConfigSchema = z
  .object({
    "http2": TransportHttp2ConfigSchema.optional(),
    "websocket": TransportWebsocketConfigSchema.optional(),
    "sse_writer": TransportSseWriterConfigSchema.optional(),
  });

/** ttft_accelerator.warm_queue */
export const TtftAcceleratorWarmQueueConfigSchema = z
  .object({
    "max_size": z.number().optional(),
    "ttl_ms": z.number().optional(),
    "priority_by_tokens": z.boolean().optional(),
  });

/** ttft_accelerator.speculation */
export const TtftAcceleratorSpeculationConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "allowlist_only": z.boolean().optional(),
    "max_candidates": z.number().optional(),
    "min_confidence": z.number().optional(),
    "decay_factor": z.number().optional(),
  });

/** ttft_accelerator.kv_prep */
export const TtftAcceleratorKvPrepConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "prefetch_enabled": z.boolean().optional(),
    "cache_warmup_ms": z.number().optional(),
  });

/** ttft_accelerator */
export const TtftAcceleratorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "warm_queue": TtftAcceleratorWarmQueueConfigSchema.optional(),
    "speculation": TtftAcceleratorSpeculationConfigSchema.optional(),
    "kv_prep": TtftAcceleratorKvPrepConfigSchema.optional(),
  });

/** qos_monitor.evaluator */
export const QosMonitorEvaluatorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "evaluation_interval_ms": z.number().optional(),
    "window_ms": z.number().optional(),
    "tdigest_compression": z.number().optional(),
  });

/** qos_monitor.executor */
export const QosMonitorExecutorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "cooldown_ms": z.number().optional(),
    "max_executions_per_window": z.number().optional(),
    "execution_window_ms": z.number().optional(),
    "loop_detection_window": z.number().optional(),
  });

/** qos_monitor.policy_store */
export const QosMonitorPolicyStoreConfigSchema = z
  .object({
    "policies": z.array(z.record(z.unknown())).optional(),
  });

/** qos_monitor */
export const QosMonitorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "evaluator": QosMonitorEvaluatorConfigSchema.optional(),
    "executor": QosMonitorExecutorConfigSchema.optional(),
    "policy_store": QosMonitorPolicyStoreConfigSchema.optional(),
  });

/** advanced_optimizations.weight_management */
export const AdvancedOptimizationsWeightManagementConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "pin_critical_weights": z.boolean().optional(),
    "pin_all_weights": z.boolean().optional(),
    "prefetch_enabled": z.boolean().optional(),
    "prefetch_threads": z.number().optional(),
    "warmup_on_load": z.boolean().optional(),
    "warmup_buffer_mb": z.number().optional(),
    "use_mmap": z.boolean().optional(),
    "critical_layers": z.number().optional(),
  });

/** advanced_optimizations.priority_scheduling.policy */
export const AdvancedOptimizationsPrioritySchedulingPolicyConfigSchema = z
  .object({
    "shortest_job_first": z.boolean().optional(),
    "fairness_weight": z.number().optional(),
    "aging_enabled": z.boolean().optional(),
    "aging_interval_ms": z.number().optional(),
    "aging_boost": z.number().optional(),
  });

/** advanced_optimizations.priority_scheduling.sla */
export const AdvancedOptimizationsPrioritySchedulingSlaConfigSchema = z
  .object({
    "high_priority_target_ms": z.number().optional(),
    "high_priority_max_ms": z.number().optional(),
    "normal_priority_target_ms": z.number().optional(),
    "normal_priority_max_ms": z.number().optional(),
    "low_priority_target_ms": z.number().optional(),
    "low_priority_max_ms": z.number().optional(),
  });

/** advanced_optimizations.priority_scheduling */
export const AdvancedOptimizationsPrioritySchedulingConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_queue_size": z.number().optional(),
    "max_concurrent": z.number().optional(),
    "enable_metrics": z.boolean().optional(),
    "policy": AdvancedOptimizationsPrioritySchedulingPolicyConfigSchema.optional(),
    "sla": AdvancedOptimizationsPrioritySchedulingSlaConfigSchema.optional(),
  });

/** advanced_optimizations.multi_model */
export const AdvancedOptimizationsMultiModelConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_cached_models": z.number().optional(),
    "eviction_strategy": z.string().optional(),
    "memory_threshold_gb": z.number().optional(),
    "enable_pinning": z.boolean().optional(),
    "preload_on_startup": z.array(z.string()).optional(),
    "preload_parallel": z.number().optional(),
  });

/** advanced_optimizations.horizontal_scaling.load_balancer.circuit_breaker */
export const AdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreakerConfigSchema = z
  .object({
    "failure_threshold": z.number().optional(),
    "timeout_ms": z.number().optional(),
    "half_open_requests": z.number().optional(),
  });

/** advanced_optimizations.horizontal_scaling.load_balancer */
export const AdvancedOptimizationsHorizontalScalingLoadBalancerConfigSchema = z
  .object({
    "strategy": z.string().optional(),
    "health_check_interval_ms": z.number().optional(),
    "unhealthy_threshold": z.number().optional(),
    "circuit_breaker": AdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreakerConfigSchema.optional(),
  });

/** advanced_optimizations.horizontal_scaling.distributed_cache */
export const AdvancedOptimizationsHorizontalScalingDistributedCacheConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "redis_url": z.string().optional(),
    "default_ttl_ms": z.number().optional(),
    "compression_threshold": z.number().optional(),
    "local_fallback": z.boolean().optional(),
  });

/** advanced_optimizations.horizontal_scaling.instance_registry */
export const AdvancedOptimizationsHorizontalScalingInstanceRegistryConfigSchema = z
  .object({
    "auto_scaling": z.boolean().optional(),
    "scale_up_threshold": z.number().optional(),
    "scale_down_threshold": z.number().optional(),
    "min_instances": z.number().optional(),
    "max_instances": z.number().optional(),
    "prometheus_enabled": z.boolean().optional(),
  });

/** advanced_optimizations.horizontal_scaling */
export const AdvancedOptimizationsHorizontalScalingConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "load_balancer": AdvancedOptimizationsHorizontalScalingLoadBalancerConfigSchema.optional(),
    "distributed_cache": AdvancedOptimizationsHorizontalScalingDistributedCacheConfigSchema.optional(),
    "instance_registry": AdvancedOptimizationsHorizontalScalingInstanceRegistryConfigSchema.optional(),
  });

/** advanced_optimizations */
export const AdvancedOptimizationsConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "weight_management": AdvancedOptimizationsWeightManagementConfigSchema.optional(),
    "priority_scheduling": AdvancedOptimizationsPrioritySchedulingConfigSchema.optional(),
    "multi_model": AdvancedOptimizationsMultiModelConfigSchema.optional(),
    "horizontal_scaling": AdvancedOptimizationsHorizontalScalingConfigSchema.optional(),
  });

/** binary_streaming */
export const BinaryStreamingConfigSchema = z
  .object({
    "use_messagepack": z.boolean().optional(),
  });

/** ipc_batching */
export const IpcBatchingConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "max_tokens_per_batch": z.number().int().gt(0).optional(),
    "flush_interval_ms": z.number().int().gt(0).optional(),
  });

/** object_pooling */
export const ObjectPoolingConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "chunk_pool_size": z.number().optional(),
    "stats_pool_size": z.number().optional(),
    "event_pool_size": z.number().optional(),
  });

/** runtime.yaml */
export const RuntimeConfigSchema = z
  .object({
    "batch_queue": BatchQueueConfigSchema,
    "generate_batcher": GenerateBatcherConfigSchema.optional(),
    "python_runtime": PythonRuntimeConfigSchema,
    "json_rpc": JsonRpcConfigSchema,
    "stream_registry": StreamRegistryConfigSchema,
    "model_concurrency_limiter": ModelConcurrencyLimiterConfigSchema.optional(),
    "streaming": StreamingConfigSchema.optional(),
    "model_preload": ModelPreloadConfigSchema.optional(),
    "model": ModelConfigSchema,
    "mlx": MlxConfigSchema.optional(),
    "metal_optimizations": MetalOptimizationsConfigSchema.optional(),
    "cpu_optimizations": CpuOptimizationsConfigSchema.optional(),
    "kv_cache_pool": KvCachePoolConfigSchema.optional(),
    "cache": CacheConfigSchema,
    "python_bridge": PythonBridgeConfigSchema,
    "outlines": OutlinesConfigSchema,
    "performance": PerformanceConfigSchema,
    "telemetry": TelemetryConfigSchema,
    "development": DevelopmentConfigSchema,
    "generation_warmup": GenerationWarmupConfigSchema.optional(),
    "validation": ValidationConfigSchema.optional(),
    "request_deduplication": RequestDeduplicationConfigSchema.optional(),
    "prompt_cache": PromptCacheConfigSchema.optional(),
    "request_coalescing": RequestCoalescingConfigSchema.optional(),
    "continuous_batching": ContinuousBatchingConfigSchema.optional(),
    "production_infrastructure": ProductionInfrastructureConfigSchema.optional(),
    "runtime_router": RuntimeRouterConfigSchema.optional(),
    "python_runtime_manager": PythonRuntimeManagerConfigSchema.optional(),
    "adaptive_batch_coordinator": AdaptiveBatchCoordinatorConfigSchema.optional(),
    "retry_policy": RetryPolicyConfigSchema.optional(),
    "circuit_breaker": CircuitBreakerConfigSchema.optional(),
    "connection_pool": ConnectionPoolConfigSchema.optional(),
    "streaming_controller": StreamingControllerConfigSchema.optional(),
    "model_lifecycle_manager": ModelLifecycleManagerConfigSchema.optional(),
    "rolling_restart_coordinator": RollingRestartCoordinatorConfigSchema.optional(),
    "transport": TransportConfigSchema.optional(),
    "ttft_accelerator": TtftAcceleratorConfigSchema.optional(),
    "qos_monitor": QosMonitorConfigSchema.optional(),
    "advanced_optimizations": AdvancedOptimizationsConfigSchema.optional(),
    "binary_streaming": BinaryStreamingConfigSchema.optional(),
    "ipc_batching": IpcBatchingConfigSchema.optional(),
    "object_pooling": ObjectPoolingConfigSchema.optional(),
    "environments": EnvironmentsConfigSchema.optional(),
  })
  .passthrough();

/** phase4_rollout */
export const FlagsPhase4RolloutConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "percentage": z.number().gte(0, "Invalid rollout percentage: {value}. Must be 0-100.").lte(100, "Invalid rollout percentage: {value}. Must be 0-100.").optional(),
    "hash_seed": z.string().optional(),
  });

/** adaptive_governor */
export const FlagsAdaptiveGovernorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "rollout_percentage": z.number().gte(0, "Invalid rollout percentage: {value}. Must be 0-100.").lte(100, "Invalid rollout percentage: {value}. Must be 0-100.").optional(),
    "hash_seed": z.string().optional(),
  });

/** http2_transport */
export const FlagsHttp2TransportConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "rollout_percentage": z.number().gte(0, "Invalid rollout percentage: {value}. Must be 0-100.").lte(100, "Invalid rollout percentage: {value}. Must be 0-100.").optional(),
    "hash_seed": z.string().optional(),
  });

/** ttft_pipeline.warmup_queue */
export const FlagsTtftPipelineWarmupQueueConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
  });

/** ttft_pipeline.speculation */
export const FlagsTtftPipelineSpeculationConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "allowlist_only": z.boolean().optional(),
  });

/** ttft_pipeline.kv_prep */
export const FlagsTtftPipelineKvPrepConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
  });

/** ttft_pipeline */
export const FlagsTtftPipelineConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "rollout_percentage": z.number().gte(0, "Invalid rollout percentage: {value}. Must be 0-100.").lte(100, "Invalid rollout percentage: {value}. Must be 0-100.").optional(),
    "hash_seed": z.string().optional(),
    "warmup_queue": FlagsTtftPipelineWarmupQueueConfigSchema.optional(),
    "speculation": FlagsTtftPipelineSpeculationConfigSchema.optional(),
    "kv_prep": FlagsTtftPipelineKvPrepConfigSchema.optional(),
  });

/** qos_monitor.evaluator */
export const FlagsQosMonitorEvaluatorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
  });

/** qos_monitor.executor */
export const FlagsQosMonitorExecutorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "dry_run": z.boolean().optional(),
  });

/** qos_monitor.policy_store */
export const FlagsQosMonitorPolicyStoreConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
  });

/** qos_monitor */
export const FlagsQosMonitorConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "rollout_percentage": z.number().gte(0, "Invalid rollout percentage: {value}. Must be 0-100.").lte(100, "Invalid rollout percentage: {value}. Must be 0-100.").optional(),
    "hash_seed": z.string().optional(),
    "evaluator": FlagsQosMonitorEvaluatorConfigSchema.optional(),
    "executor": FlagsQosMonitorExecutorConfigSchema.optional(),
    "policy_store": FlagsQosMonitorPolicyStoreConfigSchema.optional(),
  });

/** qos_integration */
export const FlagsQosIntegrationConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "rollout_percentage": z.number().gte(0, "Invalid rollout percentage: {value}. Must be 0-100.").lte(100, "Invalid rollout percentage: {value}. Must be 0-100.").optional(),
    "hash_seed": z.string().optional(),
  });

/** emergency */
export const FlagsEmergencyConfigSchema = z
  .object({
    "kill_switch": z.boolean().optional(),
    "rollback_to_baseline": z.boolean().optional(),
  });

/** observability */
export const FlagsObservabilityConfigSchema = z
  .object({
    "log_feature_decisions": z.boolean().optional(),
    "export_metrics": z.boolean().optional(),
    "metric_prefix": z.string().optional(),
  });

/** config_reload */
export const FlagsConfigReloadConfigSchema = z
  .object({
    "enabled": z.boolean().optional(),
    "validate_on_reload": z.boolean().optional(),
    "rollback_on_error": z.boolean().optional(),
  });

/** feature-flags.yaml */
export const FeatureFlagsSchema = z
  .object({
    "phase4_rollout": FlagsPhase4RolloutConfigSchema.optional(),
    "adaptive_governor": FlagsAdaptiveGovernorConfigSchema.optional(),
    "http2_transport": FlagsHttp2TransportConfigSchema.optional(),
    "ttft_pipeline": FlagsTtftPipelineConfigSchema.optional(),
    "qos_monitor": FlagsQosMonitorConfigSchema.optional(),
    "qos_integration": FlagsQosIntegrationConfigSchema.optional(),
    "emergency": FlagsEmergencyConfigSchema.optional(),
    "observability": FlagsObservabilityConfigSchema.optional(),
    "config_reload": FlagsConfigReloadConfigSchema.optional(),
  })
  .passthrough();

/** What a stream tells besides its text. */
export const HttpStreamOptionsSchema = z
  .object({
    "include_usage": z.boolean().optional(),
  })
  .strict();

/** Any object. */
export const HttpObjectSchema = z
  .object({
  })
  .passthrough();

/** The one form that the answer must have. */
export const HttpStructuredOutputsSchema = z
  .object({
    "json": z.union([HttpObjectSchema, z.boolean(), z.string()]).nullable().optional(),
    "json_object": z.boolean().nullable().optional(),
    "regex": z.string().nullable().optional(),
    "choice": z.array(z.string()).min(1).nullable().optional(),
    "grammar": z.string().nullable().optional(),
    "xml": z.string().nullable().optional(),
    "structural_tag": z.union([HttpObjectSchema, z.string()]).nullable().optional(),
    "disable_any_whitespace": z.boolean().nullable().optional(),
  })
  .strict();

/** Body of POST /v1/chat/completions. */
export const ChatCompletionRequestSchema = z
  .object({
    "model": z.string().min(1),
    "stream": z.boolean().nullable().optional(),
    "user": z.string().max(512).nullable().optional(),
    "priority": z.enum(["high", "normal", "low"]).optional(),
    "timeout_ms": z.number().int().gte(0).optional(),
    "effective": z.boolean().optional(),
    "messages": z.array(HttpObjectSchema).min(1),
    "stream_options": HttpStreamOptionsSchema.nullable().optional(),
    "n": z.number().int().gte(1).lte(128).nullable().optional(),
    "max_completion_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "stop": z.union([z.string(), z.array(z.string())]).nullable().optional(),
    "tools": z.array(HttpObjectSchema).nullable().optional(),
    "tool_choice": z.union([z.string(), HttpObjectSchema]).nullable().optional(),
    "parallel_tool_calls": z.boolean().nullable().optional(),
    "response_format": HttpObjectSchema.nullable().optional(),
    "structured_outputs": HttpStructuredOutputsSchema.nullable().optional(),
    "guided_json": z.union([HttpObjectSchema, z.boolean(), z.string()]).nullable().optional(),
    "guided_regex": z.string().nullable().optional(),
    "guided_choice": z.array(z.string()).min(1).nullable().optional(),
    "guided_grammar": z.string().nullable().optional(),
    "reasoning_effort": z.string().nullable().optional(),
    "chat_template_kwargs": HttpObjectSchema.nullable().optional(),
    "store": z.boolean().nullable().optional(),
    "service_tier": z.enum(["auto", "default"]).nullable().optional(),
    "prompt_cache_key": z.string().nullable().optional(),
    "temperature": z.number().gte(0).lte(2).optional(),
    "top_k": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "top_p": z.number().gte(0).lte(1).optional(),
    "min_p": z.number().gte(0).lte(1).optional(),
    "typical_p": z.number().gt(0).lte(1).optional(),
    "xtc_probability": z.number().gte(0).lte(1).optional(),
    "xtc_threshold": z.number().gte(0).lte(0.5).optional(),
    "sampler_order": z.enum(["default", "mlx"]).optional(),
    "repetition_penalty": z.number().gt(0).lte(100).optional(),
    "presence_penalty": z.number().gte(-2).lte(2).optional(),
    "frequency_penalty": z.number().gte(-2).lte(2).optional(),
    "penalty_last_n": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "dry_multiplier": z.number().gte(0).lte(100).optional(),
    "dry_base": z.number().gte(1).lte(8).optional(),
    "dry_allowed_length": z.number().int().gte(1).lte(1024).nullable().optional(),
    "dry_penalty_last_n": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "dry_sequence_breakers": z.array(z.string().min(1).max(64)).max(64).optional(),
    "logit_bias": z.record(z.number().gte(-100).lte(100)).optional(),
    "seed": z.number().int().nullable().optional(),
    "logprobs": z.boolean().optional(),
    "top_logprobs": z.number().int().gte(0).lte(20).nullable().optional(),
    "max_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "min_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "stop_token_ids": z.array(z.number().int().gte(0).lte(2147483647)).max(256).optional(),
    "include_stop": z.boolean().optional(),
    "ignore_eos": z.boolean().optional(),
  })
  .strict();

/** Body of POST /v1/completions. */
export const CompletionRequestSchema = z
  .object({
    "model": z.string().min(1),
    "stream": z.boolean().nullable().optional(),
    "user": z.string().max(512).nullable().optional(),
    "priority": z.enum(["high", "normal", "low"]).optional(),
    "timeout_ms": z.number().int().gte(0).optional(),
    "effective": z.boolean().optional(),
    "prompt": z.union([z.string(), z.array(z.string()).min(1), z.array(z.number().int().gte(0).lte(2147483647)).min(1), z.array(z.array(z.number().int().gte(0).lte(2147483647))).min(1)]),
    "stream_options": HttpStreamOptionsSchema.nullable().optional(),
    "n": z.number().int().gte(1).lte(128).nullable().optional(),
    "best_of": z.number().int().gte(1).lte(128).nullable().optional(),
    "echo": z.boolean().nullable().optional(),
    "logprobs": z.number().int().gte(0).lte(20).nullable().optional(),
    "stop": z.union([z.string(), z.array(z.string())]).nullable().optional(),
    "response_format": HttpObjectSchema.nullable().optional(),
    "structured_outputs": HttpStructuredOutputsSchema.nullable().optional(),
    "guided_json": z.union([HttpObjectSchema, z.boolean(), z.string()]).nullable().optional(),
    "guided_regex": z.string().nullable().optional(),
    "guided_choice": z.array(z.string()).min(1).nullable().optional(),
    "guided_grammar": z.string().nullable().optional(),
    "temperature": z.number().gte(0).lte(2).optional(),
    "top_k": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "top_p": z.number().gte(0).lte(1).optional(),
    "min_p": z.number().gte(0).lte(1).optional(),
    "typical_p": z.number().gt(0).lte(1).optional(),
    "xtc_probability": z.number().gte(0).lte(1).optional(),
    "xtc_threshold": z.number().gte(0).lte(0.5).optional(),
    "sampler_order": z.enum(["default", "mlx"]).optional(),
    "repetition_penalty": z.number().gt(0).lte(100).optional(),
    "presence_penalty": z.number().gte(-2).lte(2).optional(),
    "frequency_penalty": z.number().gte(-2).lte(2).optional(),
    "penalty_last_n": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "dry_multiplier": z.number().gte(0).lte(100).optional(),
    "dry_base": z.number().gte(1).lte(8).optional(),
    "dry_allowed_length": z.number().int().gte(1).lte(1024).nullable().optional(),
    "dry_penalty_last_n": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "dry_sequence_breakers": z.array(z.string().min(1).max(64)).max(64).optional(),
    "logit_bias": z.record(z.number().gte(-100).lte(100)).optional(),
    "seed": z.number().int().nullable().optional(),
    "top_logprobs": z.number().int().gte(0).lte(20).nullable().optional(),
    "max_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "min_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "stop_token_ids": z.array(z.number().int().gte(0).lte(2147483647)).max(256).optional(),
    "include_stop": z.boolean().optional(),
    "ignore_eos": z.boolean().optional(),
  })
  .strict();

/** Body of POST /tokenize. */
export const HttpTokenizeRequestSchema = z
  .object({
    "model": z.string().min(1).optional(),
    "content": z.string().optional(),
    "prompt": z.string().optional(),
    "add_special": z.boolean().default(true),
  })
  .strict();

/** Body of POST /detokenize. */
export const HttpDetokenizeRequestSchema = z
  .object({
    "model": z.string().min(1).optional(),
    "tokens": z.array(z.number().int().gte(0).lte(2147483647)),
    "special_tokens": z.boolean().default(true),
  })
  .strict();

/** Body of POST /apply-template. */
export const HttpTemplateRequestSchema = z
  .object({
    "model": z.string().min(1).optional(),
    "messages": z.array(HttpObjectSchema).min(1),
    "tools": z.array(HttpObjectSchema).nullable().optional(),
    "chat_template_kwargs": HttpObjectSchema.nullable().optional(),
  })
  .strict();

/** Body of POST /v1/models/load and /v1/models/unload. */
export const HttpModelRequestSchema = z
  .object({
    "model": z.string().min(1),
    "stream": z.boolean().optional(),
  })
  .strict();

/** Body of POST /v1/embeddings. */
export const EmbeddingRequestSchema = z
  .object({
    "model": z.string().min(1),
    "input": z.union([z.string(), z.array(z.string()).min(1), z.array(z.number().int().gte(0).lte(2147483647)).min(1), z.array(z.array(z.number().int().gte(0).lte(2147483647))).min(1)]),
    "encoding_format": z.enum(["float", "base64"]).optional(),
    "pooling": z.enum(["mean", "last"]).optional(),
    "normalize": z.boolean().optional(),
    "user": z.string().max(512).nullable().optional(),
  })
  .strict();

/** Body of POST /v1/messages. */
export const AnthropicMessagesRequestSchema = z
  .object({
    "model": z.string().min(1),
    "messages": z.array(HttpObjectSchema).min(1),
    "max_tokens": z.number().int().gte(1).lte(2147483647),
    "system": z.union([z.string(), z.array(HttpObjectSchema)]).optional(),
    "stream": z.boolean().optional(),
    "stop_sequences": z.array(z.string()).optional(),
    "tools": z.array(HttpObjectSchema).optional(),
    "tool_choice": HttpObjectSchema.optional(),
    "thinking": HttpObjectSchema.optional(),
    "metadata": HttpObjectSchema.optional(),
    "temperature": z.number().gte(0).lte(2).optional(),
    "top_k": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "top_p": z.number().gte(0).lte(1).optional(),
    "min_p": z.number().gte(0).lte(1).optional(),
    "typical_p": z.number().gt(0).lte(1).optional(),
    "xtc_probability": z.number().gte(0).lte(1).optional(),
    "xtc_threshold": z.number().gte(0).lte(0.5).optional(),
    "sampler_order": z.enum(["default", "mlx"]).optional(),
    "repetition_penalty": z.number().gt(0).lte(100).optional(),
    "presence_penalty": z.number().gte(-2).lte(2).optional(),
    "frequency_penalty": z.number().gte(-2).lte(2).optional(),
    "penalty_last_n": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "dry_multiplier": z.number().gte(0).lte(100).optional(),
    "dry_base": z.number().gte(1).lte(8).optional(),
    "dry_allowed_length": z.number().int().gte(1).lte(1024).nullable().optional(),
    "dry_penalty_last_n": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "dry_sequence_breakers": z.array(z.string().min(1).max(64)).max(64).optional(),
    "logit_bias": z.record(z.number().gte(-100).lte(100)).optional(),
    "seed": z.number().int().nullable().optional(),
    "logprobs": z.boolean().optional(),
    "top_logprobs": z.number().int().gte(0).lte(20).nullable().optional(),
    "min_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "stop": z.array(z.string().min(1).max(512)).max(32).optional(),
    "stop_token_ids": z.array(z.number().int().gte(0).lte(2147483647)).max(256).optional(),
    "include_stop": z.boolean().optional(),
    "ignore_eos": z.boolean().optional(),
  })
  .strict();

/** Body of POST /v1/responses. */
export const ResponsesRequestSchema = z
  .object({
    "model": z.string().min(1),
    "stream": z.boolean().nullable().optional(),
    "user": z.string().max(512).nullable().optional(),
    "priority": z.enum(["high", "normal", "low"]).optional(),
    "timeout_ms": z.number().int().gte(0).optional(),
    "effective": z.boolean().optional(),
    "input": z.union([z.string(), z.array(HttpObjectSchema).min(1)]),
    "instructions": z.string().nullable().optional(),
    "max_output_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "tools": z.array(HttpObjectSchema).optional(),
    "tool_choice": z.union([z.string(), HttpObjectSchema]).optional(),
    "parallel_tool_calls": z.boolean().nullable().optional(),
    "text": HttpObjectSchema.optional(),
    "reasoning": HttpObjectSchema.nullable().optional(),
    "store": z.boolean().nullable().optional(),
    "service_tier": z.enum(["auto", "default"]).nullable().optional(),
    "prompt_cache_key": z.string().nullable().optional(),
    "metadata": HttpObjectSchema.nullable().optional(),
    "temperature": z.number().gte(0).lte(2).optional(),
    "top_k": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "top_p": z.number().gte(0).lte(1).optional(),
    "min_p": z.number().gte(0).lte(1).optional(),
    "typical_p": z.number().gt(0).lte(1).optional(),
    "xtc_probability": z.number().gte(0).lte(1).optional(),
    "xtc_threshold": z.number().gte(0).lte(0.5).optional(),
    "sampler_order": z.enum(["default", "mlx"]).optional(),
    "repetition_penalty": z.number().gt(0).lte(100).optional(),
    "presence_penalty": z.number().gte(-2).lte(2).optional(),
    "frequency_penalty": z.number().gte(-2).lte(2).optional(),
    "penalty_last_n": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "dry_multiplier": z.number().gte(0).lte(100).optional(),
    "dry_base": z.number().gte(1).lte(8).optional(),
    "dry_allowed_length": z.number().int().gte(1).lte(1024).nullable().optional(),
    "dry_penalty_last_n": z.number().int().gte(-1).lte(2147483647).nullable().optional(),
    "dry_sequence_breakers": z.array(z.string().min(1).max(64)).max(64).optional(),
    "logit_bias": z.record(z.number().gte(-100).lte(100)).optional(),
    "seed": z.number().int().nullable().optional(),
    "logprobs": z.boolean().optional(),
    "top_logprobs": z.number().int().gte(0).lte(20).nullable().optional(),
    "max_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "min_tokens": z.number().int().gte(0).lte(2147483647).nullable().optional(),
    "stop": z.array(z.string().min(1).max(512)).max(32).optional(),
    "stop_token_ids": z.array(z.number().int().gte(0).lte(2147483647)).max(256).optional(),
    "include_stop": z.boolean().optional(),
    "ignore_eos": z.boolean().optional(),
  })
  .strict();
