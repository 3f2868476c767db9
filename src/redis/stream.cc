#include "redis/stream.h"

#include "base/text.h"

namespace sightglass::redis {
namespace {

// "1795219200123-0"
bool is_entry_id(std::string_view text) {
  const auto dash = text.find('-');
  return text.size() <= 42 && dash != std::string_view::npos && parse_int(text.substr(0, dash)) &&
         parse_int(text.substr(dash + 1));
}

}  // namespace

bool read_entries(const Reply& reply, std::string& last,
                  const std::function<void(const std::vector<Reply>& fields)>& take) {
  if (reply.type == Reply::Type::kNull) return true;  // nothing new
  if (reply.items.size() != 1 || reply.items[0].items.size() != 2) return false;
  for (const auto& entry : reply.items[0].items[1].items) {
    if (entry.items.size() != 2 || !is_entry_id(entry.items[0].text)) return false;
    take(entry.items[1].items);
    last = entry.items[0].text;
  }
  return true;
}

}  // namespace sightglass::redis
