/** Schemas of one area, by the path they have always had. */
export {
  LoadModelOptionsSchema,
  ModelDescriptorSchema,
  ModelHandleSchema,
  ModelStateSchema,
  TokenizerConfigSchema,
  CompatibilityReportSchema,
} from '../../generated/schemas.js';
