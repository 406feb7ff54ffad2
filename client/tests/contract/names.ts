/** Names that live beside the root, as tests of the older package import them. */
import { JsonRpcErrorCode } from '../../src/bridge/serializers.js';

export { JsonRpcError, toEngineError } from '../../src/api/errors.js';
export const JsonRpcErrorCodes = JsonRpcErrorCode as unknown as Record<string, number>;
