#include "journal/fold_harness.h"

#include <algorithm>

#include "journal/format.h"

namespace sightglass::journal {
namespace {

std::string saved(const Fold& fold) {
  std::string out;
  fold.save(out);
  return out;
}

std::string difference(std::string_view what, Position position, const std::string& a,
                       const std::string& b) {
  const auto at =
      std::mismatch(a.begin(),
                    a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())),
                    b.begin())
          .first -
      a.begin();
  return std::string(what) + " at position " + std::to_string(position) + ": " +
         std::to_string(a.size()) + " and " + std::to_string(b.size()) +
         " bytes, which differ from byte " + std::to_string(at);
}

// A fold that is thrown away and loaded again on demand.
class Restarting {
 public:
  explicit Restarting(const FoldFactory& make) : make_(make), fold_(make()) {}

  Fold& fold() { return *fold_; }

  // Empty, or what went wrong.
  std::string restart(Position position) {
    const auto before = saved(*fold_);
    fold_ = make_();
    if (auto loaded = fold_->load(before); !loaded) {
      return "load refused what save wrote at position " + std::to_string(position) + ": " +
             loaded.error().message;
    }
    if (const auto after = saved(*fold_); after != before) {
      return difference("load(save()) is another state", position, before, after);
    }
    return {};
  }

 private:
  const FoldFactory& make_;
  std::unique_ptr<Fold> fold_;
};

Reader::Batch one_record(const Reader::Batch& batch, std::size_t index) {
  Reader::Batch out;
  out.header = {batch.records[index].position, 1, batch.header.accept_ns};
  out.catalogue = batch.catalogue;
  out.records = {batch.records[index]};
  return out;
}

}  // namespace

Reader::Batch make_batch(Position first, Nanos accept_ns,
                         std::shared_ptr<const event::Catalogue> catalogue,
                         const std::vector<std::pair<RecordKind, std::string>>& records) {
  Reader::Batch out;
  out.header = {first, static_cast<std::uint32_t>(records.size()), accept_ns};
  out.catalogue = std::move(catalogue);
  // On the heap even when short: the records' views survive a move of the batch.
  out.bytes.reserve(64);
  for (const auto& [kind, payload] : records) append_framed(out.bytes, kind, payload);
  (void)parse_records(out.bytes, out.header, out.records);
  return out;
}

std::string check_fold_is_pure(const FoldFactory& make, const std::vector<Reader::Batch>& batches) {
  const auto straight = make();
  Restarting by_record(make);
  Restarting by_batch(make);
  for (const auto& batch : batches) {
    const auto last = batch.header.first + batch.header.count - 1;
    straight->apply(batch);
    by_batch.fold().apply(batch);
    if (auto problem = by_batch.restart(last); !problem.empty()) return problem;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      by_record.fold().apply(one_record(batch, i));
      if (auto problem = by_record.restart(batch.records[i].position); !problem.empty()) {
        return problem;
      }
    }
    const auto expected = saved(*straight);
    if (const auto got = saved(by_batch.fold()); got != expected) {
      return difference("a restart after each batch changes the state", last, expected, got);
    }
    if (const auto got = saved(by_record.fold()); got != expected) {
      return difference("a restart after each record changes the state", last, expected, got);
    }
  }
  return {};
}

}  // namespace sightglass::journal
