#include <cstdio>

#include "app/commands.h"
#include "app/config_file.h"
#include "app/packs.h"
#include "app/room_options.h"
#include "base/file_system.h"
#include "price/price_book.h"

namespace sightglass::app {
namespace {

// Runs one part of the check and says how it went.
template <typename T>
bool report(const char* part, const Result<T>& result) {
  if (result) {
    std::printf("ok    %s\n", part);
    return true;
  }
  std::printf("FAIL  %s\n%s\n", part, result.error().message.c_str());
  return false;
}

Result<int> check_prices(const Config& config, FileSystem& fs) {
  if (config.prices_file.empty()) return 0;
  SG_ASSIGN(const auto json, read_file(fs, config.prices_file));
  auto book = price::PriceBook::parse(json, "check");
  if (!book) return fail(config.prices_file, std::move(book).error());
  return 0;
}

}  // namespace

int check_command(const CheckArguments& arguments) {
  if (arguments.reference) {
    std::printf("%s", config_reference().c_str());
    return 0;
  }
  PosixFileSystem fs;
  const auto config = load_config(arguments.config_file);
  if (!report("configuration", config)) return 1;
  const auto loaded = load_packs(*config, fs);
  const bool packs = report("packs", loaded);
  bool retention = packs;
  if (packs) {
    const auto rows = retention_options(*config, *loaded->catalogue);
    retention = rows.has_value() || report("retention", rows);
    std::printf("%s", pack_table(*loaded->catalogue).c_str());
    for (const auto& warning : loaded->plan->warnings()) {
      std::printf("warning: %s\n", warning.c_str());
    }
  }
  const bool prices = report("prices", check_prices(*config, fs));
  return packs && retention && prices ? 0 : 1;
}

}  // namespace sightglass::app
