// A connected socket, plain or with TLS, behind one door, so that what speaks HTTP is compiled once.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>

#include "mlxserving/error.h"

namespace mlxserving::net {

using Done = std::function<void(boost::system::error_code, size_t)>;
using Socket = boost::asio::generic::stream_protocol::socket;

// One read and one write may be under way at once. Used on the server's thread; `done` is called there, later.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual void handshake(Done done) = 0;
  virtual void read_some(boost::asio::mutable_buffer into, Done done) = 0;
  virtual void write(boost::asio::const_buffer bytes, Done done) = 0;
  virtual void shut_down_sending() = 0;
  virtual void close() = 0;  // what is under way ends with an error
};

std::unique_ptr<ByteStream> plain_stream(Socket socket);

// What turns sockets into TLS streams.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
  virtual std::unique_ptr<ByteStream> wrap(Socket socket) = 0;
};
// Errors: invalid_request naming the file.
Result<std::unique_ptr<TlsContext>> make_tls(const std::string& certificate, const std::string& key);

}  // namespace mlxserving::net
