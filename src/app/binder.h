// Binds a YAML document to plain structs: one call per key, which at the same time declares it,
// reads it, lets the environment override it, and documents it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sightglass::app {

struct KeyDoc {
  std::string path;  // "logging.file.path", "providers[].id"
  std::string type;
  std::string default_value;
  std::string meaning;
};

using Environment = std::function<const char*(const char* name)>;

// One map of the document. Values may hold `${NAME}`; a name that is not set is an error. A key
// "a.b" is overridden by SIGHTGLASS_A_B. Keys that no call named are refused when the document is
// finished, with the line and the nearest known key.
class Binder {
 public:
  struct Document;

  void text(const char* key, std::string& value, const char* meaning);
  void flag(const char* key, bool& value, const char* meaning);
  void integer(const char* key, std::int64_t& value, std::int64_t min, std::int64_t max,
               const char* meaning);
  void bytes(const char* key, std::uint64_t& value, const char* meaning);     // 64MiB, 1GiB, 4096
  void duration(const char* key, Nanos& value, const char* meaning);          // 5ms, 10s, 2h, 30d
  void dollars(const char* key, std::int64_t& nanousd, const char* meaning);  // 25, 0.50
  void texts(const char* key, std::vector<std::string>& value, const char* meaning);
  void text_map(const char* key, std::map<std::string, std::string>& value, const char* meaning);
  void section(const char* key, const std::function<void(Binder&)>& bind);
  // Calls `bind` once for each element of a list of maps.
  void list(const char* key, const char* meaning, const std::function<void(Binder&)>& bind);
  // The same for a key that takes one map or a list of maps.
  void one_or_list(const char* key, const char* meaning, const std::function<void(Binder&)>& bind);

  // A map whose key `key` says which further keys it has.
  struct Variant {
    const char* name;
    std::function<void(Binder&)> bind;
  };
  void variant(const char* key, const std::vector<Variant>& variants, const char* meaning);

  // Whether keys are only being described, as for the reference.
  bool documents() const;

  // For rules that the types cannot say; names this map's line.
  void refuse(const std::string& sentence);

 private:
  friend struct Document;
  friend Status bind_document(std::string_view, std::string_view, const Environment&,
                              const std::function<void(Binder&)>&);
  friend std::vector<KeyDoc> document_keys(const std::function<void(Binder&)>&);
  struct Map;
  Binder(Document& document, std::unique_ptr<Map> map);
  ~Binder();
  struct Found;
  void bind_elements(const char* key, std::string_view type, const char* meaning,
                     const std::function<void(Binder&)>& bind);
  Found find(const char* key, const char* type, std::string default_value, const char* meaning);

  Document& document_;
  std::unique_ptr<Map> map_;
};

// Reads `yaml` (named `file` in messages). All faults are in one message, a line each.
Status bind_document(std::string_view yaml, std::string_view file, const Environment& environment,
                     const std::function<void(Binder&)>& bind);

// Every key that `bind` declares, for the generated reference.
std::vector<KeyDoc> document_keys(const std::function<void(Binder&)>& bind);

}  // namespace sightglass::app
