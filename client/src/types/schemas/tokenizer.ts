/** Schemas of one area, by the path they have always had. */
export { TokenizeRequestSchema, TokenizeResponseSchema } from '../../generated/schemas.js';
