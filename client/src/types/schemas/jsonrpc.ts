/** Validation of JSON-RPC messages. */
import type { z, ZodError, ZodTypeAny } from 'zod';
import {
  CheckDraftParamsSchema,
  GenerateParamsSchema,
  JsonRpcErrorResponseSchema,
  JsonRpcMessageSchema,
  JsonRpcNotificationSchema,
  JsonRpcRequestSchema,
  JsonRpcSuccessSchema,
  LoadModelParamsSchema,
  TokenizeParamsSchema,
  UnloadModelParamsSchema,
} from '../../bridge/serializers.js';

export type JsonRpcValidationResult<T> = { success: true; data: T } | { success: false; error: ZodError };

/** Methods whose params are checked together with the request. */
const PARAMS: Record<string, ZodTypeAny> = {
  load_model: LoadModelParamsSchema,
  unload_model: UnloadModelParamsSchema,
  generate: GenerateParamsSchema,
  tokenize: TokenizeParamsSchema,
  check_draft: CheckDraftParamsSchema,
};

function verdict(result: z.SafeParseReturnType<unknown, unknown>): JsonRpcValidationResult<unknown> {
  return result.success ? { success: true, data: result.data } : { success: false, error: result.error };
}

export function validateJsonRpcRequest(
  request: unknown,
  validateParams = true,
): JsonRpcValidationResult<unknown> {
  const parsed = JsonRpcRequestSchema.safeParse(request);
  if (!parsed.success || !validateParams || parsed.data.params === undefined) return verdict(parsed);
  const schema = Object.hasOwn(PARAMS, parsed.data.method) ? PARAMS[parsed.data.method] : undefined;
  const params = schema?.safeParse(parsed.data.params);
  return params !== undefined && !params.success ? { success: false, error: params.error } : verdict(parsed);
}

export function validateJsonRpcResponse(response: unknown): JsonRpcValidationResult<unknown> {
  const success = JsonRpcSuccessSchema.safeParse(response);
  if (success.success) return verdict(success);
  const failure = JsonRpcErrorResponseSchema.safeParse(response);
  return failure.success ? verdict(failure) : verdict(success);
}

export function validateJsonRpcNotification(notification: unknown): JsonRpcValidationResult<unknown> {
  return verdict(JsonRpcNotificationSchema.safeParse(notification));
}

export function validateJsonRpcMessage(message: unknown): JsonRpcValidationResult<unknown> {
  return verdict(JsonRpcMessageSchema.safeParse(message));
}
