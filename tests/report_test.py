#!/usr/bin/env python3
"""Every key metric, dashboard panel and trackable of the Events seed (S0-K01 to K24, S0-D01 to D22, S0-T01 to T08)
against a tally that shares no code with the program: events are written to a file, ingested, and both sides read."""
import collections
import datetime
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ADMIN_KEY, ask, check, equal, run, wait_for, world  # noqa: E402

HOUR = 3600
TOTAL_REQUESTS = ("chat_completion_request_start", "embeddings_request_start")


def now():
    return datetime.datetime.now(datetime.timezone.utc).timestamp()


def iso(t):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Maker:
    """Events of every kind that the seed counts, at random times within the last days, in random order."""

    def __init__(self, seed, end):
        self.random = random.Random(seed)
        self.end = end
        self.events = []

    def at(self, name, t, **fields):
        self.events.append({"event_type": name, "timestamp": iso(t), "_t": round(t, 3), **fields})

    def some(self, name, n, fields=lambda r: {}, level=None):
        for _ in range(n):
            more = {"level": level} if level else {}
            self.at(name, self.when(), **more, **fields(self.random))

    def when(self, margin=0):
        return self.end - margin - self.random.random() * 60 * HOUR

    def make(self):
        user = lambda r: {"user_id": f"person-{int(r.paretovariate(1.1)) % 40}"}
        key = lambda r: {"api_key_id": f"key-{r.randrange(12)}"}
        self.some("proxy_session_closed", 70)
        self.some("existing_session_reused", 40, lambda r: {"session_id": f"x{r.randrange(99)}", "requested_model": r.choice(["llama", "qwen"])})
        self.some("active_session_found", 41)
        self.some("session_model_match", 30)
        self.some("session_model_mismatch", 10, lambda r: {"requested_model_id": r.choice("pq")})
        self.sessions(90)
        for i in range(400):
            self.request(i, user, key)
        self.some("chat_request_processing", 200, lambda r: {**(user(r) if r.random() < .9 else {}), **(key(r) if r.random() < .7 else {})})
        self.some("chat_request_config", 50, lambda r: {"client_stream_requested": r.random() < .5})
        self.some("stream_generator_start", 75, lambda r: {"requested_model": r.choice(["llama", "qwen", "mistral"])})
        self.some("chat_completions_start", 25)
        self.some("embeddings_request_start", 60, lambda r: {"session_id": "e"})
        self.some("embeddings_request_error", 6, lambda r: {"error_type": r.choice(["Timeout", "Refused"])}, "error")
        for name, n in (("stream_session_expired_detected", 5), ("stream_retry_completed", 9), 
                        ("local_testing_bypass", 7), ("automation_disabled", 4), ("automation_settings_created", 5),
                        ("private_key_stored", 3), ("proxy_request_start", 150), ("session_not_found_for_close", 3)):
            self.some(name, n)
        self.some("api_key_user_error", 2, level="error")
        self.some("stream_retry_proxy_error", 3, lambda r: {"error_type": "ProxyError"}, "error")
        self.some("chat_completions_error", 8, lambda r: {"error_type": r.choice(["Timeout", "Bad"]), "status_code": r.choice([500, 502])}, "error")
        self.some("stream_generator_error", 4, level="error")
        self.some("proxy_request_error", 5, lambda r: {"attempt": 1}, "warning")
        self.some("stream_proxy_error", 2, lambda r: {"status_code": 503}, "error")
        self.some("api_key_validation_failed", 6, level="error")
        self.some("jwt_validation_error", 5, level="error")
        self.some("cache_hit", 90, lambda r: {"cache_expires_in_seconds": 12.5}, "debug")
        self.some("cache_miss", 30, level="debug")
        self.at("model_service_init_success", self.end - 50 * HOUR, model_count=31)
        self.at("cache_refresh", self.end - 40 * HOUR, model_count=33)
        self.at("cache_refresh", self.end - 20 * HOUR, model_count=34)
        self.at("cache_refresh", self.end - 10 * HOUR)
        self.some("automation_enabled", 12, lambda r: {**user(r), **({"session_duration": r.randrange(600, 7200)} if r.random() < .8 else {})})
        self.some("user_creation", 11, lambda r: {"cognito_user_id": f"c{r.random()}", "country": r.choice(["DE", "FR"])})
        self.some("api_key_created", 30, lambda r: {"user_id": f"owner-{r.randrange(6)}", "api_key_id": f"key-{r.randrange(12)}"})
        self.some("api_key_deleted", 9, lambda r: {"user_id": f"owner-{r.randrange(6)}"})
        self.some("user_deletion_complete", 2, lambda r: {"user_id": "nobody"})
        self.at("sync_start", self.end - 5000, component="builders")
        self.at("sync_complete", self.end - 4977.5, component="builders")
        self.retries()
        self.random.shuffle(self.events)
        return self.events

    def sessions(self, n):
        for i in range(n):
            start = self.when(margin=8 * HOUR)
            owner = f"s-owner-{i}"
            if self.random.random() < .5:
                self.at("automated_session_creation_start", start - 2, user_id=owner, session_duration=self.random.randrange(600, 7200))
            self.at("proxy_session_creation_start", start - 1.5)
            self.at("proxy_session_response", start - 1, user_id=owner, session_id=f"ses-{i}")
            if i % 9 != 0:  # some creations are never stored
                self.at("session_created", start, session_id=f"ses-{i}")
            if i % 7 != 0:  # some are still open, or their end was lost
                self.at("session_marked_inactive", start + self.random.randrange(60, 7 * HOUR), session_id=f"ses-{i}")

    def request(self, i, user, key):
        start = self.when(margin=1200)
        streamed = self.random.random() < .6
        self.at("chat_completion_request_start", start, request_id=f"{i:016x}", stream_requested=streamed, **user(self.random))
        if i % 5 == 0:
            self.at("tools_detected", start + .01, request_id=f"{i:016x}", tool_count=2)
        if i % 10 == 0:
            self.at("tools_detected", start + .02, request_id=f"{i:016x}", tool_count=2)
        if i % 8 == 0:
            return  # no completion
        end = start + self.random.random() * 1000
        joined = {"request_id": f"{i:016x}"} if i % 3 else {}
        if streamed:
            chunks = {"total_chunks": self.random.randrange(1, 90)} if i % 4 else {}
            self.at("stream_completed", end, **chunks, **joined)
        else:
            self.at("chat_completion_success", end, **joined)

    def retries(self):
        for i in range(10):
            t = self.when(margin=600)
            self.at("session_retry_start", t, new_session_id=f"new-{i}", original_session_id=f"old-{i}")
            if i < 6:
                self.at("stream_completed", t + 20, session_id=f"new-{i}")


class Tally:
    """The same questions, answered from the list of events that lie in the range."""

    def __init__(self, events, start, end=None):
        self.events = [e for e in events if e["_t"] >= start and (end is None or e["_t"] < end)]
        self.by = collections.Counter(e["event_type"] for e in self.events)

    def n(self, *names):
        return sum(self.by[name] for name in names)

    def having(self, field, *names):
        return [e[field] for e in self.events if field in e and (not names or e["event_type"] in names)]

    def top(self, field, *names):
        return dict(collections.Counter(self.having(field, *names)))

    def mean(self, field, *names):
        values = self.having(field, *names)
        return sum(values) / len(values)

    def distinct(self, field, *names):
        return len(set(self.having(field, *names)))

    def per(self, length, field, *names):
        out = collections.Counter()
        for e in self.events:
            if e["event_type"] in names:
                out[iso(e["_t"] // length * length)[:16 if length == HOUR else 10].replace("T", " ")] += 1
        return out

    def pairs(self, start, ends, field):
        """By a key that is unique on both sides: durations, unpaired starts, unpaired ends."""
        starts = {e[field]: e["_t"] for e in self.events if e["event_type"] == start and field in e}
        closed = {e[field]: e["_t"] for e in self.events if e["event_type"] in ends and field in e}
        both = starts.keys() & closed.keys()
        return {k: closed[k] - starts[k] for k in both}, len(starts.keys() - both), sum(
            e["event_type"] in ends and e.get(field) not in both for e in self.events)


class Report:
    def __init__(self, w, since):
        done = w.command("report", "--pack", "morpheus", "--since", since, "--data", w.folder / "data", "--json")
        check(done.returncode == 0, f"report ended with {done.returncode}: {done.stderr}")
        self.body = json.loads(done.stdout)
        self.start = seconds(self.body["from"])
        self.metrics = {m["name"]: m for b in self.body["boards"] for m in b["metrics"]}

    def value(self, name):
        metric = self.metrics[name]
        check(metric["value"] is not None, f"{name}: {metric.get('reason')}")
        return metric["value"]

    def rows(self, name):
        return {row["label"]: row["value"] for row in self.metrics[name].get("rows", [])}

    def notes(self, name):
        return " | ".join(self.metrics[name]["notes"])


def report_of_all(w, since):
    """Reports follow the journal at a distance of their own: the first that has passed where it stands now."""
    here = w.reconcile()["position"]
    return wait_for(lambda: (lambda r: r if r.body["position"] >= here else None)(Report(w, since)), "the report to catch up")


def close(got, wanted, what):
    check(abs(got - wanted) <= 1e-6 * max(1, abs(wanted)), f"{what}: got {got!r}, wanted {wanted!r}")


def nonzero(rows):
    return {label: value for label, value in rows.items() if value}


def compare(report, events):
    t = Tally(events, report.start)
    requests = t.n(*TOTAL_REQUESTS)
    completed = t.n("stream_completed", "chat_completion_success")
    users = t.distinct("user_id")
    r = report
    for name, wanted in {
            "total_sessions_created": t.n("proxy_session_response"),                                        # K01
            "total_sessions_closed": t.n("proxy_session_closed"),                                           # K02
            "session_reuse_rate": t.n("existing_session_reused") / t.n("automated_session_creation_start"),  # K03
            "session_match_rate": t.n("session_model_match") / t.n("session_model_match", "session_model_mismatch"),
            "total_prompts": t.n("chat_completion_request_start"),                                          # K05
            "successful_completions": completed,                                                            # K06, D08
            "streaming_or_not": t.n("stream_generator_start", "chat_completions_start"),                    # K07, D20
            "average_chunks": t.mean("total_chunks", "stream_completed"),                                   # K08
            "tool_usage_rate": t.distinct("request_id", "tools_detected") / requests,                       # K09, D19
            "total_embeddings": t.n("embeddings_request_start"),                                            # K11, D22
            "embedding_error_rate": t.n("embeddings_request_error") / t.n("embeddings_request_start"),      # K12
            "session_retry_rate": t.n("session_retry_start") / requests,                                    # K13, D05
            "retry_rate": t.n("session_retry_start") / requests,                                            # D17
            "request_error_rate": t.n("chat_completions_error", "stream_generator_error", "proxy_request_error",
                                      "stream_proxy_error") / requests,                                     # K14
            "proxy_error_rate": t.n("proxy_request_error", "stream_proxy_error") / t.n("proxy_request_start"),  # K15
            "failed_auth_rate": t.n("api_key_validation_failed", "jwt_validation_error") / requests,        # K16
            "active_api_keys": t.distinct("api_key_id"),                                                    # K17
            "cache_hit_rate": t.n("cache_hit") / t.n("cache_hit", "cache_miss"),                            # K18, D14
            "cache_miss_rate": t.n("cache_miss") / t.n("cache_hit", "cache_miss"),                          # D15
            "available_models": 34,                                                                         # K19
            "automation_adoption_rate": t.distinct("user_id", "automation_enabled") / users,                # K20, D21
            "average_auto_session": t.mean("session_duration", "automation_enabled"),                       # K21
            "new_users": t.n("user_creation"),                                                              # K22
            "active_user_count": users,                                                                     # K23
            "active_sessions": t.n("proxy_session_response") - t.n("proxy_session_closed"),                 # D04
            "success_rate": completed / t.n("chat_completion_request_start"),                               # D09
            "prompts_per_user": t.n("chat_completion_request_start") / users,                               # D11
            "error_rate": sum(n for name, n in t.by.items() if "error" in name) / requests,                 # D16
            "error_rate_by_level": sum(e.get("level") == "error" for e in t.events) / requests,
            "time_of_day": requests,                                                                        # T06
            "recovery_success": t.n("stream_retry_completed") / t.n("stream_retry_completed", "stream_retry_proxy_error"),
    }.items():
        close(r.value(name), wanted, name)

    for name, wanted in {
            "prompts_streamed": {str(k).lower(): v for k, v in t.top("stream_requested").items()},
            "model_switches": t.top("requested_model_id"),
            "model_distribution": t.top("requested_model"),                                                 # T01
            "failure_modes": t.top("error_type"),                                                           # T07
            "failure_events": {k: v for k, v in t.by.items() if "error" in k},
            "geographic_distribution": t.top("country"),                                                    # T05
            "embedding_error_types": t.top("error_type", "embeddings_request_error"),
            "chat_error_status": {str(k): v for k, v in t.top("status_code", "chat_completions_error").items()},
    }.items():
        equal(r.rows(name), wanted, name)
    streams = r.metrics["streaming_or_not"]["rows"]
    close(streams[0]["share"], t.n("stream_generator_start") / t.n("stream_generator_start", "chat_completions_start"), "share of streams")
    equal([streams[0]["value"], streams[1]["value"]], [t.n("stream_generator_start"), t.n("chat_completions_start")], "K07")
    # The keys stand as pseudonyms: the counts are compared.  T04
    equal(sorted(r.rows("api_key_usage").values()), sorted(t.top("api_key_id").values()), "api_key_usage")

    # D02, D03, D07, D10: series and their sums
    for name, event in (("sessions_created_per_hour", "proxy_session_response"), ("sessions_closed_per_hour", "proxy_session_closed")):
        equal(nonzero(r.rows(name)), dict(t.per(HOUR, None, event)), name)
    equal(nonzero(r.rows("prompts_per_day")), dict(t.per(24 * HOUR, None, "chat_completion_request_start")), "prompts_per_day")
    days = collections.defaultdict(set)
    for e in t.events:
        if "user_id" in e:
            days[e["timestamp"][:10]].add(e["user_id"])
    equal(nonzero(r.rows("active_users_per_day")), {day: len(who) for day, who in days.items()}, "active_users_per_day")
    clock = collections.Counter()
    for e in t.events:
        if e["event_type"] in TOTAL_REQUESTS:
            at = datetime.datetime.fromtimestamp(e["_t"], datetime.timezone.utc)
            clock[f"{at.hour:02}:00"] += 1
            clock[at.strftime("%A")] += 1
    equal(nonzero(r.rows("time_of_day")), dict(clock), "time_of_day")

    # K24: created less deleted by user
    balance = collections.Counter(t.having("user_id", "api_key_created"))
    balance.subtract(t.having("user_id", "api_key_deleted"))
    close(r.value("api_keys_per_user"), sum(balance.values()) / len(balance), "api_keys_per_user")
    users_with = collections.Counter(balance.values())
    got = {k: v for k, v in r.rows("api_keys_per_user").items() if k.startswith("users with")}
    equal(got, {f"users with {count}": n for count, n in users_with.items()}, "distribution of keys")
    return t


def pairs_agree(report, t):
    # K04: any order of arrival; the end decides the range.  T02: those whose creation named a duration.
    lasted, starts, ends = t.pairs("session_created", ["session_marked_inactive"], "session_id")
    close(report.value("average_session_duration"), sum(lasted.values()) / len(lasted), "average_session_duration")
    check(f"{len(lasted)} pairs" in report.notes("average_session_duration"), report.notes("average_session_duration"))
    check(f"unpaired: {starts} starts, {ends} ends" in report.notes("average_session_duration"),
          f"{starts} {ends} {report.notes('average_session_duration')}")
    # K10: of the requests that offered tools, those that were completed
    detected = len(t.having("request_id", "tools_detected"))
    done = set(t.having("request_id", "stream_completed", "chat_completion_success"))
    reached = len(set(t.having("request_id", "tools_detected")) & done)
    close(report.value("tool_call_success"), reached / detected, "tool_call_success")
    # D13
    durations, starts, ends = t.pairs("chat_completion_request_start", ["stream_completed", "chat_completion_success"], "request_id")
    close(report.value("average_request_duration"), sum(durations.values()) / len(durations), "average_request_duration")
    check(f"unpaired: {starts} starts, {ends} ends" in report.notes("average_request_duration"),
          f"{starts} {ends} {report.notes('average_request_duration')}")
    close(report.value("sync_duration"), 22.5, "sync_duration")
    close(report.value("retried_to_completion"), .6, "retried_to_completion")  # T08


def plans_agree(report, t):
    owner = {e["session_id"]: e["user_id"] for e in t.events if e["event_type"] == "proxy_session_response"}
    asked = {e["user_id"]: e["session_duration"] for e in t.events if e["event_type"] == "automated_session_creation_start"}
    lasted, _, _ = t.pairs("session_created", ["session_marked_inactive"], "session_id")
    both = [(seconds_, asked[owner[session]]) for session, seconds_ in lasted.items() if owner[session] in asked]
    rows = report.rows("session_durations")
    close(rows["actual"], sum(a for a, _ in both) / len(both), "actual")
    close(rows["requested"], sum(p for _, p in both) / len(both), "requested")
    close(report.value("session_durations"), rows["actual"] - rows["requested"], "session_durations")


def ingest(w, events):
    for begin in range(0, len(events), 500):
        lines = "".join(json.dumps({k: v for k, v in e.items() if k != "_t"}) + "\n" for e in events[begin:begin + 500])
        answer = ask(w.port, "POST", "/ingest/v1/events", lines,
                     {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/x-ndjson"})
        equal(answer.status, 200, f"ingest: {answer.text[:400]}")
        equal(answer.json()["accepted"], len(events[begin:begin + 500]), answer.text[:400])


def every_row_equals_an_independent_tally():
    with world() as w:
        w.start_simulator()
        w.start_server()
        events = Maker(2026, now() - 120).make()
        # What the plan and its session join on comes before what it is for, as in life; the rest in any order.
        first = [e for e in events if e["event_type"] == "automated_session_creation_start"]
        via = [e for e in events if e["event_type"] == "proxy_session_response"]
        retries = [e for e in events if e["event_type"] in ("session_retry_start", "tools_detected")]
        rest = [e for e in events if e not in first and e not in via and e not in retries]
        events = sorted(first, key=lambda e: e["_t"]) + sorted(via, key=lambda e: e["_t"]) + retries + rest
        (w.folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
        ingest(w, events)
        total = sum(e["event_type"] in TOTAL_REQUESTS for e in events)
        whole = report_of_all(w, "70h")
        equal(whole.metrics["time_of_day"]["value"], total, "time_of_day")
        t = compare(whole, events)
        pairs_agree(whole, t)
        plans_agree(whole, t)

        # A narrower range of the same state, by event time.
        narrow = Report(w, "24h")
        compare(narrow, events)
        # T03: of the users of the range before, of the same length, those that came again.
        length = (int(seconds(narrow.body["to"])) // HOUR + 1) * HOUR - narrow.start
        before = set(Tally(events, narrow.start - length, narrow.start).having("user_id"))
        after = set(Tally(events, narrow.start).having("user_id"))
        close(narrow.value("user_retention"), len(before & after) / len(before), "user_retention")

        # After a kill the same report, from snapshot and journal.
        w.server.kill()
        w.start_server()
        compare(report_of_all(w, "70h"), events)
        pairs_agree(Report(w, "70h"), t)

        # The table: a hundred columns, each title, no colour where there is no terminal.
        table = w.command("report", "--pack", "morpheus", "--since", "70h", "--data", w.folder / "data")
        equal(table.returncode, 0, table.stderr)
        for title in ("Operations Dashboard", "Business Metrics Dashboard", "Performance Dashboard",
                      "Feature Adoption Dashboard", "Additional Trackables", "Session Reuse Rate", "API Keys per User"):
            check(title in table.stdout, f"{title} is not in the table")
        wide = [line for line in table.stdout.splitlines() if len(line) > 100]
        equal(wide, [], "lines of more than 100 columns")
        check("\x1b" not in table.stdout, "no colour in a pipe")
        check("person-" not in table.stdout and "owner-" not in table.stdout, "people stand as pseudonyms")


def the_gateways_own_requests_feed_the_same_metrics():
    with world() as w:
        w.start_simulator()
        w.start_server()
        answer = w.admin("GET", "/admin/v1/reports/morpheus")
        equal(answer.status, 200, answer.text[:200])
        tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
        for i in range(12):
            equal(w.chat(f"hello {i}", stream=i % 3 == 0, **({"tools": tools} if i % 4 == 0 else {})).status, 200, "chat")
        for i in range(5):
            equal(w.messages(f"hello {i}", stream=i % 2 == 0).status, 200, "messages")
        report = report_of_all(w, "1h")
        equal((report.value("time_of_day"), report.value("successful_completions")), (17, 12 + 3), "starts and ends")
        equal(report.value("total_prompts"), 12, "total_prompts")
        equal(report.value("success_rate"), 1, "success_rate")
        close(report.value("tool_usage_rate"), 3 / 17, "tool_usage_rate")
        equal(report.value("tool_call_success"), 1, "tool_call_success")
        equal(report.value("request_error_rate"), 0, "request_error_rate")
        equal(sum(report.rows("model_distribution").values()), 17, "model_distribution")
        check("12 pairs" in report.notes("average_request_duration"), report.notes("average_request_duration"))
        check("unpaired: 0 starts, 0 ends" in report.notes("average_request_duration"), report.notes("average_request_duration"))
        equal(report.metrics["cache_hit_rate"]["value"], None, "cache_hit_rate")
        equal(report.metrics["cache_hit_rate"]["reason"], "no data: no cache_hit or cache_miss event seen", "reason")


def bad_questions_get_a_clear_answer():
    with world() as w:
        w.start_simulator()
        w.start_server()
        packs = w.admin("GET", "/admin/v1/reports").json()["packs"]
        check("morpheus" in [p["pack"] for p in packs], str(packs))
        check("Operations Dashboard" in packs[0]["dashboards"], str(packs))
        for path, status, part in (("/admin/v1/reports/nothing", 404, "there are: "),
                                   ("/admin/v1/reports/morpheus?since=5", 400, "from 1h to 90d"),
                                   ("/admin/v1/reports/morpheus?since=91d", 400, "from 1h to 90d"),
                                   ("/admin/v1/reports/morpheus?until=1h", 400, "since")):
            answer = w.admin("GET", path)
            equal(answer.status, status, path)
            check(part in answer.text, f"{path}: {answer.text}")
        equal(w.ask("GET", "/admin/v1/reports/morpheus").status, 401, "without a key")
        for arguments, part in ((["--pack", "nothing"], "no pack of this name"), (["--since", "x y"], "--since a duration")):
            done = w.command("report", "--data", w.folder / "data", *arguments)
            equal(done.returncode, 2, str(arguments))
            check(part in done.stderr, done.stderr)
        done = w.command("report", "--data", w.folder)
        equal(done.returncode, 2, "no server")
        check("--data" in done.stderr, done.stderr)


if __name__ == "__main__":
    run(every_row_equals_an_independent_tally, the_gateways_own_requests_feed_the_same_metrics, bad_questions_get_a_clear_answer)
