// runtime.yaml: the sections that the engine and its runtime read. One row a key: type, whether a file must have it,
// default. A row that is inert is accepted so that existing files keep working, and has no effect.
#include "schema/dormant_sections.h"
#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

using enum Need;

constexpr const char* kEvictionPolicies[] = {"lru", "lfu", "fifo"};
constexpr const char* kLru[] = {"lru"};
constexpr Type kNumbers = list_of(kNumber);
constexpr Type kObjects = list_of(kAnyMap);

constexpr Field kPreloadModelFields[] = {
    {"model_id", kText, required},
    {"warmup_requests", integer(kFromZero), optional, "0", "Generations before the model counts as ready."},
    {"max_tokens", integer(kPositive), optional, "10"},
    {"warmup_prompts", kTexts, optional, "[]", "Used in turn."},
    {"options", kAnyMap, optional, nullptr, "Options of load_model."},
};
constexpr Message kPreloadModel = {"PreloadModelConfig", "A model that is loaded at the start.", kPreloadModelFields};
constexpr Type kPreloadModelType = object(kPreloadModel);

constexpr Field kBatchQueueFields[] = {
    {"enabled", boolean(), required, "false", "Master switch of BatchQueue and OpsMultiplexer."},
    {"max_batch_size", integer(kPositive), required, "20", "Initial adaptive size; also sizes the multiplexer."},
    {"flush_interval_ms", integer(kPositive), required, "2", "Max wait before flush."},
    {"adaptive_sizing", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"target_batch_time_ms", integer(kPositive), optional, "10", "", nullptr, Effect::inert},
    {"priority_queue", boolean(), optional, "true", "", nullptr, Effect::inert},
};
constexpr Message kBatchQueue = {"BatchQueueConfig", "batch_queue", kBatchQueueFields};

constexpr Field kGenerateBatcherFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"min_batch_size", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"max_batch_size", kNumber, optional, "16", "", nullptr, Effect::inert},
    {"min_hold_ms", kNumber, optional, "0.75", "", nullptr, Effect::inert},
    {"max_hold_ms", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"background_hold_extension_ms", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"target_batch_time_ms", kNumber, optional, "12", "", nullptr, Effect::inert},
    {"pause_on_backpressure_ms", kNumber, optional, "20", "", nullptr, Effect::inert},
};
constexpr Message kGenerateBatcher = {"GenerateBatcherConfig", "generate_batcher", kGenerateBatcherFields};

constexpr Field kPythonRuntimeFields[] = {
    {"python_path", text().sized(1), required, "\".kr-mlx-venv/bin/python\"", "", nullptr, Effect::inert},
    {"runtime_path", text().sized(1), required, "\"python/runtime.py\"", "", nullptr, Effect::inert},
    {"max_restarts", integer({0, kInfinity}), required, "3"},
    {"startup_timeout_ms", integer({1000, kInfinity}), required, "30000"},
    {"shutdown_timeout_ms", integer(kPositive), required, "5000"},
    {"init_probe_fallback_ms", integer(kPositive), required, "3000"},
    {"restart_delay_base_ms", integer(kPositive), required, "1000", "Times attempt number."},
};
constexpr Message kPythonRuntime = {"PythonRuntimeConfig", "python_runtime", kPythonRuntimeFields};

constexpr Field kJsonRpcRetryFields[] = {
    {"max_attempts", integer({1, kInfinity}), required, "3"},
    {"initial_delay_ms", integer({0, kInfinity}), required, "100"},
    {"max_delay_ms", integer(kPositive), required, "5000", ">=  initial."},
    {"backoff_multiplier", number({1, kInfinity}), required, "2"},
    {"jitter", number({0, 1}), optional, "0.25"},
    {"retryable_errors", kTexts, required, "[\"TIMEOUT\",\"ECONNRESET\"]"},
};
constexpr Rule kJsonRpcRetryRules[] = {
    {Rule::Kind::at_least, "max_delay_ms", "initial_delay_ms", "must be >= initial_delay_ms"}};
constexpr Message kJsonRpcRetry = {
    "JsonRpcRetryConfig", "json_rpc.retry", kJsonRpcRetryFields, Extra::strip, Voice::zod, false, kJsonRpcRetryRules};

constexpr Field kJsonRpcCircuitBreakerFields[] = {
    {"failure_threshold", integer({1, kInfinity}), required, "5"},
    {"recovery_timeout_ms", integer(kPositive), required, "10000"},
    {"half_open_max_calls", integer({1, kInfinity}), required, "1"},
    {"half_open_success_threshold", integer({1, kInfinity}), required, "2"},
    {"failure_window_ms", integer(kPositive), optional, "60000"},
};
constexpr Message kJsonRpcCircuitBreaker = {"JsonRpcCircuitBreakerConfig", "json_rpc.circuit_breaker",
                                            kJsonRpcCircuitBreakerFields};

constexpr Field kJsonRpcFields[] = {
    {"default_timeout_ms", integer(kPositive), required, "300000"},
    {"max_line_buffer_size", integer(kPositive), required, "65536", "Bytes; client stdout buffer."},
    {"max_pending_requests", integer(kPositive), required, "100"},
    {"retry", object(kJsonRpcRetry), required},
    {"circuit_breaker", object(kJsonRpcCircuitBreaker), required},
};
constexpr Message kJsonRpc = {"JsonRpcConfig", "json_rpc", kJsonRpcFields};

constexpr Field kStreamRegistryAdaptiveLimitsFields[] = {
    {"enabled", boolean(), required, "false"},
    {"min_streams", integer(kPositive), required, "1"},
    {"max_streams", integer(kPositive), required, "50"},
    {"target_ttft_ms", integer(kPositive), required, "1000"},
    {"target_latency_ms", integer(kPositive), required, "100", "", nullptr, Effect::inert},
    {"adjustment_interval_ms", integer(kPositive), required, "5000"},
    {"scale_up_threshold", number({0, 1}), required, "0.8", "Utilisation."},
    {"scale_down_threshold", number({0, 1}), required, "0.3"},
};
constexpr Rule kStreamRegistryAdaptiveLimitsRules[] = {
    {Rule::Kind::at_least, "max_streams", "min_streams", "max_streams must be >= min_streams"}};
constexpr Message kStreamRegistryAdaptiveLimits = {"AdaptiveLimitsConfig",
                                                   "stream_registry.adaptive_limits",
                                                   kStreamRegistryAdaptiveLimitsFields,
                                                   Extra::strip,
                                                   Voice::zod,
                                                   false,
                                                   kStreamRegistryAdaptiveLimitsRules};

constexpr Field kStreamRegistryChunkPoolingFields[] = {
    {"enabled", boolean(), required, "true", "", nullptr, Effect::inert},
    {"pool_size", integer(kPositive), required, "1000", "", nullptr, Effect::inert},
    {"pool_cleanup_interval_ms", integer(kPositive), required, "30000", "", nullptr, Effect::inert},
};
constexpr Message kStreamRegistryChunkPooling = {"ChunkPoolingConfig", "stream_registry.chunk_pooling",
                                                 kStreamRegistryChunkPoolingFields};

constexpr Field kStreamRegistryBackpressureFields[] = {
    {"enabled", boolean(), required, "true"},
    {"max_unacked_chunks", integer(kPositive), required, "100"},
    {"ack_timeout_ms", integer(kPositive), required, "5000", "", nullptr, Effect::inert},
    {"slow_consumer_threshold_ms", integer(kPositive), required, "1000"},
};
constexpr Message kStreamRegistryBackpressure = {"BackpressureConfig", "stream_registry.backpressure",
                                                 kStreamRegistryBackpressureFields};

constexpr Field kStreamRegistryMetricsFields[] = {
    {"enabled", boolean(), required, "true"},
    {"track_ttft", boolean(), required, "true", "", nullptr, Effect::inert},
    {"track_throughput", boolean(), required, "true", "", nullptr, Effect::inert},
    {"track_cancellations", boolean(), required, "true", "", nullptr, Effect::inert},
    {"export_interval_ms", integer(kPositive), required, "10000", "MetricsExport event."},
};
constexpr Message kStreamRegistryMetrics = {"StreamMetricsConfig", "stream_registry.metrics",
                                            kStreamRegistryMetricsFields};

constexpr Field kStreamRegistryFields[] = {
    {"default_timeout_ms", integer(kPositive), required, "300000"},
    {"max_active_streams", integer({1, kInfinity}), required, "10"},
    {"cleanup_interval_ms", integer(kPositive), required, "60000", "", nullptr, Effect::inert},
    {"adaptive_limits", object(kStreamRegistryAdaptiveLimits), required},
    {"chunk_pooling", object(kStreamRegistryChunkPooling), required},
    {"backpressure", object(kStreamRegistryBackpressure), required},
    {"metrics", object(kStreamRegistryMetrics), required},
};
constexpr Message kStreamRegistry = {"StreamRegistryConfig", "stream_registry", kStreamRegistryFields};

constexpr Field kModelConcurrencyLimiterTierLimits30BUpFields[] = {
    {"max_concurrent", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"queue_depth", kNumber, optional, "25", "", nullptr, Effect::inert},
    {"queue_timeout_ms", kNumber, optional, "60000", "", nullptr, Effect::inert},
};
constexpr Message kModelConcurrencyLimiterTierLimits30BUp = {"ModelConcurrencyLimiterTierLimits30BUpConfig",
                                                             "model_concurrency_limiter.tier_limits.30B+",
                                                             kModelConcurrencyLimiterTierLimits30BUpFields};

constexpr Field kModelConcurrencyLimiterTierLimits13To27BFields[] = {
    {"max_concurrent", kNumber, optional, "8", "", nullptr, Effect::inert},
    {"queue_depth", kNumber, optional, "50", "", nullptr, Effect::inert},
    {"queue_timeout_ms", kNumber, optional, "45000", "", nullptr, Effect::inert},
};
constexpr Message kModelConcurrencyLimiterTierLimits13To27B = {"ModelConcurrencyLimiterTierLimits13To27BConfig",
                                                               "model_concurrency_limiter.tier_limits.13-27B",
                                                               kModelConcurrencyLimiterTierLimits13To27BFields};

constexpr Field kModelConcurrencyLimiterTierLimits7To13BFields[] = {
    {"max_concurrent", kNumber, optional, "15", "", nullptr, Effect::inert},
    {"queue_depth", kNumber, optional, "75", "", nullptr, Effect::inert},
    {"queue_timeout_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
};
constexpr Message kModelConcurrencyLimiterTierLimits7To13B = {"ModelConcurrencyLimiterTierLimits7To13BConfig",
                                                              "model_concurrency_limiter.tier_limits.7-13B",
                                                              kModelConcurrencyLimiterTierLimits7To13BFields};

constexpr Field kModelConcurrencyLimiterTierLimits3To7BFields[] = {
    {"max_concurrent", kNumber, optional, "20", "", nullptr, Effect::inert},
    {"queue_depth", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"queue_timeout_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
};
constexpr Message kModelConcurrencyLimiterTierLimits3To7B = {"ModelConcurrencyLimiterTierLimits3To7BConfig",
                                                             "model_concurrency_limiter.tier_limits.3-7B",
                                                             kModelConcurrencyLimiterTierLimits3To7BFields};

constexpr Field kModelConcurrencyLimiterTierLimitsBelow3BFields[] = {
    {"max_concurrent", kNumber, optional, "25", "", nullptr, Effect::inert},
    {"queue_depth", kNumber, optional, "120", "", nullptr, Effect::inert},
    {"queue_timeout_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
};
constexpr Message kModelConcurrencyLimiterTierLimitsBelow3B = {"ModelConcurrencyLimiterTierLimitsBelow3BConfig",
                                                               "model_concurrency_limiter.tier_limits.<3B",
                                                               kModelConcurrencyLimiterTierLimitsBelow3BFields};

constexpr Field kModelConcurrencyLimiterTierLimitsFields[] = {
    {"30B+", object(kModelConcurrencyLimiterTierLimits30BUp), optional},
    {"13-27B", object(kModelConcurrencyLimiterTierLimits13To27B), optional},
    {"7-13B", object(kModelConcurrencyLimiterTierLimits7To13B), optional},
    {"3-7B", object(kModelConcurrencyLimiterTierLimits3To7B), optional},
    {"<3B", object(kModelConcurrencyLimiterTierLimitsBelow3B), optional},
};
constexpr Message kModelConcurrencyLimiterTierLimits = {"ModelConcurrencyLimiterTierLimitsConfig",
                                                        "model_concurrency_limiter.tier_limits",
                                                        kModelConcurrencyLimiterTierLimitsFields};

constexpr Field kModelConcurrencyLimiterFields[] = {
    {"enabled", boolean(), optional, "true", "Section.", nullptr, Effect::inert},
    {"tier_limits", object(kModelConcurrencyLimiterTierLimits), optional},
};
constexpr Message kModelConcurrencyLimiter = {"ModelConcurrencyLimiterConfig", "model_concurrency_limiter",
                                              kModelConcurrencyLimiterFields};

constexpr Field kStreamingPhase4AdaptiveGovernorPidFields[] = {
    {"kp", kNumber, optional, "0.35", "", nullptr, Effect::inert},
    {"ki", kNumber, optional, "0.08", "", nullptr, Effect::inert},
    {"kd", kNumber, optional, "0.15", "", nullptr, Effect::inert},
    {"integral_saturation", kNumber, optional, "200", "", nullptr, Effect::inert},
    {"sample_interval_ms", kNumber, optional, "200", "", nullptr, Effect::inert},
};
constexpr Message kStreamingPhase4AdaptiveGovernorPid = {"StreamingPhase4AdaptiveGovernorPidConfig",
                                                         "streaming.phase4.adaptive_governor.pid",
                                                         kStreamingPhase4AdaptiveGovernorPidFields};

constexpr Field kStreamingPhase4AdaptiveGovernorCleanupFields[] = {
    {"sweep_interval_ms", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"max_stale_lifetime_ms", kNumber, optional, "500", "", nullptr, Effect::inert},
};
constexpr Message kStreamingPhase4AdaptiveGovernorCleanup = {"StreamingPhase4AdaptiveGovernorCleanupConfig",
                                                             "streaming.phase4.adaptive_governor.cleanup",
                                                             kStreamingPhase4AdaptiveGovernorCleanupFields};

constexpr Field kStreamingPhase4AdaptiveGovernorTenantBudgetsDefaultFields[] = {
    {"tenant_id", kText, optional, "\"default\"", "", nullptr, Effect::inert},
    {"hard_limit", kNumber, optional, "20", "", nullptr, Effect::inert},
    {"burst_limit", kNumber, optional, "32", "", nullptr, Effect::inert},
    {"decay_ms", kNumber, optional, "60000", "", nullptr, Effect::inert},
};
constexpr Message kStreamingPhase4AdaptiveGovernorTenantBudgetsDefault = {
    "StreamingPhase4AdaptiveGovernorTenantBudgetsDefaultConfig",
    "streaming.phase4.adaptive_governor.tenant_budgets.default",
    kStreamingPhase4AdaptiveGovernorTenantBudgetsDefaultFields};

constexpr Field kStreamingPhase4AdaptiveGovernorTenantBudgetsFields[] = {
    {"default", object(kStreamingPhase4AdaptiveGovernorTenantBudgetsDefault), optional},
};
constexpr Message kStreamingPhase4AdaptiveGovernorTenantBudgets = {"StreamingPhase4AdaptiveGovernorTenantBudgetsConfig",
                                                                   "streaming.phase4.adaptive_governor.tenant_budgets",
                                                                   kStreamingPhase4AdaptiveGovernorTenantBudgetsFields};

constexpr Field kStreamingPhase4AdaptiveGovernorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"target_ttft_ms", kNumber, optional, "550", "", nullptr, Effect::inert},
    {"max_concurrent", kNumber, optional, "80", "", nullptr, Effect::inert},
    {"min_concurrent", kNumber, optional, "16", "", nullptr, Effect::inert},
    {"pid", object(kStreamingPhase4AdaptiveGovernorPid), optional},
    {"cleanup", object(kStreamingPhase4AdaptiveGovernorCleanup), optional},
    {"tenant_budgets", object(kStreamingPhase4AdaptiveGovernorTenantBudgets), optional},
};
constexpr Rule kStreamingPhase4AdaptiveGovernorRules[] = {
    {Rule::Kind::at_least, "max_concurrent", "min_concurrent", "max_concurrent must be >= min_concurrent"}};
constexpr Message kStreamingPhase4AdaptiveGovernor = {"AdaptiveGovernorConfig",
                                                      "streaming.phase4.adaptive_governor",
                                                      kStreamingPhase4AdaptiveGovernorFields,
                                                      Extra::strip,
                                                      Voice::zod,
                                                      false,
                                                      kStreamingPhase4AdaptiveGovernorRules};

constexpr Field kStreamingPhase4Fields[] = {
    {"adaptive_governor", object(kStreamingPhase4AdaptiveGovernor), optional},
};
constexpr Message kStreamingPhase4 = {"StreamingPhase4Config", "streaming.phase4", kStreamingPhase4Fields};

constexpr Field kStreamingFields[] = {
    {"phase4", object(kStreamingPhase4), optional},
};
constexpr Message kStreaming = {"StreamingConfig", "streaming", kStreamingFields};

constexpr Field kModelPreloadFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"parallel", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"max_parallel", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"fail_fast", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"models", list_of(kPreloadModelType), optional,
     "[{\"model_id\":\"mlx-community/"
     "Llama-3.2-3B-Instruct-4bit\",\"warmup_requests\":3,\"max_tokens\":10,\"warmup_prompts\":[\"Hello, "
     "world!\",\"Test generation\",\"Quick warmup\"]}]",
     "List of {model_id, warmup_requests, max_tokens, warmup_prompts[], options?}.", nullptr, Effect::inert},
};
constexpr Message kModelPreload = {"ModelPreloadConfig", "model_preload", kModelPreloadFields};

constexpr Field kModelMemoryCacheFields[] = {
    {"enabled", boolean(), required, "true", "LRU eviction at max_cached_models."},
    {"max_cached_models", integer(kPositive), required, "5"},
    {"eviction_strategy", choice(kLru), required, "\"lru\"", "Only lru.", nullptr, Effect::inert},
    {"warmup_on_start", kTexts, required, "[]", "Ids loaded when the engine has started."},
    {"track_stats", boolean(), required, "true", "", nullptr, Effect::inert},
};
constexpr Message kModelMemoryCache = {"ModelMemoryCacheConfig", "model.memory_cache", kModelMemoryCacheFields};

constexpr Field kModelFields[] = {
    {"default_context_length", integer(kPositive), required, "8192", "Used when the model config has none."},
    {"default_max_tokens", integer(kPositive), required, "512"},
    {"max_loaded_models", integer(kPositive), required, "5", "Hard limit + load queue concurrency."},
    {"supported_dtypes", kTexts, required, "[\"float16\",\"bfloat16\",\"float32\"]",
     "Generation refused for other known dtypes.", nullptr, Effect::inert},
    {"default_quantization", choice(kQuantizationModes), required, "\"none\"", "None/int8/int4.", nullptr,
     Effect::inert},
    {"default_dtype", text().sized(1), required, "\"unknown\""},
    {"trusted_model_directories", kTexts.or_null(), required, "null", "Or null (= any absolute path allowed."},
    {"max_generation_tokens", integer(kPositive), required, "4096", "Runtime cap."},
    {"max_temperature", number(kFromZero), required, "2", "Python: 0 to 10); runtime cap."},
    {"memory_cache", object(kModelMemoryCache), required},
};
constexpr Message kModel = {"ModelConfig", "model", kModelFields};

constexpr Field kMlxFields[] = {
    {"concurrency_limit", integer({1, 10}), optional, "1", "Runtime semaphore.", nullptr, Effect::inert},
    {"force_metal_sync", boolean(), optional, "true", "", nullptr, Effect::inert},
};
constexpr Message kMlx = {"MlxConfig", "mlx", kMlxFields};

constexpr Field kMetalOptimizationsMemoryPoolFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"heap_size_mb", kNumber, optional, "256", "", nullptr, Effect::inert},
    {"num_heaps", kNumber, optional, "4", "", nullptr, Effect::inert},
    {"warmup_sizes", kNumbers, optional, "[32,64,128]", "", nullptr, Effect::inert},
    {"track_statistics", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"log_exhaustion", boolean(), optional, "true", "", nullptr, Effect::inert},
};
constexpr Message kMetalOptimizationsMemoryPool = {
    "MetalOptimizationsMemoryPoolConfig", "metal_optimizations.memory_pool", kMetalOptimizationsMemoryPoolFields};

constexpr Field kMetalOptimizationsBlitQueueFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"use_shared_events", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"staging_buffer_size_mb", kNumber, optional, "64", "", nullptr, Effect::inert},
    {"max_concurrent_ops", kNumber, optional, "8", "", nullptr, Effect::inert},
    {"verbose_logging", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"track_metrics", boolean(), optional, "true", "", nullptr, Effect::inert},
};
constexpr Message kMetalOptimizationsBlitQueue = {"MetalOptimizationsBlitQueueConfig", "metal_optimizations.blit_queue",
                                                  kMetalOptimizationsBlitQueueFields};

constexpr Field kMetalOptimizationsCommandBufferRingFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"ring_size", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"timeout_ms", kNumber, optional, "0", "", nullptr, Effect::inert},
    {"log_wait_events", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"track_statistics", boolean(), optional, "true", "", nullptr, Effect::inert},
};
constexpr Message kMetalOptimizationsCommandBufferRing = {"MetalOptimizationsCommandBufferRingConfig",
                                                          "metal_optimizations.command_buffer_ring",
                                                          kMetalOptimizationsCommandBufferRingFields};

constexpr Field kMetalOptimizationsFields[] = {
    {"enabled", boolean(), optional, "true", "Only if the native module imports.", nullptr, Effect::inert},
    {"memory_pool", object(kMetalOptimizationsMemoryPool), optional},
    {"blit_queue", object(kMetalOptimizationsBlitQueue), optional},
    {"command_buffer_ring", object(kMetalOptimizationsCommandBufferRing), optional},
    {"graceful_fallback", boolean(), optional, "true", "False \u2192 start-up fails on init error.", nullptr,
     Effect::inert},
    {"fallback_log_level", kText, optional, "\"warn\"", "", nullptr, Effect::inert},
};
constexpr Message kMetalOptimizations = {"MetalOptimizationsConfig", "metal_optimizations", kMetalOptimizationsFields};

constexpr Field kCpuOptimizationsParallelTokenizerFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"num_threads", kNumber, optional, "8", "", nullptr, Effect::inert},
    {"use_accelerate", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"batch_mode", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"thread_pool_size", kNumber, optional, "8", "", nullptr, Effect::inert},
    {"track_statistics", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"log_operations", boolean(), optional, "false", "", nullptr, Effect::inert},
};
constexpr Message kCpuOptimizationsParallelTokenizer = {"CpuOptimizationsParallelTokenizerConfig",
                                                        "cpu_optimizations.parallel_tokenizer",
                                                        kCpuOptimizationsParallelTokenizerFields};

constexpr Field kCpuOptimizationsFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"parallel_tokenizer", object(kCpuOptimizationsParallelTokenizer), optional},
};
constexpr Message kCpuOptimizations = {"CpuOptimizationsConfig", "cpu_optimizations", kCpuOptimizationsFields};

constexpr Field kKvCachePoolFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"max_size", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"ttl_seconds", kNumber, optional, "300", "", nullptr, Effect::inert},
    {"enable_prefix_sharing", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"prefix_length_ratio", kNumber, optional, "0.6", "", nullptr, Effect::inert},
    {"enable_statistics", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"log_operations", boolean(), optional, "false", "", nullptr, Effect::inert},
};
constexpr Message kKvCachePool = {"KvCachePoolConfig", "kv_cache_pool", kKvCachePoolFields};

constexpr Field kCacheFields[] = {
    {"enabled", boolean(), required, "true", "Artifact (disk) cache."},
    {"cache_dir", text().sized(1), required, "\".kr-mlx-cache\"", "Resolved against."},
    {"max_size_bytes", integer(kPositive), required, "107374182400", "100 GiB."},
    {"max_age_days", integer(kPositive), required, "30", "Not enforced.", nullptr, Effect::inert},
    {"eviction_policy", choice(kEvictionPolicies), required, "\"lru\"", "Lru/lfu/fifo; always behaves as lru."},
    {"preload_models", kTexts, required, "[]", "", nullptr, Effect::inert},
    {"validate_on_startup", boolean(), required, "true", "Drops entries with missing folders."},
    {"enable_compression", boolean(), required, "false", "", nullptr, Effect::inert},
};
constexpr Message kCache = {"CacheConfig", "cache", kCacheFields};

constexpr Field kPythonBridgeFields[] = {
    {"max_buffer_size", integer({1024, kInfinity}), required, "1048576",
     "Bytes of one message, where that is more than the runtime's 64 MiB."},
    {"stream_queue_size", integer(kPositive), required, "100", "", nullptr, Effect::inert},
    {"queue_put_max_retries", integer({0, kInfinity}), required, "100", "", nullptr, Effect::inert},
    {"queue_put_backoff_ms", integer(kPositive), required, "10", "", nullptr, Effect::inert},
};
constexpr Message kPythonBridge = {"PythonBridgeConfig", "python_bridge", kPythonBridgeFields};

constexpr Field kOutlinesFields[] = {
    {"max_schema_size_bytes", integer(kPositive), required, "32768"},
};
constexpr Message kOutlines = {"OutlinesConfig", "outlines", kOutlinesFields};

constexpr Field kPerformanceFields[] = {
    {"aggressive_gc", boolean(), required, "false", "", nullptr, Effect::inert},
    {"enable_batching", boolean(), required, "false", "", nullptr, Effect::inert},
    {"batch_size", integer(kPositive), required, "10", "", nullptr, Effect::inert},
    {"batch_timeout_ms", integer(kPositive), required, "50", "", nullptr, Effect::inert},
    {"use_messagepack", boolean(), required, "false", "", nullptr, Effect::inert},
};
constexpr Message kPerformance = {"PerformanceConfig", "performance", kPerformanceFields};

constexpr Field kTelemetryFields[] = {
    {"enabled", boolean(), required, "false",
     "Runtime telemetry (Python); the TS exporter is enabled by code, not by this."},
    {"service_name", text().sized(1), required, "\"kr-serve-mlx\"", "", nullptr, Effect::inert},
    {"prometheus_port", integer({1024, 65535}), required, "9464", "", nullptr, Effect::inert},
    {"export_interval_ms", integer(kPositive), required, "60000",
     "Extra Python key `sampling_rate` (1.0, clamped 0.01-1) exists in code only.", nullptr, Effect::inert},
    {"sampling_rate", number({0, 1}), optional, "1.0", "Fraction of requests that are measured."},
};
constexpr Message kTelemetry = {"TelemetryConfig", "telemetry", kTelemetryFields};

constexpr Field kDevelopmentFields[] = {
    {"verbose", boolean(), required, "false", "Log every stdin write."},
    {"debug", boolean(), required, "false"},
    {"log_ipc", boolean(), required, "false", "Log each message's method and size."},
    {"enable_profiling", boolean(), required, "false", "", nullptr, Effect::inert},
};
constexpr Message kDevelopment = {"DevelopmentConfig", "development", kDevelopmentFields};

constexpr Field kGenerationWarmupFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"request_count", integer({0, kInfinity}), optional, "0", "", nullptr, Effect::inert},
    {"max_tokens", integer(kPositive), optional, "16", "", nullptr, Effect::inert},
    {"temperature", kNumber, optional, "0.2", "", nullptr, Effect::inert},
    {"top_p", kNumber, optional, "0.95", "", nullptr, Effect::inert},
    {"timeout_ms", integer(kPositive), optional, "1500", "", nullptr, Effect::inert},
    {"prompts", kTexts, optional, "[]", "", nullptr, Effect::inert},
    {"model_overrides", kObjects, optional, "[]", "", nullptr, Effect::inert},
};
constexpr Message kGenerationWarmup = {"GenerationWarmupConfig", "generation_warmup", kGenerationWarmupFields};

constexpr const char* kValidationModes[] = {"strict", "warn"};
constexpr Field kValidationFields[] = {
    {"mode", choice(kValidationModes), optional, "\"strict\"",
     "strict: a wrong field fails its request; warn: an optional one is logged and counts as absent."},
};
constexpr Message kValidation = {"ValidationConfig", "validation", kValidationFields};

constexpr Field kEnvironmentsFields[] = {
    {"production", kAnyMap, optional, nullptr, "Merged over the file when the environment is production."},
    {"development", kAnyMap, optional, nullptr, "Merged over the file when the environment is development."},
    {"test", kAnyMap, optional, nullptr, "Merged over the file when the environment is test."},
};
constexpr Message kEnvironments = {"EnvironmentsConfig", "environments", kEnvironmentsFields};

constexpr Field kRuntimeFields[] = {
    {"batch_queue", object(kBatchQueue), required},
    {"generate_batcher", object(kGenerateBatcher), optional},
    {"python_runtime", object(kPythonRuntime), required},
    {"json_rpc", object(kJsonRpc), required},
    {"stream_registry", object(kStreamRegistry), required},
    {"model_concurrency_limiter", object(kModelConcurrencyLimiter), optional},
    {"streaming", object(kStreaming), optional},
    {"model_preload", object(kModelPreload), optional},
    {"model", object(kModel), required},
    {"mlx", object(kMlx), optional},
    {"metal_optimizations", object(kMetalOptimizations), optional},
    {"cpu_optimizations", object(kCpuOptimizations), optional},
    {"kv_cache_pool", object(kKvCachePool), optional},
    {"cache", object(kCache), required},
    {"python_bridge", object(kPythonBridge), required},
    {"outlines", object(kOutlines), required},
    {"performance", object(kPerformance), required},
    {"telemetry", object(kTelemetry), required},
    {"development", object(kDevelopment), required},
    {"generation_warmup", object(kGenerationWarmup), optional},
    {"validation", object(kValidation), optional},
    {"request_deduplication", object(dormant::kRequestDeduplication), optional},
    {"prompt_cache", object(dormant::kPromptCache), optional},
    {"request_coalescing", object(dormant::kRequestCoalescing), optional},
    {"continuous_batching", object(dormant::kContinuousBatching), optional},
    {"production_infrastructure", object(dormant::kProductionInfrastructure), optional},
    {"runtime_router", object(dormant::kRuntimeRouter), optional},
    {"python_runtime_manager", object(dormant::kPythonRuntimeManager), optional},
    {"adaptive_batch_coordinator", object(dormant::kAdaptiveBatchCoordinator), optional},
    {"retry_policy", object(dormant::kRetryPolicy), optional},
    {"circuit_breaker", object(dormant::kCircuitBreaker), optional},
    {"connection_pool", object(dormant::kConnectionPool), optional},
    {"streaming_controller", object(dormant::kStreamingController), optional},
    {"model_lifecycle_manager", object(dormant::kModelLifecycleManager), optional},
    {"rolling_restart_coordinator", object(dormant::kRollingRestartCoordinator), optional},
    {"transport", object(dormant::kTransport), optional},
    {"ttft_accelerator", object(dormant::kTtftAccelerator), optional},
    {"qos_monitor", object(dormant::kQosMonitor), optional},
    {"advanced_optimizations", object(dormant::kAdvancedOptimizations), optional},
    {"binary_streaming", object(dormant::kBinaryStreaming), optional},
    {"ipc_batching", object(dormant::kIpcBatching), optional},
    {"object_pooling", object(dormant::kObjectPooling), optional},
    {"environments", object(kEnvironments), optional, nullptr, "What differs in production, development and test."},
};
constexpr Message kRuntime = {"RuntimeConfig", "runtime.yaml", kRuntimeFields, Extra::keep};

constexpr const Message* kMessages[] = {&kPreloadModel,
                                        &kBatchQueue,
                                        &kGenerateBatcher,
                                        &kPythonRuntime,
                                        &kJsonRpcRetry,
                                        &kJsonRpcCircuitBreaker,
                                        &kJsonRpc,
                                        &kStreamRegistryAdaptiveLimits,
                                        &kStreamRegistryChunkPooling,
                                        &kStreamRegistryBackpressure,
                                        &kStreamRegistryMetrics,
                                        &kStreamRegistry,
                                        &kModelConcurrencyLimiterTierLimits30BUp,
                                        &kModelConcurrencyLimiterTierLimits13To27B,
                                        &kModelConcurrencyLimiterTierLimits7To13B,
                                        &kModelConcurrencyLimiterTierLimits3To7B,
                                        &kModelConcurrencyLimiterTierLimitsBelow3B,
                                        &kModelConcurrencyLimiterTierLimits,
                                        &kModelConcurrencyLimiter,
                                        &kStreamingPhase4AdaptiveGovernorPid,
                                        &kStreamingPhase4AdaptiveGovernorCleanup,
                                        &kStreamingPhase4AdaptiveGovernorTenantBudgetsDefault,
                                        &kStreamingPhase4AdaptiveGovernorTenantBudgets,
                                        &kStreamingPhase4AdaptiveGovernor,
                                        &kStreamingPhase4,
                                        &kStreaming,
                                        &kModelPreload,
                                        &kModelMemoryCache,
                                        &kModel,
                                        &kMlx,
                                        &kMetalOptimizationsMemoryPool,
                                        &kMetalOptimizationsBlitQueue,
                                        &kMetalOptimizationsCommandBufferRing,
                                        &kMetalOptimizations,
                                        &kCpuOptimizationsParallelTokenizer,
                                        &kCpuOptimizations,
                                        &kKvCachePool,
                                        &kCache,
                                        &kPythonBridge,
                                        &kOutlines,
                                        &kPerformance,
                                        &kTelemetry,
                                        &kDevelopment,
                                        &kGenerationWarmup,
                                        &kValidation,
                                        &kEnvironments,
                                        &kRuntime};

}  // namespace

std::span<const Message* const> config_messages() { return kMessages; }

}  // namespace mlxserving::schema
