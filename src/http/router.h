// Finds the route of a request.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "http/route.h"

namespace sightglass::http {

// An immutable set of routes. In every segment a literal wins over `{name}`, and `{name}` over
// `{rest...}`; a route that lacks the request's method gives way to the next best that has it.
// HEAD is answered by GET's route.
//
// Paths are refused (400) when they are not what they seem: `//`, a backslash, `.` or `..` as a
// segment, malformed percent escapes, and escapes of `/`, `\` or NUL, in any segment.
// Threads: any. Cost: one hash look-up for patterns without parameters.
class Router {
 public:
  // Errors: kInvalid for a pattern that is none, kExists for two routes that answer the same
  // requests.
  static Result<Router> build(std::vector<Route> routes);

  struct Match {
    int status = 404;  // 200, 400, 404, 405
    const Route* route = nullptr;
  };
  // `parameters` is cleared and filled.
  Match find(std::string_view method, std::string_view path,
             std::vector<std::string>& parameters) const;
  // The methods that this path answers: "GET, HEAD, OPTIONS"; "" when it answers none.
  std::string allow(std::string_view path) const;
  // Any route of the path, whatever its method: for preflights.
  const Route* any_route(std::string_view path) const;

  // All routes, ordered by pattern and method: for help and the OpenAPI document.
  const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Node {
    std::vector<std::pair<std::string, std::uint32_t>> literals;  // segment → node
    std::uint32_t parameter = 0;                                  // node; 0: none
    std::uint32_t rest = 0;
    std::vector<std::uint32_t> routes;  // that end here
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Search;

  Status insert(std::uint32_t index);
  std::uint32_t child(std::uint32_t node, std::string_view segment);
  void walk(const Node& node, std::string_view remaining, Search& search) const;
  void arrive(const Node& node, Search& search) const;
  const Route* with_method(const Node& node, std::string_view method) const;

  std::vector<Route> routes_;
  std::vector<Node> nodes_{1};
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> exact_;
};

// Whether a path is what it seems (see Router).
bool is_plain_path(std::string_view path);

}  // namespace sightglass::http
