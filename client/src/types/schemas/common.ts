/** Schemas of one area, by the path they have always had. */
export {
  NonEmptyString,
  PositiveInteger,
  NonNegativeInteger,
  NonNegativeNumber,
  ClampedTemperature,
  ClampedTopP,
  ClampedPenalty,
  QuantizationModeSchema,
  StructuredFormat,
} from '../../generated/schemas.js';
