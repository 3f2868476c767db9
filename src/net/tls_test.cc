// TLS between the client and a scripted server, with certificates made here.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <string>
#include <vector>

#include "net/certificates.h"
#include "net/client.h"
#include "net/scripted_server.h"

namespace sightglass::net {
namespace {

using Script = ScriptedServer::Script;
constexpr long kDay = 86400;
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

struct Told final : CallHandler {
  explicit Told(Loop& to_stop) : loop(to_stop) {}
  void on_head(const ResponseHead& head) override { log += std::to_string(head.status) + " "; }
  void on_body(std::string_view content) override { body += content; }
  void on_end() override { log += "end", loop.stop(); }
  void on_error(CallError error, bool, bool) override {
    log += call_error_name(error);
    loop.stop();
  }
  Loop& loop;
  std::string log;
  std::string body;
};

class TlsTest : public testing::Test {
 protected:
  std::unique_ptr<TlsContext> server_context(const std::string& names, long from_s = -kDay,
                                             long to_s = kDay) {
    const auto certificate = make_certificate(&authority_, names, from_s, to_s);
    auto context = TlsContext::server({.certificate_file = folder_.write("server", certificate),
                                       .key_file = folder_.write_key("server", certificate)});
    EXPECT_TRUE(context);
    return std::move(*context);
  }
  void serve(TlsContext& context, std::vector<Script> scripts) {
    server_ = std::make_unique<ScriptedServer>(std::move(scripts), &context);
  }
  static Script answer() {
    return [](ScriptedPeer& peer) {
      while (!peer.read_request().empty()) peer.send(kOk);
    };
  }
  void trust(const Certificate& authority) {
    auto context = TlsContext::client({.ca_file = folder_.write("authority", authority)});
    ASSERT_TRUE(context);
    client_ = Client::make(
        *loop_,
        {.tls = std::shared_ptr(std::move(*context)),
         .resolve = [](const std::string&) { return std::vector<std::string>{"127.0.0.1"}; }},
        telemetry_);
  }
  std::string call(const std::string& host) {
    if (!client_) trust(authority_);
    Told told(*loop_);
    client_->send({.tls = true, .address = {host, server_->port()}, .authority = host},
                  {.head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, &told);
    Timer guard(*loop_, [this] {
      ADD_FAILURE() << "the call hangs";
      loop_->stop();
    });
    guard.arm(120 * kSecond);
    loop_->run();
    return told.log + (told.body.empty() ? "" : " " + told.body);
  }

  SystemClock clock_;
  Telemetry telemetry_;
  CertificateFolder folder_;
  Certificate authority_ = make_certificate(nullptr, "", -kDay, kDay);
  std::unique_ptr<Loop> loop_ = *Loop::make(clock_);
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(TlsTest, TrustsAGoodCertificateAndReusesTheConnection) {
  const auto context = server_context("DNS:provider.test");
  serve(*context, {answer()});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(call("provider.test"), "200 end hello");
  EXPECT_EQ(client_->open_connections(), 1u);  // session tickets are not unexpected data
  client_.reset();
  server_.reset();
}

TEST_F(TlsTest, VerifiesNumericAddressesAsSuch) {
  const auto context = server_context("IP:127.0.0.1");
  serve(*context, {answer()});
  EXPECT_EQ(call("127.0.0.1"), "200 end hello");
  client_.reset();
  server_.reset();
}

TEST_F(TlsTest, RefusesAWrongHost) {
  for (const char* names : {"DNS:other.test", "IP:127.0.0.2", "DNS:*.test.provider.test", ""}) {
    const auto context = server_context(names);
    serve(*context, {answer(), answer()});
    EXPECT_EQ(call("provider.test"), "tls") << names;
    EXPECT_EQ(call("127.0.0.1"), "tls") << names;
    server_.reset();
  }
}

TEST_F(TlsTest, RefusesExpiredAndFutureCertificates) {
  const auto expired = server_context("DNS:provider.test", -2 * kDay, -kDay);
  serve(*expired, {answer()});
  EXPECT_EQ(call("provider.test"), "tls");
  server_.reset();
  const auto future = server_context("DNS:provider.test", kDay, 2 * kDay);
  serve(*future, {answer()});
  EXPECT_EQ(call("provider.test"), "tls");
  server_.reset();
}

TEST_F(TlsTest, RefusesAnUntrustedAuthority) {
  const auto context = server_context("DNS:provider.test");
  serve(*context, {answer()});
  trust(make_certificate(nullptr, "", -kDay, kDay));
  EXPECT_EQ(call("provider.test"), "tls");
  client_.reset();
  server_.reset();
}

TEST_F(TlsTest, RefusesAPeerThatSpeaksNoTls) {
  server_ = std::make_unique<ScriptedServer>(std::vector<Script>{[](ScriptedPeer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.read_to_end();
  }});
  EXPECT_EQ(call("provider.test"), "tls");
  client_.reset();
  server_.reset();
}

TEST_F(TlsTest, WithoutAContextCallsFail) {
  client_ = Client::make(*loop_, {}, telemetry_);
  server_ = std::make_unique<ScriptedServer>(std::vector<Script>{});
  EXPECT_EQ(call("127.0.0.1"), "tls");
}

TEST_F(TlsTest, CarriesLargeBodiesBothWays) {
  const auto context = server_context("DNS:provider.test");
  const std::string large(4 << 20, 'x');
  serve(*context, {[&](ScriptedPeer& peer) {
    const auto request = peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size()) + "\r\n\r\n" +
              request.substr(request.size() - large.size()));
    peer.read_to_end();
  }});
  trust(authority_);
  Told told(*loop_);
  client_->send(
      {.tls = true, .address = {"provider.test", server_->port()}, .authority = "a"},
      {.head = "POST / HTTP/1.1\r\nContent-Length: 4194304\r\n\r\n",
       .body = {std::string_view(large).substr(0, 100), std::string_view(large).substr(100)}},
      &told);
  loop_->run();
  EXPECT_EQ(told.log, "200 end");
  EXPECT_TRUE(told.body == large);
  client_.reset();
  server_.reset();
}

TEST_F(TlsTest, AnEndWithoutCloseNotifyIsNotTheEndOfABody) {
  const auto context = server_context("DNS:provider.test");
  serve(*context, {[](ScriptedPeer& peer) {
                     peer.read_request();
                     peer.send("HTTP/1.1 200 OK\r\n\r\ncut");
                   },
                   [](ScriptedPeer& peer) {
                     peer.read_request();
                     peer.send("HTTP/1.1 200 OK\r\n\r\nwhole");
                     peer.shutdown_write();
                     peer.read_to_end();
                   }});
  EXPECT_EQ(call("provider.test"), "200 reset cut");
  EXPECT_EQ(call("provider.test"), "200 end whole");
  client_.reset();
  server_.reset();
}

// What OpenSSL itself says about our server side, over a blocking socket of its own.
struct PlainOpenSsl {
  explicit PlainOpenSsl(std::uint16_t port) : context(SSL_CTX_new(TLS_client_method())) {
    fd = *connect_tcp({"127.0.0.1", port});
    const int flags = fcntl(fd, F_GETFL);
    pollfd one{fd, POLLOUT, 0};
    poll(&one, 1, 5000);
    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
  }
  ~PlainOpenSsl() {
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
  }
  SSL_CTX* context;
  SSL* ssl = nullptr;
  int fd = -1;
};

TEST_F(TlsTest, ServerChoosesHttp11AndRefusesOtherProtocols) {
  const auto context = server_context("DNS:provider.test");
  serve(*context, {answer(), answer(), answer()});
  {
    PlainOpenSsl both(server_->port());
    SSL_set_alpn_protos(both.ssl, reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"), 12);
    ASSERT_EQ(SSL_connect(both.ssl), 1);
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(both.ssl, &chosen, &size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
  }
  {
    PlainOpenSsl h2(server_->port());
    SSL_set_alpn_protos(h2.ssl, reinterpret_cast<const unsigned char*>("\x02h2"), 3);
    EXPECT_NE(SSL_connect(h2.ssl), 1);
  }
  {
    PlainOpenSsl none(server_->port());
    EXPECT_EQ(SSL_connect(none.ssl), 1);
  }
  server_.reset();
}

TEST_F(TlsTest, ServerRefusesTls11) {
  const auto context = server_context("DNS:provider.test");
  serve(*context, {answer(), answer()});
  {
    PlainOpenSsl old(server_->port());
    SSL_set_security_level(old.ssl, 0);
    SSL_set_min_proto_version(old.ssl, TLS1_VERSION);
    SSL_set_max_proto_version(old.ssl, TLS1_1_VERSION);
    EXPECT_NE(SSL_connect(old.ssl), 1);
  }
  {
    PlainOpenSsl oldest_allowed(server_->port());
    SSL_set_max_proto_version(oldest_allowed.ssl, TLS1_2_VERSION);
    EXPECT_EQ(SSL_connect(oldest_allowed.ssl), 1);
  }
  server_.reset();
}

TEST_F(TlsTest, ResumesSessions) {
  // A server of OpenSSL's own that counts resumed handshakes.
  const auto certificate = make_certificate(&authority_, "DNS:provider.test", -kDay, kDay);
  SSL_CTX* server = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(server, certificate.x509.get());
  SSL_CTX_use_PrivateKey(server, certificate.key.get());
  const int listener = *listen_tcp({"127.0.0.1", 0}, false);
  std::string resumed;
  std::jthread thread([&] {
    for (int i = 0; i < 3; ++i) {
      pollfd one{listener, POLLIN, 0};
      poll(&one, 1, 120'000);
      const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      SSL* ssl = SSL_new(server);
      SSL_set_fd(ssl, fd);
      if (SSL_accept(ssl) == 1) resumed += SSL_session_reused(ssl) == 1 ? 'r' : 'f';
      char buffer[4096];
      SSL_read(ssl, buffer, sizeof buffer);
      const std::string answer =
          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
      SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
      SSL_shutdown(ssl);
      SSL_free(ssl);
      close(fd);
    }
  });
  trust(authority_);
  for (int i = 0; i < 3; ++i) {
    Told told(*loop_);
    client_->send(
        {.tls = true, .address = {"provider.test", local_port(listener)}, .authority = "a"},
        {.head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}, &told);
    loop_->run();
    EXPECT_EQ(told.log, "200 end");
  }
  thread.join();
  EXPECT_EQ(resumed, "frr");
  SSL_CTX_free(server);
  close(listener);
}

TEST_F(TlsTest, BadFilesAreRefusedWithOurWords) {
  const auto certificate = make_certificate(&authority_, "DNS:a", -kDay, kDay);
  const auto other = make_certificate(&authority_, "DNS:a", -kDay, kDay);
  const auto file = folder_.write("good", certificate);
  EXPECT_FALSE(TlsContext::client({.ca_file = folder_.path("absent.pem")}));
  EXPECT_FALSE(TlsContext::server({.certificate_file = folder_.path("absent"), .key_file = file}));
  const auto mismatch =
      TlsContext::server({.certificate_file = file, .key_file = folder_.write_key("other", other)});
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().message, "the key file is not the PEM key of the certificate");
}

TEST_F(TlsTest, AClientStreamNeedsAName) {
  const auto context = TlsContext::client({.ca_file = folder_.write("authority", authority_)});
  ASSERT_TRUE(context);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  EXPECT_FALSE((*context)->wrap(fd, ""));
  close(fd);
}

}  // namespace
}  // namespace sightglass::net
