#include "net/stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

namespace sightglass::net {
namespace {

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  getsockopt(fd, level, name, &value, &size);
  return value;
}

bool wait_for(int fd, short events) {
  pollfd one{fd, events, 0};
  return poll(&one, 1, 5000) == 1;
}

struct Connected {
  explicit Connected(const std::string& host = "127.0.0.1") {
    listener = *listen_tcp({host, 0}, false);
    client = *connect_tcp({host, local_port(listener)});
    wait_for(listener, POLLIN);
    server = *accept_connection(listener);
    wait_for(client, POLLOUT);
  }
  ~Connected() { close(listener); }
  int listener = -1, client = -1, server = -1;  // the ends belong to the streams made of them
};

TEST(Stream, CarriesBytesAndTellsAgainAndEnd) {
  Connected connected;
  const auto a = plain_stream(connected.client);
  const auto b = plain_stream(connected.server);
  EXPECT_FALSE(a->secure());
  EXPECT_EQ(a->handshake().state, IoState::kOk);
  char buffer[16];
  EXPECT_EQ(b->read(buffer, sizeof buffer).state, IoState::kAgain);
  const iovec parts[] = {
      {const_cast<char*>("one "), 4}, {nullptr, 0}, {const_cast<char*>("two"), 3}};
  EXPECT_EQ(a->write(parts, 3).bytes, 7u);
  ASSERT_TRUE(wait_for(b->fd(), POLLIN));
  const auto got = b->read(buffer, sizeof buffer);
  EXPECT_EQ(got.state, IoState::kOk);
  EXPECT_EQ(std::string(buffer, got.bytes), "one two");
  a->shutdown_write();
  ASSERT_TRUE(wait_for(b->fd(), POLLIN));
  EXPECT_EQ(b->read(buffer, sizeof buffer).state, IoState::kEnd);
}

TEST(Stream, WritingToAClosedPeerIsAnErrorAndNoSignal) {
  Connected connected;
  const auto a = plain_stream(connected.client);
  plain_stream(connected.server).reset();
  const iovec part{const_cast<char*>("x"), 1};
  auto state = IoState::kOk;
  for (int i = 0; i < 1000 && state == IoState::kOk; ++i) {
    state = a->write(&part, 1).state;
    usleep(100);
  }
  EXPECT_EQ(state, IoState::kError);
}

TEST(Stream, TakesMorePartsThanTheKernelDoes) {
  Connected connected;
  const auto a = plain_stream(connected.client);
  const auto b = plain_stream(connected.server);
  const std::vector<iovec> parts(IOV_MAX + 10, iovec{const_cast<char*>("x"), 1});
  const auto result = a->write(parts.data(), static_cast<int>(parts.size()));
  EXPECT_EQ(result.state, IoState::kOk);
  EXPECT_EQ(result.bytes, static_cast<std::size_t>(IOV_MAX));
}

TEST(Stream, NeverDelaysSmallWrites) {
  Connected connected;
  EXPECT_EQ(option(connected.client, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(connected.server, IPPROTO_TCP, TCP_NODELAY), 1);
  const auto a = plain_stream(connected.client);
  const auto b = plain_stream(connected.server);
  const int bare = socket(AF_INET, SOCK_STREAM, 0);
  const auto wrapped = plain_stream(bare);
  EXPECT_EQ(option(bare, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(bare, IPPROTO_TCP, TCP_CORK), 0);
}

TEST(ListenTcp, TellsAPortInUseAndSharesItWhenAsked) {
  const int first = *listen_tcp({"127.0.0.1", 0}, true);
  const auto port = local_port(first);
  const auto alone = listen_tcp({"127.0.0.1", port}, false);
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().code, Code::kExists);
  const auto shared = listen_tcp({"127.0.0.1", port}, true);
  ASSERT_TRUE(shared);
  close(*shared);
  close(first);
}

TEST(ListenTcp, TakesBothFamiliesWithoutAHost) {
  const int listener = *listen_tcp({"", 0}, false);
  const int client = *connect_tcp({"127.0.0.1", local_port(listener)});
  ASSERT_TRUE(wait_for(listener, POLLIN));
  const int server = *accept_connection(listener);
  EXPECT_EQ(peer_address(server), "127.0.0.1");  // not ::ffff:127.0.0.1
  for (const int fd : {listener, client, server}) close(fd);
}

TEST(ListenTcp, RefusesNames) {
  const auto named = listen_tcp({"example.test", 0}, false);
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, Code::kInvalid);
  const auto local = listen_tcp({"localhost", 0}, false);
  ASSERT_TRUE(local);
  close(*local);
}

TEST(ListenTcp, SocketsAreNonBlockingAndClosedOnExec) {
  Connected connected;
  const auto a = plain_stream(connected.client);
  const auto b = plain_stream(connected.server);
  for (const int fd : {connected.listener, connected.client, connected.server}) {
    EXPECT_TRUE(fcntl(fd, F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  }
  EXPECT_EQ(accept_connection(connected.listener).error().code, Code::kBusy);
}

TEST(AcceptConnection, TellsThatDescriptorsAreShort) {
  const int listener = *listen_tcp({"127.0.0.1", 0}, false);
  const int client = *connect_tcp({"127.0.0.1", local_port(listener)});
  ASSERT_TRUE(wait_for(listener, POLLIN));
  std::vector<int> hoard;
  for (int fd = dup(0); fd >= 0; fd = dup(0)) hoard.push_back(fd);
  const auto refused = accept_connection(listener);
  for (const int fd : hoard) close(fd);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  close(listener);
  close(client);
}

class UnixSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/sightglass-net-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(UnixSocketTest, IsForItsOwnerOnlyAndReplacesAStaleOne) {
  const auto path = (folder_ / "admin.sock").string();
  const int first = *listen_unix(path);
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto busy = listen_unix(path);
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Code::kExists);
  close(first);  // the file stays, as after a crash
  const auto second = listen_unix(path);
  ASSERT_TRUE(second);
  EXPECT_EQ(local_port(*second), 0);

  const int client = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const int server = *accept_connection(*second);
  EXPECT_EQ(peer_address(server), "");
  for (const int fd : {client, server, *second}) close(fd);
}

TEST_F(UnixSocketTest, NeverReplacesAFile) {
  const auto path = folder_ / "precious";
  std::ofstream(path) << "data";
  const auto refused = listen_unix(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kExists);
  EXPECT_EQ(std::filesystem::file_size(path), 4u);
  EXPECT_FALSE(listen_unix(std::string(200, 'x')));
}

TEST(ConnectTcp, WantsANumericAddress) {
  const auto named = connect_tcp({"localhost", 1});
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, Code::kInvalid);
}

TEST(Addresses, KnowLoopback) {
  for (const char* host : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"128.0.0.1", "0.0.0.0", "::", "::ffff:10.0.0.1", "localhost", "", "1"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

}  // namespace
}  // namespace sightglass::net
