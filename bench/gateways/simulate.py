#!/usr/bin/env python3
"""What many gateways come to on the engines that they share: an hour of them, event by event. Without flags the tables of
docs/several-gateways.md are printed; with --gateways one hour of one's own. Nothing is started or measured, but by --measure,
which finds what engines take on this machine. The same seed gives the same figures everywhere."""
import argparse
import dataclasses
import json
import signal
import sys

from run import Options, Run
from shared import Redis, SharedOptions, names_of_an_hour, view

MONEY = {"script_us": 50.0, "script_us_gateway": 1.75, "redis_bytes": 320}
HOURS = [dict(gateways=10), dict(gateways=100), dict(gateways=100, shards=2), dict(gateways=100, batch_age=30.0),
         dict(gateways=100, shards=2, batch_age=30.0), dict(gateways=100, quorum="parallel"), dict(gateways=100, quorum="none"),
         dict(gateways=1_000, shards=8, batch_age=30.0), dict(gateways=1_000, shards=8, batch_age=60.0),
         dict(gateways=1_000, shards=16, batch_age=60.0), dict(gateways=1_000, shards=4, batch_age=30.0, quorum="parallel")]
# What is recommended, and what happens to it.
CHOSEN = [dict(gateways=10), dict(gateways=100, shards=2, batch_age=30.0), dict(gateways=1_000, shards=16, batch_age=60.0)]
REDIS = [("minute, all", {}), ("money, all", MONEY), ("minute, 10 each", {"gateways_of_client": 10}),
         ("money, 10 each", {**MONEY, "gateways_of_client": 10})]


def table(title, heads, rows):
    cells = [heads, *[[text(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return "\n".join([title, *("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths)).rstrip() for row in cells)])


def text(value):
    """Three digits are all that a simulation may claim."""
    if value is None:
        return "-"
    if isinstance(value, float):
        if abs(value) >= 100:
            return f"{value:,.0f}"
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def hour_row(f):
    return [f["gateways"], f["shards"], f"{f['batch_age_s']:.0f}", f["quorum"], f["rows_per_s"], f"{f['gateways_least']}-{f['gateways_most']}",
            f"{f['rows_share_least']:.2f}-{f['rows_share_most']:.2f}", f["blocks_per_s_most"], f["block_rows_p50"], f["lag_p50_s"],
            f["lag_p99_s"], f["lag_most_s"], f"{100 * f['refused']:.1f}", f["parts_most"], f["window_minutes"]]


def hours(figures, title="ClickHouse: the busiest hour"):
    heads = ["gateways", "shards", "age s", "quorum", "rows/s", "gw/shard", "rows/shard", "blocks/s", "rows/block", "lag p50 s", "p99", "most",
             "refused %", "parts", "window min"]
    return table(title, heads, [hour_row(f) for f in figures])


def trouble(outages, restarts):
    heads = ["gateways", "shards", "age s", "waiting rows", "journal MiB", "caught up s", "lag most s", "refused %", "parts", "queries"]
    rows = [[f["gateways"], f["shards"], f"{f['batch_age_s']:.0f}", f["waiting_most"], f["journal_mib_most"], f["catch_up_s"], f["lag_most_s"],
             f"{100 * f['refused']:.1f}", f["parts_most"], f["queries_most"]] for f in outages + restarts]
    return (table("One shard is away for an hour, and comes back", heads, rows[:len(outages)]) + "\n\n" +
            table("Every gateway is killed at once, and started", heads, rows[len(outages):]))


def redis_table(named):
    heads = ["gateways", "limits, spread", "requests/s", "questions/s", "us each", "load", "wait p50 ms", "p99 ms", "alone %", "MiB"]
    return table("Redis: limits", heads, [
        [n, name, f["requests_per_s"], f["questions_per_s"], f["question_us"], f"{f['load']:.2f}", f["wait_p50_ms"],
         f["wait_p99_ms"], f"{100 * f['decided_alone']:.1f}", f["memory_mib"]] for n, name, f in named])


def rest_tables(rest):
    """`rest`: gateways, how clients are spread over them, and what the view, PostgreSQL and Prometheus have of it."""
    views = [[n, v["in_flight"], v["largest_gateway"], f"{100 * v['listings_cut']:.1f}", v["told_kib_per_s"], v["names_kib_per_s"],
              v["read_kib_per_s"]] for n, name, v, _, _ in rest if name != "10 each"]
    hourly = [[n, name, p["rows_per_hour"], p["mib_per_day"], p["commits_per_s"], p["connections"]] for n, name, _, p, _ in rest]
    series = [[n, name, s["series"], s["samples_per_s"], s["scrape_kib"], s["scraped_kib_per_s"]] for n, name, _, _, s in rest]
    return "\n\n".join([
        table("Redis: requests in flight", ["gateways", "in flight", "largest gw", "cut %", "told KiB/s", "names KiB/s", "read KiB/s"], views),
        table("PostgreSQL", ["gateways", "spread", "rows/hour", "MiB/day", "commits/s", "connections"], hourly),
        table("Prometheus", ["gateways", "spread", "series", "samples/s", "scrape KiB", "KiB/s"], series)])


def one(options, shared):
    run = Run(options).run()
    pg, prometheus = names_of_an_hour(options, shared, [g.rows.made / options.hours for g in run.gateways])
    return run.figures(), view(options, shared), pg, prometheus


def everything(options, shared):
    """The documented tables."""
    with_ = lambda more: dataclasses.replace(options, **more)  # noqa: E731
    calm = [Run(with_(more)).run().figures() for more in HOURS]
    outages = [Run(with_({**more, "hours": 2.5, "outage_at": 600.0})).run().figures() for more in CHOSEN]
    restarts = [Run(with_({**more, "restart_at": 600.0})).run().figures() for more in CHOSEN]
    named, rest = [], []
    for more in CHOSEN:
        named += [(more["gateways"], name, Redis(with_(more), dataclasses.replace(shared, **r)).run().figures()) for name, r in REDIS
                  if r.get("gateways_of_client", 0) < more["gateways"]]
        requests = [g.rows.made for g in Run(with_(more)).run().gateways]
        for name, spread in (("all", 0), ("10 each", 10)):
            if spread < more["gateways"]:
                spread_out = dataclasses.replace(shared, gateways_of_client=spread)
                rest.append((more["gateways"], name, view(with_(more), shared), *names_of_an_hour(with_(more), spread_out, requests)))
    return calm, outages, restarts, named, rest


def as_json(calm, outages, restarts, named, rest):
    return {"hours": calm, "outages": outages, "restarts": restarts,
            "redis": [{"gateways": n, "limits": name, **f} for n, name, f in named],
            "view": [{"gateways": n, **v} for n, name, v, _, _ in rest if name == "all"],
            "postgres": [{"gateways": n, "spread": name, **p} for n, name, _, p, _ in rest],
            "prometheus": [{"gateways": n, "spread": name, **s} for n, name, _, _, s in rest]}


def number(kind, least, most):
    def read(word):
        value = kind(word)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{word} is not from {least} to {most}")
        return value
    read.__name__ = kind.__name__
    return read


BOUNDS = {"gateways": (1, 5_000), "shards": (1, 256), "requests_per_s": (0.001, 2_000), "skew": (0, 3), "depth": (0, 0.99), "start_hour": (0, 24),
          "hours": (0.01, 48), "batch_age": (0.1, 3_600), "batch_rows": (1, 100_000), "merge_width": (2, 100), "insert_slots": (1, 1_000),
          "merge_threads": (1, 1_000), "row_bytes": (1, 1 << 20), "merge_rows_per_s": (1, 1e15), "clients": (0, 10_000),
          "redis_timeout_s": (1e-4, 3_600), "redis_seconds": (0.1, 60), "models": (1, 1_000), "outcomes": (1, 5), "scrape_s": (1, 3_600),
          "listing_row_bytes": (1, 48 << 10), "request_s": (0.001, 3_600), "outage_at": (-1, 172_800), "restart_at": (-1, 172_800)}


def too_much(options, shared):
    """Why this would not end in a while; nothing where it does."""
    rows = options.gateways * options.requests_per_s * options.hours * 3_600 * (1 + options.depth)
    blocks = min(rows, options.gateways * options.hours * 3_600 / options.batch_age) + rows / options.most_rows()
    if blocks > 5_000_000:
        return f"that would be {blocks:,.0f} blocks: fewer gateways or hours, or a greater --batch-age"
    asked = options.gateways * options.requests_per_s * (1 + options.depth) * shared.redis_seconds
    if asked > 1_000_000:
        return f"that would be {asked:,.0f} questions to Redis: fewer --redis-seconds"
    names = shared.of(options.gateways)[0] * shared.models * shared.outcomes
    if names > 200_000:
        return f"that would be {names:,.0f} combinations of names: fewer --clients or --models"
    return None


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev simulate", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures in place of tables")
    parser.add_argument("--measure", action="store_true",
                        help="find the parameters of ClickHouse, Redis and one gateway here; needs build/release/sightglass; a minute")
    for group in (Options, SharedOptions):
        for field in dataclasses.fields(group):
            name = "--" + field.name.replace("_", "-")
            if field.name == "quorum":
                parser.add_argument(name, choices=("serial", "parallel", "none"), help="serial: one insert at a time waits (before ClickHouse 21)")
            elif field.name == "batch_bytes":
                parser.add_argument(name, type=number(int, 1, 64 << 20), metavar="BYTES")
            else:
                bounds = BOUNDS.get(field.name, (0, 1e9))
                parser.add_argument(name, type=number(field.type, *bounds), metavar="N", help=f"default {field.default}")
    given = parser.parse_args(arguments)
    picked = [group(**{f.name: getattr(given, f.name) for f in dataclasses.fields(group) if getattr(given, f.name) is not None})
              for group in (Options, SharedOptions)]
    if given.gateways is None and {k for k, v in vars(given).items() if v not in (None, False)} - {"json", "seed", "measure"}:
        parser.error("further flags describe one hour: name the number of --gateways, too")
    if told := too_much(*picked):
        parser.error(told)
    return given, *picked


def main(arguments):
    given, options, shared = parse(arguments)
    if given.measure:
        import measure
        return measure.measure(7)
    if given.gateways is None:
        found = everything(options, shared)
        if given.json:
            return print(json.dumps(as_json(*found), indent=1))
        calm, outages, restarts, named, rest = found
        return print("\n\n".join([hours(calm), trouble(outages, restarts), redis_table(named), rest_tables(rest)]))
    figures, seen, pg, prometheus = one(options, shared)
    limits = Redis(options, shared).run().figures()
    if given.json:
        return print(json.dumps({"hour": figures, "redis": limits, "view": seen, "postgres": pg, "prometheus": prometheus}, indent=1))
    print("\n\n".join([hours([figures], f"ClickHouse: {options.hours:g} h from hour {options.start_hour:g} of the day, seed {options.seed}"),
                       trouble([figures], [figures]).split("\n\n")[0].replace("One shard is away for an hour, and comes back", "What waited"),
                       redis_table([(options.gateways, "as given", limits)]), rest_tables([(options.gateways, "as given", seen, pg, prometheus)])]))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    main(sys.argv[1:])
