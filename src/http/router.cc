#include "http/router.h"

#include <algorithm>
#include <optional>

namespace sightglass::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Decodes one segment; nullopt for what Router refuses.
std::optional<std::string> decode_segment(std::string_view segment) {
  std::string out;
  out.reserve(segment.size());
  for (std::size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      if (i + 2 >= segment.size()) return std::nullopt;
      const int high = hex_digit(segment[i + 1]);
      const int low = hex_digit(segment[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      if (c == '/') return std::nullopt;
      i += 2;
    }
    if (c == '\0' || c == '\\') return std::nullopt;
    out.push_back(c);
  }
  if (out == "." || out == "..") return std::nullopt;
  return out;
}

// The first segment of "/a/b" is "a"; `remaining` becomes "/b".
std::string_view take_segment(std::string_view& remaining) {
  const auto end = std::min(remaining.find('/', 1), remaining.size());
  const auto segment = remaining.substr(1, end - 1);
  remaining.remove_prefix(end);
  return segment;
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}
bool is_rest(std::string_view segment) {
  return is_parameter(segment) && segment.size() > 5 && segment.ends_with("...}");
}

bool is_method(std::string_view text) {
  return text == "*" || (!text.empty() && std::all_of(text.begin(), text.end(),
                                                      [](char c) { return c >= 'A' && c <= 'Z'; }));
}

}  // namespace

std::string_view realm_name(Realm realm) {
  switch (realm) {
    case Realm::kOpen:
      return "open";
    case Realm::kGateway:
      return "gateway";
    case Realm::kIngest:
      return "ingest";
    case Realm::kScrape:
      return "scrape";
    case Realm::kAdmin:
      return "admin";
    case Realm::kPage:
      return "page";
  }
  return "open";
}

bool is_plain_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  // Most paths hold nothing that could deceive, and one pass shows it.
  bool suspicious = false;
  char before = 0;
  for (const char c : path) {
    if ((c == '/' && before == '/') || c == '\\' || c == '\0') return false;
    suspicious = suspicious || c == '%' || (c == '.' && (before == '/' || before == '.'));
    before = c;
  }
  if (!suspicious) return true;
  while (!path.empty()) {
    if (!decode_segment(take_segment(path))) return false;
  }
  return true;
}

// One look-up on its way.
struct Router::Search {
  std::string_view method;
  std::vector<std::string>& parameters;
  const Route* route = nullptr;
  std::vector<const Node*> reached;  // nodes that the path ends at, best first
};

Result<Router> Router::build(std::vector<Route> routes) {
  Router router;
  router.routes_ = std::move(routes);
  std::sort(router.routes_.begin(), router.routes_.end(), [](const auto& a, const auto& b) {
    return a.pattern != b.pattern ? a.pattern < b.pattern : a.method < b.method;
  });
  for (std::uint32_t i = 0; i < router.routes_.size(); ++i) SG_TRY(router.insert(i));
  return router;
}

Status Router::insert(std::uint32_t index) {
  const auto& route = routes_[index];
  const auto bad = [&](std::string_view what) {
    return fail(Code::kInvalid,
                "route " + route.method + " " + route.pattern + ": " + std::string(what));
  };
  if (!is_method(route.method)) return bad("the method must be upper-case letters or *");
  if (!route.make) return bad("it has no handler");
  std::string_view remaining = route.pattern;
  if (remaining.empty() || remaining.front() != '/') return bad("a pattern begins with a slash");

  std::uint32_t node = 0;
  bool literal = true;
  while (!remaining.empty()) {
    const auto segment = take_segment(remaining);
    if (segment.empty() && route.pattern != "/") return bad("a segment is empty");
    if (is_rest(segment) && !remaining.empty()) return bad("only the last segment takes the rest");
    if (!is_parameter(segment) && segment.find_first_of("{}%") != std::string_view::npos) {
      return bad("a parameter is a whole segment, and literals are written plainly");
    }
    literal = literal && !is_parameter(segment);
    node = child(node, segment);
  }
  for (const auto other : nodes_[node].routes) {
    if (routes_[other].method == route.method) {
      return fail(Code::kExists, "routes " + routes_[other].pattern + " and " + route.pattern +
                                     " answer the same " + route.method + " requests");
    }
  }
  nodes_[node].routes.push_back(index);
  if (literal) exact_.emplace(route.pattern, node);
  return {};
}

std::uint32_t Router::child(std::uint32_t node, std::string_view segment) {
  const auto next = static_cast<std::uint32_t>(nodes_.size());
  if (is_parameter(segment)) {
    auto& slot = is_rest(segment) ? nodes_[node].rest : nodes_[node].parameter;
    if (slot != 0) return slot;
    slot = next;
  } else {
    for (const auto& [text, existing] : nodes_[node].literals) {
      if (text == segment) return existing;
    }
    nodes_[node].literals.emplace_back(segment, next);
  }
  nodes_.emplace_back();
  return next;
}

const Route* Router::with_method(const Node& node, std::string_view method) const {
  const Route* any = nullptr;
  const Route* get = nullptr;
  for (const auto index : node.routes) {
    const auto& route = routes_[index];
    if (route.method == method) return &route;
    if (route.method == "*") any = &route;
    if (route.method == "GET") get = &route;
  }
  return method == "HEAD" && get != nullptr ? get : any;
}

void Router::arrive(const Node& node, Search& search) const {
  if (node.routes.empty()) return;
  search.reached.push_back(&node);
  search.route = with_method(node, search.method);
}

void Router::walk(const Node& node, std::string_view remaining, Search& search) const {
  if (remaining.empty()) return arrive(node, search);
  const auto whole = remaining;
  const auto raw = take_segment(remaining);
  std::string decoded;
  std::string_view segment = raw;
  if (raw.find('%') != std::string_view::npos) {
    decoded = *decode_segment(raw);  // the path was checked before
    segment = decoded;
  }
  for (const auto& [text, next] : node.literals) {
    if (text != segment) continue;
    walk(nodes_[next], remaining, search);
    if (search.route != nullptr) return;
  }
  if (node.parameter != 0 && !segment.empty()) {
    search.parameters.emplace_back(segment);
    walk(nodes_[node.parameter], remaining, search);
    if (search.route != nullptr) return;
    search.parameters.pop_back();
  }
  if (node.rest != 0) {
    search.parameters.emplace_back(whole.substr(1));
    arrive(nodes_[node.rest], search);
    if (search.route != nullptr) return;
    search.parameters.pop_back();
  }
}

Router::Match Router::find(std::string_view method, std::string_view path,
                           std::vector<std::string>& parameters) const {
  parameters.clear();
  if (const auto exact = exact_.find(path); exact != exact_.end()) {
    if (const auto* route = with_method(nodes_[exact->second], method)) return {200, route};
  }
  if (!is_plain_path(path)) return {400, nullptr};
  Search search{method, parameters, nullptr, {}};
  walk(nodes_[0], path, search);
  if (search.route != nullptr) return {200, search.route};
  return {search.reached.empty() ? 404 : 405, nullptr};
}

std::string Router::allow(std::string_view path) const {
  if (!is_plain_path(path)) return {};
  std::vector<std::string> parameters;
  Search search{"", parameters, nullptr, {}};
  walk(nodes_[0], path, search);
  std::vector<std::string_view> methods;
  for (const auto* node : search.reached) {
    for (const auto index : node->routes) {
      const std::string_view method = routes_[index].method;
      if (method != "*") methods.push_back(method);
      if (method == "*") {
        methods.insert(methods.end(), {"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"});
      }
      if (method == "GET") methods.push_back("HEAD");
    }
  }
  if (methods.empty()) return {};
  methods.push_back("OPTIONS");
  std::sort(methods.begin(), methods.end());
  methods.erase(std::unique(methods.begin(), methods.end()), methods.end());
  std::string out;
  for (const auto method : methods) out.append(out.empty() ? "" : ", ").append(method);
  return out;
}

const Route* Router::any_route(std::string_view path) const {
  if (!is_plain_path(path)) return nullptr;
  std::vector<std::string> parameters;
  Search search{"", parameters, nullptr, {}};
  walk(nodes_[0], path, search);
  if (search.route != nullptr) return search.route;
  return search.reached.empty() ? nullptr : &routes_[search.reached.front()->routes.front()];
}

}  // namespace sightglass::http
