// Our parser against Boost.Beast's: whatever we accept, Beast accepts and reads the same.
//
// The other way round they differ on purpose. We refuse, and Beast takes:
//   - Content-Length given twice with the same value, or as a list of one value;
//   - transfer codings other than exactly one `chunked` ("gzip, chunked" and the like);
//   - Transfer-Encoding in a message of HTTP/1.0;
//   - folded header fields (obs-fold), which Beast joins;
//   - blanks between field name and colon, which Beast skips;
//   - targets that are not visible ASCII, or hold characters that no URL may (`"`, `<`, `\`, `#`);
//   - no Host, an empty one, two of them, or one that names no host;
//   - absolute targets whose authority is not the Host, and authority form;
//   - blanks around chunk extensions ("bad whitespace"); more than 16 digits of chunk size.
// One class the other way: fields among the trailers that would speak of framing or of the
// connection. Beast reads them as if they stood in the head; we drop all trailers.
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "net/http1.h"

namespace sightglass::net {
namespace {

namespace beast = boost::beast::http;

struct Message {
  std::string method;
  std::string target;
  bool keep_alive = false;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::size_t consumed = 0;
  bool operator==(const Message&) const = default;
};

std::optional<Message> by_us(const std::string& text) {
  HeadParser parser;
  RequestHead head;
  Message out;
  if (parser.request(text, head, out.consumed) != ParseState::kDone) return std::nullopt;
  out.method = head.method;
  out.target = head.target;
  out.keep_alive = head.keep_alive;
  for (const auto& [name, value] : head.headers.all) out.fields.emplace_back(name, value);
  BodyDecoder decoder;
  decoder.start(head.body, head.content_length);
  std::string_view in = std::string_view(text).substr(out.consumed);
  for (;;) {
    const auto content = decoder.next(in);
    if (content.empty()) break;
    out.body += content;
  }
  if (!decoder.complete()) return std::nullopt;
  out.consumed = text.size() - in.size();
  return out;
}

std::optional<Message> by_beast(const std::string& text) {
  beast::request_parser<beast::string_body> parser;
  parser.header_limit(64 << 10);
  Message out;
  boost::system::error_code error;
  const auto put = [&] {
    const auto used = parser.put(
        boost::asio::buffer(text.data() + out.consumed, text.size() - out.consumed), error);
    out.consumed += used;
    return used > 0 && !error;
  };
  // The head first: later Beast would mix the trailers into its fields.
  while (!parser.is_header_done() && put()) {
  }
  if (error || !parser.is_header_done()) return std::nullopt;
  const auto& message = parser.get();
  for (const auto& field : message) {
    out.fields.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  out.keep_alive = parser.keep_alive();  // over all Connection fields, unlike the message's
  parser.eager(true);
  while (!parser.is_done() && put()) {
  }
  if (error || !parser.is_done()) return std::nullopt;
  out.method = std::string(message.method_string());
  out.target = std::string(message.target());
  out.body = message.body();
  return out;
}

// Beast groups fields of the same name; the order among different names is not its promise.
std::map<std::string, std::vector<std::string>> by_name(const Message& message) {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [name, value] : message.fields) {
    out[to_lower(name)].push_back(value);
  }
  return out;
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::string valid() {
    std::string out = pick({"GET", "POST", "PUT", "DELETE", "OPTIONS", "M-SEARCH", "x"}) + " ";
    out += pick({"/", "/v1/chat/completions", "/a?b=c&d=%20", "/%7Ex//y", "/?", "http://a/p?q",
                 "/a[b]|{c}", "/..;v=1/@x:y"});
    out += random_.below(8) == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
    out += pick({"Host: a", "host:a", "HOST:  a \t"}) + "\r\n";
    for (auto n = random_.below(6); n > 0; --n) {
      out += pick({"X-A", "Accept", "accept", "x!#$%&'*+-.^_`|~9", "Cookie", "Authorization"}) +
             ":" + pick({"", " ", "\t"}) +
             pick({"", "v", "a, b", "caf\xc3\xa9", "tab\there", "\"q\\\"d\"", "=;:,()"}) +
             pick({"", " ", " \t "}) + "\r\n";
    }
    if (random_.below(4) == 0) {
      out += "Connection: " + pick({"close", "keep-alive", "Keep-Alive, X-A", "te"}) + "\r\n";
    }
    const std::string content = pick({"", "{}", "hello world", std::string(300, 'x')});
    switch (random_.below(3)) {
      case 0:
        return out + "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
      case 1:
        return out + "Transfer-Encoding: " + pick({"chunked", "Chunked"}) + "\r\n\r\n" +
               chunked(content);
      default:
        return out + "\r\n";
    }
  }

  // Up to three small changes anywhere.
  std::string mutated() {
    auto text = valid();
    static constexpr char kBytes[] = "\r\n\t \0:;,=\"\\aA0fF/?#%\x7f\x80\xff-+(){}<>@";
    static constexpr const char* kPieces[] = {
        "\r\n",          "\r\n ",     "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n",
        "Host: b\r\n",   "0\r\n\r\n", "Content-Length: 3, 3",  "chunked, chunked",
        ";a=\"b\"",      " HTTP/1.1", "Connection: close\r\n", "\n",
        "HTTP/1.0\r\n",  "\r",        "00000000000000000001",  "Transfer-Encoding:\x0b",
        "X: a\r\n b\r\n"};
    for (auto n = 1 + random_.below(3); n > 0; --n) {
      const auto at = random_.below(text.size() + 1);
      switch (random_.below(5)) {
        case 0:
          text.insert(at, 1, kBytes[random_.below(sizeof kBytes)]);
          break;
        case 1:
          text.insert(at, kPieces[random_.below(std::size(kPieces))]);
          break;
        case 2:
          text.erase(at, 1 + random_.below(4));
          break;
        case 3:
          if (at < text.size()) text[at] = kBytes[random_.below(sizeof kBytes)];
          break;
        default:
          text.insert(at, text.substr(random_.below(text.size() + 1), random_.below(40)));
          break;
      }
    }
    return text;
  }

 private:
  std::string pick(std::initializer_list<std::string> choices) {
    return choices.begin()[random_.below(choices.size())];
  }
  std::string chunked(const std::string& content) {
    std::string out;
    std::string_view rest = content;
    while (!rest.empty()) {
      const auto piece = rest.substr(0, 1 + random_.below(rest.size()));
      rest.remove_prefix(piece.size());
      char header[18];
      auto size = write_chunk_header(piece.size(), header) - 2;
      out.append(header, size) += pick({"", ";a", ";a=b", ";a=\"b;\\\"c\"", ";a;b=c"});
      out.append("\r\n").append(piece).append("\r\n");
    }
    return out + "0\r\n" + pick({"", "X-Sum: 1\r\n", "A:\r\nB: c\r\n"}) + "\r\n";
  }
  SeededRandom random_;
};

// Beast keeps an absolute target as it is; ours is in origin form.
void to_origin_form(Message& message) {
  if (message.target.starts_with('/') || message.target == "*") return;
  const auto scheme = message.target.find("://");
  if (scheme == std::string::npos) return;
  const auto path = message.target.find('/', scheme + 3);
  message.target = path == std::string::npos ? "/" : message.target.substr(path);
}

// Whether behind the head there is a field that Beast would take for one of the head's.
bool has_framing_trailer(const std::string& text) {
  const auto tail = to_lower(text.substr(text.find("\r\n\r\n")));
  for (const char* name :
       {"content-length:", "transfer-encoding:", "connection:", "proxy-connection:", "upgrade:"}) {
    if (tail.find(name) != std::string::npos) return true;
  }
  return false;
}

// `text` as both read it, when we accept it; returns whether we did.
bool compare(const std::string& text) {
  const auto ours = by_us(text);
  if (!ours) return false;
  auto theirs = by_beast(text);
  if (!theirs && has_framing_trailer(text)) return true;
  if (!theirs) {
    ADD_FAILURE() << "we accept what Beast refuses: " << testing::PrintToString(text);
    return true;
  }
  to_origin_form(*theirs);
  EXPECT_EQ(ours->method, theirs->method) << testing::PrintToString(text);
  EXPECT_EQ(ours->target, theirs->target) << testing::PrintToString(text);
  if (text.find("HTTP/1.0") == std::string::npos) {
    EXPECT_EQ(ours->keep_alive, theirs->keep_alive) << testing::PrintToString(text);
  } else {  // with both options Beast keeps it alive; RFC 9112 section 9.3 says close
    EXPECT_LE(ours->keep_alive, theirs->keep_alive) << testing::PrintToString(text);
  }
  EXPECT_EQ(by_name(*ours), by_name(*theirs)) << testing::PrintToString(text);
  EXPECT_EQ(ours->body, theirs->body) << testing::PrintToString(text);
  EXPECT_EQ(ours->consumed, theirs->consumed) << testing::PrintToString(text);
  return true;
}

TEST(Http1Differential, ValidRequestsAreReadAsBeastReadsThem) {
  Generator generator(1);
  int accepted = 0;
  for (int i = 0; i < 20'000 && !testing::Test::HasFailure(); ++i)
    accepted += compare(generator.valid());
  EXPECT_GT(accepted, 15'000);  // chunked HTTP/1.0 is refused, and that is all
}

TEST(Http1Differential, MutatedRequestsThatWeAcceptAreReadAsBeastReadsThem) {
  Generator generator(2);
  int accepted = 0;
  for (int i = 0; i < 200'000 && !testing::Test::HasFailure(); ++i)
    accepted += compare(generator.mutated());
  EXPECT_GT(accepted, 20'000);
  EXPECT_LT(accepted, 180'000);
}

TEST(Http1Differential, WhatWeRefuseOnPurposeBeastTakes) {
  const std::string start = "POST /a HTTP/1.1\r\nHost: a\r\n";
  for (const auto& text :
       {start + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        start + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", start + "X: a\r\n b\r\n\r\n",
        std::string("POST /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\n\r\n"), start + "Host: b\r\n\r\n",
        std::string("POST http://b/ HTTP/1.1\r\nHost: a\r\n\r\n")}) {
    EXPECT_FALSE(by_us(text)) << testing::PrintToString(text);
    EXPECT_TRUE(by_beast(text)) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace sightglass::net
