/** Replies of the runtime, as callers see them. */
import { EngineClientError } from '../api/errors.js';
import type { CheckDraftModel, CheckDraftResponse, RuntimeInfoResponse } from '../generated/types.js';
import type { RuntimeInfo } from '../types/engine.js';
import type { CompatibilityReport } from '../types/models.js';

export function toCompatibilityReport(reply: CheckDraftResponse): CompatibilityReport {
  const { compatible, errors, warnings, details } = reply;
  if (!details) throw new EngineClientError('RuntimeError', 'Draft check gave no details');
  const side = (model: CheckDraftModel) => ({
    id: model.id,
    vocabSize: model.vocab_size,
    parameterCount: model.parameter_count,
    architecture: model.architecture,
  });
  const {
    expected_speedup: expectedSpeedup,
    size_ratio: sizeRatio,
    recommendation,
  } = details.performance_estimate;
  return {
    compatible,
    errors,
    warnings,
    details: {
      primaryModel: side(details.primary_model),
      draftModel: side(details.draft_model),
      performanceEstimate: { expectedSpeedup, sizeRatio, recommendation },
    },
  };
}

export function toRuntimeInfo(info: RuntimeInfoResponse): RuntimeInfo {
  return {
    version: info.version,
    mlxVersion: info.mlx_version,
    protocol: info.protocol,
    capabilities: info.capabilities,
    ...(info.mlx_supported === undefined ? {} : { mlxSupported: info.mlx_supported }),
    ...(info.memory === undefined ? {} : { memory: info.memory }),
  };
}
