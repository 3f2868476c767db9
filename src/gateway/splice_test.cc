#include "gateway/splice.h"

#include <gtest/gtest.h>

#include <string>

namespace sightglass::gateway {
namespace {

std::string spliced(std::string body, SpliceWish wish) {
  body.reserve(body.size() + kJsonPadding);
  JsonScratch scratch;
  RequestScan scan;
  EXPECT_TRUE(scan_request(body, Dialect::kOpenAiChat, scratch, scan)) << body;
  Splice splice;
  splice.make(body, scan, wish);
  EXPECT_EQ(splice.text().size(), splice.size_bytes());
  return splice.text();
}

constexpr SpliceWish kAsk{.model = {}, .ask_for_usage = true};

TEST(Splice, AsksForUsageAtTheTopLevel) {
  EXPECT_EQ(spliced(R"( { "stream": true, "n": 1.0e0 })", kAsk),
            R"( {"stream_options":{"include_usage":true}, "stream": true, "n": 1.0e0 })");
}

TEST(Splice, JoinsAnExistingStreamOptionsObject) {
  EXPECT_EQ(spliced(R"({"stream":true,"stream_options":{"x": 1}})", kAsk),
            R"({"stream":true,"stream_options":{"include_usage":true,"x": 1}})");
  EXPECT_EQ(spliced(R"({"stream":true,"stream_options":{ }})", kAsk),
            R"({"stream":true,"stream_options":{"include_usage":true }})");
  EXPECT_EQ(spliced(R"({"stream_options": null ,"stream":true})", kAsk),
            R"({"stream_options": {"include_usage":true} ,"stream":true})");
  EXPECT_EQ(spliced(R"({"stream_options":{"include_usage": null },"stream":true})", kAsk),
            R"({"stream_options":{"include_usage": true },"stream":true})");
}

TEST(Splice, NeverFlipsAnExplicitChoice) {
  for (const auto* body : {R"({"stream":true,"stream_options":{"include_usage":false}})",
                           R"({"stream":true,"stream_options":{"include_usage":true}})",
                           R"({"stream":true,"stream_options":"?"})"}) {
    EXPECT_EQ(spliced(body, kAsk), body);
  }
}

TEST(Splice, LeavesRequestsAloneThatDoNotStream) {
  EXPECT_EQ(spliced(R"({"model":"m"})", kAsk), R"({"model":"m"})");
  EXPECT_EQ(spliced(R"({"stream":false})", kAsk), R"({"stream":false})");
}

TEST(Splice, ReplacesTheModelsNameInPlace) {
  EXPECT_EQ(spliced(R"({"a":1, "model" : "fast" ,"b":2})", {.model = "gpt-4o"}),
            R"({"a":1, "model" : "gpt-4o" ,"b":2})");
  EXPECT_EQ(spliced(R"({"model":"f"})", {.model = "a\"b"}), R"({"model":"a\"b"})");
  EXPECT_EQ(spliced(R"({"x":1})", {.model = "gpt-4o"}), R"({"x":1})");
}

TEST(Splice, ReplacesTheDuplicateThatWins) {
  EXPECT_EQ(spliced(R"({"model":"a","model":"b"})", {.model = "c"}),
            R"({"model":"a","model":"c"})");
}

TEST(Splice, DoesBothInEitherOrder) {
  const SpliceWish both{.model = "m2", .ask_for_usage = true};
  EXPECT_EQ(spliced(R"({"model":"m","stream":true})", both),
            R"({"stream_options":{"include_usage":true},"model":"m2","stream":true})");
  EXPECT_EQ(spliced(R"({"stream":true,"stream_options":{},"model":"m"})", both),
            R"({"stream":true,"stream_options":{"include_usage":true},"model":"m2"})");
  EXPECT_EQ(spliced(R"({"stream":true,"model":"m","stream_options":{}})", both),
            R"({"stream":true,"model":"m2","stream_options":{"include_usage":true}})");
}

}  // namespace
}  // namespace sightglass::gateway
