#include "gateway/stream_relay.h"

namespace sightglass::gateway {

void StreamRelay::start(HideUsage hide) {
  scanner_.reset();
  hide_ = hide;
  held_.clear();
  out_.clear();
  in_ = run_ = {};
  event_begin_ = hidden_ = 0;
  let_go_ = hid_last_ = owed_lf_ = false;
}

void StreamRelay::begin(std::string_view in) {
  in_ = in;
  out_.clear();
  run_ = {};
  event_begin_ = 0;
  // The LF of a CRLF that ended the event before belongs to it, seen or hidden.
  if (owed_lf_ && in.starts_with('\n')) {
    event_begin_ = 1;
    if (!hid_last_) emit(in.substr(0, 1));
  }
  if (!in.empty()) owed_lf_ = false;
}

// Appends to the output; a run of neighbours within in_ stays one view.
void StreamRelay::emit(std::string_view piece) {
  if (piece.empty()) return;
  if (out_.empty() && run_.empty()) {
    run_ = piece;
  } else if (out_.empty() && run_.data() + run_.size() == piece.data()) {
    run_ = {run_.data(), run_.size() + piece.size()};
  } else {
    if (out_.empty()) out_.assign(run_);
    out_.append(piece);
  }
}

void StreamRelay::end_event(std::string_view rest, bool hide_this) {
  const std::size_t end = in_.size() - rest.size();
  const auto bytes = in_.substr(event_begin_, end - event_begin_);
  event_begin_ = end;
  if (hide_this && !let_go_) {
    ++hidden_;
    hid_last_ = true;
  } else {
    if (!held_.empty()) {
      if (out_.empty()) out_.assign(run_);
      out_.append(held_);
    }
    emit(bytes);
    hid_last_ = false;
  }
  held_.clear();
  let_go_ = false;
}

std::string_view StreamRelay::finish_read() {
  const auto tail = in_.substr(event_begin_);
  owed_lf_ = !in_.empty() && tail.empty() && !let_go_ && held_.empty() && scanner_.owes_lf();
  if (hide_ == HideUsage::kNo || let_go_) {
    emit(tail);
  } else if (!tail.empty()) {
    held_.append(tail);
    if (!may_be_usage_only()) {
      let_go_ = true;
      if (held_.size() == tail.size()) {
        emit(tail);
      } else {
        if (out_.empty()) out_.assign(run_);
        out_.append(held_);
      }
      held_.clear();
    }
  }
  return out_.empty() ? run_ : std::string_view(out_);
}

std::string_view StreamRelay::finish() {
  out_.assign(held_);
  held_.clear();
  return out_;
}

// A chunk with a choice in it is an ordinary one. Within a string the quotes would be escaped.
bool StreamRelay::may_be_usage_only() const {
  if (held_.size() > kMaxHeldBytes) return false;
  constexpr std::string_view kChoices = "\"choices\"";
  const auto at = held_.find(kChoices);
  if (at == std::string::npos) return true;
  std::string_view rest = std::string_view(held_).substr(at + kChoices.size());
  for (const char expected : {':', '['}) {
    const auto next = rest.find_first_not_of(" \t");
    if (next == std::string_view::npos) return true;
    if (rest[next] != expected) return true;
    rest.remove_prefix(next + 1);
  }
  const auto next = rest.find_first_not_of(" \t");
  return next == std::string_view::npos || rest[next] == ']';
}

}  // namespace sightglass::gateway
