/** Schemas of one area, by the path they have always had. */
export {
  ErrorEventSchema,
  GenerationCompletedEventSchema,
  GenerationStartedEventSchema,
  ModelInvalidatedEventSchema,
  ModelLoadedEventSchema,
  ModelUnloadedEventSchema,
  RuntimeStatusEventSchema,
  TokenGeneratedEventSchema,
} from '../../generated/schemas.js';
