#include <boost/asio/write.hpp>
#include <utility>

#include "net/byte_stream.h"

namespace mlxserving::net {
namespace {

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  void handshake(Done done) override { done({}, 0); }
  void read_some(boost::asio::mutable_buffer into, Done done) override {
    socket_.async_read_some(into, std::move(done));
  }
  void write(boost::asio::const_buffer bytes, Done done) override {
    boost::asio::async_write(socket_, bytes, std::move(done));
  }
  void shut_down_sending() override {
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

}  // namespace

std::unique_ptr<ByteStream> plain_stream(Socket socket) { return std::make_unique<PlainStream>(std::move(socket)); }

}  // namespace mlxserving::net
