#!/usr/bin/env python3
"""The text of GET /metrics against promtool, the numbers against the provider's tally, and the whole of
a mixed hour against what the admin API, the running totals and the log say."""
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import check, equal, run, under_way, wait_for, world  # noqa: E402


def mixed_traffic(w):
    """30 calls of every kind; the number that reached the provider."""
    for i in range(10):
        w.chat(f"sim: tokens={i + 1} cached=2\nsome words to count", max_tokens=50)
        w.chat("sim: tokens=7\nstreamed words", stream=True, max_tokens=50)
        w.messages("sim: tokens=9 cached=3 write5m=2 write1h=1\na b c d e f g h")
    w.chat("sim: status=500")
    w.chat("sim: status=429")
    w.chat("hello", model="acme-unpriced-1")


def test_promtool_takes_the_exposition():
    with world() as w:
        w.start_simulator()
        w.start_server()
        mixed_traffic(w)
        w.reconcile()
        for accept in ("text/plain", "application/openmetrics-text; version=1.0.0"):
            answer = w.ask("GET", "/metrics", None, {"Accept": accept})
            equal(answer.status, 200, accept)
            if accept == "text/plain":
                done = subprocess.run(["promtool", "check", "metrics"], input=answer.body, capture_output=True)
                # It takes the text; its only advice is about names that the Propagation seed prints (S3-B02, S3-B09).
                advice = (done.stderr + done.stdout).decode().splitlines()
                printed = re.compile(r'coachup_\w+ (counter metrics should have "_total" suffix|'
                                     r'non-histogram and non-summary metrics should not have "_count" suffix|'
                                     r'metric names should not contain abbreviated units)')
                equal([line for line in advice if line and not printed.fullmatch(line)], [], "promtool's complaints")
                check(done.returncode in (0, 3), f"promtool ended with {done.returncode}")
            else:
                check(answer.text.endswith("# EOF\n"), "OpenMetrics ends with # EOF")
                check(answer.headers["content-type"].startswith("application/openmetrics-text"), "its content type")
        w.stop()


def test_all_views_say_the_same():
    with world() as w:
        w.start_simulator()
        w.start_server()
        mixed_traffic(w)
        report = w.reconcile()
        check(report["agree"], f"the witnesses differ: {report}")
        tally = w.tally()
        meter = report["witnesses"]["meter"]
        equal(meter["requests"], tally["requests"], "requests")
        equal(meter["input_tokens"], tally["input_tokens"], "input tokens")
        equal(meter["output_tokens"], tally["output_tokens"], "output tokens")
        equal(meter["cost_nanousd"], tally["cost_nanousd"], "cost")
        # S2-K04, S2-K05: cache parts apart from plain input.
        equal(w.sum_of("sightglass_cache_read_tokens_total"), 10 * 2 + 10 * 3, "cache reads")
        equal(w.sum_of("sightglass_cache_write_5m_tokens_total"), 20, "cache writes, five minutes")
        equal(w.sum_of("sightglass_cache_write_1h_tokens_total"), 10, "cache writes, an hour")
        # Errors exist beside requests, by the same labels, and by type apart (S2-K08).
        equal(w.sum_of("coo_llm_errors_total"), 2, "errors")
        equal(w.sum_of("sightglass_unpriced_requests_total"), 1, "unpriced: the unknown model")
        totals = w.ask("GET", "/metrics/running-totals", None, {"Accept": "application/json"}).json()
        equal(totals["summary"]["total_requests"], 33, "summary")
        equal(sum(p["rollup"]["total"]["requests"] for p in totals["providers"].values()), 33, "sum of the providers")
        equal(totals["providers"]["openai"]["rollup"]["streaming"]["requests"], 10, "streamed (S2-B08)")
        # The Administration seed's shapes, key for key.
        now = int(time.time())
        span = f"?start={now - 600}&end={now + 60}"
        world_wide = w.admin("GET", "/admin/v1/metrics/global" + span).json()
        equal(world_wide["total_requests"], 33, "requests of global")
        equal(list(world_wide)[:7], ["total_clients", "total_providers", "total_requests", "total_tokens", "total_cost",
                                     "overall_success_rate", "avg_latency"], "keys of global")
        equal(world_wide["total_clients"], 1, "clients")
        equal(round(world_wide["overall_success_rate"], 4), round(31 / 33, 4), "success rate")
        equal(round(world_wide["total_cost"] * 1e9), tally["cost_nanousd"], "cost of global")
        client = w.admin("GET", "/api/admin/v1/metrics/clients/app" + span).json()
        equal(list(client)[:7], ["client_id", "total_requests", "total_tokens", "total_cost", "success_rate", "avg_latency",
                                 "last_request_time"], "keys of a client")
        equal(client["total_requests"], 33, "requests of the client")
        provider = w.admin("GET", "/admin/v1/metrics/providers/openai" + span).json()
        equal(list(provider)[:7], ["provider_id", "total_requests", "total_tokens", "total_cost", "success_rate",
                                   "avg_latency", "error_count"], "keys of a provider")
        equal(provider["error_count"], 2, "errors of the provider")
        # The seed's unquoted curl loses `end` in the shell: a missing end means now.
        unquoted = w.admin("GET", f"/admin/v1/metrics?start={now - 600}").json()
        equal(sum(p["value"] for p in unquoted["tokens"]["points"]), world_wide["total_tokens"], "tokens over time")
        check(all(set(p) == {"timestamp", "value"} for p in unquoted["latency"]["points"]), "points as printed")
        nobody = w.admin("GET", "/admin/v1/metrics/clients/nobody" + span).json()
        equal((nobody["total_requests"], nobody["success_rate"]), (0, 0), "an unknown client")
        w.stop()


def test_a_summary_comes_after_every_third_completion():
    """S2-B34, S2-B66, S2-G02."""
    with world() as w:
        w.start_simulator()
        w.start_server(env={"LOG_SUMMARY_INTERVAL": "3"})
        for _ in range(9):
            w.chat("a b c")
        wait_for(lambda: w.server.said().count(" SUMMARY (last 3 requests) | Total: ") == 3, "three summaries")
        events = [line for line in w.log_lines() if line.get("event_type") == "metrics_summary"]
        equal([e["summary_requests"] for e in events], [3, 3, 3], "the events")
        check(all(isinstance(e["total_requests"], int) for e in events), "numbers are numbers")
        wait_for(lambda: w.server.said().count(" MODELS | gpt-4o-mini: ") == 3, "the lines of models")
        w.stop()


def test_no_summary_is_told_twice_on_a_slow_disk():
    """Each commit takes longer than the time between two looks for a summary that is due."""
    with world() as w:
        w.start_simulator()
        w.start_server(env={"LOG_SUMMARY_INTERVAL": "2"}, below=[
            "strace", "-D", "-f", "-qq", "-o", w.folder / "strace.out", "-e", "trace=fdatasync", "-e",
            "inject=fdatasync:delay_exit=200000"])
        for _ in range(4):
            w.chat("a b c")
        events = lambda: [line for line in w.log_lines() if line.get("event_type") == "metrics_summary"]  # noqa: E731
        wait_for(lambda: sum(e["summary_requests"] for e in events()) >= 4, "four requests in summaries")
        # A fifth and a sixth, behind which whatever was told twice would stand.
        for _ in range(2):
            w.chat("a b c")
        wait_for(lambda: sum(e["summary_requests"] for e in events()) >= 6, "six requests in summaries")
        w.stop()
        equal(sum(e["summary_requests"] for e in events()), 6, "requests in summaries")


def test_totals_outlive_a_restart_and_the_view_since_start_does_not():
    """S2-B03."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        for _ in range(5):
            w.chat("a b c")
        w.reconcile()
        w.server.stop()
        w.start_server()
        for _ in range(2):
            w.chat("a b c")
        w.reconcile()
        as_json = {"Accept": "application/json"}
        equal(w.ask("GET", "/metrics/running-totals", None, as_json).json()["summary"]["total_requests"], 7, "for all time")
        since = w.ask("GET", "/metrics/running-totals?since=start", None, as_json).json()
        equal(since["summary"]["total_requests"], 2, "since the start")
        equal(w.sum_of("coo_llm_requests_total"), 7, "the counter")
        w.stop()


def test_draining_says_so_and_loses_nothing():
    """SIGTERM while a stream runs: /health says draining, the stream ends whole, the record is kept."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        thread, _, got = under_way(lambda: w.ask("GET", "/metrics/active-requests").json()["active_requests"],
                                   lambda: w.chat("sim: gap_ms=100 tokens=20 chunks=20\nslow", stream=True))
        w.server.child.terminate()
        thread.join()
        check(got["answer"].text.rstrip().endswith("[DONE]"), "the stream was cut")
        equal(w.server.stop(), 0, "exit code")
        done = [line for line in w.log_lines() if line.get("outcome")]
        equal({line["outcome"] for line in done}, {"ok"}, "its outcome")


def converted(yaml_text):
    """What a scrape job would make of the YAML: {(metric, provider, model): value} (S2-B57)."""
    import yaml
    columns = {"requests": "coo_llm_requests_total", "errors": "coo_llm_errors_total",
               "input_tokens": "sightglass_input_tokens_total", "output_tokens": "sightglass_output_tokens_total",
               "cache_read_tokens": "sightglass_cache_read_tokens_total"}
    out = {}
    for provider, inside in yaml.safe_load(yaml_text)["providers"].items():
        for model, split in inside["models"].items():
            for column, metric in columns.items():
                if split["total"][column]:
                    out[metric, provider, model] = split["total"][column]
    return out


def test_the_yaml_of_the_totals_converts_to_what_the_exposition_says():
    """S2-B57, S2-B58: the converter that the seed asks for is unnecessary."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        mixed_traffic(w)
        w.reconcile()
        from_yaml = converted(w.ask("GET", "/metrics/running-totals").text)
        check(len(from_yaml) >= 8, f"too little to compare: {from_yaml}")
        exposed = {}
        for key, value in w.series().items():
            name, _, labels = key.partition("{")
            if name in {metric for metric, _, _ in from_yaml} and value:
                label = dict(re.findall(r'([a-z_]+)="([^"]*)"', labels))
                at = (name, label["provider"], label["model"])
                exposed[at] = exposed.get(at, 0) + value
        equal(exposed, from_yaml, "/metrics against the YAML")
        w.stop()


def test_audit_lines_are_printed_on_arrival_and_at_the_end():
    """S4-F05 to F07, S4-B09: also for who is refused, whose path stays unsaid."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        text = w.server.said
        equal(w.admin("GET", "/admin/v1/metrics/clients/client-123").status, 200, "an admin")
        wait_for(lambda: text().count("[AUDIT] ") == 2, "the lines of the admin")  # an end comes after the answer
        equal(w.ask("GET", "/admin/v1/metrics/clients/some-guess").status, 401, "without a key")
        wait_for(lambda: text().count("[AUDIT] ") == 4, "the lines of both")
        lines = [line.partition("[AUDIT] ")[2] for line in text().splitlines() if "[AUDIT] " in line]
        equal(lines[0], "GET /admin/v1/metrics/clients/client-123 from 127.0.0.1", "arrival")
        check(re.fullmatch(r"GET /admin/v1/metrics/clients/client-123 completed in \d+ms", lines[1]), f"end: {lines[1]}")
        check(lines[2].startswith("GET /admin/v1/metrics/clients/:client_id from 127.0.0.1"), f"refused: {lines[2]}")
        check("some-guess" not in text(), "the path of a refused request is nobody's to write")
        w.stop()


if __name__ == "__main__":
    run(test_promtool_takes_the_exposition, test_all_views_say_the_same,
        test_a_summary_comes_after_every_third_completion, test_no_summary_is_told_twice_on_a_slow_disk,
        test_totals_outlive_a_restart_and_the_view_since_start_does_not, test_draining_says_so_and_loses_nothing,
        test_the_yaml_of_the_totals_converts_to_what_the_exposition_says,
        test_audit_lines_are_printed_on_arrival_and_at_the_end)
