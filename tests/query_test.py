#!/usr/bin/env python3
"""`sightglass query` and GET /admin/v1/query against tallies that share no code with them: DuckDB's own package over
the Parquet files, the exposition, the running totals, and what was written to the files that were sent in."""
import collections
import csv
import datetime
import io
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import NODE, ROOT, Failure, check, equal, run, wait_for, world  # noqa: E402

PACK = """
pack: shop
version: 1
prefix: shop
fields:
  took_ms: { kind: double, class: duration }
meters:
  - metric: calls
    type: counter
    help: Calls by model and person.
    match: '{ $.event_type = "chat_completion_success" || $.event_type = "stream_completed" }'
    labels: { model: $.model, user_id: $.user_id }
  - metric: few_calls
    type: counter
    help: Calls by model and person.
    match: '{ $.event_type = "chat_completion_success" || $.event_type = "stream_completed" }'
    labels: { model: $.model, user_id: $.user_id }
    max_series: 3
"""


def answer(w, **parameters):
    got = w.admin("GET", "/admin/v1/query?" + urllib.parse.urlencode(parameters, doseq=True))
    equal(got.status, 200, got.text)
    return got.json()


def rows(w, **parameters):
    return rows_of(answer(w, **parameters))


def rows_of(body):
    names = [column["name"] for column in body["columns"]]
    return [dict(zip(names, row)) for row in body["rows"]]


def sql(w, text):
    """Rows of DuckDB's npm package over the Parquet files, which the program's own reader has no part in."""
    program = (f"import {{query}} from {json.dumps(str(ROOT / 'tests/e2e/lib/witness.mjs'))};"
               f"const rows = await query({json.dumps(str(w.folder / 'data'))}, {json.dumps(text)});"
               "console.log(JSON.stringify(rows, (k, v) => typeof v === 'bigint' ? Number(v) : v))")
    done = subprocess.run([str(NODE), "--input-type=module", "-e", program], capture_output=True, text=True, timeout=300,
                          cwd=ROOT / "tests/e2e")
    check(done.returncode == 0, done.stderr)
    return json.loads(done.stdout)


def near(got, wanted, what, part=1e-9):
    if wanted is None or got is None:
        equal(got, wanted, what)
    elif abs(got - wanted) > part * abs(wanted):
        raise Failure(f"{what}: got {got}, wanted {wanted}")


def traffic(w):
    """Of both providers, streamed and not, cached and not, answered and failed, by three users."""
    for i in range(8):
        headers = {"x-user-id": f"person-{i % 3}"}
        w.chat(f"sim: tokens={i + 1} cached={i}\nsome words to count", headers=headers, max_tokens=50)
        w.chat("sim: tokens=7\nstreamed words", headers=headers, stream=True, max_tokens=50)
        w.messages("sim: tokens=9 cached=3 write5m=2 write1h=1\na b c d", headers=headers)
    w.chat("sim: tokens=40\nthe most expensive of all", model="gpt-4o")
    w.chat("sim: status=500")
    w.chat("sim: status=429")
    w.chat("sim: status=500", stream=True)
    w.messages("sim: status=529")
    w.chat("hello", model="acme-unpriced-1")


# Each question twice: as parameters, and as SQL over the rows of requests.
BY_MODEL = "provider,model"
CHECKS = {
    # S2-K09: request volume by provider and model
    "volume": (dict(group_by=BY_MODEL, stat="count"), "count(*)", BY_MODEL),
    # S2-K10: token usage
    "tokens": (dict(group_by=BY_MODEL, stat="sum(input_tokens),sum(output_tokens),sum(cost_nanousd)"),
               "sum(input_tokens), sum(output_tokens), sum(cost_nanousd)", BY_MODEL),
    # S2-K11: latency, average and extremes; percentiles are below
    "latency": (dict(group_by="provider", stat="avg(latency_us),min(latency_us),max(latency_us)"),
                "avg(latency_us), min(latency_us), max(latency_us)", "provider"),
    # S2-K12: errors and their distribution by type
    "errors": (dict(group_by="error_type", stat="count,errors"),
               "count(*), count(*) FILTER (outcome IN ('error', 'timeout'))", "error_type"),
    # S2-K13: cache reads and creation
    "cache": (dict(group_by=BY_MODEL,
                   stat="sum(cache_read_tokens),sum(cache_write_5m_tokens+cache_write_1h_tokens)"),
              "sum(cache_read_tokens), sum(cache_write_5m_tokens) + sum(cache_write_1h_tokens)", BY_MODEL),
    # S2-K16: the share of each provider and model
    "share": (dict(group_by=BY_MODEL, stat="share"), "count(*) / sum(count(*)) OVER ()", BY_MODEL),
    # S2-K17: reads for each token written; where nothing was written: no data
    "ratio": (dict(group_by=BY_MODEL,
                   stat="ratio(cache_read_tokens / cache_write_5m_tokens+cache_write_1h_tokens)"),
              "sum(cache_read_tokens) / nullif(sum(cache_write_5m_tokens) + sum(cache_write_1h_tokens), 0)", BY_MODEL),
    # S2-K18: the two halves side by side
    "halves": (dict(group_by="is_streaming", stat="avg(latency_us),error_rate"),
               "avg(latency_us), count(*) FILTER (outcome IN ('error', 'timeout')) / count(*)", "is_streaming"),
    # S4-B34: tokens and cost by provider and key
    "keys": (dict(group_by="provider,key", stat="sum(total_tokens),sum(cost_nanousd)"),
             "sum(total_tokens), sum(cost_nanousd)", "provider,key"),
    "distinct": (dict(stat="distinct(user_id),distinct(request_id),count(cost_nanousd)"),
                 "count(DISTINCT user_id), count(DISTINCT request_id), count(cost_nanousd)", ""),
}
PERCENTILES = {"p50": .5, "p90": .9, "p95": .95, "p99": .99, "p99.9": .999}


def expect_same(got, wanted, groups, what):
    """`got` from the program, `wanted` from SQL with the groups in front, in whatever order."""
    key = lambda row: json.dumps(row[:groups])
    got = sorted(([*row] for row in got), key=key)
    wanted = sorted(([*row.values()] for row in wanted), key=key)
    equal([row[:groups] for row in got], [row[:groups] for row in wanted], f"{what}: groups")
    for one, other in zip(got, wanted):
        for value, true in zip(one[groups:], other[groups:]):
            near(value, true, f"{what} of {one[:groups]}")


def test_each_statistic_is_what_sql_says():
    """S2-K09 to K13, K16 to K18, S4-B34: from the hot tail, and from the sealed files without a server."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        traffic(w)
        w.reconcile()
        live = {name: answer(w, **asked) for name, (asked, _, _) in CHECKS.items()}
        spread = rows(w, stat=",".join(f"{p}(latency_us)" for p in PERCENTILES))[0]
        histogram = rows(w, stat="count", group_by="bucket(latency_us)")
        w.stop()
        for name, (asked, columns, by) in CHECKS.items():
            wanted = sql(w, f"SELECT {by + ',' if by else ''} {columns} FROM rows WHERE terminal"
                            + (f" GROUP BY {by}" if by else ""))
            groups = len(by.split(",")) if by else 0
            expect_same(live[name]["rows"], wanted, groups, f"{name}, live")
            arguments = [f"--{key.replace('_', '-')}={value}" for key, value in asked.items()]
            offline = w.command("query", "--offline", "--json", "--data", w.folder / "data", *arguments)
            equal(offline.returncode, 0, offline.stderr)
            expect_same(json.loads(offline.stdout)["rows"], wanted, groups, f"{name}, offline")
        # S2-K11: the value at the rank, within the stated 1 %
        latencies = sorted(row["latency_us"] for row in
                           sql(w, "SELECT latency_us FROM rows WHERE terminal AND latency_us IS NOT NULL"))
        for name, q in PERCENTILES.items():
            rank = max(1, -(-len(latencies) * round(q * 100_000) // 100_000))
            near(spread[f"{name}(latency_us)"], latencies[rank - 1], name, 0.01 + 1e-9)
        bounds = [row["bucket(latency_us)"] for row in histogram if row["bucket(latency_us)"] is not None]
        equal(bounds, sorted(bounds), "the histogram in its order")
        for low, row in zip([-1, *bounds], [r for r in histogram if r["bucket(latency_us)"] is not None]):
            equal(row["count"], sum(low < v <= row["bucket(latency_us)"] for v in latencies), f"bucket above {low}")


def test_queries_agree_with_running_totals_and_metrics():
    """S2-K09, S2-K12, S4-B03, S4-B34: the same numbers from three views."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        traffic(w)
        w.reconcile()
        series = collections.Counter()
        for key, value in w.series().items():
            name, _, labels = key.partition("{")
            labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            series[name, labels.get("provider"), labels.get("key")] += value
        by_key = rows(w, group_by="provider,key", stat="count,errors,sum(total_tokens),sum(cost_nanousd)")
        check(len(by_key) >= 2, by_key)
        for row in by_key:
            at = (row["provider"], row["key"])
            equal(row["count"], series[("coo_llm_requests_total", *at)], f"requests of {at}")
            equal(row["errors"], series[("coo_llm_errors_total", *at)], f"errors of {at}")
            equal(row["sum(total_tokens)"] or 0, series[("coo_llm_tokens_total", *at)], f"tokens of {at}")
            near((row["sum(cost_nanousd)"] or 0) / 1e9, series[("coo_llm_cost_total", *at)], f"cost of {at}")
        for row in rows(w, group_by="provider", stat="error_rate,count"):
            provider = row["provider"]
            requests = sum(v for (name, p, _), v in series.items() if name == "coo_llm_requests_total" and p == provider)
            errors = sum(v for (name, p, _), v in series.items() if name == "coo_llm_errors_total" and p == provider)
            near(row["error_rate"], errors / requests, f"error rate of {provider}")
            admin = w.admin("GET", f"/admin/v1/metrics/providers/{provider}").json()
            equal((admin["total_requests"], admin["error_count"]), (row["count"], errors), provider)
        totals = w.ask("GET", "/metrics/running-totals", headers={"Accept": "application/json"}).json()
        whole = rows(w, stat="count,sum(output_tokens)")[0]
        text = json.dumps(totals)
        found = re.search(r'"total_requests": ?(\d+)', text)
        check(found and int(found.group(1)) == whole["count"], f"running totals say {text[:300]}, query {whole}")
        w.stop()


def test_the_most_expensive_requests_are_found():
    """S2-K10, S2-C02, S2-C03."""
    with world() as w:
        w.start_simulator()
        w.start_server()
        traffic(w)
        w.reconcile()
        for stat in ("sum(cost_nanousd)", "sum(output_tokens)"):
            top = rows(w, group_by="request_id,model", stat=stat, order="-" + stat, limit=3)
            equal(len(top), 3, "three of them")
            equal(top[0]["model"], "gpt-4o", f"the first by {stat}")
            story = w.admin("GET", f"/admin/v1/requests/{top[0]['request_id'][:13]}").json()
            equal(story["request"]["output_tokens"], 40, "its whole story by a part of its id")
        body = answer(w, group_by="request_id", stat="count", limit=2)
        check(body["groups"] > 2 and "the first 2 of" in json.dumps(body["notes"]), body)
        w.stop()


def test_a_meter_and_a_query_give_the_same_tally():
    """S0-B06: by model and pseudonymous user; past its budget the meter's overflow series keeps the total."""
    with world() as w:
        (w.folder / "shop.yaml").write_text(PACK)
        w.start_simulator()
        w.start_server(f"packs: [{w.folder}/shop.yaml]")
        sent = collections.Counter()
        for i in range(24):
            model = ("gpt-4o-mini", "gpt-4o")[i % 2]
            user = f"person-{i % 5}"
            equal(w.chat("sim: tokens=2\nwords", model=model, headers={"x-user-id": user}).status, 200, "answered")
            sent[model, user] += 1
        w.reconcile()
        asked = rows(w, group_by="model,user_id", stat="count", filter='{ $.user_id = * }')
        equal(sorted(row["count"] for row in asked), sorted(sent.values()), "the tally")
        equal({row["model"] for row in asked}, {"gpt-4o-mini", "gpt-4o"}, "models")
        check(all(re.fullmatch(r"u:\d+\.[a-z2-7]{26}", row["user_id"]) for row in asked), f"pseudonyms: {asked}")
        exposed, few = {}, 0
        for key, value in w.series().items():
            labels = dict(re.findall(r'(\w+)="([^"]*)"', key))
            if key.startswith("shop_calls"):
                exposed[labels["model"], labels["user_id"]] = value
            elif key.startswith("shop_few_calls"):
                few += value
        equal(exposed, {(row["model"], row["user_id"]): row["count"] for row in asked}, "the meter's series")
        equal(few, sum(sent.values()), "past the budget")
        w.stop()


def test_activity_lines_count_by_user():
    """S1-C10: what grep, cut, sort and uniq count, the query counts."""
    with world() as w:
        w.upstream = 9
        w.start_server()
        random.seed(4)
        lines = [f"[METRIC] [user{random.randrange(4)}@example.com] tool_call tool_name={random.choice('abc')} "
                 "args_count=1" for _ in range(60)]
        lines += ["[METRIC] [user1@example.com] llm_call model=gpt-4 message_count=3 tool_count=0"] * 5
        log = w.folder / "application.log"
        log.write_text("\n".join(lines) + "\n")
        counted = subprocess.run(
            rf"""grep "\[METRIC\].*tool_call" {log} | cut -d' ' -f2 | sort | uniq -c""", shell=True, capture_output=True,
            text=True)
        wanted = sorted(int(line.split()[0]) for line in counted.stdout.splitlines())
        equal(w.command("ingest", log, "--data", w.folder / "data").returncode, 0, "ingested")
        w.reconcile()
        field = next(c["name"] for c in answer(w, of="events", group_by="user", stat="count")["columns"])
        got = rows(w, of="events", group_by=field, stat="count", filter='{ $.event_type = "tool_call" }')
        equal(sorted(row["count"] for row in got), wanted, "tool calls by user")
        w.stop()


def iso(t):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class History:
    """An hour of an application's calls to two models of two providers, and the hour before it."""

    def __init__(self, w):
        self.end = int(datetime.datetime.now(datetime.timezone.utc).timestamp()) // 60 * 60
        self.events = []
        r = random.Random(11)
        for minute in range(-120, 0):
            for i in range(12):
                t = self.end + minute * 60 + i * 5
                provider, model = (("openai", "gpt-4o"), ("anthropic", "claude-haiku-4-5"))[i % 2]
                # S2-K14: in the second half of the last hour every call takes three times as long.
                took = r.uniform(100, 200) * (3 if minute >= -30 else 1)
                # S2-K15: one minute in which most calls of one model fail.
                failed = minute == -17 and provider == "anthropic" and i < 10
                self.events.append({
                    "event_type": "chat_completion_success", "timestamp": iso(t), "_t": t, "provider": provider,
                    "model": model, "took_ms": took, "outcome": "error" if failed else "ok"})
        path = w.folder / "history.jsonl"
        path.write_text("".join(json.dumps({k: v for k, v in e.items() if k != "_t"}) + "\n" for e in self.events))
        done = w.command("ingest", path, "--data", w.folder / "data", "--json")
        equal(done.returncode, 0, done.stdout + done.stderr)
        w.reconcile()

    def between(self, start, end, **fields):
        return [e for e in self.events if start <= e["_t"] < end and all(e[k] == v for k, v in fields.items())]


def test_a_rise_and_a_spike_show_beside_the_period_before():
    """S2-K14, S2-K15, S2-D06."""
    with world() as w:
        (w.folder / "shop.yaml").write_text(PACK)
        w.upstream = 9
        w.start_server(f"packs: [{w.folder}/shop.yaml]")
        history = History(w)
        end = history.end
        asked = dict(of="events", start=end - 3600, end=end)

        body = answer(w, **asked, step="10m", stat="avg(took_ms)", compare="previous")
        course = rows_of(body)
        equal(len(course), len(range((end - 3600) // 600 * 600, end, 600)), "a row for each step")
        for row in course:
            begin, stop = max(row["time"], end - 3600), min(row["time"] + 600, end)
            now = [e["took_ms"] for e in history.between(begin, stop)]
            then = [e["took_ms"] for e in history.between(begin - 3600, stop - 3600)]
            near(row["avg(took_ms)"], statistics.fmean(now), "now", 1e-6)
            near(row["avg(took_ms) previous"], statistics.fmean(then), "an hour before", 1e-6)
            change = statistics.fmean(now) / statistics.fmean(then) - 1
            near(1 + row["avg(took_ms) change"], 1 + change, "the change", 1e-6)
        check(course[-1]["avg(took_ms) change"] > 1.5, f"the rise shows: {course[-1]}")
        check(abs(course[1]["avg(took_ms) change"]) < 0.3, f"and only there: {course[1]}")

        minutes = rows(w, **asked, step="1m", group_by="provider,model", stat="error_rate", compare="previous")
        worst = max(minutes, key=lambda row: row["error_rate"] or 0)
        equal((worst["time"], worst["provider"]), (end - 17 * 60, "anthropic"), "the spike is at its minute")
        failed = history.between(worst["time"], worst["time"] + 60, provider="anthropic", outcome="error")
        near(worst["error_rate"], len(failed) / 6, "its height")
        equal(worst["error_rate previous"], 0, "an hour before there was none")
        equal(sum(1 for row in minutes if row["error_rate"]), 1, "no other minute has one")

        # The same on the command line, as a sparkline.
        command = ["query", "--data", w.folder / "data", "--of", "events", "--start", end - 3600, "--end", end,
                   "--step", "10m", "--stat", "avg(took_ms)", "--compare"]
        table = w.command(*command)
        equal(table.returncode, 0, table.stderr)
        line = next(text for text in table.stdout.splitlines() if text.startswith("avg(took_ms)  "))
        spark = re.search("[▁▂▃▄▅▆▇█·]+", line).group(0)
        equal(len(spark), len(course), "one height a step")
        check(spark[-1] in "▇█" and spark[0] in "▁▂", f"it rises: {line}")
        w.stop()


def test_the_command_prints_tables_csv_and_json():
    with world() as w:
        w.start_simulator()
        w.start_server()
        traffic(w)
        w.reconcile()
        data = ("--data", w.folder / "data")
        by_model = ("--group-by", "provider,model", "--stat", "count,sum(cost_nanousd),p95(latency_us)")
        live = json.loads(w.command("query", *data, *by_model, "--json").stdout)
        equal(live["rows"], answer(w, group_by="provider,model", stat="count,sum(cost_nanousd),p95(latency_us)")["rows"],
              "the socket answers as the admin API does")
        read = list(csv.reader(io.StringIO(w.command("query", *data, *by_model, "--csv").stdout)))
        equal(read[0], ["provider", "model", "count", "sum(cost_nanousd)", "p95(latency_us)"], "CSV's head")
        equal([[cell or None for cell in row[:4]] for row in read[1:]],
              [[row[0], row[1], str(row[2]), None if row[3] is None else str(row[3])] for row in live["rows"]],
              "CSV's rows")
        table = w.command("query", *data, *by_model).stdout
        check(re.search(r"^openai +gpt-4o-mini +\d+ +\$0\.\d{6} +[\d.]+ ms", table, re.M), table)
        check("log histogram" in table, "it says how exact percentiles are")
        help_text = w.command("query", "--help").stdout
        check("Example" in help_text and "Exit code" in help_text, help_text)
        # Exit codes: rows, none, not answered.
        equal(w.command("query", *data).returncode, 0, "there are rows")
        equal(w.command("query", *data, "--group-by", "model", "--filter", '{ $.model = "none" }').returncode, 1, "none")
        bad = w.command("query", *data, "--stat", "avg(latncy_us)")
        equal(bad.returncode, 2, "no such field")
        check("did you mean 'latency_us'?" in bad.stderr, bad.stderr)
        w.stop()
        # Without a server the files answer, and it is said.
        offline = w.command("query", *data, *by_model, "--json")
        equal(offline.returncode, 0, offline.stderr)
        check("from its sealed files" in offline.stderr, offline.stderr)
        equal(json.loads(offline.stdout)["rows"], live["rows"], "the same rows from the files")
        nowhere = w.command("query", "--data", w.folder / "nowhere")
        equal(nowhere.returncode, 2, "no history")
        check("--data" in nowhere.stderr, nowhere.stderr)


def test_files_are_read_beside_a_running_server():
    with world() as w:
        w.start_simulator()
        w.start_server("store: {seal_age: 1s}")
        traffic(w)
        w.reconcile()
        count = rows(w, stat="count")[0]["count"]

        def sealed():
            done = w.command("query", "--data", w.folder / "data", "--offline", "--json")
            return done.returncode == 0 and rows_of(json.loads(done.stdout))[0]["count"] == count
        wait_for(sealed, "the sealed files to hold every request")
        equal(rows(w, stat="count")[0]["count"], count, "the server goes on")
        w.stop()


def test_bad_questions_get_a_sentence_and_are_counted():
    with world() as w:
        w.start_simulator()
        w.start_server()
        cases = (
            ("stat=avg(latncy_us)", "did you mean 'latency_us'"), ("group_by=modell", "did you mean 'model'"),
            ("stat=median(latency_us)", "understood are"), ("fitler=x", "did you mean 'filter'"),
            ("start=9&end=3", "before end"), ("start=yesterday", "Unix seconds"), ("since=1", "such as 5m"),
            ("since=-1h", "such as 5m"), ("since=1h&start=5", "give one"), ("step=0s", "such as 5m"),
            ("step=1500ms", "whole number of seconds"), ("step=1s&since=7d", "11,000 steps"), ("limit=0", "1 to 10000"),
            ("limit=x", "1 to 10000"), ("compare=yesterday", "nothing or previous"), ("of=all", "requests or events"),
            ("order=-cost", "it has: count"), ("filter=%7B+%24.model+%3D+%7D", "column"),
            ("filter=%7B+%24.prompt+%3D+%22x%22+%7D", "never passes the door"),
            ("filter=%7B+%24.user_id+%3D+%22x%22+%7D", "pseudonym"), ("filter=ERROR", "text of a line"),
            ("stat=sum(model)", "is no number"), ("group_by=a,b,c,d,e", "at most 4"),
            ("step=1h&step=2h", "stands there twice"), ("stat=" + ",".join(f"p{i}(latency_us)" for i in range(1, 20)), "16"))
        for query, words in cases:
            for prefix in ("/admin/v1", "/api/admin/v1"):
                got = w.admin("GET", f"{prefix}/query?{query}")
                equal(got.status, 400, query)
                check(words in got.json()["error"]["message"], f"{query}: {got.text}")
        equal(w.ask("GET", "/admin/v1/query").status, 401, "without a key")
        refused = sum(v for k, v in w.series().items()
                      if k.startswith("sightglass_admin_queries_total") and 'result="done"' not in k)
        equal(refused, 2 * len(cases), "each is counted by its reason")
        w.stop()


def test_a_switched_off_store_says_so():
    with world() as w:
        w.upstream = 9
        w.start_server("store: {enabled: false}")
        got = w.admin("GET", "/admin/v1/query")
        equal(got.status, 503, got.text)
        check("store.enabled" in got.text, got.text)
        w.stop()


if __name__ == "__main__":
    run(test_each_statistic_is_what_sql_says, test_queries_agree_with_running_totals_and_metrics,
        test_the_most_expensive_requests_are_found, test_a_meter_and_a_query_give_the_same_tally,
        test_activity_lines_count_by_user, test_a_rise_and_a_spike_show_beside_the_period_before,
        test_the_command_prints_tables_csv_and_json, test_files_are_read_beside_a_running_server,
        test_bad_questions_get_a_sentence_and_are_counted, test_a_switched_off_store_says_so)
