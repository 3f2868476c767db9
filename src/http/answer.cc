// The output side of a connection.
#include <algorithm>
#include <cstring>

#include "base/json_writer.h"
#include "base/text.h"
#include "http/connection.h"

namespace sightglass::http {
namespace {

// A body that is not whole yet is worth reading to its end when so little of it is left.
constexpr std::uint64_t kDrainBytes = 64 << 10;
constexpr int kQueuedParts = 12;

// Fields that the connection itself speaks for; a handler's are passed over.
bool is_own_field(std::string_view name) {
  switch (name.size()) {
    case 10:
      return equals_ignoring_case(name, "connection") || equals_ignoring_case(name, "keep-alive");
    case 12:
      return equals_ignoring_case(name, "x-request-id");
    case 14:
      return equals_ignoring_case(name, "content-length");
    case 17:
      return equals_ignoring_case(name, "transfer-encoding");
    case 22:
      return equals_ignoring_case(name, "x-content-type-options");
    default:
      return false;
  }
}

bool is_field_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

void append_status_line(std::string& head, int status) {
  head.append("HTTP/1.1 ");
  append_int(head, status);
  head.append(" ").append(status_reason(status)).append("\r\n");
}

bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

}  // namespace

// Whether the connection can go on after this answer.
bool Connection::decide_persistence() {
  if (!head_.keep_alive || end_seen_ || shared_.draining.load(std::memory_order_relaxed)) {
    return false;
  }
  if (state_ != State::kBody) return true;
  // The body of the request is not whole: a client that waits for 100 may never send it.
  if (continue_waits_ || head_.body != net::BodyKind::kLength) return false;
  return head_.content_length - body_seen_ <= kDrainBytes;
}

// What every answer carries, and what its realm asks for.
void Connection::append_own_fields(std::string& head) {
  head.append("x-request-id: ").append(request_id_);
  head.append("\r\nX-Content-Type-Options: nosniff\r\n");
  if (!cors_origin_.empty()) {
    head.append("Access-Control-Allow-Origin: ")
        .append(cors_origin_)
        .append("\r\nVary: Origin\r\n");
  }
  if (route_ != nullptr && route_->realm == Realm::kGateway) {
    head.append("Content-Security-Policy: sandbox; default-src 'none'\r\n");
  } else if (route_ != nullptr && route_->realm != Realm::kPage) {
    head.append("Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
  }
  if (!persist_) {
    head.append("Connection: close\r\n");
  } else if (head_.http_1_0) {
    head.append("Connection: keep-alive\r\n");
  }
}

void Connection::append_framing(std::string& head, std::optional<std::uint64_t> length) {
  bodiless_ = has_no_body(status_) || head_.method == "HEAD";
  framing_ = bodiless_        ? Framing::kNone
             : length         ? Framing::kLength
             : head_.http_1_0 ? Framing::kUntilClose
                              : Framing::kChunked;
  length_left_ = length.value_or(0);
  if (framing_ == Framing::kUntilClose) persist_ = false;
  if (has_no_body(status_)) return;
  if (length) {
    head.append("Content-Length: ");
    append_uint(head, *length);
    head.append("\r\n");
  } else if (!head_.http_1_0) {
    head.append("Transfer-Encoding: chunked\r\n");
  }
}

void Connection::respond(Response response) {
  if (started_ || !in_exchange_) return;
  started_ = ended_ = true;
  status_ = response.status;
  persist_ = decide_persistence();
  auto& head = worker_.head_text();
  head.clear();
  append_status_line(head, status_);
  append_framing(head, response.body.size());
  head.append(worker_.date_line());
  append_own_fields(head);
  if (!response.content_type.empty() && is_field_text(response.content_type)) {
    head.append("Content-Type: ").append(response.content_type).append("\r\n");
  }
  bool cache_said = false;
  for (const auto& [name, value] : response.headers) {
    if (is_own_field(name)) continue;
    if (!is_field_text(name) || !is_field_text(value)) {
      shared_.rejections.add(Reason::kBadResponseField);
      continue;
    }
    cache_said = cache_said || equals_ignoring_case(name, "cache-control");
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (!cache_said && (route_ == nullptr || route_->realm != Realm::kPage)) {
    head.append("Cache-Control: no-store\r\n");
  }
  head.append("\r\n");
  if (bodiless_) response.body.clear();
  written_ = response.body.size();

  const iovec parts[] = {{head.data(), head.size()}, {response.body.data(), response.body.size()}};
  const auto sent = send(parts, response.body.empty() ? 1 : 2, head.size() + response.body.size());
  if (sent < head.size()) out_.copy(std::string_view(head).substr(sent));
  out_.take(std::move(response.body), sent < head.size() ? 0 : sent - head.size());
  after_send();
}

void Connection::start(std::string given, std::optional<std::uint64_t> length) {
  if (started_ || !in_exchange_) return;
  started_ = true;
  persist_ = decide_persistence();
  // "HTTP/1.1 200 OK\r\n": the code is what counts.
  std::string_view rest = given;
  status_ = static_cast<int>(
      parse_int(rest.substr(std::min<std::size_t>(rest.size(), 9), 3)).value_or(500));
  auto& head = worker_.head_text();
  head.clear();
  const auto line_end = std::min(rest.find("\r\n"), rest.size());
  head.append(rest.substr(0, line_end)).append("\r\n");
  rest.remove_prefix(std::min(line_end + 2, rest.size()));
  append_framing(head, length);
  bool date_said = false;
  while (!rest.empty()) {
    const auto end = std::min(rest.find("\r\n"), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 2, rest.size()));
    const auto name = line.substr(0, line.find(':'));
    if (line.empty() || is_own_field(name)) continue;
    if (!is_field_text(line)) {
      shared_.rejections.add(Reason::kBadResponseField);
      continue;
    }
    date_said = date_said || equals_ignoring_case(name, "date");
    head.append(line).append("\r\n");
  }
  if (!date_said) head.append(worker_.date_line());
  append_own_fields(head);
  head.append("\r\n");
  // Held until the first content or the end of the loop's round: one write less.
  out_.copy(head);
  if (!flush_waits_) {
    flush_waits_ = true;
    if (depth_ == 0) come_back();
  }
}

void Connection::write(std::string_view content) { write_content(content, nullptr); }

void Connection::write_shared(std::shared_ptr<const std::string> content) {
  if (content) write_content(*content, &content);
}

void Connection::write_content(std::string_view content,
                               const std::shared_ptr<const std::string>* shared) {
  if (!started_ || ended_ || end_pending_ || content.empty()) return;
  if (framing_ == Framing::kLength && content.size() > length_left_) {
    shared_.rejections.add(Reason::kLengthMismatch);
    return abort();
  }
  written_ += content.size();
  if (bodiless_) return;
  if (framing_ == Framing::kLength) length_left_ -= content.size();
  if (out_.size() > 4 * limits_.write_buffer_bytes) {
    shared_.rejections.add(Reason::kWriteOverflow);
    return abort();
  }
  char chunk[18];
  const bool chunked = framing_ == Framing::kChunked;
  const std::size_t before = chunked ? net::write_chunk_header(content.size(), chunk) : 0;
  const std::size_t after = chunked ? 2 : 0;
  char crlf[] = {'\r', '\n'};
  iovec parts[3];
  int count = 0;
  if (chunked) parts[count++] = {chunk, before};
  parts[count++] = {const_cast<char*>(content.data()), content.size()};
  if (chunked) parts[count++] = {crlf, 2};

  auto sent = send(parts, count, before + content.size() + after);
  if (sent < before) out_.copy({chunk + sent, before - sent});
  sent -= std::min(sent, before);
  if (sent < content.size()) {
    if (shared != nullptr) {
      out_.share(*shared, sent);
    } else {
      out_.copy(content.substr(sent));
    }
  }
  sent -= std::min(sent, content.size());
  if (sent < after) out_.copy({crlf + sent, after - sent});
  after_send();
}

void Connection::end() {
  if (!started_ || ended_ || end_pending_) return;
  if (framing_ == Framing::kLength && length_left_ > 0) {
    shared_.rejections.add(Reason::kLengthMismatch);
    return abort();
  }
  ended_ = true;
  if (framing_ == Framing::kChunked) {
    static constexpr std::string_view kLast = "0\r\n\r\n";
    const iovec part{const_cast<char*>(kLast.data()), kLast.size()};
    const auto sent = send(&part, 1, kLast.size());
    out_.copy(kLast.substr(sent));
  }
  after_send();
}

void Connection::abort() {
  if (!in_exchange_ || end_pending_) return;
  cut_ = true;
  schedule_end(false);
}

// Offers what is queued and then `parts`; returns how many bytes of `parts` were taken.
std::size_t Connection::send(const iovec* parts, int count, std::size_t total) {
  if (blocked_ || !stream_) return 0;
  iovec all[kQueuedParts + 3];
  int queued = 0;
  if (!out_.empty()) {
    queued = out_.front(all, kQueuedParts);
    if (queued == kQueuedParts) return 0;  // flush() brings it down first
  }
  std::copy_n(parts, count, all + queued);
  const auto result = stream_->write(all, queued + count);
  if (result.state == net::IoState::kError || result.state == net::IoState::kEnd) {
    reset_seen_ = end_seen_ = blocked_ = true;
    schedule_end(true);
    return total;  // nobody is there to read it
  }
  auto taken = result.bytes;
  const auto of_queue = std::min(taken, out_.size());
  if (of_queue > 0) out_.consume(of_queue);
  taken -= of_queue;
  if (result.state == net::IoState::kAgain) blocked_ = true;
  flush_waits_ = false;
  return taken;
}

// After every change of the queue.
void Connection::after_send() {
  if (end_pending_) return;
  // A short write that was not the socket's last word: the edge for more may never come.
  if (!out_.empty() && !blocked_) return flush();
  note_level();
}

void Connection::flush() {
  flush_waits_ = false;
  if (!stream_ || end_pending_) return;
  while (!out_.empty() && !blocked_) {
    iovec parts[kQueuedParts];
    const int count = out_.front(parts, kQueuedParts);
    const auto result = stream_->write(parts, count);
    if (result.state == net::IoState::kError || result.state == net::IoState::kEnd) {
      reset_seen_ = end_seen_ = blocked_ = true;
      return schedule_end(true);
    }
    if (result.bytes > 0) {
      out_.consume(result.bytes);
      output_deadline_ns_ = 0;  // set anew in note_level(): it moves with every success
    }
    if (result.state == net::IoState::kAgain || result.bytes == 0) blocked_ = true;
  }
  note_level();
}

// What the queue's new size means: for time, for the exchange's end, and for who fills it.
void Connection::note_level() {
  if (out_.empty()) {
    output_deadline_ns_ = 0;
    if (ended_) return schedule_end(false);
  } else if (output_deadline_ns_ == 0) {
    set_output_deadline();
  }
  if (out_.size() > write_bound_) {
    over_bound_ = true;
  } else if (over_bound_ && out_.size() <= write_bound_ / 2) {
    over_bound_ = false;
    writable_waits_ = true;
    if (depth_ == 0) come_back();
  }
}

}  // namespace sightglass::http
