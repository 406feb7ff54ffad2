#include "mlxserving/error.h"

namespace mlxserving {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_request: return "invalid_request";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::invalid_model: return "invalid_model";
    case ErrorCode::unsupported_model: return "unsupported_model";
    case ErrorCode::resource_exhausted: return "resource_exhausted";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::io: return "io";
    case ErrorCode::internal: return "internal";
  }
  return "internal";
}

}  // namespace mlxserving
