// One question of Account to Redis: a script that reads and writes it all in one step, by Redis'
// own clock.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/shared_use.h"
#include "redis/reply.h"

namespace sightglass::redis {

// Keys, all of them with "{client}" so that a cluster keeps them together; fields are gateways:
//   <prefix>limits:{client}:open             "seq heard_ms running tokens nanousd" of what runs
//   <prefix>limits:{client}:requests|tokens  "second=count …" of the last minute
//   <prefix>limits:{client}:usd-hour:<id>    nano-dollars; also usd-day:<id>, usd-month:<id>
// Each expires by itself once its window is over.
// Cost: grows with the number of gateways that serve a client; see docs/backends.md.
std::string admission_script();
// Of it: `month_of(day)`, months since year 0 by days since 1970.
extern const std::string_view kMonthFunction;

// The words of a command that runs the script. They stay valid as long as this does.
class Admission {
 public:
  Admission(std::string_view script, std::string_view prefix, std::string_view gateway,
            std::string_view client_id, const control::UseQuestion& question);
  const std::vector<std::string_view>& words() const { return words_; }

 private:
  void add(std::string word) { owned_.push_back(std::move(word)); }
  std::vector<std::string> owned_;
  std::vector<std::string_view> words_;
};

// nullopt: no answer to a question with so many that wait.
std::optional<control::UseAnswer> read_answer(const Reply& reply, std::size_t waiting);

}  // namespace sightglass::redis
