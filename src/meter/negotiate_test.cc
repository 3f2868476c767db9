// What scrapers of several generations get.
#include "meter/negotiate.h"

#include <gtest/gtest.h>

namespace sightglass::meter {
namespace {

std::string_view type_for(std::string_view accept) { return content_type(negotiate(accept)); }

constexpr std::string_view kOld = "text/plain; version=0.0.4; charset=utf-8";

TEST(Negotiate, WhoSaysNothingGetsTheOlderText) {
  EXPECT_EQ(type_for(""), kOld);
  EXPECT_EQ(type_for("*/*"), kOld);
  EXPECT_EQ(type_for("text/html"), kOld);
  EXPECT_EQ(type_for("application/vnd.google.protobuf;q=0.9"), kOld);
}

TEST(Negotiate, PrometheusTwoGetsOpenMetricsWithUnderscores) {
  EXPECT_EQ(type_for("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
                     "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores");
}

// As Prometheus 3 asks: S3-B02.
TEST(Negotiate, PrometheusThreeGetsOpenMetricsWithDots) {
  EXPECT_EQ(type_for("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                     "application/openmetrics-text;version=0.0.1;q=0.5,"
                     "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                     "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
  EXPECT_EQ(type_for("text/plain;version=1.0.0;escaping=allow-utf-8"),
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
}

TEST(Negotiate, AnyOtherEscapingGetsUnderscores) {
  for (const char* escaping : {"underscores", "dots", "values", "ALLOW"}) {
    EXPECT_EQ(negotiate(std::string("text/plain;version=1.0.0;escaping=") + escaping).names,
              Names::kUnderscored);
  }
  EXPECT_EQ(negotiate("text/plain;version=0.0.4;escaping=allow-utf-8").names, Names::kUnderscored);
}

TEST(Negotiate, TheHighestQualityWinsAndZeroIsNo) {
  EXPECT_EQ(negotiate("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.5").format,
            Format::kPrometheus004);
  EXPECT_EQ(negotiate("application/openmetrics-text;q=0").format, Format::kPrometheus004);
  EXPECT_EQ(negotiate("application/openmetrics-text; version=\"1.0.0\" ; q=1").format,
            Format::kOpenMetrics100);
  EXPECT_EQ(negotiate("application/openmetrics-text;version=2.0.0").format, Format::kPrometheus004);
  EXPECT_EQ(negotiate("application/openmetrics-text;q=x").format, Format::kPrometheus004);
}

}  // namespace
}  // namespace sightglass::meter
