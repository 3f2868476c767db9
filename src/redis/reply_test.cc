#include "redis/reply.h"

#include <gtest/gtest.h>

namespace sightglass::redis {
namespace {

Parsed parse(std::string_view in, Reply& out) {
  std::size_t consumed = 0;
  const auto got = parse_reply(in, out, consumed);
  if (got == Parsed::kWhole) {
    EXPECT_EQ(consumed, in.size());
  }
  return got;
}

TEST(Reply, EachKindIsRead) {
  Reply reply;
  ASSERT_EQ(parse("+OK\r\n", reply), Parsed::kWhole);
  EXPECT_TRUE(reply.is_text("OK"));
  ASSERT_EQ(parse("-WRONGPASS no\r\n", reply), Parsed::kWhole);
  EXPECT_EQ(reply.type, Reply::Type::kError);
  ASSERT_EQ(parse(":-42\r\n", reply), Parsed::kWhole);
  EXPECT_EQ(reply.integer, -42);
  ASSERT_EQ(parse("$5\r\na\r\nbc\r\n", reply), Parsed::kWhole);
  EXPECT_TRUE(reply.is_text("a\r\nbc"));
  ASSERT_EQ(parse("$-1\r\n", reply), Parsed::kWhole);
  EXPECT_EQ(reply.type, Reply::Type::kNull);
  ASSERT_EQ(parse("*2\r\n*1\r\n:1\r\n$0\r\n\r\n", reply), Parsed::kWhole);
  ASSERT_EQ(reply.items.size(), 2u);
  EXPECT_EQ(reply.items[0].items[0].integer, 1);
}

TEST(Reply, EveryPrefixNeedsMoreAndGivesTheSameInTheEnd) {
  const std::string_view whole = "*3\r\n$2\r\nok\r\n:17\r\n*2\r\n+a\r\n$-1\r\n";
  Reply reply;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(parse(whole.substr(0, i), reply), Parsed::kNeedMore) << i;
  }
  EXPECT_EQ(parse(whole, reply), Parsed::kWhole);
}

TEST(Reply, WhatIsNotRedisIsBad) {
  Reply reply;
  for (const std::string_view bad :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", ":12x\r\n", "$3\r\nabcd\r\n", "$-2\r\n",
        "*1000000000\r\n", "$9000000000\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    EXPECT_EQ(parse(bad, reply), Parsed::kBad) << bad;
  }
  EXPECT_EQ(parse("+" + std::string(100'000, 'x'), reply), Parsed::kBad);
}

TEST(Reply, ACommandIsAnArrayOfBulkStrings) {
  std::string out;
  append_command(out, {"GET", "a b", ""});
  EXPECT_EQ(out, "*3\r\n$3\r\nGET\r\n$3\r\na b\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace sightglass::redis
