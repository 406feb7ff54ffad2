#include "net/socket_stream.h"

namespace mlxserving::net {
namespace {

class PlainStream final : public SocketStream<Socket> {
 public:
  explicit PlainStream(Socket socket) : SocketStream(std::move(socket)) {}
  void handshake(Done done) override { done({}, 0); }
};

}  // namespace

std::unique_ptr<ByteStream> plain_stream(Socket socket) { return std::make_unique<PlainStream>(std::move(socket)); }

}  // namespace mlxserving::net
