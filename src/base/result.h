// Errors as values. No exception crosses a room; a room that calls a throwing library catches
// there.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sightglass {

// What kind of fault it was. Closed on purpose: the code becomes a metric label.
enum class Code : std::uint8_t {
  kInvalid,      // the input breaks its format or its rules
  kTooLarge,     // a stated bound was exceeded
  kNotFound,     // the named thing does not exist
  kExists,       // it exists and must not
  kBusy,         // a bounded queue or budget is full; try again later
  kDenied,       // credentials are missing, wrong, or do not suffice
  kIo,           // the operating system refused (disk, socket, file)
  kNoSpace,      // the disk is full
  kCorrupt,      // stored bytes fail their checksum or their invariants
  kVersion,      // stored by a newer version than this one reads
  kTimeout,      // a deadline passed
  kCancelled,    // whoever asked no longer wants it
  kUnavailable,  // a peer or a component is away
  kInternal,     // a broken expectation that is not worth stopping the server for
};

// The code's name as it stands in labels and JSON: "invalid", "too_large", …
std::string_view code_name(Code code);

// A code for programs and one sentence for a person, which says what to do next where that is
// known. Never holds content, secrets or a third party's error text.
struct Error {
  Code code = Code::kInternal;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

// Adds where it happened in front of the message: "manifest.json: bad checksum".
[[nodiscard]] inline std::unexpected<Error> fail(std::string_view where, Error error) {
  error.message.insert(0, ": ").insert(0, where);
  return std::unexpected<Error>(std::move(error));
}

// Maps errno: ENOSPC and EDQUOT to kNoSpace, ENOENT to kNotFound, the rest to kIo.
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what, int errno_value);

}  // namespace sightglass

// Returns the error of `expr` from the enclosing function, or goes on.
#define SG_TRY(expr)                                        \
  do {                                                      \
    if (auto sg_status = (expr); !sg_status) {              \
      return std::unexpected(std::move(sg_status).error()); \
    }                                                       \
  } while (false)

#define SG_CONCAT_INNER(a, b) a##b
#define SG_CONCAT(a, b) SG_CONCAT_INNER(a, b)
// SG_ASSIGN(auto x, compute()): declares x from the value, or returns the error.
#define SG_ASSIGN(decl, expr) SG_ASSIGN_INNER(SG_CONCAT(sg_result_, __LINE__), decl, expr)
#define SG_ASSIGN_INNER(tmp, decl, expr)                    \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  decl = std::move(*tmp)
