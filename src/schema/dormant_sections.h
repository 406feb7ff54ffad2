// runtime.yaml: sections that are accepted so that existing files keep working, and have no effect.
#pragma once

#include "schema/tables.h"

namespace mlxserving::schema::dormant {

using enum Need;

inline constexpr Type kObjects = list_of(kAnyMap);

inline constexpr Field kRequestDeduplicationFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"ttl_ms", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"max_entries", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"max_payload_bytes", kNumber, optional, "10240", "", nullptr, Effect::inert},
};
inline constexpr Message kRequestDeduplication = {"RequestDeduplicationConfig", "request_deduplication",
                                                  kRequestDeduplicationFields};

inline constexpr Field kPromptCachePersistenceFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"path", kText, optional, "\"automatosx/tmp/prompt-cache.json\"", "", nullptr, Effect::inert},
    {"save_interval_ms", kNumber, optional, "300000", "", nullptr, Effect::inert},
};
inline constexpr Message kPromptCachePersistence = {"PromptCachePersistenceConfig", "prompt_cache.persistence",
                                                    kPromptCachePersistenceFields};

inline constexpr Field kPromptCacheFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"max_entries", kNumber, optional, "10000", "", nullptr, Effect::inert},
    {"max_total_tokens", kNumber, optional, "1000000", "", nullptr, Effect::inert},
    {"max_total_bytes", kNumber, optional, "104857600", "", nullptr, Effect::inert},
    {"ttl_ms", kNumber, optional, "300000", "", nullptr, Effect::inert},
    {"cleanup_interval_ms", kNumber, optional, "60000", "", nullptr, Effect::inert},
    {"persistence", object(kPromptCachePersistence), optional},
};
inline constexpr Message kPromptCache = {"PromptCacheConfig", "prompt_cache", kPromptCacheFields};

inline constexpr Field kRequestCoalescingFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"max_subscribers", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"timeout_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
};
inline constexpr Message kRequestCoalescing = {"RequestCoalescingConfig", "request_coalescing",
                                               kRequestCoalescingFields};

inline constexpr Field kContinuousBatchingFields[] = {
    {"max_batch_size", kNumber, optional, "8", "", nullptr, Effect::inert},
    {"batch_window_ms", kNumber, optional, "10", "", nullptr, Effect::inert},
    {"adaptive_sizing", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"target_gpu_utilization", kNumber, optional, "85", "", nullptr, Effect::inert},
    {"min_batch_size", kNumber, optional, "1", "", nullptr, Effect::inert},
};
inline constexpr Message kContinuousBatching = {"ContinuousBatchingConfig", "continuous_batching",
                                                kContinuousBatchingFields};

inline constexpr Field kProductionInfrastructureCanaryDeploymentRouterFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"rollout_percentage", kNumber, optional, "0", "", nullptr, Effect::inert},
    {"strategy", kText, optional, "\"hash\"", "", nullptr, Effect::inert},
    {"hash_key", kText, optional, "\"user_id\"", "", nullptr, Effect::inert},
};
inline constexpr Message kProductionInfrastructureCanaryDeploymentRouter = {
    "ProductionInfrastructureCanaryDeploymentRouterConfig", "production_infrastructure.canary_deployment.router",
    kProductionInfrastructureCanaryDeploymentRouterFields};

inline constexpr Field kProductionInfrastructureCanaryDeploymentHealthCheckFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"interval_seconds", kNumber, optional, "30", "", nullptr, Effect::inert},
    {"window_size_seconds", kNumber, optional, "60", "", nullptr, Effect::inert},
};
inline constexpr Message kProductionInfrastructureCanaryDeploymentHealthCheck = {
    "ProductionInfrastructureCanaryDeploymentHealthCheckConfig",
    "production_infrastructure.canary_deployment.health_check",
    kProductionInfrastructureCanaryDeploymentHealthCheckFields};

inline constexpr Field kProductionInfrastructureCanaryDeploymentRollbackFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"error_rate_threshold", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"latency_threshold_p95", kNumber, optional, "1.5", "", nullptr, Effect::inert},
    {"cooldown_minutes", kNumber, optional, "5", "", nullptr, Effect::inert},
};
inline constexpr Message kProductionInfrastructureCanaryDeploymentRollback = {
    "ProductionInfrastructureCanaryDeploymentRollbackConfig", "production_infrastructure.canary_deployment.rollback",
    kProductionInfrastructureCanaryDeploymentRollbackFields};

inline constexpr Field kProductionInfrastructureCanaryDeploymentFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"initial_stage", kText, optional, "\"off\"", "", nullptr, Effect::inert},
    {"auto_advance", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"router", object(kProductionInfrastructureCanaryDeploymentRouter), optional},
    {"health_check", object(kProductionInfrastructureCanaryDeploymentHealthCheck), optional},
    {"rollback", object(kProductionInfrastructureCanaryDeploymentRollback), optional},
};
inline constexpr Message kProductionInfrastructureCanaryDeployment = {"ProductionInfrastructureCanaryDeploymentConfig",
                                                                      "production_infrastructure.canary_deployment",
                                                                      kProductionInfrastructureCanaryDeploymentFields};

inline constexpr Field kProductionInfrastructureAbTestingFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"min_sample_size", kNumber, optional, "30", "", nullptr, Effect::inert},
    {"confidence_level", kNumber, optional, "0.95", "", nullptr, Effect::inert},
    {"warmup_runs", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"timeout_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
};
inline constexpr Message kProductionInfrastructureAbTesting = {"ProductionInfrastructureAbTestingConfig",
                                                               "production_infrastructure.ab_testing",
                                                               kProductionInfrastructureAbTestingFields};

inline constexpr Field kProductionInfrastructureRegressionDetectionMonitoringFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"window_size_seconds", kNumber, optional, "60", "", nullptr, Effect::inert},
    {"check_interval_seconds", kNumber, optional, "30", "", nullptr, Effect::inert},
};
inline constexpr Message kProductionInfrastructureRegressionDetectionMonitoring = {
    "ProductionInfrastructureRegressionDetectionMonitoringConfig",
    "production_infrastructure.regression_detection.monitoring",
    kProductionInfrastructureRegressionDetectionMonitoringFields};

inline constexpr Field kProductionInfrastructureRegressionDetectionThresholdsFields[] = {
    {"throughput_drop_percent", kNumber, optional, "5", "", nullptr, Effect::inert},
    {"ttft_increase_percent", kNumber, optional, "10", "", nullptr, Effect::inert},
    {"error_rate_percent", kNumber, optional, "1", "", nullptr, Effect::inert},
    {"p99_latency_increase_percent", kNumber, optional, "20", "", nullptr, Effect::inert},
};
inline constexpr Message kProductionInfrastructureRegressionDetectionThresholds = {
    "ProductionInfrastructureRegressionDetectionThresholdsConfig",
    "production_infrastructure.regression_detection.thresholds",
    kProductionInfrastructureRegressionDetectionThresholdsFields};

inline constexpr Field kProductionInfrastructureRegressionDetectionAlertingFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"channels", kTexts, optional, "[]", "", nullptr, Effect::inert},
    {"slack_webhook_url", kText, optional, "\"\"", "", nullptr, Effect::inert},
    {"pagerduty_integration_key", kText, optional, "\"\"", "", nullptr, Effect::inert},
    {"generic_webhook_url", kText, optional, "\"\"", "", nullptr, Effect::inert},
};
inline constexpr Message kProductionInfrastructureRegressionDetectionAlerting = {
    "ProductionInfrastructureRegressionDetectionAlertingConfig",
    "production_infrastructure.regression_detection.alerting",
    kProductionInfrastructureRegressionDetectionAlertingFields};

inline constexpr Field kProductionInfrastructureRegressionDetectionRollbackFields[] = {
    {"auto_rollback", boolean(), optional, "true", "", nullptr, Effect::inert},
};
inline constexpr Message kProductionInfrastructureRegressionDetectionRollback = {
    "ProductionInfrastructureRegressionDetectionRollbackConfig",
    "production_infrastructure.regression_detection.rollback",
    kProductionInfrastructureRegressionDetectionRollbackFields};

inline constexpr Field kProductionInfrastructureRegressionDetectionFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"monitoring", object(kProductionInfrastructureRegressionDetectionMonitoring), optional},
    {"thresholds", object(kProductionInfrastructureRegressionDetectionThresholds), optional},
    {"alerting", object(kProductionInfrastructureRegressionDetectionAlerting), optional},
    {"rollback", object(kProductionInfrastructureRegressionDetectionRollback), optional},
};
inline constexpr Message kProductionInfrastructureRegressionDetection = {
    "ProductionInfrastructureRegressionDetectionConfig", "production_infrastructure.regression_detection",
    kProductionInfrastructureRegressionDetectionFields};

inline constexpr Field kProductionInfrastructureFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"canary_deployment", object(kProductionInfrastructureCanaryDeployment), optional},
    {"ab_testing", object(kProductionInfrastructureAbTesting), optional},
    {"regression_detection", object(kProductionInfrastructureRegressionDetection), optional},
};
inline constexpr Message kProductionInfrastructure = {"ProductionInfrastructureConfig", "production_infrastructure",
                                                      kProductionInfrastructureFields};

inline constexpr Field kRuntimeRouterFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"worker_count", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"routing_strategy", kText, optional, "\"round-robin\"", "", nullptr, Effect::inert},
    {"health_check_interval_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
    {"worker_restart_delay_ms", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"sticky_session_enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"sticky_session_ttl_ms", kNumber, optional, "300000", "", nullptr, Effect::inert},
};
inline constexpr Message kRuntimeRouter = {"RuntimeRouterConfig", "runtime_router", kRuntimeRouterFields};

inline constexpr Field kPythonRuntimeManagerFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"worker_count", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"heartbeat_interval_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
    {"heartbeat_timeout_ms", kNumber, optional, "10000", "", nullptr, Effect::inert},
};
inline constexpr Message kPythonRuntimeManager = {"PythonRuntimeManagerConfig", "python_runtime_manager",
                                                  kPythonRuntimeManagerFields};

inline constexpr Field kAdaptiveBatchCoordinatorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"python_rpc_method", kText, optional, "\"adaptive_batch.update_metrics\"", "", nullptr, Effect::inert},
    {"update_interval_ms", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"default_batch_size", kNumber, optional, "4", "", nullptr, Effect::inert},
    {"min_batch_size", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"max_batch_size", kNumber, optional, "16", "", nullptr, Effect::inert},
    {"rpc_timeout_ms", kNumber, optional, "100", "", nullptr, Effect::inert},
};
inline constexpr Message kAdaptiveBatchCoordinator = {"AdaptiveBatchCoordinatorConfig", "adaptive_batch_coordinator",
                                                      kAdaptiveBatchCoordinatorFields};

inline constexpr Field kRetryPolicyFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"max_attempts", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"initial_delay_ms", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"max_delay_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
    {"backoff_multiplier", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"jitter", kNumber, optional, "0.25", "", nullptr, Effect::inert},
    {"retryable_errors", kTexts, optional, "[\"TIMEOUT\",\"ECONNRESET\",\"EPIPE\",\"WORKER_RESTART\"]", "", nullptr,
     Effect::inert},
};
inline constexpr Message kRetryPolicy = {"RetryPolicyConfig", "retry_policy", kRetryPolicyFields};

inline constexpr Field kCircuitBreakerFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"failure_threshold", kNumber, optional, "5", "", nullptr, Effect::inert},
    {"recovery_timeout_ms", kNumber, optional, "10000", "", nullptr, Effect::inert},
    {"half_open_max_calls", kNumber, optional, "1", "", nullptr, Effect::inert},
    {"half_open_success_threshold", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"failure_window_ms", kNumber, optional, "60000", "", nullptr, Effect::inert},
};
inline constexpr Message kCircuitBreaker = {"CircuitBreakerConfig", "circuit_breaker", kCircuitBreakerFields};

inline constexpr Field kConnectionPoolFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"min_connections", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"max_connections", kNumber, optional, "10", "", nullptr, Effect::inert},
    {"acquire_timeout_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
    {"idle_timeout_ms", kNumber, optional, "60000", "", nullptr, Effect::inert},
    {"health_check_interval_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
    {"warmup_on_start", boolean(), optional, "true", "", nullptr, Effect::inert},
};
inline constexpr Message kConnectionPool = {"ConnectionPoolConfig", "connection_pool", kConnectionPoolFields};

inline constexpr Field kStreamingControllerFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"chunk_size_bytes", kNumber, optional, "65536", "", nullptr, Effect::inert},
    {"chunk_timeout_ms", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"max_unacked_chunks", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"ack_timeout_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
    {"slow_consumer_threshold_ms", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"metrics_export_interval_ms", kNumber, optional, "10000", "", nullptr, Effect::inert},
};
inline constexpr Message kStreamingController = {"StreamingControllerConfig", "streaming_controller",
                                                 kStreamingControllerFields};

inline constexpr Field kModelLifecycleManagerFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"idle_timeout_ms", kNumber, optional, "300000", "", nullptr, Effect::inert},
    {"max_loaded_models", kNumber, optional, "5", "", nullptr, Effect::inert},
    {"prefetch_enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"prefetch_min_confidence", kNumber, optional, "0.7", "", nullptr, Effect::inert},
    {"warmups_on_startup", kTexts, optional, "[]", "", nullptr, Effect::inert},
    {"pinned_models", kTexts, optional, "[]", "", nullptr, Effect::inert},
    {"drain_timeout_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
};
inline constexpr Message kModelLifecycleManager = {"ModelLifecycleManagerConfig", "model_lifecycle_manager",
                                                   kModelLifecycleManagerFields};

inline constexpr Field kRollingRestartCoordinatorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"drain_timeout_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
    {"min_active_workers", kNumber, optional, "1", "", nullptr, Effect::inert},
    {"preflight_check_enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"preflight_timeout_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
    {"request_replay_enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"max_replay_attempts", kNumber, optional, "1", "", nullptr, Effect::inert},
    {"watchdog_interval_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
};
inline constexpr Message kRollingRestartCoordinator = {"RollingRestartCoordinatorConfig", "rolling_restart_coordinator",
                                                       kRollingRestartCoordinatorFields};

inline constexpr Field kTransportHttp2TlsFields[] = {
    {"ca_file", kText, optional, "\"config/certs/ca.pem\"", "", nullptr, Effect::inert},
    {"cert_file", kText, optional, "\"config/certs/service.pem\"", "", nullptr, Effect::inert},
    {"key_file", kText, optional, "\"config/certs/service.key\"", "", nullptr, Effect::inert},
    {"reject_unauthorized", boolean(), optional, "true", "", nullptr, Effect::inert},
};
inline constexpr Message kTransportHttp2Tls = {"TransportHttp2TlsConfig", "transport.http2.tls",
                                               kTransportHttp2TlsFields};

inline constexpr Field kTransportHttp2Fields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"max_sessions", kNumber, optional, "16", "", nullptr, Effect::inert},
    {"max_streams_per_session", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"ping_interval_ms", kNumber, optional, "15000", "", nullptr, Effect::inert},
    {"connect_timeout_ms", kNumber, optional, "200", "", nullptr, Effect::inert},
    {"tls", object(kTransportHttp2Tls), optional},
};
inline constexpr Message kTransportHttp2 = {"TransportHttp2Config", "transport.http2", kTransportHttp2Fields};

inline constexpr Field kTransportWebsocketFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"max_connections", kNumber, optional, "200", "", nullptr, Effect::inert},
    {"max_frame_size_bytes", kNumber, optional, "1048576", "", nullptr, Effect::inert},
    {"idle_timeout_ms", kNumber, optional, "600000", "", nullptr, Effect::inert},
    {"heartbeat_interval_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
};
inline constexpr Message kTransportWebsocket = {"TransportWebsocketConfig", "transport.websocket",
                                                kTransportWebsocketFields};

inline constexpr Field kTransportSseWriterChunkPoolFields[] = {
    {"max_pool_size", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"chunk_size", kNumber, optional, "65536", "", nullptr, Effect::inert},
};
inline constexpr Message kTransportSseWriterChunkPool = {
    "TransportSseWriterChunkPoolConfig", "transport.sse_writer.chunk_pool", kTransportSseWriterChunkPoolFields};

inline constexpr Field kTransportSseWriterFields[] = {
    {"chunk_pool", object(kTransportSseWriterChunkPool), optional},
    {"backpressure_threshold", kNumber, optional, "1048576", "", nullptr, Effect::inert},
    {"max_buffered_chunks", kNumber, optional, "100", "", nullptr, Effect::inert},
};
inline constexpr Message kTransportSseWriter = {"TransportSseWriterConfig", "transport.sse_writer",
                                                kTransportSseWriterFields};

inline constexpr Field kTransportFields[] = {
    {"http2", object(kTransportHttp2), optional},
    {"websocket", object(kTransportWebsocket), optional},
    {"sse_writer", object(kTransportSseWriter), optional},
};
inline constexpr Message kTransport = {"TransportConfig", "transport", kTransportFields};

inline constexpr Field kTtftAcceleratorWarmQueueFields[] = {
    {"max_size", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"ttl_ms", kNumber, optional, "800", "", nullptr, Effect::inert},
    {"priority_by_tokens", boolean(), optional, "true", "", nullptr, Effect::inert},
};
inline constexpr Message kTtftAcceleratorWarmQueue = {"TtftAcceleratorWarmQueueConfig", "ttft_accelerator.warm_queue",
                                                      kTtftAcceleratorWarmQueueFields};

inline constexpr Field kTtftAcceleratorSpeculationFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"allowlist_only", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"max_candidates", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"min_confidence", kNumber, optional, "0.85", "", nullptr, Effect::inert},
    {"decay_factor", kNumber, optional, "0.8", "", nullptr, Effect::inert},
};
inline constexpr Message kTtftAcceleratorSpeculation = {
    "TtftAcceleratorSpeculationConfig", "ttft_accelerator.speculation", kTtftAcceleratorSpeculationFields};

inline constexpr Field kTtftAcceleratorKvPrepFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"prefetch_enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"cache_warmup_ms", kNumber, optional, "50", "", nullptr, Effect::inert},
};
inline constexpr Message kTtftAcceleratorKvPrep = {"TtftAcceleratorKvPrepConfig", "ttft_accelerator.kv_prep",
                                                   kTtftAcceleratorKvPrepFields};

inline constexpr Field kTtftAcceleratorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"warm_queue", object(kTtftAcceleratorWarmQueue), optional},
    {"speculation", object(kTtftAcceleratorSpeculation), optional},
    {"kv_prep", object(kTtftAcceleratorKvPrep), optional},
};
inline constexpr Message kTtftAccelerator = {"TtftAcceleratorConfig", "ttft_accelerator", kTtftAcceleratorFields};

inline constexpr Field kQosMonitorEvaluatorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"evaluation_interval_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
    {"window_ms", kNumber, optional, "60000", "", nullptr, Effect::inert},
    {"tdigest_compression", kNumber, optional, "100", "", nullptr, Effect::inert},
};
inline constexpr Message kQosMonitorEvaluator = {"QosMonitorEvaluatorConfig", "qos_monitor.evaluator",
                                                 kQosMonitorEvaluatorFields};

inline constexpr Field kQosMonitorExecutorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"cooldown_ms", kNumber, optional, "60000", "", nullptr, Effect::inert},
    {"max_executions_per_window", kNumber, optional, "5", "", nullptr, Effect::inert},
    {"execution_window_ms", kNumber, optional, "300000", "", nullptr, Effect::inert},
    {"loop_detection_window", kNumber, optional, "6", "", nullptr, Effect::inert},
};
inline constexpr Message kQosMonitorExecutor = {"QosMonitorExecutorConfig", "qos_monitor.executor",
                                                kQosMonitorExecutorFields};

inline constexpr Field kQosMonitorPolicyStoreFields[] = {
    {"policies", kObjects, optional, "[]", "", nullptr, Effect::inert},
};
inline constexpr Message kQosMonitorPolicyStore = {"QosMonitorPolicyStoreConfig", "qos_monitor.policy_store",
                                                   kQosMonitorPolicyStoreFields};

inline constexpr Field kQosMonitorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"evaluator", object(kQosMonitorEvaluator), optional},
    {"executor", object(kQosMonitorExecutor), optional},
    {"policy_store", object(kQosMonitorPolicyStore), optional},
};
inline constexpr Message kQosMonitor = {"QosMonitorConfig", "qos_monitor", kQosMonitorFields};

inline constexpr Field kAdvancedOptimizationsWeightManagementFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"pin_critical_weights", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"pin_all_weights", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"prefetch_enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"prefetch_threads", kNumber, optional, "2", "", nullptr, Effect::inert},
    {"warmup_on_load", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"warmup_buffer_mb", kNumber, optional, "512", "", nullptr, Effect::inert},
    {"use_mmap", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"critical_layers", kNumber, optional, "3", "", nullptr, Effect::inert},
};
inline constexpr Message kAdvancedOptimizationsWeightManagement = {"AdvancedOptimizationsWeightManagementConfig",
                                                                   "advanced_optimizations.weight_management",
                                                                   kAdvancedOptimizationsWeightManagementFields};

inline constexpr Field kAdvancedOptimizationsPrioritySchedulingPolicyFields[] = {
    {"shortest_job_first", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"fairness_weight", kNumber, optional, "0.1", "", nullptr, Effect::inert},
    {"aging_enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"aging_interval_ms", kNumber, optional, "5000", "", nullptr, Effect::inert},
    {"aging_boost", kNumber, optional, "1", "", nullptr, Effect::inert},
};
inline constexpr Message kAdvancedOptimizationsPrioritySchedulingPolicy = {
    "AdvancedOptimizationsPrioritySchedulingPolicyConfig", "advanced_optimizations.priority_scheduling.policy",
    kAdvancedOptimizationsPrioritySchedulingPolicyFields};

inline constexpr Field kAdvancedOptimizationsPrioritySchedulingSlaFields[] = {
    {"high_priority_target_ms", kNumber, optional, "50", "", nullptr, Effect::inert},
    {"high_priority_max_ms", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"normal_priority_target_ms", kNumber, optional, "200", "", nullptr, Effect::inert},
    {"normal_priority_max_ms", kNumber, optional, "500", "", nullptr, Effect::inert},
    {"low_priority_target_ms", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"low_priority_max_ms", kNumber, optional, "2000", "", nullptr, Effect::inert},
};
inline constexpr Message kAdvancedOptimizationsPrioritySchedulingSla = {
    "AdvancedOptimizationsPrioritySchedulingSlaConfig", "advanced_optimizations.priority_scheduling.sla",
    kAdvancedOptimizationsPrioritySchedulingSlaFields};

inline constexpr Field kAdvancedOptimizationsPrioritySchedulingFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"max_queue_size", kNumber, optional, "1000", "", nullptr, Effect::inert},
    {"max_concurrent", kNumber, optional, "10", "", nullptr, Effect::inert},
    {"enable_metrics", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"policy", object(kAdvancedOptimizationsPrioritySchedulingPolicy), optional},
    {"sla", object(kAdvancedOptimizationsPrioritySchedulingSla), optional},
};
inline constexpr Message kAdvancedOptimizationsPriorityScheduling = {"AdvancedOptimizationsPrioritySchedulingConfig",
                                                                     "advanced_optimizations.priority_scheduling",
                                                                     kAdvancedOptimizationsPrioritySchedulingFields};

inline constexpr Field kAdvancedOptimizationsMultiModelFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"max_cached_models", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"eviction_strategy", kText, optional, "\"lru\"", "", nullptr, Effect::inert},
    {"memory_threshold_gb", kNumber, optional, "16", "", nullptr, Effect::inert},
    {"enable_pinning", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"preload_on_startup", kTexts, optional, "[]", "", nullptr, Effect::inert},
    {"preload_parallel", kNumber, optional, "2", "", nullptr, Effect::inert},
};
inline constexpr Message kAdvancedOptimizationsMultiModel = {"AdvancedOptimizationsMultiModelConfig",
                                                             "advanced_optimizations.multi_model",
                                                             kAdvancedOptimizationsMultiModelFields};

inline constexpr Field kAdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreakerFields[] = {
    {"failure_threshold", kNumber, optional, "5", "", nullptr, Effect::inert},
    {"timeout_ms", kNumber, optional, "30000", "", nullptr, Effect::inert},
    {"half_open_requests", kNumber, optional, "3", "", nullptr, Effect::inert},
};
inline constexpr Message kAdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreaker = {
    "AdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreakerConfig",
    "advanced_optimizations.horizontal_scaling.load_balancer.circuit_breaker",
    kAdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreakerFields};

inline constexpr Field kAdvancedOptimizationsHorizontalScalingLoadBalancerFields[] = {
    {"strategy", kText, optional, "\"least_loaded\"", "", nullptr, Effect::inert},
    {"health_check_interval_ms", kNumber, optional, "10000", "", nullptr, Effect::inert},
    {"unhealthy_threshold", kNumber, optional, "3", "", nullptr, Effect::inert},
    {"circuit_breaker", object(kAdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreaker), optional},
};
inline constexpr Message kAdvancedOptimizationsHorizontalScalingLoadBalancer = {
    "AdvancedOptimizationsHorizontalScalingLoadBalancerConfig",
    "advanced_optimizations.horizontal_scaling.load_balancer",
    kAdvancedOptimizationsHorizontalScalingLoadBalancerFields};

inline constexpr Field kAdvancedOptimizationsHorizontalScalingDistributedCacheFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"redis_url", kText, optional, "\"redis://localhost:6379\"", "", nullptr, Effect::inert},
    {"default_ttl_ms", kNumber, optional, "300000", "", nullptr, Effect::inert},
    {"compression_threshold", kNumber, optional, "10240", "", nullptr, Effect::inert},
    {"local_fallback", boolean(), optional, "true", "", nullptr, Effect::inert},
};
inline constexpr Message kAdvancedOptimizationsHorizontalScalingDistributedCache = {
    "AdvancedOptimizationsHorizontalScalingDistributedCacheConfig",
    "advanced_optimizations.horizontal_scaling.distributed_cache",
    kAdvancedOptimizationsHorizontalScalingDistributedCacheFields};

inline constexpr Field kAdvancedOptimizationsHorizontalScalingInstanceRegistryFields[] = {
    {"auto_scaling", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"scale_up_threshold", kNumber, optional, "0.8", "", nullptr, Effect::inert},
    {"scale_down_threshold", kNumber, optional, "0.3", "", nullptr, Effect::inert},
    {"min_instances", kNumber, optional, "1", "", nullptr, Effect::inert},
    {"max_instances", kNumber, optional, "10", "", nullptr, Effect::inert},
    {"prometheus_enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
};
inline constexpr Message kAdvancedOptimizationsHorizontalScalingInstanceRegistry = {
    "AdvancedOptimizationsHorizontalScalingInstanceRegistryConfig",
    "advanced_optimizations.horizontal_scaling.instance_registry",
    kAdvancedOptimizationsHorizontalScalingInstanceRegistryFields};

inline constexpr Field kAdvancedOptimizationsHorizontalScalingFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"load_balancer", object(kAdvancedOptimizationsHorizontalScalingLoadBalancer), optional},
    {"distributed_cache", object(kAdvancedOptimizationsHorizontalScalingDistributedCache), optional},
    {"instance_registry", object(kAdvancedOptimizationsHorizontalScalingInstanceRegistry), optional},
};
inline constexpr Message kAdvancedOptimizationsHorizontalScaling = {"AdvancedOptimizationsHorizontalScalingConfig",
                                                                    "advanced_optimizations.horizontal_scaling",
                                                                    kAdvancedOptimizationsHorizontalScalingFields};

inline constexpr Field kAdvancedOptimizationsFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"weight_management", object(kAdvancedOptimizationsWeightManagement), optional},
    {"priority_scheduling", object(kAdvancedOptimizationsPriorityScheduling), optional},
    {"multi_model", object(kAdvancedOptimizationsMultiModel), optional},
    {"horizontal_scaling", object(kAdvancedOptimizationsHorizontalScaling), optional},
};
inline constexpr Message kAdvancedOptimizations = {"AdvancedOptimizationsConfig", "advanced_optimizations",
                                                   kAdvancedOptimizationsFields};

inline constexpr Field kBinaryStreamingFields[] = {
    {"use_messagepack", boolean(), optional, "false", "", nullptr, Effect::inert},
};
inline constexpr Message kBinaryStreaming = {"BinaryStreamingConfig", "binary_streaming", kBinaryStreamingFields};

inline constexpr Field kIpcBatchingFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"max_tokens_per_batch", integer(kPositive), optional, "16", "", nullptr, Effect::inert},
    {"flush_interval_ms", integer(kPositive), optional, "6", "", nullptr, Effect::inert},
};
inline constexpr Message kIpcBatching = {"IpcBatchingConfig", "ipc_batching", kIpcBatchingFields};

inline constexpr Field kObjectPoolingFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"chunk_pool_size", kNumber, optional, "100", "", nullptr, Effect::inert},
    {"stats_pool_size", kNumber, optional, "20", "", nullptr, Effect::inert},
    {"event_pool_size", kNumber, optional, "20", "", nullptr, Effect::inert},
};
inline constexpr Message kObjectPooling = {"ObjectPoolingConfig", "object_pooling", kObjectPoolingFields};

inline constexpr const Message* kMessages[] = {&kRequestDeduplication,
                                               &kPromptCachePersistence,
                                               &kPromptCache,
                                               &kRequestCoalescing,
                                               &kContinuousBatching,
                                               &kProductionInfrastructureCanaryDeploymentRouter,
                                               &kProductionInfrastructureCanaryDeploymentHealthCheck,
                                               &kProductionInfrastructureCanaryDeploymentRollback,
                                               &kProductionInfrastructureCanaryDeployment,
                                               &kProductionInfrastructureAbTesting,
                                               &kProductionInfrastructureRegressionDetectionMonitoring,
                                               &kProductionInfrastructureRegressionDetectionThresholds,
                                               &kProductionInfrastructureRegressionDetectionAlerting,
                                               &kProductionInfrastructureRegressionDetectionRollback,
                                               &kProductionInfrastructureRegressionDetection,
                                               &kProductionInfrastructure,
                                               &kRuntimeRouter,
                                               &kPythonRuntimeManager,
                                               &kAdaptiveBatchCoordinator,
                                               &kRetryPolicy,
                                               &kCircuitBreaker,
                                               &kConnectionPool,
                                               &kStreamingController,
                                               &kModelLifecycleManager,
                                               &kRollingRestartCoordinator,
                                               &kTransportHttp2Tls,
                                               &kTransportHttp2,
                                               &kTransportWebsocket,
                                               &kTransportSseWriterChunkPool,
                                               &kTransportSseWriter,
                                               &kTransport,
                                               &kTtftAcceleratorWarmQueue,
                                               &kTtftAcceleratorSpeculation,
                                               &kTtftAcceleratorKvPrep,
                                               &kTtftAccelerator,
                                               &kQosMonitorEvaluator,
                                               &kQosMonitorExecutor,
                                               &kQosMonitorPolicyStore,
                                               &kQosMonitor,
                                               &kAdvancedOptimizationsWeightManagement,
                                               &kAdvancedOptimizationsPrioritySchedulingPolicy,
                                               &kAdvancedOptimizationsPrioritySchedulingSla,
                                               &kAdvancedOptimizationsPriorityScheduling,
                                               &kAdvancedOptimizationsMultiModel,
                                               &kAdvancedOptimizationsHorizontalScalingLoadBalancerCircuitBreaker,
                                               &kAdvancedOptimizationsHorizontalScalingLoadBalancer,
                                               &kAdvancedOptimizationsHorizontalScalingDistributedCache,
                                               &kAdvancedOptimizationsHorizontalScalingInstanceRegistry,
                                               &kAdvancedOptimizationsHorizontalScaling,
                                               &kAdvancedOptimizations,
                                               &kBinaryStreaming,
                                               &kIpcBatching,
                                               &kObjectPooling};

}  // namespace mlxserving::schema::dormant
