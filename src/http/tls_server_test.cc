// The server behind TLS: the same machine over records.
#include <gtest/gtest.h>
#include <poll.h>

#include "http/test_server.h"
#include "net/certificates.h"

namespace sightglass::http {
namespace {

// A client of our own stream, one wait at a time.
class TlsTestClient {
 public:
  TlsTestClient(std::uint16_t port, net::TlsContext& context) : context_(context) {
    const int fd = must(net::connect_tcp({"127.0.0.1", port}));
    stream_ = must(context_.wrap(fd, "localhost"));
    for (;;) {
      const auto result = stream_->handshake();
      if (result.state != net::IoState::kAgain) {
        established_ = result.state == net::IoState::kOk;
        return;
      }
      wait();
    }
  }
  bool established() const { return established_; }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
      const auto result = stream_->write(&part, 1);
      bytes.remove_prefix(result.bytes);
      if (result.state == net::IoState::kAgain) wait();
      if (result.state == net::IoState::kError) return;
    }
  }
  // Until `bytes` have come, or the end.
  std::string receive(std::size_t bytes) {
    std::string out;
    char buffer[16384];
    while (out.size() < bytes) {
      const auto result = stream_->read(buffer, sizeof buffer);
      if (result.state == net::IoState::kOk) out.append(buffer, result.bytes);
      if (result.state == net::IoState::kAgain) wait();
      if (result.state == net::IoState::kEnd || result.state == net::IoState::kError) break;
    }
    return out;
  }

 private:
  void wait() {
    pollfd waiting{stream_->fd(), POLLIN, 0};
    poll(&waiting, 1, 1);
  }
  net::TlsContext& context_;
  std::unique_ptr<net::Stream> stream_;
  bool established_ = false;
};

class TlsServer : public ::testing::Test {
 protected:
  TlsServer() {
    const auto authority = net::make_certificate(nullptr, "", -3600, 86400);
    const auto own = net::make_certificate(&authority, "DNS:localhost", -3600, 86400);
    client = must(net::TlsContext::client({folder.write("authority", authority)}));
    std::shared_ptr<net::TlsContext> context =
        must(net::TlsContext::server({folder.write("own", own), folder.write_key("own", own)}));
    ServerOptions options;
    options.limits.tls_handshake_ns = 100 * kMillisecond;
    options.listens.push_back({{"127.0.0.1", 0}, {}, context});
    const auto large = simple([](const SimpleRequest& r) {
      Response response;
      response.body = (r.secure ? "secure" : "plain") + std::to_string(r.body.size()) +
                      std::string(3 << 20, 'x');
      return response;
    });
    server = std::make_unique<TestServer>(std::vector<Route>{open_route("POST", "/", large)},
                                          std::move(options));
  }
  net::CertificateFolder folder;
  std::unique_ptr<net::TlsContext> client;
  std::unique_ptr<TestServer> server;
};

TEST_F(TlsServer, LargeBodiesPassBothWaysOnOneConnection) {
  TlsTestClient one(server->port(), *client);
  ASSERT_TRUE(one.established());
  for (int i = 0; i < 3; ++i) {
    one.send(post("/", std::string(500'000, 'y')));
    auto head = one.receive(1);
    while (head.find("\r\n\r\n") == std::string::npos) head += one.receive(1);
    const auto at = head.find("\r\n\r\n") + 4;
    constexpr std::string_view kStart = "secure500000";
    const auto size = kStart.size() + (3 << 20);
    auto body = head.substr(at);
    if (body.size() < size) body += one.receive(size - body.size());
    EXPECT_EQ(body.size(), size);
    EXPECT_TRUE(body.starts_with(kStart));
  }
}

TEST_F(TlsServer, WhoDoesNotShakeHandsIsCutOff) {
  TestClient silent(server->port());
  EXPECT_TRUE(silent.at_end());
  EXPECT_EQ(server->rejections("tls_timeout"), 1);
  TestClient plain(server->port());
  plain.send(get("/"));
  EXPECT_TRUE(plain.at_end());
  EXPECT_EQ(server->rejections("tls_failed"), 1);
}

}  // namespace
}  // namespace sightglass::http
