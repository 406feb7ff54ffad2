/** Schemas of one area, by the path they have always had. */
export { EngineTelemetryConfigSchema } from '../../generated/schemas.js';
export type { EngineTelemetryConfig } from '../../generated/types.js';
