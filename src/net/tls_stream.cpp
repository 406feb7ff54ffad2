#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "core/result.h"
#include "net/byte_stream.h"

namespace mlxserving::net {
namespace {

namespace ssl = boost::asio::ssl;

class TlsStream final : public ByteStream {
 public:
  TlsStream(Socket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  void handshake(Done done) override {
    stream_.async_handshake(ssl::stream_base::server,
                            [done = std::move(done)](boost::system::error_code error) { done(error, 0); });
  }
  void read_some(boost::asio::mutable_buffer into, Done done) override {
    stream_.async_read_some(into, std::move(done));
  }
  void write(boost::asio::const_buffer bytes, Done done) override {
    boost::asio::async_write(stream_, bytes, std::move(done));
  }
  // Without TLS's own farewell: HTTP says where a message ends.
  void shut_down_sending() override {
    boost::system::error_code ignored;
    stream_.next_layer().shutdown(Socket::shutdown_send, ignored);
  }
  void close() override {
    boost::system::error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  ssl::stream<Socket> stream_;
};

class OpenSslContext final : public TlsContext {
 public:
  Result<void> load(const std::string& certificate, const std::string& key) {
    context_.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
    boost::system::error_code error;
    context_.use_certificate_chain_file(certificate, error);
    if (error) return unreadable(certificate, error);
    context_.use_private_key_file(key, ssl::context::pem, error);
    if (error) return unreadable(key, error);
    if (SSL_CTX_check_private_key(context_.native_handle()) != 1) {
      return fail(ErrorCode::invalid_request, key, "{} is not the key of {}", key, certificate);
    }
    return {};
  }

  std::unique_ptr<ByteStream> wrap(Socket socket) override {
    return std::make_unique<TlsStream>(std::move(socket), context_);
  }

 private:
  static Error unreadable(const std::string& file, const boost::system::error_code& error) {
    return fail(ErrorCode::invalid_request, file, "{} cannot be used for TLS: {}", file, error.message());
  }

  ssl::context context_{ssl::context::tls_server};
};

}  // namespace

Result<std::unique_ptr<TlsContext>> make_tls(const std::string& certificate, const std::string& key) {
  auto context = std::make_unique<OpenSslContext>();
  MLXS_CHECKED(context->load(certificate, key));
  return std::unique_ptr<TlsContext>(std::move(context));
}

}  // namespace mlxserving::net
