// The OpenAPI document and the nested statistics, as pure functions of what they are made of.
#include "admin/openapi.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "admin/stats.h"

namespace sightglass::admin {
namespace {

http::Route route(std::string method, std::string pattern, http::Realm realm) {
  http::Route out;
  out.method = std::move(method);
  out.pattern = std::move(pattern);
  out.realm = realm;
  out.summary = "What it does";
  return out;
}

TEST(OpenApi, SaysOfEachRouteWhatTheTableSays) {
  std::vector<http::Route> routes;
  routes.push_back(route("GET", "/admin/v1/clients/{client_id}", http::Realm::kAdmin));
  routes.back().parameters = {{"start", "Unix seconds", "number"}};
  routes.push_back(route("POST", "/admin/v1/clients/{client_id}", http::Realm::kAdmin));
  routes.back().changes = true;
  routes.back().body = R"({"description":"an app"})";
  routes.push_back(route("*", "/providers/{id}/{rest...}", http::Realm::kGateway));
  routes.push_back(route("GET", "/assets/{rest...}", http::Realm::kPage));

  simdjson::dom::parser parser;
  const auto json = openapi_json(routes, "1.2.3");
  simdjson::dom::element root;
  ASSERT_EQ(parser.parse(json).get(root), simdjson::SUCCESS) << json;
  EXPECT_EQ(std::string_view(root["openapi"]), "3.1.0");
  EXPECT_EQ(std::string_view(root["info"]["version"]), "1.2.3");
  EXPECT_EQ(simdjson::dom::object(root["paths"]).size(), 2u);  // the page's files are no API
  const auto client = root["paths"]["/admin/v1/clients/{client_id}"];
  const auto get = client["get"], post = client["post"];
  EXPECT_EQ(std::string_view(get["summary"]), "What it does");
  EXPECT_EQ(bool(get["x-changes"]), false);
  EXPECT_EQ(bool(post["x-changes"]), true);
  EXPECT_EQ(std::string_view(get["parameters"].at(0)["in"]), "path");
  EXPECT_EQ(std::string_view(get["parameters"].at(1)["name"]), "start");
  EXPECT_EQ(std::string_view(get["parameters"].at(1)["schema"]["type"]), "number");
  EXPECT_EQ(std::string_view(
                post["requestBody"]["content"]["application/json"]["example"]["description"]),
            "an app");
  EXPECT_EQ(get["responses"]["401"].error(), simdjson::SUCCESS);
  const auto any = root["paths"]["/providers/{id}/{rest}"];
  EXPECT_EQ(simdjson::dom::object(any).size(), 5u);
  EXPECT_EQ(std::string_view(any["delete"]["operationId"]), "delete_providers_id_rest");
}

store::Group group(std::vector<std::string> values, std::uint64_t requests) {
  store::Group out;
  out.values = std::move(values);
  out.requests = requests;
  out.total_tokens = 10;
  out.cost_nanousd = 2'500'000'000;
  return out;
}

TEST(Stats, NestOnceForEachDimension) {
  EXPECT_EQ(stats_json({}), "{}");
  EXPECT_EQ(stats_json({group({"a"}, 3)}), R"({"a":{"queries":3,"tokens":10,"cost":2.5}})");
  EXPECT_EQ(stats_json({group({"", "x"}, 1), group({"a", "x"}, 2), group({"a", "y"}, 3)}),
            R"({"unknown":{"x":{"queries":1,"tokens":10,"cost":2.5}},)"
            R"("a":{"x":{"queries":2,"tokens":10,"cost":2.5},)"
            R"("y":{"queries":3,"tokens":10,"cost":2.5}}})");
}

TEST(Stats, TheOriginalsNamesAreKnown) {
  EXPECT_EQ(dimension_of("client_key"), store::Dimension::kClient);
  EXPECT_EQ(dimension_of("id"), store::Dimension::kClient);
  EXPECT_EQ(dimension_of("key"), store::Dimension::kKey);
  EXPECT_FALSE(dimension_of("colour"));
}

}  // namespace
}  // namespace sightglass::admin
