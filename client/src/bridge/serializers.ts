/** What crosses the pipe between this package and the runtime. */
import { z } from 'zod';
import {
  JsonRpcErrorResponseSchema,
  JsonRpcNotificationSchema,
  JsonRpcRequestSchema,
  JsonRpcSuccessSchema,
} from '../generated/schemas.js';

export {
  BatchCheckDraftParamsSchema,
  BatchTokenizeParamsSchema,
  CheckDraftParamsSchema,
  CheckDraftResponseSchema,
  GenerateParamsSchema,
  GenerateResponseSchema,
  GenerateWithImageParamsSchema,
  JsonRpcErrorObjectSchema,
  JsonRpcErrorResponseSchema,
  JsonRpcNotificationSchema,
  JsonRpcRequestSchema,
  JsonRpcSuccessSchema,
  LoadModelParamsSchema,
  LoadModelResponseSchema,
  LoadVisionModelParamsSchema,
  RpcTokenizeResponseSchema,
  RuntimeInfoResponseSchema,
  RuntimeStateResponseSchema,
  ShutdownResponseSchema,
  StreamChunkNotificationSchema,
  StreamEventNotificationSchema,
  StreamStatsNotificationSchema,
  TokenizeParamsSchema,
  UnloadModelParamsSchema,
  VisionModelResponseSchema,
} from '../generated/schemas.js';

export const JsonRpcMessageSchema = z.union([
  JsonRpcRequestSchema,
  JsonRpcSuccessSchema,
  JsonRpcErrorResponseSchema,
  JsonRpcNotificationSchema,
]);

export type {
  JsonRpcErrorObject,
  JsonRpcErrorResponse,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcSuccess,
} from '../generated/types.js';
export type JsonRpcMessage = z.infer<typeof JsonRpcMessageSchema>;

/** Error codes of JSON-RPC replies. */
export enum JsonRpcErrorCode {
  ParseError = -32700,
  InvalidRequest = -32600,
  MethodNotFound = -32601,
  InvalidParams = -32602,
  InternalError = -32603,
  ServerError = -32000,
  ModelLoadError = -32001,
  GenerationError = -32002,
  TokenizerError = -32003,
  GuidanceError = -32004,
  ModelNotLoaded = -32005,
  RuntimeError = -32099,
  Cancelled = -32800,
}
