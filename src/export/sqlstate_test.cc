#include "export/sqlstate.h"

#include <gtest/gtest.h>

#include <set>

namespace sightglass::exporting {
namespace {

TEST(SqlState, EachCodeHasItsMeaning) {
  const std::pair<const char*, Reason> wanted[] = {
      {"08006", Reason::kReset},       {"08P01", Reason::kNonsense},
      {"22003", Reason::kRejected},    {"23514", Reason::kRejected},
      {"25006", Reason::kReadOnly},    {"28000", Reason::kDenied},
      {"28P01", Reason::kDenied},      {"3D000", Reason::kMissing},
      {"3F000", Reason::kMissing},     {"40P01", Reason::kBusy},
      {"40001", Reason::kBusy},        {"42501", Reason::kDenied},
      {"42P01", Reason::kMissing},     {"42703", Reason::kSchema},
      {"42P10", Reason::kSchema},      {"42883", Reason::kSchema},
      {"53100", Reason::kFull},        {"53200", Reason::kBusy},
      {"53300", Reason::kBusy},        {"55P03", Reason::kBusy},
      {"57014", Reason::kTimeout},     {"57P01", Reason::kBusy},
      {"57P02", Reason::kBusy},        {"57P03", Reason::kBusy},
      {"57P05", Reason::kReset},       {"58030", Reason::kServerError},
      {"XX000", Reason::kServerError}, {"ZZZZZ", Reason::kServerError}};
  for (const auto& [code, reason] : wanted) {
    EXPECT_EQ(reason_name(reason_of_sqlstate(code)), reason_name(reason)) << code;
  }
}

TEST(SqlState, IsFoundInTheShortFormOfLibpqsMessages) {
  EXPECT_EQ(sqlstate_in("connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  28P01\n"),
            "28P01");
  EXPECT_EQ(sqlstate_in("ERROR:  42P01"), "42P01");
  EXPECT_EQ(sqlstate_in("NOTICE:  00000\nERROR:  53100\n"), "53100");
}

TEST(SqlState, NothingElseIsTakenForOne) {
  for (const auto* text :
       {"", ":  ", ":  28P0", "FATAL:  password authentication failed for user \"x\"",
        "FATAL:  28p01", "FATAL: 28P01", "FATAL:  28P012", "FATAL:  28P01x", "28P01"}) {
    EXPECT_EQ(sqlstate_in(text), "") << text;
  }
}

TEST(SqlState, EveryReasonHasASentenceOfItsOwnWithANextStep) {
  std::set<std::string_view> sentences;
  for (std::size_t i = 0; i < kReasons; ++i) {
    const auto sentence = postgres_sentence(static_cast<Reason>(i));
    EXPECT_TRUE(sentences.insert(sentence).second) << sentence;
    for (const auto* word : {"token", "organisation", "bucket", "measurement", "and version"}) {
      EXPECT_EQ(sentence.find(word), std::string_view::npos) << sentence;
    }
  }
}

}  // namespace
}  // namespace sightglass::exporting
