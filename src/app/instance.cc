#include "app/instance.h"

#include <thread>

#include "admin/events.h"
#include "admin/filters.h"
#include "admin/forgetting.h"
#include "admin/health.h"
#include "admin/identifiers.h"
#include "admin/live_routes.h"
#include "admin/login.h"
#include "admin/meters.h"
#include "admin/metrics.h"
#include "admin/openapi.h"
#include "admin/query.h"
#include "admin/reconcile_routes.h"
#include "admin/reports.h"
#include "admin/stats.h"
#include "app/account.h"
#include "app/all_gateways.h"
#include "app/audit.h"
#include "app/client_side.h"
#include "app/config_answer.h"
#include "app/data_folder.h"
#include "app/export_side.h"
#include "app/followed_logs.h"
#include "app/health_checks.h"
#include "app/housekeeper.h"
#include "app/live_config.h"
#include "app/live_stream.h"
#include "app/local_intake.h"
#include "app/packs.h"
#include "app/page.h"
#include "app/process.h"
#include "app/recorder.h"
#include "app/redis_side.h"
#include "app/room_options.h"
#include "app/traffic_side.h"
#include "app/version.h"
#include "app/workers.h"
#include "base/random.h"
#include "event/pattern.h"
#include "guard/door.h"
#include "guard/kept_fields.h"
#include "http/auth.h"
#include "http/server.h"
#include "ingest/marks_fold.h"
#include "ingest/routes.h"
#include "ingest/service.h"
#include "journal/fold.h"
#include "journal/journal.h"
#include "live/summary.h"
#include "live/totals.h"
#include "logs/logs.h"
#include "meter/meter_fold.h"
#include "meter/process_metrics.h"
#include "report/report_fold.h"
#include "store/store.h"
#include "store/typed_query.h"

namespace sightglass::app {
namespace {

constexpr std::size_t kInFlightPerWorker = 16'384;
constexpr Nanos kFoldsStop = 15 * kSecond;  // each; a service manager waits 90 s for all
constexpr std::size_t kErrorsLookedAt = 100;
constexpr Nanos kFoldWait = 30 * kSecond;  // for the folds to pass what start-up recorded

class Running final : public Instance {
 public:
  Running(const Config& config, const ConfigFile& file) : config_(config), file_(file) {}
  ~Running() override { stop(kSecond); }

  Status begin() {
    SG_TRY(hold_folder());
    SG_TRY(open_journal());
    SG_TRY(open_folds());
    SG_TRY(begin_account(*journal_, *meter_, *marks_, store_.get()));
    SG_TRY(record_interrupted());
    SG_TRY(make_doors());
    SG_TRY(listen());
    running_ = true;
    return {};
  }

  std::uint16_t port() const override { return server_->port(0); }
  std::string new_admin_key() const override { return new_admin_key_; }
  Result<admin::Reloaded> reload() override { return live_config_->reload(); }
  Status stop(Nanos within_ns) override;

 private:
  Status change_packs(Packs next);
  Status hold_folder();
  Status open_journal();
  Status open_folds();
  Status record_interrupted();
  Status make_doors();
  Status listen();

  std::unique_ptr<journal::FoldRunner> make_runner(std::vector<journal::Fold*> folds,
                                                   bool required);
  void make_ingest();
  bool folds_are_behind() const;
  std::vector<http::Route> routes();
  std::vector<admin::HealthCheck> health() const;
  void summarise();
  std::unique_ptr<guard::Door> make_door() {
    auto door = std::make_unique<guard::Door>(packs_.catalogue, packs_.plan, *keys_, telemetry_,
                                              kept_names_);
    if (config_.activity_log.enabled && config_.activity_log.users == "plain") {
      door->tell(plain_names_);
    }
    return door;
  }

  // In the order of building; destroyed in reverse.
  const Config config_;  // of the start
  const ConfigFile file_;
  SystemClock clock_;
  PosixFileSystem fs_;
  SystemRandom random_;  // of the thread that starts and stops
  SystemRandom forget_random_;
  // Each behind the one lock of the room that draws from it.
  SystemRandom key_random_, auth_random_;
  Telemetry telemetry_;
  std::unique_ptr<logs::SinkLog> log_;
  std::unique_ptr<DataFolder> folder_;
  Packs packs_;  // changes while nothing is between a door and the journal
  std::shared_ptr<guard::KeptNames> kept_names_;  // of the packs in force
  std::unique_ptr<guard::KeyRing> keys_;
  std::unique_ptr<ClientSide> clients_;
  journal::Options journal_options_;
  std::string gateway_;  // the data folder's id
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<meter::MeterFold> meter_;
  std::unique_ptr<live::TotalsFold> totals_;
  std::unique_ptr<ingest::MarksFold> marks_;
  std::unique_ptr<report::ReportFold> reports_;
  std::unique_ptr<store::Store> store_;
  event::PlainNames plain_names_;  // stays empty unless the activity log prints them
  std::unique_ptr<journal::Fold> log_fold_, activity_fold_, audit_fold_;
  std::unique_ptr<journal::FoldRunner> fast_runner_, store_runner_, log_runner_;
  std::unique_ptr<journal::FoldRunner> report_runner_;
  std::unique_ptr<ExportSide> export_;  // null: no engine is configured

  std::unique_ptr<admin::Forgetting> forgetting_;
  std::unique_ptr<live::Requests> requests_;
  std::unique_ptr<Recorder> recorder_;
  Audit audit_;
  std::unique_ptr<http::Auth> auth_;
  std::string new_admin_key_;
  std::unique_ptr<Workers> workers_;
  // Before the pools, whose last answers may still wait for it. Null: this gateway is alone.
  std::unique_ptr<RedisSide> redis_;
  std::unique_ptr<AllGateways> all_;
  std::unique_ptr<ingest::Service> ingest_;
  std::unique_ptr<http::WorkPool> pool_, query_pool_;
  std::unique_ptr<http::WorkPool> ingest_pool_;
  std::unique_ptr<ingest::Endpoints> ingest_endpoints_;
  std::unique_ptr<admin::Reconciler> reconciler_;
  std::unique_ptr<LiveStream> stream_;
  std::unique_ptr<TrafficSide> traffic_;
  std::unique_ptr<LiveConfig> live_config_;
  std::unique_ptr<http::Router> router_;
  std::unique_ptr<http::Server> server_;
  ingest::MemoryBudget local_memory_{64u << 20};
  std::unique_ptr<ingest::LocalSockets> local_sockets_;
  std::unique_ptr<FollowedLogs> followed_;
  Housekeeper housekeeper_;
  journal::Position summarised_ = 0;  // the housekeeper's: of the last summary
  bool running_ = false;
};

Status Running::hold_folder() {
  log_ = logs::make_sink_log(log_options(config_, clock_, false), telemetry_, clock_);
  meter::register_process_metrics(telemetry_);
  SG_ASSIGN(auto folder, DataFolder::hold(config_.data, fs_));
  folder_ = std::make_unique<DataFolder>(std::move(folder));
  SG_ASSIGN(packs_, load_packs(config_, fs_));
  SG_ASSIGN(gateway_, gateway_id(*folder_, fs_));
  const auto name = gateway_name(config_, gateway_);
  SG_ASSIGN(clients_, ClientSide::open(
                          {config_, folder_->in("control.db"), name, clock_, telemetry_, *log_}));
  kept_names_ = std::make_shared<guard::KeptNames>(*packs_.catalogue);
  guard::KeyRing::Options ring;
  ring.path = config_.keyring.empty() ? default_keyring_path() : config_.keyring;
  ring.epoch_ns = config_.pseudonym_epoch_ns;
  ring.overlap_ns = config_.pseudonym_overlap_ns;
  // As long as some row can hold a pseudonym, its key can be asked for.
  SG_ASSIGN(const auto retention, retention_options(config_, *packs_.catalogue));
  ring.keep_ns = config_.pseudonym_keep_ns != 0 ? config_.pseudonym_keep_ns
                                                : store::RetentionClasses(retention).longest_ns();
  SG_ASSIGN(keys_, guard::KeyRing::open(ring, fs_, key_random_, clock_));
  return {};
}

Status Running::open_journal() {
  journal_options_.directory = folder_->in("journal");
  journal_options_.segment_bytes = config_.journal_segment_bytes;
  journal_options_.commit_bytes = config_.journal_commit_bytes;
  journal_options_.commit_delay_ns = config_.journal_commit_delay_ns;
  journal_options_.max_bytes = config_.journal_max_bytes;
  SG_ASSIGN(journal_, journal::Journal::open(journal_options_, fs_, clock_, telemetry_, *log_,
                                             gateway_, packs_.catalogue));
  if (!config_.store_enabled) return {};
  store::Options options;
  options.directory = folder_->in("store");
  options.gateway = gateway_;
  options.seal_rows = static_cast<std::uint32_t>(config_.store_seal_rows);
  options.seal_age_ns = config_.store_seal_age_ns;
  options.memory_limit_bytes = config_.store_memory_bytes;
  SG_ASSIGN(options.retention, retention_options(config_, *packs_.catalogue));
  options.read_journal = [this](journal::Position after) {
    return journal::open_reader(journal_options_, fs_, journal_.get(), after);
  };
  SG_ASSIGN(store_, store::Store::open(options, fs_, clock_, telemetry_, *log_));
  return {};
}

constexpr Nanos kGather = 20 * kMillisecond;  // how far behind the commits a fold may be under load

std::unique_ptr<journal::FoldRunner> Running::make_runner(std::vector<journal::Fold*> folds,
                                                          bool required) {
  journal::RunnerOptions options;
  options.snapshot_directory = folder_->in("snapshots");
  options.snapshot_every_bytes = config_.snapshot_bytes;
  options.required = required;
  options.gather_ns = kGather;
  // What is optional (logs keep no snapshot, reports are made anew) never stands in the way.
  if (config_.reset_counters || !required) {
    options.lost_snapshot = journal::LostSnapshot::kStartAfresh;
  }
  // The accounts came after the ingest fold: a folder that has them had it, and must have its
  // marks. What clients used cannot be told in a folder of a version that did not count it, nor
  // from one that was stopped before its first snapshot of it.
  options.is_new = [this](std::string_view fold) {
    return fold == "clients" || (fold == "ingest" && !meter_->account().since);
  };
  return journal::FoldRunner::make(options, journal_options_, *journal_, fs_, clock_, telemetry_,
                                   *log_, std::move(folds));
}

Status Running::open_folds() {
  meter_ = std::make_unique<meter::MeterFold>(telemetry_);
  totals_ = std::make_unique<live::TotalsFold>();
  reports_ = std::make_unique<report::ReportFold>();
  auto options = log_options(config_, clock_, true);
  options.summary_lines = [this](std::int64_t last_requests) {
    std::vector<logs::ConsoleLine> lines;
    for (auto& line : live::summary_lines(totals_->summary(), last_requests)) {
      lines.push_back({line.level, "conversation", std::move(line.text), {}});
    }
    return lines;
  };
  log_fold_ = logs::make_log_fold(options, fs_, *log_, telemetry_, *log_);
  marks_ = std::make_unique<ingest::MarksFold>();
  fast_runner_ = make_runner({meter_.get(), totals_.get(), marks_.get(), &clients_->fold()}, true);
  std::vector<journal::Fold*> log_folds = {log_fold_.get()};
  const auto activity = activity_options(config_, journal_->committed());
  if (config_.activity_log.enabled) {
    activity_fold_ = logs::make_activity_fold(activity, &plain_names_, fs_, telemetry_, *log_);
    log_folds.push_back(activity_fold_.get());
  } else {
    (void)logs::forget_activity_position(activity.file, fs_);
  }
  if (config_.audit.enabled) {
    audit_fold_ = logs::make_audit_fold(audit_options(config_), fs_, telemetry_, *log_);
    log_folds.push_back(audit_fold_.get());
  }
  log_runner_ = make_runner(std::move(log_folds), false);
  report_runner_ = make_runner({reports_.get()}, false);
  SG_TRY(fast_runner_->load());
  SG_TRY(log_runner_->load());
  SG_TRY(report_runner_->load());
  SG_ASSIGN(export_, ExportSide::open({config_, gateway_, folder_->path(), journal_options_,
                                       *journal_, fs_, clock_, telemetry_, *log_}));
  if (store_) {
    store_runner_ = make_runner({store_.get()}, true);
    SG_TRY(store_runner_->load());
  }
  return {};
}

// Each start without a terminal gets one: what a crash cut off has an outcome, too.
Status Running::record_interrupted() {
  recorder_ = std::make_unique<Recorder>(make_door(), *journal_, clock_);
  const auto open = totals_->open_starts();
  for (const auto& start : open) {
    using event::Value;
    SG_TRY(recorder_->record_durably("request_interrupted",
                                     {{"request_id", Value::text(start.request_id)},
                                      {"endpoint", Value::text(start.endpoint)},
                                      {"provider", Value::text(start.provider)},
                                      {"model_requested", Value::text(start.model_requested)},
                                      {"model_upstream", Value::text(start.model_upstream)},
                                      {"model", Value::text(start.model)},
                                      {"key", Value::text(start.key)},
                                      {"client", Value::text(start.client)},
                                      {"is_streaming", Value::boolean(start.is_streaming)},
                                      {"outcome", Value::text("interrupted")},
                                      {"error_type", Value::text("gateway_interrupted")},
                                      {"usage_state", Value::text("unknown")},
                                      {"usage_unknown_reason", Value::text("interrupted")},
                                      {"unpriced_reason", Value::text("no_usage")},
                                      {"start_time_ns", Value::integer(start.start_ns)}}));
  }
  if (!open.empty()) {
    log_->warn(
        "app",
        std::to_string(open.size()) +
            " requests were running when the last process ended; each is recorded as interrupted");
  }
  fast_runner_->start();
  log_runner_->start();
  report_runner_->start();
  if (store_runner_) store_runner_->start();
  if (export_) export_->start();
  clients_->count_from(journal_->committed());
  clients_->tend(fast_runner_->wait_position(journal_->committed(), kFoldWait));
  totals_->mark_start();
  std::vector runners = {fast_runner_.get(), log_runner_.get(), report_runner_.get()};
  if (store_runner_) runners.push_back(store_runner_.get());
  SG_ASSIGN(forgetting_,
            admin::Forgetting::open({folder_->in("forget"), *journal_, runners, store_.get(),
                                     ExportSide::forgetters(export_.get()), fs_, clock_,
                                     forget_random_, telemetry_, *log_}));
  forgetting_->start();
  return {};
}

Status Running::make_doors() {
  SG_ASSIGN(const auto where, parse_listen(config_.listen));
  const bool loopback = net::is_loopback(where.host);
  audit_.attach(*recorder_);
  SG_ASSIGN(auth_, http::Auth::make(auth_options(config_, loopback), fs_, clock_, auth_random_,
                                    telemetry_, *log_, audit_));
  if (auto key = auth_->take_new_admin_key(); key && config_.admin_key.empty()) {
    new_admin_key_ = *key;
    SG_TRY(replace_file(fs_, folder_->in("admin-key"), *key + "\n"));
  }
  const auto count = config_.workers > 0 ? static_cast<std::size_t>(config_.workers) : core_count();
  SG_ASSIGN(workers_, Workers::make(count, "io", clock_));
  pool_ = http::WorkPool::make("answers", 2, 64, telemetry_);
  // A thread for the query that runs and for each that may wait: the store's queue is the only one,
  // and what else answers from a pool never stands behind a slow query.
  query_pool_ = http::WorkPool::make("queries", store::Options().query_queue + 1, 0, telemetry_);
  make_ingest();
  requests_ = std::make_unique<live::Requests>(clock_);
  std::vector<admin::Reconciler::Source> sources = {{"meter", fast_runner_.get()},
                                                    {"live", fast_runner_.get()},
                                                    {"ingest", fast_runner_.get(), false}};
  if (store_runner_) sources.push_back({"store", store_runner_.get()});
  if (config_.log_file.enabled) sources.push_back({"logs", log_runner_.get()});
  reconciler_ = std::make_unique<admin::Reconciler>(
      *journal_, std::move(sources), clock_,
      [this](Nanos at_most_ns) { workers_->finish_round(at_most_ns); });
  const auto cancel_here = [this](const std::string& request) { return traffic_->cancel(request); };
  const auto name = gateway_name(config_, gateway_);
  if (config_.storage.redis) {
    SG_ASSIGN(redis_, RedisSide::make({*config_.storage.redis, gateway_, name, *requests_,
                                       cancel_here, clients_->limiter(), clients_->registry(),
                                       *workers_, clock_, telemetry_, *log_}));
  }
  all_ = std::make_unique<AllGateways>(all_gateways(*requests_, name, redis_.get(), cancel_here));
  stream_ = std::make_unique<LiveStream>(
      *all_, workers_->loops(),
      LiveStreamOptions{config_.log_request_metrics, config_.sse_enabled, config_.sse_interval_ns,
                        config_.sse_heartbeat_ns},
      telemetry_);
  TrafficSide::Parts parts{config_,
                           clock_,
                           telemetry_,
                           *log_,
                           *keys_,
                           *journal_,
                           *requests_,
                           *workers_,
                           loopback,
                           kInFlightPerWorker,
                           fs_,
                           [this] { return make_door(); },
                           clients_->registry(),
                           clients_->limiter(),
                           redis_.get()};
  SG_ASSIGN(traffic_, TrafficSide::make(parts));
  live_config_ = std::make_unique<LiveConfig>(
      LiveConfig::Parts{config_, file_, fs_, telemetry_, *log_, *clients_, *traffic_, *recorder_,
                        [this] { return packs_.catalogue; },
                        [this](Packs next) { return change_packs(std::move(next)); }});
  return {};
}

// Required folds that are this far behind stop what can be sent again.
bool Running::folds_are_behind() const {
  constexpr journal::Position kMaxLag = 1'000'000;  // records
  auto folded = fast_runner_->position();
  if (store_runner_) folded = std::min(folded, store_runner_->position());
  return journal_->committed() > folded + kMaxLag;
}

void Running::make_ingest() {
  ingest_ = std::make_unique<ingest::Service>(ingest::Service::Parts{
      clock_, telemetry_, *journal_, *marks_, [this] { return make_door(); }});
  ingest_pool_ = http::WorkPool::make("ingest", static_cast<std::size_t>(config_.ingest_threads),
                                      64, telemetry_);
  ingest::EndpointOptions options;
  options.body_bytes = config_.ingest_body_bytes;
  options.memory_bytes = config_.ingest_memory_bytes;
  options.rum_origins = config_.ingest_rum_origins;
  ingest_endpoints_ =
      ingest::Endpoints::make(std::move(options), {*ingest_, *ingest_pool_, clock_, telemetry_,
                                                   [this] { return journal_->writable(); },
                                                   [this] { return folds_are_behind(); }});
}

std::vector<http::Route> Running::routes() {
  std::vector<http::Route> all;
  const auto add = [&all](std::vector<http::Route> more) {
    for (auto& route : more) all.push_back(std::move(route));
  };
  add(traffic_->routes());
  add(ingest_endpoints_->routes());
  add(admin::metrics_routes(store_ ? &store_->queries() : nullptr, *query_pool_, clock_));
  add(admin::stats_routes(store_ ? &store_->queries() : nullptr, *query_pool_, clock_));
  add(admin::event_routes({store_ ? &store_->queries() : nullptr, *query_pool_, clock_, *requests_,
                           [this] { return journal_->catalogue(); }}));
  add(admin::query_routes({store_ ? &store_->typed_queries() : nullptr, *query_pool_, clock_,
                           telemetry_, [this] { return journal_->catalogue(); }}));
  admin::LiveSources sources{
      *requests_,       *totals_,        clock_, config_.log_request_metrics, {}, {}, {},
      all_->everywhere, all_->elsewhere, *pool_};
  sources.log_target = [this] {
    const auto state = log_->state();
    return live::LogTarget{state.requested, state.effective, logs::handler_name(state.handler)};
  };
  sources.stream = stream_->factory();
  sources.all_stream = stream_->all_factory();
  add(admin::live_routes(std::move(sources)));
  add(admin::health_routes([this] { return server_->draining(); }, [this] { return health(); },
                           *pool_));
  add(admin::login_routes(*auth_, *pool_, [this] { (void)fs_.remove(folder_->in("admin-key")); }));
  add(admin::reconcile_routes(*reconciler_, *pool_));
  add(admin::identifier_routes(
      *keys_, *forgetting_, [this] { return journal_->catalogue(); }, *pool_));
  add(admin::meter_routes(*meter_, *pool_));
  add(admin::filter_routes([this] { return journal_->catalogue(); }, *pool_));
  add(admin::report_routes(*reports_, *pool_, clock_));
  add(clients_->routes(all_->cancel, store_ ? &store_->queries() : nullptr, *pool_));
  add(admin::config_routes(
      {[this] { return reload(); },
       [this](std::string_view body, std::string_view actor) {
         return live_config_->change(body, actor);
       },
       [this] { return config_json(*live_config_->in_force()); },
       [this] { return policy_json(*live_config_->in_force()); }, validate_config},
      *pool_));
  all.push_back(admin::exposition_route(*meter_, telemetry_, *pool_));
  add(admin::openapi_routes(
      [this]() -> const std::vector<http::Route>& { return router_->routes(); },
      std::string(kVersion)));
  add(page_routes());
  return all;
}

Status Running::listen() {
  SG_ASSIGN(auto router, http::Router::build(routes()));
  router_ = std::make_unique<http::Router>(std::move(router));
  SG_ASSIGN(auto options, server_options(config_, folder_->in("admin.sock")));
  options.error_shape = traffic_->error_shape();
  SG_ASSIGN(server_, http::Server::make(std::move(options), *router_, *auth_, workers_->loops(),
                                        telemetry_, *log_));
  workers_->start();
  if (redis_) redis_->start();
  server_->start();
  stream_->start();
  local_sockets_ =
      open_local_sockets(config_, folder_->path(), *ingest_, local_memory_, telemetry_, *log_);
  housekeeper_.add(100 * kMillisecond, [this] { summarise(); });
  housekeeper_.add(kSecond, [this] { audit_.flush_refused(); });
  housekeeper_.add(kSecond, [this] { clients_->tend(fast_runner_->position()); });
  housekeeper_.add(kSecond, [this] {
    for (const auto& near : clients_->newly_near_limits()) {
      recorder_->record("client_near_limit", {{"client", event::Value::text(near.client)},
                                              {"budget", event::Value::text(near.budget)}});
    }
  });
  housekeeper_.add(3'600 * kSecond, [this] { (void)keys_->tend(); });
  housekeeper_.start();
  recorder_->record("startup_complete", {});
  if (!config_.follow.empty()) {
    followed_ = std::make_unique<FollowedLogs>(config_.follow, folder_->in("admin.sock"), clock_,
                                               telemetry_, *log_);
    SG_TRY(followed_->start());
  }
  return {};
}

// One summary per interval, as printed; where requests come so fast that these would be a flood,
// one for many intervals, which says for how many requests it stands.
void Running::summarise() {
  constexpr std::int64_t kMostAtOnce = 10;
  // Until the last ones are folded, what they told of would be told again.
  if (fast_runner_->position() < summarised_) return;
  const auto interval = config_.log_summary_interval;
  const auto due = static_cast<std::int64_t>(totals_->completed_since_summary()) / interval;
  if (due == 0) return;
  const auto each = due <= kMostAtOnce ? interval : due * interval;
  for (auto left = due * interval; left > 0; left -= each) {
    const auto at = recorder_->record_event_durably([&](const auto& catalogue, event::Event& out) {
      return live::build_summary_event(totals_->summary(), each, catalogue, clock_.wall_ns(), out);
    });
    if (!at) return;  // closed to writes, or closing: what is due stays due
    summarised_ = *at;
  }
}

std::vector<admin::HealthCheck> Running::health() const {
  std::vector<admin::HealthCheck> checks;
  checks.push_back(journal_health(*journal_));
  checks.push_back(folds_health(journal_->committed(), {{"fast", fast_runner_.get()},
                                                        {"logs", log_runner_.get()},
                                                        {"reports", report_runner_.get()},
                                                        {"store", store_runner_.get()}}));
  if (store_) checks.push_back(store_health(*store_, clock_));
  const auto errors = totals_->recent_errors(kErrorsLookedAt);
  for (auto& provider : traffic_->reachability()) {
    checks.push_back(with_last_error(std::move(provider), errors));
  }
  if (export_) {
    for (auto& check : export_->health()) checks.push_back(std::move(check));
  }
  for (auto& check : clients_->health()) checks.push_back(std::move(check));
  if (redis_) checks.push_back(redis_->health());
  checks.push_back(process_health(server_->connections(), requests_->count()));
  return checks;
}

// Whoever takes events in steps aside, one after the other, and gets a new door. Ingest first: it
// may be in the middle of a long batch, and the workers go on meanwhile.
Status Running::change_packs(Packs next) {
  const auto change = [&]() -> Status {
    SG_TRY(journal_->change_catalogue(next.catalogue));
    packs_ = std::move(next);
    kept_names_ = std::make_shared<guard::KeptNames>(*packs_.catalogue);
    return {};
  };
  return ingest_->with_no_one_inside([&] {
    return traffic_->with_no_one_inside(
        [&] { return recorder_->with_no_one_inside(change, [this] { return make_door(); }); });
  });
}

// What takes requests goes first, what records them last; then the folds get to the end.
Status Running::stop(Nanos within_ns) {
  if (!running_) return {};
  running_ = false;
  if (recorder_) recorder_->record("shutdown_start", {});
  if (followed_) followed_->stop();  // its last batch needs the server
  const bool empty = server_->drain(within_ns);
  if (!empty) log_->warn("app", "requests were still running at the end of the drain and are cut");
  if (local_sockets_) local_sockets_->close();
  stream_->stop();
  housekeeper_.stop();
  traffic_->stop();
  server_->stop();
  if (redis_) redis_->stop();
  workers_->stop();
  if (store_) store_->stop_forgetting();
  forgetting_->stop();
  const auto closed = journal_->close();
  if (store_) store_->stop_waiting();
  // Behind a large ingest the folds may have minutes of work left, which the next start goes on
  // with.
  const auto fast = fast_runner_->stop(kFoldsStop);
  const auto logged = log_runner_->stop(kFoldsStop);
  const auto reported = report_runner_->stop(kFoldsStop);
  const auto exported = export_ ? export_->stop() : Status();
  if (store_runner_) {
    if (auto stored = store_runner_->stop(kFoldsStop); !stored)
      log_->error("app", stored.error().message);
    if (auto sealed = store_->seal_now(); !sealed) log_->error("app", sealed.error().message);
    store_->close();
  }
  log_->flush();
  SG_TRY(closed);
  SG_TRY(fast);
  SG_TRY(logged);
  SG_TRY(exported);
  return reported;
}

}  // namespace

Result<std::unique_ptr<Instance>> Instance::start(const Config& config, const ConfigFile& file) {
  auto running = std::make_unique<Running>(config, file);
  SG_TRY(running->begin());
  return running;
}

}  // namespace sightglass::app
