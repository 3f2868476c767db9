// Each accepted and each refused form, whole, byte by byte and at every split point.
#include "net/http1.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sightglass::net {
namespace {

struct Outcome {
  ParseState state = ParseState::kNeedMore;
  ParseError error = ParseError::kNone;
  std::size_t consumed = 0;
  std::string text;  // everything the head says

  bool operator==(const Outcome&) const = default;
};

void describe(const Headers& headers, std::string& out) {
  for (const auto& [name, value] : headers.all) {
    out.append("[").append(name).append("]=[").append(value).append("]\n");
  }
}

// Feeds growing prefixes of `text` to one parser, as a connection's buffer would.
template <typename Parse>
Outcome feed(const std::string& text, const std::vector<std::size_t>& lengths, Parse parse) {
  Outcome out;
  for (const auto length : lengths) {
    // A fresh copy each time: reading past the given bytes is an error that sanitizers see.
    const std::string given = text.substr(0, length);
    out.state = parse(given, out);
    if (out.state != ParseState::kNeedMore) break;
  }
  return out;
}

Outcome request(const std::string& text, const std::vector<std::size_t>& lengths,
                Limits limits = {}) {
  HeadParser parser(limits);
  return feed(text, lengths, [&](const std::string& given, Outcome& out) {
    RequestHead head;
    const auto state = parser.request(given, head, out.consumed);
    out.error = parser.error();
    if (state == ParseState::kDone) {
      out.text.append(head.method).append(" ").append(head.target).append(" ");
      out.text.append(head.path).append("?").append(head.query);
      out.text += head.http_1_0 ? " 1.0" : " 1.1";
      out.text += head.keep_alive ? " keep" : " close";
      if (head.expect_continue) out.text += " continue";
      out.text += " body" + std::to_string(static_cast<int>(head.body)) + ":" +
                  std::to_string(head.content_length) + "\n";
      describe(head.headers, out.text);
    }
    return state;
  });
}

Outcome response(const std::string& text, const std::vector<std::size_t>& lengths,
                 bool head_request = false) {
  HeadParser parser;
  return feed(text, lengths, [&](const std::string& given, Outcome& out) {
    ResponseHead head;
    const auto state = parser.response(given, head_request, head, out.consumed);
    out.error = parser.error();
    if (state == ParseState::kDone) {
      out.text = std::to_string(head.status) + " [" + std::string(head.reason) + "]";
      out.text += head.keep_alive ? " keep" : " close";
      out.text += " body" + std::to_string(static_cast<int>(head.body)) + ":" +
                  std::to_string(head.content_length) + "\n";
      describe(head.headers, out.text);
    }
    return state;
  });
}

// The outcome of `text` in one piece, after checking that every other delivery gives the same.
template <typename Deliver>
Outcome everyhow(const std::string& text, Deliver deliver) {
  const Outcome whole = deliver(std::vector<std::size_t>{text.size()});
  std::vector<std::size_t> bytewise;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    bytewise.push_back(i);
    EXPECT_EQ(deliver(std::vector<std::size_t>{i, text.size()}), whole) << "split at " << i;
  }
  EXPECT_EQ(deliver(bytewise), whole);
  return whole;
}

Outcome request_everyhow(const std::string& text, Limits limits = {}) {
  return everyhow(text, [&](const std::vector<std::size_t>& lengths) {
    return request(text, lengths, limits);
  });
}
Outcome response_everyhow(const std::string& text, bool head_request = false) {
  return everyhow(text, [&](const std::vector<std::size_t>& lengths) {
    return response(text, lengths, head_request);
  });
}

std::string accepted_request(const std::string& text) {
  const auto out = request_everyhow(text);
  EXPECT_EQ(out.state, ParseState::kDone) << parse_error_name(out.error);
  EXPECT_EQ(out.consumed, text.find("\r\n\r\n") + 4);
  return out.text;
}
ParseError refused_request(const std::string& text, Limits limits = {}) {
  const auto out = request_everyhow(text, limits);
  EXPECT_EQ(out.state, ParseState::kBad);
  return out.error;
}
std::string accepted_response(const std::string& text, bool head_request = false) {
  const auto out = response_everyhow(text, head_request);
  EXPECT_EQ(out.state, ParseState::kDone) << parse_error_name(out.error);
  return out.text;
}
ParseError refused_response(const std::string& text) {
  const auto out = response_everyhow(text);
  EXPECT_EQ(out.state, ParseState::kBad);
  return out.error;
}

// A request with one more field.
std::string with_field(const std::string& field) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n";
}

TEST(RequestHead, GivesMethodTargetAndFields) {
  EXPECT_EQ(accepted_request("POST /v1/messages?beta=true&x= HTTP/1.1\r\nHost: api.example:443\r\n"
                             "Content-Length: 12\r\nX-Empty:\r\nX-Padded: \t a  b \t\r\n\r\nrest"),
            "POST /v1/messages?beta=true&x= /v1/messages?beta=true&x= 1.1 keep body1:12\n"
            "[Host]=[api.example:443]\n[Content-Length]=[12]\n[X-Empty]=[]\n[X-Padded]=[a  b]\n");
}

TEST(RequestHead, TellsEmptyQueryFromNone) {
  EXPECT_EQ(accepted_request("GET /a? HTTP/1.1\r\nHost: a\r\n\r\n"),
            "GET /a? /a? 1.1 keep body0:0\n[Host]=[a]\n");
}

TEST(RequestHead, KeepsObsTextAndTabsInValues) {
  EXPECT_EQ(accepted_request(with_field("X: caf\xc3\xa9\tau lait, twice as long as a word")),
            "POST /x /x? 1.1 keep body0:0\n[Host]=[a]\n[X]=[caf\xc3\xa9\tau lait, twice as long as "
            "a word]\n");
}

TEST(RequestHead, TakesChunkedInAnyCase) {
  EXPECT_EQ(accepted_request(with_field("transfer-encoding: CHUNKED")),
            "POST /x /x? 1.1 keep body2:0\n[Host]=[a]\n[transfer-encoding]=[CHUNKED]\n");
}

TEST(RequestHead, ReadsConnectionAndExpect) {
  EXPECT_NE(accepted_request(with_field("Connection: te, Close")).find("1.1 close"),
            std::string::npos);
  EXPECT_NE(accepted_request(with_field("Connection: closed")).find("1.1 keep"), std::string::npos);
  EXPECT_NE(accepted_request(with_field("Expect: 100-Continue")).find("keep continue"),
            std::string::npos);
}

TEST(RequestHead, Http10ClosesUnlessAsked) {
  EXPECT_EQ(accepted_request("GET / HTTP/1.0\r\n\r\n"), "GET / /? 1.0 close body0:0\n");
  EXPECT_EQ(accepted_request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
            "GET / /? 1.0 keep body0:0\n[Connection]=[keep-alive]\n");
}

TEST(RequestHead, BringsAbsoluteFormToOriginForm) {
  EXPECT_EQ(accepted_request("GET http://A.example/p?q HTTP/1.1\r\nHost: a.example\r\n\r\n"),
            "GET /p?q /p?q 1.1 keep body0:0\n[Host]=[a.example]\n");
  EXPECT_EQ(accepted_request("GET https://a HTTP/1.1\r\nHost: a\r\n\r\n"),
            "GET / /? 1.1 keep body0:0\n[Host]=[a]\n");
}

TEST(RequestHead, TakesTheAsteriskForOptionsOnly) {
  EXPECT_EQ(accepted_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
            "OPTIONS * *? 1.1 keep body0:0\n[Host]=[a]\n");
  EXPECT_EQ(refused_request("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), ParseError::kBadTarget);
}

TEST(RequestHead, RefusesMalformedRequestLines) {
  const std::string host = "\r\nHost: a\r\n\r\n";
  EXPECT_EQ(refused_request("GET /" + host), ParseError::kBadRequestLine);
  EXPECT_EQ(refused_request("GET / HTTP/1.1 " + host), ParseError::kBadRequestLine);
  EXPECT_EQ(refused_request("GET / http/1.1" + host), ParseError::kBadRequestLine);
  EXPECT_EQ(refused_request("GET / HTTP/1.1\rX" + host), ParseError::kBadRequestLine);
  EXPECT_EQ(refused_request("\r\nGET / HTTP/1.1" + host), ParseError::kBadMethod);
  EXPECT_EQ(refused_request(" GET / HTTP/1.1" + host), ParseError::kBadMethod);
  EXPECT_EQ(refused_request("G@T / HTTP/1.1" + host), ParseError::kBadMethod);
  EXPECT_EQ(refused_request("GET\t/ HTTP/1.1" + host), ParseError::kBadMethod);
  EXPECT_EQ(refused_request("\x16\x03\x01 a TLS hello"), ParseError::kBadMethod);
}

TEST(RequestHead, RefusesOtherVersions) {
  for (const char* version : {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.0"}) {
    EXPECT_EQ(refused_request("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n"),
              ParseError::kBadVersion);
  }
  EXPECT_EQ(refused_request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ParseError::kBadVersion);
}

TEST(RequestHead, RefusesMalformedTargets) {
  for (const char* target : {"", "x", "/a b", "/\x7f", "/\x01", "/caf\xc3\xa9", "/#f", "a:443",
                             "ftp://a/", "http://a?q", "/a\\b", "/\"", "/<"}) {
    const auto error =
        refused_request("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(error == ParseError::kBadTarget ||
                (error == ParseError::kBadRequestLine && std::string(target) == "/a b"))
        << target << ": " << parse_error_name(error);
  }
}

TEST(RequestHead, RefusesForeignHosts) {
  EXPECT_EQ(refused_request("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), ParseError::kForeignHost);
  EXPECT_EQ(refused_request("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            ParseError::kForeignHost);
  EXPECT_EQ(refused_request("GET http://a/ HTTP/1.0\r\n\r\n"), ParseError::kForeignHost);
}

TEST(RequestHead, RefusesMissingEmptyRepeatedAndMalformedHosts) {
  EXPECT_EQ(refused_request("GET / HTTP/1.1\r\n\r\n"), ParseError::kMissingHost);
  EXPECT_EQ(refused_request("GET / HTTP/1.1\r\nHost:\r\n\r\n"), ParseError::kMissingHost);
  EXPECT_EQ(refused_request("GET / HTTP/1.0\r\nHost:\r\n\r\n"), ParseError::kMissingHost);
  EXPECT_EQ(refused_request(with_field("Host: a")), ParseError::kBadHeader);
  EXPECT_EQ(refused_request("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), ParseError::kBadHeader);
  EXPECT_EQ(refused_request("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), ParseError::kBadHeader);
  EXPECT_EQ(refused_request("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), ParseError::kBadHeader);
}

TEST(RequestHead, RefusesMalformedFields) {
  using namespace std::string_literals;
  for (const auto& field : {"X : 1"s, "X\t: 1"s, ": 1"s, "X"s, "X(: 1"s, "X: a\rb"s, "X: a\0b"s,
                            "X: a\x7f"s, "X: \x01"s, "X: a value of more than eight\x1f bytes"s,
                            "\rX: 1"s, "X\xc3: 1"s, "Connection: clo se"s, "X: a\r\rb"s}) {
    EXPECT_EQ(refused_request(with_field(field)), ParseError::kBadHeader) << field;
  }
}

TEST(RequestHead, RefusesFolding) {
  EXPECT_EQ(refused_request(with_field("X: a\r\n b")), ParseError::kObsFold);
  EXPECT_EQ(refused_request(with_field("X: a\r\n\tb")), ParseError::kObsFold);
  EXPECT_EQ(refused_request("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), ParseError::kObsFold);
}

TEST(RequestHead, RefusesBareLf) {
  EXPECT_EQ(refused_request("GET / HTTP/1.1\nHost: a\n\n"), ParseError::kBareLf);
  EXPECT_EQ(refused_request(with_field("X: a\nY: b")), ParseError::kBareLf);
  EXPECT_EQ(refused_request("GET / HTTP/1.1\r\nHost: a\r\n\n"), ParseError::kBareLf);
}

TEST(RequestHead, RefusesSmuggling) {
  const std::string length = "Content-Length: 5\r\n";
  EXPECT_EQ(refused_request(with_field(length + "Transfer-Encoding: chunked")),
            ParseError::kLengthAndChunked);
  EXPECT_EQ(refused_request(with_field("Transfer-Encoding: chunked\r\nContent-Length: 5")),
            ParseError::kLengthAndChunked);
  EXPECT_EQ(refused_request(with_field(length + "Content-Length: 5")),
            ParseError::kBadContentLength);
  EXPECT_EQ(refused_request(with_field(length + "Content-Length: 6")),
            ParseError::kBadContentLength);
  for (const char* value : {"", "+5", "-5", "5, 5", "5,", "0x5", "5 5", "5a", "1e3", "5;",
                            "99999999999999999999", "00000000000000000005"}) {
    EXPECT_EQ(refused_request(with_field("Content-Length: " + std::string(value))),
              ParseError::kBadContentLength)
        << value;
  }
  for (const char* value : {"", "gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked",
                            "chunked;q=1", "\"chunked\"", "chunked,"}) {
    EXPECT_EQ(refused_request(with_field("Transfer-Encoding: " + std::string(value))),
              ParseError::kBadTransferEncoding)
        << value;
  }
  EXPECT_EQ(refused_request(with_field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
            ParseError::kBadTransferEncoding);
  EXPECT_EQ(refused_request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ParseError::kBadTransferEncoding);
  EXPECT_EQ(refused_request(with_field("Transfer-Encoding : chunked")), ParseError::kBadHeader);
  EXPECT_EQ(refused_request(with_field("Transfer-Encoding:\x0b"
                                       "chunked")),
            ParseError::kBadHeader);
}

TEST(RequestHead, HoldsItsLimitsExactly) {
  Limits limits{.line_bytes = 20, .head_bytes = 80, .fields = 3};
  const std::string host = "\r\nHost: a\r\n";
  // "GET /… HTTP/1.1" of 20 bytes has a path of 7.
  EXPECT_EQ(request_everyhow("GET /234567 HTTP/1.1" + host + "\r\n", limits).state,
            ParseState::kDone);
  EXPECT_EQ(refused_request("GET /2345678 HTTP/1.1" + host + "\r\n", limits),
            ParseError::kLineTooLong);
  const std::string start = "GET / HTTP/1.1" + host + "X: ";
  const std::string padding(80 - start.size() - 4, 'p');
  EXPECT_EQ(request_everyhow(start + padding + "\r\n\r\nbody", limits).state, ParseState::kDone);
  EXPECT_EQ(refused_request(start + padding + "p\r\n\r\n", limits), ParseError::kHeadTooLarge);
  EXPECT_EQ(request_everyhow("GET / HTTP/1.1" + host + "A:1\r\nB:2\r\n\r\n", limits).state,
            ParseState::kDone);
  EXPECT_EQ(refused_request("GET / HTTP/1.1" + host + "A:1\r\nB:2\r\nC:3\r\n\r\n", limits),
            ParseError::kTooManyFields);
}

TEST(RequestHead, WaitsForTheEmptyLine) {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r";
  EXPECT_EQ(request_everyhow(text).state, ParseState::kNeedMore);
}

TEST(RequestHead, IsReadyForTheNextOneAfterDone) {
  HeadParser parser;
  RequestHead head;
  std::size_t consumed = 0;
  const std::string text = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string_view in = text;
  ASSERT_EQ(parser.request(in, head, consumed), ParseState::kDone);
  EXPECT_EQ(head.target, "/1");
  in.remove_prefix(consumed);
  ASSERT_EQ(parser.request(in, head, consumed), ParseState::kDone);
  EXPECT_EQ(head.target, "/2");
  EXPECT_EQ(head.headers.all.size(), 1u);
}

TEST(RequestHead, StaysBadUntilReset) {
  HeadParser parser;
  RequestHead head;
  std::size_t consumed = 0;
  EXPECT_EQ(parser.request("\n", head, consumed), ParseState::kBad);
  EXPECT_EQ(parser.request("GET / HTTP/1.0\r\n\r\n", head, consumed), ParseState::kBad);
  parser.reset();
  EXPECT_EQ(parser.request("GET / HTTP/1.0\r\n\r\n", head, consumed), ParseState::kDone);
}

TEST(ResponseHead, GivesStatusReasonAndFields) {
  EXPECT_EQ(accepted_response("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n"
                              "retry-after: 3\r\n\r\n{}"),
            "429 [Too Many Requests] keep body1:2\n[Content-Length]=[2]\n[retry-after]=[3]\n");
  EXPECT_EQ(accepted_response("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
            "200 [] keep body1:0\n[Content-Length]=[0]\n");
  EXPECT_EQ(accepted_response("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "200 [] keep body2:0\n[Transfer-Encoding]=[chunked]\n");
}

TEST(ResponseHead, WithoutFramingRunsUntilClose) {
  EXPECT_EQ(accepted_response("HTTP/1.1 200 OK\r\n\r\n"), "200 [OK] close body3:0\n");
  EXPECT_EQ(accepted_response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"),
            "200 [OK] close body3:0\n[Connection]=[keep-alive]\n");
}

TEST(ResponseHead, HasNoBodyAfterHeadNorWith1xx204And304) {
  EXPECT_EQ(accepted_response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true),
            "200 [OK] keep body0:0\n[Content-Length]=[9]\n");
  EXPECT_EQ(accepted_response("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
            "304 [Not Modified] keep body0:0\n[Content-Length]=[9]\n");
  EXPECT_EQ(accepted_response("HTTP/1.1 204 No Content\r\n\r\n"),
            "204 [No Content] keep body0:0\n");
  EXPECT_EQ(accepted_response("HTTP/1.1 100 Continue\r\n\r\n"), "100 [Continue] keep body0:0\n");
}

TEST(ResponseHead, IsNotReusedWhenFramedWhereNoContentCanBe) {
  EXPECT_EQ(accepted_response("HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n"),
            "204 [No Content] close body0:0\n[Content-Length]=[9]\n");
}

TEST(ResponseHead, RefusesMalformedStatusLines) {
  for (const char* line :
       {"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2x0 OK", "HTTP/1.1200", "HTTP/1.1 2000",
        "HTTP/1.1 099 X", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP 200 OK",
        "HTTP/1.1 200 a\x01", "HTTP/1.1 200 a\rb", "ICY 200 OK"}) {
    EXPECT_EQ(refused_response(std::string(line) + "\r\n\r\n"), ParseError::kBadStatusLine) << line;
  }
  EXPECT_EQ(refused_response("HTTP/2.0 200 OK\r\n\r\n"), ParseError::kBadVersion);
}

TEST(ResponseHead, RefusesAmbiguousFraming) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  EXPECT_EQ(refused_response(ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ParseError::kLengthAndChunked);
  EXPECT_EQ(refused_response(ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"),
            ParseError::kBadContentLength);
  EXPECT_EQ(refused_response(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n"),
            ParseError::kBadTransferEncoding);
  EXPECT_EQ(refused_response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ParseError::kBadTransferEncoding);
}

TEST(Headers, AreFoundWithoutCase) {
  const Headers headers{{{"X-A", "1"}, {"x-a", "2"}, {"Empty", ""}}};
  EXPECT_EQ(headers.get("x-A"), "1");
  EXPECT_EQ(headers.get("absent"), "");
  EXPECT_TRUE(headers.has("EMPTY"));
  EXPECT_FALSE(headers.has("absent"));
}

TEST(ParseErrors, EachHasNameSentenceAndClientErrorStatus) {
  for (int i = 1; i <= static_cast<int>(ParseError::kBodyTooLarge); ++i) {
    const auto error = static_cast<ParseError>(i);
    EXPECT_FALSE(parse_error_name(error).empty());
    EXPECT_TRUE(parse_error_sentence(error).ends_with('.'));
    EXPECT_GE(parse_error_status(error), 400);
    EXPECT_LE(parse_error_status(error), 505);
  }
  EXPECT_EQ(parse_error_name(ParseError::kBodyTooLarge), "body_too_large");
  EXPECT_EQ(parse_error_status(ParseError::kBodyTooLarge), 413);
}

TEST(ChunkHeader, IsHexWithoutLeadingZeros) {
  const auto written = [](std::uint64_t size) {
    char out[18];
    return std::string(out, write_chunk_header(size, out));
  };
  EXPECT_EQ(written(0), "0\r\n");
  EXPECT_EQ(written(0xf), "f\r\n");
  EXPECT_EQ(written(0x10), "10\r\n");
  EXPECT_EQ(written(0x1f3), "1f3\r\n");
  EXPECT_EQ(written(~0ull), "ffffffffffffffff\r\n");
}

TEST(HopByHop, IsByNameOrByConnection) {
  EXPECT_TRUE(is_hop_by_hop("Transfer-Encoding", ""));
  EXPECT_TRUE(is_hop_by_hop("keep-alive", ""));
  EXPECT_FALSE(is_hop_by_hop("content-type", "close"));
  EXPECT_TRUE(is_hop_by_hop("X-Private", "close, x-private"));
}

TEST(PercentDecode, DecodesOrRefuses) {
  EXPECT_EQ(percent_decode("a%20b%2F%c3%A9+"), "a b/\xc3\xa9+");
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%2"), std::nullopt);
  EXPECT_EQ(percent_decode("%zz"), std::nullopt);
  EXPECT_EQ(percent_decode("%00"), std::nullopt);
}

TEST(QueryParameter, FindsTheFirstAndDecodes) {
  EXPECT_EQ(query_parameter("a=1&b=x%26y+z&b=2&c", "b"), "x&y z");
  EXPECT_EQ(query_parameter("a=1&b=x&c", "c"), "");
  EXPECT_EQ(query_parameter("a=1", "b"), std::nullopt);
  EXPECT_EQ(query_parameter("", ""), std::nullopt);
  EXPECT_EQ(query_parameter("b=%zz", "b"), std::nullopt);
  EXPECT_EQ(query_parameter("%62=1", "b"), "1");
}

}  // namespace
}  // namespace sightglass::net
