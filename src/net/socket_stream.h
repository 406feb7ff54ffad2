// A socket, or a layer over one such as TLS, as a ByteStream but for its handshake.
#pragma once

#include <boost/asio/write.hpp>
#include <utility>

#include "net/byte_stream.h"

namespace mlxserving::net {

template <typename Stream>
class SocketStream : public ByteStream {
 public:
  void read_some(boost::asio::mutable_buffer into, Done done) final { stream_.async_read_some(into, std::move(done)); }
  void write(boost::asio::const_buffer bytes, Done done) final {
    boost::asio::async_write(stream_, bytes, std::move(done));
  }
  // Without a layer's own farewell: HTTP says where a message ends.
  void shut_down_sending() final {
    boost::system::error_code ignored;
    stream_.lowest_layer().shutdown(Socket::shutdown_send, ignored);
  }
  void close() final {
    boost::system::error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 protected:
  template <typename... Arguments>
  explicit SocketStream(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...) {}

  Stream stream_;
};

}  // namespace mlxserving::net
