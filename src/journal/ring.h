// The bytes between one producer and the journal's writer: a bounded single-producer,
// single-consumer ring of framed records.
//
// Entries lie at multiples of 8 and never wrap: u32 size of the framed record, u32 unused, the
// record, padding. A size of kSkip sends the consumer to the start of the buffer.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>

#include "journal/format.h"

namespace sightglass::journal {

// Threads: offer() and used_bytes() from the producer, the rest from the consumer.
// Cost: offer is one copy of the record and one atomic exchange.
class Ring {
 public:
  explicit Ring(std::size_t capacity_bytes)
      : capacity_(std::bit_ceil(std::max<std::size_t>(capacity_bytes, 256))),
        buffer_(std::make_unique_for_overwrite<char[]>(capacity_)) {}

  std::size_t capacity_bytes() const { return capacity_; }

  // False when it does not fit now. The head is published with sequential consistency: together
  // with the writer's sleep flag it decides that no wake-up is missed.
  bool offer(RecordKind kind, Bytes payload) {
    const auto framed = framed_bytes(payload.size());
    const auto need = entry_bytes(framed);
    auto head = head_.load(std::memory_order_relaxed);
    const auto to_end = capacity_ - (head & (capacity_ - 1));
    const auto total = need <= to_end ? need : to_end + need;
    if (head + total - seen_tail_ > capacity_) {
      seen_tail_ = tail_.load(std::memory_order_acquire);
      if (head + total - seen_tail_ > capacity_) return false;
    }
    if (need > to_end) {
      put_size(head, kSkip);
      head += to_end;
    }
    put_size(head, static_cast<std::uint32_t>(framed));
    write_framed(at(head) + kEntryHeaderBytes, kind, payload);
    head_.store(head + need, std::memory_order_seq_cst);
    return true;
  }

  // An upper bound, which needs no look at the consumer's cache line; the other one looks.
  std::size_t used_bytes() const {
    return static_cast<std::size_t>(head_.load(std::memory_order_relaxed) - seen_tail_);
  }
  std::size_t refreshed_used_bytes() {
    seen_tail_ = tail_.load(std::memory_order_acquire);
    return used_bytes();
  }

  // The consumer's side: head() fixes how far to go; peek() gives the entries up to there.
  std::uint64_t head() const { return head_.load(std::memory_order_seq_cst); }
  bool peek(std::uint64_t until, Bytes& framed) {
    while (next_ != until) {
      std::uint32_t size = 0;
      std::memcpy(&size, at(next_), sizeof size);
      if (size != kSkip) {
        framed = Bytes(at(next_) + kEntryHeaderBytes, size);
        return true;
      }
      next_ += capacity_ - (next_ & (capacity_ - 1));
    }
    return false;
  }
  void pop(Bytes framed) { next_ += entry_bytes(framed.size()); }
  void release() { tail_.store(next_, std::memory_order_release); }  // gives popped room back
  bool empty() const { return next_ == head(); }
  std::size_t waiting_bytes() const { return static_cast<std::size_t>(head() - next_); }

 private:
  static constexpr std::uint32_t kSkip = 0xffffffff;
  static constexpr std::size_t kEntryHeaderBytes = 8;
  static std::size_t entry_bytes(std::size_t framed) {
    return kEntryHeaderBytes + ((framed + 7) & ~std::size_t{7});
  }
  char* at(std::uint64_t offset) { return buffer_.get() + (offset & (capacity_ - 1)); }
  void put_size(std::uint64_t offset, std::uint32_t size) {
    std::memcpy(at(offset), &size, sizeof size);
  }

  const std::size_t capacity_;
  const std::unique_ptr<char[]> buffer_;
  alignas(64) std::atomic<std::uint64_t> head_{0};  // the producer's line
  std::uint64_t seen_tail_ = 0;
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // the consumer's line
  std::uint64_t next_ = 0;
};

}  // namespace sightglass::journal
