#include "export/pg_link.h"

#include <libpq-fe.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "export/sqlstate.h"
#include "net/stream.h"

namespace sightglass::exporting {
namespace {

constexpr const char* kSystemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

void be_silent(void*, const PGresult*) {}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

PgLink::Row row_of(const PGresult* result) {
  PgLink::Row row;
  for (int i = 0; i < PQnfields(result); ++i) row.emplace_back(PQgetvalue(result, 0, i));
  return row;
}

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};

}  // namespace

void PgLink::Closer::operator()(pg_conn* connection) const { PQfinish(connection); }

// ---- waiting ------------------------------------------------------------------------------------

// Ends the loop's run when its descriptor is ready, or when the time is over.
class PgLink::Wait final : public net::IoHandler {
 public:
  explicit Wait(net::Loop& loop) : loop_(loop), timer_(loop, [&loop] { loop.stop(); }) {}
  void limit(Nanos within_ns) { timer_.arm(std::max<Nanos>(within_ns, 0)); }
  void on_io(std::uint32_t) override { end(); }
  void end() {
    ready = true;
    loop_.stop();
  }
  bool ready = false;

 private:
  net::Loop& loop_;
  net::Timer timer_;
};

Nanos PgLink::left_ns() const {
  const auto by = stop_by_ns_.load(std::memory_order_acquire);
  auto until = by == 0 ? deadline_ns_ : std::min(deadline_ns_, by);
  if (finish_by_ns_ != 0) until = std::min(until, finish_by_ns_);
  return until - clock_.monotonic_ns();
}

bool PgLink::wait_for(int fd, std::uint32_t events) {
  const auto left = left_ns();
  if (left <= 0 || fd < 0) return false;
  Wait wait(*loop_);
  if (!loop_->add(fd, events, &wait)) return false;
  waiting_ = &wait;
  loop_->fresh_now_ns();
  wait.limit(left);
  loop_->run();
  waiting_ = nullptr;
  loop_->remove(fd);
  return wait.ready;
}

// A wait that stop_by() cut short is no fault of the server's.
PgFailure PgLink::too_late() const {
  const auto by = stop_by_ns_.load(std::memory_order_acquire);
  const bool cancelled = by != 0 && by <= clock_.monotonic_ns();
  return {cancelled ? Reason::kCancelled : Reason::kTimeout, {}};
}

void PgLink::stop_by(Nanos monotonic_ns) {
  stop_by_ns_.store(monotonic_ns, std::memory_order_release);
  // Waits in the loop until the next wait where none runs.
  loop_->post([this] {
    if (waiting_ != nullptr) waiting_->limit(left_ns());
  });
}

PgLink::Outcome<bool> PgLink::rest(Nanos within_ns) {
  const auto resting_until = clock_.monotonic_ns() + within_ns;
  while (true) {
    if (is_open()) {
      if (PQconsumeInput(connection_.get()) == 0) return std::unexpected(lost());
      if (notified()) return true;
    }
    deadline_ns_ = resting_until;
    const auto left = left_ns();
    if (left <= 0) return false;
    Wait wait(*loop_);
    const int fd = is_open() ? PQsocket(connection_.get()) : -1;
    if (fd >= 0 && !loop_->add(fd, EPOLLIN, &wait)) return std::unexpected(lost());
    bool woken = false;
    waiting_ = &wait;
    woken_ = &woken;
    loop_->fresh_now_ns();
    wait.limit(left);
    loop_->run();
    waiting_ = nullptr;
    woken_ = nullptr;
    if (fd >= 0) loop_->remove(fd);
    if (woken || !wait.ready) return false;
  }
}

bool PgLink::notified() {
  bool any = false;
  while (auto* note = PQnotifies(connection_.get())) {
    PQfreemem(note);
    any = true;
  }
  return any;
}

void PgLink::wake() {
  loop_->post([this] {
    if (woken_ == nullptr) return;
    *woken_ = true;
    waiting_->end();
  });
}

// ---- connecting ---------------------------------------------------------------------------------

Result<std::unique_ptr<PgLink>> PgLink::make(PgOptions options, const Clock& clock) {
  std::unique_ptr<PgLink> link(new PgLink(std::move(options), clock));
  SG_ASSIGN(link->loop_, net::Loop::make(clock));
  link->resolver_ = std::make_unique<net::Resolver>(*link->loop_, nullptr, link->telemetry_);
  return link;
}

PgLink::~PgLink() = default;

void PgLink::close() { connection_.reset(); }

PgLink::Outcome<void> PgLink::open() {
  close();
  set_deadline();
  auto numeric = addresses();
  if (!numeric) return std::unexpected(std::move(numeric).error());
  auto begun = start(*numeric);
  if (begun) begun = follow_connecting();
  if (!begun) close();
  return begun;
}

// libpq would look the name up itself, and nothing could end that wait.
PgLink::Outcome<std::string> PgLink::addresses() {
  if (options_.host.starts_with('/') || net::is_numeric_host(options_.host)) return options_.host;
  if (left_ns() <= 0) return std::unexpected(too_late());
  struct Found {
    net::Addresses addresses;
    Wait* wait = nullptr;  // null: nobody waits any more
  };
  const auto found = std::make_shared<Found>();
  Wait wait(*loop_);
  found->wait = &wait;
  loop_->fresh_now_ns();
  found->addresses = resolver_->resolve(options_.host, [found](net::Addresses addresses) {
    found->addresses = std::move(addresses);
    if (found->wait != nullptr) found->wait->end();
  });
  if (!found->addresses) {
    waiting_ = &wait;
    wait.limit(left_ns());
    loop_->run();
    waiting_ = nullptr;
    found->wait = nullptr;
    if (!wait.ready) return std::unexpected(too_late());
  }
  if (!found->addresses) return std::unexpected(PgFailure{Reason::kResolve, {}});
  std::string out;
  for (const auto& address : *found->addresses) out.append(out.empty() ? "" : ",").append(address);
  return out;
}

// Of several addresses each belongs to the host of its place.
PgLink::Outcome<void> PgLink::start(const std::string& numeric_hosts) {
  const bool local = options_.host.starts_with('/');
  std::string hosts = options_.host;
  for (const char c : numeric_hosts) {
    if (c == ',') hosts.append(",").append(options_.host);
  }
  const auto port = std::to_string(options_.port);
  const char* const authorities =
      options_.ca_file.empty() ? kSystemAuthorities : options_.ca_file.c_str();
  const char* const keys[] = {"host",
                              "hostaddr",
                              "port",
                              "dbname",
                              "user",
                              "password",
                              "sslmode",
                              "sslrootcert",
                              "gssencmode",
                              "client_encoding",
                              "keepalives",
                              "application_name",
                              "target_session_attrs",
                              nullptr};
  const char* const values[] = {hosts.c_str(),
                                local ? nullptr : numeric_hosts.c_str(),
                                port.c_str(),
                                options_.database.c_str(),
                                options_.username.c_str(),
                                options_.password.c_str(),
                                options_.sslmode.c_str(),
                                authorities,
                                "disable",
                                "UTF8",
                                "1",
                                "sightglass",
                                "any",
                                nullptr};
  connection_.reset(PQconnectStartParams(keys, values, 0));
  if (!connection_) return std::unexpected(PgFailure{Reason::kBusy, {}});  // no memory
  PQsetNoticeReceiver(connection_.get(), be_silent, nullptr);
  PQsetErrorVerbosity(connection_.get(), PQERRORS_SQLSTATE);
  return {};
}

PgLink::Outcome<void> PgLink::follow_connecting() {
  int stage = CONNECTION_STARTED;
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    return std::unexpected(connect_failure(stage));
  }
  auto next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED) return std::unexpected(connect_failure(stage));
    stage = PQstatus(connection_.get());
    const auto events = next == PGRES_POLLING_READING ? EPOLLIN : EPOLLOUT;
    if (!wait_for(PQsocket(connection_.get()), events)) return std::unexpected(too_late());
    next = PQconnectPoll(connection_.get());
  }
  PQsetnonblocking(connection_.get(), 1);
  return {};
}

// libpq gives no code for this but in its message, whose other words are fixed.
PgFailure PgLink::connect_failure(int stage) const {
  const std::string_view said = PQerrorMessage(connection_.get());
  if (auto code = sqlstate_in(said); !code.empty()) {
    const auto reason = reason_of_sqlstate(code);
    return {reason, std::move(code)};
  }
  if (PQconnectionNeedsPassword(connection_.get()) != 0) return {Reason::kDenied, {}};
  if (has(said, "server closed the connection")) return {Reason::kReset, {}};
  if (has(said, "received invalid response")) return {Reason::kNonsense, {}};
  if (stage == CONNECTION_STARTED || stage == CONNECTION_NEEDED) return {Reason::kConnect, {}};
  if (stage == CONNECTION_SSL_STARTUP) return {Reason::kTls, {}};
  return lost();
}

PgFailure PgLink::lost() const {
  const std::string_view said = PQerrorMessage(connection_.get());
  const bool broken = has(said, "closed the connection") || has(said, "could not receive data") ||
                      has(said, "could not send data") || has(said, "SSL");
  return {broken ? Reason::kReset : Reason::kNonsense, {}};
}

// ---- statements ---------------------------------------------------------------------------------

PgLink::Outcome<PgLink::Answer> PgLink::ask(const char* sql,
                                            const std::vector<std::string>& parameters,
                                            const EachRow& each) {
  if (auto said = say(sql, parameters); !said) return std::unexpected(std::move(said).error());
  return hear(each);
}

PgLink::Outcome<void> PgLink::say(const char* sql, const std::vector<std::string>& parameters) {
  set_deadline();
  auto* const connection = connection_.get();
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter.c_str());
  const int begun = parameters.empty()
                        ? PQsendQuery(connection, sql)
                        : PQsendQueryParams(connection, sql, static_cast<int>(values.size()),
                                            nullptr, values.data(), nullptr, nullptr, 0);
  if (begun == 0) return std::unexpected(lost());
  PQsetSingleRowMode(connection);  // an answer without end then takes time, not memory
  for (int left = PQflush(connection); left != 0; left = PQflush(connection)) {
    if (left < 0) return std::unexpected(lost());
    if (!wait_for(PQsocket(connection), EPOLLIN | EPOLLOUT)) return std::unexpected(too_late());
    if (PQconsumeInput(connection) == 0) return std::unexpected(lost());
  }
  return {};
}

PgLink::Outcome<PgLink::Answer> PgLink::hear(const EachRow& each) {
  auto* const connection = connection_.get();
  Answer answer;
  for (;;) {
    while (PQisBusy(connection) != 0) {
      if (!wait_for(PQsocket(connection), EPOLLIN)) return std::unexpected(too_late());
      if (PQconsumeInput(connection) == 0) return std::unexpected(lost());
    }
    const std::unique_ptr<PGresult, Clear> result(PQgetResult(connection));
    if (!result) return answer;
    if (auto taken = take(result.get(), answer, each); !taken) {
      return std::unexpected(std::move(taken).error());
    }
    if (left_ns() <= 0) return std::unexpected(too_late());
  }
}

PgLink::Outcome<void> PgLink::take(PGresult* result, Answer& into, const EachRow& each) const {
  switch (PQresultStatus(result)) {
    case PGRES_SINGLE_TUPLE:
    case PGRES_TUPLES_OK:
      if (PQntuples(result) > 0 && (each || into.row.empty())) {
        auto row = row_of(result);
        if (!each) {
          into.row = std::move(row);
        } else if (!each(std::move(row))) {
          return std::unexpected(PgFailure{Reason::kTooLarge, {}});
        }
      }
      into.tag = PQcmdStatus(result);
      return {};
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      into.tag = PQcmdStatus(result);
      return {};
    default:
      break;
  }
  const char* const field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (field == nullptr) return std::unexpected(lost());
  if (!is_sqlstate(field)) return std::unexpected(PgFailure{Reason::kNonsense, {}});
  return std::unexpected(PgFailure{reason_of_sqlstate(field), field});
}

}  // namespace sightglass::exporting
