#!/usr/bin/env python3
"""A million generated lines (ten million with SIGHTGLASS_FULL=1) go by HTTP into the real server; what it
then exposes equals, in every series, what this file counts from the same lines with Python's own JSON
reader and decimals. Once straight, and once with SIGKILL in the middle and resuming by source range.

S0-P01 to S0-P12, S0-K17, S0-K23, S0-D10, S3-B08, S3-B10."""
import collections
import datetime
import decimal
import fnmatch
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ADMIN_KEY, FULL, PATIENCE_S, ROOT, Failure, check, equal, run, wait_for, world  # noqa: E402

GENERATOR = pathlib.Path(os.environ.get("SIGHTGLASS_GENERATOR", ROOT / "build/release/generate_events"))
LINES = int(os.environ.get("SIGHTGLASS_LINES", 10_000_000 if FULL else 1_000_000))
PIECE = 2 << 20
decimal.getcontext().prec = 60
D = decimal.Decimal

# ---- the independent count -------------------------------------------------------------------------


def fields_of(line):
    """A line's fields by their declared names, or None when it is no JSON object."""
    try:
        raw = json.loads(line.decode("utf-8"))
    except ValueError:
        return None
    if not isinstance(raw, dict):
        return None
    f = dict(raw)
    for alias, name in (("latencyMs", "latency_ms"), ("userIdHash", "user_id"), ("modelId", "model"), ("tokensIn", "input_tokens"),
                        ("tokensOut", "output_tokens"), ("costCents", "cost_cents"), ("total_chunks", "chunks"),
                        ("stream_requested", "is_streaming")):
        if alias in f:
            f[name] = f.pop(alias)
    nested = f.pop("sse", None)
    if isinstance(nested, dict):
        f["stream_disconnect"] = nested.get("disconnect")
    nested = f.pop("webVitals", None)
    if isinstance(nested, dict):
        f["web_cls"] = nested.get("cls")
    nested = f.get("error")
    if isinstance(nested, dict):
        f["error"] = nested.get("message")
        f["error_type"] = nested.get("type")
    stamp = f.get("timestamp") or f.get("ts")
    f["time"] = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
    return f


WHOLE = {"chunks", "input_tokens", "output_tokens", "model_count"}  # declared `int`


def number(f, name):
    """The field as the exact number that a machine keeps of it, or None when it can keep none."""
    value = f.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if name not in WHOLE:
        return D(repr(float(value)))
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return D(value) if value is not None and -2**63 <= value < 2**63 else None


def word(value):
    if value is None:
        return ""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


class Meter:
    def __init__(self, name, kind, where, test=None, value=None, labels=None, buckets=(), window=0, grace=300, keep=0, most=10**9, shift=0):
        self.name, self.kind, self.where, self.test = "million_" + name, kind, where, test
        self.value, self.labels, self.buckets = value, labels or {}, buckets
        self.window, self.grace, self.keep, self.most, self.shift = window, grace, keep, most, shift
        self.series, self.overflowed, self.late, self.refused = {}, 0, 0, collections.Counter()
        self.mark, self.points = 0.0, {}
        if not self.labels and kind != "distinct":
            self.at(())
        elif not self.labels:
            self.series[()] = set()

    def at(self, key):
        if key not in self.series:
            self.series[key] = {"counter": lambda: D(0), "gauge": lambda: D(0), "distinct": set,
                                "histogram": lambda: [0] * (len(self.buckets) + 1) + [D(0)]}[self.kind]()
        return self.series[key]

    def count(self, f):
        if self.test and not self.test(f):
            return
        key = tuple(word(f.get(field)) for field in self.labels.values())
        if key not in self.series and len(self.series) - (("__other__",) * len(key) in self.series) >= self.most:
            key = ("__other__",) * len(key)
            self.overflowed += 1
        elif key not in self.series:
            self.at(key)
        if self.kind == "distinct":
            value = word(f.get(self.value))
            if f.get(self.value) is None:
                self.refused["missing"] += 1
                return
        else:
            value = D(1) if self.value is None else number(f, self.value)
            if value is None or (self.kind == "counter" and value < 0):
                self.refused["missing" if value is None else "negative"] += 1
                self.at(key)
                return
            value = value.scaleb(self.shift)
        if not self.window:
            self.series[key] = self.added(self.at(key), value)
            return
        if self.kind != "distinct":
            self.series[key] = self.added(self.at(key), value)
        else:
            self.at(key)
        self.mark = max(self.mark, f["time"])
        window = int(f["time"] // self.window)
        if window < (self.mark - self.grace) // self.window or window <= self.mark // self.window - self.keep:
            self.late += 1
            return
        cells = self.points.setdefault(window, {})
        empty = {"counter": D(0), "gauge": D(0), "distinct": None, "histogram": None}[self.kind]
        if empty is None:
            empty = set() if self.kind == "distinct" else [0] * (len(self.buckets) + 1) + [D(0)]
        cells[key] = self.added(cells.get(key, empty), value)

    def added(self, old, value):
        if self.kind == "counter":
            return old + value
        if self.kind == "gauge":
            return value
        if self.kind == "distinct":
            old.add(value)
            return old
        old[sum(1 for bound in self.buckets if value > D(repr(bound)))] += 1
        old[-1] += value
        return old

    def exposed(self):
        """What GET /metrics must show: {(name, labels): number}."""
        out = {}
        for key, value in self.series.items():
            labels = tuple(sorted(zip(self.labels, key)))
            if self.kind == "distinct":
                if self.window:
                    value = self.points.get(int(self.mark // self.window), {}).get(key, ())
                out[self.name, labels] = D(len(value))
            elif self.kind != "histogram":
                out[self.name, labels] = value
            else:
                total = 0
                for bound, n in zip([*self.buckets, "+Inf"], value):
                    total += n
                    le = bound if bound == "+Inf" else repr(float(bound))
                    out[self.name + "_bucket", tuple(sorted([*labels, ("le", le)]))] = D(total)
                out[self.name + "_sum", labels] = value[-1]
                out[self.name + "_count", labels] = D(total)
        return out


def typed(*patterns):
    return lambda f: any(fnmatch.fnmatchcase(f.get("event_type") or "", p) for p in patterns)


def meters():
    has = lambda name: lambda f: f.get(name) is not None  # noqa: E731
    of = lambda service: lambda f: f.get("service") == service  # noqa: E731
    anything = lambda f: True  # noqa: E731
    day = 86400
    return [
        Meter("lines", "counter", has("logger"), labels={"logger": "logger"}),
        Meter("prompts", "counter", typed("chat_completion_request_start"), labels={"model": "model", "stream": "is_streaming"}),
        Meter("completions", "counter", typed("stream_completed", "chat_completion_success")),
        Meter("any_error", "counter", typed("*error*"), labels={"type": "error_type", "code": "status_code"}),
        Meter("session_errors", "counter", typed("session_*_error")),
        Meter("proxy_errors", "counter", typed("proxy_*_error")),
        Meter("user_sessions", "counter", typed("session_created"), has("user_id"), labels={"model": "model"}),
        Meter("nobody", "counter", anything, lambda f: "user_id" in f and f["user_id"] is None),
        Meter("timeouts", "counter", anything, lambda f: "timeout" in (f.get("error") or "")),
        Meter("slow_ok", "counter", of("next"), lambda f: f["latency_ms"] > 600 and f["status"] == 200, labels={"route": "route"}),
        Meter("disconnects", "counter", of("next"), lambda f: f.get("stream_disconnect") is True),
        Meter("not_indexed", "counter", of("convex"), lambda f: f["indexed"] is False),
        Meter("functions", "counter", of("convex"), labels={"function": "function"}, most=50),
        Meter("either", "counter", anything, lambda f: f.get("status") in (500, 404) or f.get("status_code") == 429, labels={"service": "service"}),
        Meter("chunks", "counter", typed("stream_completed"), value="chunks", labels={"model": "model"}),
        Meter("input_tokens", "counter", anything, has("input_tokens"), "input_tokens"),
        Meter("output_tokens", "counter", of("py"), has("output_tokens"), "output_tokens", {"provider": "provider", "model": "model"}),
        Meter("cost_usd", "counter", of("py"), has("cost_cents"), "cost_cents", {"provider": "provider", "model": "model", "env": "env"}, shift=-2),
        Meter("session_seconds", "counter", typed("automation_enabled"), None, "session_duration"),
        Meter("models", "gauge", typed("cache_refresh"), None, "model_count"),
        Meter("last_latency_ms", "gauge", has("service"), has("latency_ms"), "latency_ms", {"service": "service"}),
        Meter("chunks_per_stream", "histogram", typed("stream_completed"), None, "chunks", buckets=(1, 10, 50, 100, 500, 1000, 2000)),
        Meter("latency_ms", "histogram", has("service"), has("latency_ms"), "latency_ms", {"service": "service", "env": "env"},
              (25, 50, 100, 250, 600, 1200, 3000, 8000), 3600, 600, 48),
        Meter("cls", "histogram", of("web"), None, "web_cls", buckets=(0.05, 0.1, 0.25)),
        Meter("users", "distinct", anything, has("user_id"), "user_id"),
        Meter("users_by_model", "distinct", typed("chat_completion_request_start"), None, "user_id", {"model": "model"}),
        Meter("users_per_day", "distinct", anything, has("user_id"), "user_id", window=day, grace=day, keep=62),
        Meter("sessions", "distinct", anything, has("session_id"), "session_id"),
        Meter("routes", "distinct", of("next"), None, "route", {"env": "env"}),
        Meter("tokens_per_minute", "counter", of("py"), has("input_tokens"), "input_tokens", {"provider": "provider"}, window=60, keep=180),
        Meter("refreshes", "counter", typed("cache_refresh"), window=60, keep=30),
    ]


class Count:
    """The whole file, counted once."""

    def __init__(self, path):
        self.meters, self.accepted, self.rejected = meters(), 0, 0
        self.minutes = set()
        by_kind = {}  # which meters can care, by event type and service
        with open(path, "rb") as lines:
            for line in lines:
                f = fields_of(line)
                if f is None:
                    self.rejected += 1
                    continue
                self.accepted += 1
                self.minutes.add(int(f["time"] // 60))
                kind = (f.get("event_type"), f.get("service"), "logger" in f)
                if kind not in by_kind:
                    by_kind[kind] = [m for m in self.meters if m.where(f)]
                for meter in by_kind[kind]:
                    meter.count(f)

    def exposed(self):
        out = {}
        for meter in self.meters:
            out.update(meter.exposed())
        return out


# ---- the server ------------------------------------------------------------------------------------


def pieces(path, first=0):
    """(first, end, bytes) of whole lines."""
    with open(path, "rb") as file:
        file.seek(first)
        while block := file.read(PIECE):
            block += file.readline()
            yield first, first + len(block), block
            first += len(block)


def send(w, source, first, end, body):
    """One range; again after a while where the server asks for it."""
    while True:
        answer = w.ask("POST", "/ingest/v1/events", body, {
            "Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/x-ndjson",
            "x-sightglass-source": source, "x-sightglass-range": f"{first}-{end}"}, timeout=600)
        if answer.status != 429:
            return answer
        time.sleep(0.2)


def mark_of(w, source):
    return w.admin("GET", f"/ingest/v1/sources/{source}").json()["next"]


SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def scraped(w):
    answer = w.ask("GET", "/metrics", headers={"Authorization": f"Bearer {ADMIN_KEY}"})
    equal(answer.status, 200, "GET /metrics")
    out = {}
    for line in answer.text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        key = (name, tuple(sorted(LABEL.findall(labels or ""))))
        check(key not in out, f"the series {key} stands twice")
        out[key] = value
    return out


def compare(w, count):
    shown = scraped(w)
    wanted = count.exposed()
    mine = {key: value for key, value in shown.items() if key[0].startswith("million_")}
    equal(sorted(set(wanted) - set(mine))[:5], [], "series that are missing")
    equal(sorted(set(mine) - set(wanted))[:5], [], "series that nothing made")
    distinct = {m.name for m in count.meters if m.kind == "distinct"}
    wrong = []
    for key, value in wanted.items():
        if key[0] in distinct and value > 10_000:  # an estimate: standard error 0.81 %
            if abs(D(mine[key]) - value) > value * D("0.035"):
                wrong.append((key, mine[key], str(value)))
        elif D(mine[key]) != value:
            wrong.append((key, mine[key], str(value)))
    equal(wrong[:5], [], f"series that differ, {len(wrong)} of {len(wanted)}: (series, exposed, counted)")
    for meter in count.meters:
        metric = (("metric", meter.name),)
        equal(D(shown.get(("sightglass_series_overflow_total", metric), 0)), meter.overflowed, f"{meter.name}: overflowed")
        equal(D(shown.get(("sightglass_meter_late_total", metric), 0)), meter.late, f"{meter.name}: late")
        for reason in ("missing", "negative"):
            key = ("sightglass_meter_values_refused_total", (*metric, ("reason", reason)))
            equal(D(shown.get(key, 0)), meter.refused[reason], f"{meter.name}: refused, {reason}")
    return len(wanted)


def compare_points(w, count):
    """Every window of every meter that has windows. Returns how many."""
    points = 0
    for meter in (m for m in count.meters if m.window):
        end = (max(count.minutes) + 1) * 60  # the server's own events are of today
        answer = w.admin("GET", f"/admin/v1/meters/{meter.name}?end={end}")
        equal(answer.status, 200, f"points of {meter.name}")
        newest = int(meter.mark // meter.window)
        wanted = {}
        for window, cells in meter.points.items():
            if window <= newest - meter.keep:
                continue
            for key, value in cells.items():
                wanted[window * meter.window, key] = value
        if meter.name == "million_refreshes":  # its default: 0 in every minute with other events
            for minute in count.minutes:
                if minute > newest - meter.keep:
                    wanted.setdefault((minute * 60, ()), D(0))
        got = {}
        for line in json.loads(answer.body, parse_float=D, parse_int=D)["series"]:
            key = tuple(line["labels"][name] for name in meter.labels)
            for point in line["points"]:
                if meter.kind == "histogram":
                    got[int(point["timestamp"]), key] = [*(int(n) for n in point["buckets"]), point["value"]]
                else:
                    got[int(point["timestamp"]), key] = point["value"]
        if meter.kind == "distinct":
            wanted = {key: D(len(value)) for key, value in wanted.items()}
            for key, value in got.items():
                if abs(value - wanted.get(key, 0)) <= wanted.get(key, 0) * D("0.035") and wanted.get(key, 0) > 10_000:
                    wanted[key] = value
        equal(len(got), len(wanted), f"{meter.name}: how many points")
        wrong = [(key, got.get(key), value) for key, value in wanted.items() if got.get(key) != value]
        equal(wrong[:3], [], f"{meter.name}: points that differ")
        points += len(wanted)
    return points


STATE = {}


def prepared():
    """The file and its count, made once for both tests."""
    if not STATE:
        folder = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"sightglass-million-{os.getpid()}"
        folder.mkdir()
        STATE["folder"], STATE["path"] = folder, folder / "events.jsonl"
        began = time.monotonic()
        with open(STATE["path"], "wb") as out:
            subprocess.run([GENERATOR, str(LINES)], stdout=out, check=True)
        made = time.monotonic()
        STATE["count"] = Count(STATE["path"])
        print(f"  {LINES} lines, {STATE['path'].stat().st_size >> 20} MiB, generated in {made - began:.1f} s, "
              f"counted in {time.monotonic() - made:.1f} s")
    return STATE["path"], STATE["count"]


CONFIG = f"packs: [{ROOT}/tests/packs/million.yaml]\n"


def settled(w):
    """Waits until the meters have passed all that was acknowledged: they answer a barrier behind it. The store
    may still be sealing."""
    def passed():
        done = w.command("reconcile", "--data", w.folder / "data", "--json", "--timeout", PATIENCE_S)
        return done.stdout.startswith("{") and "meter" in json.loads(done.stdout)["witnesses"]
    wait_for(passed, "the meters to pass the barrier", seconds=900)


def test_meters_equal_an_independent_count_in_every_series():
    path, count = prepared()
    with world() as w:
        w.start_simulator()
        w.start_server(extra=CONFIG, seconds=600)
        began = time.monotonic()
        accepted = rejected = 0
        for first, end, body in pieces(path):
            answer = send(w, "straight", first, end, body)
            equal(answer.status, 200, f"range {first}-{end}: {answer.text[:300]}")
            accepted += answer.json()["accepted"]
            rejected += answer.json()["rejected_total"]
        took = time.monotonic() - began
        equal((accepted, rejected), (count.accepted, count.rejected), "accepted and rejected lines")
        settled(w)
        series = compare(w, count)
        points = compare_points(w, count)
        print(f"  {accepted} accepted, {rejected} rejected, {LINES / took:.0f} lines/s; {series} series and {points} points equal")
        w.server.kill()  # how it stops is not the question here
        w.simulator.stop()


def test_meters_equal_the_count_after_kills_in_the_middle():
    """SIGKILL at three places while a range is under way; each time the server names the byte to go on from."""
    path, count = prepared()
    size = path.stat().st_size
    with world() as w:
        w.start_simulator()
        w.start_server(extra=CONFIG, seconds=600)
        kills = resumed_inside = 0
        first = 0
        while first < size:
            for begin, end, body in pieces(path, first):
                if kills < 3 and end > size * (kills + 1) // 4:
                    answers = []
                    thread = threading.Thread(target=lambda b=begin, e=end, d=body: answers.append(outcome(w, b, e, d)))
                    thread.start()
                    time.sleep(0.02 * kills)
                    w.server.kill()
                    thread.join()
                    kills += 1
                    w.start_server(extra=CONFIG, seconds=600)
                    first = mark_of(w, "killed")
                    check(first in (begin, end), f"resumes at {first}, which is neither {begin} nor {end}")
                    check(first == end or answers[0] is None, "an acknowledged range was lost")
                    resumed_inside += first == begin
                    break
                answer = send(w, "killed", begin, end, body)
                equal(answer.status, 200, f"range {begin}-{end}: {answer.text[:300]}")
                first = end
        equal(kills, 3, "kills")
        again = send(w, "killed", *next(pieces(path)))
        equal((again.status, again.json()["accepted"], again.json().get("duplicate")), (200, 0, True), "the first range again")
        settled(w)
        series = compare(w, count)
        points = compare_points(w, count)
        print(f"  3 kills, {resumed_inside} ranges sent again; {series} series and {points} points equal")
        w.server.kill()  # how it stops is not the question here
        w.simulator.stop()


def outcome(w, first, end, body):
    try:
        answer = send(w, "killed", first, end, body)
        return answer.status if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None


if __name__ == "__main__":
    try:
        run(test_meters_equal_an_independent_count_in_every_series, test_meters_equal_the_count_after_kills_in_the_middle)
    finally:
        if STATE:
            STATE["path"].unlink(missing_ok=True)
            STATE["folder"].rmdir()
