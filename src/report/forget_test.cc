#include <gtest/gtest.h>

#include "report/top.h"

namespace sightglass::report {
namespace {

const std::string kAlice = "u:1.aaaaaaaaaaaaaaaaaaaaaaaaaa";
const std::string kAliceLater = "u:2.cccccccccccccccccccccccccc";
const std::string kBob = "u:1.bbbbbbbbbbbbbbbbbbbbbbbbbb";

std::string saved(const TopDays& top) {
  std::string out;
  ByteWriter writer(out);
  top.save(writer);
  return out;
}

TEST(ForgetTop, ThePersonsValuesBecomeOneAndTheCountsStay) {
  TopDays top;
  const Hour hour = 480'000;
  for (int i = 0; i < 3; ++i) top.add(hour, kAlice);
  top.add(hour + 1, kAliceLater);
  for (int i = 0; i < 2; ++i) top.add(hour, kBob);
  ASSERT_NE(saved(top).find(kAlice), std::string::npos);
  top.forget(journal::Forget({kAlice, kAliceLater}));
  EXPECT_EQ(saved(top).find(kAlice), std::string::npos);
  EXPECT_EQ(saved(top).find(kAliceLater), std::string::npos);
  const auto counts = top.count({hour, hour + 24});
  ASSERT_EQ(counts.rows.size(), 2u);
  EXPECT_TRUE(counts.rows[0].key.starts_with("forgotten"));
  EXPECT_EQ(counts.rows[0].count, 4u);
  EXPECT_EQ(counts.rows[1].key, kBob);
  EXPECT_EQ(counts.rows[1].count, 2u);
}

}  // namespace
}  // namespace sightglass::report
