// feature-flags.yaml: one row a flag.
#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

using enum Need;

// Flags of parts that this runtime does not have: read, checked, and without effect.
constexpr Texts kPercentageTexts = {.too_small = "Invalid rollout percentage: {value}. Must be 0-100.",
                                    .too_big = "Invalid rollout percentage: {value}. Must be 0-100."};
constexpr Type kPercentage = number({0, 100}, &kPercentageTexts);

constexpr Field kFlagsPhase4RolloutFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"percentage", kPercentage, optional, "0", "", nullptr, Effect::inert},
    {"hash_seed", kText, optional, "\"phase4-rollout-2025-01-08\"", "", nullptr, Effect::inert},
};
constexpr Message kFlagsPhase4Rollout = {"FlagsPhase4RolloutConfig", "phase4_rollout", kFlagsPhase4RolloutFields};

constexpr Field kFlagsAdaptiveGovernorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"rollout_percentage", kPercentage, optional, "0", "", nullptr, Effect::inert},
    {"hash_seed", kText, optional, "\"adaptive-governor-2025-01-08\"", "", nullptr, Effect::inert},
};
constexpr Message kFlagsAdaptiveGovernor = {"FlagsAdaptiveGovernorConfig", "adaptive_governor",
                                            kFlagsAdaptiveGovernorFields};

constexpr Field kFlagsHttp2TransportFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"rollout_percentage", kPercentage, optional, "0", "", nullptr, Effect::inert},
    {"hash_seed", kText, optional, "\"http2-transport-2025-01-08\"", "", nullptr, Effect::inert},
};
constexpr Message kFlagsHttp2Transport = {"FlagsHttp2TransportConfig", "http2_transport", kFlagsHttp2TransportFields};

constexpr Field kFlagsTtftPipelineWarmupQueueFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
};
constexpr Message kFlagsTtftPipelineWarmupQueue = {"FlagsTtftPipelineWarmupQueueConfig", "ttft_pipeline.warmup_queue",
                                                   kFlagsTtftPipelineWarmupQueueFields};

constexpr Field kFlagsTtftPipelineSpeculationFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"allowlist_only", boolean(), optional, "true", "", nullptr, Effect::inert},
};
constexpr Message kFlagsTtftPipelineSpeculation = {"FlagsTtftPipelineSpeculationConfig", "ttft_pipeline.speculation",
                                                   kFlagsTtftPipelineSpeculationFields};

constexpr Field kFlagsTtftPipelineKvPrepFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
};
constexpr Message kFlagsTtftPipelineKvPrep = {"FlagsTtftPipelineKvPrepConfig", "ttft_pipeline.kv_prep",
                                              kFlagsTtftPipelineKvPrepFields};

constexpr Field kFlagsTtftPipelineFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"rollout_percentage", kPercentage, optional, "100", "", nullptr, Effect::inert},
    {"hash_seed", kText, optional, "\"ttft-pipeline-2025-01-08\"", "", nullptr, Effect::inert},
    {"warmup_queue", object(kFlagsTtftPipelineWarmupQueue), optional},
    {"speculation", object(kFlagsTtftPipelineSpeculation), optional},
    {"kv_prep", object(kFlagsTtftPipelineKvPrep), optional},
};
constexpr Message kFlagsTtftPipeline = {"FlagsTtftPipelineConfig", "ttft_pipeline", kFlagsTtftPipelineFields};

constexpr Field kFlagsQosMonitorEvaluatorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
};
constexpr Message kFlagsQosMonitorEvaluator = {"FlagsQosMonitorEvaluatorConfig", "qos_monitor.evaluator",
                                               kFlagsQosMonitorEvaluatorFields};

constexpr Field kFlagsQosMonitorExecutorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"dry_run", boolean(), optional, "true", "", nullptr, Effect::inert},
};
constexpr Message kFlagsQosMonitorExecutor = {"FlagsQosMonitorExecutorConfig", "qos_monitor.executor",
                                              kFlagsQosMonitorExecutorFields};

constexpr Field kFlagsQosMonitorPolicyStoreFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
};
constexpr Message kFlagsQosMonitorPolicyStore = {"FlagsQosMonitorPolicyStoreConfig", "qos_monitor.policy_store",
                                                 kFlagsQosMonitorPolicyStoreFields};

constexpr Field kFlagsQosMonitorFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"rollout_percentage", kPercentage, optional, "0", "", nullptr, Effect::inert},
    {"hash_seed", kText, optional, "\"qos-monitor-2025-01-08\"", "", nullptr, Effect::inert},
    {"evaluator", object(kFlagsQosMonitorEvaluator), optional},
    {"executor", object(kFlagsQosMonitorExecutor), optional},
    {"policy_store", object(kFlagsQosMonitorPolicyStore), optional},
};
constexpr Message kFlagsQosMonitor = {"FlagsQosMonitorConfig", "qos_monitor", kFlagsQosMonitorFields};

constexpr Field kFlagsQosIntegrationFields[] = {
    {"enabled", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"rollout_percentage", kPercentage, optional, "0", "", nullptr, Effect::inert},
    {"hash_seed", kText, optional, "\"qos-integration-2025-01-08\"", "", nullptr, Effect::inert},
};
constexpr Message kFlagsQosIntegration = {"FlagsQosIntegrationConfig", "qos_integration", kFlagsQosIntegrationFields};

constexpr Field kFlagsEmergencyFields[] = {
    {"kill_switch", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"rollback_to_baseline", boolean(), optional, "false", "", nullptr, Effect::inert},
};
constexpr Message kFlagsEmergency = {"FlagsEmergencyConfig", "emergency", kFlagsEmergencyFields};

constexpr Field kFlagsObservabilityFields[] = {
    {"log_feature_decisions", boolean(), optional, "false", "", nullptr, Effect::inert},
    {"export_metrics", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"metric_prefix", kText, optional, "\"mlx_serving_feature_flags\"", "", nullptr, Effect::inert},
};
constexpr Message kFlagsObservability = {"FlagsObservabilityConfig", "observability", kFlagsObservabilityFields};

constexpr Field kFlagsConfigReloadFields[] = {
    {"enabled", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"validate_on_reload", boolean(), optional, "true", "", nullptr, Effect::inert},
    {"rollback_on_error", boolean(), optional, "true", "", nullptr, Effect::inert},
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
