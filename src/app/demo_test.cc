// What the demo is made of: the trace, the simulated providers, and the reading of witnesses.
#include <gtest/gtest.h>

#include "app/simulated_reply.h"
#include "app/traffic.h"
#include "app/witnesses.h"

namespace sightglass::app {
namespace {

TEST(Trace, ReadsTheProductionTracesForm) {
  const auto rows = parse_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
      "2023-11-16 18:15:50.9951690,396,109\r\n");
  ASSERT_TRUE(rows.has_value()) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[1].at_ns, 4'314'579'000);
  EXPECT_EQ((*rows)[1].generated_tokens, 109);
}

TEST(Trace, NamesTheBadLine) {
  EXPECT_NE(parse_trace("TIMESTAMP,a,b\nnonsense\n").error().message.find("line 2"),
            std::string::npos);
  EXPECT_FALSE(parse_trace("2023-11-16 18:15:46,1\n").has_value());
  EXPECT_FALSE(parse_trace("2023-11-16 18:15:46,-1,2\n").has_value());
  EXPECT_FALSE(parse_trace("").has_value());
}

std::string chat(std::string_view content, std::string_view more = "") {
  return R"({"model":"gpt-4o-mini","max_tokens":12,"messages":[{"role":"user","content":")" +
         std::string(content) + "\"}]" + std::string(more) + "}";
}

TEST(SimulatedReply, BillsAWordAsAToken) {
  const auto reply = simulate_reply(Dialect::kChat, chat("one two three"), {});
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->bill.input, 3);
  EXPECT_EQ(reply->bill.output, 12);
  // 3 × 150,000 + 12 × 600,000 pico-dollars.
  EXPECT_EQ(reply->bill.cost_nanousd, 7'650);
}

TEST(SimulatedReply, DirectivesCostNothing) {
  const auto reply = simulate_reply(Dialect::kChat, chat("sim: tokens=5 cached=2\\na b c"), {});
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->bill.input, 1);
  EXPECT_EQ(reply->bill.cache_read, 2);
  EXPECT_EQ(reply->bill.output, 5);
}

TEST(SimulatedReply, IsTheSameForTheSameRequest) {
  const auto body = chat("a b", R"(,"stream":true,"stream_options":{"include_usage":true})");
  EXPECT_EQ(simulate_reply(Dialect::kChat, body, {true})->events,
            simulate_reply(Dialect::kChat, body, {true})->events);
}

TEST(SimulatedReply, SendsUsageOnlyWhenAsked) {
  const auto joined = [](const Reply& reply) {
    std::string all;
    for (const auto& event : reply.events) all += event;
    return all;
  };
  const auto without = simulate_reply(Dialect::kChat, chat("a", R"(,"stream":true)"), {});
  EXPECT_EQ(joined(*without).find("prompt_tokens"), std::string::npos);
  const auto with = simulate_reply(
      Dialect::kChat, chat("a", R"(,"stream":true,"stream_options":{"include_usage":true})"), {});
  EXPECT_NE(joined(*with).find("prompt_tokens"), std::string::npos);
}

TEST(SimulatedReply, RefusesWhatIsNoRequest) {
  EXPECT_FALSE(simulate_reply(Dialect::kChat, "{", {}).has_value());
  EXPECT_FALSE(simulate_reply(Dialect::kChat, "{}", {}).has_value());
}

TEST(Witnesses, AddUpAnExposition) {
  const auto sum = read_exposition(
      "# HELP coo_llm_requests_total x\ncoo_llm_requests_total{provider=\"a\",model=\"b c\"} 3\n"
      "coo_llm_requests_total{provider=\"b\"} 4\nsightglass_input_tokens_total{} 10\n"
      "sightglass_cache_read_tokens_total{} 5\nsightglass_output_tokens_total{} 6\n"
      "coo_llm_cost_total{} 0.000000007\ncoo_llm_requests_total_other 9\n");
  ASSERT_TRUE(sum.has_value());
  EXPECT_EQ(*sum, (Tallied{7, 15, 6, 7}));
}

TEST(Witnesses, AddUpTerminalLinesOfALog) {
  Tallied sum;
  ASSERT_TRUE(add_log_lines("{\"outcome\":\"ok\",\"tokensIn\":3,\"tokensOut\":4,\"cache_read_"
                            "tokens\":2,\"costCents\":0.00000123}\n"
                            "{\"event_type\":\"startup_complete\"}\n",
                            sum)
                  .has_value());
  EXPECT_EQ(sum, (Tallied{1, 5, 4, 12}));
  EXPECT_FALSE(add_log_lines("not json\n", sum).has_value());
}

}  // namespace
}  // namespace sightglass::app
