/** Models, as callers see them. */
export type {
  CompatibilityReport,
  ModelDescriptor,
  ModelHandle,
  ModelState,
  TokenizerConfig,
} from '../generated/types.js';
