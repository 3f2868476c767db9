// Finding, reading and replacing the configuration file.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "app/config.h"

namespace sightglass::app {

// "" takes sightglass.yaml of the working directory if it is there, else the defaults. A named file
// must exist.
Result<Config> load_config(const std::string& named);

// The file that a server was started with, for the changes that the admin API makes.
class ConfigFile {
 public:
  // `overrides` are what the command line says in place of the file.
  ConfigFile(std::string named, std::function<void(Config&)> overrides)
      : named_(std::move(named)), overrides_(std::move(overrides)) {}
  // A configuration that the program makes up itself: read, never changed.
  explicit ConfigFile(std::function<Result<Config>()> made_up) : made_up_(std::move(made_up)) {}

  bool can_change() const { return !made_up_; }
  std::string path() const;
  // As a start would read it.
  Result<Config> read() const;
  // "" where there is no file yet. Errors: kIo, kTooLarge.
  Result<std::string> text() const;
  // `text` as if it were the file's.
  Result<Config> parse(std::string_view text) const;
  // A crash leaves the old file or the new one, whole: written beside it as `<file>.new` with the
  // old file's permissions, fdatasync, rename, fsync of the folder. A symbolic link stays one; its
  // target is replaced. Errors: kIo with what to do; the old file is there then.
  Status replace(std::string_view text) const;

 private:
  std::string named_;
  std::function<void(Config&)> overrides_;
  std::function<Result<Config>()> made_up_;
};

}  // namespace sightglass::app
