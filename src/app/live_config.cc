#include "app/live_config.h"

#include <algorithm>

#include "app/config_answer.h"
#include "app/config_change.h"
#include "app/config_keys.h"
#include "app/room_options.h"

namespace sightglass::app {

LiveConfig::LiveConfig(Parts parts)
    : parts_(std::move(parts)), in_force_(std::make_shared<const Config>(parts_.started)) {}

std::shared_ptr<const Config> LiveConfig::in_force() const {
  const std::scoped_lock lock(mutex_);
  return in_force_;
}

Result<admin::Reloaded> LiveConfig::reload() {
  const std::scoped_lock one(change_mutex_);
  const auto done = [this]() -> Result<admin::Reloaded> {
    SG_ASSIGN(auto next, parts_.file.read());
    return apply(std::move(next), {}, [] { return Status(); });
  }();
  tell_reload(done, parts_.telemetry, parts_.log);
  return done;
}

Result<admin::Reloaded> LiveConfig::change(std::string_view body, std::string_view actor) {
  const std::scoped_lock one(change_mutex_);
  const auto done = do_change(body, actor);
  tell_reload(done, parts_.telemetry, parts_.log);
  return done;
}

// The file as it is now is what changes: what somebody else wrote into it is not lost, and comes
// into force, too.
Result<admin::Reloaded> LiveConfig::do_change(std::string_view body, std::string_view actor) {
  const auto& file = parts_.file;
  if (!file.can_change()) {
    return fail(Code::kExists,
                "this server runs without a configuration file that could change; "
                "start it with `sightglass serve --config FILE`");
  }
  SG_ASSIGN(const auto before, file.text());
  SG_ASSIGN(const auto after, change_config_text(before, body, config_json(*in_force())));
  SG_ASSIGN(const auto old_config, file.parse(before));
  SG_ASSIGN(auto next, file.parse(after));
  SG_TRY(refuse_change(old_config, next));
  bool written = false;
  auto done = apply(std::move(next), actor, [&]() -> Status {
    if (after == before) return {};
    SG_TRY(file.replace(after));
    written = true;
    return {};
  });
  if (!done && written) {
    if (auto restored = file.replace(before); !restored) {
      parts_.log.error("app", "the configuration file holds a change that is not in force: " +
                                  restored.error().message);
    }
  }
  return done;
}

Result<admin::Reloaded> LiveConfig::apply(Config next, std::string_view actor,
                                          const std::function<Status()>& commit) {
  SG_ASSIGN(auto packs, load_packs(next, parts_.fs));
  SG_TRY(retention_options(next, *packs.catalogue));
  SG_TRY(parts_.traffic.try_config(next));
  auto done = compare_packs(*parts_.catalogue(), packs);
  const auto now = in_force();
  for (auto& key : changed_keys(*now, next)) {
    if (takes_effect_at_once(key)) done.applied.push_back(std::move(key));
  }
  for (auto& key : changed_keys(parts_.started, next)) {
    if (!takes_effect_at_once(key)) done.restart_needed.push_back(std::move(key));
  }
  SG_TRY(commit());
  SG_TRY(put_in_force(std::make_shared<const Config>(std::move(next)), std::move(packs),
                      done.changed));
  record(done, actor);
  return done;
}

Status LiveConfig::put_in_force(const std::shared_ptr<const Config>& next, Packs packs,
                                bool packs_changed) {
  const auto before = in_force();
  parts_.traffic.use_config(next);
  auto changed = parts_.clients.configure(*next);
  if (changed && packs_changed) {
    changed = parts_.change_packs(std::move(packs));
    if (!changed) {
      parts_.traffic.use_config(before);
      (void)parts_.clients.configure(*before);
    }
  } else if (!changed) {
    parts_.traffic.use_config(before);
  }
  SG_TRY(changed);
  // What waits for a restart is not in force, whatever the file says.
  auto shown = std::make_shared<Config>(parts_.started);
  shown->providers = next->providers;
  shown->model_aliases = next->model_aliases;
  shown->clients = next->clients;
  shown->pass_through = next->pass_through;
  shown->policy = next->policy;
  shown->packs = next->packs;
  shown->packs_dir = next->packs_dir;
  shown->sampling = next->sampling;
  const std::scoped_lock lock(mutex_);
  in_force_ = std::move(shown);
  return {};
}

// One event a key, so that the audit trail holds them all.
void LiveConfig::record(const admin::Reloaded& done, std::string_view actor) {
  using event::Value;
  const auto tell = [&](const std::string& key, std::string_view effect) {
    parts_.recorder.record("admin_config_changed",
                           {{"admin_actor", actor.empty() ? Value() : Value::text(actor)},
                            {"config_key", Value::text(key)},
                            {"config_effect", Value::text(effect)}});
  };
  for (const auto& key : done.applied) tell(key, "in_force");
  for (const auto& key : done.restart_needed) tell(key, "restart_needed");
}

}  // namespace sightglass::app
