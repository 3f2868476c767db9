#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace sightglass {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kTooLarge:
      return "too_large";
    case Code::kNotFound:
      return "not_found";
    case Code::kExists:
      return "exists";
    case Code::kBusy:
      return "busy";
    case Code::kDenied:
      return "denied";
    case Code::kIo:
      return "io";
    case Code::kNoSpace:
      return "no_space";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kVersion:
      return "version";
    case Code::kTimeout:
      return "timeout";
    case Code::kCancelled:
      return "cancelled";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

std::unexpected<Error> fail_errno(std::string_view what, int errno_value) {
  Code code = Code::kIo;
  if (errno_value == ENOSPC || errno_value == EDQUOT) code = Code::kNoSpace;
  if (errno_value == ENOENT) code = Code::kNotFound;
  if (errno_value == EEXIST) code = Code::kExists;
  return fail(code, std::string(what) + ": " + strerrordesc_np(errno_value));
}

}  // namespace sightglass
