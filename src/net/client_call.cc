#include <algorithm>
#include <utility>

#include "base/text.h"
#include "net/client_connection.h"

namespace sightglass::net {
namespace {

iovec part_of(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};  // only read
}

// Whether one of the head's field lines says `Transfer-Encoding: chunked`.
bool says_chunked(std::string_view head) {
  while (!head.empty()) {
    const auto line = head.substr(0, head.find('\n'));
    head.remove_prefix(std::min(line.size() + 1, head.size()));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos &&
        equals_ignoring_case(line.substr(0, colon), "transfer-encoding")) {
      return equals_ignoring_case(trim(line.substr(colon + 1)), "chunked");
    }
  }
  return false;
}

}  // namespace

void ClientCall::begin(Client::Request asked, CallHandler* owner, ClientPool* to) {
  request = std::move(asked);
  handler = owner;
  pool = to;
  connection = nullptr;
  streamed.clear();
  chunked = request.streamed && says_chunked(request.head);
  body_finished = !request.streamed;
  report_drained = request_sent = response_started = reused = retried = paused = false;
  rewind();
}

void ClientCall::rewind() {
  parts.clear();
  parts.push_back(part_of(request.head));
  for (const auto piece : request.body) {
    if (!piece.empty()) parts.push_back(part_of(piece));
  }
  next_part = 0;
  sent = report_sent = false;
}

void ClientCall::take(std::size_t bytes) {
  request_sent |= bytes > 0;
  while (next_part < parts.size() && bytes >= parts[next_part].iov_len) {
    bytes -= parts[next_part++].iov_len;
  }
  if (bytes > 0) {
    auto& part = parts[next_part];
    part.iov_base = static_cast<char*>(part.iov_base) + bytes;
    part.iov_len -= bytes;
  }
}

bool ClientCall::retry_allowed(Nanos now_ns, Nanos window_ns) const {
  return reused && !retried && !response_started && !request.streamed &&
         now_ns - started_ns <= window_ns;
}

void ClientCall::cancel() {
  if (connection == nullptr) return;
  auto* carrier = std::exchange(connection, nullptr);
  carrier->close();
  core_.retire(this);
}

void ClientCall::pause() {
  if (connection == nullptr || paused) return;
  paused = true;
  connection->set_paused(true);
}

void ClientCall::resume() {
  if (connection == nullptr || !paused) return;
  paused = false;
  connection->set_paused(false);
}

// Keeps what could not be written yet. `streamed` may move when it grows, so that its part is
// made anew from what is left of it.
void ClientCall::append(std::string_view a, std::string_view b, std::string_view c) {
  std::size_t written = 0;
  const bool queued = !streamed.empty();
  if (queued) {
    // It is the last part, unless it has been written whole.
    written = next_part < parts.size() ? streamed.size() - parts.back().iov_len : streamed.size();
    parts.pop_back();
    next_part = std::min(next_part, parts.size());
  }
  streamed.erase(0, written);
  streamed.append(a).append(b).append(c);
  parts.push_back(part_of(streamed));
}

void ClientCall::write_body(std::string_view content) {
  if (connection == nullptr || body_finished || content.empty()) return;
  char header[18];
  std::size_t header_size = 0;
  if (chunked) header_size = write_chunk_header(content.size(), header);
  append({header, header_size}, content, chunked ? "\r\n" : "");
  connection->flush();
}

void ClientCall::finish_body() {
  if (connection == nullptr || body_finished) return;
  body_finished = true;
  if (chunked) append("0\r\n\r\n", {}, {});
  connection->flush();
}

std::size_t ClientCall::unsent_bytes() const {
  std::size_t bytes = 0;
  for (auto i = next_part; i < parts.size(); ++i) bytes += parts[i].iov_len;
  return bytes;
}

}  // namespace sightglass::net
