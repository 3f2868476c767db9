#include "http/router.h"

#include <gtest/gtest.h>

namespace sightglass::http {
namespace {

class NoHandler final : public Handler {
  void on_request(Exchange&) override {}
  void on_body(Exchange&, std::string_view) override {}
  void on_body_end(Exchange&) override {}
  void on_close(Exchange&, bool) override {}
};

Route route(std::string method, std::string pattern) {
  Route out;
  out.method = std::move(method);
  out.pattern = std::move(pattern);
  out.make = [](const std::vector<std::string>&) { return std::make_unique<NoHandler>(); };
  return out;
}

Router must_build(std::vector<Route> routes) {
  auto router = Router::build(std::move(routes));
  EXPECT_TRUE(router.has_value()) << router.error().message;
  return std::move(*router);
}

struct Found {
  int status;
  std::string pattern;
  std::vector<std::string> parameters;
  bool operator==(const Found&) const = default;
};
void PrintTo(const Found& found, std::ostream* out) {
  *out << found.status << " " << found.pattern;
  for (const auto& p : found.parameters) *out << " [" << p << "]";
}

Found find(const Router& router, std::string_view method, std::string_view path) {
  Found found;
  const auto match = router.find(method, path, found.parameters);
  found.status = match.status;
  if (match.route != nullptr) found.pattern = match.route->pattern;
  return found;
}

TEST(Router, ALiteralWinsOverAParameterAndAParameterOverTheRest) {
  const auto router = must_build({route("GET", "/a/{rest...}"), route("GET", "/a/{id}"),
                                  route("GET", "/a/list"), route("GET", "/a/{id}/b")});
  EXPECT_EQ(find(router, "GET", "/a/list"), (Found{200, "/a/list", {}}));
  EXPECT_EQ(find(router, "GET", "/a/x"), (Found{200, "/a/{id}", {"x"}}));
  EXPECT_EQ(find(router, "GET", "/a/list/b"), (Found{200, "/a/{id}/b", {"list"}}));
  EXPECT_EQ(find(router, "GET", "/a/x/c"), (Found{200, "/a/{rest...}", {"x/c"}}));
  EXPECT_EQ(find(router, "GET", "/a/"), (Found{200, "/a/{rest...}", {""}}));
  EXPECT_EQ(find(router, "GET", "/a"), (Found{404, "", {}}));
}

TEST(Router, ARouteWithoutTheMethodGivesWayToOneThatHasIt) {
  const auto router = must_build({route("POST", "/c/list"), route("GET", "/c/{id}")});
  EXPECT_EQ(find(router, "GET", "/c/list"), (Found{200, "/c/{id}", {"list"}}));
  EXPECT_EQ(find(router, "POST", "/c/list"), (Found{200, "/c/list", {}}));
  EXPECT_EQ(find(router, "PUT", "/c/list").status, 405);
  EXPECT_EQ(router.allow("/c/list"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(router.allow("/d"), "");
}

TEST(Router, HeadIsAnsweredByGetUnlessItHasItsOwnRoute) {
  const auto router = must_build(
      {route("GET", "/a"), route("GET", "/b"), route("HEAD", "/b"), route("POST", "/c")});
  EXPECT_EQ(find(router, "HEAD", "/a").status, 200);
  std::vector<std::string> parameters;
  EXPECT_EQ(router.find("HEAD", "/b", parameters).route->method, "HEAD");
  EXPECT_EQ(find(router, "HEAD", "/c").status, 405);
}

TEST(Router, AStarTakesEveryMethodAndASpecificOneWins) {
  const auto router = must_build({route("*", "/p/{id}/{rest...}"), route("GET", "/p/{id}/models")});
  EXPECT_EQ(find(router, "PATCH", "/p/x/models"),
            (Found{200, "/p/{id}/{rest...}", {"x", "models"}}));
  EXPECT_EQ(find(router, "GET", "/p/x/models"), (Found{200, "/p/{id}/models", {"x"}}));
}

TEST(Router, ParametersAreDecodedAndTheRestIsHandedOverAsSent) {
  const auto router = must_build({route("GET", "/c/{id}"), route("GET", "/p/{id}/{rest...}")});
  EXPECT_EQ(find(router, "GET", "/c/a%20b%C3%A9+").parameters,
            std::vector<std::string>{"a b\xC3\xA9+"});
  EXPECT_EQ(find(router, "GET", "/p/%41/x%20y/z").parameters,
            (std::vector<std::string>{"A", "x%20y/z"}));
  EXPECT_EQ(find(router, "GET", "/%63/x").pattern, "/c/{id}");
}

TEST(Router, PathsThatAreNotWhatTheySeemAreRefusedInEverySegment) {
  const auto router = must_build({route("GET", "/c/{id}"), route("GET", "/p/{rest...}")});
  for (const std::string_view path :
       {"/c/a%2fb", "/c/a%2Fb", "/c/%00", "/c/..", "/c/%2e%2E", "/c/.", "/c/%", "/c/%4", "/c/%zz",
        "/c//x", "//c/x", "/c/a\\b", "/c/a%5cb", "/p/x/../y", "/p/a/.%2e/b", "/p//y", "/p/a%2fb",
        "c/x", ""}) {
    EXPECT_EQ(find(router, "GET", path).status, 400) << path;
  }
  for (const std::string_view path : {"/c/a.b", "/c/...", "/c/..a", "/c/.hidden", "/p/v1.2/..x"}) {
    EXPECT_EQ(find(router, "GET", path).status, 200) << path;
  }
}

TEST(Router, TwoRoutesThatAnswerTheSameRequestsAreAnError) {
  auto same = Router::build({route("GET", "/a/{id}"), route("GET", "/a/{name}")});
  ASSERT_FALSE(same.has_value());
  EXPECT_EQ(same.error().code, Code::kExists);
  EXPECT_TRUE(Router::build({route("GET", "/a/{id}"), route("POST", "/a/{name}")}).has_value());
}

TEST(Router, PatternsThatAreNoneAreAnError) {
  for (const char* pattern : {"", "a", "/a//b", "/a{id}", "/{rest...}/b", "/a/{id", "/a/%41"}) {
    EXPECT_FALSE(Router::build({route("GET", pattern)}).has_value()) << pattern;
  }
  EXPECT_FALSE(Router::build({route("get", "/a")}).has_value());
  auto without = route("GET", "/a");
  without.make = nullptr;
  EXPECT_FALSE(Router::build({without}).has_value());
}

TEST(Router, TheRootIsARouteOfItsOwn) {
  const auto router = must_build({route("GET", "/"), route("GET", "/a")});
  EXPECT_EQ(find(router, "GET", "/"), (Found{200, "/", {}}));
  EXPECT_EQ(find(router, "GET", "/a/").status, 404);
}

TEST(Router, RoutesAreListedByPatternAndMethod) {
  const auto router = must_build({route("POST", "/b"), route("GET", "/b"), route("GET", "/a")});
  std::string listed;
  for (const auto& each : router.routes()) listed += each.method + " " + each.pattern + "\n";
  EXPECT_EQ(listed, "GET /a\nGET /b\nPOST /b\n");
}

}  // namespace
}  // namespace sightglass::http
