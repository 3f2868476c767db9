#!/usr/bin/env python3
"""The simulation of many gateways (bench/gateways) against calculations of this test's own, and docs/several-gateways.md
against what the program prints; the Prometheus files for several gateways against Prometheus' own tool."""
import collections
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "bench/gateways"), str(ROOT / "tests")]
from load import DAY_S, Rows, rates, shard_of  # noqa: E402
from run import Options, Run, waiting_of  # noqa: E402
from shared import Redis, SharedOptions  # noqa: E402
from support.harness import check, equal, run  # noqa: E402

PROGRAM = ROOT / "bench/gateways/simulate.py"
PAGE = ROOT / "docs/several-gateways.md"
NEVER_MERGED = 1e-3  # rows a second
# Of gw-1 to gw-8; src/export/clickhouse_test.cc has the same.
SHARDS = {2: [1, 1, 1, 1, 0, 1, 1, 1], 3: [1, 1, 1, 1, 0, 2, 1, 2], 16: [3, 8, 3, 5, 8, 8, 5, 13]}


def simulated(**options):
    return Run(Options(**options)).run()


def accounted(one):
    """Every row that was made is on a shard once, or waits."""
    blocks = collections.Counter()
    for gateway in one.gateways:
        there = gateway.rows.made - waiting_of(gateway)
        blocks[gateway.shard.number] += there
        equal(sum(chunk[2] for chunk in gateway.rows.chunks), gateway.rows.waiting, "rows in the journal")
    equal([blocks[s.number] for s in one.shards], [s.rows for s in one.shards], "rows of each shard")
    check(sum(s.rows for s in one.shards) > 0, "something was delivered")


def test_every_row_is_there_once_or_waits():
    for options in ({}, {"quorum": "none"}, {"quorum": "parallel"}, {"outage_at": 60.0, "outage_s": 300.0}, {"restart_at": 100.0},
                    {"restart_at": 100.0, "insert_s": 5.0}, {"merge_rows_per_s": NEVER_MERGED}, {"start_hour": 23.9, "batch_age": 200.0}):
        one = simulated(**{"gateways": 30, "shards": 3, "hours": 0.2, **options})
        accounted(one)
        # 30 gateways, 5/s over the day: the curve at that hour within what chance does (5 sigma of 20,000 and more).
        made, middle = sum(g.rows.made for g in one.gateways), (one.begin + one.end) / 2
        wanted = 30 * 5 * 720 * one.gateways[0].rows.rate_at(middle) / one.gateways[0].rows.rate
        check(abs(made - wanted) < 5 * wanted ** 0.5 + 0.01 * wanted, f"{made} rows, {wanted:.0f} expected")


def test_shards_are_those_of_the_gateway():
    for shards, wanted in SHARDS.items():
        equal([shard_of(f"gw-{i}", shards) for i in range(1, 9)], wanted, f"of {shards} shards")
    # As the page on ClickHouse says it, in other words.
    number = lambda g, i: int(hashlib.sha256(f"{g}#{i}".encode()).hexdigest()[:16], 16)  # noqa: E731
    one = simulated(gateways=200, shards=5, hours=0.05)
    wanted = collections.Counter(max((number(g.rows.name, i), i) for i in range(1, 6))[1] - 1 for g in one.gateways)
    equal([sum(g.shard is s for g in one.gateways) for s in one.shards], [wanted[i] for i in range(5)], "gateways of each shard")
    figures = one.figures()
    equal((figures["gateways_least"], figures["gateways_most"]), (min(wanted.values()), max(wanted.values())), "told")


def test_a_block_has_rows_of_one_day_and_no_more_than_it_may():
    rows = Rows("gw-1", 10.0, 0.0, 1)
    rows.start(DAY_S - 60)
    rows.draw(DAY_S + 60)
    before = sum(c[2] for c in rows.chunks if c[0] < DAY_S)
    equal(rows.take(10 ** 6)[0], before, "the first block ends at midnight")
    equal(rows.take(7)[0], 7, "no more than asked for")
    most = simulated(gateways=3, hours=0.2, batch_rows=50, batch_age=60.0)
    equal(max(most.block_rows), 50, "batch_rows")
    bytes_ = simulated(gateways=3, hours=0.2, batch_bytes=3_300, batch_age=60.0)
    equal(max(bytes_.block_rows), 10, "batch_bytes")


def test_parts():
    quick = simulated(gateways=60, hours=0.3, quorum="none", insert_slots=64, merge_s=0.0, merge_rows_per_s=1e15)
    figures = quick.figures()
    equal((figures["failed"], quick.shards[0].delayed), ({}, 0), "with merges that take no time")
    # Without merging time parts are the digits of the number of blocks in the base of the width.
    blocks, digits = quick.shards[0].blocks, 0
    while blocks:
        blocks, digit = divmod(blocks, quick.options.merge_width)
        digits += digit
    equal(quick.shards[0].parts, digits, "parts")
    slow = simulated(gateways=60, hours=0.3, quorum="none", insert_slots=64, merge_rows_per_s=NEVER_MERGED)
    check(slow.figures()["failed"].get("parts", 0) > 0, "where nothing is merged, inserts are refused")
    check(slow.shards[0].delayed > 0, "and slowed before")
    check(slow.shards[0].parts <= 300 + 64, "parts stop at parts_to_throw_insert, and what was being written")


def test_one_at_a_time_waits_for_the_quorum():
    for quorum, refused in (("serial", True), ("parallel", False), ("none", False)):
        one = simulated(gateways=50, hours=0.1, quorum=quorum)
        equal("quorum" in one.failed, refused, quorum)
    # A gateway alone never meets another.
    equal(simulated(gateways=1, hours=0.2).failed, {}, "one gateway")


def test_an_outage_waits_in_the_journal():
    one = simulated(gateways=20, shards=2, hours=0.6, outage_at=100.0, outage_s=900.0)
    away = [g for g in one.gateways if g.shard is one.shards[0]]
    figures = one.figures()
    check(figures["catch_up_s"] is not None, "caught up")
    busiest = max(g.rows.rate_at(one.begin + 500) for g in away) * 900
    check(abs(figures["waiting_most"] - busiest) < 0.1 * busiest, f"{figures['waiting_most']} waited, {busiest:.0f} expected")
    check(figures["lag_most_s"] >= 900, "a row has waited for all of it")
    accounted(one)


def test_the_window_of_blocks():
    one = simulated(gateways=100, hours=0.6, quorum="none", batch_age=2.0, skew=0.0, depth=0.0)
    shard = one.shards[0]
    wanted = 10_000 / (shard.blocks / (one.options.hours * 3_600)) / 60
    check(abs(one.figures()["window_minutes"] / wanted - 1) < 0.05, f"{one.figures()['window_minutes']} minutes, {wanted} expected")


def test_redis_within_what_it_can_do_and_past_it():
    run_, shared = Options(gateways=20, skew=0.0), SharedOptions(redis_seconds=4.0)
    one = Redis(run_, shared).run()
    figures = one.figures()
    equal(figures["decided_alone"], 0, "decided alone")
    check(abs(figures["load"] - figures["questions_per_s"] * (15 + 37.5 * 20) / 1e6) < 1e-9, "a question's time, times their number")
    check(figures["questions_per_s"] >= figures["requests_per_s"] * 0.9, "hardly two requests share a question here")
    past = Redis(Options(gateways=200), shared).run().figures()
    check(past["load"] > 1 and past["decided_alone"] > 0.9, f"past what one core does: {past}")


def test_the_same_seed_the_same_hour():
    words = [sys.executable, PROGRAM, "--gateways", "12", "--shards", "2", "--hours", "0.1", "--json"]
    answer = lambda *more: json.loads(subprocess.run([*words, *more], capture_output=True, check=True).stdout)  # noqa: E731
    equal(answer("--seed", "7"), answer("--seed", "7"), "twice")
    check(answer("--seed", "7") != answer("--seed", "8"), "another seed is another hour")
    equal(round(sum(rates(12, 5.0, 0.8, 7)), 6), 60, "the load is what was asked for")


def test_what_cannot_be_is_refused():
    for words, told in ((["--gateways", "0"], "0 is not from 1 to 5000"), (["--gateways", "x"], "invalid int value"),
                        (["--shards", "2"], "--gateways"), (["--gateways", "1000", "--batch-age", "0.1"], "greater --batch-age"),
                        (["--gateways", "9", "--batch-rows", "1", "--requests-per-s", "2000", "--hours", "1"], "greater --batch-age"),
                        (["--gateways", "1000", "--requests-per-s", "200", "--hours", "0.1"], "fewer --redis-seconds"),
                        (["--gateways", "9", "--clients", "10000", "--models", "100"], "fewer --clients"), (["--gateways", "9", "--hours", "nan"], "is not from"),
                        (["--quorum", "some"], "invalid choice")):
        done = subprocess.run([sys.executable, PROGRAM, *words], capture_output=True, text=True)
        equal(done.returncode, 2, words)
        check(told in done.stderr and "Traceback" not in done.stderr, done.stderr)


def test_the_page_shows_what_the_program_prints():
    printed = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, check=True).stdout.strip()
    page = PAGE.read_text()
    for table in printed.split("\n\n"):
        check(table in page, f"docs/several-gateways.md lacks what ./dev simulate prints:\n{table}")


RULE_TEST = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'coo_llm_requests_total{{job="coo-llm",instance="a",provider="p",model="m",key="k"}}', values: '0+600x20'}}
      - {{series: 'coo_llm_errors_total{{job="coo-llm",instance="a",provider="p",model="m",key="k"}}', values: '0+{a}x20'}}
      - {{series: 'coo_llm_requests_total{{job="coo-llm",instance="b",provider="p",model="m",key="k"}}', values: '0+10x20'}}
      - {{series: 'coo_llm_errors_total{{job="coo-llm",instance="b",provider="p",model="m",key="k"}}', values: '0+{b}x20'}}
      - {{series: 'up{{job="coo-llm",instance="b"}}', values: '1 1 1 0x20'}}
    alert_rule_test:
      - eval_time: 15m
        alertname: HighErrorRate
        exp_alerts: [{expected}]
      - eval_time: 15m
        alertname: GatewayNotScraped
        exp_alerts: [{{exp_labels: {{severity: warning, job: coo-llm, instance: b}}, exp_annotations: {{summary: "b does not answer Prometheus"}}}}]
"""
FIRED = '{exp_labels: {severity: warning, job: coo-llm, provider: p, model: m, key: k}, exp_annotations: {summary: "High error rate of p m"}}'


def test_prometheus_takes_the_files_and_alerts_over_all_gateways():
    folder = ROOT / "deploy/prometheus"
    subprocess.run(["promtool", "check", "config", folder / "several-gateways.yml"], capture_output=True, check=True)
    with tempfile.TemporaryDirectory() as scratch:
        # Nine errors in ten on a gateway with hardly any traffic are no alert of the whole; a fifth of the busy one's are.
        for a, b, expected in ((0, 9, ""), (120, 0, FIRED)):
            path = pathlib.Path(scratch) / "test.yml"
            path.write_text(RULE_TEST.format(rules=folder / "several-gateways.rules.yml", a=a, b=b, expected=expected))
            done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
            equal(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    run(test_every_row_is_there_once_or_waits, test_shards_are_those_of_the_gateway,
        test_a_block_has_rows_of_one_day_and_no_more_than_it_may, test_parts, test_one_at_a_time_waits_for_the_quorum,
        test_an_outage_waits_in_the_journal, test_the_window_of_blocks, test_redis_within_what_it_can_do_and_past_it,
        test_the_same_seed_the_same_hour, test_what_cannot_be_is_refused, test_the_page_shows_what_the_program_prints,
        test_prometheus_takes_the_files_and_alerts_over_all_gateways)
