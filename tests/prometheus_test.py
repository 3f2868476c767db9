#!/usr/bin/env python3
"""A real Prometheus and a real Alertmanager against the server: every printed query is recomputed from the
very samples that Prometheus holds, the last counters equal the provider's tally, the printed alert rules
fire and stay silent on recorded samples, and a shortened copy of them reaches Alertmanager and resolves."""
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import sys
import threading

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support import prometheus as prom  # noqa: E402
from support.harness import BINARY, ROOT, Process, ask, check, equal, run, wait_for, world  # noqa: E402
from support.prometheus import DEPLOY, GOLDEN, Alertmanager, Prometheus, tool  # noqa: E402

TRACE = pathlib.Path(os.environ.get("SIGHTGLASS_TRACE", ROOT.parent / "shared/data/azure_llm_trace_2023_conv.csv"))
HOUR, FIVE_MINUTES = 3600, 300


def scraping(port, rules=None, alertmanager=None):
    """The shipped configuration, made quicker and pointed at a test's own ports."""
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"localhost:{port}"]
    config["rule_files"] = [str(rules)] if rules else []
    if alertmanager:
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{alertmanager}"]
    else:
        del config["alerting"]
    return yaml.safe_dump(config)


# ---- files as printed -----------------------------------------------------------------------------

def test_the_shipped_files_are_the_printed_ones():
    """S4-G01, S4-L05, S4-J04: and the reference tools take them."""
    printed = (GOLDEN / "prometheus.yml").read_text()
    check((DEPLOY / "prometheus/prometheus.yml").read_text().startswith(printed), "prometheus.yml begins with the printed text")
    equal((DEPLOY / "prometheus/rules.yml").read_text(), (GOLDEN / "rules.yml").read_text(), "rules.yml")
    tool("promtool", "check", "config", GOLDEN / "prometheus.yml")
    tool("promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")
    check("2 rules found" in tool("promtool", "check", "rules", DEPLOY / "prometheus/rules.yml"), "both rules")
    tool("amtool", "check-config", DEPLOY / "alertmanager/alertmanager.yml")


def test_the_dashboard_is_the_printed_one_with_what_grafana_needs():
    """S4-J04, S4-D13 to D17, S4-B29."""
    printed = json.loads((GOLDEN / "dashboard.json").read_text())["dashboard"]
    shipped = prom.dashboard()
    equal(shipped["title"], printed["title"], "title")
    equal(len(shipped["panels"]), len(printed["panels"]), "panels")
    for ours, theirs in zip(shipped["panels"], printed["panels"]):
        equal(ours["title"], theirs["title"], "a panel's title")
        equal(ours["type"], {"graph": "timeseries"}.get(theirs["type"], theirs["type"]), ours["title"])
        for key, value in theirs["targets"][0].items():
            equal(ours["targets"][0][key], value, f"{ours['title']}: {key}")
        equal(ours["datasource"]["uid"], "${datasource}", f"{ours['title']}: data source")
    variables = {v["name"]: v for v in shipped["templating"]["list"]}
    equal(variables["datasource"]["query"], "prometheus", "the data source variable")
    check(float(variables["TOKEN_COSTS"]["query"]) > 0, "TOKEN_COSTS is a number")
    taken = set()
    for panel in shipped["panels"]:
        at = panel["gridPos"]
        check(at["x"] + at["w"] <= 24, f"{panel['title']} is wider than the grid")
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        check(not cells & taken, f"{panel['title']} lies on another panel")
        taken |= cells


# ---- printed queries --------------------------------------------------------------------------------

def recompute(p, expression, at):
    """What a printed query must answer, from the samples; the shapes of PromQL that the seed uses."""
    at_ms = round(at * 1000)

    def of(selector, window):
        return prom.rates(p.samples(selector, window, at), {"5m": FIVE_MINUTES, "1h": HOUR}[window], at_ms)

    if match := re.fullmatch(r"topk\((\d+), rate\((\w+)\[(\w+)\]\)\)", expression):
        return prom.top(int(match[1]), of(match[2], match[3]))
    if match := re.fullmatch(r"histogram_quantile\(([\d.]+), rate\((\w+)\[(\w+)\]\)\)", expression):
        return prom.quantiles(float(match[1]), of(match[2], match[3]))
    if match := re.fullmatch(r"rate\((\w+)\[(\w+)\]\) / rate\((\w+)\[(\w+)\]\)( \* 100)?", expression):
        shares = prom.ratios(of(match[1], match[2]), of(match[3], match[4]))
        return {labels: value * (100 if match[5] else 1) for labels, value in shares.items()}
    if match := re.fullmatch(r"sum\(rate\((\w+)\[(\w+)\]\)\) by \((\w+)\)(?: \* ([\d.e-]+))?", expression):
        return {labels: value * float(match[4] or 1)
                for labels, value in prom.sums(of(match[1], match[2]), match[3]).items()}
    match = re.fullmatch(r"rate\((\w+)\[(\w+)\]\)", expression)
    check(match, f"the test does not know how to recompute {expression}")
    return of(match[1], match[2])


def verify_queries(p, at):
    """S4-Q01 to Q09, S4-D13 to D17: non-empty, and what the samples say."""
    queries = prom.printed_queries()
    equal(len(queries), 9, "printed queries")
    panels = {panel["title"]: panel["targets"] for panel in prom.dashboard()["panels"]}
    for name, targets in panels.items():
        queries += [(name, target["expr"].replace("$TOKEN_COSTS", "0.000002")) for target in targets]
    answers = {}
    for name, expression in queries:
        got = p.vector(expression, at)
        answers[expression] = got
        if expression.startswith("up{"):
            equal(list(got.values()), [1.0], f"{name}: one instance up")
        else:
            prom.same(got, recompute(p, expression, at), f"{name}: {expression}")
    return answers


def verify_labels(p, at, answers):
    for labels in answers["rate(coo_llm_requests_total[5m])"]:  # S4-D14, S4-M01
        equal({k for k, _ in labels} - {"instance", "job"}, {"provider", "model", "key"}, "labels of requests")
    errors = answers["rate(coo_llm_errors_total[5m]) / rate(coo_llm_requests_total[5m])"]  # S4-Q04, S4-M05
    equal(set(errors), set(answers["rate(coo_llm_requests_total[5m])"]), "an error rate beside every request rate")
    bounds = {dict(labels)["le"] for labels in answers["rate(coo_llm_latency_seconds_bucket[5m])"]}  # S4-D16, S4-M04
    check({"0.1", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "+Inf"} <= bounds, f"buckets: {sorted(bounds)}")
    for metric, wanted in (("coo_llm_tokens_total", {"provider", "key"}), ("coo_llm_cost_total", {"provider", "key"}),
                           ("coo_llm_admin_requests_total", {"endpoint"}), ("coo_llm_admin_rate_limits_total", set()),
                           ("coo_llm_client_requests_total", {"client_id"}), ("coo_llm_client_tokens_total", {"client_id"}),
                           ("coo_llm_client_cost_total", {"client_id"})):  # S4-M02, M03, M07 to M11
        series = p.vector(metric, at)
        check(series, f"no {metric}")
        for labels in series:
            equal({k for k, _ in labels} - {"__name__", "instance", "job"}, wanted, f"labels of {metric}")


def rows_for_the_trace(folder):
    """Half a minute of the trace at 20 times its speed; where it is not at hand, similar traffic."""
    if not TRACE.exists():
        return ["--requests", "2000"], 2000
    lines = TRACE.read_text().splitlines()[:2001]
    part = folder / "trace.csv"
    part.write_text("\n".join(lines) + "\n")
    return ["--trace", part], len(lines) - 1


def admin_traffic(port, key, done):
    """Admin requests of several endpoints until it is done and the limit of a hundred a minute is met (S4-Q02);
    where a busy machine is too slow for that, more of them at the end."""
    paths = ("/admin/v1/metrics/global", "/admin/v1/health", "/admin/v1/metrics", "/api/admin/v1/meters")
    statuses = []
    while not done.wait(0.05) or (429 not in statuses and len(statuses) < 1000):
        if done.is_set():
            paths = ("/api/admin/v1/meters",)
        statuses.append(ask(port, "GET", paths[len(statuses) % len(paths)], None, {"Authorization": f"Bearer {key}"}).status)
    return statuses


def test_a_trace_at_twenty_times_its_speed():
    with world() as w:
        arguments, rows = rows_for_the_trace(w.folder)
        w.server = Process(w.folder, "demo", [BINARY, "demo", "--listen", "127.0.0.1:0", "--data", w.folder / "demo",
                                              "--speed", "20", "--faults", "standard", *arguments])
        greeting = wait_for(lambda: re.search(r"localhost:(\d+)/\n.*with the key (\w+)", w.server.said()), "the demo")
        w.port, key = int(greeting[1]), greeting[2]
        w.upstream = int((w.folder / "demo/simulator.port").read_text())
        first = prom.parse_exposition(w.ask("GET", "/metrics").text)
        equal(first.get("coo_llm_admin_rate_limits_total"), "0", "S4-M08: there at 0 before the first hit")
        p = Prometheus(w.folder, scraping(w.port))
        try:
            done = threading.Event()
            statuses = []
            thread = threading.Thread(target=lambda: statuses.extend(admin_traffic(w.port, key, done)))
            thread.start()
            wait_for(lambda: w.tally()["requests"] == rows, f"{rows} requests at the provider", 900)
            wait_for(lambda: not w.ask("GET", "/metrics/active-requests").json()["active_requests"], "the last request", 300)
            done.set()
            thread.join()
            check(429 in statuses, "no admin request met the limit")
            wanted = {"coo_llm_requests_total": rows, "coo_llm_admin_requests_total": len(statuses),
                      "coo_llm_admin_rate_limits_total": statuses.count(429)}
            at = wait_for(lambda: scraped(p, wanted), f"a scrape with {wanted}")
            answers = verify_queries(p, at)
            verify_labels(p, at, answers)
            verify_tally(p, at, w.tally())
            wait_for(lambda: healthy(p), "a target without an error")  # S4-G01
            scrape_warnings = [line for line in p.process.err_path.read_text().splitlines()
                               if "level=warn" in line and "scrape" in line]
            equal(scrape_warnings, [], "scrape warnings")
        finally:
            p.stop()
        w.server.stop()


def healthy(p):
    """By the last scrape: one that a busy machine answers too late counts as failed, the next does not."""
    target = p.get("/api/v1/targets")["activeTargets"][0]
    return (target["health"], target["lastError"]) == ("up", "")


def newest(p):
    """The time of the newest scrape that Prometheus holds."""
    rows = p.get("/api/v1/query", query="timestamp(up{job='coo-llm'})")["result"]
    return float(rows[0]["value"][1]) if rows else 0.0


def scraped(p, wanted):
    """The time of the newest scrape, once it holds these sums."""
    at = newest(p)
    return at if all(total(p.query(f"sum({metric})", at)) == value for metric, value in wanted.items()) else None


def total(rows):
    return round(sum(float(row["value"][1]) for row in rows), 9)


def verify_tally(p, at, tally):
    """Raw counters against the provider's own books, exactly (S4-B02, B34, M01 to M03, M09 to M11)."""
    for metric in ("coo_llm_requests_total", "coo_llm_client_requests_total"):
        equal(total(p.query(metric, at)), tally["requests"], metric)
    for metric in ("coo_llm_tokens_total", "coo_llm_client_tokens_total"):
        equal(total(p.query(metric, at)), tally["input_tokens"] + tally["output_tokens"], metric)
    for metric in ("coo_llm_cost_total", "coo_llm_client_cost_total"):
        nano = sum(round(float(row["value"][1]) * 1e9) for row in p.query(metric, at))
        equal(nano, tally["cost_nanousd"], metric)


def with_clients(w, number):
    """The harness' configuration with further clients c01, c02, …"""
    plain = w.config

    def config(extra=""):
        path = plain(extra)
        more = "".join(f"  - {{id: c{i:02}, key: sg_client{i:020}}}\n" for i in range(1, number + 1))
        path.write_text(path.read_text().replace("clients:\n", "clients:\n" + more, 1))
        return path
    w.config = config


def test_the_busiest_ten_of_twelve_clients():
    """S4-Q08, S4-M09: c01 asks once, c12 twelve times, between two scrapes at least."""
    with world() as w:
        with_clients(w, 12)
        w.start_simulator()
        w.start_server()
        p = Prometheus(w.folder, scraping(w.port))
        try:
            for i in range(1, 13):
                w.chat("first", key=f"sg_client{i:020}")
            wait_for(lambda: len(p.vector("coo_llm_client_requests_total", newest(p))) == 12, "a first scrape of all")
            for i in range(1, 13):
                for _ in range(i):
                    w.chat("again", key=f"sg_client{i:020}")
            at = wait_for(lambda: scraped(p, {"coo_llm_client_requests_total": 12 + 78}), "the last scrape")
            expression = "topk(10, rate(coo_llm_client_requests_total[1h]))"
            got = p.vector(expression, at)
            prom.same(got, recompute(p, expression, at), expression)
            equal({dict(labels)["client_id"] for labels in got}, {f"c{i:02}" for i in range(3, 13)}, "the ten busiest")
        finally:
            p.stop()
        w.stop()


# ---- alerts -----------------------------------------------------------------------------------------

FAMILIES = ("coo_llm_requests_total", "coo_llm_errors_total", "coo_llm_latency_seconds_bucket")


class Recording:
    """Scrapes one after the other, as promtool's input series."""

    def __init__(self, w):
        self.w = w
        self.scrapes = []

    def look(self):
        every = prom.parse_exposition(self.w.ask("GET", "/metrics").text)
        return {k: v for k, v in every.items() if k.partition("{")[0] in FAMILIES}

    def take(self):
        self.scrapes.append(self.look())

    def series(self, model):
        names = sorted({name for scrape in self.scrapes for name in scrape if f'model="{model}"' in name})
        return [{"series": name, "values": " ".join(scrape.get(name, "_") for scrape in self.scrapes)} for name in names]


def settled(w, requests):
    wait_for(lambda: w.sum_of("coo_llm_requests_total") == requests, f"{requests} requests in the counter")


def record_errors(w):
    """Rounds of twenty requests a minute: 20 % and 5 % errors for ten minutes, then none for twelve."""
    recording, asked = Recording(w), 0
    for minute in range(23):
        for model, errors in (("gpt-4o-mini", 4), ("gpt-4o", 1)):
            for i in range(20):
                w.chat("sim: status=500" if i < errors and minute <= 10 else "fine", model=model)
                asked += 1
        settled(w, asked)
        recording.take()
    return recording


def record_latency(w):
    """Requests of 12 and of 8 seconds; a scrape after each that ends is a minute of the recording."""
    recording = Recording(w)
    ended = w.sum_of("coo_llm_latency_seconds_count")
    slow = [threading.Thread(target=w.chat, args=(f"sim: delay_ms={ms}\nslow",), kwargs={"model": model})
            for _ in range(14) for ms, model in ((12_000, "gpt-4o-mini"), (8_000, "gpt-4o"))]
    for i, thread in enumerate(slow):
        thread.start()
        if i % 2:
            threading.Event().wait(0.1)  # so that their ends are spread
    seen = {}
    while sum(seen.values()) < ended + len(slow):
        scrape = recording.look()
        now = {k: float(v) for k, v in scrape.items() if 'le="+Inf"' in k}
        if now != seen:
            recording.scrapes.append(scrape)
            seen = now
    return recording


def usable(recording):
    """Whether it is what was to be recorded: on a machine that stood still, many requests end between two scrapes, and
    one of eight seconds can take ten."""
    slowest = {k: float(v) for k, v in recording.scrapes[-1].items() if "_bucket" in k and 'model="gpt-4o"' in k}
    within = sum(v for k, v in slowest.items() if 'le="10.0"' in k) == sum(v for k, v in slowest.items() if 'le="+Inf"' in k)
    return within and len(recording.scrapes) > first_rise(recording.series("gpt-4o-mini")) + 6


def rule_tests(folder, name, cases):
    """Runs `promtool test rules` on the shipped rules; cases: (series, [(minute, alert, firing labels or [])])."""
    tests = []
    for series, expected in cases:
        tests.append({"interval": "1m", "input_series": series, "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": alert,
             "exp_alerts": [{"exp_labels": {"severity": "warning", **labels}, "exp_annotations": {"summary": summary}}
                            for labels in firing]}
            for minute, alert, summary, firing in expected]})
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(DEPLOY / "prometheus/rules.yml")],
                                    "evaluation_interval": "1m", "tests": tests}))
    tool("promtool", "test", "rules", path)


def labels_in(series):
    """provider, model and key of a recording's requests."""
    name = next(s["series"] for s in series if s["series"].startswith("coo_llm_requests_total"))
    return dict(re.findall(r'(\w+)="([^"]*)"', name))


def test_high_error_rate_on_recorded_samples():
    """S4-L06: true from the first minute with two samples, fires five minutes later, resolves; 5 % is silent."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        recording = record_errors(w)
        w.stop()
        bad, good = recording.series("gpt-4o-mini"), recording.series("gpt-4o")
        alert = ("HighErrorRate", "High error rate detected")
        fires = [labels_in(bad)]
        rule_tests(w.folder, "errors", [
            (bad, [(1, *alert, []), (5, *alert, []), (6, *alert, fires), (12, *alert, fires), (22, *alert, [])]),
            (good, [(minute, *alert, []) for minute in range(1, 23)]),
            (bad + good, [(6, *alert, fires), (22, *alert, [])])])


def latency_of_a_new_server(w):
    shutil.rmtree(w.folder / "data", ignore_errors=True)
    w.start_simulator()
    w.start_server()
    w.chat("fast", model="gpt-4o-mini")
    w.chat("fast", model="gpt-4o")
    settled(w, 2)
    recording = record_latency(w)
    w.stop()
    return recording if usable(recording) else None


def test_high_latency_on_recorded_samples():
    """S4-L07: p95 of 12 s fires after five minutes, of 8 s never."""
    with world() as w:
        recording = wait_for(lambda: latency_of_a_new_server(w), "a recording", 900)
        alert = ("HighLatency", "High latency detected")
        bad, good = recording.series("gpt-4o-mini"), recording.series("gpt-4o")
        # The rate rises with the first slow request that a scrape shows: five minutes after that it fires.
        minute = first_rise(bad)
        fires = [labels_in(bad)]
        rule_tests(w.folder, "latency", [
            (bad, [(minute + 4, *alert, []), (minute + 5, *alert, fires)]),
            (good, [(m, *alert, []) for m in range(len(recording.scrapes) + 5)])])


def first_rise(series):
    values = next(s["values"].split() for s in series if s["series"].startswith("coo_llm_requests_total"))
    return next(i for i in range(1, len(values)) if values[i] != values[i - 1])


@contextlib.contextmanager
def webhook():
    """What Alertmanager would wake somebody with: (port, the alerts it sent)."""
    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.extend((a["status"], a["labels"]["alertname"], a["labels"]["model"]) for a in body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], heard
    finally:
        server.shutdown()


def test_the_alerts_reach_alertmanager_and_resolve():
    """S4-L05 to L07, S4-B20, S4-B21: the shipped rules with a short `for`, through real servers."""
    with world() as w, webhook() as (hook, heard):
        w.start_simulator()
        w.start_server()
        config = (DEPLOY / "alertmanager/alertmanager.yml").read_text()
        for printed, quick in (("group_wait: 30s", "group_wait: 100ms"), ("group_interval: 5m", "group_interval: 1s"),
                               ("http://localhost:5001/", f"http://127.0.0.1:{hook}/")):
            check(printed in config, f"alertmanager.yml has no {printed}")
            config = config.replace(printed, quick)
        manager = Alertmanager(w.folder, config)
        rules = w.folder / "rules.yml"
        rules.write_text((DEPLOY / "prometheus/rules.yml").read_text().replace("for: 5m", "for: 1s"))
        p = Prometheus(w.folder, scraping(w.port, rules, manager.port))
        try:
            w.chat("first", model="gpt-4o")
            w.chat("first")
            wait_for(lambda: len(p.vector("coo_llm_requests_total", newest(p))) == 2, "a first scrape")
            for i in range(30):
                w.chat("sim: status=500" if i % 3 == 0 else "fine", model="gpt-4o")
            slow = [threading.Thread(target=w.chat, args=("sim: delay_ms=11000\nslow",)) for _ in range(5)]
            for thread in slow:
                thread.start()
            error, latency = ("HighErrorRate", "gpt-4o"), ("HighLatency", "gpt-4o-mini")
            wait_for(lambda: ("firing", *error) in heard, "HighErrorRate at the webhook", 300)
            for thread in slow:
                thread.join()
            wait_for(lambda: ("firing", *latency) in heard, "HighLatency at the webhook", 300)
            # Enough that ends well, and the shares fall below the thresholds.
            for _ in range(150):
                w.chat("fine", model="gpt-4o")
                w.chat("fast")
            for name in (error, latency):
                wait_for(lambda name=name: ("resolved", *name) in heard, f"{name} to resolve", 300)
            equal({a[1:] for a in heard}, {error, latency}, "nothing else fired")
        finally:
            p.stop()
            manager.stop()
        w.stop()


# ---- one snapshot -------------------------------------------------------------------------------------

def sums(series, metric, **labels):
    """Exactly: as decimals of nano-units."""
    out = 0
    for name, value in series.items():
        if name.partition("{")[0] == metric and all(f'{k}="{v}"' in name for k, v in labels.items()):
            whole, _, fraction = value.partition(".")
            out += int(whole) * 10**9 + int(fraction.ljust(9, "0")[:9])
    return out


def verify_snapshot(series):
    requests = sums(series, "coo_llm_requests_total")
    outcome = {o: sums(series, "sightglass_requests_total", outcome=o) for o in ("ok", "error", "timeout")}
    equal(sums(series, "sightglass_requests_total"), requests, "requests by two families")
    equal(sums(series, "coo_llm_client_requests_total"), requests, "requests by client")
    equal(sums(series, "coo_llm_errors_total"), outcome["error"] + outcome["timeout"], "errors")
    equal(sums(series, "coo_llm_latency_seconds_count"), outcome["ok"] + outcome["error"], "latencies")
    equal(sums(series, "coo_llm_latency_seconds_bucket", le="+Inf"), sums(series, "coo_llm_latency_seconds_count"), "buckets")
    parts = sum(sums(series, f"sightglass_{part}_tokens_total")
                for part in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"))
    equal(sums(series, "coo_llm_tokens_total"), parts, "tokens and their parts")
    equal(sums(series, "coo_llm_client_tokens_total"), parts, "tokens by client")
    equal(sums(series, "coo_llm_client_cost_total"), sums(series, "coo_llm_cost_total"), "cost by client")
    return requests // 10**9


def test_every_scrape_is_one_snapshot():
    """Sums that must agree do agree within each scrape, in both formats, while traffic runs."""
    with world() as w:
        w.start_simulator(faults="standard")
        w.start_server()
        done = threading.Event()

        def traffic(n):
            i = 0
            while not done.is_set():
                i += 1
                with contextlib.suppress(http.client.HTTPException, OSError):  # what the fault plan cuts
                    w.chat(f"sim: cached={i % 3}\nwords {n} {i}", stream=i % 2 == 0, max_tokens=9,
                           model=("gpt-4o", "gpt-4o-mini")[i % 2])
                    w.messages(f"sim: write5m={i % 2}\nmore words {n} {i}")
        threads = [threading.Thread(target=traffic, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        types = {"text/plain;version=0.0.4": "text/plain; version=0.0.4",
                 "application/openmetrics-text; version=1.0.0": "application/openmetrics-text; version=1.0.0"}
        seen = set()
        try:
            while len(seen) < 40:  # scrapes that differ, so that traffic ran between them
                for accept, wanted in types.items():
                    answer = w.ask("GET", "/metrics", None, {"Accept": accept})
                    check(answer.headers["content-type"].startswith(wanted), f"{accept}: {answer.headers['content-type']}")
                    seen.add(verify_snapshot(prom.parse_exposition(answer.text)))
        finally:
            done.set()
            for thread in threads:
                thread.join()
        w.stop()


if __name__ == "__main__":
    run(test_the_shipped_files_are_the_printed_ones, test_the_dashboard_is_the_printed_one_with_what_grafana_needs,
        test_a_trace_at_twenty_times_its_speed, test_the_busiest_ten_of_twelve_clients,
        test_high_error_rate_on_recorded_samples, test_high_latency_on_recorded_samples,
        test_the_alerts_reach_alertmanager_and_resolve, test_every_scrape_is_one_snapshot)
