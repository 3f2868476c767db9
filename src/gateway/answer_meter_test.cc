#include "gateway/answer_meter.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "gateway/golden_answers.h"

namespace sightglass::gateway {
namespace {

std::string gzipped(std::string_view text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::vector<std::size_t> random_cuts(std::size_t size, SeededRandom& random) {
  std::vector<std::size_t> cuts;
  for (std::size_t at = random.below(40); at < size; at += 1 + random.below(200)) {
    cuts.push_back(at);
  }
  cuts.push_back(size);
  return cuts;
}

// Feeds `bytes` in pieces through `meter`; returns what the client got.
std::string relayed(AnswerMeter& meter, std::string_view bytes,
                    const std::vector<std::size_t>& cuts) {
  JsonScratch scratch;
  std::string client;
  std::size_t begin = 0;
  Nanos now = 1;
  for (const auto end : cuts) {
    const std::string read(bytes.substr(begin, end - begin));
    client += meter.feed(read, now++, scratch);
    begin = end;
  }
  client += meter.finish(scratch);
  return client;
}

void expect_read(const AnswerMeter& meter, const golden::Stream& stream) {
  const auto& reader = meter.reader();
  EXPECT_EQ(reader.has_usage(), stream.has_usage);
  EXPECT_EQ(reader.tokens(), stream.tokens);
  EXPECT_EQ(reader.model(), stream.model);
  EXPECT_EQ(reader.tool_calls(), stream.tool_calls);
  EXPECT_EQ(reader.error(), ErrorType::kNone);
  EXPECT_EQ(reader.unparsable(), 0u);
  EXPECT_EQ(meter.gap(), stream.has_usage ? UsageGap::kNone : UsageGap::kNotSent);
}

// Rules 1, 3, 4, 5, 6 and 8 of streaming usage, whatever the line ending, the cuts, the coding.
TEST(AnswerMeter, ReadsEveryGoldenStreamAndLeavesItsBytesAlone) {
  SeededRandom random(11);
  AnswerMeter meter;  // one object for all: nothing may stay behind
  for (const auto& stream : golden::streams()) {
    SCOPED_TRACE(stream.name);
    for (const std::string_view line_end : {"\n", "\r\n", "\r"}) {
      const auto text = golden::text_of(stream, line_end);
      const auto packed = gzipped(text);
      for (int round = 0; round < 20; ++round) {
        meter.start(
            {stream.dialect, AnswerMeter::Form::kStream, ContentCoding::kIdentity, HideUsage::kNo});
        EXPECT_EQ(relayed(meter, text, random_cuts(text.size(), random)), text);
        expect_read(meter, stream);
        meter.start(
            {stream.dialect, AnswerMeter::Form::kStream, ContentCoding::kGzip, HideUsage::kNo});
        EXPECT_EQ(relayed(meter, packed, random_cuts(packed.size(), random)), packed);
        expect_read(meter, stream);
      }
    }
  }
}

TEST(AnswerMeter, ReadsEveryGoldenBody) {
  SeededRandom random(12);
  AnswerMeter meter;
  for (const auto& body : golden::bodies()) {
    SCOPED_TRACE(body.name);
    const auto packed = gzipped(body.json);
    for (const auto coding : {ContentCoding::kIdentity, ContentCoding::kGzip}) {
      const auto& bytes = coding == ContentCoding::kGzip ? packed : body.json;
      meter.start({body.dialect, AnswerMeter::Form::kBody, coding, HideUsage::kNo});
      EXPECT_EQ(relayed(meter, bytes, random_cuts(bytes.size(), random)), bytes);
      EXPECT_EQ(meter.reader().tokens(), body.tokens);
      EXPECT_EQ(meter.reader().model(), body.model);
      EXPECT_EQ(meter.reader().tool_calls(), body.tool_calls);
      EXPECT_EQ(meter.gap(), UsageGap::kNone);
    }
  }
}

// Rule 8: role-only deltas, pings and message_start are events, not content.
TEST(AnswerMeter, TellsTheFirstEventFromTheFirstContent) {
  AnswerMeter meter;
  JsonScratch scratch;
  for (const auto& stream : golden::streams()) {
    SCOPED_TRACE(stream.name);
    meter.start(
        {stream.dialect, AnswerMeter::Form::kStream, ContentCoding::kIdentity, HideUsage::kNo});
    Nanos now = 1000;
    for (const auto& data : stream.events) {
      meter.feed("data: " + data + "\n\n", now, scratch);
      now += 1000;
    }
    EXPECT_EQ(meter.first_event_ns(), 1000);
    EXPECT_EQ(meter.first_content_ns(), 1000 + 1000 * static_cast<Nanos>(stream.first_content));
  }
}

// Rule 9's raw material: the longest gap between reads that brought events.
TEST(AnswerMeter, MeasuresTheLongestStallAndCountsChunks) {
  AnswerMeter meter;
  JsonScratch scratch;
  meter.start(
      {Dialect::kOpenAiChat, AnswerMeter::Form::kStream, ContentCoding::kIdentity, HideUsage::kNo});
  const std::string chunk = "data: {\"choices\":[]}\n\n";
  meter.feed(chunk, 10, scratch);
  meter.feed(chunk, 15, scratch);
  meter.feed(": ping\n\n", 30, scratch);
  meter.feed(chunk + chunk, 47, scratch);
  meter.feed("data: [DONE]\n\n", 99, scratch);
  EXPECT_EQ(meter.longest_stall_ns(), 32);
  EXPECT_EQ(meter.chunks(), 4);
}

// ---- rule 2: the injected chunk, and only that, is hidden ---------------------------------------

std::string without_usage_only(const golden::Stream& stream, std::string_view line_end) {
  auto shown = stream;
  std::erase_if(shown.events, [](const std::string& data) {
    return data.find("\"choices\":[],\"usage\":{") != std::string::npos;
  });
  return golden::text_of(shown, line_end);
}

TEST(AnswerMeter, HidesTheInjectedChunkAndNothingElse) {
  SeededRandom random(13);
  AnswerMeter meter;
  for (const auto& stream : golden::streams()) {
    if (stream.dialect != Dialect::kOpenAiChat && stream.dialect != Dialect::kOpenAiCompletions) {
      continue;
    }
    SCOPED_TRACE(stream.name);
    for (const std::string_view line_end : {"\n", "\r\n", "\r"}) {
      const auto text = golden::text_of(stream, line_end);
      const auto shown = without_usage_only(stream, line_end);
      for (int round = 0; round < 50; ++round) {
        meter.start({stream.dialect, AnswerMeter::Form::kStream, ContentCoding::kIdentity,
                     HideUsage::kYes});
        EXPECT_EQ(relayed(meter, text, random_cuts(text.size(), random)), shown);
        expect_read(meter, stream);
      }
      std::vector<std::size_t> each_byte;
      for (std::size_t i = 1; i <= text.size(); ++i) each_byte.push_back(i);
      meter.start(
          {stream.dialect, AnswerMeter::Form::kStream, ContentCoding::kIdentity, HideUsage::kYes});
      EXPECT_EQ(relayed(meter, text, each_byte), shown);
    }
  }
}

TEST(AnswerMeter, GivesTheClientAPlainStreamWhereTheHiddenChunkWasCompressed) {
  AnswerMeter meter;
  const auto stream = golden::streams().front();
  const auto packed = gzipped(golden::text_of(stream, "\n"));
  meter.start({stream.dialect, AnswerMeter::Form::kStream, ContentCoding::kGzip, HideUsage::kYes});
  EXPECT_FALSE(meter.transparent());
  EXPECT_EQ(relayed(meter, packed, {10, 50, packed.size()}), without_usage_only(stream, "\n"));
  EXPECT_FALSE(meter.undecodable());
  meter.start({stream.dialect, AnswerMeter::Form::kStream, ContentCoding::kGzip, HideUsage::kYes});
  relayed(meter, "not gzip at all", {15});
  EXPECT_TRUE(meter.undecodable());
}

TEST(AnswerMeter, NeverHoldsAnEventBackThatHasAChoice) {
  AnswerMeter meter;
  JsonScratch scratch;
  meter.start({Dialect::kOpenAiChat, AnswerMeter::Form::kStream, ContentCoding::kIdentity,
               HideUsage::kYes});
  EXPECT_EQ(meter.feed(R"(data: {"id":"c","choices")", 1, scratch), "");
  EXPECT_EQ(meter.feed(R"(: [ {"index":0)", 2, scratch),
            R"(data: {"id":"c","choices": [ {"index":0)");
  EXPECT_EQ(meter.feed(R"(,"delta":)", 3, scratch), R"(,"delta":)");
  EXPECT_EQ(meter.feed("{}}]}\n\n: ping\n", 4, scratch), "{}}]}\n\n");
  EXPECT_EQ(meter.feed("\n", 5, scratch), ": ping\n\n");
}

TEST(AnswerMeter, LetsAnUnfinishedEventGoAtItsBoundAndAtTheEnd) {
  AnswerMeter meter;
  JsonScratch scratch;
  meter.start({Dialect::kOpenAiChat, AnswerMeter::Form::kStream, ContentCoding::kIdentity,
               HideUsage::kYes});
  const std::string padding = "data: {\"x\":\"" + std::string(StreamRelay::kMaxHeldBytes, 'x');
  EXPECT_EQ(meter.feed(padding, 1, scratch), padding);
  // Too late to hide: the client has its beginning already.
  const std::string rest = R"(","choices":[],"usage":{"prompt_tokens":1}})"
                           "\n\n";
  EXPECT_EQ(meter.feed(rest, 2, scratch), rest);
  EXPECT_EQ(meter.feed("data: {\"cho", 3, scratch), "");
  EXPECT_EQ(meter.finish(scratch), "data: {\"cho");
}

// ---- what goes wrong ----------------------------------------------------------------------------

TEST(AnswerMeter, ReadsTheKindOfAnErrorAndKeepsNoneOfItsText) {
  AnswerMeter meter;
  meter.start(
      {Dialect::kOpenAiChat, AnswerMeter::Form::kError, ContentCoding::kIdentity, HideUsage::kNo});
  const std::string body =
      R"({"error":{"message":"secret","type":"invalid_request_error","code":"rate_limit_exceeded"}})";
  EXPECT_EQ(relayed(meter, body, {20, body.size()}), body);
  EXPECT_EQ(meter.reader().error(), ErrorType::kProviderRateLimited);
  EXPECT_EQ(meter.reader().error_length(), 6);
}

TEST(AnswerMeter, SeesAnErrorInTheMiddleOfAStream) {
  AnswerMeter meter;
  const std::string openai =
      "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"
      "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}\n\n";
  meter.start(
      {Dialect::kOpenAiChat, AnswerMeter::Form::kStream, ContentCoding::kIdentity, HideUsage::kNo});
  relayed(meter, openai, {30, openai.size()});
  EXPECT_EQ(meter.reader().error(), ErrorType::kProviderServerError);
  EXPECT_EQ(meter.gap(), UsageGap::kNotSent);

  const std::string anthropic =
      "event: message_start\ndata: "
      "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3}}}\n\n"
      "event: error\ndata: "
      "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
  meter.start({Dialect::kAnthropicMessages, AnswerMeter::Form::kStream, ContentCoding::kIdentity,
               HideUsage::kNo});
  relayed(meter, anthropic, {anthropic.size()});
  EXPECT_EQ(meter.reader().error(), ErrorType::kProviderOverloaded);
  EXPECT_EQ(meter.reader().error_length(), 4);
  EXPECT_TRUE(meter.reader().has_usage());
}

TEST(AnswerMeter, SaysWhyUsageIsUnknown) {
  AnswerMeter meter;
  const auto gap = [&](std::string_view body, ContentCoding coding) {
    meter.start({Dialect::kOpenAiChat, AnswerMeter::Form::kBody, coding, HideUsage::kNo});
    relayed(meter, body, {body.size()});
    return meter.gap();
  };
  EXPECT_EQ(gap(R"({"choices":[]})", ContentCoding::kIdentity), UsageGap::kNotSent);
  EXPECT_EQ(gap(R"({"choices":[)", ContentCoding::kIdentity), UsageGap::kUnparsable);
  EXPECT_EQ(gap("not gzip", ContentCoding::kGzip), UsageGap::kUnparsable);
  EXPECT_EQ(gap("brotli?", ContentCoding::kOther), UsageGap::kUnparsable);
  EXPECT_EQ(gap(gzipped(std::string(70u << 20, ' ')), ContentCoding::kGzip),
            UsageGap::kInflateLimit);
}

TEST(AnswerMeter, TakesNoNumberForACountThatIsNone) {
  AnswerMeter meter;
  const std::string body =
      R"({"usage":{"prompt_tokens":-3,"completion_tokens":1e3,"total_tokens":"7","prompt_tokens_details":null}})";
  meter.start(
      {Dialect::kOpenAiChat, AnswerMeter::Form::kBody, ContentCoding::kIdentity, HideUsage::kNo});
  relayed(meter, body, {body.size()});
  EXPECT_FALSE(meter.reader().has_usage());
}

// ---- the parts stay disjoint whatever a provider says -------------------------------------------

TEST(UsageReport, NeverLetsPartsOverlapOrGoNegative) {
  UsageReport report;
  report.set(UsageReport::kInput, 10);
  report.set(UsageReport::kCached, 50);
  report.set(UsageReport::kReasoning, 9);
  report.set(UsageReport::kOutput, 4);
  const auto tokens = report.settle(UsageShape::kInclusive);
  EXPECT_EQ(tokens, (Tokens{.cache_read = 10, .output = 4, .reasoning = 4}));
  EXPECT_EQ(tokens.total(), 14);
}

TEST(UsageReport, SplitsCacheWritesOfAnInclusiveProvider) {
  UsageReport report;
  report.set(UsageReport::kInput, 100);
  report.set(UsageReport::kCached, 20);
  report.set(UsageReport::kCacheWrite, 30);
  EXPECT_EQ(report.settle(UsageShape::kInclusive),
            (Tokens{.input = 50, .cache_read = 20, .cache_write_5m = 30}));
}

TEST(MayHaveMember, IsNeverWrongWhenItSaysNo) {
  EXPECT_TRUE(may_have_member(R"({"usage" : {}})", "\"usage\""));
  EXPECT_FALSE(may_have_member(R"({"usage":null})", "\"usage\""));
  EXPECT_FALSE(may_have_member(R"({"text":"\"usage\":1"})", "\"usage\""));
  EXPECT_TRUE(may_have_member(R"({"usage":null,"usage":1})", "\"usage\""));
  EXPECT_FALSE(may_have_member("", "\"usage\""));
}

}  // namespace
}  // namespace sightglass::gateway
