// What a crash may cost, tried at every change that the journal makes to its files: what was
// reported as committed is there exactly once and in order, and nothing else but a prefix of what
// came later.
#include <set>

#include "journal/testing.h"

namespace sightglass::journal {
namespace {

using Records = std::vector<std::pair<Position, std::string>>;

// What the outside knows when the process dies.
struct Witness {
  Records committed;                              // read back by a reader while the journal ran
  std::map<Position, std::string> acknowledged;   // answered by append
  std::vector<std::vector<std::string>> offered;  // by producer, in order
  std::set<std::string> asked;                    // every payload that was ever handed over
};

class Script {
 public:
  Script(Bench& bench, std::uint64_t seed) : bench_(bench), random_(seed) {}

  // Some traffic; ends early when the file system halts.
  void run(Witness& witness) {
    auto opened = bench_.try_open();
    if (!opened) return;  // died while opening
    auto& journal = **opened;
    Producer* producers[2] = {&journal.add_producer(4096), &journal.add_producer(4096)};
    witness.offered.assign(2, {});
    for (int i = 0; i < 25 && !bench_.fs.halted(); ++i) {
      bench_.clock.advance(kMillisecond);
      step(journal, producers, witness);
    }
    if (random_.below(2) == 0) (void)journal.close();
    // Reading goes on working when the disk refuses changes: this is what readers were shown.
    witness.committed = bench_.read(&journal, begin(journal)).records;
  }

 private:
  static Position begin(const Journal& journal) {
    const auto segments = journal.segments();
    return segments.empty() ? journal.committed() : segments.front().first - 1;
  }

  std::string payload() {
    auto text = std::to_string(next_id_++) + ":" + std::string(random_.below(200), 'p');
    // Bytes that look like the journal's own must not confuse anybody.
    if (random_.below(4) == 0) text += "SGB1" + std::string(36, '\0');
    return text;
  }

  void step(Journal& journal, Producer** producers, Witness& witness) {
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2: {
        const auto text = payload();
        witness.asked.insert(text);
        if (const auto done = journal.append(RecordKind::kEvent, text)) {
          witness.acknowledged[*done] = text;
        }
        return;
      }
      case 3: {
        const std::vector<std::string> texts = {payload(), payload(), payload()};
        std::vector<Draft> drafts;
        for (const auto& text : texts) {
          witness.asked.insert(text);
          drafts.push_back({RecordKind::kEvent, text});
        }
        if (const auto done = journal.append_all(drafts)) {
          for (Position i = 0; i < 3; ++i) witness.acknowledged[*done - 2 + i] = texts[i];
        }
        return;
      }
      case 4:
      case 5:
      case 6: {
        const auto which = random_.below(2);
        const auto text = payload();
        witness.asked.insert(text);
        if (producers[which]->offer(RecordKind::kEvent, text)) {
          witness.offered[which].push_back(text);
        }
        return;
      }
      default:
        // A closed journal comes back within the script now and then.
        bench_.clock.advance(kSecond);
        (void)journal.wait_committed(journal.committed(), 100 * kMicrosecond);
        return;
    }
  }

  Bench& bench_;
  SeededRandom random_;
  static inline int next_id_ = 0;
};

bool is_subsequence(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  std::size_t i = 0;
  for (const auto& text : all) {
    if (i < some.size() && some[i] == text) ++i;
  }
  return i == some.size();
}

// `before`: what an earlier life left. Returns what is there now.
Records check_after_crash(Bench& bench, const Witness& witness, const Records& before,
                          std::string& problem) {
  auto journal = bench.open();
  const auto got = bench.read(journal.get());
  const auto complain = [&](const std::string& what) {
    if (problem.empty()) problem = what;
  };
  if (!got.error.empty()) complain("reading failed: " + got.error);
  if (got.skipped != 0) complain("positions are missing");
  if (!journal->recovery().damage.empty()) complain("a crash was taken for damage");

  // In order, each position once.
  for (std::size_t i = 0; i < got.records.size(); ++i) {
    if (got.records[i].first != i + 1) complain("positions are not 1, 2, 3, …");
  }
  // What was there before and what readers were shown stays, byte for byte.
  for (const auto* known : {&before, &witness.committed}) {
    if (known->size() > got.records.size()) complain("a committed record is gone");
    for (std::size_t i = 0; i < known->size() && i < got.records.size(); ++i) {
      if ((*known)[i] != got.records[i]) complain("a committed record changed");
    }
  }
  std::map<std::string, int> times;
  std::vector<std::string> payloads;
  for (const auto& [position, text] : got.records) {
    if (text[0] != '1') continue;  // ticks, gaps
    payloads.push_back(text.substr(2));
    ++times[payloads.back()];
  }
  for (const auto& [text, count] : times) {
    if (count != 1) complain("a record is there twice");
  }
  for (const auto& [position, text] : witness.acknowledged) {
    if (position > got.records.size() || got.records[position - 1].second != "1:" + text) {
      complain("an acknowledged record is not at its position");
    }
  }
  // Beyond what was there before only what was handed over, in each producer's order.
  for (std::size_t i = before.size(); i < got.records.size(); ++i) {
    const auto& text = got.records[i].second;
    if (text[0] == '1' && !witness.asked.contains(text.substr(2))) complain("an invented record");
  }
  for (const auto& offered : witness.offered) {
    std::vector<std::string> there;
    for (const auto& text : offered) {
      if (times.contains(text)) there.push_back(text);
    }
    if (!is_subsequence(there, payloads)) complain("a producer's order is broken");
  }
  // And it goes on from here.
  const auto next =
      journal->append(RecordKind::kEvent, "probe " + std::to_string(journal->committed()));
  if (!next || *next != got.records.size() + 1) complain("it does not go on at the next position");
  (void)journal->close();
  return bench.read(nullptr).records;
}

void crash_everywhere(std::uint64_t seed, std::uint64_t stride) {
  std::uint64_t changes = 0;
  {
    Bench dry(seed);
    dry.options.segment_bytes = 4000;
    Witness witness;
    Script(dry, seed).run(witness);
    changes = dry.fs.changes();
  }
  ASSERT_GT(changes, 20u);
  for (std::uint64_t at = 1; at <= changes + 3; at += stride) {
    Bench bench(seed * 1000 + at);
    bench.options.segment_bytes = 4000;
    Records there;
    // Two lives, so that a crash also meets what an earlier crash left.
    for (int life = 0; life < 2; ++life) {
      bench.fs.halt_after(at);
      Witness witness;
      Script(bench, seed + static_cast<std::uint64_t>(life)).run(witness);
      bench.fs.crash();
      std::string problem;
      there = check_after_crash(bench, witness, there, problem);
      ASSERT_EQ(problem, "") << "seed " << seed << ", halted at change " << at << ", life " << life
                             << "\n"
                             << bench.log.text();
    }
  }
}

TEST(Crash, AtEveryChangeKeepsWhatWasCommittedOnceAndInOrder) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    crash_everywhere(seed, 1);
    if (HasFatalFailure()) return;
  }
}

TEST(Crash, AfterFailedSyncsKeepsWhatWasCommittedOnceAndInOrder) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Bench bench(seed);
    bench.options.segment_bytes = 4000;
    Records there;
    for (int life = 0; life < 3; ++life) {
      // One sync in six fails, at any point of the run.
      SeededRandom random(seed * 10 + static_cast<std::uint64_t>(life));
      bench.fs.set_fault([&random](std::string_view operation) -> std::optional<Error> {
        if (operation.starts_with("sync ") && random.below(6) == 0) {
          return Error{Code::kIo, "sync"};
        }
        return std::nullopt;
      });
      Witness witness;
      Script(bench, seed + static_cast<std::uint64_t>(life)).run(witness);
      bench.fs.crash();
      std::string problem;
      there = check_after_crash(bench, witness, there, problem);
      ASSERT_EQ(problem, "") << "seed " << seed << ", life " << life << "\n" << bench.log.text();
    }
  }
}

TEST(Crash, OnAFullDiskKeepsWhatWasCommittedOnceAndInOrder) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Bench bench(seed);
    bench.options.segment_bytes = 4000;
    SeededRandom random(seed);
    Records there;
    for (int life = 0; life < 3; ++life) {
      bench.fs.fill_up_after(random.below(12'000));
      Witness witness;
      Script(bench, seed + static_cast<std::uint64_t>(life)).run(witness);
      bench.fs.crash();
      bench.fs.set_capacity_bytes(1ull << 40);
      std::string problem;
      there = check_after_crash(bench, witness, there, problem);
      ASSERT_EQ(problem, "") << "seed " << seed << ", life " << life << "\n" << bench.log.text();
    }
  }
}

TEST(Crash, TheHarnessItselfSeesALossWhenSyncsLie) {
  // With a disk that loses what it said it kept, the check must fail somewhere: else it proves
  // nothing.
  int caught = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Bench bench(seed);
    bench.fs.lie_about_syncs();
    Witness witness;
    Script(bench, seed).run(witness);
    bench.fs.crash();
    std::string problem;
    check_after_crash(bench, witness, {}, problem);
    if (!problem.empty()) ++caught;
  }
  EXPECT_GT(caught, 5);
}

}  // namespace
}  // namespace sightglass::journal
