#include <boost/asio/ssl.hpp>
#include <utility>

#include "core/result.h"
#include "net/socket_stream.h"

namespace mlxserving::net {
namespace {

namespace ssl = boost::asio::ssl;

class TlsStream final : public SocketStream<ssl::stream<Socket>> {
 public:
  TlsStream(Socket socket, ssl::context& context) : SocketStream(std::move(socket), context) {}
  void handshake(Done done) override {
    stream_.async_handshake(ssl::stream_base::server,
                            [done = std::move(done)](boost::system::error_code error) { done(error, 0); });
  }
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
