// TLS by OpenSSL 3. Its error text never leaves this file; it is not even read.
#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "net/socket.h"

namespace sightglass::net {
namespace {

constexpr std::size_t kMaxSessions = 64;
constexpr std::size_t kRecordBytes = 16 << 10;

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;
using Session = std::unique_ptr<SSL_SESSION, Free<SSL_SESSION_free>>;
using BioMethod = std::unique_ptr<BIO_METHOD, Free<BIO_meth_free>>;

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE.
int bio_descriptor(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int bio_read(BIO* bio, char* out, std::size_t size, std::size_t* done) {
  BIO_clear_retry_flags(bio);
  const auto result = receive(bio_descriptor(bio), out, size);
  *done = result.bytes;
  if (result.state == IoState::kAgain) BIO_set_retry_read(bio);
  if (result.state == IoState::kEnd) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return result.state == IoState::kOk ? 1 : 0;
}

int bio_write(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
  BIO_clear_retry_flags(bio);
  const iovec part{const_cast<char*>(data), size};
  const auto result = transmit(bio_descriptor(bio), &part, 1);
  *done = result.bytes;
  if (result.state == IoState::kAgain) BIO_set_retry_write(bio);
  return result.state == IoState::kOk ? 1 : 0;
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BioMethod make_bio_method() {
  BioMethod method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "descriptor"));
  if (method) {
    BIO_meth_set_read_ex(method.get(), bio_read);
    BIO_meth_set_write_ex(method.get(), bio_write);
    BIO_meth_set_ctrl(method.get(), bio_control);
  }
  return method;
}

class TlsStream final : public Stream {
 public:
  TlsStream(int fd, Ssl ssl, std::string name)
      : fd_(fd), ssl_(std::move(ssl)), name_(std::move(name)) {
    SSL_set_app_data(ssl_.get(), this);
  }
  ~TlsStream() override {
    // A session is dropped from reuse when its connection was not shut down; ours may be resumed.
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    ssl_.reset();
    close(fd_);
  }

  int fd() const override { return fd_; }
  bool secure() const override { return true; }
  const std::string& name() const { return name_; }

  IoResult read(char* out, std::size_t size) override {
    std::size_t done = 0;
    ERR_clear_error();
    const int returned = SSL_read_ex(ssl_.get(), out, size, &done);
    return result_of(returned, done);
  }

  IoResult write(const iovec* parts, int count) override {
    // One record for small parts; a large first part goes as it lies.
    char gathered[kRecordBytes];
    const void* data = nullptr;
    std::size_t size = 0;
    if (count > 0 && (count == 1 || parts->iov_len >= sizeof gathered)) {
      data = parts->iov_base;
      size = parts->iov_len;
    } else {
      data = gathered;
      for (int i = 0; i < count && size < sizeof gathered; ++i) {
        const auto part = std::min(parts[i].iov_len, sizeof gathered - size);
        if (part > 0) std::memcpy(gathered + size, parts[i].iov_base, part);
        size += part;
      }
    }
    if (size == 0) return {};
    std::size_t done = 0;
    ERR_clear_error();
    const int returned = SSL_write_ex(ssl_.get(), data, size, &done);
    return result_of(returned, done);
  }

  IoResult handshake() override {
    ERR_clear_error();
    return result_of(SSL_do_handshake(ssl_.get()), 0);
  }

  void shutdown_write() override {
    ERR_clear_error();
    if (!failed_ && SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
    shutdown(fd_, SHUT_WR);
  }

 private:
  IoResult result_of(int returned, std::size_t done) {
    if (returned == 1) return {IoState::kOk, done};
    switch (SSL_get_error(ssl_.get(), returned)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {IoState::kAgain, 0};
      case SSL_ERROR_ZERO_RETURN:
        return {IoState::kEnd, 0};
      default:
        failed_ = true;
        ERR_clear_error();
        return {IoState::kError, 0};
    }
  }

  const int fd_;
  Ssl ssl_;
  const std::string name_;
  bool failed_ = false;
};

// The last session of each name.
class Sessions {
 public:
  void put(const std::string& name, Session session) {
    const std::lock_guard lock(mutex_);
    if (sessions_.size() >= kMaxSessions && !sessions_.contains(name)) {
      sessions_.erase(sessions_.begin());
    }
    sessions_[name] = std::move(session);
  }
  // Offers the session to `ssl`, which takes its own reference.
  void offer(const std::string& name, SSL* ssl) {
    const std::lock_guard lock(mutex_);
    if (const auto it = sessions_.find(name); it != sessions_.end()) {
      SSL_set_session(ssl, it->second.get());
    }
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Session> sessions_;
};

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof kHttp11 - 1, offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

class OpenSslContext final : public TlsContext {
 public:
  enum class Side { kServer, kClient };
  OpenSslContext(SslContext context, BioMethod method, Side side)
      : method_(std::move(method)), context_(std::move(context)), side_(side) {
    SSL_CTX_set_app_data(context_.get(), this);
  }

  Result<std::unique_ptr<Stream>> wrap(int fd, const std::string& name) override {
    ERR_clear_error();
    Ssl ssl(SSL_new(context_.get()));
    BIO* bio = ssl ? BIO_new(method_.get()) : nullptr;
    if (bio == nullptr) return fail(Code::kInternal, "a TLS connection could not be made");
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl.get(), bio, bio);
    if (side_ == Side::kServer) {
      SSL_set_accept_state(ssl.get());
    } else {
      if (!expect_name(ssl.get(), name)) {
        return fail(Code::kInvalid, "the name to verify is missing or malformed");
      }
      sessions_.offer(name, ssl.get());
      SSL_set_connect_state(ssl.get());
    }
    set_no_delay(fd);
    return std::make_unique<TlsStream>(fd, std::move(ssl), name);
  }

  static int on_new_session(SSL* ssl, SSL_SESSION* session) {
    auto* self = static_cast<OpenSslContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const auto* stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
    self->sessions_.put(stream->name(), Session(session));
    return 1;  // the reference is ours
  }

 private:
  // SNI is for names only (RFC 6066); a numeric address must stand in the certificate as such.
  static bool expect_name(SSL* ssl, const std::string& name) {
    if (name.empty()) return false;
    if (is_numeric_host(name)) {
      return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name.c_str()) == 1 &&
           SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
  }

  BioMethod method_;  // outlives the context and its connections
  SslContext context_;
  const Side side_;
  Sessions sessions_;
};

// What both sides share.
Result<SslContext> base_context(const SSL_METHOD* method) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(method));
  if (!context) return fail(Code::kInternal, "TLS is not available");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);  // header and content of a record in one read
  return context;
}

Result<std::unique_ptr<TlsContext>> finish(SslContext context, OpenSslContext::Side side) {
  auto method = make_bio_method();
  if (!method) return fail(Code::kInternal, "TLS is not available");
  return std::make_unique<OpenSslContext>(std::move(context), std::move(method), side);
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::server(const ServerOptions& options) {
  SG_ASSIGN(auto context, base_context(TLS_server_method()));
  if (SSL_CTX_use_certificate_chain_file(context.get(), options.certificate_file.c_str()) != 1) {
    ERR_clear_error();
    return fail(Code::kInvalid, "the certificate file cannot be read as a PEM chain");
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    ERR_clear_error();
    return fail(Code::kInvalid, "the key file is not the PEM key of the certificate");
  }
  static constexpr unsigned char kIdContext[] = "sightglass";
  SSL_CTX_set_session_id_context(context.get(), kIdContext, sizeof kIdContext - 1);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return finish(std::move(context), OpenSslContext::Side::kServer);
}

Result<std::unique_ptr<TlsContext>> TlsContext::client(const ClientOptions& options) {
  SG_ASSIGN(auto context, base_context(TLS_client_method()));
  const int loaded = options.ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                             : SSL_CTX_load_verify_locations(
                                                   context.get(), options.ca_file.c_str(), nullptr);
  if (loaded != 1) {
    ERR_clear_error();
    return fail(Code::kInvalid, "the file of trusted certificates cannot be read as PEM");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context.get(), kHttp11, sizeof kHttp11 - 1);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), OpenSslContext::on_new_session);
  return finish(std::move(context), OpenSslContext::Side::kClient);
}

}  // namespace sightglass::net
