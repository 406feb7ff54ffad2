// feature-flags.yaml: one row a flag.
#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

using enum Need;

constexpr Field kFlagsPhase4RolloutFields[] = {
    {"enabled", boolean(), optional, "false"},
    {"percentage", kNumber, optional, "0"},
    {"hash_seed", kText, optional, "\"phase4-rollout-2025-01-08\""},
};
constexpr Message kFlagsPhase4Rollout = {"FlagsPhase4RolloutConfig", "phase4_rollout", kFlagsPhase4RolloutFields};

constexpr Field kFlagsAdaptiveGovernorFields[] = {
    {"enabled", boolean(), optional, "false"},
    {"rollout_percentage", kNumber, optional, "0"},
    {"hash_seed", kText, optional, "\"adaptive-governor-2025-01-08\""},
};
constexpr Message kFlagsAdaptiveGovernor = {"FlagsAdaptiveGovernorConfig", "adaptive_governor",
                                            kFlagsAdaptiveGovernorFields};

constexpr Field kFlagsHttp2TransportFields[] = {
    {"enabled", boolean(), optional, "false"},
    {"rollout_percentage", kNumber, optional, "0"},
    {"hash_seed", kText, optional, "\"http2-transport-2025-01-08\""},
};
constexpr Message kFlagsHttp2Transport = {"FlagsHttp2TransportConfig", "http2_transport", kFlagsHttp2TransportFields};

constexpr Field kFlagsTtftPipelineWarmupQueueFields[] = {
    {"enabled", boolean(), optional, "true"},
};
constexpr Message kFlagsTtftPipelineWarmupQueue = {"FlagsTtftPipelineWarmupQueueConfig", "ttft_pipeline.warmup_queue",
                                                   kFlagsTtftPipelineWarmupQueueFields};

constexpr Field kFlagsTtftPipelineSpeculationFields[] = {
    {"enabled", boolean(), optional, "false"},
    {"allowlist_only", boolean(), optional, "true"},
};
constexpr Message kFlagsTtftPipelineSpeculation = {"FlagsTtftPipelineSpeculationConfig", "ttft_pipeline.speculation",
                                                   kFlagsTtftPipelineSpeculationFields};

constexpr Field kFlagsTtftPipelineKvPrepFields[] = {
    {"enabled", boolean(), optional, "false"},
};
constexpr Message kFlagsTtftPipelineKvPrep = {"FlagsTtftPipelineKvPrepConfig", "ttft_pipeline.kv_prep",
                                              kFlagsTtftPipelineKvPrepFields};

constexpr Field kFlagsTtftPipelineFields[] = {
    {"enabled", boolean(), optional, "true"},
    {"rollout_percentage", kNumber, optional, "100"},
    {"hash_seed", kText, optional, "\"ttft-pipeline-2025-01-08\""},
    {"warmup_queue", object(kFlagsTtftPipelineWarmupQueue), optional},
    {"speculation", object(kFlagsTtftPipelineSpeculation), optional},
    {"kv_prep", object(kFlagsTtftPipelineKvPrep), optional},
};
constexpr Message kFlagsTtftPipeline = {"FlagsTtftPipelineConfig", "ttft_pipeline", kFlagsTtftPipelineFields};

constexpr Field kFlagsQosMonitorEvaluatorFields[] = {
    {"enabled", boolean(), optional, "false"},
};
constexpr Message kFlagsQosMonitorEvaluator = {"FlagsQosMonitorEvaluatorConfig", "qos_monitor.evaluator",
                                               kFlagsQosMonitorEvaluatorFields};

constexpr Field kFlagsQosMonitorExecutorFields[] = {
    {"enabled", boolean(), optional, "false"},
    {"dry_run", boolean(), optional, "true"},
};
constexpr Message kFlagsQosMonitorExecutor = {"FlagsQosMonitorExecutorConfig", "qos_monitor.executor",
                                              kFlagsQosMonitorExecutorFields};

constexpr Field kFlagsQosMonitorPolicyStoreFields[] = {
    {"enabled", boolean(), optional, "false"},
};
constexpr Message kFlagsQosMonitorPolicyStore = {"FlagsQosMonitorPolicyStoreConfig", "qos_monitor.policy_store",
                                                 kFlagsQosMonitorPolicyStoreFields};

constexpr Field kFlagsQosMonitorFields[] = {
    {"enabled", boolean(), optional, "false"},
    {"rollout_percentage", kNumber, optional, "0"},
    {"hash_seed", kText, optional, "\"qos-monitor-2025-01-08\""},
    {"evaluator", object(kFlagsQosMonitorEvaluator), optional},
    {"executor", object(kFlagsQosMonitorExecutor), optional},
    {"policy_store", object(kFlagsQosMonitorPolicyStore), optional},
};
constexpr Message kFlagsQosMonitor = {"FlagsQosMonitorConfig", "qos_monitor", kFlagsQosMonitorFields};

constexpr Field kFlagsQosIntegrationFields[] = {
    {"enabled", boolean(), optional, "false"},
    {"rollout_percentage", kNumber, optional, "0"},
    {"hash_seed", kText, optional, "\"qos-integration-2025-01-08\""},
};
constexpr Message kFlagsQosIntegration = {"FlagsQosIntegrationConfig", "qos_integration", kFlagsQosIntegrationFields};

constexpr Field kFlagsEmergencyFields[] = {
    {"kill_switch", boolean(), optional, "false"},
    {"rollback_to_baseline", boolean(), optional, "false"},
};
constexpr Message kFlagsEmergency = {"FlagsEmergencyConfig", "emergency", kFlagsEmergencyFields};

constexpr Field kFlagsObservabilityFields[] = {
    {"log_feature_decisions", boolean(), optional, "false"},
    {"export_metrics", boolean(), optional, "true"},
    {"metric_prefix", kText, optional, "\"mlx_serving_feature_flags\""},
};
constexpr Message kFlagsObservability = {"FlagsObservabilityConfig", "observability", kFlagsObservabilityFields};

constexpr Field kFlagsConfigReloadFields[] = {
    {"enabled", boolean(), optional, "true"},
    {"validate_on_reload", boolean(), optional, "true"},
    {"rollback_on_error", boolean(), optional, "true"},
};
constexpr Message kFlagsConfigReload = {"FlagsConfigReloadConfig", "config_reload", kFlagsConfigReloadFields};

constexpr Field kFlagsFields[] = {
    {"phase4_rollout", object(kFlagsPhase4Rollout), optional},
    {"adaptive_governor", object(kFlagsAdaptiveGovernor), optional},
    {"http2_transport", object(kFlagsHttp2Transport), optional},
    {"ttft_pipeline", object(kFlagsTtftPipeline), optional},
    {"qos_monitor", object(kFlagsQosMonitor), optional},
    {"qos_integration", object(kFlagsQosIntegration), optional},
    {"emergency", object(kFlagsEmergency), optional},
    {"observability", object(kFlagsObservability), optional},
    {"config_reload", object(kFlagsConfigReload), optional},
};
constexpr Message kFlags = {"FeatureFlags", "feature-flags.yaml", kFlagsFields, Extra::keep};

constexpr const Message* kMessages[] = {&kFlagsPhase4Rollout,
                                        &kFlagsAdaptiveGovernor,
                                        &kFlagsHttp2Transport,
                                        &kFlagsTtftPipelineWarmupQueue,
                                        &kFlagsTtftPipelineSpeculation,
                                        &kFlagsTtftPipelineKvPrep,
                                        &kFlagsTtftPipeline,
                                        &kFlagsQosMonitorEvaluator,
                                        &kFlagsQosMonitorExecutor,
                                        &kFlagsQosMonitorPolicyStore,
                                        &kFlagsQosMonitor,
                                        &kFlagsQosIntegration,
                                        &kFlagsEmergency,
                                        &kFlagsObservability,
                                        &kFlagsConfigReload,
                                        &kFlags};

}  // namespace

std::span<const Message* const> flag_messages() { return kMessages; }

}  // namespace mlxserving::schema
