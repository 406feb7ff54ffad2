// Where a server can listen, and what it says where it cannot. What it does with bytes: tests/api/http_wire.py.
#include "net/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace mlxserving::net {
namespace {

class Nothing final : public HttpHandler {
 public:
  std::optional<HttpResponse> refuse(const HttpRequest&) override { return std::nullopt; }
  bool is_quick(const HttpRequest&) const override { return true; }
  HttpReply handle(HttpRequest) override { return HttpResponse{}; }
  HttpResponse error(int status, const std::string&) const override { return {.status = status}; }
  void served(const Served&) override {}
};

class BindTest : public testing::Test {
 protected:
  Result<std::unique_ptr<HttpServer>> bind(HttpServerOptions options) {
    return HttpServer::bind(std::move(options), handler_);
  }
  Error refusal(HttpServerOptions options) {
    auto server = bind(std::move(options));
    EXPECT_FALSE(server);
    return server ? Error{} : server.error();
  }
  std::string path_ = (std::filesystem::temp_directory_path() / ("mlxs-" + std::to_string(::getpid()))).string();
  Nothing handler_;
};

TEST_F(BindTest, a_free_port_is_told_and_a_taken_one_refused) {
  const auto first = bind({.port = 0});
  ASSERT_TRUE(first);
  EXPECT_GT((*first)->port(), 0);
  const Error error = refusal({.port = (*first)->port()});
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_NE(error.message.find("cannot listen at 127.0.0.1:" + std::to_string((*first)->port())), std::string::npos);
}

TEST_F(BindTest, an_address_is_an_ip_address) {
  EXPECT_EQ(refusal({.address = "localhost", .port = 0}).param, "address");
  EXPECT_EQ(refusal({.address = "203.0.113.1", .port = 0}).code, ErrorCode::io) << "none of this machine's";
}

TEST_F(BindTest, a_socket_file_that_nobody_listens_at_is_replaced) {
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(left);
  {
    const auto server = bind({.port = -1, .unix_socket = path_});
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ((*server)->port(), -1);
    EXPECT_EQ(refusal({.port = -1, .unix_socket = path_}).param, "unix_socket") << "one that is in use stays";
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(BindTest, any_other_file_stays) {
  std::ofstream(path_) << "mine";
  EXPECT_EQ(refusal({.port = -1, .unix_socket = path_}).code, ErrorCode::io);
  EXPECT_EQ(std::filesystem::file_size(path_), 4U);
  std::filesystem::remove(path_);
}

TEST_F(BindTest, files_of_tls_that_are_none_are_named) {
  std::ofstream(path_) << "no certificate";
  EXPECT_EQ(refusal({.port = 0, .tls_certificate = "/nowhere", .tls_key = path_}).param, "/nowhere");
  EXPECT_EQ(refusal({.port = 0, .tls_certificate = path_, .tls_key = path_}).param, path_);
  std::filesystem::remove(path_);
}

}  // namespace
}  // namespace mlxserving::net
